"""A real Jupyter server in a throw-away home, with or without the extension, and every process of it ended again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

__all__ = ["CHECKOUT", "TOKEN", "Server", "free_port"]

CHECKOUT = Path(__file__).parents[1]
TOKEN = "benchmark"


class Server:
    """Started when entered, ended with all its children when left."""

    def __init__(
        self,
        *,
        extension: bool,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        command: Sequence[str] = ("-m", "jupyter_server"),
        python_options: Sequence[str] = (),
        arguments: Sequence[str] = (),
    ) -> None:
        self.extension = extension
        self.home = Path(tempfile.mkdtemp(prefix="lcc-bench-"))
        self.port = free_port()
        self.seconds_to_ready = 0.0
        self._config = {name: dict(section) for name, section in (config or {}).items()}
        self._command = [sys.executable, *python_options, *command]
        self._arguments = arguments
        self._popen: subprocess.Popen[bytes] | None = None
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Server:
        """Start, and wait until the API answers."""
        (self.home / "config").mkdir()
        extensions = self._config.setdefault("ServerApp", {}).setdefault("jpserver_extensions", {})
        self._config["ServerApp"]["jpserver_extensions"] = {"jupyter_lcc": self.extension, **extensions}
        (self.home / "config/jupyter_server_config.json").write_text(json.dumps(self._config))
        began = time.perf_counter()
        with open(self.home / "log", "wb") as log:
            self._popen = subprocess.Popen(
                [
                    *self._command,
                    "--allow-root",
                    "--no-browser",
                    "--ServerApp.ip=127.0.0.1",
                    f"--ServerApp.port={self.port}",
                    "--ServerApp.port_retries=0",
                    f"--ServerApp.root_dir={self.home}",
                    f"--IdentityProvider.token={TOKEN}",
                    *self._arguments,
                ],
                cwd=self.home,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_ready(began)
            if (self.ask("GET", "lcc/about")[0] == 200) is not self.extension:
                raise RuntimeError(f"The extension should{'' if self.extension else ' not'} be there.\n{self.log()}")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        self.close()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def process(self) -> psutil.Process:
        """The server's own process."""
        assert self._popen is not None
        return psutil.Process(self._popen.pid)

    def cpu_seconds(self) -> float:
        """User and system time of the server's own process, its threads included, its children not."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def log(self) -> str:
        """What it wrote so far."""
        return (self.home / "log").read_text(errors="replace")

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send one request over a connection that is kept; give the status and the JSON."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            data = None if body is None else json.dumps(body).encode()
            self._connection.request(method, "/" + path, data, {"Authorization": f"token {TOKEN}"})
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise
        try:
            return response.status, json.loads(text) if text else None
        except ValueError:
            return response.status, None

    def expect(self, method: str, path: str, body: object = None) -> Any:
        """The same, where anything but success is an error."""
        status, answer = self.ask(method, path, body)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path}: {status} {answer}\n{self.log()[-3000:]}")
        return answer

    def close(self) -> None:
        """End the server and whatever it started."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._popen is not None:
            family: list[psutil.Process] = []
            with contextlib.suppress(psutil.NoSuchProcess):
                family = self.process.children(recursive=True)
            self._popen.terminate()
            try:
                self._popen.wait(20)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._popen = None
        shutil.rmtree(self.home, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "SAGEMAKER", "XDG", "PYTHON", "AWS"))
        }
        return {
            **kept,
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_PREFER_ENV_PATH": "0",  # so that our word on the extension is the last
            "PYTHONPATH": str(CHECKOUT),
            "SHELL": "/bin/bash",
        }

    def _wait_ready(self, began: float) -> None:
        assert self._popen is not None
        while time.perf_counter() - began < 120:
            if self._popen.poll() is not None:
                raise RuntimeError(f"The server ended with {self._popen.returncode}.\n{self.log()}")
            try:
                if self.ask("GET", "api")[0] == 200:
                    self.seconds_to_ready = time.perf_counter() - began
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
        raise RuntimeError(f"The server does not answer.\n{self.log()}")


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
