"""Where bundles lie beside the lists: a folder, or S3."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ...errors import Conflict, Invalid
from ...platforms.aws import AwsError
from ..bundle import BUNDLE, check_path
from .disk import told_of
from .objects import TRIES, Failed, Objects, is_doubtful, pause

__all__ = ["FolderShelf", "S3Shelf"]

_LOCK_SECONDS = 30.0
_PIECE = 1 << 20
_LINKLESS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)
"""What file systems say that know no hard links."""


class FolderShelf:
    """The folder `bundle` in `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / BUNDLE

    @property
    def url(self) -> str:
        """Its address."""
        return self._folder.as_uri()

    def sizes(self) -> dict[str, int]:
        """Give every file with its size."""
        found: dict[str, int] = {}
        with told_of(self._root, "read"):
            for folder in (*self._subdirs(), self._folder / "wheels"):
                with contextlib.suppress(FileNotFoundError):
                    for entry in os.scandir(folder):
                        if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                            found[f"{folder.relative_to(self._folder).as_posix()}/{entry.name}"] = entry.stat().st_size
        return found

    def digest(self, path: str) -> str | None:
        """Read the file and give its sha256."""
        digest = hashlib.sha256()
        with told_of(self._root, "read"), self._open(path) as file:
            while piece := os.read(file, _PIECE):
                digest.update(piece)
        return digest.hexdigest()

    def store(self, path: str, file: Path, sha256: str) -> bool:
        """Copy it beside its place, and then give it its name."""
        with told_of(self._root, "written"):
            target = self._made(path)
            temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
            try:
                shutil.copyfile(file, temporary)
                with open(temporary, "rb") as copied:
                    os.fsync(copied.fileno())
                return _named(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)

    def load(self, path: str, target: Path) -> bool:
        """Copy it."""
        with told_of(self._root, "read"):
            try:
                with self._open(path) as file, open(target, "wb") as copy:
                    while piece := os.read(file, _PIECE):
                        copy.write(piece)
            except FileNotFoundError:
                if not self._root.is_dir():
                    raise
                return False
        return True

    def remove(self, path: str) -> None:
        """Take it away."""
        with told_of(self._root, "written"):
            os.stat(self._root)
            (self._folder / check_path(path)).unlink(missing_ok=True)

    def edit(self, path: str, change: Callable[[bytes | None], bytes | None], most: int) -> None:
        """Change it under a lock that its holder's end releases."""
        with told_of(self._root, "written"):
            target = self._made(path)
            with self._locked():
                if target.is_file() and target.stat().st_size > most:
                    raise Invalid(f"{target.name} has more than {most} bytes.", field=path)
                after = change(target.read_bytes() if target.is_file() else None)
                if after is None:
                    return
                temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
                try:
                    temporary.write_bytes(after)
                    os.replace(temporary, target)
                finally:
                    temporary.unlink(missing_ok=True)

    def _subdirs(self) -> list[Path]:
        try:
            return sorted(Path(entry.path) for entry in os.scandir(self._folder / "conda") if entry.is_dir())
        except FileNotFoundError:
            os.stat(self._root)  # a share that isn't there is not an empty one
            return []

    @contextlib.contextmanager
    def _open(self, path: str) -> Iterator[int]:
        handle = os.open(self._folder / check_path(path), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        try:
            yield handle
        finally:
            os.close(handle)

    def _made(self, path: str) -> Path:
        os.stat(self._root)
        target = self._folder / check_path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = FileLock(self._folder / ".lock", timeout=_LOCK_SECONDS)
        try:
            lock.acquire()
        except Timeout:
            raise Conflict("Somebody else fills this bundle; try again.", field=str(self._folder)) from None
        except NotImplementedError:  # a file system without locks: then only what solvers are told may be incomplete
            yield
            return
        try:
            yield
        finally:
            lock.release()


def _named(temporary: Path, target: Path) -> bool:
    """Give a file its name, unless another has it."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _LINKLESS:
            raise
        if target.exists():
            return False
        os.replace(temporary, target)
    return True


class S3Shelf:
    """What lies below `<prefix>/bundle/`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._root = f"{objects.root}{BUNDLE}/"

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self._objects.place}/{BUNDLE}"

    def sizes(self) -> dict[str, int]:
        """Give every object with its size: a request for a thousand."""
        return {
            str(entry["Key"])[len(self._root) :]: int(entry["Size"])
            for page in self._objects.pages(self._root)
            for entry in page
        }

    def digest(self, path: str) -> str | None:
        """Give what was written beside the object when it was put there."""
        return self._objects.told_hash(self._key(path))

    def store(self, path: str, file: Path, sha256: str) -> bool:
        """Upload it as a whole or not at all; S3 compares the hash."""
        try:
            self._objects.store(self._key(path), file, sha256)
        except Failed:
            return False
        return True

    def load(self, path: str, target: Path) -> bool:
        """Download it."""
        return self._objects.load(self._key(path), target)

    def remove(self, path: str) -> None:
        """Delete it."""
        key = self._key(path)
        try:
            self._objects.patiently(lambda: self._objects.delete(key))
        except AwsError as error:
            raise self._objects.failure(error, "s3:DeleteObject", key) from error

    def edit(self, path: str, change: Callable[[bytes | None], bytes | None], most: int) -> None:
        """Exchange it under the condition that it is still what was changed; again where it isn't."""
        key = self._key(path)
        for number in range(2 * TRIES):
            found = self._objects.get(key, most)
            after = change(found[0] if found is not None else None)
            if after is None:
                return
            try:
                etag = found[1] if found is not None else None
                self._objects.put(key, after, if_match=etag, if_none_match=etag is None)
            except AwsError as error:
                if not is_doubtful(error) or error.is_denied:
                    raise self._objects.failure(error, "s3:PutObject", key) from error
                pause(min(number, TRIES))
            else:
                return
        raise Conflict("Others fill this bundle at the same time; try again.", field=self.url)

    def _key(self, path: str) -> str:
        return f"{self._root}{check_path(path)}"
