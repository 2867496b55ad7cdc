"""The monitor: does the service's rounds for as long as the server lives, whatever a round throws."""

from __future__ import annotations

import asyncio
from typing import Any

from .service import IdleService

__all__ = ["Monitor"]

AFTER_A_FAILURE_SECONDS = 1.0

STOP_SECONDS = 5.0
"""A server that stops waits for us this long, be the disk as slow as it likes."""


class Monitor:
    """Wakes at the next deadline, when something urgent happens, and now and then to see who came or went."""

    def __init__(self, service: IdleService, log: Any) -> None:
        self._service = service
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self._ending = False

    def start(self) -> None:
        """Begin on the running event loop."""
        self._ending = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name="jupyter_lcc idle monitor")

    async def stop(self) -> None:
        """End the rounds, save, let go."""
        if self._task is None:
            return
        # `wait_for` may swallow a cancellation that meets its result (python/cpython#86296), hence the flag.
        self._ending = True
        self._task.cancel()
        await asyncio.wait([self._task], timeout=STOP_SECONDS)
        self._task = None
        try:
            await asyncio.wait_for(self._service.stop(), STOP_SECONDS)
        except asyncio.TimeoutError:
            self._log.warning("jupyter_lcc: the state could not be saved in time")

    async def _run(self) -> None:
        failed = started = False
        while not self._ending:
            self._service.wake.clear()
            try:
                if not started:
                    await self._service.start()
                    started = True
                await self._service.step()
            except Exception as error:
                if not failed:
                    self._log.exception("jupyter_lcc: a round of the idle monitor failed; it goes on")
                failed = True
                self._service.report(f"{type(error).__name__}: {error}")
                await asyncio.sleep(AFTER_A_FAILURE_SECONDS)
            else:
                if failed:
                    self._service.report(None)
                failed = False
            await self._sleep(self._service.seconds_to_wait())

    async def _sleep(self, seconds: float) -> None:
        try:
            # A deadline a hair ahead must be reached, not spun at.
            await asyncio.wait_for(self._service.wake.wait(), max(seconds, 0.005))
        except asyncio.TimeoutError:
            return
