"""The lists of all sources: which there are, and what was read last of each. Asks sources, and keeps copies."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from .._version import __version__
from ..clock import Clock
from ..errors import Conflict, Forbidden, Invalid, LccError, NotFound
from .lists import read_list
from .lock import read_lock
from .model import ListSettings, SourcePlace, SourceState, Stored
from .policy import mode_of
from .revisions import folder_of
from .sources.disk import told_of
from .sources.model import Source, Unchanged
from .state import Copy, ListFiles, Read

__all__ = ["Known", "Library"]

T = TypeVar("T")

_THREADS = 8
_MOST_SOURCES = 50


@dataclass(frozen=True)
class Known:
    """A list as it was read last. `fresh`: its source answered when it was asked last; `problem`: what it said.

    `unkept` is why what was read can't be kept on this machine: it is true now, and forgotten by a restart.
    """

    name: str
    place: SourcePlace
    stored: Stored | None
    read: Read
    at: datetime | None
    fresh: bool = False
    problem: str | None = None
    unkept: str | None = None

    @property
    def tag(self) -> str | None:
        """Name its state in the same words whatever its source is."""
        return folder_of(self.stored.revision) if self.stored is not None else None


@dataclass
class _Shelf:
    """One source."""

    place: SourcePlace
    source: Source | None
    problem: str | None = None
    safe: bool | None = None
    why_not_safe: str | None = None
    hidden: tuple[str, ...] = ()
    answered: bool = field(default=False)


class Library:
    """Owns the sources from `start` to `stop`. Everything is called on the event loop; sources are asked in threads."""

    def __init__(
        self,
        *,
        settings: ListSettings,
        files: ListFiles,
        open_source: Callable[[SourcePlace], Source],
        clock: Clock,
        log: Any,
    ) -> None:
        self._settings = settings
        self._files = files
        self._open = open_source
        self._clock = clock
        self._log = log
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="jupyter_lcc-lists")
        self._shelves: dict[str, _Shelf] = {}
        self._known: dict[str, Known] = {}
        self._asking = asyncio.Lock()

    async def start(self) -> None:
        """Take up what an earlier server has read; no source is asked."""
        own = await self.call(self._files.own_sources) if self._settings.user_sources else ()
        for place in (*self._settings.sources, *own):
            self._shelves.setdefault(place.id, self._opened(place))
        for name, known in (await self.call(self._load)).items():
            self._known.setdefault(name, known)

    def stop(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def call(self, call: Callable[..., T], *arguments: Any) -> T:
        """Do what blocks in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *arguments))

    # -- what is known -------------------------------------------------------------------------------------------

    def all(self) -> tuple[Known, ...]:
        """Give what is known, by name."""
        return tuple(self._known[name] for name in sorted(self._known))

    def get(self, name: str) -> Known:
        """Give what is known of a list. Raises NotFound."""
        known = self._known.get(name)
        if known is None:
            raise NotFound(f"There is no package list {name!r} in any source.", name=name)
        return known

    def tag(self, name: str) -> str | None:
        """Name the state of a list that is known."""
        known = self._known.get(name)
        return known.tag if known is not None else None

    def states(self) -> tuple[SourceState, ...]:
        """Tell of the sources, in the order they are asked."""
        return tuple(self._state(shelf) for shelf in self._shelves.values())

    # -- asking --------------------------------------------------------------------------------------------------

    async def refresh(self) -> bool:
        """Ask every source what it has now; tell whether anything is new. Never raises: who doesn't answer says so."""
        async with self._asking:
            before = self._seen()
            found = await asyncio.gather(*(self._ask(shelf) for shelf in list(self._shelves.values())))
            there: dict[str, Known] = {}
            for shelf, lists in zip(list(self._shelves.values()), found, strict=True):
                if shelf.place.id not in self._shelves:
                    continue  # it was removed meanwhile
                shelf.hidden = tuple(known.name for known in lists if known.name in there)
                there |= {known.name: known for known in lists if known.name not in there}
            for name in self._known.keys() - there.keys():
                await self.call(self._files.drop_copy, name)
            self._known = there
            return self._seen() != before

    async def read(self, name: str) -> Known:
        """Ask the source of a list for it: one conditional request. Raises what the source raises."""
        known = self._known.get(name)
        if known is None:
            await self.refresh()
            known = self.get(name)
        try:
            found = await self._read(self._shelf(known.place.id), name, known)
        except NotFound:
            self._known.pop(name, None)
            await self.call(self._files.drop_copy, name)
            raise
        except LccError as error:
            if self._known.get(name) is known:
                self._known[name] = replace(known, fresh=False, problem=error.message)
            raise
        self._known[name] = found
        return found

    async def read_or_copy(self, name: str) -> Known:
        """The same; where the source does not answer, what was read last holds."""
        try:
            return await self.read(name)
        except (NotFound, Invalid):
            raise
        except LccError:
            known = self._known.get(name)
            if known is None or known.stored is None:
                raise
            return known

    async def take(self, name: str, place: SourcePlace, stored: Stored) -> Known:
        """Remember what was just written."""
        known = await self._noted(name, place, stored)
        self._known[name] = known
        return known

    async def forget(self, name: str) -> None:
        """A list was removed."""
        self._known.pop(name, None)
        await self.call(self._files.drop_copy, name)

    def source_for(self, name: str, wanted: str | None) -> tuple[SourcePlace, Source]:
        """Choose where a list is written: where it is, else where somebody says, else the first place that can be.

        Raises Invalid where there is none, or it is in another than was said.
        """
        known = self._known.get(name)
        if known is not None:
            if wanted is not None and wanted != known.place.id:
                raise Conflict(f"There is a list {name} already, in {known.place.place}.", source=known.place.id)
            return known.place, self.source(known.place.id)
        if wanted is not None:
            return self._shelf(wanted).place, self.source(wanted)
        for shelf in self._shelves.values():
            if shelf.source is not None:
                return shelf.place, shelf.source
        raise Invalid("There is no source to publish to. Add one first: a folder, s3://bucket/prefix, or a checkout.")

    def source(self, source_id: str) -> Source:
        """Give a source. Raises NotFound, and Invalid for one that can't be."""
        shelf = self._shelf(source_id)
        if shelf.source is None:
            raise Invalid(shelf.problem or "This source can't be used.", field="source")
        return shelf.source

    def sources_of(self, name: str) -> list[tuple[SourcePlace, Source]]:
        """Give where a list is, or may once have been."""
        known = self._known.get(name)
        shelves = [self._shelf(known.place.id)] if known is not None else list(self._shelves.values())
        return [(shelf.place, shelf.source) for shelf in shelves if shelf.source is not None]

    async def bundle_of(self, source_id: str) -> str | None:
        """Give the address of a source's bundle, None where it has none, or doesn't tell.

        Where packages come from the bundle alone, its address is given in any case: what it lacks is said then.
        """
        try:
            shelf = self.source(source_id).shelf
            if shelf is None:
                return None
            if self._shelf(source_id).place.bundle_only:
                return shelf.url
            sizes: dict[str, int] = await self.call(shelf.sizes)
            return shelf.url if sizes else None
        except LccError:
            return None

    async def why_unsafe(self, source_id: str) -> str | None:
        """Tell why a source can't keep two publishers apart; None where it can."""
        shelf = self._shelf(source_id)
        shelf.why_not_safe = await self.call(self.source(source_id).why_unsafe)
        shelf.safe = shelf.why_not_safe is None
        return shelf.why_not_safe

    # -- sources -------------------------------------------------------------------------------------------------

    async def add(self, place: str, mode: Any) -> SourceState:
        """Add a source of the user's. It must answer now."""
        if not self._settings.user_sources:
            raise Forbidden("Your administrator has chosen the sources of package lists; others can't be added.")
        if len(self._shelves) >= _MOST_SOURCES:
            raise Conflict(f"There are {_MOST_SOURCES} sources already; remove one first.", limit=_MOST_SOURCES)
        wanted = SourcePlace(place=place, id="", mode=mode)
        source = await self.call(self._open, wanted)
        source_id = hashlib.sha256(source.place.encode()).hexdigest()[:12]
        if any(each.source is not None and each.source.place == source.place for each in self._shelves.values()):
            raise Conflict(f"{source.place} is one of the sources already.", field="place")
        await self.call(source.names)
        wanted = SourcePlace(place=place, id=source_id, mode=mode)
        await self.call(self._written, self._files.add_source, wanted)
        shelf = self._shelves[source_id] = _Shelf(wanted, source)
        await self.refresh()
        return self._state(shelf)

    async def remove(self, source_id: str) -> None:
        """Remove a source of the user's."""
        if self._shelf(source_id).place.configured:
            raise Forbidden("This source is your administrator's; it can't be removed here.")
        await self.call(self._written, self._files.remove_source, source_id)
        self._shelves.pop(source_id, None)
        for name in [name for name, known in self._known.items() if known.place.id == source_id]:
            await self.forget(name)
        await self.refresh()

    # -- odds ----------------------------------------------------------------------------------------------------

    def _shelf(self, source_id: str) -> _Shelf:
        shelf = self._shelves.get(source_id)
        if shelf is None:
            raise NotFound(f"There is no source {source_id!r}.", source=source_id)
        return shelf

    def _opened(self, place: SourcePlace) -> _Shelf:
        try:
            return _Shelf(place, self._open(place))
        except LccError as error:
            self._log.error("jupyter_lcc: a source of package lists can't be used: %s", error.message)
            return _Shelf(place, None, problem=error.message)

    def _state(self, shelf: _Shelf) -> SourceState:
        place = shelf.place
        kind = "s3" if place.place.startswith("s3:") else "git" if place.place.startswith("git:") else "directory"
        return SourceState(
            id=place.id,
            kind=shelf.source.kind if shelf.source is not None else kind,  # type: ignore[arg-type]
            place=shelf.source.place if shelf.source is not None else "",
            configured=place.configured,
            mode=mode_of(place, self._settings),
            writable=shelf.source is not None,
            safe=shelf.safe,
            why_not_safe=shelf.why_not_safe,
            hidden=shelf.hidden,
            problem=shelf.problem,
        )

    def _load(self) -> dict[str, Known]:
        found = {}
        for copy in self._files.copies():
            shelf = self._shelves.get(copy.source)
            if shelf is not None and shelf.source is not None and shelf.source.place == copy.place:
                # Another version may see something else in the same files.
                read = copy.read if copy.read_by == __version__ else _read_files(copy.stored)
                found[copy.stored.name] = Known(copy.stored.name, shelf.place, copy.stored, read, copy.read_at)
        return found

    async def _ask(self, shelf: _Shelf) -> list[Known]:
        """Give the lists of one source; where it doesn't answer, what was read of it last."""
        mine = [known for known in self._known.values() if known.place.id == shelf.place.id]
        if shelf.source is None:
            return []
        try:
            etags: Mapping[str, str | None] = await self.call(shelf.source.etags)
        except LccError as error:
            shelf.problem = error.message
            return [replace(known, fresh=False, problem=error.message) for known in mine]
        except Exception:
            self._log.exception("jupyter_lcc: a source of package lists can't be asked")
            shelf.problem = "Something went wrong in jupyter_lcc; the server's log has the details."
            return [replace(known, fresh=False, problem=shelf.problem) for known in mine]
        shelf.problem = None
        by_name = {known.name: known for known in mine}
        found = await asyncio.gather(
            *(self._read_one(shelf, name, tag, by_name.get(name)) for name, tag in etags.items())
        )
        return [known for known in found if known is not None]

    async def _read_one(self, shelf: _Shelf, name: str, tag: str | None, known: Known | None) -> Known | None:
        if tag is not None and known is not None and known.stored is not None and known.stored.etag == tag:
            return await self._unchanged(known)  # the source isn't asked for what it has just told
        try:
            return await self._read(shelf, name, known)
        except NotFound:
            return None
        except LccError as error:
            if isinstance(error, Invalid):
                return Known(name, shelf.place, None, Read(problem=error.message), None, True, error.message)
            if known is not None:
                return replace(known, fresh=False, problem=error.message)
            return Known(name, shelf.place, None, Read(), None, False, error.message)

    async def _read(self, shelf: _Shelf, name: str, known: Known | None) -> Known:
        etag = known.stored.etag if known is not None and known.stored is not None else None
        try:
            stored = await self.call(self.source(shelf.place.id).read, name, etag)
        except Unchanged:
            assert known is not None
            return await self._unchanged(known)
        return await self._noted(name, shelf.place, stored)

    async def _unchanged(self, known: Known) -> Known:
        found = replace(known, fresh=True, problem=None, at=self._clock.wall())
        return found if known.unkept is None else await self._kept(found)

    async def _noted(self, name: str, place: SourcePlace, stored: Stored) -> Known:
        now = self._clock.wall()
        read = await self.call(_read_files, stored)
        return await self._kept(Known(name, place, stored, read, now, fresh=True))

    async def _kept(self, known: Known) -> Known:
        """Keep a copy of what was read; what keeps us from it is told, and tried again with the next look."""
        assert known.stored is not None
        assert known.at is not None
        copy = Copy(
            source=known.place.id,
            place=self.source(known.place.id).place,
            stored=known.stored,
            read_at=known.at,
            read=known.read,
            read_by=__version__,
        )
        try:
            await self.call(self._files.save_copy, copy)
        except OSError as error:
            self._log.warning("jupyter_lcc: the copy of the list %s can't be kept: %s", known.name, error)
            return replace(known, unkept=f"What was read of it can't be kept on this machine: {error.strerror}.")
        return replace(known, unkept=None)

    def _written(self, call: Callable[..., object], *arguments: Any) -> None:
        """Write what a person has chosen, or say what keeps us from it. Blocks."""
        with told_of(self._files.folder, "written"):
            call(*arguments)

    def _seen(self) -> object:
        lists = tuple((known.name, known.tag, known.fresh, known.problem) for known in self.all())
        return lists, self.states()


def _read_files(stored: Stored) -> Read:
    try:
        wanted = read_list(stored.text)
    except Invalid as error:
        return Read(problem=error.message)
    if stored.lock is None:
        return Read(wanted=wanted)
    if not stored.lock_fits:
        return Read(wanted=wanted, lock_problem="The list was changed by hand since it was locked.")
    try:
        return Read(wanted=wanted, lock=read_lock(stored.lock))
    except Invalid as error:
        return Read(wanted=wanted, lock_problem=error.message)
