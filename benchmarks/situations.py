"""Who decides rightly? Real kernels, terminals and jobs in situations of daily life, judged by what others run.

Each situation is played on real servers, once for each tool, and lasts longer than the limit that all tools are
given. At the end it is known what would be right: some must have been shut down, some must still run.

- ours: a server with jupyter_lcc; the process lives or it doesn't.
- culling: a server with Jupyter's own culling of kernels and terminals; the process lives or it doesn't.
- native: `GET /api/idle` of jupyter-activity-monitor-extension, the answer SageMaker's own idle shutdown goes by.
  The machine is judged, so each situation has a server to itself. It is stopped if the answer is older than the limit.
- cron script: the rule of the auto-stop scripts that cron starts on SageMaker, applied to the same server's
  answers: sessions that aren't idle keep, so do recent ones and recent terminals; times are compared with the local
  clock without its zone, as those scripts do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

from tests.black_box.server import PYTHON, Kernel, Limits, Server, Terminal, clean_up_all, is_running

LIMIT = 20
WARN = 5
SLACK = 12
"""Seconds after the limit and the warning at which everything is judged."""

LASTS = 150
"""Seconds that the works go on: longer than anybody looks."""

BATCH = 6
"""Servers of one situation each that run at once."""


@dataclass
class Scene:
    """A server with what is played on it; what is to be judged are the processes in `pids`."""

    server: Server
    pids: list[int] = field(default_factory=list)
    going_on: list[asyncio.Task[None]] = field(default_factory=list)
    kept: list[Kernel | Terminal] = field(default_factory=list)
    sources: list[asyncio.Server] = field(default_factory=list)

    async def kernel(self, *, notebook: bool = True) -> Kernel:
        kernel = await self.server.start_kernel(session=f"{uuid4().hex}.ipynb" if notebook else None)
        self.pids.append(kernel.pid)
        self.kept.append(kernel)
        return kernel

    async def terminal(self, *lines: str) -> Terminal:
        terminal = await self.server.start_terminal()
        self.pids.append(terminal.pid)
        self.kept.append(terminal)
        await terminal.wait_prompt()
        for line in lines:
            await terminal.type(line)
            await asyncio.sleep(0.5)
        return terminal

    def go_on(self, act: Callable[[], Awaitable[object]], every: float) -> None:
        """Do it again and again until everything is judged; what is gone needs no more of it."""

        async def repeat() -> None:
            while True:
                await asyncio.sleep(every)
                try:
                    await asyncio.wait_for(act(), 10)
                except Exception:
                    return

        self.going_on.append(asyncio.create_task(repeat()))

    async def close(self) -> None:
        for task in self.going_on:
            task.cancel()
        await asyncio.gather(*self.going_on, return_exceptions=True)
        for thing in self.kept:
            await thing.disconnect()
        for source in self.sources:
            source.close()


@dataclass(frozen=True)
class Situation:
    """What is the case, and whether it must be kept."""

    told: str
    keep: bool
    play: Callable[[Scene], Awaitable[object]]
    zone: str = "UTC"


SITUATIONS: list[Situation] = []


def situation(told: str, *, keep: bool, zone: str = "UTC") -> Callable[[Callable[[Scene], Awaitable[object]]], None]:
    """Add a situation to the list: how it is told, and whether what is played must be kept."""

    def add(play: Callable[[Scene], Awaitable[object]]) -> None:
        SITUATIONS.append(Situation(told, keep, play, zone))

    return add


# -- kernels -----------------------------------------------------------------------------------------------


@situation("A kernel nobody ever used", keep=False)
async def _(scene: Scene) -> None:
    await scene.kernel()


@situation("A cell ran, the tab was closed", keep=False)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.run("x = 1")
    await kernel.disconnect()


@situation("A cell ran, the tab was left open", keep=False)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.run("x = 1")


@situation("The same, with the panel of kernel usage open", keep=False)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.run("x = 1")
    scene.go_on(lambda: kernel.ask("usage_request", channel="control"), 2)


@situation("The same, with a widget's heartbeat", keep=False)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.run("x = 1")
    scene.go_on(lambda: kernel.send("comm_msg", {"comm_id": "none", "data": {}}), 2)


@situation("A silent cell computes, the tab is open", keep=True)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.begin(f"import time\nend = time.time() + {LASTS}\nwhile time.time() < end: time.sleep(0.01)")


@situation("A silent cell computes, the tab is closed", keep=True)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.begin(f"import time; time.sleep({LASTS})")
    await kernel.disconnect()


@situation("A cell prints every second, the tab is closed", keep=True)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.begin(f"import time\nfor i in range({LASTS}): time.sleep(1); print(i, flush=True)")
    await kernel.disconnect()


@situation("A kernel without a notebook computes (a script's, an API client's)", keep=True)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel(notebook=False)
    await kernel.begin(f"import time\nfor i in range({LASTS}): time.sleep(1); print(i, flush=True)")
    await kernel.disconnect()


@situation("A cell waits in input() for a person who left", keep=False)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.question_of(await kernel.begin("input('go on?')", allow_stdin=True))


THREAD = f"""
import threading, time
def work():
    end = time.time() + {LASTS}
    while time.time() < end: sum(range(10000))
threading.Thread(target=work, daemon=True).start()
"""


@situation("The cell has returned, its thread computes", keep=True)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.run(THREAD)
    await kernel.disconnect()


CHILD = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {code!r}]{more})"
COMPUTES = f"import time\nend = time.time() + {LASTS}\nwhile time.time() < end: sum(range(10000))"


@situation("The cell has returned, its child process computes", keep=True)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.run(CHILD.format(code=COMPUTES, more=""))
    await kernel.disconnect()


@situation("The same in a session of its own (setsid)", keep=True)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.run(CHILD.format(code=COMPUTES, more=", start_new_session=True"))
    await kernel.disconnect()


@situation("The cell has returned, its child process sleeps", keep=False)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.run(CHILD.format(code=f"import time; time.sleep({LASTS})", more=""))
    await kernel.disconnect()


DOWNLOADS = """
import socket, threading
def download():
    with socket.create_connection(("127.0.0.1", {port})) as connection:
        while connection.recv(65536): pass
threading.Thread(target=download, daemon=True).start()
"""


async def _trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a megabyte a second."""
    try:
        while True:
            writer.write(bytes(250_000))
            await writer.drain()
            await asyncio.sleep(0.25)
    except (OSError, asyncio.CancelledError):
        writer.close()


@situation("The cell has returned, its thread downloads at 1 MB/s", keep=True)
async def _(scene: Scene) -> None:
    source = await asyncio.start_server(_trickle, "127.0.0.1", 0)
    scene.sources.append(source)
    kernel = await scene.kernel()
    await kernel.run(DOWNLOADS.format(port=source.sockets[0].getsockname()[1]))
    await kernel.disconnect()


HEARTBEAT = """
import threading, time
def beat():
    while True: time.sleep(1); open("/dev/null", "w").write("alive")
threading.Thread(target=beat, daemon=True).start()
"""


@situation("The cell has returned, a thread of its library beats each second", keep=False)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.run(HEARTBEAT)
    await kernel.disconnect()


@situation("The kernel died while it computed and was started again, nobody looks", keep=False)
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.run("import os")
    await kernel.send("execute_request", {"code": "os._exit(1)", "silent": False})
    await asyncio.sleep(1)
    await kernel.disconnect()
    for _ in range(150):
        if kernel.find_process() not in (0, scene.pids[-1]):
            break
        await asyncio.sleep(0.2)
    scene.pids[-1] = kernel.find_process()


# -- terminals and jobs ------------------------------------------------------------------------------------


@situation("A terminal left at its prompt", keep=False)
async def _(scene: Scene) -> None:
    await scene.terminal("ls\r")


@situation("The same, with a tab that reconnects", keep=False)
async def _(scene: Scene) -> None:
    terminal = await scene.terminal("ls\r")
    scene.go_on(terminal.connect, 4)


@situation("A terminal with a silent job", keep=True)
async def _(scene: Scene) -> None:
    await (await scene.terminal(f"sleep {LASTS}\r")).disconnect()


@situation("A terminal with a silent job in the background", keep=True)
async def _(scene: Scene) -> None:
    await (await scene.terminal(f"nohup sleep {LASTS} >/dev/null 2>&1 &\r")).disconnect()


@situation("A terminal with a forgotten top", keep=False)
async def _(scene: Scene) -> None:
    await scene.terminal("top -d 1\r")


@situation("A terminal with a page of the manual left open", keep=False)
async def _(scene: Scene) -> None:
    await scene.terminal("less /etc/services\r")


async def _detached(scene: Scene, begin: str) -> None:
    """Only the job is judged, not the terminal it came from."""
    mark = f"{LASTS}.{len(scene.kept)}{id(scene) % 10000}"
    terminal = await scene.terminal(begin.format(job=f"sleep {mark}"))
    scene.pids.remove(terminal.pid)
    await asyncio.sleep(1)
    scene.pids.extend(_pids_of(mark))
    await terminal.disconnect()
    await scene.server.call("DELETE", terminal.path)


@situation("A nohup job outlives its terminal", keep=True)
async def _(scene: Scene) -> None:
    await _detached(scene, "nohup {job} >/dev/null 2>&1 &\r")


@situation("A setsid job outlives its terminal", keep=True)
async def _(scene: Scene) -> None:
    await _detached(scene, "setsid {job} >/dev/null 2>&1 &\r")


# -- clocks ------------------------------------------------------------------------------------------------


@situation("In Seoul, a kernel that is used every few seconds", keep=True, zone="Asia/Seoul")
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    scene.go_on(lambda: kernel.run("x = 1"), 4)


@situation("In Los Angeles, a kernel that was left", keep=False, zone="America/Los_Angeles")
async def _(scene: Scene) -> None:
    kernel = await scene.kernel()
    await kernel.run("x = 1")
    await kernel.disconnect()


# -- the tools ---------------------------------------------------------------------------------------------


def _server(name: str, zone: str, **more: object) -> Server:
    files = {".bashrc": "PS1='$ '\n"}
    environment = {"TZ": zone, "PS1": "$ "}
    return Server(name=name, files=files, environment=environment, **more)  # type: ignore[arg-type]


def _with_ours(zone: str) -> Server:
    limits = Limits(kernel=LIMIT, terminal=LIMIT, waiting=LIMIT, warn=WARN)
    return _server("ours", zone, limits=limits)


WITHOUT = {"jupyter_lcc": False, "jupyter_server_terminals": True}


def _with_culling(zone: str) -> Server:
    options = [
        f"--MappingKernelManager.cull_idle_timeout={LIMIT}",
        "--MappingKernelManager.cull_interval=1",
        f"--TerminalManager.cull_inactive_timeout={LIMIT}",
        "--TerminalManager.cull_interval=1",
    ]
    return _server("culling", zone, limits=None, options=options, extensions=WITHOUT)


def _to_be_asked(zone: str) -> Server:
    extensions = {**WITHOUT, "jupyter_activity_monitor_extension": True}
    return _server("asked", zone, limits=None, extensions=extensions)


async def _native_keeps(server: Server) -> bool:
    told = (await server.call("GET", "api/idle", expect=200)).json()["lastActiveTimestamp"]
    return _age(told) <= LIMIT


async def _script_keeps(server: Server, zone: str, began: float) -> bool:
    local = datetime.now(ZoneInfo(zone)).replace(tzinfo=None)
    sessions = (await server.call("GET", "api/sessions", expect=200)).json()
    terminals = (await server.call("GET", "api/terminals", expect=200)).json()
    for session in sessions:
        kernel = session["kernel"]
        if kernel["execution_state"] != "idle" or local - _naive(kernel["last_activity"]) <= timedelta(seconds=LIMIT):
            return True
    if any(local - _naive(terminal["last_activity"]) <= timedelta(seconds=LIMIT) for terminal in terminals):
        return True
    return not (sessions or terminals) and time.monotonic() - began <= LIMIT


def _naive(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp.upper().replace("Z", "+00:00")).replace(tzinfo=None)


def _age(stamp: str) -> float:
    told = datetime.fromisoformat(stamp.upper().replace("Z", "+00:00"))
    return (datetime.now(told.tzinfo) - told).total_seconds()


# -- playing -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def _running(server: Server) -> AsyncIterator[Server]:
    try:
        yield await server.start()
    finally:
        await asyncio.to_thread(server.clean_up)


async def _play(scene: Scene, one: Situation) -> None:
    await asyncio.wait_for(one.play(scene), 120)


async def _live_on(make: Callable[[str], Server], chosen: Sequence[Situation]) -> list[bool]:
    """Play everything on one server for each time zone, and tell whose processes live in the end."""
    kept: dict[int, bool] = {}
    for zone in dict.fromkeys(one.zone for one in chosen):
        async with _running(make(zone)) as server:
            scenes: list[tuple[Situation, Scene]] = []
            for one in chosen:
                if one.zone == zone:
                    scene = Scene(server)
                    await _play(scene, one)
                    scenes.append((one, scene))
            await asyncio.sleep(LIMIT + WARN + SLACK)
            for one, scene in scenes:
                kept[id(one)] = all(map(is_running, scene.pids)) and bool(scene.pids)
                await scene.close()
    return [kept[id(one)] for one in chosen]


async def _asked(one: Situation) -> tuple[bool, bool]:
    """Play one situation on a server of its own; tell whether native and the script keep the machine."""
    async with _running(_to_be_asked(one.zone)) as server:
        began, scene = time.monotonic(), Scene(server)
        await _play(scene, one)
        await server.call("GET", "api/idle", expect=200)
        await asyncio.sleep(LIMIT + WARN + SLACK)
        judged = await _native_keeps(server), await _script_keeps(server, one.zone, began)
        await scene.close()
        return judged


async def judge(chosen: Sequence[Situation], *, only_ours: bool) -> list[tuple[Situation, dict[str, bool]]]:
    """Play all; for each situation tell which tool keeps it running."""
    ours = await _live_on(_with_ours, chosen)
    if only_ours:
        return [(one, {"ours": mine}) for one, mine in zip(chosen, ours, strict=True)]
    culling = await _live_on(_with_culling, chosen)
    asked: list[tuple[bool, bool]] = []
    for begin in range(0, len(chosen), BATCH):
        asked += await asyncio.gather(*map(_asked, chosen[begin : begin + BATCH]))
    return [
        (one, {"ours": mine, "culling": theirs, "native": native, "cron script": script})
        for one, mine, theirs, (native, script) in zip(chosen, ours, culling, asked, strict=True)
    ]


def as_table(judged: Sequence[tuple[Situation, dict[str, bool]]]) -> str:
    """Write one line for each situation: what is right, and who does it."""
    tools = list(judged[0][1])
    lines = ["| situation | right | " + " | ".join(tools) + " |", "| --- | --- |" + " --- |" * len(tools)]
    for one, kept in judged:
        right = "keep" if one.keep else "stop"
        cells = ["yes" if kept[tool] == one.keep else "**no**" for tool in tools]
        lines.append(f"| {one.told} | {right} | " + " | ".join(cells) + " |")
    sums = [sum(kept[tool] == one.keep for one, kept in judged) for tool in tools]
    lines.append(f"| **decided rightly, of {len(judged)}** | | " + " | ".join(f"**{each}**" for each in sums) + " |")
    return "\n".join(lines)


def _pids_of(mark: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().split(b"\0")[:2] == [b"sleep", mark.encode()]:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def main() -> int:
    """Judge all situations; 1 if ours decides one wrongly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.situations", description=__doc__)
    parser.add_argument("--only", default="", help="only situations with this in their description")
    parser.add_argument("--ours", action="store_true", help="judge ours alone, and keep no results")
    options = parser.parse_args()
    chosen = [one for one in SITUATIONS if options.only.lower() in one.told.lower()]
    try:
        judged = asyncio.run(judge(chosen, only_ours=options.ours))
    finally:
        clean_up_all()
    sys.stdout.write(as_table(judged) + "\n")
    if options.ours:
        return 0 if all(kept["ours"] == one.keep for one, kept in judged) else 1
    results = [{"situation": one.told, "right": "keep" if one.keep else "stop", **kept} for one, kept in judged]
    Path(__file__).with_name("situations.json").write_text(json.dumps(results, indent=2) + "\n")
    return 0 if all(kept["ours"] == one.keep for one, kept in judged) else 1


if __name__ == "__main__":
    assert sys.executable == PYTHON
    sys.exit(main())
