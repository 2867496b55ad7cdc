"""A machine that reaches the source and nothing else installs from the bundle in it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jupyter_lcc.packages.model import BundleList, PutList, SyncList
from jupyter_lcc.packages.sources.aws import S3Source, parse_place
from jupyter_lcc.packages.sources.directory import DirectorySource

from ..environments.channel import SUBDIR, Channel
from ..environments.conftest import channel  # noqa: F401 -- a fixture
from .conftest import environment_of
from .fake_s3 import FakeS3
from .users import QUIET, Failed, User, place


@pytest.fixture(params=["directory", "s3"])
def where(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "directory":
        (tmp_path / "source").mkdir()
        return str(tmp_path / "source")
    server: FakeS3 = request.getfixturevalue("server")
    for name, value in environment_of(server).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    return f"s3://{request.getfixturevalue('bucket')}/team"


@pytest.fixture
def users(tmp_path: Path, where: str, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[tuple[User, User]]:
    settings = msgspec.structs.replace(QUIET, sources=(place(where),))
    ann, ben = User(tmp_path / "ann", settings=settings), User(tmp_path / "ben", settings=settings)
    for user in (ann, ben):
        jp_asyncio_loop.run_until_complete(user.begin())
    yield ann, ben
    for user in (ann, ben):
        jp_asyncio_loop.run_until_complete(user.end())


@pytest.fixture
def away(tmp_path: Path, channel: Channel) -> Channel:  # noqa: F811
    """One of its own, because it goes away."""
    shutil.copytree(channel.folder, tmp_path / "channel", copy_function=os.link)
    return Channel(tmp_path / "channel")


def spoil(source: Path) -> None:
    next(path for path in (source / "bundle").rglob("*lonely*")).write_bytes(b"evil")


async def test_it_has_the_same_packages_though_their_channel_is_away(
    users: tuple[User, User], away: Channel, where: str
) -> None:
    ann, ben = users
    text = f"channels:\n  - {away.url}\ndependencies:\n  - python\n  - alpha=1.0\n"
    await ann.done(await ann.lists.put("team", PutList(text=text), None))
    told = await ann.done(await ann.lists.bundle("team", BundleList()))
    assert told["stored"] >= 3
    source = S3Source(parse_place(where)) if where.startswith("s3://") else DirectorySource(Path(where))
    assert source.shelf is not None
    assert {path.split("/")[1] for path in source.shelf.sizes()} <= {SUBDIR, "noarch"}
    again = await ann.done(await ann.lists.bundle("team", BundleList()))
    assert (again["stored"], again["present"]) == (0, told["stored"])
    await ann.done(await ann.lists.sync("team", SyncList()))

    away.folder.rename(away.folder.with_name("gone"))
    await ben.lists.check()
    await ben.done(await ben.lists.sync("team", SyncList()))
    assert (await ben.state("team")).status == "in_sync"
    assert await ben.set_hash("team") == await ann.set_hash("team")


async def test_another_file_in_the_bundle_is_refused_and_nothing_has_changed(
    users: tuple[User, User], away: Channel, where: str, request: pytest.FixtureRequest
) -> None:
    ann, ben = users
    text = f"channels:\n  - {away.url}\ndependencies:\n  - lonely\n"
    await ann.done(await ann.lists.put("team", PutList(text=text), None))
    await ann.done(await ann.lists.bundle("team", BundleList()))
    if where.startswith("s3://"):
        client, bucket = request.getfixturevalue("client"), request.getfixturevalue("bucket")
        listed = client.list_objects_v2(Bucket=bucket, Prefix="team/bundle/")["Contents"]
        key = next(entry["Key"] for entry in listed if "lonely" in entry["Key"])
        client.put_object(Bucket=bucket, Key=key, Body=b"evil")
    else:
        spoil(Path(where))
    away.folder.rename(away.folder.with_name("gone"))
    await ben.lists.check()
    with pytest.raises(Failed, match="hash"):
        await ben.done(await ben.lists.sync("team", SyncList()))
    assert (await ben.state("team")).status == "not_installed"
    assert not (ben.home / ".conda/envs/team").exists()
    assert hashlib.sha256(b"evil").hexdigest() not in (await ben.lists.text("team")).text
