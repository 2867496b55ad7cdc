"""What `doctor` finds: one shape for every check, also the shape of `doctor --json`."""

from __future__ import annotations

from typing import Literal

from ..model import Model

__all__ = ["Check", "Report", "Result"]

Result = Literal["ok", "warn", "fail"]


class Check(Model, frozen=True, kw_only=True):
    """One thing looked at. `advice` says what to do about it, empty where there is nothing to do."""

    name: str
    result: Result
    message: str
    advice: str = ""


class Report(Model, frozen=True, kw_only=True):
    """All checks; `healthy` is false if one of them failed."""

    healthy: bool
    checks: tuple[Check, ...]
