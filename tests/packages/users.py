"""A user with package lists: a home, the real engine, jobs, environments and lists, without a server around them."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import msgspec

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.environments.bounds import EnvironmentSettings
from jupyter_lcc.environments.lock_file import platform_of
from jupyter_lcc.environments.reading import Reading
from jupyter_lcc.environments.service import Environments
from jupyter_lcc.environments.sizes import Sizes
from jupyter_lcc.environments.worker import EngineWorker
from jupyter_lcc.errors import LccError
from jupyter_lcc.jobs.files import JobFiles
from jupyter_lcc.jobs.model import Job
from jupyter_lcc.jobs.processes import Child, end_all
from jupyter_lcc.jobs.service import Jobs
from jupyter_lcc.packages.bounds import ListBounds
from jupyter_lcc.packages.join import join_lists
from jupyter_lcc.packages.lock import set_hash
from jupyter_lcc.packages.model import ListSettings, ListState, SourcePlace
from jupyter_lcc.packages.service import PackageLists
from jupyter_lcc.platforms.model import Platform

from ..environments.test_service import FakeKernels

LOG = logging.getLogger("jupyter_lcc.tests")
PLAIN = Platform(kind="plain", persistent_root=None, can_stop_instance=False)
QUIET = ListSettings(mode="off", poll_seconds=86400)


class Failed(Exception):
    """A job did not succeed; `job` tells why."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"{job.kind} {job.state}: {job.error}")
        self.job = job


def place(where: Path | str, **more: Any) -> SourcePlace:
    """The administrator's only source."""
    return SourcePlace(place=str(where), id="team", configured=True, **more)


class User:
    """Everything of one user. `begin` and `end` as often as their server does."""

    def __init__(
        self, home: Path, *, settings: ListSettings = QUIET, bounds: ListBounds | None = None, name: str = ""
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.name = name or home.name
        self.settings = settings
        self.bounds = bounds or ListBounds()
        self.events: list[dict[str, Any]] = []

    async def begin(self, *, start: bool = True) -> PackageLists:
        environ = {**os.environ, "HOME": str(self.home), "UV_CACHE_DIR": str(self.home / "uv")}
        clock = SystemClock()
        self.jobs = Jobs(
            files=JobFiles(lambda: self.home / "state", LOG),
            clock=clock,
            emit=lambda _: None,
            start_child=Child.start,
            end_all=end_all,
            log=LOG,
        )
        reading = Reading(
            home=self.home,
            environ={"HOME": str(self.home)},
            platform=PLAIN,
            data_dir=self.home / ".local/share/jupyter",
            kernel_folders=[],
            server_root=None,
            settings=EnvironmentSettings(),
        )
        self.engine = EngineWorker(environ)
        self.environments = Environments(
            reading=reading,
            sizes=Sizes(self.home / "sizes.json", clock, LOG, lambda: None),
            settings=EnvironmentSettings(),
            jobs=self.jobs,
            engine=self.engine,
            kernels=FakeKernels(),
            clock=clock,
            emit=lambda _: None,
            log=LOG,
        )
        self.lists = join_lists(
            settings=self.settings,
            bounds=self.bounds,
            folder=self.home / "state",
            platform=reading.subdir,
            environments=self.environments,
            jobs=self.jobs,
            author=self.name,
            clock=clock,
            emit=self.events.append,
            log=LOG,
        )
        if start:
            await self.jobs.start()
            await self.environments.start()
            await self.lists.start()
        return self.lists

    async def end(self) -> None:
        await self.lists.stop()
        await self.jobs.stop()
        await self.environments.stop()
        await self.engine.stop()

    async def done(self, job: Any) -> dict[str, Any]:
        assert isinstance(job, Job)
        over = await self.jobs.wait(job.id)
        if over.state != "succeeded":
            raise Failed(over)
        return dict(over.result or {})

    async def state(self, name: str, *, ask: bool = False) -> ListState:
        states = await (self.lists.check() if ask else self.lists.all())
        return next(state for state in states.lists if state.name == name)

    async def set_hash(self, name: str) -> str:
        """Name what is really installed."""
        return set_hash(platform_of(await self.environments.exact_of(name)))

    async def until(self, happens: Any, seconds: float = 60.0) -> None:
        """Wait for something to become true."""
        end = asyncio.get_running_loop().time() + seconds
        while not await happens():
            assert asyncio.get_running_loop().time() < end, "it never happened"
            await asyncio.sleep(0.02)


def builtins(error: LccError) -> dict[str, Any]:
    """What a client gets to see of an error."""
    shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(error.detail))
    return shown
