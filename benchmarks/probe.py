"""A server extension for benchmarks alone: how long the event loop stood still, what each look cost.

`GET bench/probe` gives what was noted since the last time and forgets it.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

__all__ = ["Probe"]

TICK_SECONDS = 0.005


class Probe:
    """Ticks on the event loop, and times the looks of `jupyter_lcc` if it is there."""

    def __init__(self) -> None:
        self._forget()

    async def tick(self) -> None:
        """Note for how long after its time each tick came, and the CPU time the process used meanwhile."""
        while True:
            before, cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(TICK_SECONDS)
            late = time.perf_counter() - before - TICK_SECONDS
            self._late.append((late, min(late, time.process_time() - cpu)))

    def time_looks(self) -> None:
        """Note the CPU time of every round in which everything was looked at, writing what it found included."""
        try:
            from jupyter_lcc.idle.service import IdleService
            from jupyter_lcc.idle.watch import Watch
        except ImportError:
            return
        step, check = IdleService.step, Watch.check

        async def noted_check(watch: Watch) -> None:
            self._looked = True
            await check(watch)

        async def timed_step(service: IdleService) -> None:
            self._looked = False
            wall, cpu = time.perf_counter(), time.process_time()
            await step(service)
            if self._looked:
                self._looks.append((time.perf_counter() - wall, time.process_time() - cpu))

        Watch.check = noted_check  # type: ignore[method-assign,assignment]
        IdleService.step = timed_step  # type: ignore[method-assign,assignment]

    def take(self) -> dict[str, Any]:
        """Give what was noted, and forget it."""
        noted = {"late": self._late, "looks": self._looks}
        self._forget()
        return noted

    def _forget(self) -> None:
        self._late: list[tuple[float, float]] = []
        self._looks: list[tuple[float, float]] = []
        self._looked = False


class ProbeHandler(APIHandler):
    """GET bench/probe."""

    def initialize(self, probe: Probe) -> None:
        """Take the probe."""
        self._probe = probe

    @web.authenticated
    async def get(self) -> None:
        """Give what was noted as JSON."""
        await self.finish(json.dumps(self._probe.take()))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "benchmarks.probe"}]


def _load_jupyter_server_extension(server: Any) -> None:
    probe = Probe()
    probe.time_looks()
    path = url_path_join(server.web_app.settings["base_url"], "bench/probe")
    server.web_app.add_handlers(".*$", [(path, ProbeHandler, {"probe": probe})])
    server.io_loop.add_callback(probe.tick)
