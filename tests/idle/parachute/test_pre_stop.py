"""The administrator's command, with real processes."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from pathlib import Path

import pytest

from jupyter_lcc.idle.parachute.pre_stop import MOST_OUTPUT, PreStopCommand

LOG = logging.getLogger("jupyter_lcc.tests")


def python(code: str, timeout: int = 20) -> PreStopCommand:
    return PreStopCommand([sys.executable, "-c", code], timeout, LOG)


async def test_it_knows_what_happens_and_its_output_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", LOG.name)
    hook = python("import os, sys; print(os.environ['LCC_REASON'], flush=True); print('also', file=sys.stderr)")
    result = await hook.run({"LCC_REASON": "idle"})
    assert result is not None
    assert (result.error, result.output) == (None, "idle\nalso")
    assert "idle\nalso" in caplog.text


async def test_without_a_command_nothing_runs() -> None:
    assert await PreStopCommand([], 5, LOG).run({}) is None


async def test_a_failure_is_told() -> None:
    result = await python("import sys; print('no room'); sys.exit(3)").run({})
    assert result is not None
    assert (result.error, result.output) == ("It ended with status 3.", "no room")


async def test_what_is_not_there_is_told() -> None:
    result = await PreStopCommand(["/nowhere/at all"], 5, LOG).run({})
    assert result is not None
    assert result.error is not None
    assert result.error.startswith("It could not be started")


async def test_one_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    code = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
print("begun", flush=True)
time.sleep(60)
"""
    begun = time.monotonic()
    result = await python(code, timeout=2).run({})
    assert time.monotonic() - begun < 10
    assert result is not None
    assert (result.error, result.output) == ("It did not end within 2 s.", "begun")
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not _runs(pid):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("its child still runs")


async def test_output_without_end_is_cut(tmp_path: Path) -> None:
    result = await python("print('x' * 1_000_000); print('the end')").run({})
    assert result is not None
    assert len(result.output) <= MOST_OUTPUT
    assert result.output.endswith("the end")


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
