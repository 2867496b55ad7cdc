"""A server with 200 targets, and what it feels like to ask it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .server import Server

__all__ = ["Noted", "ask_for", "loaded_server", "open_targets", "percentile", "take"]

FAKE_KERNELS = 100
TERMINALS = 100


@dataclass(frozen=True)
class Noted:
    """What the probe in the server saw: seconds late of each tick by the wall and by the CPU, and the looks."""

    late: list[float]
    late_cpu: list[float]
    looks: list[float]
    looks_cpu: list[float]


def loaded_server(*, extension: bool, **traits: int) -> Server:
    """Make a server that will hold FAKE kernels."""
    config: dict[str, dict[str, Any]] = {
        "ServerApp": {
            "kernel_manager_class": "benchmarks.fake_kernels.FakeKernelManager",
            "jpserver_extensions": {"benchmarks.probe": True},
        },
        "LccIdle": dict(traits),
    }
    return Server(extension=extension, config=config)


def open_targets(server: Server) -> None:
    """Make up the kernels, open the terminals, wait until every shell is at its prompt."""
    for number in range(FAKE_KERNELS):
        path = f"notebook-{number}.ipynb"
        server.expect(
            "POST", "api/sessions", {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        )
    for _ in range(TERMINALS):
        server.expect("POST", "api/terminals")
    before = -1.0
    while (now := server.cpu_seconds()) - before > 0.5:
        before = now
        time.sleep(2)


def ask_for(server: Server, paths: Sequence[str], *, seconds: float, pause: float) -> list[float]:
    """Send GETs one after the other; give how long each took, in seconds."""
    took = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in paths:
            began = time.perf_counter()
            server.expect("GET", path)
            took.append(time.perf_counter() - began)
        time.sleep(pause)
    return took


def take(server: Server) -> Noted:
    """Take from the probe what it noted since the last time."""
    noted = server.expect("GET", "bench/probe")
    late, looks = noted["late"], noted["looks"]
    return Noted([a for a, _ in late], [b for _, b in late], [a for a, _ in looks], [b for _, b in looks])


def percentile(values: Sequence[float], part: float) -> float:
    """Give the value that `part` of all don't exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
