"""Two machines that publish at once: processes that share nothing but the source.

`Race.run` has both read the same state, and then publish over it at the same moment, again and again. So in every race
exactly one loses; it joins what it has with what it finds, and publishes that. As a program it is one of the machines:
it reads at each line of its standard input, says so, publishes at the next, and says what became of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from jupyter_lcc.errors import LostRace
from jupyter_lcc.packages.lists import read_list
from jupyter_lcc.packages.model import SourcePlace, Stored
from jupyter_lcc.packages.revisions import merge
from jupyter_lcc.packages.sources.model import Draft, Source
from jupyter_lcc.packages.sources.places import open_source

from .made import signed

NAME = "team"
START = "dependencies:\n  - ann=0\n  - bob=0\n"
MACHINES = ("ann", "bob")
"""Each changes its own line: the list stays short, and a line that somebody overwrote is behind by a race."""


class Lost(msgspec.Struct):
    """A race that was lost: the ETag the refusal told, and the one that was found then."""

    told: str | None
    found: str


class Published(msgspec.Struct):
    """What was published over `expected`, after how many losses."""

    who: str
    expected: str
    etag: str
    number: int
    text: str
    lost: list[Lost]


class Machine:
    """One of the processes."""

    def __init__(self, who: str, place: str, environment: Mapping[str, str]) -> None:
        self.who = who
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.packages.racing", who, place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            cwd=Path(__file__).parents[2],
        )

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())
        self.process.stdin.flush()

    def hear(self) -> bytes:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.who} has died"
        return line

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def machines(place: str, environment: Mapping[str, str] | None = None) -> Iterator[list[Machine]]:
    """Start them."""
    started = [Machine(who, place, environment or {}) for who in MACHINES]
    try:
        yield started
    finally:
        for machine in started:
            machine.end()


def race(source: Source, place: str, races: int, environment: Mapping[str, str] | None = None) -> None:
    """Let two machines race, and hold everything they did against what the source has then."""
    first = source.write(NAME, Draft(text=START, signed=signed("start")), None)
    published = []
    with machines(place, environment) as both:
        for number in range(1, races + 1):
            for machine in both:
                machine.say(str(number))
            bases = {machine.hear() for machine in both}
            assert len(bases) == 1, "they were to begin with the same"
            for machine in both:
                machine.say("go")
            told = [msgspec.json.decode(machine.hear(), type=Published) for machine in both]
            winner, loser = sorted(told, key=lambda one: len(one.lost))
            assert (len(winner.lost), len(loser.lost)) == (0, 1), "one of two who publish over the same must lose"
            assert loser.lost[0] == Lost(told=winner.etag, found=winner.etag)
            # Who lost saw both sides, and lost neither.
            assert read_list(loser.text).conda == {who: f"{who}={number}" for who in MACHINES}
            published += [winner, loser]
    check_history(source, first, published)


def check_history(source: Source, first: Stored, published: list[Published]) -> None:
    """Nothing that was published is lost or overwritten: the ETags form one chain, and every text is in the history."""
    assert [one.expected for one in published] == [first.etag, *(one.etag for one in published[:-1])]
    assert len({first.etag, *(one.etag for one in published)}) == len(published) + 1
    last = source.read(NAME)
    assert (last.etag, last.text) == (published[-1].etag, published[-1].text)
    records = source.history(NAME, 1000)[::-1]
    assert [record.number for record in records] == list(range(1, len(published) + 2))
    assert [record.parent for record in records] == [None, *(record.id for record in records[:-1])]
    assert [record.author for record in records] == ["start", *(one.who for one in published)]
    for record, one in zip(records[1:], published, strict=True):
        assert source.at(NAME, record).text == one.text


def publish(source: Source, who: str, number: str, base: Stored) -> Published:
    """Change one's own line of what was read; who loses joins both sides and tries again."""
    text = base.text.replace(f"- {who}={int(number) - 1}\n", f"- {who}={number}\n")
    assert text != base.text
    lost: list[Lost] = []
    while True:
        try:
            done = source.write(NAME, Draft(text=text, signed=signed(who, number)), base)
        except LostRace as error:
            theirs = source.read(NAME)
            lost.append(Lost(told=error.detail.get("etag"), found=theirs.etag))
            joined = merge(read_list(base.text), read_list(text), read_list(theirs.text), theirs.text)
            assert joined.conflicts == ()
            base, text = theirs, joined.text
        else:
            return Published(who, base.etag, done.etag, done.revision.number, text, lost)


def main(who: str, place: str) -> None:
    source = open_source(SourcePlace(place=place, id="team"))
    assert source.why_unsafe() is None
    for line in sys.stdin:
        base = source.read(NAME)
        say(base.etag.encode())
        sys.stdin.readline()
        say(msgspec.json.encode(publish(source, who, line.strip(), base)))


def say(raw: bytes) -> None:
    sys.stdout.buffer.write(raw + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
