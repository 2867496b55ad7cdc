"""Ten machines that sync from one S3 at once, each a process with a home and an engine of its own.

On two cores ten machines compute five times as long as one, which says nothing about the source. So of each question to
the source only the waiting is taken: its wall time without the CPU time of the thread that asks, and without the time
that thread was ready and got no core (`/proc/thread-self/schedstat`). What stands for S3 needs a core too, as S3 itself
doesn't of ours: machines leave it to that one (`nice`). The whole time is told beside it. As a program,
`python -m benchmarks.machines HOME PLACE`, this is one of the machines: it syncs at each line of its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from jupyter_lcc.packages.model import PutList, SourcePlace, SyncList
from jupyter_lcc.platforms.aws import AwsClient
from tests.environments.channel import Channel
from tests.packages.conftest import environment_of
from tests.packages.fake_s3 import FakeS3, slow
from tests.packages.users import QUIET, User

from .figures import Figure

__all__ = ["ten_machines"]

MACHINES = 10
RUNS = 5
PACKAGES = 50
ANSWER_SECONDS = 0.05
BUCKET = "lists"


class _Machine:
    """One of them, seen from outside."""

    def __init__(self, home: Path, place: str) -> None:
        words = [sys.executable, "-m", "benchmarks.machines", str(home), place]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
        )

    def go(self) -> None:
        """Let it sync."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def told(self) -> dict[str, Any]:
        """Wait until it has."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("A machine has ended.")
        told: dict[str, Any] = json.loads(line)
        return told

    def end(self) -> None:
        """End it."""
        self._process.communicate("", timeout=60)


def ten_machines(folder: Path, channel: Channel) -> Figure:
    """Publish again and again; let one machine sync, then all at once."""
    server = FakeS3()
    os.environ |= environment_of(server)
    import boto3  # type: ignore[import-untyped]

    boto3.client("s3").create_bucket(Bucket=BUCKET)
    place = f"s3://{BUCKET}/team"
    machines: list[_Machine] = []
    try:
        publish = _publisher(folder / "publisher", place, channel)
        publish(0)
        machines = [_Machine(folder / f"machine{number}", place) for number in range(MACHINES)]
        for machine in machines:
            machine.told()  # it has everything once
        server.fault("GET", "", slow(ANSWER_SECONDS), times=1_000_000)
        alone, together = [], []
        for run in range(RUNS):
            publish(2 * run + 1)
            alone += _synced(machines[:1])
            publish(2 * run + 2)
            together += _synced(machines)
    finally:
        for machine in machines:
            machine.end()
        server.close()
    hashes = {one["set_hash"] for one in together[-MACHINES:]}
    if len(hashes) != 1:
        raise RuntimeError("They don't have the same packages.")
    return _figure(alone, together)


def _synced(machines: list[_Machine]) -> list[dict[str, Any]]:
    for machine in machines:
        machine.go()
    return [machine.told() for machine in machines]


def _figure(alone: list[dict[str, Any]], together: list[dict[str, Any]]) -> Figure:
    def of(told: list[dict[str, Any]], key: str) -> float:
        return float(median(one[key] for one in told))

    waited = [one["waited"] for one in together]
    how = (
        f"waiting for one S3 (moto on this machine, each answer to a read after {ANSWER_SECONDS:.2f} s), without CPU "
        f"time and waiting for a core; {of(together, 'asked'):.0f} questions a sync; median of {len(waited)} syncs, "
        f"{min(waited):.3f} to {max(waited):.3f} s. The whole sync, which is CPU time on {os.cpu_count()} cores: alone "
        f"{of(alone, 'whole'):.2f} s, ten at once {of(together, 'whole'):.2f} s each. Packages come from a folder"
    )
    one = of(alone, "waited")
    name = f"lists: wait for the source, {MACHINES} machines syncing at once"
    return Figure(name, median(waited), "s", one, "the same for one alone", 1.5 * one, how)


def _publisher(home: Path, place: str, channel: Channel) -> Callable[[int], None]:
    settings = msgspec.structs.replace(QUIET, sources=(SourcePlace(place=place, id="team", configured=True),))

    async def publish(number: int) -> None:
        user = User(home, settings=settings)
        await user.begin()
        try:
            await user.lists.check()
            etag = (await user.lists.text("team")).etag if number else None
            specs = "".join(f"  - pkg{n}={'2.0' if n == number else '1.0'}\n" for n in range(PACKAGES))
            text = f"channels:\n  - {channel.url}\ndependencies:\n{specs}"
            await user.done(await user.lists.put("team", PutList(text=text), etag))
        finally:
            await user.end()

    return lambda number: asyncio.run(publish(number))


class _Watch:
    """Adds up how long questions to the source were waited for."""

    def __init__(self) -> None:
        self.seconds, self.questions = 0.0, 0
        real = AwsClient.ask

        def ask(client: AwsClient, question: Callable[[Any], Any]) -> Any:
            before = time.perf_counter(), _busy()
            try:
                return real(client, question)
            finally:
                self.seconds += time.perf_counter() - before[0] - (_busy() - before[1])
                self.questions += 1

        AwsClient.ask = ask  # type: ignore[assignment, method-assign]


def _busy() -> float:
    """Give for how long this thread has computed, or was ready to and got no core, in seconds."""
    computed, waited, _ = Path("/proc/thread-self/schedstat").read_text().split()
    return (int(computed) + int(waited)) / 1e9


async def _machine(home: Path, place: str) -> None:
    os.nice(10)
    settings = msgspec.structs.replace(QUIET, sources=(SourcePlace(place=place, id="team", configured=True),))
    watch, user = _Watch(), User(home, settings=settings)
    await user.begin()
    try:
        await user.lists.check()
        line = "go"
        while line:
            watch.seconds, watch.questions = 0.0, 0
            began = time.perf_counter()
            await user.done(await user.lists.sync("team", SyncList()))
            whole = time.perf_counter() - began
            told = {"whole": whole, "waited": watch.seconds, "asked": watch.questions}
            sys.stdout.write(json.dumps({**told, "set_hash": await user.set_hash("team")}) + "\n")
            sys.stdout.flush()
            line = await asyncio.to_thread(sys.stdin.readline)
    finally:
        await user.end()


if __name__ == "__main__":
    asyncio.run(_machine(Path(sys.argv[1]), sys.argv[2]))
