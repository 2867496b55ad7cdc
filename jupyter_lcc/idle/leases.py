"""The leases in force: bounded, named promises to keep a target. Pure bookkeeping on the steady clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec

from ..errors import Forbidden, NotFound
from ..model import Model
from .model import CreateLease, Lease

__all__ = ["INSTANCE", "HeldLease", "LeaseBook"]

INSTANCE = "instance"
"""The machine's target id. A lease on it covers everything that runs there."""


class HeldLease(Model, frozen=True, kw_only=True):
    """A lease and, where it is bound to a process, that process's start, so a reused pid doesn't prolong it."""

    lease: Lease
    process_started: int | None = None


class LeaseBook:
    """Who keeps what. Of two leases a target has on the same grounds, the one that ends later stays."""

    def __init__(self) -> None:
        self._held: dict[str, HeldLease] = {}

    def grant(self, wish: CreateLease, *, longest_seconds: int, now: datetime, process_started: int | None) -> Lease:
        """Grant a wish, clipped to what the policy allows."""
        if longest_seconds == 0:
            raise Forbidden("The administrator does not allow to keep anything.", max_lease_seconds=0)
        seconds = min(wish.seconds, longest_seconds)
        lease = Lease(
            id=str(uuid4()),
            target_id=wish.target_id,
            granted_seconds=seconds,
            granted_at=now,
            expires_at=now + timedelta(seconds=seconds),
            note=wish.note or None,
            pid=wish.pid,
            clipped_by="max_lease_seconds" if seconds < wish.seconds else None,
        )
        for before in self._of(wish.target_id):
            # One without a process can't end early, so it makes up for any shorter one.
            if before.expires_at > lease.expires_at and before.pid in (None, lease.pid):
                return before
            if before.expires_at <= lease.expires_at and lease.pid in (None, before.pid):
                del self._held[before.id]
        self._held[lease.id] = HeldLease(lease=lease, process_started=process_started)
        return lease

    def end(self, lease_id: str) -> Lease:
        """Give a lease back before its time."""
        held = self._held.pop(lease_id, None)
        if held is None:
            raise NotFound("There is no such lease; it may have ended.", lease_id=lease_id)
        return held.lease

    def ended(self, now: datetime, started: Callable[[int], int | None]) -> list[Lease]:
        """Take out and give the leases that are over: by time, or with their process."""
        over = [
            held.lease
            for held in self._held.values()
            if held.lease.expires_at <= now
            or (held.lease.pid is not None and started(held.lease.pid) != held.process_started)
        ]
        for lease in over:
            del self._held[lease.id]
        return over

    def drop_target(self, target_id: str) -> None:
        """The target is gone, and its lease with it."""
        for lease in self._of(target_id):
            del self._held[lease.id]

    def of(self, target_id: str) -> Lease | None:
        """Give the target's own lease, the one that ends last."""
        return max(self._of(target_id), key=lambda lease: lease.expires_at, default=None)

    def covering(self, target_id: str) -> Lease | None:
        """Give the lease that keeps a target longest: its own or the machine's."""
        if not self._held:
            return None
        leases = [lease for lease in (self.of(target_id), self.of(INSTANCE)) if lease is not None]
        return max(leases, key=lambda lease: lease.expires_at, default=None)

    def all(self) -> tuple[Lease, ...]:
        """Give every lease, the one that ends first first."""
        return tuple(sorted((held.lease for held in self._held.values()), key=lambda lease: lease.expires_at))

    def held(self) -> tuple[HeldLease, ...]:
        """Give what must be saved."""
        return tuple(self._held.values())

    def restore(self, saved: Iterable[HeldLease], *, longest_seconds: int, now: datetime) -> None:
        """Take saved leases back, never for longer than the policy allows from now, whatever the file says."""
        for held in saved:
            latest = now + timedelta(seconds=min(longest_seconds, max(held.lease.granted_seconds, 0)))
            lease = held.lease
            if lease.expires_at > latest:
                lease = msgspec.structs.replace(lease, expires_at=latest, clipped_by="max_lease_seconds")
            if lease.expires_at > now:
                self._held[lease.id] = HeldLease(lease=lease, process_started=held.process_started)

    def clip(self, *, longest_seconds: int, now: datetime) -> None:
        """Shorten what was granted under a policy that allowed more; nothing goes on for longer than this from now."""
        latest = now + timedelta(seconds=longest_seconds)
        for held in list(self._held.values()):
            if held.lease.expires_at > latest:
                lease = msgspec.structs.replace(held.lease, expires_at=latest, clipped_by="max_lease_seconds")
                self._held[lease.id] = HeldLease(lease=lease, process_started=held.process_started)

    def nearest_end(self) -> datetime | None:
        """When the first lease ends by time."""
        return min((held.lease.expires_at for held in self._held.values()), default=None)

    def _of(self, target_id: str) -> list[Lease]:
        return [held.lease for held in self._held.values() if held.lease.target_id == target_id]

    def watches_processes(self) -> bool:
        """Tell whether some lease is bound to a process."""
        return any(held.lease.pid is not None for held in self._held.values())
