"""A house with a parachute on fakes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.idle.model import Manifest, SaveReport, Session, Sighting, Variable
from jupyter_lcc.idle.parachute.port import HookResult, KeptOutput
from jupyter_lcc.idle.parachute.service import Parachute
from jupyter_lcc.idle.parachute.shelf import Shelf
from jupyter_lcc.idle.service import IdleService

from ...fakes import START, sighting
from ..conftest import House

NOTEBOOK = "work/train.ipynb"


class FakeManifests:
    """A fake list of variables; hangs when told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hangs = False
        self.given_up: list[str] = []

    async def take(self, sighting: Sighting) -> Manifest | None:
        self.asked.append(sighting.id)
        if self.hangs:
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up.append(sighting.id)
        return Manifest(variables=(Variable(name="df", type="pandas.DataFrame", size_bytes=9),), complete=True)


class FakeOutputs:
    """A fake keeper of output: what it holds is written once."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, KeptOutput]] = {}
        self.fails: Exception | None = None
        self.closed = False
        self.forgotten: list[str] = []

    async def write(self, sighting: Sighting) -> dict[str, KeptOutput]:
        if self.fails:
            raise self.fails
        return self.held.pop(sighting.id, {})

    async def write_all(self) -> list[tuple[Sighting, dict[str, KeptOutput]]]:
        self.closed = True
        return []

    async def recover(self) -> list[tuple[Sighting, dict[str, KeptOutput]]]:
        return []

    def forget(self, target_id: str) -> None:
        self.forgotten.append(target_id)


class FakePreStop:
    """A fake administrator's command."""

    def __init__(self) -> None:
        self.ran: list[Mapping[str, str]] = []
        self.result: HookResult | None = HookResult(error=None, output="synced", seconds=1.5)

    async def run(self, facts: Mapping[str, str]) -> HookResult | None:
        self.ran.append(facts)
        return self.result


class Nursery(House):
    """A house whose kernel `k` has a notebook that is open in a page, unless a test says otherwise."""

    on_save: Callable[[str], None] | None = None
    """A fake page: called with the target of each `save` event."""

    def emit(self, event: dict[str, Any]) -> None:
        super().emit(event)
        if event["kind"] == "save" and self.on_save:
            self.on_save(event["target_id"])

    def build(self) -> IdleService:
        self.manifests, self.outputs = FakeManifests(), FakeOutputs()
        self.parachute = self.chute = Parachute(
            Shelf(lambda: self.folder / "stopped", "/home/ann"),
            logging.getLogger("jupyter_lcc.tests"),
            manifests=self.manifests,
            outputs=self.outputs,
            wait_for_pages_seconds=0.2,
        )
        self.pre_stop = self.hook = FakePreStop()
        return super().build()

    async def pass_(self, seconds: float, *, step: float = 1.0) -> None:
        """Let time pass as the monitor does: from deadline to deadline, each met exactly."""
        end = self.clock.steady + timedelta(seconds=seconds)
        for _ in range(10_000):
            await self.service.step()
            await self.service.settle()
            due = self.service._watch.next_deadline()
            if due is not None and due <= self.clock.steady:
                continue
            if self.clock.steady >= end:
                return
            self.clock.steady = end if due is None else min(due, end)
        raise AssertionError("the monitor spins")

    def put_kernel(self, target_id: str = "k", active_at: datetime = START, **more: Any) -> None:
        sessions = (Session(path=NOTEBOOK, name="train.ipynb", type="notebook"),)
        self.kernels.put(sighting(target_id, active_at, **{"sessions": sessions, "connections": 1, **more}))

    async def report(self, result: str, *, path: str = NOTEBOOK, target: str = "k", message: str | None = None) -> None:
        await self.service.report_save(
            SaveReport(target_id=target, path=path, result=result, message=message)  # type: ignore[arg-type]
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Nursery]:
    made = Nursery(tmp_path)
    yield made
    made.close()
