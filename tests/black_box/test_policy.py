"""What the administrator says binds every path, and what a user chooses is in force at once and for good."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import Any

import pytest

from .kernelspecs import spec
from .server import Limits, Moment, Server
from .stage import PLAYS, Stage, judge, log_is_clean, monitor_is_healthy, play

BASHRC = {".bashrc": "PS1='$ '\n"}
SHORT = Limits(kernel=7, terminal=7, waiting=9, warn=3)
MAX_BUSY = 12
BOUNDS = {"kernel_timeout_seconds": [10, 90], "terminal_timeout_seconds": [5, 60], "warn_seconds": [1, 10]}

observe = play(
    "observe", lambda: Server(name="observe", limits=SHORT, files=BASHRC, options=["--LccIdle.mode=observe"])
)
off = play("off", lambda: Server(name="off", limits=SHORT, files=BASHRC, options=["--LccIdle.mode=off"]))
busy = play(
    "busy",
    lambda: Server(name="busy", limits=SHORT, files=BASHRC, options=[f"--LccIdle.max_busy_seconds={MAX_BUSY}"]),
)
bounded = play(
    "bounded",
    lambda: Server(
        name="bounded",
        limits=Limits(kernel=30, terminal=40, waiting=30, warn=3),
        files={**BASHRC, **spec("endless", cull_idle_timeout=-1)},
        config={"LccIdle": {"bounds": BOUNDS, "locked": ["waiting_timeout_seconds"]}},
    ),
)


# -- modes -------------------------------------------------------------------------------------------------


@observe.case
async def observing_tells_and_does_nothing(stage: Stage) -> None:
    terminal, kernel = await stage.terminal(), await stage.kernel()
    ended = await kernel.run("1")
    for thing in (terminal, kernel):
        target = await stage.becomes(thing, 20, verdict="shut_down", reason="idle")
        assert target["shutting_down"] is False, target
        line = await stage.would_be_gone(thing)
        assert (line["mode"], line["change"]) == ("observe", "verdict"), line
        why = await stage.server.why(thing.id)
        assert (why["target"]["verdict"], why["decision"]["verdict"]) == ("shut_down", "shut_down"), why
    await stage.outlives(kernel, ended, SHORT.kernel)
    await stage.outlives(terminal, terminal.started, SHORT.terminal)
    assert not [e for _, e in stage.events.heard if e.get("kind") in ("warning", "shut_down")], stage.events.heard
    assert (await stage.server.idle())["mode"] == "observe"


@off.case
async def off_is_off(stage: Stage) -> None:
    terminal = await stage.terminal()
    await stage.outlives(terminal, terminal.started, SHORT.terminal)
    target = await stage.becomes(terminal, verdict="keep", reason="off")
    assert target["stops_at"] is None, target
    refused = await stage.server.call("PUT", "lcc/idle/policy", {"mode": "enforce"}, expect=403)
    assert refused.problem()["code"] == "locked"


# -- a limit for what works --------------------------------------------------------------------------------


@busy.case
async def what_works_for_too_long_is_shut_down(stage: Stage) -> None:
    kernel = await stage.kernel()
    before = time.monotonic()
    cell = await kernel.begin("import time; time.sleep(300)")
    begun = Moment(before, time.monotonic())
    await stage.becomes(kernel, state="working")
    await stage.stops(kernel, begun, MAX_BUSY)
    assert (await stage.server.decisions(kernel.id))[-1]["reason"] == "busy_too_long"
    assert cell


@busy.case
async def what_works_for_less_is_not(stage: Stage) -> None:
    kernel = await stage.kernel()
    ended = await kernel.run(f"import time; time.sleep({MAX_BUSY - 2})", MAX_BUSY - 2)
    await stage.stops(kernel, ended, SHORT.kernel)
    assert (await stage.server.decisions(kernel.id))[-1]["reason"] == "idle"


@busy.case
async def a_job_that_works_for_too_long_is_shut_down(stage: Stage) -> None:
    terminal = await stage.terminal()
    typed = await terminal.type("sleep 300\r")
    await stage.stops(terminal, Moment(typed.earliest, typed.latest + SHORT.terminal / 4), MAX_BUSY)


# -- a user's choice ---------------------------------------------------------------------------------------


async def _put(stage: Stage, expect: int, **wanted: Any) -> dict[str, Any]:
    answer = await stage.server.call("PUT", "lcc/idle/policy", wanted, expect=expect)
    return answer.json() if expect == 200 else answer.problem()


async def _policy(stage: Stage) -> dict[str, Any]:
    return (await stage.server.call("GET", "lcc/idle/policy", expect=200)).json()  # type: ignore[no-any-return]


@bounded.case
async def a_user_chooses_within_bounds_and_never_beyond(stage: Stage) -> None:
    """One story, because the policy is the server's: bounds, locks, at once, for good, and never by the file."""
    server = stage.server
    kernel, terminal = await stage.kernel("endless"), await stage.terminal()
    unchanged = await _policy(stage)
    for field, wrong in [
        ("kernel_timeout_seconds", 9),
        ("kernel_timeout_seconds", 91),
        ("kernel_timeout_seconds", 0),
        ("terminal_timeout_seconds", 4),
        ("warn_seconds", 0),
        ("warn_seconds", 11),
    ]:
        lowest, highest = BOUNDS[field]
        refused = await _put(stage, 422, **{field: wrong})
        assert (refused["code"], refused["detail"]["field"]) == ("out_of_bounds", field), refused
        assert (refused["detail"]["min"], refused["detail"]["max"]) == (lowest, highest), refused
    for field in ("waiting_timeout_seconds", "max_lease_seconds", "max_busy_seconds", "check_interval_seconds"):
        assert (await _put(stage, 403, **{field: 20}))["code"] == "locked"
    # All or nothing: the first of these two would be allowed.
    await _put(stage, 422, kernel_timeout_seconds=20, terminal_timeout_seconds=100)
    assert await _policy(stage) == unchanged

    # A kernelspec that says "never" gets the longest a user may choose, not more.
    target = await stage.becomes(kernel, limit_source="kernelspec")
    assert target["limit_seconds"] == BOUNDS["kernel_timeout_seconds"][1], target

    before = await stage.becomes(terminal, limit_seconds=40)
    assert (await _put(stage, 200, terminal_timeout_seconds=50))["terminal_timeout_seconds"]["source"] == "user"
    after = await server.target(terminal.id)
    assert after is not None
    assert (after["limit_seconds"], after["limit_source"]) == (50, "user")
    assert after["stops_at"] > before["stops_at"], (before, after)

    # It survives a server that is killed at once.
    await stage.close()
    server.end(signal.SIGKILL)
    await server.start()
    kept = (await _policy(stage))["terminal_timeout_seconds"]
    assert (kept["value"], kept["source"]) == (50, "user"), kept

    # A file somebody edited gives no more than the bounds.
    server.end()
    choices = server.state_dir / "choices.json"
    edited = {
        "kernel_timeout_seconds": 10**6,
        "terminal_timeout_seconds": 0,
        "waiting_timeout_seconds": 1,
        "warn_seconds": 5,
    }
    assert json.loads(choices.read_bytes())["values"] == {"terminal_timeout_seconds": 50}
    choices.write_text(json.dumps({"values": {**edited, "max_lease_seconds": 10**6, "nonsense": -1}}))
    await server.start()
    now = await _policy(stage)
    found = {name: (now[name]["value"], now[name]["source"]) for name in (*edited, "max_lease_seconds")}
    assert found == {
        "kernel_timeout_seconds": (30, "config"),
        "terminal_timeout_seconds": (40, "config"),
        "waiting_timeout_seconds": (30, "config"),
        "warn_seconds": (5, "user"),
        "max_lease_seconds": (28800, "default"),
    }, found

    # Shorter takes effect at once, and never without a full warning.
    terminal = await stage.terminal()
    await asyncio.sleep(7)
    earliest = time.monotonic()
    await _put(stage, 200, terminal_timeout_seconds=5)
    await stage.stops(terminal, Moment(earliest, time.monotonic()), 5)
    await _put(stage, 200, terminal_timeout_seconds=None, warn_seconds=None)
    back = await _policy(stage)
    assert (back["terminal_timeout_seconds"]["source"], back["warn_seconds"]["value"]) == ("config", 3), back


NAMES = ("observe", "off", "busy", "bounded")
for name in NAMES:
    PLAYS[name].check(log_is_clean)
    PLAYS[name].check(monitor_is_healthy)
HERE = [(name, case) for name in NAMES for case in (*PLAYS[name].cases, *PLAYS[name].checks)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("stage_name", "case_name"), HERE)
def test_policy(stage_name: str, case_name: str, outcomes: dict[tuple[str, str], str | None]) -> None:
    judge(outcomes[stage_name, case_name])
