"""Fakes for services: a clock that is set by hand and a kind of target that does what a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from jupyter_lcc.idle.model import Kind, Sighting, State
from jupyter_lcc.idle.process_table import ProcessTable
from jupyter_lcc.platforms.model import StopWay

__all__ = ["START", "FakeClock", "FakeSource", "FakeStopper", "sighting"]

START = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


class FakeClock:
    """Stands still until `pass_` moves it. `wall_step` is how far the wall clock is off the steady one."""

    def __init__(self) -> None:
        self.steady = START
        self.wall_step = timedelta(0)
        self.asleep = timedelta(0)

    def now(self) -> datetime:
        return self.steady

    def wall(self) -> datetime:
        return self.steady + self.wall_step

    def slept(self) -> timedelta:
        return self.asleep

    def pass_(self, seconds: float) -> None:
        self.steady += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """The lid is closed: the wall goes on, the steady clock does not."""
        self.asleep += timedelta(seconds=seconds)
        self.wall_step += timedelta(seconds=seconds)


def sighting(
    target_id: str, active_at: datetime = START, *, state: State = "idle", kind: Kind = "kernel", **more: Any
) -> Sighting:
    """Make a sighting with what a test cares about."""
    return Sighting(id=target_id, kind=kind, name=target_id, state=state, active_at=active_at, **more)


class FakeSource:
    """A fake adapter: holds sightings, shuts down by forgetting, fails and hangs when told to."""

    def __init__(self, kind: Kind = "kernel") -> None:
        self.kind: Kind = kind
        self.there: dict[str, Sighting] = {}
        self.shut: list[str] = []
        self.fails: Exception | None = None
        self.shutdown_fails: Exception | None = None
        self.on_shut_down: Callable[[str], Any] | None = None
        self.on_change: Callable[[str], None] = lambda _target_id: None
        self.closed = False

    def put(self, *sightings: Sighting) -> None:
        for one in sightings:
            self.there[one.id] = one

    def change(self, target_id: str, **fields: Any) -> None:
        self.there[target_id] = msgspec.structs.replace(self.there[target_id], **fields)

    def listen(self, on_change: Callable[[str], None]) -> None:
        self.on_change = on_change

    def roster(self) -> frozenset[str]:
        return frozenset(self.there)

    async def observe(self, table: ProcessTable | None) -> Sequence[Sighting]:
        if self.fails:
            raise self.fails
        return list(self.there.values())

    def look_again(self, target_id: str) -> Sighting | None:
        if self.fails:
            raise self.fails
        return self.there.get(target_id)

    async def shut_down(self, target_id: str) -> None:
        if self.on_shut_down:
            await self.on_shut_down(target_id)
        if self.shutdown_fails:
            raise self.shutdown_fails
        self.shut.append(target_id)
        del self.there[target_id]

    async def close(self) -> None:
        self.closed = True


class FakeStopper:
    """A fake way to stop a machine: counts the requests, fails when told to; a new `life` is a machine started anew."""

    def __init__(self, *, available: bool = True, why_not: str | None = None) -> None:
        self.way = StopWay(means="delete_app" if available else "none", available=available, why_not=why_not)
        self.life = "first"
        self.requests = 0
        self.fails: Exception | None = None
        self.on_stop: Callable[[], Any] | None = None

    async def stop(self) -> None:
        self.requests += 1
        if self.on_stop:
            await self.on_stop()
        if self.fails:
            raise self.fails
