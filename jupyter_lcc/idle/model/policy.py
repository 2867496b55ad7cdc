"""The limits in force, and a user's own choice among them."""

from __future__ import annotations

from typing import Literal

import msgspec

from ...model import Model, Request, Seconds
from .target import Mode, Source

__all__ = ["ChangePolicy", "DurationField", "DurationSetting", "ModeSetting", "Policy", "Wish"]

DurationField = Literal[
    "kernel_timeout_seconds",
    "terminal_timeout_seconds",
    "instance_timeout_seconds",
    "waiting_timeout_seconds",
    "warn_seconds",
    "check_interval_seconds",
    "max_lease_seconds",
    "max_busy_seconds",
]
"""A limit that is a duration."""


class DurationSetting(Model, frozen=True, kw_only=True):
    """A limit in seconds with where it comes from and what a user may set; `max` null is no upper bound.

    For the timeouts, 0 means never; a user may choose it only where `max` is null. `rule` names the rule of the
    policy document that the value comes from.
    """

    value: int
    source: Source
    min: int
    max: int | None
    locked: bool
    rule: str | None = None


class ModeSetting(Model, frozen=True, kw_only=True):
    """What the monitor does with its verdicts."""

    value: Mode
    source: Source
    locked: bool
    rule: str | None = None


class Policy(Model, frozen=True, kw_only=True):
    """Every value in force, each with its source and bounds."""

    mode: ModeSetting
    kernel_timeout_seconds: DurationSetting
    terminal_timeout_seconds: DurationSetting
    instance_timeout_seconds: DurationSetting
    waiting_timeout_seconds: DurationSetting
    warn_seconds: DurationSetting
    check_interval_seconds: DurationSetting
    max_lease_seconds: DurationSetting
    max_busy_seconds: DurationSetting


Wish = Seconds | msgspec.UnsetType | None
"""A new value, null for the administrator's or the default one, or not mentioned."""


class ChangePolicy(Request, frozen=True, kw_only=True):
    """A user's own choice; null gives a field back to the administrator's or the default value."""

    kernel_timeout_seconds: Wish = msgspec.UNSET
    terminal_timeout_seconds: Wish = msgspec.UNSET
    instance_timeout_seconds: Wish = msgspec.UNSET
    waiting_timeout_seconds: Wish = msgspec.UNSET
    warn_seconds: Wish = msgspec.UNSET
    check_interval_seconds: Wish = msgspec.UNSET
    max_lease_seconds: Wish = msgspec.UNSET
    max_busy_seconds: Wish = msgspec.UNSET
    mode: Mode | msgspec.UnsetType | None = msgspec.UNSET
