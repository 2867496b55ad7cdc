"""The watch over all targets: look, rule, warn, shut down.

Everything between reading the facts of a target and beginning its shutdown happens without giving up the
event loop, so a keep that arrives first always wins and one that arrives after is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from ..clock import Clock
from .decide import Ruling
from .judge import Judge
from .leases import INSTANCE, LeaseBook
from .model import Evidence, Lease, Policy, Problem
from .parachute.port import Parachute
from .process_table import ProcessTable
from .records import Record
from .saving import Saving
from .shutdowns import Shutdowns
from .sources import PARTS, OtherUses, TargetSource
from .teller import Teller
from .whole import Whole

__all__ = ["Watch"]

T = TypeVar("T")


PENDING = timedelta(milliseconds=200)
"""How long a shutdown waits for something that has just begun to end, or to show that it is work."""

BEGIN_AT_ONCE = 8
WARN_AT_ONCE = 8
"""How many shutdowns one round begins and how many warnings it gives, so that others get their turn on the event
loop when hundreds are due: an event's check against its schema alone takes a good part of a millisecond."""


PART_TIMEOUT_SECONDS = 10.0
"""A part that takes longer than this to look is done without."""


OVERSLEPT = timedelta(seconds=30)
"""A sleep of the machine, or a round so much too late, after which nobody can be held to an old warning."""

APPROACH = timedelta(milliseconds=700)
"""So long before a shutdown the last look begins, for it lasts a part of a second and the shutdown is to be on time."""


class Watch:
    """Does the looking and draws the conclusions. What is known and decided is the `judge`'s; what is saved before a
    shutdown is `saving`'s, and the `shutdowns` are what has begun."""

    def __init__(
        self,
        *,
        clock: Clock,
        sources: Sequence[TargetSource],
        leases: LeaseBook,
        policy: Policy,
        teller: Teller,
        parachute: Parachute,
        read_table: Callable[[], ProcessTable],
        process_started: Callable[[int], int | None],
        wake: Callable[[], None],
        log: Any,
        others: OtherUses | None = None,
        long_work: Callable[[], tuple[Evidence, ...]] = tuple,
    ) -> None:
        self.last_check: datetime | None = None
        self.problems: dict[str, Problem] = {}
        self.unsettled = False
        self.on_machine_due: Callable[[Ruling], None] = lambda ruling: None
        """Called, without waiting for anything, when the machine is to be stopped."""
        self._clock = clock
        self._sources: dict[str, TargetSource] = {source.kind: source for source in sources}
        self._leases = leases
        self._teller = teller
        self._parachute = parachute
        self._read_table = read_table
        self._process_started = process_started
        self._wake = wake
        self._others = others
        self._long_work = long_work
        self._log = log
        self.judge = Judge(
            clock=clock,
            leases=leases,
            policy=policy,
            teller=teller,
            is_blind=lambda: bool(self.blind_parts()),
            has_work=lambda: bool(long_work()),
        )
        self.saving = Saving(
            clock=clock, judge=self.judge, parachute=parachute, teller=teller, note=self.note, wake=wake, log=log
        )
        self.shutdowns = Shutdowns(
            clock=clock,
            judge=self.judge,
            saving=self.saving,
            sources=self._sources,
            parachute=parachute,
            teller=teller,
            drop=self._drop,
            put_off=self.put_off,
            done=self._shutdown_done,
            log=log,
        )
        self._whole = Whole(self.judge, others, long_work)
        self._begun = self._warned = 0
        self._slept = clock.slept()
        self._expected_at: datetime | None = None
        self._retry_at: dict[str, datetime] = {}
        self._approached: dict[str, datetime | None] = {}
        self._checking = asyncio.Lock()
        self._reading: asyncio.Future[ProcessTable] | None = None

    async def close(self) -> None:
        """Let go; a shutdown that has begun is finished by Jupyter's own."""
        await self.shutdowns.close()
        if self._reading is not None and not self._reading.done():
            await asyncio.wait([self._reading], timeout=1)
        for source in self._sources.values():
            await source.close()

    # -- looking -------------------------------------------------------------------------------------------

    async def check(self) -> None:
        """Look at everything and draw the conclusions."""
        async with self._checking:
            table = await self._try("processes", self._table())
            await asyncio.gather(*(self._observe(source, table) for source in self._sources.values()))
            if self._others is not None and table is not None:
                taken = {record.sighting.pid for record in self.judge.records.all() if record.sighting.pid is not None}
                await self._try("elsewhere", self._others.look(table, taken))
            self.last_check = self._clock.now()
            self.conclude()

    async def wait_for_check(self) -> bool:
        """If a look is under way, wait for it and tell so."""
        if not self._checking.locked():
            return False
        async with self._checking:
            return True

    def has_news(self) -> bool:
        """Tell whether a target came or went since the last look."""
        there: set[str] = set()
        for source in self._sources.values():
            try:
                there |= source.roster()
            except Exception as error:
                self.note(PARTS[source.kind], str(error))
                return False
        known = {record.sighting.id for record in self.judge.records.all()}
        stopping = self.judge.stopping
        return there - self.shutdowns.lingering(there) != known - stopping | (there & stopping)

    def look_again(self, target_id: str) -> Record | None:
        """Take fresh facts of one target, without waiting; None if it is gone."""
        record = self.judge.records.get(target_id)
        if record is None:
            return None
        part = PARTS[record.sighting.kind]
        try:
            sighting = self._sources[record.sighting.kind].look_again(target_id)
        except Exception as error:
            self._log.exception("jupyter_lcc: %s can't be looked at", target_id)
            self.note(part, str(error))
            self.judge.records.blind(target_id)
            return record
        if sighting is None:
            self._forget(target_id)
            return None
        return self.judge.records.take(sighting, self._clock.now())

    def note(self, part: str, error: str | None) -> None:
        """Note that a part fails, or with None that it works again."""
        if error is None:
            self.problems.pop(part, None)
        else:
            self.problems[part] = Problem(code=f"{part}_failed", message=error)

    async def _table(self) -> ProcessTable:
        # A read that hangs is waited for again, not repeated: a hung disk must not eat the threads.
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(asyncio.to_thread(self._read_table))
        return await asyncio.shield(self._reading)

    async def _try(self, part: str, work: Coroutine[Any, Any, T]) -> T | None:
        """Do a part's work; if it fails or hangs, say so and go on without it."""
        try:
            result = await asyncio.wait_for(work, PART_TIMEOUT_SECONDS)
        except Exception as error:
            if part not in self.problems:
                self._log.exception("jupyter_lcc: %s can't be looked at; nothing of them is shut down", part)
            self.note(part, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
            return None
        self.note(part, None)
        return result

    async def _observe(self, source: TargetSource, table: ProcessTable | None) -> None:
        sightings = await self._try(PARTS[source.kind], source.observe(table))
        mine = {record.sighting.id for record in self.judge.records.all() if record.sighting.kind == source.kind}
        if sightings is None:
            for target_id in mine:
                self.judge.records.blind(target_id)
            return
        now = self._clock.now()
        for sighting in sightings:
            if not self.shutdowns.is_lingering(sighting):
                self.judge.records.take(sighting, now)
        for target_id in mine - {sighting.id for sighting in sightings}:
            self._forget(target_id)

    def _forget(self, target_id: str) -> None:
        record = self.judge.records.get(target_id)
        if record is not None and target_id not in self.judge.stopping:
            # What worked when it was last seen worked until it went.
            self.judge.remember_activity(self._clock.now() if record.sighting.state == "working" else record.active_at)
            self.judge.write("gone", record, actor="outside")
        self._drop(target_id)

    def _drop(self, target_id: str) -> None:
        record = self.judge.records.get(target_id)
        if record is not None:
            self._parachute.gone(record.sighting)
        self.judge.forget(target_id)
        self._retry_at.pop(target_id, None)
        self._approached.pop(target_id, None)
        self._leases.drop_target(target_id)
        self._teller.forget(target_id)

    # -- concluding ----------------------------------------------------------------------------------------

    def conclude(self) -> None:
        """Rule on every target, warn, and begin what is due. Never gives up the event loop."""
        now, self.unsettled = self._clock.now(), False
        self._begun = self._warned = 0
        self.saving.begin_round()
        self._notice_sleep()
        for lease in self._leases.ended(now, self._process_started):
            self.judge.write_lease_end(lease, actor="monitor")
        running = [record for record in self.judge.records.all() if record.sighting.id not in self.judge.stopping]
        self.judge.decide(running, now)
        for record in running:
            self._judge(record, self.judge.rulings[record.sighting.id], now)
        self._whole.sum_up(now)
        if not self.judge.machine_stopping:  # what is asked for stands
            self._judge(self.judge.instance, self.judge.rule(self.judge.instance, now), now)
        self.shutdowns.forget_old(now)
        self._teller.emit_if_new(map(self._shown, [self.judge.instance, *self.judge.records.all()]))
        due = self.next_deadline()
        self._expected_at = None if due is None else max(due, now)

    def _shown(self, record: Record) -> tuple[Record, Ruling, Lease | None, bool]:
        target_id = record.sighting.id
        ruling, lease = self.judge.ruling_of(record), self._leases.of(target_id)
        return record, ruling, lease, self.judge.is_stopping(target_id)

    def has_slept(self) -> bool:
        """Tell whether the machine slept, or this process didn't run, since the last conclusion."""
        late = self._expected_at is not None and self._clock.now() - self._expected_at > OVERSLEPT
        return late or self._clock.slept() - self._slept > OVERSLEPT

    def _notice_sleep(self) -> None:
        """Whoever opens the lid, or wakes a frozen container, gets a whole warning."""
        if self.has_slept():
            self._log.info("jupyter_lcc: nobody was awake for a while; every warning is given anew")
            self.judge.void_warnings(INSTANCE)
            self.judge.write("slept", self.judge.instance, voids=True, asleep_since=self._expected_at)
        self._slept = self._clock.slept()

    def next_deadline(self) -> datetime | None:
        """When the next verdict can change by time alone, or a look is due; None before the first look."""
        if self.last_check is None:
            return None
        times = [self.last_check + timedelta(seconds=self._interval())]
        for target_id, ruling in self.judge.rulings.items():
            if target_id in self.judge.stopping:
                continue
            if target_id == INSTANCE and self.judge.machine_stopping:
                times += [self._retry_at[INSTANCE]] if INSTANCE in self._retry_at else []
                continue
            if ruling.next_change_at is not None:
                times.append(ruling.next_change_at)
                times += filter(None, (self.saving.prepare_at(ruling), self._approach_at(ruling)))
            elif target_id in self._retry_at:
                times.append(self._retry_at[target_id])
        lease_end = self._leases.nearest_end()
        return min(times if lease_end is None else [*times, lease_end])

    def is_at_risk(self, target_id: str) -> bool:
        """Tell whether a target is warned, so that news of it are urgent."""
        ruling = self.judge.rulings.get(target_id)
        return ruling is not None and ruling.verdict != "keep"

    def _judge(self, record: Record, ruling: Ruling, now: datetime) -> None:
        target_id = record.sighting.id
        if ruling.verdict == "keep":
            record.warned_at = record.put_off_at = record.unsaved = None
            self._retry_at.pop(target_id, None)
            self._parachute.release(target_id)
        elif ruling.warning_due and self._warned >= WARN_AT_ONCE:
            self._wake()  # in the next round, which is due at once
            return
        elif ruling.warning_due:
            self._warned += 1
            record.warned_at = now
            ruling = self.judge.rule(record, now)
            if self.judge.policy.mode.value == "enforce":
                self._teller.emit("warning", record, ruling)
        elif ruling.verdict == "shut_down" and target_id == INSTANCE:
            if self._may_begin(target_id, now):
                self.on_machine_due(ruling)
        elif ruling.verdict == "shut_down" and self._may_begin(target_id, now):
            fresh = self.look_again(target_id)
            if fresh is None:
                return
            ruling = self.judge.rule(fresh, now)
            if ruling.verdict == "shut_down" and fresh.sighting.pending:
                self._retry_at[target_id] = now + PENDING
                return
            if ruling.verdict == "shut_down" and self.judge.policy.mode.value == "enforce":
                if not self.saving.put_off_unsaved(fresh, now):
                    self.shutdowns.begin(fresh, ruling, actor="monitor")
                return
            if ruling.verdict == "shut_down":  # observed only: it is told once, when it would have been
                if not self.judge.is_only_observed(fresh):  # a lease on the machine does not bring it back
                    fresh.would_be_gone_at = now
                    self.judge.remember_activity(fresh.active_at)
                self._retry_at.pop(target_id, None)
        elif (prepare_at := self.saving.prepare_at(ruling)) is not None and prepare_at <= now:
            self.saving.prepare(record, ruling)
        elif (approach_at := self._approach_at(ruling)) is not None and approach_at <= now:
            self._approached[target_id] = ruling.stops_at
            self.look_again(target_id)
        lease = self._leases.covering(target_id)
        limits, grounds = self.judge.limits_of(target_id), partial(self.judge.grounds, record)
        self._teller.write_if_new(record, ruling, lease, self.judge.policy, limits=limits, now=now, grounds=grounds)

    def _approach_at(self, ruling: Ruling) -> datetime | None:
        """When the last look at a warned target is to begin; None if it isn't, or has begun."""
        if ruling.verdict != "warn" or ruling.warning_due or ruling.target_id == INSTANCE or ruling.stops_at is None:
            return None
        return None if self._approached.get(ruling.target_id) == ruling.stops_at else ruling.stops_at - APPROACH

    def _may_begin(self, target_id: str, now: datetime) -> bool:
        if self._retry_at.get(target_id, now) > now:
            return False
        if self.judge.policy.mode.value == "observe" and (
            target_id == INSTANCE or self._teller.verdict_told(target_id) == "shut_down"
        ):
            return False
        self._begun += 1
        if self._begun > BEGIN_AT_ONCE:
            self._retry_at[target_id] = now  # in the next round, which is due at once
            self._wake()
            return False
        return True

    def blind_parts(self) -> dict[str, str]:
        """Name the parts without which some targets can't be seen, if they fail, each with its error."""
        parts = dict.fromkeys(["processes", *(PARTS[source.kind] for source in self._sources.values())])
        return {part: self.problems[part].message for part in parts if part in self.problems}

    def rule_machine(self) -> Ruling:
        """Look at everything once more, without waiting, and rule on the machine anew."""
        now = self._clock.now()
        for lease in self._leases.ended(now, self._process_started):
            self.judge.write_lease_end(lease, actor="monitor")
        for record in self.judge.records.all():
            if not self.judge.is_stopping(record.sighting.id) and self.look_again(record.sighting.id) is not None:
                self.judge.rule(record, now)
        self._whole.take_activity(now)
        return self.judge.rule(self.judge.instance, now)

    def is_busy(self) -> bool:
        """Tell whether something on the machine works or is kept by somebody."""
        works = any(record.sighting.state == "working" for record in self.judge.records.all())
        return works or bool(self._leases.all() or self._long_work())

    def put_off(self, target_id: str, until: datetime | None) -> None:
        """Begin nothing with a target before this time, and look again then; None: it may begin at once."""
        if until is None:
            self._retry_at.pop(target_id, None)
        else:
            self._retry_at[target_id] = until

    def _interval(self) -> float:
        """Look often enough that a short limit is not over before the first look."""
        policy = self.judge.policy
        limits = (policy.kernel_timeout_seconds, policy.terminal_timeout_seconds, policy.waiting_timeout_seconds)
        longest = float(policy.check_interval_seconds.value)
        return min([longest, *(max(1.0, limit.value / 4) for limit in limits if limit.value)])

    def _shutdown_done(self) -> None:
        self.unsettled = True
        self._wake()
