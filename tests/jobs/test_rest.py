"""Jobs on a real server: the verbs, the events, and the machine that is kept on by them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tornado.httpclient import HTTPClientError

from jupyter_lcc.idle.model import IdleView
from jupyter_lcc.jobs.model import FINISHED, Job, JobList, JobLog
from jupyter_lcc.web.events import JOB_EVENT
from jupyter_lcc.web.model import About, ProblemBody

from .house import live, numbers_in_log, stubborn, submit


@pytest.fixture
def jp_server_config(tmp_path: Path) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_lcc": True}},
        "LccIdle": {"state_dir": str(tmp_path / "state")},
    }


@pytest.fixture
def app(jp_serverapp: Any) -> Any:
    (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_lcc"]
    return app


async def get(jp_fetch: Any, shape: type[Any], *path: str, **more: Any) -> Any:
    return msgspec.json.decode((await jp_fetch("lcc", *path, **more)).body, type=shape)


async def refused(call: Any) -> tuple[int, str]:
    with pytest.raises(HTTPClientError) as error:
        await call
    assert error.value.response is not None
    return error.value.code, msgspec.json.decode(error.value.response.body, type=ProblemBody).code


async def test_from_asking_to_dismissing(jp_fetch: Any, jp_serverapp: Any, app: Any, jp_base_url: str) -> None:
    heard: list[dict[str, Any]] = []

    async def hear(data: dict[str, Any]) -> None:
        heard.append(data)

    app._events.listen(JOB_EVENT, hear)
    assert (await get(jp_fetch, JobList, "jobs")).jobs == ()
    job = submit(app._jobs, stubborn, "env:vision")
    processes = await numbers_in_log(app._jobs, job.id, 3)
    (listed,) = (await get(jp_fetch, JobList, "jobs")).jobs
    assert (listed.id, listed.state, listed.subject) == (job.id, "running", "vision")

    log = await get(jp_fetch, JobLog, "jobs", job.id, "log")
    assert len(log.text.splitlines()) == 3
    assert not log.complete
    rest = await get(jp_fetch, JobLog, "jobs", job.id, "log", params={"offset": str(log.next_offset)})
    assert (rest.text, rest.next_offset) == ("", log.next_offset)
    assert await refused(jp_fetch("lcc", "jobs", job.id, "log", params={"offset": "-1"})) == (422, "invalid")
    assert await refused(jp_fetch("lcc", "jobs", job.id, "dismiss", method="POST", body="")) == (409, "conflict")

    answer = await jp_fetch("lcc", "jobs", job.id, method="DELETE")
    assert answer.code == 202
    assert answer.headers["Location"] == f"{jp_base_url}lcc/jobs/{job.id}"
    assert msgspec.json.decode(answer.body, type=Job).cancelling
    while (over := await get(jp_fetch, Job, "jobs", job.id)).state not in FINISHED:
        await asyncio.sleep(0.05)
    assert over.state == "cancelled"
    assert live(processes) == []
    assert await refused(jp_fetch("lcc", "jobs", job.id, method="DELETE")) == (409, "conflict")

    assert (await jp_fetch("lcc", "jobs", job.id, "dismiss", method="POST", body="")).code == 204
    assert await refused(jp_fetch("lcc", "jobs", job.id)) == (404, "not_found")
    assert (await get(jp_fetch, JobList, "jobs")).jobs == ()
    while not any(data["kind"] == "dismissed" for data in heard):
        await asyncio.sleep(0.02)
    assert {data["job_id"] for data in heard} == {job.id}
    states = [data["state"] for data in heard if data["kind"] == "changed"]
    assert states[0] in ("queued", "running")


async def test_a_job_keeps_the_machine_on_until_it_ends(jp_fetch: Any, app: Any) -> None:
    assert _by_jobs(await get(jp_fetch, IdleView, "idle")) == []
    assert app.current_activity() is None
    door = asyncio.Event()

    async def work(context: Any) -> None:
        await door.wait()

    job = submit(app._jobs, work, "env:vision")
    while "job_runs" not in _signals(view := await get(jp_fetch, IdleView, "idle")):
        await asyncio.sleep(0.05)
    assert view.instance.state == "working"
    assert _by_jobs(view) == [("work", True, "test vision")]
    assert app.current_activity() == {"leases": [], "jobs": [job.id]}
    door.set()
    await app._jobs.wait(job.id)
    while "job_runs" in _signals(view := await get(jp_fetch, IdleView, "idle")):
        await asyncio.sleep(0.05)
    assert _by_jobs(view) == []
    assert view.instance.last_activity_at >= app._jobs.get(job.id).finished_at.replace(microsecond=0)


def _signals(view: IdleView) -> set[str]:
    return {evidence.signal for evidence in view.instance.evidence}


def _by_jobs(view: IdleView) -> list[tuple[str, bool, str]]:
    return [
        (holder.because, holder.holds, holder.name)
        for holder in view.keeps_on
        if holder.evidence is not None and holder.evidence.signal == "job_runs"
    ]


async def test_about_tells_what_works_here(jp_fetch: Any) -> None:
    features = (await get(jp_fetch, About, "about")).features
    assert features["jobs"].available
    assert features["environments"].available


async def test_long_work_answers_with_its_place_and_a_plan_with_200(jp_fetch: Any, jp_base_url: str) -> None:
    answer = await jp_fetch("lcc", "environment-trash", "all", method="DELETE")
    job = msgspec.json.decode(answer.body, type=Job)
    assert answer.code == 202
    assert answer.headers["Location"] == f"{jp_base_url}lcc/jobs/{job.id}"
    # Larger than most bodies may be, and not too large for a file.
    body = json.dumps({"name": "../x", "file": {"name": "a.yml", "text": "#" * 100_000}})
    assert await refused(jp_fetch("lcc", "environments", method="POST", body=body)) == (422, "invalid")
    body = json.dumps({"name": "x" * 100_000})
    assert await refused(jp_fetch("lcc", "environments", "x", "rename", method="POST", body=body)) == (413, "too_large")


class TestWrongConfiguration:
    """A bound that can't be read allows nothing, and the server runs on."""

    @pytest.fixture
    def jp_server_config(self, tmp_path: Path) -> dict[str, Any]:
        return {
            "ServerApp": {"jpserver_extensions": {"jupyter_lcc": True}},
            "LccIdle": {"state_dir": str(tmp_path / "state")},
            "LccEnvironments": {"quota_bytes": "lots"},
        }

    async def test_nothing_may_be_made(self, jp_fetch: Any) -> None:
        feature = (await get(jp_fetch, About, "about")).features["environments"]
        assert (feature.available, feature.why_not) == (False, "config_invalid")
        body = json.dumps({"name": "x", "packages": ["python"], "channels": ["conda-forge"], "dry_run": True})
        assert (await refused(jp_fetch("lcc", "environments", method="POST", body=body)))[0] == 422
