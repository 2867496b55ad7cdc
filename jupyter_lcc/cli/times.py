"""Durations and times as people write and read them. Pure: `now` is an argument; people get their local time."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from ..durations import parse_duration

__all__ = ["parse_duration", "parse_moment", "say_duration", "say_moment", "say_roughly"]

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def parse_moment(text: str, now: datetime) -> datetime:
    """Read `2026-11-20T18:40`, `18:40` (the last time it was so late) or `20 min ago`; `now` is aware.

    A time without an offset is local. Raises ValueError for anything else and for what is yet to come.
    """
    words = text.strip()
    if words.lower().endswith(" ago"):
        return now - timedelta(seconds=parse_duration(words[:-4]))
    moment = _on_the_clock(words, now) or _on_the_calendar(words)
    if moment is None:
        raise ValueError(f"{text!r} is not a time; write for example 18:40, 2026-11-20T18:40 or '20 min ago'.")
    if moment > now:
        raise ValueError(f"{text!r} is yet to come.")
    return moment


def say_duration(seconds: int) -> str:
    """Write a duration exactly: `1 h 30 min`, `45 s`."""
    pieces = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            pieces.append(f"{count} {unit}")
    return " ".join(pieces) or "0 s"


def say_roughly(seconds: int) -> str:
    """Write how long something has lasted in its largest unit that is useful: `42 min`, `3 h 5 min`, `2 d 3 h`."""
    if seconds < 60:
        return f"{seconds} s"
    step = 60 if seconds < 86400 else 3600
    return say_duration(seconds - seconds % step)


def say_moment(moment: datetime, now: datetime, *, seconds: bool = False) -> str:
    """Write a time as the local clock shows it, with the day if it isn't today."""
    local, today = moment.astimezone(now.tzinfo), now.date()
    clock = local.strftime("%H:%M:%S" if seconds else "%H:%M")
    if local.date() == today:
        return clock
    if abs(local.date() - today) < timedelta(days=7):
        return f"{local:%a} {clock}"
    return f"{local:%Y-%m-%d} {clock}"


def _on_the_clock(words: str, now: datetime) -> datetime | None:
    found = _CLOCK.fullmatch(words)
    if found is None:
        return None
    try:
        clock = time(int(found[1]), int(found[2]), int(found[3] or 0))
    except ValueError:
        return None
    for day in (now.date(), now.date() - timedelta(days=1)):
        moment = _local(datetime.combine(day, clock), now)
        if moment <= now:
            return moment
    return None


def _on_the_calendar(words: str) -> datetime | None:
    if ":" not in words:
        return None  # a day alone is 24 hours
    try:
        moment = datetime.fromisoformat(words.replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.astimezone()


def _local(naive: datetime, now: datetime) -> datetime:
    # `now` in the machine's zone carries a fixed offset; on the day of a change of clocks the machine knows better.
    return naive.astimezone() if now.utcoffset() == now.astimezone().utcoffset() else naive.replace(tzinfo=now.tzinfo)
