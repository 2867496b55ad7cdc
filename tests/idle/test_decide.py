"""What always holds of a decision, whatever the facts."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jupyter_lcc.idle.decide import Facts, Limit, Limits, Ruling, decide, rule
from jupyter_lcc.idle.model import Reason, State

from ..fakes import START
from ..strategies import facts, limits, moments

ORDER = {"keep": 0, "warn": 1, "shut_down": 2}


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def some_limits(**changed: object) -> Limits:
    plain = Limits(
        mode="enforce",
        idle=Limit(seconds=600, source="config"),
        waiting=Limit(seconds=1200, source="default"),
        busy=Limit(seconds=None, source="default"),
        warn_seconds=60,
    )
    return msgspec.structs.replace(plain, **changed)


def some_facts(state: State = "idle", **changed: object) -> Facts:
    return msgspec.structs.replace(
        Facts(target_id="kernel:1", state=state, active_at=START, state_since=START), **changed
    )


@given(facts(), limits(), moments)
def test_nothing_is_shut_down_without_a_full_warning_newer_than_the_last_activity(
    fact: Facts, limit: Limits, now: datetime
) -> None:
    if rule(fact, limit, now).verdict == "shut_down":
        assert fact.warned_at is not None
        assert fact.active_at is not None
        since = fact.state_since if fact.state == "working" else fact.active_at
        assert fact.warned_at > since
        assert now - fact.warned_at >= seconds(limit.warn_seconds)


@given(facts(), limits(), moments)
def test_nothing_is_shut_down_before_its_limit_or_its_lease_is_over(fact: Facts, limit: Limits, now: datetime) -> None:
    ruling = rule(fact, limit, now)
    if ruling.verdict == "shut_down":
        assert ruling.limit is not None
        assert ruling.limit.seconds is not None
        since = fact.state_since if fact.state == "working" else fact.active_at
        assert since is not None
        assert now >= since + seconds(ruling.limit.seconds)
        assert fact.kept_until is None or now >= fact.kept_until


@given(facts(states=("unknown",)), limits(), moments)
def test_unknown_means_keep(fact: Facts, limit: Limits, now: datetime) -> None:
    assert rule(fact, limit, now).verdict == "keep"


@given(facts(), limits(), moments)
def test_unknown_activity_means_keep(fact: Facts, limit: Limits, now: datetime) -> None:
    fact = msgspec.structs.replace(fact, active_at=None)
    assert rule(fact, limit, now).verdict == "keep"


@given(facts(), limits(), moments, st.integers(0, 100_000))
def test_more_time_never_turns_a_verdict_back(fact: Facts, limit: Limits, now: datetime, later: int) -> None:
    first, second = rule(fact, limit, now), rule(fact, limit, now + seconds(later))
    assert ORDER[second.verdict] >= ORDER[first.verdict]


@given(facts(states=("idle", "waiting", "starting", "dead")), limits(), moments)
def test_new_activity_always_rescues(fact: Facts, limit: Limits, now: datetime) -> None:
    assume(fact.warned_at is None or fact.warned_at <= now)
    assert rule(msgspec.structs.replace(fact, active_at=now), limit, now).verdict == "keep"


@given(facts(), limits(), moments, st.integers(1, 5000))
def test_a_lease_rescues_until_its_warning(fact: Facts, limit: Limits, now: datetime, more: int) -> None:
    until = now + seconds(limit.warn_seconds + more)
    fact = msgspec.structs.replace(fact, kept_until=until)
    before_the_warning = fact.warned_at is None or fact.warned_at < until - seconds(limit.warn_seconds)
    if before_the_warning and (fact.active_at is None or fact.active_at <= now) and fact.state_since <= now:
        assert rule(fact, limit, now).verdict == "keep"


@given(facts(), limits(modes=("off",)), moments)
def test_off_keeps_everything(fact: Facts, limit: Limits, now: datetime) -> None:
    ruling = rule(fact, limit, now)
    assert (ruling.verdict, ruling.reason) == ("keep", "off")


@given(facts(), limits(modes=("enforce", "observe")), moments)
def test_observing_decides_the_same_as_enforcing(fact: Facts, limit: Limits, now: datetime) -> None:
    observed = rule(fact, msgspec.structs.replace(limit, mode="observe"), now)
    enforced = rule(fact, msgspec.structs.replace(limit, mode="enforce"), now)
    assert observed == enforced


@given(facts(), limits(), moments)
def test_the_next_change_is_when_it_changes(fact: Facts, limit: Limits, now: datetime) -> None:
    ruling = rule(fact, limit, now)
    if ruling.next_change_at is None or ruling.warning_due:
        return
    assert ruling.next_change_at > now
    just_before = rule(fact, limit, ruling.next_change_at - timedelta(microseconds=1))
    # A lease may end in between, which changes the reason told and nothing else.
    assert just_before.verdict == ruling.verdict
    at = rule(fact, limit, ruling.next_change_at)
    assert ORDER[at.verdict] > ORDER[ruling.verdict]


@given(facts(), limits(), moments)
def test_announced_time_is_kept(fact: Facts, limit: Limits, now: datetime) -> None:
    """Whoever is warned when the ruling says so is shut down exactly at the time that was announced."""
    ruling = rule(fact, limit, now)
    if ruling.stops_at is None or ruling.verdict == "shut_down":
        return
    if ruling.verdict == "keep":
        assert ruling.next_change_at is not None
        now = ruling.next_change_at
    warned = rule(fact, limit, now)
    if warned.warning_due:
        fact = msgspec.structs.replace(fact, warned_at=now)
    assert rule(fact, limit, ruling.stops_at).verdict == "shut_down"
    assert rule(fact, limit, ruling.stops_at - timedelta(microseconds=1)).verdict != "shut_down"


@given(st.lists(st.tuples(st.sampled_from("abc"), facts()), max_size=8), limits(), moments)
def test_one_decision_for_each_target(named: list[tuple[str, Facts]], limit: Limits, now: datetime) -> None:
    many = [msgspec.structs.replace(fact, target_id=name) for name, fact in named]
    rulings = decide(many, dict.fromkeys("abc", limit), now)
    assert sorted(r.target_id for r in rulings) == sorted({fact.target_id for fact in many})


@pytest.mark.parametrize(
    ("state", "after", "verdict", "reason"),
    [
        ("idle", 539, "keep", "recently_active"),
        ("idle", 540, "warn", "idle"),
        ("starting", 540, "warn", "never_connected"),
        ("dead", 540, "warn", "dead"),
        ("waiting", 1139, "keep", "recently_active"),
        ("waiting", 1140, "warn", "waiting_for_input"),
        ("working", 10**6, "keep", "working"),
        ("unknown", 10**6, "keep", "unknown_state"),
    ],
)
def test_each_state_has_its_limit(state: State, after: int, verdict: str, reason: Reason) -> None:
    ruling = rule(some_facts(state), some_limits(), START + seconds(after))
    assert (ruling.verdict, ruling.reason) == (verdict, reason)


def test_work_ends_only_where_the_policy_says_so() -> None:
    busy = some_limits(busy=Limit(seconds=3600, source="config"))
    fact = some_facts("working", active_at=START + seconds(3500), state_since=START)
    assert rule(fact, busy, START + seconds(3539)).verdict == "keep"
    warned = msgspec.structs.replace(fact, warned_at=START + seconds(3540))
    assert rule(warned, busy, START + seconds(3600)).reason == "busy_too_long"
    assert rule(warned, busy, START + seconds(3600)).verdict == "shut_down"


def test_a_late_warning_is_still_a_full_one() -> None:
    """After a suspended machine the limit is long over, and people get their warning all the same."""
    now = START + seconds(50_000)
    ruling = rule(some_facts(), some_limits(), now)
    assert ruling.warning_due
    assert ruling.stops_at == now + seconds(60)


def test_a_warning_for_an_earlier_deadline_does_not_count() -> None:
    warned = some_facts(warned_at=START + seconds(540), kept_until=START + seconds(4000))
    assert rule(warned, some_limits(), START + seconds(3939)).verdict == "keep"
    assert rule(warned, some_limits(), START + seconds(3940)).warning_due


def test_without_a_limit_it_is_kept_and_says_so() -> None:
    never = some_limits(idle=Limit(seconds=None, source="user"))
    ruling = rule(some_facts(), never, START + seconds(10**7))
    assert ruling == Ruling(
        target_id="kernel:1",
        verdict="keep",
        reason="no_limit",
        limit=never.idle,
        stops_at=None,
        next_change_at=None,
    )
