"""Deleted environments: moved aside in one step, kept for a time, taken back as they were, or removed for good.

They lie beside the environments (`envs/.lcc/trash-<id>`), because only there a rename is one step. What is being
removed is first renamed to `garbage-<id>`: whatever dies in between, it is in the trash as a whole or not at all.
Everything here blocks; call it from a thread.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from ..errors import Conflict, NotFound
from ..model import Model, Timestamp
from ..store import CorruptFile, read_json, write_json
from .find import KernelRecord
from .model import Trashed
from .places import Places

__all__ = ["Entry", "Trash", "remove_tree"]

_BEGUN_SECONDS = 600.0


class Entry(Model, frozen=True, kw_only=True):
    """What is written beside a deleted environment."""

    id: str
    name: str
    prefix: str
    deleted_at: Timestamp
    kernel: KernelRecord | None = None
    size: int | None = None


class Trash:
    """The trash of one folder of environments."""

    def __init__(self, places: Places, keep_days: int) -> None:
        self._folder = places.ours
        self._keep = timedelta(days=keep_days) if keep_days else None

    def all(self) -> list[Entry]:
        """Give what is in it, the last deleted first."""
        found = []
        try:
            names = os.listdir(self._folder)
        except OSError:
            return []
        for name in names:
            if name.startswith("trash-"):
                entry = self._read(self._folder / name)
                if entry is not None:
                    found.append(entry)
        return sorted(found, key=lambda entry: entry.deleted_at, reverse=True)

    def shown(self) -> tuple[Trashed, ...]:
        """Give what is in it in the words of the wire."""
        return tuple(
            Trashed(
                id=entry.id,
                name=entry.name,
                deleted_at=entry.deleted_at,
                purged_at=entry.deleted_at + self._keep if self._keep is not None else None,
                size_bytes=entry.size,
            )
            for entry in self.all()
        )

    def find(self, wanted: str) -> Entry:
        """Give one by its id or, of those with a name, the last deleted. Raises NotFound."""
        for entry in self.all():
            if wanted in (entry.id, entry.name):
                return entry
        raise NotFound(f"Nothing called {wanted!r} is in the trash.", name=wanted)

    def put(self, name: str, prefix: Path, now: datetime, kernel: KernelRecord | None, size: int | None) -> Entry:
        """Move an environment into the trash."""
        entry = Entry(id=uuid.uuid4().hex[:12], name=name, prefix=str(prefix), deleted_at=now, kernel=kernel, size=size)
        place = self._folder / f"trash-{entry.id}"
        write_json(place / "trash.json", entry)
        try:
            os.rename(prefix, place / "env")
        except OSError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return entry

    def take(self, entry: Entry) -> Path:
        """Move an environment back to where it was. Raises Conflict where something is there now."""
        place, prefix = self._folder / f"trash-{entry.id}", Path(entry.prefix)
        if os.path.lexists(prefix):
            raise Conflict(
                f"There is an environment {entry.name} again; rename or delete it first.", name=entry.name, id=entry.id
            )
        prefix.parent.mkdir(parents=True, exist_ok=True)
        os.rename(place / "env", prefix)
        shutil.rmtree(place, ignore_errors=True)
        return prefix

    def discard(self, entry: Entry) -> Path:
        """Take an entry out of the trash for good; what lies there is to be removed then."""
        garbage = self._folder / f"garbage-{entry.id}"
        os.rename(self._folder / f"trash-{entry.id}", garbage)
        return garbage

    def due(self, now: datetime) -> list[Entry]:
        """Give what was kept long enough."""
        return [entry for entry in self.all() if self._keep is not None and entry.deleted_at + self._keep <= now]

    def garbage(self) -> list[Path]:
        """Give what is only left to be removed: of a removal that was cut off, and of a deletion that never began."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return []
        found = [self._folder / name for name in names if name.startswith("garbage-")]
        empty = [self._folder / name for name in names if name.startswith("trash-")]
        # Another server may just be about to move something there.
        return found + [place for place in empty if not os.path.lexists(place / "env") and _is_old(place)]

    def _read(self, place: Path) -> Entry | None:
        if not os.path.lexists(place / "env"):
            return None
        wanted = place.name.removeprefix("trash-")
        try:
            entry = read_json(place / "trash.json", Entry)
        except (CorruptFile, OSError):
            entry = None
        if entry is None:
            # The environment is whole, only its note is lost: it can still be taken back, under its id.
            deleted = datetime.fromtimestamp(os.lstat(place).st_mtime).astimezone()
            return Entry(id=wanted, name=wanted, prefix=str(place.parents[1] / wanted), deleted_at=deleted)
        return msgspec.structs.replace(entry, id=wanted, prefix=str(place.parents[1] / Path(entry.prefix).name))


def remove_tree(folder: Path, going_on: Callable[[], bool] = lambda: True) -> bool:
    """Remove a folder, also where it forbids that; False where it was not wholly removed.

    Stops between two of its entries once `going_on` says no.
    """

    def allow(function: Callable[..., Any], path: str, _error: object) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), stat.S_IRWXU)
            os.chmod(path, stat.S_IRWXU, follow_symlinks=False) if not os.path.islink(path) else None
            function(path)

    for root in _two_deep(folder):
        if not going_on():
            return False
        if root.is_dir() and not root.is_symlink():
            shutil.rmtree(root, onerror=allow)
        else:
            with contextlib.suppress(OSError):
                root.unlink()
    shutil.rmtree(folder, onerror=allow)
    return not os.path.lexists(folder)


def _is_old(place: Path) -> bool:
    try:
        return time.time() - os.lstat(place).st_mtime > _BEGUN_SECONDS
    except OSError:
        return False


def _two_deep(folder: Path) -> list[Path]:
    found: list[Path] = []
    with contextlib.suppress(OSError):
        for child in folder.iterdir():
            if child.is_dir() and not child.is_symlink():
                with contextlib.suppress(OSError):
                    found += child.iterdir()
            else:
                found.append(child)
    return found
