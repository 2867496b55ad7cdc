"""What is remembered of each target between two looks, and kept over a restart of the server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from ..model import Model
from .model import Sighting, State

__all__ = ["Record", "Records", "SavedRecord"]


class SavedRecord(Model, frozen=True, kw_only=True):
    """The part that survives a restart. A warning does not: nobody may have seen it."""

    active_at: datetime
    state: State
    state_since: datetime


class Record(msgspec.Struct):
    """One target: the latest sighting and what was learnt over time, on the steady clock.

    `put_off_at` is when its shutdown was put off because of `unsaved`: documents that could not be saved, and why.
    `would_be_gone_at` is when it would have been shut down, had this mode done so. `hook` is how the administrator's
    command before the machine's stop ended.
    """

    sighting: Sighting
    active_at: datetime | None
    state_since: datetime
    used_at: datetime | None = None
    warned_at: datetime | None = None
    put_off_at: datetime | None = None
    unsaved: str | None = None
    would_be_gone_at: datetime | None = None
    hook: str | None = None

    def use(self, now: datetime) -> None:
        """A person used it."""
        self.used_at = now
        self.active_at = max(now, self.active_at or now)

    def moment(self) -> datetime | None:
        """What its limit counts from; of the machine only what a person did to the machine itself."""
        if self.sighting.kind == "instance":
            return self.used_at
        return self.state_since if self.sighting.state == "working" else self.active_at


class Records:
    """All targets that are there now."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._saved: dict[str, SavedRecord] = {}

    def restore(self, saved: Mapping[str, SavedRecord]) -> None:
        """Keep what was saved for targets that turn up again."""
        self._saved = dict(saved)

    def take(self, sighting: Sighting, now: datetime) -> Record:
        """Merge a sighting: activity never goes back, and what works is active now."""
        record = self._records.get(sighting.id)
        if record is None:
            record = self._begin(sighting, now)
            self._records[sighting.id] = record
        elif record.sighting.state != sighting.state:
            record.state_since = sighting.since or now
        elif sighting.since is not None:
            record.state_since = sighting.since
        record.sighting = sighting
        times = [record.active_at, record.used_at, sighting.active_at]
        if sighting.state == "working":
            times.append(now)
        record.active_at = max((time for time in times if time is not None), default=None)
        return record

    def blind(self, target_id: str) -> None:
        """Its adapter failed: what it does is unknown until the adapter works again."""
        record = self._records[target_id]
        record.sighting = msgspec.structs.replace(record.sighting, state="unknown", evidence=())

    def get(self, target_id: str) -> Record | None:
        return self._records.get(target_id)

    def drop(self, target_id: str) -> None:
        self._records.pop(target_id, None)

    def all(self) -> list[Record]:
        """Give every record, kernels first, then terminals and jobs, each by name."""
        order = {"kernel": 0, "terminal": 1, "process": 2}
        return sorted(
            self._records.values(), key=lambda r: (order.get(r.sighting.kind, 3), r.sighting.name, r.sighting.id)
        )

    def _begin(self, sighting: Sighting, now: datetime) -> Record:
        saved = self._saved.pop(sighting.id, None)
        if saved is None:
            return Record(sighting, sighting.active_at, sighting.since or now)
        # A file from the future (a wall clock that was wrong, a curious hand) must not hold anything.
        since = min(saved.state_since, now) if saved.state == sighting.state else sighting.since or now
        return Record(sighting, min(saved.active_at, now), since)
