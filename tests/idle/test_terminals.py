"""The terminal adapter on real terminals with real programs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.idle.model import Sighting
from jupyter_lcc.idle.processes import read_table
from jupyter_lcc.idle.terminals import Terminals

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere terminals are unknown, and kept"),
]


class Bench:
    """Terminals seen through the adapter."""

    def __init__(self, serverapp: Any) -> None:
        self.manager = serverapp.web_app.settings["terminal_manager"]
        self.changed: list[str] = []
        self.terminals = Terminals(lambda: self.manager, SystemClock())
        self.terminals.listen(self.changed.append)

    def open(self) -> str:
        name: str = self.manager.create()["name"]
        return name

    def type(self, name: str, text: str) -> None:
        self.manager.terminals[name].ptyproc.write(text)

    async def see(self, name: str) -> Sighting:
        sightings = await self.terminals.observe(read_table())
        return next(s for s in sightings if s.id == f"terminal:{name}")

    async def until(self, name: str, wanted: Callable[[Sighting], bool]) -> Sighting:
        while not wanted(seen := await self.see(name)):
            await asyncio.sleep(0.05)
        return seen


def says(signal: str, value: str | None = None) -> Callable[[Sighting], bool]:
    return lambda seen: any(e.signal == signal and (value is None or e.value == value) for e in seen.evidence)


@pytest.fixture
def bench(jp_serverapp: Any, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Bench]:
    made = Bench(jp_serverapp)
    yield made

    async def close() -> None:
        await made.terminals.close()
        await made.manager.terminate_all()

    jp_asyncio_loop.run_until_complete(close())


@pytest.mark.parametrize(
    ("command", "signal", "program", "state"),
    [
        ("sleep 100", "terminal_job", "sleep", "working"),
        ("sleep 100 &", "terminal_background", "sleep", "working"),
        ("while :; do :; done", "terminal_job", "the shell", "working"),
        ("seq 100000 | less", "terminal_interactive", "less", "idle"),
        ("less /etc/services", "terminal_interactive", "less", "idle"),
        (f"{sys.executable} -q -i", "terminal_interactive", None, "idle"),
        (f"{sys.executable} -c 'input()'", "terminal_question", None, "waiting"),
        (f"{sys.executable} -c 'import time; time.sleep(100)'", "terminal_job", None, "working"),
        ("(sleep 100; true) | cat", "terminal_job", None, "working"),
        ("bash --norc", "terminal_prompt", None, "idle"),
        ("read answer", "terminal_prompt", None, "idle"),
    ],
)
async def test_what_runs_is_told_from_what_waits(
    bench: Bench, command: str, signal: str, program: str | None, state: str
) -> None:
    name = bench.open()
    await bench.until(name, says("terminal_prompt"))
    bench.type(name, command + "\r")
    if program == "the shell":
        pid = bench.manager.terminals[name].ptyproc.pid
        program = read_table().rows[pid].name
    seen = await bench.until(name, says(signal, program))
    assert seen.state == state
    await asyncio.sleep(0.3)
    assert (await bench.see(name)).state == state, "it stays so"


async def test_a_stopped_job_is_no_work(bench: Bench) -> None:
    name = bench.open()
    bench.type(name, "sleep 100\r")
    await bench.until(name, says("terminal_job"))
    bench.type(name, "\x1a")
    seen = await bench.until(name, says("terminal_prompt"))
    assert seen.state == "idle"


async def test_the_end_of_a_job_is_activity(bench: Bench) -> None:
    name = bench.open()
    bench.type(name, "sleep 1\r")
    working = await bench.until(name, lambda s: s.state == "working")
    assert working.since is not None
    idle = await bench.until(name, lambda s: s.state == "idle")
    assert idle.active_at is not None
    assert 0.5 < (idle.active_at - working.since).total_seconds() < 3


async def test_typing_is_activity_and_reconnecting_is_not(bench: Bench, jp_ws_fetch: Any) -> None:
    name = bench.open()
    before = await bench.until(name, says("terminal_prompt"))
    await asyncio.sleep(0.3)
    socket = await jp_ws_fetch("terminals", "websocket", name)
    await socket.write_message(json.dumps(["set_size", 31, 97, 0, 0]))
    await socket.write_message(json.dumps(["stdin", "\x1b[24;80R"]))  # the screen's own answer
    for _ in range(3):
        await socket.read_message()
    await asyncio.sleep(0.2)
    assert (await bench.see(name)).active_at == before.active_at
    assert bench.changed == []
    await socket.write_message(json.dumps(["stdin", "l"]))
    typed = await bench.until(name, lambda s: s.active_at != before.active_at)
    assert before.active_at is not None
    assert typed.active_at is not None
    assert typed.active_at > before.active_at
    assert bench.changed == [f"terminal:{name}"]
    socket.close()


async def test_typing_before_the_first_look_is_not_taken_for_older_than_it_was(bench: Bench) -> None:
    """The device's clock has blocks of 8 seconds; a key late in one must not lose what came before it."""
    clock = SystemClock()
    name = bench.open()
    await asyncio.sleep(1.2)  # the shell has started, and the next second of the device's clock has begun
    typed_at = clock.now()
    bench.type(name, "x")
    await asyncio.sleep(0.3)
    seen = await bench.see(name)
    assert seen.active_at is not None
    assert (seen.active_at - typed_at).total_seconds() > -0.05


async def test_shutting_down_is_jupyters_own(bench: Bench) -> None:
    name = bench.open()
    await bench.see(name)
    await bench.terminals.shut_down(f"terminal:{name}")
    assert bench.terminals.roster() == frozenset()
    assert bench.terminals.look_again(f"terminal:{name}") is None


async def test_without_terminals_there_are_none() -> None:
    terminals = Terminals(lambda: None, SystemClock())
    assert terminals.roster() == frozenset()
    assert await terminals.observe(read_table()) == []


@pytest.mark.parametrize("name", ["\ud800x", 123, "x" * 5000, "../../etc", "이름"])
async def test_any_name_jupyter_takes_is_seen_and_shut_down(bench: Bench, name: Any) -> None:
    bench.manager.create(name=name)
    other = bench.open()
    await bench.until(other, says("terminal_prompt"))
    seen = {s.id: s for s in await bench.terminals.observe(read_table())}
    assert len(seen) == 2
    assert f"terminal:{other}" in seen
    assert bench.terminals.roster() == set(seen)
    (strange,) = (s for i, s in seen.items() if i != f"terminal:{other}")
    assert msgspec.json.decode(msgspec.json.encode(strange), type=Sighting) == strange
    await bench.terminals.shut_down(strange.id)
    assert bench.terminals.roster() == {f"terminal:{other}"}
