"""Read the process table, in one pass.

On Linux it is read from /proc (proc(5)), about 15 µs a process. Elsewhere psutil gives what it can; process
groups and terminals are unknown there. Reading the table blocks for some milliseconds: use a thread.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

from .process_table import Blocking, MachineCpu, Origin, ProcessRow, ProcessTable

__all__ = ["TableReader", "age_of", "blocked_in", "process_started", "read_cpu", "read_table", "takes_single_keys"]

_LINUX = sys.platform.startswith("linux")
_TICKS = os.sysconf("SC_CLK_TCK") if _LINUX else 100
_DEV_TTY = os.makedev(5, 0) if _LINUX else 0
_PAGE = os.sysconf("SC_PAGE_SIZE") if _LINUX else 4096


def read_table() -> ProcessTable:
    """Read the whole table; a process that ends meanwhile is left out."""
    return ProcessTable(_linux_rows() if _LINUX else _psutil_rows())


class TableReader:
    """Read the table together with where this user's processes come from.

    A process's environment and arguments are read once, when it is new or has become another program. They lie in
    its own memory, so a process that hangs in the kernel can hold the reader up: use a thread.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, str, Origin | None]] = {}

    def __call__(self) -> ProcessTable:
        """Read the whole table."""
        table = read_table()
        known: dict[int, tuple[int, str, Origin | None]] = {}
        for row in table.rows.values():
            before = self._known.get(row.pid)
            if before is None or before[:2] != (row.started, row.name):
                before = (row.started, row.name, _origin(row.pid) if _LINUX and row.state != "Z" else None)
            known[row.pid] = before
        self._known = known
        origins = {pid: entry[2] for pid, entry in known.items() if entry[2]}
        return ProcessTable(table.rows.values(), origins, read_cpu())


_THROTTLED = (
    ("/sys/fs/cgroup/cpu.stat", "throttled_usec", 1e-6),
    ("/sys/fs/cgroup/cpu/cpu.stat", "throttled_time", 1e-9),
)
"""Where a container's kernel counts, as cgroup version 2 and 1 have it (cgroup-v2.rst, sched-bwc.rst)."""


def read_cpu() -> MachineCpu | None:
    """Read the machine's own counters; None where it doesn't tell."""
    try:
        idle = _linux_idle() if _LINUX else _psutil_idle()
    except Exception:  # psutil's own, and what a hardened /proc answers
        return None
    return MachineCpu(cores=os.cpu_count() or 1, idle_seconds=idle, throttled_seconds=_throttled() if _LINUX else 0.0)


def _linux_idle() -> float:
    """Seconds all cores together had nothing to do, or waited for the disk (`idle` and `iowait` of proc(5)).

    Read by hand: psutil takes longer to be imported than a server may take to look around for the first time.
    """
    with open("/proc/stat", encoding="ascii") as file:
        _cpu, _user, _nice, _system, idle, iowait = file.readline().split()[:6]
    return (int(idle) + int(iowait)) / _TICKS


def _psutil_idle() -> float:
    import psutil

    return float(psutil.cpu_times().idle)


def _throttled() -> float:
    for path, name, unit in _THROTTLED:
        try:
            with open(path, encoding="ascii") as file:
                counts = dict(line.split() for line in file if line.strip())
            return int(counts[name]) * unit
        except (OSError, ValueError, KeyError):
            continue
    return 0.0


_MARKS = ("JPY_PARENT_PID", "JPY_SESSION_NAME", "JUPYTER_SERVER_ROOT", "JUPYTER_SERVER_URL")
_INHERITED = {name: os.environ.get(name) for name in _MARKS}
"""What this server's own environment brought along proves nothing of its children."""


def _origin(pid: int) -> Origin | None:
    try:
        if os.stat(f"/proc/{pid}").st_uid != os.getuid():
            return None
        with open(f"/proc/{pid}/environ", "rb") as file:
            environ = file.read(1 << 20)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            argv = file.read(1 << 14)
    except OSError:
        return None
    marks: dict[str, str] = {}
    for name in _MARKS if b"JPY_" in environ or b"JUPYTER_SERVER_" in environ else ():
        start = environ.find(name.encode() + b"=") if environ.startswith(name.encode()) else -1
        if start < 0:
            start = environ.find(b"\0" + name.encode() + b"=") + 1
        if start > 0 or environ.startswith(name.encode() + b"="):
            value = environ[start + len(name) + 1 :].split(b"\0", 1)[0].decode("utf-8", "replace")
            if value != _INHERITED[name]:
                marks[name] = value
    server = marks.get("JPY_PARENT_PID", "")
    return Origin(
        argv=tuple(part.decode("utf-8", "replace") for part in argv.split(b"\0")[:-1]),
        from_jupyter=bool(marks),
        server_pid=int(server) if server.isascii() and server.isdecimal() else None,
        server_port=_port_of(marks.get("JUPYTER_SERVER_URL", "")),
        session_name=marks.get("JPY_SESSION_NAME"),
    )


def _port_of(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None


def age_of(row: ProcessRow) -> float | None:
    """Give for how many seconds a process has run; None where that can't be told."""
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - row.started / _TICKS) if _LINUX else None


def takes_single_keys(pid: int) -> bool | None:
    """Tell whether the terminal a process of this user has open as its input is in non-canonical mode."""
    try:
        import termios

        device = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except (ImportError, OSError):
        return None
    try:
        local_modes: int = termios.tcgetattr(device)[3]
    except termios.error:
        return None
    finally:
        os.close(device)
    return not local_modes & termios.ICANON


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
        # Not `open`: a file object costs as much as the read itself, and there may be thousands of processes.
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            text = os.read(file, 4096)
        finally:
            os.close(file)
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
        children_cpu_seconds=sum(map(int, field[13:15])) / _TICKS,
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
                cpu_seconds=times.user + times.system + times.children_user + times.children_system,
                children_cpu_seconds=times.children_user + times.children_system,
                memory_bytes=process.memory_info().rss,
            )
    except psutil.Error:
        return None
