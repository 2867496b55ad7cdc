"""Idle shutdown as others use it: a lifetime, the monitor's rounds, and an answer to every verb."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import msgspec

from ..clock import Clock
from ..errors import Forbidden, Invalid, NotFound, OutsideFailure, TooLate
from ..platforms.model import Stopper
from .cost import CostBook
from .decide import Ruling
from .decision_log import DecisionLog
from .holders import holders
from .leases import INSTANCE, HeldLease, LeaseBook
from .machine import MachineStop
from .metrics import Metrics
from .model import (
    ChangePolicy,
    CreateLease,
    Decision,
    DecisionQuery,
    DismissStopped,
    Evidence,
    Explanation,
    IdleView,
    Lease,
    Monitor,
    Policy,
    Presence,
    Problem,
    SaveReport,
    Stopped,
    Target,
    WhyQuery,
)
from .native_guard import NativeGuard, NativeIdle
from .parachute.port import NoParachute, Parachute, PreStop
from .policy import Choices, PolicyInput, change, resolve
from .process_table import ProcessTable
from .records import Record, SavedRecord
from .sources import OtherUses, TargetSource
from .state import SavedState, StateFiles
from .teller import Teller
from .views import Actor, Views
from .watch import Watch

__all__ = ["DocumentInForce", "IdleService"]

FRESH = timedelta(seconds=2)
"""A question is answered from the last look if that was not longer ago."""

SAVE_EVERY = timedelta(seconds=30)
"""How much of a countdown may be lost with a killed server. Leases are saved at once."""

HISTORY_LINES = 20


class DocumentInForce(Protocol):
    """The policy document, read and read again elsewhere."""

    on_news: Callable[[], None]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it."""

    def given(self) -> PolicyInput:
        """What an administrator says at this moment."""

    def poke(self) -> None:
        """Read it again if it is time to, without waiting."""

    async def start(self) -> None:
        """Read it for the first time."""

    async def close(self) -> None:
        """Let go."""


GATHER_SECONDS = 1.0
"""How long changes of targets that nobody warned of are gathered before they are looked at."""

LONGEST_ROUND_SECONDS = 15.0
"""A round with nothing due compares two sets of names and ends. Short limits make it shorter."""


class IdleService:
    """One server's idle shutdown."""

    def __init__(
        self,
        *,
        clock: Clock,
        sources: Sequence[TargetSource],
        given: PolicyInput,
        files: StateFiles,
        decisions: DecisionLog,
        emit: Callable[[dict[str, Any]], None],
        read_table: Callable[[], ProcessTable],
        process_started: Callable[[int], int | None],
        log: Any,
        stopper: Stopper,
        native: NativeIdle | None = None,
        pre_stop: PreStop | None = None,
        costs: CostBook | None = None,
        others: OtherUses | None = None,
        chatter: Callable[[], tuple[Evidence, ...]] = tuple,
        long_work: Callable[[], tuple[Evidence, ...]] = tuple,
        metrics: Metrics | None = None,
        problems: tuple[Problem, ...] = (),
        parachute: Parachute | None = None,
        document: DocumentInForce | None = None,
    ) -> None:
        self.wake = asyncio.Event()
        self._clock = clock
        self._document = document
        if document is not None:
            document.on_news = self.wake.set
            given = document.given()  # what holds without it; beside some documents the configuration doesn't count
        self._given = given
        self._files = files
        self._decisions = decisions
        self._process_started = process_started
        self._views = Views(clock)
        self._parachute = parachute or NoParachute()
        self._metrics = metrics or Metrics()
        self._teller = Teller(self._views, decisions, emit, count=self._metrics.count)
        self._leases = LeaseBook()
        self._choices = Choices()
        self._watch = Watch(
            clock=clock,
            sources=sources,
            leases=self._leases,
            policy=resolve(given, self._choices),
            teller=self._teller,
            parachute=self._parachute,
            read_table=read_table,
            process_started=process_started,
            wake=self.wake.set,
            log=log,
            others=others,
            long_work=long_work,
        )
        self._judge = self._watch.judge
        self._native = NativeGuard(native, self._watch, clock)
        self._machine = MachineStop(
            clock=clock,
            watch=self._watch,
            teller=self._teller,
            views=self._views,
            stopper=stopper,
            pre_stop=pre_stop,
            native=self._native,
            save=partial(self._save, at_once=True),
            flush=decisions.flush,
            wake=self.wake.set,
            log=log,
        )
        self._costs = costs
        self._chatter = chatter
        self._long_work = long_work
        self._told = problems
        self._changed: set[str] = set()
        self._waking = False
        self._choosing = asyncio.Lock()
        self._saving = asyncio.Lock()
        self._saved: tuple[datetime, SavedState] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        for source in sources:
            source.listen(self.notice_change)

    # -- lifetime ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what an earlier server left."""
        self._loop = asyncio.get_running_loop()
        await self._parachute.start()
        state, self._choices, problems = await asyncio.to_thread(self._files.load)
        self._told += problems
        if self._document is not None:
            await self._document.start()
            self._given = self._document.given()
        self._judge.policy = resolve(self._given, self._choices)
        if self._costs is not None:
            await self._costs.start(None if state is None else state.machine)
        if state is None:
            return
        now = self._clock.now()
        self._judge.records.restore(state.targets)
        if (machine := state.targets.get(INSTANCE)) is not None:
            self._judge.instance.used_at = min(machine.active_at, now)
        self._leases.restore(state.leases, longest_seconds=self._longest_lease(), now=now)
        self._machine.restore(state.machine)

    async def stop(self) -> None:
        """Save everything and let go."""
        await self._machine.close()
        await self._parachute.close()
        if self._document is not None:
            await self._document.close()
        await self._watch.close()
        self._judge.write("server_ended", self._judge.instance)
        await self._save(at_once=True)
        await self._decisions.flush()

    async def settle(self) -> None:
        """Wait until every shutdown that has begun is done."""
        await self._machine.settle()
        await self._watch.shutdowns.settle()

    def is_held(self) -> bool:
        """Tell whether somebody keeps the whole machine."""
        return self._leases.of(INSTANCE) is not None

    # -- the monitor's rounds ------------------------------------------------------------------------------

    def notice_change(self, target_id: str) -> None:
        """An adapter saw something happen. May be called from any thread."""
        self._changed.add(target_id)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_soon, target_id)

    async def step(self) -> None:
        """Do what is due: all targets at a deadline, after the interval or when one came or went; else the changed."""
        await self._take_document()
        self._machine.consider()
        deadline = self._watch.next_deadline()
        if deadline is None or deadline <= self._clock.now() or self._watch.has_news():
            await self._check()
        elif self._changed or self._watch.unsettled or self._watch.has_slept() or self._leases.watches_processes():
            for target_id in self._take_changed():
                self._watch.look_again(target_id)
            self._watch.conclude()
            await self._decisions.flush()
        await self._native.tell()
        self._measure()

    def seconds_to_wait(self) -> float:
        """Give the time until the next round: a deadline's, or the one that sees who came and went."""
        deadline = self._watch.next_deadline()
        if deadline is None:
            return 0.0
        policy = self._judge.policy
        limits = (policy.kernel_timeout_seconds.value, policy.terminal_timeout_seconds.value)
        round_seconds = min([LONGEST_ROUND_SECONDS, *(max(1.0, limit / 60) for limit in limits if limit)])
        return min(round_seconds, max(0.0, (deadline - self._clock.now()).total_seconds()))

    def report(self, error: str | None) -> None:
        """Note that the rounds themselves fail, or with None that they work again."""
        self._watch.note("monitor", error)

    # -- the verbs -----------------------------------------------------------------------------------------

    async def view(self) -> IdleView:
        """Everything, as of now."""
        await self._freshen()
        deadline = self._watch.next_deadline()
        failing = self._watch.problems
        policy, instance = self._judge.policy, self._target(self._judge.instance)
        targets = tuple(self._target(record) for record in self._judge.records.all())
        machine = self._machine.view(None if self._costs is None else self._costs.cost())
        return IdleView(
            taken_at=self._views.now(),
            mode=policy.mode.value,
            instance=instance,
            targets=targets,
            policy=policy,
            monitor=Monitor(
                last_check_at=self._views.at(self._watch.last_check),
                next_check_at=self._views.at(None if deadline is None else max(deadline, self._clock.now())),
                healthy=not failing,
                problems=(*self._told, *failing.values(), *self._document_problems(), *self._parachute.problems()),
            ),
            machine=machine,
            keeps_on=holders(
                instance,
                targets,
                self.leases(),
                policy,
                machine.stop,
                self._chatter(),
                self._watch.blind_parts(),
                self._long_work(),
            ),
            stopped_unseen=self._parachute.unseen,
        )

    def leases(self) -> tuple[Lease, ...]:
        """The leases in force."""
        return tuple(self._views.lease(lease) for lease in self._leases.all())

    async def grant(self, wish: CreateLease) -> Lease:
        """Keep a target. Raises NotFound, TooLate, Forbidden, or Invalid for a process that isn't there."""
        record = await self._find(wish.target_id)
        started = None if wish.pid is None else self._process_started(wish.pid)
        if wish.pid is not None and started is None:
            raise Invalid(f"There is no process {wish.pid} on this machine.", field="pid", value=wish.pid)
        lease = self._leases.grant(
            wish, longest_seconds=self._longest_lease(), now=self._clock.now(), process_started=started
        )
        self._judge.void_warnings(wish.target_id)
        self._watch.conclude()
        self._judge.write("lease_granted", record, actor="user", voids=True)
        await self._save(at_once=True)
        await self._decisions.flush()
        return self._views.lease(lease)

    async def end_lease(self, lease_id: str) -> None:
        """Give a lease back. Raises NotFound."""
        lease = self._leases.end(lease_id)
        self._judge.write_lease_end(lease, actor="user")
        self._watch.conclude()
        await self._save(at_once=True)
        await self._decisions.flush()

    async def notice_presence(self, presence: Presence) -> None:
        """A person used these. Raises NotFound if none of them is there."""
        if not any(self._judge.find(target_id) for target_id in presence.target_ids):
            await self._freshen()
        now, known = self._clock.now(), False
        for target_id in presence.target_ids:
            record = self._judge.find(target_id)
            if record is not None and not self._judge.is_stopping(target_id):
                known = True
                record.use(now)
        if not known:
            raise NotFound("None of these targets is there.", target_ids=list(presence.target_ids))
        self._watch.conclude()

    async def shut_down_now(self, target_id: str) -> None:
        """Begin a shutdown because a person asked. Raises NotFound, TooLate, Forbidden where the machine can't be."""
        way = self._machine.way
        if target_id == INSTANCE and not way.available:
            raise Forbidden(f"The machine itself is not stopped from here. {way.why_not}", target_id=target_id)
        record = await self._find(target_id)
        asked = Ruling(
            target_id=target_id,
            verdict="shut_down",
            reason="asked",
            limit=None,
            stops_at=self._clock.now(),
            next_change_at=None,
        )
        if target_id == INSTANCE:
            self._machine.begin(asked, actor="user")
        else:
            self._watch.shutdowns.begin(record, asked, actor="user")
        await self._decisions.flush()

    async def report_save(self, report: SaveReport) -> None:
        """A page says what became of a document of a target. Raises NotFound for one that isn't there."""
        if self._judge.find(report.target_id) is None:
            raise NotFound("There is no such target.", target_id=report.target_id)
        self._parachute.take_report(report)
        self._watch.saving.note_saves(report.target_id)

    async def stopped(self) -> tuple[Stopped, ...]:
        """The shutdowns nobody has been told of yet, the newest first."""
        return await self._parachute.stopped()

    async def dismiss_stopped(self, wanted: DismissStopped) -> None:
        """A person has read about these. Raises OutsideFailure if that can't be remembered."""
        try:
            await self._parachute.dismiss(wanted.ids)
        except OSError as error:
            raise OutsideFailure(f"That could not be remembered: {error}.") from error
        self._teller.emit("changed")

    def policy(self) -> Policy:
        """The limits in force."""
        return self._judge.policy

    async def change_policy(self, wanted: ChangePolicy) -> Policy:
        """Take a user's wishes, all or none. Raises Invalid, OutOfBounds, Locked; OutsideFailure on a full disk."""
        async with self._choosing:
            await self._reread_choices()
            choices = change(wanted, self._given, self._choices)
            try:
                await asyncio.to_thread(self._files.save_choices, choices)
            except OSError as error:
                raise OutsideFailure(f"Your choice could not be saved: {error}.") from error
            self._choices = choices
            self._judge.policy = resolve(self._given, choices)
        self._tell_policy(actor="user")
        self.wake.set()
        await self._decisions.flush()
        return self._judge.policy

    async def decisions(self, query: DecisionQuery) -> tuple[Decision, ...]:
        """Lines of the log, newest first."""
        return await self._decisions.read(target_id=query.target_id, since=query.since, limit=query.limit)

    async def explain(self, query: WhyQuery) -> Explanation:
        """Why is or was it so? Raises NotFound for a target nobody ever decided on."""
        await self._freshen()
        history = await self._decisions.read(target_id=query.target_id, until=query.at, limit=HISTORY_LINES)
        record = self._judge.find(query.target_id) if query.at is None else None
        if record is None and not history:
            raise NotFound("Nothing is known of this target at that time.", target_id=query.target_id)
        ruling = self._judge.rulings.get(query.target_id) if record else None
        return Explanation(
            target_id=query.target_id,
            at=query.at or self._views.now(),
            target=self._target(record) if record else None,
            decision=history[0] if history else None,
            history=history,
            policy=self._judge.policy,
            next_change_at=self._views.at(ruling.next_change_at) if ruling else None,
        )

    # -- odds ----------------------------------------------------------------------------------------------

    async def _take_document(self) -> None:
        """Let another document, or another hour of its rules, be in force; keeps that are now too long are cut."""
        if self._document is None:
            return
        given = self._document.given()
        if given == self._given:
            return
        self._given = given
        self._judge.policy = resolve(given, self._choices)
        self._leases.clip(longest_seconds=self._longest_lease(), now=self._clock.now())
        self._tell_policy(actor="monitor")
        await self._decisions.flush()

    def _tell_policy(self, *, actor: Actor) -> None:
        self._judge.write("policy", self._judge.instance, actor=actor)
        self._watch.conclude()
        self._teller.emit("policy")

    def _document_problems(self) -> tuple[Problem, ...]:
        return () if self._document is None else self._document.problems

    async def _check(self) -> None:
        self._take_changed()
        if self._document is not None:
            self._document.poke()
        await self._reread_choices()
        began = self._clock.now()
        await self._watch.check()
        self._metrics.took((self._clock.now() - began).total_seconds())
        await self._decisions.flush()
        self._watch.note("decision_log", self._decisions.error)
        if await self._parachute.refresh():
            self._teller.emit("changed")
        await self._save()
        if self._costs is not None:
            await self._costs.note(self._machine.view(None).stop_requested_at)

    def _measure(self) -> None:
        """Let the metrics show how things stand."""
        self._metrics.look(
            targets=((record.sighting.kind, record.sighting.state) for record in self._judge.records.all()),
            leases=len(self._leases.all()),
            problems=[problem.code for problem in self._watch.problems.values()],
            checked_at=self._views.at(self._watch.last_check),
        )

    async def _reread_choices(self) -> None:
        choices = await asyncio.to_thread(self._files.fresh_choices)
        if choices is not None:
            self._choices = choices
            self._judge.policy = resolve(self._given, choices)

    async def _freshen(self) -> None:
        last = self._watch.last_check
        if last is not None and self._clock.now() - last < FRESH and not self._changed and not self._watch.has_news():
            return  # the monitor's rounds see to what time alone changes
        if not await self._watch.wait_for_check():
            await self._check()

    async def _find(self, target_id: str) -> Record:
        """Give a target that can still be kept or shut down. Nothing waits after the last look at it."""
        if self._judge.find(target_id) is None and not self._watch.shutdowns.was_stopped(target_id):
            await self._check()
        if self._judge.is_stopping(INSTANCE):
            raise TooLate("The machine is already being stopped.", target_id=target_id)
        if self._judge.is_stopping(target_id):
            raise TooLate("It is already being shut down.", target_id=target_id)
        record = self._judge.find(target_id)
        if record is not None:
            return record
        if self._watch.shutdowns.was_stopped(target_id):
            raise TooLate("It was already shut down.", target_id=target_id)
        raise NotFound("There is no such target.", target_id=target_id)

    def _take_changed(self) -> set[str]:
        changed, self._changed, self._waking = self._changed, set(), False
        return changed

    def _wake_soon(self, target_id: str) -> None:
        """See to a change at once where a shutdown is near, else within a second together with others."""
        if self._watch.is_at_risk(target_id):
            self.wake.set()
        elif self._loop is not None and not self._waking:
            self._waking = True
            self._loop.call_later(GATHER_SECONDS, self.wake.set)

    def _target(self, record: Record) -> Target:
        target_id = record.sighting.id
        ruling = self._judge.ruling_of(record)
        lease = self._leases.covering(target_id)
        return self._views.target(record, ruling, lease, shutting_down=self._judge.is_stopping(target_id))

    def _longest_lease(self) -> int:
        return self._judge.policy.max_lease_seconds.value

    async def _save(self, *, at_once: bool = False) -> None:
        async with self._saving:  # two threads must not write in the wrong order
            await self._save_now(at_once=at_once)

    async def _save_now(self, *, at_once: bool) -> None:
        now = self._clock.now()
        state = self._state()
        if self._saved is not None and not at_once:
            saved_at, before = self._saved
            if now - saved_at < SAVE_EVERY or msgspec.structs.replace(state, saved_at=before.saved_at) == before:
                return
        try:
            await asyncio.to_thread(self._files.save, state)
        except OSError as error:
            self._watch.note("state_file", str(error))
        else:
            self._saved = (now, state)
            self._watch.note("state_file", None)

    def _state(self) -> SavedState:
        targets = {}
        for record in [self._judge.instance, *self._judge.records.all()]:
            active_at = record.used_at if record is self._judge.instance else record.active_at
            if active_at is not None:
                targets[record.sighting.id] = SavedRecord(
                    active_at=self._views.wall(active_at),
                    state=record.sighting.state,
                    state_since=self._views.wall(record.state_since),
                )
        leases = tuple(
            HeldLease(lease=self._views.lease(held.lease), process_started=held.process_started)
            for held in self._leases.held()
        )
        return SavedState(saved_at=self._views.now(), targets=targets, leases=leases, machine=self._machine.saved())
