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
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

import msgspec

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
_ABSENT_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "commit.gpgSign=false",
    "gc.auto=0",
    "advice.detachedHead=false",
)
_OWN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")


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
        tip = self._tip()
        listed = self._git("ls-tree", "-r", "-z", "--name-only", tip, *([self._below] if self._below else []))
        parts = [path[len(self._below) :].split("/") for path in listed.split("\0")]
        return tuple(sorted(part[0] for part in parts if len(part) == 2 and part[1] == LIST and is_list_name(part[0])))

    def read(self, name: str, known: str | None = None) -> Stored:
        """Read a list at the tip."""
        check_name(name)
        tip = self._tip()
        if known is not None and known == self._tree(tip, name):
            raise Unchanged
        return self._at(name, tip)

    def write(self, name: str, draft: Draft, expected: Stored | None) -> Stored:
        """Commit the files, and move the branch."""
        check_draft(name, draft)
        made_from = f"\n\nRestores revision {draft.restored_from}." if draft.restored_from else ""
        subject = plain_line(draft.signed.message, 500) or f"Publish {name}"
        self._commit(name, {LIST: draft.text, LOCK: draft.lock}, draft.signed, subject + made_from, expected)
        return self._at(name, self._tip(fetch=False))

    def remove(self, name: str, signed: Signature, expected: Stored) -> Revision:
        """Commit that the files are gone."""
        check_name(name)
        subject = plain_line(signed.message, 500) or f"Remove {name}"
        self._commit(name, {LIST: None, LOCK: None}, signed, subject, expected)
        return self.history(name, 1)[0]

    def history(self, name: str, limit: int = 100) -> tuple[Revision, ...]:
        """Give the commits that touched the list."""
        check_name(name)
        found = self._log(self._tip(), name)
        if not found:
            raise NotFound(f"There is no list {name} in {self.place}.", name=name)
        return tuple(found[:limit])

    def revision(self, name: str, number: int) -> Stored:
        """Read a list at one of those commits."""
        check_name(name)
        for record in self._log(self._tip(), name):
            if record.number == number:
                return self._at(name, record.id)
        raise NotFound(f"The list {name} has no revision {number}.", name=name)

    # -- reading ----------------------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return f"{self._below}{name}"

    def _local(self) -> str:
        if self._branch is not None:
            return self._branch
        found = self._ask("symbolic-ref", "--quiet", "--short", "HEAD")
        if found is None:
            raise Invalid(f"The checkout {self._root} is on no branch.", field="place")
        return found.strip()

    def _ref(self) -> str:
        return f"refs/heads/{self._local()}" if self._remote is None else f"refs/remotes/{self._remote}/{self._local()}"

    def _tip(self, *, fetch: bool = True) -> str:
        branch = self._local()
        if self._remote is not None and fetch:
            self._git("fetch", "--quiet", "--no-tags", self._remote, f"+refs/heads/{branch}:{self._ref()}")
        found = self._ask("rev-parse", "--verify", "--quiet", f"{self._ref()}^{{commit}}")
        if found is None:
            raise NotReachable(f"The checkout {self._root} has no commit on {branch}.", place=self.place)
        return found.strip()

    def _tree(self, commit: str, name: str) -> str | None:
        found = self._ask("rev-parse", "--verify", "--quiet", f"{commit}:{self._path(name)}")
        return None if found is None else found.strip()

    def _at(self, name: str, commit: str) -> Stored:
        blobs = self._blobs(commit, name)
        text = self._text(name, blobs.get(LIST), MAX_LIST)
        if text is None:
            raise NotFound(f"There is no list {name} in {self.place}.", name=name)
        lock = self._text(name, blobs.get(LOCK), MAX_LOCK)
        log = self._log(commit, name)
        record = msgspec.structs.replace(log[0], list_sha256=digest(text), lock_sha256=digest(lock))
        etag = self._tree(commit, name) or ""
        return Stored(name=name, etag=etag, text=text, lock=lock, revision=record, lock_fits=fits_list(lock, text))

    def _blobs(self, commit: str, name: str) -> dict[str, tuple[str, int]]:
        found: dict[str, tuple[str, int]] = {}
        path = self._path(name)
        for line in self._git("ls-tree", "-l", "-z", commit, f"{path}/").split("\0"):
            told = re.fullmatch(r"(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)", line, re.DOTALL)
            if told is None or told[5] not in (f"{path}/{LIST}", f"{path}/{LOCK}"):
                continue
            if told[1] not in ("100644", "100755"):
                raise Invalid(f"{told[5].rsplit('/', 1)[-1]} of {name} is not a plain file.", field=name)
            found[told[5].rsplit("/", 1)[-1]] = told[3], int(told[4])
        return found

    def _text(self, name: str, blob: tuple[str, int] | None, most: int) -> str | None:
        if blob is None:
            return None
        if blob[1] > most:
            raise Invalid(f"A file of {name} has more than {most} bytes.", field=name)
        return read_text(self._run("cat-file", "blob", blob[0]).stdout, most, name)

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
                    removed=place == 0 and LIST not in self._blobs(sha, name),
                )
            )
        return records

    # -- writing ----------------------------------------------------------------------------------------------

    def _commit(
        self, name: str, files: Mapping[str, str | None], signed: Signature, message: str, expected: Stored | None
    ) -> None:
        """Make a commit on the tip and move the branch there; again while others move it for other lists."""
        for _ in range(_TRIES):
            tip = self._tip()
            self._check_expected(name, tip, expected)
            self._check_clean(name)
            commit = self._made(name, files, signed, message, tip)
            if commit is None or self._move(tip, commit):
                self._follow(name)
                return
            time.sleep(random.uniform(0.01, 0.05))
        raise Conflict(f"Others move the branch {self._local()} faster than {name} can be written.", field=name)

    def _check_expected(self, name: str, tip: str, expected: Stored | None) -> None:
        there = self._tree(tip, name)
        if there != (expected.etag if expected is not None else None):
            now = None
            with contextlib.suppress(NotFound):
                now = self._at(name, tip)
            if now is None and expected is None:
                return  # a folder without a list
            raise lost_race(name, now)

    def _made(
        self, name: str, files: Mapping[str, str | None], signed: Signature, message: str, tip: str
    ) -> str | None:
        """Write blobs, tree and commit. None where the files are what they are already."""
        with tempfile.TemporaryDirectory(prefix="jupyter_lcc-") as folder:
            index = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
            self._git("read-tree", tip, environment=index)
            for file, text in files.items():
                path = f"{self._path(name)}/{file}"
                if text is None:
                    self._git("update-index", "--force-remove", "--", path, environment=index)
                else:
                    blob = self._git("hash-object", "-w", "--stdin", stdin=text.encode()).strip()
                    self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", environment=index)
            tree = self._git("write-tree", environment=index).strip()
        if tree == self._git("rev-parse", f"{tip}^{{tree}}").strip():
            return None
        author = re.sub(r"[<>]", "", plain_line(signed.author, 200)) or "unknown"
        when = signed.at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        who = {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in (("NAME", author), ("EMAIL", "jupyter_lcc@localhost"), ("DATE", when))
        }
        return self._git("commit-tree", tree, "-p", tip, stdin=message.encode(), environment=who).strip()

    def _move(self, tip: str, commit: str) -> bool:
        """Move the branch from `tip` to `commit`. False where it isn't at `tip` any more."""
        branch = self._local()
        if self._remote is None:
            if self._ask("update-ref", f"refs/heads/{branch}", commit, tip) is not None:
                return True
            return self._lost(tip)
        lease = f"--force-with-lease=refs/heads/{branch}:{tip}"
        done = self._run(
            "push", "--quiet", "--no-verify", lease, self._remote, f"{commit}:refs/heads/{branch}", check=False
        )
        if done.returncode == 0:
            self._ask("update-ref", self._ref(), commit)
            self._ask("update-ref", f"refs/heads/{branch}", commit, tip)
            return True
        return self._lost(tip, done)

    def _lost(self, tip: str, done: subprocess.CompletedProcess[bytes] | None = None) -> bool:
        """Tell a race that was lost from a branch that can't be moved at all."""
        if self._tip() != tip:
            return False
        told = _said(done) if done is not None else ""
        if done is not None and not re.search(r"stale info|cannot lock ref|fetch first|non-fast-forward", told):
            raise self._failure("push", told)
        return False

    def _check_clean(self, name: str) -> None:
        """Refuse where somebody edits the list in the work tree: what they wrote would be lost, or publish itself."""
        if self._is_bare() or not self._follows():
            return
        path = f":(top,literal){self._path(name)}"
        if not self._git("status", "--porcelain", "-z", "--untracked-files=all", "--", path).strip("\0"):
            return
        for record in self._log(self._tip(fetch=False), name)[1:6]:
            if self._ask("diff", "--quiet", record.id, "--", path) is not None:
                self._restore(path)  # only behind: somebody was stopped before the files could follow
                return
        raise Conflict(
            f"{name} has changes in the checkout {self._root} that aren't committed; commit them or take them back.",
            field=name,
        )

    def _follow(self, name: str) -> None:
        """Let the work tree show what was committed."""
        if not self._is_bare() and self._follows():
            self._restore(f":(top,literal){self._path(name)}")

    def _follows(self) -> bool:
        """Tell whether the work tree is of the branch."""
        return (self._ask("symbolic-ref", "--quiet", "--short", "HEAD") or "").strip() == self._local()

    def _restore(self, path: str) -> None:
        self._ask("restore", "--quiet", "--source=HEAD", "--staged", "--worktree", "--", path)

    def _is_bare(self) -> bool:
        return self._git("rev-parse", "--is-bare-repository").strip() == "true"

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
        if action == "fetch" or "Could not resolve" in said or "not a git repository" in said:
            return NotReachable(message, place=self.place)
        return OutsideFailure(message, place=self.place)


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode("utf-8", "replace").strip()
