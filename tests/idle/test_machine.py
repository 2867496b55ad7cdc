"""The machine itself on fakes: the last to go, after its own warning, asked once. Time is the test's."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_lcc.errors import Forbidden, TooLate
from jupyter_lcc.idle import machine as machine_room
from jupyter_lcc.idle.model import CreateLease, Evidence, IdleView, Presence
from jupyter_lcc.idle.stop_progress import back_off
from jupyter_lcc.model import Sentence
from jupyter_lcc.platforms.model import StopFailed

from ..fakes import START, FakeStopper, sighting
from .conftest import House

K, T, M = "kernel:1", "terminal:1", "instance"
LIMIT, WARN = 1800, 60
DENIED = StopFailed(
    "Permission missing: sagemaker:DeleteApp on arn:x.",
    missing="sagemaker:DeleteApp",
    sentence=Sentence(code="permission_missing", detail={"action": "sagemaker:DeleteApp", "resource": "arn:x"}),
)


class FakeNative:
    """A fake of the platform's own idle shutdown: remembers what it was told."""

    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.told: list[bool] = []

    async def tell(self, *, busy: bool) -> str | None:
        self.told.append(busy)
        return None if self.works else "It doesn't listen."


def furnish(house: House, **limits: int) -> House:
    """Give the machine a way to be stopped, and a limit."""
    house.given = msgspec.structs.replace(
        house.given, values={**house.given.values, "instance_timeout_seconds": LIMIT, **limits}
    )
    house.build()
    return house


@pytest.fixture
def stoppable(house: House) -> House:
    house.stopper = FakeStopper()
    return furnish(house)


async def begin(house: House) -> House:
    await house.service.start()
    await house.service.step()
    return house


def killed(house: House, *, life: str | None = None) -> House:
    """What `kill -9` leaves: the files. A new server starts on them; the kernels of the old one are gone."""
    after = House(house.folder)
    after.clock, after.given = house.clock, house.given
    after.stopper.way = house.stopper.way
    after.stopper.life = life or house.stopper.life
    after.build()
    return after


async def view(house: House) -> IdleView:
    return await house.service.view()


async def changes(house: House, target_id: str = M) -> list[str]:
    return [line.change for line in await house.log(target_id)]


async def test_a_machine_nobody_ever_used_is_warned_and_stopped_once(stoppable: House) -> None:
    await begin(stoppable)
    await stoppable.pass_(LIMIT - WARN - 1, step=30)
    assert stoppable.sent("warning") == []
    assert (await stoppable.target(M)).stops_at == START + timedelta(seconds=LIMIT)
    await stoppable.pass_(1)
    (warning,) = stoppable.sent("warning")
    assert (warning["target_id"], warning["stops_at"]) == (M, "2026-03-01T12:30:00Z")
    await stoppable.pass_(WARN - 1)
    assert stoppable.stopper.requests == 0
    await stoppable.pass_(1)
    assert stoppable.stopper.requests == 1
    await stoppable.pass_(600, step=5)
    assert stoppable.stopper.requests == 1
    assert [event["target_id"] for event in stoppable.sent("shut_down")] == [M]
    assert (await changes(stoppable))[-1] == "stop_requested"
    last = (await stoppable.log(M))[-1]
    assert (last.verdict, last.reason, last.limit_seconds) == ("shut_down", "idle", LIMIT)
    machine = (await view(stoppable)).machine
    assert machine.stop_requested_at == START + timedelta(seconds=LIMIT)
    assert (await stoppable.target(M)).shutting_down


async def test_kernels_go_first_then_terminals_then_the_machine(stoppable: House) -> None:
    stoppable.kernels.put(sighting(K))
    stoppable.terminals.put(sighting(T, kind="terminal"))
    await begin(stoppable)
    target = await stoppable.target(M)
    assert (target.verdict, target.reason) == ("keep", "targets_first")
    assert target.stops_at == START + timedelta(seconds=LIMIT)
    await stoppable.pass_(LIMIT, step=5)
    lines = [(d.change, d.target_id) for d in await stoppable.log() if d.change in ("shut_down", "stop_requested")]
    assert lines == [("shut_down", K), ("shut_down", T), ("stop_requested", M)]
    assert stoppable.stopper.requests == 1


async def test_the_machine_is_never_before_what_is_on_it_and_has_a_warning_of_its_own(house: House) -> None:
    house.stopper = FakeStopper()
    furnish(house, instance_timeout_seconds=120)
    house.kernels.put(sighting(K))
    await begin(house)
    assert (await house.target(M)).stops_at == START + timedelta(seconds=660)
    await house.pass_(599)
    assert (await house.target(M)).reason == "targets_first"
    assert [event["target_id"] for event in house.sent("warning")] == [K]
    await house.pass_(2)
    assert house.kernels.shut == [K]
    assert [event["target_id"] for event in house.sent("warning")] == [K, M]
    await house.pass_(WARN - 2)
    assert house.stopper.requests == 0
    await house.pass_(2)
    assert house.stopper.requests == 1


@pytest.mark.parametrize(
    ("state", "reason"), [("working", "working"), ("unknown", "unknown_state"), ("waiting", "targets_first")]
)
async def test_what_must_be_kept_keeps_the_machine(stoppable: House, state: Any, reason: str) -> None:
    stoppable.kernels.put(sighting(K, state=state))
    await begin(stoppable)
    await stoppable.pass_(13_000, step=30)
    target = await stoppable.target(M)
    assert (target.verdict, target.reason) == ("keep", reason)
    assert stoppable.stopper.requests == 0


async def test_after_work_the_machine_has_its_whole_limit(stoppable: House) -> None:
    stoppable.kernels.put(sighting(K, state="working"))
    await begin(stoppable)
    await stoppable.pass_(5000, step=10)
    stoppable.kernels.change(K, state="idle", active_at=stoppable.clock.now())
    await stoppable.pass_(LIMIT - 1, step=1)
    assert (stoppable.kernels.shut, stoppable.stopper.requests) == ([K], 0)
    await stoppable.pass_(2)
    assert stoppable.stopper.requests == 1


async def test_long_work_of_our_own_keeps_the_machine_which_then_has_its_whole_limit(stoppable: House) -> None:
    job = Evidence(signal="job_runs", value="environment.create vision", means="work")
    stoppable.work = (job,)
    await begin(stoppable)
    await stoppable.pass_(2 * LIMIT, step=30)
    shown = await view(stoppable)
    assert (shown.instance.state, shown.instance.verdict, shown.instance.reason) == ("working", "keep", "working")
    assert [(holder.because, holder.name, holder.evidence) for holder in shown.keeps_on] == [("work", job.value, job)]
    assert stoppable.sent("warning") == []
    stoppable.work = ()
    stoppable.service.notice_change(M)
    await stoppable.pass_(1)
    ended = stoppable.clock.now()
    assert (await stoppable.target(M)).stops_at == ended + timedelta(seconds=LIMIT)
    await stoppable.pass_(LIMIT - WARN - 1, step=30)
    assert (stoppable.sent("warning"), (await view(stoppable)).keeps_on[0].because) == ([], "activity")
    await stoppable.pass_(WARN - 5, step=1)
    stoppable.work = (job,)  # it begins in the last seconds, and nobody has looked yet
    await stoppable.pass_(10)
    assert stoppable.stopper.requests == 0
    stoppable.work = ()
    await stoppable.pass_(LIMIT + 60, step=5)
    assert stoppable.stopper.requests == 1


async def test_work_beyond_max_busy_is_shut_down_first(house: House) -> None:
    house.stopper = FakeStopper()
    furnish(house, max_busy_seconds=3000)
    house.kernels.put(sighting(K, state="working"))
    await begin(house)
    await house.pass_(3000, step=5)
    assert (house.kernels.shut, house.stopper.requests) == ([K], 0)
    await house.pass_(LIMIT + 5, step=5)
    assert house.stopper.requests == 1


async def test_a_part_that_cannot_look_keeps_the_machine(stoppable: House) -> None:
    """What can't be seen may work, also where nothing was ever seen."""
    stoppable.terminals.fails = RuntimeError("no terminals today")
    await begin(stoppable)
    await stoppable.pass_(2 * LIMIT, step=30)
    assert (await stoppable.target(M)).reason == "unknown_state"
    stoppable.terminals.fails = None
    await stoppable.pass_(31, step=1)
    assert (await stoppable.target(M)).verdict == "warn"
    await stoppable.pass_(WARN)
    assert stoppable.stopper.requests == 1


@pytest.mark.parametrize("target_id", [K, M])
async def test_a_lease_on_anything_holds_the_machine_until_its_end(stoppable: House, target_id: str) -> None:
    stoppable.kernels.put(sighting(K))
    await begin(stoppable)
    await stoppable.service.grant(CreateLease(target_id=target_id, seconds=5000))
    await stoppable.pass_(4500, step=30)
    target = await stoppable.target(M)
    assert (target.verdict, target.reason) == ("keep", "leased")
    await stoppable.pass_(499, step=1)
    assert stoppable.stopper.requests == 0
    await stoppable.pass_(150, step=1)
    assert stoppable.stopper.requests == 1


async def test_a_lease_on_a_kernel_without_a_limit_holds_the_machine_too(house: House) -> None:
    house.stopper = FakeStopper()
    furnish(house, kernel_timeout_seconds=0)
    house.kernels.put(sighting(K))
    await begin(house)
    await house.service.grant(CreateLease(target_id=K, seconds=5000))
    await house.pass_(4999, step=20)
    assert house.stopper.requests == 0
    await house.pass_(10)
    assert house.stopper.requests == 1


async def test_presence_on_the_machine_counts(stoppable: House) -> None:
    await begin(stoppable)
    await stoppable.pass_(1700, step=10)
    await stoppable.service.notice_presence(Presence(target_ids=(M,)))
    await stoppable.pass_(1799, step=10)
    assert stoppable.stopper.requests == 0
    await stoppable.pass_(2)
    assert stoppable.stopper.requests == 1


async def test_a_kernel_without_a_limit_does_not_hold_the_machine_and_goes_with_it(house: House) -> None:
    house.stopper = FakeStopper()
    furnish(house, kernel_timeout_seconds=0)
    house.kernels.put(sighting(K))
    at_request: list[list[str]] = []

    async def look() -> None:
        at_request.append(list(house.kernels.shut))

    house.stopper.on_stop = look
    await begin(house)
    await house.pass_(LIMIT - 1, step=10)
    assert house.kernels.shut == []
    await house.pass_(1)
    assert house.stopper.requests == 1
    # Not before the request was accepted: had it been refused, the kernel would have been lost for nothing.
    assert at_request == [[]]
    assert house.kernels.shut == [K]


async def test_a_refused_request_costs_nobody_a_kernel_and_is_tried_again_later_and_later(house: House) -> None:
    house.stopper = FakeStopper()
    furnish(house, kernel_timeout_seconds=0)
    house.kernels.put(sighting(K))
    house.stopper.fails = DENIED
    await begin(house)
    asked_at: list[float] = []

    async def note() -> None:
        asked_at.append((house.clock.now() - START).total_seconds())

    house.stopper.on_stop = note
    await house.pass_(LIMIT + 4 * 3600, step=10)
    waits = [round(later - earlier) for earlier, later in pairwise(asked_at)]
    assert asked_at[0] == LIMIT
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert house.kernels.shut == []
    shown = await view(house)
    assert "sagemaker:DeleteApp" in (shown.machine.stop_error or "")
    assert shown.machine.retry_at is not None
    assert "sagemaker:DeleteApp" in {p.code: p.message for p in shown.monitor.problems}["machine_stop_failed"]
    assert not (await house.target(M)).shutting_down
    failed = [line for line in await house.log(M) if line.change == "stop_failed"]
    assert len(failed) == len(asked_at)
    assert "sagemaker:DeleteApp" in (failed[0].error or "")
    assert len(house.sent("shutdown_failed")) == len(asked_at)
    # Once it is allowed it happens, and all is well.
    house.stopper.fails = None
    await house.pass_(3700, step=10)
    shown = await view(house)
    assert (shown.machine.stop_error, shown.machine.stop_error_sentence, shown.monitor.problems) == (None, None, ())
    assert house.kernels.shut == [K]


async def test_activity_ends_the_waiting_for_another_try(stoppable: House) -> None:
    stoppable.stopper.fails = StopFailed("Throttled.")
    await begin(stoppable)
    await stoppable.pass_(LIMIT + 400, step=10)
    before = stoppable.stopper.requests
    await stoppable.service.notice_presence(Presence(target_ids=(M,)))
    assert (await view(stoppable)).machine.retry_at is None
    await stoppable.pass_(LIMIT - 1, step=10)
    assert stoppable.stopper.requests == before
    await stoppable.pass_(61)
    assert stoppable.stopper.requests == before + 2  # … and from 1 min on again


def test_it_backs_off_up_to_an_hour() -> None:
    minutes = [back_off(n).total_seconds() / 60 for n in range(1, 9)]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60]
    assert back_off(10**6) == timedelta(hours=1)


async def test_a_request_without_an_answer_fails(stoppable: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_room, "REQUEST_SECONDS", 0.05)

    async def hang() -> None:
        await asyncio.sleep(60)

    stoppable.stopper.on_stop = hang
    await begin(stoppable)
    await stoppable.pass_(LIMIT, step=10)
    shown = (await view(stoppable)).machine
    assert "no answer" in (shown.stop_error or "")
    assert shown.stop_error_sentence is not None
    assert shown.stop_error_sentence.code == "no_answer"


async def test_whatever_the_stopper_throws_the_rounds_go_on(stoppable: House) -> None:
    stoppable.stopper.fails = ZeroDivisionError("a fault of ours")
    await begin(stoppable)
    await stoppable.pass_(LIMIT + 30, step=10)
    shown = await view(stoppable)
    assert "a fault of ours" in (shown.machine.stop_error or "")
    assert shown.monitor.last_check_at is not None


async def test_observing_decides_the_same_and_stops_nothing(stoppable: House, tmp_path: Path) -> None:
    observer = House(tmp_path / "observer")
    observer.given = msgspec.structs.replace(stoppable.given, mode="observe")
    observer.stopper = FakeStopper()
    observer.build()
    lines = []
    for house in (stoppable, observer):
        house.kernels.put(sighting(K))
        await begin(house)
        await house.pass_(LIMIT + 30, step=1)
        rulings = [line for line in await house.log(M) if line.change in ("appeared", "state", "verdict")]
        lines.append([(line.at, line.state, line.verdict, line.reason) for line in rulings])
    assert (stoppable.stopper.requests, observer.stopper.requests) == (1, 0)
    enforced, observed = lines
    assert [line[1:] for line in observed] == [line[1:] for line in enforced]
    # Where things are really shut down, the end of a kernel's shutdown is waited for, here a round.
    assert all(e[0] - o[0] in (timedelta(0), timedelta(seconds=1)) for o, e in zip(observed, enforced, strict=True))
    assert observed[-1] == enforced[-1]
    assert observed[-1][2:] == ("shut_down", "idle")
    assert (observer.kernels.shut, observer.sent("warning")) == ([], [])
    observer.close()


async def test_a_machine_that_cannot_be_stopped_says_so(house: House) -> None:
    furnish(house)
    await begin(house)
    await house.pass_(2 * LIMIT, step=30)
    target = await house.target(M)
    assert (target.verdict, target.reason) == ("keep", "not_stopped_here")
    assert (await view(house)).machine.stop.why_not == "This machine is a fake one."
    with pytest.raises(Forbidden, match="fake one"):
        await house.service.shut_down_now(M)


async def test_without_a_limit_it_runs(house: House) -> None:
    house.stopper = FakeStopper()
    furnish(house, instance_timeout_seconds=0)
    house.kernels.put(sighting(K))
    await begin(house)
    assert (await house.target(M)).reason == "no_limit"
    await house.pass_(50_000, step=100)
    assert (await house.target(M)).reason == "no_limit"
    assert house.stopper.requests == 0


async def test_a_person_stops_it_now_whatever_works(stoppable: House) -> None:
    stoppable.kernels.put(sighting(K, state="working"))
    await begin(stoppable)
    await stoppable.service.shut_down_now(M)
    await stoppable.service.settle()
    assert (stoppable.stopper.requests, stoppable.kernels.shut) == (1, [K])
    last = next(line for line in await stoppable.log(M) if line.change == "stop_requested")
    assert (last.actor, last.reason) == ("user", "asked")
    with pytest.raises(TooLate):
        await stoppable.service.shut_down_now(M)


# -- keep or stop, whoever is first ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
async def test_a_keep_and_the_deadline_race(tmp_path: Path, seed: int) -> None:
    """Never a request after an accepted keep; a keep after the request is told that it is too late."""
    dice = random.Random(seed)
    outcomes = set()
    for number in range(25):
        house = House(tmp_path / str(number))
        house.stopper = FakeStopper()
        furnish(house)
        await begin(house)
        house.clock.pass_(LIMIT - WARN)
        await house.service.step()
        house.clock.pass_(WARN)

        async def keep(wait: int, house: House = house) -> bool:
            for _ in range(wait):
                await asyncio.sleep(0 if dice.random() < 0.8 else 0.002)
            try:
                await house.service.grant(CreateLease(target_id=M, seconds=600))
            except TooLate:
                return False
            return True

        keeping = asyncio.create_task(keep(dice.randrange(12)))
        await house.service.step()
        kept = await keeping
        await house.service.settle()
        await house.service.step()
        await house.service.settle()
        assert house.stopper.requests == (0 if kept else 1)
        outcomes.add(kept)
        house.close()
    assert outcomes == {True, False}, "the race has two ends"


@pytest.mark.parametrize("seed", range(8))
async def test_a_keystroke_and_the_request_race(tmp_path: Path, seed: int) -> None:
    """A key pressed before it is too late stops the request, wherever in the last look it comes."""
    dice = random.Random(seed)
    outcomes = set()
    for number in range(25):
        house = House(tmp_path / str(number))
        house.stopper = FakeStopper()
        furnish(house, kernel_timeout_seconds=0)
        house.kernels.put(sighting(K))
        await begin(house)
        house.clock.pass_(LIMIT - WARN)
        await house.service.step()
        house.clock.pass_(WARN)

        async def press(wait: int, house: House = house) -> bool:
            for _ in range(wait):
                await asyncio.sleep(0 if dice.random() < 0.8 else 0.002)
            too_late = house.service._watch.judge.machine_stopping
            if K in house.kernels.there:
                house.kernels.change(K, active_at=house.clock.now())
                house.kernels.on_change(K)
            return not too_late

        pressing = asyncio.create_task(press(dice.randrange(14)))
        await house.service.step()
        in_time = await pressing
        await house.service.settle()
        await house.service.step()
        await house.service.settle()
        assert house.stopper.requests == (0 if in_time else 1)
        assert house.kernels.shut == ([] if in_time else [K])
        outcomes.add(in_time)
        house.close()
    assert outcomes == {True, False}, "the race has two ends"


async def test_activity_while_the_request_is_being_written_down_wins(
    stoppable: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(stoppable)
    await stoppable.pass_(LIMIT - 1, step=10)
    save, loop = stoppable.files.save, asyncio.get_running_loop()

    def slow_save(state: Any) -> None:
        save(state)
        if state.machine is not None:
            told = asyncio.run_coroutine_threadsafe(stoppable.service.notice_presence(Presence(target_ids=(M,))), loop)
            told.result(5)

    monkeypatch.setattr(stoppable.files, "save", slow_save)
    await stoppable.pass_(1)
    assert stoppable.stopper.requests == 0
    monkeypatch.undo()
    assert (await stoppable.target(M)).verdict == "keep"
    # Nothing of it stays: a server that is killed now has asked for nothing.
    state, _, _ = stoppable.files.load()
    assert state is not None
    assert state.machine is None


async def test_something_that_has_just_begun_is_waited_for(stoppable: House) -> None:
    furnish(stoppable, kernel_timeout_seconds=0)
    stoppable.kernels.put(sighting(K))
    await begin(stoppable)
    await stoppable.pass_(LIMIT - 1, step=10)
    stoppable.kernels.change(K, pending=True)
    await stoppable.pass_(2)
    assert stoppable.stopper.requests == 0
    stoppable.kernels.change(K, pending=False, state="working")
    await stoppable.pass_(100)
    assert stoppable.stopper.requests == 0


# -- time and faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-1, 1, 24])
async def test_the_walls_clock_steps_and_nothing_happens_sooner(stoppable: House, hours: int) -> None:
    """Also a machine that slept: the steady clock stood still, the wall's went on."""
    await begin(stoppable)
    await stoppable.pass_(LIMIT - 30, step=10)
    assert len(stoppable.sent("warning")) == 1
    stoppable.clock.wall_step = timedelta(hours=hours)
    await stoppable.pass_(29)
    assert stoppable.stopper.requests == 0
    await stoppable.pass_(1)
    assert stoppable.stopper.requests == 1


async def test_a_server_that_did_not_run_gives_a_fresh_warning(stoppable: House) -> None:
    """Stopped and continued as a process, its limit is long over when it looks again."""
    await begin(stoppable)
    stoppable.clock.pass_(10 * LIMIT)
    await stoppable.service.step()
    assert (await stoppable.target(M)).verdict == "warn"
    await stoppable.pass_(WARN - 1)
    assert stoppable.stopper.requests == 0
    await stoppable.pass_(1)
    assert stoppable.stopper.requests == 1


@pytest.mark.parametrize("phase", [100, LIMIT - WARN - 1, LIMIT - WARN, LIMIT - 1])
async def test_a_server_killed_before_the_request_begins_anew(stoppable: House, phase: int) -> None:
    await begin(stoppable)
    await stoppable.pass_(phase, step=5)
    after = await begin(killed(stoppable))
    assert stoppable.stopper.requests == 0
    await after.pass_(LIMIT - WARN - 1, step=5)
    assert after.sent("warning") == []
    await after.pass_(WARN)
    assert after.stopper.requests == 0
    await after.pass_(1)
    assert (after.stopper.requests, len(after.sent("warning"))) == (1, 1)
    after.close()


@pytest.mark.parametrize("answered", [True, False])
async def test_a_server_killed_after_the_request_does_not_ask_twice(stoppable: House, *, answered: bool) -> None:
    await begin(stoppable)
    if not answered:
        forever = asyncio.Event()
        stoppable.stopper.on_stop = forever.wait
        stoppable.clock.pass_(LIMIT - WARN)
        await stoppable.service.step()
        stoppable.clock.pass_(WARN)
        await stoppable.service.step()
        while stoppable.stopper.requests == 0:
            await asyncio.sleep(0.01)
    else:
        await stoppable.pass_(LIMIT, step=5)
    assert stoppable.stopper.requests == 1
    stoppable.clock.pass_(5)
    after = await begin(killed(stoppable))
    assert (await view(after)).machine.stop_requested_at == START + timedelta(seconds=LIMIT)
    with pytest.raises(TooLate):
        await after.service.grant(CreateLease(target_id=M, seconds=60))
    await after.pass_(15 * 60 - 10, step=5)
    assert after.stopper.requests == 0
    assert (await view(after)).monitor.problems == ()
    await after.pass_(10)
    shown = await view(after)
    assert "still runs" in {p.code: p.message for p in shown.monitor.problems}["machine_stop_failed"]
    assert not (await after.target(M)).shutting_down
    await after.pass_(LIMIT - 15 * 60 + 10, step=5)
    assert (after.stopper.requests, len(after.sent("warning"))) == (1, 1)
    await stoppable.service.stop()
    after.close()


async def test_a_machine_that_was_stopped_and_started_knows_nothing_of_it(stoppable: House) -> None:
    await begin(stoppable)
    await stoppable.pass_(LIMIT, step=5)
    stoppable.clock.pass_(30)
    after = await begin(killed(stoppable, life="second"))
    shown = await view(after)
    assert (shown.machine.stop_requested_at, shown.monitor.problems) == (None, ())
    await after.service.grant(CreateLease(target_id=M, seconds=60))
    after.close()


async def test_a_server_killed_while_it_waits_for_another_try_still_says_why(stoppable: House) -> None:
    stoppable.stopper.fails = DENIED
    await begin(stoppable)
    await stoppable.pass_(LIMIT + 400, step=5)
    after = await begin(killed(stoppable))
    shown = (await view(after)).machine
    assert "sagemaker:DeleteApp" in (shown.stop_error or "")
    assert shown.stop_error_sentence == DENIED.sentence
    await after.pass_(LIMIT - 1, step=5)
    assert after.stopper.requests == 0
    after.close()


async def test_a_machine_that_is_still_there_is_warned_anew_and_asked_again(stoppable: House) -> None:
    await begin(stoppable)
    await stoppable.pass_(LIMIT, step=5)
    await stoppable.pass_(15 * 60 - 1, step=5)
    assert (stoppable.stopper.requests, len(stoppable.sent("warning"))) == (1, 1)
    await stoppable.pass_(1)
    assert len(stoppable.sent("warning")) == 2
    failed = (await stoppable.log(M))[-2:]
    assert "stop_failed" in [line.change for line in failed]
    await stoppable.pass_(WARN - 1)
    assert stoppable.stopper.requests == 1
    await stoppable.pass_(2)
    assert stoppable.stopper.requests == 2


async def test_a_disk_that_is_full_does_not_keep_the_machine_on(
    stoppable: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(stoppable)

    def full(_state: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stoppable.files, "save", full)
    await stoppable.pass_(LIMIT, step=5)
    assert stoppable.stopper.requests == 1


# -- the platform's own idle shutdown ----------------------------------------------------------------------------


async def native_house(house: House, native: FakeNative) -> House:
    house.stopper = FakeStopper()
    furnish(house)
    house.service._native._native = native
    return house


async def test_native_idle_is_told_the_truth(house: House) -> None:
    native = FakeNative()
    await native_house(house, native)
    house.kernels.put(sighting(K, state="working"))
    await begin(house)
    await house.pass_(300)
    assert native.told
    assert all(native.told)
    assert len(native.told) <= 61
    house.kernels.change(K, state="idle", active_at=house.clock.now())
    house.kernels.on_change(K)
    await asyncio.sleep(0)
    native.told.clear()
    await house.pass_(60)
    assert not any(native.told[1:])
    await house.service.grant(CreateLease(target_id=K, seconds=60))
    native.told.clear()
    await house.pass_(30)
    assert all(native.told)


async def test_native_idle_that_does_not_listen_is_a_problem(house: House) -> None:
    await native_house(house, FakeNative(works=False))
    await begin(house)
    assert [p.code for p in (await view(house)).monitor.problems] == ["native_idle_failed"]


async def test_observing_leaves_native_idle_alone(house: House) -> None:
    house.given = msgspec.structs.replace(house.given, mode="observe")
    native = FakeNative()
    await native_house(house, native)
    house.kernels.put(sighting(K, state="working"))
    await begin(house)
    await house.pass_(60)
    assert native.told == []


async def test_without_the_permission_it_is_left_to_native_idle(house: House) -> None:
    await native_house(house, FakeNative())
    house.stopper.fails = DENIED
    await begin(house)
    await house.pass_(LIMIT + 60, step=5)
    shown = await view(house)
    assert (shown.machine.stop.means, shown.machine.stop.available) == ("native_idle", True)
    assert "sagemaker:DeleteApp" in (shown.machine.stop.why_not or "")
    assert house.stopper.requests == 1
    await house.pass_(3600, step=30)
    assert house.stopper.requests == 2  # in case it is allowed by now
