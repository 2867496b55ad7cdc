"""Output nobody has seen, on disk: so it outlives a server that is killed. Everything here blocks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from ...model import Model
from ...store import CorruptFile, read_json, set_aside, write_json
from ..model import Session
from .runs import Run

__all__ = ["Spool", "Spooled"]


class Spooled(Model, frozen=True, kw_only=True):
    """What a kernel printed unseen, and the documents it belongs to."""

    kernel_id: str
    kernel_name: str | None
    sessions: tuple[Session, ...]
    runs: list[Run]


class Spool:
    """One file for each kernel, in this server's own folder: another server's kernels may be alive."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._find_folder = folder

    def put(self, kernel_id: str, encoded: bytes) -> None:
        """Replace what is there of a kernel. Raises OSError."""
        write_json(self._find_folder() / f"{kernel_id}.json", msgspec.Raw(encoded))

    def remove(self, kernel_id: str) -> None:
        """It is written where it belongs, or was seen."""
        with suppress(OSError):
            (self._find_folder() / f"{kernel_id}.json").unlink(missing_ok=True)

    def left(self) -> list[Spooled]:
        """Give what an earlier server left; its kernels ended with it."""
        found = []
        for path in sorted(self._find_folder().glob("*.json")):
            try:
                spooled = read_json(path, Spooled)
            except CorruptFile:
                with suppress(OSError):
                    set_aside(path)
                continue
            except OSError:
                continue
            if spooled is not None and path.stem == spooled.kernel_id:
                found.append(spooled)
        return found
