"""Jobs that have left their terminal: real processes, found, judged and shut down. Nothing but signals is sent."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.idle import detached
from jupyter_lcc.idle.detached import Detached
from jupyter_lcc.idle.lineage import Root
from jupyter_lcc.idle.model import Sighting
from jupyter_lcc.idle.processes import TableReader, process_started
from jupyter_lcc.idle.proof import Proof

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere detached jobs can't be told"),
]


class Bench:
    """Processes with Jupyter's marks, as if from a terminal that is gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roots: list[Root] = []
        proof = Proof(SystemClock(), window=lambda: 0.7)
        proof.family.add(lambda: self.roots)
        self.table = TableReader()
        self.jobs = Detached(SystemClock(), proof, server_pid=2**22 + 1)
        self._started: list[int] = []

    def start(self, *argv: str, marked: bool = True, session: bool = True, url: str = "") -> int:
        """Start a program that is nobody's child; give its pid."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("JPY_", "JUPYTER_SERVER_"))}
        if marked:
            environment["JUPYTER_SERVER_URL"] = url or f"http://127.0.0.1/{self.folder}"
        told = self.folder / f"pid{len(self._started)}"
        code = (
            "import os, sys\n"
            "if os.fork(): os._exit(0)\n"
            f"if {session}: os.setsid()\n"
            f"open({str(told) + '~'!r}, 'w').write(str(os.getpid()))\n"
            f"os.rename({str(told) + '~'!r}, {str(told)!r})\n"
            "os.execvp(sys.argv[1], sys.argv[1:])"
        )
        subprocess.run([sys.executable, "-c", code, *argv], env=environment, check=True)
        while not told.exists():
            time.sleep(0.01)
        self._started.append(int(told.read_text()))
        return self._started[-1]

    async def see(self, pid: int) -> Sighting | None:
        sightings = await self.jobs.observe(self.table())
        return next((s for s in sightings if s.id == f"process:{pid}"), None)

    async def until(self, pid: int, wanted: Callable[[Sighting], bool]) -> Sighting:
        while (seen := await self.see(pid)) is None or not wanted(seen):
            await asyncio.sleep(0.05)
        return seen

    def close(self) -> None:
        for pid in self._started:
            if process_started(pid) is not None:
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def says(seen: Sighting, name: str) -> bool:
    return any(e.signal == name for e in seen.evidence)


async def test_a_silent_job_works_as_long_as_it_runs_and_its_name_holds_no_arguments(bench: Bench) -> None:
    script = bench.folder / "train.py"
    script.write_text("import time; time.sleep(60)")
    pid, stranger = bench.start(sys.executable, str(script), "--token=s3cr3t"), bench.start("sleep", "60", marked=False)
    seen = await bench.until(pid, lambda s: "train.py" in s.name)
    assert (seen.kind, seen.state, seen.pid) == ("process", "working", pid)
    assert "s3cr3t" not in repr(seen)
    assert seen.since is not None
    assert seen.active_at is not None
    assert await bench.see(stranger) is None
    os.kill(pid, signal.SIGSTOP)
    stopped = await bench.until(pid, lambda s: s.state == "idle")
    assert says(stopped, "detached_stopped")
    os.kill(pid, signal.SIGCONT)
    await bench.until(pid, lambda s: s.state == "working")
    os.kill(pid, signal.SIGKILL)
    while await bench.see(pid) is not None:
        await asyncio.sleep(0.05)
    assert bench.jobs.look_again(seen.id) is None


async def test_what_was_seen_in_a_terminal_is_known_without_marks(bench: Bench) -> None:
    """A shell with a job; the shell dies, as a terminal's does."""
    told = bench.folder / "child"
    shell = bench.start("sh", "-c", f"sleep 60 & echo $! > {told}; wait", marked=False)
    while not told.exists() or not told.read_text().strip():
        await asyncio.sleep(0.02)
    job = int(told.read_text())
    bench._started.append(job)
    bench.roots = [Root(target_id="terminal:1", pid=shell)]
    assert await bench.see(job) is None, "it is the terminal's"
    os.kill(shell, signal.SIGKILL)
    bench.roots = []
    seen = await bench.until(job, lambda s: True)
    assert seen.state == "working"
    assert any(e.signal == "came_from" and e.value == "terminal:1" for e in seen.evidence)


async def test_a_service_that_nobody_uses_is_idle_and_one_that_is_used_is_not(bench: Bench) -> None:
    told = bench.folder / "port"
    code = (
        "import socket, os\ns = socket.create_server(('127.0.0.1', 0))\n"
        f"told = {str(told)!r}\nopen(told + '~', 'w').write(str(s.getsockname()[1])); os.rename(told + '~', told)\n"
        "while True:\n  c, _ = s.accept()\n  c.recv(100)\n  c.close()"
    )
    pid = bench.start(sys.executable, "-c", code)
    while not told.exists():
        await asyncio.sleep(0.02)
    idle = await bench.until(pid, lambda s: s.state == "idle")
    assert says(idle, "detached_service")
    with socket.create_connection(("127.0.0.1", int(told.read_text()))):
        used = await bench.until(pid, lambda s: s.state == "working")
    over = await bench.until(pid, lambda s: s.state == "idle")
    assert over.active_at is not None
    assert used.active_at is not None
    assert over.active_at >= used.active_at


async def test_shutting_down_ends_the_whole_job_and_nothing_else(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process of it takes no notice of SIGTERM, one is stopped; a bystander lives."""
    told = bench.folder / "child"
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    child = [sys.executable, "-c", deaf]
    code = (
        f"import subprocess, time; p = subprocess.Popen({child})\n"
        f"open({str(told)!r}, 'w').write(str(p.pid)); time.sleep(60)"
    )
    pid, bystander = bench.start(sys.executable, "-c", code), bench.start("sleep", "60")
    while not told.exists() or not told.read_text():
        await asyncio.sleep(0.02)
    child_pid = int(told.read_text())
    bench._started.append(child_pid)
    seen = await bench.until(pid, lambda s: s.processes == 2)
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(0.3)  # the child has set its handler
    before = time.monotonic()
    monkeypatch.setattr(detached, "GRACE_SECONDS", 1.0)
    await bench.jobs.shut_down(seen.id)
    took = time.monotonic() - before
    assert process_started(pid) is None
    assert process_started(child_pid) is None
    assert process_started(bystander) is not None
    assert took >= 1.0, "it was asked before it was forced"


async def test_a_pid_that_belongs_to_another_process_now_is_never_signalled(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = bench.start("sleep", "60")
    seen = await bench.until(pid, lambda s: s.name.startswith("sleep"))
    known = bench.jobs._known[seen.id]
    known.rows = [msgspec.structs.replace(row, started=row.started - 1) for row in known.rows]
    await bench.jobs.shut_down(seen.id)
    await asyncio.sleep(0.2)  # a signal takes a moment to end a process
    assert process_started(pid) is not None


class Tmux:
    """A tmux server of its own, with one pane."""

    def __enter__(self) -> Tmux:
        self("-f", "/dev/null", "new-session", "-d", "sh")
        self.pane = int(self("list-panes", "-a", "-F", "#{pane_pid}"))
        return self

    def __call__(self, *words: str) -> str:
        environment = {k: v for k, v in os.environ.items() if k != "TMUX"}
        argv = ["tmux", "-L", f"lcc{os.getpid()}", *words]
        return subprocess.run(argv, env=environment, check=True, capture_output=True, text=True).stdout

    def __exit__(self, *_told: object) -> None:
        self("kill-server")


@pytest.mark.skipif(shutil.which("tmux") is None, reason="the same rule is shown without tmux in test_lineage")
async def test_a_job_inside_tmux_is_a_job_and_its_prompt_is_not(bench: Bench) -> None:
    with Tmux() as tmux:
        await asyncio.sleep(0.5)
        assert await bench.see(tmux.pane) is None, "a prompt is nothing"
        tmux("send-keys", "sleep 60", "Enter")
        seen = await bench.until(tmux.pane, lambda s: s.state == "working")
        assert any(e.signal == "detached_job" and e.value == "sleep" for e in seen.evidence)
        assert seen.name == "sleep"
        tmux("send-keys", "C-c")
        while await bench.see(tmux.pane) is not None:
            await asyncio.sleep(0.05)


async def test_a_job_of_another_server_is_left_to_it_while_it_runs(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        pid = bench.start("sleep", "60", url=f"http://127.0.0.1:{other.getsockname()[1]}/")
        assert await bench.see(pid) is None
    seen = await bench.see(pid)
    assert seen is not None, "that server is gone, and the job is anybody's"
