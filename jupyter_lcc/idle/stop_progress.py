"""How far the machine's own stop has got: what is remembered of it, over a restart of the server too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ..model import Sentence
from .state import SavedStop

__all__ = ["LONGEST_WAIT", "StopProgress", "back_off"]

LONGEST_WAIT = timedelta(minutes=60)


def back_off(attempts: int) -> timedelta:
    """Give the time to wait after so many refusals: 1, 2, 4 … 60 minutes."""
    return min(LONGEST_WAIT, timedelta(minutes=2 ** min(max(attempts, 1) - 1, 10)))


class StopProgress:
    """The request that is out, or the refusals so far; times on the steady clock. `life` is the machine's now."""

    def __init__(self, life: str) -> None:
        self.requested_at: datetime | None = None
        self.attempts = 0
        self.retry_at: datetime | None = None
        self.error: str | None = None
        self.sentence: Sentence | None = None
        self._life = life

    def accept(self) -> None:
        """The request was accepted; it stays out until the machine is gone."""
        self.attempts, self.retry_at, self.error, self.sentence = 0, None, None, None

    def refuse(
        self, error: str, now: datetime, wait: timedelta | None = None, *, sentence: Sentence | None = None
    ) -> datetime:
        """The machine was not stopped; give when it is tried again: after `wait`, or later and later."""
        self.requested_at = None
        self.attempts += 1
        self.error, self.sentence = error, sentence
        self.retry_at = now + (back_off(self.attempts) if wait is None else wait)
        return self.retry_at

    def saved(self, wall: Callable[[datetime | None], datetime | None]) -> SavedStop | None:
        """Give what must survive, in the wall's time; None if there is nothing to remember."""
        if self.requested_at is None and self.error is None:
            return None
        return SavedStop(
            life=self._life,
            requested_at=wall(self.requested_at),
            attempts=self.attempts,
            retry_at=wall(self.retry_at),
            error=self.error,
            sentence=self.sentence,
        )

    def restore(self, saved: SavedStop | None, now: datetime) -> None:
        """Take up what an earlier server left, unless it was in another life. No file makes a wait longer."""
        if saved is None or saved.life != self._life:
            return
        self.attempts, self.error, self.sentence = saved.attempts, saved.error, saved.sentence
        if saved.retry_at is not None:
            self.retry_at = min(saved.retry_at, now + back_off(saved.attempts))
        if saved.requested_at is not None:
            self.requested_at = min(saved.requested_at, now)
