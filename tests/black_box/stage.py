"""Many cases at once on few servers: a stage is one server, a case is a coroutine that plays on it.

A case says when something must stop or that it must live; the stage watches the processes themselves. All
cases of a wave of stages run together, because most of their time is waiting; each is one test with its own result.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from .server import EventStream, Kernel, Limits, Moment, Server, Terminal, is_running

SEED = int(os.environ.get("LCC_BLACKBOX_SEED") or random.SystemRandom().randrange(10**6))
LATEST = 2.5
"""Seconds after its due time by which a thing has to be gone."""

DYING = 4.0
"""What a process may take longer to end on a machine with too few cores, if its shutdown was begun in time."""

SURVIVES = 3.0
"""Seconds after the due time of its twin at which a thing still has to be there."""

KERNELS_AT_ONCE = 3
"""A kernel takes about a second of CPU to start; more at once would only make each other late."""

COMPUTING_AT_ONCE = 2
"""What computes on purpose takes a core; others have to be on time meanwhile."""

Case = Callable[["Stage"], Awaitable[None]]


@dataclass(frozen=True)
class Play:
    """A stage by name: how its server is made, and what is played on it. Plays of one wave run together."""

    name: str
    make: Callable[[], Server]
    wave: int
    cases: dict[str, Case] = field(default_factory=dict)
    checks: dict[str, Case] = field(default_factory=dict)
    """Played when all cases are over: the server's own log, what is left behind."""

    def case(self, function: Case) -> Case:
        self.cases[function.__name__] = function
        return function

    def check(self, function: Case) -> Case:
        self.checks[function.__name__] = function
        return function


PLAYS: dict[str, Play] = {}


def play(name: str, make: Callable[[], Server], *, wave: int = 2) -> Play:
    PLAYS[name] = Play(name, make, wave)
    return PLAYS[name]


def random_limits(name: str) -> Limits:
    """Limits nobody could have tuned the code for; the same for the same seed."""
    dice = random.Random(f"{SEED}/{name}")
    return Limits(
        kernel=dice.randint(10, 13),
        terminal=dice.randint(10, 13),
        waiting=dice.randint(15, 18),
        warn=dice.randint(3, 5),
    )


class Slowness:
    """How late this machine makes everybody: with all cores taken, or the disk, nobody can be on time.

    The kernel says how long at least one process waited for a core or for the disk (`/proc/pressure`), which no
    single delay that is not ours can exceed; and this process's own lateness shows what no kernel tells, a machine
    that stood still.
    """

    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []

    async def watch(self) -> None:
        waited = _waited()
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.1)
            now = time.monotonic()
            waited, waited_before = _waited(), waited
            self._late.append((now, max(now - before - 0.12, waited - waited_before, 0.0)))

    def within(self, earliest: float, latest: float) -> float:
        """The sum of what was lost in a time."""
        return sum(late for at, late in self._late if earliest <= at <= latest + late)


def _waited() -> float:
    """For how many seconds since the machine's start somebody waited for a core or the disk, if it says so."""
    seconds = 0.0
    for resource in ("cpu", "io"):
        with contextlib.suppress(OSError, ValueError):
            some = Path(f"/proc/pressure/{resource}").read_text().splitlines()[0]
            seconds += int(some.rpartition("total=")[2]) / 1e6
    return seconds


class Stage:
    """One running server and what the cases need."""

    kernels_starting: asyncio.Semaphore
    slowness: Slowness
    computing: asyncio.Semaphore

    def __init__(self, server: Server) -> None:
        self.server = server
        assert server.limits is not None
        self.limits = server.limits
        self.events: EventStream
        self._open: list[Kernel | Terminal] = []

    # -- props ---------------------------------------------------------------------------------------------

    async def kernel(self, spec: str = "python3", *, session: str | None = None, connect: bool = True) -> Kernel:
        """Start a kernel; when it is given back, it answers."""
        async with self.kernels_starting:
            kernel = await self.server.start_kernel(spec, session=session)
            self._open.append(kernel)
            if connect:
                await kernel.connect()
                await kernel.ask("kernel_info_request")
        return kernel

    async def two_kernels(self) -> tuple[Kernel, Kernel, Moment]:
        """Start a kernel and its twin; both have just been used when they are given back."""
        async with self.kernels_starting:
            paths = [f"{uuid4().hex}.ipynb" for _ in range(2)]  # Jupyter gives one path one kernel
            both = [await self.server.start_kernel(session=path) for path in paths]
            self._open += both
            for kernel in both:
                await kernel.connect()
                await kernel.ask("kernel_info_request")
        before = time.monotonic()
        ended = [await kernel.run("1") for kernel in both]
        return both[0], both[1], Moment(before, ended[1].latest)

    async def terminal(self, *, numbered: bool = False, connect: bool = True) -> Terminal:
        """Open a terminal and, if somebody connects, wait for its prompt."""
        terminal = await self.server.start_terminal(numbered=numbered)
        self._open.append(terminal)
        if connect:
            await terminal.wait_prompt()
        return terminal

    async def close(self) -> None:
        for thing in self._open:
            await thing.disconnect()

    # -- judgements ----------------------------------------------------------------------------------------

    async def stops(
        self, thing: Kernel | Terminal, activity: Moment, limit: float, *, pid: int | None = None, extra: float = 0.0
    ) -> float:
        """It lives until `limit` after the activity and is gone at most LATEST after that; give when it ended."""
        pid = pid or thing.pid
        due = activity.plus(limit)
        ended = await self._watch(pid, due.latest + LATEST + extra + 15)
        slow = self.slowness.within(due.earliest, due.latest + LATEST + extra)
        away = f"ended {ended - due.latest:+.2f} s" if ended else f"not ended {time.monotonic() - due.latest:.1f} s"
        told = f"{thing.id} {away} from its due time"
        if ended is None or not due.earliest - 0.1 <= ended <= due.latest + LATEST + extra + slow:
            told += await self.history(thing)
        assert ended is not None, told
        assert ended >= due.earliest - 0.1, told + " (too early)"
        if ended > due.latest + LATEST + extra + slow:
            begun = await self._begun(thing)
            assert begun is not None, told + " (never begun)"
            assert begun <= due.latest + LATEST / 2 + slow, told + f" (machine late by {slow:.2f} s)"
            assert ended <= due.latest + LATEST + extra + slow + DYING, told + " (begun in time, and took too long)"
        await self.is_gone(thing)
        return ended

    async def is_unlisted(self, thing: Kernel | Terminal, earliest: float, latest: float) -> None:
        """What has no process any more is taken off Jupyter's list between these times."""
        while (await self.server.call("GET", thing.path)).status != 404:
            late = time.monotonic() - latest - LATEST
            assert late < self.slowness.within(earliest, latest + LATEST), (
                f"{thing.id} still listed, late by {late:.1f} s"
            )
            await asyncio.sleep(0.2)
        assert time.monotonic() >= earliest - 0.1, f"{thing.id} gone {earliest - time.monotonic():.1f} s too early"

    async def is_gone(self, thing: Kernel | Terminal) -> None:
        """Jupyter's own list doesn't have it any more."""
        since = time.monotonic()
        while (await self.server.call("GET", thing.path)).status != 404:
            assert not self.took_longer(since, 3), f"{thing.id} has no process and is still listed"
            await asyncio.sleep(0.1)

    async def end_of(self, thing: Kernel | Terminal) -> float:
        """Wait for the end of its process."""
        ended = await self._watch(thing.pid, time.monotonic() + 60)
        assert ended is not None, f"{thing.id} does not end"
        return ended

    async def lives_until(self, thing: Kernel | Terminal, until: float, *, pid: int | None = None) -> None:
        """It is there at each moment until then."""
        ended = await self._watch(pid or thing.pid, until)
        assert ended is None, f"{thing.id} ended {until - (ended or 0):.2f} s before the end of the watch"
        assert (await self.server.call("GET", thing.path)).status == 200

    async def outlives(
        self, thing: Kernel | Terminal, activity: Moment, limit: float, *, pid: int | None = None
    ) -> None:
        """It is there SURVIVES after the time a twin would have been stopped at."""
        await self.lives_until(thing, activity.latest + limit + LATEST + SURVIVES, pid=pid)

    async def becomes(self, thing: Kernel | Terminal, seconds: float = 10, **fields: Any) -> dict[str, Any]:
        """The server sees it so before long."""
        since = time.monotonic()
        while True:
            target = await self.server.target(thing.id)
            if target is not None and all(target[name] == value for name, value in fields.items()):
                return target
            seen = {name: target[name] for name in fields} if target else None
            assert not self.took_longer(since, seconds), f"{thing.id}: expected {fields}, saw {seen}"
            await asyncio.sleep(0.25)

    async def would_be_gone(self, thing: Kernel | Terminal) -> dict[str, Any]:
        """Wait for the log's line: where nothing is shut down it comes with the last look, a moment after the time."""
        since = time.monotonic()
        while (line := (await self.server.decisions(thing.id))[-1])["verdict"] != "shut_down":
            assert not self.took_longer(since, 5), line
            await asyncio.sleep(0.1)
        return line

    async def last_decision(self, thing: Kernel | Terminal) -> dict[str, Any]:
        """The last line of the log on something that is gone, once the server has noticed that it is."""
        since = time.monotonic()
        while await self.server.target(thing.id) is not None:
            assert not self.took_longer(since, 5), f"{thing.id} is gone and still shown"
            await asyncio.sleep(0.2)
        return (await self.server.decisions(thing.id))[-1]

    def took_longer(self, since: float, seconds: float) -> bool:
        """Tell whether something took longer than this, without what the machine itself lost meanwhile."""
        now = time.monotonic()
        return now - since > seconds + self.slowness.within(since, now)

    async def _begun(self, thing: Kernel | Terminal) -> float | None:
        """When the log says that its shutdown was begun, on the monotonic clock."""
        now, wall = time.monotonic(), time.time()
        times = [d["at"] for d in await self.server.decisions(thing.id) if d["change"] == "shut_down"]
        return now - wall + datetime.fromisoformat(times[-1].replace("Z", "+00:00")).timestamp() if times else None

    async def history(self, thing: Kernel | Terminal) -> str:
        """What the log has on it, for the report of a failed case."""
        lines = await self.server.decisions(thing.id)
        return "".join(
            f"\n  {d['at'][11:23]} {d['change']} {d['state']} {d['verdict']} {d['reason']}; "
            f"active {d['last_activity_at']}; " + ", ".join(f"{e['signal']}={e['value']}" for e in d["evidence"])
            for d in lines
        )

    async def _watch(self, pid: int, until: float) -> float | None:
        while time.monotonic() < until:
            if not is_running(pid):
                return time.monotonic()
            await asyncio.sleep(0.05)
        return None


async def log_is_clean(stage: Stage) -> None:
    """No error of ours, and none of Jupyter in consequence."""
    errors = stage.server.errors()
    assert not errors, "\n---\n".join(errors)


async def monitor_is_healthy(stage: Stage) -> None:
    monitor = (await stage.server.idle())["monitor"]
    assert (monitor["healthy"], monitor["problems"]) == (True, []), monitor


def judge(outcome: str | None) -> None:
    """Fail with what went wrong on the stage."""
    assert outcome is None, outcome


async def perform(wanted: dict[str, list[str]]) -> dict[tuple[str, str], str | None]:
    """Run the wanted cases of each play, a wave together; give for each None or what went wrong."""
    Stage.kernels_starting = asyncio.Semaphore(KERNELS_AT_ONCE)
    Stage.slowness = Slowness()
    Stage.computing = asyncio.Semaphore(COMPUTING_AT_ONCE)
    watching = asyncio.create_task(Stage.slowness.watch())
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(64))
    results: dict[tuple[str, str], str | None] = {}
    try:
        for wave in sorted({PLAYS[name].wave for name in wanted}):  # more at once would only make each other late
            now = {name: cases for name, cases in wanted.items() if PLAYS[name].wave == wave}
            await asyncio.gather(*(_perform(PLAYS[name], cases, results) for name, cases in now.items()))
    finally:
        watching.cancel()
    return results


async def _perform(one: Play, wanted: Sequence[str], results: dict[tuple[str, str], str | None]) -> None:
    server = one.make()
    try:
        await server.start()
        stage = Stage(server)
        async with EventStream.of(server) as stage.events:
            cases = [name for name in one.cases if name in wanted]
            outcomes = await asyncio.gather(*(_outcome(one.cases[name], stage) for name in cases))
            results |= {(one.name, name): outcome for name, outcome in zip(cases, outcomes, strict=True)}
            for name in [name for name in one.checks if name in wanted]:
                results[one.name, name] = await _outcome(one.checks[name], stage)
            await stage.close()
    except Exception:
        failed = traceback.format_exc()
        for name in wanted:
            results.setdefault((one.name, name), failed)
    finally:
        await asyncio.to_thread(server.clean_up)


async def _outcome(case: Case, stage: Stage) -> str | None:
    before = time.monotonic()
    try:
        await asyncio.wait_for(case(stage), 200)
    except Exception:
        return f"seed {SEED}, {stage.limits}, after {time.monotonic() - before:.1f} s\n{traceback.format_exc()}"
    return None
