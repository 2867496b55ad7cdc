"""See a real GPU as the server does: `python tests/device/gpu_check.py`, on a Linux machine with an NVIDIA driver.

A child process holds GPU memory, then computes, then holds it again; each time it is measured as a kernel's would be.
The load uses the driver's own library (libcuda) alone. Needs nvidia-ml-py, or its `pynvml.py` on PYTHONPATH. Prints
what was seen; ends with 1 if memory alone was taken for work, or work was not seen.
"""

# ruff: noqa: T201 -- a script that a person reads
from __future__ import annotations

import asyncio
import ctypes
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.idle.gpu import Gpus
from jupyter_lcc.idle.lineage import Root
from jupyter_lcc.idle.processes import TableReader
from jupyter_lcc.idle.proof import Proof, Use

SIZE = 1 << 30


def load() -> None:
    """Hold a gigabyte; fill it again and again while the last line read is "work"."""
    cuda = ctypes.CDLL("libcuda.so.1")

    def call(name: str, *arguments: object) -> None:
        if code := getattr(cuda, name)(*arguments):
            raise OSError(f"{name}: {code}")

    device, context, memory = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
    call("cuInit", 0)
    call("cuDeviceGet", ctypes.byref(device), 0)
    call("cuCtxCreate_v2", ctypes.byref(context), 0, device)
    call("cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(SIZE))
    print("ready", flush=True)
    for line in sys.stdin:
        end = time.monotonic() + float(line)
        while time.monotonic() < end:
            for _ in range(200):
                call("cuMemsetD32Async", memory, 1, ctypes.c_size_t(SIZE // 4), None)
            call("cuCtxSynchronize")
        print("done", flush=True)


async def watch(proof: Proof, seconds: float) -> list[Use]:
    table, seen = TableReader(), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await proof.measure(table())
        seen.append(proof.use_of("kernel:k"))
        await asyncio.sleep(1.2)
    return seen


async def check() -> int:
    gpus = Gpus()
    devices = gpus.look(timeout=10)
    print("NVML:", devices if devices is not None else gpus.why_not)
    if not devices:
        return 1
    child = subprocess.Popen(  # noqa: ASYNC220 -- nothing else runs here
        [sys.executable, __file__, "load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "ready\n"
        proof = Proof(SystemClock(), window=lambda: 1.0, gpus=gpus)
        proof.family.add(lambda: [Root(target_id="kernel:k", pid=child.pid)])
        await asyncio.sleep(3)
        await watch(proof, 2)
        held = await watch(proof, 5)
        child.stdin.write("8\n")
        child.stdin.flush()
        await asyncio.sleep(1)
        works = await watch(proof, 6)
        await asyncio.sleep(4)
        over = (await watch(proof, 6))[-1]
    finally:
        child.kill()
        child.wait()
    for name, uses in (("memory held", held), ("computing", works), ("held again", [over])):
        for use in uses:
            print(f"{name}: gpu {use.gpu} works {use.works} evidence {use.evidence()}")
    fine = not any(gpu.utilisation_percent and gpu.utilisation_percent >= 5 for use in held for gpu in use.gpu)
    fine = fine and any((gpu.utilisation_percent or 0) >= 5 for use in works for gpu in use.gpu)
    fine = fine and all(use.works for use in works[1:])
    fine = fine and not any((gpu.utilisation_percent or 0) >= 5 for gpu in over.gpu)
    print("as it should be" if fine else "NOT as it should be")
    return 0 if fine else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["load"]:
        load()
    else:
        sys.exit(asyncio.run(check()))
