"""A process to be killed: it syncs a list, or publishes and pulls one on and on, and says on stdout how far it is."""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

import msgspec

from jupyter_lcc.jobs.model import Job
from jupyter_lcc.packages.model import PutList, SyncList

from .users import QUIET, User, place


async def sync(home: Path, source: str) -> None:
    user = User(home, settings=msgspec.structs.replace(QUIET, sources=(place(source),)))
    await user.begin()
    await user.lists.check()
    job = await user.lists.sync("team", SyncList())
    assert isinstance(job, Job)
    while user.jobs.get(job.id).state == "queued":
        await asyncio.sleep(0.001)
    _say("begun")
    await user.jobs.wait(job.id)
    _say("over")
    await asyncio.sleep(60)


async def publish(home: Path, source: str) -> None:
    user = User(home, settings=msgspec.structs.replace(QUIET, sources=(place(source),)))
    await user.begin()
    found = await user.lists.text("team")
    text, etag = found.text, found.etag
    for number in count():
        told = await user.done(await user.lists.put("team", PutList(text=f"{text}# {number}\n"), etag))
        etag = told["etag"]
        await user.lists.pull("team")
        _say(etag)


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run({"sync": sync, "publish": publish}[sys.argv[3]](Path(sys.argv[1]), sys.argv[2]))
