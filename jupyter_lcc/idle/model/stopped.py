"""What was shut down, for who comes back: the documents and what was in memory."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ...model import Model, Request, Sentence, Timestamp
from .target import Kind, Reason, Source, TargetId

__all__ = ["DismissStopped", "Manifest", "SaveReport", "Stopped", "StoppedDocument", "StoppedList", "Variable"]


class Variable(Model, frozen=True, kw_only=True):
    """A variable a kernel held. `size_bytes` null where it can't be told quickly; `summary` e.g. "1000000 x 12"."""

    name: str
    type: str
    size_bytes: int | None = None
    summary: str | None = None


class Manifest(Model, frozen=True, kw_only=True):
    """What was in a kernel's memory, the largest first. Not complete where it took too long; `why_not` says why,
    `why_not_sentence` the same by a code."""

    variables: tuple[Variable, ...]
    complete: bool
    why_not: str | None = None
    why_not_sentence: Sentence | None = None


class StoppedDocument(Model, frozen=True, kw_only=True):
    """A notebook, console or file whose kernel was shut down, and what became of it.

    `saved`: an open page saved it; `unchanged`: a page had it open and there was nothing to save; `failed`: it
    could not be saved, `message` says why, `message_sentence` the same by a code; `no_page`: no page had it open, so
    there was nothing unsaved. `output_path` names where output is that arrived while no page was open.
    """

    path: str
    type: str
    result: Literal["saved", "unchanged", "failed", "no_page"]
    message: str | None = None
    message_sentence: Sentence | None = None
    output_path: str | None = None


class Stopped(Model, frozen=True, kw_only=True):
    """One shutdown, for the card that greets a person who comes back."""

    id: str
    target_id: TargetId
    kind: Kind
    name: str
    stopped_at: Timestamp
    reason: Reason
    idle_seconds: int | None
    limit_seconds: int | None
    limit_source: Source | None
    limit_rule: str | None = None
    kernel_name: str | None = None
    documents: tuple[StoppedDocument, ...] = ()
    manifest: Manifest | None = None


class StoppedList(Model, frozen=True, kw_only=True):
    """The shutdowns nobody has been told of yet, the newest first."""

    stopped: tuple[Stopped, ...]


class DismissStopped(Request, frozen=True, kw_only=True):
    """A person has read about these."""

    ids: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=64)], ...], msgspec.Meta(min_length=1, max_length=1000)]


class SaveReport(Request, frozen=True, kw_only=True):
    """A page says what became of an open document of a target that is about to be shut down."""

    target_id: TargetId
    path: Annotated[str, msgspec.Meta(max_length=4096)]
    result: Literal["saved", "unchanged", "failed"]
    message: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
