"""A home, the real engine and jobs to run it in, without a server around them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from jupyter_lcc.environments.bounds import EnvironmentSettings
from jupyter_lcc.environments.condarc import CondaSettings
from jupyter_lcc.environments.engine_model import Surroundings
from jupyter_lcc.environments.model import Plan
from jupyter_lcc.environments.wishes import Wish
from jupyter_lcc.environments.worker import EngineWorker
from jupyter_lcc.jobs.context import JobContext
from jupyter_lcc.jobs.model import Progress
from jupyter_lcc.jobs.processes import Child

from .channel import SUBDIR, Channel
from .homes import places_in


class Heard:
    """Remembers what a job tells."""

    def __init__(self) -> None:
        self.progress: list[Progress] = []
        self.log = ""

    def note_progress(self, job_id: str, progress: Progress) -> None:
        self.progress.append(progress)

    def note_log(self, job_id: str, text: str) -> None:
        self.log += text


class Desk:
    """Asks the engine for things in one home."""

    def __init__(self, home: Path, channel: Channel | str, cache: Path, environ: Mapping[str, str] | None = None):
        self.home = home
        self.url = channel if isinstance(channel, str) else channel.url
        self.around = Surroundings(places=places_in(home, cache=str(cache)), subdir=SUBDIR)
        self.environ = {**os.environ, **(environ or {}), "HOME": str(home), "UV_CACHE_DIR": str(cache / "uv")}
        self.environ.pop("RATTLER_AUTH_FILE", None)
        self.engine = EngineWorker(self.environ)
        self.heard = Heard()
        self.children: list[Child] = []

    def change_around(self, *, conda: CondaSettings | None = None, settings: EnvironmentSettings | None = None) -> None:
        """Let other settings hold."""
        values = {"conda": conda or self.around.conda, "settings": settings or self.around.settings}
        self.around = msgspec.structs.replace(self.around, **values)

    def prefix(self, name: str) -> Path:
        return Path(self.around.places.prefix(name))

    def wish(self, *install: str, **more: Any) -> Wish:
        return Wish(**{"channels": (self.url,), "install": install, "command": "a command", **more})

    def context(self) -> JobContext:
        async def start(*arguments: Any, **options: Any) -> Child:
            child = await Child.start(*arguments, **options)
            self.children.append(child)
            return child

        return JobContext(uuid4().hex, self.heard, start)

    async def create(self, name: str, *install: str, **more: Any) -> dict[str, Any]:
        wish = self.wish(*install, **more)
        return await self.engine.create(self.around, str(self.prefix(name)), wish, self.context())

    async def clone(self, source: str, name: str, *, keep_id: bool = False) -> dict[str, Any]:
        one, two = str(self.prefix(source)), str(self.prefix(name))
        return await self.engine.clone(self.around, one, two, "clone", self.context(), keep_id=keep_id)

    async def change(self, name: str, *install: str, **more: Any) -> dict[str, Any]:
        wish = self.wish(*install, **more)
        return await self.engine.change(self.around, str(self.prefix(name)), wish, self.context())

    async def plan(self, name: str, *install: str, **more: Any) -> Plan:
        return await self.engine.plan(self.around, str(self.prefix(name)), self.wish(*install, **more))

    async def roll_back(self, name: str, version: int) -> dict[str, Any]:
        return await self.engine.roll_back(self.around, str(self.prefix(name)), version, self.context())

    def records(self, name: str) -> dict[str, dict[str, Any]]:
        """Give conda's records by name."""
        files = self.prefix(name).glob("conda-meta/*.json")
        return {record["name"]: record for record in map(json.loads, map(Path.read_text, files))}

    def versions_of(self, name: str) -> dict[str, str]:
        return {key: record["version"] for key, record in self.records(name).items()}

    def asked(self, name: str) -> dict[str, str]:
        return {k: r["requested_spec"] for k, r in self.records(name).items() if r.get("requested_spec")}

    def left(self) -> list[str]:
        """Name what stands about beside the environments; what is being swept away doesn't count."""
        ours = self.around.places.ours
        return [p.name for p in ours.iterdir() if not p.name.startswith("garbage-")] if ours.exists() else []

    def python(self, name: str, code: str) -> str:
        """Run code in an environment and give what it prints."""
        argv = [str(self.prefix(name) / "bin/python"), "-c", code]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    async def stop(self) -> None:
        await self.engine.stop()


def picture(folder: Path) -> dict[str, object]:
    """Give all that an environment is: each file's content, each link's target, each mode."""
    found: dict[str, object] = {}
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            key = str(path.relative_to(folder))
            if path.is_symlink():
                found[key] = os.readlink(path)
            elif path.is_dir():
                found[key] = oct(path.stat().st_mode)
            else:
                found[key] = (path.stat().st_mode, path.read_bytes())
    return found


async def until(happens: Any, seconds: float = 20.0) -> None:
    """Wait for something to become true."""
    end = asyncio.get_running_loop().time() + seconds
    while not happens():
        assert asyncio.get_running_loop().time() < end, "it never happened"
        await asyncio.sleep(0.005)
