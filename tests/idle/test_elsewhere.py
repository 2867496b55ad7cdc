"""Use of the machine beside kernels and terminals: what counts, and what is only an open tab."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from jupyter_lcc.idle.apps import find_apps
from jupyter_lcc.idle.elsewhere import HEARTBEAT_BYTES, OWN_SAVES, WINDOW, Elsewhere
from jupyter_lcc.idle.model import Evidence
from jupyter_lcc.idle.process_table import Origin, ProcessRow, ProcessTable
from jupyter_lcc.idle.processes import TableReader
from jupyter_lcc.idle.traffic import SocketReader

from ..fakes import START, FakeClock, FakeStopper, sighting
from .conftest import House

SERVER = 100
SERVER_TTY = 34816
ONE_WINDOW = WINDOW.total_seconds() + 1
MUCH = 500_000


def row(pid: int, parent: int = SERVER, name: str = "node", **more: Any) -> ProcessRow:
    told: dict[str, Any] = {
        "state": "S", "started": pid, "cpu_seconds": 0.0, "memory_bytes": 1, "tty": 0, "session": pid, **more
    }  # fmt: skip
    return ProcessRow(pid=pid, parent=parent, name=name, **told)


def table(*rows: ProcessRow, **argv: list[str]) -> ProcessTable:
    origins = {int(pid[1:]): Origin(argv=tuple(words)) for pid, words in argv.items()}
    return ProcessTable([row(SERVER, 1, "jupyter-lab", tty=SERVER_TTY), *rows], origins)


def test_apps_are_what_is_neither_kernel_nor_terminal_nor_language_server() -> None:
    found = find_apps(
        table(
            row(8), row(2, name="python"), row(3, name="pylsp"), row(4, name="bash", tty=34817), row(5, 1), row(6, 8),
            row(7, name="R"),
            p8=["/opt/code-server/lib/node", "/opt/code-server"], p2=["python", "-m", "ipykernel_launcher", "-f", "x"],
            p3=["/opt/bin/pylsp"], p4=["bash"], p5=["node", "worker.js"], p7=["R", "-e", "IRkernel::main()"],
        ),
        SERVER,
        {7},
    )  # fmt: skip
    assert [(app.kind, app.root.pid, len(app.rows)) for app in found] == [("proxied_app", 8, 2)]


def test_what_serves_pythons_own_multiprocessing_is_no_app() -> None:
    spawned = ["python3", "-c", "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7)"]
    tracker = ["python3", "-B", "-c", "from multiprocessing.resource_tracker import main;main(11)"]
    found = find_apps(table(row(2), row(3), p2=tracker, p3=spawned), SERVER, set())
    assert [app.root.pid for app in found] == [3]


def test_remote_editors_and_ssh_sessions_are_known() -> None:
    found = find_apps(
        table(
            row(10, 1), row(11, 10), row(20, 1, "sshd"), row(21, 20, "bash", tty=34820), row(30, 1, "sleep"),
            p10=["sh", "/home/ada/.vscode-server/bin/ab/server.sh"], p11=["/home/ada/.vscode-server/bin/ab/node"],
            p21=["-bash"], p30=["sleep", "9"],
        ),
        SERVER,
        set(),
    )  # fmt: skip
    assert [(app.kind, app.root.pid) for app in found] == [("remote_editor", 10), ("ssh_session", 21)]


@pytest.fixture
def app() -> Iterator[subprocess.Popen[bytes]]:
    """A real child that listens, gives back what it gets, and to a "!" gives much by itself."""
    code = (
        "import socketserver\n"
        "class Handler(socketserver.BaseRequestHandler):\n"
        "    def handle(self):\n"
        "        while got := self.request.recv(65536):\n"
        f"            self.request.sendall(b'x' * {MUCH} if got == b'!' else got)\n"
        "server = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Handler)\n"
        "print(server.server_address[1], flush=True); server.serve_forever()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as process:
        yield process
        process.kill()


def ask(tab: socket.socket, sent: bytes, answer: int) -> None:
    """Send something, and wait for so many bytes."""
    tab.sendall(sent)
    while answer:
        answer -= len(tab.recv(answer))


async def test_an_open_tab_is_nobody_and_what_comes_in_is_somebody(app: subprocess.Popen[bytes]) -> None:
    assert app.stdout is not None
    clock, read = FakeClock(), TableReader()
    elsewhere = Elsewhere(clock, server_pid=os.getpid())
    beat = int(HEARTBEAT_BYTES * ONE_WINDOW)
    port = int(app.stdout.readline())

    def connect() -> socket.socket:
        return socket.create_connection(("127.0.0.1", port))

    async def told() -> Evidence:
        clock.pass_(ONE_WINDOW)
        await elsewhere.look(read(), set())
        return next(each for each in elsewhere.evidence() if f"(pid {app.pid})" in str(each.value))

    with connect() as one, connect() as other:
        await elsewhere.look(read(), set())
        for tab in (one, other):  # many open tabs are nobody either
            ask(tab, b"." * (beat * 9 // 10), beat * 9 // 10)
        assert (await told()).means == "context"
        ask(one, b"!", MUCH)  # a page that shows what goes on, to nobody
        assert (await told()).means == "context"
        assert elsewhere.active_at() is None
        ask(one, b"." * beat * 2, beat * 2)
        busy = await told()
        assert busy.means == "activity"
        assert str(busy.value).endswith(", 120 B/s in, 2 connections")
        assert elsewhere.active_at() == clock.now()
        then = clock.now()
        assert (await told()).means == "context"
        assert elsewhere.active_at() == then
        assert "proxied_app_used_at" in {each.signal for each in elsewhere.evidence()}
    with connect() as again:  # the page's connection was cut, and it connects by itself
        ask(again, b"." * beat * 20, beat * 20)
        assert (await told()).means == "context"
        assert elsewhere.active_at() == then
        ask(again, b"." * beat * 2, beat * 2)
        assert (await told()).means == "activity"


async def test_an_app_that_computes_is_work() -> None:
    clock = FakeClock()
    elsewhere = Elsewhere(clock, server_pid=SERVER, sockets=SocketReader(lambda: None))
    await elsewhere.look(table(row(8, cpu_seconds=5.0), p8=["streamlit"]), set())
    clock.pass_(ONE_WINDOW)
    await elsewhere.look(table(row(8, cpu_seconds=5.1), p8=["streamlit"]), set())
    assert [each.means for each in elsewhere.evidence()] == ["context"]
    clock.pass_(ONE_WINDOW)
    await elsewhere.look(table(row(8, cpu_seconds=15.0), p8=["streamlit"]), set())
    assert [each.means for each in elsewhere.evidence()] == ["work"]
    assert elsewhere.active_at() == clock.now()


async def test_typing_over_ssh_counts_and_a_session_left_open_does_not() -> None:
    clock = FakeClock()
    typed: list[datetime] = [START - timedelta(hours=2)]
    elsewhere = Elsewhere(clock, server_pid=SERVER, typed_at=lambda _tty: typed[-1])
    there = table(row(20, 1, "sshd"), row(21, 20, "bash", tty=34820), p21=["-bash"])
    await elsewhere.look(there, set())
    clock.pass_(600)
    await elsewhere.look(there, set())
    assert elsewhere.active_at() == START - timedelta(hours=2)
    typed.append(START + timedelta(seconds=650))
    clock.pass_(60)
    await elsewhere.look(there, set())
    assert elsewhere.active_at() == START + timedelta(seconds=650)
    assert [each.signal for each in elsewhere.evidence()] == ["ssh_typed_at"]


def test_a_save_that_was_asked_for_is_nobody() -> None:
    clock = FakeClock()
    elsewhere = Elsewhere(clock)
    elsewhere.note_asked("warning")
    elsewhere.note_save()
    assert elsewhere.active_at() is None
    clock.pass_(OWN_SAVES.total_seconds() + 1)
    elsewhere.note_asked("changed")
    elsewhere.note_save()
    assert elsewhere.active_at() == clock.now()


async def test_a_save_in_the_last_second_keeps_the_machine(house: House) -> None:
    house.stopper = FakeStopper()
    house.given = type(house.given)(
        mode="enforce", mode_source="config", values={"instance_timeout_seconds": 600, "warn_seconds": 60}
    )
    elsewhere = Elsewhere(house.clock, server_pid=SERVER, sockets=SocketReader(lambda: None))
    house.others = elsewhere
    house.service = house.build()
    elsewhere.on_activity = lambda: house.service.notice_change("instance")
    await house.service.start()
    await house.service.step()
    await house.pass_(598)
    machine = (await house.service.view()).instance
    assert machine.verdict == "warn"
    elsewhere.note_save()
    await house.pass_(5)
    machine = (await house.service.view()).instance
    assert (machine.verdict, machine.reason) == ("keep", "recently_active")
    assert {"document_saved_at", "machine_used_at"} <= {each.signal for each in machine.evidence}
    assert house.stopper.requests == 0
    (holder,) = (await house.service.view()).keeps_on
    assert holder.because == "activity"
    await house.pass_(660)
    assert house.stopper.requests == 1


async def test_a_part_that_fails_is_told_and_stops_nothing(house: House) -> None:
    class Broken(Elsewhere):
        async def look(self, table: ProcessTable, taken: Any) -> None:
            raise OSError("no /proc")

    house.others = Broken(house.clock)
    house.service = house.build()
    house.kernels.put(sighting("kernel:1"))
    await house.service.start()
    await house.service.step()
    view = await house.service.view()
    assert [problem.code for problem in view.monitor.problems] == ["elsewhere_failed"]
    assert [target.id for target in view.targets] == ["kernel:1"]
