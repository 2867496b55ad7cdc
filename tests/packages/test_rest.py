"""Package lists over REST on a real server, with the real engine and real packages."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tornado.httpclient import HTTPClientError

from jupyter_lcc.jobs.model import FINISHED, Job
from jupyter_lcc.packages.model import (
    CheckedText,
    ListDiff,
    ListHistory,
    ListState,
    ListStates,
    ListText,
    MergedList,
    SourceList,
    SourceState,
)

from ..environments.channel import Channel
from ..environments.conftest import channel  # noqa: F401 -- a fixture

EVENT = "https://schema.jupyter.org/jupyter_lcc/package-lists/v1"


@pytest.fixture
def jp_server_config(tmp_path: Path, channel: Channel, jp_environ: None) -> dict[str, Any]:  # noqa: F811
    (Path.home() / ".condarc").write_text(f"channels: ['{channel.url}']\n")
    (tmp_path / "source").mkdir()
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_lcc": True}},
        "LccIdle": {"state_dir": str(tmp_path / "state")},
        "LccPackageLists": {"sources": [str(tmp_path / "source")], "denied_packages": ["lonely"], "sync": "off"},
    }


class Client:
    """Speaks to the server; every answer is decoded into its declared type."""

    def __init__(self, fetch: Any) -> None:
        self._fetch = fetch

    async def ask(self, method: str, path: str, shape: Any, body: Any = None, etag: str = "", **query: str) -> Any:
        raw = json.dumps(body) if body is not None else None
        headers = {"If-Match": etag} if etag else {}
        answer = await self._fetch(
            "lcc",
            *path.split("/"),
            method=method,
            body=raw,
            params=query,
            headers=headers,
            allow_nonstandard_methods=True,
        )
        self.status, self.headers = answer.code, answer.headers
        return msgspec.json.decode(answer.body, type=shape) if answer.code != 204 else None

    async def do(self, method: str, path: str, body: Any = None, etag: str = "") -> dict[str, Any]:
        """Begin long work and wait for its end."""
        job = await self.ask(method, path, Job, body, etag)
        assert self.status == 202
        while job.state not in FINISHED:
            await asyncio.sleep(0.02)
            job = await self.ask("GET", f"jobs/{job.id}", Job)
        assert job.state == "succeeded", job.error
        return dict(job.result or {})

    async def refused(self, method: str, path: str, body: Any = None, etag: str = "") -> tuple[int, dict[str, Any]]:
        with pytest.raises(HTTPClientError) as refused:
            await self.ask(method, path, dict, body, etag)
        assert refused.value.response is not None
        problem: dict[str, Any] = json.loads(refused.value.response.body)
        assert problem.keys() == {"code", "message", "detail"}
        return refused.value.code, problem


@pytest.fixture
def lcc(jp_fetch: Any) -> Client:
    return Client(jp_fetch)


async def test_the_life_of_a_list(
    lcc: Client,
    jp_serverapp: Any,
    channel: Channel,  # noqa: F811
    tmp_path: Path,
) -> None:
    told: list[str] = []

    async def listener(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        told.append(data["kind"])

    jp_serverapp.event_logger.add_listener(schema_id=EVENT, listener=listener)
    text = f"channels:\n  - {channel.url}\ndependencies:\n  - python\n  - ipykernel\n  - alpha=1.0\n"
    done = await lcc.do("PUT", "package-lists/team", {"text": text, "message": "The beginning"})
    assert done["revision"] == 1
    shown = await lcc.ask("GET", "package-lists/team", ListText)
    etag = lcc.headers["ETag"]
    assert etag == f'"{shown.etag}"'
    assert shown.text == text

    states = await lcc.ask("GET", "package-lists", ListStates)
    assert [(one.name, one.status) for one in states.lists] == [("team", "not_installed")]
    assert states.sources[0].configured
    plan = await lcc.ask("GET", "package-lists/team/diff", ListDiff)
    assert {"python", "alpha"} <= {item.name for item in plan.add}
    dry = await lcc.ask("POST", "package-lists/team/sync", ListDiff, {"dry_run": True})
    assert (lcc.status, dry.plan_hash) == (200, plan.plan_hash)
    code, problem = await lcc.refused("POST", "package-lists/team/sync", {"plan_hash": "another"})
    assert (code, problem["detail"]["diff"]["plan_hash"]) == (409, plan.plan_hash)
    done = await lcc.do("POST", "package-lists/team/sync", {"etag": plan.etag, "plan_hash": plan.plan_hash})
    assert done["kernel"]["spec_name"] == "lcc-team"
    states = await lcc.ask("GET", "package-lists", ListStates)
    assert [(one.status, one.synced_revision) for one in states.lists] == [("in_sync", 1)]

    # Two publishers: the second is told, with both sides.
    newer = text.replace("alpha=1.0", "alpha=2.0")
    await lcc.do("PUT", "package-lists/team", {"text": newer}, etag)
    code, problem = await lcc.refused("PUT", "package-lists/team", {"text": text + "  - gamma\n"}, etag)
    assert (code, problem["code"]) == (412, "lost_race")
    assert problem["detail"]["theirs"] == newer
    both = await lcc.ask(
        "POST", "package-lists/team/merge", MergedList, {"text": text + "  - gamma\n", "etag": shown.etag}
    )
    assert both.text == newer + "  - gamma\n"
    assert (await lcc.refused("PUT", "package-lists/team", {"text": text}))[0] == 412
    for malformed in ("*", 'W/"x"', '"a", "b"', "bare"):
        assert (await lcc.refused("PUT", "package-lists/team", {"text": text}, malformed))[0] == 400

    state = await lcc.ask("POST", "package-lists/team/pull", ListState)
    assert (state.status, state.changed.items[0].by) == ("behind", "list")
    history = await lcc.ask("GET", "package-lists/team/history", ListHistory, limit="1")
    assert [one.number for one in history.revisions] == [2]
    assert (await lcc.ask("GET", "package-lists/team/revisions/1", ListText)).text == text
    await lcc.do("POST", "package-lists/team/restore", {"revision": 1})
    states = await lcc.ask("POST", "package-list-checks", ListStates)
    assert [(one.status, one.revision.number) for one in states.lists if one.revision] == [("in_sync", 3)]

    # A lock that doesn't hold any more: what a sync would do is worked out by a job, and no GET waits for it.
    (tmp_path / "source/team/environment.yml").write_text(newer + "# by hand\n")
    plan = await lcc.ask("GET", "package-lists/team/diff", ListDiff)
    assert (plan.to_solve, plan.plan_hash, plan.notes) == (True, "", ())
    code, problem = await lcc.refused("POST", "package-lists/team/sync", {"plan_hash": plan.plan_hash})
    assert (code, problem["detail"]["diff"]["to_solve"]) == (409, True)
    assert (await lcc.do("POST", "package-lists/team/sync", {"dry_run": True}))["name"] == "team"
    plan = await lcc.ask("GET", "package-lists/team/diff", ListDiff)
    assert (plan.solved_here, [(item.name, item.to_version) for item in plan.change]) == (True, [("alpha", "2.0")])
    await lcc.do("POST", "package-lists/team/sync", {"etag": plan.etag, "plan_hash": plan.plan_hash})
    await lcc.ask("DELETE", "package-lists/team", None)
    assert lcc.status == 204
    assert (await lcc.refused("GET", "package-lists/team"))[0] == 404
    assert {"published", "synced", "removed"} <= set(told)


async def test_what_is_wrong_is_said_and_nothing_is_written(lcc: Client, tmp_path: Path) -> None:
    checked = await lcc.ask(
        "POST", "package-list-validations", CheckedText, {"text": "dependencies:\n  - a b c =\n  - lonely\n"}
    )
    assert [problem.line for problem in checked.problems] == [2]
    code, problem = await lcc.refused("PUT", "package-lists/team", {"text": "dependencies:\n  - lonely\n"})
    assert (code, problem["detail"]["rule"]) == (422, "denied_packages: lonely")
    for name in ("..", ".x", "a%20b", "-r", "%2e%2e%2fx"):
        code, _ = await lcc.refused("PUT", f"package-lists/{name}", {"text": "dependencies: [python]\n"})
        assert code in (404, 422)
    for text in ("", "a: &a [*a]", "!!python/object:x {}", "dependencies:\n  - pip:\n      - -r x\n", "x" * 2_000_000):
        assert (await lcc.refused("PUT", "package-lists/team", {"text": text}))[0] == 422
    assert (await lcc.refused("PUT", "package-lists/team", {"text": "x" * 5_000_000}))[0] == 413
    assert list((tmp_path / "source").iterdir()) == []


async def test_sources(lcc: Client, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    added = await lcc.ask("POST", "package-list-sources", SourceState, {"place": str(tmp_path / "mine")})
    assert lcc.status == 201
    listed = await lcc.ask("GET", "package-list-sources", SourceList)
    assert [source.id for source in listed.sources] == ["config-1", added.id]
    assert (await lcc.refused("DELETE", "package-list-sources/config-1"))[0] == 403
    assert (await lcc.refused("POST", "package-list-sources", {"place": "/nothing/there"}))[0] == 503
    secret = "http://user:" + "hidden" + "@host/x"
    code, problem = await lcc.refused("POST", "package-list-sources", {"place": secret})
    assert code == 422
    assert "hidden" not in json.dumps(problem)
    await lcc.ask("DELETE", f"package-list-sources/{added.id}", None)
    assert (await lcc.refused("DELETE", f"package-list-sources/{added.id}"))[0] == 404
