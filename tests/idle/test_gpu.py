"""GPU use by a fake NVML module: what it tells, what it can't tell, that it hangs, that it isn't there."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.idle import gpu as room
from jupyter_lcc.idle.gpu import Device, Gpus, share_of
from jupyter_lcc.idle.lineage import Root
from jupyter_lcc.idle.process_table import ProcessRow, ProcessTable
from jupyter_lcc.idle.proof import Proof, Use
from jupyter_lcc.idle.traffic import SocketReader


class FakeNvml:
    """A fake pynvml with one device: `uses` maps pid -> (percent, bytes); None percents are not told."""

    NVML_GPU_UTILIZATION_SAMPLES = 1
    NVML_ERROR_NOT_FOUND = 6

    class NVMLError(Exception):
        def __init__(self, value: int) -> None:
            self.value = value

    def __init__(self, percent: float | None, uses: dict[int, tuple[int | None, int]]) -> None:
        self.percent, self.uses = percent, uses
        self.hangs: threading.Event | None = None
        self.inits = self.counts = 0

    def nvmlInit(self) -> None:  # noqa: N802 -- NVML's own names
        self.inits += 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 -- NVML's own names
        self.counts += 1
        if self.hangs:
            self.hangs.wait(30)
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 -- NVML's own names
        return index

    def nvmlDeviceGetName(self, _handle: int) -> bytes:  # noqa: N802 -- NVML's own names
        return b"Fake H1"

    def nvmlDeviceGetMinorNumber(self, _handle: int) -> int:  # noqa: N802 -- NVML's own names
        return 3

    def nvmlDeviceGetMemoryInfo(self, _handle: int) -> Any:  # noqa: N802 -- NVML's own names
        return SimpleNamespace(used=999)

    def nvmlDeviceGetSamples(self, _handle: int, _kind: int, _since: int) -> Any:  # noqa: N802 -- NVML's own names
        raise self.NVMLError(3)  # not supported

    def nvmlDeviceGetUtilizationRates(self, _handle: int) -> Any:  # noqa: N802 -- NVML's own names
        if self.percent is None:
            raise self.NVMLError(3)
        return SimpleNamespace(gpu=self.percent)

    def nvmlDeviceGetComputeRunningProcesses(self, _handle: int) -> Any:  # noqa: N802 -- NVML's own names
        return [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, (_used, held) in self.uses.items()]

    def nvmlDeviceGetProcessUtilization(self, _handle: int, _since: int) -> Any:  # noqa: N802 -- NVML's own names
        told = [SimpleNamespace(pid=p, smUtil=u, timeStamp=5) for p, (u, _) in self.uses.items() if u is not None]
        if not told:
            raise self.NVMLError(self.NVML_ERROR_NOT_FOUND)
        return told


def row(pid: int) -> ProcessRow:
    return ProcessRow(
        pid=pid, parent=1, name="python", state="S", started=1, cpu_seconds=0, memory_bytes=1, session=pid
    )


async def uses(nvml: FakeNvml, *pids: int, opened: set[int] | None = None) -> dict[int, Use]:
    """Measure these kernels."""
    proof = Proof(SystemClock(), window=lambda: 0.05, gpus=Gpus(lambda: nvml), sockets=SocketReader(lambda: None))
    proof.family.add(lambda: [Root(target_id=str(pid), pid=pid) for pid in pids])
    for _ in range(2):
        await proof.measure(ProcessTable([row(pid) for pid in pids]))
        await asyncio.sleep(0.06)
    return {pid: proof.use_of(str(pid)) for pid in pids}


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """These pids have the device's file open. They are not real processes."""
    pids: set[int] = set()
    monkeypatch.setattr("jupyter_lcc.idle.proof.devices_open_by", lambda asked: {3} if pids & set(asked) else set())
    return pids


async def test_use_is_told_by_process_and_memory_alone_is_no_work() -> None:
    seen = await uses(FakeNvml(80, {10: (75, 500), 20: (0, 400)}), 10, 20, 30)
    assert seen[10].works
    (gpu,) = seen[10].gpu
    assert (gpu.name, gpu.utilisation_percent, gpu.memory_bytes, gpu.whole_device) == ("Fake H1", 75, 500, False)
    assert any(e.signal == "gpu_percent" and e.means == "work" for e in seen[10].evidence())
    assert not seen[20].works
    assert (seen[20].gpu[0].utilisation_percent, seen[20].gpu[0].memory_bytes) == (0, 400)
    assert seen[30].gpu == ()


async def test_where_pids_can_not_be_matched_the_device_counts_for_who_has_it_open(opened: set[int]) -> None:
    opened.add(10)
    seen = await uses(FakeNvml(80, {31337: (80, 500)}), 10, 20)
    assert seen[10].works
    assert (seen[10].gpu[0].whole_device, seen[10].gpu[0].utilisation_percent) == (True, 80)
    assert any(e.signal == "gpu_device_percent" and e.means == "work" for e in seen[10].evidence())
    assert not seen[20].works
    idle = await uses(FakeNvml(0, {31337: (None, 500)}), 10)
    assert not idle[10].works


async def test_an_unused_device_is_no_work_whoever_holds_its_memory() -> None:
    assert not (await uses(FakeNvml(0, {10: (None, 500)}), 10))[10].works


def test_if_nobody_can_be_told_apart_everybody_is_kept() -> None:
    device = Device(index=0, minor=0, name="G", utilisation_percent=50.0, memory_bytes=1, processes={})
    assert share_of([device], {10}, {10}, lambda pids: None)[0].whole_device
    assert share_of([device], {10}, {10}, lambda pids: set()) == ()


def test_without_nvml_nothing_is_known_and_it_is_tried_again_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0

    def load() -> Any:
        nonlocal tries
        tries += 1
        raise ModuleNotFoundError("pynvml")

    gpus = Gpus(load)
    assert [gpus.look() for _ in range(5)] == [None] * 5
    assert tries == 1
    assert "pynvml" in (gpus.why_not or "")
    monkeypatch.setattr(room, "FRESH_SECONDS", 0.0)
    assert gpus.look() is None
    assert tries == 1
    monkeypatch.setattr(room, "RETRY_SECONDS", 0.0)
    again = Gpus(load)
    assert [again.look() for _ in range(3)] == [None] * 3
    assert tries == 4


def test_a_hung_nvml_holds_nobody_up_and_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "FRESH_SECONDS", 0.0)
    nvml = FakeNvml(50, {})
    nvml.hangs = threading.Event()
    gpus = Gpus(lambda: nvml)
    before = time.monotonic()
    assert gpus.look(timeout=0.1) is None
    for _ in range(50):
        assert gpus.look(timeout=0.1) is None
    assert time.monotonic() - before < 1
    assert nvml.counts == 1
    assert gpus.why_not == "hangs"
    nvml.hangs.set()
    end = time.monotonic() + 5
    while (seen := gpus.look(timeout=0.1)) is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert seen[0].utilisation_percent == 50
