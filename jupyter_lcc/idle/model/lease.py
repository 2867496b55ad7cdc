"""Asking to keep something, and telling that a person was there."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ...model import Model, Request
from .target import Lease, TargetId

__all__ = ["CreateLease", "LeaseList", "LeaseSeconds", "Note", "Pid", "Presence"]

Note = Annotated[str, msgspec.Meta(max_length=200)]

Pid = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]

LeaseSeconds = Annotated[int, msgspec.Meta(ge=1, le=366 * 24 * 3600)]


class CreateLease(Request, frozen=True, kw_only=True):
    """Ask to keep a target; longer than `max_lease_seconds` is granted shorter, and says so."""

    target_id: TargetId
    seconds: LeaseSeconds
    note: Note | None = None
    pid: Pid | None = None


class LeaseList(Model, frozen=True, kw_only=True):
    """The leases in force."""

    leases: tuple[Lease, ...]


class Presence(Request, frozen=True, kw_only=True):
    """A person just used these: real key, pointer or wheel events, at most once a minute a target."""

    target_ids: Annotated[tuple[TargetId, ...], msgspec.Meta(min_length=1, max_length=64)]
