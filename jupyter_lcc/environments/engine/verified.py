"""Which packages of the cache are surely what their hash says.

rattler compares what it downloads with its hash, but not what lies in a folder of this machine; and what is in its
cache by a package's name it takes for the one with the hash that was asked for when it came. So a folder's archives
are compared here before they are unpacked, and beside each unpacked package that was compared it is noted with which
hash; the note counts as long as the unpacked folder is the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ...errors import NotReachable, OutsideFailure
from ...model import Model
from ...store import CorruptFile, read_json, write_json
from ..bounds import without_secrets
from ..trash import remove_tree

__all__ = ["check_file", "installing", "is_verified", "local_path", "note_file", "note_verified"]

_CHUNK = 1 << 20


class _Note(Model, frozen=True, kw_only=True):
    """With which hash the unpacked folder, known by its number and time, was compared."""

    digest: str
    folder: tuple[int, int]


def local_path(url: str) -> Path | None:
    """Give the path an address of this machine means, None for another's."""
    return Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None


def check_file(path: Path, sha256: str | None, md5: str | None, name: str, url: str) -> None:
    """Compare an archive with its hash; without one there is nothing to compare.

    Raises NotReachable where there is no such file, OutsideFailure where it is another.
    """
    wanted = sha256 or md5
    digest = hashlib.sha256() if sha256 else hashlib.md5(usedforsecurity=False)
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError as error:
        raise NotReachable(
            f"{name} is not at its address any more: {without_secrets(url)}; nothing was changed.", name=name
        ) from error
    if wanted and digest.hexdigest() != wanted.lower():
        raise OutsideFailure(
            f"{name} is refused: what lies at {without_secrets(url)} has another hash than it should have; nothing was "
            "changed.",
            name=name,
            wrong_hash=True,
            expected=wanted.lower(),
            found=digest.hexdigest(),
        )


def is_verified(packages: Path, record: Any) -> bool:
    """Tell whether the cache has surely this package."""
    stem, digest = _stem(record), _digest(record)
    try:
        note = read_json(note_file(packages, stem), _Note)
    except (CorruptFile, OSError):
        return False
    return note is not None and digest is not None and note == _Note(digest=digest, folder=_folder(packages / stem))


def note_verified(packages: Path, record: Any) -> None:
    """Note that what the cache has was compared with the record's hash."""
    stem, digest = _stem(record), _digest(record)
    if digest is not None and (packages / stem).is_dir():
        with contextlib.suppress(OSError):
            write_json(note_file(packages, stem), _Note(digest=digest, folder=_folder(packages / stem)))


def note_file(packages: Path, stem: str) -> Path:
    """Where the note of a package lies."""
    return packages / f"{stem}.verified"


@asynccontextmanager
async def installing(packages: Path, doubtful: Sequence[Any]) -> AsyncIterator[None]:
    """Hold the cache while something is installed from it, without those packages in it that nobody has compared.

    Nobody takes out what others install from just now: who wants to waits for them, and finds most of it compared.
    """
    lock = os.open(packages / ".installing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if await asyncio.to_thread(_unsure, packages, doubtful):
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            for stem in await asyncio.to_thread(_unsure, packages, doubtful):
                await asyncio.to_thread(_evict, packages, stem)
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def _unsure(packages: Path, records: Iterable[Any]) -> list[str]:
    return [_stem(r) for r in records if (packages / _stem(r)).is_dir() and not is_verified(packages, r)]


def _evict(packages: Path, stem: str) -> None:
    remove_tree(packages / stem)
    note_file(packages, stem).unlink(missing_ok=True)


def _stem(record: Any) -> str:
    return f"{record.name.normalized}-{record.version}-{record.build}"


def _digest(record: Any) -> str | None:
    raw = record.sha256 or record.md5
    return raw.hex() if raw else None


def _folder(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_ino, status.st_ctime_ns
