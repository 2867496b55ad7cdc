"""`jupyter lcc jobs` against a real server."""

from __future__ import annotations

import msgspec
import pytest

from jupyter_lcc.cli.exits import CliError, Exit
from jupyter_lcc.cli.jobs import _choose
from jupyter_lcc.cli.words import job_words
from jupyter_lcc.clock import SystemClock
from jupyter_lcc.jobs.model import Job, JobList, JobState

from .servers import JupyterServer


def test_from_the_list_to_dismissing_all(server: JupyterServer) -> None:
    lcc = server.home.lcc
    lcc("jobs", "dismiss", "--all")
    assert lcc("jobs").out == "There are no jobs.\n"
    assert lcc("env", "purge", "--all").status == Exit.OK
    (job,) = msgspec.json.decode(lcc("jobs", "--json").out, type=JobList).jobs
    heading, line = lcc("jobs").out.splitlines()
    assert heading.split() == ["WHAT", "STATE", "BEGAN", "ID"]
    assert line.startswith("purging all ")
    assert line.split()[-1] == job.id[:8]
    shown = lcc("jobs", "show", job.id[:6])
    assert (shown.status, shown.out.splitlines()[0]) == (Exit.OK, "purging all: succeeded")
    assert msgspec.json.decode(lcc("jobs", "show", "all", "--json").out, type=Job) == job
    assert (lcc("jobs", "log", job.id).status, lcc("jobs", "log", job.id, "--follow").status) == (Exit.OK, Exit.OK)
    late = lcc("jobs", "cancel", job.id)
    assert (late.status, late.out) == (Exit.TOO_LATE, "")
    assert "over already" in late.err
    assert lcc("jobs", "dismiss", job.id).status == Exit.OK
    assert lcc("jobs", "dismiss", job.id).status == Exit.NOT_FOUND
    assert msgspec.json.decode(lcc("jobs", "--json").out, type=JobList).jobs == ()


@pytest.mark.parametrize("words", [("nothing",), ("log",), ("list", "x"), ("cancel", "a", "b"), ("dismiss",)])
def test_what_cannot_be_understood(server: JupyterServer, words: tuple[str, ...]) -> None:
    ran = server.home.lcc("jobs", *words)
    assert (ran.status, ran.out) == (Exit.USAGE, "")


def _job(job_id: str, subject: str, state: JobState = "succeeded") -> Job:
    return Job(
        id=job_id, kind="environment.create", key="env:x", subject=subject, state=state, created_at=SystemClock().wall()
    )


def test_which_job_is_meant() -> None:
    jobs = (_job("aa11", "x"), _job("ab22", "x", "running"), _job("cc33", "y"))
    assert _choose(jobs, "AA", live=False) is jobs[0]
    assert _choose(jobs, "y", live=False) is jobs[2]
    assert _choose(jobs, "x", live=True) is jobs[1]
    for asked in ("a", "x"):
        with pytest.raises(CliError, match="fits several"):
            _choose(jobs, asked, live=False)
    with pytest.raises(CliError, match="There is no job"):
        _choose(jobs, "zz", live=False)


def test_the_words_of_a_job() -> None:
    assert job_words("environment.create vision") == "making the environment vision"
    assert job_words("package-cache.clean") == "cleaning the package cache"
    assert job_words("list.sync team\x1b[31m") == "list.sync team�[31m"
