"""Two users' services over one source: publish in one, drift shown in the other, sync, the same packages on both."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jupyter_lcc.environments.model import CreateEnvironment
from jupyter_lcc.packages.model import BundleList, PublishList, PutList, SyncList

from ..environments.channel import Channel, small
from ..environments.conftest import channel  # noqa: F401 -- a fixture
from .conftest import environment_of
from .fake_s3 import FakeS3
from .users import QUIET, Failed, User, place


@pytest.fixture(params=["directory", "s3"])
def where(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "directory":
        (tmp_path / "source").mkdir()
        yield str(tmp_path / "source")
        return
    server: FakeS3 = request.getfixturevalue("server")
    bucket = request.getfixturevalue("bucket")
    for name, value in environment_of(server).items():
        monkeypatch.setenv(name, value)
    yield f"s3://{bucket}/team"


@pytest.fixture
def users(tmp_path: Path, where: str, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[tuple[User, User]]:
    settings = msgspec.structs.replace(QUIET, sources=(place(where),))
    ann, ben = User(tmp_path / "ann", settings=settings), User(tmp_path / "ben", settings=settings)
    for user in (ann, ben):
        jp_asyncio_loop.run_until_complete(user.begin())
    yield ann, ben
    for user in (ann, ben):
        jp_asyncio_loop.run_until_complete(user.end())


async def test_publish_drift_sync_the_same_packages(users: tuple[User, User], channel: Channel) -> None:  # noqa: F811
    ann, ben = users
    text = f"channels:\n  - {channel.url}\ndependencies:\n  - python\n  - alpha=1.0\n"
    told = await ann.done(await ann.lists.put("team", PutList(text=text, message="The beginning"), None))
    assert told["revision"] == 1

    # Ben sees it, is shown what a sync would do, and gets it.
    assert (await ben.state("team", ask=True)).status == "not_installed"
    diff = await ben.lists.diff("team")
    assert {"python", "alpha", "beta"} <= {item.name for item in diff.add}
    assert (diff.remove, diff.change) == ((), ())
    result = await ben.done(await ben.lists.sync("team", SyncList(etag=diff.etag, plan_hash=diff.plan_hash)))
    assert result["changed"] is True
    await ann.done(await ann.lists.sync("team", SyncList()))
    for user in users:
        state = await user.state("team")
        assert (state.status, state.synced_revision) == ("in_sync", 1)
        assert await user.set_hash("team") == state.set_hash == state.wanted_hash
    assert await ann.set_hash("team") == await ben.set_hash("team")

    # Ann publishes the next; Ben's panel shows it at the next look.
    etag = (await ann.lists.text("team")).etag
    newer = text.replace("alpha=1.0", "alpha=2.0") + "  - lonely\n"
    await ann.done(await ann.lists.put("team", PutList(text=newer), etag))
    state = await ben.state("team", ask=True)
    assert state.status == "behind"
    assert {item.name: item.by for item in state.changed.items} == {"alpha": "list", "lonely": "list"}
    jobs = [await user.lists.sync("team", SyncList()) for user in users]
    await asyncio.gather(*(user.done(job) for user, job in zip(users, jobs, strict=True)))
    assert [(await user.state("team")).status for user in users] == ["in_sync", "in_sync"]
    assert await ann.set_hash("team") == await ben.set_hash("team")


async def test_what_is_installed_is_published_and_is_in_sync(
    users: tuple[User, User],
    channel: Channel,  # noqa: F811
) -> None:
    ann, ben = users
    made = await ann.environments.create(
        CreateEnvironment(name="work", packages=("alpha", "gamma"), channels=(channel.url,), register_kernel=False)
    )
    await ann.done(made)
    await ann.done(await ann.lists.publish("work", PublishList(environment="work"), None))
    assert (await ann.state("work")).status == "in_sync"
    await ben.lists.check()
    await ben.done(await ben.lists.sync("work", SyncList()))
    assert await ann.set_hash("work") == await ben.set_hash("work")


async def test_a_machine_that_takes_from_the_bundle_alone_asks_no_channel(
    users: tuple[User, User], tmp_path: Path, where: str
) -> None:
    ann, ben = users
    await ben.end()
    ben.settings = msgspec.structs.replace(ben.settings, sources=(place(where, bundle_only=True),))
    await ben.begin()
    own = Channel(tmp_path / "channel")
    own.add(small("alpha", "1.0", ["beta"]), small("beta", "2.0"), small("lonely", "1.5"))
    own.index()
    text = f"channels:\n  - {own.url}\ndependencies:\n  - alpha=1.0\n"
    await ann.done(await ann.lists.put("team", PutList(text=text), None))
    told = await ann.done(await ann.lists.bundle("team", BundleList()))
    assert told["stored"] == 2
    again = await ann.done(await ann.lists.bundle("team", BundleList()))
    assert (again["stored"], again["present"]) == (0, told["stored"])
    await ben.lists.check()
    await ben.done(await ben.lists.sync("team", SyncList()))
    state = await ben.state("team")
    assert (state.status, await ben.set_hash("team")) == ("in_sync", state.wanted_hash)
    # What isn't in the bundle isn't taken from its channel, though that would have it.
    etag = (await ann.lists.text("team")).etag
    await ann.done(await ann.lists.put("team", PutList(text=text + "  - lonely\n"), etag))
    with pytest.raises(Failed, match=r"lonely 1\.5 is not in the bundle"):
        await ben.done(await ben.lists.sync("team", SyncList()))
    assert await ben.set_hash("team") == state.wanted_hash
    told = await ann.done(await ann.lists.bundle("team", BundleList(prune=True, revisions=1)))
    assert (told["stored"], told["removed"]) == (1, 0)
    await ben.done(await ben.lists.sync("team", SyncList()))
    assert await ben.set_hash("team") == (await ben.state("team")).wanted_hash != state.wanted_hash


async def test_ten_users_who_sync_at_once_get_the_same_packages(
    tmp_path: Path,
    server: FakeS3,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    channel: Channel,  # noqa: F811
) -> None:
    for name, value in environment_of(server).items():
        monkeypatch.setenv(name, value)
    settings = msgspec.structs.replace(QUIET, sources=(place(f"s3://{bucket}/team"),))
    users = [User(tmp_path / f"user{number}", settings=settings) for number in range(10)]
    try:
        for user in users:
            await user.begin()
        text = f"channels:\n  - {channel.url}\ndependencies:\n  - alpha=1.0\n  - lonely\n"
        await users[0].done(await users[0].lists.put("team", PutList(text=text), None))
        await asyncio.gather(*(user.lists.check() for user in users))
        jobs = await asyncio.gather(*(user.lists.sync("team", SyncList()) for user in users))
        await asyncio.gather(*(user.done(job) for user, job in zip(users, jobs, strict=True)))
        states = [await user.state("team") for user in users]
        assert {(state.status, state.synced_revision) for state in states} == {("in_sync", 1)}
        assert {await user.set_hash("team") for user in users} == {states[0].wanted_hash}
    finally:
        for user in users:
            await user.end()
