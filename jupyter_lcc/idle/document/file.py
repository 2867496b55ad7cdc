"""A policy document in a file of this machine."""

from __future__ import annotations

from pathlib import Path

from .model import Unavailable

__all__ = ["FileReader"]

MAX_READ = 1024 * 1024


class FileReader:
    """Looks at the file's stamp each time and reads it when that is another one."""

    cheap = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def read(self) -> bytes | None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp == self._seen:
                return None
            with open(self._path, "rb") as file:
                raw = file.read(MAX_READ)
        except OSError as error:
            self._seen = None
            raise Unavailable(f"{error.strerror or error}.") from error
        self._seen = stamp
        return raw
