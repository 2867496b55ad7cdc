"""`jupyter lcc jobs`: long work, what it says, and how to end it."""

from __future__ import annotations

import shutil
import sys
import time
from datetime import datetime
from typing import Any, ClassVar

from traitlets import Bool

from ..jobs.model import FINISHED, Job, JobList, JobLog
from .client import Client
from .command import LccCommand
from .env_words import say_progress
from .exits import EXIT_HELP, CliError, Exit
from .table import clean, lay_out
from .times import say_moment
from .words import job_words

__all__ = ["JobsCommand"]

_POLL_SECONDS = 0.3

_FLAGS: dict[str, Any] = {
    **LccCommand.flags,
    "follow": ({"JobsCommand": {"follow": True}}, "log: go on until the job is over."),
    "no-wait": ({"JobsCommand": {"no_wait": True}}, "cancel: don't wait until it has ended."),
    "all": ({"JobsCommand": {"everything": True}}, "dismiss: all that are over."),
}
_VERBS = ("list", "show", "log", "cancel", "dismiss")


class JobsCommand(LccCommand):
    """Show, follow, cancel and dismiss jobs."""

    name = "jupyter-lcc-jobs"
    description = (
        "Long work of the server: what runs, waits, or has ended and was not dismissed, the newest first. A JOB is the "
        "begin of its id, or the name of what it is done to where only one fits. With --json: the server's answer."
    )
    examples = (
        "jupyter lcc jobs\n"
        "jupyter lcc jobs show 3f9a\n"
        "jupyter lcc jobs log 3f9a --follow\n"
        "jupyter lcc jobs cancel vision          returns when all that it started has ended\n"
        "jupyter lcc jobs dismiss --all\n\n" + EXIT_HELP
    )
    positionals: ClassVar[tuple[int, int]] = (0, 2)

    follow = Bool(False, help="Go on until the job is over.").tag(config=True)
    no_wait = Bool(False, help="Don't wait until it has ended.").tag(config=True)
    everything = Bool(False, help="All that are over.").tag(config=True)

    flags = _FLAGS

    def run(self) -> Exit:
        verb, *words = self.extra_args or ["list"]
        if verb not in _VERBS:
            raise CliError(Exit.USAGE, f"There is no `jobs {clean(verb)}`.", f"There are {', '.join(_VERBS)}.")
        wants = 0 if verb == "list" or (verb == "dismiss" and self.everything) else 1
        if len(words) != wants:
            raise CliError(Exit.USAGE, f"Say `jupyter lcc jobs {verb}{' JOB' if wants else ''}`.")
        client = self.client()
        if verb == "list":
            return self._list(client)
        if verb == "dismiss" and self.everything:
            return self._dismiss_all(client)
        job = _choose(client.get("jobs", JobList).value.jobs, words[0], live=verb == "cancel")
        if verb == "show":
            return self._show(client, job)
        if verb == "log":
            return self._log(client, job)
        if verb == "cancel":
            return self._cancel(client, job)
        client.ask(f"jobs/{job.id}/dismiss")
        return Exit.OK

    def _list(self, client: Client) -> Exit:
        answer = client.get("jobs", JobList)
        if self.as_json:
            self.print_raw(answer)
        elif not answer.value.jobs:
            self.say("There are no jobs.")
        else:
            now = self.now()
            rows = [("WHAT", "STATE", "BEGAN", "ID"), *(_row(job, now) for job in answer.value.jobs)]
            self.say(*lay_out(rows, shutil.get_terminal_size((80, 24)).columns))
        return Exit.OK

    def _show(self, client: Client, job: Job) -> Exit:
        if self.as_json:
            self.print_raw(client.get(f"jobs/{job.id}", Job))
            return Exit.OK
        now = self.now()
        self.say(f"{_what(job)}: {_state(job)}", f"id: {job.id}")
        self.say(f"asked for at {say_moment(job.created_at, now, seconds=True)}")
        if job.started_at is not None:
            self.say(f"began at {say_moment(job.started_at, now, seconds=True)}")
        if job.finished_at is not None:
            self.say(f"ended at {say_moment(job.finished_at, now, seconds=True)}")
        if job.error is not None:
            self.say(*(clean(line) for line in job.error.message.splitlines()))
        return Exit.OK

    def _log(self, client: Client, job: Job) -> Exit:
        if self.as_json and not self.follow:
            self.print_raw(client.get(f"jobs/{job.id}/log", JobLog))
            return Exit.OK
        offset = 0
        while True:
            piece = client.get(f"jobs/{job.id}/log", JobLog, {"offset": str(offset)}).value
            for line in piece.text.split("\n")[: -1 if piece.text.endswith("\n") else None]:
                print(clean(line))
            sys.stdout.flush()
            more = piece.next_offset > offset
            offset = piece.next_offset
            if piece.complete or (not more and not self.follow):
                return Exit.OK
            if not more:
                time.sleep(_POLL_SECONDS)

    def _cancel(self, client: Client, job: Job) -> Exit:
        answer = client.send("DELETE", f"jobs/{job.id}", Job, None)
        while not self.no_wait and answer.value.state not in FINISHED:
            time.sleep(_POLL_SECONDS)
            answer = client.get(f"jobs/{job.id}", Job)
        job = answer.value
        if self.as_json:
            self.print_raw(answer)
        else:
            self.say(f"{_what(job)}: {_state(job)}.")
        return Exit.OK if self.no_wait or job.state == "cancelled" else Exit.TOO_LATE

    def _dismiss_all(self, client: Client) -> Exit:
        for job in client.get("jobs", JobList).value.jobs:
            if job.state in FINISHED:
                try:
                    client.ask(f"jobs/{job.id}/dismiss")
                except CliError as error:
                    if error.exit_status != Exit.NOT_FOUND:  # somebody else was faster
                        raise
        return Exit.OK


def _choose(jobs: tuple[Job, ...], asked: str, *, live: bool) -> Job:
    """Find the job that is meant."""
    fitting = [job for job in jobs if job.id.startswith(asked.lower())]
    if not fitting:
        fitting = [job for job in jobs if job.subject == asked]
        if live and len(fitting) > 1:
            fitting = [job for job in fitting if job.state not in FINISHED] or fitting
    if not fitting:
        raise CliError(
            Exit.NOT_FOUND, f"There is no job {clean(asked)!r}.", "`jupyter lcc jobs` shows which there are."
        )
    if len(fitting) > 1:
        raise CliError(
            Exit.USAGE, f"{clean(asked)!r} fits several jobs: {', '.join(job.id for job in fitting[:8])}.", "Name one."
        )
    return fitting[0]


def _what(job: Job) -> str:
    return job_words(f"{job.kind} {job.subject}".strip())


def _state(job: Job) -> str:
    if job.cancelling:
        return "being cancelled"
    if job.state == "running" and job.progress is not None:
        return f"running, {say_progress(job.progress)}"
    return job.state


def _row(job: Job, now: datetime) -> tuple[str, str, str, str]:
    began = job.started_at or job.created_at
    return (_what(job), _state(job), say_moment(began, now), job.id[:8])
