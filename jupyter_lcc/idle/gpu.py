"""GPU use through NVML, if its Python binding (nvidia-ml-py, imported as pynvml) and a driver are there.

NVML can hang with a sick device, so it is asked in a thread of its own; while an answer is awaited nobody asks again,
and meanwhile use is unknown. Where NVML isn't there it is tried again only every few minutes.

In a container NVML names processes by the host's pids. Then a device can only be told as a whole, and its use counts
for whoever has the device open.
"""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from .model import Gpu

__all__ = ["Device", "Gpus", "devices_open_by", "share_of"]

RETRY_SECONDS = 300.0
ANSWER_SECONDS = 1.0
FRESH_SECONDS = 1.0


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU at one moment; `minor` is the number of its device file.

    `utilisation_percent` is of the time since the last look where NVML keeps that. `processes` has each process NVML
    names: percent of the device's time (None: not told) and bytes of its memory.
    """

    index: int
    minor: int
    name: str
    utilisation_percent: float | None
    memory_bytes: int | None
    processes: Mapping[int, tuple[float | None, int | None]]


class Gpus:
    """Ask NVML, at most once a second. `load` gives the module, for tests."""

    def __init__(self, load: Callable[[], Any] = lambda: importlib.import_module("pynvml")) -> None:
        self._load = load
        self._nvml: Any = None
        self._try_at = 0.0
        self._asked: threading.Thread | None = None
        self._starting = threading.Lock()
        self._answer: tuple[float, tuple[Device, ...] | None] = (-1e9, None)
        self._seen: dict[int, tuple[int, int]] = {}
        self.why_not: str | None = None

    def look(self, timeout: float = ANSWER_SECONDS) -> tuple[Device, ...] | None:
        """Give the devices; None if that can't be told now. Blocks for `timeout` seconds at most."""
        now = time.monotonic()
        if now - self._answer[0] < FRESH_SECONDS:
            return self._answer[1]
        if self._nvml is None and now < self._try_at:
            return None
        with self._starting:
            asked = self._asked
            if asked is None or not asked.is_alive():
                asked = self._asked = threading.Thread(target=self._ask, name="jupyter_lcc-nvml", daemon=True)
                asked.start()
            elif self.why_not == "hangs":
                return None  # who hung once isn't waited for again
        asked.join(timeout)
        if asked.is_alive():
            self.why_not = "hangs" if timeout > 0 else self.why_not
            return None
        return self._answer[1]

    @property
    def last(self) -> tuple[Device, ...] | None:
        """What was seen just now, without asking; None if that is some seconds ago."""
        return self._answer[1] if time.monotonic() - self._answer[0] < 5 * FRESH_SECONDS else None

    def _ask(self) -> None:
        try:
            if self._nvml is None:
                module = self._load()
                module.nvmlInit()
                self._nvml = module
            devices = tuple(self._device(self._nvml, index) for index in range(self._nvml.nvmlDeviceGetCount()))
            self._answer, self.why_not = (time.monotonic(), devices), None
        except Exception as error:  # no module, no driver, a lost device: NVML has an exception for each
            self._nvml, self._try_at = None, time.monotonic() + RETRY_SECONDS
            self._answer, self.why_not = (time.monotonic(), None), f"{type(error).__name__}: {error}"

    def _device(self, nvml: Any, index: int) -> Device:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        name = _or_none(nvml, lambda: nvml.nvmlDeviceGetName(handle))
        minor = _or_none(nvml, lambda: nvml.nvmlDeviceGetMinorNumber(handle))
        memory = _or_none(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used)
        since_device, since_processes = self._seen.get(index, (0, 0))
        samples = _or_none(
            nvml, lambda: nvml.nvmlDeviceGetSamples(handle, nvml.NVML_GPU_UTILIZATION_SAMPLES, since_device)
        )
        percent: float | None
        if samples and samples[1]:
            values = [sample.sampleValue.uiVal for sample in samples[1]]
            percent = round(sum(values) / len(values), 1)
            since_device = max(sample.timeStamp for sample in samples[1])
        else:
            percent = _or_none(nvml, lambda: float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu))
        processes: dict[int, tuple[float | None, int | None]] = {}
        for process in _or_none(nvml, lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle)) or ():
            processes[process.pid] = (None, process.usedGpuMemory)
        shares = _or_none(nvml, lambda: nvml.nvmlDeviceGetProcessUtilization(handle, since_processes))
        for share in shares or ():
            since_processes = max(since_processes, share.timeStamp)
            used, held = processes.get(share.pid, (None, None))
            processes[share.pid] = (max(float(share.smUtil), used or 0.0), held)
        if shares is not None:
            processes = {pid: (0.0 if used is None else used, held) for pid, (used, held) in processes.items()}
        self._seen[index] = (since_device, since_processes)
        return Device(
            index=index,
            minor=index if minor is None else minor,
            name=name.decode() if isinstance(name, bytes) else str(name or "GPU"),
            utilisation_percent=percent,
            memory_bytes=memory,
            processes=processes,
        )


def _or_none(nvml: Any, ask: Callable[[], Any]) -> Any:
    """Ask what not every device tells; "nobody used it" is an empty list."""
    try:
        return ask()
    except nvml.NVMLError as error:
        return [] if getattr(error, "value", None) == getattr(nvml, "NVML_ERROR_NOT_FOUND", 6) else None


def share_of(
    devices: Iterable[Device],
    pids: set[int],
    all_pids: Iterable[int],
    open_by: Callable[[set[int]], set[int] | None],
) -> tuple[Gpu, ...]:
    """Give what the processes `pids` use of each device.

    A device none of whose processes is known here (`all_pids`), although it is used, is told as a whole to whoever
    has it open: `open_by` gives the devices' minor numbers, None if that can't be read, and then to everybody.
    """
    known = set(all_pids)
    found: list[Gpu] = []
    opened: set[int] | None = None
    asked = False
    for device in devices:
        mine = [use for pid, use in device.processes.items() if pid in pids]
        if mine:
            told = [used for used, _held in mine if used is not None]
            held = [memory for _used, memory in mine if memory is not None]
            if told or not device.utilisation_percent:
                found.append(
                    Gpu(
                        index=device.index,
                        name=device.name,
                        utilisation_percent=min(100.0, sum(told)) if told else device.utilisation_percent,
                        memory_bytes=sum(held) if held else None,
                    )
                )
                continue
        elif device.processes.keys() & known:
            strangers = device.processes.keys() - known
            busy_here = any((use[0] or 0) > 0 for pid, use in device.processes.items() if pid in known)
            if not strangers or busy_here or not device.utilisation_percent:
                continue  # told apart, and not mine
        if not device.utilisation_percent and not device.processes:
            continue
        if not asked:
            opened, asked = open_by(pids), True
        if opened is None or device.minor in opened:
            found.append(
                Gpu(
                    index=device.index,
                    name=device.name,
                    utilisation_percent=device.utilisation_percent,
                    memory_bytes=device.memory_bytes,
                    whole_device=True,
                )
            )
    return tuple(found)


def devices_open_by(pids: Iterable[int]) -> set[int] | None:
    """Name the NVIDIA devices that processes have open, by minor number (/dev/nvidia0 is 0).

    None if no process can be read."""
    found: set[int] = set()
    read = False
    for pid in pids:
        try:
            for name in os.listdir(f"/proc/{pid}/fd"):
                try:
                    link = os.readlink(f"/proc/{pid}/fd/{name}")
                except FileNotFoundError:
                    continue
                if link.startswith("/dev/nvidia") and link[11:].isdigit():
                    found.add(int(link[11:]))
        except OSError:
            continue
        read = True
    return found if read else None
