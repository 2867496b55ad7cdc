"""Leases: a promise to keep is kept, ends as it was told, and never comes too late without saying so.

Played with terminals, because they cost next to nothing; kernels go the same way (see test_shutdown).
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import time
from datetime import datetime, timedelta

import pytest

from .server import Limits, Moment, Server, Terminal, is_running
from .stage import PLAYS, Stage, judge, log_is_clean, monitor_is_healthy, play

log = logging.getLogger(__name__)
LONGEST = 9
LIMITS = Limits(kernel=11, terminal=8, waiting=11, warn=4)
PATIENT = Limits(kernel=20, terminal=20, waiting=20, warn=4)
"""Time to open a row of terminals before the first is due, also on a busy machine."""
BASHRC = {".bashrc": "PS1='$ '\n"}

keep = play("keep", lambda: Server(name="keep", limits=LIMITS, files=BASHRC))
clip = play(
    "clip", lambda: Server(name="clip", limits=LIMITS, files=BASHRC, options=[f"--LccIdle.max_lease_seconds={LONGEST}"])
)
race = play("race", lambda: Server(name="race", limits=PATIENT, files=BASHRC))
machine = play("machine", lambda: Server(name="machine", limits=LIMITS, files=BASHRC, base_url="/jupyterlab/default/"))


async def _lease(stage: Stage, target: str, seconds: int, **more: object) -> tuple[dict[str, object], Moment]:
    before = time.monotonic()
    lease = await stage.server.lease(target, seconds, **more)
    return lease, Moment(before, time.monotonic())


def _process(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command)


@keep.case
async def it_lives_until_its_lease_ends_and_no_longer(stage: Stage) -> None:
    terminal, twin = await stage.terminal(connect=False), await stage.terminal(connect=False)
    lease, granted = await _lease(stage, terminal.id, LIMITS.terminal + 6, note="tea")
    assert (lease["clipped_by"], lease["note"], lease["granted_seconds"]) == (None, "tea", LIMITS.terminal + 6)
    target = await stage.becomes(terminal, reason="leased")
    assert target["lease"] == lease, target
    await stage.stops(twin, twin.started, LIMITS.terminal)
    await stage.stops(terminal, granted, LIMITS.terminal + 6)


@keep.case
async def it_is_warned_before_its_lease_ends(stage: Stage) -> None:
    """The time that is told while the lease is held is the time of the shutdown."""
    terminal = await stage.terminal(connect=False)
    lease, granted = await _lease(stage, terminal.id, LIMITS.terminal + 4)
    target = await stage.becomes(terminal, reason="leased")
    warned = await stage.becomes(terminal, 20, verdict="warn")
    assert abs(_time(target["stops_at"]) - _time(str(lease["expires_at"]))) < timedelta(seconds=0.5)
    # Whoever is warned late is stopped later, never warned for a shorter time.
    later = (_time(warned["stops_at"]) - _time(target["stops_at"])).total_seconds()
    assert -0.5 < later < 0.5 + stage.slowness.within(granted.earliest, time.monotonic()), (warned, target)


def _time(told: str) -> datetime:
    return datetime.fromisoformat(told.replace("Z", "+00:00"))


@keep.case
async def a_lease_given_back_leaves_a_full_warning(stage: Stage) -> None:
    terminal = await stage.terminal(connect=False)
    lease, _ = await _lease(stage, terminal.id, 600)
    await asyncio.sleep(terminal.started.latest + LIMITS.terminal + 1 - time.monotonic())
    before = time.monotonic()
    await stage.server.call("DELETE", f"lcc/idle/leases/{lease['id']}", expect=204)
    ended = Moment(before, time.monotonic())
    await stage.stops(terminal, ended, LIMITS.warn)
    await stage.server.call("DELETE", f"lcc/idle/leases/{lease['id']}", expect=404)
    changes = [line["change"] for line in await stage.server.decisions(terminal.id)]
    assert changes.index("lease_granted") < changes.index("lease_ended") < changes.index("shut_down"), changes


@keep.case
async def a_lease_of_a_process_ends_with_it(stage: Stage) -> None:
    terminal = await stage.terminal(connect=False)
    lasts = LIMITS.terminal + 3
    work = _process("sleep", str(lasts))
    over = Moment.now().plus(lasts)
    try:
        lease, _ = await _lease(stage, terminal.id, 600, pid=work.pid)
        assert lease["pid"] == work.pid
        await asyncio.to_thread(work.wait)
        await stage.stops(terminal, Moment(over.earliest, over.latest + 1), LIMITS.warn)
    finally:
        work.kill()
        work.wait()


@keep.case
async def a_lease_of_a_process_that_is_not_there_is_refused(stage: Stage) -> None:
    work = _process("true")
    work.wait()
    body = {"target_id": "instance", "seconds": 60, "pid": work.pid}
    answer = await stage.server.call("POST", "lcc/idle/leases", body, expect=422)
    assert answer.problem()["detail"]["field"] == "pid"
    assert (await stage.server.call("GET", "lcc/idle/leases")).json()["leases"] is not None


@keep.case
async def a_keep_is_not_lost_with_a_longer_one_of_a_process(stage: Stage) -> None:
    """A person's keep stands on its own, whatever becomes of a script's."""
    terminal = await stage.terminal(connect=False)
    work = _process("sleep", "3")
    try:
        await _lease(stage, terminal.id, 600, pid=work.pid)
        _, granted = await _lease(stage, terminal.id, LIMITS.terminal + 9)
        await asyncio.to_thread(work.wait)
        await stage.lives_until(terminal, granted.earliest + LIMITS.terminal + 8.5)
    finally:
        work.kill()
        work.wait()


@keep.case
async def a_keep_in_the_warning_takes_it_back(stage: Stage) -> None:
    terminal = await stage.terminal(connect=False)
    await stage.becomes(terminal, 20, verdict="warn")
    _, granted = await _lease(stage, terminal.id, 6)
    await stage.becomes(terminal, state="idle")
    await stage.stops(terminal, granted, 6)


@keep.case
async def a_key_in_the_last_second_wins(stage: Stage) -> None:
    terminal = await stage.terminal(connect=False)
    await terminal.connect()  # so that a slow machine has only the key to bring in time
    await asyncio.sleep(terminal.started.earliest + LIMITS.terminal - 0.4 - time.monotonic())
    typed = await terminal.type("x")
    await stage.stops(terminal, typed, LIMITS.terminal)


@keep.case
async def after_the_end_it_is_too_late(stage: Stage) -> None:
    """What was shut down can't be kept; what nobody ever heard of is unknown. Both are told apart."""
    terminal = await stage.terminal(connect=False)
    await stage.stops(terminal, terminal.started, LIMITS.terminal)
    late = await stage.server.call("POST", "lcc/idle/leases", {"target_id": terminal.id, "seconds": 60}, expect=409)
    assert late.problem()["code"] == "too_late"
    unknown = {"target_id": "terminal:nobody", "seconds": 60}
    assert (await stage.server.call("POST", "lcc/idle/leases", unknown, expect=404)).problem()["code"] == "not_found"
    await stage.server.call("POST", f"lcc/idle/targets/{terminal.id}/shutdown", expect=409)


@keep.case
async def a_number_given_again_is_another_terminal(stage: Stage) -> None:
    """Jupyter numbers terminals, and gives the number of a closed one to the next."""
    first = await stage.terminal(numbered=True, connect=False)
    lease, _ = await _lease(stage, first.id, 600)
    await stage.server.call("POST", f"lcc/idle/targets/{first.id}/shutdown", expect=202)
    await stage.stops(first, Moment.now(), 0)
    second = await stage.terminal(numbered=True, connect=False)
    assert (second.id, second.pid == first.pid) == (first.id, False)
    target = await stage.becomes(second, state="idle", verdict="keep", pid=second.pid)
    assert target["lease"] is None, (target, lease)
    await _lease(stage, second.id, 1)
    await stage.stops(second, second.started, LIMITS.terminal)


@keep.case
async def a_person_shuts_it_down_now(stage: Stage) -> None:
    """Without a warning, and even if it is kept; the log says who it was. Its twin lives."""
    terminal, twin = await stage.terminal(connect=False), await stage.terminal(connect=False)
    await _lease(stage, terminal.id, 600)
    await _lease(stage, twin.id, LIMITS.terminal + 10)
    await stage.server.call("POST", f"lcc/idle/targets/{terminal.id}/shutdown", expect=202)
    await stage.stops(terminal, Moment.now(), 0)
    last = (await stage.server.decisions(terminal.id))[-1]
    assert (last["change"], last["reason"], last["actor"]) == ("shut_down", "asked", "user"), last
    assert is_running(twin.pid)
    assert (await stage.server.call("POST", "lcc/idle/targets/instance/shutdown")).status == 403


@race.case
async def every_accepted_keep_is_kept_and_every_other_is_refused(stage: Stage) -> None:
    """Many keeps are fired around the deadline, one for each of a row of terminals, ever a little later."""
    terminals = [await stage.terminal(connect=False) for _ in range(14)]
    typed: list[Moment] = []
    for number, terminal in enumerate(terminals):
        typed.append(await terminal.type(" "))
        if number == 0:
            await asyncio.sleep(0.05)

    async def shoot(number: int, terminal: Terminal) -> str:
        moment = typed[number].latest + PATIENT.terminal - 0.35 + 0.05 * number
        await asyncio.sleep(moment - time.monotonic())
        answer = await stage.server.call("POST", "lcc/idle/leases", {"target_id": terminal.id, "seconds": 30})
        if answer.status == 201:
            await asyncio.sleep(3)
            assert is_running(terminal.pid), f"{terminal.id} was promised to be kept and is gone"
            return "kept"
        assert (answer.status, answer.problem()["code"]) == (409, "too_late"), answer
        await stage.stops(terminal, Moment(moment - 2, moment), 0, extra=2)
        return "late"

    results = await asyncio.gather(*(shoot(number, terminal) for number, terminal in enumerate(terminals)))
    log.info("race: %s", results)
    assert {"kept", "late"} <= set(results), f"the shots did not straddle the deadline: {results}"
    for terminal, result in zip(terminals, results, strict=True):
        if result == "kept":
            await stage.server.call("DELETE", terminal.path, expect=204)


@clip.case
async def a_lease_is_clipped_to_what_is_allowed(stage: Stage) -> None:
    terminal = await stage.terminal(connect=False)
    await asyncio.sleep(LIMITS.terminal / 2)
    lease, granted = await _lease(stage, terminal.id, 36000)
    assert (lease["clipped_by"], lease["granted_seconds"]) == ("max_lease_seconds", LONGEST), lease
    await stage.stops(terminal, granted, LONGEST)


@clip.case
async def a_lease_can_be_asked_for_again_and_again(stage: Stage) -> None:
    """Bounded each time, and each time from now."""
    terminal = await stage.terminal(connect=False)
    for _ in range(4):
        lease, granted = await _lease(stage, terminal.id, LONGEST)
        await asyncio.sleep(3)
    leases = (await stage.server.call("GET", "lcc/idle/leases")).json()["leases"]
    assert [one["id"] for one in leases if one["target_id"] == terminal.id] == [lease["id"]], leases
    await stage.stops(terminal, granted, LONGEST)


@machine.case
async def a_lease_on_the_machine_keeps_everything(stage: Stage) -> None:
    """Below another base URL, as SageMaker has it."""
    kernel, terminal = await stage.kernel(), await stage.terminal(connect=False)
    lease, granted = await _lease(stage, "instance", LIMITS.kernel + 6)
    await stage.becomes(terminal, reason="leased")
    await stage.becomes(kernel, reason="leased")
    ends = stage.stops(terminal, granted, LIMITS.kernel + 6), stage.stops(kernel, granted, LIMITS.kernel + 6)
    await asyncio.gather(*ends)
    assert lease["id"]


NAMES = ("keep", "clip", "race", "machine")
for name in NAMES:
    PLAYS[name].check(log_is_clean)
    PLAYS[name].check(monitor_is_healthy)
HERE = [(name, case) for name in NAMES for case in (*PLAYS[name].cases, *PLAYS[name].checks)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("stage_name", "case_name"), HERE)
def test_keep(stage_name: str, case_name: str, outcomes: dict[tuple[str, str], str | None]) -> None:
    judge(outcomes[stage_name, case_name])
