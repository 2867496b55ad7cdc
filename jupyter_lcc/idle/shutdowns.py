"""The shutdowns that have begun: each saves, ends its target the ordinary way, and is remembered.

It has begun when `begin` returns; from then on it is too late to keep the target.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Set
from datetime import datetime, timedelta
from typing import Any

from ..clock import Clock
from .decide import Ruling
from .judge import Judge
from .model import Sighting, Stopped
from .parachute.port import Parachute
from .records import Record
from .saving import Saving
from .sources import TargetSource
from .teller import Teller
from .views import Actor

__all__ = ["Shutdowns"]

RETRY_AFTER = timedelta(seconds=60)
"""When a shutdown failed, it is tried again after this."""

REMEMBER_STOPPED = timedelta(hours=1)
"""For how long a keep of something that was shut down is answered with "too late" instead of "unknown"."""

SHUTDOWN_TIMEOUT_SECONDS = 60.0


class Shutdowns:
    """Owns the tasks. `drop` forgets a target, `put_off` lets nothing begin with it before a time, `done` is called
    when a shutdown is over, well or not."""

    def __init__(
        self,
        *,
        clock: Clock,
        judge: Judge,
        saving: Saving,
        sources: Mapping[str, TargetSource],
        parachute: Parachute,
        teller: Teller,
        drop: Callable[[str], None],
        put_off: Callable[[str, datetime], None],
        done: Callable[[], None],
        log: Any,
    ) -> None:
        self._clock = clock
        self._judge = judge
        self._saving = saving
        self._sources = sources
        self._parachute = parachute
        self._teller = teller
        self._drop = drop
        self._put_off = put_off
        self._done = done
        self._log = log
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopped: dict[str, datetime] = {}
        self._lingering: dict[str, int | None] = {}

    async def close(self) -> None:
        """Let go; a shutdown that has begun is finished by Jupyter's own."""
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def settle(self) -> None:
        """Wait until every shutdown that has begun is done."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def begin(self, record: Record, ruling: Ruling, *, actor: Actor, landed: Stopped | None = None) -> None:
        """From here on it is too late to keep it. What was saved before is `landed`."""
        target_id = record.sighting.id
        self._judge.rulings[target_id] = ruling
        self._log.info("jupyter_lcc: shutting down %s (%s): %s", target_id, record.sighting.name, ruling.reason)
        self._judge.write("shut_down", record, actor=actor)
        if actor == "user" and landed is None:
            self._saving.prepare(record, ruling, asked=True)
        work = self._shut_down(record, ruling, actor, landed)
        self._judge.stopping.add(target_id)
        self._tasks[target_id] = asyncio.get_running_loop().create_task(work)

    def was_stopped(self, target_id: str) -> bool:
        """Tell whether it was shut down not long ago."""
        return target_id in self._stopped

    def forget_old(self, now: datetime) -> None:
        """Forget what was shut down long ago."""
        for target_id in [stopped for stopped, at in self._stopped.items() if now - at > REMEMBER_STOPPED]:
            del self._stopped[target_id]

    def lingering(self, there: Set[str]) -> Set[str]:
        """Name what was shut down and is still in Jupyter's lists. `there` is what is in them."""
        for target_id in self._lingering.keys() - there:
            del self._lingering[target_id]
        return self._lingering.keys()

    def is_lingering(self, sighting: Sighting) -> bool:
        """Tell whether this is what was shut down, and not a new one of its name; that one is known from now on."""
        if sighting.id in self._lingering:
            if self._lingering[sighting.id] == sighting.pid:
                return True
            del self._lingering[sighting.id]  # a new terminal with the number of an old one
        self._stopped.pop(sighting.id, None)
        return False

    async def _shut_down(self, record: Record, ruling: Ruling, actor: Actor, landed: Stopped | None) -> None:
        target_id, source = record.sighting.id, self._sources[record.sighting.kind]
        error: str | None = None
        landed = landed or await self._saving.land(record, ruling, actor)
        try:
            await asyncio.wait_for(source.shut_down(target_id), SHUTDOWN_TIMEOUT_SECONDS)
        except Exception as failure:
            if target_id in source.roster():
                error = f"{type(failure).__name__}: {failure}"
                self._log.exception("jupyter_lcc: %s could not be shut down", target_id)
        now = self._clock.now()
        del self._tasks[target_id]
        self._judge.stopping.discard(target_id)
        if error is None:
            self._drop(target_id)
            self._stopped[target_id] = now
            self._lingering[target_id] = record.sighting.pid
            self._teller.emit("shut_down", record, ruling)
        else:
            if landed is not None:
                await self._parachute.undo(landed)
            self._put_off(target_id, now + RETRY_AFTER)
            self._judge.write("shutdown_failed", record, error=error)
            self._teller.emit("shutdown_failed", record, ruling)
        self._done()
