"""Lists in a folder: read by people, edited by hand, shared by machines, and whole whatever dies when."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.errors import (
    DiskFull,
    Invalid,
    LostRace,
    NotFound,
    NotPermitted,
    NotReachable,
    Unsafe,
)
from jupyter_lcc.packages.lists import read_list
from jupyter_lcc.packages.model import MAX_LIST
from jupyter_lcc.packages.sources.directory import DirectorySource
from jupyter_lcc.packages.sources.model import Source, Unchanged

from .contract import LOCK, NEWER, Contract, draft
from .made import LIST, signed
from .racing import race


class TestDirectory(Contract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Source]:
        return lambda: DirectorySource(tmp_path)

    def test_a_hundred_races_of_two_machines(self, make: Callable[[], Source], tmp_path: Path) -> None:
        race(make(), str(tmp_path), 100)

    def test_five_at_once(self, make: Callable[[], Source]) -> None:
        self.race(make, 10, publishers=5)


def picture(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_people_find_the_files_they_know(tmp_path: Path) -> None:
    source = DirectorySource(tmp_path)
    first = source.write("team", draft(), None)
    assert (tmp_path / "team/environment.yml").read_text() == LIST
    assert (tmp_path / "team/pixi.lock").read_text() == LOCK
    assert '"author": "ann"' in (tmp_path / "team/revision.json").read_text()
    source.write("team", draft(NEWER, None), first)
    assert (tmp_path / "team/environment.yml").read_text() == NEWER
    assert not (tmp_path / "team/pixi.lock").exists()
    assert (tmp_path / "team/history/000001/environment.yml").read_text() == LIST


def test_a_file_somebody_put_there_is_a_list(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "team/environment.yml").write_text(LIST)
    (tmp_path / "README.md").write_text("ours")
    source = DirectorySource(tmp_path)
    assert source.names() == ("team",)
    found = source.read("team")
    assert found.revision.outside
    assert (found.text, found.lock, found.revision.number) == (LIST, None, 1)
    with pytest.raises(Unchanged):
        source.read("team", found.etag)
    with pytest.raises(LostRace):
        source.write("team", draft(NEWER), None)
    second = source.write("team", draft(NEWER), found)
    assert second.revision.number == 2
    assert source.revision("team", 1).text == LIST
    assert [r.outside for r in source.history("team")] == [False, True]


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_an_edit_by_hand_is_the_newest_revision_and_never_overwritten_unseen(tmp_path: Path, bom: str) -> None:
    source = DirectorySource(tmp_path)
    first = source.write("team", draft(), None)
    edited = LIST.replace("pandas", "polars")
    (tmp_path / "team/environment.yml").write_text(bom + edited)
    with pytest.raises(LostRace):
        source.write("team", draft(NEWER), first)
    found = source.read("team", first.etag)
    assert (found.text, found.revision.number, found.revision.outside) == (edited, 2, True)
    assert not found.lock_fits
    assert [r.number for r in source.history("team")] == [2, 1]
    assert source.revision("team", 2).text == edited
    third = source.write("team", draft(NEWER, author="bob"), found)
    assert third.revision.parent == found.revision.id
    assert [r.number for r in source.history("team")] == [3, 2, 1]
    assert source.revision("team", 2).text == edited
    assert source.read("team") == third
    assert (tmp_path / "team/environment.yml").read_text() == NEWER


def test_an_edit_in_the_moment_of_publishing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = DirectorySource(tmp_path)
    first = source.write("team", draft(), None)
    edited = LIST.replace("pandas", "polars")
    rename = os.rename

    def edit_before(*paths: Any) -> None:
        (tmp_path / "team/environment.yml").write_text(edited)
        rename(*paths)

    monkeypatch.setattr(os, "rename", edit_before)
    source.write("team", draft(NEWER), first)
    monkeypatch.undo()
    assert (tmp_path / "team/environment.yml").read_text() == edited
    found = source.read("team")
    assert (found.text, found.revision.number) == (edited, 3)
    assert source.revision("team", 2).text == NEWER


def test_a_copy_that_came_late_is_not_an_edit(tmp_path: Path) -> None:
    source = DirectorySource(tmp_path)
    first = source.write("team", draft(), None)
    second = source.write("team", draft(NEWER), first)
    (tmp_path / "team/environment.yml").write_text(LIST)  # as somebody leaves it who was killed in between
    assert source.read("team") == second
    third = source.write("team", draft(LIST + "# 3\n"), second)
    assert (tmp_path / "team/environment.yml").read_text() == third.text


PUBLISHER = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from jupyter_lcc.errors import LostRace
from jupyter_lcc.packages.model import Signature
from jupyter_lcc.packages.sources.directory import DirectorySource
from jupyter_lcc.packages.sources.model import Draft
source = DirectorySource(Path(sys.argv[1]))
filler = "# " + "x" * 100 + "\\n"
print("ready", flush=True)
while True:
    base = source.read("team")
    text = f"{base.text}  - p{base.revision.number}\\n" + filler * 200
    signed = Signature(author="victim", at=datetime.now(timezone.utc))
    source.write("team", Draft(text=text[:400_000], lock=text, signed=signed), base)
"""


def test_killed_at_any_moment_it_is_the_old_or_the_new(tmp_path: Path) -> None:
    source = DirectorySource(tmp_path)
    source.write("team", draft("dependencies:\n  - python\n", None), None)
    chance = random.Random(20261121)
    number = 1
    for _ in range(12):
        child = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.06))
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        child.stdout.close()
        found = DirectorySource(tmp_path).read("team")
        assert not found.revision.outside
        assert found.revision.number >= number
        number = found.revision.number
        records = source.history("team", 10_000)
        assert len(records) == number
        stored = source.revision("team", number)
        assert stored.text == found.text
        source.write("team", draft(found.text + "# alive\n", None), found)
        number += 1
    assert number > 15, "nothing was ever written"


def test_what_was_left_behind_is_swept_by_the_file_system_s_clock(tmp_path: Path) -> None:
    source = DirectorySource(tmp_path)
    stored = source.write("team", draft(), None)
    old, new = (tmp_path / "team/history" / f".staging-{age}" for age in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (time.time() - 3 * 86400,) * 2)
    source.write("team", draft(NEWER), stored)
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    source = DirectorySource(tmp_path)
    stored = source.write("team", draft(), None)
    before = picture(tmp_path)
    for at in range(5):
        calls = iter(range(100))

        def full(handle: int, calls: Any = calls, at: int = at) -> None:
            if next(calls) >= at:
                raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", full)
        with contextlib.suppress(DiskFull):
            written = source.write("team", draft(NEWER), stored)
            assert at >= 3  # whole by then; only copies are missing
            assert source.read("team") == written
            monkeypatch.undo()
            return
        monkeypatch.undo()
        assert picture(tmp_path) == before
        assert source.read("team") == stored
    raise AssertionError("it never had room")


def test_a_share_that_is_not_mounted_is_not_made_anew(tmp_path: Path) -> None:
    source = DirectorySource(tmp_path / "share")
    for call in (source.names, lambda: source.read("team"), lambda: source.write("team", draft(), None)):
        with pytest.raises(NotReachable):
            call()
    assert not (tmp_path / "share").exists()
    with pytest.raises(Invalid):
        DirectorySource(Path("relative"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_may_not_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    stored = DirectorySource(tmp_path).write("team", draft(), None)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(NotPermitted):
            DirectorySource(tmp_path).write("team", draft(NEWER), stored)
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.EACCES, NotPermitted),
        (errno.EROFS, NotPermitted),
        (errno.EIO, NotReachable),
        (errno.ESTALE, NotReachable),
    ],
)
def test_what_the_file_system_says_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
) -> None:
    source = DirectorySource(tmp_path)
    stored = source.write("team", draft(), None)

    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(error):
        source.write("team", draft(NEWER), stored)
    monkeypatch.undo()
    assert source.read("team") == stored


def test_a_file_system_that_gives_a_name_twice_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    def copies(one: Path, other: Path) -> None:
        shutil.copytree(one, other, dirs_exist_ok=True)
        shutil.rmtree(one)

    monkeypatch.setattr(os, "rename", copies)
    source = DirectorySource(tmp_path)
    assert source.why_unsafe() is not None
    with pytest.raises(Unsafe, match="two who publish"):
        source.write("team", draft(), None)
    assert list(tmp_path.iterdir()) == []


def test_a_rename_whose_answer_got_lost_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = DirectorySource(tmp_path)
    stored = source.write("team", draft(), None)
    rename = os.rename

    def twice(one: Path, other: Path) -> None:
        rename(one, other)
        rename(one, other)  # as an NFS client sends it again

    monkeypatch.setattr(os, "rename", twice)
    second = source.write("team", draft(NEWER), stored)
    assert source.read("team") == second


def test_nothing_leads_out_of_the_folder(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root, outside / "team"):
        folder.mkdir(parents=True)
    secret = outside / "team/environment.yml"
    secret.write_text(LIST)
    (root / "linked").symlink_to(outside / "team")
    (root / "file").mkdir()
    (root / "file/environment.yml").symlink_to(secret)
    (root / "pipe").mkdir()
    os.mkfifo(root / "pipe/environment.yml")
    source = DirectorySource(root)
    for name in ("linked", "file", "pipe"):
        with pytest.raises(Exception, match=r"leads out|can't be read|plain file"):
            source.read(name)
        with pytest.raises(Exception, match=r"leads out|can't be|plain file"):
            source.write(name, draft(), None)
    assert secret.read_text() == LIST
    assert sorted(p.name for p in (outside / "team").iterdir()) == ["environment.yml"]


def test_what_others_spoilt_is_refused_and_not_taken_for_nothing(tmp_path: Path) -> None:
    source = DirectorySource(tmp_path)
    stored = source.write("team", draft(), None)
    kept = tmp_path / "team/history/000001"
    for file, raw in (("revision.json", b"{"), ("environment.yml", b"dependencies: [evil]"), ("pixi.lock", b"x")):
        good = (kept / file).read_bytes()
        (kept / file).write_bytes(raw)
        with pytest.raises(Invalid):
            source.read("team")
        (kept / file).write_bytes(good)
    (tmp_path / "team/environment.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="UTF-8"):
        source.read("team")
    with pytest.raises(Invalid):
        source.write("team", draft(NEWER), stored)
    assert (tmp_path / "team/environment.yml").read_bytes() == b"\xff\xfe"
    (tmp_path / "team/environment.yml").write_bytes(b"#" * (MAX_LIST + 1))
    with pytest.raises(Invalid, match="bytes"):
        source.read("team")
    assert source.names() == ("team",)


def test_a_removed_list_leaves_its_history(tmp_path: Path) -> None:
    source = DirectorySource(tmp_path)
    source.remove("team", signed(), source.write("team", draft(), None))
    assert not (tmp_path / "team/environment.yml").exists()
    assert (tmp_path / "team/history/000001/environment.yml").exists()
    with pytest.raises(NotFound):
        source.read("team")
    (tmp_path / "team/environment.yml").write_text(NEWER)  # somebody begins it anew
    assert source.read("team").revision.number == 3
    assert read_list(source.read("team").text).name == "team"
