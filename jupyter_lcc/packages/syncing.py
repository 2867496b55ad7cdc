"""Making environments equal to their lists: shown first, done as shown or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from ..environments.exact import Exact, plan_digest
from ..environments.lock_file import lock_of
from ..errors import Conflict, Invalid, LccError, NotReachable
from ..jobs.model import Job
from .bounds import ListBounds, check_lock, raise_for
from .library import Known, Library
from .lists import check_platform
from .model import ListDiff, ListSettings, SyncList
from .needs import Environments, Jobs
from .standing import Standing
from .state import Synced

__all__ = ["Syncing"]

_MOST_SOLVED = 20


class Syncing:
    """Owns what was solved here for lists without a lock for this platform, so that what is shown is what is done."""

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
        self._solved: dict[tuple[str, str], Exact] = {}

    async def diff(self, name: str, keep: tuple[str, ...] | None = None) -> ListDiff:
        """Say what a sync would do. Raises NotFound, Invalid."""
        known = await self._library.read_or_copy(name)
        return (await self._shown(known, keep))[0]

    async def sync(self, name: str, body: SyncList) -> ListDiff | Job:
        """Do it. Raises OutOfBounds for what isn't allowed, Conflict where something else would be done by now."""
        known = await self._library.read_or_copy(name)
        diff, wanted = await self._shown(known, body.keep)
        if body.dry_run:
            return diff
        raise_for(diff.refused)
        if (body.etag is not None and body.etag != diff.etag) or (
            body.plan_hash is not None and body.plan_hash != diff.plan_hash
        ):
            raise Conflict(
                f"What a sync of {name} would do has changed since it was shown; look at it again.",
                name=name,
                diff=msgspec.to_builtins(diff),
            )
        if body.keep is not None:
            before = await self._standing.synced_of(name) or Synced()
            await self._standing.save_synced(name, msgspec.structs.replace(before, keep=diff.keep))
        assert known.read.wanted is not None
        job = await self._environments.sync_exact(
            name,
            wanted,
            keep=diff.keep,
            # Who was shown nothing gets what the list says, whatever lies between by then.
            expected=diff.plan_hash if body.plan_hash is not None else None,
            command=f"lists sync {name}",
            asked=(*known.read.wanted.conda.values(), *known.read.wanted.pip.values()),
            variables=known.read.wanted.variables,
            bundle=await self._library.bundle_of(known.place.id) if diff.add or diff.change else None,
        )
        self._told("changed", name)
        self._begin(self._noticed(name, job))
        return job

    async def _shown(self, known: Known, keep: tuple[str, ...] | None) -> tuple[ListDiff, Exact]:
        state = await self._standing.state(known)
        if known.stored is None or known.tag is None:
            raise NotReachable(state.message or "The list could not be read yet.", name=known.name)
        if known.read.problem:
            raise Invalid(f"The list {known.name} can't be read: {known.read.problem}", field="text")
        wanted = (await self._standing.learn(known)).wanted
        refused, solved_here = state.refused, wanted is None
        if wanted is None:
            raise_for(state.refused)
            wanted = await self._solve(known, known.tag)
            refused = check_lock(lock_of((wanted,)), self._bounds)
        kept = tuple(dict.fromkeys((*self._settings.keep, *keep))) if keep is not None else state.keep
        plan = await self._environments.plan_exact(known.name, wanted, kept)
        notes = plan.notes
        if solved_here:
            why = known.read.lock_problem or f"The list has no lock for {wanted.platform}."
            notes = (*notes, f"{why} It was solved here; other machines may get other packages.")
        if not known.fresh:
            notes = (*notes, "The source does not answer; this is the list as it was read last.")
        told = msgspec.structs.asdict(plan) | {"notes": notes}
        diff = ListDiff(
            **told,
            name=known.name,
            environment=known.name,
            status=state.status,
            plan_hash=plan_digest(plan, wanted),
            etag=known.tag,
            revision=known.stored.revision,
            platform=wanted.platform,
            changed=state.changed,
            refused=refused,
            keep=kept,
            solved_here=solved_here,
            from_copy=not known.fresh,
            message=state.message,
        )
        return diff, wanted

    async def _solve(self, known: Known, tag: str) -> Exact:
        """Find packages for this platform; what was found is kept, so that the sync does what the diff has shown."""
        key = (known.name, tag)
        found = self._solved.get(key)
        if found is None:
            assert known.read.wanted is not None
            wanted = known.read.wanted
            platform = check_platform(self._platform)
            solved = await self._environments.solve_exact(
                tuple(wanted.conda.values()),
                tuple(wanted.pip.values()),
                wanted.channels,
                (platform,),
                self._settings.indexes,
            )
            found = self._solved[key] = solved[0]
            while len(self._solved) > _MOST_SOLVED:
                self._solved.pop(next(iter(self._solved)))
        return found

    async def _noticed(self, name: str, job: Job) -> None:
        """Once a sync is over, tell; looking at the list then writes down what it left."""
        await self._jobs.wait(job.id)
        with contextlib.suppress(LccError):
            await self._standing.state(self._library.get(name))
        self._told("synced", name)
