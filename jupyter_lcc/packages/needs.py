"""What package lists need from outside, so that they can be tried without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from ..environments.exact import Exact
from ..environments.model import Export, ExportQuery, Plan
from ..jobs.context import JobContext
from ..jobs.model import Job

__all__ = ["Environments", "Find", "Jobs", "Work"]

Work = Callable[[JobContext], Awaitable[dict[str, Any] | None]]
Find = Callable[[JobContext], Awaitable[Exact]]


class Environments(Protocol):
    """What is installed, and how it is made equal to something; `environments.service.Environments` is the real one."""

    async def exact_of(self, name: str) -> Exact:
        """Give every package that is installed. Raises NotFound."""

    async def plan_exact(self, name: str, exact: Exact, keep: tuple[str, ...] = ()) -> Plan:
        """Say what making it equal would do."""

    async def export(self, name: str, query: ExportQuery) -> Export:
        """Write it down as a file."""

    async def solve_exact(
        self,
        specs: tuple[str, ...],
        pip: tuple[str, ...] = (),
        channels: tuple[str, ...] = (),
        platforms: tuple[str, ...] = (),
        indexes: tuple[str, ...] = (),
        *,
        bundle: str | None = None,
        bundle_only: bool = False,
        context: JobContext | None = None,
    ) -> tuple[Exact, ...]:
        """Find every package that a list needs, for each platform."""

    async def locate(self, exact: Exact) -> Exact:
        """Find the addresses and hashes of pip's packages that have none."""

    async def sync_exact(
        self,
        name: str,
        exact: Exact | Find,
        *,
        keep: tuple[str, ...] = (),
        expected: str | None = None,
        command: str = "",
        kernel: bool = True,
        display_name: str | None = None,
        asked: tuple[str, ...] | None = None,
        variables: dict[str, str] | None = None,
        bundle: str | None = None,
        bundle_only: bool = False,
    ) -> Job:
        """Make an environment equal to a lock, or to what is found in the job; refuse where the plan is another."""

    async def fetch_exact(
        self, exact: Exact, folder: str, context: JobContext, *, bundle: str | None = None
    ) -> dict[str, Any]:
        """Download every file of a lock into a folder."""


class Jobs(Protocol):
    """Long work; `jobs.service.Jobs` is the real one."""

    def submit(self, *, kind: str, key: str, subject: str, work: Work, also: Iterable[str] = ()) -> Job:
        """Queue work."""

    def live(self) -> tuple[Job, ...]:
        """Give what runs or waits."""

    async def wait(self, job_id: str) -> Job:
        """Wait until a job is over."""
