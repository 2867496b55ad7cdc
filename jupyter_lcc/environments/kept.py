"""The versions of an environment that are kept: what was installed after each change, enough to bring it back.

They lie in our own state, by the id an environment carries (`conda-meta/jupyter_lcc`), because that stays when
it is renamed or restored. The id file also says which version it is in: it is exchanged together with the environment,
so a version that was written down and never came to be is known by its greater number, and is overwritten by the next.
Everything here blocks.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import msgspec

from ..model import Model, Timestamp
from ..store import CorruptFile, read_json, write_json
from .places import Places

__all__ = ["KeptPip", "KeptRecord", "KeptVersion", "Versions"]

_MOST = 100
"""So many are kept; the oldest goes first."""


class KeptRecord(Model, frozen=True, kw_only=True):
    """One conda package with all that is needed to install it again."""

    name: str
    version: str
    build: str
    build_number: int = 0
    channel: str | None = None
    subdir: str | None = None
    url: str | None = None
    fn: str | None = None
    md5: str | None = None
    sha256: str | None = None
    size: int | None = None
    timestamp: int | None = None
    noarch: str | None = None
    license: str | None = None
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    track_features: str | tuple[str, ...] | None = None
    python_site_packages_path: str | None = None


class KeptPip(Model, frozen=True, kw_only=True):
    """One package of pip. `editable` is a folder, or the address it was installed from where that was no index.

    `url` and `sha256` are of its archive, where the environment remembers it.
    """

    name: str
    version: str
    editable: str | None = None
    requested: bool = False
    url: str | None = None
    sha256: str | None = None


class KeptVersion(Model, frozen=True, kw_only=True):
    """A state. `requested` maps names to the specs somebody asked for; `outside`: we only found it like that."""

    number: int
    at: Timestamp
    command: str
    records: tuple[KeptRecord, ...] = ()
    requested: dict[str, str] = msgspec.field(default_factory=dict)
    pip: tuple[KeptPip, ...] = ()
    channels: tuple[str, ...] = ()
    outside: bool = False

    @property
    def restorable(self) -> bool:
        """Tell whether every package came from an address, so that it can be had again."""
        return all(record.url for record in self.records) and not any(package.editable for package in self.pip)


class Versions:
    """The versions of one environment."""

    def __init__(self, places: Places, id: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", id):
            raise ValueError("not an environment's id")
        self.folder = Path(places.state) / "versions" / id

    def numbers(self) -> list[int]:
        """Give the numbers that are kept, the newest first."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        return sorted((int(name[:-5]) for name in names if re.fullmatch(r"[1-9][0-9]*\.json", name)), reverse=True)

    def read(self, number: int) -> KeptVersion | None:
        """Give one, None where it isn't kept or can't be read."""
        try:
            return read_json(self.folder / f"{number}.json", KeptVersion)
        except (CorruptFile, OSError):
            return None

    def upto(self, current: int) -> list[KeptVersion]:
        """Give those that came to be, the newest first; `current` is what the environment's id file says."""
        found = (self.read(number) for number in self.numbers() if number <= current)
        return [version for version in found if version is not None]

    def write(self, version: KeptVersion) -> None:
        """Keep one, and let the oldest go."""
        write_json(self.folder / f"{version.number}.json", version)
        for number in self.numbers()[_MOST:]:
            (self.folder / f"{number}.json").unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove all of them, with the environment."""
        shutil.rmtree(self.folder, ignore_errors=True)
