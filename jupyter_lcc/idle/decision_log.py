"""The decision log: one JSON line for each change of mind, with its grounds, kept in rotated files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec

from ..store import JsonLines
from .model import Decision
from .trace import Line

__all__ = ["DecisionLog", "read_trace"]

MAX_WAITING = 2000
"""Lines kept in memory while the disk is full; beyond that the oldest go."""


class DecisionLog:
    """Write lines in a thread, in order; while they can't be written they wait and can still be read."""

    def __init__(self, lines: Callable[[], JsonLines], executor: Executor, log: Any) -> None:
        self._find_lines = lines
        self._executor = executor
        self._log = log
        self._waiting: list[Decision] = []
        self._flushing = asyncio.Lock()
        self.error: str | None = None

    def add(self, decision: Decision) -> None:
        """Take a line; `flush` writes it."""
        self._waiting.append(decision)
        del self._waiting[:-MAX_WAITING]

    async def flush(self) -> None:
        """Write what waits. A failure is kept in `error` and tried again with the next flush."""
        async with self._flushing:
            batch = list(self._waiting)
            if not batch:
                return
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(self._executor, self._append, batch)
            except OSError as error:
                if self.error is None:
                    self._log.warning("jupyter_lcc: the decision log can't be written: %s", error)
                self.error = str(error)
                return
            self.error = None
            written = {id(decision) for decision in batch}
            self._waiting = [decision for decision in self._waiting if id(decision) not in written]

    async def read(
        self, *, target_id: str | None = None, since: datetime | None = None, until: datetime | None = None, limit: int
    ) -> tuple[Decision, ...]:
        """Give lines, newest first; `since` and `until` are wall times, both included.

        Lines that only say that the last activity moved on are there for `replay` and left out here.
        """
        async with self._flushing:
            waiting = [msgspec.json.encode(decision) for decision in reversed(self._waiting)]
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, self._search, waiting, target_id, since, until, limit)

    def _append(self, batch: list[Decision]) -> None:
        # Here and not on the event loop: hundreds of lines of one round take their time.
        self._find_lines().append([msgspec.json.encode(decision) for decision in batch])

    def _search(
        self, waiting: list[bytes], target_id: str | None, since: datetime | None, until: datetime | None, limit: int
    ) -> tuple[Decision, ...]:
        found: list[Decision] = []
        needle = None if target_id is None else msgspec.json.encode(target_id)
        try:
            for decision in _decoded(chain(waiting, self._find_lines().newest_first()), needle):
                if since is not None and decision.at < since:
                    break
                wanted = target_id in (None, decision.target_id) and decision.change != "activity"
                if wanted and (until is None or decision.at <= until):
                    found.append(decision)
                    if len(found) >= limit:
                        break
        except OSError as error:
            self.error = str(error)
        return tuple(found)


def read_trace(lines: JsonLines) -> tuple[list[Line], int]:
    """Give every line of the files, oldest first, with its grounds, and how many could not be read."""
    trace: list[Line] = []
    unreadable = 0
    decoder = msgspec.json.Decoder(Line)
    for line in lines.newest_first():
        try:
            trace.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            unreadable += bool(line.strip())  # cut by a killed process
    trace.reverse()
    return trace, unreadable


def _decoded(lines: Iterable[bytes], needle: bytes | None) -> Iterable[Decision]:
    for line in lines:
        if needle is not None and needle not in line:
            continue
        try:
            yield msgspec.json.decode(line, type=Decision)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # a line cut by a killed process, or written by another version
