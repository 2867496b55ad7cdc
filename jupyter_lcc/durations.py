"""Durations as people write them, in options, code and documents."""

from __future__ import annotations

import re

from .model import MAX_SECONDS

__all__ = ["parse_duration"]

_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
}
_PIECE = re.compile(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]+)\s*")


def parse_duration(text: str) -> int:
    """Read `90m`, `2h`, `1h30m`, `45 s`; whole seconds. Raises ValueError with what is allowed.

    A number without a unit is refused: to one reader it is seconds, to another minutes.
    """
    rest, seconds = text.strip().lower(), 0.0
    if not rest:
        raise ValueError("A duration is missing; write for example 90m, 2h or 1h30m.")
    while rest:
        piece = _PIECE.match(rest)
        if piece is None or piece[2] not in _UNITS:
            raise ValueError(f"{text!r} is not a duration; write for example 45s, 90m, 2h or 1h30m.")
        seconds += float(piece[1]) * _UNITS[piece[2]]
        rest = rest[piece.end() :]
    whole = round(seconds)
    if whole > MAX_SECONDS:
        raise ValueError(f"{text!r} is more than a year.")
    return whole
