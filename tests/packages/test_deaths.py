"""A server killed in the middle of a sync leaves nothing half done, and the next one goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from jupyter_lcc.packages.model import PutList, SyncList

from ..environments.channel import Channel
from ..environments.conftest import channel  # noqa: F401 -- a fixture
from .users import QUIET, User, place


@pytest.mark.parametrize("after", [0.0, 0.4, None])
async def test_a_server_killed_while_it_syncs(tmp_path: Path, channel: Channel, after: float | None) -> None:  # noqa: F811
    source = tmp_path / "source"
    source.mkdir()
    user = User(tmp_path / "home", settings=msgspec.structs.replace(QUIET, sources=(place(source),)))
    lists = await user.begin()
    text = f"channels:\n  - {channel.url}\ndependencies:\n  - python\n  - alpha=1.0\n"
    try:
        await user.done(await lists.put("team", PutList(text=text), None))
    finally:
        await user.end()
    argv = (sys.executable, "-m", "tests.packages.dying", str(user.home), str(source))
    dying = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2], env=dict(os.environ)
    )
    assert dying.stdout is not None
    assert await dying.stdout.readline() == b"begun\n"
    # How far it gets in this time differs; whatever it has done by then, what follows must hold.
    if after is None:
        assert await dying.stdout.readline() == b"over\n"
    else:
        await asyncio.sleep(after)
    dying.send_signal(signal.SIGKILL)
    await dying.wait()

    lists = await user.begin()
    try:
        state = await user.state("team", ask=True)
        assert state.status in ("not_installed", "in_sync")
        assert state.status == "in_sync" or after is not None
        await user.done(await lists.sync("team", SyncList()))
        state = await user.state("team")
        assert (state.status, state.synced_revision) == ("in_sync", 1)
        assert await user.set_hash("team") == state.wanted_hash
    finally:
        await user.end()
