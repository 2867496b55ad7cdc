"""Traffic of real processes: a download over loopback that is written nowhere, a file that is read, and quiet."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.idle.lineage import Root
from jupyter_lcc.idle.process_table import ProcessTable
from jupyter_lcc.idle.processes import TableReader
from jupyter_lcc.idle.proof import Proof, Use
from jupyter_lcc.idle.traffic import (
    FLOOR_BYTES,
    QUIET_BYTES,
    Connection,
    SocketReader,
    Sockets,
    Traffic,
    read_octets,
    read_sockets,
)

from ..fakes import START

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere traffic is unknown"),
]

PART = b"x" * 200_000


@pytest.fixture
def trickle() -> Iterator[int]:
    """Serve about 2 MB a second to whoever connects."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.1)

    def send(connection: socket.socket) -> None:
        with connection:
            while not over.wait(0.1):
                try:
                    connection.sendall(PART)
                except OSError:
                    return

    def serve() -> None:
        with listening:
            while not over.is_set():
                try:
                    sending.append(threading.Thread(target=send, args=(listening.accept()[0],)))
                except TimeoutError:
                    continue
                sending[-1].start()

    sending: list[threading.Thread] = []
    serving = threading.Thread(target=serve)
    serving.start()
    yield listening.getsockname()[1]
    over.set()
    for thread in (serving, *sending):
        thread.join()


class Watched:
    """A child process as a target."""

    def __init__(self, code: str, *arguments: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", code, *arguments])
        self.ports: frozenset[int] = frozenset()

    def roots(self) -> list[Root]:
        return [Root(target_id="kernel:k", pid=self.process.pid, ports=self.ports)]

    async def use(self, *, sockets: Callable[[], Sockets | None] = read_sockets) -> Use:
        """Look for some windows."""
        proof = Proof(SystemClock(), window=lambda: 1.2, sockets=SocketReader(sockets))
        proof.family.add(self.roots)
        table = TableReader()
        await asyncio.sleep(0.5)  # Python has started
        for _ in range(16):
            await proof.measure(table())
            await asyncio.sleep(0.2)
        return proof.use_of("kernel:k")


@pytest.fixture
def watch() -> Iterator[type[Watched]]:
    made: list[Watched] = []

    class Kept(Watched):
        def __init__(self, code: str, *arguments: str) -> None:
            super().__init__(code, *arguments)
            made.append(self)

    yield Kept
    for each in made:
        each.process.kill()
        each.process.wait()


DOWNLOAD = (
    "import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\nwhile s.recv(1 << 16): pass"
)


async def test_a_download_into_memory_is_work(watch: type[Watched], trickle: int) -> None:
    use = await watch(DOWNLOAD, str(trickle)).use()
    assert use.works
    assert not use.cpu.works, "by CPU alone it would not be"
    assert 1_000_000 < (use.io_bytes_per_second or 0) < 4_000_000
    assert any(e.signal == "io_bytes_per_second" and e.means == "work" for e in use.evidence())


async def test_a_kernels_own_channels_are_none_and_where_the_system_refuses_the_rest_works(
    watch: type[Watched], trickle: int
) -> None:
    def refused() -> Sockets | None:
        return None

    kernel, blind = watch(DOWNLOAD, str(trickle)), watch(DOWNLOAD, str(trickle))
    kernel.ports = frozenset((trickle,))
    for use in await asyncio.gather(kernel.use(), blind.use(sockets=refused)):
        assert not use.works
        assert (use.io_bytes_per_second or 0) < 100_000
        assert use.cpu.percent is not None


async def test_a_file_that_is_read_slowly_is_work_and_quiet_is_not(watch: type[Watched]) -> None:
    code = "import time\nwhile True:\n  open('/dev/zero', 'rb', 0).read(300_000); time.sleep({})"
    busy, quiet = await asyncio.gather(watch(code.format(0.1)).use(), watch(code.format(30)).use())
    assert busy.works
    assert not busy.cpu.works
    assert not quiet.works


def test_the_parts_of_one_look_share_one_read_and_a_last_look_is_never_an_old_one() -> None:
    reads = 0

    def read() -> Sockets:
        nonlocal reads
        reads += 1
        return Sockets({})

    sockets, one, other = SocketReader(read), ProcessTable(()), ProcessTable(())
    assert sockets.at(one) is sockets.at(one)
    assert reads == 1
    assert sockets.now() is not sockets.at(one)
    assert reads == 2
    sockets.at(other)
    assert reads == 3


def test_while_next_to_nothing_moves_an_old_list_will_do_for_who_asks_what_moved() -> None:
    reads, octets = 0, 1_000

    def read() -> Sockets:
        nonlocal reads
        reads += 1
        return Sockets({})

    sockets = SocketReader(read, lambda: octets)
    first = sockets.moved_at(ProcessTable(()))
    octets += QUIET_BYTES - 1
    assert sockets.moved_at(ProcessTable(())) is first
    assert sockets.at(ProcessTable(())) is not first, "who asks for ports gets those of now"
    octets += QUIET_BYTES
    table = ProcessTable(())
    third = sockets.moved_at(table)
    assert reads == 3
    assert sockets.at(table) is third
    untold = SocketReader(read, lambda: None)
    assert untold.moved_at(ProcessTable(())) is not untold.moved_at(ProcessTable(())), "unknown is not quiet"


def test_what_goes_over_loopback_is_in_the_count_of_all(trickle: int) -> None:
    before = read_octets()
    with socket.create_connection(("127.0.0.1", trickle)) as connection:
        got = 0
        while got < len(PART):
            got += len(connection.recv(1 << 16))
    after = read_octets()
    assert before is not None
    assert after is not None
    assert after - before >= got


@pytest.mark.parametrize("seconds", [3.0, 60.0])
def test_a_connection_counts_for_who_has_it_open_and_the_others_share_the_comparison(seconds: float) -> None:
    """Made-up sockets: only this process's own is one of its files."""
    with socket.create_server(("127.0.0.1", 0)) as mine:
        inode = os.fstat(mine.fileno()).st_ino

        def at(moved: int) -> Sockets:
            found = [Connection(inode, False, True, 1, 2, moved), Connection(1, False, True, 3, 4, moved)]
            return Sockets({each.inode: each for each in found})

        traffic, enough = Traffic(), int(seconds * FLOOR_BYTES)
        before, now, later = at(0), at(enough), at(2 * enough - 1)
        end = START + timedelta(seconds=seconds)

        def measure(key: str, sockets: Sockets, when: datetime, *ports: int) -> float | None:
            told = traffic.measure(key, [(os.getpid(), 1)], frozenset(ports), sockets, when, shortest=1.0)
            return None if told is None else told[0]

        assert [measure(key, before, START, *ports) for key, *ports in (("a",), ("b", 1), ("c", 9))] == [None] * 3
        told = [measure(key, now, end, *ports) for key, *ports in (("a",), ("b", 1), ("c", 9))]
        own_files = told[1] or 0.0
        assert told[0] == told[2] == pytest.approx(FLOOR_BYTES, abs=max(500.0, own_files))
        assert own_files < FLOOR_BYTES / 2, "a kernel's own channel is none"
        quiet = measure("a", later, end + timedelta(seconds=seconds))
        assert quiet is not None
        assert quiet < FLOOR_BYTES / 2, "one byte less is nobody's work"
