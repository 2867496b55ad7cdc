"""What the watch and the service ask of a parachute, and one that does nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from ..model import Problem, SaveReport, Sighting, Stopped

__all__ = ["HookResult", "KeptOutput", "NoParachute", "Parachute", "PreStop"]


class HookResult(msgspec.Struct, frozen=True):
    """How the administrator's command ended: `error` in words, None if well; the end of what it printed."""

    error: str | None
    output: str
    seconds: float


class KeptOutput(msgspec.Struct, frozen=True):
    """Where output of a document went that no page saw: `path` as the server names it, or a note on what failed."""

    path: str | None
    note: str | None = None


class PreStop(Protocol):
    """The administrator's command before the machine is stopped."""

    async def run(self, facts: Mapping[str, str]) -> HookResult | None:
        """Run it with these added to the environment, for a bounded time; None if there is none. Never raises."""


class Parachute(Protocol):
    """Saves what would be lost with a target, and remembers what was shut down.

    Nothing here raises for what goes wrong outside: it is told in `problems`.
    """

    unseen: int
    """How many shutdowns nobody has been told of yet."""

    async def start(self) -> None:
        """Take up what an earlier server left."""

    async def close(self) -> None:
        """The server ends: write down what would end with it."""

    async def refresh(self) -> bool:
        """Count again what nobody was told of; tell whether that is another number than before."""

    def prepare(self, sighting: Sighting, *, asked: bool = False) -> None:
        """Begin to save, without waiting. A target that is kept after all has lost nothing."""

    def is_prepared(self, target_id: str) -> bool:
        """Tell whether `prepare` was called and not released."""

    def release(self, target_id: str) -> None:
        """It is kept, or gone."""

    def gone(self, sighting: Sighting) -> None:
        """It is not there any more, whoever ended it."""

    def rearm(self, target_id: str) -> None:
        """Its shutdown is put off: `prepare` is to be called again."""

    def take_report(self, report: SaveReport) -> None:
        """A page says what became of a document."""

    def unsaved(self, target_id: str) -> str | None:
        """Name the documents that could not be saved and why, in one sentence; None if there are none."""

    async def settle(self, sighting: Sighting) -> None:
        """Wait, within seconds, for what `prepare` began."""

    async def land(self, draft: Stopped, sighting: Sighting, *, wait: bool, greet: bool) -> Stopped:
        """Finish saving, and remember the shutdown. `wait`: give pages seconds to save; without `greet` it is
        remembered only where there is something that the person who asked for it doesn't know."""

    async def undo(self, stopped: Stopped) -> None:
        """It was not shut down after all."""

    async def stopped(self) -> tuple[Stopped, ...]:
        """The shutdowns nobody has been told of yet, the newest first."""

    async def dismiss(self, ids: tuple[str, ...]) -> None:
        """A person has read about these. Raises OSError if that can't be remembered."""

    def problems(self) -> tuple[Problem, ...]:
        """What does not work now."""


class NoParachute:
    """Saves nothing and remembers nothing."""

    unseen = 0

    async def start(self) -> None:
        """Nothing was left."""

    async def close(self) -> None:
        """Nothing to write down."""

    async def refresh(self) -> bool:
        return False

    def prepare(self, sighting: Sighting, *, asked: bool = False) -> None:
        """Nothing to save."""

    def is_prepared(self, target_id: str) -> bool:
        return True

    def release(self, target_id: str) -> None:
        """Nothing was begun."""

    def gone(self, sighting: Sighting) -> None:
        """Nothing was kept of it."""

    def rearm(self, target_id: str) -> None:
        """Nothing was begun."""

    def take_report(self, report: SaveReport) -> None:
        """Nobody asked."""

    def unsaved(self, target_id: str) -> str | None:
        return None

    async def settle(self, sighting: Sighting) -> None:
        """Nothing was begun."""

    async def land(self, draft: Stopped, sighting: Sighting, *, wait: bool, greet: bool) -> Stopped:
        return draft

    async def undo(self, stopped: Stopped) -> None:
        """Nothing was remembered."""

    async def stopped(self) -> tuple[Stopped, ...]:
        return ()

    async def dismiss(self, ids: tuple[str, ...]) -> None:
        """Nothing to dismiss."""

    def problems(self) -> tuple[Problem, ...]:
        return ()
