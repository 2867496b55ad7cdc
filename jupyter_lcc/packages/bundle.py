"""Bundles: the archives of a lock beside the lists, for machines that reach nothing else.

    bundle/conda/linux-64/numpy-….conda, repodata.json      a channel that any conda can use
    bundle/wheels/six-….whl

One bundle serves all lists of a source, so an archive lies there once. What no lock needs any more stays until somebody
prunes it. What is written is first
compared with its hash, what is taken too: whoever may write to the place can't slip in another archive.

Everything here blocks; call it from a thread. A shelf is where bundles lie: a folder or S3.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from ..environments.exact import Exact
from ..environments.names import say_it
from ..errors import Conflict, Invalid, NotFound
from ..model import Model

__all__ = [
    "BUNDLE",
    "Archive",
    "Bundled",
    "Shelf",
    "archives_of",
    "check_path",
    "fill",
    "is_archive",
    "lacking",
    "take",
    "tell_no_more",
]

T = TypeVar("T")

BUNDLE = "bundle"
"""Its folder's name in a source. No list can be called so."""

_REPODATA = "repodata.json"
_MOST_REPODATA = 200_000_000
_AT_ONCE = 8
_PIECE = 1 << 20
_PATH = re.compile(
    r"(?:conda/(?:noarch|[a-z0-9]+-[a-z0-9_]+)|wheels)/[A-Za-z0-9_][A-Za-z0-9_.!+~*=%-]{0,250}", re.ASCII
)


class Shelf(Protocol):
    """Where a bundle lies. Paths are the bundle's own: `wheels/six-….whl`. Raises what sources raise."""

    @property
    def url(self) -> str:
        """The bundle's address, without a slash at the end: `file:///…` or `s3://…`."""

    def sizes(self) -> dict[str, int]:
        """Give every file with its size in bytes; none where there is no bundle."""

    def digest(self, path: str) -> str | None:
        """Give the sha256 of a file that is there; null where nobody wrote it down."""

    def store(self, path: str, file: Path, sha256: str) -> bool:
        """Add a file as a whole. False where there is one already."""

    def load(self, path: str, target: Path) -> bool:
        """Copy a file to `target`. False where there is none."""

    def remove(self, path: str) -> None:
        """Take a file away; there is nothing to do where there is none."""

    def edit(self, path: str, change: Callable[[bytes | None], bytes | None], most: int) -> None:
        """Replace a small file by what `change` makes of it (None: leave it), with nobody else's change in between."""


class Archive(Model, frozen=True, kw_only=True):
    """One file of a bundle and what it must be. `size` is in bytes."""

    path: str
    name: str
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None


class Bundled(Model, frozen=True, kw_only=True):
    """What was done. `stored` files were new to the place, `present` ones lay there; `bytes_stored` is of the new."""

    url: str
    stored: int = 0
    present: int = 0
    bytes_stored: int = 0


def archives_of(exacts: Iterable[Exact]) -> tuple[Archive, ...]:
    """Name what is needed for one or more platforms, each file once. Raises Invalid for what nobody can bundle."""
    found: dict[str, Archive] = {}
    for exact in exacts:
        for conda in exact.conda:
            path = check_path(f"conda/{conda.subdir}/{conda.file_name}")
            shown = f"{conda.name} {conda.version}"
            archive = Archive(path=path, name=shown, sha256=conda.sha256, md5=conda.md5, size=conda.size)
            _add(found, archive)
        for pip in exact.pip:
            if pip.url is None:
                raise Invalid(
                    f"Nobody knows the archive of {pip.name} {pip.version}; publish a lock first.", field="pip"
                )
            path = check_path(f"wheels/{pip.file_name}")
            _add(found, Archive(path=path, name=f"{pip.name} {pip.version}", sha256=pip.sha256))
    return tuple(found[path] for path in sorted(found))


def _add(found: dict[str, Archive], archive: Archive) -> None:
    there = found.setdefault(archive.path, archive)
    if there.sha256 and archive.sha256 and there.sha256.lower() != archive.sha256.lower():
        # One name, two files: they come from two channels, and a channel's folder can hold one.
        raise Invalid(f"Two different archives are called {archive.path}; a bundle holds one.", field=archive.name)


def check_path(path: str) -> str:
    """Give back a path that stays in the bundle, or raise Invalid."""
    if not _PATH.fullmatch(path) or ".." in path:
        raise Invalid(f"{say_it(path)} can't be a file of a bundle.", field="path")
    return path


def is_archive(path: str) -> bool:
    """Tell whether a bundle's file is an archive, and not what tells of them, or somebody else's."""
    return _PATH.fullmatch(path) is not None and ".." not in path and not path.endswith(f"/{_REPODATA}")


def lacking(shelf: Shelf, wanted: Sequence[Archive]) -> tuple[Archive, ...]:
    """Name what a bundle doesn't have, by path and size."""
    there = shelf.sizes()
    return tuple(
        archive
        for archive in wanted
        if archive.path not in there or (archive.size is not None and there[archive.path] != archive.size)
    )


def fill(
    shelf: Shelf,
    folder: Path,
    wanted: Sequence[Archive],
    told: Callable[[int, int, str], None] = lambda done, total, name: None,
    goes_on: Callable[[], bool] = lambda: True,
) -> Bundled:
    """Put what is wanted from `folder`, laid out as the bundle is, into the bundle; only what isn't there.

    `told` gets how many of how many are done, and a name; it may be called from any thread. Raises Invalid where a
    file of the folder isn't what the lock names, Conflict where another one lies in the bundle. Archives come first
    and then what tells of them, so whoever is interrupted leaves a bundle that is whole and can be filled further.
    """
    there = shelf.sizes()
    done = 0

    def one(archive: Archive) -> int | None:
        nonlocal done
        if not goes_on():
            return None
        file = folder / check_path(archive.path)
        sha256 = _checked(file, archive)
        size = file.stat().st_size
        stored = archive.path not in there and shelf.store(archive.path, file, sha256)
        if not stored:
            _compare(shelf, archive, there.get(archive.path, size) == size, sha256)
        done += 1
        told(done, len(wanted), archive.name)
        return size if stored else -1

    results = _each(one, wanted)
    for subdir in sorted({archive.path.split("/")[1] for archive in wanted if archive.path.startswith("conda/")}):
        if goes_on():
            _tell(shelf, folder, subdir, [a for a in wanted if a.path.startswith(f"conda/{subdir}/")])
    stored = [result for result in results if result is not None and result >= 0]
    present = sum(result == -1 for result in results)
    return Bundled(url=shelf.url, stored=len(stored), present=present, bytes_stored=sum(stored))


def take(
    shelf: Shelf,
    folder: Path,
    wanted: Sequence[Archive],
    told: Callable[[int, int, str], None] = lambda done, total, name: None,
    goes_on: Callable[[], bool] = lambda: True,
) -> int:
    """Copy what is wanted from the bundle into `folder`, laid out in the same way; give how many had to be copied.

    What lies there already and is right isn't copied. Raises NotFound where the bundle lacks something, Invalid where
    it has another file than the lock names.
    """
    done = 0

    def one(archive: Archive) -> bool:
        nonlocal done
        if not goes_on():
            return False
        target = folder / check_path(archive.path)
        there = target.is_file() and _fits(target, archive)
        if not there:
            _bring(shelf, archive, target)
        done += 1
        told(done, len(wanted), archive.name)
        return not there

    copied = sum(_each(one, wanted))
    _rewrite(folder, wanted, shelf)
    return copied


def _bring(shelf: Shelf, archive: Archive, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        if not shelf.load(archive.path, temporary):
            raise NotFound(f"{archive.name} is not in the bundle {shelf.url}.", name=archive.name)
        if not _fits(temporary, archive):
            raise Invalid(
                f"{archive.name} in the bundle {shelf.url} is not the file the lock names.", field=archive.name
            )
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _each(work: Callable[[Archive], T], wanted: Sequence[Archive]) -> list[T]:
    """Do all of it, several at once; after the first failure nothing more is begun, and it is raised."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="bundle") as pool:
        futures = [pool.submit(work, archive) for archive in wanted]
        wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            future.cancel()
        failed = next((f for f in futures if f.done() and not f.cancelled() and f.exception() is not None), None)
    if failed is not None:
        failed.result()
    return [future.result() for future in futures]


# -- what tells of the archives -------------------------------------------------------------------------------


def _tell(shelf: Shelf, folder: Path, subdir: str, archives: Sequence[Archive]) -> None:
    """Add the folder's entries of these archives to the bundle's repodata.json."""
    path = f"conda/{subdir}/{_REPODATA}"
    if (folder / path).is_file():
        entries = _entries((folder / path).read_bytes(), [archive.path.rsplit("/", 1)[-1] for archive in archives])
        shelf.edit(path, lambda before: _merged(before, entries, subdir), _MOST_REPODATA)


def tell_no_more(shelf: Shelf, paths: Iterable[str]) -> None:
    """Take archives out of the bundle's repodata.json, so that no solver chooses what is going to be removed."""
    by_subdir: dict[str, set[str]] = {}
    for path in paths:
        kind, _, rest = path.partition("/")
        if kind == "conda":
            by_subdir.setdefault(rest.partition("/")[0], set()).add(rest.partition("/")[2])
    for subdir, names in sorted(by_subdir.items()):
        shelf.edit(f"conda/{subdir}/{_REPODATA}", partial(_without, names, subdir), _MOST_REPODATA)


def _rewrite(folder: Path, wanted: Sequence[Archive], shelf: Shelf) -> None:
    """Let a folder that was taken tell of its archives too."""
    for subdir in sorted({archive.path.split("/")[1] for archive in wanted if archive.path.startswith("conda/")}):
        path = f"conda/{subdir}/{_REPODATA}"
        target = folder / path
        temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
        try:
            if not shelf.load(path, temporary):
                continue
            names = [a.path.rsplit("/", 1)[-1] for a in wanted if a.path.startswith(f"conda/{subdir}/")]
            entries = _entries(temporary.read_bytes(), names)
            before = target.read_bytes() if target.is_file() else None
            merged = _merged(before, entries, subdir)
            if merged is not None:
                temporary.write_bytes(merged)
                os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


Entries = dict[str, dict[str, Any]]


def _entries(raw: bytes, names: Iterable[str]) -> Entries:
    known = _repodata(raw)
    wanted = set(names)
    return {key: {name: value for name, value in known[key].items() if name in wanted} for key in ("packages", _CONDA)}


_CONDA = "packages.conda"


def _repodata(raw: bytes | None) -> Entries:
    try:
        told = msgspec.json.decode(raw, type=dict[str, Any]) if raw else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = {}
    return {key: value if isinstance(value := told.get(key), dict) else {} for key in ("packages", _CONDA)}


def _merged(before: bytes | None, entries: Entries, subdir: str) -> bytes | None:
    """Add entries, in a fixed order; None where they are there already."""
    known = _repodata(before)
    joined = {key: dict(sorted((known[key] | entries[key]).items())) for key in known}
    if before is not None and joined == known:
        return None
    return _written(joined, subdir)


def _without(names: set[str], subdir: str, before: bytes | None) -> bytes | None:
    """Take entries out; None where there are none of them."""
    known = _repodata(before)
    left = {key: {name: value for name, value in known[key].items() if name not in names} for key in known}
    return None if left == known else _written(left, subdir)


def _written(entries: Entries, subdir: str) -> bytes:
    told = {"info": {"subdir": subdir}, "repodata_version": 1, **entries}
    return msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"


# -- hashes ---------------------------------------------------------------------------------------------------


def _checked(file: Path, archive: Archive) -> str:
    """Give a file's sha256, or raise Invalid where it isn't the lock's."""
    if not file.is_file():
        raise Invalid(f"{archive.name} was not fetched.", field=archive.name)
    sha256, md5 = _digests(file)
    if not _is(archive, sha256, md5, file.stat().st_size):
        raise Invalid(f"{archive.name} was fetched, and is not the file the lock names.", field=archive.name)
    return sha256


def _fits(file: Path, archive: Archive) -> bool:
    size = file.stat().st_size
    if archive.size is not None and archive.size != size:
        return False
    return _is(archive, *_digests(file), size)


def _is(archive: Archive, sha256: str, md5: str, size: int) -> bool:
    if archive.sha256 is not None:
        return archive.sha256.lower() == sha256
    if archive.md5 is not None:
        return archive.md5.lower() == md5
    return archive.size is None or archive.size == size


def _digests(file: Path) -> tuple[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with open(file, "rb") as opened:
        while piece := opened.read(_PIECE):
            sha256.update(piece)
            md5.update(piece)
    return sha256.hexdigest(), md5.hexdigest()


def _compare(shelf: Shelf, archive: Archive, same_size: bool, sha256: str) -> None:
    there = shelf.digest(archive.path) if same_size else None
    if not same_size or (there is not None and there.lower() != sha256):
        raise Conflict(
            f"The bundle {shelf.url} has another file as {archive.path}; remove it there, then bundle again.",
            field=archive.name,
            path=archive.path,
        )
