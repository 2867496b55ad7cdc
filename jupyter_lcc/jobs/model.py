"""The words of long work, also on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from ..model import Model, Request, Timestamp

__all__ = ["FINISHED", "Job", "JobError", "JobList", "JobLog", "JobLogQuery", "JobState", "Progress"]

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled", "interrupted"]
"""`interrupted`: the server that ran it ended before the job did."""

FINISHED: frozenset[JobState] = frozenset(("succeeded", "failed", "cancelled", "interrupted"))


class Progress(Model, frozen=True, kw_only=True):
    """How far a job is. `total` is null while it isn't known; `label` names the present step, as a code or a name."""

    done: int
    total: int | None = None
    unit: Literal["steps", "packages", "bytes"] = "steps"
    label: str = ""


class JobError(Model, frozen=True, kw_only=True):
    """Why a job failed, in the words of a problem body."""

    code: str
    message: str
    detail: dict[str, Any] = {}


class Job(Model, frozen=True, kw_only=True):
    """One piece of long work.

    `kind` is what is done (`environment.create`), `key` what it is done to (`env:NAME`): jobs of one key run one
    after the other. `subject` is the name a person knows it by. `cancelling` from the moment somebody asked to
    cancel until it has really ended.
    """

    id: str
    kind: str
    key: str
    subject: str
    state: JobState
    created_at: Timestamp
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    progress: Progress | None = None
    cancelling: bool = False
    error: JobError | None = None
    result: dict[str, Any] | None = None

    def location(self) -> str:
        """Where it can be asked for, below `<base_url>lcc/`."""
        return f"jobs/{self.id}"


class JobList(Model, frozen=True, kw_only=True):
    """The jobs that run, wait, or ended and were not dismissed; the newest first."""

    jobs: tuple[Job, ...]


class JobLogQuery(Request, frozen=True, kw_only=True):
    """From which byte on."""

    offset: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0


class JobLog(Model, frozen=True, kw_only=True):
    """What a job said. `next_offset` is where to go on; `complete` that nothing will follow."""

    text: str
    next_offset: int
    complete: bool
