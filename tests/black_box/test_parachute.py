"""Nothing is lost when a kernel goes: output that no page saw, documents, variables; and who comes back is told."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from .server import Kernel, Limits, Server, is_running
from .stage import PLAYS, Stage, judge, log_is_clean, play

LIMITS = Limits(kernel=10, terminal=60, warn=6)
CODE = """import time
for epoch in range(3):
    print('epoch', epoch, flush=True)
    time.sleep(0.7)
secret = 'x' * 1000
6 * 7"""


landing = play("landing", lambda: Server(name="landing", limits=LIMITS), wave=3)


class Page:
    """A JupyterLab page as the server sees it: one session's websocket, requests that name their cells."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.session = uuid4().hex

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        socket = await self.kernel.server.socket(f"{self.kernel.path}/channels?session_id={self.session}")
        try:
            yield socket
        finally:
            socket.close()

    async def begin(self, socket: Any, code: str, cell_id: str) -> None:
        """Run a cell and see its first output."""
        header = {
            "msg_id": uuid4().hex,
            "msg_type": "execute_request",
            "username": "",
            "session": self.session,
            "date": datetime.now().astimezone().isoformat(),
            "version": "5.4",
        }
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {"cellId": cell_id, "recordTiming": False, "deletedCells": []},
            "content": content,
            "buffers": [],
            "channel": "shell",
        }
        await socket.write_message(json.dumps(message))
        while True:
            told = json.loads(await asyncio.wait_for(socket.read_message(), 30))
            if told["header"]["msg_type"] == "stream":
                return


def notebook(source: str) -> str:
    cells = [
        {"cell_type": "markdown", "id": "words", "metadata": {}, "source": ["# 한국어\n", "words"]},
        {"cell_type": "code", "id": "train", "metadata": {}, "source": source, "execution_count": None, "outputs": []},
    ]
    return json.dumps({"cells": cells, "metadata": {"own": 1}, "nbformat": 4, "nbformat_minor": 5})


async def run_and_leave(stage: Stage, path: str, source: str) -> Kernel:
    stage.server.write(path, notebook(source))
    kernel = await stage.kernel(session=path, connect=False)
    page = Page(kernel)
    async with page.open() as socket:
        await page.begin(socket, CODE, "train")
    return kernel


async def ended(kernel: Kernel, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while is_running(kernel.pid):
        assert time.monotonic() < end, f"{kernel.id} is still there"
        await asyncio.sleep(0.1)


async def story_of(stage: Stage, kernel: Kernel) -> dict[str, Any]:
    """What is told of a kernel to who comes back."""
    listed = (await stage.server.call("GET", "lcc/idle/stopped", expect=200)).json()["stopped"]
    (story,) = [one for one in listed if one["target_id"] == kernel.id]
    return story  # type: ignore[no-any-return]


async def saved(stage: Stage, kernel: Kernel, after: int = 0, seconds: float = 40) -> float:
    """Wait until pages are asked to save; give when."""
    end = time.monotonic() + seconds
    while len(asked := stage.events.about(kernel.id, "save")) <= after:
        assert time.monotonic() < end, f"nobody was asked to save for {kernel.id}"
        await asyncio.sleep(0.05)
    return asked[-1][0]


@landing.case
async def output_that_no_page_saw_is_in_its_cell(stage: Stage) -> None:
    kernel = await run_and_leave(stage, "matched.ipynb", CODE)
    await ended(kernel)
    made = json.loads((stage.server.home / "matched.ipynb").read_text())
    outputs = made["cells"][1].pop("outputs")
    assert "".join(outputs[0]["text"]) == "epoch 0\nepoch 1\nepoch 2\n", outputs
    assert "".join(outputs[1]["data"]["text/plain"]) == "42", outputs
    assert made["cells"][1].pop("execution_count") == 1
    before = json.loads(notebook(CODE))
    assert (made["metadata"], "".join(made["cells"][0]["source"])) == (before["metadata"], "# 한국어\nwords")
    assert "".join(made["cells"][1]["source"]) == CODE
    story = await story_of(stage, kernel)
    (document,) = story["documents"]
    assert (document["path"], document["result"], document["output_path"]) == (
        "matched.ipynb",
        "no_page",
        "matched.ipynb",
    )
    assert (story["reason"], story["limit_seconds"], story["idle_seconds"]) == ("idle", 10, 10), story
    variables = {one["name"]: one for one in story["manifest"]["variables"]}
    assert story["manifest"]["complete"], story["manifest"]
    assert variables["secret"]["size_bytes"] > 1000, variables
    assert variables["epoch"]["type"] == "int", variables


@landing.case
async def output_of_a_cell_that_was_edited_is_beside(stage: Stage) -> None:
    kernel = await run_and_leave(stage, "edited.ipynb", "something else")
    before = (stage.server.home / "edited.ipynb").read_bytes()
    await ended(kernel)
    assert (stage.server.home / "edited.ipynb").read_bytes() == before
    (document,) = (await story_of(stage, kernel))["documents"]
    made = json.loads((stage.server.home / document["output_path"]).read_text())
    assert "".join(made["cells"][1]["source"]) == CODE
    assert "epoch 2" in "".join(made["cells"][1]["outputs"][0]["text"])


@landing.case
async def what_could_not_be_saved_puts_it_off_once(stage: Stage) -> None:
    stage.server.write("stuck.ipynb", notebook("1"))
    kernel = await stage.kernel(session="stuck.ipynb")
    report = {"target_id": kernel.id, "path": "stuck.ipynb", "result": "failed", "message": "read-only"}
    first = await saved(stage, kernel)
    await stage.server.call("POST", "lcc/idle/saves", report, expect=204)
    target = await stage.server.target(kernel.id)
    assert target is not None
    assert {e["signal"]: e["value"] for e in target["evidence"]}["save_failed"] == "stuck.ipynb: read-only"
    second = await saved(stage, kernel, after=1)
    assert second - first >= LIMITS.warn - 0.5
    await stage.server.call("POST", "lcc/idle/saves", report, expect=204)
    await ended(kernel)
    assert time.monotonic() - first >= LIMITS.warn + 2.5
    (document,) = (await story_of(stage, kernel))["documents"]
    assert (document["result"], document["message"]) == ("failed", "read-only")
    changes = [line["change"] for line in await stage.server.decisions(kernel.id)]
    assert changes.count("put_off") == 1, changes
    assert "unsaved" in changes, changes


@landing.case
async def a_keep_after_the_saving_began_wins(stage: Stage) -> None:
    kernel = await stage.kernel(session="kept.ipynb")
    asked = await saved(stage, kernel)
    await stage.server.lease(kernel.id, 60)
    await asyncio.sleep(max(0.0, asked + LIMITS.warn + 3 - time.monotonic()))
    assert is_running(kernel.pid)
    listed = (await stage.server.call("GET", "lcc/idle/stopped", expect=200)).json()["stopped"]
    assert kernel.id not in [one["target_id"] for one in listed]
    await stage.server.call("DELETE", f"api/sessions/{kernel.session_id}", expect=204)


@landing.check
async def it_is_still_told_after_kill_9_and_until_it_is_dismissed(stage: Stage) -> None:
    server = stage.server
    before = (await server.call("GET", "lcc/idle/stopped", expect=200)).json()["stopped"]
    assert before
    assert (await server.idle())["stopped_unseen"] == len(before)
    server.end(signal.SIGKILL)
    await server.start()
    after = (await server.call("GET", "lcc/idle/stopped", expect=200)).json()["stopped"]
    assert after == before
    await server.call("POST", "lcc/idle/stopped/dismiss", {"ids": [one["id"] for one in before]}, expect=204)
    assert (await server.call("GET", "lcc/idle/stopped", expect=200)).json()["stopped"] == []
    assert (await server.idle())["stopped_unseen"] == 0


@landing.check
async def unseen_output_outlives_a_server_that_is_killed(stage: Stage) -> None:
    server = stage.server
    kernel = await run_and_leave(stage, "killed.ipynb", CODE)
    unseen = server.state_dir / server.state_key / "unseen" / f"{kernel.kernel_id}.json"
    end = time.monotonic() + 20
    while not unseen.exists() or "epoch 2" not in unseen.read_text():
        assert time.monotonic() < end, server.log()
        await asyncio.sleep(0.1)
    server.end(signal.SIGKILL)
    await server.start()
    end = time.monotonic() + 10
    while not (listed := (await server.call("GET", "lcc/idle/stopped", expect=200)).json()["stopped"]):
        assert time.monotonic() < end, server.log()
        await asyncio.sleep(0.1)
    (story,) = listed
    assert (story["target_id"], story["reason"]) == (kernel.id, "dead")
    assert story["documents"][0]["output_path"] == "killed.ipynb"
    made = json.loads((server.home / "killed.ipynb").read_text())
    assert "epoch 2" in "".join(made["cells"][1]["outputs"][0]["text"])
    assert not unseen.exists()


@landing.check
async def a_server_that_ends_writes_unseen_output_down(stage: Stage) -> None:
    kernel = await run_and_leave(stage, "ended.ipynb", CODE)
    await asyncio.sleep(1.5)
    await asyncio.to_thread(stage.server.end, signal.SIGTERM)
    await ended(kernel)
    made = json.loads((stage.server.home / "ended.ipynb").read_text())
    assert "epoch 1" in "".join(made["cells"][1]["outputs"][0]["text"])


landing.check(log_is_clean)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("stage_name", "case_name"), [("landing", name) for name in (*PLAYS["landing"].cases, *PLAYS["landing"].checks)]
)
def test_parachute(outcomes: dict[tuple[str, str], str | None], stage_name: str, case_name: str) -> None:
    judge(outcomes[stage_name, case_name])
