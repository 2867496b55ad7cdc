"""Keep a target for as long as a process runs: what `jupyter lcc run` and `jupyter_lcc.keep_alive` share."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from jupyter_core.paths import jupyter_runtime_dir

from ..idle.model import CreateLease, IdleView, Lease, Target
from ..model import MAX_SECONDS
from .client import Client
from .exits import CliError
from .servers import choose, current_folder, running, token_for
from .targets import INSTANCE

__all__ = ["NOTE_LENGTH", "Hold", "find_client", "target_of"]

NOTE_LENGTH = 200


class Hold:
    """A lease that ends with a process, or before. Raises CliError where none can be had."""

    def __init__(self, client: Client, target_id: str, pid: int, note: str, seconds: int | None) -> None:
        self._client = client
        self._asked = seconds
        wish = CreateLease(
            target_id=target_id, seconds=seconds or MAX_SECONDS, note=note[:NOTE_LENGTH] or None, pid=pid
        )
        self.lease = client.send("POST", "idle/leases", Lease, wish).value

    @property
    def clipped(self) -> bool:
        """Tell whether less was granted than somebody asked for; as long as possible is never less."""
        return self._asked is not None and self.lease.clipped_by is not None

    def give_back(self) -> None:
        """End it. One that has ended by itself, or can't be reached any more, is no error: it ends with its process."""
        with contextlib.suppress(CliError):
            self._client.delete(f"idle/leases/{UUID(self.lease.id)}")


def find_client(*, timeout: float) -> Client:
    """Find the server this process belongs to. Raises CliError where there is none, or where several may be meant."""
    servers = running(Path(jupyter_runtime_dir()))
    parent = os.environ.get("JPY_PARENT_PID", "")  # set for kernels by the server that starts them
    mine = [server for server in servers if parent.isdigit() and server.pid == int(parent)]
    server = mine[0] if mine else choose(servers, port=0, cwd=current_folder(), environment=os.environ)
    context = ssl.create_default_context() if server.url.startswith("https:") else None
    return Client(server, token_for(server, token="", environment=os.environ), timeout=timeout, context=context)


def target_of(client: Client, pids: Sequence[int]) -> str:
    """Give the kernel, terminal or job one of these processes is; the machine where they are none."""
    targets = client.get("idle", IdleView).value.targets
    by_pid: dict[int, Target] = {target.pid: target for target in targets if target.pid is not None}
    return next((by_pid[pid].id for pid in pids if pid in by_pid), INSTANCE)
