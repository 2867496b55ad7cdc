"""FAKE kernels, by the hundred: made-up models, no interpreter.

What looking at one costs is real all the same: each has a process (`sleep`) in a LocalProvisioner and an
IOPub channel to connect to, which stays silent.
"""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

import zmq
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado import web
from zmq.eventloop.zmqstream import ZMQStream

__all__ = ["FakeKernel", "FakeKernelManager"]


class FakeKernel:
    """Not a kernel: a sleeping process and a silent channel."""

    def __init__(self, name: str, port: int) -> None:
        self.kernel_name = name
        self.ports = [port] * 5
        self.process = subprocess.Popen(["sleep", "infinity"])
        self.provisioner = LocalProvisioner()
        self.provisioner.pid = self.process.pid
        self.last_activity = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")

    def connect_iopub(self, identity: bytes | None = None) -> ZMQStream:
        """Connect to the silent channel."""
        socket: Any = zmq.Context.instance().socket(zmq.SUB)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.connect(f"tcp://127.0.0.1:{self.ports[0]}")
        return ZMQStream(socket)


class FakeKernelManager(AsyncMappingKernelManager):
    """Keeps FAKE kernels; everything above it (sessions, REST) is Jupyter's own."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self._fakes: dict[str, FakeKernel] = {}
        self._channel: Any = zmq.Context.instance().socket(zmq.PUB)
        self._port: int = self._channel.bind_to_random_port("tcp://127.0.0.1")

    def __contains__(self, kernel_id: object) -> bool:
        """Tell whether there is such a FAKE."""
        return kernel_id in self._fakes

    def __len__(self) -> int:
        """Count the FAKEs."""
        return len(self._fakes)

    def list_kernel_ids(self) -> list[str]:
        """Name them."""
        return list(self._fakes)

    def get_kernel(self, kernel_id: str) -> Any:
        """Give one."""
        return self._fakes[kernel_id]

    async def start_kernel(self, *, kernel_name: str | None = None, **_: Any) -> str:  # type: ignore[override]
        """Make one up."""
        kernel_id = str(uuid4())
        self._fakes[kernel_id] = FakeKernel(kernel_name or "python3", self._port)
        return kernel_id

    def kernel_model(self, kernel_id: str) -> dict[str, Any]:
        """Make up its model, or tell that there is none."""
        fake = self._fakes.get(kernel_id)
        if fake is None:
            raise web.HTTPError(404, f"Kernel does not exist: {kernel_id}")
        return {
            "id": kernel_id,
            "name": fake.kernel_name,
            "last_activity": fake.last_activity,
            "execution_state": "idle",
            "connections": 0,
        }

    def list_kernels(self) -> list[dict[str, Any]]:
        """Make up all models."""
        return [self.kernel_model(kernel_id) for kernel_id in self._fakes]

    async def shutdown_kernel(self, kernel_id: str, now: bool = False, restart: bool = False) -> None:  # type: ignore[override]
        """End its process."""
        fake = self._fakes.pop(kernel_id)
        fake.process.kill()
        fake.process.wait()

    async def shutdown_all(self, now: bool = False) -> None:  # type: ignore[override]
        """End all of them."""
        for kernel_id in list(self._fakes):
            await self.shutdown_kernel(kernel_id)
