"""Whether processes work, from what they use: pure. One look after another is compared.

Three thresholds, all for a whole process tree over one window:

- `WORK_PERCENT` of one core. Measured on ipykernel 7: an idle kernel uses 0.0 %, with a thread that wakes each
  second 0.2 %, asked for its usage, its history and its info twice a second by open panels 1.9 %. A data loader that
  mostly waits for the disk uses 30 %, and a loop 100 %.
- `WORK_BYTES` a second read and written. The same panels make a kernel read 55 kB/s (of /proc); a slow download
  moves 1 MB/s. And `WORK_BYTES_IN_ALL` in the window, which the start of an interpreter (0.8 MB) does not read.
- `WORK_GPU_PERCENT` of a device's time. An idle process that holds GPU memory uses none.

Where no core was free, who works gets what is left for it, however little: there `WORK_PERCENT_FULL` is work, in a
window long enough that the chatter above does not add up to it.

The time a kernel spends on chatter (a completion by jedi takes seconds of CPU the first time) is taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from .process_table import MachineCpu, ProcessRow

__all__ = [
    "WORK_BYTES",
    "WORK_BYTES_IN_ALL",
    "WORK_GPU_PERCENT",
    "WORK_PERCENT",
    "WORK_PERCENT_FULL",
    "CpuUse",
    "Meter",
    "cpu_between",
    "window_for",
]

WORK_PERCENT = 20.0
WORK_PERCENT_FULL = 4.0
FULL_WINDOW = 10.0
"""Seconds a window must last for a full machine to count as the reason that little was used."""

IDLE_SHARE, THROTTLED_SHARE = 0.05, 0.2
"""A machine is full if its cores had nothing to do for less than this part of the time all together, or if its
container was held back for more than this part."""

WORK_BYTES = 200_000.0
WORK_BYTES_IN_ALL = 2_000_000.0
WORK_GPU_PERCENT = 5.0

SHORTEST_WINDOW, LONGEST_WINDOW = 3.0, 30.0
"""Seconds. A window ends at the first look after it, so with the default look each minute it is a minute long."""

LAST_QUIET, LAST_WORK = 0.4, 1.0
"""Seconds of the very last look: so long must it be quiet before a shutdown, and so long busy to be work."""

LAST_LOOK_ENDS = timedelta(seconds=5)

Key = tuple[int, int]


class CpuUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a tree is known to use. `percent` of one core over the last window, None before there is one.

    `busiest` is the process that used most. `works` from `since` on; `ended_at` is when the last work ended.
    """

    percent: float | None = None
    busiest: ProcessRow | None = None
    works: bool = False
    since: datetime | None = None
    ended_at: datetime | None = None


class _Counts(msgspec.Struct):
    at: datetime
    rows: dict[Key, ProcessRow]
    chatter: float
    cpu: MachineCpu | None = None


class _Known(msgspec.Struct):
    before: _Counts
    latest: _Counts
    valid: bool
    use: CpuUse
    tail: _Counts | None = None


def window_for(limit_seconds: float) -> float:
    """Choose a window for a limit: a quarter of it, so that a short one has windows before it is over."""
    return max(SHORTEST_WINDOW, min(LONGEST_WINDOW, limit_seconds / 4 or LONGEST_WINDOW))


def cpu_between(before: dict[Key, ProcessRow], now: dict[Key, ProcessRow]) -> tuple[float, ProcessRow | None]:
    """Give the CPU seconds used by the processes of `now` and the children they waited for; and who used most.

    A child that has ended is in its parent's count with all it ever used, of which only what it used since
    `before` is new. What ended without its parent in the tree waiting for it takes what it used with it.
    """
    ended: dict[int, float] = {}
    for key, row in before.items():
        if key not in now:
            ended[row.parent] = ended.get(row.parent, 0.0) + row.cpu_seconds
    used, most, busiest = 0.0, 0.0, None
    for key, row in now.items():
        old = before.get(key)
        if old is None:
            each = row.cpu_seconds
        else:
            own = (row.cpu_seconds - row.children_cpu_seconds) - (old.cpu_seconds - old.children_cpu_seconds)
            risen = row.children_cpu_seconds - old.children_cpu_seconds
            each = max(0.0, own) + max(0.0, risen - (ended.get(row.pid, 0.0) if risen > 0 else 0.0))
        used += each
        if each > most:
            most, busiest = each, row
    return used, busiest


class Meter:
    """Follow many trees, each by its key. `window` gives the seconds a window lasts at least."""

    def __init__(self, window: Callable[[], float] = lambda: SHORTEST_WINDOW) -> None:
        self._window = window
        self._known: dict[str, _Known] = {}

    def measure(
        self,
        key: str,
        rows: Iterable[ProcessRow],
        now: datetime,
        *,
        quiet_since: datetime | None = None,
        counts: bool = True,
        chatter: float = 0.0,
        cpu: MachineCpu | None = None,
    ) -> CpuUse:
        """Compare with the last look. `counts` is false while something else explains what is used (a cell runs, it
        starts up), and nothing from before `quiet_since` counts. `chatter` is the seconds spent on chatter so far,
        `cpu` the machine's own counters.
        """
        new = _Counts(now, {(row.pid, row.started): row for row in rows}, chatter, cpu)
        known = self._known.get(key)
        if known is None:
            self._known[key] = known = _Known(new, new, counts, CpuUse())
            return known.use
        known.valid = known.valid and counts and (quiet_since is None or known.before.at >= quiet_since)
        known.latest = new
        elapsed = (now - known.before.at).total_seconds()
        used, busiest = self._used(known.before, new)
        enough = used >= self._window() * WORK_PERCENT / 100
        if elapsed >= self._window() or (elapsed >= SHORTEST_WINDOW and enough):
            percent = round(100 * used / elapsed, 1)
            works = known.valid and percent >= _threshold(known.before, new)
            known.use = _judge(known.use, known.before.at, percent, busiest, now, works=works)
            known.before, known.valid = new, counts
        elif not known.valid:
            known.before, known.valid = new, counts
            known.use = msgspec.structs.replace(known.use, works=False, since=None)
        return known.use

    def see_last(self, key: str, rows: Iterable[ProcessRow], now: datetime, *, chatter: float = 0.0) -> CpuUse | None:
        """Look closely right before a shutdown; None: look again in a moment."""
        new = _Counts(now, {(row.pid, row.started): row for row in rows}, chatter)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _Known(new, new, True, CpuUse())
        if known.use.works:
            return known.use
        if known.tail is None or now - known.tail.at > LAST_LOOK_ENDS:
            since = now - known.latest.at
            if timedelta(seconds=LAST_QUIET) <= since <= LAST_LOOK_ENDS:
                used, _busiest = self._used(known.latest, new)
                if used < LAST_QUIET * WORK_PERCENT / 100:
                    return known.use  # not even now has anything begun
            known.tail = new
            return None
        elapsed = (now - known.tail.at).total_seconds()
        used, busiest = self._used(known.tail, new)
        if elapsed < LAST_QUIET:
            return None
        percent = round(100 * used / elapsed, 1)
        if percent >= WORK_PERCENT:
            if elapsed < LAST_WORK:
                return None
            known.use = _judge(known.use, known.tail.at, percent, busiest, now, works=True)
            known.before, known.valid, known.tail = new, True, None
        return known.use

    def keep_only(self, keys: set[str]) -> None:
        """Forget what is gone."""
        for key in self._known.keys() - keys:
            del self._known[key]

    @staticmethod
    def _used(before: _Counts, now: _Counts) -> tuple[float, ProcessRow | None]:
        used, busiest = cpu_between(before.rows, now.rows)
        return max(0.0, used - max(0.0, now.chatter - before.chatter)), busiest


def _threshold(before: _Counts, now: _Counts) -> float:
    """Give the percent of a core that is work, by what there was to be had."""
    elapsed = (now.at - before.at).total_seconds()
    if before.cpu is None or now.cpu is None or elapsed < FULL_WINDOW:
        return WORK_PERCENT
    idle = (now.cpu.idle_seconds - before.cpu.idle_seconds) / (elapsed * now.cpu.cores)
    throttled = (now.cpu.throttled_seconds - before.cpu.throttled_seconds) / elapsed
    return WORK_PERCENT_FULL if idle < IDLE_SHARE or throttled > THROTTLED_SHARE else WORK_PERCENT


def _judge(
    use: CpuUse, began: datetime, percent: float, busiest: ProcessRow | None, now: datetime, *, works: bool
) -> CpuUse:
    if works:
        since = use.since if use.works and use.since else began
        return CpuUse(percent=percent, busiest=busiest, works=True, since=since, ended_at=use.ended_at)
    ended_at = use.ended_at
    if use.works:
        # It went on for some of this window: for as much as what was used explains.
        share = min(1.0, percent / use.percent) if use.percent else 1.0
        ended_at = began + (now - began) * share
    return CpuUse(percent=percent, busiest=busiest, ended_at=ended_at)
