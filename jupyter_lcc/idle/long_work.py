"""Long work of our own, as evidence that the machine works. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from .model import Evidence

__all__ = ["LongWork", "long_work"]


class LongWork(Protocol):
    """A job that runs or waits."""

    @property
    def kind(self) -> str:
        """What is done, as a code."""

    @property
    def subject(self) -> str:
        """To what."""


def long_work(live: Callable[[], Iterable[LongWork]]) -> tuple[Evidence, ...]:
    """Name each job that runs or waits: `environment.create NAME`."""
    return tuple(Evidence(signal="job_runs", value=f"{job.kind} {job.subject}".strip(), means="work") for job in live())
