"""The commands against real servers with real kernels and terminals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from jupyter_lcc.cli.exits import Exit
from jupyter_lcc.cli.table import width_of
from jupyter_lcc.idle.model import Explanation, IdleView, Lease, Policy

from .servers import JupyterServer, Ran

SEOUL = timezone(timedelta(hours=9))


def decoded(ran: Ran, shape: type[Any]) -> Any:
    assert ran.status == Exit.OK, ran.err
    return msgspec.json.decode(ran.out.encode(), type=shape)


# -- status -------------------------------------------------------------------------------------------------------


def test_status_says_everything_in_one_look(server: JupyterServer, notebook: str, terminal: str) -> None:
    ran = server.home.lcc("status")
    assert (ran.status, ran.err) == (Exit.OK, "")
    assert "The machine itself can't be stopped from here." in " ".join(ran.out.split())
    line = next(line for line in ran.out.splitlines() if line.startswith("train.ipynb"))
    assert "stops " in line
    assert "MB" in line
    assert any(line.startswith(f"terminal {terminal} ") for line in ran.out.splitlines())
    assert all(width_of(line) <= 80 for line in ran.out.splitlines())


def test_status_shows_local_time_and_sends_utc(server: JupyterServer, terminal: str) -> None:
    view = decoded(server.home.lcc("status", "--json"), IdleView)
    target = next(target for target in view.targets if target.id == f"terminal:{terminal}")
    shown = server.home.lcc("status").out
    assert (
        f"stops {target.stops_at.astimezone(SEOUL):%H:%M}" in shown
        or target.stops_at.astimezone(SEOUL).day != datetime.now(SEOUL).day
    )
    assert all(moment.endswith("Z") for moment in _times(json.loads(server.home.lcc("status", "--json").out)))


def _times(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.endswith("_at") and isinstance(inner, str):
                yield inner
            yield from _times(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _times(inner)


def test_a_narrow_screen_is_kept_to(server: JupyterServer, notebook: str) -> None:
    assert all(width_of(line) <= 60 for line in server.home.lcc("status", COLUMNS="60").out.splitlines())


def test_asking_is_not_activity(server: JupyterServer, notebook: str) -> None:
    before = _last_activity(server)
    server.home.lcc("status")
    server.home.lcc("why", "train.ipynb")
    server.home.lcc("doctor")
    assert _last_activity(server) == before


def _last_activity(server: JupyterServer) -> str:
    """Give Jupyter's own, once the kernel has said all it has to say at its start."""
    told = ""
    while told != (now := str(server.ask("GET", "api/status?no_track_activity=1")["last_activity"])):
        told = now
        time.sleep(1)
    return told


@pytest.mark.parametrize("words", [["status"], ["env", "--help-all"]])
def test_a_reader_that_goes_away_is_no_error(server: JupyterServer, notebook: str, words: list[str]) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "jupyter_lcc.cli", *words],
        env=server.home.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()
    told = command.stderr.read()
    command.stderr.close()
    assert (command.wait(30), told) == (141, b"")


# -- keep ---------------------------------------------------------------------------------------------------------


def test_keep_and_give_back(server: JupyterServer, notebook: str) -> None:
    lease = decoded(server.home.lcc("keep", "--for", "30m", "work/train.ipynb", "--note", "-x 4", "--json"), Lease)
    assert (lease.target_id, lease.granted_seconds, lease.note) == (f"kernel:{notebook}", 1800, "-x 4")
    view = decoded(server.home.lcc("status", "--json"), IdleView)
    assert next(t for t in view.targets if t.id == lease.target_id).lease.id == lease.id
    assert f" {lease.expires_at.astimezone(SEOUL):%H:%M}" in server.home.lcc("status").out
    ended = server.home.lcc("keep", "train", "--end", "--json").json()
    assert ended == {"ended": [lease.id]}
    again = server.home.lcc("keep", "train", "--end")
    assert (again.status, again.out) == (Exit.NOT_FOUND, "")


def test_a_longer_keep_is_clipped_and_says_so(server: JupyterServer, terminal: str) -> None:
    ran = server.home.lcc("keep", terminal, "--for=1d")
    assert ran.status == Exit.OK
    assert "Granted 2 h of 1 d: the administrator allows no more" in ran.out
    shorter = server.home.lcc("keep", terminal, "--for=1m")
    assert "was already kept until" in shorter.out
    server.home.lcc("keep", terminal, "--end")


def test_the_whole_machine_is_the_default(server: JupyterServer, notebook: str) -> None:
    lease = decoded(server.home.lcc("keep", "--json"), Lease)
    assert (lease.target_id, lease.granted_seconds) == ("instance", 3600)
    assert "a keep of everything until" in server.home.lcc("status").out
    not_its_own = server.home.lcc("keep", "train", "--end")
    assert not_its_own.status == Exit.NOT_FOUND
    assert "`jupyter lcc keep --end` ends that" in not_its_own.err
    assert server.home.lcc("keep", "--end").status == Exit.OK


def test_a_keep_for_a_process_ends_with_it(server: JupyterServer, terminal: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lease = decoded(server.home.lcc("keep", terminal, "--pid", str(process.pid), "--json"), Lease)
    assert (lease.pid, lease.granted_seconds) == (process.pid, 7200)
    process.communicate(b"\n")
    ran = server.home.lcc("keep", terminal, "--pid", str(process.pid))
    assert (ran.status, ran.out) == (Exit.PROBLEM, "")
    assert f"no process {process.pid}" in ran.err


def test_what_was_shut_down_can_t_be_kept(server: JupyterServer, gone: str) -> None:
    by_name, by_id = server.home.lcc("keep", "hasty.ipynb"), server.home.lcc("keep", f"kernel:{gone}")
    assert (by_name.status, by_id.status) == (Exit.TOO_LATE, Exit.TOO_LATE)
    assert "already shut down" in by_name.err


def test_what_never_was_can_t_be_kept(server: JupyterServer) -> None:
    assert server.home.lcc("keep", "nothing.ipynb").status == Exit.NOT_FOUND
    assert server.home.lcc("keep", "kernel:00000000-0000-0000-0000-000000000000").status == Exit.NOT_FOUND


# -- why ----------------------------------------------------------------------------------------------------------


def test_why_is_it_kept(server: JupyterServer) -> None:
    terminal = server.terminal()
    ran = server.home.lcc("why", terminal)
    assert ran.status == Exit.OK
    assert f"Terminal {terminal} is kept: its limit isn't reached." in ran.out
    assert "the shell is at its prompt" in ran.out
    assert "Limit   1 h (the default)" in ran.out
    assert "seen for the first time" in ran.out
    assert all(width_of(line) <= 80 for line in ran.out.splitlines())


def test_why_was_it_shut_down(server: JupyterServer, gone: str) -> None:
    ran = server.home.lcc("why", "hasty")
    assert ran.status == Exit.OK
    assert "hasty.ipynb was shut down at" in ran.out
    assert "Limit   2 s (set by the kernel's own specification)" in ran.out
    told = decoded(server.home.lcc("why", f"kernel:{gone}", "--json"), Explanation)
    assert (told.target, told.decision.change, told.decision.actor) == (None, "shut_down", "monitor")


def test_why_at_an_earlier_time(server: JupyterServer, gone: str) -> None:
    told = decoded(server.home.lcc("why", gone, "--json"), Explanation)
    warned_at = next(line.at for line in told.history if line.verdict == "warn")
    ran = server.home.lcc("why", "hasty", "--at", warned_at.isoformat(), "--json")
    then = decoded(ran, Explanation)
    assert then.at == warned_at
    assert (then.decision.verdict, then.decision.at) == ("warn", warned_at)
    assert server.home.lcc("why", "hasty", "--at", "2001-01-01T00:00").status == Exit.NOT_FOUND


def test_why_of_the_machine(server: JupyterServer, notebook: str) -> None:
    ran = server.home.lcc("why")
    assert ran.out.startswith("This machine can't be stopped from here.")
    assert "Who keeps this machine on" in ran.out
    assert "train.ipynb: " in ran.out
    assert "terminals and jobs at work" in ran.out


def test_a_person_s_own_shutdown_is_told_as_such(server: JupyterServer) -> None:
    kernel_id = server.notebook("by-hand.ipynb")
    server.ask("POST", f"lcc/idle/targets/kernel:{kernel_id}/shutdown")
    assert "a person asked for it" in server.home.lcc("why", kernel_id[:8]).out.replace("\n", " ")


# -- policy -------------------------------------------------------------------------------------------------------


def test_policy_shows_values_sources_bounds_and_locks(server: JupyterServer) -> None:
    lines = {line.split()[0]: " ".join(line.split()) for line in server.home.lcc("policy").out.splitlines()}
    assert lines["warn"] == "warn 1 s set by the administrator 10 s to 4 h"
    assert lines["terminal_timeout"] == "terminal_timeout 1 h the default 10 min to 4 h"
    assert lines["waiting_timeout"] == "waiting_timeout 4 h the default nothing (locked)"
    assert lines["max_busy"] == "max_busy never the default nothing (locked)"


def test_policy_is_chosen_and_given_back(server: JupyterServer) -> None:
    policy = decoded(server.home.lcc("policy", "set", "kernel-timeout=45m", "--json", "terminal_timeout=2h"), Policy)
    assert (policy.kernel_timeout_seconds.value, policy.kernel_timeout_seconds.source) == (2700, "user")
    assert policy.terminal_timeout_seconds.value == 7200
    policy = decoded(server.home.lcc("policy", "reset", "kernel_timeout", "--json"), Policy)
    assert policy.kernel_timeout_seconds.source == "default"
    assert policy.terminal_timeout_seconds.source == "user"
    assert "your own choice" not in server.home.lcc("policy", "reset").out


@pytest.mark.parametrize(
    ("word", "status", "told"),
    [
        ("terminal_timeout=5h", Exit.PROBLEM, "from 10 min to 4 h"),
        ("terminal_timeout=never", Exit.PROBLEM, "from 10 min to 4 h"),
        ("kernel_timeout=1s", Exit.PROBLEM, "at least 1 min, or never"),
        ("waiting_timeout=1h", Exit.PROBLEM, "set by the administrator"),
        ("mode=off", Exit.PROBLEM, "set by the administrator"),
        ("kernel_timeout=45", Exit.USAGE, "45s, 90m"),
        ("kernel_timeout", Exit.USAGE, "kernel_timeout=45m"),
        ("speed=1h", Exit.USAGE, "There is no limit 'speed'"),
    ],
)
def test_what_can_t_be_chosen_is_refused_with_what_can(
    server: JupyterServer, word: str, status: Exit, told: str
) -> None:
    before = server.ask("GET", "lcc/idle/policy")
    ran = server.home.lcc("policy", "set", "warn=20s", word)
    assert (ran.status, ran.out) == (status, "")
    assert told in ran.err
    assert server.ask("GET", "lcc/idle/policy") == before


# -- usage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("frobnicate",),
        ("status", "x"),
        ("status", "--colour"),
        ("status", "--port"),
        ("status", "--port=abc"),
        ("status", "--json=yes"),
        ("keep", "a", "b"),
        ("keep", "--for", "3"),
        ("keep", "--for", "0s"),
        ("keep", "--note", "n" * 201),
        ("keep", "--pid=-1"),
        ("why", "--at", "soon"),
        ("why", "--at", "2999-01-01T00:00"),
        ("policy", "put", "warn=1m"),
        ("policy", "set"),
        ("policy", "set", "warn=1m", "warn=2m"),
        ("status", "--url", "ftp://localhost/"),
        ("status", "--url", "http://localhost:port/"),
    ],
)
def test_what_can_t_be_understood(server: JupyterServer, words: tuple[str, ...]) -> None:
    ran = server.home.lcc(*words)
    assert (ran.status, ran.out) == (Exit.USAGE, "")
    assert ran.err


@pytest.mark.parametrize("command", ["status", "keep", "why", "policy", "doctor"])
def test_help_names_the_exit_statuses(server: JupyterServer, command: str) -> None:
    ran = server.home.lcc(command, "--help")
    assert ran.status == Exit.OK
    assert all(f"  {status.value}  " in ran.out for status in Exit)


def test_the_command_starts_without_the_server_s_code(server: JupyterServer) -> None:
    code = (
        "import sys; from jupyter_lcc.cli.app import LccApp; from jupyter_lcc.cli import status\n"
        "try:\n LccApp.launch_instance(['status', '--json'])\n"
        "except SystemExit:\n"
        " print(sorted({'tornado', 'jupyter_server', 'zmq'} & {name.split('.')[0] for name in sys.modules}))"
    )
    environment = server.home.environment()
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_broken_config_file_is_told_in_a_line(server: JupyterServer) -> None:
    path = server.home.write("config/jupyter_lcc_config.py", "c.LccCommand.url = 1 +")
    try:
        ran = server.home.lcc("status")
        assert ran.status == Exit.OK
        assert "can't be read and is left out" in ran.err
    finally:
        os.unlink(path)
