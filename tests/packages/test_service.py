"""What can be asked of package lists: real sources, state and jobs; environments are a stand-in."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from traitlets import TraitError

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.config import LccPackageLists
from jupyter_lcc.errors import Conflict, Forbidden, Invalid, LostRace, NotFound, NotReachable, OutOfBounds, Unsafe
from jupyter_lcc.jobs.files import JobFiles
from jupyter_lcc.jobs.model import Job
from jupyter_lcc.jobs.processes import Child, end_all
from jupyter_lcc.jobs.service import Jobs
from jupyter_lcc.packages.bounds import ListBounds
from jupyter_lcc.packages.join import join_lists
from jupyter_lcc.packages.model import (
    AddSource,
    BundleList,
    HistoryQuery,
    ListDiff,
    ListSettings,
    ListState,
    MergedList,
    MergeList,
    PublishList,
    PutList,
    RemoveList,
    RestoreList,
    SyncList,
    ValidateList,
)
from jupyter_lcc.packages.revisions import folder_of
from jupyter_lcc.packages.service import PackageLists
from jupyter_lcc.packages.sources.aws import Bucket, S3Source
from jupyter_lcc.packages.sources.directory import DirectorySource
from jupyter_lcc.packages.sources.model import Draft, encode_record
from jupyter_lcc.platforms.aws import AwsClient

from .conftest import environment_of
from .fake_environments import HERE, FakeEnvironments, exact
from .fake_s3 import FakeS3
from .made import signed
from .users import Failed, place

LOG = logging.getLogger("jupyter_lcc.tests")
TEXT = "dependencies:\n  - numpy=1.0\n  - pandas=1.0\n"


class House:
    """A service with everything around it in a test's hands; `again` is what a restarted server has."""

    def __init__(self, home: Path, settings: ListSettings | None = None, bounds: ListBounds | None = None) -> None:
        self.home = home
        self.place = home / "source"
        self.place.mkdir(parents=True, exist_ok=True)
        quiet = ListSettings(mode="off", poll_seconds=86400, sources=(place(self.place),))
        self.settings = settings or quiet
        self.bounds = bounds or ListBounds()
        self.events: list[dict[str, Any]] = []
        self.environments: FakeEnvironments | None = None
        self.hold = False
        self.failing: set[str] = set()

    async def begin(self) -> PackageLists:
        clock = SystemClock()
        self.jobs = Jobs(
            files=JobFiles(lambda: self.home / "state", LOG),
            clock=clock,
            emit=lambda _: None,
            start_child=Child.start,
            end_all=end_all,
            log=LOG,
        )
        await self.jobs.start()
        there = self.environments.there if self.environments is not None else {}
        self.fake = self.environments = FakeEnvironments(self.jobs)
        self.fake.there = there
        self.fake.failing = self.failing
        if self.hold:
            self.fake.may_sync.clear()
        self.lists = join_lists(
            settings=self.settings,
            bounds=self.bounds,
            folder=self.home / "state",
            platform=HERE,
            environments=self.fake,
            jobs=self.jobs,
            author="ann",
            clock=clock,
            emit=self.events.append,
            log=LOG,
        )
        await self.lists.start()
        return self.lists

    async def end(self) -> None:
        await self.lists.stop()
        await self.jobs.stop()

    async def again(self) -> PackageLists:
        await self.end()
        return await self.begin()

    async def done(self, job: Any) -> dict[str, Any]:
        assert isinstance(job, Job)
        over = await self.jobs.wait(job.id)
        if over.state != "succeeded":
            raise Failed(over)
        return dict(over.result or {})

    async def put(self, name: str, text: str = TEXT, etag: str | None = None) -> str:
        return str((await self.done(await self.lists.put(name, PutList(text=text), etag)))["etag"])

    async def sync(self, name: str, **more: Any) -> None:
        await self.done(await self.lists.sync(name, SyncList(**more)))

    async def state(self, name: str, *, ask: bool = True) -> ListState:
        states = await (self.lists.check() if ask else self.lists.all())
        return next(state for state in states.lists if state.name == name)

    async def until(self, happens: Any) -> None:
        end = asyncio.get_running_loop().time() + 20
        while not happens():
            assert asyncio.get_running_loop().time() < end, "it never happened"
            await asyncio.sleep(0.005)


@pytest.fixture
def house(tmp_path: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[House]:
    house = House(tmp_path)
    jp_asyncio_loop.run_until_complete(house.begin())
    yield house
    jp_asyncio_loop.run_until_complete(house.end())


async def test_published_listed_synced_drifted(house: House) -> None:
    etag = await house.put("team")
    told = await house.lists.text("team")
    assert (told.text, told.etag, told.revision.author, told.lock_fits) == (TEXT, etag, "ann", True)
    assert (await house.state("team")).status == "not_installed"
    await house.sync("team")
    state = await house.state("team")
    assert (state.status, state.synced_revision, state.package_count) == ("in_sync", 1, 2)
    assert state.set_hash == state.wanted_hash

    # Somebody on this machine changes it: that is told apart from what the list changes.
    house.fake.there["team"] = exact("numpy=2.0", "pandas=1.0", "extra")
    state = await house.state("team")
    assert state.status == "drifted"
    assert {item.name: item.by for item in state.changed.items} == {"numpy": "here", "extra": "here"}
    await house.put("team", TEXT + "  - scipy\n", etag)
    state = await house.state("team")
    assert state.status == "drifted_and_behind"
    assert {item.name: item.by for item in state.changed.items} == {"numpy": "here", "extra": "here", "scipy": "list"}
    diff = await house.lists.diff("team")
    assert [item.name for item in diff.add] == ["scipy"]
    assert [item.name for item in diff.remove] == ["extra"]
    assert [(item.name, item.from_version, item.to_version) for item in diff.change] == [("numpy", "2.0", "1.0")]

    # What is to be kept is kept from then on.
    await house.sync("team", keep=("extra",))
    assert {package.name for package in house.fake.there["team"].conda} == {"numpy", "pandas", "scipy", "extra"}
    state = await house.state("team")
    assert (state.status, state.keep) == ("in_sync", ("extra",))
    kinds = [event["kind"] for event in house.events]
    assert {"published", "synced"} <= set(kinds)


async def test_what_was_shown_is_what_is_done_or_it_is_asked_again(house: House) -> None:
    etag = await house.put("team")
    diff = await house.lists.diff("team")
    await house.put("team", TEXT.replace("numpy=1.0", "numpy=2.0"), etag)
    with pytest.raises(Conflict) as refused:
        await house.lists.sync("team", SyncList(etag=diff.etag, plan_hash=diff.plan_hash))
    newer = msgspec.convert(refused.value.detail["diff"], ListDiff)
    assert newer.revision is not None
    assert newer.revision.number == 2
    assert "numpy" in {item.name for item in newer.add}
    assert "team" not in house.fake.there
    await house.sync("team", etag=newer.etag, plan_hash=newer.plan_hash)
    # The same where the environment is what has changed.
    house.fake.there["team"] = exact("numpy=2.0", "pandas=1.0", "one")
    diff = await house.lists.diff("team")
    house.fake.there["team"] = exact("numpy=2.0", "pandas=1.0", "two")
    with pytest.raises(Conflict):
        await house.lists.sync("team", SyncList(plan_hash=diff.plan_hash))


async def test_another_revision_is_asked_again_though_its_plan_is_the_same(house: House) -> None:
    """Somebody may have said in it why it should not be installed."""
    etag = await house.put("team")
    shown = await house.lists.diff("team")
    await house.put("team", f"# Don't: it breaks the reports\n{TEXT}", etag)
    with pytest.raises(Conflict) as refused:
        await house.lists.sync("team", SyncList(etag=shown.etag, plan_hash=shown.plan_hash))
    newer = msgspec.convert(refused.value.detail["diff"], ListDiff)
    assert (newer.plan_hash, newer.etag != shown.etag) == (shown.plan_hash, True)
    assert "team" not in house.fake.there
    await house.sync("team", etag=newer.etag, plan_hash=newer.plan_hash)


async def test_of_two_publishers_the_second_sees_both_sides(house: House) -> None:
    etag = await house.put("team")
    theirs = TEXT.replace("numpy=1.0", "numpy=2.0")
    newer = await house.put("team", theirs, etag)
    mine = TEXT + "  - scipy\n"
    with pytest.raises(LostRace) as lost:
        await house.lists.put("team", PutList(text=mine), etag)
    told = {key: value for key, value in lost.value.detail.items() if key != "field"}
    both = msgspec.convert(told, MergedList)
    assert (both.base, both.mine, both.theirs, both.etag, both.conflicts) == (TEXT, mine, theirs, newer, ())
    assert both.text == theirs + "  - scipy\n"
    assert await house.lists.merge("team", MergeList(text=mine, etag=etag)) == both
    await house.put("team", both.text, both.etag)
    # Without a condition nothing that is there is replaced.
    with pytest.raises(LostRace):
        await house.lists.put("team", PutList(text=TEXT), None)
    assert [one.number for one in (await house.lists.history("team", HistoryQuery())).revisions] == [3, 2, 1]


async def test_a_race_that_is_lost_in_the_job_overwrites_nothing(house: House) -> None:
    etag = await house.put("team")
    source = DirectorySource(house.place)

    def meanwhile() -> None:
        house.fake.before_solving = lambda: None
        source.write("team", Draft(text=TEXT + "  - theirs\n", signed=signed("ben")), source.read("team"))

    house.fake.before_solving = meanwhile
    with pytest.raises(Failed) as failed:
        await house.put("team", TEXT + "  - mine\n", etag)
    error = failed.value.job.error
    assert error is not None
    assert error.code == "lost_race"
    assert "- theirs" in error.detail["text"]
    assert "- mine" in error.detail["text"]
    assert (await house.lists.text("team")).revision.author == "ben"


async def test_old_revisions_come_back_also_of_a_removed_list(house: House) -> None:
    etag = await house.put("team")
    await house.put("team", TEXT + "  - scipy\n", etag)
    assert (await house.lists.revision("team", "1")).text == TEXT
    solved = house.fake.solved
    told = await house.done(await house.lists.restore("team", RestoreList(revision=1), None))
    assert told["revision"] == 3
    assert house.fake.solved == solved  # its own lock comes back too
    assert (await house.lists.text("team")).text == TEXT
    with pytest.raises(LostRace):
        await house.lists.restore("team", RestoreList(revision=2), etag)
    await house.lists.remove("team", RemoveList(), None)
    assert [state.name for state in (await house.lists.check()).lists] == []
    with pytest.raises(NotFound):
        await house.lists.text("team")
    await house.done(await house.lists.restore("team", RestoreList(revision=2), None))
    assert "scipy" in (await house.lists.text("team")).text
    for number in ("0", "99", "x", "1" * 30):
        with pytest.raises(NotFound):
            await house.lists.revision("team", number)


async def test_what_somebody_has_changed_is_not_removed_unseen(house: House) -> None:
    etag = await house.put("team")
    newer = await house.put("team", TEXT + "  - scipy\n", etag)
    with pytest.raises(LostRace):
        await house.lists.remove("team", RemoveList(), etag)
    assert (await house.lists.text("team")).etag == newer
    await house.lists.remove("team", RemoveList(), newer)
    with pytest.raises(NotFound):
        await house.lists.text("team")


async def test_where_two_could_lose_a_change_nothing_is_begun(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DirectorySource, "why_unsafe", lambda self: "This place can't keep two apart.")
    with pytest.raises(Unsafe, match="two apart"):
        await house.lists.put("team", PutList(text=TEXT), None)
    assert house.fake.solved == 0
    source = (await house.lists.sources()).sources[0]
    assert (source.safe, source.why_not_safe) == (False, "This place can't keep two apart.")


async def test_what_was_read_at_another_place_is_not_taken_for_this_one_s(house: House, tmp_path: Path) -> None:
    await house.put("team")
    elsewhere = place(tmp_path / "elsewhere")  # under the same id, and not there
    house.settings = msgspec.structs.replace(house.settings, sources=(elsewhere,))
    lists = await house.again()
    assert [state.name for state in (await lists.all()).lists] == []


async def test_an_unreachable_source_leaves_the_last_lock_and_says_so(house: House) -> None:
    await house.put("team")
    away = house.place.rename(house.home / "away")
    state = await house.state("team")
    assert (state.status, state.from_copy) == ("not_installed", True)
    assert state.message
    diff = await house.lists.diff("team")
    assert diff.from_copy
    assert diff.notes == ()  # the field says it
    await house.sync("team", plan_hash=diff.plan_hash)
    await house.again()  # also for a server that never reached it
    state = await house.state("team")
    assert (state.status, state.from_copy) == ("in_sync", True)
    with pytest.raises(NotReachable):
        await house.lists.put("new", PutList(text=TEXT), None)
    away.rename(house.place)
    assert not (await house.state("team")).from_copy


async def test_bounds_hold_at_publish_diff_and_sync(house: House) -> None:
    await house.put("team", TEXT + "  - costly\n")
    house.bounds = ListBounds(denied_packages=("scipy",), denied_licences=("Proprietary",))
    lists = await house.again()
    state = await house.state("team")
    assert (state.status, [refusal.rule for refusal in state.refused]) == ("refused", ["denied_licences: Proprietary"])
    assert (await lists.diff("team")).refused == state.refused
    with pytest.raises(OutOfBounds, match="denied_licences"):
        await lists.sync("team", SyncList())
    assert "team" not in house.fake.there
    with pytest.raises(OutOfBounds, match="denied_packages: scipy"):
        await lists.put("other", PutList(text=TEXT + "  - scipy\n"), None)
    with pytest.raises(Failed, match="denied_licences"):
        await house.put("other", TEXT + "  - costly\n")
    with pytest.raises(Failed, match="denied_licences"):
        await house.done(await lists.restore("team", RestoreList(revision=1), None))
    checked = await lists.validate(ValidateList(text=TEXT + "  - scipy\n"))
    assert [(problem.line, problem.rule) for problem in checked.problems] == [(4, "denied_packages: scipy")]


async def test_all_that_is_wrong_with_a_text_is_told_by_line(house: House) -> None:
    text = "channels: [conda-forge]\ndependencies:\n  - numpy\n  - 'a b c d ='\n  - pip:\n      - -e .\n      - six\n"
    checked = await house.lists.validate(ValidateList(text=text))
    assert checked.understood is None
    assert [problem.line for problem in checked.problems] == [4, 6]
    assert [p.line for p in (await house.lists.validate(ValidateList(text="a: &x 1\nb: *x\n"))).problems] == [1]
    fine = await house.lists.validate(ValidateList(text=TEXT + "prefix: /x\n"))
    assert [(problem.level, problem.line) for problem in fine.problems] == [("warning", 4)]


async def test_a_platform_the_lock_lacks_is_solved_once_and_said(house: House) -> None:
    await house.put("mac", "platforms: [osx-arm64]\n" + TEXT)
    assert (await house.state("mac")).locked is False
    solved = house.fake.solved
    house.fake.may_solve.clear()
    before = await house.lists.diff("mac")  # at once, though nobody answers the solver's questions
    assert (before.to_solve, before.solved_here, before.platform) == (True, False, HERE)
    assert (before.add, before.plan_hash, before.notes) == ((), "", ())
    jobs = [await house.lists.sync("mac", SyncList(dry_run=True)) for _ in range(2)]
    assert [job.kind for job in jobs if isinstance(job, Job)] == ["lists.solve"] * 2
    house.fake.may_solve.set()
    for job in jobs:
        await house.done(job)
    diff = await house.lists.diff("mac")
    assert (diff.to_solve, diff.solved_here, diff.notes) == (False, True, ())
    assert {item.name for item in diff.add} == {"numpy", "pandas"}
    assert await house.lists.sync("mac", SyncList(dry_run=True)) == diff
    await house.sync("mac", etag=diff.etag, plan_hash=diff.plan_hash)
    assert house.fake.solved == solved + 1
    assert {package.name for package in house.fake.there["mac"].conda} == {"numpy", "pandas"}


async def test_nobody_has_seen_what_nobody_has_solved(house: House) -> None:
    await house.put("mac", "platforms: [osx-arm64]\n" + TEXT)
    unseen = await house.lists.diff("mac")
    with pytest.raises(Conflict) as refused:
        await house.lists.sync("mac", SyncList(plan_hash=unseen.plan_hash))
    assert msgspec.convert(refused.value.detail["diff"], ListDiff).to_solve
    await house.done(await house.lists.sync("mac", SyncList(dry_run=True)))
    seen = await house.lists.diff("mac")
    await house.again()  # what was chosen is this machine's lock, also after a restart
    await house.sync("mac", plan_hash=seen.plan_hash)
    assert house.fake.solved == 0
    state = await house.state("mac")
    assert (state.status, state.locked, state.synced_revision, state.set_hash) == (
        "in_sync",
        False,
        1,
        state.wanted_hash,
    )
    house.fake.there["mac"] = exact("numpy=1.0")
    assert (await house.state("mac")).status == "drifted"
    # Until the list changes: then others are chosen, and who asks for no look solves and syncs in one job.
    await house.put("mac", "platforms: [osx-arm64]\n" + TEXT + "  - scipy\n", state.etag)
    assert ((await house.state("mac")).status, (await house.lists.diff("mac")).to_solve) == ("unlocked", True)
    with pytest.raises(Conflict):
        await house.lists.sync("mac", SyncList(plan_hash=seen.plan_hash))
    job = await house.lists.sync("mac", SyncList())
    assert isinstance(job, Job)
    assert job.key == "env:mac"
    await house.done(job)
    assert "scipy" in {package.name for package in house.fake.there["mac"].conda}
    assert (await house.lists.diff("mac")).solved_here


async def test_what_is_solved_here_is_bound_too(house: House) -> None:
    await house.put("mac", "platforms: [osx-arm64]\n" + TEXT + "  - costly\n")
    house.bounds = ListBounds(denied_licences=("Proprietary",), unknown_licences="allow")
    lists = await house.again()
    with pytest.raises(Failed, match="denied_licences"):
        await house.done(await lists.sync("mac", SyncList()))
    with pytest.raises(OutOfBounds, match="denied_licences"):  # by now it is known
        await lists.sync("mac", SyncList())
    assert [refusal.rule for refusal in (await lists.diff("mac")).refused] == ["denied_licences: Proprietary"]
    assert "mac" not in house.fake.there


async def test_where_packages_come_from_the_bundle_alone_nothing_is_solved(house: House) -> None:
    await house.put("team")
    await house.put("mac", "platforms: [osx-arm64]\n" + TEXT)
    house.settings = msgspec.structs.replace(house.settings, sources=(place(house.place, bundle_only=True),))
    lists = await house.again()
    await house.sync("team")
    assert house.fake.asked["bundle_only"] is True
    assert house.fake.asked["bundle"] == (house.place / "bundle").as_uri()  # there is none, and it is all that is asked
    assert ((await house.state("mac")).status, (await lists.diff("mac")).to_solve) == ("refused", False)
    house.fake.there["work"] = exact("numpy=1.0")
    for attempt in (
        lists.sync("mac", SyncList()),
        lists.put("new", PutList(text=TEXT), None),
        lists.publish("work", PublishList(environment="work"), None),
    ):
        with pytest.raises(OutOfBounds, match="bundle_only"):
            await attempt
    with pytest.raises(Failed, match="bundle_only"):
        await house.done(await lists.bundle("team", BundleList()))
    await house.done(await lists.restore("team", RestoreList(revision=1), None))  # its lock comes with it
    assert house.fake.solved == 0


async def test_what_an_environment_holds_is_published(house: House) -> None:
    house.fake.there["work"] = exact("numpy=1.5", "scipy=2.0")
    await house.done(await house.lists.publish("work", PublishList(environment="work"), None))
    assert (await house.state("work")).status == "in_sync"
    assert house.fake.solved == 0
    with pytest.raises(NotFound):
        await house.lists.publish("other", PublishList(environment="nothing"), None)


async def test_sources_of_a_user(house: House, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    added = await house.lists.add_source(AddSource(place=str(mine)))
    assert (added.configured, added.place) == (False, str(mine))
    await house.put("team")
    await house.done(await house.lists.put("own", PutList(text=TEXT, source=added.id), None))
    assert (mine / "own/environment.yml").read_text() == TEXT
    lists = await house.again()
    assert [source.id for source in (await lists.sources()).sources] == ["team", added.id]
    for bad in ("relative/path", "http://x/y", "s3://", "", "git:x", str(tmp_path / "nothing")):
        with pytest.raises((Invalid, NotReachable)):
            await lists.add_source(AddSource(place=bad))
    with pytest.raises(Conflict):
        await lists.add_source(AddSource(place=str(mine)))
    with pytest.raises(Forbidden):
        await lists.remove_source("team")
    await lists.remove_source(added.id)
    assert [state.name for state in (await lists.check()).lists] == ["team"]
    with pytest.raises(NotFound):
        await lists.remove_source(added.id)
    house.settings = msgspec.structs.replace(house.settings, user_sources=False)
    lists = await house.again()
    with pytest.raises(Forbidden):
        await lists.add_source(AddSource(place=str(mine)))


async def test_only_the_administrators_sources_can_require_a_list(house: House, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    house.settings = msgspec.structs.replace(house.settings, required=("*",))
    lists = await house.again()
    await house.put("team")
    added = await lists.add_source(AddSource(place=str(tmp_path / "mine")))
    await house.done(await lists.put("own", PutList(text=TEXT, source=added.id), None))
    assert {state.name: state.required for state in (await lists.all()).lists} == {"team": True, "own": False}


async def test_required_lists_come_back_two_at_a_time(house: House) -> None:
    for name in ("team-a", "team-b", "team-c", "other"):
        await house.put(name)
    house.settings = msgspec.structs.replace(house.settings, required=("team-*",), mode="notify")
    await house.end()
    house.fake.there.clear()
    house.hold = True
    lists = await house.begin()
    await house.until(lambda: len(house.fake.syncing) == 2)
    # The server answers meanwhile, and shows what is under way.
    told = {state.name: state.status for state in (await lists.all()).lists}
    assert sorted(told[name] for name in told) == ["not_installed", "not_installed", "syncing", "syncing"]
    house.fake.may_sync.set()
    await house.until(lambda: len(house.fake.there) == 3)
    assert house.fake.there.keys() == {"team-a", "team-b", "team-c"}
    assert house.fake.most_at_once == 2
    state = await house.state("team-a")
    assert (state.required, state.status) == (True, "in_sync")


@pytest.mark.parametrize("mode", ["off", "notify", "apply"])
async def test_what_happens_by_itself(house: House, mode: Any) -> None:
    etag = await house.put("team")
    await house.put("strange")
    await house.sync("team")
    house.fake.there["strange"] = exact("somebodys=1.0")
    await house.put("team", TEXT + "  - scipy\n", etag)
    house.settings = msgspec.structs.replace(house.settings, mode=mode, required=("strange",))
    house.events.clear()
    await house.again()
    if mode == "apply":
        await house.until(lambda: "scipy" in {package.name for package in house.fake.there["team"].conda})
    elif mode == "notify":
        await house.until(lambda: {"kind": "drifted", "name": "team", "status": "behind"} in house.events)
    else:
        await house.state("team")
        assert not [event for event in house.events if event["kind"] == "drifted"]
    if mode != "apply":
        assert len(house.fake.there["team"].conda) == 2
    # What was never made from the list is somebody's own, required or not.
    assert [package.name for package in house.fake.there["strange"].conda] == ["somebodys"]


async def test_files_that_a_killed_server_left_half_written_lose_nothing(house: House) -> None:
    await house.put("team")
    await house.sync("team")
    await house.state("team")
    await house.end()
    state = house.home / "state/package-lists"
    for path in state.rglob("*.json"):
        path.write_bytes(path.read_bytes()[:-20])
    (state / "copies/.team.json.1-2.tmp").write_text("{")
    await house.begin()
    found = await house.state("team")
    assert (found.status, found.synced_revision) == ("in_sync", 1)


async def test_an_administrators_list_that_was_never_read_is_missed(house: House) -> None:
    shutil.rmtree(house.place)
    house.settings = msgspec.structs.replace(house.settings, required=("team", "x-*"))
    lists = await house.again()
    told = await lists.check()
    assert [(state.name, state.status, state.required) for state in told.lists] == [("team", "unreachable", True)]
    assert told.sources[0].problem


async def test_a_broken_environment_hides_no_other(house: House) -> None:
    await house.put("one")
    await house.put("two")
    house.fake.broken.add("one")
    told = {state.name: (state.status, state.message) for state in (await house.lists.check()).lists}
    assert told == {"one": ("invalid", "one can't be read."), "two": ("not_installed", "")}


async def test_what_fails_by_itself_is_not_tried_at_every_look(house: House) -> None:
    await house.put("team")
    house.settings = msgspec.structs.replace(house.settings, required=("team",), mode="apply", poll_seconds=5)
    house.failing = {"team"}
    lists = await house.again()
    await house.until(lambda: any(job.state == "failed" for job in house.jobs.all()))
    for _ in range(3):
        await lists.check()
    assert len([job for job in house.jobs.all() if job.kind == "environment.sync"]) == 1


async def test_two_who_saw_nothing_both_succeed(house: House) -> None:
    await house.put("team")
    jobs = [await house.lists.sync("team", SyncList()) for _ in range(2)]
    for job in jobs:
        await house.done(job)
    await house.put("other")
    diff = await house.lists.diff("other")
    house.fake.may_sync.clear()  # until both have asked
    shown = [await house.lists.sync("other", SyncList(plan_hash=diff.plan_hash)) for _ in range(2)]
    house.fake.may_sync.set()
    await house.done(shown[0])
    with pytest.raises(Failed, match="conflict"):
        await house.done(shown[1])


async def test_in_sync_costs_one_conditional_read(
    house: House, server: FakeS3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of(server).items():
        monkeypatch.setenv(name, value)
    house.settings = msgspec.structs.replace(house.settings, sources=(place(f"s3://{bucket}/team"),))
    await house.again()
    await house.put("team")
    await house.sync("team")
    await house.until(lambda: any(event["kind"] == "synced" for event in house.events))
    server.requests.clear()
    await house.sync("team")
    assert [
        (method, "if-none-match" in {key.lower().replace("_", "-") for key in told})
        for method, _, told in server.requests
    ] == [("GET", True)]
    server.requests.clear()
    await house.lists.all()  # a look at the panel asks nobody
    assert server.requests == []


@pytest.mark.parametrize("many", [1, 50])
async def test_a_look_at_a_source_that_has_nothing_new_is_one_request(
    house: House,
    server: FakeS3,
    bucket: str,
    client: Any,
    shared: AwsClient,
    monkeypatch: pytest.MonkeyPatch,
    many: int,
) -> None:
    for name, value in environment_of(server).items():
        monkeypatch.setenv(name, value)
    source = S3Source(Bucket(bucket=bucket), shared)
    stored = source.write("list-0", Draft(text=TEXT, signed=signed()), None)
    folder = f"lists/list-0/{folder_of(stored.revision)}/environment.yml"
    for key, text in (("heads/list-0.json", encode_record(stored.revision)), (folder, TEXT.encode())):
        for number in range(1, many):
            client.put_object(Bucket=bucket, Key=key.replace("list-0", f"list-{number}"), Body=text)
    house.settings = msgspec.structs.replace(house.settings, sources=(place(f"s3://{bucket}"),))

    async def begun() -> None:
        """Start a server, and let the look it takes by itself come first."""
        server.requests.clear()
        await house.again()
        await house.until(lambda: server.requests)

    await begun()
    assert len((await house.lists.check()).lists) == many

    async def asked() -> list[str]:
        server.requests.clear()
        told = await house.lists.check()
        assert [state.from_copy for state in told.lists] == [False] * many
        return [path.partition(bucket)[2].strip("/") for _, path, _ in server.requests]

    assert await asked() == [""]  # the bucket itself: one LIST
    await begun()  # it knows what the last one has read
    assert await asked() == [""]
    source.write("list-0", Draft(text=TEXT + "  - scipy\n", signed=signed()), stored)
    assert [path.partition("/")[0] for path in await asked()] == ["", "heads", "lists"]
    assert await asked() == [""]


def test_a_checkout_has_no_bundle_to_take_from_alone() -> None:
    section = LccPackageLists()
    section.sources = [{"place": "s3://acme-lists/team", "bundle_only": True}]
    assert [one.bundle_only for one in section.settings().sources] == [True]
    section.sources = [{"place": "git:/srv/lists", "bundle_only": True}]
    with pytest.raises(TraitError, match="bundle_only"):
        section.settings()
