"""The parachute: what is done in the last seconds before a shutdown, and what is told of it afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

from ..model import Problem, SaveReport, Sighting, Stopped
from .shelf import Shelf

__all__ = ["Parachute"]


class Parachute:
    """Owns what is known of the saving of each target, and the shelf of shutdowns nobody was told of."""

    def __init__(self, shelf: Shelf, log: Any) -> None:
        self.unseen = 0
        self._shelf = shelf
        self._log = log

    async def start(self) -> None:
        """Take up what an earlier server left."""
        self.unseen = await asyncio.to_thread(self._shelf.count)

    async def close(self) -> None:
        """The server ends."""

    def prepare(self, sighting: Sighting) -> None:
        """Begin to save."""

    def is_prepared(self, target_id: str) -> bool:
        return True

    def release(self, target_id: str) -> None:
        """It is kept, or gone."""

    def take_report(self, report: SaveReport) -> None:
        """A page says what became of a document."""

    def unsaved(self, target_id: str) -> str | None:
        return None

    async def land(self, draft: Stopped, sighting: Sighting, *, asked: bool) -> Stopped:
        return draft

    async def undo(self, stopped: Stopped) -> None:
        """It was not shut down after all."""

    async def stopped(self) -> tuple[Stopped, ...]:
        """The shutdowns nobody has been told of yet, the newest first."""
        return await asyncio.to_thread(self._shelf.read)

    async def dismiss(self, ids: tuple[str, ...]) -> None:
        """A person has read about these."""
        await asyncio.to_thread(self._shelf.remove, ids)
        self.unseen = await asyncio.to_thread(self._shelf.count)

    def problems(self) -> tuple[Problem, ...]:
        return ()
