"""Shapes that belong to no feature."""

from __future__ import annotations

from typing import Any, Literal

from ..model import Model
from ..platforms.model import Conflict, Platform

__all__ = ["API_VERSION", "About", "Feature", "ProblemBody"]

API_VERSION: Literal[1] = 1
"""Raised when a name of the wire contract is taken away or changes its meaning."""


class Feature(Model, frozen=True, kw_only=True):
    """Whether a part of the product can be used here, and if not, why not (a code)."""

    available: bool
    why_not: str | None = None


class About(Model, frozen=True, kw_only=True):
    """What the panel asks first: is it the same version, where are we, what works here, who else stops things here."""

    version: str
    api_version: Literal[1]
    platform: Platform
    features: dict[str, Feature]
    conflicts: tuple[Conflict, ...] = ()


class ProblemBody(Model, frozen=True, kw_only=True):
    """The body of every answer with a status from 400 up."""

    code: str
    message: str
    detail: dict[str, Any] = {}
