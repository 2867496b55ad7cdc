"""The machine's own stop: the command before it, and what is remembered. Kernels have no limit here."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jupyter_lcc.idle.model import SaveReport
from jupyter_lcc.platforms.model import StopFailed

from ...fakes import START, FakeStopper
from .conftest import NOTEBOOK, Nursery

LIMITS = {
    "kernel_timeout_seconds": 0,
    "instance_timeout_seconds": 600,
    "warn_seconds": 60,
    "check_interval_seconds": 30,
}


@pytest.fixture
def machine(house: Nursery) -> Nursery:
    house.stopper = FakeStopper()
    house.given = house.given.__class__(mode="enforce", mode_source="default", values=LIMITS)
    house.build()
    house.put_kernel(connections=0)
    return house


async def test_the_machine_and_what_is_left_on_it_are_remembered_before_the_request(machine: Nursery) -> None:
    seen: list[set[str]] = []

    async def look() -> None:
        seen.append({stopped.target_id for stopped in await machine.service.stopped()})

    machine.stopper.on_stop = look
    await machine.pass_(605)
    assert machine.stopper.requests == 1
    assert seen == [{"instance", "k"}]
    stopped = await machine.service.stopped()
    assert {one.target_id: one.reason for one in stopped} == {"instance": "idle", "k": "idle"}
    (kernel,) = [one for one in stopped if one.target_id == "k"]
    assert kernel.manifest is not None
    assert machine.sent("save")


async def test_the_command_runs_once_and_is_in_the_evidence(machine: Nursery) -> None:
    await machine.pass_(605)
    assert len(machine.hook.ran) == 1
    facts = machine.hook.ran[0]
    assert (facts["LCC_TARGET_ID"], facts["LCC_REASON"], facts["LCC_LIMIT_SECONDS"]) == ("instance", "idle", "600")
    (line,) = [line for line in await machine.log("instance") if line.change == "stop_requested"]
    assert {one.signal: one.value for one in line.evidence}["pre_stop_command"] == "done (1.5 s): synced"


async def test_a_refused_request_is_taken_back_and_the_command_not_run_again(machine: Nursery) -> None:
    machine.stopper.fails = StopFailed("AccessDenied", missing="sagemaker:DeleteApp")
    await machine.pass_(700)
    assert machine.stopper.requests > 1
    assert await machine.service.stopped() == ()
    assert machine.kernels.shut == []
    assert len(machine.hook.ran) == 1


async def test_what_could_not_be_saved_puts_the_machine_off_once(machine: Nursery) -> None:
    def answer(target_id: str) -> None:
        report = SaveReport(target_id=target_id, path=NOTEBOOK, result="failed", message="disk full")
        machine.chute.take_report(report)

    machine.put_kernel(connections=1)
    machine.on_save = answer
    await machine.pass_(605)
    assert machine.stopper.requests == 0
    view = await machine.service.view()
    assert view.instance.verdict == "warn"
    assert view.instance.stops_at is not None
    assert view.instance.stops_at - START >= timedelta(seconds=660)
    assert [line.error for line in await machine.log("instance") if line.change == "put_off"] == [
        f"{NOTEBOOK}: disk full"
    ]
    await machine.pass_(70)
    assert machine.stopper.requests == 1
    (kernel,) = [one for one in await machine.service.stopped() if one.target_id == "k"]
    assert [(d.result, d.message) for d in kernel.documents] == [("failed", "disk full")]
