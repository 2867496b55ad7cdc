"""Environments: what there is, and every change of it as a job. Joins the read side, the engine and the jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import msgspec
from filelock import FileLock

from ..clock import Clock
from ..errors import Conflict, Forbidden, Invalid, LccError, OutsideFailure
from ..jobs.context import JobContext
from ..jobs.model import Job, Progress
from ..model import sendable
from .bounds import EnvironmentSettings, check_room
from .doctor import free_bytes
from .engine_model import FetchExact, SolveExact, Surroundings, SyncExact
from .exact import Exact, check_exact, plan_of, refuse_other, step_of
from .export import as_lock
from .file_reader import read_file
from .files import Wanted
from .find import Found, KernelRecord
from .locks import locked, try_lock
from .model import (
    ChangeEnvironment,
    Channels,
    CreateEnvironment,
    Diagnosis,
    Environment,
    EnvironmentList,
    Export,
    ExportQuery,
    Fix,
    InstalledPackages,
    KernelOf,
    NameQuery,
    Names,
    PackageCache,
    Plan,
    Quota,
    RegisterKernel,
    Rename,
    RollBack,
    RunningKernel,
    VersionDiff,
    VersionDiffQuery,
    VersionList,
)
from .names import check_name, say_it
from .reading import Reading, Snapshot
from .running import running_in
from .sizes import Sizes
from .trash import Entry, Trash, remove_tree
from .wishes import Wish, allowed_addresses, channels_for, default_channels, wish_to_change, wish_to_create

__all__ = ["Engine", "Environments", "Jobs", "Kernels"]

_WATCH_SECONDS = 5.0
_LOOKED_AT_SECONDS = 150.0
"""Nobody watches for changes from a terminal unless somebody has looked at the list this recently."""

_LOCATE_SECONDS = 20.0
"""So long a lock waits for the indexes; what they don't tell by then is left out of it, and named."""

_SWEEP_SECONDS = 6 * 3600.0
Work = Callable[[JobContext], Awaitable[dict[str, Any] | None]]
Find = Callable[[JobContext], Awaitable[Exact]]
"""Finds what an environment is to equal, with a job's context: it tells how far it is, and can be cancelled."""


class Engine(Protocol):
    """Solves and installs, elsewhere. All raise LccError; what is cut off leaves the environment as it was."""

    async def plan(self, around: Surroundings, prefix: str, wish: Wish) -> Plan:
        """Say what a wish would do to a prefix that is there or not."""

    async def plan_clone(self, around: Surroundings, source: str) -> Plan:
        """Say what a clone would hold."""

    async def plan_roll_back(self, around: Surroundings, prefix: str, version: int) -> Plan:
        """Say what going back would do."""

    async def create(self, around: Surroundings, prefix: str, wish: Wish, context: JobContext) -> dict[str, Any]:
        """Make an environment."""

    async def clone(
        self,
        around: Surroundings,
        source: str,
        prefix: str,
        command: str,
        context: JobContext,
        *,
        keep_id: bool = False,
    ) -> dict[str, Any]:
        """Make an environment of the same packages as another; with `keep_id` it is that one at another place."""

    async def change(self, around: Surroundings, prefix: str, wish: Wish, context: JobContext) -> dict[str, Any]:
        """Change one; `changed` false where there was nothing to do."""

    async def roll_back(self, around: Surroundings, prefix: str, version: int, context: JobContext) -> dict[str, Any]:
        """Bring one back to a version."""

    async def reinstall(self, around: Surroundings, prefix: str, context: JobContext) -> dict[str, Any]:
        """Install the same packages anew."""

    async def clean_cache(self, around: Surroundings, context: JobContext) -> dict[str, Any]:
        """Remove downloaded packages no environment uses."""

    async def names(self, around: Surroundings, channels: tuple[str, ...], query: str, limit: int) -> Names:
        """Complete a package's name."""

    async def versions(self, around: Surroundings, prefix: str) -> VersionList:
        """List the states it was in."""

    async def diff(self, around: Surroundings, prefix: str, first: int, second: int | None) -> VersionDiff:
        """Tell two versions apart."""

    async def solve_exact(self, request: SolveExact, context: JobContext | None) -> tuple[Exact, ...]:
        """Solve for every archive, on each platform."""

    async def locate_exact(self, around: Surroundings, exact: Exact) -> Exact:
        """Find the archives of pip's packages that have no address."""

    async def sync_exact(self, request: SyncExact, context: JobContext) -> dict[str, Any]:
        """Make one equal to a lock."""

    async def fetch_exact(self, request: FetchExact, context: JobContext) -> dict[str, Any]:
        """Bring a lock's archives into a folder."""

    async def recover(self, around: Surroundings) -> list[str]:
        """Finish or undo what a server that died was doing, and remove what it left."""


class Jobs(Protocol):
    """Long work; `jobs.service.Jobs` is the real one."""

    def submit(self, *, kind: str, key: str, subject: str, work: Work, also: Iterable[str] = ()) -> Job:
        """Queue work."""

    def live(self) -> tuple[Job, ...]:
        """Give what runs or waits."""


class Kernels(Protocol):
    """Kernels that run now; `running.ServerKernels` is the real one."""

    async def list_running(self) -> list[RunningKernel]:
        """Give every kernel."""


class Environments:
    """All that can be asked of environments. Lives on the event loop; whatever blocks is done elsewhere."""

    def __init__(
        self,
        *,
        reading: Reading,
        sizes: Sizes,
        settings: EnvironmentSettings,
        jobs: Jobs,
        engine: Engine,
        kernels: Kernels,
        clock: Clock,
        emit: Callable[[dict[str, Any]], None],
        log: Any,
    ) -> None:
        self._reading = reading
        self._places = reading.places
        self._sizes = sizes
        self._settings = settings
        self._jobs = jobs
        self._engine = engine
        self._kernels = kernels
        self._clock = clock
        self._emit = emit
        self._log = log
        self._trash = Trash(self._places, settings.trash_days)
        self._tasks: list[asyncio.Task[None]] = []
        self._looked_at = float("-inf")
        self._seen: tuple[object, ...] | None = None

    async def start(self) -> None:
        """Begin to watch, and tidy up what an earlier server left."""
        await self._sizes.load()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._tidy(), name="jupyter_lcc environments: tidy"),
            loop.create_task(self._watch(), name="jupyter_lcc environments: watch"),
        ]

    async def stop(self) -> None:
        """End what is going on in the background."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._sizes.stop()
        self._reading.stop()

    # -- looking -------------------------------------------------------------------------------------------------

    async def all(self) -> EnvironmentList:
        """List the environments of this user, whoever made them."""
        snapshot = await self._reading.snapshot()
        self._note_seen(snapshot)
        self._looked_at = asyncio.get_running_loop().time()
        kernels = await self._kernels.list_running()
        self._measure(snapshot)
        shown = await self._reading.call(self._trash.shown)
        free = await self._reading.call(free_bytes, self._places.folder)
        allowed = allowed_addresses(self._settings)
        return EnvironmentList(
            environments=tuple(self._shown(found, snapshot, kernels) for found in snapshot.found),
            trash=shown,
            folder=self._places.folder,
            channels=Channels(
                defaults=tuple(snapshot.conda.short(c) for c in default_channels(snapshot.conda, self._settings)),
                allowed=None if allowed is None else tuple(snapshot.conda.short(address) for address in allowed),
                offline=snapshot.conda.offline,
                problems=snapshot.conda.not_followed(),
            ),
            quota=Quota(
                used_bytes=self._sizes.used,
                limit_bytes=self._settings.quota_bytes or None,
                free_bytes=free,
            ),
            taken_at=self._clock.wall(),
        )

    async def get(self, name: str) -> Environment:
        """Give one environment. Raises NotFound."""
        snapshot = await self._reading.snapshot()
        return self._shown(snapshot.get(name), snapshot, await self._kernels.list_running())

    async def packages(self, name: str) -> InstalledPackages:
        """List what is installed."""
        snapshot = await self._reading.snapshot()
        return InstalledPackages(packages=await self._reading.packages(snapshot.get(name), snapshot.conda))

    async def versions(self, name: str) -> VersionList:
        """List the states it was in."""
        snapshot = await self._reading.snapshot()
        return await self._engine.versions(self._around(snapshot), snapshot.get(name).prefix)

    async def diff(self, name: str, query: VersionDiffQuery) -> VersionDiff:
        """Tell two versions apart."""
        snapshot = await self._reading.snapshot()
        prefix = snapshot.get(name).prefix
        return await self._engine.diff(self._around(snapshot), prefix, query.from_number, query.to_number)

    async def export(self, name: str, query: ExportQuery) -> Export:
        """Write it down as a file."""
        snapshot = await self._reading.snapshot()
        found = snapshot.get(name)
        if query.format == "lock":
            return await self._export_lock(found)
        return await self._reading.export(found, snapshot.conda, query.format, query.all)

    async def exact_of(self, name: str) -> Exact:
        """Give every package that is installed, as a lock says it; nothing is started.

        pip's have no address where their environment doesn't remember it: `locate` finds it. Raises NotFound.
        """
        snapshot = await self._reading.snapshot()
        return await self._reading.exact(snapshot.get(name))

    async def plan_exact(self, name: str, exact: Exact, keep: tuple[str, ...] = ()) -> Plan:
        """Say what `sync_exact` would do, from the files alone; all is added where there is no such environment.

        `exact.plan_digest` names it. An empty plan: it is equal already.
        """
        snapshot = await self._reading.snapshot()
        found = next((one for one in snapshot.found if one.name == name), None)
        step = step_of(await self._reading.installed(found) if found is not None else None, exact, keep)
        plan = plan_of(step, await self._reading.cached() if not step.nothing else ())
        return await self._with_kernels(plan, found, snapshot) if found is not None else plan

    async def _export_lock(self, found: Found) -> Export:
        """Write pixi.lock, as whole as it can be told now: pip forgets what it installed from, its indexes know."""
        exact = await self._reading.exact(found)
        why_not = None
        try:
            exact = await asyncio.wait_for(self.locate(exact), _LOCATE_SECONDS)
        except asyncio.TimeoutError:
            why_not = f"The indexes did not answer in {_LOCATE_SECONDS:g} s."
        except LccError as error:
            why_not = error.message
        return await asyncio.to_thread(as_lock, exact, why_not)

    async def diagnose(self, name: str) -> Diagnosis:
        """Say what is wrong with it."""
        snapshot = await self._reading.snapshot()
        found = snapshot.get(name)
        used, quota = self._sizes.used, self._settings.quota_bytes
        return await self._reading.diagnose(
            found,
            snapshot.specs_of(found.prefix),
            snapshot.conda,
            over_quota=bool(found.managed and quota and used is not None and used >= quota),
        )

    async def names(self, query: NameQuery) -> Names:
        """Complete a package's name. What can't be read is told in the answer: typing goes on without."""
        snapshot = await self._reading.snapshot()
        wanted = [part for part in query.channels.split(",") if part.strip()] if query.channels else None
        channels = channels_for(wanted, snapshot.conda, self._settings)
        try:
            return await self._engine.names(self._around(snapshot), channels, query.query.strip().lower(), query.limit)
        except OutsideFailure as error:
            return Names(names=(), complete=False, why=error.message)

    async def package_cache(self) -> PackageCache:
        """Tell what the package cache takes."""
        snapshot = await self._reading.snapshot()
        self._measure(snapshot)
        size = self._sizes.cache(self._places.cache)
        return PackageCache(
            path=self._places.cache,
            size_bytes=size.size if size is not None else None,
            reclaimable_bytes=size.own if size is not None else None,
        )

    # -- changing ------------------------------------------------------------------------------------------------

    async def create(self, wish: CreateEnvironment) -> Plan | Job:
        """Make one. Raises Invalid for what can't be or isn't allowed, Conflict where the name is taken."""
        snapshot = await self._reading.snapshot()
        file = await self._file(wish)
        name = check_name(wish.name if wish.name is not None else file.name if file is not None else None)
        source = self._source(wish, snapshot)
        self._refuse_taken(name, snapshot)
        around = self._around(snapshot)
        prefix = str(self._places.prefix(name))
        if source is not None:
            if wish.dry_run:
                return await self._engine.plan_clone(around, source.prefix)
            return self._submit("clone", name, self._clone(source, name, wish, around), also=(_key(source.name),))
        snapshot.conda.refuse_unread()
        ready = wish_to_create(wish, name, file, snapshot.conda, self._settings)
        check_room(self._sizes.used, None, self._settings.quota_bytes)
        if wish.dry_run:
            plan = await self._engine.plan(around, prefix, ready)
            self._check_plan(plan)
            return msgspec.structs.replace(plan, notes=(*ready.notes, *plan.notes))
        return self._submit("create", name, self._create(name, ready, wish, around))

    async def change(self, name: str, wish: ChangeEnvironment) -> Plan | Job:
        """Install, upgrade, remove."""
        snapshot = await self._reading.snapshot()
        found = self._changeable(name, snapshot)
        snapshot.conda.refuse_unread()
        installed = await self._reading.packages(found, snapshot.conda)
        ready = wish_to_change(wish, name, installed, found.channels, snapshot.conda, self._settings)
        if ready.install or ready.pip_install:
            check_room(self._sizes.used, None, self._settings.quota_bytes)
        around = self._around(snapshot)
        if wish.dry_run:
            plan = await self._engine.plan(around, found.prefix, ready)
            self._check_plan(plan)
            return await self._with_kernels(plan, found, snapshot)
        return self._submit("change", name, self._change(found, ready, around))

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
        """Solve for every archive on each platform (none: this machine's).

        No channels, no indexes: those that are used where nobody names any. `bundle` is the address of a folder as
        `fetch_exact` makes it, `file://` or `s3://`, asked before them or, with `bundle_only`, instead of them. With a
        job's `context` it can be cancelled. Raises Invalid, OutOfBounds, Unsatisfiable, NotReachable.
        """
        snapshot = await self._reading.snapshot()
        wanted = Wanted(kind="environment", channels=channels, packages=specs, pip=pip, indexes=indexes)
        nothing = CreateEnvironment(register_kernel=False)
        wish = wish_to_create(nothing, "lock", wanted, snapshot.conda, self._settings)
        request = SolveExact(
            surroundings=self._around(snapshot),
            wish=wish,
            platforms=platforms or (self._reading.subdir,),
            bundle=bundle,
            bundle_only=bundle_only,
        )
        return await self._engine.solve_exact(request, context)

    async def locate(self, exact: Exact) -> Exact:
        """Find address and hash of those packages of pip that have none, in the user's indexes."""
        if all((package.url and package.sha256) or package.editable for package in exact.pip):
            return exact
        return await self._engine.locate_exact(self._around(await self._reading.snapshot()), exact)

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
        """Make an environment equal, in one step with a kept version; make it where there is none.

        `exact` may be what finds it: that is called in the job, because to solve takes minutes. Extras are removed but
        those that `keep` names (a `*` at the end for any rest) and what they need. `expected` is the `plan_digest` of
        the plan a person saw: with another by now, here or in the job, it is Conflict with `plan` and `digest` in its
        detail, and nothing is done. `asked` are the specs the list asks for, `variables` those of its environment.yml;
        null: what is there stays. With `kernel` it is registered, if ipykernel is in it. The job's result has
        `changed`, `version` and `kernel`.
        """
        snapshot = await self._reading.snapshot()
        found = next((one for one in snapshot.found if one.name == name), None)
        if found is not None:
            found = self._changeable(name, snapshot)
        else:
            self._refuse_taken(check_name(name), snapshot)
        around = self._around(snapshot)
        prefix = found.prefix if found is not None else str(self._places.prefix(name))
        shown = self._display_name(display_name, name, None) if display_name is not None else None

        def work_for(exact: Exact) -> Work:
            check_exact(exact, around.subdir, around.settings)
            request = SyncExact(
                surroundings=around,
                prefix=prefix,
                exact=exact,
                keep=keep,
                expected=expected,
                command=command or f"sync {name}",
                asked=asked,
                variables=variables,
                bundle=bundle,
                bundle_only=bundle_only,
            )
            return self._sync(name, request, kernel, shown)

        if isinstance(exact, Exact):
            work = work_for(exact)
            await self._same_plan(found, exact, keep, expected)
            return self._submit("sync", name, work)
        find = exact

        async def found_first(context: JobContext) -> dict[str, Any] | None:
            return await work_for(await find(context))(context)

        return self._submit("sync", name, found_first)

    async def fetch_exact(
        self, exact: Exact, folder: str, context: JobContext, *, bundle: str | None = None
    ) -> dict[str, Any]:
        """Bring every archive into a folder: `conda/<subdir>/…`, a channel, and `wheels/…`; hashes are compared.

        What is there already isn't fetched again; of several platforms one after the other. -> {"fetched", "present",
        "bytes"}.
        """
        around = self._around(await self._reading.snapshot())
        request = FetchExact(surroundings=around, exact=exact, folder=folder, bundle=bundle)
        return await self._engine.fetch_exact(request, context)

    async def roll_back(self, name: str, wish: RollBack) -> Plan | Job:
        """Bring it back to a version."""
        snapshot = await self._reading.snapshot()
        found = self._changeable(name, snapshot)
        around = self._around(snapshot)
        if wish.dry_run:
            plan = await self._engine.plan_roll_back(around, found.prefix, wish.version)
            return await self._with_kernels(plan, found, snapshot)

        async def work(context: JobContext) -> dict[str, Any]:
            async with locked(self._places.lock(found.prefix), context):
                told = await self._engine.roll_back(around, found.prefix, wish.version, context)
            return self._changed(name, changed=told.get("changed", True), version=told.get("version"))

        return self._submit("rollback", name, work)

    async def delete(self, name: str) -> Job:
        """Move it to the trash. Raises Conflict while kernels run in it."""
        snapshot = await self._reading.snapshot()
        found = self._changeable(name, snapshot, broken=True)
        await self._refuse_running(found, snapshot)
        return self._submit("delete", name, self._delete(found))

    async def restore(self, name: str) -> Job:
        """Take it out of the trash."""
        entry = await self._reading.call(self._trash.find, name)
        snapshot = await self._reading.snapshot()
        self._refuse_taken(Path(entry.prefix).name, snapshot)
        return self._submit("restore", entry.name, self._restore(entry))

    async def rename(self, name: str, wish: Rename) -> Job:
        """Give it another name: its files hold the path they lie at, so it is made anew and the old one removed."""
        snapshot = await self._reading.snapshot()
        found = self._changeable(name, snapshot)
        target = check_name(wish.name)
        if target == name:
            raise Invalid("That is its name already.", field="name", value=target)
        self._refuse_taken(target, snapshot, but=name)
        await self._refuse_running(found, snapshot)
        return self._submit("rename", name, self._rename(found, target, self._around(snapshot)), also=(_key(target),))

    async def purge(self, trash_id: str) -> Job:
        """Delete what is in the trash for good."""
        entries = await self._reading.call(self._trash.all)
        if trash_id != "all":
            entries = [await self._reading.call(self._trash.find, trash_id)]
        subject = entries[0].name if trash_id != "all" else "all"

        async def work(context: JobContext) -> dict[str, Any]:
            for number, entry in enumerate(entries):
                context.progress(Progress(done=number, total=len(entries), label="remove"))
                await self._purge_one(entry, context)
            self._told("changed", None)
            return {"purged": [entry.name for entry in entries]}

        return self._jobs.submit(kind="environment.purge", key=f"trash:{trash_id}", subject=subject, work=work)

    async def register_kernel(self, name: str, wish: RegisterKernel) -> Job:
        """Register it as a kernel. ipykernel is installed where it is missing."""
        snapshot = await self._reading.snapshot()
        found = snapshot.get(name)
        display_name = self._display_name(wish.display_name, found.name, found.python)
        installed = {package.name.lower() for package in await self._reading.packages(found, snapshot.conda)}
        ready = None
        if "ipykernel" not in installed:
            found = self._changeable(name, snapshot)
            ready = wish_to_change(
                ChangeEnvironment(install=("ipykernel",)), name, (), found.channels, snapshot.conda, self._settings
            )

        async def work(context: JobContext) -> dict[str, Any]:
            async with locked(self._places.lock(found.prefix), context):
                if ready is not None:
                    await self._engine.change(self._around(snapshot), found.prefix, ready, context)
                return await self._registered(name, found.prefix, display_name, context)

        return self._submit("kernel", name, work)

    async def unregister_kernel(self, name: str) -> Environment:
        """Take the kernelspec we made away."""
        found = (await self._reading.snapshot()).get(name)
        await self._reading.unregister(found.prefix, note=found.managed)
        self._told("changed", name)
        return await self.get(name)

    async def fix(self, name: str, wish: Fix) -> Job:
        """Do what a finding named."""
        fix = wish.fix
        snapshot = await self._reading.snapshot()
        found = snapshot.get(name)
        if fix == "delete":
            return await self.delete(name)
        if fix == "clean_package_cache":
            return await self.clean_package_cache()
        if fix in ("register_kernel", "install_ipykernel"):
            shown = next((spec.display_name for spec in snapshot.specs_of(found.prefix) if spec.ours), None)
            return await self.register_kernel(name, RegisterKernel(display_name=shown))
        if fix == "unregister_kernel":

            async def unregister(context: JobContext) -> dict[str, Any]:
                await self._reading.unregister(found.prefix, note=found.managed)
                return self._changed(name)

            return self._submit("fix", name, unregister)
        found = self._changeable(name, snapshot, broken=True)

        async def reinstall(context: JobContext) -> dict[str, Any]:
            async with locked(self._places.lock(found.prefix), context):
                await self._engine.reinstall(self._around(snapshot), found.prefix, context)
            return self._changed(name)

        return self._submit("fix", name, reinstall)

    async def clean_package_cache(self) -> Job:
        """Remove what no environment uses."""
        snapshot = await self._reading.snapshot()

        async def work(context: JobContext) -> dict[str, Any]:
            told = await self._engine.clean_cache(self._around(snapshot), context)
            self._told("changed", None)
            return told

        return self._jobs.submit(kind="package-cache.clean", key="package-cache", subject="", work=work)

    # -- the work of the jobs ------------------------------------------------------------------------------------

    def _create(self, name: str, ready: Wish, wish: CreateEnvironment, around: Surroundings) -> Work:
        async def work(context: JobContext) -> dict[str, Any]:
            prefix = str(self._places.prefix(name))
            for note in ready.notes:
                context.log(note)
            async with locked(self._places.lock(prefix), context):
                await self._refuse_there(name, prefix)
                await self._engine.create(await self._with_room(around), prefix, ready, context)
                return await self._finish_new(name, prefix, wish, around, context)

        return work

    def _clone(self, source: Found, name: str, wish: CreateEnvironment, around: Surroundings) -> Work:
        async def work(context: JobContext) -> dict[str, Any]:
            prefix = str(self._places.prefix(name))
            async with locked(self._places.lock(source.prefix), context), locked(self._places.lock(prefix), context):
                await self._refuse_there(name, prefix)
                command = f"create -n {name} --clone {source.name}"
                await self._engine.clone(await self._with_room(around), source.prefix, prefix, command, context)
                return await self._finish_new(name, prefix, wish, around, context)

        return work

    async def _finish_new(
        self, name: str, prefix: str, wish: CreateEnvironment, around: Surroundings, context: JobContext
    ) -> dict[str, Any]:
        """Register the kernel of what was just made. A clone or a lock file may lack ipykernel."""
        found = (await self._reading.snapshot()).get(name)
        if not wish.register_kernel:
            return self._changed(name, prefix=prefix, kernel=None)
        names = {package.name.lower() for package in await self._reading.packages(found, around.conda)}
        if "ipykernel" not in names:
            more = ChangeEnvironment(install=("ipykernel",))
            ready = wish_to_change(more, name, (), found.channels, around.conda, self._settings)
            await self._engine.change(around, prefix, ready, context)
            found = (await self._reading.snapshot()).get(name)
        display_name = self._display_name(wish.display_name, name, found.python)
        return await self._registered(name, prefix, display_name, context)

    def _change(self, found: Found, ready: Wish, around: Surroundings) -> Work:
        async def work(context: JobContext) -> dict[str, Any]:
            async with locked(self._places.lock(found.prefix), context):
                told = await self._engine.change(await self._with_room(around), found.prefix, ready, context)
            return self._changed(found.name, changed=told.get("changed", True), version=told.get("version"))

        return work

    def _sync(self, name: str, request: SyncExact, kernel: bool, display_name: str | None) -> Work:
        async def work(context: JobContext) -> dict[str, Any]:
            async with locked(self._places.lock(request.prefix), context):
                snapshot = await self._reading.snapshot()
                found = next((one for one in snapshot.found if one.prefix == request.prefix), None)
                await self._same_plan(found, request.exact, request.keep, request.expected)
                told: dict[str, Any] = {"changed": False}
                if found is None or not await self._reading.equals(found, request):
                    around = await self._with_room(self._around(snapshot)) if found is None else self._around(snapshot)
                    told = await self._engine.sync_exact(msgspec.structs.replace(request, surroundings=around), context)
                more = await self._kernel_of(name, request, display_name, context) if kernel else {}
            return self._changed(name, changed=told.get("changed", True), version=told.get("version"), **more)

        return work

    async def _kernel_of(
        self, name: str, request: SyncExact, display_name: str | None, context: JobContext
    ) -> dict[str, Any]:
        """Register the kernel of what was made equal, where it has one and isn't registered as that."""
        snapshot = await self._reading.snapshot()
        found = next((one for one in snapshot.found if one.prefix == request.prefix), None)
        if found is None:
            return {}
        specs = [spec for spec in snapshot.specs_of(found.prefix) if spec.ours]
        if specs and display_name in (None, specs[0].display_name):
            return {"kernel": {"spec_name": specs[0].name, "display_name": specs[0].display_name}}
        installed = (await self._reading.installed(found)).exact
        if "ipykernel" not in {p.name for p in installed.conda} | {p.name for p in installed.pip}:
            context.log("It is no kernel, because ipykernel is not in the list.")
            return {"kernel": None}
        shown = self._display_name(display_name, name, found.python)
        told = await self._registered(name, found.prefix, shown, context)
        return {"kernel": told["kernel"]}

    async def _same_plan(self, found: Found | None, exact: Exact, keep: tuple[str, ...], expected: str | None) -> None:
        """Raise Conflict with the new plan where the one somebody saw doesn't hold any more."""
        if expected is None:
            return
        installed = await self._reading.installed(found) if found is not None else None
        refuse_other(step_of(installed, exact, keep), exact, expected)

    def _delete(self, found: Found) -> Work:
        async def work(context: JobContext) -> dict[str, Any]:
            async with locked(self._places.lock(found.prefix), context):
                with context.committing():
                    entry = await self._to_trash(found)
            self._told("removed", found.name)
            return {"name": found.name, "trash_id": entry.id}

        return work

    def _restore(self, entry: Entry) -> Work:
        async def work(context: JobContext) -> dict[str, Any]:
            async with locked(self._places.lock(entry.prefix), context):
                with context.committing():
                    await self._reading.call(self._trash.take, entry)
                    kernel = None
                    if entry.kernel is not None:
                        spec = await self._reading.register(
                            entry.name, entry.prefix, entry.kernel.display_name, note=True
                        )
                        kernel = {"spec_name": spec.name, "display_name": spec.display_name}
            return self._changed(Path(entry.prefix).name, prefix=entry.prefix, kernel=kernel)

        return work

    def _rename(self, found: Found, target: str, around: Surroundings) -> Work:
        async def work(context: JobContext) -> dict[str, Any]:
            prefix = str(self._places.prefix(target))
            locks = locked(self._places.lock(found.prefix), context), locked(self._places.lock(prefix), context)
            async with locks[0], locks[1]:
                await self._refuse_there(target, prefix)
                command = f"rename -n {found.name} {target}"
                await self._engine.clone(around, found.prefix, prefix, command, context, keep_id=True)
                with context.committing():
                    identity = await self._reading.identity(found.prefix)
                    kernel = identity.kernel if identity is not None else None
                    entry = await self._to_trash(found)
                    registered = None
                    if kernel is not None:
                        display_name = kernel.display_name.replace(found.name, target)
                        spec = await self._reading.register(target, prefix, display_name, note=True)
                        registered = {"spec_name": spec.name, "display_name": spec.display_name}
                await self._purge_one(entry, context, forget=False)
            self._told("removed", found.name)
            return self._changed(target, prefix=prefix, kernel=registered)

        return work

    async def _to_trash(self, found: Found) -> Entry:
        """Move it aside; its kernelspec goes with it, for it would start nothing."""
        identity = await self._reading.identity(found.prefix)
        specs = [spec for spec in await self._reading.call(self._reading.kernelspecs.of, found.prefix) if spec.ours]
        kernel = identity.kernel if identity is not None else None
        if kernel is None and specs:
            kernel = KernelRecord(spec_name=specs[0].name, display_name=specs[0].display_name)
        size = self._sizes.of(found.prefix)
        entry = await self._reading.call(
            self._trash.put, found.name, Path(found.prefix), self._clock.wall(), kernel, size.own if size else None
        )
        for spec in specs:
            with contextlib.suppress(LccError, OSError):
                await self._reading.call(self._reading.kernelspecs.remove, spec.name)
        return entry

    async def _purge_one(self, entry: Entry, context: JobContext | None, *, forget: bool = True) -> None:
        garbage = await self._reading.call(self._trash.discard, entry)
        if forget:
            await self._reading.forget_versions(str(garbage / "env"))
        if context is None:
            await asyncio.to_thread(remove_tree, garbage)
            return
        gone = await context.in_thread(remove_tree, garbage, lambda: not context.cancelled)
        context.raise_if_cancelled()
        if not gone:
            raise OutsideFailure(f"Some files of {entry.name} can't be removed.", path=str(garbage))

    async def _registered(self, name: str, prefix: str, display_name: str, context: JobContext) -> dict[str, Any]:
        context.progress(Progress(done=0, total=1, label="kernel"))
        managed = Path(prefix).parent == Path(self._places.folder)
        try:
            spec = await self._reading.register(name, prefix, display_name, note=managed)
        except OSError as error:
            raise OutsideFailure(
                f"The environment is there; its kernelspec can't be written: {error.strerror or error}.", name=name
            ) from error
        kernel = {"spec_name": spec.name, "display_name": spec.display_name}
        return self._changed(name, prefix=prefix, kernel=kernel)

    # -- odds ----------------------------------------------------------------------------------------------------

    def _submit(self, kind: str, name: str, work: Work, also: Iterable[str] = ()) -> Job:
        async def guarded(context: JobContext) -> dict[str, Any] | None:
            try:
                return await work(context)
            except OSError as error:
                raise OutsideFailure(f"{error.strerror or error}: {sendable(str(error.filename or ''))}.") from error
            finally:
                self._told("changed", name)

        job = self._jobs.submit(
            kind=f"environment.{kind}", key=_key(name), subject=name, work=guarded, also=tuple(also)
        )
        self._told("changed", name)
        return job

    def _shown(self, found: Found, snapshot: Snapshot, kernels: list[RunningKernel]) -> Environment:
        persistent, advice = self._reading.persistence(found.prefix)
        size = self._sizes.of(found.prefix)
        specs = snapshot.specs_of(found.prefix)
        job = next((job for job in self._jobs.live() if job.key == _key(found.name)), None)
        kernel = None
        if specs:
            kernel = KernelOf(spec_name=specs[0].name, display_name=specs[0].display_name, ours=specs[0].ours)
        return Environment(
            name=found.name,
            prefix=sendable(found.prefix),
            persistent=persistent,
            advice=advice,
            managed=found.managed,
            made_by=found.made_by,
            status=found.status,
            python=found.python,
            package_count=found.package_count,
            pip_count=found.pip_count,
            size_bytes=size.size if size is not None else None,
            own_bytes=size.own if size is not None else None,
            kernel=kernel,
            running_kernels=running_in(found.prefix, specs, kernels),
            channels=tuple(snapshot.conda.short(channel) for channel in found.channels),
            changed_at=found.changed_at,
            job_id=job.id if job is not None else None,
        )

    def _around(self, snapshot: Snapshot) -> Surroundings:
        allowed = allowed_addresses(self._settings)
        used, quota = self._sizes.used, self._settings.quota_bytes
        return Surroundings(
            places=self._places,
            conda=snapshot.conda,
            settings=msgspec.structs.replace(self._settings, allowed_channels=allowed),
            subdir=self._reading.subdir,
            room_bytes=max(quota - used, 0) if quota and used is not None else None,
        )

    async def _with_room(self, around: Surroundings) -> Surroundings:
        """Where there is a quota, know what is used before anything is written."""
        if not self._settings.quota_bytes:
            return around
        snapshot = await self._reading.snapshot()
        self._measure(snapshot)
        if self._sizes.used is None:
            await self._sizes.settle()
        check_room(self._sizes.used, None, self._settings.quota_bytes)
        return self._around(snapshot)

    def _check_plan(self, plan: Plan) -> None:
        more = sum(item.size_bytes or 0 for item in plan.add)
        check_room(self._sizes.used, more, self._settings.quota_bytes)

    async def _with_kernels(self, plan: Plan, found: Found, snapshot: Snapshot) -> Plan:
        running = running_in(found.prefix, snapshot.specs, await self._kernels.list_running())
        return msgspec.structs.replace(plan, running_kernels=running)

    async def _file(self, wish: CreateEnvironment) -> Wanted | None:
        if wish.file is None:
            return None
        if wish.clone_of is not None:
            raise Invalid("It is made from a file or as a clone, not both.", field="clone_of")
        file = await read_file(wish.file.name, wish.file.text, self._reading.subdir)
        if file.archives and wish.packages:
            raise Invalid("This file says every package; more can be installed afterwards.", field="packages")
        return file

    def _source(self, wish: CreateEnvironment, snapshot: Snapshot) -> Found | None:
        if wish.clone_of is None:
            return None
        if wish.packages or wish.pip:
            raise Invalid("A clone has the packages of the other; more can be installed afterwards.", field="packages")
        source = snapshot.get(wish.clone_of)
        if source.status in ("broken", "incomplete"):
            raise Conflict(f"{source.name} is {source.status}; it can't be cloned.", name=source.name)
        return source

    def _refuse_taken(self, name: str, snapshot: Snapshot, but: str | None = None) -> None:
        taken = {found.name.lower() for found in snapshot.found if found.managed and found.name != but}
        if name.lower() in taken:
            raise Conflict(f"There is an environment {say_it(name)} already.", name=name)
        making = {job.subject.lower() for job in self._jobs.live() if job.kind in _MAKING}
        if name.lower() in making:
            raise Conflict(f"An environment {say_it(name)} is being made already.", name=name)

    async def _refuse_there(self, name: str, prefix: str) -> None:
        """Look again once it is our turn: somebody else may have made it meanwhile."""
        if await self._reading.call(Path(prefix).exists):
            raise Conflict(f"There is something at {sendable(prefix)} already.", name=name)

    def _changeable(self, name: str, snapshot: Snapshot, *, broken: bool = False) -> Found:
        found = snapshot.get(name)
        if not found.managed:
            raise Forbidden(
                f"{found.name} does not lie in {sendable(self._places.folder)}, where environments are changed from "
                "here. Clone it, and change the clone.",
                name=name,
                prefix=sendable(found.prefix),
            )
        if found.status == "frozen":
            raise Forbidden(f"{found.name} was frozen by whoever made it. Clone it, and change the clone.", name=name)
        if found.status == "incomplete" and not broken:
            raise Conflict(f"{found.name} is incomplete; delete it and make it again.", name=name)
        return found

    async def _refuse_running(self, found: Found, snapshot: Snapshot) -> None:
        running = running_in(found.prefix, snapshot.specs, await self._kernels.list_running())
        if running:
            names = ", ".join(sorted(kernel.path or kernel.kernel_id for kernel in running))
            raise Conflict(
                f"Kernels run in {found.name}: {names}. Shut them down first.",
                name=found.name,
                running_kernels=[msgspec.to_builtins(kernel) for kernel in running],
            )

    def _display_name(self, wanted: str | None, name: str, python: str | None) -> str:
        if wanted is not None:
            text = wanted.strip()
            if not text or not text.isprintable():
                raise Invalid("A kernel's name is one line of text.", field="display_name", value=wanted[:200])
            return text
        return f"Python {'.'.join(python.split('.')[:2])} ({name})" if python else name

    def _measure(self, snapshot: Snapshot) -> None:
        managed = {found.prefix: found.stamp for found in snapshot.found if found.managed}
        others = {found.prefix: found.stamp for found in snapshot.found if not found.managed}
        # What is in the trash takes room too, until it is purged.
        counted = managed | {str(self._places.ours): snapshot.beside}
        self._sizes.want(counted, (self._places.cache,), others)

    def _changed(self, name: str, **more: Any) -> dict[str, Any]:
        self._told("changed", name)
        return {"name": name, **more}

    def _told(self, kind: str, name: str | None) -> None:
        self._emit({"kind": kind, "name": name})

    def _note_seen(self, snapshot: Snapshot) -> bool:
        seen = (tuple((f.prefix, f.status, f.stamp) for f in snapshot.found), snapshot.specs)
        changed, self._seen = seen != self._seen, seen
        return changed

    async def _watch(self) -> None:
        """Notice what is done in a terminal while somebody looks."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if loop.time() - self._looked_at > _LOOKED_AT_SECONDS:
                continue
            try:
                if self._note_seen(await self._reading.snapshot()):
                    self._told("changed", None)
            except Exception:
                self._log.exception("jupyter_lcc: environments can't be looked at")

    async def _tidy(self) -> None:
        """Remove what a dead server left, what was kept long enough, and write the kernelspecs that a restart lost."""
        while True:
            for step in (self._recover, self._empty_trash, self._register_lost, self._drop_orphans):
                try:
                    await step()
                except Exception:
                    self._log.exception("jupyter_lcc: environments can't be tidied up")
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _recover(self) -> None:
        await self._engine.recover(self._around(await self._reading.snapshot()))

    async def _empty_trash(self) -> None:
        for entry in await self._reading.call(self._trash.due, self._clock.wall()):
            await self._purge_one(entry, None)
            self._told("changed", None)
        for garbage in await self._reading.call(self._trash.garbage):
            await asyncio.to_thread(remove_tree, garbage)

    async def _register_lost(self) -> None:
        """Where kernelspecs are lost with the machine and environments aren't, write them again."""
        own = str(self._reading.kernelspecs.own)
        if self._reading.persistence(own)[0] is not False:
            return
        snapshot = await self._reading.snapshot()
        for found in snapshot.found:
            identity = await self._reading.identity(found.prefix) if found.managed else None
            if identity is not None and identity.kernel is not None and not snapshot.specs_of(found.prefix):
                await self._reading.register(found.name, found.prefix, identity.kernel.display_name, note=True)
                self._told("changed", found.name)

    async def _drop_orphans(self) -> None:
        """Take away kernelspecs of ours whose environment somebody removed by hand: they would start nothing."""
        for spec in await self._reading.call(self._reading.kernelspecs.orphans):
            lock = FileLock(self._places.lock(str(spec.prefix)), thread_local=False)
            if not await asyncio.to_thread(try_lock, lock):
                continue  # it is being changed just now
            try:
                await self._reading.call(self._reading.kernelspecs.remove, spec.name)
            finally:
                lock.release()
            self._told("changed", None)


_MAKING = ("environment.create", "environment.clone", "environment.restore", "environment.rename")


def _key(name: str) -> str:
    return f"env:{name}"
