"""A real Jupyter server of any environment, on a free port of the loopback device, in a home of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

BASE_URL = "/jupyterlab/default/"
TOKEN = "of-the-test"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    port: int
    log_file: Path

    def get(self, path: str, *, token: str | None = TOKEN) -> Answer:
        """Get what is at the path below the base URL, or at an absolute path."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {} if token is None else {"Authorization": f"token {token}"}
        try:
            connection.request("GET", path if path.startswith("/") else BASE_URL + path, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()

    def page_config(self, page: str) -> dict[str, Any]:
        """Read what a page of the server tells its front end."""
        found = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', self.get(page).body.decode(), re.DOTALL)
        assert found is not None
        config: dict[str, Any] = json.loads(found[1])
        return config

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")


@contextlib.contextmanager
def serve(
    command: Sequence[str | Path],
    home: Path,
    *,
    env: Mapping[str, str] | None = None,
    acts_as: Mapping[str, Any] | None = None,
    seconds: float = 60,
) -> Iterator[Server]:
    """Run the server until the end of the block, as another user if need be; then nothing it started is left."""
    port, log_file = _free_port(), home / "server.log"
    options = [
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.base_url={BASE_URL}",
        f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.open_browser=False",
        "--ServerApp.allow_root=True",
    ]
    settings = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [*command, *options],
            env={**settings, "HOME": str(home), **(env or {})},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **(acts_as or {}),
        )
    server = Server(port, log_file)
    try:
        _wait_until_ready(server, process, seconds)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, server.log()
        with contextlib.suppress(OSError):
            if server.get("api/status").status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"The server was not ready after {seconds} s:\n{server.log()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
