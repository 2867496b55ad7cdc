"""How an environment comes to be, or becomes another, in one step; and how that is tidied up after a death.

Everything is made in a folder of its own beside the environments, `.lcc/staging-<id>`, that one process holds a lock
on, and gets its place by one rename. An environment that is there is exchanged with its successor in one step
(renameat2(2) with RENAME_EXCHANGE, renamex_np(2) with RENAME_SWAP); where the file system can't, by two renames and a
journal that says what to do if something dies between them. What was replaced becomes `.lcc/garbage-<id>`.

So at every moment the prefix is what it was or what it was to be. Everything here blocks.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import stat
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import Conflict
from ..model import Model
from ..store import CorruptFile, read_json, write_json
from .places import Places
from .trash import remove_tree

__all__ = ["Staging", "exchange", "link_tree", "recover", "staged"]

_JOURNAL = "journal.json"
_LOCK = "lock"
_YOUNG_SECONDS = 30.0
"""A folder without its lock file may be one that somebody has made this very moment."""

_EXCHANGE = 2
_AT_FDCWD = -100
_LINUX = sys.platform.startswith("linux")


class _Journal(Model, frozen=True, kw_only=True):
    """Two renames are under way: `prefix` to `old`, then `new` to `prefix`."""

    prefix: str
    old: str
    new: str


class Staging:
    """A folder in which an environment is made; `env` is to become the prefix."""

    def __init__(self, places: Places, id: str) -> None:
        self.id = id
        self.folder = places.ours / f"staging-{id}"
        self.env = self.folder / "env"
        self.lock = -1
        """The descriptor of the lock. A process that inherits it keeps others from tidying up while it lives."""
        self._ours = places.ours

    def publish(self, prefix: Path) -> None:
        """Make it the environment at `prefix`, which must not be there. Raises Conflict if it is."""
        _settle(self.folder)
        if os.path.lexists(prefix):
            raise Conflict(f"There is already something at {prefix}.", prefix=str(prefix))
        prefix.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(self.env, prefix)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise Conflict(f"There is already something at {prefix}.", prefix=str(prefix)) from error
            raise
        _sync_folder(prefix.parent)

    def replace(self, prefix: Path) -> None:
        """Put it in the place of the environment at `prefix`, whose files become garbage."""
        _settle(self.folder)
        if exchange(self.env, prefix):
            _sync_folder(prefix.parent)
            os.rename(self.env, self._ours / f"garbage-{self.id}")
            return
        old = self._ours / f"garbage-{self.id}"
        write_json(self.folder / _JOURNAL, _Journal(prefix=str(prefix), old=str(old), new=str(self.env)))
        os.rename(prefix, old)
        os.rename(self.env, prefix)
        _sync_folder(prefix.parent)
        (self.folder / _JOURNAL).unlink()


@contextlib.contextmanager
def staged(places: Places) -> Iterator[Staging]:
    """Give a folder to make an environment in, and remove what is left in it afterwards."""
    staging = Staging(places, uuid.uuid4().hex[:12])
    staging.folder.mkdir(parents=True, mode=0o700)
    with _held(staging.folder) as staging.lock:
        try:
            yield staging
        finally:
            _finish(staging.folder)
            _remove(staging.folder)


def exchange(one: Path, two: Path) -> bool:
    """Let two folders change places in one step; False where this system can't."""
    arguments = (os.fsencode(one), os.fsencode(two))
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if _LINUX:
            status = libc.renameat2(_AT_FDCWD, arguments[0], _AT_FDCWD, arguments[1], _EXCHANGE)
        else:
            status = libc.renamex_np(*arguments, _EXCHANGE)
    except (AttributeError, OSError):
        return False
    if status == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM):
        return False
    raise OSError(code, os.strerror(code), str(one))


def link_tree(source: Path, target: Path, tell: Callable[[int], None] = lambda _: None) -> None:
    """Copy an environment so that the copy can be changed and the original stays.

    Files are shared by hard links, because whoever changes a package writes new files; conda's records are copied,
    since those are written in place. `tell` hears how many files there are so far.
    """
    own = stat.S_IRUSR | stat.S_IWUSR | stat.S_IXUSR
    target.mkdir()
    count = 0
    can_link = True
    todo = [(str(source), str(target), True)]
    modes: list[tuple[str, int]] = [(str(target), stat.S_IMODE(source.stat().st_mode))]
    while todo:
        here, there, linking = todo.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                place = f"{there}/{entry.name}"
                if entry.is_symlink():
                    os.symlink(os.readlink(entry.path), place)
                elif entry.is_dir():
                    os.mkdir(place)
                    modes.append((place, stat.S_IMODE(entry.stat().st_mode)))
                    inner = linking and not (here == str(source) and entry.name == "conda-meta")
                    todo.append((entry.path, place, inner))
                elif entry.is_file():
                    can_link = _take_file(entry.path, place, linking and can_link) or not linking
                count += 1
                if count % 500 == 0:
                    tell(count)
    for place, mode in modes:
        if mode | own != own | 0o755:
            os.chmod(place, mode | own)


def recover(places: Places) -> list[str]:
    """Finish what was cut off between two renames and remove what nobody works at any more; say what was done."""
    told: list[str] = []
    try:
        names = sorted(os.listdir(places.ours))
    except OSError:
        return told
    for name in names:
        folder = places.ours / name
        if not name.startswith("staging-") or not folder.is_dir():
            continue
        if not (folder / _LOCK).exists() and time.time() - folder.stat().st_mtime < _YOUNG_SECONDS:
            continue
        with contextlib.suppress(OSError), _held(folder):
            told += _finish(folder)
            _remove(folder)
            told.append(f"removed {name}")
    return told


def _remove(folder: Path) -> None:
    """Remove a staging folder, the lock at last: without it nobody would know that the rest is nobody's."""
    for path in folder.iterdir():
        if path.name != _LOCK:
            remove_tree(path)
    remove_tree(folder)


def _finish(folder: Path) -> list[str]:
    try:
        journal = read_json(folder / _JOURNAL, _Journal)
    except (CorruptFile, OSError):
        return []
    if journal is None or os.path.lexists(journal.prefix):
        return []
    if os.path.lexists(journal.new):
        os.rename(journal.new, journal.prefix)
        return [f"finished a change of {journal.prefix}"]
    if os.path.lexists(journal.old):
        os.rename(journal.old, journal.prefix)
        return [f"undid a change of {journal.prefix}"]
    return []


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[int]:
    """Hold a folder's lock, which ends with the process however it ends. Raises BlockingIOError if somebody has it."""
    # A file and not the folder itself: NFS locks only what is open for writing.
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)


def _take_file(source: str, target: str, link: bool) -> bool:
    """Share or copy one file; tell whether the next may be shared too."""
    if link:
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno == errno.EMLINK:
                shutil.copy2(source, target)
                return True
            if error.errno not in (errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
        else:
            return True
    shutil.copy2(source, target)
    return False


def _settle(folder: Path) -> None:
    """Write what was made to the disk, so that the machine may die after the rename."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if _LINUX and ctypes.CDLL(None, use_errno=True).syncfs(descriptor) == 0:
            return
        os.sync()
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
