"""Which limits are in force, where each comes from, and what a user may choose: pure.

Layers, the later one wins: default < config < policy document < user's choice. A user's choice counts only inside
the bounds; one that is outside (the administrator narrowed them, or the file was edited) is not used at all.
"""

from __future__ import annotations

import msgspec

from ..errors import Invalid, Locked, OutOfBounds
from ..model import MAX_SECONDS, Model
from .decide import Limit, Limits
from .model import ChangePolicy, DurationField, DurationSetting, Kind, Mode, ModeSetting, Policy, Source

__all__ = [
    "DURATIONS",
    "USER_FIELDS",
    "ZERO_IS_NEVER",
    "Bounds",
    "Choices",
    "PolicyInput",
    "change",
    "describe",
    "limits_for",
    "resolve",
]

DURATIONS: dict[DurationField, int] = {
    "kernel_timeout_seconds": 3600,
    "terminal_timeout_seconds": 3600,
    "instance_timeout_seconds": 7200,
    "waiting_timeout_seconds": 14400,
    "warn_seconds": 300,
    "check_interval_seconds": 60,
    "max_lease_seconds": 28800,
    "max_busy_seconds": 0,
}
"""Every duration with its default."""

USER_FIELDS: frozenset[DurationField] = frozenset(
    (
        "kernel_timeout_seconds",
        "terminal_timeout_seconds",
        "instance_timeout_seconds",
        "waiting_timeout_seconds",
        "warn_seconds",
    )
)
"""What a user may choose unless the administrator locks it. The rest bounds the user, so it is not the user's."""

ZERO_IS_NEVER: frozenset[DurationField] = frozenset(
    (
        "kernel_timeout_seconds",
        "terminal_timeout_seconds",
        "instance_timeout_seconds",
        "waiting_timeout_seconds",
        "max_busy_seconds",
    )
)

_LOWEST: dict[DurationField, int] = {
    "kernel_timeout_seconds": 60,
    "terminal_timeout_seconds": 60,
    "instance_timeout_seconds": 60,
    "waiting_timeout_seconds": 60,
    "warn_seconds": 10,
}
"""Shorter than this is a slip of the finger, not a user's choice. An administrator's config may go below."""


class Bounds(Model, frozen=True, kw_only=True):
    """What a user may choose for one field; `max` None is no upper bound."""

    min: int
    max: int | None


class Choices(Model, frozen=True, kw_only=True):
    """A user's own values, as stored. Unknown names in the file are ignored."""

    values: dict[str, int] = {}


class PolicyInput(Model, frozen=True, kw_only=True):
    """What the administrator configured: only values that were really set, bounds and locks.

    `rules` names, for each value that comes from the policy document, the rule that gave it; `mode_rule` likewise.
    """

    mode: Mode
    mode_source: Source
    mode_rule: str | None = None
    values: dict[str, int] = {}
    rules: dict[str, str] = {}
    bounds: dict[str, Bounds] = {}
    locked: frozenset[str] = frozenset()


def resolve(given: PolicyInput, choices: Choices) -> Policy:
    """Give every value in force with its source, bounds and lock."""
    settings: dict[str, DurationSetting] = {}
    for field, default in DURATIONS.items():
        rule = given.rules.get(field)
        source: Source = "admin" if rule is not None else "config" if field in given.values else "default"
        value = given.values.get(field, default)
        bounds = _bounds_of(field, given)
        locked = field in given.locked or field not in USER_FIELDS
        chosen = choices.values.get(field)
        if chosen is not None and not locked and _is_inside(field, chosen, bounds):
            source, value, rule = "user", chosen, None
        settings[field] = DurationSetting(
            value=value, source=source, min=bounds.min, max=bounds.max, locked=locked, rule=rule
        )
    mode = ModeSetting(value=given.mode, source=given.mode_source, locked=True, rule=given.mode_rule)
    return Policy(mode=mode, **settings)


def change(wanted: ChangePolicy, given: PolicyInput, choices: Choices) -> Choices:
    """Add a user's wishes to the choices; all of them or, with an error, none.

    Raises Locked for a field only an administrator may set, OutOfBounds with the bounds in its detail.
    """
    values = dict(choices.values)
    asked = [(name, getattr(wanted, name)) for name in wanted.__struct_fields__]
    asked = [(name, value) for name, value in asked if value is not msgspec.UNSET]
    if not asked:
        raise Invalid("Name at least one setting.", known_fields=sorted(USER_FIELDS))
    for name, value in asked:
        field = next((field for field in USER_FIELDS if field == name), None)
        if field is None or name in given.locked:
            raise Locked(f"`{name}` is set by the administrator.", field=name)
        if value is None:
            values.pop(name, None)
            continue
        bounds = _bounds_of(field, given)
        if not _is_inside(field, value, bounds):
            raise OutOfBounds(
                f"`{name}` must be {_in_words(field, bounds)}.",
                field=name,
                value=value,
                min=bounds.min,
                max=bounds.max,
                never_allowed=field in ZERO_IS_NEVER and bounds.max is None,
            )
        values[name] = value
    return Choices(values=values)


def limits_for(kind: Kind, kernelspec_seconds: int | None, policy: Policy, *, stoppable: bool = True) -> Limits:
    """Give the limits of one target. A kernelspec's own limit is kept inside the administrator's bounds."""
    idle = {
        "kernel": policy.kernel_timeout_seconds,
        "terminal": policy.terminal_timeout_seconds,
        "process": policy.terminal_timeout_seconds,
        "instance": policy.instance_timeout_seconds,
    }[kind]
    limit = _limit(idle)
    if kernelspec_seconds is not None:
        limit = _limit_of_kernelspec(kernelspec_seconds, idle)
    return Limits(
        mode=policy.mode.value,
        idle=limit,
        waiting=_limit(policy.waiting_timeout_seconds),
        busy=_limit(policy.max_busy_seconds),
        warn_seconds=policy.warn_seconds.value,
        stoppable=stoppable,
    )


def describe(policy: Policy) -> dict[str, str]:
    """Give each field as "value (source)", for the decision log; with the rule where a document's gave it."""
    return {
        name: f"{setting.value} ({setting.source}{'' if setting.rule is None else ': ' + setting.rule})"
        for name in policy.__struct_fields__
        for setting in [getattr(policy, name)]
    }


def _limit(setting: DurationSetting) -> Limit:
    return Limit(seconds=setting.value or None, source=setting.source, rule=setting.rule)


def _limit_of_kernelspec(seconds: int, idle: DurationSetting) -> Limit:
    # A user can write a kernelspec, so a longer limit or "never" (0 or less, as Jupyter's own culling reads
    # it) is taken only as far as a user may choose it.
    longest = idle.value if idle.locked else idle.max
    if seconds <= 0:
        return Limit(seconds=longest or None, source="kernelspec")
    return Limit(seconds=min(seconds, longest) if longest else seconds, source="kernelspec")


def _bounds_of(field: DurationField, given: PolicyInput) -> Bounds:
    bounds = given.bounds.get(field)
    if bounds is not None:
        return bounds
    longest = _longest_warning(given) if field == "warn_seconds" else None
    return Bounds(min=min(_LOWEST.get(field, 0), longest or MAX_SECONDS), max=longest)


def _longest_warning(given: PolicyInput) -> int | None:
    """A full warning is always given, so a longer one than a limit that binds the user would move that limit."""
    binding: list[int] = []
    for field in USER_FIELDS - {"warn_seconds"}:
        bounds = given.bounds.get(field)
        if field in given.locked:
            binding.append(given.values.get(field, DURATIONS[field]))
        elif bounds is not None:
            binding.append(bounds.max or 0)
    binding = [seconds for seconds in binding if seconds > 0]
    return max(min(binding), given.values.get("warn_seconds", DURATIONS["warn_seconds"])) if binding else None


def _is_inside(field: DurationField, value: int, bounds: Bounds) -> bool:
    if value == 0 and field in ZERO_IS_NEVER:
        return bounds.max is None
    return bounds.min <= value <= (MAX_SECONDS if bounds.max is None else bounds.max)


def _in_words(field: DurationField, bounds: Bounds) -> str:
    if bounds.max is None:
        never = ", or 0 for never" if field in ZERO_IS_NEVER else ""
        return f"at least {bounds.min} seconds{never}"
    return f"from {bounds.min} to {bounds.max} seconds"
