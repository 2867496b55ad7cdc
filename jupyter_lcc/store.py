"""Files that survive `kill -9` at any instant: whole JSON documents and append-only, rotated JSON lines.

Everything here blocks; call it from a thread.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

__all__ = ["CorruptFile", "JsonLines", "read_json", "set_aside", "write_json"]

T = TypeVar("T")


class CorruptFile(Exception):
    """The file is there and can't be read as what it should be."""


def write_json(path: Path, value: object) -> None:
    """Replace `path` by `value` as a whole, or leave it as it was."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(value), indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_json(path: Path, shape: type[T]) -> T | None:
    """Read `path`, None where there is none; raise CorruptFile for anything that is not a `shape`."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptFile(f"{path.name}: {error}") from error


def set_aside(path: Path) -> Path:
    """Move a corrupt file out of the way, keeping it for whoever wants to look."""
    kept = path.with_name(f"{path.name}.corrupt-{int(time.time())}")
    os.replace(path, kept)
    return kept


class JsonLines:
    """An append-only log of one JSON object a line, in at most `files` files of about `max_bytes` each."""

    def __init__(self, path: Path, *, max_bytes: int = 5_000_000, files: int = 4) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._files = files

    def append(self, lines: list[bytes]) -> None:
        """Add lines; a half-written last line of a killed process is closed first, so only it is lost."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.path.exists() and self.path.stat().st_size >= self._max_bytes:
            self._rotate()
        with open(self.path, "ab+") as file:
            text = b"".join(line + b"\n" for line in lines)
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    text = b"\n" + text
            file.write(text)

    def newest_first(self) -> Iterator[bytes]:
        """Give the lines from the last to the first, over all files."""
        for number in range(self._files):
            path = self._numbered(number)
            try:
                lines = path.read_bytes().splitlines()
            except FileNotFoundError:
                continue
            yield from reversed(lines)

    def _rotate(self) -> None:
        for number in range(self._files - 1, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                os.replace(older, self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self.path if number == 0 else self.path.with_name(f"{self.path.name}.{number}")
