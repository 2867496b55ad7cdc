"""What another policy would have decided on a logged trace, by the very same `rule`: pure.

    the log's lines -> what became known when -> rule() at each of these times and at each deadline -> stops

The trace is what people and programs did under the policy of that time. After a predicted stop a person who goes on
is taken to have started the target, or the machine, again: that is counted, and the target is followed on from there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush

import msgspec

from ..model import Model, Timestamp
from .decide import Facts, Limit, Limits, Ruling, Standing, machine_facts, rule
from .leases import INSTANCE
from .model import Kind, Reason, State, Verdict
from .trace import Line

__all__ = ["Change", "Overrides", "Prediction", "Stop", "redecided", "replay"]

ENDS = frozenset(("gone", "shut_down"))
"""Lines after which a target isn't there any more."""


class Overrides(Model, frozen=True, kw_only=True):
    """Limits in seconds to try instead of the logged ones, 0 for never; None leaves a limit as it was."""

    kernel_timeout_seconds: int | None = None
    terminal_timeout_seconds: int | None = None
    instance_timeout_seconds: int | None = None
    waiting_timeout_seconds: int | None = None
    max_busy_seconds: int | None = None
    warn_seconds: int | None = None


class Change(Model, frozen=True, kw_only=True):
    """A change of verdict or reason, at the wall's and the steady time."""

    at: Timestamp
    steady: datetime
    target_id: str
    verdict: Verdict
    reason: Reason
    stops_at: datetime | None


class Stop(Model, frozen=True, kw_only=True):
    """A stop that would have been. `worked`: it worked at that moment. `used_again_at`: when somebody or something
    went on with it all the same, so it would have been missed; null if nobody did in what is logged.
    """

    at: Timestamp
    target_id: str
    kind: Kind
    name: str
    reason: Reason
    limit_seconds: int | None
    worked: bool
    used_again_at: Timestamp | None = None
    used_again_after_seconds: int | None = None


class Prediction(Model, frozen=True, kw_only=True):
    """What would have been, over the log's time. `machine_hours_saved` is the time from a stop of the machine until
    somebody used it again, or until the log, or that server's life, ends."""

    begins_at: Timestamp | None
    ends_at: Timestamp | None
    machine_hours: float
    machine_hours_saved: float
    stops: tuple[Stop, ...]
    lines: int
    lines_too_old: int
    changes: tuple[Change, ...] = ()


def redecided(line: Line) -> Ruling | None:
    """Decide a line again from its own grounds; None where an earlier version wrote none."""
    grounds = line.grounds
    return None if grounds is None else rule(grounds.facts, grounds.limits, grounds.ruled_at)


def replay(
    lines: Iterable[Line],
    overrides: Overrides,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Prediction:
    """Follow the lines, oldest first, under other limits.

    All of them are followed; what happens before `since` isn't counted. `until`: the last server still runs at this
    time. Both are wall times.
    """
    lives: dict[str, list[Line]] = {}
    total = too_old = 0
    for line in lines:
        total += 1
        if line.grounds is None:
            too_old += 1
        else:
            lives.setdefault(line.grounds.life, []).append(line)
    played = [
        _Life(life, overrides, until=until if number == len(lives) - 1 else None)
        for number, life in enumerate(lives.values())
    ]
    for life in played:
        life.play()
    on = [(life.wall(life.begins), life.wall(life.ends)) for life in played]
    off = [(life.wall(begins), life.wall(ends)) for life in played for begins, ends in life.off]
    return Prediction(
        begins_at=max(filter(None, (on[0][0], since))) if on else None,
        ends_at=on[-1][1] if on else None,
        machine_hours=_hours(on, since),
        machine_hours_saved=_hours(off, since),
        stops=tuple(stop for life in played for stop in life.stops if since is None or stop.at >= since),
        lines=total,
        lines_too_old=too_old,
        changes=tuple(change for life in played for change in life.changes),
    )


def with_overrides(limits: Limits, kind: Kind, wanted: Overrides) -> Limits:
    """Put the wanted limits in place of the logged ones. What a kernelspec brings along stays."""
    idle = {
        "kernel": wanted.kernel_timeout_seconds,
        "terminal": wanted.terminal_timeout_seconds,
        "process": wanted.terminal_timeout_seconds,
        "instance": wanted.instance_timeout_seconds,
    }[kind]
    return msgspec.structs.replace(
        limits,
        idle=limits.idle if limits.idle.source == "kernelspec" else _limit(limits.idle, idle),
        waiting=_limit(limits.waiting, wanted.waiting_timeout_seconds),
        busy=_limit(limits.busy, wanted.max_busy_seconds),
        warn_seconds=limits.warn_seconds if wanted.warn_seconds is None else wanted.warn_seconds,
        stoppable=limits.stoppable or (kind == "instance" and wanted.instance_timeout_seconds is not None),
    )


def _limit(logged: Limit, seconds: int | None) -> Limit:
    return logged if seconds is None else Limit(seconds=seconds or None, source="config")


def _hours(spans: Iterable[tuple[datetime, datetime]], since: datetime | None) -> float:
    lengths = (ends - (begins if since is None else max(begins, since)) for begins, ends in spans)
    return sum((length for length in lengths if length > timedelta()), timedelta()) / timedelta(hours=1)


class _Followed(msgspec.Struct):
    """One target as far as it is known at a time of the replay."""

    kind: Kind
    name: str
    facts: Facts
    limits: Limits
    own_kept_until: datetime | None
    warned_at: datetime | None = None
    ruling: Ruling | None = None
    gist: tuple[Verdict, Reason] | None = None
    stopped: int | None = None
    """The place of its stop in the list, while it would be gone."""


class _Life:
    """One server's part of the log."""

    def __init__(self, lines: Sequence[Line], overrides: Overrides, *, until: datetime | None) -> None:
        self._overrides = overrides
        self._events = sorted(((_known_at(line), number, line) for number, line in enumerate(lines)), key=_order)
        told = sorted((grounds.now, line.at) for line in lines if (grounds := line.grounds) is not None)
        self._times = [now for now, _at in told]
        self._offsets = [at - now for now, at in told]
        told_asleep = [grounds for line in lines if (grounds := line.grounds) is not None and grounds.asleep_since]
        self._asleep = [(grounds.asleep_since, grounds.now) for grounds in told_asleep if grounds.asleep_since]
        self.begins = self._events[0][0]
        last = self._times[-1]
        self.ends = last if until is None else max(last, until - self._offsets[-1])
        self.stops: list[Stop] = []
        self.changes: list[Change] = []
        self.off: list[tuple[datetime, datetime]] = []
        self._targets: dict[str, _Followed] = {}
        self._machine: _Followed | None = None
        self._blind = False
        self._off_since: datetime | None = None
        self._machine_stop = 0
        self._due: list[tuple[datetime, str]] = []

    def wall(self, steady: datetime) -> datetime:
        """Give the wall's time by what the log says at the last line before."""
        place = bisect_right(self._times, steady)
        return steady + self._offsets[max(place - 1, 0)]

    def play(self) -> None:
        """Go from one time at which something changes to the next."""
        position = 0
        while True:
            times = [self._events[position][0]] if position < len(self._events) else []
            if self._due:
                times.append(self._due[0][0])
            if not times or (now := min(times)) > self.ends:
                break
            touched: set[str] = set()
            while position < len(self._events) and self._events[position][0] == now:
                touched |= self._learn(self._events[position][2], now)
                position += 1
            while self._due and self._due[0][0] <= now:
                touched.add(heappop(self._due)[1])
            self._conclude(touched, now)
        if self._off_since is not None:
            self.off.append((self._off_since, self.ends))

    def _awake_at(self, due: datetime) -> datetime:
        """Give when somebody is there to decide what is due: nobody is while the machine sleeps."""
        return next((ends for begins, ends in self._asleep if begins <= due < ends), due)

    # -- what became known ---------------------------------------------------------------------------------

    def _learn(self, line: Line, now: datetime) -> set[str]:
        """Take in a line; give the targets whose facts it changes."""
        grounds = line.grounds
        assert grounds is not None
        if line.target_id == INSTANCE:
            return self._learn_machine(line)
        target = self._targets.get(line.target_id)
        touched = {line.target_id}
        if grounds.voids and target is not None:
            target.warned_at = None
        if self._machine is not None and grounds.voids:
            self._machine.warned_at = None
        if line.change in ENDS:
            self._targets.pop(line.target_id, None)
            self._remember_activity(now if grounds.facts.state == "working" else grounds.facts.active_at)
            return touched
        limits = with_overrides(grounds.limits, line.kind, self._overrides)
        if target is None:
            target = _Followed(line.kind, line.name, grounds.facts, limits, grounds.own_kept_until)
            self._targets[line.target_id] = target
        before = target.facts
        target.name, target.facts, target.limits = line.name, grounds.facts, limits
        target.own_kept_until = grounds.own_kept_until
        self._revive(target, before, now)
        return touched

    def _learn_machine(self, line: Line) -> set[str]:
        grounds = line.grounds
        assert grounds is not None
        limits = with_overrides(grounds.limits, "instance", self._overrides)
        own = grounds.own or grounds.facts
        self._blind = grounds.blind
        if self._machine is None:
            self._machine = _Followed("instance", line.name, own, limits, grounds.own_kept_until)
        touched: set[str] = {INSTANCE}
        machine = self._machine
        if grounds.own_kept_until != machine.own_kept_until or grounds.voids:
            touched |= self._targets.keys()  # a keep of the machine is one of everything on it
        # A line that came late says what was known at its own time; of that, this much was known then.
        known = None if own.active_at is None else min(own.active_at, _known_at(line))
        active_at = _latest(machine.facts.active_at, known)
        machine.facts = msgspec.structs.replace(own, active_at=active_at)
        machine.limits, machine.own_kept_until = limits, grounds.own_kept_until
        if grounds.voids:
            for target in (machine, *self._targets.values()):
                target.warned_at = None
        return touched

    def _remember_activity(self, active_at: datetime | None) -> None:
        if self._machine is not None:
            latest = _latest(self._machine.facts.active_at, active_at)
            self._machine.facts = msgspec.structs.replace(self._machine.facts, active_at=latest)

    def _revive(self, target: _Followed, before: Facts, now: datetime) -> None:
        """Somebody goes on with what would be gone: it was missed, and would have been started again."""
        facts = target.facts
        began = facts.state == "working" and (before.state != "working" or facts.state_since > before.state_since)
        later = facts.active_at is not None and (before.active_at is None or facts.active_at > before.active_at)
        if not (began or (later and facts.state != "working")):
            return
        if target.stopped is not None:
            self._use_again(target.stopped, now)
            target.stopped = target.warned_at = target.gist = None
        if self._off_since is not None:
            self._use_again(self._machine_stop, now)
            self.off.append((self._off_since, now))
            self._off_since = None
            if self._machine is not None:
                self._machine.stopped = self._machine.warned_at = self._machine.gist = None
                self._remember_activity(now)

    def _use_again(self, place: int, now: datetime) -> None:
        stop, at = self.stops[place], self.wall(now)
        if stop.used_again_at is None:
            after = int((at - stop.at).total_seconds())
            self.stops[place] = msgspec.structs.replace(stop, used_again_at=at, used_again_after_seconds=after)

    # -- what is decided -----------------------------------------------------------------------------------

    def _conclude(self, touched: Iterable[str], now: datetime) -> None:
        for target_id in sorted(touched - {INSTANCE}):  # type: ignore[operator]
            target = self._targets.get(target_id)
            if target is not None and target.stopped is None and self._off_since is None:
                self._judge(target_id, target, self._facts_of(target), now)
        machine = self._machine
        if machine is not None and machine.stopped is None and self._off_since is None:
            self._judge(INSTANCE, machine, self._facts_of_machine(machine, now), now)

    def _facts_of(self, target: _Followed) -> Facts:
        kept = _latest(target.own_kept_until, self._machine.own_kept_until if self._machine else None)
        return msgspec.structs.replace(target.facts, kept_until=kept, warned_at=target.warned_at)

    def _facts_of_machine(self, machine: _Followed, now: datetime) -> Facts:
        own = msgspec.structs.replace(
            machine.facts, kept_until=machine.own_kept_until, warned_at=machine.warned_at, held_by=None, held_until=None
        )
        on_it = [
            Standing(facts=self._facts_of(target), ruling=target.ruling)
            for target in self._targets.values()
            if target.stopped is None and target.ruling is not None
        ]
        return machine_facts(own, on_it, blind=self._blind, now=now)

    def _judge(self, target_id: str, target: _Followed, facts: Facts, now: datetime) -> None:
        """The same steps as the watch's."""
        ruling = rule(facts, target.limits, now)
        if ruling.verdict == "keep":
            target.warned_at = None
        elif ruling.warning_due:
            target.warned_at = now
            ruling = rule(msgspec.structs.replace(facts, warned_at=now), target.limits, now)
        target.ruling = ruling
        if ruling.next_change_at is not None:
            heappush(self._due, (self._awake_at(max(ruling.next_change_at, now)), target_id))
        if (gist := (ruling.verdict, ruling.reason)) != target.gist:
            target.gist = gist
            self.changes.append(
                Change(
                    at=self.wall(now),
                    steady=now,
                    target_id=target_id,
                    verdict=ruling.verdict,
                    reason=ruling.reason,
                    stops_at=ruling.stops_at,
                )
            )
        if ruling.verdict == "shut_down":
            self._stop(target_id, target, ruling, facts.state, now)

    def _stop(self, target_id: str, target: _Followed, ruling: Ruling, state: State, now: datetime) -> None:
        target.stopped = len(self.stops)
        self._remember_activity(now if state == "working" else target.facts.active_at)
        self.stops.append(
            Stop(
                at=self.wall(now),
                target_id=target_id,
                kind=target.kind,
                name=target.name,
                reason=ruling.reason,
                limit_seconds=ruling.limit.seconds if ruling.limit else None,
                worked=state == "working",
            )
        )
        if target_id == INSTANCE:
            self._machine_stop, self._off_since = target.stopped, now
            for gone in self._targets.values():
                gone.stopped = target.stopped if gone.stopped is None else gone.stopped


def _known_at(line: Line) -> datetime:
    assert line.grounds is not None
    return line.grounds.learnt_at or line.grounds.now


def _order(event: tuple[datetime, int, Line]) -> tuple[datetime, int]:
    return event[:2]


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
