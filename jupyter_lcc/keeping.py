"""`jupyter_lcc.keep_alive`: keep from code what the code runs in, for as long as it runs.

It never raises because of Jupyter, and never holds the work up for long: without a server, or with one that
doesn't answer, it says so once and the work goes on unkept.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from .durations import parse_duration
from .model import MAX_SECONDS

if TYPE_CHECKING:
    from typing import ParamSpec

    from .cli.holding import Hold

    P = ParamSpec("P")

__all__ = ["KeepAlive", "keep_alive"]

T = TypeVar("T")

PATIENCE_SECONDS = 2.0
"""The longest that the work waits for a server to answer."""


def keep_alive(note: str = "", *, max: str | float | timedelta | None = None) -> KeepAlive:  # noqa: A002
    """Keep the kernel, the terminal or the job this runs in, and the machine with it, for as long as a block runs.

    `note` says what for, in the panel and in the log (200 characters are kept). `max` is the longest it may last:
    "6h", "90m", seconds or a timedelta; never longer than the administrator allows, which it is without one. It ends
    with the block, or with this process. Raises ValueError for a `max` that is no duration.

    >>> with keep_alive("training", max="6h"):
    ...     train()

    Or `@keep_alive("training", max="6h")` before a function; or `start()` and `stop()`.
    """
    return KeepAlive(note, _seconds(max))


class KeepAlive:
    """One bounded promise, made when it is entered and given back when it is left."""

    def __init__(self, note: str, seconds: int | None) -> None:
        self._note = note
        self._seconds = seconds
        self._pid: int | None = None

    def __enter__(self) -> KeepAlive:
        """Begin to keep; does nothing but say so where that isn't possible."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self.stop()

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Keep while the function runs; each call, also of itself, has a keep of its own."""

        @functools.wraps(function)
        def kept(*args: P.args, **kwargs: P.kwargs) -> T:
            with KeepAlive(self._note, self._seconds):
                return function(*args, **kwargs)

        return kept

    @property
    def granted_seconds(self) -> int | None:
        """For how long it is kept from the start on; None where nothing is kept."""
        hold = _HOLDS.hold_of(self)
        return None if hold is None else hold.lease.granted_seconds

    def start(self) -> None:
        """Begin to keep. A second start does nothing."""
        if self._pid is None:
            self._pid = os.getpid()
            _HOLDS.enter(self, self._note, self._seconds)

    def stop(self) -> None:
        """Give it back. A process that was forked meanwhile does not give back what is its parent's."""
        if self._pid == os.getpid():
            _HOLDS.leave(self)
        self._pid = None


class _Holds:
    """What this process keeps. Blocks inside each other share one lease: the server keeps one for each process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._wishes: dict[KeepAlive, tuple[str, int | None]] = {}
        self._hold: Hold | None = None
        self._said: set[str] = set()

    def enter(self, keeper: KeepAlive, note: str, seconds: int | None) -> None:
        with self._lock:
            self._wishes[keeper] = (note, seconds)
            self._ask(note, seconds)

    def leave(self, keeper: KeepAlive) -> None:
        with self._lock:
            self._wishes.pop(keeper, None)
            if self._hold is not None:
                self._hold.give_back()
                self._hold = None
            for note, seconds in self._wishes.values():
                self._ask(note, seconds)

    def hold_of(self, keeper: KeepAlive) -> Hold | None:
        return self._hold if keeper in self._wishes else None

    def _ask(self, note: str, seconds: int | None) -> None:
        with _telling_why_not(self._say):
            from .cli.holding import Hold, find_client, target_of

            client = find_client(timeout=PATIENCE_SECONDS)
            target_id = _own_kernel() or target_of(client, list(_family()))
            self._hold = Hold(client, target_id, os.getpid(), note, seconds)
            if self._hold.clipped:
                self._say(f"kept for {self._hold.lease.granted_seconds} s: the administrator allows no more at once")

    def _say(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            print(f"jupyter_lcc: {words}", file=sys.stderr)  # noqa: T201 -- for the person who reads the cell


_HOLDS = _Holds()


@contextlib.contextmanager
def _telling_why_not(say: Callable[[str], None]) -> Iterator[None]:
    """The work goes on whatever happens here."""
    try:
        yield
    except Exception as error:
        say(f"nothing is kept: {error}")


def _own_kernel() -> str | None:
    """Give the target of the kernel this code runs in; a kernel's connection file carries its id."""
    app = sys.modules.get("ipykernel.kernelapp")
    if app is None or not app.IPKernelApp.initialized():
        return None
    name = Path(app.IPKernelApp.instance().connection_file).stem
    return "kernel:" + name.removeprefix("kernel-") if name.startswith("kernel-") else None


def _family() -> Iterator[int]:
    """Give this process and its parents, the nearest first."""
    import psutil

    yield os.getpid()
    for parent in psutil.Process().parents():
        yield parent.pid


def _seconds(longest: str | float | timedelta | None) -> int | None:
    if longest is None:
        return None
    if isinstance(longest, str):
        seconds: float = parse_duration(longest)
    elif isinstance(longest, timedelta):
        seconds = longest.total_seconds()
    else:
        seconds = longest
    if not 1 <= seconds <= MAX_SECONDS:
        raise ValueError(f"max is from 1 second to {MAX_SECONDS // 86400} days, not {longest!r}.")
    return int(seconds)
