"""What went wrong elsewhere, in our own words."""

from __future__ import annotations

import errno
import re

from rattler import exceptions as theirs

from ...errors import DiskFull, Invalid, LccError, NotReachable, OutsideFailure, Unsatisfiable
from ..bounds import without_secrets

__all__ = ["ours", "told_plainly"]

_FULL = re.compile(
    r"No space left on device|Disk quota exceeded|File too large|os error (?:28|122|27)\b|storage full", re.IGNORECASE
)
_AWAY = re.compile(
    r"error sending request|dns error|connect(?:ion)? |timed out|timeout|connection|HTTP status|error decoding response"
    r"|unexpected (?:end|EOF)|early eof|network|offline|no cached|not available in cache|CacheNotAvailable"
    r"|InvalidData|deserialize|hash mismatch|body error|dispatch failure|IncompleteBody|could not find subdir",
    re.IGNORECASE,
)


def ours(error: BaseException) -> LccError:
    """Give the error that a person is told."""
    if isinstance(error, LccError):
        return error
    text = _readable(error)
    if (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)) or _FULL.search(text):
        return DiskFull("There is no room left on the disk; nothing was changed.", said=text)
    if isinstance(error, theirs.SolverError):
        return Unsatisfiable(text)
    if isinstance(error, theirs.InvalidMatchSpecError | theirs.InvalidChannelError | theirs.InvalidUrlError):
        return Invalid(text)
    if isinstance(error, theirs.GatewayError | theirs.FetchRepoDataError):
        return NotReachable(f"A channel could not be read. {text}")
    if _AWAY.search(text):
        return NotReachable(f"A package could not be downloaded; nothing was changed. {text}")
    return OutsideFailure(f"It did not work; nothing was changed. {text}")


def told_plainly(text: str) -> str:
    """Take passwords, tokens and what follows a `?` out of addresses: a signed address is as good as a password."""
    return re.sub(
        r"[a-z0-9+.-]+://[^\s'\"`()]+",
        lambda found: without_secrets(found[0].partition("?")[0]),
        text,
        flags=re.IGNORECASE,
    )


def _readable(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    text = told_plainly(text)
    return text if len(text) <= 20_000 else text[:20_000] + " …"
