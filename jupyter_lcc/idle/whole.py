"""The machine as the sum of what runs on it, and of what uses it without being a target."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from .judge import Judge
from .model import Evidence
from .sources import OtherUses
from .views import instance_sighting

__all__ = ["Whole"]


class Whole:
    """Keeps the machine's own record up to date; the judge rules on it like on any other."""

    def __init__(
        self, judge: Judge, others: OtherUses | None, long_work: Callable[[], tuple[Evidence, ...]] = tuple
    ) -> None:
        self._judge = judge
        self._others = others
        self._long_work = long_work
        self._ran = False

    def sum_up(self, now: datetime) -> None:
        """See the machine anew, after what runs on it."""
        self.take_other_use()
        work = self._long_work()
        also = (*(() if self._others is None else self._others.evidence()), *work)
        seen = instance_sighting(self._judge.records.all(), self._judge.started, also, has_work=bool(work))
        if seen.state != self._judge.instance.sighting.state:
            self._judge.instance.state_since = now
        self._judge.instance.sighting = seen
        # What works on where it is only observed would be gone, and would not keep the machine young.
        there = [record.active_at for record in self._judge.records.all() if not self._judge.is_only_observed(record)]
        instance = self._judge.instance
        times = (instance.active_at, instance.used_at, self._worked_at(now), self._judge.started, *there)
        instance.active_at = max(time for time in times if time is not None)

    def take_activity(self, now: datetime) -> None:
        """Let the machine be as young as the youngest of all that runs on it, right before its stop."""
        self.take_other_use()
        instance = self._judge.instance
        times = [instance.active_at, instance.used_at, *(record.active_at for record in self._judge.records.all())]
        times.append(self._worked_at(now))
        instance.active_at = max(time for time in times if time is not None)

    def _worked_at(self, now: datetime) -> datetime | None:
        """When long work of our own last ran, as far as it was seen: what ran at the last look ran until now."""
        runs = bool(self._long_work())
        ran, self._ran = self._ran, runs
        return now if runs or ran else None

    def take_other_use(self) -> None:
        """What uses the machine without being a target keeps it young, as a person at its own panel does."""
        at = None if self._others is None else self._others.active_at()
        if at is not None and at > (self._judge.instance.used_at or self._judge.started):
            self._judge.instance.use(at)
