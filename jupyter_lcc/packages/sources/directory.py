"""Lists in a folder, also one that many machines share.

    NAME/environment.yml, pixi.lock, revision.json     what holds, for people to read, compare and edit
    NAME/history/000007/                               the same three files of each revision, never changed again

A revision is made in a folder of its own and then renamed to its number. A file system gives a name once: of two
publishers one finds the number taken, has written nothing and is told. So it needs no lock that could be left behind,
and whoever is killed leaves a staging folder that nobody reads. The three files above are copies, made afterwards; an
`environment.yml` that no revision has is somebody's edit, and counts as the newest revision.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import uuid
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from ...environments.names import check_name
from ...errors import Invalid, LccError, NotFound, NotReachable, Unsafe
from ..lock import fits_list
from ..model import MAX_LIST, MAX_LOCK, Revision, Signature, SourceKind, Stored
from ..revisions import digest, folder_of, next_revision
from ..yamls import read_text
from .disk import told_of
from .model import (
    HEAD,
    LIST,
    LOCK,
    Draft,
    Unchanged,
    check_draft,
    encode_record,
    is_list_name,
    lost_race,
    new_record,
    read_record,
    stored_of,
)
from .shelves import FolderShelf

__all__ = ["DirectorySource"]

_HISTORY = "history"
_STAGING = ".staging-"
_LEFT_SECONDS = 24 * 3600
"""A staging folder this much older than a new one was left behind."""

_TAKEN = (errno.EEXIST, errno.ENOTEMPTY)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class DirectorySource:
    """Lists in the folder `root`, which must be there: a share that isn't mounted is not made anew."""

    kind: SourceKind = "directory"

    def __init__(self, root: Path) -> None:
        if not root.is_absolute():
            raise Invalid(f"{str(root)!r} is not an absolute path.", field="place")
        self._root = root
        self._tried: str | None = None
        self._is_safe = False

    @property
    def place(self) -> str:
        """The folder's path."""
        return str(self._root)

    @property
    def shelf(self) -> FolderShelf:
        """Its bundle."""
        return FolderShelf(self._root)

    def why_unsafe(self) -> str | None:
        """Try whether a name is given once: some network file systems copy where they should rename."""
        if self._is_safe or self._tried is not None:
            return self._tried
        with told_of(self._root, "tried out"):
            trial = self._root / f".trial-{uuid.uuid4().hex}"
            try:
                trial.mkdir()
                for side in ("one", "two"):
                    (trial / side).mkdir()
                    (trial / side / "file").write_text(side)
                self._tried = _rename_is_exclusive(trial)
            finally:
                shutil.rmtree(trial, ignore_errors=True)
        self._is_safe = self._tried is None
        return self._tried

    def names(self) -> tuple[str, ...]:
        """Name the lists that are there."""
        return tuple(self.etags())

    def etags(self) -> dict[str, str | None]:
        """Name the lists with their ETags."""
        with told_of(self._root, "read"):
            entries = sorted(entry.name for entry in os.scandir(self._root) if entry.is_dir())
            found = {name: self._tag(name) for name in entries if is_list_name(name)}
        return {name: tag or None for name, tag in found.items() if tag is not None}

    def read(self, name: str, known: str | None = None) -> Stored:
        """Read a list: its newest revision, or what somebody wrote over it by hand."""
        with told_of(self._root, "read"):
            found = self._current(name, known)
        if found is None:
            raise NotFound(f"There is no list {name} in {self.place}.", name=name)
        return found

    def write(self, name: str, draft: Draft, expected: Stored | None) -> Stored:
        """Write a revision under the number that follows; see the module for why nothing is lost."""
        check_draft(name, draft)
        self._check_safe()
        with told_of(self._root, "written"):
            self._check_expected(name, expected)
            record = new_record(expected, self._removed(name), draft)
            files = {LIST: draft.text, LOCK: draft.lock}
            self._add(name, record, files, expected)
        return stored_of(name, folder_of(record), draft.text, draft.lock, record)

    def remove(self, name: str, signed: Signature, expected: Stored) -> Revision:
        """Add a revision that says the list is removed, and take the copies away."""
        check_name(name)
        self._check_safe()
        with told_of(self._root, "written"):
            self._check_expected(name, expected)
            record = next_revision(expected.revision, signed, text=None, lock=None)
            self._add(name, record, {LIST: None, LOCK: None}, expected)
        return record

    def history(self, name: str, limit: int = 100) -> tuple[Revision, ...]:
        """Give the revisions, the newest first."""
        with told_of(self._root, "read"):
            found = self._records(name)
            with contextlib.suppress(NotFound):
                now = self._current(name)
                if now is not None and now.revision.outside and (not found or found[0].id != now.revision.id):
                    found.insert(0, now.revision)
        if not found:
            raise NotFound(f"There is no list {name} in {self.place}.", name=name)
        return tuple(found[:limit])

    def revision(self, name: str, number: int) -> Stored:
        """Read an old revision."""
        with told_of(self._root, "read"):
            record = self._record(name, number)
            if record is not None:
                return self._kept(name, record)
            now = self._current(name)
            if now is not None and now.revision.number == number:
                return now
        raise NotFound(f"The list {name} has no revision {number}.", name=name)

    def at(self, name: str, record: Revision) -> Stored:
        """Read the files of a record."""
        return self.revision(name, record.number)

    # -- reading ----------------------------------------------------------------------------------------------

    def _folder(self, name: str) -> Path:
        folder = self._root / check_name(name)
        real = os.path.realpath(folder)
        if os.path.dirname(real) != os.path.realpath(self._root):
            raise Invalid(f"The folder of {name} leads out of its source.", field="name", value=name)
        return folder

    def _numbers(self, name: str) -> list[int]:
        try:
            names = os.listdir(self._folder(name) / _HISTORY)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted((int(entry) for entry in names if re.fullmatch(r"\d{6,9}", entry)), reverse=True)

    def _record(self, name: str, number: int) -> Revision | None:
        raw = _read(self._kept_folder(name, number) / HEAD, 100_000)
        record = None if raw is None else read_record(raw)
        if raw is not None and (record is None or record.number != number):
            raise Invalid(f"The record of revision {number} of {name} can't be read.", field=name)
        return record

    def _kept_folder(self, name: str, number: int) -> Path:
        return self._folder(name) / _HISTORY / f"{number:06d}"

    def _records(self, name: str) -> list[Revision]:
        return [record for number in self._numbers(name) if (record := self._record(name, number)) is not None]

    def _head(self, name: str) -> Revision | None:
        numbers = self._numbers(name)
        return self._record(name, numbers[0]) if numbers else None

    def _removed(self, name: str) -> Revision | None:
        head = self._head(name)
        return head if head is not None and head.removed else None

    def _kept(self, name: str, record: Revision) -> Stored:
        folder = self._kept_folder(name, record.number)
        text, lock = _text(folder / LIST, MAX_LIST), _text(folder / LOCK, MAX_LOCK)
        return stored_of(name, folder_of(record), text, lock, record)

    def _tag(self, name: str) -> str | None:
        """Give a list's ETag, None where there is none, "" where reading it will tell what is wrong with it."""
        try:
            found = self._current(name, light=True)
        except NotFound:
            return None
        except LccError:
            return ""
        return found.etag if found is not None else None

    def _current(self, name: str, known: str | None = None, *, light: bool = False) -> Stored | None:
        """Read what holds. Raises Unchanged where that is known already, NotFound where it was removed."""
        if not (os.path.isdir(self._root)):
            raise NotReachable(f"The folder {self.place} is not there.", place=self.place)
        folder = self._folder(name)
        head = self._head(name)
        raw = _read(folder / LIST, MAX_LIST)
        if raw is not None and self._is_edited(name, raw, head):
            found = self._edited(name, raw, head)
            if known is not None and known == found.etag:
                raise Unchanged
            return found
        if head is None:
            return None
        if known is not None and known == folder_of(head):
            raise Unchanged
        if light and not head.removed:
            return Stored(name=name, etag=folder_of(head), text="", revision=head)
        return self._kept(name, head)

    def _is_edited(self, name: str, raw: bytes, head: Revision | None) -> bool:
        """Tell whether no revision has this text: then somebody wrote it by hand. An older one's is a late copy."""
        try:
            found = digest(read_text(raw, MAX_LIST, name))
        except Invalid:
            return True
        if head is None:
            return True
        if found == head.list_sha256:
            return False
        return all(record.list_sha256 != found for record in self._records(name))

    def _edited(self, name: str, raw: bytes, head: Revision | None) -> Stored:
        folder = self._folder(name)
        text = read_text(raw, MAX_LIST, name)
        lock = _text(folder / LOCK, MAX_LOCK)
        status = os.stat(folder / LIST)
        signed = Signature(
            author=_owner(status.st_uid),
            at=datetime.fromtimestamp(status.st_mtime, timezone.utc),
            message="Edited by hand",
        )
        record = next_revision(head, signed, text=text, lock=lock, outside=True)
        stored = stored_of(name, folder_of(record), text, lock, record, checked=False)
        untouched = head is not None and lock is not None and digest(lock) == head.lock_sha256
        return msgspec.structs.replace(stored, lock_fits=fits_list(lock, text) and not untouched)

    # -- writing ----------------------------------------------------------------------------------------------

    def _check_safe(self) -> None:
        why = self.why_unsafe()
        if why is not None:
            raise Unsafe(why, place=self.place)

    def _check_expected(self, name: str, expected: Stored | None) -> None:
        try:
            now = self._current(name)
        except NotFound:
            now = None
        if (now.etag if now is not None else None) != (expected.etag if expected is not None else None):
            raise lost_race(name, now)

    def _add(self, name: str, record: Revision, files: dict[str, str | None], expected: Stored | None) -> None:
        if expected is not None and expected.revision.outside and self._record_or_none(name, expected) is None:
            # What somebody wrote by hand becomes a revision of its own first: it is a part of the history.
            self._place(name, expected.revision, {LIST: expected.text, LOCK: expected.lock})
        self._place(name, record, files)
        with contextlib.suppress(OSError, LccError):
            self._copy(name)  # it is published; copies that couldn't be made are made with the next one

    def _record_or_none(self, name: str, expected: Stored) -> Revision | None:
        record = self._record(name, expected.revision.number)
        return record if record is not None and record.id == expected.revision.id else None

    def _place(self, name: str, record: Revision, files: dict[str, str | None]) -> None:
        history = self._folder(name) / _HISTORY
        history.mkdir(parents=True, exist_ok=True)
        staging = history / f"{_STAGING}{uuid.uuid4().hex}"
        staging.mkdir()
        try:
            for file, text in files.items():
                if text is not None:
                    _write(staging / file, text.encode())
            _write(staging / HEAD, encode_record(record))
            _sync_folder(staging)
            _sweep(history, staging)
            try:
                os.rename(staging, history / f"{record.number:06d}")
            except OSError as error:
                if error.errno not in (*_TAKEN, errno.ENOENT):
                    raise
                there = self._record(name, record.number)
                # A rename over a network may be done, its answer lost, and then be asked for again.
                if there is None or there.id != record.id:
                    raise self._lost(name) from None
            _sync_folder(history)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _lost(self, name: str) -> LccError:
        with contextlib.suppress(NotFound):
            return lost_race(name, self._current(name))
        return lost_race(name, None)

    def _copy(self, name: str) -> None:
        """Bring the copies up to date, unless somebody edits them at this moment."""
        folder = self._folder(name)
        for _ in range(5):
            head = self._head(name)
            raw = _read(folder / LIST, MAX_LIST)
            if head is None or (raw is not None and self._is_edited(name, raw, head)):
                return
            kept = self._kept_folder(name, head.number)
            for file, most in ((LOCK, MAX_LOCK), (HEAD, 100_000), (LIST, MAX_LIST)):
                new = None if head.removed and file != HEAD else _read(kept / file, most)
                if new is None:
                    (folder / file).unlink(missing_ok=True)
                elif new != _read(folder / file, most):
                    _replace(folder / file, new)
            if self._numbers(name)[:1] == [head.number]:
                return


def _rename_is_exclusive(trial: Path) -> str | None:
    os.rename(trial / "one", trial / "1")
    try:
        os.rename(trial / "two", trial / "1")
    except OSError as error:
        kept = (trial / "1" / "file").read_text() == "one" and error.errno in _TAKEN
        return None if kept else f"This file system renames folders in its own way ({error.strerror})."
    return "This file system gives one name to two folders, so of two who publish at once one could lose."


def _owner(uid: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)


def _read(path: Path, most: int) -> bytes | None:
    """Read a plain file, None where there is none. No link is followed and no pipe waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | _NO_FOLLOW)
    except FileNotFoundError:
        return None
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Invalid(f"{path.name} is not a plain file.", field=path.name)
        raw = file.read(most + 1)
    if len(raw) > most:
        raise Invalid(f"{path.name} has more than {most} bytes.", field=path.name)
    return raw


def _text(path: Path, most: int) -> str | None:
    raw = _read(path, most)
    return None if raw is None else read_text(raw, most, path.name)


def _write(path: Path, raw: bytes) -> None:
    with open(path, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, raw: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        _write(temporary, raw)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(path: Path) -> None:
    with contextlib.suppress(OSError):  # some network file systems can't, and don't need to
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sweep(history: Path, mine: Path) -> None:
    """Remove what was left behind, by the file system's own clock: those of machines may differ."""
    now = mine.stat().st_mtime
    for entry in os.scandir(history):
        if entry.name.startswith(_STAGING) and entry.name != mine.name:
            with contextlib.suppress(OSError):
                if now - entry.stat(follow_symlinks=False).st_mtime > _LEFT_SECONDS:
                    shutil.rmtree(entry.path, ignore_errors=True)
