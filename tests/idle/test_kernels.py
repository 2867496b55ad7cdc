"""The kernel adapter on real kernels of a real server."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.idle.kernel_questions import observing_input
from jupyter_lcc.idle.kernels import Kernels
from jupyter_lcc.idle.model import Sighting
from jupyter_lcc.idle.processes import read_table

pytestmark = pytest.mark.timeout(240)


class Bench:
    """Kernels seen through the adapter, and a client to talk to them."""

    def __init__(self, serverapp: Any) -> None:
        self.app = serverapp
        self.manager = serverapp.kernel_manager
        self.changed: list[str] = []
        self.clients: list[Any] = []
        self.kernels = Kernels(
            serverapp.kernel_manager,
            serverapp.session_manager,
            serverapp.kernel_spec_manager,
            SystemClock(),
            remote=False,
            log=logging.getLogger("jupyter_lcc.tests"),
        )
        self.kernels.listen(self.changed.append)

    async def see(self, kernel_id: str) -> Sighting:
        sightings = await self.kernels.observe(read_table())
        return next(s for s in sightings if s.id == f"kernel:{kernel_id}")

    async def until(self, kernel_id: str, wanted: Callable[[Sighting], bool]) -> Sighting:
        """Look until a condition holds; the test's time limit ends a hopeless wait."""
        while not wanted(seen := await self.see(kernel_id)):
            await asyncio.sleep(0.05)
        return seen

    async def client(self, kernel_id: str) -> Any:
        """Connect, and make sure that the adapter's own subscription has joined: ZMQ drops what comes before."""
        await self.see(kernel_id)
        client = self.manager.get_kernel(kernel_id).client()
        client.start_channels()
        self.clients.append(client)
        await client.wait_for_ready(timeout=30)
        while not any(e.signal == "machine_message" for e in (await self.see(kernel_id)).evidence):
            client.kernel_info()
            await asyncio.sleep(0.05)
        return client


@pytest.fixture
def bench(jp_serverapp: Any, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Bench]:
    made = Bench(jp_serverapp)
    yield made

    async def close() -> None:
        await made.kernels.close()
        for client in made.clients:
            client.stop_channels()
        await made.manager.shutdown_all(now=True)

    jp_asyncio_loop.run_until_complete(close())


async def test_a_kernel_nobody_spoke_with_is_starting_and_then_known_by_its_run_cells(
    bench: Bench, tmp_path: Path
) -> None:
    kernel_id = await bench.manager.start_kernel()
    assert bench.kernels.roster() == {f"kernel:{kernel_id}"}
    first = await bench.see(kernel_id)
    assert first.state == "starting"
    assert first.pid is not None
    client = await bench.client(kernel_id)
    idle = await bench.until(kernel_id, lambda s: s.state == "idle")
    assert idle.active_at == first.active_at, "kernel_info is not activity"
    seen = tmp_path / "seen working"
    client.execute(f"import os, time\nwhile not os.path.exists({str(seen)!r}): time.sleep(0.01)")
    busy = await bench.until(kernel_id, lambda s: s.state == "working")
    seen.touch()
    assert f"kernel:{kernel_id}" in bench.changed
    assert busy.since is not None
    done = await bench.until(kernel_id, lambda s: s.state == "idle")
    assert done.active_at is not None
    assert busy.since < done.active_at
    assert (done.memory_bytes or 0) > 10_000_000


async def test_chatter_is_told_and_is_not_activity(bench: Bench) -> None:
    kernel_id = await bench.manager.start_kernel()
    await bench.see(kernel_id)  # listen before anybody speaks
    client = await bench.client(kernel_id)
    before = await bench.until(kernel_id, lambda s: s.state == "idle")

    def told(request: str) -> Callable[[Sighting], bool]:
        return lambda seen: any(e.signal == "machine_message" and e.value == request for e in seen.evidence)

    client.history(hist_access_type="tail", n=10)
    await bench.until(kernel_id, told("history_request"))
    client.complete("impo", 4)
    await bench.until(kernel_id, told("complete_request"))
    client.execute("1", silent=True)
    await bench.until(kernel_id, told("execute_request"))
    # What the answer costs (it imports jedi) is work for a moment, like any other.
    after = await bench.until(kernel_id, lambda s: s.state == "idle")
    assert _activity(after) == _activity(before)


def _activity(seen: Sighting) -> list[tuple[str, object]]:
    return [(e.signal, e.value) for e in seen.evidence if e.means == "activity"]


async def test_a_kernel_killed_while_busy_counts_from_its_restart(bench: Bench) -> None:
    kernel_id = await bench.manager.start_kernel()
    client = await bench.client(kernel_id)
    await bench.see(kernel_id)
    client.execute("import time; time.sleep(600)")
    busy = await bench.until(kernel_id, lambda s: s.state == "working")
    assert busy.pid is not None
    os.kill(busy.pid, signal.SIGKILL)
    again = await bench.until(kernel_id, lambda s: s.pid != busy.pid and s.state != "working")
    assert again.state in ("starting", "idle")
    assert again.active_at is not None
    assert busy.active_at is not None
    assert again.active_at > busy.active_at
    await bench.kernels.shut_down(again.id)  # which waits for the restart
    assert bench.kernels.roster() == frozenset()


async def test_shutting_down_is_jupyters_own(bench: Bench) -> None:
    model = await bench.app.session_manager.create_session(
        path="deep/train.ipynb", name="train.ipynb", type="notebook", kernel_name="python3"
    )
    kernel_id = model["kernel"]["id"]
    seen = await bench.see(kernel_id)
    assert seen.name == "train.ipynb"
    assert [session.path for session in seen.sessions] == ["deep/train.ipynb"]
    await bench.kernels.shut_down(seen.id)
    assert bench.kernels.look_again(seen.id) is None
    assert await bench.app.session_manager.list_sessions() == []
    assert await bench.kernels.observe(read_table()) == []


async def test_a_kernelspec_brings_its_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = bench.app.kernel_spec_manager.get_kernel_spec("python3")
    for given, taken in ((45, 45), ("45", None), (True, None), (None, None)):
        spec.metadata["cull_idle_timeout"] = given
        monkeypatch.setattr(bench.app.kernel_spec_manager, "get_kernel_spec", lambda _name: spec)
        kernel_id = await bench.manager.start_kernel()
        assert (await bench.see(kernel_id)).own_limit_seconds == taken


class FakeConnection:
    """A fake of Jupyter's kernel websocket connection: takes messages and keeps them."""

    kernel_id = "k"

    def __init__(self) -> None:
        self.passed_on: list[Any] = []

    def handle_outgoing_message(self, *message: Any) -> None:
        self.passed_on.append(message)

    def handle_incoming_message(self, message: Any) -> None:
        self.passed_on.append(message)


class FakeStream:
    """A fake ZMQ stream of one channel."""

    def __init__(self, channel: str) -> None:
        self.channel = channel


def test_questions_to_a_person_are_noticed_and_every_message_is_passed_on(bench: Bench) -> None:
    connection = observing_input(FakeConnection, bench.kernels)()
    connection.handle_outgoing_message(FakeStream("iopub"), [b"..."])
    assert not bench.kernels.is_waiting("k")
    connection.handle_outgoing_message(FakeStream("stdin"), [b"..."])
    assert bench.kernels.is_waiting("k")
    connection.handle_incoming_message('{"header": {"msg_type": "comm_msg"}}')
    assert bench.kernels.is_waiting("k")
    connection.handle_incoming_message(b'...{"msg_type": "input_reply"}...')
    assert not bench.kernels.is_waiting("k")
    connection.handle_outgoing_message('{"header": {"msg_type": "input_request"}}')  # a gateway's
    assert bench.kernels.is_waiting("k")
    assert len(connection.passed_on) == 5
    assert bench.changed == ["kernel:k"] * 3


async def test_a_kernel_that_is_just_restarting_is_shut_down_when_it_can_be(bench: Bench) -> None:
    kernel_id = await bench.manager.start_kernel()
    seen = await bench.see(kernel_id)
    kernel = bench.manager.get_kernel(kernel_id)
    done, kernel._ready = kernel._ready, asyncio.get_running_loop().create_future()
    shutdown = asyncio.ensure_future(bench.kernels.shut_down(seen.id))
    await asyncio.sleep(0.3)
    assert not shutdown.done()
    kernel._ready = done
    await shutdown
    assert bench.kernels.roster() == frozenset()
