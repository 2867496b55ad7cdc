"""Before and after a shutdown, on fakes and a frozen clock: a limit of 600 s, a warning of 60 s."""

from __future__ import annotations

import asyncio
import errno
import random
from datetime import timedelta
from pathlib import Path

import pytest

from jupyter_lcc.errors import NotFound, TooLate
from jupyter_lcc.idle.model import CreateLease, DismissStopped, Presence, SaveReport
from jupyter_lcc.idle.parachute.port import KeptOutput

from ...fakes import START, sighting
from .conftest import NOTEBOOK, Nursery


async def test_pages_are_asked_to_save_once_ten_seconds_before(house: Nursery) -> None:
    house.put_kernel()
    await house.pass_(589)
    assert not house.sent("save")
    await house.pass_(2)
    assert [event["target_id"] for event in house.sent("save")] == ["k"]
    await house.pass_(8)
    assert len(house.sent("save")) == 1
    assert house.kernels.shut == []
    await house.pass_(1.5)
    assert house.kernels.shut == ["k"]


async def test_half_the_warning_where_that_is_shorter(house: Nursery) -> None:
    house.given = house.given.__class__(
        mode="enforce", mode_source="default", values={**_limits(house), "warn_seconds": 4}
    )
    house.build()
    house.put_kernel()
    await house.pass_(597.9)
    assert not house.sent("save")
    await house.pass_(0.2)
    assert len(house.sent("save")) == 1


async def test_the_deadline_is_met_exactly_with_a_manifest_that_hangs(house: Nursery) -> None:
    house.manifests.hangs = True
    house.put_kernel()
    await house.pass_(595)
    await house.report("saved")
    await house.pass_(4.9)
    assert house.kernels.shut == []
    await house.pass_(0.2)
    assert house.kernels.shut == ["k"]
    (stopped,) = await house.service.stopped()
    assert stopped.manifest is not None
    assert not stopped.manifest.complete
    assert stopped.manifest.why_not
    await asyncio.sleep(0)
    assert house.manifests.given_up == ["k"]


async def test_what_is_remembered(house: Nursery) -> None:
    house.put_kernel(kernel_name="python3")
    house.outputs.held["k"] = {NOTEBOOK: KeptOutput("work/train.outputs.ipynb")}
    await house.pass_(595)
    await house.report("saved")
    await house.pass_(6)
    (stopped,) = await house.service.stopped()
    assert (stopped.target_id, stopped.kind, stopped.name, stopped.reason) == ("k", "kernel", "k", "idle")
    assert (stopped.idle_seconds, stopped.limit_seconds, stopped.limit_source) == (600, 600, "config")
    assert stopped.stopped_at == START + timedelta(seconds=600)
    assert stopped.kernel_name == "python3"
    (document,) = stopped.documents
    assert (document.path, document.type, document.result) == (NOTEBOOK, "notebook", "saved")
    assert document.output_path == "work/train.outputs.ipynb"
    assert stopped.manifest is not None
    assert [variable.name for variable in stopped.manifest.variables] == ["df"]
    assert (await house.service.view()).stopped_unseen == 1


async def test_no_page_means_nothing_was_unsaved(house: Nursery) -> None:
    house.put_kernel(connections=0)
    await house.pass_(601)
    (stopped,) = await house.service.stopped()
    assert [document.result for document in stopped.documents] == ["no_page"]


async def test_a_page_that_does_not_answer_is_not_called_saved(house: Nursery) -> None:
    house.put_kernel()
    await house.pass_(601)
    (stopped,) = await house.service.stopped()
    assert [document.result for document in stopped.documents] == ["failed"]
    assert house.kernels.shut == ["k"]


async def test_what_could_not_be_saved_puts_the_shutdown_off_once(house: Nursery) -> None:
    house.put_kernel()
    await house.pass_(592)
    await house.report("failed", message="disk full")
    await house.pass_(9)
    assert house.kernels.shut == []
    target = await house.target("k")
    assert target.verdict == "warn"
    assert target.stops_at is not None
    assert target.stops_at - START == timedelta(seconds=660)
    evidence = {one.signal: one.value for one in target.evidence}
    assert evidence["save_failed"] == f"{NOTEBOOK}: disk full"
    lines = [line for line in await house.log("k") if line.change == "put_off"]
    assert [line.error for line in lines] == [f"{NOTEBOOK}: disk full"]
    await house.pass_(50)
    assert len(house.sent("save")) == 2
    await house.report("failed", message="disk still full")
    await house.pass_(8)
    assert house.kernels.shut == []
    await house.pass_(2)
    assert house.kernels.shut == ["k"]
    (stopped,) = await house.service.stopped()
    assert [(d.result, d.message) for d in stopped.documents] == [("failed", "disk still full")]
    assert [line.change for line in await house.log("k")].count("put_off") == 1
    assert [line.error for line in await house.log("k") if line.change == "unsaved"] == [f"{NOTEBOOK}: disk still full"]


async def test_a_document_saved_after_all_is_reported_as_saved(house: Nursery) -> None:
    house.put_kernel()
    await house.pass_(592)
    await house.report("failed", message="disk full")
    await house.pass_(60)
    await house.report("saved")
    assert "save_failed" not in {one.signal for one in (await house.target("k")).evidence}
    await house.pass_(9)
    (stopped,) = await house.service.stopped()
    assert [document.result for document in stopped.documents] == ["saved"]


async def test_new_activity_allows_to_put_off_again(house: Nursery) -> None:
    house.put_kernel()
    await house.pass_(592)
    await house.report("failed")
    await house.pass_(20)
    await house.service.notice_presence(Presence(target_ids=("k",)))
    assert "save_failed" not in {one.signal for one in (await house.target("k")).evidence}
    await house.pass_(595)
    await house.report("failed")
    await house.pass_(7)
    assert house.kernels.shut == []
    assert [line.change for line in await house.log("k")].count("put_off") == 2


async def test_a_failure_stands_against_another_page_that_saved(house: Nursery) -> None:
    house.put_kernel()
    await house.pass_(592)
    await house.report("failed", message="conflict")
    await house.report("saved")
    await house.pass_(9)
    assert house.kernels.shut == []


async def test_a_keep_in_the_last_second_wins(house: Nursery) -> None:
    house.put_kernel()
    await house.pass_(599.5)
    assert house.sent("save")
    await house.service.grant(CreateLease(target_id="k", seconds=3600))
    await house.pass_(700)
    assert house.kernels.shut == []
    assert await house.service.stopped() == ()
    assert not house.chute.is_prepared("k")


@pytest.mark.parametrize("seed", range(5))
async def test_a_hundred_races_between_a_keep_or_a_key_and_the_deadline(house: Nursery, seed: int) -> None:
    dice = random.Random(seed)
    names = [f"k{number}" for number in range(100)]
    for name in names:
        house.put_kernel(name)
    kept: set[str] = set()
    moments = sorted((dice.uniform(588, 601), name) for name in names)
    await house.pass_(587)
    for moment, name in moments:
        left = moment - (house.clock.steady - START).total_seconds()
        if left > 0:
            house.clock.pass_(left)
        if dice.random() < 0.7:
            await house.service.step()
        if dice.random() < 0.3:
            await house.report(
                "failed" if dice.random() < 0.3 else "saved", target=name
            ) if name in house.kernels.there and not house.service._watch.judge.is_stopping(name) else None
        try:
            if dice.random() < 0.5:
                await house.service.grant(CreateLease(target_id=name, seconds=300))
            else:
                await house.service.notice_presence(Presence(target_ids=(name,)))
        except (TooLate, NotFound):
            continue
        kept.add(name)
    await house.pass_(30)
    assert not kept & set(house.kernels.shut)
    assert set(names) - kept <= set(house.kernels.shut) | {event["target_id"] for event in house.sent("warning")}
    assert kept
    assert house.kernels.shut


async def test_stop_now_waits_for_pages_and_does_not_greet(house: Nursery) -> None:
    house.put_kernel()
    await house.pass_(1)

    await house.service.shut_down_now("k")
    assert [event["target_id"] for event in house.sent("save")] == ["k"]
    assert house.kernels.shut == []
    await house.report("saved")
    await house.service.settle()
    assert house.kernels.shut == ["k"]
    assert await house.service.stopped() == ()
    assert house.manifests.asked == []


async def test_stop_now_goes_on_without_an_answer_and_says_what_failed(house: Nursery) -> None:
    house.put_kernel()
    await house.pass_(1)
    await house.service.shut_down_now("k")
    await house.report("failed", message="read-only")
    await house.service.settle()
    assert house.kernels.shut == ["k"]
    (stopped,) = await house.service.stopped()
    assert stopped.reason == "asked"
    assert stopped.documents[0].message == "read-only"
    assert [line.error for line in await house.log("k") if line.change == "unsaved"] == [f"{NOTEBOOK}: read-only"]


async def test_a_terminal_is_told_of_too(house: Nursery) -> None:
    house.terminals.put(sighting("t", START, kind="terminal"))
    await house.pass_(1201)
    (stopped,) = await house.service.stopped()
    assert (stopped.target_id, stopped.kind, stopped.documents, stopped.manifest) == ("t", "terminal", (), None)


async def test_it_is_written_down_before_the_kernel_goes(house: Nursery) -> None:
    seen: list[int] = []

    async def look(_target_id: str) -> None:
        seen.append(len(list((house.folder / "stopped").glob("*.json"))))

    house.put_kernel()
    house.kernels.on_shut_down = look
    await house.pass_(601)
    assert seen == [1]


async def test_a_shutdown_that_failed_is_not_told_of(house: Nursery) -> None:
    house.put_kernel()
    house.kernels.shutdown_fails = RuntimeError("no")
    await house.pass_(601)
    assert await house.service.stopped() == ()
    assert (await house.service.view()).stopped_unseen == 0


async def test_a_busy_kernel_is_not_asked_for_its_variables(house: Nursery) -> None:
    house.given = house.given.__class__(
        mode="enforce", mode_source="default", values={**_limits(house), "max_busy_seconds": 600}
    )
    house.build()
    house.put_kernel(state="working", since=START)
    await house.pass_(602)
    assert house.kernels.shut == ["k"]
    assert house.manifests.asked == []
    (stopped,) = await house.service.stopped()
    assert stopped.manifest is None


async def test_nothing_is_saved_where_nothing_is_shut_down(house: Nursery) -> None:
    house.given = house.given.__class__(mode="observe", mode_source="config", values=_limits(house))
    house.build()
    house.put_kernel()
    await house.pass_(700)
    assert not house.sent("save")
    assert house.manifests.asked == []


async def test_they_survive_the_server_and_can_be_dismissed(house: Nursery) -> None:
    house.put_kernel()
    await house.pass_(601)
    house.build()
    await house.service.start()
    (stopped,) = await house.service.stopped()
    assert (await house.service.view()).stopped_unseen == 1
    await house.service.dismiss_stopped(DismissStopped(ids=(stopped.id, "nobody")))
    assert await house.service.stopped() == ()
    assert (await house.service.view()).stopped_unseen == 0


async def test_with_a_full_disk_they_are_known_until_the_server_ends(
    house: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    house.put_kernel()
    house.put_kernel("k2", active_at=START + timedelta(seconds=20))
    monkeypatch.setattr("jupyter_lcc.idle.parachute.shelf.write_json", full)
    await house.pass_(601)
    assert house.kernels.shut == ["k"]
    view = await house.service.view()
    assert view.stopped_unseen == 1
    assert "parachute_shelf_failed" in {problem.code for problem in view.monitor.problems}
    monkeypatch.undo()
    await house.pass_(30)
    assert len(list((house.folder / "stopped").glob("*.json"))) == 2
    assert "parachute_shelf_failed" not in {p.code for p in (await house.service.view()).monitor.problems}


async def test_output_that_cannot_be_written_stops_nothing(house: Nursery) -> None:
    house.put_kernel()
    house.outputs.fails = OSError(errno.EROFS, "Read-only file system")
    await house.pass_(601)
    assert house.kernels.shut == ["k"]
    assert "parachute_output_failed" in {p.code for p in (await house.service.view()).monitor.problems}


async def test_a_report_on_what_is_not_there_is_refused(house: Nursery) -> None:
    with pytest.raises(NotFound):
        await house.service.report_save(SaveReport(target_id="nobody", path="x.ipynb", result="saved"))


async def test_the_server_s_end_writes_the_output_down(house: Nursery, tmp_path: Path) -> None:
    house.put_kernel()
    await house.pass_(1)
    await house.service.stop()
    assert house.outputs.closed


def _limits(house: Nursery) -> dict[str, int]:
    return dict(house.given.values)
