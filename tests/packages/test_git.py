"""Lists in a git checkout: what is committed counts, and of two who push nobody loses."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from jupyter_lcc.errors import Conflict, Invalid, LostRace, NotFound, NotPermitted, NotReachable, OutsideFailure
from jupyter_lcc.packages.model import MAX_LIST
from jupyter_lcc.packages.sources import git as git_room
from jupyter_lcc.packages.sources.git import GitSource
from jupyter_lcc.packages.sources.model import Source, Unchanged

from .contract import LOCK, NEWER, Contract, draft
from .made import LIST, signed


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=bob", "-c", "user.email=bob@localhost", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", "-C", str(folder), *who, *words], capture_output=True, check=True, timeout=60)
    return done.stdout.decode()


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "README.md").write_text("ours\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Begin")
    return folder


@pytest.fixture
def bare(tmp_path: Path, checkout: Path) -> Path:
    folder = tmp_path / "bare.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(checkout), str(folder))
    return folder


@pytest.fixture
def clone(tmp_path: Path, bare: Path) -> Callable[[str], Path]:
    def clone(name: str) -> Path:
        git(tmp_path, "clone", "--quiet", str(bare), name)
        return tmp_path / name

    return clone


class TestCheckout(Contract):
    @pytest.fixture
    def make(self, checkout: Path) -> Callable[[], Source]:
        return lambda: GitSource(checkout)

    def test_races(self, make: Callable[[], Source]) -> None:
        self.race(make, 5)


def test_thirty_races(bare: Path) -> None:
    """Git itself moves a branch from where it was said to be; a race is a dozen processes."""
    Contract().race(lambda: GitSource(bare), 30)


class TestRemote(Contract):
    """Every client is a clone of its own, as every machine has one."""

    @pytest.fixture
    def make(self, clone: Callable[[str], Path]) -> Callable[[], Source]:
        numbers = iter(range(100))
        return lambda: GitSource(clone(f"clone{next(numbers)}"), folder="lists/python", remote="origin")

    def test_races(self, make: Callable[[], Source]) -> None:
        self.race(make, 5)


def test_commits_of_people_are_revisions(checkout: Path) -> None:
    folder = checkout / "team"
    folder.mkdir()
    (folder / "environment.yml").write_text(LIST)
    (folder / "notes.txt").write_text("not a file of a list")
    (checkout / "docs").mkdir()
    (checkout / "docs/page.md").write_text("no list")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "Add the team's list")
    source = GitSource(checkout)
    assert source.names() == ("team",)
    found = source.read("team")
    assert (found.text, found.lock, found.revision.author, found.revision.message) == (
        LIST,
        None,
        "bob",
        "Add the team's list",
    )
    second = source.write("team", draft(NEWER, message="newer\n\x1b[31m numpy"), found)
    assert git(checkout, "log", "-1", "--format=%an|%s").strip() == "ann|newer [31m numpy"
    assert (folder / "environment.yml").read_text() == NEWER  # the work tree follows
    assert git(checkout, "status", "--porcelain") == ""
    assert git(checkout, "show", "--name-only", "--format=", "HEAD").split() == [
        "team/environment.yml",
        "team/pixi.lock",
    ]
    assert second.revision.id == git(checkout, "rev-parse", "HEAD").strip()
    assert git(checkout, "fsck", "--strict") == ""


def test_what_somebody_edits_in_the_work_tree_is_not_overwritten(checkout: Path) -> None:
    source = GitSource(checkout)
    stored = source.write("team", draft(), None)
    (checkout / "team/environment.yml").write_text(NEWER)
    with pytest.raises(Conflict, match="aren't committed"):
        source.write("team", draft(LIST + "# mine\n"), stored)
    assert (checkout / "team/environment.yml").read_text() == NEWER
    assert source.read("team") == stored  # only what is committed counts
    git(checkout, "commit", "--quiet", "-am", "Newer numpy")
    with pytest.raises(LostRace, match="bob"):
        source.write("team", draft(LIST + "# mine\n"), stored)


def test_a_work_tree_that_stayed_behind_follows_with_the_next_write(checkout: Path) -> None:
    """As somebody leaves it who is killed between commit and checkout."""
    source = GitSource(checkout)
    first = source.write("team", draft(), None)
    second = source.write("team", draft(NEWER), first)
    git(checkout, "restore", "--source=HEAD~1", "--staged", "--worktree", "--", "team")
    third = source.write("team", draft(NEWER + "# 3\n"), second)
    assert (checkout / "team/environment.yml").read_text() == third.text


def test_another_branch_in_the_work_tree_is_left_alone(checkout: Path) -> None:
    git(checkout, "branch", "lists")
    source = GitSource(checkout, branch="lists")
    source.write("team", draft(), None)
    assert not (checkout / "team").exists()
    assert git(checkout, "show", "lists:team/environment.yml") == LIST
    git(checkout, "checkout", "--quiet", "--detach")
    assert source.read("team").text == LIST
    with pytest.raises(Invalid, match="no branch"):
        GitSource(checkout).write("team", draft(), None)


def test_two_clones_meet_at_the_remote(clone: Callable[[str], Path], bare: Path) -> None:
    ann, bob = (GitSource(clone(name), remote="origin") for name in ("ann", "bob"))
    first = ann.write("team", draft(), None)
    assert bob.read("team") == first
    bob.write("team", draft(NEWER, author="bob"), first)
    with pytest.raises(LostRace, match="bob"):
        ann.write("team", draft(LIST + "# mine\n"), first)
    with pytest.raises(Unchanged):
        ann.read("team", ann.read("team").etag)
    other = ann.write("other", draft(), None)  # the branch was moved, for another list
    assert bob.read("other") == other
    assert git(bare, "log", "--format=%an", "main").split() == ["ann", "bob", "ann", "bob"]


def test_a_remote_that_refuses_says_why(clone: Callable[[str], Path], bare: Path) -> None:
    source = GitSource(clone("ann"), remote="origin")
    hook = bare / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'https://ann:s3cret@host says no' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(OutsideFailure, match="push failed") as error:
        source.write("team", draft(), None)
    assert "s3cret" not in error.value.message
    assert source.names() == ()


def test_a_remote_that_is_away_says_so_and_hides_the_password(checkout: Path) -> None:
    git(checkout, "remote", "add", "origin", "http://ann:s3cret@127.0.0.1:9/x.git")
    source = GitSource(checkout, remote="origin")
    for call in (source.names, lambda: source.read("team"), lambda: source.write("team", draft(), None)):
        with pytest.raises(NotReachable) as error:
            call()
        assert "s3cret" not in str(error.value.detail) + error.value.message


def test_a_checkout_from_strangers_runs_nothing(checkout: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n")
    script.chmod(0o755)
    for hook in ("pre-commit", "post-checkout", "reference-transaction", "post-index-change", "pre-push"):
        (checkout / ".git/hooks").mkdir(exist_ok=True)
        (checkout / ".git/hooks" / hook).symlink_to(script)
    git_config = checkout / ".git/config"
    git_config.write_text(git_config.read_text() + f"[core]\n\tfsmonitor = {script}\n[gpg]\n\tprogram = {script}\n")
    source = GitSource(checkout)
    stored = source.write("team", draft(), None)
    assert source.read("team") == stored
    assert source.history("team")
    assert not mark.exists()


def test_links_and_what_is_too_large_are_refused(checkout: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(LIST)
    for name in ("linked", "large", "broken"):
        (checkout / name).mkdir()
    (checkout / "linked/environment.yml").symlink_to(secret)
    (checkout / "large/environment.yml").write_bytes(b"#" * (MAX_LIST + 1))
    (checkout / "broken/environment.yml").write_bytes(b"\xff")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "x")
    source = GitSource(checkout)
    for name, why in (("linked", "plain file"), ("large", "bytes"), ("broken", "UTF-8")):
        with pytest.raises(Invalid, match=why):
            source.read(name)


@pytest.mark.parametrize("word", ["-x", "../x", "a b", "a\nb", "--upload-pack=x", "a..b", "x:y"])
def test_what_could_be_an_option_is_refused(checkout: Path, word: str) -> None:
    for more in ({"folder": word}, {"branch": word}, {"remote": word}):
        with pytest.raises(Invalid) as error:
            GitSource(checkout, **more)
        assert error.value.message.isprintable()
    with pytest.raises(Invalid):
        GitSource(Path("relative"))


def test_what_is_no_checkout_says_so(tmp_path: Path, checkout: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NotReachable):
        GitSource(empty).read("team")
    with pytest.raises(NotReachable):
        GitSource(tmp_path / "away").names()
    git(empty, "init", "--quiet")
    with pytest.raises(NotReachable, match="no commit"):
        GitSource(empty).read("team")
    with pytest.raises(NotFound):
        GitSource(checkout).read("team")


def test_no_git_on_this_machine(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NotReachable, match="can't be started"):
        GitSource(checkout).read("team")


def test_git_that_hangs_is_not_waited_for(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent), prepend=os.pathsep)
    monkeypatch.setattr(git_room, "_SECONDS", 0.2)
    with pytest.raises(NotReachable, match="did not answer"):
        GitSource(checkout).read("team")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_checkout_that_may_not_be_written(checkout: Path) -> None:
    (checkout / ".git").chmod(0o555)
    try:
        with pytest.raises(NotPermitted):
            GitSource(checkout).write("team", draft(), None)
    finally:
        (checkout / ".git").chmod(0o755)


PUBLISHER = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from jupyter_lcc.packages.model import Signature
from jupyter_lcc.packages.sources.git import GitSource
from jupyter_lcc.packages.sources.model import Draft
source = GitSource(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    base = source.read("team")
    text = f"{base.text}  - p{base.revision.number}\\n"
    signed = Signature(author="victim", at=datetime.now(timezone.utc))
    source.write("team", Draft(text=text, lock=text, signed=signed), base)
"""


def _is_of(pid: int, session: int) -> bool:
    try:
        return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False


def test_killed_at_any_moment_it_is_the_old_or_the_new(checkout: Path) -> None:
    source = GitSource(checkout)
    found = source.write("team", draft("dependencies:\n  - python\n", None), None)
    chance = random.Random(20261121)
    for _ in range(4):
        words = [sys.executable, "-c", PUBLISHER, str(checkout)]
        child = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0.05, 0.25))  # anywhere in a publishing, which takes about a tenth of a second
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        child.stdout.close()
        while any(_is_of(pid, child.pid) for pid in psutil.pids()):
            time.sleep(0.01)  # the git it had started ends by itself
        before, found = found, GitSource(checkout).read("team")
        assert found.text.startswith(before.text)
        assert found.lock in (None, found.text)
        assert [r.number for r in source.history("team", 1000)] == list(range(found.revision.number, 0, -1))
        found = source.write("team", draft(found.text + "# alive\n", None), found)
        assert (checkout / "team/environment.yml").read_text() == found.text
    assert git(checkout, "fsck", "--strict", "--no-dangling") == ""


def test_a_lock_that_was_left_behind_is_named(checkout: Path) -> None:
    source = GitSource(checkout)
    stored = source.write("team", draft(), None)
    left = checkout / ".git/refs/heads/main.lock"
    left.write_text("")
    os.utime(left, (time.time() - 3600,) * 2)
    with pytest.raises(Conflict, match=r"main\.lock; remove it"):
        source.write("team", draft(NEWER), stored)
    assert source.read("team") == stored
    left.unlink()
    assert source.write("team", draft(NEWER), stored).revision.number == 2


def test_the_lock_of_a_list_is_kept_and_dropped(checkout: Path) -> None:
    source = GitSource(checkout)
    first = source.write("team", draft(), None)
    assert (checkout / "team/pixi.lock").read_text() == LOCK
    second = source.write("team", draft(NEWER, None), first)
    assert second.lock is None
    assert not (checkout / "team/pixi.lock").exists()
    assert source.revision("team", 1).lock == LOCK
    same = source.write("team", draft(NEWER, None), second)  # nothing to commit
    assert same == second
    assert source.remove("team", signed(), same).removed
