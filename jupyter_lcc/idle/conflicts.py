"""What else in the running server ends what we look after, as it is set now, wherever that was set.

Names and meanings from jupyter_server 2.8 to 2.21 (`MappingKernelManager`, `ServerApp`) and jupyter_server_terminals
(`TerminalManager`). Its kernel culling runs only if `cull_idle_timeout` is above 0; a kernelspec can't switch it on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..platforms.model import Conflict

__all__ = ["EXTENSIONS", "NATIVE", "conflicts_of"]

NATIVE = "jupyter_activity_monitor_extension"
"""It answers Studio's own idle shutdown."""

EXTENSIONS = (
    NATIVE,
    "jupyter_keepalive",
    "jupyterlab_kernel_terminal_workspace_culler_extension",
    "sagemaker_studio_autoshutdown",
)
"""Server extensions that shut something down, let something be shut down, or seem to keep it."""


def conflicts_of(server: Any, terminals: Callable[[], Any], native_works: Callable[[], bool]) -> tuple[Conflict, ...]:
    """Look at a ServerApp. `terminals` gives its terminal manager, None without terminals. Reads attributes only."""
    found = []
    kernels = server.kernel_manager
    if seconds := _seconds(kernels, "cull_idle_timeout"):
        also = tuple(name for name in ("cull_busy", "cull_connected") if getattr(kernels, name, False) is True)
        found.append(
            Conflict(ends="kernels", name="MappingKernelManager.cull_idle_timeout", seconds=seconds, also=also)
        )
    if seconds := _seconds(terminals(), "cull_inactive_timeout"):
        found.append(Conflict(ends="terminals", name="TerminalManager.cull_inactive_timeout", seconds=seconds))
    if seconds := _seconds(server, "shutdown_no_activity_timeout"):
        found.append(Conflict(ends="server", name="ServerApp.shutdown_no_activity_timeout", seconds=seconds))
    for name in EXTENSIONS:
        package = server.extension_manager.extensions.get(name)
        if package is not None and package.enabled:
            follows = native_works() if name == NATIVE else None
            found.append(Conflict(ends="extension", name=name, follows_us=follows))
    return tuple(found)


def _seconds(owner: Any, trait: str) -> int:
    """Give a duration above zero, 0 for one that is off or isn't there."""
    value = getattr(owner, trait, 0)
    return max(0, int(value)) if isinstance(value, (int, float)) else 0
