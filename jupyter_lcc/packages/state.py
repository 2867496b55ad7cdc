"""What survives a restart: the user's own sources, what was read last of each list, and what each sync left.

Everything here blocks. Every file is replaced as a whole; a corrupt one is set aside, told, and done without: a copy is
read again from its source, and who changed what can't be told until the next sync.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from ..environments.exact import Exact
from ..environments.lock_file import Lock
from ..errors import Invalid
from ..model import Model, Timestamp
from ..store import CorruptFile, read_json, set_aside, write_json
from .compare import Installed
from .model import PackageList, SourcePlace, Stored

__all__ = ["Copy", "ListFiles", "OwnSources", "Read", "Solved", "Synced"]

T = TypeVar("T")


class OwnSources(Model, frozen=True, kw_only=True):
    """The sources a user has added, in the order they are asked."""

    sources: tuple[SourcePlace, ...] = ()


class Read(Model, frozen=True, kw_only=True):
    """What a list's files say. `problem` is why the list can't be used, `lock_problem` why its lock can't."""

    wanted: PackageList | None = None
    problem: str | None = None
    lock: Lock | None = None
    lock_problem: str | None = None


class Copy(Model, frozen=True, kw_only=True):
    """A list as it was read last. `place` is the source's, so that a source that moved is not mistaken for it.

    `read` is what this package's version `read_by` made of its files: reading a large lock takes its time.
    """

    source: str
    place: str
    stored: Stored
    read_at: Timestamp
    read: Read = Read()
    read_by: str = ""


class Synced(Model, frozen=True, kw_only=True):
    """What a sync has left: of which revision, and which packages. `keep` are those that were to stay.

    `revision_id` null: it was asked for, and nobody knows yet what became of it.
    """

    revision: int = 0
    revision_id: str | None = None
    at: Timestamp | None = None
    installed: tuple[Installed, ...] = ()
    keep: tuple[str, ...] = ()


class Solved(Model, frozen=True, kw_only=True):
    """What was chosen on this machine for the list that `tag` names, which has no lock for the machine's platform."""

    tag: str
    exact: Exact


class ListFiles:
    """The files below one folder."""

    def __init__(self, folder: Path, log: Any) -> None:
        self.folder = folder
        self._log = log

    def own_sources(self) -> tuple[SourcePlace, ...]:
        """Give the user's own sources."""
        found = self._read(self._sources, OwnSources)
        return found.sources if found is not None else ()

    def add_source(self, place: SourcePlace) -> None:
        """Add one; another server of the same user may be adding one too."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(self.folder / "sources.lock"):
            others = tuple(each for each in self.own_sources() if each.id != place.id)
            write_json(self._sources, OwnSources(sources=(*others, place)))

    def remove_source(self, source_id: str) -> bool:
        """Take one away; tell whether it was there."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(self.folder / "sources.lock"):
            before = self.own_sources()
            after = tuple(each for each in before if each.id != source_id)
            write_json(self._sources, OwnSources(sources=after))
            return after != before

    def copies(self) -> Iterator[Copy]:
        """Give what was read last of every list."""
        try:
            paths = sorted((self.folder / "copies").glob("*.json"))
        except OSError:
            return
        for path in paths:
            found = self._read(path, Copy)
            if found is not None:
                yield found

    def save_copy(self, copy: Copy) -> None:
        """Keep what was read."""
        write_json(self._file("copies", copy.stored.name), copy)

    def drop_copy(self, name: str) -> None:
        """Forget a list that is there no more."""
        for kind in ("copies", "solved"):
            self._file(kind, name).unlink(missing_ok=True)

    def synced(self, name: str) -> Synced | None:
        """Give what the last sync left."""
        return self._read(self._file("synced", name), Synced)

    def save_synced(self, name: str, synced: Synced) -> None:
        """Keep what a sync left."""
        write_json(self._file("synced", name), synced)

    def solved(self, name: str) -> Solved | None:
        """Give what was chosen here for a list without a lock."""
        return self._read(self._file("solved", name), Solved)

    def save_solved(self, name: str, solved: Solved) -> None:
        """Keep what was chosen here."""
        write_json(self._file("solved", name), solved)

    @property
    def _sources(self) -> Path:
        return self.folder / "sources.json"

    def _file(self, kind: str, name: str) -> Path:
        if "/" in name or name.startswith("."):
            raise Invalid("This is not the name of a list.", field="name")
        return self.folder / kind / f"{name}.json"

    def _read(self, path: Path, shape: type[T]) -> T | None:
        try:
            return read_json(path, shape)
        except CorruptFile as error:
            self._log.error("jupyter_lcc: a file of package lists is set aside: %s", error)
            set_aside(path)
        except OSError as error:
            self._log.error("jupyter_lcc: %s can't be read: %s", path.name, error)
        return None
