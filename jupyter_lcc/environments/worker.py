"""The engine from the server's side: processes that are asked in lines of JSON, so that the server imports no rattler.

Work of a job has a process of its own, which ends with it; it is started by the job, so that a cancel ends it and all
it has started. Questions (plans, names) go to a process that is kept for a minute, because starting one takes longer
than most answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from .. import errors
from ..errors import LccError, NotFound, NotReachable, OutsideFailure
from ..jobs.context import JobContext
from ..jobs.model import Progress
from ..jobs.processes import Child
from .engine_model import (
    Change,
    CleanCache,
    Clone,
    Create,
    EngineRequest,
    FetchExact,
    LocateExact,
    Reinstall,
    RollBack,
    Solve,
    SolveExact,
    Surroundings,
    SyncExact,
    encode,
)
from .engine_model import Names as AskNames
from .exact import Exact
from .find import read_id
from .kept import KeptPip, KeptRecord, KeptVersion, Versions
from .model import Names, Plan, PlanChange, PlanItem, Version, VersionDiff, VersionList
from .satisfied import nothing_to_do
from .staging import recover
from .trash import remove_tree
from .wishes import Wish

__all__ = ["EngineWorker", "why_no_engine"]

# The working directory is first in the module path of `-m`, and a home is full of files called like modules.
_ARGV = (sys.executable, "-m", "jupyter_lcc.environments.engine")
_CWD = "/"
_IDLE_SECONDS = 60.0
_ANSWER_SECONDS = 180.0

_ERRORS: dict[str, type[LccError]] = {
    kind.code: kind
    for kind in (getattr(errors, name) for name in errors.__all__)
    if isinstance(kind, type) and issubclass(kind, LccError)
}


class EngineWorker:
    """Fulfils the service's `Engine`. `environ` is the whole environment of the processes, None the server's."""

    def __init__(self, environ: Mapping[str, str] | None = None, *, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._environ = environ
        self._warm = _Warm(environ, idle_seconds)

    async def stop(self) -> None:
        """End the process that is kept."""
        await self._warm.stop()

    # -- questions -----------------------------------------------------------------------------------------------

    async def plan(self, around: Surroundings, prefix: str, wish: Wish) -> Plan:
        """Say what a wish would do to a prefix that is there or not."""
        if await asyncio.to_thread(nothing_to_do, prefix, wish):
            return Plan(download_bytes=0)
        return await self._plan(Solve(surroundings=around, prefix=prefix, wish=wish))

    async def plan_clone(self, around: Surroundings, source: str) -> Plan:
        """Say what a clone would hold."""
        return await self._plan(Clone(surroundings=around, source=source, prefix=source, dry_run=True))

    async def plan_roll_back(self, around: Surroundings, prefix: str, version: int) -> Plan:
        """Say what going back would do."""
        return await self._plan(RollBack(surroundings=around, prefix=prefix, version=version, dry_run=True))

    async def names(self, around: Surroundings, channels: tuple[str, ...], query: str, limit: int) -> Names:
        """Complete a package's name."""
        request = AskNames(surroundings=around, channels=channels, query=query, limit=limit)
        return msgspec.convert(await self.run(request, context=None), Names)

    async def solve_exact(self, request: SolveExact, context: JobContext | None) -> tuple[Exact, ...]:
        """Solve for every archive, on each platform."""
        told = await self.run(request, context=context)
        return msgspec.convert(told["exact"], tuple[Exact, ...])

    async def locate_exact(self, around: Surroundings, exact: Exact) -> Exact:
        """Find the archives of pip's packages that have no address."""
        told = await self.run(LocateExact(surroundings=around, exact=exact), context=None)
        return msgspec.convert(told["exact"], Exact)

    async def versions(self, around: Surroundings, prefix: str) -> VersionList:
        """List the states it was in, the newest first."""
        return VersionList(versions=await asyncio.to_thread(_versions, around, prefix))

    async def diff(self, around: Surroundings, prefix: str, first: int, second: int | None) -> VersionDiff:
        """Tell two versions apart. Raises NotFound."""
        return await asyncio.to_thread(_diff, around, prefix, first, second)

    # -- changes -------------------------------------------------------------------------------------------------

    async def create(self, around: Surroundings, prefix: str, wish: Wish, context: JobContext) -> dict[str, Any]:
        """Make an environment."""
        return await self.run(Create(surroundings=around, prefix=prefix, wish=wish), context=context)

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
        """Make an environment of the same packages as another; with `keep_id` it is to take the other's place."""
        request = Clone(surroundings=around, source=source, prefix=prefix, command=command, keep_id=keep_id)
        return await self.run(request, context=context)

    async def change(self, around: Surroundings, prefix: str, wish: Wish, context: JobContext) -> dict[str, Any]:
        """Change one. Where there is nothing to do nothing is started."""
        if await context.in_thread(nothing_to_do, prefix, wish):
            return {"prefix": prefix, "changed": False}
        return await self.run(Change(surroundings=around, prefix=prefix, wish=wish), context=context)

    async def roll_back(self, around: Surroundings, prefix: str, version: int, context: JobContext) -> dict[str, Any]:
        """Bring one back to a version."""
        return await self.run(RollBack(surroundings=around, prefix=prefix, version=version), context=context)

    async def reinstall(self, around: Surroundings, prefix: str, context: JobContext) -> dict[str, Any]:
        """Install the same packages anew."""
        return await self.run(Reinstall(surroundings=around, prefix=prefix), context=context)

    async def sync_exact(self, request: SyncExact, context: JobContext) -> dict[str, Any]:
        """Make one equal to a lock."""
        return await self.run(request, context=context)

    async def fetch_exact(self, request: FetchExact, context: JobContext) -> dict[str, Any]:
        """Bring a lock's archives into a folder."""
        return await self.run(request, context=context)

    async def clean_cache(
        self, around: Surroundings, context: JobContext, prefixes: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Remove downloaded packages that none of the environments uses."""
        folder = Path(around.places.folder)
        found = await context.in_thread(_prefixes, folder)
        return await self.run(CleanCache(surroundings=around, prefixes=(*prefixes, *found)), context=context)

    async def recover(self, around: Surroundings) -> list[str]:
        """Finish or undo what a server that died was doing, and remove what it left; say what was done."""
        return await asyncio.to_thread(recover, around.places)

    # -- the processes -------------------------------------------------------------------------------------------

    async def run(self, request: EngineRequest, *, context: JobContext | None) -> dict[str, Any]:
        """Do it in a process and give the answer. Raises LccError."""
        if context is None:
            return await self._warm.ask(request)
        answer = _Answer(context)
        try:
            return await self._in_job(request, context, answer)
        finally:
            if answer.done is not None:
                _sweep(request.surroundings.places.ours)

    async def _in_job(self, request: EngineRequest, context: JobContext, answer: _Answer) -> dict[str, Any]:
        try:
            status = await context.run_process(
                (*_ARGV, "--once"),
                stdin=encode(request),
                on_line=answer.take,
                env=self._environ,
                cwd=_CWD,
                keep_input_open=True,
            )
        except (asyncio.CancelledError, OutsideFailure):
            # What was in its place before the cancel came is there: to say it was cancelled would be a lie.
            if answer.done is not None:
                return answer.done
            raise
        return answer.result(status)

    async def _plan(self, request: EngineRequest) -> Plan:
        told = await self.run(request, context=None)
        return msgspec.convert(told["plan"], Plan)


class _Answer:
    """Collects what a process says. `over` is called with its last line."""

    def __init__(self, context: JobContext | None, over: Callable[[], None] = lambda: None) -> None:
        self.done: dict[str, Any] | None = None
        self._error: LccError | None = None
        self._context = context
        self._over = over

    def take(self, raw: bytes) -> None:
        """Understand one line."""
        try:
            line = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            if self._context is not None:
                self._context.log(raw.decode("utf-8", "replace"))
            return
        if "progress" in line and self._context is not None:
            self._context.progress(msgspec.convert(line["progress"], Progress))
        elif "log" in line and self._context is not None:
            self._context.log(line["log"])
        elif "done" in line:
            self.done = line["done"]
            self._over()
        elif "error" in line:
            self._error = _error(line["error"])
            self._over()

    def result(self, status: int | None) -> dict[str, Any]:
        """Give the answer or raise the error; what the process said counts, not how it ended."""
        if self.done is not None:
            return self.done
        if self._error is not None:
            raise self._error
        raise OutsideFailure(
            "The engine ended before it had answered; nothing was changed."
            + (" It was killed, maybe because memory ran out." if status in (-9, 137) else ""),
            status=status,
        )


class _Warm:
    """One process for questions, kept for a while after the last."""

    def __init__(self, environ: Mapping[str, str] | None, idle_seconds: float) -> None:
        self._environ = environ
        self._idle_seconds = idle_seconds
        self._turn = asyncio.Lock()
        self._child: Child | None = None
        self._listening: asyncio.Task[int] | None = None
        self._answer: _Answer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def ask(self, request: EngineRequest) -> dict[str, Any]:
        """Ask, one at a time. A question that is given up ends the process, since nothing else would stop it."""
        async with self._turn:
            if self._timer is not None:
                self._timer.cancel()
            child, listening = await self._started()
            over = asyncio.Event()
            self._answer = answer = _Answer(None, over.set)
            waiting = asyncio.ensure_future(over.wait())
            try:
                await child.write(encode(request))
                await asyncio.wait({waiting, listening}, timeout=_ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if not over.is_set() and not listening.done():
                    raise NotReachable("The channels did not answer in time.")
            except BaseException:
                await self._end()
                raise
            finally:
                waiting.cancel()
                self._answer = None
            if listening.done():
                status = listening.result()
                await self._end()
                return answer.result(status)
            self._timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._retire)
            return answer.result(None)

    async def stop(self) -> None:
        """End it."""
        if self._timer is not None:
            self._timer.cancel()
        await self._end()
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _started(self) -> tuple[Child, asyncio.Task[int]]:
        if self._child is None or self._listening is None or self._listening.done():
            await self._end()
            child = await Child.start(_ARGV, mark=uuid.uuid4().hex, env=self._environ, cwd=_CWD)
            self._child = child
            self._listening = asyncio.create_task(child.listen(self._take, lambda _line: None))
        return self._child, self._listening

    def _take(self, line: bytes) -> None:
        if self._answer is not None:
            self._answer.take(line)

    def _retire(self) -> None:
        if not self._turn.locked():
            task = asyncio.ensure_future(self._end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end(self) -> None:
        child, listening = self._child, self._listening
        self._child = self._listening = None
        if child is not None:
            child.close_input()
            await asyncio.shield(child.end())
        if listening is not None:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await listening


def why_no_engine() -> str | None:
    """Give the code of why environments can't be changed here, None where they can."""
    import importlib.util

    for module in ("rattler", "uv"):
        if importlib.util.find_spec(module) is None:
            return f"{module}_missing"
    return None


def _error(told: Mapping[str, Any]) -> LccError:
    kind = _ERRORS.get(str(told.get("code")), OutsideFailure)
    detail = {str(key): value for key, value in dict(told.get("detail") or {}).items()}
    detail.pop("message", None)
    return kind(str(told.get("message")), **detail)


def _sweep(folder: Path) -> None:
    """Remove what was replaced, in a thread that keeps no server from ending; what is left then is swept later."""

    def remove() -> None:
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                if name.startswith("garbage-"):
                    remove_tree(folder / name)

    threading.Thread(target=remove, name="jupyter_lcc environments: sweep", daemon=True).start()


def _prefixes(folder: Path) -> tuple[str, ...]:
    try:
        return tuple(str(path) for path in sorted(folder.iterdir()) if (path / "conda-meta").is_dir())
    except OSError:
        return ()


# -- versions ----------------------------------------------------------------------------------------------------


def _versions(around: Surroundings, prefix: str) -> tuple[Version, ...]:
    identity = read_id(prefix)
    if identity is None:
        return ()
    kept = Versions(around.places, identity.id).upto(identity.version)
    found = []
    for at, version in enumerate(kept):
        before = kept[at + 1] if at + 1 < len(kept) else None
        change = _between(around, before, version) if before is not None else None
        found.append(
            Version(
                number=version.number,
                at=version.at,
                command=version.command,
                package_count=len(version.records) + len(version.pip),
                added=len(change.add) if change is not None else len(version.records) + len(version.pip),
                removed=len(change.remove) if change is not None else 0,
                changed=len(change.change) if change is not None else 0,
                current=version.number == identity.version,
                restorable=version.restorable,
            )
        )
    return tuple(found)


def _diff(around: Surroundings, prefix: str, first: int, second: int | None) -> VersionDiff:
    identity = read_id(prefix)
    if identity is None:
        raise NotFound("No versions of this environment are kept yet.")
    versions = Versions(around.places, identity.id)
    found: list[KeptVersion] = []
    for number in (first, identity.version if second is None else second):
        version = versions.read(number) if number <= identity.version else None
        if version is None:
            raise NotFound(f"Version {number} is not kept.", version=number)
        found.append(version)
    return _between(around, found[0], found[1])


def _between(around: Surroundings, first: KeptVersion, second: KeptVersion) -> VersionDiff:
    one, two = _by_name(first), _by_name(second)
    add = [_item(around, two[key]) for key in two.keys() - one.keys()]
    remove = [_item(around, one[key]) for key in one.keys() - two.keys()]
    change = [
        _change(around, one[key], two[key])
        for key in one.keys() & two.keys()
        if (one[key].version, _build(one[key])) != (two[key].version, _build(two[key]))
    ]
    return VersionDiff(
        add=tuple(sorted(add, key=lambda item: item.name)),
        remove=tuple(sorted(remove, key=lambda item: item.name)),
        change=tuple(sorted(change, key=lambda item: item.name)),
    )


def _by_name(version: KeptVersion) -> dict[tuple[str, str], KeptRecord | KeptPip]:
    found: dict[tuple[str, str], KeptRecord | KeptPip] = {("conda", record.name): record for record in version.records}
    return found | {("pip", package.name.lower()): package for package in version.pip}


def _build(package: KeptRecord | KeptPip) -> str | None:
    return package.build if isinstance(package, KeptRecord) else None


def _channel(around: Surroundings, package: KeptRecord | KeptPip) -> str | None:
    if isinstance(package, KeptPip):
        return "pypi"
    address = package.url.rsplit("/", 2)[0] if package.url else package.channel
    return around.conda.short(address) if address else None


def _item(around: Surroundings, package: KeptRecord | KeptPip) -> PlanItem:
    return PlanItem(
        name=package.name,
        version=package.version,
        build=_build(package),
        channel=_channel(around, package),
        manager="conda" if isinstance(package, KeptRecord) else "pip",
        size_bytes=package.size if isinstance(package, KeptRecord) else None,
    )


def _change(around: Surroundings, one: KeptRecord | KeptPip, two: KeptRecord | KeptPip) -> PlanChange:
    return PlanChange(
        name=two.name,
        from_version=one.version,
        to_version=two.version,
        from_build=_build(one),
        to_build=_build(two),
        channel=_channel(around, two),
        manager="conda" if isinstance(two, KeptRecord) else "pip",
        size_bytes=two.size if isinstance(two, KeptRecord) else None,
    )
