"""A server killed in the middle of its work leaves nothing half done, and the next one goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from jupyter_lcc.packages.model import HistoryQuery, PutList, SyncList
from jupyter_lcc.packages.revisions import folder_of

from ..environments.channel import Channel
from ..environments.conftest import channel  # noqa: F401 -- a fixture
from .users import QUIET, User, place

TEXT = "channels:\n  - {}\ndependencies:\n  - python\n  - alpha=1.0\n"


async def _with_a_list(home: Path, source: Path, url: str) -> User:
    """Somebody who has published a list, and went."""
    user = User(home, settings=msgspec.structs.replace(QUIET, sources=(place(source),)))
    lists = await user.begin()
    try:
        await user.done(await lists.put("team", PutList(text=TEXT.format(url)), None))
    finally:
        await user.end()
    return user


async def _dying(user: User, source: Path, what: str) -> asyncio.subprocess.Process:
    argv = (sys.executable, "-m", "tests.packages.dying", str(user.home), str(source), what)
    return await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2], env=dict(os.environ)
    )


@pytest.mark.parametrize("after", [0.0, 0.15, 0.4])
async def test_a_server_killed_while_it_publishes_and_pulls(
    tmp_path: Path,
    channel: Channel,  # noqa: F811
    after: float,
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    user = await _with_a_list(tmp_path / "home", source, channel.url)
    dying = await _dying(user, source, "publish")
    assert dying.stdout is not None
    said = [await dying.stdout.readline()]
    await asyncio.sleep(after)
    dying.send_signal(signal.SIGKILL)
    said += (await dying.stdout.read()).splitlines()
    await dying.wait()

    lists = await user.begin()
    try:
        state = await user.state("team")  # what it had pulled, asking nobody
        assert state.revision is not None
        assert state.status == "not_installed"
        published = (await lists.history("team", HistoryQuery())).revisions
        assert [one.number for one in published] == list(range(len(published), 0, -1))
        assert {text.decode().strip() for text in said} <= {folder_of(one) for one in published}
        assert len(published) <= 1 + len(said) + 1
        state = await user.state("team", ask=True)
        assert (state.status, state.revision) == ("not_installed", published[0])
        text = TEXT.format(channel.url) + "# after\n"
        told = await user.done(await lists.put("team", PutList(text=text), state.etag))
        assert (await lists.text("team")).etag == told["etag"]
        assert (await lists.text("team")).text == text
    finally:
        await user.end()


@pytest.mark.parametrize("after", [0.0, 0.4, None])
async def test_a_server_killed_while_it_syncs(tmp_path: Path, channel: Channel, after: float | None) -> None:  # noqa: F811
    source = tmp_path / "source"
    source.mkdir()
    user = await _with_a_list(tmp_path / "home", source, channel.url)
    dying = await _dying(user, source, "sync")
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
