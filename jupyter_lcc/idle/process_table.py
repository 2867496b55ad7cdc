"""The process table at one moment: who works for whom, and how much. Pure; `processes.py` reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from typing import Literal

import msgspec

__all__ = ["Blocking", "MachineCpu", "Origin", "ProcessRow", "ProcessTable"]

Blocking = Literal["terminal_read", "read", "write"]


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """One process. `cpu_seconds` includes the children it has waited for, so nothing is lost when one ends; their
    part alone is `children_cpu_seconds`.

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
    children_cpu_seconds: float = 0.0


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where one of this user's processes says it comes from, by the marks Jupyter leaves in its environment.

    `from_jupyter`: some Jupyter terminal or kernel. A kernel's also has `server_pid` (JPY_PARENT_PID) and, with a
    session, `session_name` (JPY_SESSION_NAME); a terminal's has `server_port` (JUPYTER_SERVER_URL). `argv` is for
    recognising the program; it may hold secrets.
    """

    argv: tuple[str, ...] = ()
    from_jupyter: bool = False
    server_pid: int | None = None
    server_port: int | None = None
    session_name: str | None = None


class MachineCpu(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine's cores have done since it started: the seconds all of them together had nothing to do, and
    those for which this container was held back by its own limit of CPU time."""

    cores: int
    idle_seconds: float
    throttled_seconds: float = 0.0


class ProcessTable:
    """All processes at one moment. `origins` has this user's own, by pid, as far as they can be read; `cpu` the
    machine's own counters, where it tells."""

    def __init__(
        self,
        rows: Iterable[ProcessRow],
        origins: Mapping[int, Origin] | None = None,
        cpu: MachineCpu | None = None,
    ) -> None:
        self.rows = {row.pid: row for row in rows}
        self.cpu = cpu
        self.origins = origins or {}
        self._children: dict[int, list[int]] = defaultdict(list)
        for row in self.rows.values():
            self._children[row.parent].append(row.pid)

    def tree(self, root: int, *, without: Set[int] = frozenset()) -> list[ProcessRow]:
        """Give the process and all its descendants, the root first, but no branch that begins at one of `without`;
        nothing if it isn't there."""
        if root not in self.rows:
            return []
        found, waiting, seen = [], [root], {root, *without}
        while waiting:
            pid = waiting.pop()
            found.append(self.rows[pid])
            for child in self._children.get(pid, ()):
                if child not in seen:
                    seen.add(child)
                    waiting.append(child)
        return found

    def children(self, pid: int) -> list[ProcessRow]:
        """Give the direct children."""
        return [self.rows[child] for child in self._children.get(pid, ())]

    def ancestors(self, pid: int) -> set[int]:
        """Name the process's parents up to the first."""
        found: set[int] = set()
        while (row := self.rows.get(pid)) and row.parent and row.parent not in found:
            found.add(row.parent)
            pid = row.parent
        return found
