"""Package lists: what it costs to be in sync, to change one package of 300, to look at 50 lists, to be ten machines.

The peer is what people run at every start to stay equal to a file: `pip install -r` with everything there already.
conda's `env update` solves anew each time and takes longer; where `conda` is on PATH it is run too.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec

from jupyter_lcc.environments.model import ChangeEnvironment
from jupyter_lcc.packages.model import PutList, SourcePlace, SyncList
from tests.environments.channel import Channel, small
from tests.packages.users import QUIET, User

from .figures import Figure
from .machines import ten_machines

__all__ = ["measure"]

PACKAGES = 300
LISTS = 50
RUNS = 7


def measure() -> Iterator[Figure]:
    """Make a channel, a source and a user, and measure."""
    folder = Path(tempfile.mkdtemp(prefix="lcc-bench-lists-"))
    try:
        yield from asyncio.run(_with_user(folder))
        yield ten_machines(folder / "ten", Channel(folder / "channel"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _with_user(folder: Path) -> list[Figure]:
    source = folder / "source"
    source.mkdir()
    channel = _channel(folder / "channel")
    places = (SourcePlace(place=str(source), id="team", configured=True),)
    user = User(folder / "home", settings=msgspec.structs.replace(QUIET, sources=places))
    await user.begin()
    try:
        figures = [await _in_sync(user, channel, folder)]
        figures.append(await _one_changed(user, channel))
        figures.append(await _many(user, channel))
    finally:
        await user.end()
    return figures


def _channel(folder: Path) -> Channel:
    channel = Channel(folder)
    channel.add(*(small(f"pkg{number}", version) for number in range(PACKAGES) for version in ("1.0", "2.0")))
    channel.index()
    return channel


def _text(channel: Channel, newer: int = -1) -> str:
    specs = "".join(f"  - pkg{n}={'2.0' if n == newer else '1.0'}\n" for n in range(PACKAGES))
    return f"channels:\n  - {channel.url}\ndependencies:\n{specs}"


async def _in_sync(user: User, channel: Channel, folder: Path) -> Figure:
    await user.done(await user.lists.put("team", PutList(text=_text(channel)), None))
    await user.done(await user.lists.sync("team", SyncList()))
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        state = await user.state("team", ask=True)
        diff = await user.lists.diff("team")
        seconds.append(time.perf_counter() - began)
        if state.status != "in_sync" or diff.add or diff.remove or diff.change:
            raise RuntimeError("It is not in sync.")
    beside, name = _peer(folder, channel)
    how = f"the source is asked, and {PACKAGES} packages compared; {_of(seconds)}"
    return Figure("lists: in sync already", 1000 * median(seconds), "ms", 1000 * beside, name, 100.0, how)


def _peer(folder: Path, channel: Channel) -> tuple[float, str]:
    """Run what people run: pip on a file all of which is there; conda too, if there is one."""
    venv, wanted = folder / "venv", folder / "requirements.txt"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, capture_output=True)
    packages = next(venv.glob("lib/python*/site-packages"))
    for number in range(PACKAGES):
        info = packages / f"pkg{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pkg{number}\nVersion: 1.0\n")
        (info / "RECORD").write_text("")
        (info / "INSTALLER").write_text("pip\n")
    wanted.write_text("".join(f"pkg{number}==1.0\n" for number in range(PACKAGES)))
    pip = _seconds(str(venv / "bin/python"), "-m", "pip", "install", "--no-index", "-r", str(wanted))
    told = subprocess.run(
        [str(venv / "bin/python"), "-m", "pip", "--version"], check=True, capture_output=True, text=True
    )
    version = told.stdout.split()[1]
    if shutil.which("conda") is None:
        return pip, f"pip {version} install -r, all there already"
    listed = folder / "environment.yml"
    listed.write_text(_text(channel))
    words = ("conda", "env", "update", "--prefix", str(folder / "conda"), "--file", str(listed))
    _seconds(*words)
    return min(pip, _seconds(*words)), f"the faster of pip {version} install -r ({pip:.1f} s) and conda env update"


def _seconds(*words: str) -> float:
    began = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    return time.perf_counter() - began


async def _one_changed(user: User, channel: Channel) -> Figure:
    """Change one of 300 by the list, and one by hand, again and again."""
    synced, alone = [], []
    for run in range(RUNS):
        etag = (await user.lists.text("team")).etag
        await user.done(await user.lists.put("team", PutList(text=_text(channel, run)), etag))
        began = time.perf_counter()
        await user.done(await user.lists.sync("team", SyncList()))
        synced.append(time.perf_counter() - began)
        wish = ChangeEnvironment(install=(f"pkg{PACKAGES - 1 - run}=2.0",), channels=(channel.url,))
        began = time.perf_counter()
        await user.done(await user.environments.change("team", wish))
        alone.append(time.perf_counter() - began)
        await user.done(await user.lists.sync("team", SyncList()))
    how = f"sync after the list has another version of one; {_of(synced)}; alone {_of(alone)}"
    beside = median(alone)
    name = "that package alone, into the same environment"
    return Figure(f"lists: one package changed of {PACKAGES}", median(synced), "s", beside, name, beside + 0.3, how)


async def _many(user: User, channel: Channel) -> Figure:
    names = [f"list{number}" for number in range(LISTS)]
    for number, name in enumerate(names):
        text = f"channels:\n  - {channel.url}\ndependencies:\n  - pkg{number}=1.0\n"
        await user.done(await user.lists.put(name, PutList(text=text), None))
        await user.done(await user.lists.sync(name, SyncList()))
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        states = await user.lists.check()
        seconds.append(time.perf_counter() - began)
        if any(state.status != "in_sync" for state in states.lists if state.name in names):
            raise RuntimeError("They are not in sync.")
    how = f"the source is asked, every environment compared with its list; {_of(seconds)}"
    return Figure(f"lists: {LISTS} lists checked for drift", median(seconds), "s", limit=1.0, how=how)


def _of(seconds: list[float]) -> str:
    return f"median of {len(seconds)} runs, {min(seconds):.3f} to {max(seconds):.3f} s"
