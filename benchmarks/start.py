"""What the extension adds to the start of a server: time, memory, imports."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from .figures import Figure
from .server import Server

__all__ = ["measure"]

PAIRS = 9
MOST_PAIRS = 21
SETTLE_SECONDS = 1.5
MOST_SECONDS = 0.1
MOST_MEGABYTES = 15.0
NOT_AT_START = ("boto3", "botocore", "psutil", "rattler")


@dataclass(frozen=True)
class _Start:
    seconds: float
    cpu_seconds: float
    megabytes: float


def measure() -> Iterator[Figure]:
    """Start servers in turns, with and without."""
    _start(extension=True), _start(extension=False)  # writes bytecode, fills the page cache
    with_it: list[_Start] = []
    without: list[_Start] = []
    for turn in range(MOST_PAIRS):
        if turn >= PAIRS and _is_clear(with_it, without):
            break
        for extension in (True, False) if turn % 2 else (False, True):
            (with_it if extension else without).append(_start(extension=extension))
    how = f"median difference over {len(without)} pairs of starts in turns, until GET /api answers"
    yield _added("start: wall time added", "s", [s.seconds for s in with_it], [s.seconds for s in without], how)
    yield _added("start: CPU time added", "s", [s.cpu_seconds for s in with_it], [s.cpu_seconds for s in without], how)
    memory = f"median of the resident size {SETTLE_SECONDS:g} s after that, the first look at everything included"
    yield _added("start: memory added", "MB", [s.megabytes for s in with_it], [s.megabytes for s in without], memory)
    yield _imports()


def _is_clear(with_it: list[_Start], without: list[_Start]) -> bool:
    """Tell whether wall and CPU time keep the limit; on a machine that others use, only more pairs tell."""
    pairs = list(zip(with_it, without, strict=True))
    return (
        median(one.seconds - other.seconds for one, other in pairs) <= MOST_SECONDS
        and median(one.cpu_seconds - other.cpu_seconds for one, other in pairs) <= MOST_SECONDS
    )


def _added(name: str, unit: str, ours: list[float], without: list[float], how: str) -> Figure:
    added = median(one - other for one, other in zip(ours, without, strict=True))
    limit = MOST_SECONDS if unit == "s" else MOST_MEGABYTES
    spread = sorted(one - other for one, other in zip(ours, without, strict=True))
    return Figure(
        name,
        added,
        unit,
        peer=median(without),
        peer_name="the whole start without the extension",
        limit=limit,
        how=f"{how}; middle half of the differences {_middle(spread)} {unit}",
    )


def _middle(ordered: list[float]) -> str:
    quarter = len(ordered) // 4
    return f"{ordered[quarter]:.3f} to {ordered[-1 - quarter]:.3f}"


def _start(*, extension: bool) -> _Start:
    with Server(extension=extension) as server:
        seconds, cpu_seconds = server.seconds_to_ready, server.cpu_seconds()
        time.sleep(SETTLE_SECONDS)
        return _Start(seconds, cpu_seconds, server.process.memory_info().rss / 1e6)


def _imports() -> Figure:
    """Compare what the interpreter itself reports to have imported (`-X importtime`)."""
    with_it, without = _imported(extension=True), _imported(extension=False)
    added = with_it.keys() - without.keys()
    unwanted = sorted(name for name in added if name.partition(".")[0] in NOT_AT_START)
    cost = sum(with_it[name] for name in added) / 1e3
    packages = sorted({name.partition(".")[0] for name in added})
    return Figure(
        f"start: imports of {', '.join(NOT_AT_START)}",
        len(unwanted),
        "modules",
        limit=0,
        how=f"-X importtime, with minus without: {len(added)} modules more, {cost:.0f} ms for them, "
        f"of {', '.join(packages)}" + (f"; unwanted: {', '.join(unwanted[:5])}" if unwanted else ""),
    )


def _imported(*, extension: bool) -> dict[str, int]:
    """Give every module a server imports until it has looked around, with its own microseconds."""
    with Server(extension=extension, python_options=("-X", "importtime")) as server:
        time.sleep(SETTLE_SECONDS)
        found: dict[str, int] = {}
        for line in server.log().splitlines():
            own, _, rest = line.removeprefix("import time:").partition("|")
            if line.startswith("import time:") and own.strip().isdigit():
                found[rest.rpartition("|")[2].strip()] = int(own)
        return found
