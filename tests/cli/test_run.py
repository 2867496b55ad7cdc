"""`jupyter lcc run`: the command runs as it would without, and is kept while it does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from .servers import Begin, Home, JupyterServer, beginning, wait_for

HERE = [sys.executable, "-W", "error", "-m", "jupyter_lcc.cli", "run"]


def leases(server: JupyterServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.ask("GET", "lcc/idle/leases")["leases"]
    return found


@pytest.fixture
def begin(server: JupyterServer) -> Iterator[Begin]:
    """Begins the command, and ends it with the test."""
    with beginning(server, *HERE) as begin:
        yield begin


def mine(server: JupyterServer, note: str) -> list[dict[str, Any]]:
    return [lease for lease in leases(server) if lease["note"] == note]


def test_it_is_kept_while_it_runs_and_no_longer(server: JupyterServer, begin: Begin) -> None:
    process = begin("--for", "30m", "--note", "night run", "--", "cat")
    wait_for(lambda: mine(server, "night run"))
    (lease,) = mine(server, "night run")
    assert lease["target_id"] == "instance"
    assert lease["granted_seconds"] == 1800
    assert lease["pid"] != process.pid
    out, told = process.communicate("what goes in comes out\n", timeout=30)
    assert (process.returncode, out, told) == (0, "what goes in comes out\n", "")
    assert mine(server, "night run") == []


def test_in_a_terminal_the_terminal_is_kept(server: JupyterServer) -> None:
    name = server.terminal()
    try:
        (terminal,) = [t for t in server.ask("GET", "lcc/idle")["targets"] if t["id"] == f"terminal:{name}"]
        typed = f"{' '.join(HERE)} --note inside -- sleep 60\r"
        device = os.readlink(f"/proc/{terminal['pid']}/fd/0")
        assert device.startswith("/dev/pts/")
        _type(server, name, typed)
        wait_for(lambda: mine(server, "inside"))
        assert [lease["target_id"] for lease in mine(server, "inside")] == [f"terminal:{name}"]
    finally:
        server.ask("DELETE", f"api/terminals/{name}")
    wait_for(lambda: not mine(server, "inside"))


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["this-command-is-not-there"], 127),
        (["/etc/hostname"], 126),
    ],
)
def test_the_exit_status_is_the_commands(server: JupyterServer, begin: Begin, words: list[str], status: int) -> None:
    process = begin("--", *words)
    process.communicate(timeout=30)
    assert process.returncode == status


def test_its_options_are_not_ours(server: JupyterServer, begin: Begin) -> None:
    process = begin("--", "echo", "--json", "--for", "ever", "-x")
    out, _ = process.communicate(timeout=30)
    assert out == "--json --for ever -x\n"


def test_a_signal_for_us_is_one_for_the_command(server: JupyterServer, begin: Begin) -> None:
    process = begin("--note", "signalled", "--", "sleep", "60")
    wait_for(lambda: mine(server, "signalled"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert mine(server, "signalled") == []


def test_if_we_are_killed_it_is_kept_until_it_ends(server: JupyterServer, begin: Begin) -> None:
    process = begin("--note", "orphan", "--", "sleep", "60")
    wait_for(lambda: mine(server, "orphan"))
    (lease,) = mine(server, "orphan")
    process.kill()
    process.wait(30)
    assert [left["id"] for left in mine(server, "orphan")] == [lease["id"]]
    os.kill(lease["pid"], signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not mine(server, "orphan"))


def test_more_than_is_allowed_is_said(server: JupyterServer, begin: Begin) -> None:
    process = begin("--for", "9h", "--", "sleep", "2")
    _, told = process.communicate(timeout=30)
    assert told == "jupyter lcc run: kept for 2 h: the administrator allows no more at once.\n"


def test_a_command_that_ended_at_once_is_no_trouble(server: JupyterServer, begin: Begin) -> None:
    process = begin("--", "true")
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


def test_without_a_server_it_runs_all_the_same(tmp_path: Any) -> None:
    ran = Home(tmp_path).lcc("run", "--", "sh", "-c", "echo ran; sleep 3; exit 5")
    assert (ran.status, ran.out) == (5, "ran\n")
    assert ran.err == "jupyter lcc run: nothing is kept: No running Jupyter server was found.\n"


@pytest.mark.parametrize("words", [[], ["--for", "soon", "--", "true"], ["--for", "0s", "--", "true"]])
def test_what_can_not_be_understood_is_not_run(tmp_path: Any, words: list[str]) -> None:
    assert Home(tmp_path).lcc("run", *words).status == 2


def _type(server: JupyterServer, name: str, text: str) -> None:
    """Type as a page does."""
    import json

    from websocket import create_connection

    url = f"ws://localhost:{server.port}{server.base_url}terminals/websocket/{name}?token={server.token}"
    socket = create_connection(url)
    try:
        socket.send(json.dumps(["stdin", text]))
    finally:
        socket.close()
