"""What a piece of long work is given: to tell how far it is, to start processes, to learn that it is to end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from ..errors import OutsideFailure
from .model import Progress
from .redact import redact

__all__ = ["JobContext", "RunningChild", "StartChild", "Teller"]

T = TypeVar("T")


class RunningChild(Protocol):
    """A process and all it starts; `processes.Child` is the real one."""

    async def write(self, data: bytes) -> None:
        """Send it something."""

    def close_input(self) -> None:
        """Let it see the end of its standard input."""

    async def listen(self, on_line: Callable[[bytes], None], on_error_line: Callable[[bytes], None]) -> int:
        """Hand on its lines until it has ended; give the exit status."""

    async def end(self) -> list[int]:
        """End it and everything it started; give the pids of those that would not end."""


class StartChild(Protocol):
    """Start a process that is found by its mark."""

    async def __call__(
        self, argv: Sequence[str], *, mark: str, env: Mapping[str, str] | None, cwd: str | None
    ) -> RunningChild:
        """Start it; `env` is the whole environment, None the server's."""


class Teller(Protocol):
    """Where a context passes on what it is told."""

    def note_progress(self, job_id: str, progress: Progress) -> None:
        """Remember how far the job is."""

    def note_log(self, job_id: str, text: str) -> None:
        """Add to what the job said."""


class JobContext:
    """Given to the work of one job. `progress` and `log` may be called from any thread.

    A cancelled work gets `asyncio.CancelledError` at its next `await`. What it started with `run_process` and
    `in_thread` has ended when that is raised, so its `finally` can tidy up in peace. Work that ends in spite of it has
    succeeded or failed like any other.
    """

    def __init__(self, job_id: str, teller: Teller, start: StartChild) -> None:
        self.id = job_id
        self.cancelled = False
        """Somebody asked to end it. Work in a thread should look at this now and then."""
        self.commits = False
        self.started_processes = False
        self._teller = teller
        self._start = start
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def progress(self, progress: Progress) -> None:
        """Tell how far it is, as often as you like; pages are told at most four times a second."""
        self._on_loop(self._teller.note_progress, self.id, progress)

    def log(self, text: str) -> None:
        """Add lines to the log, without passwords and tokens in addresses. The line's end needn't be given."""
        self._on_loop(self._teller.note_log, self.id, redact(text if text.endswith("\n") else text + "\n"))

    async def run_process(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        on_line: Callable[[bytes], None] | None = None,
        on_error_line: Callable[[bytes], None] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        keep_input_open: bool = False,
    ) -> int:
        """Run a program without a shell; give its exit status, 127 if it can't be started.

        `env` is the whole environment (null: the server's). Lines go to the log unless somebody takes them. With
        `keep_input_open` the end of its standard input means that the server is gone. However this ends, nothing that
        the program started is left; raises OutsideFailure where something would not end.
        """
        self.raise_if_cancelled()
        self.started_processes = True
        child = await self._start(argv, mark=self.id, env=env, cwd=cwd)
        try:
            await child.write(stdin)
            if not keep_input_open:
                child.close_input()
            return await child.listen(on_line or self._log_line, on_error_line or self._log_line)
        finally:
            left = await self._unbroken(child.end())
            if left:
                raise OutsideFailure(f"Processes do not end: {', '.join(map(str, left))}.", pids=left)

    async def in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run what blocks in a thread. A cancel waits until it is through, because a thread can't be ended."""
        self.raise_if_cancelled()
        return await self._unbroken(asyncio.to_thread(call, *arguments))

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Mark the steps that must not be cut in two; short ones. Who asks to cancel meanwhile is told it is too late.

        Raises CancelledError instead where somebody has asked already.
        """
        self.raise_if_cancelled()
        self.commits = True
        try:
            yield
        finally:
            self.commits = False

    def raise_if_cancelled(self) -> None:
        """Raise CancelledError where somebody asked to cancel."""
        if self.cancelled:
            raise asyncio.CancelledError

    def _log_line(self, line: bytes) -> None:
        self.log(line.decode("utf-8", "replace"))

    async def _unbroken(self, work: Awaitable[T]) -> T:
        """Wait for something to its end, and only then be cancelled."""
        task = asyncio.ensure_future(work)
        cancelled = False
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            if not task.cancelled():
                task.exception()  # what went wrong counts no more
            raise asyncio.CancelledError
        return task.result()

    def _on_loop(self, call: Callable[..., None], *arguments: Any) -> None:
        if threading.get_ident() == self._thread:
            call(*arguments)
        else:
            self._loop.call_soon_threadsafe(call, *arguments)
