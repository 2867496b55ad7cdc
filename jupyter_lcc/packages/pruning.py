"""Pruning a bundle: what no kept revision's lock names goes. Everything here blocks; call it from a thread.

Locks are read once more right before anything is removed, and again afterwards: whoever published meanwhile is heard.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..errors import Conflict
from ..model import Model
from .bundle import Shelf, archives_of, is_archive, tell_no_more
from .exacts import exact_of_lock
from .lock import read_lock
from .sources.model import Source

__all__ = ["Pruned", "needed", "prune"]

_MOST_REVISIONS = 100_000


class Pruned(Model, frozen=True, kw_only=True):
    """What was done. `bytes_removed` is of the `removed` files; `kept` are the archives that stay."""

    removed: int = 0
    bytes_removed: int = 0
    kept: int = 0


def needed(source: Source, revisions: int | None = None) -> set[str]:
    """Name the files of a bundle that every list's newest `revisions` (null: all there are) need, for all platforms.

    A list that was removed needs nothing. Raises Invalid for a lock that can't be read: nobody knows what it needs.
    """
    found: set[str] = set()
    for name in source.names():
        for record in source.history(name, revisions or _MOST_REVISIONS):
            lock = source.at(name, record).lock if not record.removed else None
            if lock is None:
                continue
            read = read_lock(lock)
            for platform in read.platforms:
                exact = exact_of_lock(read, platform)
                found |= {archive.path for archive in archives_of((exact,) if exact is not None else ())}
    return found


def prune(
    source: Source, shelf: Shelf, revisions: int | None = None, goes_on: Callable[[], bool] = lambda: True
) -> Pruned:
    """Remove what isn't needed: first what tells of it, then the files. Raises Conflict where it is needed by now."""
    there = {path: size for path, size in shelf.sizes().items() if is_archive(path)}
    extra = sorted(there.keys() - needed(source, revisions))
    if not extra:
        return Pruned(kept=len(there))
    tell_no_more(shelf, extra)
    again = partial(_refuse_needed, source, revisions, set(extra))
    again()
    removed = 0
    for path in extra:
        if not goes_on():
            break
        shelf.remove(path)
        removed += 1
    again()
    return Pruned(
        removed=removed, bytes_removed=sum(there[path] for path in extra[:removed]), kept=len(there) - removed
    )


def _refuse_needed(source: Source, revisions: int | None, extra: set[str]) -> None:
    again = needed(source, revisions) & extra
    if again:
        raise Conflict(
            f"Somebody published while the bundle was pruned, and {len(again)} of its files are needed again; bundle "
            "the lists that are new once more.",
            paths=sorted(again)[:100],
        )
