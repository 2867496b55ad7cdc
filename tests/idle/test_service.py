"""The service on fakes: warned, rescued, shut down, once, and explained. Time is the test's."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from jupyter_lcc.errors import Forbidden, Invalid, Locked, NotFound, OutOfBounds, OutsideFailure, TooLate
from jupyter_lcc.idle.model import ChangePolicy, CreateLease, Presence, WhyQuery
from jupyter_lcc.idle.policy import Choices
from jupyter_lcc.idle.state import StateFiles

from ..fakes import START, FakeSource, sighting
from .conftest import House

K, T = "kernel:1", "terminal:1"


def keep(target_id: str = K, seconds: int = 3600, **more: Any) -> CreateLease:
    return CreateLease(target_id=target_id, seconds=seconds, **more)


async def begin(house: House) -> House:
    house.kernels.put(sighting(K, house.clock.now()))
    await house.service.start()
    await house.service.step()
    return house


async def test_it_is_warned_in_time_and_shut_down_on_time(house: House) -> None:
    await begin(house)
    await house.pass_(539)
    assert (await house.target(K)).verdict == "keep"
    assert house.sent("warning") == []
    await house.pass_(1)
    (warning,) = house.sent("warning")
    assert warning["target_id"] == K
    assert warning["stops_at"] == "2026-03-01T12:10:00Z"
    await house.pass_(59)
    assert house.kernels.shut == []
    await house.pass_(1)
    assert house.kernels.shut == [K]
    (stopped,) = house.sent("shut_down")
    assert (stopped["reason"], stopped["limit_seconds"]) == ("idle", 600)
    assert [d.change for d in await house.log(K)] == ["appeared", "verdict", "shut_down"]


async def test_it_is_shut_down_once(house: House) -> None:
    await begin(house)
    slow = asyncio.Event()

    async def wait(_target_id: str) -> None:
        await slow.wait()

    house.kernels.on_shut_down = wait
    house.clock.pass_(540)
    await house.service.step()
    for _ in range(2):
        house.clock.pass_(20)
        await house.service.step()
    house.clock.pass_(20)
    for _ in range(5):
        house.clock.pass_(1)
        await house.service.step()
    assert (await house.target(K)).shutting_down
    slow.set()
    await house.service.settle()
    assert house.kernels.shut == [K]


async def test_activity_in_the_last_second_rescues(house: House) -> None:
    await begin(house)
    await house.pass_(599)
    house.clock.pass_(0.9)
    house.kernels.change(K, active_at=house.clock.now())
    house.clock.pass_(0.2)
    await house.service.step()
    await house.service.settle()
    assert house.kernels.shut == []
    assert (await house.target(K)).verdict == "keep"


async def test_presence_rescues_and_is_evidence(house: House) -> None:
    await begin(house)
    await house.pass_(590)
    await house.service.notice_presence(Presence(target_ids=(K, "kernel:gone")))
    await house.pass_(500)
    target = await house.target(K)
    assert target.verdict == "keep"
    assert "person_used_it_at" in {e.signal for e in target.evidence}
    await house.pass_(100)
    assert house.kernels.shut == [K]


async def test_presence_of_nothing_known_is_not_found(house: House) -> None:
    await begin(house)
    with pytest.raises(NotFound):
        await house.service.notice_presence(Presence(target_ids=("kernel:2",)))


async def test_a_lease_keeps_and_then_a_full_warning_follows(house: House) -> None:
    await begin(house)
    await house.pass_(570)
    lease = await house.service.grant(keep(seconds=1000))
    assert lease.clipped_by is None
    await house.pass_(939)
    assert house.kernels.shut == []
    assert (await house.target(K)).reason == "leased"
    await house.pass_(2)
    assert (await house.target(K)).verdict == "warn"
    await house.pass_(58)
    assert house.kernels.shut == []
    await house.pass_(2)
    assert house.kernels.shut == [K]


async def test_a_lease_given_back_does_not_bring_back_an_old_warning(house: House) -> None:
    await begin(house)
    await house.pass_(590)
    lease = await house.service.grant(keep())
    await house.pass_(300)
    await house.service.end_lease(lease.id)
    await house.pass_(59)
    assert house.kernels.shut == []
    await house.pass_(3)
    assert house.kernels.shut == [K]


async def test_a_lease_ends_with_its_process(house: House) -> None:
    house.processes[7] = 42
    await begin(house)
    await house.service.grant(keep(pid=7))
    await house.pass_(700)
    assert house.kernels.shut == []
    del house.processes[7]
    await house.pass_(62)
    assert house.kernels.shut == [K]
    assert "lease_ended" in [d.change for d in await house.log(K)]


async def test_a_lease_on_a_process_that_is_not_there_is_refused(house: House) -> None:
    await begin(house)
    with pytest.raises(Invalid):
        await house.service.grant(keep(pid=7))
    assert house.service.leases() == ()


async def test_the_machines_lease_keeps_everything_on_it(house: House) -> None:
    await begin(house)
    await house.service.grant(keep("instance", 10_000))
    assert house.service.is_held()
    (lease,) = house.service.leases()
    assert (lease.granted_seconds, lease.clipped_by) == (7200, "max_lease_seconds")
    await house.pass_(7100, step=20)
    assert house.kernels.shut == []
    await house.pass_(101)
    assert house.kernels.shut == [K]


async def test_too_late_is_told_while_and_after(house: House) -> None:
    await begin(house)
    slow = asyncio.Event()

    async def wait(_target_id: str) -> None:
        await slow.wait()

    house.kernels.on_shut_down = wait
    await house.service.shut_down_now(K)
    for late in (house.service.grant(keep()), house.service.shut_down_now(K)):
        with pytest.raises(TooLate):
            await late
    slow.set()
    await house.service.settle()
    with pytest.raises(TooLate):
        await house.service.grant(keep())
    with pytest.raises(NotFound):
        await house.service.grant(keep("kernel:other"))


async def test_a_new_terminal_with_an_old_number_is_another_one(house: House) -> None:
    house.terminals.put(sighting(T, kind="terminal", pid=100))
    await begin(house)
    await house.service.shut_down_now(T)
    await house.service.settle()
    house.terminals.put(sighting(T, house.clock.now(), kind="terminal", pid=101))
    await house.pass_(2)
    assert (await house.target(T)).pid == 101
    await house.service.grant(keep(T))
    await house.pass_(1201)
    assert house.terminals.shut == [T]


async def test_a_person_can_shut_down_at_once(house: House) -> None:
    await begin(house)
    await house.service.shut_down_now(K)
    await house.service.settle()
    assert house.kernels.shut == [K]
    line = (await house.log(K))[-1]
    assert (line.change, line.reason, line.actor) == ("shut_down", "asked", "user")
    with pytest.raises(Forbidden):
        await house.service.shut_down_now("instance")


async def test_work_is_never_shut_down(house: House) -> None:
    await begin(house)
    house.kernels.change(K, state="working")
    await house.pass_(50_000, step=100)
    assert house.kernels.shut == []
    house.kernels.change(K, state="idle", active_at=house.clock.now())
    await house.pass_(599)
    assert house.kernels.shut == []
    await house.pass_(1)
    assert house.kernels.shut == [K]


async def test_observe_decides_and_logs_and_shuts_nothing_down(house: House) -> None:
    house.given = msgspec.structs.replace(house.given, mode="observe", mode_source="config")
    house.build()
    await begin(house)
    await house.pass_(700)
    assert house.kernels.shut == []
    assert (await house.target(K)).verdict == "shut_down"
    assert house.sent("warning") == []
    lines = await house.log(K)
    assert [line.verdict for line in lines] == ["keep", "warn", "shut_down"]
    assert {line.mode for line in lines} == {"observe"}


async def test_a_failing_part_is_told_and_its_targets_are_kept(house: House) -> None:
    house.terminals.put(sighting(T, kind="terminal"))
    await begin(house)
    house.kernels.fails = RuntimeError("gateway down")
    await house.pass_(1300)
    assert house.kernels.shut == []
    assert house.terminals.shut == [T]
    view = await house.service.view()
    assert not view.monitor.healthy
    assert [(p.code, p.message) for p in view.monitor.problems] == [("kernels_failed", "RuntimeError: gateway down")]
    assert (await house.target(K)).reason == "unknown_state"
    house.kernels.fails = None
    await house.pass_(59)
    assert (await house.service.view()).monitor.healthy
    assert house.kernels.shut == []  # a full warning comes first
    await house.pass_(40)
    assert house.kernels.shut == [K]


async def test_a_hanging_part_does_not_stop_the_others(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(FakeSource):
        async def observe(self, table: Any) -> Any:
            await asyncio.Event().wait()

    monkeypatch.setattr("jupyter_lcc.idle.watch.PART_TIMEOUT_SECONDS", 0.01)
    house.terminals.put(sighting(T, kind="terminal"))
    house.kernels = Hanging("kernel")
    house.build()
    await house.service.start()
    await house.service.step()
    await house.pass_(1201, step=10)
    assert house.terminals.shut == [T]
    assert "kernels_failed" in {p.code for p in (await house.service.view()).monitor.problems}


async def test_a_failed_shutdown_is_told_and_tried_again(house: House) -> None:
    await begin(house)
    house.kernels.shutdown_fails = OSError("no")
    await house.pass_(605)
    assert [e["target_id"] for e in house.sent("shutdown_failed")] == [K]
    failed = (await house.log(K))[-1]
    assert (failed.change, failed.error) == ("shutdown_failed", "OSError: no")
    house.kernels.shutdown_fails = None
    await house.pass_(54)
    assert house.kernels.shut == []
    await house.pass_(2)
    assert house.kernels.shut == [K]


async def test_a_shutdown_of_what_is_gone_meanwhile_is_no_failure(house: House) -> None:
    await begin(house)

    async def vanish(target_id: str) -> None:
        del house.kernels.there[target_id]
        raise KeyError(target_id)

    house.kernels.on_shut_down = vanish
    await house.pass_(601)
    assert house.sent("shutdown_failed") == []
    assert len(house.sent("shut_down")) == 1


async def test_what_ends_by_itself_is_told_as_gone(house: House) -> None:
    await begin(house)
    await house.service.grant(keep())
    del house.kernels.there[K]
    await house.pass_(2)
    line = (await house.log(K))[-1]
    assert (line.change, line.actor) == ("gone", "outside")
    assert house.service.leases() == ()


@pytest.mark.parametrize("wall_step", [-3600, 3600])
async def test_a_step_of_the_wall_clock_changes_no_decision(house: House, wall_step: int) -> None:
    await begin(house)
    await house.pass_(300)
    house.clock.wall_step = timedelta(seconds=wall_step)
    await house.pass_(299)
    assert house.kernels.shut == []
    stops_at = (await house.target(K)).stops_at
    assert stops_at == START + timedelta(seconds=600 + wall_step)
    await house.pass_(1)
    assert house.kernels.shut == [K]


async def test_a_restart_neither_resets_a_countdown_nor_fires_it(house: House) -> None:
    await begin(house)
    await house.pass_(570)
    await house.service.stop()
    assert house.kernels.closed
    house.kernels.change(K, active_at=START)
    house.build()
    await house.service.start()
    await house.service.step()
    assert (await house.target(K)).idle_seconds == 570
    assert (await house.target(K)).verdict == "warn"
    await house.pass_(59)
    assert house.kernels.shut == []
    await house.pass_(1)
    assert house.kernels.shut == [K]


async def test_leases_presence_and_choices_survive_a_killed_server(house: House) -> None:
    await begin(house)
    await house.service.grant(keep(note="train"))
    await house.service.notice_presence(Presence(target_ids=("instance",)))
    await house.service.change_policy(ChangePolicy(warn_seconds=120))
    await house.pass_(31)
    house.build()  # nobody stopped the first one
    await house.service.start()
    await house.service.step()
    (lease,) = house.service.leases()
    assert lease.note == "train"
    assert lease.expires_at == START + timedelta(seconds=3600)
    assert house.service.policy().warn_seconds.source == "user"
    await house.pass_(3400, step=10)
    assert house.kernels.shut == []


async def test_corrupt_files_are_set_aside_and_told(house: House) -> None:
    state = house.folder / "port-8888" / "state.json"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"{half")
    (house.folder / "choices.json").write_bytes(b"[]")
    await begin(house)
    view = await house.service.view()
    assert [p.code for p in view.monitor.problems] == ["corrupt_state_file"] * 2
    assert view.monitor.healthy
    assert len(list(house.folder.rglob("*.corrupt-*"))) == 2


async def test_an_edited_state_file_yields_no_more_than_the_policy(house: House) -> None:
    await begin(house)
    await house.service.grant(keep())
    path = house.folder / "port-8888" / "state.json"
    forged = msgspec.json.decode(path.read_bytes())
    forged["targets"][K]["active_at"] = "2030-01-01T00:00:00Z"
    forged["leases"][0]["lease"] |= {"expires_at": "2030-01-01T00:00:00Z", "granted_seconds": 10**9}
    path.write_bytes(msgspec.json.encode(forged))
    (house.folder / "choices.json").write_bytes(b'{"values": {"max_lease_seconds": 999999, "warn_seconds": -5}}')
    house.build()
    await house.service.start()
    await house.service.step()
    (lease,) = house.service.leases()
    assert lease.expires_at == START + timedelta(seconds=7200)
    assert house.service.policy().max_lease_seconds.value == 7200
    assert house.service.policy().warn_seconds.value == 60
    assert (await house.target(K)).idle_seconds == 0
    await house.pass_(7201, step=20)
    assert house.kernels.shut == [K]


async def test_a_full_disk_loses_no_decision_and_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await begin(house)
    real_append, real_save = house.files.decisions.append, house.files.save

    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(house.files.decisions, "append", full)
    monkeypatch.setattr(house.files, "save", full)
    lease = await house.service.grant(keep())
    assert lease.granted_seconds == 3600
    await house.pass_(31)
    problems = {p.code for p in (await house.service.view()).monitor.problems}
    assert problems == {"decision_log_failed", "state_file_failed"}
    assert "lease_granted" in [d.change for d in await house.log(K)]  # read from memory
    monkeypatch.setattr(house.files.decisions, "append", real_append)
    monkeypatch.setattr(house.files, "save", real_save)
    await house.pass_(31)
    assert (await house.service.view()).monitor.problems == ()
    assert b"lease_granted" in house.files.decisions.path.read_bytes()


async def test_a_choice_that_cannot_be_saved_is_not_taken(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await begin(house)

    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(house.files, "save_choices", full)
    with pytest.raises(OutsideFailure):
        await house.service.change_policy(ChangePolicy(kernel_timeout_seconds=900))
    assert house.service.policy().kernel_timeout_seconds.source == "config"


async def test_a_new_limit_counts_at_once(house: House) -> None:
    await begin(house)
    await house.pass_(500)
    await house.service.change_policy(ChangePolicy(kernel_timeout_seconds=3600))
    assert (await house.target(K)).stops_at == START + timedelta(seconds=3600)
    await house.service.change_policy(ChangePolicy(kernel_timeout_seconds=60))
    await house.pass_(59)
    assert house.kernels.shut == []
    await house.pass_(2)
    assert house.kernels.shut == [K]
    with pytest.raises(OutOfBounds):
        await house.service.change_policy(ChangePolicy(kernel_timeout_seconds=59))
    with pytest.raises(Locked):
        await house.service.change_policy(ChangePolicy(max_busy_seconds=59))


async def test_a_kernelspecs_limit_is_honoured(house: House) -> None:
    house.kernels.put(sighting("kernel:2", own_limit_seconds=100))
    await begin(house)
    target = await house.target("kernel:2")
    assert (target.limit_seconds, target.limit_source) == (100, "kernelspec")
    await house.pass_(101)
    assert house.kernels.shut == ["kernel:2"]


async def test_why_explains_the_present_the_past_and_what_is_gone(house: House) -> None:
    await begin(house)
    await house.pass_(550)
    present = await house.service.explain(WhyQuery(target_id=K))
    assert present.target is not None
    assert present.target.verdict == "warn"
    assert present.next_change_at == START + timedelta(seconds=600)
    past = await house.service.explain(WhyQuery(target_id=K, at=START + timedelta(seconds=100)))
    assert past.decision is not None
    assert past.decision.verdict == "keep"
    assert past.target is None
    await house.pass_(51)
    gone = await house.service.explain(WhyQuery(target_id=K))
    assert gone.decision is not None
    assert gone.decision.change == "shut_down"
    assert gone.decision.policy["kernel_timeout_seconds"] == "600 (config)"
    with pytest.raises(NotFound):
        await house.service.explain(WhyQuery(target_id="kernel:never"))


async def test_the_machine_is_the_sum_of_what_runs_on_it(house: House) -> None:
    await begin(house)
    assert (await house.target("instance")).state == "idle"
    house.kernels.change(K, state="working")
    await house.pass_(31)
    machine = await house.target("instance")
    assert (machine.state, machine.verdict, machine.reason) == ("working", "keep", "not_stopped_here")
    assert machine.idle_seconds == 0


async def test_changes_are_told_once(house: House) -> None:
    await begin(house)
    before = len(house.sent("changed"))
    await house.pass_(300)
    assert len(house.sent("changed")) == before
    house.kernels.change(K, state="working")
    house.kernels.on_change(K)
    await house.pass_(2)
    assert len(house.sent("changed")) == before + 1


async def test_many_due_at_once_are_each_shut_down_once(house: House) -> None:
    house.kernels.put(*(sighting(f"kernel:{n}") for n in range(200)))
    await house.service.start()
    await house.service.step()
    await house.pass_(540, step=10)
    for _round in range(26):
        before = len(house.sent("warning"))
        await house.service.step()
        assert len(house.sent("warning")) - before <= 8, "others get their turn on the event loop"
    assert len(house.sent("warning")) == 200
    await house.pass_(60, step=10)
    for _round in range(26):
        before = len(house.kernels.shut)
        await house.service.step()
        assert house.service.seconds_to_wait() == 0 or len(house.kernels.shut) >= 184
        await house.service.settle()
        assert len(house.kernels.shut) - before <= 8
    assert sorted(house.kernels.shut) == sorted(f"kernel:{n}" for n in range(200))


async def test_a_keep_that_arrives_first_wins_in_every_order(house: House) -> None:
    """500 keeps and deadlines in one instant, in random order: accepted means alive."""
    import random

    rng = random.Random(20260301)
    for number in range(500):
        target_id = f"kernel:{number}"
        house.kernels.put(sighting(target_id, house.clock.now()))
    await house.service.start()
    await house.service.step()
    house.clock.pass_(540)
    await house.service.step()
    for _ in range(2):
        house.clock.pass_(20)
        await house.service.step()
    house.clock.pass_(20)

    async def grant(target_id: str) -> str:
        await asyncio.sleep(rng.random() / 100)
        try:
            await house.service.grant(keep(target_id))
        except TooLate:
            return "late"
        return "kept"

    async def fire() -> None:
        await asyncio.sleep(rng.random() / 100)
        await house.service.step()

    names = [f"kernel:{number}" for number in range(500)]
    answers = await asyncio.gather(*(grant(name) for name in names), fire())
    await house.service.settle()
    outcome = dict(zip(names, answers, strict=False))
    for name in names:
        assert (name in house.kernels.there) == (outcome[name] == "kept"), name
    assert {"late", "kept"} == set(outcome.values())


async def test_a_log_that_cannot_be_read_is_told_and_what_is_in_memory_is_given(house: House) -> None:
    house.files.decisions.path.mkdir(parents=True)
    await begin(house)
    assert "appeared" in [line.change for line in await house.log(K)]
    await house.pass_(31)
    assert "decision_log_failed" in {p.code for p in (await house.service.view()).monitor.problems}


async def test_another_server_of_the_same_user_changed_the_choice(house: House) -> None:
    await begin(house)
    other = StateFiles(house.folder, logging.getLogger("jupyter_lcc.tests"))
    other.save_choices(Choices(values={"kernel_timeout_seconds": 900}))
    await house.pass_(31)
    assert house.service.policy().kernel_timeout_seconds.value == 900
    other.save_choices(Choices(values={"kernel_timeout_seconds": 1800}))
    await house.service.change_policy(ChangePolicy(warn_seconds=90))
    policy = house.service.policy()
    assert (policy.kernel_timeout_seconds.value, policy.warn_seconds.value) == (1800, 90)


async def test_a_shutdown_waits_a_moment_for_what_has_just_begun(house: House) -> None:
    await begin(house)
    await house.pass_(599)
    house.kernels.change(K, pending=True)
    await house.pass_(3, step=0.1)
    assert house.kernels.shut == []
    assert (await house.target(K)).verdict == "shut_down"
    house.kernels.change(K, pending=False)
    await house.pass_(0.5, step=0.1)
    assert house.kernels.shut == [K]


async def test_whoever_wakes_a_sleeping_machine_is_warned_anew(house: House) -> None:
    house.kernels.put(sighting("kernel:a", house.clock.now()))
    await house.pass_(545)
    assert len(house.sent("warning")) == 1
    house.clock.sleep(8 * 3600)
    await house.pass_(59)
    assert house.kernels.shut == [], "the old warning was over, and nobody could have seen it"
    assert len(house.sent("warning")) == 2
    await house.pass_(3)
    assert house.kernels.shut == ["kernel:a"]


async def test_a_server_that_was_frozen_warns_anew(house: House) -> None:
    house.kernels.put(sighting("kernel:a", house.clock.now()))
    await house.pass_(545)
    house.clock.pass_(600)  # the process did not run, the clock did
    await house.pass_(58)
    assert house.kernels.shut == []
    assert len(house.sent("warning")) == 2
    await house.pass_(4)
    assert house.kernels.shut == ["kernel:a"]


async def test_a_nap_of_seconds_is_no_sleep(house: House) -> None:
    house.kernels.put(sighting("kernel:a", house.clock.now()))
    await house.pass_(545)
    house.clock.sleep(5)
    await house.pass_(57)
    assert house.kernels.shut == ["kernel:a"]
