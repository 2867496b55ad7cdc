"""Kernelspecs of a server's home: the real ipykernel, started in ways that go wrong or with a limit of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .server import PYTHON

__all__ = ["spec"]

BRITTLE = 'if [ -e "$1.used" ]; then exit 1; fi; touch "$1.used"; exec "$2" -m ipykernel_launcher -f "$1"'
"""Starts once; each restart fails."""

DEAF = (
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "from ipykernel.ipkernel import IPythonKernel\n"
    "async def stay(self, *rest): pass\n"
    "IPythonKernel.shutdown_request = stay\n"
    "from ipykernel.kernelapp import IPKernelApp; IPKernelApp.launch_instance()"
)
"""Takes no notice of a request to shut down, nor of SIGTERM."""

_ARGV: Mapping[str, list[str]] = {
    "usual": [PYTHON, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "brittle": ["/bin/sh", "-c", BRITTLE, "sh", "{connection_file}", PYTHON],
    "deaf": [PYTHON, "-c", DEAF, "-f", "{connection_file}"],
}


def spec(name: str, how: str = "usual", **metadata: Any) -> dict[str, str]:
    """Give the files of a kernelspec, for a server's `files`."""
    content = {"argv": _ARGV[how], "display_name": name, "language": "python", "metadata": metadata}
    return {f".local/share/jupyter/kernels/{name}/kernel.json": json.dumps(content)}
