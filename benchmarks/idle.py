"""What a quiet server with 20 real kernels costs: ours all the time, against a script every two minutes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

from tornado.websocket import websocket_connect

from .figures import Figure
from .peers.cron import PERIOD_SECONDS, cost_of_asking
from .server import TOKEN, Server

__all__ = ["measure"]

KERNELS = 20
SETTLE_SECONDS = 20
WINDOWS = 2
WINDOW_SECONDS = 120  # two looks at everything fall into each at the default interval
MOST_PERCENT = 0.5
TIMES_LESS = 5
RUNS = 9


def measure() -> Iterator[Figure]:
    """Let two servers with kernels of their own be idle side by side, at default settings."""
    with ExitStack() as stack:
        with_it = stack.enter_context(Server(extension=True))
        without = stack.enter_context(Server(extension=False))
        for server in (with_it, without):
            _start_kernels(server)
        time.sleep(SETTLE_SECONDS)
        differences, idle_share = _watch(with_it, without)
        targets = with_it.expect("GET", "lcc/idle")["targets"]
        if len(targets) != KERNELS:
            raise RuntimeError(f"{len(targets)} kernels are left of {KERNELS}: the figure would mean nothing.")
        costs = {
            client: cost_of_asking(without, client, runs=RUNS, server_idle_share=idle_share)
            for client in ("urllib", "requests", "boto3")
        }
    seconds = WINDOWS * WINDOW_SECONDS
    share = sum(differences) / seconds
    spread = ", ".join(f"{1000 * PERIOD_SECONDS / WINDOW_SECONDS * d:.0f}" for d in sorted(differences))
    how = (
        f"{KERNELS} real ipykernels with sessions, nobody connected, default settings; user and system time of the "
        f"server process over {seconds} s, with the extension minus without, both servers at the same time; "
        f"without it the server used {100 * idle_share:.2f} % of a core; in {WINDOWS} windows it was "
        f"{spread} ms for {PERIOD_SECONDS} s"
    )
    yield Figure("idle: CPU added", 100 * share, "%", limit=MOST_PERCENT, how=how)
    for client, name in (
        ("urllib", "cron script, urllib alone"),
        ("requests", "cron script, requests"),
        ("boto3", "cron script, requests and boto3"),
    ):
        own, servers = costs[client]
        judged = client == "boto3"  # what the usual script, AWS's sample, imports
        yield Figure(
            f"idle: CPU in {PERIOD_SECONDS} s ({client})",
            1000 * PERIOD_SECONDS * share,
            "ms",
            peer=1000 * (own + servers),
            peer_name=f"{name}, every {PERIOD_SECONDS} s",
            limit=1000 * (own + servers) / TIMES_LESS if judged else None,
            how=f"the script's own time, start included (wait4, median of {RUNS}), {1000 * own:.0f} ms, and the "
            f"server's for answering it, {1000 * servers:.0f} ms"
            + (
                f"; the limit is a {TIMES_LESS}th of it, as the usual script, AWS's sample, imports both"
                if judged
                else ""
            ),
        )


def _start_kernels(server: Server) -> None:
    for number in range(KERNELS):
        path = f"notebook-{number}.ipynb"
        server.expect(
            "POST", "api/sessions", {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        )
    asyncio.run(_be_opened_once(server))


async def _be_opened_once(server: Server) -> None:
    """Connect to every kernel as a notebook does, until it has spoken and is idle; then leave it alone."""
    kernel_ids = [kernel["id"] for kernel in server.expect("GET", "api/kernels")]
    address = f"ws://127.0.0.1:{server.port}/api/kernels/{{}}/channels?token={TOKEN}"
    sockets = [await websocket_connect(address.format(kernel_id), connect_timeout=120) for kernel_id in kernel_ids]
    loop = asyncio.get_running_loop()
    end = loop.time() + 120
    states: list[str] = []
    while loop.time() < end:
        states = [kernel["execution_state"] for kernel in server.expect("GET", "api/kernels")]
        if states.count("idle") == KERNELS:
            break
        await asyncio.sleep(1)
    else:
        raise RuntimeError(f"The kernels don't get idle: {states}\n{server.log()[-2000:]}")
    for socket in sockets:
        socket.close()
    await asyncio.sleep(1)


def _watch(with_it: Server, without: Server) -> tuple[list[float], float]:
    """Give the CPU seconds more in each window, and the share of a core the other server uses (median)."""
    differences, shares = [], []
    for _ in range(WINDOWS):
        before = with_it.cpu_seconds(), without.cpu_seconds()
        time.sleep(WINDOW_SECONDS)
        ours, others = with_it.cpu_seconds() - before[0], without.cpu_seconds() - before[1]
        differences.append(ours - others)
        shares.append(others / WINDOW_SECONDS)
    return differences, median(shares)
