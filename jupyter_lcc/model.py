"""The base of every shape that is stored or sent: frozen Structs, snake_case, UTC times."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

__all__ = ["MAX_SECONDS", "Model", "Request", "Seconds", "Sentence", "Timestamp", "sendable"]

MAX_SECONDS = 366 * 24 * 3600
"""The longest duration that can be asked for: a year. Keeps sums of dates far from overflow."""

Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]
"""An aware datetime; RFC 3339 with `Z` on the wire."""

Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS)]
"""A duration in whole seconds."""


def sendable(text: str) -> str:
    """Make a name that came from outside encodable: a file name needn't be UTF-8, JSON has to be."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A value that is stored or sent. Readers ignore fields they don't know, so fields may be added.

    Subclasses say `frozen=True, kw_only=True` again: msgspec inherits only the first, type checkers neither.
    """


class Sentence(Model, frozen=True, kw_only=True):
    """What an English sentence beside it says, for who says it in another language: a stable `code`, and in `detail`
    the words that go into it (names, numbers, what somebody else said)."""

    code: str
    detail: dict[str, str] = msgspec.field(default_factory=dict)


class Request(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body a client sends. An unknown field is a mistake worth telling, not something to ignore."""
