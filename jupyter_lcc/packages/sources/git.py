"""Lists in a git checkout: `NAME/environment.yml` and `NAME/pixi.lock`, every commit that touches them a revision.

What counts is the commit at the branch's tip (with a remote: the remote's), never what lies half edited in the work
tree. A revision is written as objects, then the branch is moved from the commit it was made from and from no other:
`update-ref` and `push` refuse anything else. The work tree follows where nobody has changed it. Only argument vectors,
only plumbing, no hooks: a checkout may come from strangers.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import msgspec
from filelock import FileLock, Timeout

from ...environments.names import check_name, say_it
from ...errors import Conflict, Invalid, LccError, NotFound, NotPermitted, NotReachable, OutsideFailure
from ..lock import fits_list
from ..model import MAX_LIST, MAX_LOCK, Revision, Signature, SourceKind, Stored
from ..revisions import digest, plain_line
from ..yamls import read_text
from .model import LIST, LOCK, Draft, Unchanged, check_draft, is_list_name, lost_race

__all__ = ["GitSource"]

_TRIES = 8
_SECONDS = 60.0
_POLL_SECONDS = 0.005
_LEFT_SECONDS = 60.0
_HEADS = "refs/heads/"
_ABSENT_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "commit.gpgSign=false",
    "gc.auto=0",
    "advice.detachedHead=false",
)
_OWN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")


class _There(NamedTuple):
    """What a commit has: its tree, the tree of the list's folder, and the blobs of its files with their sizes."""

    commit: str
    tree: str
    folder: str | None
    files: dict[str, tuple[str, int]]


class GitSource:
    """Lists in the checkout at `root`, below `folder` in it. With `remote` they are fetched and pushed."""

    kind: SourceKind = "git"

    def __init__(self, root: Path, *, folder: str = "", branch: str | None = None, remote: str | None = None) -> None:
        if not root.is_absolute():
            raise Invalid(f"{str(root)!r} is not an absolute path.", field="place")
        for what, text in (("folder", folder), ("branch", branch or ""), ("remote", remote or "")):
            if text and (not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}", text) or ".." in text):
                raise Invalid(f"{say_it(text)} can't be the {what} of a checkout.", field=what)
        self._root = root
        self._below = f"{folder.strip('/')}/" if folder else ""
        self._branch = branch
        self._remote = remote
        self._is_bare = False

    @property
    def place(self) -> str:
        """The checkout's path."""
        return f"git:{self._root}"

    @property
    def shelf(self) -> None:
        """Git keeps every version of every file for ever, so archives don't belong there."""
        return None

    def why_unsafe(self) -> str | None:
        """Git moves a branch only from where it was said to be."""
        return None

    def names(self) -> tuple[str, ...]:
        """Name the folders that hold a list."""
        return tuple(self.etags())

    def etags(self) -> dict[str, str | None]:
        """Name them with their ETags: the trees of the folders."""
        listed = self._git("ls-tree", "-r", "-t", "-z", self._tip(), *([self._below] if self._below else []))
        entries = [entry.partition("\t") for entry in listed.split("\0") if entry]
        found = {path[len(self._below) :]: told.split() for told, _, path in entries if path.startswith(self._below)}
        return {
            name: told[2]
            for name, told in sorted(found.items())
            if told[1] == "tree" and "/" not in name and is_list_name(name) and f"{name}/{LIST}" in found
        }

    def read(self, name: str, known: str | None = None) -> Stored:
        """Read a list at the tip."""
        check_name(name)
        there = self._look(name)
        if known is not None and known == there.folder:
            raise Unchanged
        return self._at(name, there)

    def write(self, name: str, draft: Draft, expected: Stored | None) -> Stored:
        """Commit the files, and move the branch."""
        check_draft(name, draft)
        made_from = f"\n\nRestores revision {draft.restored_from}." if draft.restored_from else ""
        subject = plain_line(draft.signed.message, 500) or f"Publish {name}"
        commit = self._commit(name, {LIST: draft.text, LOCK: draft.lock}, draft.signed, subject + made_from, expected)
        return self._at(name, self._look(name, commit))

    def remove(self, name: str, signed: Signature, expected: Stored) -> Revision:
        """Commit that the files are gone."""
        check_name(name)
        subject = plain_line(signed.message, 500) or f"Remove {name}"
        commit = self._commit(name, {LIST: None, LOCK: None}, signed, subject, expected)
        return msgspec.structs.replace(self._log(commit, name)[0], removed=True)

    def history(self, name: str, limit: int = 100) -> tuple[Revision, ...]:
        """Give the commits that touched the list."""
        check_name(name)
        there = self._look(name)
        found = self._log(there.commit, name)
        if not found:
            raise NotFound(f"There is no list {name} in {self.place}.", name=name)
        if LIST not in there.files:
            found[0] = msgspec.structs.replace(found[0], removed=True)
        return tuple(found[:limit])

    def revision(self, name: str, number: int) -> Stored:
        """Read a list at one of those commits."""
        check_name(name)
        for record in self._log(self._look(name).commit, name):
            if record.number == number:
                return self._at(name, self._look(name, record.id))
        raise NotFound(f"The list {name} has no revision {number}.", name=name)

    def at(self, name: str, record: Revision) -> Stored:
        """Read the files of a record."""
        check_name(name)
        return self._at(name, self._look(name, record.id))

    # -- reading ----------------------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return f"{self._below}{name}"

    def _branch_name(self) -> str:
        """Name the branch that is written to."""
        if self._branch is not None:
            return self._branch
        found = self._ask("symbolic-ref", "--quiet", "--short", "HEAD")
        if found is None:
            raise Invalid(f"The checkout {self._root} is on no branch.", field="place")
        return found.strip()

    def _tip(self, *, fetch: bool = True) -> str:
        """Name what is read: a commit, by a name that may be another's by the next question."""
        if self._remote is None:
            return f"refs/heads/{self._branch}" if self._branch is not None else "HEAD"
        branch = self._branch_name()
        ref = f"refs/remotes/{self._remote}/{branch}"
        if fetch:
            self._git("fetch", "--quiet", "--no-tags", self._remote, f"+refs/heads/{branch}:{ref}")
        return ref

    def _look(self, name: str, at: str | None = None, *, fetch: bool = True) -> _There:
        """Ask, in one go, what is there at a commit (None: the tip)."""
        tip = at if at is not None else self._tip(fetch=fetch)
        path = self._path(name)
        asked = (
            f"{tip}^{{commit}}",
            f"{tip}^{{tree}}",
            f"{tip}:{path}",
            f"{tip}:{path}/{LIST}",
            f"{tip}:{path}/{LOCK}",
        )
        told = self._git("cat-file", "--batch-check", stdin="\n".join(asked).encode() + b"\n").splitlines()
        found = [re.fullmatch(r"([0-9a-f]{40,64}) (\w+) (\d+)", line) for line in told]
        if len(found) != len(asked) or found[0] is None or found[1] is None:
            raise NotReachable(f"The checkout {self._root} has no commit where lists are looked for.", place=self.place)
        folder = found[2][1] if found[2] is not None and found[2][2] == "tree" else None
        files = {
            file: (match[1], int(match[3]))
            for file, match in zip((LIST, LOCK), found[3:5], strict=True)
            if match is not None and match[2] == "blob" and folder is not None
        }
        return _There(found[0][1], found[1][1], folder, files)

    def _at(self, name: str, there: _There) -> Stored:
        if LIST not in there.files:
            raise NotFound(f"There is no list {name} in {self.place}.", name=name)
        for file, most in ((LIST, MAX_LIST), (LOCK, MAX_LOCK)):
            if there.files.get(file, ("", 0))[1] > most:
                raise Invalid(f"{file} of {name} has more than {most} bytes.", field=name)
        folder, *raws = self._contents([there.folder or "", *(blob for blob, _ in there.files.values())])
        texts = dict(zip(there.files, raws, strict=True))
        for file in texts:
            if not re.search(rb"(?:^|\0.{20}|\0.{32})100(?:644|755) " + file.encode() + rb"\0", folder, re.DOTALL):
                raise Invalid(f"{file} of {name} is not a plain file.", field=name)
        text = read_text(texts[LIST], MAX_LIST, name)
        lock = read_text(texts[LOCK], MAX_LOCK, name) if LOCK in texts else None
        record = self._log(there.commit, name)[0]
        record = msgspec.structs.replace(record, list_sha256=digest(text), lock_sha256=digest(lock))
        fits = fits_list(lock, text)
        return Stored(name=name, etag=there.folder or "", text=text, lock=lock, revision=record, lock_fits=fits)

    def _contents(self, objects: list[str]) -> list[bytes]:
        raw = self._run("cat-file", "--batch", stdin="\n".join(objects).encode() + b"\n").stdout
        found = []
        for _ in objects:
            told, _, raw = raw.partition(b"\n")
            size = int(told.rsplit(b" ", 1)[-1])
            found.append(raw[:size])
            raw = raw[size + 1 :]
        return found

    def _log(self, commit: str, name: str) -> list[Revision]:
        path = self._path(name)
        form = "%H%x1f%at%x1f%an%x1f%s%x1e"
        told = self._git(
            "log",
            f"--format={form}",
            "-z",
            "--no-show-signature",
            commit,
            "--",
            f":(top,literal){path}/{LIST}",
            f":(top,literal){path}/{LOCK}",
        )
        entries = [entry.strip("\0\n").split("\x1f") for entry in told.split("\x1e")]
        entries = [entry for entry in entries if len(entry) == 4]
        records = []
        for place, (sha, at, author, subject) in enumerate(entries):
            records.append(
                Revision(
                    number=len(entries) - place,
                    id=sha,
                    parent=entries[place + 1][0] if place + 1 < len(entries) else None,
                    at=datetime.fromtimestamp(min(max(int(at), 0), 253402300799), timezone.utc),
                    author=plain_line(author, 200) or "unknown",
                    message=plain_line(subject, 500),
                    removed=False,
                )
            )
        return records

    # -- writing ----------------------------------------------------------------------------------------------

    def _commit(
        self, name: str, files: Mapping[str, str | None], signed: Signature, message: str, expected: Stored | None
    ) -> str:
        """Make a commit on the tip, move the branch there and name it; again while others move it for other lists."""
        with self._alone():
            for number in range(_TRIES):
                there = self._look(name)
                self._check_expected(name, there, expected)
                self._check_clean(name, there.commit)
                commit = self._made(name, files, signed, message, there)
                if commit is None:
                    return there.commit
                if self._move(there.commit, commit):
                    self._follow(name)
                    return commit
                time.sleep(random.uniform(0.01, 0.05) * 2**number)
        raise Conflict(f"Others move the branch {self._branch_name()} faster than {name} can be written.", field=name)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let nobody else on this machine write here meanwhile: git keeps commits apart, but not the work tree."""
        folder, bare = self._git("rev-parse", "--git-common-dir", "--is-bare-repository").splitlines()
        self._is_bare = bare == "true"
        lock = FileLock(self._root / folder / "jupyter_lcc.lock", timeout=_SECONDS)
        try:
            lock.acquire(poll_interval=_POLL_SECONDS)
        except Timeout:
            raise Conflict(f"Somebody else writes to the checkout {self._root}; try again.", field="place") from None
        except OSError as error:
            message = f"The checkout {self._root} can't be written: {error.strerror}."
            raise NotPermitted(message, place=self.place) from error
        try:
            yield
        finally:
            lock.release()

    def _check_expected(self, name: str, there: _There, expected: Stored | None) -> None:
        now = there.folder if LIST in there.files else None  # a folder without a list is none
        if now != (expected.etag if expected is not None else None):
            raise lost_race(name, self._at(name, there) if now is not None else None)

    def _made(
        self, name: str, files: Mapping[str, str | None], signed: Signature, message: str, there: _There
    ) -> str | None:
        """Write blobs, tree and commit. None where the files are what they are already."""
        with tempfile.TemporaryDirectory(prefix="jupyter_lcc-") as folder:
            texts = {file: text for file, text in files.items() if text is not None}
            for file, text in texts.items():
                Path(folder, file).write_bytes(text.encode())
            paths = [os.path.join(folder, file) for file in texts]
            blobs = self._git("hash-object", "-w", "--no-filters", "--", *paths).split() if paths else []
            entries = [f"0 {'0' * 40}\t{self._path(name)}/{file}\0" for file, text in files.items() if text is None]
            entries += [f"100644 {blob}\t{self._path(name)}/{file}\0" for file, blob in zip(texts, blobs, strict=True)]
            index = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
            self._git("read-tree", there.commit, environment=index)
            self._git("update-index", "-z", "--index-info", stdin="".join(entries).encode(), environment=index)
            tree = self._git("write-tree", environment=index).strip()
        if tree == there.tree:
            return None
        author = re.sub(r"[<>]", "", plain_line(signed.author, 200)) or "unknown"
        when = signed.at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        who = {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in (("NAME", author), ("EMAIL", "jupyter_lcc@localhost"), ("DATE", when))
        }
        return self._git("commit-tree", tree, "-p", there.commit, stdin=message.encode(), environment=who).strip()

    def _move(self, tip: str, commit: str) -> bool:
        """Move the branch from `tip` to `commit`. False where it isn't at `tip` any more."""
        branch = self._branch_name()
        if self._remote is None:
            done = self._run("update-ref", f"refs/heads/{branch}", commit, tip, check=False)
            return done.returncode == 0 or self._lost("update-ref", tip, done)
        lease = f"--force-with-lease=refs/heads/{branch}:{tip}"
        done = self._run(
            "push", "--quiet", "--no-verify", lease, self._remote, f"{commit}:refs/heads/{branch}", check=False
        )
        if done.returncode != 0:
            return self._lost("push", tip, done)
        self._ask("update-ref", f"refs/remotes/{self._remote}/{branch}", commit)
        self._ask("update-ref", f"refs/heads/{branch}", commit, tip)
        return True

    def _lost(self, action: str, tip: str, done: subprocess.CompletedProcess[bytes]) -> bool:
        """Tell a race that was lost (or one for a lock, so that it can be tried again) from what can't be done."""
        now = self._git("rev-parse", "--verify", f"{self._tip()}^{{commit}}").strip()
        told = _said(done)
        left = re.search(r"Unable to create '([^']+\.lock)': File exists", told)
        if left is not None and self._is_old(left[1]):
            message = f"Somebody was stopped while they wrote to {self._root}, and left {left[1]}; remove it, then try"
            raise Conflict(f"{message} again.", field="place")
        if now == tip and not re.search(r"stale info|lock ref|fetch first|non-fast-forward|unable to lock", told, re.I):
            raise self._failure(action, told)
        return False

    def _is_old(self, path: str) -> bool:
        """Tell whether a lock of git's is left over: it is held for milliseconds."""
        with contextlib.suppress(OSError):
            return time.time() - os.stat(self._root / path).st_mtime > _LEFT_SECONDS
        return False

    def _check_clean(self, name: str, tip: str) -> None:
        """Refuse where somebody edits the list in the work tree: what they wrote would be lost, or publish itself."""
        if not self._follows():
            return
        path = f":(top,literal){self._path(name)}"
        if not self._git("status", "--porcelain", "-z", "--untracked-files=all", "--", path).strip("\0"):
            return
        for record in self._log(tip, name)[1:6]:
            if self._ask("diff", "--quiet", record.id, "--", path) is not None:
                self._restore(path)  # only behind: somebody was stopped before the files could follow
                return
        raise Conflict(
            f"{name} has changes in the checkout {self._root} that aren't committed; commit them or take them back.",
            field=name,
        )

    def _follow(self, name: str) -> None:
        """Let the work tree show what was committed."""
        if self._follows():
            self._restore(f":(top,literal){self._path(name)}")

    def _follows(self) -> bool:
        """Tell whether there is a work tree, and it is of the branch."""
        if self._is_bare:
            return False
        head = (self._ask("symbolic-ref", "--quiet", "HEAD") or "").strip()
        return head.startswith(_HEADS) and self._branch in (None, head.removeprefix(_HEADS))

    def _restore(self, path: str) -> None:
        self._ask("restore", "--quiet", "--source=HEAD", "--staged", "--worktree", "--", path)

    # -- git --------------------------------------------------------------------------------------------------

    def _git(self, *words: str, stdin: bytes | None = None, environment: Mapping[str, str] | None = None) -> str:
        return self._run(*words, stdin=stdin, environment=environment).stdout.decode("utf-8", "replace")

    def _ask(self, *words: str) -> str | None:
        """Run what may well say no: None then."""
        done = self._run(*words, check=False)
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None

    def _run(
        self,
        *words: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[bytes]:
        settings = [word for setting in _ABSENT_CONFIG for word in ("-c", setting)]
        inherited = {key: value for key, value in os.environ.items() if key not in _OWN}
        quiet = {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_SSH_COMMAND": inherited.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=10"),
            "LC_ALL": "C",
        }
        try:
            done = subprocess.run(
                ["git", "-C", str(self._root), *settings, *words],
                input=stdin if stdin is not None else b"",
                capture_output=True,
                timeout=_SECONDS,
                env={**inherited, **quiet, **(environment or {})},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NotReachable(f"git did not answer in {_SECONDS:.0f} s.", place=self.place) from None
        except OSError as error:
            raise NotReachable(f"git can't be started: {error.strerror}.", place=self.place) from error
        if check and done.returncode != 0:
            raise self._failure(words[0], _said(done))
        return done

    def _failure(self, action: str, said: str) -> LccError:
        from ...jobs.redact import redact

        message = f"git {action} failed in {self._root}: {plain_line(redact(said), 300)}"
        if re.search(r"dubious ownership|Permission denied|Authentication failed|could not read Username", said):
            return NotPermitted(message, place=self.place)
        if action == "fetch" or re.search(r"Could not resolve|not a git repository|cannot change to", said):
            return NotReachable(message, place=self.place)
        return OutsideFailure(message, place=self.place)


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode("utf-8", "replace").strip()
