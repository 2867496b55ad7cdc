"""The administrator's own command before the machine is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from .port import HookResult

__all__ = ["MOST_OUTPUT", "PreStopCommand"]

MOST_OUTPUT = 4096
"""Bytes of what it printed last that are kept, from both streams together."""


class PreStopCommand:
    """Runs an argument vector, without a shell and for a bounded time, in a process group of its own."""

    def __init__(self, command: Sequence[str], timeout_seconds: int, log: Any) -> None:
        self._command = tuple(command)
        self._timeout_seconds = timeout_seconds
        self._log = log

    async def run(self, facts: Mapping[str, str]) -> HookResult | None:
        """Run it with `facts` added to the environment; None if there is none. Never raises, and holds nothing up
        for longer than its timeout."""
        if not self._command:
            return None
        begun = time.monotonic()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **facts},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return self._tell(HookResult(error=f"It could not be started: {error}", output="", seconds=0.0))
        assert process.stdout is not None
        tail = bytearray()
        reading = asyncio.ensure_future(_read(process.stdout, tail))
        failed: str | None = None
        try:
            status = await asyncio.wait_for(process.wait(), self._timeout_seconds)
            if status != 0:
                failed = f"It ended with status {status}."
        except asyncio.TimeoutError:
            failed = f"It did not end within {self._timeout_seconds} s."
        finally:
            if process.returncode is None:  # too slow, or this wait itself is given up
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await asyncio.wait([reading], timeout=1)
        reading.cancel()
        output = tail.decode("utf-8", "replace").strip()
        return self._tell(HookResult(error=failed, output=output, seconds=time.monotonic() - begun))

    def _tell(self, result: HookResult) -> HookResult:
        level = self._log.warning if result.error else self._log.info
        said = result.error or "done"
        level("jupyter_lcc: pre-stop command %s: %s\n%s", list(self._command), said, result.output)
        return result


async def _read(stream: asyncio.StreamReader, tail: bytearray) -> None:
    while chunk := await stream.read(65536):
        tail += chunk
        del tail[:-MOST_OUTPUT]
