"""A stand-in for the engine: it makes folders instead of solving, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

from jupyter_lcc.environments.engine_model import FetchExact, SolveExact, Surroundings, SyncExact
from jupyter_lcc.environments.exact import Exact
from jupyter_lcc.environments.model import Names, Plan, PlanItem, VersionDiff, VersionList
from jupyter_lcc.environments.wishes import Wish
from jupyter_lcc.errors import LccError
from jupyter_lcc.jobs.context import JobContext

from .homes import add_record, make_prefix


class FakeEngine:
    """Fulfils `service.Engine`. `fail` is raised by the next call; `gate` is waited for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.fail: LccError | None = None
        self.gate: asyncio.Event | None = None
        self.item_bytes = 100

    async def plan(self, around: Surroundings, prefix: str, wish: Wish) -> Plan:
        await self._note("plan", around, prefix, wish)
        return Plan(add=tuple(PlanItem(name=spec, version="1.0", size_bytes=self.item_bytes) for spec in wish.install))

    async def plan_clone(self, around: Surroundings, source: str) -> Plan:
        await self._note("plan_clone", around, source)
        return Plan()

    async def plan_roll_back(self, around: Surroundings, prefix: str, version: int) -> Plan:
        await self._note("plan_roll_back", around, prefix, version)
        return Plan()

    async def create(self, around: Surroundings, prefix: str, wish: Wish, context: JobContext) -> dict[str, Any]:
        await self._note("create", around, prefix, wish)
        made = make_prefix(Path(prefix))
        self._identify(made)
        self._install(made, wish)
        return {}

    async def clone(
        self,
        around: Surroundings,
        source: str,
        prefix: str,
        command: str,
        context: JobContext,
        *,
        keep_id: bool = False,
    ) -> dict[str, Any]:
        await self._note("clone", around, source, prefix, keep_id)
        shutil.copytree(source, prefix, symlinks=True)
        return {}

    async def change(self, around: Surroundings, prefix: str, wish: Wish, context: JobContext) -> dict[str, Any]:
        await self._note("change", around, prefix, wish)
        self._install(Path(prefix), wish)
        return {"changed": True, "version": 2}

    async def roll_back(self, around: Surroundings, prefix: str, version: int, context: JobContext) -> dict[str, Any]:
        await self._note("roll_back", around, prefix, version)
        return {}

    async def reinstall(self, around: Surroundings, prefix: str, context: JobContext) -> dict[str, Any]:
        await self._note("reinstall", around, prefix)
        return {}

    async def clean_cache(self, around: Surroundings, context: JobContext) -> dict[str, Any]:
        await self._note("clean_cache", around)
        return {"freed_bytes": 0, "removed": 0}

    async def names(self, around: Surroundings, channels: tuple[str, ...], query: str, limit: int) -> Names:
        await self._note("names", around, channels, query, limit)
        return Names(names=("numpy",))

    async def solve_exact(self, request: SolveExact, context: JobContext | None) -> tuple[Exact, ...]:
        await self._note("solve_exact", request.surroundings, request.wish, request.platforms)
        return tuple(Exact(platform=platform) for platform in request.platforms)

    async def locate_exact(self, around: Surroundings, exact: Exact) -> Exact:
        await self._note("locate_exact", around, exact)
        return exact

    async def sync_exact(self, request: SyncExact, context: JobContext) -> dict[str, Any]:
        await self._note("sync_exact", request.surroundings, request)
        self._equal(Path(request.prefix), request.exact)
        return {"changed": True, "version": 2}

    async def fetch_exact(self, request: FetchExact, context: JobContext) -> dict[str, Any]:
        await self._note("fetch_exact", request.surroundings, request.exact, request.folder)
        return {"fetched": 0, "present": 0, "bytes": 0}

    async def versions(self, around: Surroundings, prefix: str) -> VersionList:
        return VersionList(versions=())

    async def diff(self, around: Surroundings, prefix: str, first: int, second: int | None) -> VersionDiff:
        return VersionDiff()

    async def recover(self, around: Surroundings) -> list[str]:
        self.asked.append(("recover",))
        return []

    async def _note(self, verb: str, around: Surroundings, *rest: Any) -> None:
        self.asked.append((verb, *rest))
        self.around = around
        if self.gate is not None:
            await self.gate.wait()
        if self.fail is not None:
            error, self.fail = self.fail, None
            raise error

    def _equal(self, prefix: Path, exact: Exact) -> None:
        if not prefix.exists():
            self._identify(make_prefix(prefix))
        for path in (prefix / "conda-meta").glob("*.json"):
            path.unlink()
        for package in exact.conda:
            add_record(prefix, package.name, package.version, package.build, sha256=package.sha256)

    @staticmethod
    def _identify(prefix: Path) -> None:
        (prefix / "conda-meta/jupyter_lcc").write_text(json.dumps({"id": prefix.name, "version": 1}))

    @staticmethod
    def _install(prefix: Path, wish: Wish) -> None:
        for name in wish.install:
            if name != "python":
                add_record(prefix, name.split("=")[0].split("[")[0], "1.0")
        for name in wish.remove:
            next((prefix / "conda-meta").glob(f"{name}-*.json")).unlink()
