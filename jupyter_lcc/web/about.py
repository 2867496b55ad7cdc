"""The two routes that belong to no feature: `about` and `openapi.json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ..platforms.model import Conflict
from .model import About
from .openapi import describe
from .routes import Route

__all__ = ["ROUTES", "Desk"]


class Desk:
    """Knows what to answer to `about` and `openapi.json`; the latter is made when first asked for."""

    def __init__(
        self,
        about: About,
        routes: Sequence[Route],
        version: str,
        conflicts: Callable[[], tuple[Conflict, ...]] = tuple,
    ) -> None:
        self._about = about
        self._conflicts = conflicts
        self._routes = routes
        self._version = version
        self._document: dict[str, Any] | None = None

    def about(self) -> About:
        """Tell the version, the platform and the features, and who else stops things here now."""
        return msgspec.structs.replace(self._about, conflicts=self._conflicts())

    def know_instance_type(self, instance_type: str) -> None:
        """The machine's type, which only now is known."""
        platform = msgspec.structs.replace(self._about.platform, instance_type=instance_type)
        self._about = msgspec.structs.replace(self._about, platform=platform)

    def document(self) -> dict[str, Any]:
        """Describe every route of the server."""
        if self._document is None:
            self._document = describe(self._routes, self._version)
        return self._document


async def get_about(desk: Desk) -> About:
    return desk.about()


async def get_openapi(desk: Desk) -> dict[str, Any]:
    return desk.document()


ROUTES: tuple[Route, ...] = (
    Route("GET", "about", "get_about", "Version, platform and features.", "read", Desk, get_about, About),
    Route("GET", "openapi.json", "get_openapi", "This document.", "read", Desk, get_openapi, dict),
)
