"""Jobs with real files and real processes, for tests: `python -m tests.jobs.house FOLDER` is a server of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.jobs.files import JobFiles
from jupyter_lcc.jobs.model import Job
from jupyter_lcc.jobs.processes import Child, end_all
from jupyter_lcc.jobs.service import JobContext, Jobs

LOG = logging.getLogger("tests.jobs")

STUBBORN = """
trap '' TERM
env -i setsid bash -c '(trap "" TERM; echo $BASHPID; exec sleep 1000) &'
setsid bash -c 'trap "" TERM; echo $$; sleep 1000; true' &
echo $$
sleep 1000
true
"""
"""A program that wants to live: three processes tell their numbers, none heeds SIGTERM, two have left its session,
and one of those has emptied its environment and is nobody's child any more."""


@contextlib.asynccontextmanager
async def house(folder: Path, emit: Callable[[dict[str, Any]], None] = lambda data: None) -> AsyncIterator[Jobs]:
    jobs = make_jobs(folder, emit)
    await jobs.start()
    try:
        yield jobs
    finally:
        await jobs.stop()


def make_jobs(folder: Path, emit: Callable[[dict[str, Any]], None] = lambda data: None, **others: Any) -> Jobs:
    parts: dict[str, Any] = {"files": JobFiles(lambda: folder, LOG), "end_all": end_all, **others}
    return Jobs(clock=SystemClock(), emit=emit, start_child=Child.start, log=LOG, **parts)


def submit(
    jobs: Jobs, work: Callable[[JobContext], Awaitable[dict[str, Any] | None]], key: str = "env:x", **more: Any
) -> Job:
    return jobs.submit(kind="test", key=key, subject=key.partition(":")[2], work=work, **more)


async def stubborn(context: JobContext) -> None:
    await context.run_process(["bash", "-c", STUBBORN])


async def numbers_in_log(jobs: Jobs, job_id: str, count: int) -> list[psutil.Process]:
    while True:
        lines = (await jobs.log(job_id)).text.split("\n")[:-1]
        if len(lines) >= count:
            return [psutil.Process(int(line)) for line in lines]
        await asyncio.sleep(0.02)


def live(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


async def _serve(folder: Path) -> None:
    jobs = make_jobs(folder)
    await jobs.start()
    job = submit(jobs, stubborn)
    submit(jobs, stubborn)
    numbers = [str(process.pid) for process in await numbers_in_log(jobs, job.id, 3)]
    sys.stdout.write("\n".join([*numbers, job.id]) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
