"""A policy document binds a user whose own configuration, requests and files all say otherwise."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from datetime import datetime
from typing import Any

import pytest

from .kernelspecs import spec
from .server import PYTHON, Limits, Moment, Server
from .stage import PLAYS, Stage, judge, monitor_is_healthy, play

KERNEL, WARN, LEASE, MOST = 9, 3, 14, 16
VALUES = {
    "kernel_timeout_seconds": KERNEL,
    "terminal_timeout_seconds": KERNEL,
    "waiting_timeout_seconds": KERNEL,
    "warn_seconds": WARN,
    "max_lease_seconds": LEASE,
}
MINE = {
    "mode": "off",
    "kernel_timeout_seconds": 0,
    "max_lease_seconds": 10**6,
    "bounds": {},
    "policy_source": "/dev/null",
}


def text(**rule: Any) -> str:
    every = {"name": "everybody", "values": VALUES, "bounds": {"kernel_timeout_seconds": [5, MOST]}, **rule}
    return json.dumps({"version": 1, "rules": [every]})


class Governed(Server):
    """A server whose limits come from the document alone; `limits` are what the stage measures against."""

    def _limit_options(self) -> list[str]:
        return []


def _governed() -> Server:
    server = Governed(
        name="governed",
        limits=Limits(kernel=KERNEL, terminal=KERNEL, waiting=KERNEL, warn=WARN),
        config={"LccIdle": MINE},
        files={".bashrc": "PS1='$ '\n", "policy.json": text(), **spec("endless", cull_idle_timeout=-1)},
    )
    server.environment = {"LCC_POLICY_SOURCE": str(server.home / "policy.json")}
    return server


governed = play("governed", _governed, wave=3)


@governed.case
async def nothing_a_user_forges_outlives_the_policy(stage: Stage) -> None:
    """One story, because the policy is the server's."""
    server = stage.server
    policy = (await server.call("GET", "lcc/idle/policy", expect=200)).json()
    assert policy["mode"]["value"] == "enforce", policy
    view = await _until(stage, lambda view: view["policy"]["kernel_timeout_seconds"]["rule"] is not None)
    kernel = view["policy"]["kernel_timeout_seconds"]
    assert (kernel["value"], kernel["source"], kernel["rule"], kernel["max"]) == (KERNEL, "admin", "everybody", MOST)

    # Requests.
    for wrong in ({"kernel_timeout_seconds": MOST + 1}, {"kernel_timeout_seconds": 0}, {"warn_seconds": MOST + 600}):
        assert (await server.call("PUT", "lcc/idle/policy", wrong, expect=422)).problem()["code"] == "out_of_bounds"
    for locked in ({"max_lease_seconds": 10**6}, {"mode": "off"}):
        assert (await server.call("PUT", "lcc/idle/policy", locked, expect=403)).problem()["code"] == "locked"
    one, two = await stage.kernel("endless"), await stage.kernel()
    begun = Moment(time.monotonic(), time.monotonic())
    lease = await server.lease(two.id, 10**6)
    assert (lease["granted_seconds"], lease["clipped_by"]) == (LEASE, "max_lease_seconds"), lease
    await stage.stops(two, begun, LEASE)
    assert (await server.decisions(two.id))[-1]["limit_rule"] == "everybody"
    await stage.is_gone(one)  # its kernelspec says never; the bounds say 16 s

    # Another document counts while the server runs; a broken one doesn't, and is told.
    server.write("policy.json", text(name="shorter", bounds={"kernel_timeout_seconds": [5, 12]}))
    await _until(stage, lambda view: view["policy"]["kernel_timeout_seconds"]["rule"] == "shorter")
    server.write("policy.json", text(name="typo", whem={}))
    view = await _until(stage, lambda view: bool(view["monitor"]["problems"]))
    (problem,) = view["monitor"]["problems"]
    assert problem["code"] == "policy_document_invalid", problem
    assert "rules[0]: Object contains unknown field `whem`" in problem["message"]
    assert view["policy"]["kernel_timeout_seconds"]["rule"] == "shorter"

    # Files, while the server is down.
    await stage.close()
    server.end(signal.SIGKILL)
    forged = {
        "id": "forged",
        "target_id": "instance",
        "granted_seconds": 10**9,
        "granted_at": "2026-01-01T00:00:00Z",
        "expires_at": "2036-01-01T00:00:00Z",
        "note": None,
        "pid": None,
        "clipped_by": None,
    }
    state = {"saved_at": "2036-01-01T00:00:00Z", "leases": [{"lease": forged}]}
    (server.state_dir / server.state_key / "state.json").write_text(json.dumps(state))
    (server.state_dir / "choices.json").write_text(json.dumps({"values": {"kernel_timeout_seconds": 10**6}}))
    server.write("policy.json", text())
    await server.start()
    await _until(stage, lambda view: view["policy"]["kernel_timeout_seconds"]["value"] == KERNEL)
    begun = Moment(time.monotonic(), time.monotonic())
    three = await stage.kernel()
    await stage.stops(three, begun, LEASE)


OBSERVED = Limits(kernel=7, terminal=9, waiting=9, warn=3)
replayed = play(
    "replayed",
    lambda: Server(
        name="replayed", limits=OBSERVED, files={".bashrc": "PS1='$ '\n"}, options=["--LccIdle.mode=observe"]
    ),
    wave=3,
)


@replayed.case
async def a_real_log_replays_as_it_was(stage: Stage) -> None:
    """What `replay` says of a real server's log is what its monitor said at that time."""
    terminal, kernel = await stage.terminal(), await stage.kernel()
    await kernel.run("import time; time.sleep(2)", 2)
    for thing in (kernel, terminal):
        await stage.becomes(thing, 30, verdict="shut_down", reason="idle")
        await stage.would_be_gone(thing)
    await kernel.run("1")  # somebody goes on
    await stage.becomes(kernel, 10, verdict="keep")
    await stage.becomes(kernel, 30, verdict="shut_down", reason="idle")
    await stage.would_be_gone(kernel)
    log = stage.server.state_dir / stage.server.state_key / "decisions.jsonl"
    ran = await asyncio.to_thread(
        subprocess.run,
        [PYTHON, "-m", "jupyter_lcc.cli", "replay", "--json", "--log", str(log)],
        env={**os.environ, "PYTHONPATH": str(stage.server.package), "HOME": str(stage.server.home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert (report["decided_differently"], report["lines_unreadable"]) == (0, 0)
    for thing, times in ((kernel, 2), (terminal, 1)):
        lines = await stage.server.decisions(thing.id)
        said = [line["at"] for line in lines if line["verdict"] == "shut_down" and line["change"] == "verdict"]
        stops = [stop for stop in report["prediction"]["stops"] if stop["target_id"] == thing.id]
        assert len(said) == len(stops) == times, (said, stops)
        for at, stop in zip(said, stops, strict=True):
            late = datetime.fromisoformat(at.replace("Z", "+00:00")) - datetime.fromisoformat(
                stop["at"].replace("Z", "+00:00")
            )
            assert -0.1 < late.total_seconds() < 2, (at, stop)
    (first, second) = [stop for stop in report["prediction"]["stops"] if stop["target_id"] == kernel.id]
    assert first["used_again_at"] is not None
    assert second["used_again_at"] is None


async def _until(stage: Stage, holds: Any) -> dict[str, Any]:
    for _ in range(100):
        view = await stage.server.idle()
        if holds(view):
            return view
        await asyncio.sleep(0.1)
    raise AssertionError(view["monitor"])


NAMES = ("governed", "replayed")
for name in NAMES:
    PLAYS[name].check(monitor_is_healthy)
HERE = [(name, case) for name in NAMES for case in (*PLAYS[name].cases, *PLAYS[name].checks)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("stage_name", "case_name"), HERE)
def test_policy_document(stage_name: str, case_name: str, outcomes: dict[tuple[str, str], str | None]) -> None:
    judge(outcomes[stage_name, case_name])
