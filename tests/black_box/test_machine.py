"""The machine itself is stopped, last and once, each platform its own way: real servers against a FAKE AWS and hub.

Times are judged from outside: by when the fake was asked, and by processes.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from ..fake_aws import Accepted, Denied, FakeAws
from ..fake_hub import FakeHub
from .server import PYTHON, Limits, Server, is_running
from .stage import LATEST, PLAYS, Stage, judge, log_is_clean, play

LIMITS = Limits(kernel=8, terminal=8, waiting=60, warn=3)
LIMIT = 12
FULL_WINDOW = 10
"""Seconds over which CPU is measured on a machine without a free core."""
"""Of the machine, in seconds."""

APP = {"DomainId": "d-abc", "AppType": "JupyterLab", "AppName": "default", "SpaceName": "my-space"}
SPACE = {
    "AppType": "JupyterLab",
    "DomainId": "d-abc",
    "SpaceName": "my-space",
    "ResourceArn": "arn:aws:sagemaker:ap-northeast-2:123456789012:app/d-abc/my-space/JupyterLab/default",
    "ResourceName": "default",
}
NOTEBOOK = {
    "ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:notebook-instance/nb",
    "ResourceName": "nb",
}
BASHRC = {".bashrc": "PS1='$ '\n"}
CLOUDS: dict[str, FakeAws] = {}
HUBS: dict[str, FakeHub] = {}


def _server(name: str, *options: str, limits: Limits = LIMITS, machine: int = LIMIT, **more: Any) -> Server:
    options = (f"--LccIdle.instance_timeout_seconds={machine}", *options)
    return Server(name=name, limits=limits, files=BASHRC, options=options, **more)


def _on_sagemaker(name: str, metadata: Mapping[str, str], *, interval: int = 60, **more: Any) -> Server:
    server = _server(name, f"--LccIdle.check_interval_seconds={interval}", **more)
    CLOUDS[name] = cloud = FakeAws()
    cloud.__enter__()
    file = server.write("resource-metadata.json", json.dumps(metadata))
    server.environment = {
        **cloud.environment(),
        "RESOURCE_METADATA_FILE": str(file),
        "AWS_INSTANCE_TYPE": "ml.t3.medium",  # else it is asked for, beside what is counted here
    }
    return server


def _on_a_hub() -> Server:
    server = _server("hub")
    HUBS["hub"] = hub = FakeHub(server="gpu", scopes=frozenset())
    hub.on_stop = lambda: os.kill(server.pid, signal.SIGTERM)
    server.environment = hub.environment()
    return server


studio = play("studio", partial(_on_sagemaker, "studio", SPACE), wave=3)
denied = play("denied", partial(_on_sagemaker, "denied", SPACE, limits=replace(LIMITS, kernel=0)), wave=3)
instance = play("notebook", partial(_on_sagemaker, "notebook", NOTEBOOK), wave=3)
hub = play("hub", _on_a_hub, wave=3)
own = play("own", lambda: _server("own", "--LccIdle.stop_machine=server"), wave=3)
COMMAND = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('asked'); print('good night')"
VECTOR = [sys.executable, "-c", COMMAND, "stopped here.txt"]
command = play("command", lambda: _server("command", config={"LccIdle": {"stop_command": VECTOR}}), wave=3)


async def _asked(cloud: FakeAws, operation: str, since: float) -> float:
    """Wait for the one request; give how long after `since` it came."""
    end = time.monotonic() + LIMIT + 30
    while not (calls := cloud.calls(operation)):
        assert time.monotonic() < end, f"no {operation}"
        await asyncio.sleep(0.1)
    assert len(calls) == 1, calls
    return calls[0].at - since


async def _machine(stage: Stage) -> dict[str, Any]:
    machine: dict[str, Any] = (await stage.server.idle())["machine"]
    return machine


async def _problem(stage: Stage, words: str) -> str:
    """Wait for a problem with these words."""
    end = time.monotonic() + LIMIT + 30
    while True:
        problems = (await stage.server.idle())["monitor"]["problems"]
        found = [problem["message"] for problem in problems if words in problem["message"]]
        if found:
            return str(found[0])
        assert time.monotonic() < end, problems
        await asyncio.sleep(0.25)


@studio.case
async def a_space_is_stopped_after_the_work_and_only_once(stage: Stage) -> None:
    """While a silent cell runs nobody asks; then kernel, terminal, machine. A killed server does not ask again."""
    server, cloud = stage.server, CLOUDS["studio"]
    terminal = await stage.terminal(connect=False)
    kernel = await stage.kernel()
    cell = await kernel.begin(f"import time; time.sleep({LIMIT + 6})")
    ended = await kernel.end_of(cell, LIMIT + 6)
    assert cloud.calls() == []
    assert is_running(kernel.pid)
    since = time.monotonic()
    while True:
        view = await server.idle()
        told = view["instance"]["verdict"], view["instance"]["reason"]
        # On a machine with too few cores the end of the cell may be seen a look later.
        if told != ("keep", "working") or stage.took_longer(since, LATEST):
            break
        await asyncio.sleep(0.2)
    assert told == ("keep", "targets_first")
    assert view["machine"]["stop"] == {
        "means": "delete_app",
        "available": True,
        "why_not": None,
        "why_not_sentence": None,
    }
    cost = view["machine"]["cost"]
    assert (cost["instance_type"], cost["price_source"], cost["usd_per_hour"] > 0) == ("ml.t3.medium", "table", True)
    _, gone = await asyncio.gather(_asked(cloud, "DeleteApp", ended.earliest), stage.end_of(kernel))
    (call,) = cloud.calls("DeleteApp")
    assert call.at >= ended.earliest + LIMIT - 0.2
    # The machine is warned of when its kernel is gone, which may take its time to die.
    # Where no core is free, a little CPU counts as work for as long as it is measured over.
    due = max(ended.latest + LIMIT, gone + LIMITS.warn) + FULL_WINDOW
    assert call.at <= due + LATEST + stage.slowness.within(ended.earliest, due + LATEST)
    assert not is_running(kernel.pid)
    assert not is_running(terminal.pid)
    (call,) = cloud.calls()
    assert (call.values, call.region) == (APP, "ap-northeast-2")
    assert len(stage.events.about("instance", "warning")) == 1
    lease = await server.call("POST", "lcc/idle/leases", {"target_id": "instance", "seconds": 60})
    assert (lease.status, lease.problem()["code"]) == (409, "too_late")
    lines = [line["change"] for line in await server.decisions("instance")]
    assert lines[-1] == "stop_requested", lines
    # The platform takes its time; meanwhile the server is killed and comes back.
    server.end(signal.SIGKILL)
    await server.start()
    assert (await _machine(stage))["stop_requested_at"] is not None
    await asyncio.sleep(LIMIT + LIMITS.warn)
    assert len(cloud.calls()) == 1


@denied.case
async def without_the_permission_everything_stays_and_is_told(stage: Stage) -> None:
    server, cloud = stage.server, CLOUDS["denied"]
    cloud.answer("DeleteApp", Denied())
    kernel = await stage.kernel()
    ended = await kernel.run("x = 41")
    assert await _asked(cloud, "DeleteApp", ended.earliest) >= LIMIT - 0.2
    told = await _problem(stage, "sagemaker:DeleteApp")
    assert SPACE["ResourceArn"] in told
    machine = await _machine(stage)
    assert machine["stop_error"] == told
    assert machine["retry_at"] is not None
    assert machine["stop_requested_at"] is None
    assert stage.events.about("instance", "shutdown_failed")
    await asyncio.sleep(LIMITS.warn + 4)
    assert len(cloud.calls()) == 1, "it waits a minute"
    # The kernel is still there, with what it knew.
    await kernel.run("assert x == 41")
    assert is_running(kernel.pid)
    failed = [line for line in await server.decisions("instance") if line["change"] == "stop_failed"]
    assert len(failed) == 1
    assert "sagemaker:DeleteApp" in failed[0]["error"]
    # A person may try at any time, whatever works.
    cloud.answer("DeleteApp", Accepted())
    await server.call("POST", "lcc/idle/targets/instance/shutdown", expect=202)
    end = time.monotonic() + 20
    while len(cloud.calls()) == 1:
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
    while is_running(kernel.pid):
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
    assert (await _machine(stage))["stop_error"] is None


@instance.case
async def a_notebook_instance_nobody_ever_used_is_stopped(stage: Stage) -> None:
    cloud = CLOUDS["notebook"]
    since = time.monotonic()
    assert await _asked(cloud, "StopNotebookInstance", since) <= LIMIT + LATEST + stage.slowness.within(
        since, since + 30
    )
    (call,) = cloud.calls()
    assert (call.values, call.region) == ({"NotebookInstanceName": "nb"}, "eu-west-1")
    await asyncio.sleep(LIMITS.warn + 2)
    assert len(cloud.calls()) == 1


@hub.case
async def a_hub_stops_its_server_once_the_token_may(stage: Stage) -> None:
    server, the_hub = stage.server, HUBS["hub"]
    told = await _problem(stage, "delete:servers")
    assert "scope" in told
    assert the_hub.requests == [("DELETE", "/hub/api/users/me/servers/gpu", 403)]
    the_hub.scopes = frozenset(("delete:servers",))
    await server.call("POST", "lcc/idle/targets/instance/shutdown", expect=202)
    end = time.monotonic() + 20
    while is_running(server.pid):
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
    assert [status for *_, status in the_hub.requests] == [403, 204]


@own.case
async def a_plain_server_ends_itself_if_configured(stage: Stage) -> None:
    server = stage.server
    assert (await server.call("GET", "lcc/about", expect=200)).json()["platform"]["can_stop_instance"] is True
    kernel = await stage.kernel()
    ended = await kernel.run("1")
    assert server.process is not None
    end = ended.latest + LIMIT + 25
    while server.process.poll() is None:
        assert time.monotonic() < end, "it runs on"
        await asyncio.sleep(0.05)
    assert time.monotonic() >= ended.earliest + LIMIT - 0.2
    assert server.process.returncode == 0
    assert not is_running(kernel.pid)
    # Started again, it knows that this was another life.
    await server.start()
    machine = await _machine(stage)
    assert (machine["stop_requested_at"], machine["stop_error"]) == (None, None)


@command.case
async def the_administrators_command_runs(stage: Stage) -> None:
    server, since = stage.server, time.monotonic()
    told = server.home / "stopped here.txt"
    while not told.exists():
        assert time.monotonic() < since + LIMIT + 20
        await asyncio.sleep(0.1)
    assert told.read_text() == "asked"
    end = time.monotonic() + 5
    while "good night" not in server.log():
        assert time.monotonic() < end
        await asyncio.sleep(0.1)


# -- Studio's own idle shutdown ------------------------------------------------------------------------------


EXTENSIONS = {"jupyter_lcc": True, "jupyter_server_terminals": True, "jupyter_activity_monitor_extension": True}
native = play("native", partial(_on_sagemaker, "native", SPACE, machine=20, interval=2, extensions=EXTENSIONS), wave=3)


async def _native_age(stage: Stage) -> timedelta:
    """How old Studio would say the last activity is."""
    told = (await stage.server.call("GET", "api/idle", expect=200)).json()["lastActiveTimestamp"]
    stamp = datetime.strptime(told.upper(), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    return datetime.now(timezone.utc) - stamp


async def _is_held_young(stage: Stage, since: float) -> None:
    """Something Jupyter doesn't know of goes on `since`; for some seconds Studio is told of something later."""
    await asyncio.sleep(since + NATIVE_AGE + 1 - time.monotonic())
    for _ in range(12):
        asked, age = time.monotonic(), await _native_age(stage)
        assert age > timedelta(seconds=-0.5), "in the future"
        assert age < timedelta(seconds=asked - since - 1), f"{age}: nobody told of what goes on"
        assert age < timedelta(seconds=NATIVE_AGE) + timedelta(seconds=stage.slowness.within(since, asked)), age
        await asyncio.sleep(0.5)


async def _ages(stage: Stage) -> None:
    """Before long nobody tells of anything any more."""
    end = time.monotonic() + 20
    while True:
        young = await _native_age(stage)
        await asyncio.sleep(NATIVE_AGE)
        if await _native_age(stage) - young > timedelta(seconds=NATIVE_AGE - 0.5):
            return
        assert time.monotonic() < end, "it is held on to"


NATIVE_AGE = 10
"""The guard tells every 5 s, at a look every 2 s; and some room."""


@native.case
async def native_idle_is_told_of_silent_work_and_of_keeps_and_takes_over(stage: Stage) -> None:
    CLOUDS["native"].answer("DeleteApp", Denied())
    kernel = await stage.kernel()
    begun = time.monotonic()
    cell = await kernel.begin("import time; time.sleep(20)")
    await _is_held_young(stage, begun)
    await kernel.end_of(cell, 20)
    # As soon as nothing works it ages; the kernel is kept by nobody.
    await _ages(stage)
    # A keep holds it as well.
    begun = time.monotonic()
    await stage.server.lease("instance", 20)
    await _is_held_young(stage, begun)
    await _ages(stage)
    # By now the machine is due. It may not delete its app, so it is left to Studio.
    end = time.monotonic() + 40
    while (machine := await _machine(stage))["stop"]["means"] != "native_idle":
        assert time.monotonic() < end, machine
        await asyncio.sleep(0.25)
    assert (machine["stop"]["available"], len(CLOUDS["native"].calls())) == (True, 1)
    assert "sagemaker:DeleteApp" in machine["stop"]["why_not"]
    assert (await stage.server.idle())["monitor"]["problems"] == []
    await _ages(stage)  # what is left to Studio must age


NAMES = ["studio", "denied", "notebook", "hub", "own", "command"]
if sys.executable == PYTHON:  # another interpreter needn't have the extension that Studio asks
    NAMES.append("native")
for name in NAMES:
    PLAYS[name].check(log_is_clean)
HERE = [(name, case) for name in NAMES for case in (*PLAYS[name].cases, *PLAYS[name].checks)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("stage_name", "case_name"), HERE)
def test_machine(stage_name: str, case_name: str, outcomes: dict[tuple[str, str], str | None]) -> None:
    judge(outcomes[stage_name, case_name])
