"""Keep the platform's own idle shutdown truthful: it is told of work and keeps it can't see itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from ..clock import Clock
from .watch import Watch

__all__ = ["NativeGuard", "NativeIdle"]

TELL_EVERY = timedelta(seconds=5)
"""At most so often, but at once when work or a keep begins; the rounds themselves come at least every 15 s."""

LOOK_EVERY = timedelta(seconds=60)
"""While nothing works there is nothing to tell, and what somebody else wrote there is looked at this often."""


class NativeIdle(Protocol):
    """The platform's own idle shutdown."""

    @property
    def works(self) -> bool:
        """Whether it was seen to listen."""

    async def tell(self, *, busy: bool) -> str | None:
        """Tell whether something works or is kept now; give what is wrong, in words, or None."""


class NativeGuard:
    """Tells it, in enforce mode only: observing must not hold off somebody else's shutdown."""

    def __init__(self, native: NativeIdle | None, watch: Watch, clock: Clock) -> None:
        self._native = native
        self._watch = watch
        self._judge = watch.judge
        self._clock = clock
        self._told_at: datetime | None = None
        self._told_busy = False

    @property
    def works(self) -> bool:
        """Whether there is one and it listens."""
        return self._native is not None and self._native.works

    async def tell(self) -> None:
        """Tell whether something works or is kept; never raises, what is wrong becomes a problem."""
        now = self._clock.now()
        if self._native is None or self._judge.policy.mode.value != "enforce":
            return
        busy = self._watch.is_busy()
        begins = busy and not self._told_busy
        pause = TELL_EVERY if busy or not self._native.works else LOOK_EVERY
        if not begins and self._told_at is not None and timedelta(0) <= now - self._told_at < pause:
            return
        self._told_at, self._told_busy = now, busy
        try:
            wrong = await self._native.tell(busy=busy)
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        self._watch.note("native_idle", wrong)
