"""Environments beside conda: to list, to make, to clone, to change; and that the server goes on meanwhile.

Where `conda` is on PATH it is run on the same channel, in the same run. Where it isn't, what it took on a machine of
two cores is stated as such (conda 26.7 with its rattler solver, all packages in its cache), and Python's own tools are
run beside.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

from jupyter_client.manager import AsyncKernelManager

from jupyter_lcc.environments.bounds import EnvironmentSettings
from jupyter_lcc.environments.engine_model import Surroundings
from jupyter_lcc.environments.reading import Reading
from jupyter_lcc.environments.staging import link_tree
from jupyter_lcc.environments.wishes import Wish
from jupyter_lcc.environments.worker import EngineWorker
from jupyter_lcc.jobs.context import JobContext
from jupyter_lcc.jobs.model import Progress
from jupyter_lcc.jobs.processes import Child
from jupyter_lcc.platforms.model import Platform
from tests.environments.channel import Channel, make_channel

from .figures import Figure

__all__ = ["measure"]

ENVIRONMENTS = 50
PACKAGES = 300
RUNS = 5
STALL_MS = 50.0

STATED = {"env list": 0.27, "list": 1.8, "create": 5.2, "clone": 4.5, "no-op": 0.6}
"""Seconds, the fastest that was seen of conda 26.7."""


class _Silent:
    """Jobs nobody listens to."""

    def note_progress(self, job_id: str, progress: Progress) -> None:
        """Don't care."""

    def note_log(self, job_id: str, text: str) -> None:
        """Don't care."""


class _House:
    """A home with a channel, the read side and the engine, as the server has them."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.channel: Channel = make_channel(folder / "channel")
        self.data = self.home / ".local/share/jupyter"
        self.reading = self.new_reading()
        self.around = Surroundings(places=self.reading.places, subdir=self.reading.subdir)
        self.engine = EngineWorker({**os.environ, "HOME": str(self.home)})

    def new_reading(self) -> Reading:
        """Look with nothing remembered."""
        return Reading(
            home=self.home,
            environ={"HOME": str(self.home)},
            platform=Platform(kind="plain", persistent_root=str(self.home), can_stop_instance=False),
            data_dir=self.data,
            kernel_folders=(),
            server_root=None,
            settings=EnvironmentSettings(),
        )

    def prefix(self, name: str) -> str:
        """Where an environment lies."""
        return str(self.around.places.prefix(name))

    def wish(self, *install: str) -> Wish:
        """Wish for packages of the channel."""
        return Wish(channels=(self.channel.url,), install=install, command="benchmark")

    def context(self) -> JobContext:
        """Begin a job."""
        return JobContext(uuid4().hex, _Silent(), Child.start)


def measure() -> Iterator[Figure]:
    """Make a house, and measure everything in it."""
    folder = Path(tempfile.mkdtemp(prefix="lcc-bench-environments-"))
    try:
        yield from asyncio.run(_measure(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(folder: Path) -> list[Figure]:
    house = _House(folder)
    conda = _Conda(folder, house.channel)
    figures: list[Figure] = []
    stalls: list[float] = []
    await house.engine.create(house.around, house.prefix("warm"), house.wish("python", "ipykernel"), house.context())
    for name, work, limit, times, peer, how in (
        (
            "environments: create, to a starting kernel",
            _create_to_kernel,
            1.5,
            5,
            "create",
            "python and ipykernel from a warm cache, the kernelspec written, the kernel started; it answers",
        ),
        ("environments: clone", _clone, 1.0, 1, "clone", "of python and ipykernel, 31 packages"),
        ("environments: change nothing", _no_op, 0.15, 1, "no-op", "install what is there"),
    ):
        seconds = []
        for run in range(RUNS):
            began = time.perf_counter()
            seconds.append(await work(house, run, stalls) - began)
        beside, beside_name = conda.seconds(peer, house)
        figures.append(
            Figure(
                name, median(seconds), "s", beside, beside_name, min(limit, beside / times), f"{how}; {_of(seconds)}"
            )
        )
    figures += await _lists(house, conda, stalls)
    figures.append(
        Figure(
            "environments: longest stall of the server's loop",
            1000 * max(stalls),
            "ms",
            limit=STALL_MS,
            how="the latest that a task which wants to run every millisecond came, through all of the above",
        )
    )
    figures += _pythons_own(folder)
    await house.engine.stop()
    house.reading.stop()
    return figures


async def _create_to_kernel(house: _House, run: int, stalls: list[float]) -> float:
    """Give the moment when the kernel is registered and starting; that it then answers is checked."""
    name = f"made{run}"
    async with _watched(stalls):
        await house.engine.create(house.around, house.prefix(name), house.wish("python", "ipykernel"), house.context())
        spec = await house.reading.register(name, house.prefix(name), f"Python ({name})", note=True)
    manager = AsyncKernelManager(kernel_name=spec.name)
    manager.kernel_spec_manager.kernel_dirs = [str(house.data / "kernels")]
    await manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started = time.perf_counter()
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=60)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
    return started


async def _clone(house: _House, run: int, stalls: list[float]) -> float:
    source, prefix = house.prefix("warm"), house.prefix(f"clone{run}")
    async with _watched(stalls):
        await house.engine.clone(house.around, source, prefix, "clone", house.context())
        return time.perf_counter()


async def _no_op(house: _House, run: int, stalls: list[float]) -> float:
    async with _watched(stalls):
        told = await house.engine.change(house.around, house.prefix("warm"), house.wish("ipykernel"), house.context())
        if told["changed"]:
            raise RuntimeError("Something was changed where nothing was to be done.")
        return time.perf_counter()


async def _lists(house: _House, conda: _Conda, stalls: list[float]) -> list[Figure]:
    envs = Path(house.around.places.folder)
    await asyncio.to_thread(_copies, envs)
    cold, warm = await _cold_and_warm(house, lambda reading: reading.snapshot(), stalls)
    found = await house.reading.snapshot()
    if len(found.found) != ENVIRONMENTS:
        raise RuntimeError(f"{len(found.found)} environments were found of {ENVIRONMENTS}.")
    beside, beside_name = conda.seconds("env list", house)
    how = f"{ENVIRONMENTS} of python and ipykernel; cold: nothing remembered of them, warm: asked again"
    figures = [
        Figure("environments: list 50, cold", 1000 * cold, "ms", 1000 * beside, beside_name, 50.0, how),
        Figure(
            "environments: list 50, warm", 1000 * warm, "ms", 1000 * beside, beside_name, min(5.0, 10 * beside), how
        ),
    ]
    await asyncio.to_thread(_many_records, envs / "copy0")
    big = (await house.reading.snapshot()).get("copy0")
    cold, warm = await _cold_and_warm(house, lambda reading: reading.packages(big, found.conda), stalls)
    beside, beside_name = conda.seconds("list", house)
    size = await asyncio.to_thread(_bytes, envs / "copy0/conda-meta")
    how = f"{PACKAGES} records, {size / 1e6:.0f} MB of JSON"
    limit = min(120.0, 1000 * beside / 15)
    return [
        *figures,
        Figure("environments: list 300 packages, cold", 1000 * cold, "ms", 1000 * beside, beside_name, limit, how),
        Figure("environments: list 300 packages, warm", 1000 * warm, "ms", 1000 * beside, beside_name, 5.0, how),
    ]


async def _cold_and_warm(
    house: _House, ask: Callable[[Reading], Awaitable[object]], stalls: list[float]
) -> tuple[float, float]:
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(RUNS):
        reading = house.new_reading()
        for seconds in (cold, warm):
            began = time.perf_counter()
            async with _watched(stalls):
                await ask(reading)
                seconds.append(time.perf_counter() - began)
        reading.stop()
    return median(cold), median(warm)


def _copies(envs: Path) -> None:
    there = sum(1 for path in envs.iterdir() if not path.name.startswith("."))
    for number in range(ENVIRONMENTS - there):
        link_tree(envs / "warm", envs / f"copy{number}")


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.json"))


def _many_records(prefix: Path) -> None:
    """Let an environment have so many packages, each with as many files as a usual one."""
    meta = prefix / "conda-meta"
    model = json.loads(next(meta.glob("jedi-*.json")).read_text())
    files, paths = model["files"][:200], model["paths_data"]["paths"][:200]
    for number in range(PACKAGES - len(list(meta.glob("*.json")))):
        name = f"filler{number}"
        record = model | {"name": name, "files": files, "paths_data": {"paths_version": 1, "paths": paths}}
        (meta / f"{name}-{model['version']}-{model['build']}.json").write_text(json.dumps(record, indent=2))


@asynccontextmanager
async def _watched(stalls: list[float]) -> AsyncIterator[None]:
    """Note the longest time in which the loop did nothing else."""

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(0.001)
            stalls.append(loop.time() - began - 0.001)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()


class _Conda:
    """conda itself where there is one, else what it took elsewhere."""

    def __init__(self, folder: Path, channel: Channel) -> None:
        self._program = shutil.which("conda")
        self._channel = channel.url
        self._folder = folder / "conda"
        self._made = 0

    def seconds(self, what: str, house: _House) -> tuple[float, str]:
        """Give how long it takes and where that is from."""
        if self._program is None:
            return STATED[what], "conda, stated"
        if self._made == 0:
            self._run("create", "-p", self._new(), "python", "ipykernel")  # fills its cache
        first = str(self._folder / "1")
        words = {
            "env list": ("env", "list", "--json"),
            "list": ("list", "-p", house.prefix("copy0"), "--json"),
            "create": ("create", "-p", self._new(), "python", "ipykernel"),
            "clone": ("create", "-p", self._new(), "--clone", first),
            "no-op": ("install", "-p", first, "ipykernel"),
        }[what]
        began = time.perf_counter()
        self._run(*words)
        return time.perf_counter() - began, "conda"

    def _new(self) -> str:
        self._made += 1
        return str(self._folder / str(self._made))

    def _run(self, *words: str) -> None:
        more = ["-y", "-q", "--override-channels", "-c", self._channel] if words[0] in ("create", "install") else []
        environ = {**os.environ, "CONDA_PKGS_DIRS": str(self._folder / "pkgs"), "CONDA_OVERRIDE_CUDA": ""}
        subprocess.run([str(self._program), *words, *more], env=environ, check=True, capture_output=True)


def _pythons_own(folder: Path) -> Iterator[Figure]:
    """Run what is everywhere: `python -m venv` with pip in it, and `python -m pip list`."""
    for name, words in (
        ("beside: python -m venv, with pip alone", [sys.executable, "-m", "venv", str(folder / "venv")]),
        ("beside: python -m pip list", [str(folder / "venv/bin/python"), "-m", "pip", "list", "--format", "json"]),
    ):
        began = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        yield Figure(name, time.perf_counter() - began, "s", how="run once, for comparison")


def _of(seconds: list[float]) -> str:
    return f"median of {len(seconds)} runs, {min(seconds):.2f} to {max(seconds):.2f} s"
