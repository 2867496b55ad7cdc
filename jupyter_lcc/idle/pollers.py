"""Other extensions' requests that keep Jupyter's own activity fresh, though nobody is there.

Jupyter Server takes each authenticated request to an API handler for activity, unless the handler or the request says
otherwise (`_track_activity`, `no_track_activity=1`; jupyter_server/base/handlers.py). One extension that asks every few
seconds is enough to keep `last_activity` young for ever. Here such requests are counted, by the package of the handler
and the beginning of the path, and those that come as regularly as only a machine asks are named.
"""

from __future__ import annotations

import itertools
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from .model import Evidence

__all__ = ["Pollers", "begin_of", "listening_in"]

MOST_KEYS = 64
MOST_TIMES = 12
ENOUGH_TIMES = 8
"""So many requests in a row must have come at one pace."""

SLOWEST_SECONDS = 300.0
SHORTEST_SPAN = 5.0
STEADY = 1.9
"""A poller's longest pause is no longer than this many times the usual one, its last pauses taken. A person's are
anything."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z_.-]{0,30}|v\d")

_Key = tuple[str, str]


class Pollers:
    """Remember when what was asked. Bounded: the keys that were quiet longest are forgotten first."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._times: OrderedDict[_Key, deque[float]] = OrderedDict()

    def note(self, package: str, path: str) -> None:
        """A GET moved Jupyter's activity."""
        key = (package, begin_of(path))
        times = self._times.get(key)
        if times is None:
            if len(self._times) >= MOST_KEYS:
                self._times.popitem(last=False)
            times = self._times[key] = deque(maxlen=MOST_TIMES)
        times.append(self._now())
        self._times.move_to_end(key)

    def seen(self) -> tuple[Evidence, ...]:
        """Name those that poll now, the fastest first."""
        now = self._now()
        found = [(pace, *key) for key, times in self._times.items() if (pace := _pace(times, now)) is not None]
        return tuple(
            Evidence(signal="poller", value=f"{package}: GET {path} every {_words(pace)}", means="chatter")
            for pace, package, path in sorted(found)
        )


def begin_of(path: str) -> str:
    """Give the part of a path that names what is asked, not of which one: `/api/kernels/…`."""
    parts: list[str] = []
    for part in filter(None, path.strip("/").split("/")[:3]):
        if not _PLAIN.fullmatch(part) or parts == ["api", "contents"]:
            parts.append("…")
            break
        parts.append(part)
    return "/" + "/".join(parts)


def _pace(times: deque[float], now: float) -> float | None:
    """Give the seconds between requests that come regularly and still do; None for others."""
    if len(times) < ENOUGH_TIMES:
        return None
    listed = list(times)
    pauses = [later - earlier for earlier, later in itertools.pairwise(listed)]
    usual = (listed[-1] - listed[0]) / len(pauses)
    if not 0 < usual <= SLOWEST_SECONDS or max(pauses) > usual * STEADY:
        return None
    # A burst when a page opens comes as regularly as one pleases, but it is over in a second.
    return usual if now - listed[-1] <= usual * STEADY + 1 and listed[-1] - listed[0] >= SHORTEST_SPAN else None


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1f} s"


def listening_in(
    told: Callable[[Any], None] | None, pollers: Pollers, base_url: str, on_save: Callable[[], None]
) -> Callable[[Any], None]:
    """Make the server's `log_function`, which sees each answered request: the one there was, the count of polls, and
    `on_save` for each document that was saved.
    """
    base = base_url.rstrip("/")

    def log_function(handler: Any) -> None:
        if told is not None:
            told(handler)
        try:
            path = handler.request.path.removeprefix(base)
            if handler.request.method == "GET" and _moves_activity(handler):
                pollers.note(type(handler).__module__.partition(".")[0], path)
            elif _is_save(handler, path):
                on_save()
        except Exception:  # never at the cost of a request; a handler of another kind is none of ours
            return

    return log_function


def _is_save(handler: Any, path: str) -> bool:
    """Tell whether a document was saved; a client that asks not to be tracked is not a person."""
    request = handler.request
    saves = request.method == "PUT" and path.startswith("/api/contents/")
    return saves and handler.get_status() < 300 and _moves_activity(handler)


def _moves_activity(handler: Any) -> bool:
    """Tell what `APIHandler.update_api_activity` decided."""
    return (
        hasattr(handler, "update_api_activity")
        and bool(getattr(handler, "_track_activity", False))
        and bool(getattr(handler, "_jupyter_current_user", None))
        and "no_track_activity" not in handler.request.arguments
    )
