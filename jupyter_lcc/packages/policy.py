"""What becomes of a list by itself, at server start and every so often. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from .model import ListSettings, ListState, SourcePlace, SyncMode

__all__ = ["is_required", "mode_of", "what_is_due"]


def is_required(name: str, place: SourcePlace, settings: ListSettings) -> bool:
    """Tell whether every machine has this list. Only the administrator's sources can require anything."""
    return place.configured and _named(name, settings.required)


def mode_of(place: SourcePlace, settings: ListSettings) -> SyncMode:
    """Tell what happens by itself to the lists of a source."""
    return place.mode if place.mode is not None else settings.mode


def what_is_due(state: ListState) -> Literal["sync", "tell", "nothing"]:
    """Say what to do now. What was never made equal to a list is somebody's own and isn't changed unasked."""
    if state.mode == "off" or state.status in ("in_sync", "syncing", "unreachable"):
        return "nothing"
    if state.status in ("refused", "invalid"):
        return "tell"
    if state.status == "not_installed":
        return "sync" if state.required else "nothing"
    if state.mode == "apply" and state.synced_revision is not None:
        return "sync"
    return "tell"


def _named(name: str, entries: Sequence[str]) -> bool:
    return any(name.startswith(entry[:-1]) if entry.endswith("*") else name == entry for entry in entries)
