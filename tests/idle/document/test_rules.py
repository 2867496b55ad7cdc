"""Which rules hold for whom, when, and what they give; what is wrong with a document, and where."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.idle.document import rules as rules_module
from jupyter_lcc.idle.document.model import PolicyDocument, Subject
from jupyter_lcc.idle.document.rules import InvalidDocument, apply, parse, stricter
from jupyter_lcc.idle.policy import Bounds, Choices, PolicyInput, resolve

BELOW = PolicyInput(mode="enforce", mode_source="default")
ANN = Subject(users=("ann",), instance_type="ml.g5.xlarge", gpu=True)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)  # a Monday


def document(*rules: dict[str, Any], **more: Any) -> PolicyDocument:
    named = [{"name": f"rule {number}", **rule} for number, rule in enumerate(rules)]
    return parse(json.dumps({"version": 1, "rules": named, **more}).encode())


def value(doc: PolicyDocument, subject: Subject = ANN, at: datetime = NOON) -> int:
    return resolve(apply(doc, subject, at, BELOW), Choices()).kernel_timeout_seconds.value


SHORT = {"values": {"kernel_timeout_seconds": 600}}


def test_the_later_rule_wins_field_by_field_and_each_value_names_its_rule() -> None:
    doc = document(
        {"values": {"kernel_timeout_seconds": "2h", "warn_seconds": "5m"}, "mode": "observe"},
        {"when": {"gpu": True}, "values": {"kernel_timeout_seconds": "20m"}},
        {"when": {"users": ["bob"]}, "values": {"kernel_timeout_seconds": 60}, "mode": "off"},
    )
    policy = resolve(apply(doc, ANN, NOON, BELOW), Choices())
    assert (policy.kernel_timeout_seconds.value, policy.kernel_timeout_seconds.rule) == (1200, "rule 1")
    assert (policy.warn_seconds.value, policy.warn_seconds.rule) == (300, "rule 0")
    assert (policy.mode.value, policy.mode.source, policy.mode.rule) == ("observe", "admin", "rule 0")
    assert (policy.terminal_timeout_seconds.source, policy.terminal_timeout_seconds.rule) == ("default", None)


def test_the_document_wins_over_the_configuration_and_the_user_inside_the_bounds_over_it() -> None:
    configured = PolicyInput(
        mode="off", mode_source="config", values={"kernel_timeout_seconds": 0, "warn_seconds": 30}, locked=frozenset()
    )
    doc = document({"mode": "enforce", **SHORT, "bounds": {"kernel_timeout_seconds": [60, "1h"]}})
    laid = apply(doc, ANN, NOON, configured)
    policy = resolve(laid, Choices(values={"kernel_timeout_seconds": 0}))
    assert (policy.mode.value, policy.kernel_timeout_seconds.value) == ("enforce", 600)
    assert (policy.warn_seconds.value, policy.warn_seconds.source) == (30, "config")
    chosen = resolve(laid, Choices(values={"kernel_timeout_seconds": 1800})).kernel_timeout_seconds
    assert (chosen.value, chosen.source, chosen.rule) == (1800, "user", None)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({"users": ["ann"]}, True),
        ({"users": ["team-*", "a?n"]}, True),
        ({"users": ["Ann"]}, False),
        ({"users": ["an"]}, False),
        ({"instance_types": ["ml.g5.*"]}, True),
        ({"instance_types": ["ml.t3.*"]}, False),
        ({"gpu": True}, True),
        ({"gpu": False}, False),
        ({"users": ["ann"], "instance_types": ["ml.t3.*"]}, False),
        ({"until": "2026-03-02"}, True),
        ({"until": "2026-03-01"}, False),
        ({"until": "2026-03-02T12:00:00Z"}, False),
        ({"until": "2026-03-02T12:00:01Z"}, True),
        ({"hours": {"from": "08:00", "to": "19:00"}}, True),
        ({"hours": {"from": "12:01", "to": "19:00"}}, False),
        ({"hours": {"from": "08:00", "to": "12:00"}}, False),
        ({"hours": {"days": ["sat", "sun"]}}, False),
        ({"hours": {"days": ["mon"]}}, True),
        ({"hours": {"from": "20:00", "to": "12:01", "days": ["sun"]}}, True),
        ({"hours": {"from": "20:00", "to": "12:01", "days": ["mon"]}}, False),
        ({"hours": {"from": "20:00", "to": "24:00", "time_zone": "Asia/Seoul"}}, True),
        ({}, True),
    ],
)
def test_when_a_rule_holds(when: dict[str, Any], holds: bool) -> None:
    assert value(document({"when": when, **SHORT})) == (600 if holds else 3600)


def test_what_cannot_be_told_does_not_match() -> None:
    nobody = Subject(users=("ann",))
    assert value(document({"when": {"gpu": False}, **SHORT}), nobody) == 3600
    assert value(document({"when": {"instance_types": ["*"]}, **SHORT}), nobody) == 3600


def test_a_rule_with_an_end_ends_by_itself_at_midnight_of_its_zone() -> None:
    doc = document({"when": {"until": "2026-12-31"}, **SHORT}, time_zone="Asia/Seoul")
    midnight = datetime(2027, 1, 1, tzinfo=ZoneInfo("Asia/Seoul"))
    assert value(doc, at=midnight - timedelta(seconds=1)) == 600
    assert value(doc, at=midnight) == 3600


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        # Clocks in Berlin go from 02:00 to 03:00 on 29 March 2026 and back from 03:00 to 02:00 on 25 October.
        (datetime(2026, 3, 29, 0, 59, tzinfo=timezone.utc), False),  # 01:59
        (datetime(2026, 3, 29, 1, 0, tzinfo=timezone.utc), True),  # 03:00
        (datetime(2026, 3, 29, 1, 59, tzinfo=timezone.utc), True),  # 03:59
        (datetime(2026, 3, 29, 2, 0, tzinfo=timezone.utc), False),  # 04:00
        (datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc), True),  # 02:30, the first
        (datetime(2026, 10, 25, 1, 30, tzinfo=timezone.utc), True),  # 02:30, the second
        (datetime(2026, 10, 25, 3, 0, tzinfo=timezone.utc), False),  # 04:00
    ],
)
def test_hours_follow_the_wall_through_daylight_saving(at: datetime, holds: bool) -> None:
    hours = {"from": "02:00", "to": "04:00", "time_zone": "Europe/Berlin"}
    assert value(document({"when": {"hours": hours}, **SHORT}), at=at) == (600 if holds else 3600)


@given(st.integers(0, 7 * 24 * 60 - 1), st.integers(0, 1439), st.integers(1, 1440))
def test_hours_cover_as_many_minutes_of_the_day_as_they_say(offset: int, begins: int, ends: int) -> None:
    hours = {"from": f"{begins // 60:02}:{begins % 60:02}", "to": f"{ends // 60:02}:{ends % 60:02}"}
    at = NOON + timedelta(minutes=offset)
    minute = at.hour * 60 + at.minute
    inside = begins <= minute < ends if begins < ends else minute >= begins or minute < ends
    assert (value(document({"when": {"hours": hours}, **SHORT}), at=at) == 600) is inside


def test_locks_add_up_and_an_exception_takes_one_back() -> None:
    doc = document({"locked": ["kernel_timeout_seconds", "warn_seconds"]}, {"unlocked": ["warn_seconds"]})
    assert apply(doc, ANN, NOON, BELOW).locked == {"kernel_timeout_seconds"}


WRONG: list[tuple[Any, str]] = [
    ({"version": 2, "rules": []}, "version: Invalid enum value 2 (allowed: 1)"),
    ({"rules": []}, "document: Object missing required field `version`"),
    ({"version": 1, "rules": [], "rule": []}, "unknown field `rule` (allowed: version, rules, name, time_zone)"),
    ({"version": 1, "rules": [], "time_zone": "Mars/Olympus"}, "time_zone: The time zone 'Mars/Olympus'"),
]
WRONG_RULES: list[tuple[dict[str, Any], str]] = [
    (
        {"values": {"kernel_timout_seconds": 1}},
        "rules[0].values: Object contains unknown field `kernel_timout_seconds`",
    ),
    ({"values": {"kernel_timout_seconds": 1}}, "allowed: kernel_timeout_seconds, terminal_timeout_seconds"),
    ({"values": {"warn_seconds": 0}}, "rules[0].values.warn_seconds: It must be at least 1"),
    ({"values": {"warn_seconds": "never"}}, 'rules[0].values.warn_seconds: "never" means nothing here'),
    ({"values": {"kernel_timeout_seconds": "45"}}, "rules[0].values.kernel_timeout_seconds: '45' is not a duration"),
    ({"values": {"kernel_timeout_seconds": -1}}, "rules[0].values.kernel_timeout_seconds"),
    ({"values": {"kernel_timeout_seconds": 1.5}}, "rules[0].values.kernel_timeout_seconds"),
    ({"values": {"kernel_timeout_seconds": True}}, "rules[0].values.kernel_timeout_seconds"),
    ({"values": {"kernel_timeout_seconds": 10**9}}, "rules[0].values.kernel_timeout_seconds"),
    ({"bounds": {"kernel_timeout_seconds": [600]}}, "rules[0].bounds.kernel_timeout_seconds"),
    ({"bounds": {"kernel_timeout_seconds": ["2h", "1h"]}}, "most is below the least"),
    ({"bounds": {"max_busy_seconds": [1, 2]}}, "rules[0].bounds: Object contains unknown field `max_busy_seconds`"),
    ({"locked": ["colour"]}, "rules[0].locked[0]: Invalid enum value 'colour' (allowed: "),
    ({"unlocked": ["max_busy_seconds"]}, "rules[0].unlocked: max_busy_seconds is never a user's"),
    ({"mode": "maybe"}, "rules[0].mode: Invalid enum value 'maybe' (allowed: enforce, observe, off)"),
    ({"whem": {}}, "rules[0]: Object contains unknown field `whem`"),
    ({"when": {"user": ["ann"]}}, "rules[0].when: Object contains unknown field `user`"),
    ({"when": {"users": []}}, "rules[0].when.users"),
    ({"when": {"hours": {"from": "8:00"}}}, "rules[0].when.hours.from: It is not a time of day"),
    ({"when": {"hours": {"to": "25:00"}}}, "rules[0].when.hours.to"),
    ({"when": {"hours": {"days": ["Mon"]}}}, "rules[0].when.hours.days[0]: Invalid enum value 'Mon' (allowed: "),
    ({"when": {"hours": {"days": []}}}, "rules[0].when.hours.days"),
    ({"when": {"hours": {"time_zone": "Asia/Soul"}}}, "install tzdata"),
    ({"when": {"hours": {"time_zone": "../../etc/passwd"}}}, "rules[0].when.hours.time_zone"),
    ({"when": {"until": "2026-02-30"}}, "rules[0].when.until"),
    ({"when": {"until": "2026-12-31T10:00:00"}}, "rules[0].when.until"),
    ({"when": {"until": "9999-12-31"}}, "rules[0].when.until"),
    ({"name": ""}, "rules[0].name"),
]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [*WRONG, *(({"version": 1, "rules": [{"name": "a", **rule}]}, told) for rule, told in WRONG_RULES)],
)
def test_a_wrong_document_is_refused_with_the_place_and_what_is_allowed(wrong: Any, told: str) -> None:
    with pytest.raises(InvalidDocument) as refused:
        parse(json.dumps(wrong).encode())
    assert told in str(refused.value)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidDocument) as refused:
        document({"name": "a", "values": {"warn_seconds": 0}}, {"name": "a", "when": {"until": "soon"}})
    assert len(refused.value.errors) == 3


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 5000, b" " * 300_000, b'"\xed\xa0\x80"'])
def test_what_is_no_document_at_all_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidDocument):
        parse(raw)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_document_or_are_refused(raw: bytes) -> None:
    with suppress(InvalidDocument):
        assert parse(raw).version == 1


def test_without_a_database_of_zones_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_name: str) -> Any:
        raise KeyError("no tzdata")

    monkeypatch.setattr(rules_module, "ZoneInfo", none)
    with pytest.raises(InvalidDocument, match="as on Windows, install tzdata"):
        document({"when": {"hours": {"time_zone": "Asia/Seoul"}}})
    assert value(document({"when": {"hours": {"days": ["mon"]}}, **SHORT})) == 600  # UTC needs none


durations = st.one_of(st.just(0), st.integers(60, 100_000))
inputs = st.builds(
    PolicyInput,
    mode=st.sampled_from(["enforce", "observe", "off"]),
    mode_source=st.just("config"),
    values=st.fixed_dictionaries(
        {},
        optional={
            "kernel_timeout_seconds": durations,
            "warn_seconds": st.integers(1, 9000),
            "max_lease_seconds": st.integers(0, 90_000),
            "max_busy_seconds": durations,
        },
    ),
    bounds=st.dictionaries(
        st.sampled_from(["kernel_timeout_seconds", "warn_seconds"]),
        st.builds(Bounds, min=st.integers(0, 50), max=st.one_of(st.none(), st.integers(60, 50_000))),
    ),
    locked=st.frozensets(st.sampled_from(["kernel_timeout_seconds", "warn_seconds"])),
)
fields = {"kernel_timeout_seconds": durations, "warn_seconds": st.integers(1, 9000), "max_lease_seconds": durations}


@given(
    inputs,
    st.fixed_dictionaries({}, optional=fields),
    st.sampled_from(["enforce", "observe", "off"]),
    st.one_of(st.none(), st.integers(60, 90_000)),
    st.dictionaries(st.sampled_from(["kernel_timeout_seconds", "warn_seconds"]), st.integers(0, 200_000)),
)
def test_an_edited_copy_never_gives_more(
    below: PolicyInput, values: dict[str, int], mode: str, most: int | None, wishes: dict[str, int]
) -> None:
    forged = document({"mode": mode, "values": values, "bounds": {"kernel_timeout_seconds": [0, most]}})
    with_it = resolve(stricter(below, apply(forged, ANN, NOON, below)), Choices(values=wishes))
    ways = [resolve(below, Choices()), resolve(below, Choices(values=wishes))]
    for field in ("kernel_timeout_seconds", "max_busy_seconds"):
        longest = max(getattr(way, field).value or 10**9 for way in ways)
        assert (getattr(with_it, field).value or 10**9) <= longest
    for field in ("max_lease_seconds", "warn_seconds"):
        assert getattr(with_it, field).value <= max(getattr(way, field).value for way in ways)
    order = ["off", "observe", "enforce"]
    assert order.index(with_it.mode.value) >= order.index(ways[0].mode.value)
