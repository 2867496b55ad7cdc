"""What a person can ask of environments, with the real read side and jobs and a stand-in for the engine."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.environments.bounds import EnvironmentSettings
from jupyter_lcc.environments.model import (
    ChangeEnvironment,
    CreateEnvironment,
    EnvironmentFile,
    ExportQuery,
    Fix,
    NameQuery,
    Plan,
    RegisterKernel,
    Rename,
    RollBack,
    RunningKernel,
)
from jupyter_lcc.environments.reading import Reading
from jupyter_lcc.environments.service import Environments
from jupyter_lcc.environments.sizes import Sizes
from jupyter_lcc.errors import Conflict, Forbidden, Invalid, LccError, NotFound, NotReachable, OutOfBounds
from jupyter_lcc.jobs.files import JobFiles
from jupyter_lcc.jobs.model import Job
from jupyter_lcc.jobs.processes import Child, end_all
from jupyter_lcc.jobs.service import Jobs
from jupyter_lcc.platforms.model import Platform

from .fake_engine import FakeEngine
from .homes import make_prefix

LOG = logging.getLogger("jupyter_lcc.tests")
PLAIN = Platform(kind="plain", persistent_root=None, can_stop_instance=False)


class FakeKernels:
    def __init__(self) -> None:
        self.running: list[RunningKernel] = []

    async def list_running(self) -> list[RunningKernel]:
        return self.running


class House:
    """A service with everything around it in a test's hands."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.engine = FakeEngine()
        self.kernels = FakeKernels()
        self.events: list[Mapping[str, Any]] = []
        self.settings = EnvironmentSettings()
        self.platform = PLAIN
        self.environ: dict[str, str] = {}

    async def begin(self) -> Environments:
        data = self.home / ".local/share/jupyter"
        clock = SystemClock()
        self.jobs = Jobs(
            files=JobFiles(lambda: self.home / "jobs", LOG),
            clock=clock,
            emit=lambda _: None,
            start_child=Child.start,
            end_all=end_all,
            log=LOG,
        )
        await self.jobs.start()
        self.reading = Reading(
            home=self.home,
            environ=self.environ,
            platform=self.platform,
            data_dir=data,
            kernel_folders=[str(self.home / "shared/kernels")],
            server_root=None,
            settings=self.settings,
        )
        self.sizes = Sizes(self.home / "sizes.json", clock, LOG, lambda: None)
        self.service = Environments(
            reading=self.reading,
            sizes=self.sizes,
            settings=self.settings,
            jobs=self.jobs,
            engine=self.engine,
            kernels=self.kernels,
            clock=clock,
            emit=self.events.append,
            log=LOG,
        )
        await self.service.start()
        return self.service

    async def end(self) -> None:
        await self.service.stop()
        await self.jobs.stop()

    async def done(self, job: Plan | Job) -> dict[str, Any]:
        assert isinstance(job, Job)
        over = await self.jobs.wait(job.id)
        assert over.state == "succeeded", over.error
        return over.result or {}

    async def failed(self, job: Plan | Job) -> str:
        assert isinstance(job, Job)
        over = await self.jobs.wait(job.id)
        assert over.state == "failed"
        assert over.error is not None
        return over.error.code

    async def make(self, name: str, **more: Any) -> dict[str, Any]:
        return await self.done(await self.service.create(CreateEnvironment(name=name, **more)))

    async def names(self) -> list[str]:
        found = (await self.service.all()).environments
        return [one.name for one in found if one.prefix.startswith(str(self.home))]


@pytest.fixture
def house(tmp_path: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[House]:
    home = tmp_path / "home"
    home.mkdir()
    made = House(home)
    jp_asyncio_loop.run_until_complete(made.begin())
    yield made
    jp_asyncio_loop.run_until_complete(made.end())


async def again(house: House, **settings: Any) -> Environments:
    """Start anew with other settings, as a restarted server does."""
    await house.end()
    house.settings = EnvironmentSettings(**settings)
    return await house.begin()


# -- life -------------------------------------------------------------------------------------------------------


async def test_an_environment_is_made_with_a_kernel(house: House) -> None:
    result = await house.make("vision", packages=("numpy>=1",))
    assert result["kernel"] == {"spec_name": "lcc-vision", "display_name": result["kernel"]["display_name"]}
    (verb, prefix, wish) = house.engine.asked[-1]
    assert (verb, prefix) == ("create", str(house.home / ".conda/envs/vision"))
    assert wish.install == ("numpy>=1", "python", "ipykernel")
    environment = await house.service.get("vision")
    assert (environment.managed, environment.status, environment.persistent) == (True, "ready", True)
    assert environment.kernel is not None
    assert environment.kernel.display_name.endswith("(vision)")
    assert {"kind": "changed", "name": "vision"} in house.events
    identity = json.loads((house.home / ".conda/envs/vision/conda-meta/jupyter_lcc").read_text())
    assert (identity["version"], identity["kernel"]["spec_name"]) == (1, "lcc-vision")


async def test_a_preview_makes_nothing(house: House) -> None:
    plan = await house.service.create(CreateEnvironment(name="x", packages=("numpy",), dry_run=True))
    assert isinstance(plan, Plan)
    assert [item.name for item in plan.add] == ["numpy", "python", "ipykernel"]
    assert await house.names() == []


async def test_without_a_kernel_nothing_is_added(house: House) -> None:
    result = await house.make("x", packages=("r-base",), register_kernel=False)
    assert house.engine.asked[-1][2].install == ("r-base",)
    assert result["kernel"] is None
    assert (await house.service.get("x")).kernel is None


async def test_it_is_made_from_a_file(house: House) -> None:
    text = "name: fromfile\nchannels: [bioconda]\ndependencies: [python=3.11, {pip: [flask]}]"
    wish = CreateEnvironment(file=EnvironmentFile(name="environment.yml", text=text), register_kernel=False)
    assert (await house.done(await house.service.create(wish)))["name"] == "fromfile"
    told = house.engine.asked[-1][2]
    assert (told.channels, told.pip_install) == (("https://conda.anaconda.org/bioconda",), ("flask",))


async def test_a_large_file_is_read_elsewhere(house: House) -> None:
    line = "https://conda.anaconda.org/conda-forge/noarch/package-{}-1.0-py_0.conda\n"
    text = "@EXPLICIT\n" + "".join(line.format(number) for number in range(3000))
    file = EnvironmentFile(name="x.txt", text=text)
    await house.done(await house.service.create(CreateEnvironment(name="x", file=file, register_kernel=False)))
    assert len(house.engine.asked[-1][2].archives) == 3000
    file = EnvironmentFile(name="x.txt", text=text + "/etc/passwd")
    with pytest.raises(Invalid, match="not the address"):
        await house.service.create(CreateEnvironment(name="y", file=file))


async def test_a_clone_registers_its_own_kernel(house: House) -> None:
    await house.make("one")
    result = await house.make("two", clone_of="one")
    assert result["kernel"]["spec_name"] == "lcc-two"
    assert (await house.service.get("one")).kernel is not None
    with pytest.raises(NotFound):
        await house.service.create(CreateEnvironment(name="three", clone_of="nobody"))
    with pytest.raises(Invalid):
        await house.service.create(CreateEnvironment(name="three", clone_of="one", packages=("numpy",)))


async def test_delete_and_restore(house: House) -> None:
    await house.make("x")
    result = await house.done(await house.service.delete("x"))
    listed = await house.service.all()
    assert [one.id for one in listed.trash] == [result["trash_id"]]
    assert await house.names() == []
    assert not (house.home / ".local/share/jupyter/kernels/lcc-x").exists()
    await house.done(await house.service.restore(result["trash_id"]))
    environment = await house.service.get("x")
    assert environment.kernel is not None
    assert (await house.service.all()).trash == ()
    with pytest.raises(NotFound):
        await house.service.restore("x")


async def test_a_name_that_is_there_again_is_not_overwritten(house: House) -> None:
    await house.make("x")
    await house.done(await house.service.delete("x"))
    await house.make("x")
    with pytest.raises(Conflict):
        await house.service.restore("x")
    trash = (await house.service.all()).trash
    await house.done(await house.service.purge(trash[0].id))
    assert (await house.service.all()).trash == ()
    assert await house.names() == ["x"]


async def test_the_trash_is_emptied_at_once(house: House) -> None:
    for name in ("a", "b"):
        await house.make(name, register_kernel=False)
        await house.done(await house.service.delete(name))
    assert sorted((await house.done(await house.service.purge("all")))["purged"]) == ["a", "b"]
    assert os.listdir(house.home / ".conda/envs/.lcc") == []


async def test_what_was_kept_long_enough_goes_at_the_next_start(house: House) -> None:
    await house.make("x", register_kernel=False)
    result = await house.done(await house.service.delete("x"))
    note = house.home / f".conda/envs/.lcc/trash-{result['trash_id']}/trash.json"
    old = json.loads(note.read_text()) | {"deleted_at": "2026-01-01T00:00:00Z"}
    note.write_text(json.dumps(old))
    service = await again(house)
    while (await service.all()).trash:
        await asyncio.sleep(0.01)
    assert ("recover",) in house.engine.asked


async def test_a_rename_keeps_the_kernel(house: House) -> None:
    await house.make("old")
    result = await house.done(await house.service.rename("old", Rename(name="new")))
    assert await house.names() == ["new"]
    assert result["kernel"]["spec_name"] == "lcc-new"
    assert house.engine.asked[-1][0] == "clone"
    assert house.engine.asked[-1][-1] is True
    assert (await house.service.all()).trash == ()
    with pytest.raises(Invalid):
        await house.service.rename("new", Rename(name="new"))
    with pytest.raises(Invalid):
        await house.service.rename("new", Rename(name="../x"))


async def test_a_change_says_which_kernels_run(house: House) -> None:
    await house.make("x")
    house.kernels.running = [RunningKernel(kernel_id="k", spec_name="lcc-x", path="train.ipynb", state="busy")]
    plan = await house.service.change("x", ChangeEnvironment(install=("numpy",), dry_run=True))
    assert isinstance(plan, Plan)
    assert [kernel.path for kernel in plan.running_kernels] == ["train.ipynb"]
    assert [k.kernel_id for k in (await house.service.get("x")).running_kernels] == ["k"]
    await house.done(await house.service.change("x", ChangeEnvironment(install=("numpy",))))
    for refused in (house.service.delete("x"), house.service.rename("x", Rename(name="y"))):
        with pytest.raises(Conflict, match=r"train\.ipynb"):
            await refused


async def test_changes_are_checked_against_what_is_installed(house: House) -> None:
    await house.make("x", packages=("numpy",))
    for wish in (
        ChangeEnvironment(),
        ChangeEnvironment(remove=("nothere",)),
        ChangeEnvironment(upgrade=("nothere",)),
        ChangeEnvironment(install=("numpy",), remove=("numpy",)),
        ChangeEnvironment(pip_install=("numpy",)),
        ChangeEnvironment(pip_remove=("numpy",)),
        ChangeEnvironment(install=("-c evil",)),
        ChangeEnvironment(install=("x",), channels=("https://user:pw@evil/x",)),
    ):
        with pytest.raises(Invalid):
            await house.service.change("x", wish)
    await house.done(await house.service.change("x", ChangeEnvironment(remove=("numpy",))))
    assert "numpy" not in [package.name for package in (await house.service.packages("x")).packages]


async def test_kernels_are_registered_and_taken_away(house: House) -> None:
    await house.make("x", register_kernel=False)
    result = await house.done(await house.service.register_kernel("x", RegisterKernel(display_name="Mine")))
    assert result["kernel"] == {"spec_name": "lcc-x", "display_name": "Mine"}
    assert house.engine.asked[-1][2].install == ("ipykernel",)
    assert (await house.service.unregister_kernel("x")).kernel is None
    with pytest.raises(Invalid):
        await house.service.register_kernel("x", RegisterKernel(display_name="a\nb"))


async def test_the_doctor_repairs(house: House) -> None:
    await house.make("x")
    (house.home / ".local/share/jupyter/kernels/lcc-x/kernel.json").unlink()
    assert [finding.code for finding in (await house.service.diagnose("x")).findings] == ["kernelspec_missing"]
    await house.done(await house.service.fix("x", Fix(fix="register_kernel")))
    assert (await house.service.diagnose("x")).findings == ()
    await house.done(await house.service.fix("x", Fix(fix="reinstall")))
    assert house.engine.asked[-1][0] == "reinstall"


async def test_the_kernel_of_what_was_removed_by_hand_goes_too(house: House) -> None:
    for name in ("x", "y"):
        await house.make(name)
    shutil.rmtree(house.home / ".conda/envs/x")
    kernels = house.home / ".local/share/jupyter/kernels"
    await again(house)
    while (kernels / "lcc-x").exists():
        await asyncio.sleep(0.01)
    assert (kernels / "lcc-y/kernel.json").is_file()


# -- others' ----------------------------------------------------------------------------------------------------


async def test_what_others_made_elsewhere_or_froze_is_left_alone(house: House) -> None:
    make_prefix(house.home / "miniconda3/envs/theirs")
    frozen = make_prefix(house.home / ".conda/envs/frozen")
    (frozen / "conda-meta/frozen").write_text("{}")
    for name in ("theirs", "frozen"):
        for refused in (
            house.service.change(name, ChangeEnvironment(install=("numpy",))),
            house.service.delete(name),
            house.service.rename(name, Rename(name="y")),
            house.service.roll_back(name, RollBack(version=1)),
        ):
            with pytest.raises(Forbidden):
                await refused
    assert (await house.make("mine", clone_of="theirs", register_kernel=False))["name"] == "mine"


async def test_a_name_is_taken_however_it_is_written(house: House) -> None:
    await house.make("Vision", register_kernel=False)
    for name in ("Vision", "vision"):
        with pytest.raises(Conflict):
            await house.service.create(CreateEnvironment(name=name))


async def test_two_that_want_one_name_at_once(house: House) -> None:
    house.engine.gate = asyncio.Event()
    first = await house.service.create(CreateEnvironment(name="x", register_kernel=False))
    with pytest.raises(Conflict):
        await house.service.create(CreateEnvironment(name="x"))
    house.engine.gate.set()
    await house.done(first)


async def test_another_process_that_changes_it_is_waited_for(house: House) -> None:
    await house.make("x")
    lock = FileLock(house.reading.places.lock(house.home / ".conda/envs/x"))
    with lock.acquire(timeout=0):
        job = await house.service.change("x", ChangeEnvironment(install=("numpy",)))
        assert isinstance(job, Job)
        while (progress := house.jobs.get(job.id).progress) is None or progress.label != "wait":
            await asyncio.sleep(0.01)
        assert house.engine.asked[-1][0] == "create"
    await house.done(job)
    assert house.engine.asked[-1][0] == "change"


async def test_what_the_engine_refuses_is_the_jobs_error(house: House) -> None:
    house.engine.fail = NotReachable("The channel does not answer.")
    assert await house.failed(await house.service.create(CreateEnvironment(name="x"))) == "not_reachable"
    assert await house.names() == []
    house.engine.fail = NotReachable("The channel does not answer.")
    names = await house.service.names(NameQuery(query="num"))
    assert (names.names, names.complete, names.why) == ((), False, "The channel does not answer.")
    assert (await house.service.names(NameQuery(query="num"))).names == ("numpy",)


# -- bounds -----------------------------------------------------------------------------------------------------


async def test_bounds_hold_in_preview_and_in_earnest(house: House) -> None:
    service = await again(
        house,
        allowed_channels=("conda-forge", "https://mirror.acme.org/*"),
        denied_packages=("evil*",),
        allowed_indexes=("https://pypi.acme.org/simple",),
    )
    assert (await service.all()).channels.defaults == ("conda-forge",)
    for dry_run in (True, False):
        wishes: tuple[dict[str, Any], ...] = (
            {"channels": ("defaults",)},
            {"channels": ("https://conda.anaconda.org/bioconda",)},
            {"packages": ("bioconda::x",)},
            {"packages": ("evil-package",)},
            {"pip": ("Evil_Package",)},
            {"file": EnvironmentFile(name="r.txt", text="-i https://pypi.org/simple\nflask")},
            {"file": EnvironmentFile(name="e.txt", text="@EXPLICIT\nhttps://evil.org/noarch/a-1-0.conda")},
        )
        for wish in wishes:
            with pytest.raises(OutOfBounds):
                await service.create(CreateEnvironment(name="x", dry_run=dry_run, **wish))
    await house.make("x", channels=("https://mirror.acme.org/a",), pip=("flask",), register_kernel=False)
    told = house.engine.asked[-1][2]
    assert (told.channels, told.indexes) == (("https://mirror.acme.org/a",), ("https://pypi.acme.org/simple",))
    for dry_run in (True, False):
        with pytest.raises(OutOfBounds):
            await service.change("x", ChangeEnvironment(install=("evil",), dry_run=dry_run))
    with pytest.raises(OutOfBounds):
        await service.names(NameQuery(query="x", channels="defaults"))


async def test_a_users_condarc_does_not_widen_what_is_allowed(house: House) -> None:
    (house.home / ".condarc").write_text(
        "channel_alias: https://evil.org\ncustom_channels: {acme: https://evil.org/x}\nchannels: [conda-forge]\n"
    )
    service = await again(house, allowed_channels=("conda-forge",))
    for channels in (("conda-forge",), ("acme",)):
        with pytest.raises(OutOfBounds):
            await service.create(CreateEnvironment(name="x", channels=channels, dry_run=True))
    await service.create(CreateEnvironment(name="x", dry_run=True))
    assert house.engine.asked[-1][2].channels == ("https://conda.anaconda.org/conda-forge",)


async def test_a_quota_is_kept(house: House) -> None:
    make_prefix(house.home / ".conda/envs/big")
    (house.home / ".conda/envs/big/data").write_bytes(b"x" * 500_000)
    service = await again(house, quota_bytes=400_000)
    assert await house.failed(await service.create(CreateEnvironment(name="x"))) == "out_of_bounds"
    await house.sizes.settle()
    for dry_run in (True, False):
        with pytest.raises(OutOfBounds):
            await service.create(CreateEnvironment(name="x", dry_run=dry_run))
    listed = await service.all()
    assert listed.quota.limit_bytes == 400_000
    assert (listed.quota.used_bytes or 0) > 500_000
    service = await again(house, quota_bytes=1_000_000)
    await service.create(CreateEnvironment(name="x", dry_run=True))
    house.engine.item_bytes = 10**9
    with pytest.raises(OutOfBounds):
        await service.create(CreateEnvironment(name="x", dry_run=True))


# -- errors that can't happen twice -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, "", "..", "../x", "/etc", "-c", "a b", "a\nb", "x" * 10_000, "base", ".lcc"])
async def test_names_that_can_not_be(house: House, name: str | None) -> None:
    for dry_run in (True, False):
        with pytest.raises(Invalid):
            await house.service.create(CreateEnvironment(name=name, dry_run=dry_run))


async def test_what_is_not_there_is_not_found(house: House) -> None:
    service = house.service
    for ask in (
        service.get("x"),
        service.packages("x"),
        service.versions("x"),
        service.export("x", ExportQuery()),
        service.diagnose("x"),
        service.fix("x", Fix(fix="reinstall")),
        service.change("x", ChangeEnvironment(install=("numpy",))),
        service.delete("../../etc"),
        service.restore("x"),
        service.purge("x"),
        service.unregister_kernel("x"),
        service.roll_back("x", RollBack(version=1)),
    ):
        with pytest.raises(NotFound):
            await ask


async def test_a_disk_that_is_full_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/x")

    monkeypatch.setattr("jupyter_lcc.environments.kernelspecs._write", full)
    job = await house.service.create(CreateEnvironment(name="x"))
    assert isinstance(job, Job)
    over = await house.jobs.wait(job.id)
    assert over.error is not None
    assert "No space left" in over.error.message
    assert isinstance(LccError("x"), Exception)


# -- platforms --------------------------------------------------------------------------------------------------


async def test_where_the_home_is_lost_environments_and_kernels_come_back(house: House) -> None:
    await house.end()
    root = house.home / "SageMaker"
    root.mkdir()
    house.platform = Platform(kind="notebook_instance", persistent_root=str(root), can_stop_instance=False)
    service = await house.begin()
    await house.make("x")
    environment = await service.get("x")
    assert environment.prefix == str(root / ".conda/envs/x")
    assert environment.persistent is True
    make_prefix(house.home / "miniconda3/envs/lost")
    assert (await service.get("lost")).advice == "clone_to_keep"
    kernels = house.home / ".local/share/jupyter/kernels/lcc-x"
    for name in os.listdir(kernels):
        (kernels / name).unlink()
    kernels.rmdir()
    service = await again(house)
    while (await service.get("x")).kernel is None:
        await asyncio.sleep(0.01)
    assert (kernels / "kernel.json").is_file()


async def test_exports_and_locks(house: House) -> None:
    await house.make("x", packages=("numpy",))
    assert "- numpy=1.0" in (await house.service.export("x", ExportQuery())).text
    assert "@EXPLICIT" in (await house.service.export("x", ExportQuery(format="explicit"))).text
    assert (await house.service.export("x", ExportQuery(format="lock"))).file_name == "pixi.lock"
