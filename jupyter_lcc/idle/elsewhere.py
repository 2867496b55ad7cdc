"""Use of this machine that is neither a kernel, a terminal nor a job: saved documents, other apps, remote editors.

An open tab is nobody: its heartbeats, its reconnects and its polls count for nothing. So of an app counts what comes in
over one of the connections to the ports it listens at, above `HEARTBEAT_BYTES` a second, or the CPU it uses; of
an ssh session what is typed (the time of the last input, which Linux keeps for each pseudo-terminal). What isn't over
TCP (an app behind a unix socket) is seen by its CPU alone.

Reading blocks for some milliseconds, so it is done in a thread.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence, Set
from datetime import datetime, timedelta, timezone

import msgspec

from ..clock import Clock, StampReader, to_wall
from .apps import App, busiest, find_apps
from .model import Evidence
from .process_table import ProcessRow, ProcessTable
from .traffic import SocketReader, Sockets, inodes_of
from .work import WORK_PERCENT, cpu_between

__all__ = ["HEARTBEAT_BYTES", "Elsewhere"]

HEARTBEAT_BYTES = 60.0
"""A second, in over one connection. Measured on code-server 4.99 in windows of 20 s: a tab nobody touches 34 to 51, a
hidden one 36, somebody who types a line and thinks for 15 s 119 to 142, one key every 2 s about 250, `top` in its
terminal 240 to 310. Somebody who only scrolls can't be told from nobody. TensorBoard keeps no connection open."""

WINDOW = timedelta(seconds=20)

OWN_SAVES = timedelta(seconds=60)
"""A save this soon after pages were warned, or asked to save, is what was asked for, and no sign of a person."""

MOST_TOLD = 8
_PTS_MAJOR = 136


class _Look(msgspec.Struct):
    at: datetime
    received: dict[int, int]
    rows: dict[tuple[int, int], ProcessRow]


class _Use(msgspec.Struct):
    """What was found of one app in its last window."""

    app: App
    percent: float | None = None
    came: float | None = None
    active_at: datetime | None = None
    connections: int | None = None


class Elsewhere:
    """Follows the apps from look to look, and hears of saved documents."""

    def __init__(
        self,
        clock: Clock,
        *,
        server_pid: int | None = None,
        sockets: SocketReader | None = None,
        typed_at: Callable[[int], datetime | None] | None = None,
    ) -> None:
        self._clock = clock
        self._server = server_pid or os.getpid()
        self._sockets = sockets or SocketReader()
        self._typed_at = typed_at or _typed_at
        self._stamps = StampReader(clock)
        self._looks: dict[str, _Look] = {}
        self._uses: dict[str, _Use] = {}
        self._saved_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._used_at: datetime | None = None
        self._reading: asyncio.Future[None] | None = None
        self.on_activity: Callable[[], None] = lambda: None
        """Called when somebody saved a document; the rest is found at the next look."""

    # -- what is heard -------------------------------------------------------------------------------------

    def note_asked(self, kind: str) -> None:
        """An event went to the pages; after some of them they save."""
        if kind in ("warning", "save"):
            self._asked_at = self._clock.now()

    def note_save(self) -> None:
        """A document was saved by a page or another program, or by people who share it."""
        now = self._clock.now()
        if self._asked_at is None or now - self._asked_at > OWN_SAVES:
            self._saved_at = now
            self.on_activity()

    # -- what is seen --------------------------------------------------------------------------------------

    async def look(self, table: ProcessTable, taken: Set[int]) -> None:
        """Look at every app. `taken` are the first processes of kernels, terminals and jobs."""
        if self._reading is None or self._reading.done():  # a read that hangs isn't repeated
            self._reading = asyncio.ensure_future(asyncio.to_thread(self._look, table, taken))
        await asyncio.shield(self._reading)

    def active_at(self) -> datetime | None:
        """When anybody or anything was last seen to use the machine this way, on the steady clock."""
        times = (self._saved_at, self._used_at)
        return max((time for time in times if time is not None), default=None)

    def evidence(self) -> tuple[Evidence, ...]:
        """Say what was seen, what was used last at the end."""
        told = [each for use in self._uses.values() for each in self._told(use)]
        if self._saved_at is not None:
            told.append(self._at("document_saved_at", self._saved_at))
        # What counts stands last, where it isn't cut off.
        told.sort(key=lambda each: each.means != "context")
        return tuple(told[-MOST_TOLD:])

    def _look(self, table: ProcessTable, taken: Set[int]) -> None:
        apps = find_apps(table, self._server, taken)
        now = self._clock.now()
        sockets = self._sockets.at(table) if any(app.kind != "ssh_session" for app in apps) else None
        uses: dict[str, _Use] = {}
        for app in apps:
            use = self._uses.get(app.key) or _Use(app)
            use.app = app
            if app.tty is not None:
                typed = self._typed_at(app.tty)
                use.active_at = None if typed is None else self._stamps.read(app.key, typed)
            else:
                self._measure(use, sockets, now)
            uses[app.key] = use
        self._uses = uses
        for gone in self._looks.keys() - uses.keys():
            del self._looks[gone]
        self._stamps.keep_only(set(uses))
        times = [self._used_at, *(use.active_at for use in uses.values())]
        self._used_at = max((time for time in times if time is not None), default=None)

    def _measure(self, use: _Use, sockets: Sockets | None, now: datetime) -> None:
        before = self._looks.get(use.app.key)
        if before is not None and now - before.at < WINDOW:
            return
        received = _received(use.app.rows, sockets)
        look = _Look(now, received or {}, {(row.pid, row.started): row for row in use.app.rows})
        self._looks[use.app.key] = look
        use.connections = None if received is None else len(received)
        if before is None:
            return
        seconds = (now - before.at).total_seconds()
        use.percent = round(100 * cpu_between(before.rows, look.rows)[0] / seconds, 1)
        use.came = None if received is None else round(busiest(before.received, received, seconds), 1)
        if use.percent >= WORK_PERCENT or (use.came or 0.0) >= HEARTBEAT_BYTES:
            use.active_at = now

    def _told(self, use: _Use) -> Sequence[Evidence]:
        app = use.app
        if app.kind == "ssh_session":
            return () if use.active_at is None else (self._at("ssh_typed_at", use.active_at),)
        said = [f"{app.name} (pid {app.root.pid})"]
        said += [] if use.percent is None else [f"CPU {use.percent:g} %"]
        said += [] if use.came is None else [f"{use.came:.0f} B/s in, {use.connections} connections"]
        works = (use.percent or 0.0) >= WORK_PERCENT
        used = (use.came or 0.0) >= HEARTBEAT_BYTES
        told = Evidence(
            signal=app.kind, value=", ".join(said), means="work" if works else "activity" if used else "context"
        )
        if works or used or use.active_at is None:
            return (told,)
        return (told, self._at(f"{app.kind}_used_at", use.active_at))

    def _at(self, signal: str, at: datetime) -> Evidence:
        text = to_wall(self._clock, at).isoformat(timespec="seconds").replace("+00:00", "Z")
        return Evidence(signal=signal, value=text, means="activity")


def _received(rows: Sequence[ProcessRow], sockets: Sockets | None) -> dict[int, int] | None:
    """Give the bytes that came in so far over each connection to a port these processes listen at; None: not told."""
    if sockets is None:
        return None
    found = [inodes for row in rows if (inodes := inodes_of(row.pid)) is not None]
    mine = {inode: sockets.all[inode] for inodes in found for inode in inodes if inode in sockets.all}
    ports = {each.port for each in mine.values() if each.listens}
    return {inode: each.received for inode, each in mine.items() if each.established and each.port in ports}


def _typed_at(tty: int) -> datetime | None:
    """Give when a pseudo-terminal was last typed into; None if that can't be read."""
    if os.major(tty) != _PTS_MAJOR:
        return None
    try:
        return datetime.fromtimestamp(os.stat(f"/dev/pts/{os.minor(tty)}").st_atime, timezone.utc)
    except OSError:
        return None
