"""Observing predicts what enforcing does; a log decides again as it stands; another policy is predicted exactly."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from jupyter_lcc.idle.decision_log import read_trace
from jupyter_lcc.idle.leases import INSTANCE
from jupyter_lcc.idle.model import CreateLease, Mode, Presence
from jupyter_lcc.idle.policy import PolicyInput
from jupyter_lcc.idle.replay import Overrides, redecided, replay
from jupyter_lcc.idle.trace import Line

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
            self.source(name).put(sighting(name, START, kind=name.partition(":")[0]))
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
        return self.house.service._watch.machine_stopping

    async def apply(self, step: Step) -> bool:
        """Do it, if the target is there."""
        now, source, service = self.house.clock.now(), self.source(step.target_id), self.house.service
        known = self.ever if step.verb == "open" else source.there
        if step.target_id != INSTANCE and (step.target_id in known) == (step.verb == "open"):
            return False
        match step.verb:
            case "open":
                self.ever.add(step.target_id)
                source.put(sighting(step.target_id, now, kind=step.target_id.partition(":")[0]))
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


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(traces())
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
