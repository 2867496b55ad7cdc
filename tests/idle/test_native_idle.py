"""Studio's idle shutdown is told the truth: the file, tried against a FAKE of the extension that reads it.

The real extension is in tests/black_box/test_machine.py.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from jupyter_lcc.idle.native_idle import FORM, Address, NativeIdleFile

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
"""With no microseconds at all: the file must have its fraction all the same."""


def read(file: Path) -> datetime:
    """Read the file with the form that the extension's own reader has."""
    return datetime.strptime(file.read_text().strip(), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


class FakeMonitor:
    """A FAKE of jupyter-activity-monitor-extension 0.3.2: the latest time it ever saw, by its own reader's form."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.latest = NOW - timedelta(hours=1)
        self.status = 200
        self.deaf = False
        self.paths: list[str] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.paths.append(self.path)
                authorised = self.headers.get("Authorization") == "token secret"
                body = fake.answer() if authorised else b"{}"
                self.send_response(fake.status if authorised else 403)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self) -> bytes:
        if not self.deaf and self.file.is_file():
            self.latest = max(self.latest, read(self.file))
        return json.dumps({"lastActiveTimestamp": self.latest.strftime("%Y-%m-%dT%H:%M:%S.%fz")}).encode()

    def address(self) -> Address:
        return Address(host="127.0.0.1", port=self.http.server_port, tls=False, base_url="/lab/", token="secret")


class Desk:
    """The file, the fake that reads it, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.file = folder / "active"
        self.monitor = FakeMonitor(self.file)
        self.native = NativeIdleFile(self.monitor.address, file=self.file, wall=lambda: self.now)

    def written(self) -> datetime:
        return read(self.file)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.monitor.http.shutdown()
    made.monitor.http.server_close()


async def test_it_is_found_by_trying_and_told_only_of_work(desk: Desk) -> None:
    assert await desk.native.tell(busy=False) is None
    assert desk.native.works
    assert desk.monitor.paths == ["/lab/api/idle?no_track_activity=1"] * 2
    assert desk.written() == NOW
    desk.now += timedelta(minutes=1)
    await desk.native.tell(busy=True)
    assert desk.written() == desk.now
    desk.now += timedelta(minutes=1)
    await desk.native.tell(busy=False)
    assert desk.written() == desk.now - timedelta(minutes=1)
    assert len(desk.monitor.paths) == 2
    assert not list(desk.file.parent.glob("active?*"))


async def test_where_the_route_is_not_nothing_is_written(desk: Desk) -> None:
    desk.monitor.status = 404
    for _ in range(3):
        assert await desk.native.tell(busy=True) is None
    assert not desk.native.works
    assert not desk.file.exists()
    assert len(desk.monitor.paths) == 1


async def test_a_server_that_does_not_answer_yet_is_asked_again(desk: Desk) -> None:
    address, desk.native._address = desk.native._address, lambda: None
    assert await desk.native.tell(busy=True) is None
    closed = Address(host="127.0.0.1", port=9, tls=False, base_url="/", token="")
    desk.native._address = lambda: closed
    assert await desk.native.tell(busy=True) is None
    desk.native._address = address
    await desk.native.tell(busy=True)
    assert desk.native.works


async def test_one_that_does_not_follow_the_file_is_a_problem_until_it_does(desk: Desk) -> None:
    desk.monitor.deaf = True
    assert "does not follow" in (await desk.native.tell(busy=True) or "")
    assert not desk.native.works
    desk.monitor.deaf = False
    desk.now += timedelta(seconds=30)
    assert await desk.native.tell(busy=True) is not None
    desk.now += timedelta(seconds=31)
    assert await desk.native.tell(busy=True) is None
    assert desk.native.works


async def test_a_time_in_the_future_is_corrected_and_told_while_it_pins(desk: Desk) -> None:
    await desk.native.tell(busy=False)
    ahead = NOW + timedelta(hours=2)
    desk.file.write_text(ahead.strftime(FORM))
    desk.monitor.answer()
    told = await desk.native.tell(busy=False)
    assert "2026-03-01 14:00 UTC" in (told or "")
    assert desk.written() == NOW
    desk.now = ahead + timedelta(seconds=1)
    assert await desk.native.tell(busy=False) is None


async def test_a_time_in_the_future_nobody_read_yet_does_no_harm(desk: Desk) -> None:
    desk.file.write_text((NOW + timedelta(hours=2)).strftime(FORM))
    desk.monitor.deaf = True
    assert await desk.native.tell(busy=False) is not None
    desk.monitor.deaf = False
    desk.now += timedelta(seconds=61)
    assert await desk.native.tell(busy=False) is None


async def test_a_file_that_cannot_be_written_is_a_problem(desk: Desk) -> None:
    desk.file.mkdir()
    assert "can't be written" in (await desk.native.tell(busy=True) or "")
    assert not list(desk.file.parent.glob("active?*")), "nothing half-done stays"
