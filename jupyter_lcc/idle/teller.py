"""Tell what was decided: a line in the decision log for each change of mind, an event to the open pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from .decide import Limits, Ruling
from .decision_log import DecisionLog
from .model import Change, Decision, Lease, Policy, Stopped
from .records import Record
from .trace import Gist, Grounds, Marks
from .views import Actor, Views

__all__ = ["Teller"]


class Teller:
    """Remember what was told, so that only news is told."""

    def __init__(
        self,
        views: Views,
        decisions: DecisionLog,
        emit: Callable[[dict[str, Any]], None],
        *,
        count: Callable[[Decision], None],
    ) -> None:
        self._views = views
        self._decisions = decisions
        self._send = emit
        self._count = count
        self._marks = Marks()
        self._shown: dict[str, tuple[object, ...]] = {}

    def write(
        self,
        change: Change,
        record: Record,
        ruling: Ruling,
        lease: Lease | None,
        policy: Policy,
        *,
        grounds: Grounds,
        actor: Actor = "monitor",
        error: str | None = None,
    ) -> None:
        """Put a line into the log."""
        target_id = record.sighting.id
        self._marks.told(target_id, change, _gist(record, ruling), grounds.limits, record.moment(), grounds.now)
        line = self._views.decision(change, record, ruling, lease, policy, grounds=grounds, actor=actor, error=error)
        self._decisions.add(line)
        self._count(line)

    def write_if_new(
        self,
        record: Record,
        ruling: Ruling,
        lease: Lease | None,
        policy: Policy,
        *,
        limits: Limits,
        now: datetime,
        grounds: Callable[[], Grounds],
    ) -> None:
        """Put a line into the log if what decides is other than in the last one."""
        news = self._marks.news(record.sighting.id, _gist(record, ruling), limits, record.moment(), now)
        if news is not None:
            change, learnt_at = news
            told = grounds()
            if learnt_at != now:
                told = msgspec.structs.replace(told, learnt_at=learnt_at)
            self.write(change, record, ruling, lease, policy, grounds=told)

    def verdict_told(self, target_id: str) -> str | None:
        """Give the verdict that stands in the log."""
        return self._marks.verdict(target_id)

    def stopped(self, record: Record, ruling: Ruling) -> Stopped:
        """Say what is about to be shut down, for who comes back."""
        return self._views.stopped(record, ruling)

    def forget(self, target_id: str) -> None:
        """The target is gone; another one of its name will be news."""
        self._marks.forget(target_id)

    def emit(self, kind: str, record: Record | None = None, ruling: Ruling | None = None) -> None:
        """Send an event to every open page."""
        data: dict[str, Any] = {"kind": kind, "at": _text(self._views.now())}
        if record is not None and ruling is not None:
            stops_at = self._views.at(ruling.stops_at)
            data |= {
                "target_id": record.sighting.id,
                "target_kind": record.sighting.kind,
                "name": record.sighting.name,
                "verdict": ruling.verdict,
                "reason": ruling.reason,
                "stops_at": None if stops_at is None else _text(stops_at),
                "limit_seconds": ruling.limit.seconds if ruling.limit else None,
            }
        self._send(data)

    def emit_if_new(self, shown: Iterable[tuple[Record, Ruling, Lease | None, bool]]) -> None:
        """Send one event if a panel would show something new; a deadline that moves by seconds isn't."""
        now_shown: dict[str, tuple[object, ...]] = {}
        for record, ruling, lease, stopping in shown:
            stops = None if ruling.stops_at is None else int(ruling.stops_at.timestamp() / 5)
            now_shown[record.sighting.id] = (
                record.sighting.name,
                record.sighting.state,
                ruling.verdict,
                ruling.reason,
                stops,
                lease,
                stopping,
            )
        if now_shown != self._shown:
            self._shown = now_shown
            self.emit("changed")


def _gist(record: Record, ruling: Ruling) -> Gist:
    return (record.sighting.state, ruling.verdict, ruling.reason)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
