"""Read the process table, in one pass.

On Linux it is read from /proc (proc(5)), about 15 µs a process. Elsewhere psutil gives what it can; process
groups and terminals are unknown there. Reading the table blocks for some milliseconds: use a thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Literal

from .process_table import Blocking, ProcessRow, ProcessTable

__all__ = ["blocked_in", "process_started", "read_table"]

_LINUX = sys.platform.startswith("linux")
_TICKS = os.sysconf("SC_CLK_TCK") if _LINUX else 100
_DEV_TTY = os.makedev(5, 0) if _LINUX else 0
_PAGE = os.sysconf("SC_PAGE_SIZE") if _LINUX else 4096


def read_table() -> ProcessTable:
    """Read the whole table; a process that ends meanwhile is left out."""
    return ProcessTable(_linux_rows() if _LINUX else _psutil_rows())


def process_started(pid: int) -> int | None:
    """Tell a running process from a later one with the same pid by its start (an opaque number); None if it ended."""
    row = _linux_row(pid) if _LINUX else _psutil_row(pid)
    return None if row is None or row.state == "Z" else row.started


def blocked_in(row: ProcessRow) -> Blocking | None:
    """Tell whether a process sleeps in a read of its terminal, another read, or a write; None if it can't be told.

    From /proc/PID/syscall, readable for processes of the same user.
    """
    if not _LINUX:
        return None
    try:
        with open(f"/proc/{row.pid}/syscall", "rb") as file:
            fields = file.read().split()
        number, descriptor = int(fields[0]), int(fields[1], 16)
        call = _SYSCALLS.get(os.uname().machine, {}).get(number)
        if call != "read":
            return call
        device = os.stat(f"/proc/{row.pid}/fd/{descriptor}").st_rdev
    except (OSError, ValueError, IndexError):
        return None
    return "terminal_read" if device in (row.tty, _DEV_TTY) and row.tty else "read"


# Numbers from the kernel's asm/unistd.h: the calls in which a program waits for its terminal or its pipe.
_SYSCALLS: dict[str, dict[int, Literal["read", "write"]]] = {
    "x86_64": {0: "read", 1: "write", 19: "read", 20: "write"},
    "aarch64": {63: "read", 64: "write", 65: "read", 66: "write"},
}


def _linux_rows() -> Iterable[ProcessRow]:
    for name in os.listdir("/proc"):
        if name.isdigit() and (row := _linux_row(int(name))):
            yield row


def _linux_row(pid: int) -> ProcessRow | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # The name stands in brackets and may itself contain spaces and brackets.
    begin, end = text.find(b"("), text.rfind(b")")
    field = text[end + 2 :].split()
    return ProcessRow(
        pid=pid,
        name=text[begin + 1 : end].decode("utf-8", "replace"),
        state=field[0].decode(),
        parent=int(field[1]),
        group=int(field[2]),
        session=int(field[3]),
        tty=int(field[4]),
        foreground_group=int(field[5]),
        cpu_seconds=sum(map(int, field[11:15])) / _TICKS,
        started=int(field[19]),
        memory_bytes=int(field[21]) * _PAGE,
    )


_PSUTIL_STATES = {"running": "R", "sleeping": "S", "disk-sleep": "D", "stopped": "T", "zombie": "Z"}


def _psutil_rows() -> Iterable[ProcessRow]:
    import psutil

    for pid in psutil.pids():
        if row := _psutil_row(pid):
            yield row


def _psutil_row(pid: int) -> ProcessRow | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return ProcessRow(
                pid=pid,
                parent=process.ppid(),
                name=process.name(),
                state=_PSUTIL_STATES.get(process.status(), "?"),
                started=int(process.create_time() * 1000),
                cpu_seconds=times.user + times.system,
                memory_bytes=process.memory_info().rss,
            )
    except psutil.Error:
        return None
