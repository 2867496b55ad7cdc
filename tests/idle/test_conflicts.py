"""What else in a running server ends things: read from real Jupyter objects, as they are set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from jupyter_server_terminals.terminalmanager import TerminalManager

from jupyter_lcc.idle.conflicts import NATIVE, conflicts_of
from jupyter_lcc.platforms.model import Conflict


def no() -> bool:
    return False


@pytest.fixture
def plain(jp_serverapp: ServerApp) -> ServerApp:
    for name in list(jp_serverapp.extension_manager.extensions):
        jp_serverapp.extension_manager.extensions.pop(name)
    return jp_serverapp


def find(server: ServerApp, terminals: Any = None, works: Callable[[], bool] = no) -> tuple[Conflict, ...]:
    return conflicts_of(server, lambda: terminals, works)


def test_a_server_as_it_comes_has_none(plain: ServerApp) -> None:
    assert find(plain, TerminalManager(shell_command=["true"])) == ()


def test_what_is_set_is_told_with_what_sharpens_it(plain: ServerApp) -> None:
    plain.kernel_manager.cull_busy = True
    assert find(plain) == (), "without a timeout it does nothing"
    plain.kernel_manager.cull_idle_timeout = 600
    plain.shutdown_no_activity_timeout = 900
    assert find(plain, TerminalManager(shell_command=["true"], cull_inactive_timeout=300)) == (
        Conflict(ends="kernels", name="MappingKernelManager.cull_idle_timeout", seconds=600, also=("cull_busy",)),
        Conflict(ends="terminals", name="TerminalManager.cull_inactive_timeout", seconds=300),
        Conflict(ends="server", name="ServerApp.shutdown_no_activity_timeout", seconds=900),
    )
    plain.kernel_manager.cull_connected = True
    assert find(plain)[0].also == ("cull_busy", "cull_connected")


def test_a_negative_timeout_is_off(plain: ServerApp) -> None:
    plain.kernel_manager.cull_idle_timeout = -1
    assert find(plain) == ()


@pytest.mark.filterwarnings("ignore")  # the extension names its entry points the old way
@pytest.mark.parametrize("works", [True, False])
def test_extensions_count_where_they_are_enabled(plain: ServerApp, works: bool) -> None:
    extensions: Any = plain.extension_manager
    extensions.add_extension(NATIVE, enabled=False)
    assert find(plain) == ()
    extensions.add_extension(NATIVE, enabled=True)
    assert find(plain, works=lambda: works) == (Conflict(ends="extension", name=NATIVE, follows_us=works),)
