"""Real Jupyter servers in a home of their own, a stand-in for one of another version, and the command itself."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_lcc.cli.exits import Exit

CHECKOUT = Path(__file__).parents[2]
TOKEN = "the-secret"


@dataclass
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Home:
    """A home of its own: Jupyter's files of everything that runs with it lie below."""

    path: Path
    more: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "SAGEMAKER", "XDG", "PYTHON", "AWS"))
        }
        return {
            **kept,
            "HOME": str(self.path),
            "JUPYTER_CONFIG_DIR": str(self.path / "config"),
            "JUPYTER_CONFIG_PATH": str(self.path / "first"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_DATA_DIR": str(self.path / "data"),
            "PYTHONPATH": str(CHECKOUT),
            "TZ": "Asia/Seoul",
            "COLUMNS": "80",
            **self.more,
            **more,
        }

    @property
    def runtime(self) -> Path:
        return self.path / "runtime"

    def write(self, name: str, content: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def lcc(self, *words: str, cwd: Path | None = None, **environment: str) -> Ran:
        """Run the command; a warning or a traceback in it is a failure of the test."""
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "jupyter_lcc.cli", *words],
            cwd=cwd or self.path,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)


@dataclass
class JupyterServer:
    """A real server. `sock` makes it listen at a unix socket, `extension` tells whether ours is switched on."""

    home: Home
    root: Path
    token: str = TOKEN
    extension: bool = True
    base_url: str = "/"
    sock: Path | None = None
    options: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Begin; `wait` waits for it."""
        self.root.mkdir(parents=True, exist_ok=True)
        switched = {
            "jupyter_lcc": self.extension,
            "jupyter_server_terminals": True,
            "jupyterlab": False,
            "notebook": False,
        }
        first = self.home.write(
            f"first-{self.root.name}/jupyter_server_config.json",
            json.dumps(
                {"ServerApp": {"jpserver_extensions": {**switched, "jupyter_lsp": False, "notebook_shim": False}}}
            ),
        ).parent
        self.port = 0 if self.sock else free_port()
        where = [f"--ServerApp.sock={self.sock}"] if self.sock else [f"--ServerApp.port={self.port}"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [
                    *(
                        sys.executable,
                        "-m",
                        "jupyter_server",
                        "--allow-root",
                        "--no-browser",
                        "--ServerApp.port_retries=0",
                    ),
                    *where,
                    f"--ServerApp.root_dir={self.root}",
                    f"--ServerApp.base_url={self.base_url}",
                    f"--IdentityProvider.token={self.token}",
                    *self.options,
                ],
                cwd=self.root,
                env=self.home.environment(JUPYTER_CONFIG_PATH=str(first)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    @property
    def log(self) -> Path:
        return self.home.path / f"{self.root.name}.log"

    @property
    def url(self) -> str:
        where = f"http+unix://{quote(str(self.sock), safe='')}" if self.sock else f"http://localhost:{self.port}"
        return where + self.base_url

    def wait(self, seconds: float = 60) -> None:
        """Wait until it has written its runtime file, which it does when it listens."""
        assert self.process is not None
        path = self.home.runtime / f"jpserver-{self.process.pid}.json"
        wait_for(lambda: path.exists() and path.read_text().endswith("}"), seconds, lambda: self.log.read_text())

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Speak to Jupyter's own API."""
        connection = HTTPConnection("localhost", self.port, timeout=30)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, self.base_url + path, data, {"Authorization": f"token {self.token}"})
            response = connection.getresponse()
            raw = response.read()
            assert response.status < 300, (method, path, response.status, raw)
            return json.loads(raw) if raw else None
        except ConnectionError as error:
            status = self.process.poll() if self.process is not None else None
            raise AssertionError(f"{error}; exit status {status}; {self.log.read_text()[-3000:]}") from error
        finally:
            connection.close()

    def notebook(self, path: str, kernel: str = "python3") -> str:
        """Open a notebook, and give its kernel's id."""
        wish = {"path": path, "name": Path(path).name, "type": "notebook", "kernel": {"name": kernel}}
        return str(self.ask("POST", "api/sessions", wish)["kernel"]["id"])

    def terminal(self) -> str:
        return str(self.ask("POST", "api/terminals")["name"])

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class FakeServer:
    """Not a Jupyter server: answers what it is told to, for what no real one says on demand."""

    def __init__(self, answers: Mapping[str, tuple[int, bytes]], wrap: Callable[[Any], Any] | None = None) -> None:
        self.seen: list[tuple[str, Mapping[str, str]]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.seen.append((self.path, dict(self.headers.items())))
                status, body = answers.get(self.path.split("?")[0], (404, b"<html>"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("localhost", 0), Handler)
        if wrap is not None:
            self._server.socket = wrap(self._server.socket)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


Begin = Callable[..., "subprocess.Popen[str]"]


@contextlib.contextmanager
def beginning(server: JupyterServer, *first: str) -> Iterator[Begin]:
    """Give what begins a command in the server's home, its first words given here; all end with the block."""
    with contextlib.ExitStack() as stack:

        def begin(*words: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [*first, *words],
                cwd=server.root,
                env=server.home.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield begin


def said(ran: Ran) -> str:
    """Give what a command said that went well."""
    assert ran.status == Exit.OK, ran.err
    return ran.out


def free_port() -> int:
    with socket.create_server(("localhost", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(true: Callable[[], object], seconds: float = 30, told: Callable[[], str] = str) -> None:
    """Wait until something is so, and no longer."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, told()
        time.sleep(0.05)
