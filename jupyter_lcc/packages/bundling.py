"""Bundles: the files of a list's lock put into its source, for machines that reach nothing else. As a job."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from ..environments.exact import Exact
from ..errors import Conflict, DiskFull, Invalid, OutsideFailure
from ..jobs.context import JobContext
from ..jobs.model import Job, Progress
from .bounds import ListBounds, check_lock, raise_for, refuse_to_ask
from .bundle import Archive, Bundled, Shelf, archives_of, fill, lacking
from .exacts import exact_of_lock
from .library import Library
from .lists import check_platform
from .model import BundleList
from .needs import Environments, Jobs
from .pruning import prune

__all__ = ["Bundling"]


class Bundling:
    """Fetches what a bundle lacks, and puts it there."""

    def __init__(
        self, *, bounds: ListBounds, library: Library, environments: Environments, jobs: Jobs, folder: Path
    ) -> None:
        self._bounds = bounds
        self._library = library
        self._environments = environments
        self._jobs = jobs
        self._folder = folder

    async def bundle(self, name: str, body: BundleList) -> Job:
        """Bundle a list's lock. Raises NotFound, Invalid, OutOfBounds, Conflict where there is no lock."""
        known = await self._library.read(name)
        lock = known.read.lock
        if lock is None:
            raise Conflict(f"The list {name} has no lock that fits it; publish it again first.", name=name)
        platforms = tuple(check_platform(each) for each in body.platforms or lock.platforms)
        lacks = [each for each in platforms if each not in lock.platforms]
        if lacks:
            raise Invalid(f"The lock of {name} has nothing for {', '.join(lacks)}.", field="platforms")
        raise_for(check_lock(lock, self._bounds, platforms), "lock")
        source, shelf = self._library.source(known.place.id), self._shelf(known.place.id)
        exacts = [exact for each in platforms if (exact := exact_of_lock(lock, each)) is not None]
        wanted = archives_of(exacts)

        async def work(context: JobContext) -> dict[str, Any]:
            done = Bundled(url=shelf.url, present=len(wanted))
            if await context.in_thread(lacking, shelf, wanted):
                raise_for(refuse_to_ask(name, known.place))
                done = await self._fill(shelf, exacts, wanted, context)
            told = {"name": name, **msgspec.to_builtins(done)}
            if body.prune:
                go_on = partial(_goes_on, context)
                pruned = await context.in_thread(prune, source, shelf, body.revisions, go_on)
                context.raise_if_cancelled()
                told |= {"removed": pruned.removed, "bytes_removed": pruned.bytes_removed}
            return told

        return self._jobs.submit(kind="lists.bundle", key=f"bundle:{known.place.id}", subject=name, work=work)

    async def _fill(
        self, shelf: Shelf, exacts: list[Exact], wanted: tuple[Archive, ...], context: JobContext
    ) -> Bundled:
        """Fetch what is wanted from where the lock says, and put there what isn't there."""
        folder = await context.in_thread(self._room)
        try:
            for exact in exacts:
                context.raise_if_cancelled()
                await self._environments.fetch_exact(exact, str(folder), context)

            def told(done: int, total: int, what: str) -> None:
                context.progress(Progress(done=done, total=total, unit="packages", label=what))

            done = await context.in_thread(partial(fill, shelf, folder, wanted, told, partial(_goes_on, context)))
            context.raise_if_cancelled()
        finally:
            await self._library.call(partial(shutil.rmtree, folder, ignore_errors=True))
        return done

    def _shelf(self, source_id: str) -> Shelf:
        shelf = self._library.source(source_id).shelf
        if shelf is None:
            raise Conflict("This source can't hold packages; use a folder or s3://bucket/prefix.", source=source_id)
        return shelf

    def _room(self) -> Path:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return Path(tempfile.mkdtemp(prefix="bundle-", dir=self._folder))
        except OSError as error:
            failure = DiskFull if error.errno == 28 else OutsideFailure
            raise failure(f"There is no place for the packages: {error.strerror}.") from error


def _goes_on(context: JobContext) -> bool:
    return not context.cancelled
