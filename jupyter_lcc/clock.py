"""Time that a wall clock can't bend.

Decisions are made on a *steady* clock: UTC at the start of the server plus the monotonic time since. A step
of the wall clock (NTP, a person, daylight saving done wrong) does not move it, and a suspended machine's
sleep does not count, so nobody's countdown runs out while the lid is closed. At the edge, steady times are
turned into the wall's UTC, because that is what people read.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, timezone
from typing import Protocol

__all__ = ["Clock", "StampReader", "SystemClock", "parse_utc", "to_wall"]


class Clock(Protocol):
    """Tell the steady and the wall's time, both as aware UTC datetimes."""

    def now(self) -> datetime:
        """The steady time."""

    def wall(self) -> datetime:
        """The wall clock's time."""

    def slept(self) -> timedelta:
        """For how long the machine has slept so far, as far as the system tells."""


class SystemClock:
    """The real one."""

    def __init__(self) -> None:
        self._wall_at_start = datetime.now(timezone.utc)
        self._monotonic_at_start = time.monotonic()

    def now(self) -> datetime:
        """The steady time: the start plus what `time.monotonic` has counted since."""
        return self._wall_at_start + timedelta(seconds=time.monotonic() - self._monotonic_at_start)

    def wall(self) -> datetime:
        """The wall clock's time."""
        return datetime.now(timezone.utc)

    def slept(self) -> timedelta:
        """What Linux's boot time has counted and its monotonic time has not; nothing elsewhere."""
        if sys.platform != "linux":
            return timedelta(0)
        return timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic())


class StampReader:
    """Turn wall-clock stamps of somebody else (a kernel's `last_activity`) into steady times.

    A stamp that did not change keeps its steady time, whatever the wall clock does meanwhile. One that
    changed lies between the previous look and now. Only at the first look must the wall be believed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[datetime, datetime, datetime]] = {}

    def read(self, key: str, stamp: datetime) -> datetime:
        """Give the steady time of `stamp`, the latest one known for `key`."""
        now = self._clock.now()
        age = max(self._clock.wall() - stamp, timedelta(0))
        before = self._seen.get(key)
        if before is None:
            steady = now - age
        elif before[0] == stamp:
            steady = before[1]
        else:
            steady = max(now - age, before[2], before[1])
        self._seen[key] = (stamp, steady, now)
        return steady

    def keep_only(self, keys: set[str]) -> None:
        """Forget what is gone."""
        for key in self._seen.keys() - keys:
            del self._seen[key]


def parse_utc(text: str) -> datetime:
    """Read an RFC 3339 time; one without an offset is taken as UTC, as Jupyter writes it."""
    stamp = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=timezone.utc)


def to_wall(clock: Clock, steady: datetime) -> datetime:
    """Turn a steady time into the wall's, for people; small drift is left out so that times don't flicker."""
    drift = clock.wall() - clock.now()
    return steady if abs(drift) < timedelta(seconds=2) else steady + drift
