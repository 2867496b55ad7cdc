"""What was shut down and nobody has been told of yet: one file each, in a folder all servers of a user share.

So a person who comes back to a new server, on another port, is told too, and two servers never write the same
file. A file is named for its time, so the names alone give order and number. Everything here blocks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

import msgspec

from ...model import Model
from ...store import CorruptFile, read_json, set_aside, write_json
from ..model import Stopped, StoppedDocument

__all__ = ["MOST", "Shelf"]

MOST = 200
"""More are not kept; the oldest go."""


class _Shelved(Model, frozen=True, kw_only=True):
    """One shutdown; its documents' paths are relative to `root`, the server's own root folder."""

    root: str
    stopped: Stopped


class Shelf:
    """The folder. A file that can't be read is set aside: it tells nothing, and holds nothing up."""

    def __init__(self, folder: Callable[[], Path], root: str) -> None:
        self._find_folder = folder
        self._root = root

    def put(self, stopped: Stopped) -> None:
        """Add or replace one. Raises OSError."""
        folder = self._find_folder()
        write_json(folder / _name_of(stopped), _Shelved(root=self._root, stopped=stopped))
        for name in self._names()[MOST:]:
            (folder / name).unlink(missing_ok=True)

    def remove(self, ids: Collection[str]) -> None:
        """Take these away; ids that aren't there are passed over. Raises OSError."""
        wanted = set(ids)
        for name in self._names():
            if _id_in(name) in wanted:
                (self._find_folder() / name).unlink(missing_ok=True)

    def count(self) -> int:
        """Give the number of files, which is cheap."""
        return len(self._names())

    def read(self) -> tuple[Stopped, ...]:
        """Give all, newest first."""
        found: list[Stopped] = []
        for name in self._names():
            try:
                shelved = read_json(self._find_folder() / name, _Shelved)
            except CorruptFile:
                with suppress(OSError):
                    set_aside(self._find_folder() / name)
                continue
            except OSError:
                continue
            if shelved is not None:
                found.append(self._seen_from_here(shelved))
        return tuple(found)

    def _seen_from_here(self, shelved: _Shelved) -> Stopped:
        """Name the documents as this server does; those outside of its root keep their whole path."""
        if shelved.root == self._root:
            return shelved.stopped
        documents = tuple(self._renamed(document, shelved.root) for document in shelved.stopped.documents)
        return msgspec.structs.replace(shelved.stopped, documents=documents)

    def _renamed(self, document: StoppedDocument, root: str) -> StoppedDocument:
        paths = [
            None if path is None else _relative(os.path.join(root, path), self._root)
            for path in (document.path, document.output_path)
        ]
        return msgspec.structs.replace(document, path=paths[0], output_path=paths[1])

    def _names(self) -> list[str]:
        """Name the files, newest first."""
        try:
            names = os.listdir(self._find_folder())
        except OSError:
            return []
        return sorted((name for name in names if name.endswith(".json") and not name.startswith(".")), reverse=True)


def _name_of(stopped: Stopped) -> str:
    at: datetime = stopped.stopped_at.astimezone(timezone.utc)
    return f"{at:%Y%m%dT%H%M%S}.{at.microsecond:06d}_{stopped.id}.json"


def _id_in(name: str) -> str:
    return name.removesuffix(".json").partition("_")[2]


def _relative(path: str, root: str) -> str:
    whole = PurePosixPath(os.path.normpath(path).replace(os.sep, "/"))
    mine = PurePosixPath(os.path.normpath(root).replace(os.sep, "/"))
    return str(whole.relative_to(mine)) if whole.is_relative_to(mine) else str(whole)
