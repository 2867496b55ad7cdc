"""A policy document binds a user whose own configuration, requests and files all say otherwise."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import Any

import pytest

from .kernelspecs import spec
from .server import Limits, Moment, Server
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


governed = play("governed", _governed)


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


async def _until(stage: Stage, holds: Any) -> dict[str, Any]:
    for _ in range(100):
        view = await stage.server.idle()
        if holds(view):
            return view
        await asyncio.sleep(0.1)
    raise AssertionError(view["monitor"])


NAMES = ("governed",)
PLAYS["governed"].check(monitor_is_healthy)
HERE = [("governed", case) for case in (*PLAYS["governed"].cases, *PLAYS["governed"].checks)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("stage_name", "case_name"), HERE)
def test_policy_document(stage_name: str, case_name: str, outcomes: dict[tuple[str, str], str | None]) -> None:
    judge(outcomes[stage_name, case_name])
