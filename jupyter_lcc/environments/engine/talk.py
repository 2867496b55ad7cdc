"""What the engine says while it works: lines of JSON on what was its standard output, from any thread."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import msgspec

__all__ = ["Talk"]

_EVERY_SECONDS = 0.1


class Talk:
    """Takes the standard output for itself: whatever a library prints goes to the standard error instead."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self._lock = threading.Lock()
        self._told_at = float("-inf")
        self._last: tuple[str, int] = ("", -1)

    def progress(self, done: int, total: int | None, unit: str, label: str, *, now: bool = False) -> None:
        """Say how far it is; ten times a second at most, `now` in any case."""
        moment = time.monotonic()
        if not now and moment - self._told_at < _EVERY_SECONDS:
            return
        self._told_at = moment
        self.say({"progress": {"done": done, "total": total, "unit": unit, "label": label}})

    def step(self, label: str) -> None:
        """Say what is begun, as a code."""
        self.progress(0, None, "steps", label, now=True)

    def log(self, text: str) -> None:
        """Say something to a person."""
        self.say({"log": text})

    def say(self, value: dict[str, Any]) -> None:
        """Send one line. Nobody listening any more is no reason to stop: standard input tells that."""
        line = msgspec.json.encode(value) + b"\n"
        with self._lock:
            try:
                while line:
                    line = line[self._out.write(line) or 0 :]
            except OSError:
                return
