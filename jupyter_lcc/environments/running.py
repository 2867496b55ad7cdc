"""Kernels that run in environments now, as the server knows them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from ..model import sendable
from .kernelspecs import Spec
from .model import RunningKernel

__all__ = ["ServerKernels", "running_in"]


class ServerKernels:
    """Reads a Jupyter server's kernels and sessions. A server whose kernels run elsewhere has none here."""

    def __init__(self, kernel_manager: Any, session_manager: Any, *, remote: bool = False) -> None:
        self._kernels = kernel_manager
        self._sessions = session_manager
        self._remote = remote

    async def list_running(self) -> list[RunningKernel]:
        """Give every kernel with its kernelspec's name and its notebook."""
        if self._remote:
            return []
        paths: dict[str, str] = {}
        try:
            for session in await self._sessions.list_sessions():
                paths[str(session["kernel"]["id"])] = sendable(str(session["path"]))
        except Exception:
            # Sessions only say which notebook it is; a kernel without one is still a kernel.
            paths = {}
        found = []
        for model in self._kernels.list_kernels():
            kernel_id = str(model["id"])
            found.append(
                RunningKernel(
                    kernel_id=kernel_id,
                    spec_name=str(model["name"]),
                    path=paths.get(kernel_id),
                    state=str(model.get("execution_state") or "unknown"),
                )
            )
        return found


def running_in(prefix: str, specs: Iterable[Spec], kernels: Iterable[RunningKernel]) -> tuple[RunningKernel, ...]:
    """Choose the kernels whose kernelspec starts an environment. Pure but for following links."""
    wanted = os.path.realpath(prefix)
    there = (spec for spec in specs if spec.prefix is not None)
    names = {spec.name for spec in there if os.path.realpath(str(spec.prefix)) == wanted}
    return tuple(kernel for kernel in kernels if kernel.spec_name.lower() in names)
