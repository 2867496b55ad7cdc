"""What is known of each target and what is decided on it: facts and limits in, the latest ruling out.

Nothing here waits, so who asks for a ruling and acts on it does both without giving up the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import uuid4

import msgspec

from ..clock import Clock
from .decide import Facts, Limits, Ruling, Standing, decide, machine_facts
from .leases import INSTANCE, LeaseBook
from .model import Change, Lease, Policy, Sighting
from .policy import limits_for
from .records import Record, Records
from .teller import Teller
from .trace import BESIDE, Grounds
from .views import Actor, instance_sighting

__all__ = ["Judge"]


class Judge:
    """Owns the records and the rulings.

    `is_blind` tells whether some targets can't be seen at all now, `has_work` whether long work of our own runs.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        leases: LeaseBook,
        policy: Policy,
        teller: Teller,
        is_blind: Callable[[], bool],
        has_work: Callable[[], bool] = lambda: False,
    ) -> None:
        self.policy = policy
        self.records = Records()
        self.rulings: dict[str, Ruling] = {}
        self.stopping: set[str] = set()
        """Whose shutdown has begun and isn't done."""
        self.machine_stoppable = False
        self.machine_stopping = False
        """From the moment its stop is asked for; then it is too late to keep anything on it."""
        self.started = clock.now()
        self.instance = Record(instance_sighting((), self.started), self.started, self.started)
        self._clock = clock
        self._leases = leases
        self._teller = teller
        self._is_blind = is_blind
        self._has_work = has_work
        self._decided: dict[str, tuple[Facts, Limits, datetime, Ruling]] = {}
        self._own_facts: Facts | None = None
        self._blind = False
        self._life = uuid4().hex[:12]

    def find(self, target_id: str) -> Record | None:
        """Give the record of a target or of the machine."""
        return self.instance if target_id == INSTANCE else self.records.get(target_id)

    def is_stopping(self, target_id: str) -> bool:
        """Tell whether its shutdown has begun and isn't done. The machine's takes everything on it along."""
        return target_id in self.stopping or (target_id == INSTANCE and self.machine_stopping)

    def forget(self, target_id: str) -> None:
        """It isn't there any more."""
        self.records.drop(target_id)
        self.rulings.pop(target_id, None)
        self._decided.pop(target_id, None)

    def remember_activity(self, active_at: datetime | None) -> None:
        """The machine was used, also by what isn't there any more."""
        times = (self.instance.active_at, active_at)
        self.instance.active_at = max((time for time in times if time is not None), default=None)

    # -- ruling --------------------------------------------------------------------------------------------

    def decide(self, records: Sequence[Record], now: datetime) -> None:
        """Decide on these targets and keep the rulings."""
        facts = [self._facts_of(record) for record in records]
        limits = {record.sighting.id: self._limits_of(record.sighting) for record in records}
        for fact, ruling in zip(facts, decide(facts, limits, now), strict=True):
            self.rulings[ruling.target_id] = ruling
            self._decided[ruling.target_id] = (fact, limits[ruling.target_id], now, ruling)

    def rule(self, record: Record, now: datetime) -> Ruling:
        """Decide on one target and keep the ruling."""
        self.decide([record], now)
        return self.rulings[record.sighting.id]

    def ruling_of(self, record: Record) -> Ruling:
        """Give the latest ruling; one that has just appeared is decided on now."""
        return self.rulings.get(record.sighting.id) or self.rule(record, self._clock.now())

    def limits_of(self, target_id: str) -> Limits:
        """Give the limits by which it was decided on last."""
        return self._decided[target_id][1]

    def is_only_observed(self, record: Record) -> bool:
        """Tell whether it would be gone by now if this mode did anything, and nobody went on with it since."""
        gone_at = record.would_be_gone_at
        if self.policy.mode.value != "observe" or gone_at is None:
            return False
        moment = record.moment()
        return moment is None or moment <= gone_at

    def void_warnings(self, target_id: str) -> None:
        """What was said before a lease began or ended was about another deadline."""
        self.instance.warned_at = None
        for record in self.records.all():
            if target_id in (INSTANCE, record.sighting.id):
                record.warned_at = None

    # -- writing -------------------------------------------------------------------------------------------

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
            self.rule(record, self._clock.now())
        lease, ruling = self._leases.covering(target_id), self.ruling_of(record)
        grounds = self.grounds(record, voids=voids, asleep_since=asleep_since)
        self._teller.write(change, record, ruling, lease, self.policy, grounds=grounds, actor=actor, error=error)

    def write_lease_end(self, lease: Lease, *, actor: Actor) -> None:
        """A lease is over. If before its time, what was warned of was another deadline."""
        early = lease.expires_at > self._clock.now()
        if early:
            self.void_warnings(lease.target_id)
        record = self.find(lease.target_id)
        if record is not None:
            self.write("lease_ended", record, actor=actor, voids=early)

    def grounds(self, record: Record, *, voids: bool = False, asleep_since: datetime | None = None) -> Grounds:
        """Say what the latest ruling on a target rests on."""
        target_id = record.sighting.id
        if target_id not in self._decided:
            self.rule(record, self._clock.now())
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

    # -- facts ---------------------------------------------------------------------------------------------

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
        if record is not self.instance:
            return facts
        return self._facts_of_machine(msgspec.structs.replace(facts, has_work=self._has_work()))

    def _facts_of_machine(self, own: Facts) -> Facts:
        on_it = [
            Standing(
                facts=self._facts_of(record),
                ruling=self.ruling_of(record),
                shutting_down=self.is_stopping(record.sighting.id),
            )
            for record in self.records.all()
            if not self.is_only_observed(record)
        ]
        self._blind = self._is_blind()
        self._own_facts = own
        return machine_facts(own, on_it, blind=self._blind, now=self._clock.now())

    def _limits_of(self, sighting: Sighting) -> Limits:
        stoppable = sighting.id != INSTANCE or self.machine_stoppable
        return limits_for(sighting.kind, sighting.own_limit_seconds, self.policy, stoppable=stoppable)
