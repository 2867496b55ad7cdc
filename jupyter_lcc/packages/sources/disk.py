"""What a file system says of a folder, as people are told it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from ...errors import DiskFull, NotPermitted, NotReachable, OutsideFailure

__all__ = ["told_of"]

_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def told_of(root: Path, what: str) -> Iterator[None]:
    """Turn an OSError into what a person is told: that the folder can't be `what` (read, written), and why."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        message = f"The folder {root} can't be {what}: {why}."
        if error.errno in _FULL:
            raise DiskFull(message, place=str(root)) from error
        if error.errno in _DENIED:
            raise NotPermitted(message, place=str(root)) from error
        if error.errno == errno.ENOENT and not os.path.isdir(root):
            raise NotReachable(f"The folder {root} is not there.", place=str(root)) from error
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR):
            raise OutsideFailure(message, place=str(root)) from error
        raise NotReachable(message, place=str(root)) from error
