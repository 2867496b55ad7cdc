"""How environments stand to their lists: what a sync would do, and who changed what since the last one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from ..clock import Clock
from ..environments.exact import Exact
from ..environments.lock_file import lock_of, platform_of
from ..environments.model import Plan
from ..errors import LccError, NotFound
from .bounds import ListBounds, check_list, check_lock, refuse_to_ask
from .compare import drift, missing, status_of
from .exacts import exact_of_lock, installed_in
from .library import Known
from .lock import set_hash
from .model import Drift, ListSettings, ListState, ListStatus, Refusal
from .needs import Environments, Jobs
from .policy import is_required, mode_of
from .sources.disk import told_of
from .state import ListFiles, Solved, Synced

__all__ = ["Compared", "Standing"]


@dataclass(frozen=True)
class _Learnt:
    """What follows from a list and its lock alone, worked out once for each state of it.

    `solved_here`: the list has no lock for this platform, and `wanted` was chosen on this machine.
    """

    tag: str | None
    wanted: Exact | None
    wanted_hash: str | None
    refused: tuple[Refusal, ...]
    solved_here: bool


@dataclass(frozen=True)
class Compared:
    """What lies between. `exact` is null where it needn't be looked at, `wanted` without a lock for this platform and
    before one was chosen here.
    """

    status: ListStatus
    plan: Plan
    changed: Drift
    wanted: Exact | None
    set_hash: str | None
    wanted_hash: str | None
    exact: Exact | None


class Standing:
    """Compares, and remembers what each sync left. Asks no source."""

    def __init__(
        self,
        *,
        settings: ListSettings,
        bounds: ListBounds,
        files: ListFiles,
        platform: str,
        environments: Environments,
        jobs: Jobs,
        call: Callable[..., Awaitable[Any]],
        clock: Clock,
        log: Any,
    ) -> None:
        self._settings = settings
        self._bounds = bounds
        self._files = files
        self._platform = platform
        self._environments = environments
        self._jobs = jobs
        self._call = call
        self._clock = clock
        self._log = log
        self._synced: dict[str, Synced | None] = {}
        self._unwritten: dict[str, str] = {}
        """Why what a sync left isn't on disk."""
        self._learnt: dict[str, _Learnt] = {}
        self._solved: dict[str, Solved] = {}

    async def state(self, known: Known) -> ListState:
        """Tell how an environment stands to its list. Asks no source."""
        synced = await self.synced_of(known.name)
        if synced is not None and known.name in self._unwritten:
            await self._save_synced(known.name, synced)
        job = next((job for job in self._jobs.live() if job.key == f"env:{known.name}"), None)
        required = is_required(known.name, known.place, self._settings)
        learnt = await self.learn(known)
        refused = learnt.refused
        fault = ""
        try:
            found = await self.compared(known, synced)
        except (LccError, OSError) as error:
            # One broken environment is shown, and hides no other.
            fault = (
                error.message if isinstance(error, LccError) else f"The environment can't be read: {error.strerror}."
            )
            found = Compared("invalid", Plan(), Drift(known=False), None, None, None, None)
        status: ListStatus = found.status
        if job is not None and job.kind.endswith("sync"):
            status = "syncing"
        elif known.stored is None:
            status = "invalid" if known.read.problem else "unreachable"
        elif known.read.problem:
            status = "invalid"
        elif refused:
            status = "refused"
        newest = known.stored.revision if known.stored is not None else None
        if found.status == "in_sync" and newest is not None and not refused:
            synced = await self._note_equal(known, synced, found.exact)
        problem = refused[0].message if refused else known.problem or fault or known.read.problem
        message = problem or known.read.lock_problem or known.unkept or self._unwritten.get(known.name)
        return ListState(
            name=known.name,
            source=known.place.id,
            environment=known.name,
            status=status,
            required=required,
            mode=mode_of(known.place, self._settings),
            revision=newest,
            synced_revision=synced.revision or None if synced is not None else None,
            synced_at=synced.at if synced is not None else None,
            etag=known.tag,
            package_count=_count(found.wanted),
            set_hash=found.set_hash,
            wanted_hash=found.wanted_hash,
            locked=learnt.wanted is not None and not learnt.solved_here,
            platforms=tuple(known.read.lock.platforms) if known.read.lock is not None else (),
            drift=found.plan,
            changed=found.changed,
            refused=refused,
            keep=self.keep(synced),
            running_kernels=found.plan.running_kernels,
            job_id=job.id if job is not None else None,
            from_copy=not known.fresh and known.stored is not None,
            checked_at=known.at,
            message=message or "",
        )

    async def compared(self, known: Known, synced: Synced | None) -> Compared:
        """Compare an environment with its list's lock; without one only what is missing can be told."""
        learnt = await self.learn(known)
        wanted, wanted_hash = learnt.wanted, learnt.wanted_hash
        newest = known.stored.revision.number if known.stored is not None else 0
        if wanted is None:
            return await self._compared_by_name(known)
        plan = await self._environments.plan_exact(known.name, wanted, self.keep(synced))
        nothing = not (plan.add or plan.remove or plan.change)
        if nothing and not plan.notes:
            # Equal to the lock, hash by hash: its packages are those of the lock.
            return Compared("in_sync", plan, Drift(), wanted, wanted_hash, wanted_hash, None)
        try:
            exact = await self._environments.exact_of(known.name)
        except NotFound:
            return Compared("not_installed", plan, Drift(known=False), wanted, None, wanted_hash, None)
        before = synced.installed if synced is not None and synced.revision_id is not None else None
        changed = drift(before, installed_in(exact), platform_of(wanted))
        of = synced.revision if synced is not None and synced.revision_id is not None else None
        status = status_of(plan, changed, synced_revision=of, newest=newest)
        return Compared(status, plan, changed, wanted, set_hash(platform_of(exact)), wanted_hash, exact)

    async def _compared_by_name(self, known: Known) -> Compared:
        try:
            exact = await self._environments.exact_of(known.name)
        except NotFound:
            return Compared("not_installed", Plan(), Drift(known=False), None, None, None, None)
        lacking = missing(known.read.wanted, installed_in(exact)) if known.read.wanted is not None else ()
        notes = (f"Missing: {', '.join(lacking)}.",) if lacking else ()
        own = set_hash(platform_of(exact))
        return Compared("unlocked", Plan(notes=notes), Drift(known=False), None, own, None, exact)

    async def _note_equal(self, known: Known, synced: Synced | None, exact: Exact | None) -> Synced | None:
        """Remember that an environment equals its list, however that came: so it is true also after a killed server."""
        assert known.stored is not None
        record = known.stored.revision
        if synced is not None and synced.revision_id == record.id:
            return synced
        if exact is None:
            try:
                exact = await self._environments.exact_of(known.name)
            except NotFound:
                return synced
        noted = Synced(
            revision=record.number,
            revision_id=record.id,
            at=self._clock.wall(),
            installed=installed_in(exact),
            keep=synced.keep if synced is not None else (),
        )
        await self._save_synced(known.name, noted)
        return noted

    async def learn(self, known: Known) -> _Learnt:
        """Say what of a list isn't allowed on this machine, and what it would have here."""
        found = self._learnt.get(known.name)
        if found is None or found.tag != known.tag or known.tag is None:
            while True:
                solved = self._solved.get(known.name)
                found = await self._call(self._worked_out, known)
                if self._solved.get(known.name) is solved:  # nobody has chosen meanwhile
                    break
            self._learnt[known.name] = found
        return found

    def _worked_out(self, known: Known) -> _Learnt:
        refused: tuple[Refusal, ...] = ()
        wanted, wanted_hash, lock = None, None, known.read.lock
        if known.read.wanted is not None:
            refused += check_list(known.read.wanted, self._bounds)
        if lock is not None:
            refused += check_lock(lock, self._bounds, (self._platform,))
            wanted = exact_of_lock(lock, self._platform)
            wanted_hash = set_hash(lock.platforms[self._platform]) if wanted is not None else None
        solved_here = False
        if wanted is None and known.read.wanted is not None:
            solved = self._solved.get(known.name) or self._files.solved(known.name)
            if solved is not None and solved.tag == known.tag and solved.exact.platform == self._platform:
                refused += check_lock(lock_of((solved.exact,)), self._bounds)
                wanted, wanted_hash, solved_here = solved.exact, set_hash(platform_of(solved.exact)), True
            else:
                refused += refuse_to_ask(known.name, known.place)
        return _Learnt(known.tag, wanted, wanted_hash, tuple(dict.fromkeys(refused)), solved_here)

    async def note_solved(self, known: Known, exact: Exact) -> None:
        """Keep what was chosen for a list without a lock: it is this machine's lock until the list changes."""
        assert known.tag is not None
        solved = self._solved[known.name] = Solved(tag=known.tag, exact=exact)
        self._learnt.pop(known.name, None)
        try:
            await self._call(self._files.save_solved, known.name, solved)
        except OSError as error:
            # It is chosen again after the next restart.
            self._log.warning("jupyter_lcc: what was chosen for %s can't be written down: %s", known.name, error)

    async def synced_of(self, name: str) -> Synced | None:
        if name not in self._synced:
            self._synced[name] = await self._call(self._files.synced, name)
        return self._synced[name]

    async def keep_from_now(self, name: str, keep: tuple[str, ...]) -> None:
        """Remember which packages are to stay, or raise what keeps us from it: the next sync would remove them."""

        def write(synced: Synced) -> None:
            with told_of(self._files.folder, "written"):
                self._files.save_synced(name, synced)

        synced = msgspec.structs.replace(await self.synced_of(name) or Synced(), keep=keep)
        await self._call(write, synced)
        self._synced[name] = synced

    async def _save_synced(self, name: str, synced: Synced) -> None:
        self._synced[name] = synced
        try:
            await self._call(self._files.save_synced, name, synced)
        except OSError as error:
            self._unwritten[name] = f"What its last sync left can't be written down on this machine: {error.strerror}."
            self._log.warning("jupyter_lcc: what the sync of %s left can't be written down: %s", name, error)
        else:
            self._unwritten.pop(name, None)

    def keep(self, synced: Synced | None) -> tuple[str, ...]:
        own = synced.keep if synced is not None else ()
        return tuple(dict.fromkeys((*self._settings.keep, *own)))


def _count(wanted: Exact | None) -> int:
    return len(wanted.conda) + len(wanted.pip) if wanted is not None else 0
