"""A machine that no platform looks after: stopped only as the administrator configured, else not at all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..model import Sentence
from .model import StopFailed, StopWay

__all__ = ["Command", "NoWay", "OwnServer"]

COMMAND_SECONDS = 60.0
MOST_OUTPUT = 4000


class NoWay:
    """This machine can't be stopped from here, for this reason."""

    def __init__(self, code: str, why_not: str) -> None:
        self.way = StopWay(means="none", available=False, why_not=why_not, why_not_sentence=Sentence(code=code))
        self.life = ""

    async def stop(self) -> None:
        raise StopFailed(self.way.why_not or "", sentence=self.way.why_not_sentence)


class OwnServer:
    """Ends this Jupyter server, as its own *Shut Down* does; the machine below it runs on."""

    def __init__(self, end_server: Callable[[], None]) -> None:
        self._end_server = end_server
        self.way = StopWay(means="stop_server", available=True)
        # A server that is there again was ended and started: each one is a life of its own.
        self.life = f"{os.getpid()}/{time.time_ns()}"

    async def stop(self) -> None:
        self._end_server()


class Command:
    """Runs the administrator's argument vector, without a shell; what it says goes to the server's log."""

    def __init__(
        self, command: Sequence[str], log: Any, *, life: str, timeout_seconds: float = COMMAND_SECONDS
    ) -> None:
        self._command = tuple(command)
        self._log = log
        self._timeout_seconds = timeout_seconds
        self.way = StopWay(means="command", available=True)
        self.life = life

    async def stop(self) -> None:
        name = self._command[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            not_run = Sentence(code="command_not_run", detail={"command": name, "error": reason})
            raise StopFailed(f"`{name}` can't be run: {reason}.", sentence=not_run) from error
        try:
            output, _ = await asyncio.wait_for(process.communicate(), self._timeout_seconds)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=5)
            seconds = f"{self._timeout_seconds:.0f}"
            slow = Sentence(code="command_too_slow", detail={"command": name, "seconds": seconds})
            raise StopFailed(f"`{name}` did not end within {seconds} s.", sentence=slow) from None
        told = output.decode("utf-8", "replace").strip()[-MOST_OUTPUT:]
        self._log.info("jupyter_lcc: %s ended with %s: %s", name, process.returncode, told or "no output")
        if process.returncode != 0:
            last = told.splitlines()[-1] if told else "it said nothing"
            detail = {"command": name, "status": str(process.returncode), "error": last[:300]}
            failed = Sentence(code="command_failed", detail=detail)
            raise StopFailed(f"`{name}` ended with {process.returncode}: {last[:300]}", sentence=failed)
