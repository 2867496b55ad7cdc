"""The process table at one moment: who works for whom, and how much. Pure; `processes.py` reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

__all__ = ["Blocking", "CpuMeter", "ProcessRow", "ProcessTable"]

Blocking = Literal["terminal_read", "read", "write"]


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """One process. `cpu_seconds` includes the children it has waited for, so nothing is lost when one ends.

    `state` is the letter of proc(5): R running, S sleeping, D disk sleep, T stopped, Z zombie, …; "?" unknown.
    `group`, `session`, `tty` and `foreground_group` are None where the system does not tell.
    """

    pid: int
    parent: int
    name: str
    state: str
    started: int
    cpu_seconds: float
    memory_bytes: int
    group: int | None = None
    session: int | None = None
    tty: int | None = None
    foreground_group: int | None = None


class ProcessTable:
    """All processes at one moment."""

    def __init__(self, rows: Iterable[ProcessRow]) -> None:
        self.rows = {row.pid: row for row in rows}
        self._children: dict[int, list[int]] = defaultdict(list)
        for row in self.rows.values():
            self._children[row.parent].append(row.pid)

    def tree(self, root: int) -> list[ProcessRow]:
        """Give the process and all its descendants, the root first; nothing if it isn't there."""
        if root not in self.rows:
            return []
        found, waiting, seen = [], [root], {root}
        while waiting:
            pid = waiting.pop()
            found.append(self.rows[pid])
            for child in self._children[pid]:
                if child not in seen:
                    seen.add(child)
                    waiting.append(child)
        return found

    def ancestors(self, pid: int) -> set[int]:
        """Name the process's parents up to the first."""
        found: set[int] = set()
        while (row := self.rows.get(pid)) and row.parent and row.parent not in found:
            found.add(row.parent)
            pid = row.parent
        return found


class CpuMeter:
    """CPU use of process trees between two looks that are at least `window_seconds` apart."""

    def __init__(self, window_seconds: float = 3.0) -> None:
        self._window = window_seconds
        self._before: dict[str, tuple[datetime, float]] = {}
        self._percent: dict[str, float | None] = {}

    def measure(self, key: str, cpu_seconds: float, now: datetime) -> float | None:
        """Give the use in percent of one core over the last window; None until there is one."""
        before = self._before.get(key)
        if before is None or cpu_seconds < before[1] - 1e-6:
            self._before[key] = (now, cpu_seconds)
            self._percent[key] = None
        else:
            elapsed = (now - before[0]).total_seconds()
            if elapsed >= self._window:
                self._percent[key] = round(100 * (cpu_seconds - before[1]) / elapsed, 1)
                self._before[key] = (now, cpu_seconds)
        return self._percent[key]

    def keep_only(self, keys: set[str]) -> None:
        """Forget what is gone."""
        for key in self._before.keys() - keys:
            del self._before[key], self._percent[key]
