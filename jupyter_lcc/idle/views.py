"""Put records, rulings and leases into the words of the wire; times become the wall's UTC here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import uuid4

import msgspec

from ..clock import Clock, to_wall
from .decide import Ruling
from .leases import INSTANCE
from .model import Change, Evidence, Lease, Mode, Policy, Sighting, State, Stopped, Target
from .policy import describe
from .records import Record
from .trace import Grounds, Line

__all__ = ["Actor", "Views", "instance_sighting"]

Actor = Literal["monitor", "user", "outside"]


class Views:
    """Turn what the service knows into what it tells."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._described: tuple[Policy, dict[str, str]] | None = None

    def wall(self, steady: datetime) -> datetime:
        """Give the wall's UTC of a steady time."""
        return to_wall(self._clock, steady)

    def at(self, steady: datetime | None) -> datetime | None:
        """Give the wall's UTC of a steady time that may not be known."""
        return None if steady is None else to_wall(self._clock, steady)

    def now(self) -> datetime:
        """Give the wall's UTC now."""
        return to_wall(self._clock, self._clock.now())

    def lease(self, lease: Lease) -> Lease:
        return msgspec.structs.replace(
            lease,
            granted_at=to_wall(self._clock, lease.granted_at),
            expires_at=to_wall(self._clock, lease.expires_at),
        )

    def target(self, record: Record, ruling: Ruling, lease: Lease | None, *, shutting_down: bool) -> Target:
        sighting = record.sighting
        idle = None
        if sighting.state == "working":
            idle = 0
        elif record.active_at is not None:
            idle = max(0, int((self._clock.now() - record.active_at).total_seconds()))
        return Target(
            id=sighting.id,
            kind=sighting.kind,
            name=sighting.name,
            state=sighting.state,
            last_activity_at=self.at(record.active_at),
            idle_seconds=idle,
            verdict=ruling.verdict,
            reason=ruling.reason,
            stops_at=self.at(ruling.stops_at),
            warned_at=self.at(record.warned_at) if ruling.verdict != "keep" else None,
            evidence=self.evidence(record),
            limit_seconds=ruling.limit.seconds if ruling.limit else None,
            limit_source=ruling.limit.source if ruling.limit else None,
            limit_rule=ruling.limit.rule if ruling.limit else None,
            shutting_down=shutting_down,
            pid=sighting.pid,
            cpu_percent=sighting.cpu_percent,
            memory_bytes=sighting.memory_bytes,
            processes=sighting.processes,
            io_bytes_per_second=sighting.io_bytes_per_second,
            gpu=sighting.gpu,
            state_since_at=self.at(record.state_since),
            lease=None if lease is None else self.lease(lease),
            kernel_name=sighting.kernel_name,
            sessions=sighting.sessions,
            connections=sighting.connections,
        )

    def evidence(self, record: Record) -> tuple[Evidence, ...]:
        found = list(record.sighting.evidence)
        if record.used_at is not None:
            at = to_wall(self._clock, record.used_at).isoformat(timespec="seconds").replace("+00:00", "Z")
            signal = "machine_used_at" if record.sighting.kind == "instance" else "person_used_it_at"
            found.append(Evidence(signal=signal, value=at, means="activity"))
        if record.unsaved is not None:
            found.append(Evidence(signal="save_failed", value=record.unsaved, means="context"))
        if record.hook is not None:
            found.append(Evidence(signal="pre_stop_command", value=record.hook, means="context"))
        return tuple(found)

    def stopped(self, record: Record, ruling: Ruling) -> Stopped:
        """Say what is about to be shut down, and why."""
        sighting, now = record.sighting, self._clock.now()
        idle = None
        if record.active_at is not None and sighting.state != "working":
            idle = max(0, int((now - record.active_at).total_seconds()))
        return Stopped(
            id=uuid4().hex,
            target_id=sighting.id,
            kind=sighting.kind,
            name=sighting.name,
            stopped_at=to_wall(self._clock, now),
            reason=ruling.reason,
            idle_seconds=idle,
            limit_seconds=ruling.limit.seconds if ruling.limit else None,
            limit_source=ruling.limit.source if ruling.limit else None,
            limit_rule=ruling.limit.rule if ruling.limit else None,
            kernel_name=sighting.kernel_name,
        )

    def decision(
        self,
        change: Change,
        record: Record,
        ruling: Ruling,
        lease: Lease | None,
        policy: Policy,
        *,
        grounds: Grounds,
        actor: Actor = "monitor",
        error: str | None = None,
    ) -> Line:
        mode: Mode = policy.mode.value
        sighting = record.sighting
        return Line(
            at=self.now(),
            change=change,
            target_id=sighting.id,
            kind=sighting.kind,
            name=sighting.name,
            state=sighting.state,
            verdict=ruling.verdict,
            reason=ruling.reason,
            mode=mode,
            actor=actor,
            last_activity_at=self.at(record.active_at),
            stops_at=self.at(ruling.stops_at),
            warned_at=self.at(record.warned_at),
            limit_seconds=ruling.limit.seconds if ruling.limit else None,
            limit_source=ruling.limit.source if ruling.limit else None,
            limit_rule=ruling.limit.rule if ruling.limit else None,
            evidence=self.evidence(record),
            lease=None if lease is None else self.lease(lease),
            error=error,
            policy=self._describe(policy) if change != "activity" else {},
            grounds=grounds,
        )

    def _describe(self, policy: Policy) -> dict[str, str]:
        # A policy can't change, and hundreds of lines of one round tell the same one.
        if self._described is None or self._described[0] is not policy:
            self._described = (policy, describe(policy))
        return self._described[1]


def instance_sighting(
    records: Sequence[Record], started_at: datetime, also: Sequence[Evidence] = (), *, has_work: bool = False
) -> Sighting:
    """See the machine as the sum of what runs on it: it works if anything does. `also` is what else was seen.

    `has_work`: long work of our own runs; what it is stands in `also`.
    """
    states: set[State] = {record.sighting.state for record in records} | ({"working"} if has_work else set())
    order: tuple[State, ...] = ("working", "unknown", "waiting")
    state: State = next((state for state in order if state in states), "idle")
    active = [record.active_at for record in records if record.active_at is not None]
    counts = {kind: sum(r.sighting.kind == kind for r in records) for kind in ("kernel", "terminal", "process")}
    working = sum(record.sighting.state == "working" for record in records)
    return Sighting(
        id=INSTANCE,
        kind="instance",
        name=INSTANCE,
        state=state,
        active_at=max([started_at, *active]),
        evidence=(
            Evidence(signal="working_targets", value=working, means="work" if working else "idle"),
            Evidence(signal="kernels", value=counts["kernel"], means="context"),
            Evidence(signal="terminals", value=counts["terminal"], means="context"),
            *(
                (Evidence(signal="detached_jobs", value=counts["process"], means="context"),)
                if counts["process"]
                else ()
            ),
            *also,
        ),
    )
