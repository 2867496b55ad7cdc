"""The parachute: what is done in the last seconds before a shutdown, and what is told of it afterwards.

    prepare ──> pages save, the manifest is taken          (the target can still be kept: then `release`)
       │
    deadline ──> land: late output is written down, the shutdown is remembered ──> the target is shut down

Preparing is not the begin of a shutdown, and nothing here decides on one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timezone
from typing import Any, Protocol, TypeVar
from uuid import uuid4

import msgspec

from ...model import Sentence
from ..model import Manifest, Problem, SaveReport, Sighting, Stopped, StoppedDocument
from .port import KeptOutput
from .saves import Saves
from .shelf import Shelf

__all__ = ["ManifestTaker", "OutputKeeper", "Parachute"]

T = TypeVar("T")

WAIT_FOR_PAGES_SECONDS = 3.0
"""How long a shutdown that a person asked for waits for open pages to save."""

MANIFESTS_AT_ONCE = 4
"""So that many kernels that are due together don't hold up the server."""

OUTPUT_SECONDS = 8.0
CLOSE_SECONDS = 2.0
"""A server that ends has little time, and its leases and countdowns are still to be written."""

SHELF_SECONDS = 3.0
"""A shutdown waits no longer than this for a slow disk."""


class ManifestTaker(Protocol):
    """Lists a kernel's variables."""

    async def take(self, sighting: Sighting) -> Manifest | None:
        """Give the variables, quickly or not at all; None for a kernel that can't be asked. Never raises."""


class OutputKeeper(Protocol):
    """Holds what kernels printed while no page was there."""

    async def write(self, sighting: Sighting) -> dict[str, KeptOutput]:
        """Write a kernel's output into its documents or beside them: path of the document -> where."""

    async def write_all(self) -> list[tuple[Sighting, dict[str, KeptOutput]]]:
        """The server ends: write what there is of every kernel. Never raises."""

    async def recover(self) -> list[tuple[Sighting, dict[str, KeptOutput]]]:
        """Write what an earlier server left that was killed. Never raises."""

    def forget(self, target_id: str) -> None:
        """The kernel is gone."""


class _Landed(msgspec.Struct, frozen=True):
    """What is remembered of a shutdown that isn't done: for the machine's stop it is remembered before the request."""

    stopped: Stopped
    kept: dict[str, KeptOutput]


class Parachute:
    """Owns what is known of the saving of each target, and the shelf of shutdowns nobody was told of."""

    def __init__(
        self,
        shelf: Shelf,
        log: Any,
        *,
        manifests: ManifestTaker | None = None,
        outputs: OutputKeeper | None = None,
        wait_for_pages_seconds: float = WAIT_FOR_PAGES_SECONDS,
    ) -> None:
        self.unseen = 0
        self._shelf = shelf
        self._log = log
        self._manifests = manifests
        self._outputs = outputs
        self._wait_for_pages_seconds = wait_for_pages_seconds
        self._saves = Saves()
        self._prepared: dict[str, asyncio.Task[Manifest | None] | None] = {}
        self._at_once = asyncio.Semaphore(MANIFESTS_AT_ONCE)
        self._heard = asyncio.Event()
        self._shelving = asyncio.Lock()
        self._landed: dict[str, _Landed] = {}
        self._last_words: set[asyncio.Task[None]] = set()
        self._unshelved: dict[str, Stopped] = {}
        self._problems: dict[str, Problem] = {}

    # -- lifetime ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what an earlier server left; who waits for leases doesn't wait for that."""
        self._do_later(self._recover())

    async def close(self) -> None:
        """The server ends, and its kernels with it."""
        for target_id in list(self._prepared):
            self.release(target_id)
        if self._last_words:
            await asyncio.wait(self._last_words, timeout=CLOSE_SECONDS)
        if self._outputs is not None:
            await self._bounded("output", self._write_all(self._outputs), CLOSE_SECONDS)

    async def refresh(self) -> bool:
        """Count again what nobody was told of: another server of this user may have added or dismissed."""
        before = self.unseen
        self.unseen = await asyncio.to_thread(self._shelf.count) + len(self._unshelved)
        return self.unseen != before

    # -- before a shutdown ---------------------------------------------------------------------------------

    def prepare(self, sighting: Sighting, *, asked: bool = False) -> None:
        """Begin to save, without waiting. The list of variables is for who didn't ask for the shutdown."""
        self._saves.ask(sighting.id)
        task = None
        if self._manifests is not None and sighting.kind == "kernel" and sighting.state == "idle" and not asked:
            task = asyncio.get_running_loop().create_task(self._take_manifest(self._manifests, sighting))
        self._prepared[sighting.id] = task

    def is_prepared(self, target_id: str) -> bool:
        return target_id in self._prepared

    def release(self, target_id: str) -> None:
        """It is kept, or gone."""
        self._saves.forget(target_id)
        self._landed.pop(target_id, None)
        task = self._prepared.pop(target_id, None)
        if task is not None:
            task.cancel()

    def gone(self, sighting: Sighting) -> None:
        """It is not there any more. What it printed unseen is written down also where somebody else ended it."""
        self.release(sighting.id)
        if self._outputs is not None and sighting.kind == "kernel":
            self._do_later(self._write_last(self._outputs, sighting))

    def rearm(self, target_id: str) -> None:
        """The shutdown is put off: pages are to be asked again, what they said stands until then."""
        task = self._prepared.pop(target_id, None)
        if task is not None:
            task.cancel()

    def take_report(self, report: SaveReport) -> None:
        """A page says what became of a document."""
        self._saves.take(report)
        self._heard.set()

    def unsaved(self, target_id: str) -> str | None:
        return self._saves.unsaved(target_id)

    async def settle(self, sighting: Sighting) -> None:
        """Wait, within seconds, for the pages and the list of variables."""
        waits: list[Coroutine[Any, Any, Any]] = []
        if sighting.connections:
            waits.append(self._wait_for_pages(sighting))
        task = self._prepared.get(sighting.id)
        if task is not None:
            waits.append(_ended(task))
        await asyncio.gather(*waits)

    # -- the shutdown --------------------------------------------------------------------------------------

    async def land(self, draft: Stopped, sighting: Sighting, *, wait: bool, greet: bool) -> Stopped:
        """Finish saving within seconds and remember the shutdown.

        One that a person asked for is remembered only where there is something that person doesn't know.
        """
        if wait:
            await self.settle(sighting)
        before = self._landed.get(sighting.id)
        manifest = self._manifest_of(sighting.id)
        kept = await self._bounded("output", self._write_output(sighting), OUTPUT_SECONDS) or {}
        if before is not None:
            kept = {**before.kept, **kept}
            draft = msgspec.structs.replace(draft, id=before.stopped.id, stopped_at=before.stopped.stopped_at)
        documents = self._saves.documents(
            sighting,
            {path: output.path for path, output in kept.items()},
            {path: output.note for path, output in kept.items() if output.note},
        )
        stopped = msgspec.structs.replace(draft, manifest=manifest, documents=tuple(documents))
        self._landed[sighting.id] = _Landed(stopped, kept)
        if greet or kept or self._saves.unsaved(sighting.id):
            await self._remember(stopped)
        return stopped

    async def undo(self, stopped: Stopped) -> None:
        """It was not shut down after all."""
        self._landed.pop(stopped.target_id, None)
        self._unshelved.pop(stopped.id, None)
        await self._bounded("shelf", asyncio.to_thread(self._shelf.remove, [stopped.id]), SHELF_SECONDS)
        await self.refresh()

    # -- afterwards ----------------------------------------------------------------------------------------

    async def stopped(self) -> tuple[Stopped, ...]:
        """The shutdowns nobody has been told of yet, the newest first."""
        shelved = await asyncio.to_thread(self._shelf.read)
        unshelved = sorted(self._unshelved.values(), key=lambda stopped: stopped.stopped_at, reverse=True)
        return (*unshelved, *shelved)

    async def dismiss(self, ids: tuple[str, ...]) -> None:
        """A person has read about these. Raises OSError if that can't be remembered."""
        for stopped_id in ids:
            self._unshelved.pop(stopped_id, None)
        await asyncio.to_thread(self._shelf.remove, ids)
        await self.refresh()

    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problems.values())

    # -- odds ----------------------------------------------------------------------------------------------

    async def _take_manifest(self, manifests: ManifestTaker, sighting: Sighting) -> Manifest | None:
        async with self._at_once:
            return await manifests.take(sighting)

    def _manifest_of(self, target_id: str) -> Manifest | None:
        """Give what is there by now; nobody waits for it."""
        task = self._prepared.get(target_id)
        if task is None:
            return None
        if task.done() and not task.cancelled() and task.exception() is None:
            return task.result()
        task.cancel()
        return Manifest(
            variables=(),
            complete=False,
            why_not="There was no time to list the variables.",
            why_not_sentence=Sentence(code="no_time"),
        )

    async def _wait_for_pages(self, sighting: Sighting) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._wait_for_pages_seconds
        while not self._saves.have_answered(sighting) and (left := end - loop.time()) > 0:
            self._heard.clear()
            try:
                await asyncio.wait_for(self._heard.wait(), left)
            except asyncio.TimeoutError:
                return

    async def _write_output(self, sighting: Sighting) -> dict[str, KeptOutput]:
        return {} if self._outputs is None else await self._outputs.write(sighting)

    def _do_later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._last_words.add(task)
        task.add_done_callback(self._last_words.discard)

    async def _recover(self) -> None:
        await self.refresh()
        if self._outputs is not None:
            await self._tell_of_output(await self._outputs.recover())

    async def _write_all(self, outputs: OutputKeeper) -> None:
        await self._tell_of_output(await outputs.write_all())

    async def _write_last(self, outputs: OutputKeeper, sighting: Sighting) -> None:
        await self._bounded("output", outputs.write(sighting), OUTPUT_SECONDS)
        outputs.forget(sighting.id)

    async def _tell_of_output(self, written: list[tuple[Sighting, dict[str, KeptOutput]]]) -> None:
        """Say where the output is of kernels that ended with their server."""
        for sighting, kept in written:
            documents = [
                StoppedDocument(
                    path=path, type="notebook", result="no_page", message=output.note, output_path=output.path
                )
                for path, output in kept.items()
            ]
            await self._remember(
                Stopped(
                    id=uuid4().hex,
                    target_id=sighting.id,
                    kind="kernel",
                    name=sighting.name,
                    stopped_at=datetime.now(timezone.utc),
                    reason="dead",
                    idle_seconds=None,
                    limit_seconds=None,
                    limit_source=None,
                    kernel_name=sighting.kernel_name,
                    documents=tuple(documents),
                )
            )

    async def _remember(self, stopped: Stopped) -> None:
        """Put it on the shelf; while the disk is full it is kept in memory, and tried again with the next one."""
        self._unshelved[stopped.id] = stopped
        async with self._shelving:
            waiting = list(self._unshelved.values())
            put = await self._bounded("shelf", asyncio.to_thread(_put_all, self._shelf.put, waiting), SHELF_SECONDS)
            if put:
                for each in waiting:
                    self._unshelved.pop(each.id, None)
        await self.refresh()

    async def _bounded(self, part: str, work: Coroutine[Any, Any, T], seconds: float) -> T | None:
        """Do a part's work; if it fails or takes too long, say so and go on."""
        try:
            result = await asyncio.wait_for(work, seconds)
        except Exception as error:
            self._log.exception("jupyter_lcc: %s", _PARTS[part])
            told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            self._problems[part] = Problem(code=f"parachute_{part}_failed", message=f"{_PARTS[part]} ({told})")
            return None
        self._problems.pop(part, None)
        return result


_PARTS = {
    "output": "Output that arrived while no page was open could not be written down.",
    "shelf": "What was shut down could not be written down; it is only known until the server ends.",
}


async def _ended(task: asyncio.Task[Any]) -> None:
    await asyncio.wait([task], timeout=WAIT_FOR_PAGES_SECONDS)


def _put_all(put: Callable[[Stopped], None], waiting: list[Stopped]) -> bool:
    for stopped in waiting:
        put(stopped)
    return True
