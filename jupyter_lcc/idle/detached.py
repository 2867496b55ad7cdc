"""Jobs of this user that have left their terminal or kernel: `nohup`, `setsid`, `tmux`, `screen`, `at`.

Only what is proven to come from Jupyter is looked at: it was seen in a terminal's or kernel's tree before, or it
carries Jupyter's marks in its environment (as `at` hands them on, too), or it runs inside a tmux or screen of this
user. A job that runs is work, silent or not. It is idle if it is stopped, or if it only listens: a service that
nobody is connected to, with no CPU use and no traffic.

Notebook runs that the server itself starts (nbconvert, papermill, jupyter-scheduler) are seen here as well.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from ..clock import Clock
from ..model import sendable
from .lineage import Claims, Root, program_of
from .model import Evidence, Kind, Sighting, State
from .process_table import ProcessRow, ProcessTable
from .processes import age_of, blocked_in, process_started, takes_single_keys
from .proof import Proof, Use
from .standalone import Job, find_jobs
from .terminal_jobs import BUSY_PERCENT, read_jobs
from .traffic import Sockets, inodes_of

__all__ = ["Detached"]

_PREFIX = "process:"
GRACE_SECONDS = 10.0
"""Between SIGTERM and SIGKILL."""


class _Known(msgspec.Struct):
    """What is remembered of one job between two looks."""

    root: ProcessRow
    rows: Sequence[ProcessRow]
    sighting: Sighting
    active_at: datetime


class Detached:
    """The jobs; `server_pid` is this server, `server_port` where it listens. A job is seen at the next look."""

    kind: Kind = "process"

    def __init__(
        self,
        clock: Clock,
        proof: Proof,
        *,
        server_pid: int | None = None,
        server_port: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._family = proof.family
        self._proof = proof.beside(self)
        self._server = server_pid or os.getpid()
        self._port = server_port
        self._known: dict[str, _Known] = {}
        self._jobs: dict[str, Job] = {}

    def listen(self, on_change: Callable[[str], None]) -> None:
        """Nothing to tell between two looks."""

    def roots(self) -> list[Root]:
        """Name the jobs, so that what they use is measured."""
        return [Root(target_id=target_id, pid=job.root.pid) for target_id, job in self._jobs.items()]

    def claims(self, table: ProcessTable) -> Claims:
        """Share the processes out among the jobs, with what they have begun meanwhile."""
        members: dict[str, list[ProcessRow]] = {}
        owner: dict[int, str] = {}
        for target_id, job in self._jobs.items():
            rows = members[target_id] = []
            for old in job.rows:
                row = table.rows.get(old.pid)
                for each in table.tree(old.pid) if row is not None and row.started == old.started else ():
                    if each.pid not in owner:
                        owner[each.pid] = target_id
                        rows.append(each)
        return Claims(members, owner)

    def roster(self) -> frozenset[str]:
        """Name the jobs seen at the last look."""
        return frozenset(self._known)

    async def observe(self, table: ProcessTable | None) -> Sequence[Sighting]:
        """See every job."""
        if table is None:
            raise OSError("the processes can't be read")
        claims, came_from = self._family.claims(table), self._family.came_from
        jobs = find_jobs(table, claims, self._server, came_from, await self._others(table))
        self._jobs = {_PREFIX + str(job.root.pid): job for job in jobs}
        if not jobs:
            self._known = {}
            return []
        await self._proof.measure(table)
        self._known = await asyncio.to_thread(self._see_all, table)
        return [known.sighting for known in self._known.values()]

    async def _others(self, table: ProcessTable) -> frozenset[int]:
        """Name the ports at which another server listens that some process says it comes from."""
        named = {origin.server_port for origin in table.origins.values()} - {None, self._port()}
        sockets = await asyncio.to_thread(self._proof.sockets.at, table) if named else None
        if sockets is None:
            return frozenset()
        return frozenset(each.port for each in sockets.all.values() if each.listens and each.port in named)

    def look_again(self, target_id: str) -> Sighting | None:
        """See one job again, at once; None if it is gone."""
        known = self._known.get(target_id)
        if known is None or process_started(known.root.pid) != known.root.started:
            return None
        use = self._proof.see_last(target_id)
        if use is None:
            return msgspec.structs.replace(known.sighting, pending=True)
        if use.works and known.sighting.state != "working":
            return msgspec.structs.replace(
                known.sighting, state="working", active_at=self._clock.now(), since=use.since, evidence=use.evidence()
            )
        return known.sighting

    async def shut_down(self, target_id: str) -> None:
        """Ask its processes to end, and after a while end them. Raises TimeoutError if one is there all the same.

        Every signal goes to a process that is checked to be the one that was seen, by when it started.
        """
        known = self._known[target_id]
        targets = [(row.pid, row.started) for row in known.rows]
        for pid, started in targets:
            _send(pid, started, signal.SIGTERM)
            _send(pid, started, signal.SIGCONT)
        left = await _wait_for_end(targets, GRACE_SECONDS)
        for pid, started in left:
            _send(pid, started, signal.SIGKILL)
        if left := await _wait_for_end(left, 5):
            raise TimeoutError(f"processes {', '.join(str(pid) for pid, _ in left)} do not end")
        self._known.pop(target_id, None)

    async def close(self) -> None:
        """Nothing is held."""

    def _see_all(self, table: ProcessTable) -> dict[str, _Known]:
        sockets = self._proof.sockets.at(table)
        seen = {target_id: self._see(target_id, job, table, sockets) for target_id, job in self._jobs.items()}
        return {target_id: known for target_id, known in seen.items() if known is not None}

    def _see(self, target_id: str, job: Job, table: ProcessTable, sockets: Sockets | None) -> _Known | None:
        now, use = self._clock.now(), self._proof.use_of(target_id)
        before = self._known.get(target_id)
        if before is not None and before.root.started != job.root.started:
            before = None
        state, evidence = self._judge(job, use, table, sockets)
        if state is None:
            return None
        age = age_of(job.root)
        started_at = now - timedelta(seconds=age or 0)
        active_at = before.active_at if before else started_at
        if state == "working":
            active_at = now
        elif before is not None and before.sighting.state == "working":
            active_at = now if use.ended_at is None else max(active_at, use.ended_at)
        elif before is None:
            active_at = now  # what it did before nobody knows
        since = None
        if state == "working":
            since = started_at if evidence.signal != "detached_service" else use.since
        root = table.rows[job.root.pid]
        origin = table.origins.get(root.pid)
        found = [evidence, *use.evidence(cpu_counts=use.works)]
        if job.came_from is not None:
            found.append(Evidence(signal="came_from", value=job.came_from, means="context"))
        sighting = Sighting(
            id=target_id,
            kind="process",
            name=sendable(_name(job, evidence) or program_of(origin.argv if origin else (), root.name))[:100],
            state=state,
            active_at=active_at,
            since=since,
            evidence=tuple(found),
            pid=root.pid,
            cpu_percent=use.cpu.percent,
            memory_bytes=sum(row.memory_bytes for row in job.rows) or None,
            processes=len(job.rows),
            io_bytes_per_second=use.io_bytes_per_second,
            gpu=use.gpu,
        )
        return _Known(root=root, rows=job.rows, sighting=sighting, active_at=active_at)

    def _judge(self, job: Job, use: Use, table: ProcessTable, sockets: Sockets | None) -> tuple[State | None, Evidence]:
        """Say what a job does; None: nothing is there to be kept or shut down."""
        name = job.root.name
        if job.how == "pane":
            busy = use.works or (use.cpu.percent or 0) >= BUSY_PERCENT
            keys = takes_single_keys(job.root.pid)
            doing = read_jobs(job.root.pid, table, single_keys=keys, busy=busy, blocked=blocked_in)
            told = Evidence(signal="detached_job", value=doing.name, means="work")
            if doing.doing in ("job", "background"):
                return "working", told
            if doing.doing in ("remote", "unknown"):
                return "unknown", Evidence(signal="terminal_" + doing.doing, value=doing.name, means="unknown")
            return None, told
        if job.how == "notebook_run":
            return "working", Evidence(signal="notebook_run", value=name, means="work")
        if all(row.state in ("T", "t") for row in job.rows):
            return "idle", Evidence(signal="detached_stopped", value=name, means="idle")
        listens = _only_listens(job.rows, sockets)
        if listens is not None and not use.works:
            return "idle", Evidence(signal="detached_service", value=f"port {listens}", means="idle")
        if listens is not None:
            return "working", Evidence(signal="detached_service", value=f"port {listens}", means="context")
        return "working", Evidence(signal="detached_job", value=name, means="work")


def _name(job: Job, evidence: Evidence) -> str | None:
    """Name what runs in a pane of tmux or screen: its shell tells nobody anything."""
    return str(evidence.value) if job.how == "pane" and evidence.value is not None else None


def _only_listens(rows: Sequence[ProcessRow], sockets: Sockets | None) -> int | None:
    """Give the port of a job that listens and that nobody is connected to; None if it isn't one, or can't be told."""
    if sockets is None or any(row.state in ("R", "D") for row in rows):
        return None
    port: int | None = None
    for row in rows:
        inodes = inodes_of(row.pid)
        if inodes is None:
            return None
        for inode in inodes:
            socket = sockets.all.get(inode)
            if socket is None:
                continue
            if socket.established:
                return None
            port = port or socket.port
    return port


def _send(pid: int, started: int, number: signal.Signals) -> bool:
    """Signal a process if it is still the one that was seen; a process descriptor rules out a later one."""
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError) as error:
        if isinstance(error, ProcessLookupError) or process_started(pid) != started:
            return False
        handle = None
    try:
        if process_started(pid) != started:
            return False
        if handle is None:
            os.kill(pid, number)
        else:
            signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


async def _wait_for_end(targets: Sequence[tuple[int, int]], seconds: float) -> list[tuple[int, int]]:
    """Wait until these have ended; give those that have not."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        left = [(pid, started) for pid, started in targets if process_started(pid) == started]
        if not left or loop.time() > end:
            return left
        await asyncio.sleep(0.1)
