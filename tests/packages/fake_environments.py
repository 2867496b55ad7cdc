"""FAKE environments: sets of packages in memory, and a solver that takes every spec for its version."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from jupyter_lcc.environments.exact import Exact, ExactConda, ExactPip, Installed, plan_digest, plan_of, step_of
from jupyter_lcc.environments.model import Export, ExportQuery, Plan
from jupyter_lcc.errors import Conflict, NotFound, OutsideFailure, Unsatisfiable
from jupyter_lcc.jobs.context import JobContext
from jupyter_lcc.jobs.model import Job
from jupyter_lcc.jobs.service import Jobs

HERE = "linux-64"
CHANNEL = "https://channel.example/main"


def exact(*specs: str, pip: tuple[str, ...] = (), platform: str = HERE) -> Exact:
    return Exact(
        platform=platform,
        channels=(CHANNEL,),
        conda=tuple(_conda(spec, platform) for spec in specs),
        pip=tuple(_pip(spec) for spec in pip),
    )


def _split(spec: str) -> tuple[str, str]:
    found = re.match(r"([\w-]+)\s*[=<>!~]*\s*([\w.]*)", spec)
    assert found is not None
    return found[1], found[2] or "1.0"


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _conda(spec: str, platform: str) -> ExactConda:
    name, version = _split(spec)
    if name == "nowhere":
        raise Unsatisfiable("nowhere is not in any channel.")
    url = f"{CHANNEL}/{platform}/{name}-{version}-0.conda"
    licence = "Proprietary" if name == "costly" else "MIT"
    return ExactConda(
        name=name, version=version, build="0", subdir=platform, url=url, sha256=_sha(url), size=10, license=licence
    )


def _pip(spec: str) -> ExactPip:
    name, version = _split(spec)
    url = f"https://index.example/{name}/{name}-{version}-py3-none-any.whl"
    return ExactPip(name=name, version=version, url=url, sha256=_sha(url))


class FakeEnvironments:
    """`there` maps names to what is installed; `solved` counts how often the solver was asked, `asked` says how a sync
    was asked for last."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self.there: dict[str, Exact] = {}
        self.solved = 0
        self.before_solving: Callable[[], None] = lambda: None
        self.may_sync, self.may_solve = asyncio.Event(), asyncio.Event()
        self.may_sync.set()
        self.may_solve.set()
        self.asked: dict[str, Any] = {}
        self.syncing: set[str] = set()
        self.most_at_once = 0
        self.failing: set[str] = set()
        self.broken: set[str] = set()

    async def exact_of(self, name: str) -> Exact:
        if name not in self.there:
            raise NotFound(f"There is no environment {name}.", name=name)
        return self.there[name]

    async def plan_exact(self, name: str, exact: Exact, keep: tuple[str, ...] = ()) -> Plan:
        if name in self.broken:
            raise OutsideFailure(f"{name} can't be read.")
        now = self.there.get(name)
        return plan_of(step_of(Installed(now) if now is not None else None, exact, keep))

    async def export(self, name: str, query: ExportQuery) -> Export:
        lines = [f"  - {package.name}={package.version}" for package in (await self.exact_of(name)).conda]
        return Export(file_name="environment.yml", text="\n".join(["dependencies:", *lines]) + "\n")

    async def solve_exact(
        self,
        specs: tuple[str, ...],
        pip: tuple[str, ...] = (),
        channels: tuple[str, ...] = (),
        platforms: tuple[str, ...] = (),
        indexes: tuple[str, ...] = (),
        **more: Any,
    ) -> tuple[Exact, ...]:
        self.solved += 1
        self.before_solving()
        await self.may_solve.wait()
        return tuple(exact(*specs, pip=pip, platform=platform) for platform in platforms)

    async def locate(self, exact: Exact) -> Exact:
        return exact

    async def sync_exact(self, name: str, exact: Exact | Callable[[JobContext], Awaitable[Exact]], **more: Any) -> Job:
        self.asked = more
        given = exact

        async def work(context: JobContext) -> dict[str, Any]:
            exact = given if isinstance(given, Exact) else await given(context)
            self.syncing.add(name)
            self.most_at_once = max(self.most_at_once, len(self.syncing))
            try:
                await self.may_sync.wait()
                digest = plan_digest(await self.plan_exact(name, exact, more.get("keep", ())), exact)
                if more.get("expected") not in (None, digest):
                    raise Conflict("It has changed.", digest=digest)
                if name in self.failing:
                    raise Conflict("It fails.")
                kept = self.there.get(name)
                extras = tuple(p for p in kept.conda if p.name in more.get("keep", ())) if kept is not None else ()
                self.there[name] = msgspec.structs.replace(exact, conda=(*exact.conda, *extras))
            finally:
                self.syncing.discard(name)
            return {"name": name, "changed": True}

        return self._jobs.submit(kind="environment.sync", key=f"env:{name}", subject=name, work=work)

    async def fetch_exact(self, exact: Exact, folder: str, context: JobContext, **more: Any) -> dict[str, Any]:
        raise NotImplementedError
