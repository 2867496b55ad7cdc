"""Output that nobody saw: heard as a kernel sends it, written by Jupyter's real contents manager."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1

from jupyter_lcc.idle.kernel_questions import observing_input
from jupyter_lcc.idle.model import Session, Sighting
from jupyter_lcc.idle.parachute import runs as runs_room
from jupyter_lcc.idle.parachute.notebooks import Notebooks
from jupyter_lcc.idle.parachute.outputs import KernelOutputs
from jupyter_lcc.idle.parachute.spool import Spool

PAGE, OTHER = "page-1", "page-2"
NOTEBOOK: dict[str, Any] = {
    "cells": [
        {"cell_type": "markdown", "id": "intro", "metadata": {"tags": ["ü"]}, "source": "# Über\n한국어"},
        {
            "cell_type": "code",
            "id": "train",
            "metadata": {"custom": [1, 2]},
            "source": "train()\nprint('x')",
            "execution_count": 1,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "old\n"}],
        },
        {"cell_type": "code", "id": "twin1", "metadata": {}, "source": "twin", "execution_count": None, "outputs": []},
        {"cell_type": "code", "id": "twin2", "metadata": {}, "source": "twin", "execution_count": None, "outputs": []},
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Py"}, "own": {"deep": None}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
TRAIN = "train()\nprint('x')"


class FakeKernel:
    """A fake kernel `k` that says what a test wants, and the fake pages of its notebook."""

    def __init__(self, folder: Path, *, spools: bool = False) -> None:
        self.folder = folder
        self.contents = AsyncLargeFileManager(root_dir=str(folder))
        self.shared = False
        log = logging.getLogger("jupyter_lcc.tests")
        notebooks = Notebooks(self.contents, lambda _path: self.shared, folder.parent / "spare", log)
        self.spool = Spool(lambda: folder.parent / "unseen")
        self.outputs = KernelOutputs(notebooks, self, buffers=True, log=log, spool=self.spool if spools else None)
        self.count = 0
        self.save(NOTEBOOK)
        self.came(PAGE)

    def save(self, notebook: dict[str, Any], name: str = "train.ipynb") -> None:
        (self.folder / name).write_text(json.dumps(notebook), encoding="utf-8")

    def read(self, name: str = "train.ipynb") -> dict[str, Any]:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))  # type: ignore[no-any-return]

    def beside(self) -> list[Path]:
        return sorted(self.folder.glob("*.outputs-*.ipynb"))

    async def list_sessions(self) -> list[dict[str, Any]]:
        return [{"path": "train.ipynb", "name": "train.ipynb", "type": "notebook", "kernel": {"id": "k", "name": "p"}}]

    def came(self, session: str) -> None:
        self.outputs.page_came("k", session, session)

    def left(self, session: str = PAGE, *, said_so: bool = True) -> None:
        self.outputs.page_left("k", session, said_so=said_so)
        self.outputs.page_left("k", session, said_so=said_so)

    def ask(self, code: str, cell_id: str | None, session: str = PAGE) -> str:
        self.count += 1
        msg_id = f"m{self.count}"
        header = {"msg_id": msg_id, "msg_type": "execute_request", "session": session}
        metadata = {} if cell_id is None else {"cellId": cell_id}
        parts = [json.dumps(part).encode() for part in (header, {}, metadata, {"code": code})]
        self.outputs.page_asked("k", parts)
        self.say("status", msg_id, {"execution_state": "busy"}, session)
        self.say("execute_input", msg_id, {"code": code, "execution_count": self.count}, session)
        return msg_id

    def say(self, kind: str, msg_id: str, content: dict[str, Any], session: str = PAGE) -> None:
        parent = {"msg_id": msg_id, "msg_type": "execute_request", "session": session, "username": "ann"}
        parts = [json.dumps(part).encode() for part in ({"msg_type": kind}, parent, {}, content)]
        self.outputs.hear("k", [b"topic", b"<IDS|MSG>", b"signature", *parts])

    def print(self, msg_id: str, text: str, name: str = "stdout", session: str = PAGE) -> None:
        self.say("stream", msg_id, {"name": name, "text": text}, session)

    def end(self, msg_id: str, session: str = PAGE) -> None:
        self.say("status", msg_id, {"execution_state": "idle"}, session)

    async def write(self, path: str = "train.ipynb") -> dict[str, Any]:
        session = Session(path=path, name=path, type="notebook")
        sighting = Sighting(id="kernel:k", kind="kernel", name="k", state="idle", active_at=None, sessions=(session,))
        return await self.outputs.write(sighting)


@pytest.fixture
def kernel(tmp_path: Path) -> FakeKernel:
    folder = tmp_path / "root"
    folder.mkdir()
    return FakeKernel(folder)


async def test_output_goes_into_its_cell_and_nothing_else_changes(kernel: FakeKernel) -> None:
    run = kernel.ask(TRAIN, "train")
    kernel.print(run, "epoch 1\n")
    kernel.left()
    kernel.print(run, "epoch 2\n")
    kernel.say("display_data", run, {"data": {"text/plain": "a\nb"}, "metadata": {}, "transient": {"display_id": "d"}})
    kernel.say("execute_result", run, {"data": {"text/plain": "7"}, "metadata": {}, "execution_count": 1})
    kernel.end(run)
    kept = await kernel.write()
    assert kept["train.ipynb"].path == "train.ipynb"
    assert kernel.beside() == []
    after = kernel.read()
    nbformat.validate(nbformat.from_dict(after))  # type: ignore[no-untyped-call]
    cell = after["cells"][1]
    assert [output["output_type"] for output in cell["outputs"]] == ["stream", "display_data", "execute_result"]
    # It is whole from its begin: the page's own part went with the page.
    assert "".join(cell["outputs"][0]["text"]) == "epoch 1\nepoch 2\n"
    assert "transient" not in cell["outputs"][1]
    expected = json.loads(json.dumps(NOTEBOOK))
    expected["cells"][1]["outputs"] = cell["outputs"]
    _flatten(after)
    assert after == expected
    assert await kernel.write() == {}


async def test_what_a_page_saw_is_not_kept(kernel: FakeKernel) -> None:
    run = kernel.ask(TRAIN, "train")
    kernel.print(run, "epoch 1\n")
    kernel.end(run)
    kernel.left()
    assert await kernel.write() == {}
    assert kernel.read() == NOTEBOOK


async def test_what_is_in_the_notebook_already_is_not_written_again(kernel: FakeKernel) -> None:
    run = kernel.ask(TRAIN, "train")
    kernel.left()
    kernel.print(run, "old\n")
    kernel.end(run)
    assert await kernel.write() == {}
    assert kernel.read() == NOTEBOOK


@pytest.mark.parametrize(
    "why", ["changed source", "no such cell", "twins", "page connected", "shared", "visited", "nbformat 3", "gone"]
)
async def test_it_goes_beside_where_the_cell_is_not_sure(kernel: FakeKernel, why: str) -> None:
    code, cell = (TRAIN, "train") if why not in ("no such cell", "twins") else ("twin", None)
    if why == "no such cell":
        code, cell = "unsaved()", "unsaved"
    if why == "page connected":
        kernel.came(OTHER)
    run = kernel.ask(code, cell)
    kernel.left()
    kernel.print(run, "epoch 2\n")
    kernel.end(run)
    if why == "changed source":
        changed = json.loads(json.dumps(NOTEBOOK))
        changed["cells"][1]["source"] = "train(2)"
        kernel.save(changed)
    elif why == "visited":
        kernel.came(OTHER)
        kernel.left(OTHER)
    elif why == "shared":
        kernel.shared = True
    elif why == "nbformat 3":
        kernel.save({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": []})
    elif why == "gone":
        (kernel.folder / "train.ipynb").unlink()
    path = kernel.folder / "train.ipynb"
    before = path.read_bytes() if path.exists() else None
    kept = await kernel.write()
    (beside,) = kernel.beside()
    assert kept["train.ipynb"].path == beside.name
    assert (path.read_bytes() if path.exists() else None) == before
    made = kernel.read(beside.name)
    nbformat.validate(nbformat.from_dict(made))  # type: ignore[no-untyped-call]
    assert "".join(made["cells"][1]["source"]) == code
    assert "".join(made["cells"][1]["outputs"][0]["text"]) == "epoch 2\n"
    assert "train.ipynb" in "".join(made["cells"][0]["source"])


async def test_a_cell_without_an_id_is_known_by_its_source(kernel: FakeKernel) -> None:
    run = kernel.ask(TRAIN, None)
    kernel.left()
    kernel.print(run, "new\n")
    kernel.end(run)
    await kernel.write()
    assert "".join(kernel.read()["cells"][1]["outputs"][0]["text"]) == "new\n"


async def test_a_page_that_comes_back_was_given_what_it_missed(kernel: FakeKernel) -> None:
    run = kernel.ask(TRAIN, "train")
    kernel.left()
    kernel.print(run, "epoch 2\n")
    kernel.end(run)
    kernel.came(PAGE)
    kernel.left()
    assert await kernel.write() == {}


async def test_a_page_on_a_sleeping_machine_may_not_have_seen_the_end(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("jupyter_lcc.idle.parachute.outputs.time.monotonic", lambda: now[0])
    long_ago = kernel.ask("twin", "twin1")
    kernel.print(long_ago, "seen\n")
    kernel.end(long_ago)
    now[0] += 600
    run = kernel.ask(TRAIN, "train")
    kernel.print(run, "epoch 2\n")
    kernel.end(run)
    now[0] += 80
    kernel.left(said_so=False)
    now[0] += 3600
    kernel.came(PAGE)
    kernel.left()
    await kernel.write()
    cells = kernel.read()["cells"]
    assert "".join(cells[1]["outputs"][0]["text"]) == "epoch 2\n"
    assert cells[2]["outputs"] == []


async def test_a_page_loaded_anew_is_not_shown_what_it_did_not_ask_for(kernel: FakeKernel) -> None:
    run = kernel.ask(TRAIN, "train")
    kernel.left()
    kernel.came(OTHER)
    kernel.print(run, "epoch 2\n")
    kernel.end(run)
    await kernel.write()
    assert len(kernel.beside()) == 1


async def test_a_cell_that_is_run_again_replaces_what_it_printed(kernel: FakeKernel) -> None:
    run = kernel.ask(TRAIN, "train")
    kernel.left()
    kernel.print(run, "first\n")
    kernel.end(run)
    kernel.came(OTHER)
    again = kernel.ask(TRAIN, "train", OTHER)
    kernel.print(again, "second\n", session=OTHER)
    kernel.end(again, OTHER)
    assert await kernel.write() == {}


async def test_output_of_a_thread_after_the_cell_is_added(kernel: FakeKernel) -> None:
    run = kernel.ask(TRAIN, "train")
    kernel.print(run, "old\n")
    kernel.end(run)
    kernel.left()
    kernel.print(run, "late\n")
    await kernel.write()
    texts = ["".join(output["text"]) for output in kernel.read()["cells"][1]["outputs"]]
    assert "".join(texts) == "old\nlate\n"


async def test_progress_bars_clearing_updates_and_errors(kernel: FakeKernel) -> None:
    run = kernel.ask(TRAIN, "train")
    kernel.left()
    kernel.print(run, "junk\n")
    kernel.say("clear_output", run, {"wait": True})
    for percent in range(100):
        kernel.print(run, f"\r{percent} %")
    kernel.print(run, "\ndone\n")
    kernel.print(run, "careful\n", "stderr")
    shown = {"data": {"text/plain": "1"}, "metadata": {}, "transient": {"display_id": "d"}}
    kernel.say("display_data", run, shown)
    kernel.say("update_display_data", run, {**shown, "data": {"text/plain": "2"}})
    kernel.say("error", run, {"ename": "E", "evalue": "v", "traceback": ["t"]})
    kernel.end(run)
    await kernel.write()
    outputs = kernel.read()["cells"][1]["outputs"]
    assert [(o["output_type"], o.get("name")) for o in outputs] == [
        ("stream", "stdout"),
        ("stream", "stderr"),
        ("display_data", None),
        ("error", None),
    ]
    assert "".join(outputs[0]["text"]) == "99 %\ndone\n"
    assert outputs[2]["data"]["text/plain"] in ("2", ["2"])


async def test_too_much_is_cut_and_the_cut_is_said(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_room, "MOST_BYTES", 10_000)
    run = kernel.ask(TRAIN, "train")
    kernel.left()
    for _ in range(1000):
        kernel.print(run, "x" * 99 + "\n")
    kernel.say("error", run, {"ename": "E", "evalue": "v", "traceback": ["t"]})
    kernel.end(run)
    await kernel.write()
    outputs = kernel.read()["cells"][1]["outputs"]
    assert len(json.dumps(outputs)) < 20_000
    assert "was cut here" in "".join(outputs[1]["text"])
    assert outputs[2]["output_type"] == "error"


async def test_ten_megabytes_in_small_pieces_and_a_progress_bar_of_hours_are_taken_in_no_time(
    kernel: FakeKernel,
) -> None:
    run = kernel.ask(TRAIN, "train")
    kernel.left()
    begun = time.process_time()
    for number in range(4_000):
        kernel.print(run, f"{number} " + "x" * 400 + "\n")
    for number in range(8_000):
        kernel.print(run, f"\r{number:06} " + "=" * 200)
    assert time.process_time() - begun < 5
    kernel.print(run, "\nend\n", "stderr")
    kernel.end(run)
    await kernel.write()
    outputs = kernel.read()["cells"][1]["outputs"]
    text = "".join(outputs[0]["text"])
    assert text.endswith("\n007999 " + "=" * 200)
    assert len(text) < 9_000_000
    assert "".join(outputs[1]["text"]) == "\nend\n"


async def test_what_was_seen_leaves_room_for_what_was_not(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_room, "MOST_BYTES", 10_000)
    first = kernel.ask("unseen()", "unseen")
    kernel.left()
    kernel.print(first, "small\n")
    kernel.end(first)
    kernel.came(OTHER)
    for _ in range(10):
        seen = kernel.ask("seen()", "seen", OTHER)
        kernel.print(seen, "x" * 5000, session=OTHER)
        kernel.end(seen, OTHER)
    kernel.left(OTHER)
    last = kernel.ask(TRAIN, "train", OTHER)
    kernel.print(last, "whole\n", session=OTHER)
    kernel.end(last, OTHER)
    await kernel.write()
    assert "".join(kernel.read()["cells"][1]["outputs"][0]["text"]) == "whole\n"


async def test_a_notebook_that_is_written_meanwhile_is_left_alone(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = kernel.ask(TRAIN, "train")
    kernel.left()
    kernel.print(run, "new\n")
    kernel.end(run)
    get = kernel.contents.get

    async def get_and_change(path: str, content: bool = True, **more: Any) -> Any:
        model = await get(path, content=content, **more)  # type: ignore[no-untyped-call]
        if content:
            os.utime(kernel.folder / "train.ipynb", (1, 1))
        return model

    monkeypatch.setattr(kernel.contents, "get", get_and_change)
    await kernel.write()
    assert kernel.read() == NOTEBOOK
    assert len(kernel.beside()) == 1


async def test_where_nothing_can_be_written_it_is_spared_and_said(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    run = kernel.ask(TRAIN, "train")
    kernel.left()
    kernel.print(run, "new\n")
    kernel.end(run)
    monkeypatch.setattr(kernel.contents, "save", full)
    kept = await kernel.write()
    (spared,) = (kernel.folder.parent / "spare").glob("*.ipynb")
    assert kept["train.ipynb"].path is None
    assert str(spared) in str(kept["train.ipynb"].note)
    assert "new" in spared.read_text()
    assert kernel.read() == NOTEBOOK


async def test_the_server_s_end_writes_what_there_is(kernel: FakeKernel) -> None:
    run = kernel.ask(TRAIN, "train")
    kernel.left()
    kernel.print(run, "still running\n")
    await kernel.outputs.write_all()
    assert "".join(kernel.read()["cells"][1]["outputs"][0]["text"]) == "still running\n"


async def test_a_server_that_is_killed_leaves_it_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_lcc.idle.parachute.outputs.SPOOL_SECONDS", 0.01)
    (tmp_path / "root").mkdir()
    kernel = FakeKernel(tmp_path / "root", spools=True)
    run = kernel.ask(TRAIN, "train")
    kernel.left()
    kernel.print(run, "epoch 2\n")
    while not list((kernel.folder.parent / "unseen").glob("*.json")):
        await asyncio.sleep(0.01)
    after = FakeKernel(kernel.folder, spools=True)
    after.left()
    ((sighting, kept),) = await after.outputs.recover()
    assert (sighting.id, kept["train.ipynb"].path) == ("kernel:k", "train.ipynb")
    assert "".join(after.read()["cells"][1]["outputs"][0]["text"]) == "epoch 2\n"
    assert after.spool.left() == []
    assert await after.outputs.recover() == []


async def test_what_was_seen_after_all_is_not_recovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_lcc.idle.parachute.outputs.SPOOL_SECONDS", 0.01)
    (tmp_path / "root").mkdir()
    kernel = FakeKernel(tmp_path / "root", spools=True)
    run = kernel.ask(TRAIN, "train")
    kernel.left()
    kernel.print(run, "epoch 2\n")
    while not kernel.spool.left():
        await asyncio.sleep(0.01)
    kernel.came(PAGE)
    while kernel.spool.left():
        await asyncio.sleep(0.01)


async def test_messages_that_are_none_are_passed_over(kernel: FakeKernel) -> None:
    for parts in ([], [b"x"], [b"<IDS|MSG>"], [b"<IDS|MSG>", b"", b"{", b"", b"", b""]):
        kernel.outputs.hear("k", parts)
    kernel.outputs.page_asked("k", [b"{", b"", b"", b""])
    kernel.outputs.page_asked("k", [])
    assert await kernel.write() == {}


class FakeConnection:
    """A fake of Jupyter's websocket connection."""

    kernel_id = "k"

    class session:  # noqa: N801 -- Jupyter's name
        session = PAGE

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def handle_incoming_message(self, message: Any) -> None: ...


class FakeKernels:
    """A fake that wants no questions."""

    def is_waiting(self, _kernel_id: str) -> bool:
        return False

    def input_asked(self, _kernel_id: str) -> None: ...

    def input_given(self, _kernel_id: str) -> None: ...


class FakePages:
    """A fake that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def page_came(self, kernel_id: str, connection: object, session: str) -> None:
        self.told.append(("came", kernel_id, session))

    def page_left(self, kernel_id: str, connection: object, *, said_so: bool = True) -> None:
        self.told.append(("left", kernel_id, said_so))

    def page_asked(self, kernel_id: str, message: Any) -> None:
        self.told.append(("asked", kernel_id, *(json.loads(part) for part in message)))


def test_both_websocket_protocols_are_read() -> None:
    pages = FakePages()
    connection = observing_input(FakeConnection, FakeKernels(), pages)()
    connection.connect()
    parts = [{"msg_id": "m", "msg_type": "execute_request"}, {}, {"cellId": "c"}, {"code": "ü"}]
    names = ("header", "parent_header", "metadata", "content")
    connection.handle_incoming_message(json.dumps({**dict(zip(names, parts, strict=True)), "channel": "shell"}))
    pieces = [json.dumps(part).encode() for part in parts]
    connection.handle_incoming_message(serialize_msg_to_ws_v1(pieces, "shell"))  # type: ignore[no-untyped-call]
    connection.handle_incoming_message(json.dumps({"header": {"msg_type": "comm_msg"}}))
    connection.handle_incoming_message(b"\x00" * 40)
    connection.handle_incoming_message('not json "execute_request"')
    connection.disconnect()
    connection.websocket_handler = SimpleNamespace(close_code=1001)
    connection.disconnect()
    asked = ("asked", "k", *parts)
    assert pages.told == [("came", "k", PAGE), asked, asked, ("left", "k", False), ("left", "k", True)]


def _flatten(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
