"""A program that fills a disk while package lists are published, read and synced. Whatever doesn't hold ends it.

`python -m tests.packages.full publish FOLDER` on a file system of a megabyte that only this process sees, as
`unshare --mount` gives it; with `limit` before these words, where none can be mounted, by the size a file may have.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.environments.lock_file import lock_of, write_lock
from jupyter_lcc.errors import DiskFull
from jupyter_lcc.packages.model import AddSource, SyncList
from jupyter_lcc.packages.sources.directory import DirectorySource
from jupyter_lcc.packages.sources.model import Draft

from .fake_environments import exact
from .made import signed
from .test_service import TEXT, House

PAGE = 4096


class SmallDisk:
    """A file system of a megabyte at `folder`."""

    def __init__(self, folder: Path) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
        self._filler = folder / "filler"

    def fill(self, pages: int = 0) -> None:
        """Leave room for so many pages."""
        with open(self._filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * PAGE)
            except OSError:
                os.ftruncate(file.fileno(), max(0, os.fstat(file.fileno()).st_size // PAGE - pages) * PAGE)

    def free(self) -> None:
        self._filler.unlink()


class SmallFiles:
    """No file may be longer than some bytes."""

    def fill(self, pages: int = 0) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400 * pages, resource.RLIM_INFINITY))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


Disk = SmallDisk | SmallFiles


def picture(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("filler", "sources.lock")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@contextmanager
def refused(folder: Path) -> Any:
    """What is done says that the disk is full, and leaves every file as it was and none besides."""
    before = picture(folder)
    with pytest.raises(DiskFull, match=r"No space left|File too large") as error:
        yield
    assert str(folder) in error.value.message
    assert picture(folder) == before
    assert not list(folder.rglob(".staging-*"))


def publish(disk: Disk, folder: Path) -> None:
    """With no room, and with ever so little of it: the old revision holds, or the new one, as a whole."""
    source = DirectorySource(folder)
    first = source.write("team", Draft(text=TEXT, lock="# lock\n", signed=signed()), None)
    source.write("other", Draft(text=TEXT, signed=signed()), None)
    newer = Draft(text=f"# {'x' * 3000}\n" + TEXT, lock="# lock\n" * 3000, signed=signed("bob"))
    disk.fill()
    for write in (
        lambda: source.write("team", newer, first),
        lambda: source.write("new", newer, None),
        lambda: source.remove("team", signed(), first),
    ):
        with refused(folder):
            write()
    assert source.read("team") == first
    assert source.names() == ("other", "team")
    halves = 0
    for pages in range(1, 100):
        disk.fill(pages)
        before = picture(folder)
        try:
            second = source.write("team", newer, first)
        except DiskFull:
            halves += 1
            assert picture(folder) == before
            assert (source.read("team"), len(source.history("team"))) == (first, 1)
        else:
            break
    assert halves > 1, "it was never half written"
    assert source.read("team") == second  # the copies for people may have to wait for the next one
    disk.free()
    third = source.write("team", Draft(text=TEXT + "# 3\n", signed=signed()), second)
    assert [record.number for record in source.history("team")] == [3, 2, 1]
    assert (folder / "team/environment.yml").read_text() == third.text
    assert source.revision("team", 2).text == newer.text
    source.write("new", newer, None)


async def state(disk: Disk, folder: Path) -> None:
    """What is read and synced holds though it can't be written down; what somebody chooses is refused instead."""
    house = House(folder.parent)
    await house.begin()
    lists = house.lists
    await house.put("team")
    await house.sync("team")
    assert (await house.state("team")).status == "in_sync"
    source = DirectorySource(house.place)
    source.write("team", Draft(text=TEXT, signed=signed("bob"), lock=_lock()), source.read("team"))
    kept = folder / "package-lists"
    disk.fill()
    before = picture(kept)
    seen = await lists.pull("team")
    assert (seen.status, seen.revision and seen.revision.number) == ("behind", 2)
    assert "can't be kept" in seen.message, seen.message
    await refused_later(kept, lambda: lists.sync("team", SyncList(keep=("mine",))))
    (folder.parent / "mine").mkdir()
    await refused_later(kept, lambda: lists.add_source(AddSource(place=str(folder.parent / "mine"))))
    await house.sync("team")
    seen = await house.state("team")
    assert (seen.status, seen.synced_revision) == ("in_sync", 2)
    assert "can't be" in seen.message, seen.message
    assert picture(kept) == before
    await house.again()  # a server that begins on a full disk
    assert (await house.state("team")).status == "in_sync"
    assert picture(kept) == before
    disk.free()
    seen = await house.state("team")
    assert (seen.status, seen.synced_revision, seen.message) == ("in_sync", 2, "")
    assert not list(kept.rglob("*.tmp"))
    house.place.rename(folder.parent / "away")
    await house.again()  # what was kept is the newest
    seen = await house.state("team")
    assert (seen.status, seen.synced_revision, seen.from_copy) == ("in_sync", 2, True)
    (folder.parent / "away").rename(house.place)
    await house.put("new")
    await house.sync("new", keep=("mine",))
    await house.end()


def _lock() -> str:
    return write_lock(lock_of((exact("numpy=2.0", "pandas=1.0"),)), TEXT)


async def refused_later(folder: Path, ask: Callable[[], Awaitable[object]]) -> None:
    with refused(folder):
        await ask()


def main(words: list[str]) -> None:
    limited = words[0] == "limit"
    what, where = words[-2:]
    folder = Path(where) / "state"
    folder.mkdir()
    disk: Disk = SmallFiles() if limited else SmallDisk(folder)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if what == "publish":
        publish(disk, folder)
    else:
        asyncio.run(state(disk, folder))


if __name__ == "__main__":
    main(sys.argv[1:])
