"""The verbs of jobs."""

from __future__ import annotations

from ..errors import Conflict, NotFound
from ..web.routes import Param, Route
from .model import Job, JobList, JobLog, JobLogQuery
from .service import Jobs

__all__ = ["ROUTES"]


async def list_jobs(jobs: Jobs) -> JobList:
    return JobList(jobs=jobs.all())


async def get_job(jobs: Jobs, job_id: str) -> Job:
    return jobs.get(job_id)


async def read_job_log(jobs: Jobs, job_id: str, query: JobLogQuery) -> JobLog:
    return await jobs.log(job_id, query.offset)


async def cancel_job(jobs: Jobs, job_id: str) -> Job:
    return jobs.cancel(job_id)


async def dismiss_job(jobs: Jobs, job_id: str) -> None:
    await jobs.dismiss(job_id)


_ID = {"job_id": Param("The job's id.")}

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "jobs",
        "list_jobs",
        "The jobs that run, wait, or ended and were not dismissed.",
        "read",
        Jobs,
        list_jobs,
        JobList,
    ),
    Route(
        "GET",
        "jobs/{job_id}",
        "get_job",
        "One job.",
        "read",
        Jobs,
        get_job,
        Job,
        params=_ID,
        raises=(NotFound,),
    ),
    Route(
        "DELETE",
        "jobs/{job_id}",
        "cancel_job",
        "Ask to cancel a job.",
        "write",
        Jobs,
        cancel_job,
        Job,
        status=202,
        params=_ID,
        raises=(NotFound, Conflict),
        says="The job is `cancelled` once everything it started has ended; until then `cancelling` is true. 409 if it "
        "has ended already.",
    ),
    Route(
        "GET",
        "jobs/{job_id}/log",
        "read_job_log",
        "What a job said, from a byte on.",
        "read",
        Jobs,
        read_job_log,
        JobLog,
        params=_ID,
        query=JobLogQuery,
        raises=(NotFound,),
    ),
    Route(
        "POST",
        "jobs/{job_id}/dismiss",
        "dismiss_job",
        "A person has read how a job ended.",
        "write",
        Jobs,
        dismiss_job,
        None,
        status=204,
        params=_ID,
        raises=(NotFound, Conflict),
        says="It is no longer listed. 409 while it isn't over.",
    ),
)
