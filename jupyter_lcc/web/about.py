"""The two routes that belong to no feature: `about` and `openapi.json`."""

from __future__ import annotations

from typing import Any

from ..model import Model
from .model import About
from .routes import Route

__all__ = ["ROUTES", "Desk"]


class Desk:
    """Knows what to answer to `about` and `openapi.json`."""

    def __init__(self, about: About, document: dict[str, Any]) -> None:
        self.about = about
        self.document = document


async def get_about(desk: Desk) -> Model:
    return desk.about


async def get_openapi(desk: Desk) -> dict[str, Any]:
    return desk.document


ROUTES: tuple[Route, ...] = (
    Route("GET", "about", "get_about", "Version, platform and features.", "read", Desk, get_about, About),
    Route("GET", "openapi.json", "get_openapi", "This document.", "read", Desk, get_openapi, None),
)
