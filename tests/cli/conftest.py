"""Three real servers for the whole run: one with everything, one without our extension, one at a unix socket."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .servers import Home, JupyterServer, wait_for

HASTY = {
    "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "display_name": "Hasty",
    "language": "python",
}


@pytest.fixture(scope="session")
def _servers() -> Iterator[dict[str, JupyterServer]]:
    with tempfile.TemporaryDirectory(prefix="lcc-cli-") as folder:
        top = Path(folder)
        hasty = {**HASTY, "metadata": {"cull_idle_timeout": 2}}
        main_home, bare_home, sock_home = (Home(top / name) for name in ("main", "bare", "sock"))
        main_home.write("data/kernels/hasty/kernel.json", json.dumps(hasty))
        servers = {
            "main": JupyterServer(
                main_home,
                top / "main" / "work",
                base_url="/hub/ada/",
                options=(
                    "--LccIdle.warn_seconds=1",
                    "--LccIdle.max_lease_seconds=7200",
                    '--LccIdle.bounds={"terminal_timeout_seconds": [600, 14400]}',
                    "--LccIdle.locked=waiting_timeout_seconds",
                ),
            ),
            "bare": JupyterServer(bare_home, top / "bare" / "work", extension=False),
            "sock": JupyterServer(
                sock_home,
                top / "sock" / "work",
                token="",
                sock=top / "s.sock",
                options=("--LccIdle.mode=observe", "--MappingKernelManager.cull_idle_timeout=600"),
            ),
        }
        for server in servers.values():
            server.launch()
        try:
            for server in servers.values():
                server.wait()
            yield servers
        finally:
            for server in servers.values():
                server.end()


@pytest.fixture(scope="session")
def server(_servers: dict[str, JupyterServer]) -> JupyterServer:
    """The server with everything: base URL, token, bounds, a lock."""
    return _servers["main"]


@pytest.fixture(scope="session")
def bare(_servers: dict[str, JupyterServer]) -> JupyterServer:
    """A server without our extension."""
    return _servers["bare"]


@pytest.fixture(scope="session")
def at_socket(_servers: dict[str, JupyterServer]) -> JupyterServer:
    """A server at a unix socket, without a token, that only observes and has Jupyter's own culling on."""
    return _servers["sock"]


@pytest.fixture(scope="session")
def notebook(server: JupyterServer) -> str:
    """The kernel of work/train.ipynb."""
    return server.notebook("work/train.ipynb")


@pytest.fixture(scope="session")
def terminal(server: JupyterServer) -> str:
    """The name of a terminal."""
    return server.terminal()


@pytest.fixture(scope="session")
def gone(server: JupyterServer) -> str:
    """The kernel of hasty.ipynb, which the monitor shut down for being idle."""
    kernel_id = server.notebook("hasty.ipynb", "hasty")
    wait_for(lambda: all(kernel["id"] != kernel_id for kernel in server.ask("GET", "api/kernels")))
    wait_for(
        lambda: (
            "shut_down"
            in server.ask("GET", f"lcc/idle/decisions?target_id=kernel:{kernel_id}")["decisions"][0]["change"]
        )
    )
    return kernel_id


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home where no server runs."""
    return Home(tmp_path)
