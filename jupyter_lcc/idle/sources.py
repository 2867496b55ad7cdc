"""What the watch asks of those who see targets, and of those who see other use of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from datetime import datetime
from typing import Protocol

from .model import Evidence, Kind, Sighting
from .process_table import ProcessTable

__all__ = ["PARTS", "OtherUses", "TargetSource"]

PARTS: dict[Kind, str] = {"kernel": "kernels", "terminal": "terminals", "process": "jobs", "instance": "machine"}
"""What the part that looks at a kind is called, in the codes of problems."""


class TargetSource(Protocol):
    """An adapter to one kind of target."""

    kind: Kind

    def listen(self, on_change: Callable[[str], None]) -> None:
        """Call `on_change` with a target's id when something happens to it; from any thread."""

    def roster(self) -> frozenset[str]:
        """Name the targets there are, cheaply and without waiting."""

    async def observe(self, table: ProcessTable | None) -> Sequence[Sighting]:
        """See every target."""

    def look_again(self, target_id: str) -> Sighting | None:
        """See one target again without waiting; None if it is gone."""

    async def shut_down(self, target_id: str) -> None:
        """Shut one target down the ordinary way."""

    async def close(self) -> None:
        """Let go of everything."""


class OtherUses(Protocol):
    """Sees what uses the machine without being a target."""

    async def look(self, table: ProcessTable, taken: Set[int]) -> None:
        """Look at it all. `taken` are the first processes of targets."""

    def active_at(self) -> datetime | None:
        """When the machine was last used this way, on the steady clock; without waiting."""

    def evidence(self) -> tuple[Evidence, ...]:
        """Say what was seen."""
