"""A service on fakes and a frozen clock, with real files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.idle.decision_log import DecisionLog
from jupyter_lcc.idle.metrics import Metrics
from jupyter_lcc.idle.model import Decision, DecisionQuery, Evidence, Target
from jupyter_lcc.idle.parachute.port import Parachute, PreStop
from jupyter_lcc.idle.policy import PolicyInput
from jupyter_lcc.idle.process_table import ProcessTable
from jupyter_lcc.idle.service import DocumentInForce, IdleService
from jupyter_lcc.idle.sources import OtherUses
from jupyter_lcc.idle.state import StateFiles

from ..fakes import FakeClock, FakeSource, FakeStopper

LIMITS = {
    "kernel_timeout_seconds": 600,
    "terminal_timeout_seconds": 1200,
    "warn_seconds": 60,
    "max_lease_seconds": 7200,
    "check_interval_seconds": 30,
}


class House:
    """A service with everything around it in a test's hands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.kernels = FakeSource("kernel")
        self.terminals = FakeSource("terminal")
        self.stopper = FakeStopper(available=False, why_not="This machine is a fake one.")
        self.parachute: Parachute | None = None
        self.pre_stop: PreStop | None = None
        self.others: OtherUses | None = None
        self.work: tuple[Evidence, ...] = ()
        self.metrics = Metrics()
        self.document: DocumentInForce | None = None
        self.events: list[dict[str, Any]] = []
        self.processes: dict[int, int] = {}
        self.given = PolicyInput(mode="enforce", mode_source="default", values=dict(LIMITS))
        self._executor = ThreadPoolExecutor(1)
        self.service = self.build()

    def build(self) -> IdleService:
        """Make a service as a server that starts does."""
        log = logging.getLogger("jupyter_lcc.tests")
        self.files = StateFiles(self.folder, log)
        self.files.name_server("port-8888")
        self.service = IdleService(
            clock=self.clock,
            sources=[self.kernels, self.terminals],
            given=self.given,
            files=self.files,
            decisions=DecisionLog(lambda: self.files.decisions, self._executor, log),
            emit=self.emit,
            read_table=lambda: ProcessTable([]),
            process_started=self.processes.get,
            log=log,
            stopper=self.stopper,
            parachute=self.parachute,
            pre_stop=self.pre_stop,
            others=self.others,
            metrics=self.metrics,
            long_work=lambda: self.work,
            document=self.document,
        )
        return self.service

    async def pass_(self, seconds: float, *, step: float = 1.0) -> None:
        """Let time pass, with a round of the monitor each second of it."""
        end = self.clock.steady.timestamp() + seconds
        while self.clock.steady.timestamp() < end:
            self.clock.pass_(min(step, end - self.clock.steady.timestamp()))
            await self.service.step()
            await self.service.settle()

    async def target(self, target_id: str) -> Target:
        view = await self.service.view()
        return next(t for t in (view.instance, *view.targets) if t.id == target_id)

    async def log(self, target_id: str | None = None) -> list[Decision]:
        """Give the decision log, oldest first."""
        return list(reversed(await self.service.decisions(DecisionQuery(target_id=target_id, limit=1000))))

    def emit(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def sent(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]

    def close(self) -> None:
        self._executor.shutdown()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()
