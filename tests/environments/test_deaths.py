"""Whatever dies, and when: the environment is what it was or what it was to be, and never in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.environments import staging
from jupyter_lcc.environments.staging import Staging, exchange, link_tree, recover, staged
from jupyter_lcc.errors import Conflict, DiskFull, NotReachable, OutsideFailure

from .channel import Channel, Link, Package, small
from .desk import Desk, picture, until
from .homes import places_in


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Channel:
    """A channel of two versions of many packages, so that changing them takes a while."""
    channel = Channel(tmp_path_factory.mktemp("wide"))
    names = [f"part{number}" for number in range(40)]
    for version in ("1.0", "2.0"):
        for name in names:
            files: dict[str, bytes | Path | Link] = {
                f"share/{name}/{n}": f"{name} {version} {n}".encode() for n in range(40)
            }
            channel.add(Package(name, version, files=files))
        channel.add(small("whole", version, [f"{name} =={version}" for name in names]))
    channel.add(Package("big", "1.0", files={"share/big": random.Random(1).randbytes(6_000_000)}))
    channel.index()
    return channel


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def desk(tmp_path: Path, wide: Channel, cache: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Desk]:
    desk = Desk(tmp_path / "home", wide, cache)
    yield desk
    jp_asyncio_loop.run_until_complete(desk.stop())


async def test_a_change_killed_at_any_moment_is_whole_or_not_at_all(desk: Desk) -> None:
    chance = random.Random(20261121)
    await desk.create("one", "whole=1.0")
    await desk.create("two", "whole=2.0")  # fills the cache
    loop = asyncio.get_running_loop()
    began = loop.time()
    await desk.change("two", "whole=1.0")
    usual = loop.time() - began
    ends = {"1.0": 0, "2.0": 0}
    for _ in range(7):
        now = desk.versions_of("one")["whole"]
        before, id_before = picture(desk.prefix("one")), _identity(desk)
        target = "2.0" if now == "1.0" else "1.0"
        desk.children.clear()
        changing = asyncio.create_task(desk.change("one", f"whole={target}"))
        await until(lambda: desk.children)
        await asyncio.sleep(chance.uniform(0.1, 1.0) * usual)
        _kill(desk.children[0].pid)
        with contextlib.suppress(OutsideFailure):
            await changing
        found = set(desk.versions_of("one").values())
        assert found in ({"1.0"}, {"2.0"})
        assert len(desk.records("one")) == 41
        if found == {now}:
            assert picture(desk.prefix("one")) == before
            assert _identity(desk) == id_before
        else:
            assert _identity(desk)["version"] > id_before["version"]
        for number in range(40):
            texts = {path.read_text().split()[1] for path in (desk.prefix("one") / f"share/part{number}").iterdir()}
            assert texts == found
        ends[found.pop()] += 1
    await _all_is_swept(desk)
    await desk.change("one", f"whole={'2.0' if desk.versions_of('one')['whole'] == '1.0' else '1.0'}")


async def test_a_creation_killed_or_cancelled_leaves_nothing(desk: Desk) -> None:
    chance = random.Random(7)
    for number in range(6):
        desk.children.clear()
        creating = asyncio.create_task(desk.create("new", "whole=1.0"))
        await until(lambda: desk.children)
        await asyncio.sleep(chance.uniform(0.05, 0.5))
        if number % 2:
            creating.cancel()
        else:
            _kill(desk.children[0].pid)
        try:
            await creating
        except (OutsideFailure, asyncio.CancelledError):
            assert not desk.prefix("new").exists()
        else:
            assert len(desk.records("new")) == 41
            shutil.rmtree(desk.prefix("new"))
        assert not [child for child in desk.children if child.status is None]
    await _all_is_swept(desk)


async def test_the_worker_ends_with_its_server(desk: Desk) -> None:
    desk.children.clear()
    creating = asyncio.create_task(desk.create("new", "whole=1.0"))
    await until(lambda: desk.children)
    desk.children[0].close_input()  # all that a worker sees of a server that died
    with pytest.raises(OutsideFailure):
        await creating
    assert not desk.prefix("new").exists()


async def test_a_full_disk_leaves_everything_as_it_was(desk: Desk, tmp_path: Path, small_disk: Path) -> None:
    full = Desk(small_disk / "home", desk.url, small_disk / "cache")
    await full.create("one", "part1=1.0", "part2")
    before = picture(full.prefix("one"))
    with pytest.raises(DiskFull):
        await full.change("one", "big")
    with pytest.raises(DiskFull):
        await full.create("two", "big")
    assert picture(full.prefix("one")) == before
    assert not full.prefix("two").exists()
    assert full.left() == []
    assert (await full.change("one", remove=("part2",)))["changed"]  # there is room for this again
    await full.stop()


async def test_a_download_that_is_cut_leaves_everything_as_it_was(desk: Desk, tmp_path: Path, wide: Channel) -> None:
    with _Serving(wide.folder, cut="big-1.0") as address:
        cut = Desk(tmp_path / "cut", address, tmp_path / "cut-cache")
        await cut.create("one", "part1")
        before = picture(cut.prefix("one"))
        with pytest.raises(NotReachable):
            await cut.change("one", "big")
        assert picture(cut.prefix("one")) == before
        assert cut.left() == []
        await cut.stop()
    gone = Desk(tmp_path / "cut", "http://127.0.0.1:9/gone", tmp_path / "other-cache")
    with pytest.raises(NotReachable):
        await gone.create("two", "big")
    assert not gone.prefix("two").exists()
    await gone.stop()


def test_two_folders_change_places_or_are_renamed_with_a_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = places_in(tmp_path)
    prefix = places.prefix("one")
    for dies_after in (None, 0, 1, 2):
        shutil.rmtree(places.folder, ignore_errors=True)
        (prefix / "old").mkdir(parents=True)
        renames = 0
        rename = os.rename

        def dying(
            source: Any, target: Any, last: int | None = dies_after, rename: Callable[..., None] = rename
        ) -> None:
            nonlocal renames
            if renames == last:
                raise KeyboardInterrupt
            renames += 1
            rename(source, target)

        made = Staging(places, "x")
        (made.env / "new").mkdir(parents=True)
        with monkeypatch.context() as patch:
            patch.setattr(staging, "exchange", lambda one, two: False)
            patch.setattr(os, "rename", dying)
            if dies_after in (0, 1):
                with pytest.raises(KeyboardInterrupt):
                    made.replace(prefix)
            else:
                made.replace(prefix)
        os.utime(made.folder, (0, 0))
        assert recover(places)
        assert os.listdir(prefix) == (["old"] if dies_after == 0 else ["new"])
        assert not made.folder.exists()


def test_a_step_is_really_one(tmp_path: Path) -> None:
    (tmp_path / "a/one").mkdir(parents=True)
    (tmp_path / "b/two").mkdir(parents=True)
    assert exchange(tmp_path / "a", tmp_path / "b")
    assert os.listdir(tmp_path / "a") == ["two"]
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "nowhere")


def test_what_somebody_works_at_is_not_swept(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    with staged(places) as one:
        one.env.mkdir()
        assert recover(places) == []
        assert one.env.is_dir()
        places.prefix("x").mkdir(parents=True)
        with pytest.raises(Conflict):
            one.publish(places.prefix("x"))
    assert not one.folder.exists()


def test_a_copy_shares_its_bytes_and_not_its_records(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "conda-meta").mkdir(parents=True)
    (source / "share/sealed").mkdir(parents=True)
    (source / "conda-meta/a-1-0.json").write_text("{}")
    (source / "share/sealed/file").write_text("x")
    (source / "share/link").symlink_to("sealed/file")
    (source / "share/sealed").chmod(0o555)
    link_tree(source, tmp_path / "copy")
    assert (tmp_path / "copy/share/sealed/file").samefile(source / "share/sealed/file")
    assert not (tmp_path / "copy/conda-meta/a-1-0.json").samefile(source / "conda-meta/a-1-0.json")
    assert os.readlink(tmp_path / "copy/share/link") == "sealed/file"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 5 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


class _Serving:
    """Serve a folder; of files that begin with `cut` only the first half comes, however often it is asked for."""

    def __init__(self, folder: Path, cut: str) -> None:
        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=str(folder))

            def log_message(self, *arguments: Any) -> None:
                pass

            def copyfile(self, source: Any, outputfile: Any) -> None:
                if self.path.rsplit("/", 1)[-1].startswith(cut):
                    outputfile.write(source.read(2_000_000))
                    self.close_connection = True
                else:
                    super().copyfile(source, outputfile)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def _all_is_swept(desk: Desk) -> None:
    for name in desk.left():  # one that was killed before it had its lock is left alone while it is young
        os.utime(desk.around.places.ours / name, (0, 0))
    await desk.engine.recover(desk.around)
    assert desk.left() == []


def _identity(desk: Desk) -> Any:
    return json.loads((desk.prefix("one") / "conda-meta/jupyter_lcc").read_text())
