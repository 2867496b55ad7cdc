"""A real Jupyter server in a home of its own, with clients for all it speaks: HTTP, kernels, terminals, events.

Nothing here imports jupyter_lcc. The server runs on the interpreter named by LCC_BLACKBOX_PYTHON (a clean
environment with the built wheel), else on this one with this checkout.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tornado.websocket import WebSocketClientConnection, websocket_connect

PYTHON = os.environ.get("LCC_BLACKBOX_PYTHON") or sys.executable
CHECKOUT = Path(os.environ.get("LCC_BLACKBOX_PACKAGE") or Path(__file__).parents[2])
"""Where the package lies that is tested; a copy broken on purpose shows that the tests can fail."""
TOKEN = "black-box"
MARK = "LCC_BLACKBOX_MARK"
MARKS: list[str] = []
"""One for each server that was made; in the environment of everything it started."""
_MADE: dict[str, Path] = {}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def problem(self) -> dict[str, Any]:
        """Read the body as a problem; anything else is an error."""
        problem = self.json()
        assert set(problem) == {"code", "message", "detail"}, problem
        for name in ("code", "message"):
            assert isinstance(problem[name], str), problem
            assert problem[name], problem
        assert isinstance(problem["detail"], dict), problem
        assert "Traceback" not in self.body.decode(), problem
        return problem  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Limits:
    """The durations a server runs with, in seconds."""

    kernel: int = 12
    terminal: int = 12
    waiting: int = 16
    warn: int = 4


@dataclass
class Server:
    """One server process. `options` are traits, `files` what lies in its home before it starts."""

    name: str = "server"
    limits: Limits | None = field(default_factory=Limits)
    options: Sequence[str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    package: Path = CHECKOUT
    base_url: str = "/"
    preexec: Any = None
    log_name: str = "server.log"
    extensions: Mapping[str, bool] = field(
        default_factory=lambda: {
            "jupyter_lcc": True,
            "jupyter_server_terminals": True,
            # All servers of a machine write the one file it reads.
            "jupyter_activity_monitor_extension": False,
        }
    )
    retries: int = 0
    also: Server | None = None
    """Another server this one can't do without; ended with it."""
    unmount: Path | None = None
    home: Path = field(init=False)
    port: int = field(init=False)
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix=f"lcc-{self.name}-"))
        self.port = _free_port()
        self.mark = uuid4().hex
        MARKS.append(self.mark)
        _MADE[self.mark] = self.home
        for name, content in self.files.items():
            self.write(name, content)

    # -- files ---------------------------------------------------------------------------------------------

    @property
    def state_dir(self) -> Path:
        return self.home / ".local/share/jupyter/lcc"

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    @property
    def state_key(self) -> str:
        """The folder of this server's own state in `state_dir`."""
        return f"port-{self.port}"

    def log(self) -> str:
        return (self.home / self.log_name).read_text(errors="replace")

    def errors(self) -> list[str]:
        """Errors and tracebacks in the server's log that we or our shutdowns could have caused."""
        records = re.split(r"^(?=\[(?:[A-Z] \d{4}-|IPKernelApp\]))", self.log(), flags=re.MULTILINE)
        return [record for record in records if _is_error(record)]

    # -- lifetime ------------------------------------------------------------------------------------------

    def launch(self) -> None:
        """Begin; `wait_ready` waits for it."""
        config: dict[str, Any] = dict(self.config)
        if sys.executable == PYTHON:
            # A built wheel switches itself on; a checkout has to be named.
            config["ServerApp"] = {
                **config.get("ServerApp", {}),
                "jpserver_extensions": dict(self.extensions),
            }
        self.write("config/jupyter_server_config.json", json.dumps(config))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "SAGEMAKER", "XDG", "PYTHON"))}
        environment = {
            **kept,
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "PATH": f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            MARK: self.mark,
            **self.environment,
        }
        if sys.executable == PYTHON:
            environment["PYTHONPATH"] = str(self.package)
        command = [
            PYTHON,
            "-m",
            "jupyter_server",
            "--allow-root",
            "--no-browser",
            f"--ServerApp.port={self.port}",
            f"--ServerApp.port_retries={self.retries}",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.base_url={self.base_url}",
            f"--ServerApp.root_dir={self.home}",
            f"--IdentityProvider.token={TOKEN}",
            *self._limit_options(),
            *self.options,
        ]
        with open(self.home / self.log_name, "ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=self.preexec,
            )

    async def start(self) -> Server:
        self.launch()
        await asyncio.to_thread(self.wait_ready)
        return self

    def wait_ready(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                with_ours = self.extensions.get("jupyter_lcc", True)
                if (status := self.ask("GET", "lcc/about" if with_ours else "api").status) == 200:
                    return
                if status == 404:
                    raise AssertionError(f"{self.name} runs without the extension:\n{self.log()}")
            time.sleep(0.1)
        raise AssertionError(f"{self.name} does not answer:\n{self.log()}")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def end(self, how: int = signal.SIGTERM, seconds: float = 20) -> None:
        """End the server process by a signal and wait for it."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def clean_up(self) -> None:
        """End whatever is left of this server and remove its home."""
        self.end(signal.SIGKILL)
        _end_marked(self.mark)
        if self.unmount is not None:
            subprocess.run(["umount", "-l", str(self.unmount)], check=False)
        if self.also is not None:
            self.also.clean_up()
        shutil.rmtree(self.home, ignore_errors=True)
        _MADE.pop(self.mark, None)

    def _limit_options(self) -> list[str]:
        if self.limits is None:
            return []
        values = {
            "kernel_timeout_seconds": self.limits.kernel,
            "terminal_timeout_seconds": self.limits.terminal,
            "waiting_timeout_seconds": self.limits.waiting,
            "warn_seconds": self.limits.warn,
        }
        return [f"--LccIdle.{name}={value}" for name, value in values.items()]

    # -- HTTP ----------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = TOKEN,
        timeout: float = 30,
    ) -> Answer:
        """Send one request exactly as it stands: `path` is not normalised."""
        sent = {} if token is None else {"Authorization": f"token {token}"}
        sent |= headers or {}
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, self.base_url + path, data, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    async def call(self, method: str, path: str, body: Any = None, *, expect: int | None = None) -> Answer:
        """The same without blocking; any other status than `expect` is an error."""
        answer = await asyncio.to_thread(self.ask, method, path, body)
        if expect is not None:
            assert answer.status == expect, (self.name, method, path, answer.status, answer.body[:500])
        return answer

    async def idle(self) -> dict[str, Any]:
        return (await self.call("GET", "lcc/idle", expect=200)).json()  # type: ignore[no-any-return]

    async def target(self, target_id: str) -> dict[str, Any] | None:
        """Give a target as the server sees it, None if it doesn't."""
        view = await self.idle()
        return next((target for target in [view["instance"], *view["targets"]] if target["id"] == target_id), None)

    async def lease(self, target_id: str, seconds: int, **more: Any) -> dict[str, Any]:
        body = {"target_id": target_id, "seconds": seconds, **more}
        return (await self.call("POST", "lcc/idle/leases", body, expect=201)).json()  # type: ignore[no-any-return]

    async def decisions(self, target_id: str) -> list[dict[str, Any]]:
        """Give the log of one target, oldest first."""
        answer = await self.call(
            "GET", f"lcc/idle/decisions?target_id={quote(target_id, safe='')}&limit=1000", expect=200
        )
        return list(reversed(answer.json()["decisions"]))

    async def why(self, target_id: str, at: str | None = None) -> dict[str, Any]:
        query = f"target_id={quote(target_id, safe='')}" + (f"&at={quote(at)}" if at else "")
        return (await self.call("GET", f"lcc/idle/why?{query}", expect=200)).json()  # type: ignore[no-any-return]

    async def socket(self, path: str) -> WebSocketClientConnection:
        separator = "&" if "?" in path else "?"
        return await websocket_connect(f"ws://127.0.0.1:{self.port}{self.base_url}{path}{separator}token={TOKEN}")

    # -- kernels and terminals -----------------------------------------------------------------------------

    async def start_kernel(self, spec: str = "python3", *, session: str | None = None) -> Kernel:
        """Start a kernel, with a session if it is given a path, and let nobody connect."""
        before = time.monotonic()
        session_id = None
        if session is None:
            model = (await self.call("POST", "api/kernels", {"name": spec}, expect=201)).json()
        else:
            wish = {"path": session, "name": session, "type": "notebook", "kernel": {"name": spec}}
            answer = (await self.call("POST", "api/sessions", wish, expect=201)).json()
            session_id, model = answer["id"], answer["kernel"]
        kernel = Kernel(self, model["id"], session_id, Moment(before, time.monotonic()))
        while not (pid := _kernel_process(model["id"])):
            assert time.monotonic() < before + 30, "the kernel has no process"
            await asyncio.sleep(0.05)
        kernel.pid = pid
        return kernel

    async def start_terminal(self, *, numbered: bool = False) -> Terminal:
        """Open a terminal; nobody connects. Jupyter gives numbers of closed ones again, so each has a name here."""
        wish = None if numbered else {"name": f"t{uuid4().hex[:8]}"}
        async with _TERMINAL_BIRTH:
            known = _children(self.pid)
            before = time.monotonic()
            name = (await self.call("POST", "api/terminals", wish, expect=200)).json()["name"]
            started = Moment(before, time.monotonic())
            born = [pid for pid in _children(self.pid) - known if _has_terminal(pid)]
        assert len(born) == 1, born
        return Terminal(self, name, born[0], started)


_TERMINAL_BIRTH = asyncio.Lock()


@dataclass(frozen=True)
class Moment:
    """Something happened between these two readings of the monotonic clock."""

    earliest: float
    latest: float

    @staticmethod
    def now() -> Moment:
        return Moment(time.monotonic(), time.monotonic())

    def plus(self, seconds: float) -> Moment:
        return Moment(self.earliest + seconds, self.latest + seconds)


class _Connected:
    """What a client has a websocket to, while it is connected."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._socket: WebSocketClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        await self.disconnect()
        self._socket = await self.server.socket(self._address())
        self._reader = asyncio.create_task(self._read(self._socket))

    async def disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=5)
            self._reader.cancel()
            self._reader = None

    def _address(self) -> str:
        raise NotImplementedError

    async def _read(self, ws: WebSocketClientConnection) -> None:
        raise NotImplementedError


class Kernel(_Connected):
    """A kernel as a client sees it: an id, a process and, while somebody is connected, a websocket."""

    def __init__(self, server: Server, kernel_id: str, session_id: str | None, started: Moment) -> None:
        super().__init__(server)
        self.kernel_id = kernel_id
        self.session_id = session_id
        self.started = started
        self.pid = 0
        self.id = f"kernel:{kernel_id}"
        self.path = f"api/kernels/{kernel_id}"
        self._messages: list[tuple[float, dict[str, Any]]] = []
        self._news = asyncio.Condition()
        self._sent: dict[str, float] = {}

    def find_process(self) -> int:
        """The process of this kernel now; another one after a restart."""
        return _kernel_process(self.kernel_id)

    # -- talking -------------------------------------------------------------------------------------------

    def _address(self) -> str:
        return f"{self.path}/channels?session_id={uuid4().hex}"

    async def send(self, kind: str, content: Mapping[str, Any] | None = None, *, channel: str = "shell") -> str:
        """Send a message and give its id."""
        if self._socket is None:
            await self.connect()
        assert self._socket is not None
        msg_id = uuid4().hex
        header = {
            "msg_id": msg_id,
            "msg_type": kind,
            "username": "someone",
            "session": "black-box",
            "date": datetime.now().astimezone().isoformat(),
            "version": "5.4",
        }
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": dict(content or {}),
            "buffers": [],
            "channel": channel,
        }
        self._sent[msg_id] = time.monotonic()
        await self._socket.write_message(json.dumps(message))
        return msg_id

    async def wait_for(self, msg_id: str, *kinds: str, state: str | None = None, seconds: float = 60) -> float:
        """Wait for an answer of one of these kinds; give when it came."""

        def found() -> float | None:
            for at, message in self._messages:
                same = message.get("parent_header", {}).get("msg_id") == msg_id
                kind = message.get("header", {}).get("msg_type")
                if same and kind in kinds and state in (None, message["content"].get("execution_state")):
                    return at
            return None

        end = time.monotonic() + seconds
        async with self._news:
            while (at := found()) is None:
                left = end - time.monotonic()
                if left <= 0:
                    seen = [m["header"]["msg_type"] for _, m in self._messages if m.get("header")]
                    raise AssertionError(f"no {kinds} to {msg_id}; got {seen}")
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._news.wait(), left)
        return at

    async def ask(self, kind: str, content: Mapping[str, Any] | None = None, *, channel: str = "shell") -> None:
        """Send a request and wait until the kernel is done with it."""
        await self.wait_for(await self.send(kind, content, channel=channel), "status", state="idle")

    async def begin(self, code: str, *, allow_stdin: bool = False) -> str:
        """Begin to run a cell, and see that it runs."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": allow_stdin,
            "stop_on_error": True,
        }
        msg_id = await self.send("execute_request", content)
        await self.wait_for(msg_id, "execute_input")
        return msg_id

    async def end_of(self, msg_id: str, lasts: float = 0.0, seconds: float = 90) -> Moment:
        """Wait for the end of a request that takes at least `lasts`; the news of it may come late to us."""
        at = await self.wait_for(msg_id, "status", state="idle", seconds=seconds)
        return Moment(self._sent[msg_id] + lasts, at)

    async def question_of(self, msg_id: str) -> Moment:
        """Wait until a cell asks a person."""
        at = await self.wait_for(msg_id, "input_request")
        return Moment(self._sent[msg_id], at)

    async def run(self, code: str, lasts: float = 0.0) -> Moment:
        """Run a cell to its end; give when that was."""
        return await self.end_of(await self.begin(code), lasts)

    def answers(self, msg_id: str, kind: str) -> list[dict[str, Any]]:
        return [
            message["content"]
            for _, message in self._messages
            if message.get("parent_header", {}).get("msg_id") == msg_id and message["header"]["msg_type"] == kind
        ]

    async def _read(self, ws: WebSocketClientConnection) -> None:
        while True:
            text = await ws.read_message()
            if text is None:
                return
            at, message = time.monotonic(), json.loads(text)
            async with self._news:
                self._messages.append((at, message))
                self._news.notify_all()


class Terminal(_Connected):
    """A terminal as a client sees it."""

    def __init__(self, server: Server, name: str, pid: int, started: Moment) -> None:
        super().__init__(server)
        self.name = name
        self.pid = pid
        self.started = started
        self.id = f"terminal:{name}"
        self.path = f"api/terminals/{name}"
        self.output = ""

    def _address(self) -> str:
        return f"terminals/websocket/{quote(self.name)}"

    async def send(self, *message: Any) -> None:
        if self._socket is None:
            await self.connect()
        assert self._socket is not None
        await self._socket.write_message(json.dumps(message))

    async def type(self, text: str) -> Moment:
        """Type as a person does; give when that was."""
        if self._socket is None:
            await self.connect()
        before = time.monotonic()
        await self.send("stdin", text)
        return Moment(before, time.monotonic())

    async def wait_for(self, text: str, seconds: float = 30) -> Moment:
        """Wait until the screen has shown `text`."""
        end = time.monotonic() + seconds
        while text not in self.output:
            assert time.monotonic() < end, f"no {text!r} in {self.output[-2000:]!r}"
            await asyncio.sleep(0.02)
        return Moment(time.monotonic() - 0.5, time.monotonic())

    async def wait_prompt(self) -> Moment:
        """Wait until the shell has started, without typing."""
        if self._socket is None:
            await self.connect()
        end = time.monotonic() + 30
        while not self.output.rstrip(" ").endswith(("$", "#", "%")):
            assert time.monotonic() < end, f"no prompt: {self.output!r}"
            await asyncio.sleep(0.02)
        return Moment.now()

    async def _read(self, ws: WebSocketClientConnection) -> None:
        while True:
            text = await ws.read_message()
            if text is None:
                return
            message = json.loads(text)
            if message[0] == "stdout":
                self.output += message[1]


class EventStream:
    """What an open page hears."""

    def __init__(self, ws: WebSocketClientConnection) -> None:
        self._socket = ws
        self.heard: list[tuple[float, dict[str, Any]]] = []
        self._reader = asyncio.create_task(self._read())

    @staticmethod
    @contextlib.asynccontextmanager
    async def of(server: Server) -> AsyncIterator[EventStream]:
        stream = EventStream(await server.socket("api/events/subscribe"))
        try:
            yield stream
        finally:
            stream._socket.close()
            await asyncio.wait([stream._reader], timeout=5)
            stream._reader.cancel()

    def about(self, target_id: str, kind: str) -> list[tuple[float, dict[str, Any]]]:
        return [(at, e) for at, e in self.heard if e.get("target_id") == target_id and e.get("kind") == kind]

    async def _read(self) -> None:
        while True:
            text = await self._socket.read_message()
            if text is None:
                return
            self.heard.append((time.monotonic(), json.loads(text)))


# -- processes, by the operating system's own account ------------------------------------------------------


def is_running(pid: int) -> bool:
    """Tell whether a process is there and not a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def _is_error(record: str) -> bool:
    if "Traceback (most recent call last)" in record:
        ours = "jupyter_lcc" in record
        kernels_own = "/ipykernel/" in record and "/jupyter_server/" not in record  # it writes to the server's log
        # IPython keeps one database of what was typed for all kernels of a home.
        kernels_own |= record.startswith("[IPKernelApp] ERROR | Failed to create history session")
        # While a kernel is being started, Jupyter's own lists of kernels fail on its missing trait.
        race = "'last_activity' trait of a ServerKernelManager" in record
        return ours or not (kernels_own or race)
    return record.startswith(("[E ", "[C ")) and "lcc" in record


def _parent_and_tty(pid: int) -> tuple[int, int]:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[1]), int(fields[4])
    except OSError:
        return 0, 0


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _children(pid: int) -> set[int]:
    return {child for child in _pids() if _parent_and_tty(child)[0] == pid}


def _has_terminal(pid: int) -> bool:
    return _parent_and_tty(pid)[1] != 0


def _kernel_process(kernel_id: str) -> int:
    """Find a kernel's process by its connection file, 0 if there is none."""
    for pid in _pids():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            if f"kernel-{kernel_id}.json".encode() in file.read() and is_running(pid):
                return pid
    return 0


def marked(mark: str) -> list[int]:
    """Every process that was started, however indirectly, by the server with this mark."""
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            if f"{MARK}={mark}".encode() in file.read() and pid != os.getpid() and is_running(pid):
                found.append(pid)
    return found


def _end_marked(mark: str) -> None:
    for _ in range(5):
        pids = marked(mark)
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not pids:
            return
        time.sleep(0.1)


def clean_up_all() -> None:
    """For the very end: nothing of us stays on the machine, whatever went wrong."""
    for mark, home in list(_MADE.items()):
        _end_marked(mark)
        shutil.rmtree(home, ignore_errors=True)
        _MADE.pop(mark, None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
