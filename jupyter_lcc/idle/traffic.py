"""What processes read and write: files by /proc/PID/io, TCP by the kernel's own counters of each connection.

`rchar` and `wchar` of proc(5) count what went through read() and write(), cached or not, local or on a network
file system; recv() and send(), which Python's sockets use, are not in them. Those are asked for by NETLINK_SOCK_DIAG
(sock_diag(7), `struct tcp_info`), for all connections in one go, and a connection is looked for among the
processes' files only if enough went over it. A kernel's own channels are left out by their ports.

Both block for some milliseconds. Where the system refuses, the answer is None: unknown.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

__all__ = ["Connection", "Sockets", "Traffic", "inodes_of", "read_sockets"]

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x1 | 0x300
_INET_DIAG_INFO = 2
_ESTABLISHED, _LISTEN = 1, 10
_HEADER = struct.Struct("=IHHII")
_ANSWER = struct.Struct("!BBBBHH16s16sI8sIIIII")
_TCP_INFO_BYTES = struct.Struct("=QQ")
_BYTES_AT = 120
"""Where tcpi_bytes_acked and tcpi_bytes_received lie in struct tcp_info (linux/tcp.h), since Linux 4.2."""


class Connection(msgspec.Struct, frozen=True):
    """A TCP socket: its inode, ports, and the bytes that went over it in both directions so far."""

    inode: int
    listens: bool
    established: bool
    port: int
    peer_port: int
    total: int


class Sockets(msgspec.Struct, frozen=True):
    """All TCP sockets of this network namespace, by inode."""

    all: dict[int, Connection]


def read_sockets() -> Sockets | None:
    """List all TCP sockets; None where the system refuses."""
    if not sys.platform.startswith("linux"):
        return None
    found: dict[int, Connection] = {}
    try:
        for family in (socket.AF_INET, socket.AF_INET6):
            for connection in _dump(family):
                found[connection.inode] = connection
    except (OSError, struct.error):
        return None
    return Sockets(found)


def _dump(family: int) -> Iterable[Connection]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as link:
        link.settimeout(1.0)
        states = 1 << _ESTABLISHED | 1 << _LISTEN
        request = struct.pack("=BBBxI48x", family, socket.IPPROTO_TCP, 1 << (_INET_DIAG_INFO - 1), states)
        link.send(_HEADER.pack(16 + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 1, 0) + request)
        while True:
            answer, at = link.recv(1 << 18), 0
            while at + 16 <= len(answer):
                length, kind, _flags, _number, _port = _HEADER.unpack_from(answer, at)
                if kind == 3:  # NLMSG_DONE
                    return
                if kind == 2:  # NLMSG_ERROR
                    raise OSError("sock_diag refused")
                yield _read(answer[at + 16 : at + length])
                at += (length + 3) & ~3


def _read(body: bytes) -> Connection:
    _family, state, _timer, _retrans, port, peer_port, *_middle = _ANSWER.unpack_from(body)
    inode = struct.unpack_from("=I", body, 68)[0]
    total, at = 0, 72
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        if length < 4:
            break
        if kind == _INET_DIAG_INFO and length - 4 >= _BYTES_AT + 16:
            total = sum(_TCP_INFO_BYTES.unpack_from(body, at + 4 + _BYTES_AT))
        at += (length + 3) & ~3
    return Connection(inode, state == _LISTEN, state == _ESTABLISHED, port, peer_port, total)


def inodes_of(pid: int) -> set[int] | None:
    """Name the sockets a process has open; None if that can't be read."""
    found: set[int] = set()
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                link = os.readlink(f"/proc/{pid}/fd/{name}")
            except FileNotFoundError:
                continue
            if link.startswith("socket:["):
                found.add(int(link[8:-1]))
    except OSError:
        return None
    return found


def _file_bytes(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            fields = file.read().split()
        return int(fields[1]) + int(fields[3])
    except (OSError, ValueError, IndexError):
        return None


class _Look(msgspec.Struct):
    at: datetime
    files: dict[tuple[int, int], int]
    sockets: dict[int, int]


class Traffic:
    """Follow the traffic of process trees from look to look."""

    def __init__(self) -> None:
        self._before: dict[str, _Look] = {}

    def measure(
        self,
        key: str,
        processes: Iterable[tuple[int, int]],
        ports: frozenset[int],
        sockets: Sockets | None,
        now: datetime,
        *,
        shortest: float,
    ) -> tuple[float, datetime] | None:
        """Give the bytes a second since the last look and when that was; None if none was `shortest` seconds ago.

        `processes` are a target's, as (pid, started); connections from or to `ports` are left out.
        """
        before = self._before.get(key)
        elapsed = 0.0 if before is None else (now - before.at).total_seconds()
        if before is not None and elapsed < shortest:
            return None
        mine = list(processes)
        files = {each: count for each in mine if (count := _file_bytes(each[0])) is not None}
        totals = (
            {}
            if sockets is None
            else {
                inode: each.total
                for inode, each in sockets.all.items()
                if each.established and each.port not in ports and each.peer_port not in ports
            }
        )
        self._before[key] = _Look(now, files, totals)
        if before is None:
            return None
        moved = sum(max(0, count - before.files.get(each, 0)) for each, count in files.items())
        moved += _over_sockets(before.sockets, totals, [pid for pid, _started in mine], floor=elapsed * 10_000)
        return round(moved / elapsed, 1), before.at

    def keep_only(self, keys: Iterable[str]) -> None:
        """Forget the others; the next look at one of them is a first one."""
        for key in self._before.keys() - set(keys):
            del self._before[key]


def _over_sockets(before: Mapping[int, int], now: Mapping[int, int], pids: Iterable[int], *, floor: float) -> int:
    moved = {inode: rise for inode, total in now.items() if (rise := total - before.get(inode, 0)) >= floor}
    if not moved:
        return 0
    mine: set[int] = set()
    for pid in pids:
        mine |= inodes_of(pid) or set()
    return sum(rise for inode, rise in moved.items() if inode in mine)
