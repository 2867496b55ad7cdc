"""The watch over all targets: look, rule, warn, shut down.

Everything between reading the facts of a target and beginning its shutdown happens without giving up the
event loop, so a keep that arrives first always wins and one that arrives after is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence, Set
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from ..clock import Clock
from .decide import Facts, Limits, Ruling, Standing, decide, machine_facts
from .leases import INSTANCE, LeaseBook
from .model import Change, Evidence, Kind, Lease, Policy, Problem, Sighting, Stopped
from .parachute.port import Parachute
from .policy import limits_for
from .process_table import ProcessTable
from .records import Record, Records
from .teller import Teller
from .trace import BESIDE, Grounds
from .views import Actor, instance_sighting

__all__ = ["OtherUses", "TargetSource", "Watch"]

T = TypeVar("T")

RETRY_AFTER = timedelta(seconds=60)
"""When a shutdown failed, it is tried again after this."""

PARTS: dict[Kind, str] = {"kernel": "kernels", "terminal": "terminals", "process": "jobs", "instance": "machine"}
"""What the part that looks at a kind is called, in the codes of problems."""

PENDING = timedelta(milliseconds=200)
"""How long a shutdown waits for something that has just begun to end, or to show that it is work."""

BEGIN_AT_ONCE = 8
WARN_AT_ONCE = 8
"""How many shutdowns one round begins and how many warnings it gives, so that others get their turn on the event
loop when hundreds are due: an event's check against its schema alone takes a good part of a millisecond."""

REMEMBER_STOPPED = timedelta(hours=1)
"""For how long a keep of something that was shut down is answered with "too late" instead of "unknown"."""

PART_TIMEOUT_SECONDS = 10.0
"""A part that takes longer than this to look is done without."""

SHUTDOWN_TIMEOUT_SECONDS = 60.0

PREPARE_BEFORE = timedelta(seconds=10)
"""So long before a shutdown, or half the warning where that is shorter, what would be lost is saved."""

OVERSLEPT = timedelta(seconds=30)
"""A sleep of the machine, or a round so much too late, after which nobody can be held to an old warning."""

APPROACH = timedelta(milliseconds=700)
"""So long before a shutdown the last look begins, for it lasts a part of a second and the shutdown is to be on time."""

LAND_TIMEOUT_SECONDS = 15.0
"""A shutdown that has begun waits no longer than this for what is still to be saved."""


class TargetSource(Protocol):
    """An adapter to one kind of target."""

    kind: Kind

    def listen(self, on_change: Callable[[str], None]) -> None:
        """Call `on_change` with a target's id when something happens to it; from any thread."""

    def roster(self) -> frozenset[str]:
        """Name the targets there are, cheaply and without waiting."""

    async def observe(self, table: ProcessTable | None) -> Sequence[Sighting]:
        """See every target."""

    def look_again(self, target_id: str) -> Sighting | None:
        """See one target again without waiting; None if it is gone."""

    async def shut_down(self, target_id: str) -> None:
        """Shut one target down the ordinary way."""

    async def close(self) -> None:
        """Let go of everything."""


class OtherUses(Protocol):
    """Sees what uses the machine without being a target."""

    async def look(self, table: ProcessTable, taken: Set[int]) -> None:
        """Look at it all. `taken` are the first processes of targets."""

    def active_at(self) -> datetime | None:
        """When the machine was last used this way, on the steady clock; without waiting."""

    def evidence(self) -> tuple[Evidence, ...]:
        """Say what was seen."""


class Watch:
    """Owns the records and the shutdowns that are under way."""

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
    ) -> None:
        self.policy = policy
        self.records = Records()
        self.rulings: dict[str, Ruling] = {}
        self._decided: dict[str, tuple[Facts, Limits, datetime, Ruling]] = {}
        self._own_facts: Facts | None = None
        self._blind = False
        self._life = uuid4().hex[:12]
        self.last_check: datetime | None = None
        self.problems: dict[str, Problem] = {}
        self._clock = clock
        self._sources: dict[str, TargetSource] = {source.kind: source for source in sources}
        self._leases = leases
        self._teller = teller
        self._parachute = parachute
        self._read_table = read_table
        self._process_started = process_started
        self._wake = wake
        self._others = others
        self._log = log
        self._begun = self._warned = self._prepared = 0
        self.unsettled = False
        self._slept = clock.slept()
        self._expected_at: datetime | None = None
        self.machine_stoppable = False
        self.machine_stopping = False
        """From the moment its stop is asked for; then it is too late to keep anything on it."""
        self.on_machine_due: Callable[[Ruling], None] = lambda ruling: None
        """Called, without waiting for anything, when the machine is to be stopped."""
        self._started = clock.now()
        self.instance = Record(instance_sighting((), self._started), self._started, self._started)
        self._stopping: dict[str, asyncio.Task[None]] = {}
        self._stopped: dict[str, datetime] = {}
        self._lingering: dict[str, int | None] = {}
        self._retry_at: dict[str, datetime] = {}
        self._approached: dict[str, datetime | None] = {}
        self._checking = asyncio.Lock()
        self._reading: asyncio.Future[ProcessTable] | None = None

    async def close(self) -> None:
        """Let go; a shutdown that has begun is finished by Jupyter's own."""
        for task in list(self._stopping.values()):
            task.cancel()
        await asyncio.gather(*self._stopping.values(), return_exceptions=True)
        if self._reading is not None and not self._reading.done():
            await asyncio.wait([self._reading], timeout=1)
        for source in self._sources.values():
            await source.close()

    async def settle(self) -> None:
        """Wait until every shutdown that has begun is done."""
        await asyncio.gather(*self._stopping.values(), return_exceptions=True)

    # -- looking -------------------------------------------------------------------------------------------

    async def check(self) -> None:
        """Look at everything and draw the conclusions."""
        async with self._checking:
            table = await self._try("processes", self._table())
            await asyncio.gather(*(self._observe(source, table) for source in self._sources.values()))
            if self._others is not None and table is not None:
                taken = {record.sighting.pid for record in self.records.all() if record.sighting.pid is not None}
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
        for target_id in self._lingering.keys() - there:
            del self._lingering[target_id]
        known = {record.sighting.id for record in self.records.all()}
        return there - self._lingering.keys() != known - self._stopping.keys() | (there & self._stopping.keys())

    def look_again(self, target_id: str) -> Record | None:
        """Take fresh facts of one target, without waiting; None if it is gone."""
        record = self.records.get(target_id)
        if record is None:
            return None
        part = PARTS[record.sighting.kind]
        try:
            sighting = self._sources[record.sighting.kind].look_again(target_id)
        except Exception as error:
            self._log.exception("jupyter_lcc: %s can't be looked at", target_id)
            self.note(part, str(error))
            self.records.blind(target_id)
            return record
        if sighting is None:
            self._forget(target_id)
            return None
        return self.records.take(sighting, self._clock.now())

    def find(self, target_id: str) -> Record | None:
        """Give the record of a target or of the machine."""
        return self.instance if target_id == INSTANCE else self.records.get(target_id)

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
        mine = {record.sighting.id for record in self.records.all() if record.sighting.kind == source.kind}
        if sightings is None:
            for target_id in mine:
                self.records.blind(target_id)
            return
        now = self._clock.now()
        for sighting in sightings:
            if sighting.id in self._lingering:
                if self._lingering[sighting.id] == sighting.pid:
                    continue
                del self._lingering[sighting.id]  # a new terminal with the number of an old one
            self._stopped.pop(sighting.id, None)
            self.records.take(sighting, now)
        for target_id in mine - {sighting.id for sighting in sightings}:
            self._forget(target_id)

    def _forget(self, target_id: str) -> None:
        record = self.records.get(target_id)
        if record is not None and target_id not in self._stopping:
            # What worked when it was last seen worked until it went.
            self._remember_activity(self._clock.now() if record.sighting.state == "working" else record.active_at)
            self.write("gone", record, actor="outside")
        self._drop(target_id)

    def _remember_activity(self, active_at: datetime | None) -> None:
        """The machine was used, also by what isn't there any more."""
        times = (self.instance.active_at, active_at)
        self.instance.active_at = max((time for time in times if time is not None), default=None)

    def _drop(self, target_id: str) -> None:
        record = self.records.get(target_id)
        if record is not None:
            self._parachute.gone(record.sighting)
        self.records.drop(target_id)
        self.rulings.pop(target_id, None)
        self._decided.pop(target_id, None)
        self._retry_at.pop(target_id, None)
        self._approached.pop(target_id, None)
        self._leases.drop_target(target_id)
        self._teller.forget(target_id)

    # -- concluding ----------------------------------------------------------------------------------------

    def conclude(self) -> None:
        """Rule on every target, warn, and begin what is due. Never gives up the event loop."""
        now, self.unsettled = self._clock.now(), False
        self._begun = self._warned = self._prepared = 0
        self._notice_sleep()
        for lease in self._leases.ended(now, self._process_started):
            self.write_lease_end(lease, actor="monitor")
        running = [record for record in self.records.all() if record.sighting.id not in self._stopping]
        self._decide(running, now)
        for record in running:
            self._judge(record, self.rulings[record.sighting.id], now)
        self._sum_up(now)
        for target_id in [stopped for stopped, at in self._stopped.items() if now - at > REMEMBER_STOPPED]:
            del self._stopped[target_id]
        self._teller.emit_if_new(
            (record, self.ruling_of(record), self._leases.of(record.sighting.id), self.is_stopping(record.sighting.id))
            for record in [self.instance, *self.records.all()]
        )
        due = self.next_deadline()
        self._expected_at = None if due is None else max(due, now)

    def has_slept(self) -> bool:
        """Tell whether the machine slept, or this process didn't run, since the last conclusion."""
        late = self._expected_at is not None and self._clock.now() - self._expected_at > OVERSLEPT
        return late or self._clock.slept() - self._slept > OVERSLEPT

    def _notice_sleep(self) -> None:
        """Whoever opens the lid, or wakes a frozen container, gets a whole warning."""
        if self.has_slept():
            self._log.info("jupyter_lcc: nobody was awake for a while; every warning is given anew")
            self.void_warnings(INSTANCE)
            self.write("slept", self.instance, voids=True, asleep_since=self._expected_at)
        self._slept = self._clock.slept()

    def void_warnings(self, target_id: str) -> None:
        """What was said before a lease began or ended was about another deadline."""
        self.instance.warned_at = None
        for record in self.records.all():
            if target_id in (INSTANCE, record.sighting.id):
                record.warned_at = None

    def next_deadline(self) -> datetime | None:
        """When the next verdict can change by time alone, or a look is due; None before the first look."""
        if self.last_check is None:
            return None
        times = [self.last_check + timedelta(seconds=self._interval())]
        for target_id, ruling in self.rulings.items():
            if target_id in self._stopping:
                continue
            if target_id == INSTANCE and self.machine_stopping:
                times += [self._retry_at[INSTANCE]] if INSTANCE in self._retry_at else []
                continue
            if ruling.next_change_at is not None:
                times.append(ruling.next_change_at)
                times += filter(None, (self._prepare_at(ruling), self._approach_at(ruling)))
            elif target_id in self._retry_at:
                times.append(self._retry_at[target_id])
        lease_end = self._leases.nearest_end()
        return min(times if lease_end is None else [*times, lease_end])

    def is_at_risk(self, target_id: str) -> bool:
        """Tell whether a target is warned, so that news of it are urgent."""
        ruling = self.rulings.get(target_id)
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
            ruling = self._rule(record, now)
            if self.policy.mode.value == "enforce":
                self._teller.emit("warning", record, ruling)
        elif ruling.verdict == "shut_down" and target_id == INSTANCE:
            if self._may_begin(target_id, now):
                self.on_machine_due(ruling)
        elif ruling.verdict == "shut_down" and self._may_begin(target_id, now):
            fresh = self.look_again(target_id)
            if fresh is None:
                return
            ruling = self._rule(fresh, now)
            if ruling.verdict == "shut_down" and fresh.sighting.pending:
                self._retry_at[target_id] = now + PENDING
                return
            if ruling.verdict == "shut_down" and self.policy.mode.value == "enforce":
                if not self._put_off_unsaved(fresh, now):
                    self.begin_shutdown(fresh, ruling, actor="monitor")
                return
            if ruling.verdict == "shut_down":  # observed only: it is told once, when it would have been
                fresh.would_be_gone_at = now
                self._remember_activity(fresh.active_at)
                self._retry_at.pop(target_id, None)
        elif (prepare_at := self._prepare_at(ruling)) is not None and prepare_at <= now:
            self._prepare(record, ruling)
        elif (approach_at := self._approach_at(ruling)) is not None and approach_at <= now:
            self._approached[target_id] = ruling.stops_at
            self.look_again(target_id)
        lease = self._leases.covering(target_id)
        limits, grounds = self._decided[target_id][1], partial(self._grounds, record)
        self._teller.write_if_new(record, ruling, lease, self.policy, limits=limits, now=now, grounds=grounds)

    def _prepare_at(self, ruling: Ruling) -> datetime | None:
        """When what would be lost with a warned target is to be saved; None if it isn't, or is being saved."""
        waits = ruling.verdict == "warn" and not ruling.warning_due and ruling.target_id != INSTANCE
        if not waits or ruling.stops_at is None or self.policy.mode.value != "enforce":
            return None
        if self._parachute.is_prepared(ruling.target_id):
            return None
        return ruling.stops_at - min(PREPARE_BEFORE, timedelta(seconds=self.policy.warn_seconds.value) / 2)

    def _approach_at(self, ruling: Ruling) -> datetime | None:
        """When the last look at a warned target is to begin; None if it isn't, or has begun."""
        if ruling.verdict != "warn" or ruling.warning_due or ruling.target_id == INSTANCE or ruling.stops_at is None:
            return None
        return None if self._approached.get(ruling.target_id) == ruling.stops_at else ruling.stops_at - APPROACH

    def _prepare(self, record: Record, ruling: Ruling, *, asked: bool = False) -> None:
        """Let pages save, and what is in memory be listed. This begins nothing: a keep still wins."""
        if self._prepared >= WARN_AT_ONCE and not asked:
            self._wake()  # in the next round, which is due at once
            return
        self._prepared += 1
        self._parachute.prepare(record.sighting, asked=asked)
        if record.sighting.sessions:
            self._teller.emit("save", record, ruling)

    def note_saves(self, target_id: str) -> None:
        """A page has said what became of a document of a target."""
        record = self.records.get(target_id)
        if record is not None and record.unsaved != (unsaved := self._parachute.unsaved(target_id)):
            record.unsaved = unsaved
            self._teller.emit("changed")

    def _put_off_unsaved(self, record: Record, now: datetime) -> bool:
        """Warn anew, once, where a document could not be saved: there is time to see to it."""
        target_id = record.sighting.id
        unsaved = self._parachute.unsaved(target_id)
        if unsaved is None or record.put_off_at is not None:
            return False
        record.put_off_at = record.warned_at = now
        record.unsaved = unsaved
        self._parachute.rearm(target_id)
        ruling = self._rule(record, now)
        self._log.warning("jupyter_lcc: the shutdown of %s is put off once: %s", target_id, unsaved)
        self.write("put_off", record, error=unsaved)
        self._teller.emit("warning", record, ruling)
        return True

    def _may_begin(self, target_id: str, now: datetime) -> bool:
        if self._retry_at.get(target_id, now) > now:
            return False
        if self.policy.mode.value == "observe" and (
            target_id == INSTANCE or self._teller.verdict_told(target_id) == "shut_down"
        ):
            return False
        self._begun += 1
        if self._begun > BEGIN_AT_ONCE:
            self._retry_at[target_id] = now  # in the next round, which is due at once
            self._wake()
            return False
        return True

    def _decide(self, records: Sequence[Record], now: datetime) -> None:
        """Decide on these targets and keep the rulings."""
        facts = [self._facts_of(record) for record in records]
        limits = {record.sighting.id: self._limits_of(record.sighting) for record in records}
        for fact, ruling in zip(facts, decide(facts, limits, now), strict=True):
            self.rulings[ruling.target_id] = ruling
            self._decided[ruling.target_id] = (fact, limits[ruling.target_id], now, ruling)

    def _rule(self, record: Record, now: datetime) -> Ruling:
        self._decide([record], now)
        return self.rulings[record.sighting.id]

    def _facts_of(self, record: Record) -> Facts:
        lease = self._leases.covering(record.sighting.id)
        facts = Facts(
            target_id=record.sighting.id,
            state=record.sighting.state,
            active_at=record.active_at,
            state_since=record.state_since,
            kept_until=lease.expires_at if lease else None,
            warned_at=record.warned_at,
        )
        return facts if record is not self.instance else self._facts_of_machine(facts)

    def _facts_of_machine(self, own: Facts) -> Facts:
        on_it = [
            Standing(
                facts=self._facts_of(record),
                ruling=self.ruling_of(record),
                shutting_down=self.is_stopping(record.sighting.id),
            )
            for record in self.records.all()
            if not self._is_only_observed(record)
        ]
        self._blind = bool(self.blind_parts())
        self._own_facts = own
        return machine_facts(own, on_it, blind=self._blind, now=self._clock.now())

    def blind_parts(self) -> dict[str, str]:
        """Name the parts without which some targets can't be seen, if they fail, each with its error."""
        parts = dict.fromkeys(["processes", *(PARTS[source.kind] for source in self._sources.values())])
        return {part: self.problems[part].message for part in parts if part in self.problems}

    def _is_only_observed(self, record: Record) -> bool:
        """Tell whether it would be gone by now if this mode did anything, and nobody went on with it since."""
        gone_at = record.would_be_gone_at
        if self.policy.mode.value != "observe" or gone_at is None:
            return False
        moment = record.moment()
        return moment is None or moment <= gone_at

    def _limits_of(self, sighting: Sighting) -> Limits:
        stoppable = sighting.id != INSTANCE or self.machine_stoppable
        return limits_for(sighting.kind, sighting.own_limit_seconds, self.policy, stoppable=stoppable)

    def ruling_of(self, record: Record) -> Ruling:
        """Give the latest ruling; one that has just appeared is decided on now."""
        return self.rulings.get(record.sighting.id) or self._rule(record, self._clock.now())

    def _sum_up(self, now: datetime) -> None:
        """See the machine as the sum of what runs on it, and judge it as the last. What is asked for stands."""
        self._take_other_use()
        also = () if self._others is None else self._others.evidence()
        seen = instance_sighting(self.records.all(), self._started, also)
        if seen.state != self.instance.sighting.state:
            self.instance.state_since = now
        self.instance.sighting = seen
        # What works on where it is only observed would be gone, and would not keep the machine young.
        there = [record.active_at for record in self.records.all() if not self._is_only_observed(record)]
        times = (self.instance.active_at, self.instance.used_at, self._started, *there)
        self.instance.active_at = max(time for time in times if time is not None)
        if not self.machine_stopping:
            self._judge(self.instance, self._rule(self.instance, now), now)

    def rule_machine(self) -> Ruling:
        """Look at everything once more, without waiting, and rule on the machine anew."""
        now = self._clock.now()
        for lease in self._leases.ended(now, self._process_started):
            self.write_lease_end(lease, actor="monitor")
        for record in self.records.all():
            if not self.is_stopping(record.sighting.id) and self.look_again(record.sighting.id) is not None:
                self._rule(record, now)
        self._take_other_use()
        times = [self.instance.active_at, self.instance.used_at, *(r.active_at for r in self.records.all())]
        self.instance.active_at = max(time for time in times if time is not None)
        return self._rule(self.instance, now)

    def _take_other_use(self) -> None:
        """What uses the machine without being a target keeps it young, as a person at its own panel does."""
        at = None if self._others is None else self._others.active_at()
        if at is not None and at > (self.instance.used_at or self._started):
            self.instance.use(at)

    def is_busy(self) -> bool:
        """Tell whether something on the machine works or is kept by somebody."""
        return bool(self._leases.all()) or any(r.sighting.state == "working" for r in self.records.all())

    def put_off(self, target_id: str, until: datetime | None) -> None:
        """Begin nothing with a target before this time, and look again then; None: it may begin at once."""
        if until is None:
            self._retry_at.pop(target_id, None)
        else:
            self._retry_at[target_id] = until

    def _interval(self) -> float:
        """Look often enough that a short limit is not over before the first look."""
        policy = self.policy
        limits = (policy.kernel_timeout_seconds, policy.terminal_timeout_seconds, policy.waiting_timeout_seconds)
        longest = float(policy.check_interval_seconds.value)
        return min([longest, *(max(1.0, limit.value / 4) for limit in limits if limit.value)])

    # -- shutting down -------------------------------------------------------------------------------------

    def is_stopping(self, target_id: str) -> bool:
        """Tell whether its shutdown has begun and isn't done. The machine's takes everything on it along."""
        return target_id in self._stopping or (target_id == INSTANCE and self.machine_stopping)

    def was_stopped(self, target_id: str) -> bool:
        """Tell whether it was shut down not long ago."""
        return target_id in self._stopped

    def begin_shutdown(self, record: Record, ruling: Ruling, *, actor: Actor, landed: Stopped | None = None) -> None:
        """From here on it is too late to keep it. What was saved before is `landed`."""
        target_id = record.sighting.id
        self.rulings[target_id] = ruling
        self._log.info("jupyter_lcc: shutting down %s (%s): %s", target_id, record.sighting.name, ruling.reason)
        self.write("shut_down", record, actor=actor)
        if actor == "user" and landed is None:
            self._prepare(record, ruling, asked=True)
        work = self._shut_down(record, ruling, actor, landed)
        self._stopping[target_id] = asyncio.get_running_loop().create_task(work)

    async def save_what_is_left(self, ruling: Ruling, *, actor: Actor) -> dict[str, Stopped]:
        """The machine is about to be stopped: save what would go with it, without shutting anything down."""
        left = [record for record in self.records.all() if not self.is_stopping(record.sighting.id)]
        for record in left:
            self._parachute.prepare(record.sighting)
            if record.sighting.sessions:
                self._teller.emit("save", record, ruling)
        # The machine stands before what is on it, for who reads the list from its end.
        left.append(self.instance)
        landed = await asyncio.gather(*(self._land(record, ruling, actor, machine=True) for record in left))
        return {record.sighting.id: stopped for record, stopped in zip(left, landed, strict=True) if stopped}

    def put_off_machine(self) -> bool:
        """Warn of the machine's stop anew, once, where a document on it could not be saved."""
        found = [self._parachute.unsaved(record.sighting.id) for record in self.records.all()]
        unsaved = "; ".join(each for each in found if each)
        if not unsaved or self.instance.put_off_at is not None:
            return False
        now = self._clock.now()
        self.instance.put_off_at = self.instance.warned_at = now
        self.instance.unsaved = unsaved
        ruling = self._rule(self.instance, now)
        self._log.warning("jupyter_lcc: the stop of the machine is put off once: %s", unsaved)
        self.write("put_off", self.instance, error=unsaved)
        self._teller.emit("warning", self.instance, ruling)
        return True

    async def take_back(self, landed: dict[str, Stopped]) -> None:
        """The machine was not stopped after all."""
        for stopped in landed.values():
            await self._parachute.undo(stopped)

    async def _shut_down(self, record: Record, ruling: Ruling, actor: Actor, landed: Stopped | None) -> None:
        target_id, source = record.sighting.id, self._sources[record.sighting.kind]
        error: str | None = None
        landed = landed or await self._land(record, ruling, actor)
        try:
            await asyncio.wait_for(source.shut_down(target_id), SHUTDOWN_TIMEOUT_SECONDS)
        except Exception as failure:
            if target_id in source.roster():
                error = f"{type(failure).__name__}: {failure}"
                self._log.exception("jupyter_lcc: %s could not be shut down", target_id)
        now = self._clock.now()
        del self._stopping[target_id]
        if error is None:
            self._drop(target_id)
            self._stopped[target_id] = now
            self._lingering[target_id] = record.sighting.pid
            self._teller.emit("shut_down", record, ruling)
        else:
            if landed is not None:
                await self._parachute.undo(landed)
            self._retry_at[target_id] = now + RETRY_AFTER
            self.write("shutdown_failed", record, error=error)
            self._teller.emit("shutdown_failed", record, ruling)
        self.unsettled = True
        self._wake()

    async def _land(self, record: Record, ruling: Ruling, actor: Actor, *, machine: bool = False) -> Stopped | None:
        """Remember the shutdown before it happens: a server that is killed now has told of it all the same."""
        draft = self._teller.stopped(record, ruling)
        try:
            landed = await asyncio.wait_for(
                self._parachute.land(
                    draft, record.sighting, wait=machine or actor == "user", greet=machine or actor != "user"
                ),
                LAND_TIMEOUT_SECONDS,
            )
        except Exception as error:
            self._log.exception("jupyter_lcc: what goes with %s could not be saved", record.sighting.id)
            self.note("parachute", f"{type(error).__name__}: {error}")
            return None
        failed = [document for document in landed.documents if document.result == "failed"]
        if failed:
            told = "; ".join(f"{document.path}: {document.message}" for document in failed)
            self.write("unsaved", record, actor=actor, error=told)
        return landed

    # -- telling -------------------------------------------------------------------------------------------

    def write(
        self,
        change: Change,
        record: Record,
        *,
        actor: Actor = "monitor",
        error: str | None = None,
        voids: bool = False,
        asleep_since: datetime | None = None,
    ) -> None:
        """Put a line on a target into the decision log. `voids`: warnings given so far don't count any more."""
        target_id = record.sighting.id
        if change in BESIDE and not self.is_stopping(target_id):
            self._rule(record, self._clock.now())
        lease, ruling = self._leases.covering(target_id), self.ruling_of(record)
        grounds = self._grounds(record, voids=voids, asleep_since=asleep_since)
        self._teller.write(change, record, ruling, lease, self.policy, grounds=grounds, actor=actor, error=error)

    def _grounds(self, record: Record, *, voids: bool = False, asleep_since: datetime | None = None) -> Grounds:
        target_id = record.sighting.id
        if target_id not in self._decided:
            self._rule(record, self._clock.now())
        facts, limits, ruled_at, ruling = self._decided[target_id]
        is_machine = target_id == INSTANCE
        lease = self._leases.of(target_id)
        return Grounds(
            life=self._life,
            now=self._clock.now(),
            ruled_at=ruled_at,
            facts=facts,
            limits=limits,
            ruling=ruling,
            own=self._own_facts if is_machine else None,
            own_kept_until=lease.expires_at if lease else None,
            own_limit_seconds=record.sighting.own_limit_seconds,
            blind=is_machine and self._blind,
            voids=voids,
            asleep_since=asleep_since,
        )

    def write_lease_end(self, lease: Lease, *, actor: Actor) -> None:
        """A lease is over. If before its time, what was warned of was another deadline."""
        early = lease.expires_at > self._clock.now()
        if early:
            self.void_warnings(lease.target_id)
        record = self.find(lease.target_id)
        if record is not None:
            self.write("lease_ended", record, actor=actor, voids=early)
