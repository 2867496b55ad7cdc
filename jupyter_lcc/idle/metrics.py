"""What Prometheus may read at Jupyter's own /metrics: how much there is, what was shut down, whether the watch is well.

One collector for the whole process adds up the gauges of all servers in it, when it is asked and not before. Its labels
are words of the wire, so there is no end of them in sight but their own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from weakref import WeakSet

from .model import Decision, Kind, State

__all__ = ["Metrics", "serve_metrics"]

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """The counts of one server since it started."""

    def __init__(self) -> None:
        self.shutdowns: Counter[tuple[str, str]] = Counter()
        self.failures: Counter[str] = Counter()
        self.stop_requests: Counter[str] = Counter()
        self.targets: Counter[tuple[str, str]] = Counter()
        self.problems: Counter[str] = Counter()
        self.leases = 0
        self.healthy = False
        self.last_check: float | None = None
        self.durations = [0] * (len(BUCKETS) + 1)
        self.duration_sum = 0.0

    def count(self, line: Decision) -> None:
        """Take a line of the decision log."""
        if line.change == "shut_down":
            self.shutdowns[line.kind, line.reason] += 1
        elif line.change == "shutdown_failed":
            self.failures[line.kind] += 1
        elif line.change == "stop_requested":
            self.stop_requests["sent"] += 1
        elif line.change == "stop_failed":
            self.stop_requests["failed"] += 1

    def took(self, seconds: float) -> None:
        """A look at everything took so long."""
        self.durations[bisect_left(BUCKETS, seconds)] += 1
        self.duration_sum += seconds

    def look(
        self,
        *,
        targets: Iterable[tuple[Kind, State]],
        leases: int,
        problems: Sequence[str],
        checked_at: datetime | None,
    ) -> None:
        """Take how things stand. `checked_at` is the wall's."""
        self.targets = Counter(targets)
        self.leases = leases
        self.problems = Counter(problems)
        self.healthy = not problems and checked_at is not None
        self.last_check = None if checked_at is None else checked_at.timestamp()


_ALL: WeakSet[Metrics] = WeakSet()
_registered = False


def serve_metrics(metrics: Metrics) -> None:
    """Show these at /metrics too. Without prometheus_client there is no such page, and nothing to do."""
    global _registered
    _ALL.add(metrics)
    if _registered:
        return
    try:
        from prometheus_client import REGISTRY
    except ImportError:
        return
    REGISTRY.register(_Collector())
    _registered = True


class _Collector:
    """Speaks Prometheus' words, for all servers of this process together."""

    def describe(self) -> list[Any]:
        """Nothing is told at registration; else it would collect then."""
        return []

    def collect(self) -> Iterable[Any]:
        """Give every family, with its samples of this moment."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        alive = list(_ALL)

        def gauge(name: str, about: str, labels: Sequence[str], samples: Counter[Any]) -> Any:
            return _filled(GaugeMetricFamily(f"jupyter_lcc_{name}", about, labels=labels), samples)

        def counter(name: str, about: str, labels: Sequence[str], samples: Counter[Any]) -> Any:
            return _filled(CounterMetricFamily(f"jupyter_lcc_{name}", about, labels=labels), samples)

        yield gauge(
            "targets", "Kernels, terminals and jobs there are", ["kind", "state"], _sum(m.targets for m in alive)
        )
        yield counter("shutdowns", "Shutdowns begun", ["kind", "reason"], _sum(m.shutdowns for m in alive))
        yield counter("shutdown_failures", "Shutdowns that failed", ["kind"], _sum(m.failures for m in alive))
        yield counter(
            "machine_stop_requests",
            "Requests to stop the machine; each of those that failed was sent, too",
            ["result"],
            _sum(m.stop_requests for m in alive),
        )
        yield gauge("problems", "Parts that don't do their work", ["code"], _sum(m.problems for m in alive))
        yield GaugeMetricFamily("jupyter_lcc_leases", "Leases in force", value=sum(m.leases for m in alive))
        yield GaugeMetricFamily(
            "jupyter_lcc_monitor_healthy", "1 if every monitor is well", value=all(m.healthy for m in alive)
        )
        # The oldest: it is the one to worry about.
        checks = [m.last_check for m in alive if m.last_check is not None]
        yield GaugeMetricFamily(
            "jupyter_lcc_last_check_timestamp_seconds",
            "When everything was last looked at",
            value=min(checks, default=0),
        )
        total, buckets = 0, []
        for at, bound in enumerate([*map(str, BUCKETS), "+Inf"]):
            total += sum(m.durations[at] for m in alive)
            buckets.append((bound, total))
        yield HistogramMetricFamily(
            "jupyter_lcc_check_duration_seconds",
            "How long a look at everything took",
            buckets=buckets,
            sum_value=sum(m.duration_sum for m in alive),
        )


def _sum(parts: Iterable[Counter[Any]]) -> Counter[Any]:
    total: Counter[Any] = Counter()
    for part in parts:
        total.update(part)
    return total


def _filled(family: Any, samples: Counter[Any]) -> Any:
    for labels, value in sorted(samples.items()):
        family.add_metric([labels] if isinstance(labels, str) else list(labels), value)
    return family
