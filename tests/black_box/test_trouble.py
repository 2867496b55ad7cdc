"""What goes wrong around it: servers that are killed, files that are broken, disks that are full, a gateway.

It goes on, says what is wrong, loses nothing it promised and shuts nothing down that it should not.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .server import MARKS, TOKEN, Limits, Moment, Server, marked
from .stage import PLAYS, Stage, judge, log_is_clean, monitor_is_healthy, play

BASHRC = {".bashrc": "PS1='$ '\n"}
LIMITS = Limits(kernel=9, terminal=9, waiting=11, warn=3)

killed = play("killed", lambda: Server(name="killed", limits=LIMITS, files=BASHRC))
crossed = play("crossed", lambda: Server(name="crossed", limits=Limits(), files=BASHRC))
names = play("names", lambda: Server(name="names", limits=Limits(terminal=20, warn=3), files=BASHRC))


# -- kill -9 -----------------------------------------------------------------------------------------------


@killed.case
async def a_lease_on_the_machine_survives_kill_9(stage: Stage) -> None:
    """The server is killed again and again, while it writes; its files are whole each time."""
    server = stage.server
    lease = await server.lease("instance", 900, note="night run")
    await stage.close()
    for round_ in range(3):
        writing = [asyncio.create_task(server.call("POST", "lcc/idle/leases", {"target_id": "instance", "seconds": 5}))]
        await asyncio.sleep(0.002 * round_)
        server.end(signal.SIGKILL)
        await asyncio.gather(*writing, return_exceptions=True)
        for path in server.state_dir.rglob("*.json"):
            json.loads(path.read_bytes())
        await server.start()
        leases = (await server.call("GET", "lcc/idle/leases", expect=200)).json()["leases"]
        assert lease["id"] in [one["id"] for one in leases], leases
        held = next(one for one in leases if one["id"] == lease["id"])
        assert (held["note"], held["expires_at"][:19]) == ("night run", lease["expires_at"][:19]), held
        monitor = (await server.idle())["monitor"]
        assert (monitor["healthy"], monitor["problems"]) == (True, []), monitor
    # And it still does its work: what is opened now is kept by it.
    terminal = await stage.terminal()
    await stage.outlives(terminal, terminal.started, LIMITS.terminal)
    await server.call("DELETE", f"lcc/idle/leases/{lease['id']}", expect=204)
    for one in (await server.call("GET", "lcc/idle/leases", expect=200)).json()["leases"]:
        await server.call("DELETE", f"lcc/idle/leases/{one['id']}", expect=204)
    await stage.stops(terminal, Moment.now(), LIMITS.warn)


@crossed.case
async def two_servers_of_one_person_do_not_mix(stage: Stage) -> None:
    """The second wanted the same port and got another; what is kept on one isn't on the other."""
    first = stage.server
    second = Server(name="second", limits=Limits(), files=BASHRC)
    try:
        own_home, second.home = second.home, first.home
        second.log_name, second.port, second.retries = "second.log", first.port, 50
        await first.lease("instance", 600, note="first")
        second.launch()
        end = time.monotonic() + 30
        while not (found := [f for f in _runtime_files(first.home) if f["pid"] == second.pid]):
            assert time.monotonic() < end, second.log()
            await asyncio.sleep(0.2)
        second.port = found[0]["port"]
        assert second.port != first.port
        await asyncio.to_thread(second.wait_ready)
        assert (await second.call("GET", "lcc/idle/leases", expect=200)).json() == {"leases": []}
        await second.lease("instance", 300, note="second")
        await asyncio.sleep(2)
        for server, note in ((first, "first"), (second, "second")):
            leases = (await server.call("GET", "lcc/idle/leases", expect=200)).json()["leases"]
            assert [one["note"] for one in leases] == [note]
            server.end(signal.SIGKILL)
        await first.start()
        leases = (await first.call("GET", "lcc/idle/leases", expect=200)).json()["leases"]
        assert [one["note"] for one in leases] == ["first"], leases
    finally:
        second.home = own_home
        await asyncio.to_thread(second.clean_up)


def _runtime_files(home: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in (home / ".local/share/jupyter/runtime").glob("jpserver-*.json")]


# -- names nobody expects ----------------------------------------------------------------------------------

ODD_NAMES = ["\ud800x", 123, "a/b\nc", "ü" * 200, "x" * 300, "..", "%2e%2e", "", "<b>", "\x00"]


@names.case
async def odd_names_hide_and_break_nothing(stage: Stage) -> None:
    """Jupyter takes any name for a terminal; the usual one beside them is seen, and all are shut down on time."""
    server = stage.server
    opened = 0
    for name in ODD_NAMES:
        opened += (await server.call("POST", "api/terminals", {"name": name})).status == 200
    terminal = await server.start_terminal()

    async def seen() -> list[str]:
        # What a server that was killed beside this one has left behind is a job by now, and not meant.
        return [target["id"] for target in (await server.idle())["targets"] if target["kind"] == "terminal"]

    found = await seen()
    assert terminal.id in found
    assert len(found) == opened + 1, "; ".join(f"{each[:20]!r}" for each in found)
    await stage.stops(terminal, terminal.started, stage.limits.terminal)
    end = time.monotonic() + 5
    while left := await seen():
        assert time.monotonic() < end, left
        await asyncio.sleep(0.3)
    await server.decisions(terminal.id)


# -- broken files ------------------------------------------------------------------------------------------

BROKEN: dict[str, bytes] = {
    "cut": b'{"saved_at": "2026-01-01T00:00:00Z", "targets": {"ker',
    "binary": bytes(range(256)) * 20,
    "other": b'[1, 2, {"x": null}]',
    "empty": b"",
    "wrong": b'{"values": {"warn_seconds": "soon"}, "saved_at": 7, "targets": [], "leases": {}}',
}


def _with_broken_files(content: bytes) -> Server:
    server = Server(name="broken", limits=LIMITS, files=BASHRC)
    for folder, name in (("", "choices.json"), (server.state_key, "state.json"), (server.state_key, "decisions.jsonl")):
        path = server.state_dir / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return server


async def a_broken_file_is_set_aside_and_told(stage: Stage) -> None:
    monitor = (await stage.server.idle())["monitor"]
    told = " ".join(problem["message"] for problem in monitor["problems"])
    for name in ("state.json", "choices.json"):
        assert name in told, monitor
        assert list(stage.server.state_dir.rglob(f"{name}.corrupt-*")), os.listdir(stage.server.state_dir)
    terminal = await stage.terminal()
    await stage.stops(terminal, terminal.started, LIMITS.terminal)
    assert [line["change"] for line in await stage.server.decisions(terminal.id)][-1] == "shut_down"
    for path in stage.server.state_dir.rglob("*.json"):
        json.loads(path.read_bytes())


for how, content in BROKEN.items():
    play(f"broken-{how}", partial(_with_broken_files, content)).case(a_broken_file_is_set_aside_and_told)


# -- places that can't be written --------------------------------------------------------------------------


def _in_a_file() -> Server:
    server = Server(name="in-a-file", limits=LIMITS, files={**BASHRC, "file": "not a folder\n"})
    server.options = [f"--LccIdle.state_dir={server.home}/file/lcc"]
    return server


def _log_is_a_folder() -> Server:
    server = Server(name="log-folder", limits=LIMITS, files=BASHRC)
    (server.state_dir / server.state_key / "decisions.jsonl").mkdir(parents=True)
    (server.state_dir / server.state_key / "state.json").mkdir()
    return server


def _full_disk() -> Server:
    """A file system of one page, if we may mount one; else no file may grow."""
    server = Server(name="full", limits=LIMITS, files=BASHRC)
    full = Path(tempfile.mkdtemp(prefix="full-", dir=server.home))
    mount = ["mount", "-t", "tmpfs", "-o", "size=4096", "tmpfs", str(full)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        server.unmount = full
        (full / "ballast").write_bytes(b"x" * 4096)
    else:
        server.preexec = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (4096, 4096))
    server.options = [f"--LccIdle.state_dir={full}"]
    return server


async def it_works_on_and_says_so(stage: Stage) -> None:
    """Nothing can be saved: leases, the log and the shutdown still work, from memory."""
    server = stage.server
    terminal, kept = await stage.terminal(connect=False), await stage.terminal(connect=False)
    before = time.monotonic()
    lease = await server.lease(kept.id, 30)
    monitor = (await server.idle())["monitor"]
    assert not monitor["healthy"], monitor
    assert monitor["problems"], monitor
    if not (server.state_dir / "choices.json").parent.exists():  # there the choice could be saved
        refused = await server.call("PUT", "lcc/idle/policy", {"terminal_timeout_seconds": 3600}, expect=502)
        assert refused.problem()["code"] == "outside_failure"
    policy = (await server.call("GET", "lcc/idle/policy", expect=200)).json()
    assert policy["terminal_timeout_seconds"]["value"] == LIMITS.terminal, (
        "a choice that could not be saved is in force"
    )
    await stage.stops(terminal, terminal.started, LIMITS.terminal)
    assert (await server.decisions(terminal.id))[-1]["change"] == "shut_down"
    assert (await server.why(terminal.id))["decision"]["reason"] == "idle"
    await server.call("GET", "lcc/idle/why", expect=200)
    await stage.lives_until(kept, before + 15)
    await server.call("DELETE", f"lcc/idle/leases/{lease['id']}", expect=204)
    await stage.stops(kept, Moment.now(), LIMITS.warn)


for name, make in {"in-a-file": _in_a_file, "log-is-a-folder": _log_is_a_folder, "full-disk": _full_disk}.items():
    play(name, make).case(it_works_on_and_says_so)


# -- a gateway ---------------------------------------------------------------------------------------------


def _before_a_gateway() -> Server:
    """Two real servers: kernels run on the one behind, and the one in front shuts them down there."""
    behind = Server(name="behind", limits=None, options=["--LccIdle.mode=off", "--ServerApp.allow_remote_access=True"])
    behind.launch()
    front = Server(
        name="front",
        limits=LIMITS,
        options=[f"--GatewayClient.url=http://127.0.0.1:{behind.port}", f"--GatewayClient.auth_token={TOKEN}"],
    )
    front.also = behind
    return front


gateway = play("gateway", _before_a_gateway)


@gateway.case
async def a_kernel_behind_a_gateway_is_shut_down_there(stage: Stage) -> None:
    assert stage.server.also is not None
    await asyncio.to_thread(stage.server.also.wait_ready)
    kernel = await stage.kernel()
    ended = await kernel.run("1")
    target = await stage.becomes(kernel, state="idle")
    assert (target["kind"], target["kernel_name"]) == ("kernel", "python3"), target
    # It is known only as of the last look, and asked for over the network.
    await stage.stops(kernel, ended, LIMITS.kernel, extra=LIMITS.kernel / 4)
    assert (await stage.server.also.call("GET", kernel.path)).status == 404


@gateway.case
async def a_kernel_behind_a_gateway_that_works_is_kept(stage: Stage) -> None:
    assert stage.server.also is not None
    await asyncio.to_thread(stage.server.also.wait_ready)
    kernel = await stage.kernel()
    before = Moment.now()
    lasts = LIMITS.kernel + 8
    cell = await kernel.begin(f"import time; time.sleep({lasts})")
    await stage.becomes(kernel, state="working")
    await stage.outlives(kernel, before, LIMITS.kernel)
    ended = await kernel.end_of(cell, lasts)
    await stage.stops(kernel, ended, LIMITS.kernel, extra=LIMITS.kernel / 4)


@gateway.case
async def a_kernel_behind_a_gateway_that_asks_waits(stage: Stage) -> None:
    assert stage.server.also is not None
    await asyncio.to_thread(stage.server.also.wait_ready)
    kernel = await stage.kernel()
    cell = await kernel.begin("input('name? ')", allow_stdin=True)
    asked = await kernel.question_of(cell)
    await stage.becomes(kernel, state="waiting")
    await stage.stops(kernel, asked, LIMITS.waiting, extra=LIMITS.waiting / 4)


for name in ("killed", "names"):
    PLAYS[name].check(log_is_clean)
    PLAYS[name].check(monitor_is_healthy)

NAMES = (
    "killed",
    "crossed",
    "names",
    "gateway",
    "in-a-file",
    "log-is-a-folder",
    "full-disk",
    *(f"broken-{how}" for how in BROKEN),
)
HERE = [(name, case) for name in NAMES for case in (*PLAYS[name].cases, *PLAYS[name].checks)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("stage_name", "case_name"), HERE)
def test_trouble(stage_name: str, case_name: str, outcomes: dict[tuple[str, str], str | None]) -> None:
    judge(outcomes[stage_name, case_name])


@pytest.mark.timeout(600)
def test_nothing_is_left_running(outcomes: dict[tuple[str, str], str | None]) -> None:
    """The last word: every process of every stage has ended, the servers' too."""
    assert isinstance(outcomes, dict)
    assert [pid for mark in MARKS for pid in marked(mark)] == []
