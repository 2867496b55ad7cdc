"""Where a limit comes from, and what a user may choose."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.errors import Invalid, Locked, OutOfBounds
from jupyter_lcc.idle.model import ChangePolicy
from jupyter_lcc.idle.policy import (
    DURATIONS,
    Bounds,
    Choices,
    PolicyInput,
    change,
    describe,
    limits_for,
    resolve,
)

HOUR = 3600


def given_policy(**changed: Any) -> PolicyInput:
    return msgspec.structs.replace(PolicyInput(mode="enforce", mode_source="default"), **changed)


def test_a_user_wins_over_config_and_config_over_the_default() -> None:
    plain = resolve(given_policy(), Choices())
    assert plain.kernel_timeout_seconds.value == DURATIONS["kernel_timeout_seconds"]
    assert plain.kernel_timeout_seconds.source == "default"
    configured = given_policy(values={"kernel_timeout_seconds": 1800})
    assert resolve(configured, Choices()).kernel_timeout_seconds.source == "config"
    chosen = resolve(configured, Choices(values={"kernel_timeout_seconds": 900})).kernel_timeout_seconds
    assert (chosen.value, chosen.source) == (900, "user")


@given(st.integers(-10, 10**7), st.integers(0, 5000), st.one_of(st.none(), st.integers(5000, 10**6)))
def test_a_stored_choice_never_yields_more_than_the_bounds(value: int, low: int, high: int | None) -> None:
    allowed = given_policy(bounds={"kernel_timeout_seconds": Bounds(min=low, max=high)})
    setting = resolve(allowed, Choices(values={"kernel_timeout_seconds": value})).kernel_timeout_seconds
    if setting.source == "user":
        assert value >= low or (value == 0 and high is None)
        assert high is None or value <= high
        assert high is None or value != 0 or low == 0


def test_never_is_not_inside_an_upper_bound() -> None:
    allowed = given_policy(bounds={"kernel_timeout_seconds": Bounds(min=0, max=HOUR)})
    with pytest.raises(OutOfBounds) as refused:
        change(ChangePolicy(kernel_timeout_seconds=0), allowed, Choices())
    assert refused.value.detail["max"] == HOUR
    assert change(ChangePolicy(kernel_timeout_seconds=0), given_policy(), Choices()).values == {
        "kernel_timeout_seconds": 0
    }


def test_outside_the_bounds_the_answer_has_the_bounds() -> None:
    allowed = given_policy(bounds={"terminal_timeout_seconds": Bounds(min=600, max=7200)})
    for value in (599, 7201):
        with pytest.raises(OutOfBounds) as refused:
            change(ChangePolicy(terminal_timeout_seconds=value), allowed, Choices())
        assert refused.value.detail["field"] == "terminal_timeout_seconds"
        assert (refused.value.detail["min"], refused.value.detail["max"]) == (600, 7200)
        assert "from 600 to 7200 seconds" in refused.value.message


def test_all_wishes_or_none() -> None:
    before = Choices(values={"warn_seconds": 100})
    with pytest.raises(OutOfBounds):
        change(ChangePolicy(warn_seconds=200, kernel_timeout_seconds=1), given_policy(), before)
    assert before.values == {"warn_seconds": 100}


@pytest.mark.parametrize("field", ["max_busy_seconds", "max_lease_seconds", "check_interval_seconds", "mode"])
def test_what_bounds_the_user_is_not_the_users(field: str) -> None:
    wish = msgspec.convert({field: "off" if field == "mode" else 100}, ChangePolicy)
    with pytest.raises(Locked) as refused:
        change(wish, given_policy(), Choices())
    assert refused.value.detail["field"] == field


def test_the_administrator_can_lock() -> None:
    locked = given_policy(locked=frozenset(["kernel_timeout_seconds"]))
    with pytest.raises(Locked):
        change(ChangePolicy(kernel_timeout_seconds=900), locked, Choices())
    setting = resolve(locked, Choices(values={"kernel_timeout_seconds": 900})).kernel_timeout_seconds
    assert (setting.value, setting.source, setting.locked) == (3600, "default", True)


def test_null_gives_a_choice_back() -> None:
    before = Choices(values={"warn_seconds": 100, "kernel_timeout_seconds": 900})
    after = change(ChangePolicy(warn_seconds=None), given_policy(), before)
    assert after.values == {"kernel_timeout_seconds": 900}


def test_wishing_nothing_is_a_mistake() -> None:
    with pytest.raises(Invalid):
        change(ChangePolicy(), given_policy(), Choices())


@pytest.mark.parametrize(
    ("own", "bounds", "locked", "seconds"),
    [
        (None, None, False, 3600),
        (600, None, False, 600),
        (90_000, None, False, 90_000),
        (90_000, 7200, False, 7200),
        (0, None, False, None),
        (-1, 7200, False, 7200),
        (90_000, None, True, 3600),
        (600, None, True, 600),
        (0, None, True, 3600),
    ],
)
def test_a_kernelspecs_own_limit_is_kept_inside_what_a_user_may_choose(
    own: int | None, bounds: int | None, locked: bool, seconds: int | None
) -> None:
    field = "kernel_timeout_seconds"
    policy = resolve(
        given_policy(
            bounds={} if bounds is None else {field: Bounds(min=60, max=bounds)},
            locked=frozenset([field] if locked else []),
        ),
        Choices(),
    )
    limit = limits_for("kernel", own, policy).idle
    assert limit.seconds == seconds
    assert limit.source == ("default" if own is None else "kernelspec")


def test_the_log_names_value_and_source_of_every_field() -> None:
    told = describe(resolve(given_policy(values={"warn_seconds": 30}), Choices()))
    assert told["warn_seconds"] == "30 (config)"
    assert told["mode"] == "enforce (default)"
    assert set(DURATIONS) | {"mode"} == set(told)
