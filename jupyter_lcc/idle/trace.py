"""The decision log as a trace: on each line the grounds given to `decide`, so that it can be decided again.

What changes a decision is a line at once: state, verdict, reason, limits, a keep. Activity is a line when it comes
after a minute without; the last one of a busy stretch follows a minute later, with the time at which it was learnt.
So the log is complete but for gaps below a minute, and a quiet machine writes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from ..model import Model
from .decide import Facts, Limits, Ruling
from .model import Change, Decision

__all__ = ["BESIDE", "GAP", "Gist", "Grounds", "Line", "Marks"]

GAP = timedelta(seconds=60)

Gist = tuple[str, str, str]
"""State, verdict and reason."""

BESIDE: frozenset[Change] = frozenset(("lease_granted", "lease_ended", "policy", "slept", "server_ended"))
"""Lines that tell of something else than a new verdict; the verdict that follows from it is told by its own line."""


class Grounds(Model, frozen=True, kw_only=True):
    """What a line rests on, on the steady clock of one server's `life`.

    `ruling` is `rule(facts, limits, ruled_at)`; `now` is when the line was written and `learnt_at` when its facts
    became known, if that was earlier. `own_kept_until` is the end of the target's own lease, without the machine's.
    Of the machine, `own` are the facts without what runs on it, and `blind` says that some of that couldn't be seen.
    `voids` says that warnings given before don't count any more, of the machine's line those of all targets.
    From `asleep_since` on, a round's time that passed unused, nobody decided until this line.
    """

    life: str
    now: datetime
    ruled_at: datetime
    facts: Facts
    limits: Limits
    ruling: Ruling
    learnt_at: datetime | None = None
    own: Facts | None = None
    own_kept_until: datetime | None = None
    own_limit_seconds: int | None = None
    blind: bool = False
    voids: bool = False
    asleep_since: datetime | None = None


class Line(Decision, frozen=True, kw_only=True):
    """A decision as it stands in the file. Logs of earlier versions have no grounds."""

    grounds: Grounds | None = None


class _Mark(msgspec.Struct):
    gist: Gist | None
    limits: Limits
    moment: datetime | None
    seen: datetime | None
    learnt_at: datetime


class Marks:
    """What the log's last line on each target said, and so what is news."""

    def __init__(self) -> None:
        self._marks: dict[str, _Mark] = {}

    def news(
        self, target_id: str, gist: Gist, limits: Limits, moment: datetime | None, now: datetime
    ) -> tuple[Change, datetime] | None:
        """Give what kind of line is due, and when its facts were learnt; None if nothing is new.

        `moment` is what the limit counts from: the last activity, of what works the begin of the work.
        """
        mark = self._marks.get(target_id)
        if mark is None or mark.gist is None:
            return "appeared", now
        if gist != mark.gist:
            return ("state" if mark.gist[1:] == gist[1:] else "verdict"), now
        if limits != mark.limits:
            return "policy", now
        if moment == mark.moment:
            return None
        if moment is None or mark.moment is None or abs(moment - mark.moment) > GAP:
            return "activity", now
        if moment != mark.seen:
            mark.seen, mark.learnt_at = moment, now
        elif now - mark.learnt_at >= GAP:
            return "activity", mark.learnt_at
        return None

    def told(
        self, target_id: str, change: Change, gist: Gist | None, limits: Limits, moment: datetime | None, now: datetime
    ) -> None:
        """A line was written."""
        if change in BESIDE:
            before = self._marks.get(target_id)
            gist = None if before is None else before.gist
        self._marks[target_id] = _Mark(gist, limits, moment, moment, now)

    def verdict(self, target_id: str) -> Literal["keep", "warn", "shut_down"] | None:
        """Give the verdict that was told last."""
        mark = self._marks.get(target_id)
        return None if mark is None or mark.gist is None else mark.gist[1]  # type: ignore[return-value]

    def forget(self, target_id: str) -> None:
        """The target is gone; another one of its name will be news."""
        self._marks.pop(target_id, None)
