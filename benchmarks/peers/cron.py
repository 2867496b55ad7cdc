"""Start the cron script as cron would, and count what it costs: its own CPU time and the server's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Literal

from ..server import TOKEN, Server

__all__ = ["PERIOD_SECONDS", "Client", "cost_of_asking"]

PERIOD_SECONDS = 120
SCRIPT = Path(__file__).with_name("cron_script.py")
Client = Literal["urllib", "requests", "boto3"]


def cost_of_asking(server: Server, client: Client, *, runs: int, server_idle_share: float = 0.0) -> tuple[float, float]:
    """Give the CPU seconds of one run: the script's own (median), and the server's for answering (mean).

    `server_idle_share` is the CPU the server uses anyway, in cores; it is taken off.
    """
    import time

    began, before = time.monotonic(), server.cpu_seconds()
    own = median(_run(server, client) for _ in range(runs))
    used = server.cpu_seconds() - before - server_idle_share * (time.monotonic() - began)
    return own, max(used, 0.0) / runs


def _run(server: Server, client: Client) -> float:
    """Run it to its end and give the user and system time the system accounted to it (wait4)."""
    command = [sys.executable, str(SCRIPT), client, server.url, TOKEN, str(server.home / "cron.state")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(server.home)}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"The cron script failed with {process.returncode}.")
    return usage.ru_utime + usage.ru_stime
