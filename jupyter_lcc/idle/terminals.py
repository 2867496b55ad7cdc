"""Terminals: what runs in them, when a person last typed, and how they are shut down.

Jupyter's own `last_activity` of a terminal moves with everything that goes over its socket, also when a tab
reconnects or changes its size. So typing is noticed where it is written to the pseudo-terminal and, for what
was typed before we looked, by the access time of the terminal's device, which is what w(1) shows as idle
time (the kernel keeps it to 8 seconds).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

import msgspec
from jupyter_core.utils import ensure_async

from ..clock import Clock, StampReader, parse_utc, to_wall
from ..model import sendable
from .lineage import Root
from .model import Evidence, Kind, Meaning, Sighting, State
from .process_table import ProcessTable
from .processes import blocked_in, read_table
from .proof import Proof, Use
from .terminal_jobs import BUSY_PERCENT, Jobs, read_jobs

__all__ = ["Terminals"]

_PREFIX = "terminal:"
_RECENT = timedelta(milliseconds=250)
_STATE_OF: dict[str, State] = {
    "prompt": "idle",
    "interactive": "idle",
    "window": "idle",
    "question": "waiting",
    "remote": "unknown",
    "job": "working",
    "background": "working",
    "unknown": "unknown",
}
_MEANS: dict[State, Meaning] = {"working": "work", "waiting": "waiting", "unknown": "unknown"}
_ANSWERS_OF_THE_SCREEN = re.compile(
    r"(?:\x1b\[[?>=]?[\d;]*[cnRtxIO]|\x1b\][\d;]*(?:rgb:)?[^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\)+"
)
"""What a terminal emulator sends by itself: its attributes, size, cursor position, colours, focus."""


class Terminals:
    """Every terminal of the server.

    `find_manager` gives Jupyter's terminal manager once there is one. A change is told when a person types."""

    kind: Kind = "terminal"

    def __init__(self, find_manager: Callable[[], Any], clock: Clock, proof: Proof | None = None) -> None:
        self._find_manager = find_manager
        self._clock = clock
        self._on_change: Callable[[str], None] = _ignore
        self._stamps = StampReader(clock)
        self._proof = proof or Proof(clock)
        self._proof.family.add(self.roots)
        self._typed: dict[str, datetime] = {}
        self._known: dict[str, _Known] = {}
        self._names: dict[str, str] = {}
        self._table: tuple[datetime, ProcessTable] | None = None

    def listen(self, on_change: Callable[[str], None]) -> None:
        """Tell when a person types."""
        self._on_change = on_change

    @property
    def _manager(self) -> Any:
        # The terminals' extension may be loaded after ours, or be switched off.
        return self._find_manager() or _NoTerminals

    def roster(self) -> frozenset[str]:
        """Name the terminals there are now."""
        return frozenset(map(_id_of, self._manager.terminals))

    def roots(self) -> list[Root]:
        """Name the shells."""
        return [
            Root(target_id=_id_of(name), pid=terminal.ptyproc.pid)
            for name, terminal in list(self._manager.terminals.items())
        ]

    async def observe(self, table: ProcessTable | None) -> Sequence[Sighting]:
        """See every terminal."""
        if table is not None:
            await self._proof.measure(table)
        models = await ensure_async(self._manager.list())
        names = {model["name"] for model in models}
        self._names = {_id_of(name): name for name in names}
        for gone in self._known.keys() - names:
            del self._known[gone]
            self._typed.pop(gone, None)
        self._stamps.keep_only(names)
        return [self._see_or_not(model, table) for model in models]

    def look_again(self, target_id: str) -> Sighting | None:
        """See one terminal again, at once; None if it is gone."""
        name = self._names.get(target_id)
        if name is None or name not in self._manager.terminals:
            return None
        return self._see(self._manager.get(name), self._recent_table())

    async def shut_down(self, target_id: str) -> None:
        """Do what Jupyter does for DELETE /api/terminals/<name>."""
        name = self._names[target_id]
        # ptyprocess sleeps for this long, on the event loop, when it closes a terminal: enough to be noticed
        # when many go at once.
        self._manager.terminals[name].ptyproc.delayafterclose = 0.005
        await self._manager.terminate(name, force=True)

    async def close(self) -> None:
        """Stop listening to the keys."""
        for name in list(self._known):
            if name in self._manager.terminals:
                vars(self._manager.terminals[name].ptyproc).pop("write", None)
        self._known.clear()

    def _see_or_not(self, model: dict[str, Any], table: ProcessTable | None) -> Sighting:
        """See one terminal; one that can't be seen is unknown, and the others are seen all the same."""
        try:
            return self._see(model, table)
        except Exception as error:
            target_id = _id_of(model["name"])
            told = Evidence(
                signal="terminal_unknown", value=sendable(f"{type(error).__name__}: {error}"), means="unknown"
            )
            return Sighting(
                id=target_id, kind="terminal", name=target_id, state="unknown", active_at=None, evidence=(told,)
            )

    def _see(self, model: dict[str, Any], table: ProcessTable | None) -> Sighting:
        name, now = model["name"], self._clock.now()
        process = self._manager.terminals[name].ptyproc
        known = self._known.get(name)
        if known is None or known.pid != process.pid:
            known = self._known[name] = _Known(process.pid, self._first_activity(name, model, process))
            self._listen(name, process)
        if table is not None and process.pid not in table.rows:
            table = read_table()  # it began after the table was read
        use = self._proof.use_of(_id_of(name))
        cpu = use.cpu.percent
        jobs = (
            read_jobs(
                process.pid,
                table,
                single_keys=_takes_single_keys(process),
                blocked=blocked_in,
                busy=(cpu is not None and cpu >= BUSY_PERCENT) or use.works,
            )
            if table is not None
            else Jobs(doing="unknown")
        )
        state = _STATE_OF[jobs.doing]
        output_at = self._stamps.read(name, parse_utc(model["last_activity"]))
        self._follow_work(known, state, jobs, output_at, now)
        active_at = max(filter(None, (known.active_at, self._typed.get(name), now if state == "working" else None)))
        return Sighting(
            id=_id_of(name),
            kind="terminal",
            name=sendable(str(name)),
            state=state,
            active_at=active_at,
            since=known.working_since if state == "working" else None,
            evidence=self._evidence(jobs, use, active_at),
            pid=process.pid,
            cpu_percent=cpu,
            memory_bytes=use.memory_bytes,
            processes=len(use.rows) or None,
            io_bytes_per_second=use.io_bytes_per_second,
            gpu=use.gpu,
        )

    def _recent_table(self) -> ProcessTable:
        """Read the table; for many terminals in one go only once."""
        now = self._clock.now()
        if self._table is None or now - self._table[0] > _RECENT:
            self._table = (now, read_table())
        return self._table[1]

    def _follow_work(self, known: _Known, state: State, jobs: Jobs, output_at: datetime, now: datetime) -> None:
        """Keep when work began and, once it is seen to be over, when it ended."""
        if state == "working":
            known.working_since = known.working_since or now
            known.seen_working_at = now
            known.worked_in_front = jobs.doing == "job"
        elif known.seen_working_at is not None:
            # The end lies between two looks. A foreground job's end is the prompt it gives way to, and the
            # prompt is output; what ended in the background may have ended just now.
            told = known.worked_in_front and output_at > known.seen_working_at
            known.active_at = output_at if told else now
            known.working_since = known.seen_working_at = None

    def _first_activity(self, name: str, model: dict[str, Any], process: Any) -> datetime:
        """Give the latest that typing before we listened can have been.

        The device's access time moves only from one block of 8 seconds to the next (`tty_update_time` of
        Linux), so what it tells is the block that the last key fell in."""
        now = self._clock.now()
        socket_at = self._stamps.read(name, parse_utc(model["last_activity"]))
        try:
            read_at = os.stat(os.readlink(f"/proc/{process.pid}/fd/0")).st_atime
        except OSError:
            return socket_at
        block_ends = datetime.fromtimestamp((int(read_at) | 7) + 1, timezone.utc)
        age = max(self._clock.wall() - block_ends, timedelta(0))
        return min(socket_at, now - age)

    def _listen(self, name: str, process: Any) -> None:
        write = process.write

        def write_and_notice(text: Any) -> Any:
            if _is_typed(text):
                self._typed[name] = self._clock.now()
                self._on_change(_id_of(name))
            return write(text)

        process.write = write_and_notice

    def _evidence(self, jobs: Jobs, use: Use, active_at: datetime) -> tuple[Evidence, ...]:
        means = _MEANS.get(_STATE_OF[jobs.doing], "idle")
        at = to_wall(self._clock, active_at).isoformat(timespec="seconds").replace("+00:00", "Z")
        found = [
            Evidence(signal="terminal_" + jobs.doing, value=jobs.name, means=means),
            Evidence(signal="last_activity_at", value=at, means="activity"),
        ]
        if jobs.count > 1:
            found.append(Evidence(signal="processes", value=jobs.count, means="context"))
        busy = (use.cpu.percent or 0) >= BUSY_PERCENT and _STATE_OF[jobs.doing] == "working"
        for each in use.evidence():
            found.append(msgspec.structs.replace(each, means="work") if each.signal == "cpu_percent" and busy else each)
        return tuple(found)


class _NoTerminals:
    """Stands for the manager where terminals are switched off."""

    terminals: ClassVar[dict[str, Any]] = {}

    @staticmethod
    def list() -> list[dict[str, Any]]:
        return []


class _Known:
    """What is remembered of one terminal between two looks."""

    def __init__(self, pid: int, active_at: datetime) -> None:
        self.pid = pid
        self.active_at = active_at
        self.working_since: datetime | None = None
        self.seen_working_at: datetime | None = None
        self.worked_in_front = False


def _id_of(name: Any) -> str:
    """Name the target. A terminal's name is anything a client liked; an id must be sendable and not endless."""
    text = sendable(str(name))
    if len(text) > 200:
        text = f"{text[:150]}~{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    return _PREFIX + text


def _ignore(_target_id: str) -> None:
    """Nobody listens yet."""


def _is_typed(text: Any) -> bool:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return bool(words) and _ANSWERS_OF_THE_SCREEN.fullmatch(words) is None


def _takes_single_keys(process: Any) -> bool | None:
    """Tell whether the terminal is in non-canonical mode; None where there is no termios."""
    try:
        import termios

        local_modes: int = termios.tcgetattr(process.fd)[3]
    except (ImportError, OSError, AttributeError, ValueError):
        return None
    except termios.error:
        return None
    return not local_modes & termios.ICANON
