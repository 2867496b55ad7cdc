"""What stands at /metrics: true, bounded, and once however many servers one process has."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from jupyter_lcc.idle import metrics as room
from jupyter_lcc.idle.metrics import BUCKETS, Metrics
from jupyter_lcc.idle.model import CreateLease

from ..fakes import FakeStopper, sighting
from .conftest import House


def read(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(text)
    return {
        (sample.name.removeprefix("jupyter_lcc_"), tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("jupyter_lcc_")
    }


def shown(monkeypatch: Any, *servers: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    monkeypatch.setattr(room, "_ALL", set(servers))
    registry = CollectorRegistry()
    registry.register(room._Collector())
    return read(generate_latest(registry).decode())


async def test_they_follow_what_happens(house: House, monkeypatch: Any) -> None:
    house.stopper = FakeStopper()
    house.service = house.build()
    house.kernels.put(sighting("kernel:1"), sighting("kernel:2", state="working"))
    await house.service.start()
    await house.service.step()
    await house.service.grant(CreateLease(target_id="kernel:2", seconds=60))
    await house.service.step()
    told = shown(monkeypatch, house.metrics)
    assert told["targets", ("kernel", "idle")] == 1
    assert told["targets", ("kernel", "working")] == 1
    assert told["leases", ()] == 1
    assert told["monitor_healthy", ()] == 1
    assert told["last_check_timestamp_seconds", ()] == house.clock.now().timestamp()
    assert told["check_duration_seconds_count", ()] >= 1

    await house.service.shut_down_now("kernel:1")
    await house.service.settle()
    house.kernels.shutdown_fails = OSError("stuck")
    await house.service.shut_down_now("kernel:2")
    await house.service.settle()
    house.stopper.fails = OSError("no way")
    await house.service.shut_down_now("instance")
    await house.service.settle()
    house.kernels.fails = OSError("blind")
    await house.pass_(120, step=60)
    told = shown(monkeypatch, house.metrics)
    assert told["shutdowns_total", ("kernel", "asked")] == 2
    assert told["shutdown_failures_total", ("kernel",)] == 1
    assert told["machine_stop_requests_total", ("sent",)] == 1
    assert told["machine_stop_requests_total", ("failed",)] == 1
    assert told["problems", ("kernels_failed",)] == 1
    assert told["monitor_healthy", ()] == 0


def test_two_servers_in_one_process_add_up(monkeypatch: Any) -> None:
    one, two = Metrics(), Metrics()
    for metrics in (one, two):
        metrics.look(targets=[("kernel", "idle")], leases=2, problems=[], checked_at=None)
        metrics.took(0.003)
    two.took(60)
    told = shown(monkeypatch, one, two)
    assert told["targets", ("kernel", "idle")] == 2
    assert told["leases", ()] == 4
    assert told["check_duration_seconds_bucket", ("0.005",)] == 2
    assert told["check_duration_seconds_bucket", (str(BUCKETS[-1]),)] == 2
    assert told["check_duration_seconds_bucket", ("+Inf",)] == 3


async def test_a_real_server_shows_them(jp_serverapp: Any, jp_fetch: Any) -> None:
    room.serve_metrics(Metrics())
    room.serve_metrics(metrics := Metrics())
    metrics.look(targets=[("terminal", "waiting")], leases=0, problems=["x_failed"], checked_at=None)
    answer = await jp_fetch("metrics")
    told = read(answer.body.decode())
    assert told["targets", ("terminal", "waiting")] == 1
    assert told["problems", ("x_failed",)] == 1
