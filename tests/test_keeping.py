"""`jupyter_lcc.keep_alive`: in a real kernel, in a terminal's program, and where there is no server at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

import jupyter_lcc
from jupyter_lcc.keeping import keep_alive

from .cli.servers import Begin, Home, JupyterServer, beginning, wait_for

pytestmark = pytest.mark.timeout(240)
ALLOWED = 600


@pytest.fixture(scope="module")
def server() -> Iterator[JupyterServer]:
    with tempfile.TemporaryDirectory(prefix="lcc-keep-") as folder:
        made = JupyterServer(
            Home(Path(folder)), Path(folder) / "work", options=(f"--LccIdle.max_lease_seconds={ALLOWED}",)
        )
        made.launch()
        try:
            made.wait()
            yield made
        finally:
            made.end()


def leases(server: JupyterServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.ask("GET", "lcc/idle/leases")["leases"]
    return found


@pytest.fixture
def script(server: JupyterServer) -> Iterator[Begin]:
    """Runs Python outside of any kernel, in the server's home."""
    with beginning(server, sys.executable, "-W", "error", "-c") as begin:
        yield begin


def test_in_a_kernel_it_keeps_the_kernel_until_the_block_ends(server: JupyterServer) -> None:
    kernel_id = server.notebook("train.ipynb")
    client = BlockingKernelClient(connection_file=str(server.home.runtime / f"kernel-{kernel_id}.json"))
    client.load_connection_file()
    client.start_channels()
    try:
        client.wait_for_ready(60)
        seen: list[dict[str, Any]] = []
        run = (
            "import jupyter_lcc; keep = jupyter_lcc.keep_alive('epoch 1', max='5m'); keep.start(); keep.granted_seconds"
        )
        answer = client.execute_interactive(run, timeout=60, output_hook=seen.append)
        assert answer["content"]["status"] == "ok", answer
        assert [m["content"]["data"]["text/plain"] for m in seen if m["msg_type"] == "execute_result"] == ["300"]
        (lease,) = leases(server)
        assert (lease["target_id"], lease["note"]) == (f"kernel:{kernel_id}", "epoch 1")
        assert lease["granted_seconds"] == 300
        assert lease["clipped_by"] is None
        client.execute_interactive("keep.stop()", timeout=60)
        assert leases(server) == []
    finally:
        client.stop_channels()
        server.ask("DELETE", f"api/kernels/{kernel_id}")


NESTED = """
import sys, jupyter_lcc
def told(): print("at", flush=True); sys.stdin.readline()
with jupyter_lcc.keep_alive("outer", max="5m"):
    with jupyter_lcc.keep_alive("inner", max="8m"):
        told()
    told()
told()
"""


def test_blocks_in_each_other_keep_as_long_as_the_outer_one(server: JupyterServer, script: Begin) -> None:
    process = script(NESTED)
    assert process.stdin is not None
    assert process.stdout is not None
    seen = []
    for _ in range(3):
        assert process.stdout.readline() == "at\n"
        seen.append([(lease["note"], lease["granted_seconds"]) for lease in leases(server)])
        process.stdin.write("\n")
        process.stdin.flush()
    _, told = process.communicate(timeout=30)
    assert seen == [[("inner", 480)], [("outer", 300)], []]
    assert told == ""


def test_it_ends_with_its_process_however_that_ends(server: JupyterServer, script: Begin) -> None:
    process = script(
        "import jupyter_lcc, time\nwith jupyter_lcc.keep_alive('x'): print('in', flush=True); time.sleep(99)"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    assert [lease["pid"] for lease in leases(server)] == [process.pid]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    wait_for(lambda: not leases(server), 30)


def test_more_than_is_allowed_is_kept_shorter_and_said_once(server: JupyterServer, script: Begin) -> None:
    code = "import jupyter_lcc\n@jupyter_lcc.keep_alive('x', max='7d')\ndef work(n): return n\nprint(work(1) + work(2))"
    out, told = script(code).communicate(timeout=30)
    assert out == "3\n"
    assert told == f"jupyter_lcc: kept for {ALLOWED} s: the administrator allows no more at once\n"
    assert leases(server) == []


def test_a_forked_child_does_not_give_back_what_is_its_parents(server: JupyterServer, script: Begin) -> None:
    code = (
        "import jupyter_lcc, os, sys\n"
        "try:\n"
        "    with jupyter_lcc.keep_alive('x'):\n"
        "        if (pid := os.fork()) == 0: sys.exit(0)\n"
        "        os.waitpid(pid, 0); print('in', flush=True); sys.stdin.readline()\n"
        "except SystemExit: os._exit(0)"
    )
    process = script(code)
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    assert [lease["pid"] for lease in leases(server)] == [process.pid]
    _, told = process.communicate("\n", timeout=30)
    assert told == ""
    assert leases(server) == []


def test_without_a_server_the_work_is_done_and_it_is_said_once(tmp_path: Path) -> None:
    code = (
        "import jupyter_lcc\n"
        "for n in range(3):\n"
        "    with jupyter_lcc.keep_alive('x', max='1h') as keep: print(n, keep.granted_seconds)"
    )
    home = Home(tmp_path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=home.environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "0 None\n1 None\n2 None\n"
    assert done.stderr == "jupyter_lcc: nothing is kept: No running Jupyter server was found.\n"


def test_a_server_that_does_not_answer_holds_nobody_up(server: JupyterServer, script: Begin) -> None:
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        out, told = script("import jupyter_lcc\nwith jupyter_lcc.keep_alive(): print('done')").communicate(timeout=60)
        assert time.monotonic() - began < 30, "as patient as a socket without a timeout"
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert out == "done\n"
    assert "nothing is kept" in told


def test_errors_of_the_work_go_through(server: JupyterServer, script: Begin) -> None:
    _, told = script("import jupyter_lcc\nwith jupyter_lcc.keep_alive('x'): 1 / 0").communicate(timeout=30)
    assert "ZeroDivisionError" in told
    assert leases(server) == []


@pytest.mark.parametrize("longest", ["6", "soon", "", 0, -5, "500d", timedelta(0), float("nan")])
def test_what_is_no_duration_is_refused_before_anything_is_asked(longest: Any) -> None:
    with pytest.raises(ValueError, match=r"duration|max is from|more than"):
        keep_alive("x", max=longest)


def test_the_package_names_it_and_nothing_else() -> None:
    assert jupyter_lcc.keep_alive is keep_alive
    with pytest.raises(AttributeError):
        jupyter_lcc.keep_dead  # noqa: B018
