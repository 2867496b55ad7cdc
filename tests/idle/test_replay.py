"""Observing predicts what enforcing does; a log decides again as it stands; another policy is predicted exactly."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from jupyter_lcc.idle.decision_log import read_trace
from jupyter_lcc.idle.leases import INSTANCE
from jupyter_lcc.idle.model import CreateLease, Kind, Mode, Presence
from jupyter_lcc.idle.policy import PolicyInput
from jupyter_lcc.idle.replay import Overrides, redecided, replay
from jupyter_lcc.idle.trace import Line
from jupyter_lcc.store import JsonLines

from ..fakes import START, FakeSource, FakeStopper, sighting
from .conftest import House

NAMES = ("kernel:a", "kernel:b", "kernel:c", "terminal:1", "kernel:new", "terminal:new")
OTHERS = {"kernel_timeout_seconds": 2700, "terminal_timeout_seconds": 1500, "instance_timeout_seconds": 3000}


@dataclass(frozen=True)
class Step:
    """So long after the one before, this happens to that target."""

    after: int
    verb: str
    target_id: str
    seconds: int = 600


def limits(mode: Mode = "enforce", **changed: int) -> PolicyInput:
    values = {
        "kernel_timeout_seconds": 1200,
        "terminal_timeout_seconds": 1800,
        "instance_timeout_seconds": 2400,
        "waiting_timeout_seconds": 3600,
        "max_busy_seconds": 5400,
        "warn_seconds": 120,
        "max_lease_seconds": 7200,
        "check_interval_seconds": 600,
        **changed,
    }
    return PolicyInput(mode=mode, mode_source="config", values=values)


def kind_of(target_id: str) -> Kind:
    return "kernel" if target_id.startswith("kernel") else "terminal"


class Play:
    """A house that is driven from one time at which something happens to the next, as the monitor does."""

    def __init__(self, folder: Path, given: PolicyInput, *, with_machine: bool = True) -> None:
        self.house = House(folder)
        self.house.given = given
        self.house.stopper = FakeStopper() if with_machine else self.house.stopper
        self.house.build()
        self.applied: list[tuple[datetime, Step]] = []
        self.ever: set[str] = set()
        """No id comes back: what was observed only would still be there."""

    async def run(self, steps: Sequence[tuple[datetime, Step]], end: datetime) -> None:
        for name in NAMES[:4]:
            self.ever.add(name)
            self.source(name).put(sighting(name, START, kind=kind_of(name)))
        await self.house.service.start()
        await self.settle()
        for at, step in steps:
            await self.until(at)
            self.house.clock.steady = at
            if self.stopped_machine():
                return
            if await self.apply(step):
                self.applied.append((at, step))
            await self.settle()
        await self.until(end)
        if self.stopped_machine():
            return
        self.house.clock.steady = end
        await self.settle()

    async def until(self, end: datetime) -> None:
        """Do the rounds that are due before."""
        for _ in range(2000):
            due = self.house.service._watch.next_deadline()
            if due is None or due >= end or self.stopped_machine():
                return
            self.house.clock.steady = max(due, self.house.clock.steady)
            await self.settle()
        raise AssertionError("the rounds don't end")

    async def settle(self) -> None:
        service = self.house.service
        for _ in range(20):
            await service.step()
            await service.settle()
            if not service._watch.unsettled:
                return
        raise AssertionError("it does not settle")

    def source(self, target_id: str) -> FakeSource:
        return self.house.kernels if target_id.startswith("kernel") else self.house.terminals

    def stopped_machine(self) -> bool:
        return self.house.service._watch.judge.machine_stopping

    async def apply(self, step: Step) -> bool:
        """Do it, if the target is there."""
        now, source, service = self.house.clock.now(), self.source(step.target_id), self.house.service
        known = self.ever if step.verb == "open" else source.there
        if step.target_id != INSTANCE and (step.target_id in known) == (step.verb == "open"):
            return False
        match step.verb:
            case "open":
                self.ever.add(step.target_id)
                source.put(sighting(step.target_id, now, kind=kind_of(step.target_id)))
            case "close":
                del source.there[step.target_id]
            case "work":
                source.change(step.target_id, state="working", since=now, active_at=now)
            case "rest":
                source.change(step.target_id, state="idle", since=now, active_at=now)
            case "ask":
                source.change(step.target_id, state="waiting", since=now, active_at=now)
            case "lose":
                source.change(step.target_id, state="unknown", since=now)
            case "use":
                await service.notice_presence(Presence(target_ids=(step.target_id,)))
            case "keep":
                await service.grant(CreateLease(target_id=step.target_id, seconds=step.seconds))
            case "let go":
                mine = [lease.id for lease in service.leases() if lease.target_id == step.target_id]
                for lease_id in mine:
                    await service.end_lease(lease_id)
        if step.verb in ("open", "close", "work", "rest", "ask", "lose"):
            source.on_change(step.target_id)
            service.wake.clear()
        return True

    async def log(self) -> list[Line]:
        await self.house.service._decisions.flush()
        trace, unreadable = await asyncio.to_thread(read_trace, self.house.files.decisions)
        assert unreadable == 0
        return trace

    async def close(self) -> None:
        await self.house.service.stop()
        self.house.close()


Told = tuple[datetime, str, str, str, Any]


def told(lines: Iterable[Line]) -> list[Told]:
    """Give what the log says of verdicts: when which target got which, why, and until when."""
    found = []
    for line in lines:
        assert line.grounds is not None
        if line.change not in ("gone", "lease_granted", "lease_ended", "policy", "stop_requested", "server_ended"):
            ruling = line.grounds.ruling
            found.append((line.grounds.now, line.target_id, line.verdict, line.reason, ruling.stops_at))
    return changes(found)


def changes(found: Iterable[Told]) -> list[Told]:
    """Of several at one instant the last counts; then only changes are left. What is stopped is at its end."""
    latest: dict[tuple[datetime, str], Told] = {}
    for one in found:
        latest[one[0], one[1]] = one
    result: list[Told] = []
    last: dict[str, tuple[str, str]] = {}
    for one in sorted(latest.values(), key=lambda one: one[:2]):
        gist = (one[2], one[3])
        if last.get(one[1]) != gist and last.get(one[1], ("",))[0] != "shut_down":
            result.append(one)
            last[one[1]] = gist
    return result


def predicted(lines: Sequence[Line], overrides: Overrides, until: datetime | None = None) -> list[Told]:
    return changes(
        (change.steady, change.target_id, change.verdict, change.reason, change.stops_at)
        for change in replay(lines, overrides, until=until).changes
    )


async def both(
    steps: Sequence[tuple[datetime, Step]], end: datetime, enforced: PolicyInput, observed: PolicyInput
) -> tuple[list[Line], list[Line]]:
    """Enforce one policy; observe under another what people did then."""
    note("; ".join(f"{at:%H:%M:%S} {step.verb} {step.target_id} {step.seconds}" for at, step in steps))
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        one = Play(Path(first), enforced)
        await one.run(steps, end)
        # A machine that was stopped sees nothing more.
        done = one.house.clock.steady
        two = Play(Path(second), observed)
        await two.run(one.applied, done)
        logs = await one.log(), await two.log()
        await one.close()
        await two.close()
        return logs


verbs = st.sampled_from(
    ["open", "close", "work", "rest", "rest", "ask", "lose", "use", "use", "use", "keep", "keep", "let go"]
)


@st.composite
def traces(draw: st.DrawFn) -> tuple[list[tuple[datetime, Step]], datetime]:
    now, steps = START, []
    for _ in range(draw(st.integers(1, 14))):
        verb, target_id = draw(verbs), draw(st.sampled_from(NAMES))
        if verb in ("use", "keep", "let go") and draw(st.integers(0, 4)) == 0:
            target_id = INSTANCE
        after = draw(st.one_of(st.integers(1, 90), st.integers(60, 2500)))
        now += timedelta(seconds=after)
        steps.append((now, Step(after, verb, target_id, draw(st.integers(60, 5000)))))
    return steps, now + timedelta(seconds=draw(st.integers(1, 9000)))


WORKS_TOO_LONG = ([(START + timedelta(seconds=1), Step(1, "work", "kernel:a"))], START + timedelta(hours=3))
MACHINE_KEPT_AFTER_IT_WAS_STOPPED = (
    [
        *WORKS_TOO_LONG[0],
        (START + timedelta(minutes=90, seconds=2), Step(5401, "keep", INSTANCE, 60)),
    ],
    START + timedelta(hours=3),
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(traces())
@example(WORKS_TOO_LONG)
@example(MACHINE_KEPT_AFTER_IT_WAS_STOPPED)
def test_observing_says_when_what_enforcing_does(trace: tuple[list[tuple[datetime, Step]], datetime]) -> None:
    enforced, observed = asyncio.run(both(*trace, limits("enforce"), limits("observe")))
    assert told(observed) == told(enforced)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(traces())
def test_a_log_decides_again_bit_for_bit(trace: tuple[list[tuple[datetime, Step]], datetime]) -> None:
    enforced, observed = asyncio.run(both(*trace, limits("enforce"), limits("observe")))
    for line in [*enforced, *observed]:
        assert line.grounds is not None
        assert redecided(line) == line.grounds.ruling
        if line.change in ("appeared", "state", "verdict", "activity", "lease_granted", "lease_ended"):
            assert (line.verdict, line.reason) == (line.grounds.ruling.verdict, line.grounds.ruling.reason)
    assert predicted(observed, Overrides()) == told(observed)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(traces())
def test_another_policy_is_predicted_as_it_comes_to_pass(trace: tuple[list[tuple[datetime, Step]], datetime]) -> None:
    enforced, observed = asyncio.run(both(*trace, limits("enforce", **OTHERS), limits("observe")))
    done = [line.grounds.now for line in enforced if line.grounds and line.change == "stop_requested"]
    assert predicted(observed, Overrides(**OTHERS), [*done, trace[1]][0]) == told(enforced)


# -- logs as they are ----------------------------------------------------------------------------------------


async def observed(folder: Path, *steps: Step, hours: float = 4) -> tuple[Play, list[Line]]:
    play = Play(folder, limits("observe"))
    now, timed = START, []
    for step in steps:
        now += timedelta(seconds=step.after)
        timed.append((now, step))
    await play.run(timed, START + timedelta(hours=hours))
    return play, await play.log()


async def test_it_says_what_would_have_been_stopped_and_whether_it_was_missed(tmp_path: Path) -> None:
    play, log = await observed(
        tmp_path, Step(600, "work", "kernel:a"), Step(1200, "rest", "kernel:a"), Step(2800, "use", "kernel:a")
    )
    told_of = replay(log, Overrides(kernel_timeout_seconds=2700), until=START + timedelta(hours=4))
    (first, *rest) = [stop for stop in told_of.stops if stop.target_id == "kernel:a"]
    assert first.at == START + timedelta(seconds=1800 + 2700)
    assert (first.reason, first.limit_seconds, first.worked) == ("idle", 2700, False)
    assert first.used_again_after_seconds == 100
    assert len(rest) == 1
    assert rest[0].used_again_at is None
    longer = replay(log, Overrides(kernel_timeout_seconds=2880), until=START + timedelta(hours=4))
    assert [stop.used_again_at for stop in longer.stops if stop.target_id == "kernel:a"] == [None]
    never = replay(log, Overrides(kernel_timeout_seconds=0, terminal_timeout_seconds=0, instance_timeout_seconds=0))
    assert never.stops == ()
    await play.close()


async def test_the_machines_hours_are_saved_from_its_stop_until_somebody_comes(tmp_path: Path) -> None:
    play, log = await observed(tmp_path, Step(3 * 3600, "use", "kernel:a"), hours=8)
    told_of = replay(log, Overrides(), until=START + timedelta(hours=8))
    machine = [stop for stop in told_of.stops if stop.kind == "instance"]
    assert [stop.at for stop in machine] == [START + timedelta(minutes=40), START + timedelta(hours=3, minutes=40)]
    assert machine[0].used_again_at == START + timedelta(hours=3)
    assert told_of.machine_hours == 8
    assert told_of.machine_hours_saved == pytest.approx(3 - 40 / 60 + 5 - 40 / 60)
    later = replay(log, Overrides(), since=START + timedelta(hours=2), until=START + timedelta(hours=8))
    assert later.machine_hours == 6
    assert later.machine_hours_saved == pytest.approx(1 + 5 - 40 / 60)
    assert len([stop for stop in later.stops if stop.kind == "instance"]) == 1
    await play.close()


async def test_work_that_would_have_been_interrupted_is_named(tmp_path: Path) -> None:
    play, log = await observed(tmp_path, Step(60, "work", "kernel:b"))
    assert not [stop for stop in replay(log, Overrides(max_busy_seconds=0)).stops if stop.worked]
    (stop,) = [stop for stop in replay(log, Overrides(max_busy_seconds=3600)).stops if stop.worked]
    assert (stop.target_id, stop.reason, stop.at) == ("kernel:b", "busy_too_long", START + timedelta(seconds=3660))
    await play.close()


async def test_a_quiet_machine_writes_nothing_and_a_busy_hand_a_line_a_minute(tmp_path: Path) -> None:
    steps = [Step(10, "use", "kernel:a") for _ in range(60)]  # ten minutes of typing
    play, log = await observed(tmp_path, *steps, hours=0.5)
    mine = [line for line in log if line.target_id == "kernel:a" and line.change == "activity"]
    assert 8 <= len(mine) <= 11
    assert mine[-1].grounds is not None
    assert mine[-1].grounds.facts.active_at == START + timedelta(seconds=600)
    size = (await asyncio.to_thread(play.house.files.decisions.path.read_bytes)).count(b"\n")
    await play.house.service.grant(CreateLease(target_id=INSTANCE, seconds=7200))
    granted = (await asyncio.to_thread(play.house.files.decisions.path.read_bytes)).count(b"\n")
    await play.until(START + timedelta(hours=2))
    assert (await asyncio.to_thread(play.house.files.decisions.path.read_bytes)).count(b"\n") == granted > size
    await play.close()


async def test_a_restarted_server_begins_another_life_of_the_trace(tmp_path: Path) -> None:
    play, _log = await observed(tmp_path, Step(60, "use", "kernel:a"), hours=0.25)
    await play.house.service.stop()
    play.house.clock.pass_(3600)
    play.house.build()
    await play.house.service.start()
    await play.settle()
    await play.until(START + timedelta(hours=3))
    log = await play.log()
    told_of = replay(log, Overrides(), until=START + timedelta(hours=3))
    assert len({line.grounds.life for line in log if line.grounds}) == 2
    # An hour between the two lives is nobody's; every countdown goes on, with a warning of its own.
    assert told_of.machine_hours == pytest.approx(0.25 + 1.75)
    logged = [line for line in log if line.change == "verdict" and line.verdict == "shut_down"]
    assert [(stop.at, stop.target_id) for stop in told_of.stops] == [(line.at, line.target_id) for line in logged]
    await play.close()


async def test_a_machine_that_slept_warns_anew_in_the_replay_too(tmp_path: Path) -> None:
    play, _log = await observed(tmp_path, hours=0.31)  # 18 min 36 s: warned
    play.house.clock.pass_(3600)  # nobody ran for an hour
    await play.settle()
    await play.until(START + timedelta(hours=2))
    log = await play.log()
    assert [line.change for line in log].count("slept") == 1
    logged = [line for line in log if line.change == "verdict" and line.verdict == "shut_down"]
    told_of = replay(log, Overrides(), until=START + timedelta(hours=2))
    assert [(stop.at, stop.target_id) for stop in told_of.stops] == [(line.at, line.target_id) for line in logged]
    assert min(stop.at for stop in told_of.stops) >= START + timedelta(hours=1.31)
    await play.close()


async def test_rotated_cut_and_old_lines(tmp_path: Path) -> None:
    play, log = await observed(tmp_path, Step(600, "work", "kernel:a"), Step(1200, "rest", "kernel:a"))
    lines = JsonLines(tmp_path / "rotated.jsonl", max_bytes=4000, files=30)
    for line in log:
        lines.append([msgspec.json.encode(line)])
    assert (tmp_path / "rotated.jsonl.2").exists()
    lines.append([b'{"at":"2026-03-01T12:00:00Z","change":"verd'])
    old = msgspec.json.encode(msgspec.structs.replace(log[0], grounds=None))
    lines.append([old])
    trace, unreadable = read_trace(lines)
    assert (len(trace), unreadable) == (len(log) + 1, 1)
    assert trace[:-1] == log
    told_of = replay(trace, Overrides())
    assert (told_of.lines, told_of.lines_too_old) == (len(log) + 1, 1)
    assert told_of.stops == replay(log, Overrides()).stops
    await play.close()


def test_nothing_is_predicted_from_nothing() -> None:
    empty = replay([], Overrides())
    assert (empty.stops, empty.machine_hours, empty.begins_at) == ((), 0, None)


def test_a_week_of_twenty_kernels_takes_seconds() -> None:
    """Built from one line: 20 kernels, each used every 20 minutes of a working day, work in between."""
    with tempfile.TemporaryDirectory() as folder:
        template = asyncio.run(_one_line(Path(folder)))
    lines: list[Line] = []
    assert template.grounds is not None
    for minute in range(0, 7 * 24 * 60, 10):
        if minute // 60 % 24 >= 10:
            continue
        for number in range(20):
            now = START + timedelta(minutes=minute, seconds=number)
            facts = msgspec.structs.replace(template.grounds.facts, target_id=f"kernel:{number}", active_at=now)
            grounds = msgspec.structs.replace(template.grounds, now=now, ruled_at=now, facts=facts)
            lines.append(msgspec.structs.replace(template, at=now, target_id=f"kernel:{number}", grounds=grounds))
    assert len(lines) == 8400
    before = time.process_time()
    told_of = replay(lines, Overrides(kernel_timeout_seconds=2700))
    assert time.process_time() - before < 5
    assert len(told_of.stops) == 20 * 6  # each evening; the last one's lies after the log


async def _one_line(folder: Path) -> Line:
    play, log = await observed(folder, hours=0.01)
    await play.close()
    return next(line for line in log if line.target_id == "kernel:a")
