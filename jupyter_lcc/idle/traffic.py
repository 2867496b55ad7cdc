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
import threading
from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

__all__ = [
    "FLOOR_BYTES",
    "Connection",
    "SocketReader",
    "Sockets",
    "Traffic",
    "inodes_of",
    "read_octets",
    "read_sockets",
]

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x1 | 0x300
_INET_DIAG_INFO = 2
_ESTABLISHED, _LISTEN = 1, 10
_HEADER = struct.Struct("=IHHII")
_STATE_AND_PORTS = struct.Struct("!xBxxHH")
_INODE = struct.Struct("=I")
_INODE_AT, _ATTRIBUTES_AT = 68, 72
"""Where `idiag_inode` and what follows it lie in struct inet_diag_msg (linux/inet_diag.h)."""

_ATTRIBUTE = struct.Struct("=HH")
_TCP_INFO_BYTES = struct.Struct("=QQ")
_BYTES_AT = 120
"""Where tcpi_bytes_acked and tcpi_bytes_received lie in struct tcp_info (linux/tcp.h), since Linux 4.2."""

FLOOR_BYTES = 10_000
"""A connection over which less went a second is nobody's work, and not looked for among the processes' files."""

QUIET_BYTES = 3 * FLOOR_BYTES
"""What may go over the network in all before its connections are listed anew: less than one alone must move in the
shortest window to be looked at."""


class Connection(msgspec.Struct, frozen=True):
    """One TCP socket. `total` and `received` are bytes since it was opened: both ways, and in alone."""

    """A TCP socket: its inode, ports, and the bytes that went over it in both directions so far."""

    inode: int
    listens: bool
    established: bool
    port: int
    peer_port: int
    total: int
    received: int = 0


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
                yield _read(answer, at + 16, at + length)
                at += (length + 3) & ~3


def _read(answer: bytes, at: int, end: int) -> Connection:
    """Read one socket. There are hundreds for a few kernels, so nothing is unpacked that isn't wanted."""
    state, port, peer_port = _STATE_AND_PORTS.unpack_from(answer, at)
    inode: int = _INODE.unpack_from(answer, at + _INODE_AT)[0]
    total = received = 0
    at += _ATTRIBUTES_AT
    while at + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(answer, at)
        if length < 4:
            break
        if kind == _INET_DIAG_INFO:
            if length - 4 >= _BYTES_AT + 16:
                acked, received = _TCP_INFO_BYTES.unpack_from(answer, at + 4 + _BYTES_AT)
                total = acked + received
            break
        at += (length + 3) & ~3
    return Connection(inode, state == _LISTEN, state == _ESTABLISHED, port, peer_port, total, received)


def read_octets() -> int | None:
    """Count the bytes that IP has taken and given in this network namespace, loopback twice; None if not told."""
    try:
        names, values = (
            line.split() for line in _read_file("/proc/net/netstat").splitlines() if line.startswith(b"IpExt:")
        )
        told = dict(zip(names, values, strict=True))
        total = int(told[b"InOctets"]) + int(told[b"OutOctets"])
        if os.path.exists("/proc/net/snmp6"):
            told = dict(line.split() for line in _read_file("/proc/net/snmp6").splitlines())
            total += int(told[b"Ip6InOctets"]) + int(told[b"Ip6OutOctets"])
    except (OSError, ValueError, KeyError):
        return None
    return total


def _read_file(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 1 << 16)
    finally:
        os.close(file)


class SocketReader:
    """Read the sockets once for all who look at the same moment: the parts of one look ask several times."""

    def __init__(
        self,
        read: Callable[[], Sockets | None] = read_sockets,
        read_octets: Callable[[], int | None] = read_octets,
    ) -> None:
        self._read = read
        self._read_octets = read_octets
        self._reading = threading.Lock()
        self._last: tuple[object, Sockets | None] | None = None
        self._octets: int | None = None

    def at(self, moment: object) -> Sockets | None:
        """List all TCP sockets at the moment of a look, which its process table stands for; None if refused.

        Waits for a read that another thread has begun, so it is for threads alone.
        """
        with self._reading:
            if self._last is None or self._last[0] is not moment:
                self._list(moment, self._read_octets())
            assert self._last is not None
            return self._last[1]

    def moved_at(self, moment: object) -> Sockets | None:
        """The same, for who only asks over which connections much went: a list of before, the very same one, while in
        all less than `QUIET_BYTES` have gone over the network since. Listing costs the more the more kernels there are.
        """
        with self._reading:
            if self._last is None or self._last[0] is not moment:
                octets = self._read_octets()
                quiet = octets is not None and self._octets is not None and 0 <= octets - self._octets < QUIET_BYTES
                if self._last is None or not quiet:
                    self._list(moment, octets)
            assert self._last is not None
            return self._last[1]

    def _list(self, moment: object, octets: int | None) -> None:
        self._last, self._octets = (moment, self._read()), octets

    def now(self) -> Sockets | None:
        """List all TCP sockets as they are, for who must not miss what has begun just now. Waits for nobody."""
        return self._read()


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
        fields = _read_file(f"/proc/{pid}/io").split()
        return int(fields[1]) + int(fields[3])
    except (OSError, ValueError, IndexError):
        return None


class _Look(msgspec.Struct):
    at: datetime
    files: dict[tuple[int, int], int]
    sockets: Sockets | None


class Traffic:
    """Follow the traffic of process trees from look to look."""

    def __init__(self) -> None:
        self._before: dict[str, _Look] = {}
        self._risen: tuple[Sockets | None, Sockets | None, float, list[tuple[Connection, int]]] | None = None

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
        self._before[key] = _Look(now, files, sockets)
        if before is None:
            return None
        moved = sum(max(0, count - before.files.get(each, 0)) for each, count in files.items())
        risen = [
            (each.inode, rise)
            for each, rise in self._over_sockets(before.sockets, sockets, floor=elapsed * FLOOR_BYTES)
            if each.port not in ports and each.peer_port not in ports
        ]
        if risen:
            inodes = set[int]().union(*(inodes_of(pid) or () for pid, _started in mine))
            moved += sum(rise for inode, rise in risen if inode in inodes)
        return round(moved / elapsed, 1), before.at

    def keep_only(self, keys: Iterable[str]) -> None:
        """Forget the others; the next look at one of them is a first one."""
        for key in self._before.keys() - set(keys):
            del self._before[key]

    def _over_sockets(
        self, before: Sockets | None, now: Sockets | None, *, floor: float
    ) -> list[tuple[Connection, int]]:
        """Give the connections over which at least `floor` bytes went between two moments, and how many.

        The targets of one look have these moments in common, so what one of them asked serves all.
        """
        if before is now:
            return []
        last = self._risen
        if last is not None and last[0] is before and last[1] is now and last[2] == floor:
            return last[3]
        were = {} if before is None else before.all
        risen: list[tuple[Connection, int]] = []
        for inode, each in () if now is None else now.all.items():
            if each.established and each.total >= floor:
                old = were.get(inode)
                rise = each.total - (old.total if old is not None and old.established else 0)
                if rise >= floor:
                    risen.append((each, rise))
        self._risen = (before, now, floor, risen)
        return risen
