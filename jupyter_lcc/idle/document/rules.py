"""What a policy document says to one user on one machine at one time: pure, `at` is an argument.

A document that is wrong anywhere is refused as a whole: half a policy is another policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import msgspec.inspect

from ...durations import parse_duration
from ...model import MAX_SECONDS
from ..model import DurationField, Mode
from ..policy import DURATIONS, USER_FIELDS, ZERO_IS_NEVER, Bounds, PolicyInput
from .model import Day, Duration, Hours, PolicyDocument, Rule, Subject

__all__ = ["InvalidDocument", "apply", "holding", "matches", "parse", "stricter"]

MAX_BYTES = 256 * 1024

_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LOWEST: dict[DurationField, int] = {"warn_seconds": 1, "check_interval_seconds": 1}
_STRICTNESS: dict[Mode, int] = {"off": 0, "observe": 1, "enforce": 2}


class InvalidDocument(Exception):
    """What is wrong, each with its path and what is allowed there."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__(" ".join(self.errors))


# -- reading -------------------------------------------------------------------------------------------------


def parse(raw: bytes) -> PolicyDocument:
    """Read a document. Raises InvalidDocument with everything that is wrong with it, as far as it can be told."""
    if len(raw) > MAX_BYTES:
        raise InvalidDocument([f"The document is larger than {MAX_BYTES // 1024} KiB."])
    try:
        document = msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"), type=PolicyDocument)
    except msgspec.ValidationError as error:
        raise InvalidDocument([_explained(str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidDocument([f"It is not JSON: {error}."]) from None
    errors = list(_errors(document))
    if errors:
        raise InvalidDocument(errors)
    return document


def _explained(told: str) -> str:
    """Add to msgspec's words what would be allowed at that place."""
    words, _, path = told.partition(" - at ")
    path = path.strip("`") or "$"
    node = _type_at(path)
    allowed = ""
    unknown = re.search(r"unknown field `(.*)`", words)
    if unknown is not None and isinstance(node, msgspec.inspect.StructType):
        allowed = ", ".join(field.encode_name for field in node.fields)
    elif isinstance(node, msgspec.inspect.LiteralType):
        allowed = ", ".join(str(value) for value in node.values)
    elif isinstance(node, msgspec.inspect.UnionType):
        texts = [choice.values for choice in node.types if isinstance(choice, msgspec.inspect.LiteralType)]
        allowed = ", ".join(str(value) for values in texts for value in values)
    elif "regex" in words:
        words, allowed = "It is not a time of day", "00:00 to 24:00"
    where = path.removeprefix("$").lstrip(".")
    return f"{where or 'document'}: {words}" + (f" (allowed: {allowed})." if allowed else ".")


def _type_at(path: str) -> Any:
    node: Any = msgspec.inspect.type_info(PolicyDocument)
    for name in re.findall(r"\.([^.\[\]]+)|\[(?:\d+|\.\.\.)\]", path):
        while isinstance(node, msgspec.inspect.UnionType):
            inner = [choice for choice in node.types if not isinstance(choice, msgspec.inspect.NoneType)]
            found = [choice for choice in inner if isinstance(choice, _NESTED)]
            if not found:
                return node
            node = found[0]
        if isinstance(node, msgspec.inspect.Metadata):
            node = node.type
        if name and isinstance(node, msgspec.inspect.StructType):
            node = next((field.type for field in node.fields if field.encode_name == name), None)
        elif isinstance(node, msgspec.inspect.VarTupleType):
            node = node.item_type
        elif isinstance(node, msgspec.inspect.TupleType):
            node = node.item_types[0]
    while isinstance(node, msgspec.inspect.UnionType):
        found = [choice for choice in node.types if isinstance(choice, _NESTED)]
        if not found:
            break
        node = found[0]
    return node


_NESTED = (msgspec.inspect.StructType, msgspec.inspect.VarTupleType, msgspec.inspect.TupleType)


def _errors(document: PolicyDocument) -> Iterator[str]:
    if _zone(document.time_zone) is None:
        yield f"time_zone: {_no_zone(document.time_zone)}"
    names: set[str] = set()
    for number, rule in enumerate(document.rules):
        path = f"rules[{number}]"
        if rule.name in names:
            yield f"{path}.name: Another rule is named {rule.name!r}; each needs a name of its own."
        names.add(rule.name)
        yield from _errors_of(rule, path, document)


def _errors_of(rule: Rule, path: str, document: PolicyDocument) -> Iterator[str]:
    for field, value in _given(rule.values):
        seconds = _seconds(field, value)
        lowest = _LOWEST.get(field, 0)
        if isinstance(seconds, str):
            yield f"{path}.values.{field}: {seconds}"
        elif seconds < lowest:
            yield f"{path}.values.{field}: It must be at least {lowest} second."
    for field, pair in _given(rule.bounds):
        least = _seconds(field, pair[0])
        most = None if pair[1] is None else _seconds(field, pair[1])
        for place, bound in ((0, least), (1, most)):
            if isinstance(bound, str):
                yield f"{path}.bounds.{field}[{place}]: {bound}"
        if isinstance(least, int) and isinstance(most, int) and most < least:
            yield f"{path}.bounds.{field}: The most is below the least; write [least, most], most null for no bound."
    both = sorted(set(rule.locked) & set(rule.unlocked))
    if both:
        yield f"{path}.unlocked: {', '.join(both)} can't be locked and unlocked by one rule."
    for field in rule.unlocked:
        if field not in USER_FIELDS:
            yield f"{path}.unlocked: {field} is never a user's (allowed: {', '.join(sorted(USER_FIELDS))})."
    when = rule.when
    if when is None:
        return
    zone = when.hours.time_zone if when.hours is not None else None
    if zone is not None and _zone(zone) is None:
        yield f"{path}.when.hours.time_zone: {_no_zone(zone)}"
    if when.hours is not None and not when.hours.days:
        yield f"{path}.when.hours.days: Name at least one day (allowed: {', '.join(_DAYS)})."
    if when.until is not None and _end_of(when.until, _zone(document.time_zone) or timezone.utc) is None:
        yield (
            f"{path}.when.until: {when.until!r} is no day and no time with an offset (allowed: like 2026-12-31 or "
            "2026-12-31T18:00:00+09:00)."
        )


def _given(fields: msgspec.Struct) -> Iterator[tuple[DurationField, Any]]:
    for field in DURATIONS:
        value = getattr(fields, field, msgspec.UNSET)
        if value is not msgspec.UNSET:
            yield field, value


def _seconds(field: DurationField, value: Duration) -> int | str:
    """Give a duration in seconds, or what is wrong with it."""
    if isinstance(value, int):
        return value
    if value.strip().lower() == "never":
        return 0 if field in ZERO_IS_NEVER else '"never" means nothing here; write seconds, or like "45m" or "2h".'
    try:
        return parse_duration(value)
    except ValueError as error:
        return f'{error} (allowed: 0 to {MAX_SECONDS}, or like "45m" or "2h")'


def _zone(name: str) -> tzinfo | None:
    if name == "UTC":
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder of zones an OSError
        return None


def _no_zone(name: str) -> str:
    return (
        f"The time zone {name!r} is not known here (allowed: IANA names like Asia/Seoul; where the system brings none, "
        "as on Windows, install tzdata)."
    )


def _end_of(until: str, zone: tzinfo) -> datetime | None:
    """Give the time at which a rule ends; of a day, its last moment in the zone."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", until):
            day = date.fromisoformat(until) + timedelta(days=1)
            return datetime(day.year, day.month, day.day, tzinfo=zone)
        end = datetime.fromisoformat(until.replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        return None
    return end if end.tzinfo is not None else None


# -- applying ------------------------------------------------------------------------------------------------


def matches(rule: Rule, subject: Subject, at: datetime, zone: tzinfo = timezone.utc) -> bool:
    """Tell whether a rule holds. What can't be told (a GPU that can't be looked for) doesn't match."""
    when = rule.when
    if when is None:
        return True
    if when.users is not None and not _any(when.users, subject.users):
        return False
    machine = () if subject.instance_type is None else (subject.instance_type,)
    if when.instance_types is not None and not _any(when.instance_types, machine):
        return False
    if when.gpu is not None and when.gpu is not subject.gpu:
        return False
    if when.until is not None:
        end = _end_of(when.until, zone)
        if end is None or at >= end:
            return False
    return when.hours is None or _within(when.hours, at, zone)


def _any(patterns: Iterable[str], names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _within(hours: Hours, at: datetime, zone: tzinfo) -> bool:
    # UTC to the wall is never ambiguous, so daylight saving needs no more than this.
    local = at.astimezone(zone if hours.time_zone is None else _zone(hours.time_zone) or timezone.utc)
    minute, begins, ends = local.hour * 60 + local.minute, _minutes(hours.begins), _minutes(hours.ends)
    today, yesterday = _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
    if begins < ends:
        return today in hours.days and begins <= minute < ends
    return (today in hours.days and minute >= begins) or (yesterday in hours.days and minute < ends)


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def holding(document: PolicyDocument, subject: Subject, at: datetime) -> tuple[str, ...]:
    """Name the rules that hold, in their order."""
    zone = _zone(document.time_zone) or timezone.utc
    return tuple(rule.name for rule in document.rules if matches(rule, subject, at, zone))


def apply(document: PolicyDocument, subject: Subject, at: datetime, given: PolicyInput) -> PolicyInput:
    """Lay a document's matching rules over what is configured, field by field, the later rule over the earlier."""
    zone = _zone(document.time_zone) or timezone.utc
    mode, mode_source, mode_rule = given.mode, given.mode_source, given.mode_rule
    values, rules, bounds, locked = dict(given.values), dict(given.rules), dict(given.bounds), set(given.locked)
    for rule in document.rules:
        if not matches(rule, subject, at, zone):
            continue
        if rule.mode is not None:
            mode, mode_source, mode_rule = rule.mode, "admin", rule.name
        for field, value in _given(rule.values):
            values[field], rules[field] = _whole(field, value), rule.name
        for field, (least, most) in _given(rule.bounds):
            bounds[field] = Bounds(min=_whole(field, least), max=None if most is None else _whole(field, most))
        locked = (locked | set(rule.locked)) - set(rule.unlocked)
    return PolicyInput(
        mode=mode,
        mode_source=mode_source,
        mode_rule=mode_rule,
        values=values,
        rules=rules,
        bounds=bounds,
        locked=frozenset(locked),
    )


def _whole(field: DurationField, value: Duration) -> int:
    seconds = _seconds(field, value)
    if isinstance(seconds, str):
        raise InvalidDocument([f"{field}: {seconds}"])
    return seconds


def stricter(below: PolicyInput, copy: PolicyInput) -> PolicyInput:
    """Take from a copy only what is stricter than what lies below it.

    The copy lies in a folder its user can write, so it may bind more, and never less, than what holds without it.
    """
    values, rules, bounds = dict(below.values), dict(below.rules), dict(below.bounds)
    for field, value in copy.values.items():
        name: DurationField = field  # type: ignore[assignment]
        present = below.values.get(name, DURATIONS[name])
        if field in copy.rules and _shorter(name, value, present):
            values[field], rules[field] = value, copy.rules[field]
    for field, bound in copy.bounds.items():
        present_bound = below.bounds.get(field)
        most = [b.max for b in (bound, present_bound) if b is not None and b.max is not None]
        if not most or (field == "warn_seconds" and present_bound is None):
            continue  # without bounds of its own, a warning is held by the other limits
        least = min(b.min for b in (bound, present_bound) if b is not None)
        bounds[field] = Bounds(min=min([least, *most]), max=min(most))
    enforced = _STRICTNESS[copy.mode] > _STRICTNESS[below.mode]
    return PolicyInput(
        mode=copy.mode if enforced else below.mode,
        mode_source=copy.mode_source if enforced else below.mode_source,
        mode_rule=copy.mode_rule if enforced else below.mode_rule,
        values=values,
        rules=rules,
        bounds=bounds,
        locked=below.locked | copy.locked,
    )


def _shorter(field: DurationField, value: int, than: int) -> bool:
    if field in ZERO_IS_NEVER:
        return value != 0 and (than == 0 or value < than)
    return value < than
