"""One kernel's IOPub channel, listened to. Joins late, loses a begin, follows a restart: and makes up for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ..clock import Clock
from .kernel_messages import CHATTER, KernelTalk

__all__ = ["KernelEar"]


class KernelEar:
    """Owns one subscription; `talk` is what was understood."""

    def __init__(
        self,
        kernel: Any,
        ports: list[int],
        pid: int | None,
        talk: KernelTalk,
        clock: Clock,
        on_change: Callable[[], None],
        on_message: Callable[[Sequence[bytes]], None] | None = None,
    ) -> None:
        self.pid = pid
        self.talk = talk
        self._clock = clock
        self._on_change = on_change
        self._on_message = on_message
        self._busy_since: datetime | None = None
        self._distrusted = False
        self.connect(kernel, ports)

    def restart(self, pid: int | None, now: datetime) -> None:
        """The process is another one. What Jupyter says may still be about the one before (jupyter_server#1395)."""
        self.pid = pid
        self.talk.restart(now)
        self._busy_since, self._distrusted = None, True

    def compare(self, said: str, now: datetime) -> None:
        """Make up for a begin that was missed while the socket was joining: Jupyter heard it, and says busy."""
        if said != "busy":
            self._busy_since, self._distrusted = None, False
        elif self.talk.is_silent() and not self._distrusted:
            self._busy_since = self._busy_since or now
            if now - self._busy_since > CHATTER:
                self.talk.assume_running(self._busy_since)

    def connect(self, kernel: Any, ports: list[int]) -> None:
        self.ports = ports
        self._stream = kernel.connect_iopub()
        self._stream.on_recv(self._take)

    def close(self) -> None:
        if not self._stream.closed():
            self._stream.close()

    def _take(self, parts: Sequence[bytes]) -> None:
        if self._on_message is not None:
            self._on_message(parts)
        if self.talk.take(parts, self._clock.now()):
            self._on_change()
