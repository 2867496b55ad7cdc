"""What commands that begin long work share: wait for a job's end, tell how far it is, and how it ended."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from ..jobs.model import FINISHED, Job, JobLog
from .client import Answer, Client
from .command import LccCommand
from .env_words import say_progress, say_result
from .exits import CliError, Exit
from .table import clean, shorten

__all__ = ["Following", "clean_lines"]

_POLL_SECONDS = 0.3


class Following(LccCommand):
    """A command that follows jobs."""

    def follow(self, client: Client, job: Job) -> Exit:
        """Wait for a job to end and say how it ended. Whoever interrupts the command cancels it."""
        answer = self.ended(client, job)
        if self.as_json:
            self.say(answer.raw.decode())
        job = answer.value
        if job.state == "succeeded":
            if not self.as_json:
                self.say(self.say_end(job))
            return Exit.OK
        raise self.failed(client, job)

    def ended(self, client: Client, job: Job) -> Answer[Job]:
        """Wait for a job to end."""
        answer = Answer(job, msgspec.json.encode(job))
        try:
            while job.state not in FINISHED:
                self._tell_progress(job)
                time.sleep(_POLL_SECONDS)
                answer = client.get(f"jobs/{job.id}", Job)
                job = answer.value
        except KeyboardInterrupt:
            client.send("DELETE", f"jobs/{job.id}", Job, None)
            self._tell_progress(None)
            raise
        self._tell_progress(None)
        return answer

    def failed(self, client: Client, job: Job) -> CliError:
        """Say why a job did not succeed."""
        if job.error is not None:
            return CliError(Exit.PROBLEM, clean_lines(job.error.message), self._last_words(client, job))
        return CliError(Exit.PROBLEM, f"It was {job.state}.")

    def say_end(self, job: Job) -> str:
        """Say how a job that succeeded ended."""
        return say_result(job)

    def _last_words(self, client: Client, job: Job) -> str:
        if job.error is None or job.error.code != "internal":
            return ""
        text = client.get(f"jobs/{job.id}/log", JobLog).value.text
        return clean_lines("\n".join(text.splitlines()[-5:]))

    def _tell_progress(self, job: Job | None) -> None:
        if self.as_json or not sys.stderr.isatty():
            return
        text = ""
        if job is not None:
            text = say_progress(job.progress) if job.progress is not None else job.state
        sys.stderr.write("\r\x1b[K" + shorten(text, self.width() - 1))
        sys.stderr.flush()

    def answer(self, answer: Answer[Any], lines: Sequence[str]) -> Exit:
        """Print an answer, as it came or as lines."""
        if self.as_json:
            self.print_raw(answer)
        else:
            self.say(*lines)
        return Exit.OK

    @staticmethod
    def width() -> int:
        """How many characters fit in a line."""
        return shutil.get_terminal_size((80, 24)).columns


def clean_lines(text: str) -> str:
    """Make several lines fit to print; a solver explains itself over many."""
    return "\n".join(clean(line) for line in text.splitlines())
