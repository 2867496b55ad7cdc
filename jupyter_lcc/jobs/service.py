"""The jobs of this server: one after the other for each key, on disk before they begin, told about while they run."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

import msgspec

from ..clock import Clock
from ..errors import Conflict, LccError, NotFound, OutsideFailure, TooLate
from .context import JobContext, StartChild
from .model import FINISHED, Job, JobError, JobLog, JobState, Progress
from .redact import plain, redact

__all__ = ["EndAll", "Files", "JobContext", "Jobs", "Work"]

Work = Callable[[JobContext], Awaitable[dict[str, Any] | None]]
"""Long work; what it gives back is the job's result, an LccError that it raises the job's error."""

TELL_SECONDS = 0.25
"""A page is told of one job at most this often."""

FLUSH_SECONDS = 0.2
MOST_RUNNING = 4
MOST_LIVE = 200
MOST_FINISHED = 200
KEEP = timedelta(days=30)
STOP_SECONDS = 20.0
LOG_PIECE = 256 * 1024


class StoredJob(Protocol):
    """A job as it was left on disk."""

    @property
    def job(self) -> Job:
        """The job."""


class Files(Protocol):
    """Where jobs outlive the server; everything blocks. `files.JobFiles` is the real one."""

    def claim(self) -> None:
        """Say that this server lives."""

    def release(self) -> None:
        """Say that it ends."""

    def load(self) -> Iterable[StoredJob]:
        """Give all jobs but those of other living servers, the oldest first."""

    def save(self, job: Job) -> None:
        """Write a job."""

    def remove(self, job_id: str) -> None:
        """Forget a job."""

    def append(self, job_id: str, text: str) -> None:
        """Add to what it said."""

    def read(self, job_id: str, offset: int, most: int) -> tuple[bytes, bool]:
        """Give what it said from a byte on, and whether that is all."""


EndAll = Callable[[str], list[int]]
"""End every process with a mark and give those that would not; blocks."""


class _Entry:
    """What is known of one job in this server."""

    def __init__(self, job: Job, work: Work | None = None, keys: frozenset[str] = frozenset()) -> None:
        self.job = job
        self.work = work
        self.keys = keys
        self.context: JobContext | None = None
        self.task: asyncio.Future[dict[str, Any] | None] | None = None
        self.over = asyncio.Event()
        self.unwritten: list[str] = []
        self.told_at = float("-inf")
        self.telling: asyncio.TimerHandle | None = None


class Jobs:
    """Owns the jobs of one server, from `start` to `stop`. Everything is called on the event loop."""

    def __init__(
        self,
        *,
        files: Files,
        clock: Clock,
        emit: Callable[[dict[str, Any]], None],
        start_child: StartChild,
        end_all: EndAll,
        log: Any,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._files = files
        self._clock = clock
        self._emit = emit
        self._start_child = start_child
        self._end_all = end_all
        self._log = log
        self.on_change = on_change
        """Called when a job begins or is over."""
        self._entries: dict[str, _Entry] = {}
        self._queue: deque[_Entry] = deque()
        self._busy: set[str] = set()
        self._runners: set[asyncio.Task[None]] = set()
        self._flusher: asyncio.Task[None] | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="jupyter_lcc-jobs")
        self._ready = False
        self._stopping = False

    async def start(self) -> None:
        """Take up what the last server left: what waited or ran there is interrupted, and what is left of it ended."""
        try:
            await self._on_disk(self._files.claim)
        except (OSError, RuntimeError, NotImplementedError) as error:
            self._log.warning("jupyter_lcc: jobs can't be marked as this server's: %s", error)
        try:
            left = list(await self._on_disk(self._files.load))
        except OSError as error:
            self._log.error("jupyter_lcc: earlier jobs can't be read: %s", error)
            left = []
        for stored in left:
            job = stored.job
            if job.id in self._entries:
                continue
            if job.state not in FINISHED:
                await self._end_left(job.id)
                job = msgspec.structs.replace(
                    job, state="interrupted", cancelling=False, finished_at=self._clock.wall()
                )
                await self._save(job)
            entry = _Entry(job)
            entry.over.set()
            self._entries[job.id] = entry
        await self._forget_old()
        self._ready = True
        self._pump()

    async def stop(self) -> None:
        """End everything that runs, for the server ends: it is interrupted."""
        if self._stopping:
            return
        self._stopping = True
        for entry in list(self._queue):
            self._queue.remove(entry)
            await self._finish(entry, "interrupted")
        for entry in list(self._entries.values()):
            if entry.job.state == "running":
                self._ask_to_end(entry)
        if self._runners:
            await asyncio.wait(self._runners, timeout=STOP_SECONDS)
        if self._flusher is not None:
            await self._flusher
        for entry in self._entries.values():
            if entry.telling is not None:
                entry.telling.cancel()
        try:
            await self._on_disk(self._files.release)
        except OSError as error:
            self._log.warning("jupyter_lcc: the mark of this server's jobs stays: %s", error)
        self._writer.shutdown(wait=False)

    def submit(self, *, kind: str, key: str, subject: str, work: Work, also: Iterable[str] = ()) -> Job:
        """Queue work; jobs of one key run in the order they came. `also` has more keys that it holds while it runs.

        Raises Conflict where the server ends or far too much is waiting.
        """
        if self._stopping:
            raise Conflict("The server is ending.")
        if sum(entry.job.state not in FINISHED for entry in self._entries.values()) >= MOST_LIVE:
            raise Conflict("Too many jobs are waiting. Let some of them end first.", limit=MOST_LIVE)
        job = Job(
            id=secrets.token_hex(8),
            kind=kind,
            key=key,
            subject=subject,
            state="queued",
            created_at=self._clock.wall(),
        )
        entry = _Entry(job, work, frozenset((key, *also)))
        self._entries[job.id] = entry
        self._queue.append(entry)
        self._tell(entry)
        self._pump()
        return entry.job

    def all(self) -> tuple[Job, ...]:
        """Give the jobs that run, wait, or ended and were not dismissed; the newest first."""
        return tuple(
            sorted((entry.job for entry in self._entries.values()), key=lambda job: job.created_at, reverse=True)
        )

    def live(self) -> tuple[Job, ...]:
        """Give the jobs that run or wait, the oldest first."""
        return tuple(job for job in reversed(self.all()) if job.state not in FINISHED)

    def get(self, job_id: str) -> Job:
        """Give one job. Raises NotFound."""
        return self._entry(job_id).job

    async def wait(self, job_id: str) -> Job:
        """Wait until a job is over. Raises NotFound."""
        entry = self._entry(job_id)
        await entry.over.wait()
        return entry.job

    async def log(self, job_id: str, offset: int = 0) -> JobLog:
        """Give what a job said from a byte on, in pieces. Raises NotFound."""
        entry = self._entry(job_id)
        over = entry.job.state in FINISHED
        await self._flush(entry)
        try:
            raw, to_the_end = await self._on_disk(partial(self._files.read, job_id, offset, LOG_PIECE))
        except OSError as error:
            raise OutsideFailure(f"The job's log can't be read: {error.strerror}.") from error
        text, used = _whole_characters(raw)
        return JobLog(text=text, next_offset=offset + used, complete=over and to_the_end and used == len(raw))

    def cancel(self, job_id: str) -> Job:
        """Ask to end a job; it is `cancelled` once all it started has ended. Asking again changes nothing.

        Raises NotFound; Conflict for one that is over, TooLate in its last steps.
        """
        entry = self._entry(job_id)
        if entry.job.state in FINISHED:
            raise Conflict("The job is over already.", state=entry.job.state)
        if entry.job.cancelling:
            return entry.job
        if entry.context is not None and entry.context.commits:
            raise TooLate("The job is in its last steps and can no longer be cancelled.")
        entry.job = msgspec.structs.replace(entry.job, cancelling=True)
        if entry in self._queue:
            self._queue.remove(entry)
            self._begin(self._finish(entry, "cancelled"))
        else:
            self._ask_to_end(entry)
        self._tell(entry)
        return entry.job

    async def dismiss(self, job_id: str) -> None:
        """Forget a job that is over, and what it said. Raises NotFound, and Conflict while it isn't over."""
        entry = self._entry(job_id)
        if entry.job.state not in FINISHED:
            raise Conflict("The job is not over yet; cancel it first.", state=entry.job.state)
        await self._forget(entry)
        self._emit({"kind": "dismissed", "job_id": job_id, "state": entry.job.state})

    def note_progress(self, job_id: str, progress: Progress) -> None:
        """Remember how far a job is."""
        entry = self._entries.get(job_id)
        if entry is not None and entry.job.state not in FINISHED and entry.job.progress != progress:
            label = sendable_label(progress.label)
            entry.job = msgspec.structs.replace(entry.job, progress=msgspec.structs.replace(progress, label=label))
            self._tell(entry)

    def note_log(self, job_id: str, text: str) -> None:
        """Add to what a job said; it is written soon."""
        entry = self._entries.get(job_id)
        if entry is None:
            return
        entry.unwritten.append(text)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.ensure_future(self._flush_soon())

    def _entry(self, job_id: str) -> _Entry:
        entry = self._entries.get(job_id)
        if entry is None:
            raise NotFound("There is no such job (any more).", job_id=job_id)
        return entry

    def _pump(self) -> None:
        """Begin what may begin: nothing of its keys runs or waits before it, and not too much runs in all."""
        if not self._ready or self._stopping:
            return
        waiting: set[str] = set()
        for entry in list(self._queue):
            if len(self._runners_of_work()) >= MOST_RUNNING:
                break
            if entry.keys & (self._busy | waiting):
                waiting |= entry.keys
                continue
            self._queue.remove(entry)
            self._busy |= entry.keys
            entry.job = msgspec.structs.replace(entry.job, state="running", started_at=self._clock.wall())
            self._begin(self._run(entry))

    def _runners_of_work(self) -> list[_Entry]:
        return [entry for entry in self._entries.values() if entry.job.state == "running"]

    def _begin(self, work: Any) -> None:
        runner = asyncio.ensure_future(work)
        self._runners.add(runner)
        runner.add_done_callback(self._runners.discard)

    def _ask_to_end(self, entry: _Entry) -> None:
        if entry.context is not None:
            entry.context.cancelled = True
            if entry.context.commits:
                return  # it ends by itself
        if entry.task is not None:
            entry.task.cancel()

    async def _run(self, entry: _Entry) -> None:
        """Do one job, from its record on disk to its last event. Nobody cancels this; only the work is cancelled."""
        assert entry.work is not None
        state: JobState = "failed"
        result: dict[str, Any] | None = None
        error: JobError | None = None
        context = entry.context = JobContext(entry.job.id, self, self._start_child)
        try:
            await self._save(entry.job)
            self._tell(entry)
            self._changed()
            if entry.job.cancelling or self._stopping:
                raise asyncio.CancelledError
            entry.task = asyncio.ensure_future(entry.work(context))
            await asyncio.wait({entry.task})
            result = plain(entry.task.result())
            state = "succeeded"
        except asyncio.CancelledError:
            state = "interrupted" if self._stopping else "cancelled"
        except LccError as told:
            error = JobError(code=told.code, message=redact(told.message), detail=plain(told.detail))
        except Exception as unforeseen:
            self._log.exception("jupyter_lcc: a job failed: %s %s", entry.job.kind, entry.job.key)
            context.log(f"{type(unforeseen).__name__}: {unforeseen}")
            error = JobError(
                code="internal", message="Something went wrong in jupyter_lcc; the server's log has the details."
            )
        if context.started_processes and (left := await self._end_left(entry.job.id)):
            state = "failed"
            error = JobError(
                code="not_ended",
                message=f"Processes of the job do not end: {', '.join(map(str, left))}.",
                detail={"pids": left},
            )
        entry.context, entry.task, entry.work = None, None, None
        await self._finish(entry, state, result=result, error=error)
        self._busy -= entry.keys
        self._pump()
        self._changed()

    async def _finish(
        self, entry: _Entry, state: JobState, *, result: dict[str, Any] | None = None, error: JobError | None = None
    ) -> None:
        """Let a job be over: on disk first, then for everybody."""
        job = msgspec.structs.replace(
            entry.job, state=state, finished_at=self._clock.wall(), cancelling=False, result=result, error=error
        )
        await self._flush(entry)
        await self._save(job)
        entry.job = msgspec.structs.replace(job, progress=entry.job.progress)
        entry.over.set()
        self._tell(entry)
        await self._forget_old()

    async def _end_left(self, job_id: str) -> list[int]:
        try:
            return await asyncio.to_thread(self._end_all, job_id)
        except Exception:
            self._log.exception("jupyter_lcc: what a job has left running can't be looked for")
            return []

    async def _save(self, job: Job) -> None:
        try:
            await self._on_disk(partial(self._files.save, job))
        except OSError as error:
            self._log.error("jupyter_lcc: a job's record can't be written: %s", error)

    async def _flush_soon(self) -> None:
        while any(entry.unwritten for entry in self._entries.values()):
            if not self._stopping:
                await asyncio.sleep(FLUSH_SECONDS)
            for entry in list(self._entries.values()):
                await self._flush(entry)

    async def _flush(self, entry: _Entry) -> None:
        if not entry.unwritten:
            return
        text, entry.unwritten = "".join(entry.unwritten), []
        try:
            await self._on_disk(partial(self._files.append, entry.job.id, text))
        except OSError as error:
            self._log.error("jupyter_lcc: a job's log can't be written: %s", error)

    async def _forget_old(self) -> None:
        """Forget what nobody dismissed for a month, and the oldest where there are very many."""
        over = [entry for entry in self._entries.values() if entry.job.state in FINISHED]
        over.sort(key=lambda entry: entry.job.created_at, reverse=True)
        oldest = self._clock.wall() - KEEP
        for place, entry in enumerate(over):
            if place >= MOST_FINISHED or entry.job.created_at < oldest:
                await self._forget(entry)

    async def _forget(self, entry: _Entry) -> None:
        self._entries.pop(entry.job.id, None)
        if entry.telling is not None:
            entry.telling.cancel()
        try:
            await self._on_disk(partial(self._files.remove, entry.job.id))
        except OSError as error:
            self._log.warning("jupyter_lcc: a job's record can't be removed: %s", error)

    def _on_disk(self, call: Callable[[], Any]) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self._writer, call)

    def _changed(self) -> None:
        try:
            self.on_change()
        except Exception:
            self._log.exception("jupyter_lcc: the change of a job could not be told")

    def _tell(self, entry: _Entry) -> None:
        """Tell pages that a job has changed: at once, or when the last telling is long enough ago."""
        if entry.telling is not None:
            return
        loop = asyncio.get_running_loop()
        due = entry.told_at + TELL_SECONDS
        if self._stopping or loop.time() >= due:
            self._tell_now(entry)
        else:
            entry.telling = loop.call_at(due, self._tell_now, entry)

    def _tell_now(self, entry: _Entry) -> None:
        entry.telling = None
        entry.told_at = asyncio.get_running_loop().time()
        job = entry.job
        self._emit(
            {"kind": "changed", "job_id": job.id, "state": job.state, "job_kind": job.kind, "subject": job.subject}
        )


def sendable_label(label: str) -> str:
    """Make a progress label safe to send: it may be a file's name."""
    return str(plain(label))[:200]


def _whole_characters(raw: bytes) -> tuple[str, int]:
    """Decode UTF-8 up to the last whole character; give also how many bytes that took."""
    for cut in range(min(4, len(raw) + 1)):
        try:
            return raw[: len(raw) - cut].decode("utf-8"), len(raw) - cut
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace"), len(raw)
