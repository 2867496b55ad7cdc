"""Jobs with real files and real processes: their order, their end, and what is left of them."""

from __future__ import annotations

import asyncio
import errno
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_lcc.errors import Conflict, NotFound, OutOfBounds, TooLate
from jupyter_lcc.jobs.files import MAX_LOG_BYTES, JobFiles
from jupyter_lcc.jobs.model import FINISHED, Progress
from jupyter_lcc.jobs.service import TELL_SECONDS, JobContext

from .house import LOG, house, live, make_jobs, numbers_in_log, stubborn, submit

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the processes are Linux's")


# -- how it ends ---------------------------------------------------------------------------------------------------


async def test_a_job_runs_tells_and_is_there_after_a_restart(tmp_path: Path) -> None:
    async def work(context: JobContext) -> dict[str, Any]:
        context.progress(Progress(done=1, total=2, label="half"))
        status = await context.run_process(["sh", "-c", "read x; echo got $x; echo oh >&2; exit 3"], stdin=b"y\n")
        return {"status": status, "odd": {1, "\udcff"}}

    async with house(tmp_path) as jobs:
        asked = submit(jobs, work)
        assert asked.state in ("queued", "running")
        job = await jobs.wait(asked.id)
        assert (job.state, job.result, job.error) == ("succeeded", {"status": 3, "odd": job.result["odd"]}, None)  # type: ignore[index]
        assert job.progress == Progress(done=1, total=2, label="half")
        assert job.started_at is not None
        assert job.finished_at is not None
        log = await jobs.log(job.id)
        assert sorted(log.text.splitlines()) == ["got y", "oh"]
        assert log.complete
    async with house(tmp_path) as later:
        assert later.all() == (job,)
        assert await later.log(job.id) == log
        await later.dismiss(job.id)
        with pytest.raises(NotFound):
            later.get(job.id)
    assert not list((tmp_path / "jobs").glob("*.*"))


async def test_what_it_raises_is_its_error_and_secrets_are_not_told(tmp_path: Path) -> None:
    async def refuses(context: JobContext) -> None:
        context.log("from https://ada:secret@host/t/hush-1234/chan?token=hush")
        raise OutOfBounds("Not from https://ada:secret@host.", field="channels")

    async def breaks(context: JobContext) -> None:
        raise RuntimeError("https://ada:secret@host broke")

    async with house(tmp_path) as jobs:
        first, second = submit(jobs, refuses), submit(jobs, breaks)
        told = (await jobs.wait(first.id)).error
        assert told is not None
        assert (told.code, told.message, told.detail) == (
            "out_of_bounds",
            "Not from https://***@host.",
            {"field": "channels"},
        )
        unforeseen = (await jobs.wait(second.id)).error
        assert unforeseen is not None
        assert unforeseen.code == "internal"
        assert "RuntimeError" in (await jobs.log(second.id)).text
    written = b"".join(path.read_bytes() for path in (tmp_path / "jobs").iterdir() if path.is_file())
    assert b"secret" not in written
    assert b"hush" not in written


async def test_a_program_that_is_not_there_ends_with_127(tmp_path: Path) -> None:
    async def work(context: JobContext) -> dict[str, Any]:
        return {"status": await context.run_process(["no-such-program-here"])}

    async with house(tmp_path) as jobs:
        job = await jobs.wait(submit(jobs, work).id)
        assert job.result == {"status": 127}
        assert "no-such-program-here: No such file" in (await jobs.log(job.id)).text


async def test_a_full_disk_ends_no_job(tmp_path: Path) -> None:
    class Full(JobFiles):
        def save(self, job: Any) -> None:
            raise OSError(errno.ENOSPC, "full")

        def append(self, job_id: str, text: str) -> None:
            raise OSError(errno.ENOSPC, "full")

    async def work(context: JobContext) -> dict[str, Any]:
        context.log("hello")
        return {"fine": True}

    jobs = make_jobs(tmp_path, files=Full(lambda: tmp_path, LOG))
    await jobs.start()
    assert (await jobs.wait(submit(jobs, work).id)).result == {"fine": True}
    await jobs.stop()


# -- in which order ------------------------------------------------------------------------------------------------


async def test_jobs_of_one_key_run_one_after_the_other_and_others_beside(tmp_path: Path) -> None:
    began: list[str] = []
    doors = {name: asyncio.Event() for name in "abcd"}

    def work(name: str) -> Any:
        async def run(context: JobContext) -> None:
            began.append(name)
            await doors[name].wait()

        return run

    async with house(tmp_path) as jobs:
        a, b = submit(jobs, work("a"), "env:x"), submit(jobs, work("b"), "env:y", also=("env:x",))
        c, d = submit(jobs, work("c"), "env:y"), submit(jobs, work("d"), "env:z")
        while len(began) < 2:
            await asyncio.sleep(0.01)
        # b holds both keys, so c, which came later, waits for it although nothing of its key runs.
        assert began == ["a", "d"]
        assert [jobs.get(job.id).state for job in (b, c)] == ["queued", "queued"]
        doors["a"].set()
        await jobs.wait(a.id)
        while len(began) < 3:
            await asyncio.sleep(0.01)
        assert began == ["a", "d", "b"]
        for door in doors.values():
            door.set()
        for job in (b, c, d):
            assert (await jobs.wait(job.id)).state == "succeeded"
        assert began == ["a", "d", "b", "c"]


async def test_far_too_many_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_lcc.jobs.service.MOST_LIVE", 2)
    door = asyncio.Event()

    async def work(context: JobContext) -> None:
        await door.wait()

    async with house(tmp_path) as jobs:
        kept = [submit(jobs, work), submit(jobs, work)]
        with pytest.raises(Conflict):
            submit(jobs, work)
        door.set()
        for job in kept:
            await jobs.wait(job.id)


# -- cancel --------------------------------------------------------------------------------------------------------


async def test_cancelled_is_said_when_everything_it_started_has_ended(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []
    tidied: list[int] = []
    processes: list[psutil.Process] = []

    async def work(context: JobContext) -> None:
        try:
            await stubborn(context)
        finally:
            tidied.append(len(live(processes)))

    async with house(tmp_path, lambda data: seen.append((data["state"], len(live(processes))))) as jobs:
        job = submit(jobs, work)
        processes += await numbers_in_log(jobs, job.id, 3)
        assert len(live(processes)) == 3
        assert jobs.cancel(job.id).cancelling
        assert jobs.cancel(job.id).state == "running"  # asked twice is asked once
        over = await jobs.wait(job.id)
        assert live(processes) == []
        assert (over.state, over.cancelling) == ("cancelled", False)
        with pytest.raises(Conflict):
            jobs.cancel(job.id)
        await asyncio.sleep(TELL_SECONDS)
    assert tidied == [0]
    assert seen[-1] == ("cancelled", 0)


async def test_what_a_job_leaves_running_ends_with_it(tmp_path: Path) -> None:
    async def work(context: JobContext) -> None:
        await context.run_process(["bash", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"])

    async with house(tmp_path) as jobs:
        job = submit(jobs, work)
        assert (await jobs.wait(job.id)).state == "succeeded"
        pid = int((await jobs.log(job.id)).text)
        assert not psutil.pid_exists(pid) or not live([psutil.Process(pid)])


async def test_a_job_that_waits_is_cancelled_at_once_and_never_begins(tmp_path: Path) -> None:
    began: list[str] = []
    door = asyncio.Event()

    async def first(context: JobContext) -> None:
        await door.wait()

    async def second(context: JobContext) -> None:
        began.append("second")

    async with house(tmp_path) as jobs:
        running, waiting = submit(jobs, first), submit(jobs, second)
        jobs.cancel(waiting.id)
        assert (await jobs.wait(waiting.id)).state == "cancelled"
        door.set()
        await jobs.wait(running.id)
    assert began == []


async def test_the_last_steps_are_not_cut_in_two(tmp_path: Path) -> None:
    inside, door = asyncio.Event(), asyncio.Event()

    async def work(context: JobContext) -> dict[str, Any]:
        with context.committing():
            inside.set()
            await door.wait()
        return {"whole": True}

    async with house(tmp_path) as jobs:
        job = submit(jobs, work)
        await inside.wait()
        with pytest.raises(TooLate):
            jobs.cancel(job.id)
        door.set()
        assert (await jobs.wait(job.id)).result == {"whole": True}


async def test_a_thread_is_waited_for_before_it_is_cancelled(tmp_path: Path) -> None:
    inside, done = threading.Event(), threading.Event()

    def block(context: JobContext) -> None:
        inside.set()
        while not context.cancelled:
            done.wait(0.01)
        done.set()

    async def work(context: JobContext) -> None:
        await context.in_thread(block, context)

    async with house(tmp_path) as jobs:
        job = submit(jobs, work)
        await asyncio.to_thread(inside.wait)
        jobs.cancel(job.id)
        assert (await jobs.wait(job.id)).state == "cancelled"
        assert done.is_set()


async def test_a_process_that_would_not_end_is_not_called_cancelled(tmp_path: Path) -> None:
    async def work(context: JobContext) -> None:
        await context.run_process(["sleep", "1000"])

    jobs = make_jobs(tmp_path, end_all=lambda mark: [4711])
    await jobs.start()
    job = submit(jobs, work)
    while jobs.get(job.id).state != "running":
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    jobs.cancel(job.id)
    over = await jobs.wait(job.id)
    assert over.state == "failed"
    assert over.error is not None
    assert (over.error.code, over.error.detail) == ("not_ended", {"pids": [4711]})
    await jobs.stop()


# -- the server ends -----------------------------------------------------------------------------------------------


async def test_a_server_that_stops_ends_its_jobs_and_they_are_interrupted(tmp_path: Path) -> None:
    async with house(tmp_path) as jobs:
        running, waiting = submit(jobs, stubborn), submit(jobs, stubborn)
        processes = await numbers_in_log(jobs, running.id, 3)
    assert live(processes) == []
    assert {jobs.get(job.id).state for job in (running, waiting)} == {"interrupted"}
    with pytest.raises(Conflict):
        submit(jobs, stubborn)
    async with house(tmp_path) as later:
        assert {job.state for job in later.all()} == {"interrupted"}
        assert len(later.all()) == 2


async def test_a_server_that_is_killed_leaves_interrupted_jobs_and_nothing_running(tmp_path: Path) -> None:
    server = subprocess.Popen(  # noqa: ASYNC220 -- it outlives this loop's patience
        [sys.executable, "-m", "tests.jobs.house", str(tmp_path)], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert server.stdout is not None
    lines = [await asyncio.to_thread(server.stdout.readline) for _ in range(4)]
    processes, job_id = [psutil.Process(int(line)) for line in lines[:3]], lines[3].strip()
    try:
        async with house(tmp_path) as beside:
            # What runs in a server that lives is that server's alone.
            assert beside.all() == ()
            assert len(live(processes)) == 3
        (first,) = (process for process in processes if process.ppid() == server.pid)
        server.kill()
        await asyncio.to_thread(server.wait)
        # What it had started itself goes with it; what that had started is ended by the next server.
        assert await asyncio.to_thread(psutil.wait_procs, [first], 10) == ([first], [])
        async with house(tmp_path) as later:
            states = {job.id: job.state for job in later.all()}
            assert states[job_id] == "interrupted"
            assert set(states.values()) == {"interrupted"}
            marked = [process for process in live(processes) if "LCC_JOB" in process.environ()]
            assert marked == []
            assert len((await later.log(job_id)).text.splitlines()) == 3
    finally:
        for process in live(processes):
            process.kill()
        server.stdout.close()
        server.kill()
        server.wait()


async def test_a_record_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "bad.json").write_text('{"job": 1')
    async with house(tmp_path) as jobs:
        assert jobs.all() == ()
    assert [path.name.partition("-")[0] for path in (tmp_path / "jobs").glob("bad*")] == ["bad.json.corrupt"]


# -- what is told --------------------------------------------------------------------------------------------------


async def test_events_are_few_and_the_last_state_is_always_told(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []

    async def work(context: JobContext) -> None:
        for done in range(40):
            context.progress(Progress(done=done, total=40))
            await asyncio.sleep(0.02)

    async with house(tmp_path, lambda data: told.append((asyncio.get_running_loop().time(), data["state"]))) as jobs:
        job = submit(jobs, work)
        await jobs.wait(job.id)
        await asyncio.sleep(TELL_SECONDS * 1.5)
    times = [at for at, _state in told]
    assert all(later - earlier >= TELL_SECONDS * 0.99 for earlier, later in pairwise(times))
    assert len(told) >= 3
    assert told[-1][1] == "succeeded"


async def test_a_log_is_read_in_pieces_that_break_no_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_lcc.jobs.service.LOG_PIECE", 10)
    door = asyncio.Event()
    text = "환경이 만들어집니다 🎉" * 3

    async def work(context: JobContext) -> None:
        await asyncio.to_thread(context.log, text)
        await door.wait()

    async with house(tmp_path) as jobs:
        job, read, offset = submit(jobs, work), "", 0
        while True:
            piece = await jobs.log(job.id, offset)
            read, offset = read + piece.text, piece.next_offset
            if read == text + "\n":
                door.set()
            if piece.complete:
                break
            await asyncio.sleep(0.005)
        assert read == text + "\n"
        assert jobs.get(job.id).state in FINISHED
        assert await jobs.log(job.id, 10**9) == await jobs.log(job.id, 10**9)


def test_a_log_has_an_end(tmp_path: Path) -> None:
    files = JobFiles(lambda: tmp_path, LOG)
    for _ in range(5):
        files.append("a", "x" * (MAX_LOG_BYTES // 4) + "\n")
    raw, whole = files.read("a", 0, 10**8)
    assert whole
    assert MAX_LOG_BYTES <= len(raw) < MAX_LOG_BYTES + 200
    assert raw.decode().count("too long") == 1


async def test_what_is_old_or_too_much_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_lcc.jobs.service.MOST_FINISHED", 3)

    async def work(context: JobContext) -> None:
        context.log("x")

    async with house(tmp_path) as jobs:
        ids = [submit(jobs, work).id for _ in range(5)]
        for job_id in ids[3:]:
            await jobs.wait(job_id)
        while len(jobs.all()) > 3:
            await asyncio.sleep(0.01)
        assert [job.id for job in jobs.all()] == ids[:1:-1]
    assert len(list((tmp_path / "jobs").glob("*.json"))) == 3
