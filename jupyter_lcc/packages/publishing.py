"""Publishing a list: checked, locked for its platforms, and written over what it was made from and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..clock import Clock
from ..environments.exact import Exact
from ..environments.lock_file import lock_of, write_lock
from ..environments.model import ExportQuery
from ..errors import Invalid, LccError, LostRace, NotFound, Unsafe, Unsatisfiable
from ..jobs.context import JobContext
from ..jobs.model import Job, Progress
from .bounds import ListBounds, check_list, check_lock, raise_for, refuse_to_ask
from .exacts import exact_of_lock
from .library import Library
from .lists import edit_list, read_list, write_list
from .lock import read_lock
from .model import (
    ListSettings,
    MergedList,
    PackageList,
    PublishList,
    PutList,
    RestoreList,
    Signature,
    SourcePlace,
    Stored,
)
from .needs import Environments, Jobs
from .revisions import folder_of, merge, plain_line
from .sources.model import Draft, Source

__all__ = ["Publishing", "lost"]


class Publishing:
    """Writes to sources, as jobs: to find every package takes its time."""

    def __init__(
        self,
        *,
        settings: ListSettings,
        bounds: ListBounds,
        library: Library,
        platform: str,
        environments: Environments,
        jobs: Jobs,
        author: Callable[[], str],
        clock: Clock,
        told: Callable[[str, str | None], None],
    ) -> None:
        self._settings = settings
        self._bounds = bounds
        self._library = library
        self._platform = platform
        self._environments = environments
        self._jobs = jobs
        self._author = author
        self._clock = clock
        self._told = told

    async def put(self, name: str, body: PutList, if_match: str | None) -> Job:
        """Publish a text. Raises Invalid, OutOfBounds, LostRace before anything is begun."""
        wanted = read_list(body.text)
        raise_for(check_list(wanted, self._bounds))
        place, source, current = await self._current(name, body.source, if_match, body.text)

        async def work(context: JobContext) -> dict[str, Any]:
            lock = await self._locked(wanted, body.text, current, context)
            return await self._write(name, place, source, body.text, lock, body.message, current, context)

        return self._submit("publish", name, work)

    async def publish(self, name: str, body: PublishList, if_match: str | None) -> Job:
        """Publish what an environment holds. Raises NotFound, and what `put` does."""
        exported = await self._environments.export(body.environment, ExportQuery(format="yaml", all=body.exact))
        wanted = msgspec.structs.replace(read_list(exported.text), name=name, notes=())
        raise_for(check_list(wanted, self._bounds))
        place, source, current = await self._current(name, body.source, if_match, write_list(wanted))
        if current is not None:
            before = read_list(current.text)
            wanted = msgspec.structs.replace(
                wanted, name=before.name, platforms=before.platforms, variables=before.variables
            )
        # What somebody has written around it, comments and order, stays.
        text = write_list(wanted) if current is None else edit_list(current.text, wanted)

        async def work(context: JobContext) -> dict[str, Any]:
            context.progress(Progress(done=0, total=2, label="solve"))
            here = await self._environments.locate(await self._environments.exact_of(body.environment))
            folders = [package.name for package in here.pip if package.editable is not None]
            if folders:
                raise Invalid(
                    f"{', '.join(folders)} of {body.environment} is a folder somebody works in; another machine hasn't "
                    "got it. Install it from an index, or remove it, and publish again.",
                    field="environment",
                )
            lock = await self._locked(wanted, text, current, context, here)
            return await self._write(name, place, source, text, lock, body.message, current, context)

        return self._submit("publish", name, work)

    async def restore(self, name: str, body: RestoreList, if_match: str | None) -> Job:
        """Bring an old revision back. Raises NotFound, OutOfBounds, LostRace."""
        place, old = await self.old(name, body.revision)
        wanted = read_list(old.text)
        raise_for(check_list(wanted, self._bounds))
        source = self._library.source(place.id)
        if old.lock is None or not old.lock_fits:
            raise_for(refuse_to_ask(name, place))
        try:
            current: Stored | None = await self._library.call(source.read, name)
        except NotFound:
            current = None
        if if_match is not None and (current is None or folder_of(current.revision) != if_match):
            raise lost(name, current)
        message = body.message or f"Restore revision {body.revision}"

        async def work(context: JobContext) -> dict[str, Any]:
            lock = old.lock if old.lock_fits else None
            if lock is None:
                lock = await self._locked(wanted, old.text, None, context)
            raise_for(check_lock(read_lock(lock), self._bounds), "lock")
            return await self._write(
                name, place, source, old.text, lock, message, current, context, restored_from=body.revision
            )

        return self._submit("restore", name, work)

    async def old(self, name: str, number: int) -> tuple[SourcePlace, Stored]:
        """Find an old revision, also of a list that was removed. Raises NotFound."""
        last: LccError = NotFound(f"There is no package list {name!r} in any source.", name=name)
        for place, source in self._library.sources_of(name):
            try:
                return place, await self._library.call(source.revision, name, number)
            except NotFound as error:
                last = error
        raise last

    async def merged(self, name: str, source: Source, mine: str, tag: str | None, theirs: Stored) -> MergedList:
        """Join a text with what is there. What it was made from is the revision that `tag` names."""
        base = ""
        number = tag.partition("-")[0] if tag is not None else ""
        if number.isdecimal() and len(number) < 10:
            try:
                found = await self._library.call(source.revision, name, int(number))
                base = found.text if folder_of(found.revision) == tag else ""
            except LccError:
                pass  # without it every difference is a conflict, and a person chooses
        joined = merge(_understood(base), read_list(mine), read_list(theirs.text), theirs.text)
        return MergedList(
            base=base,
            mine=mine,
            theirs=theirs.text,
            text=joined.text,
            conflicts=joined.conflicts,
            etag=folder_of(theirs.revision),
            revision=theirs.revision,
        )

    def signed(self, message: str) -> Signature:
        """Say who writes, and when."""
        return Signature(author=self._author(), at=self._clock.wall(), message=plain_line(message, 500))

    async def _current(
        self, name: str, wanted_source: str | None, if_match: str | None, mine: str
    ) -> tuple[SourcePlace, Source, Stored | None]:
        """Read what is there, and refuse at once where it isn't what the text was made from."""
        place, source = self._library.source_for(name, wanted_source)
        raise_for(refuse_to_ask(name, place))
        try:
            current: Stored | None = await self._library.call(source.read, name)
        except NotFound:
            current = None
        tag = folder_of(current.revision) if current is not None else None
        if tag != if_match:
            await self._refuse(name, source, mine, if_match, current)
        why = await self._library.why_unsafe(place.id)
        if why is not None:
            raise Unsafe(why, place=source.place)
        return place, source, current

    async def _refuse(self, name: str, source: Source, mine: str, if_match: str | None, current: Stored | None) -> None:
        """Raise LostRace with both sides."""
        if current is None:
            raise lost(name, None)
        try:
            both = await self.merged(name, source, mine, if_match, current)
        except Invalid:
            raise lost(name, current) from None  # theirs can't be read as a list
        raise lost(name, current, both)

    async def _locked(
        self,
        wanted: PackageList,
        text: str,
        current: Stored | None,
        context: JobContext,
        here: Exact | None = None,
    ) -> str:
        """Lock a list for its platforms; one that names none, for this machine's and those it was locked for before."""
        own = self._platform
        before = read_lock(current.lock) if current is not None and current.lock is not None else None
        also = tuple(before.platforms) if before is not None and not wanted.platforms else ()
        platforms = wanted.platforms or (own,)
        solved = [here] if here is not None and own in platforms else []
        todo = tuple(each for each in platforms if each != own or not solved)
        context.progress(Progress(done=0, total=2, label="solve"))
        if todo:
            solved += await self._solve(wanted, todo, context)
        for other in also:
            if other not in platforms:
                try:
                    solved += await self._solve(wanted, (other,), context)
                except Unsatisfiable as error:
                    context.log(f"There is no lock for {other} any more: {error.message}")
        lock = lock_of(solved)
        raise_for(check_lock(lock, self._bounds), "lock")
        written = write_lock(lock, text)
        read_lock(written)  # what others can't read is not published
        return written

    async def _solve(self, wanted: PackageList, platforms: tuple[str, ...], context: JobContext) -> tuple[Exact, ...]:
        return await self._environments.solve_exact(
            tuple(wanted.conda.values()),
            tuple(wanted.pip.values()),
            wanted.channels,
            platforms,
            self._settings.indexes,
            context=context,
        )

    async def _write(
        self,
        name: str,
        place: SourcePlace,
        source: Source,
        text: str,
        lock: str,
        message: str,
        current: Stored | None,
        context: JobContext,
        restored_from: int | None = None,
    ) -> dict[str, Any]:
        context.progress(Progress(done=1, total=2, label="publish"))
        draft = Draft(text=text, lock=lock, signed=self.signed(message), restored_from=restored_from)
        try:
            stored = await context.in_thread(source.write, name, draft, current)
        except LostRace:
            try:
                theirs: Stored | None = await self._library.call(source.read, name)
            except NotFound:
                theirs = None
            await self._refuse(name, source, text, folder_of(current.revision) if current else None, theirs)
            raise
        await self._library.take(name, place, stored)
        self._told("published", name)
        exact = exact_of_lock(read_lock(lock), self._platform)
        return {
            "name": name,
            "revision": stored.revision.number,
            "etag": folder_of(stored.revision),
            "package_count": len(exact.conda) + len(exact.pip) if exact is not None else 0,
        }

    def _submit(self, kind: str, name: str, work: Any) -> Job:
        return self._jobs.submit(kind=f"lists.{kind}", key=f"list:{name}", subject=name, work=work)


def lost(name: str, theirs: Stored | None, both: MergedList | None = None) -> LostRace:
    """Say that somebody else was first, with both sides where they can be joined."""
    if theirs is None:
        return LostRace(f"The list {name} is not there any more; somebody removed it.", field=name, etag=None)
    record = theirs.revision
    detail = msgspec.to_builtins(both) if both is not None else {"etag": folder_of(record)}
    return LostRace(
        f"{record.author} published revision {record.number} of {name} in the meantime; nothing was overwritten.",
        **{"revision": msgspec.to_builtins(record), **detail, "field": name},
    )


def _understood(text: str) -> PackageList | None:
    try:
        return read_list(text) if text else None
    except Invalid:
        return None
