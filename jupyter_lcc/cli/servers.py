"""Find the running Jupyter servers, from the files they leave in Jupyter's runtime folder.

`jupyter_server.serverapp.list_running_servers` reads the same files, but importing it takes two seconds, and
it deletes what it takes for stale.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from ..model import Model
from .exits import CliError, Exit

__all__ = ["Server", "choose", "current_folder", "given", "running", "running_server_at", "token_for"]

_CONNECT_SECONDS = 1.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Server(Model, frozen=True, kw_only=True):
    """One Jupyter server: where it listens and, from its runtime file, what it is.

    `url` ends with a slash; one of a unix socket is `http+unix://%2Fpath/base/`.
    """

    url: str
    token: str = ""
    root_dir: str | None = None
    pid: int | None = None
    password: bool = False
    version: str | None = None
    port: int = 0
    written_at: float = 0.0

    @property
    def sock(self) -> str | None:
        """The path of the unix socket it listens at, None for a port."""
        parts = urlsplit(self.url)
        return unquote(parts.netloc) if parts.scheme in ("http+unix", "https+unix") else None


def running(runtime_dir: Path) -> list[Server]:
    """Give the servers that answer a knock; of two files for one address the newer one counts."""
    newest: dict[str, Server] = {}
    for server in sorted(_files(runtime_dir), key=lambda server: server.written_at):
        newest[server.url] = server
    return sorted((server for server in newest.values() if _answers(server)), key=lambda server: server.url)


def running_server_at(url: str, runtime_dir: Path) -> Server:
    """Give the server of an address, with its token if its runtime file is here."""
    wanted = given(url)
    here = {server.url: server for server in sorted(_files(runtime_dir), key=lambda server: server.written_at)}
    return here.get(wanted.url, wanted)


def given(url: str) -> Server:
    """Take an address a person gave; `?token=…` in it is understood as Jupyter prints it."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https", "http+unix", "https+unix") or not parts.netloc:
        raise CliError(Exit.USAGE, f"{url!r} is not the address of a server; write for example http://localhost:8888/.")
    try:
        port = parts.port or 0
    except ValueError:
        if "unix" not in parts.scheme:
            raise CliError(Exit.USAGE, f"{url!r} has no valid port.") from None
        port = 0
    path = parts.path.removesuffix("lab").removesuffix("tree")
    pairs = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return Server(
        url=f"{parts.scheme}://{parts.netloc}{path if path.endswith('/') else path + '/'}",
        token=unquote(pairs.get("token", "")),
        port=port,
    )


def choose(servers: list[Server], *, port: int, cwd: Path, environment: Mapping[str, str]) -> Server:
    """Choose one of the running servers, or raise CliError with the choices.

    By `port`; else the one whose terminal this is; else the one whose root folder is the nearest around `cwd`;
    else the only one.
    """
    if port:
        servers = [server for server in servers if server.port == port]
        if not servers:
            raise CliError(Exit.NO_SERVER, f"No running Jupyter server listens at port {port}.", _HOW_TO_LIST)
    if not servers:
        raise CliError(
            Exit.NO_SERVER,
            "No running Jupyter server was found.",
            "Start one, or give its address with --url and its token with --token.",
        )
    inside = [server for server in servers if server.url == environment.get("JUPYTER_SERVER_URL")]
    for found in (servers, inside, _nearest(servers, cwd)):
        if len(found) == 1:
            return found[0]
    listed = "\n".join(f"  --url {server.url}    {server.root_dir}" for server in servers)
    raise CliError(Exit.USAGE, "Several Jupyter servers are running. Which one is meant?", listed)


def token_for(server: Server, *, token: str, environment: Mapping[str, str]) -> str:
    """Give the token to show to a server: the one a person gave, else the server's own, else the environment's."""
    token = token or server.token or environment.get("JUPYTER_TOKEN", "")
    if not token and (server.pid is not None or urlsplit(server.url).hostname in _LOOPBACK):
        token = environment.get("JUPYTERHUB_API_TOKEN", "")  # the hub's secret, for a server of this machine only
    return token


_HOW_TO_LIST = "`jupyter server list` shows the running servers."


def _nearest(servers: Iterable[Server], cwd: Path) -> list[Server]:
    around = [server for server in servers if server.root_dir and cwd.is_relative_to(server.root_dir)]
    longest = max((len(Path(str(server.root_dir)).parts) for server in around), default=0)
    return [server for server in around if len(Path(str(server.root_dir)).parts) == longest]


def _files(runtime_dir: Path) -> Iterable[Server]:
    for path in runtime_dir.glob("jpserver-*.json"):
        try:
            server = msgspec.json.decode(path.read_bytes(), type=Server)
            yield msgspec.structs.replace(server, written_at=path.stat().st_mtime)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            continue  # it is being written or removed, or is no such file


def _answers(server: Server) -> bool:
    parts = urlsplit(server.url)
    try:
        if server.sock is not None:
            with socket.socket(socket.AF_UNIX) as knock:
                knock.settimeout(_CONNECT_SECONDS)
                knock.connect(server.sock)
        else:
            address = (parts.hostname or "localhost", parts.port or (443 if parts.scheme == "https" else 80))
            socket.create_connection(address, _CONNECT_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


def current_folder() -> Path:
    """Give the folder the person stands in, as they see it; the home folder if it was deleted under them."""
    try:
        return Path(os.getcwd())
    except OSError:
        return Path.home()
