"""Environments over REST on a real server, with the real engine, real packages and a kernel that really starts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tornado.httpclient import HTTPClientError

from jupyter_lcc.environments.model import (
    Diagnosis,
    Environment,
    EnvironmentList,
    Export,
    InstalledPackages,
    Names,
    PackageCache,
    Plan,
    VersionDiff,
    VersionList,
)
from jupyter_lcc.jobs.model import FINISHED, Job

from .channel import Channel


@pytest.fixture
def jp_server_config(tmp_path: Path, channel: Channel, jp_environ: None) -> dict[str, Any]:
    (Path.home() / ".condarc").write_text(f"channels: ['{channel.url}']\n")
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_lcc": True}},
        "LccIdle": {"state_dir": str(tmp_path / "state")},
        "LccEnvironments": {"denied_packages": ["lonely"]},
    }


class Client:
    """Speaks to the server; every answer is decoded into its declared type."""

    def __init__(self, fetch: Any) -> None:
        self._fetch = fetch

    async def ask(self, method: str, path: str, shape: Any, body: Any = None, **query: str) -> Any:
        raw = json.dumps(body) if body is not None else None
        answer = await self._fetch(
            "lcc", *path.split("/"), method=method, body=raw, params=query, allow_nonstandard_methods=True
        )
        self.status, self.headers = answer.code, answer.headers
        return msgspec.json.decode(answer.body, type=shape)

    async def get(self, path: str, shape: Any, **query: str) -> Any:
        return await self.ask("GET", path, shape, **query)

    async def do(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Begin long work and wait for its end."""
        job = await self.ask(method, path, Job, body)
        assert self.status == 202
        assert self.headers["Location"].endswith(f"/lcc/jobs/{job.id}")
        while job.state not in FINISHED:
            await asyncio.sleep(0.05)
            job = await self.get(f"jobs/{job.id}", Job)
        assert job.state == "succeeded", job.error
        return dict(job.result or {})

    async def refused(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, dict[str, Any]]:
        with pytest.raises(HTTPClientError) as refused:
            await self.ask(method, path, dict, body, **query)
        assert refused.value.response is not None
        problem: dict[str, Any] = json.loads(refused.value.response.body)
        assert problem.keys() == {"code", "message", "detail"}
        return refused.value.code, problem


@pytest.fixture
def lcc(jp_fetch: Any) -> Client:
    return Client(jp_fetch)


async def test_from_nothing_to_a_running_kernel_and_back(lcc: Client, jp_fetch: Any, jp_serverapp: Any) -> None:
    wish = {"name": "vision", "packages": ["alpha=1.0"]}
    plan = await lcc.ask("POST", "environments", Plan, {**wish, "dry_run": True})
    assert lcc.status == 200
    assert {"alpha", "python", "ipykernel"} <= {item.name for item in plan.add}
    result = await lcc.do("POST", "environments", wish)

    # The running server knows the kernel at once, and it is the environment's.
    specs = json.loads((await jp_fetch("api", "kernelspecs")).body)["kernelspecs"]
    assert specs["lcc-vision"]["spec"]["display_name"] == result["kernel"]["display_name"]
    kernel_id = await jp_serverapp.kernel_manager.start_kernel(kernel_name="lcc-vision")
    client = jp_serverapp.kernel_manager.get_kernel(kernel_id).client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=60)
        told: list[str] = []
        await client.execute_interactive(
            "import os, sys; print(sys.prefix, os.environ['CONDA_DEFAULT_ENV'])",
            output_hook=lambda message: told.append(message["content"].get("text", "")),
            timeout=60,
        )
        assert "".join(told).split() == [result["prefix"], "vision"]

        # It is named in plans, and nothing takes its environment from under it.
        plan = await lcc.ask("POST", "environments/vision/changes", Plan, {"install": ["gamma"], "dry_run": True})
        assert [kernel.kernel_id for kernel in plan.running_kernels] == [kernel_id]
        assert [(c.name, c.from_version, c.to_version) for c in plan.change] == [("beta", "2.0", "1.0")]
        code, problem = await lcc.refused("DELETE", "environments/vision")
        assert (code, problem["detail"]["running_kernels"][0]["kernel_id"]) == (409, kernel_id)
    finally:
        client.stop_channels()
        await jp_serverapp.kernel_manager.shutdown_kernel(kernel_id, now=True)

    assert (await lcc.do("POST", "environments/vision/changes", {"install": ["gamma"]}))["changed"] is True
    assert (await lcc.do("POST", "environments/vision/changes", {"install": ["gamma"]}))["changed"] is False
    packages = (await lcc.get("environments/vision/packages", InstalledPackages)).packages
    assert {"alpha", "gamma"} <= {package.name for package in packages if package.requested}
    versions = (await lcc.get("environments/vision/versions", VersionList)).versions
    assert [version.number for version in versions] == [2, 1]
    diff = await lcc.get("environments/vision/versions/diff", VersionDiff, **{"from": "1"})
    assert [item.name for item in diff.add] == ["gamma"]
    await lcc.do("POST", "environments/vision/rollback", {"version": 1})
    packages = (await lcc.get("environments/vision/packages", InstalledPackages)).packages
    assert "gamma" not in [package.name for package in packages]

    await lcc.do("POST", "environments/vision/rename", {"name": "sight"})
    assert (await lcc.get("environments/sight/doctor", Diagnosis)).findings == ()
    lock = await lcc.get("environments/sight/export", Export, format="lock")
    made = {"name": "again", "file": {"name": lock.file_name, "text": lock.text}, "register_kernel": False}
    await lcc.do("POST", "environments", made)
    trash_id = (await lcc.do("DELETE", "environments/sight"))["trash_id"]
    await lcc.do("POST", f"environments/{trash_id}/restore")
    listed = await lcc.get("environments", EnvironmentList)
    here = {one.name: one for one in listed.environments if one.managed}
    assert sorted(here) == ["again", "sight"]
    assert here["sight"].kernel is not None
    environment = await lcc.ask("DELETE", "environments/sight/kernel", Environment)
    assert environment.kernel is None
    await lcc.do("PUT", "environments/sight/kernel", {"display_name": "Sight"})
    await lcc.do("DELETE", "package-cache")
    assert (await lcc.get("package-cache", PackageCache)).path.endswith("lcc-pkgs")
    assert (await lcc.get("package-names", Names, query="alp")).names[0] == "alpha"
    assert (await lcc.get("environments/sight", Environment)).kernel.display_name == "Sight"


HOSTILE = [
    "--file=/etc/passwd",
    "-c evil",
    "../x",
    "https://evil/chan::pkg",
    "https://evil/noarch/x-1.0-0.conda",
    "numpy\n--index-url https://evil",
    "x" * 999,
    "lonely",
]


async def test_what_can_not_be_is_refused_with_the_reason(lcc: Client) -> None:
    for dry_run in (True, False):
        for spec in HOSTILE:
            code, problem = await lcc.refused(
                "POST", "environments", {"name": "x", "packages": [spec], "dry_run": dry_run}
            )
            assert code == 422, spec
            assert problem["detail"]["field"].startswith("packages")
        for name in ("../x", "/etc", "-c", "a b", "a\nb", "x" * 10_000, "", "base", ".hidden"):
            code, problem = await lcc.refused("POST", "environments", {"name": name, "dry_run": dry_run})
            assert (code, problem["detail"]["field"]) == (422, "name"), name
        for channel in ("-c evil", "../x", "https://user:pw@evil/x", "https://evil/%2e%2e/x", "ftp://evil/x"):
            wish = {"name": "x", "channels": [channel], "dry_run": dry_run}
            assert (await lcc.refused("POST", "environments", wish))[0] == 422, channel
    code, problem = await lcc.refused(
        "POST", "environments", {"name": "x", "packages": ["alpha=2", "gamma"], "dry_run": True}
    )
    assert (code, problem["code"]) == (422, "unsatisfiable")
    assert "beta" in problem["message"]
    assert [one.name for one in (await lcc.get("environments", EnvironmentList)).environments if one.managed] == []


async def test_what_is_not_there(lcc: Client) -> None:
    for method, path, body in (
        ("GET", "environments/x", None),
        ("GET", "environments/x/packages", None),
        ("GET", "environments/..%2F..%2Fetc/packages", None),
        ("GET", "environments/x/versions", None),
        ("GET", "environments/x/export", None),
        ("GET", "environments/x/doctor", None),
        ("POST", "environments/x/changes", {"install": ["alpha"]}),
        ("POST", "environments/x/rollback", {"version": 1}),
        ("POST", "environments/x/rename", {"name": "y"}),
        ("POST", "environments/x/restore", None),
        ("POST", "environments/x/doctor", {"fix": "reinstall"}),
        ("PUT", "environments/x/kernel", {}),
        ("DELETE", "environments/x/kernel", None),
        ("DELETE", "environments/x", None),
        ("DELETE", "environment-trash/x", None),
    ):
        code, problem = await lcc.refused(method, path, body)
        assert (code, problem["code"]) == (404, "not_found"), path
