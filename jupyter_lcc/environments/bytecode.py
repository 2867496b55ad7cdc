"""Compiled Python that a change has left behind.

Python takes a `.pyc` for its source's if time (in seconds) and size of the source are those it was compiled from.
Packages give their files fixed times, and `VERSION = "1.0"` is as long as `VERSION = "2.0"`: without this the old
version could run on. Neither rattler nor uv removes what Python itself has compiled. Everything here blocks.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["drop_stale"]


def drop_stale(before: Path, after: Path) -> int:
    """Remove from `after`, a changed copy of `before`, what was compiled from files that are others now; count it."""
    count = 0
    for folder in _caches(after / "lib"):
        then = before / folder.relative_to(after)
        for compiled in os.listdir(folder):
            source = Path("..", f"{compiled.partition('.')[0]}.py")
            if (
                compiled.endswith(".pyc")
                and _same(then / compiled, folder / compiled)
                and not _same(then / source, folder / source)
            ):
                (folder / compiled).unlink()
                count += 1
    return count


def _caches(root: Path) -> Iterator[Path]:
    for folder, inner, _ in os.walk(root):
        if "__pycache__" in inner:
            inner.remove("__pycache__")
            yield Path(folder, "__pycache__")


def _same(one: Path, other: Path) -> bool:
    """Tell whether two files are one, or copies of each other; a file that isn't there is like no other."""
    try:
        return os.path.samefile(one, other) or filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
