"""Processes that a job starts, and all that those start: found again whatever they do, and really ended.

What belongs to a job is found in three ways, and each covers what the others miss: by a mark in the environment that
every descendant inherits, by the tree, and, on Linux, because the first process adopts what its descendants leave
behind (PR_SET_CHILD_SUBREAPER in prctl(2)), so that `setsid`, double forks and emptied environments stay below it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

__all__ = ["GRACE_SECONDS", "MARK", "Child", "end_all", "members"]

MARK = "LCC_JOB"
"""The environment variable that all processes of a job carry; its value is the job's id."""

GRACE_SECONDS = 2.0
"""Between SIGTERM and SIGKILL."""

_KILL_SECONDS = 10.0
_LINUX = sys.platform.startswith("linux")
_CHUNK = 1 << 16
_MAX_LINE = 64 << 20

# 36 is PR_SET_CHILD_SUBREAPER and 1 PR_SET_PDEATHSIG of <linux/prctl.h>; both last over execve. The second ends the
# first process with the server, however that ends: the thread that starts it is the server's main thread.
_SHIM = (
    "import ctypes,os,sys\n"
    "prctl=ctypes.CDLL(None).prctl\n"
    "prctl(36,1,0,0,0)\n"
    "prctl(1,9,0,0,0)\n"
    "if os.getppid()!=int(sys.argv[1]): os._exit(137)\n"
    "try: os.execvp(sys.argv[2],sys.argv[2:])\n"
    "except OSError as error:\n"
    " sys.stderr.write(f'{sys.argv[2]}: {error.strerror}\\n')\n"
    " os._exit(127)\n"
)


class Child:
    """One process with pipes, in a session of its own, marked. Its standard input stays open until `close_input`."""

    def __init__(self, process: Process, mark: str) -> None:
        self._process = process
        self._mark = mark
        self.pid = process.pid

    @classmethod
    async def start(
        cls, argv: Sequence[str], *, mark: str, env: Mapping[str, str] | None = None, cwd: str | None = None
    ) -> Child:
        """Start it; no shell. Exit status 127 if it can't be started. `env` is the whole environment."""
        shim = [sys.executable, "-I", "-S", "-c", _SHIM, str(os.getpid())] if _LINUX else []
        process = await asyncio.create_subprocess_exec(
            *shim,
            *argv,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={**(os.environ if env is None else env), MARK: mark},
            cwd=cwd,
            start_new_session=True,
        )
        return cls(process, mark)

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.returncode

    async def write(self, data: bytes) -> None:
        """Send it something; what it doesn't take because it has ended is dropped."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass

    def close_input(self) -> None:
        """Let it see the end of its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def listen(self, on_line: Callable[[bytes], None], on_error_line: Callable[[bytes], None]) -> int:
        """Hand on its lines, of any length, without their ends, until it has ended; give the exit status.

        Output that a descendant holds open after it has ended is not waited for longer than a second.
        """
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        pumps = [
            asyncio.ensure_future(_pump(self._process.stdout, on_line)),
            asyncio.ensure_future(_pump(self._process.stderr, on_error_line)),
        ]
        try:
            status = await self._process.wait()
            await asyncio.wait(pumps, timeout=1)
        finally:
            for pump in pumps:
                pump.cancel()
            told = await asyncio.gather(*pumps, return_exceptions=True)
        for each in told:
            if isinstance(each, Exception):
                raise each
        return status

    async def end(self, grace: float = GRACE_SECONDS) -> list[int]:
        """End it and everything it started; give the pids of those that would not end. Never raises for one gone."""
        left = await asyncio.to_thread(end_all, self._mark, [self.pid] if self.status is None else [], grace)
        if self.pid not in left:
            await self._process.wait()
            self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 -- pipes a descendant left
        return left


async def _pump(stream: asyncio.StreamReader, on_line: Callable[[bytes], None]) -> None:
    rest = bytearray()
    while chunk := await stream.read(_CHUNK):
        start = len(rest)
        rest += chunk
        if b"\n" in chunk:
            *lines, last = bytes(rest).split(b"\n")
            rest = bytearray(last)
            for line in lines:
                on_line(line.removesuffix(b"\r"))
        elif start > _MAX_LINE:
            rest.clear()  # nobody sends that on purpose
    if rest:
        on_line(bytes(rest))


def members(mark: str, known: Iterable[psutil.Process] = ()) -> set[psutil.Process]:
    """Find all living processes that carry the mark, and all that the known ones and those have begun."""
    import psutil

    me = os.getpid()
    children: dict[int, list[psutil.Process]] = {}
    found: set[psutil.Process] = {process for process in known if _runs(process)}
    for process in psutil.process_iter():
        if process.pid == me:
            continue
        try:
            children.setdefault(process.ppid(), []).append(process)
            if process.environ().get(MARK) == mark and _runs(process):
                found.add(process)
        except (psutil.Error, OSError):
            continue  # gone, or somebody else's
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop().pid, ()):
            if child not in found and _runs(child):
                found.add(child)
                waiting.append(child)
    return found


def end_all(mark: str, roots: Iterable[int] = (), grace: float = GRACE_SECONDS) -> list[int]:
    """Ask everything of a job to end, after `grace` seconds end it; give the pids of what is there all the same.

    Blocks until it is over: use a thread. Before anything is killed all of it is stopped, so that nothing begins a new
    process while the others die.
    """
    import psutil

    known: set[psutil.Process] = set()
    for pid in roots:
        try:
            known.add(psutil.Process(pid))
        except psutil.Error:
            continue
    asked: set[psutil.Process] = set()
    end = time.monotonic() + grace
    while True:
        known |= members(mark, known)
        living = {process for process in known if _runs(process)}
        if not living:
            return []
        if time.monotonic() >= end:
            break
        for process in living - asked:
            _do(process.terminate)
            _do(process.resume)
        asked |= living
        time.sleep(0.02)
    for _ in range(50):
        for process in living:
            _do(process.suspend)
        more = members(mark, known) - living
        if not more:
            break
        known |= more
        living |= more
    for process in living:
        _do(process.kill)
    end = time.monotonic() + _KILL_SECONDS
    while left := [process for process in known if _runs(process)]:
        if time.monotonic() >= end:
            return sorted(process.pid for process in left)
        time.sleep(0.02)
    return []


def _runs(process: psutil.Process) -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _do(action: Callable[[], None]) -> None:
    import psutil

    with suppress(psutil.Error, OSError):
        action()
