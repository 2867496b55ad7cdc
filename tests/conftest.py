"""Jupyter's own fixtures: real servers, and tests that are coroutines. And nobody leaves jobs to the next."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

pytest_plugins = ("pytest_jupyter.jupyter_server",)

_RUN = f"LCC_TEST_RUN={uuid4().hex}"
os.environ["LCC_TEST_RUN"] = _RUN.partition("=")[2]


@pytest.fixture(scope="module", autouse=True)
def _orphans_end_with_their_module() -> Iterator[None]:
    """A job that outlives its terminal is what this package looks for: one left over would be seen by later tests."""
    yield
    for pid in _orphans():
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _orphans() -> list[int]:
    """Name the processes begun in this run that are nobody's child any more."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            if _RUN.encode() in (folder / "environ").read_bytes().split(b"\0") and _is_orphan(int(folder.name)):
                found.append(int(folder.name))
    return found


def _is_orphan(pid: int) -> bool:
    """Tell whether no parent up to the first process is this one."""
    while pid > 1:
        if pid == os.getpid():
            return False
        pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    return True
