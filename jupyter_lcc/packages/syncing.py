"""Making environments equal to their lists: shown first, done as shown or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec

from ..environments.exact import Exact, plan_digest
from ..environments.lock_file import lock_of
from ..errors import Conflict, Invalid, LccError, NotReachable
from ..jobs.context import JobContext
from ..jobs.model import Job, Progress
from .bounds import ListBounds, check_lock, raise_for
from .library import Known, Library
from .lists import check_platform
from .model import ListDiff, ListSettings, SyncList
from .needs import Environments, Jobs
from .standing import Standing

__all__ = ["Syncing"]


class Syncing:
    """Compares, solves where a list has no lock for this platform, and lets environments be made equal."""

    def __init__(
        self,
        *,
        settings: ListSettings,
        bounds: ListBounds,
        library: Library,
        standing: Standing,
        platform: str,
        environments: Environments,
        jobs: Jobs,
        told: Callable[[str, str | None], None],
        begin: Callable[[Coroutine[Any, Any, Any]], None],
    ) -> None:
        self._settings = settings
        self._bounds = bounds
        self._library = library
        self._standing = standing
        self._platform = platform
        self._environments = environments
        self._jobs = jobs
        self._told = told
        self._begin = begin

    async def diff(self, name: str) -> ListDiff:
        """Say what a sync would do, at once: what has to be solved first is said to be so. Raises NotFound, Invalid."""
        known = await self._library.read_or_copy(name)
        return (await self._shown(known, None))[0]

    async def sync(self, name: str, body: SyncList) -> ListDiff | Job:
        """Do it. Raises OutOfBounds for what isn't allowed, Conflict where something else would be done by now.

        To be shown what would be done is a job too where that has to be solved first.
        """
        known = await self._library.read_or_copy(name)
        diff, wanted = await self._shown(known, body.keep)
        if body.dry_run:
            return diff if wanted is not None or diff.refused else self._solve_first(known)
        raise_for(diff.refused)
        # What nobody has solved nobody has seen.
        other = body.plan_hash is not None and (diff.to_solve or body.plan_hash != diff.plan_hash)
        if other or (body.etag is not None and body.etag != diff.etag):
            raise Conflict(
                f"What a sync of {name} would do has changed since it was shown; look at it again.",
                name=name,
                diff=msgspec.to_builtins(diff),
            )
        if body.keep is not None:
            await self._standing.keep_from_now(name, diff.keep)
        assert known.read.wanted is not None
        job = await self._environments.sync_exact(
            name,
            wanted if wanted is not None else partial(self._solved_for, known),
            keep=diff.keep,
            # Who was shown nothing gets what the list says, whatever lies between by then.
            expected=diff.plan_hash if body.plan_hash is not None else None,
            command=f"lists sync {name}",
            asked=(*known.read.wanted.conda.values(), *known.read.wanted.pip.values()),
            variables=known.read.wanted.variables,
            bundle=await self._library.bundle_of(known.place.id) if diff.add or diff.change or diff.to_solve else None,
            bundle_only=known.place.bundle_only,
        )
        self._told("changed", name)
        self._begin(self._noticed(name, job))
        return job

    async def _shown(self, known: Known, keep: tuple[str, ...] | None) -> tuple[ListDiff, Exact | None]:
        """Say what would be done, and to what an environment would be made equal: None where nobody has solved it."""
        state = await self._standing.state(known)
        if known.stored is None or known.tag is None:
            raise NotReachable(state.message or "The list could not be read yet.", name=known.name)
        if known.read.problem:
            raise Invalid(f"The list {known.name} can't be read: {known.read.problem}", field="text")
        learnt = await self._standing.learn(known)
        wanted, refused = learnt.wanted, learnt.refused
        kept = tuple(dict.fromkeys((*self._settings.keep, *keep))) if keep is not None else state.keep
        plan = state.drift
        if wanted is not None:
            plan = await self._environments.plan_exact(known.name, wanted, kept)
        diff = ListDiff(
            **msgspec.structs.asdict(plan),
            name=known.name,
            environment=known.name,
            status=state.status,
            plan_hash=plan_digest(plan, wanted) if wanted is not None else "",
            etag=known.tag,
            revision=known.stored.revision,
            platform=self._platform,
            changed=state.changed,
            refused=refused,
            keep=kept,
            to_solve=wanted is None and not refused,
            solved_here=learnt.solved_here,
            from_copy=not known.fresh,
            message=state.message,
        )
        return diff, wanted

    def _solve_first(self, known: Known) -> Job:
        """Find packages for this platform, so that the next diff tells; who asks meanwhile gets the same job."""
        key = f"solve:{known.name}:{known.tag}"
        live = next((job for job in self._jobs.live() if job.key == key), None)
        if live is not None:
            return live

        async def work(context: JobContext) -> dict[str, Any]:
            await self._solved_for(known, context)
            return {"name": known.name, "etag": known.tag}

        return self._jobs.submit(kind="lists.solve", key=key, subject=known.name, work=work)

    async def _solved_for(self, known: Known, context: JobContext) -> Exact:
        """Find packages for this platform; what was found is kept, so that the sync does what the diff has shown."""
        assert known.read.wanted is not None
        found = (await self._standing.learn(known)).wanted
        if found is None:
            context.progress(Progress(done=0, total=2, label="solve"))
            wanted = known.read.wanted
            solved = await self._environments.solve_exact(
                tuple(wanted.conda.values()),
                tuple(wanted.pip.values()),
                wanted.channels,
                (check_platform(self._platform),),
                self._settings.indexes,
                context=context,
            )
            found = solved[0]
            await self._standing.note_solved(known, found)
        raise_for(check_lock(lock_of((found,)), self._bounds))
        return found

    async def _noticed(self, name: str, job: Job) -> None:
        """Once a sync is over, tell; looking at the list then writes down what it left."""
        await self._jobs.wait(job.id)
        with contextlib.suppress(LccError):
            await self._standing.state(self._library.get(name))
        self._told("synced", name)
