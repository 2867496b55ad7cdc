"""Decide what happens to each target: pure, with `now` as an argument.

    keep ── the limit comes within `warn` ──> warn ── a full warning has passed ──> shut_down
      ^                                         │
      └────────── activity, a lease ────────────┘

A warning counts only for the deadline it was given for: it must be newer than the last activity, and not
older than the warning period of the present deadline. So a lease or a longer limit voids it, and a
suspended machine, a clock step or a restart can't skip it.

The machine itself is the last: `machine_facts` adds what everything on it means for it. It is kept for as long as
something on it is, unless that something has no limit at all; then the machine's own limit governs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from ..model import Model
from .model import Mode, Reason, Source, State, Verdict

__all__ = ["Facts", "Limit", "Limits", "Ruling", "Standing", "decide", "machine_facts", "rule"]

QUIET_BEFORE_WARNING = timedelta(seconds=1)
"""Even where a limit is shorter than its warning, nobody is warned in the second they typed in."""


class Limit(Model, frozen=True, kw_only=True):
    """A duration with where it comes from; None is no limit. `rule` names the policy document's rule."""

    seconds: int | None
    source: Source
    rule: str | None = None


class Limits(Model, frozen=True, kw_only=True):
    """What the policy says for one target. `stoppable` is false for what is only shown."""

    mode: Mode
    idle: Limit
    waiting: Limit
    busy: Limit
    warn_seconds: int
    stoppable: bool = True


class Facts(Model, frozen=True, kw_only=True):
    """What is known of one target at the time of a decision, all on the steady clock.

    `active_at` is the last thing a person or work did, None if that can't be told. `state_since` is when
    the present state began. `kept_until` is the end of the longest lease that covers the target.
    `warned_at` is when the last warning was given.

    Only the machine has the last three: `has_work` is whether long work of our own runs on it; `held_by` is why
    something on it keeps it, None if nothing does; `held_until` when that would be over by time alone, None if that
    can't be told.
    """

    target_id: str
    state: State
    active_at: datetime | None
    state_since: datetime
    kept_until: datetime | None = None
    warned_at: datetime | None = None
    has_work: bool = False
    held_by: Reason | None = None
    held_until: datetime | None = None


class Standing(Model, frozen=True, kw_only=True):
    """One target as the machine's decision sees it: its facts, its ruling, and whether its shutdown has begun."""

    facts: Facts
    ruling: Ruling
    shutting_down: bool = False


class Ruling(Model, frozen=True, kw_only=True):
    """The verdict on one target, why, and when it can change by time alone.

    `stops_at` is the time of the shutdown if nothing else happens; None if nothing is going to happen.
    `warning_due` says that the warning of this verdict has yet to be given.
    """

    target_id: str
    verdict: Verdict
    reason: Reason
    limit: Limit | None
    stops_at: datetime | None
    next_change_at: datetime | None
    warning_due: bool = False


def decide(facts: Iterable[Facts], limits: Mapping[str, Limits], now: datetime) -> tuple[Ruling, ...]:
    """Give exactly one ruling for each target; if facts on one stand twice, the last ones count."""
    latest = {fact.target_id: fact for fact in facts}
    return tuple(rule(fact, limits[fact.target_id], now) for fact in latest.values())


def rule(facts: Facts, limits: Limits, now: datetime) -> Ruling:
    """Give the verdict on one target."""
    limit, reason = _limit_of(facts.state, limits)
    if limits.mode == "off":
        return _keep(facts, "off", None)
    if not limits.stoppable:
        return _keep(facts, "not_stopped_here", None)
    if facts.held_by is not None:
        return _held(facts, limits)
    if limit is None or facts.active_at is None:
        return _keep(facts, "unknown_state", None)
    leased = facts.kept_until is not None and facts.kept_until > now
    if limit.seconds is None:
        why: Reason = "working" if facts.state == "working" else "leased" if leased else "no_limit"
        return _keep(facts, why, limit)

    # While it works its activity is always now, so there the begin of the work takes its place.
    since = facts.state_since if facts.state == "working" else facts.active_at
    due = since + timedelta(seconds=limit.seconds)
    if facts.kept_until is not None:
        due = max(due, facts.kept_until)
    warn_for = timedelta(seconds=limits.warn_seconds)
    warn_at = max(due - warn_for, since + QUIET_BEFORE_WARNING)
    warned_at = facts.warned_at
    warned = warned_at is not None and warned_at > since and warned_at >= due - warn_for
    if warned and warned_at is not None:
        stops_at = max(due, warned_at + warn_for)
        verdict: Verdict = "shut_down" if now >= stops_at else "warn"
        return Ruling(
            target_id=facts.target_id,
            verdict=verdict,
            reason=reason,
            limit=limit,
            stops_at=stops_at,
            next_change_at=stops_at if verdict == "warn" else None,
        )
    if now >= warn_at:
        return Ruling(
            target_id=facts.target_id,
            verdict="warn",
            reason=reason,
            limit=limit,
            stops_at=max(due, now + warn_for),
            next_change_at=now,
            warning_due=True,
        )
    kept_for: Reason = "leased" if leased else "working" if facts.state == "working" else "recently_active"
    return Ruling(
        target_id=facts.target_id,
        verdict="keep",
        reason=kept_for,
        limit=limit,
        stops_at=max(due, warn_at + warn_for),
        next_change_at=warn_at,
    )


def machine_facts(own: Facts, on_it: Iterable[Standing], *, blind: bool, now: datetime) -> Facts:
    """Add to the machine's own facts what the targets on it mean for it.

    Its activity is the latest of all, its lease the longest of all. `blind` says that some targets can't be seen at
    all now. The strongest ground to keep it counts: work, the unknown, a lease on what is still there, a limit that
    isn't reached or a shutdown that isn't done. A target that is kept only because it has no limit is no ground.
    """
    active_at, kept_until = own.active_at, own.kept_until
    works, unknown, waits, until = own.has_work, blind, False, own.active_at
    for standing in on_it:
        facts, ruling = standing.facts, standing.ruling
        works = works or facts.state == "working"
        unknown = unknown or facts.state == "unknown" or facts.active_at is None
        active_at = max(filter(None, (active_at, facts.active_at)), default=None)
        kept_until = max(filter(None, (kept_until, facts.kept_until)), default=None)
        limited = ruling.limit is not None and ruling.limit.seconds is not None
        if standing.shutting_down or (limited and ruling.verdict != "shut_down"):
            waits = True
            until = max(filter(None, (until, ruling.stops_at)), default=None)
    held_by: Reason | None = None
    if works:
        held_by = "working"
    elif unknown:
        held_by = "unknown_state"
    elif waits:
        held_by = "leased" if kept_until is not None and kept_until > now else "targets_first"
    return msgspec.structs.replace(
        own,
        state="idle",
        active_at=active_at,
        kept_until=kept_until,
        held_by=held_by,
        held_until=until if waits and not works and not unknown else None,
    )


def _held(facts: Facts, limits: Limits) -> Ruling:
    """Keep the machine for what is on it; say when it would stop if nothing else happens, where that can be told."""
    assert facts.held_by is not None
    seconds = limits.idle.seconds
    if seconds is None:
        return _keep(facts, "no_limit" if facts.held_by == "targets_first" else facts.held_by, limits.idle)
    ruling = _keep(facts, facts.held_by, limits.idle)
    if facts.held_until is None or facts.active_at is None:
        return ruling
    due = facts.active_at + timedelta(seconds=seconds)
    if facts.kept_until is not None:
        due = max(due, facts.kept_until)
    return msgspec.structs.replace(ruling, stops_at=max(due, facts.held_until + timedelta(seconds=limits.warn_seconds)))


def _limit_of(state: State, limits: Limits) -> tuple[Limit | None, Reason]:
    """Choose the limit for a state, and the reason it gives when it is reached."""
    if state == "working":
        return limits.busy, "busy_too_long"
    if state == "waiting":
        return limits.waiting, "waiting_for_input"
    if state == "starting":
        return limits.idle, "never_connected"
    if state == "dead":
        return limits.idle, "dead"
    if state == "idle":
        return limits.idle, "idle"
    return None, "unknown_state"


def _keep(facts: Facts, reason: Reason, limit: Limit | None) -> Ruling:
    return Ruling(
        target_id=facts.target_id, verdict="keep", reason=reason, limit=limit, stops_at=None, next_change_at=None
    )
