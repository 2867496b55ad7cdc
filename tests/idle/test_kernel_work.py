"""What a kernel's processes do after its cell has returned: real kernels, real processes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.idle.kernels import Kernels
from jupyter_lcc.idle.model import Sighting
from jupyter_lcc.idle.processes import TableReader, process_started
from jupyter_lcc.idle.proof import Proof

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sessions and marks are Linux's"),
]

SPIN = "import time; end = time.time() + 60\nwhile time.time() < end: pass"
CHILD = f"[{sys.executable!r}, '-c', {SPIN!r}]"
DAEMON = f"""
import os, sys
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execv(sys.executable, [sys.executable, '-c', {SPIN!r}])
os.wait()
"""


class Bench:
    """One kernel seen through the adapter, with short windows, and a client."""

    def __init__(self, serverapp: Any) -> None:
        self.manager = serverapp.kernel_manager
        clock = SystemClock()
        self.table = TableReader()
        self.kernels = Kernels(
            serverapp.kernel_manager,
            serverapp.session_manager,
            serverapp.kernel_spec_manager,
            clock,
            remote=False,
            log=logging.getLogger("jupyter_lcc.tests"),
            proof=Proof(clock, window=lambda: 0.7),
        )
        self.client: Any = None
        self.id = ""
        self.strays: list[int] = []

    async def start(self) -> None:
        self.id = await self.manager.start_kernel()
        await self.see()
        self.client = self.manager.get_kernel(self.id).client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=30)
        while not any(e.signal == "machine_message" for e in (await self.see()).evidence):
            self.client.kernel_info()
            await asyncio.sleep(0.05)

    async def see(self) -> Sighting:
        (seen,) = await self.kernels.observe(self.table())
        return seen

    async def until(self, wanted: Callable[[Sighting], bool]) -> Sighting:
        while not wanted(seen := await self.see()):
            await asyncio.sleep(0.1)
        return seen

    async def run(self, code: str) -> None:
        """Run a cell to its end, and see that it has ended."""
        answer = await self.client.execute(code, reply=True, timeout=30)
        assert answer["content"]["status"] == "ok", answer
        ended = (await self.see()).evidence
        while not any(e.signal == "last_run_ended_at" for e in ended):
            await asyncio.sleep(0.05)
            ended = (await self.see()).evidence

    async def never_works(self, seconds: float) -> Sighting:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen = await self.see()
            assert seen.state == "idle", seen.evidence
            await asyncio.sleep(0.1)
        return seen


@pytest.fixture
def bench(jp_serverapp: Any, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Bench]:
    made = Bench(jp_serverapp)
    yield made

    async def close() -> None:
        for pid in made.strays:
            if process_started(pid) is not None:
                os.kill(pid, signal.SIGKILL)
        await made.kernels.close()
        if made.client is not None:
            made.client.stop_channels()
        await made.manager.shutdown_all(now=True)

    jp_asyncio_loop.run_until_complete(close())


def evidence(seen: Sighting, name: str) -> Any:
    return next(e for e in seen.evidence if e.signal == name)


def works_by_cpu(seen: Sighting) -> bool:
    return any(e.signal == "cpu_percent" and e.means == "work" for e in seen.evidence)


async def test_work_after_the_cell(bench: Bench) -> None:
    """A thread, a child, and what left the tree: each makes the kernel work, and its end is activity."""
    await bench.start()
    await bench.until(lambda s: s.state == "idle")
    ways = {
        "thread": (
            "import threading; on = [1]\ndef f():\n  while on: pass\nthreading.Thread(target=f, daemon=True).start()",
            "on.clear()",
        ),
        "child": (f"import subprocess; p = subprocess.Popen({CHILD})", "p.kill(); p.wait()"),
        "setsid": (f"p = subprocess.Popen({CHILD}, start_new_session=True)", "p.kill(); p.wait()"),
    }
    for way, (begin, end) in ways.items():
        await bench.run(begin)
        # Its start alone, which reads files, is work for a moment too.
        works = await bench.until(lambda s: s.state == "working" and works_by_cpu(s))
        assert evidence(works, "cpu_percent").value >= 20, way
        assert works.since is not None, way
        assert works.active_at is not None, way
        assert works.active_at > works.since, way
        if way != "thread":
            child = next(row.pid for row in bench.table().rows.values() if row.parent == works.pid)
            assert evidence(works, "busiest_process").value.endswith(f"(pid {child})"), way
            assert (works.processes or 0) >= 2, way
        await bench.run(end)
        over = await bench.until(lambda s: s.state == "idle")
        assert over.active_at is not None, way
        assert over.active_at > works.since, way


async def test_a_double_fork_that_no_look_saw_belongs_to_its_kernel(bench: Bench) -> None:
    await bench.start()
    await bench.run(DAEMON)
    works = await bench.until(lambda s: s.state == "working")
    pid = int(evidence(works, "busiest_process").value.rstrip(")").rsplit(" ", 1)[1])
    bench.strays.append(pid)
    row = bench.table().rows[pid]
    assert row.parent != works.pid
    assert row.session != works.pid


async def test_a_pool_that_computes_works_and_one_that_waits_does_not(bench: Bench, tmp_path: Path) -> None:
    await bench.start()
    stop = tmp_path / "stop"
    await bench.run(
        "import multiprocessing, os\n"
        f"def f(_):\n  while not os.path.exists({str(stop)!r}): pass\n"
        "pool = multiprocessing.get_context('fork').Pool(2)\n"
        "asked = pool.map_async(f, range(2))"
    )
    works = await bench.until(lambda s: s.state == "working")
    assert (works.processes or 0) >= 3
    stop.touch()
    await bench.until(lambda s: s.state == "idle")
    await bench.never_works(1.5)


async def test_sleeping_children_heartbeats_and_chatter_are_no_work(bench: Bench) -> None:
    await bench.start()
    await bench.run(
        "import subprocess, threading, time\np = subprocess.Popen(['sleep', '60'])\n"
        "def f():\n  while True: time.sleep(0.1)\nthreading.Thread(target=f, daemon=True).start()\n"
        "import os; held = [os.urandom(1000)]"
    )
    before = await bench.until(lambda s: s.state == "idle" and s.cpu_percent is not None)
    for _ in range(8):
        bench.client.control_channel.send(bench.client.session.msg("usage_request", {}))
        bench.client.history(hist_access_type="tail", n=10)
        bench.client.kernel_info()
        await bench.never_works(0.3)
    after = await bench.see()
    assert after.active_at == before.active_at
    assert after.processes == 2
    assert after.io_bytes_per_second is not None
    assert after.io_bytes_per_second < 200_000
    bench.strays += [r.pid for r in bench.table().rows.values() if r.parent == after.pid]


async def test_the_last_look_finds_work_that_has_just_begun(bench: Bench) -> None:
    """No look at all between the begin of the work and the deadline."""
    await bench.start()
    idle = await bench.until(lambda s: s.state == "idle")
    await asyncio.sleep(5.1)  # the last look is too long ago to tell anything
    first = bench.kernels.look_again(idle.id)
    assert first is not None
    assert (first.state, first.pending) == ("idle", True), "one look tells nothing yet"
    await asyncio.sleep(0.5)
    second = bench.kernels.look_again(idle.id)
    assert second is not None
    assert (second.state, second.pending) == ("idle", False), "it was quiet for long enough"

    await bench.client.execute(f"import subprocess; p = subprocess.Popen({CHILD})", reply=True, timeout=30)
    await asyncio.sleep(5.1)  # the deadline is another one
    seen = bench.kernels.look_again(idle.id)
    while seen is not None and seen.pending:
        await asyncio.sleep(0.2)
        seen = bench.kernels.look_again(idle.id)
    assert seen is not None
    assert seen.state == "working"
    assert evidence(seen, "cpu_percent").means == "work"


async def test_a_question_does_not_hide_a_child_at_work(bench: Bench) -> None:
    """The kernel waits for a person; its child does not, and work wins."""
    await bench.start()
    await bench.run(f"import subprocess; p = subprocess.Popen({CHILD})")
    bench.client.execute("input('go on?')", allow_stdin=True)
    await bench.until(lambda s: s.state == "working" and any(e.signal == "running_since" for e in s.evidence))
    bench.kernels.input_asked(bench.id)
    works = await bench.until(lambda s: any(e.signal == "cpu_percent" and e.means == "work" for e in s.evidence))
    assert works.state == "working"
    bench.strays += [r.pid for r in bench.table().rows.values() if r.parent == works.pid]
    os.kill(bench.strays[-1], signal.SIGKILL)
    await bench.until(lambda s: s.state == "waiting")
    bench.client.input("yes")


async def test_without_a_process_table_a_quiet_kernel_is_unknown(bench: Bench) -> None:
    await bench.start()
    await bench.until(lambda s: s.state == "idle")
    (blind,) = await bench.kernels.observe(None)
    assert blind.state == "unknown"
    again = bench.kernels.look_again(blind.id)
    assert again is not None
    assert again.state == "unknown"
    assert (await bench.see()).state == "idle"
