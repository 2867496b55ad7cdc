"""Package lists: what they ask for, how environments stand to them, and what happens by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from ..clock import Clock
from ..errors import Invalid, LccError, NotFound
from ..jobs.model import Job
from .bounds import ListBounds
from .bundling import Bundling
from .library import Library
from .lists import read_list
from .model import (
    AddSource,
    BundleList,
    CheckedText,
    HistoryQuery,
    ListDiff,
    ListHistory,
    ListSettings,
    ListState,
    ListStates,
    ListText,
    MergedList,
    MergeList,
    PublishList,
    PutList,
    RemoveList,
    RestoreList,
    SourceList,
    SourcePlace,
    SourceState,
    Stored,
    SyncList,
    ValidateList,
)
from .needs import Environments, Jobs
from .policy import what_is_due
from .problems import check_text
from .publishing import Publishing, lost
from .revisions import folder_of
from .standing import Standing
from .state import ListFiles
from .syncing import Syncing

__all__ = ["PackageLists"]

_AT_ONCE = 2
"""So many lists are brought back by themselves at a time: the user's first minutes come first."""

_RETRY_SECONDS = (60.0, 3600.0)
"""How soon what failed by itself is tried again, and how seldom at last."""

_SOONEST_SECONDS = 5.0
"""A source that did not answer is asked again after twice this, then ever later."""


class PackageLists:
    """All that can be asked of package lists. Lives on the event loop; whatever blocks is done elsewhere."""

    def __init__(
        self,
        *,
        settings: ListSettings,
        bounds: ListBounds,
        library: Library,
        files: ListFiles,
        platform: str,
        environments: Environments,
        jobs: Jobs,
        author: Callable[[], str],
        clock: Clock,
        emit: Callable[[dict[str, Any]], None],
        log: Any,
    ) -> None:
        self._settings = settings
        self._bounds = bounds
        self._library = library
        self._platform = platform
        self._environments = environments
        self._jobs = jobs
        self._clock = clock
        self._emit = emit
        self._log = log
        self._standing = Standing(
            settings=settings,
            bounds=bounds,
            files=files,
            platform=platform,
            environments=environments,
            jobs=jobs,
            call=library.call,
            clock=clock,
            log=log,
        )
        self._publishing = Publishing(
            settings=settings,
            bounds=bounds,
            library=library,
            platform=platform,
            environments=environments,
            jobs=jobs,
            author=author,
            clock=clock,
            told=self._told,
        )
        self._syncing = Syncing(
            settings=settings,
            bounds=bounds,
            library=library,
            standing=self._standing,
            platform=platform,
            environments=environments,
            jobs=jobs,
            told=self._told,
            begin=self._begin,
        )
        self._bundling = Bundling(
            bounds=bounds, library=library, environments=environments, jobs=jobs, folder=files.folder
        )
        self._ready = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._under_way: set[str] = set()
        self._tried: dict[str, tuple[object, float, float]] = {}
        self._told_of: dict[str, object] = {}

    async def start(self) -> None:
        """Take up what is known, and begin to watch. No source is waited for."""
        await self._library.start()
        self._ready.set()
        self._begin(self._watch())

    async def stop(self) -> None:
        """End what is going on in the background."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        self._library.stop()

    # -- looking -------------------------------------------------------------------------------------------------

    async def all(self) -> ListStates:
        """Tell of all lists, from what was read last."""
        await self._ready.wait()
        states = await asyncio.gather(*(self._standing.state(known) for known in self._library.all()))
        there = {state.name for state in states}
        return ListStates(
            lists=tuple(sorted((*states, *self._never_seen(there)), key=lambda state: state.name)),
            sources=self._library.states(),
            may_add_sources=self._settings.user_sources,
            platform=self._platform,
            taken_at=self._clock.wall(),
        )

    async def check(self) -> ListStates:
        """Ask all sources now, and do what is due."""
        await self._ready.wait()
        await self._look()
        return await self.all()

    async def text(self, name: str) -> ListText:
        """Give a list for editing, as its source holds it now. Raises NotFound."""
        await self._ready.wait()
        known = await self._library.read(name)
        assert known.stored is not None
        return self._text(known.place, known.stored)

    async def pull(self, name: str) -> ListState:
        """Read a list now. Raises NotFound."""
        await self._ready.wait()
        before = self._library.tag(name)
        known = await self._library.read(name)
        if known.tag != before:
            self._told("changed", name)
        return await self._standing.state(known)

    async def history(self, name: str, query: HistoryQuery) -> ListHistory:
        """Give the revisions, also of a list that was removed. Raises NotFound."""
        await self._ready.wait()
        last: LccError = NotFound(f"There is no package list {name!r} in any source.", name=name)
        for _, source in self._library.sources_of(name):
            try:
                return ListHistory(revisions=await self._library.call(source.history, name, query.limit))
            except NotFound as error:
                last = error
        raise last

    async def revision(self, name: str, number: str) -> ListText:
        """Give an old revision. Raises NotFound."""
        await self._ready.wait()
        place, stored = await self._publishing.old(name, _number(name, number))
        return self._text(place, stored)

    async def merge(self, name: str, body: MergeList) -> MergedList:
        """Join a text with what is published now. Raises NotFound, Invalid."""
        await self._ready.wait()
        known = await self._library.read(name)
        assert known.stored is not None
        read_list(body.text)
        return await self._publishing.merged(
            name, self._library.source(known.place.id), body.text, body.etag, known.stored
        )

    async def validate(self, body: ValidateList) -> CheckedText:
        """Say all that is wrong with a text."""
        return await self._library.call(check_text, body.text, self._bounds)

    async def sources(self) -> SourceList:
        """Give the sources, in the order they are asked."""
        await self._ready.wait()
        return SourceList(sources=self._library.states(), may_add=self._settings.user_sources)

    async def add_source(self, body: AddSource) -> SourceState:
        """Add a source. Raises Invalid, Conflict, Forbidden, and what the source says."""
        await self._ready.wait()
        added = await self._library.add(body.place, body.mode)
        self._told("sources", None)
        return added

    async def remove_source(self, source_id: str) -> None:
        """Remove a source of the user's. Raises NotFound, Forbidden."""
        await self._ready.wait()
        await self._library.remove(source_id)
        self._told("sources", None)

    async def remove(self, name: str, query: RemoveList, if_match: str | None) -> None:
        """Remove a list from its source. Raises NotFound, LostRace."""
        await self._ready.wait()
        known = await self._library.read(name)
        assert known.stored is not None
        if if_match is not None and if_match != known.tag:
            raise lost(name, known.stored)
        source = self._library.source(known.place.id)
        await self._library.call(source.remove, name, self._publishing.signed(query.message), known.stored)
        await self._library.forget(name)
        self._told("removed", name)

    # -- changing ------------------------------------------------------------------------------------------------

    async def put(self, name: str, body: PutList, if_match: str | None) -> Job:
        """Publish a text. Raises Invalid, OutOfBounds, LostRace before anything is begun."""
        await self._ready.wait()
        return await self._publishing.put(name, body, if_match)

    async def publish(self, name: str, body: PublishList, if_match: str | None) -> Job:
        """Publish what an environment holds. Raises NotFound, and what `put` does."""
        await self._ready.wait()
        return await self._publishing.publish(name, body, if_match)

    async def restore(self, name: str, body: RestoreList, if_match: str | None) -> Job:
        """Bring an old revision back. Raises NotFound, OutOfBounds, LostRace."""
        await self._ready.wait()
        return await self._publishing.restore(name, body, if_match)

    async def diff(self, name: str) -> ListDiff:
        """Say what a sync would do. Raises NotFound, Invalid."""
        await self._ready.wait()
        return await self._syncing.diff(name)

    async def sync(self, name: str, body: SyncList) -> ListDiff | Job:
        """Make the environment equal to the list. Raises OutOfBounds, Conflict where the plan is another by now."""
        await self._ready.wait()
        return await self._syncing.sync(name, body)

    async def bundle(self, name: str, body: BundleList) -> Job:
        """Put the files of a list's lock into its source. Raises Invalid, OutOfBounds, Conflict without a lock."""
        await self._ready.wait()
        return await self._bundling.bundle(name, body)

    # -- by itself -----------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Ask the sources at once and every so often, and do what is due.

        What doesn't answer is asked again sooner: a machine's network may come after its server.
        """
        sooner = _SOONEST_SECONDS
        while True:
            try:
                await self._look()
            except Exception:
                self._log.exception("jupyter_lcc: package lists can't be looked at")
            missed = any(state.problem is not None for state in self._library.states())
            sooner = sooner * 2 if missed else _SOONEST_SECONDS
            await asyncio.sleep(min(sooner, self._settings.poll_seconds) if missed else self._settings.poll_seconds)

    async def _look(self) -> None:
        if await self._library.refresh():
            self._told("changed", None)
        for state in await asyncio.gather(*(self._standing.state(known) for known in self._library.all())):
            self._do_what_is_due(state)

    def _do_what_is_due(self, state: ListState) -> None:
        due = what_is_due(state)
        seen = (state.status, state.etag, state.set_hash)
        if due == "tell" and self._told_of.get(state.name) != seen:
            self._emit({"kind": "drifted", "name": state.name, "status": state.status})
        self._told_of[state.name] = seen
        if due == "sync" and state.name not in self._under_way and self._may_try(state.name, seen):
            self._under_way.add(state.name)
            self._begin(self._sync_by_itself(state.name, seen))

    def _may_try(self, name: str, seen: object) -> bool:
        """Tell whether it is time: what failed isn't tried at every look, unless something else is to be done now."""
        tried = self._tried.get(name)
        return tried is None or tried[0] != seen or asyncio.get_running_loop().time() >= tried[1]

    async def _sync_by_itself(self, name: str, seen: object) -> None:
        try:
            async with self._at_once:
                job = await self._syncing.sync(name, SyncList())
                assert isinstance(job, Job)
                job = await self._jobs.wait(job.id)
            failed = job.state != "succeeded"
        except LccError as error:
            self._log.warning("jupyter_lcc: the list %s can't be synced: %s", name, error.message)
            failed = True
        except Exception:
            self._log.exception("jupyter_lcc: the list %s can't be synced", name)
            failed = True
        finally:
            self._under_way.discard(name)
        before = self._tried.pop(name, None)
        if failed:
            first, longest = _RETRY_SECONDS
            wait = min(before[2] * 2, longest) if before is not None and before[0] == seen else first
            self._tried[name] = (seen, asyncio.get_running_loop().time() + wait, wait)

    # -- odds ----------------------------------------------------------------------------------------------------

    def _never_seen(self, there: set[str]) -> list[ListState]:
        """Name the required lists that nobody could read so far: they are missed."""
        places = [place for place in self._settings.sources if place.configured]
        if not places or all(state.problem is None for state in self._library.states() if state.configured):
            return []
        problem = next(state.problem for state in self._library.states() if state.configured and state.problem)
        return [
            ListState(
                name=name,
                source=places[0].id,
                environment=name,
                status="unreachable",
                required=True,
                mode=self._settings.mode,
                locked=False,
                message=problem or "",
            )
            for name in self._settings.required
            if not name.endswith("*") and name not in there
        ]

    def _text(self, place: SourcePlace, stored: Stored) -> ListText:
        wanted, problem = None, None
        try:
            wanted = read_list(stored.text)
        except Invalid as error:
            problem = error.message
        return ListText(
            name=stored.name,
            source=place.id,
            text=stored.text,
            understood=wanted,
            problem=problem,
            revision=stored.revision,
            etag=folder_of(stored.revision),
            lock_fits=stored.lock_fits,
        )

    def _told(self, kind: str, name: str | None) -> None:
        self._emit({"kind": kind, "name": name})

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise NotFound(f"The list {name} has no revision {text!r}.", name=name)
    return int(text)
