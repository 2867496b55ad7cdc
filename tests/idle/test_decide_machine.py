"""What always holds of the decision on the machine, whatever is on it."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from jupyter_lcc.idle.decide import Facts, Limits, Standing, machine_facts, rule
from jupyter_lcc.idle.model import State

from ..strategies import facts, limits, moments
from .test_decide import ORDER, seconds


@st.composite
def standings(draw: st.DrawFn, states: tuple[State, ...] | None = None) -> list[tuple[Facts, Limits, bool]]:
    one = facts() if states is None else facts(states=states)
    return draw(st.lists(st.tuples(one, limits(modes=("enforce",)), st.booleans()), max_size=4))


def whole(own: Facts, on_it: list[tuple[Facts, Limits, bool]], now: datetime, *, blind: bool = False) -> Facts:
    """Add up the machine as the watch does: each target is ruled on first."""
    return machine_facts(
        own,
        [Standing(facts=fact, ruling=rule(fact, limit, now), shutting_down=going) for fact, limit, going in on_it],
        blind=blind,
        now=now,
    )


@given(facts(), standings(), limits(), moments)
def test_never_without_a_full_warning_newer_than_the_last_activity_of_anything(
    own: Facts, on_it: list[tuple[Facts, Limits, bool]], limit: Limits, now: datetime
) -> None:
    if rule(whole(own, on_it, now), limit, now).verdict == "shut_down":
        assert own.warned_at is not None
        assert now - own.warned_at >= seconds(limit.warn_seconds)
        for fact in [own, *(fact for fact, _, _ in on_it)]:
            assert fact.active_at is None or own.warned_at > fact.active_at


@given(facts(), standings(), limits(), moments)
def test_only_at_rest_and_after_its_own_limit_and_every_lease(
    own: Facts, on_it: list[tuple[Facts, Limits, bool]], limit: Limits, now: datetime
) -> None:
    ruling = rule(whole(own, on_it, now), limit, now)
    if ruling.verdict == "keep":
        return
    assert ruling.limit == limit.idle
    for fact, its_limits, going in on_it:
        assert fact.state not in ("working", "unknown")
        assert not going
        its = rule(fact, its_limits, now)
        assert its.verdict == "shut_down" or its.limit is None or its.limit.seconds is None
    if ruling.verdict == "shut_down":
        assert limit.idle.seconds is not None
        for fact in [own, *(fact for fact, _, _ in on_it)]:
            assert fact.active_at is None or now >= fact.active_at + seconds(limit.idle.seconds)
            assert fact.kept_until is None or now >= fact.kept_until


@given(facts(), standings(), facts(states=("working", "unknown")), limits(), limits(), moments)
def test_one_target_that_works_or_is_unknown_keeps_it(
    own: Facts,
    on_it: list[tuple[Facts, Limits, bool]],
    busy: Facts,
    its_limits: Limits,
    limit: Limits,
    now: datetime,
) -> None:
    assert rule(whole(own, [*on_it, (busy, its_limits, False)], now), limit, now).verdict == "keep"


@given(facts(), standings(), limits(), moments)
def test_blind_keeps_it(own: Facts, on_it: list[tuple[Facts, Limits, bool]], limit: Limits, now: datetime) -> None:
    assert rule(whole(own, on_it, now, blind=True), limit, now).verdict == "keep"


@given(facts(), standings(states=("idle", "waiting", "dead")), limits(), moments, st.integers(0, 100_000))
def test_time_alone_never_turns_it_back(
    own: Facts, on_it: list[tuple[Facts, Limits, bool]], limit: Limits, now: datetime, more: int
) -> None:
    later = now + timedelta(seconds=more)
    first = rule(whole(own, on_it, now), limit, now)
    second = rule(whole(own, on_it, later), limit, later)
    assert ORDER[second.verdict] >= ORDER[first.verdict]


@given(facts(), standings(), limits(), moments)
def test_activity_on_anything_rescues_it(
    own: Facts, on_it: list[tuple[Facts, Limits, bool]], limit: Limits, now: datetime
) -> None:
    assume(on_it)
    assume(own.warned_at is None or own.warned_at <= now)
    fact, its_limits, going = on_it[-1]
    used = [*on_it[:-1], (msgspec.structs.replace(fact, active_at=now), its_limits, going)]
    assert rule(whole(own, used, now), limit, now).verdict == "keep"


@given(facts(), standings(), limits(), moments)
def test_observing_decides_the_same_on_it(
    own: Facts, on_it: list[tuple[Facts, Limits, bool]], limit: Limits, now: datetime
) -> None:
    machine = whole(own, on_it, now)
    observed = rule(machine, msgspec.structs.replace(limit, mode="observe"), now)
    assert observed == rule(machine, msgspec.structs.replace(limit, mode="enforce"), now)


@given(facts(), standings(states=("idle", "waiting", "dead")), limits(modes=("enforce",)), moments)
def test_the_forecast_is_kept(
    own: Facts, on_it: list[tuple[Facts, Limits, bool]], limit: Limits, now: datetime
) -> None:
    """While targets hold it, it names a time at which it isn't stopped too early, and no target is after it."""
    ruling = rule(whole(own, on_it, now), limit, now)
    if ruling.reason not in ("targets_first", "leased") or ruling.stops_at is None:
        return
    for fact, its_limits, _ in on_it:
        its = rule(fact, its_limits, now)
        if its.verdict != "shut_down" and its.stops_at is not None:
            assert ruling.stops_at >= its.stops_at
