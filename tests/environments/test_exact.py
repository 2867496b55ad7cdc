"""An environment made equal to a lock: real packages of both managers, real drift, real deaths."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from uv import find_uv_bin

from jupyter_lcc.environments.bounds import EnvironmentSettings
from jupyter_lcc.environments.condarc import CondaSettings
from jupyter_lcc.environments.engine_model import FetchExact, SolveExact, SyncExact
from jupyter_lcc.environments.exact import (
    Exact,
    ExactConda,
    ExactPip,
    Installed,
    Step,
    check_exact,
    plan_digest,
    plan_of,
    step_of,
)
from jupyter_lcc.environments.exact_reader import read_exact, read_installed
from jupyter_lcc.environments.export import as_lock
from jupyter_lcc.environments.model import CreateEnvironment, EnvironmentFile, ExportQuery, Plan, RollBack
from jupyter_lcc.environments.packages_of import read_records
from jupyter_lcc.environments.worker import EngineWorker
from jupyter_lcc.errors import (
    Conflict,
    DiskFull,
    Forbidden,
    Invalid,
    LccError,
    NotFound,
    NotReachable,
    OutOfBounds,
    OutsideFailure,
    Unsatisfiable,
)

from .channel import (
    SHORT,
    SUBDIR,
    VERSION,
    Channel,
    Link,
    Package,
    add_wheel,
    installed_packages,
    python_package,
    small,
)
from .desk import Desk, picture, until
from .test_channels import Server
from .test_deaths import small_disk
from .test_service import House

__all__ = ["small_disk"]

OTHER = "osx-arm64" if SUBDIR != "osx-arm64" else "linux-64"
OURS = {"conda-meta/history", "conda-meta/jupyter_lcc"}


class Team(Desk):
    """A desk at which locks are made and followed."""

    index = ""

    async def solve(self, *specs: str, pip: Sequence[str] = (), **more: Any) -> Exact:
        values = {"platforms": (SUBDIR,), **more}
        indexes = (self.index,) if self.index else ()
        wish = self.wish(*specs, pip_install=tuple(pip), indexes=indexes)
        return (await self.engine.solve_exact(SolveExact(surroundings=self.around, wish=wish, **values), None))[0]

    async def sync(self, name: str, exact: Exact, *, job: bool = False, **more: Any) -> dict[str, Any]:
        """Make equal, as a job or, sooner, in the process that is kept for questions: the engine does the same."""
        values = {"command": f"sync {name}", **more}
        request = SyncExact(surroundings=self.around, prefix=str(self.prefix(name)), exact=exact, **values)
        if job:
            return await self.engine.sync_exact(request, self.context())
        return await self.engine.run(request, context=None)

    async def fetch(self, exact: Exact, folder: Path, **more: Any) -> dict[str, Any]:
        request = FetchExact(surroundings=self.around, exact=exact, folder=str(folder), **more)
        return await self.engine.run(request, context=None)

    def installed(self, name: str) -> Installed:
        prefix = str(self.prefix(name))
        return read_installed(prefix, VERSION, SUBDIR, read_records(prefix))

    def step(self, name: str, exact: Exact, *keep: str) -> Step:
        return step_of(self.installed(name), exact, keep)

    def uv(self, name: str, *words: str) -> None:
        """Do to an environment what somebody does in a terminal."""
        python = str(self.prefix(name) / "bin/python")
        argv = [find_uv_bin(), "pip", words[0], "--python", python, "--break-system-packages", *words[1:]]
        subprocess.run(argv, check=True, capture_output=True, env={**self.environ, "UV_LINK_MODE": "copy"})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simple")
    for version in ("1.0", "2.0"):
        add_wheel(folder, "piper", version, script="piper")
    add_wheel(folder, "plain", "1.0", ["piper"])
    add_wheel(folder, "extra", "1.0", ["helper"])
    add_wheel(folder, "helper", "1.0")
    add_wheel(folder, "packaging", "1.0")
    return folder


@pytest.fixture
def team(
    tmp_path: Path, channel: Channel, cache: Path, index: Path, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> Iterator[Team]:
    team = Team(tmp_path / "home", channel, cache)
    team.index = index.as_uri()
    yield team
    jp_asyncio_loop.run_until_complete(team.stop())


@pytest.fixture
def own(tmp_path: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[tuple[Team, Channel]]:
    """A channel of small packages that a test may spoil, and a cache that nobody has filled."""
    made = Channel(tmp_path / "own")
    made.add(small("alpha", "1.0", ["beta"]), small("beta", "1.0"), small("beta", "2.0"), small("lonely", "1.0"))
    made.index()
    team = Team(tmp_path / "home", made, tmp_path / "own-cache")
    yield team, made
    jp_asyncio_loop.run_until_complete(team.stop())


# -- equal -------------------------------------------------------------------------------------------------------


async def test_a_list_is_solved_and_made_with_every_archive_known(team: Team, index: Path) -> None:
    exact = await team.solve("python", "alpha=1.0", "placed", "packaging", pip=("plain", "piper<2"))
    assert {package.name: package.version for package in exact.pip} == {"piper": "1.0", "plain": "1.0"}
    piper = index / "piper/piper-1.0-py3-none-any.whl"
    assert exact.pip[0].url == piper.as_uri()
    assert exact.pip[0].sha256 == hashlib.sha256(piper.read_bytes()).hexdigest()
    alpha = next(package for package in exact.conda if package.name == "alpha")
    assert (alpha.depends, alpha.license, alpha.noarch, alpha.channel) == (("beta",), "none", "generic", team.url)
    told = await team.sync("one", exact, asked=("python", "alpha=1.0", "beta[extra]>0", "plain"), variables={"A": "b"})
    assert (told["changed"], told["version"]) == (True, 1)
    prefix = team.prefix("one")
    assert team.step("one", exact).nothing
    again = read_exact(str(prefix), VERSION, SUBDIR, read_records(str(prefix)))
    assert again.conda == exact.conda  # all that a lock says can be read back
    assert {(p.name, p.url, p.sha256) for p in again.pip} == {(p.name, p.url, p.sha256) for p in exact.pip}
    assert team.asked("one") == {"python": "python", "alpha": "alpha=1.0"}
    assert "# update specs: ['python', 'alpha=1.0']\n" in (prefix / "conda-meta/history").read_text()
    assert (prefix / "conda-meta/state").read_text() == '{"env_vars":{"A":"b"}}'
    assert _says(prefix / "bin/piper") == "1.0\n"
    assert (prefix / "etc/placed.conf").read_text() == f"at {prefix}/etc\n"
    _check_record(prefix)
    assert team.left() == []
    assert (await team.sync("one", exact, variables={"A": "b"}))["changed"] is False
    assert (await team.sync("one", exact, variables={}))["changed"] is True
    assert not (prefix / "conda-meta/state").exists()


async def test_after_drift_in_both_managers_it_equals_again_byte_by_byte(team: Team) -> None:
    exact = await team.solve("python", "alpha=1.0", "packaging", pip=("plain", "piper<2"))
    await team.sync("one", exact)
    before = picture(team.prefix("one"))
    await team.change("one", "alpha=2.0", "lonely", remove=())
    simple = ("--default-index", team.index)
    team.uv("one", "install", *simple, "piper==2.0", "extra", "packaging==1.0")  # the last one overwrites conda's
    team.uv("one", "uninstall", "plain")
    ghost = team.prefix("one") / f"lib/python{SHORT}/site-packages/ghost-1.0.dist-info"
    ghost.mkdir()  # as a pip that was killed leaves it
    (ghost / "METADATA").write_text("Metadata-Version: 2.1\nName: ghost\nVersion: 1.0\n")
    step = team.step("one", exact)
    assert [new.name for _, new in step.conda_change] == ["alpha", "packaging"]
    assert [package.name for package in step.conda_remove] == ["lonely"]
    assert [new.name for _, new in step.pip_change] == ["piper"]
    assert [package.name for package in step.pip_remove] == ["extra", "ghost", "helper", "packaging"]
    assert [package.name for package in step.pip_add] == ["plain"]
    await team.sync("one", exact)
    after = picture(team.prefix("one"))
    assert set(after) ^ set(before) <= {name for name in after if "__pycache__" in name}
    changed = {name for name in set(after) & set(before) if after[name] != before[name]}
    assert {name for name in changed if not name.startswith("conda-meta/")} <= {
        name for name in changed if name.endswith(("dist-info/uv_cache.json", "dist-info/RECORD"))
    }
    assert team.step("one", exact).nothing
    assert team.python("one", "import packaging, piper; print(piper.VERSION, packaging.__version__ > '2')") == (
        "1.0 True"
    )
    _check_record(team.prefix("one"))
    # And back, though the index has lost what it had: archives are remembered and their bytes are in uv's cache.
    numbers = [v.number for v in (await team.engine.versions(team.around, str(team.prefix("one")))).versions]
    assert numbers == [4, 3, 2, 1]
    await team.roll_back("one", 1)
    assert team.step("one", exact).nothing
    await team.change("one", pip_upgrade=("piper",), indexes=(team.index,))  # nothing is nailed to its archive
    assert team.python("one", "import piper; print(piper.VERSION)") == "2.0"


async def test_what_pip_put_over_condas_own_is_noticed_though_it_says_the_same(team: Team, tmp_path: Path) -> None:
    exact = await team.solve("python", "packaging")
    await team.sync("one", exact)
    before = picture(team.prefix("one"))
    version = next(package.version for package in exact.conda if package.name == "packaging")
    add_wheel(tmp_path / "other", "packaging", version)
    simple = (tmp_path / "other").as_uri()
    team.uv("one", "install", "--default-index", simple, "--reinstall", "--no-deps", f"packaging=={version}")
    assert [new.name for _, new in team.step("one", exact).conda_change] == ["packaging"]
    await team.sync("one", exact)
    after = picture(team.prefix("one"))
    assert {name for name in after if after[name] != before.get(name)} <= OURS
    assert set(before) == set(after)


async def test_what_is_to_be_kept_stays_with_what_it_needs(team: Team) -> None:
    exact = await team.solve("python", "beta=1.0")
    await team.sync("one", exact)
    await team.change("one", "alpha=2.0", "lonely", "placed", pip_install=("extra", "piper"), indexes=(team.index,))
    keep = ("alpha", "ext*")
    step = team.step("one", exact, *keep)
    assert [package.name for package in step.conda_remove] == ["lonely", "placed"]
    assert [package.name for package in step.pip_remove] == ["piper"]
    assert plan_of(step).notes == ("Kept though the list doesn't have them: alpha, extra, helper.",)
    await team.sync("one", exact, keep=keep, job=True)
    assert "alpha is kept and needs beta >=2; the list has 1.0." in team.heard.log
    assert set(team.versions_of("one")) == {"python", "beta", "alpha"}
    assert team.python("one", "import extra, helper; print(extra.VERSION)") == "1.0"
    assert team.asked("one")["alpha"] == "alpha=2.0"
    assert (await team.sync("one", exact, keep=keep))["changed"] is False
    await team.sync("one", exact)
    assert set(team.versions_of("one")) == {"python", "beta"}
    assert team.installed("one").exact.pip == ()


async def test_another_minor_python_is_said_and_moves_what_belongs_to_it(own: tuple[Team, Channel]) -> None:
    team, channel = own
    real = python_package()
    newer = replace(real, version="3.98.1", files={**real.files, "bin/python3.98": real.files[f"bin/python{SHORT}"]})
    channel.add(real, newer, *installed_packages("packaging"))
    channel.index()
    first = await team.solve(f"python={SHORT}", "packaging")
    assert plan_of(team.step("one", first)).notes == ()
    await team.sync("one", first)
    await team.change("one", "lonely")
    second = await team.solve("python=3.98", "packaging")
    step = team.step("one", second, "lonely")
    assert plan_of(step).notes == (
        "Kept though the list doesn't have them: lonely.",
        f"Python changes from {SHORT} to 3.98, so pip's packages are installed anew.",
        f"What is kept was made for Python {SHORT} and may not work with 3.98.",
    )
    await team.sync("one", second, keep=("lonely",), job=True)
    assert not (team.prefix("one") / f"lib/python{SHORT}/site-packages/packaging").exists()
    assert (team.prefix("one") / "lib/python3.98/site-packages/packaging").is_dir()
    assert "lonely" in team.versions_of("one")
    assert team.step("one", second, "lonely").nothing


async def test_the_same_lock_of_another_archive_is_another(own: tuple[Team, Channel], tmp_path: Path) -> None:
    team, _ = own
    first = await team.solve("alpha", "beta=1.0")
    await team.sync("one", first)
    rebuilt = Channel(tmp_path / "rebuilt")
    rebuilt.add(Package("beta", "1.0", files={"share/beta.txt": b"rebuilt\n"}))
    record = rebuilt.folder / "noarch/beta-1.0-0.conda"
    second = _with(first, "beta", url=record.as_uri(), sha256=_sha(record), md5=None, size=None)
    assert [new.name for _, new in team.step("one", second).conda_change] == ["beta"]
    assert plan_digest(plan_of(team.step("one", second)), second) != plan_digest(Plan(), first)
    await team.sync("one", second)
    assert (team.prefix("one") / "share/beta.txt").read_text() == "rebuilt\n"
    await team.sync("one", first)  # what is in the cache by that name is the other
    assert (team.prefix("one") / "share/beta.txt").read_text() == "beta 1.0\n"


# -- refused -----------------------------------------------------------------------------------------------------


async def test_another_hash_is_refused_wherever_it_lies(own: tuple[Team, Channel], tmp_path: Path) -> None:
    team, made = own
    exact = await team.solve("lonely")
    await team.sync("one", exact)
    before = picture(team.prefix("one"))
    wanted = await team.solve("lonely", "alpha", "beta=1.0")
    archive = made.folder / "noarch/beta-1.0-0.conda"
    good = archive.read_bytes()
    evil = Channel(tmp_path / "evil")
    evil.add(Package("beta", "1.0", files={"share/beta.txt": b"evil\n"}))
    shutil.copy(evil.folder / "noarch/beta-1.0-0.conda", archive)
    with pytest.raises(OutsideFailure, match="another hash") as refused:
        await team.sync("one", wanted)
    assert refused.value.detail["wrong_hash"] is True
    with pytest.raises(OutsideFailure, match="another hash"):
        await team.create("two", "beta=1.0")  # a channel's index is held to what it says, too
    with Server(made.folder) as server:
        served = _with(wanted, "beta", url=f"http://127.0.0.1:{server.port}/noarch/{archive.name}")
        with pytest.raises(LccError, match="hash mismatch"):
            await team.sync("one", served)
        hashless = _with(served, "beta", sha256=None)
        with pytest.raises(OutsideFailure, match="another hash"):
            await team.sync("one", hashless)  # md5 counts where there is nothing better
    with pytest.raises(OutsideFailure, match="another hash"):
        await team.fetch(wanted, tmp_path / "bundle")
    assert not list((tmp_path / "bundle").rglob("*beta*"))
    # Somebody has put another package into the cache, by the name and, as far as the cache knows, the hash.
    await _create_from(team, "poisoned", f"@EXPLICIT\n{(evil.folder / 'noarch' / archive.name).as_uri()}\n")
    assert (team.prefix("poisoned") / "share/beta.txt").read_text() == "evil\n"
    archive.write_bytes(good)
    assert picture(team.prefix("one")) == before
    await team.sync("one", wanted)
    assert (team.prefix("one") / "share/beta.txt").read_text() == "beta 1.0\n"
    assert team.left() == []


async def test_another_hash_of_a_wheel_is_refused(team: Team, tmp_path: Path) -> None:
    exact = await team.solve("python", pip=("piper==1.0",))
    await team.sync("one", msgspec.structs.replace(exact, pip=()))
    before = picture(team.prefix("one"))
    shutil.copytree(team.index.removeprefix("file://"), tmp_path / "simple")
    wheel = tmp_path / "simple/piper/piper-1.0-py3-none-any.whl"
    shutil.copy(wheel.with_name("piper-2.0-py3-none-any.whl"), wheel)
    with Server(tmp_path / "simple") as server:
        for url in (wheel.as_uri(), f"http://127.0.0.1:{server.port}/piper/{wheel.name}"):
            spoilt = msgspec.structs.replace(exact, pip=(msgspec.structs.replace(exact.pip[0], url=url),))
            with pytest.raises(OutsideFailure) as refused:
                await team.sync("one", spoilt)
            assert refused.value.detail["wrong_hash"] is True
        gone = f"http://127.0.0.1:{server.port}/gone/{wheel.name}"
        lost = msgspec.structs.replace(exact, pip=(msgspec.structs.replace(exact.pip[0], url=gone),))
        with pytest.raises(NotReachable):
            await team.sync("one", lost)
    assert picture(team.prefix("one")) == before
    # Without an address of its own it comes from an index, and is compared all the same.
    nowhere = msgspec.structs.replace(exact, pip=(msgspec.structs.replace(exact.pip[0], url=None),))
    await team.sync("one", nowhere)
    assert team.python("one", "import piper; print(piper.VERSION)") == "1.0"


async def test_what_vanished_from_the_channel_is_told_and_what_is_in_the_cache_is_used(
    own: tuple[Team, Channel], tmp_path: Path
) -> None:
    team, made = own
    exact = await team.solve("alpha", "beta=1.0")
    await team.fetch(exact, tmp_path / "bundle")
    other = await team.solve("lonely")
    await team.sync("one", other)
    before = picture(team.prefix("one"))
    made.drop("beta-1.0-0.conda")
    made.index()
    with pytest.raises(NotReachable, match=r"beta.* is not at its address any more"):
        await team.sync("one", exact)
    with Server(made.folder) as server:
        served = _with(exact, "beta", url=f"http://127.0.0.1:{server.port}/noarch/beta-1.0-0.conda")
        with pytest.raises(NotReachable):
            await team.sync("one", served)
    assert picture(team.prefix("one")) == before
    await team.sync("one", exact, bundle=(tmp_path / "bundle").as_uri())
    shutil.rmtree(tmp_path / "bundle")
    await team.sync("two", exact)
    assert team.versions_of("two") == {"alpha": "1.0", "beta": "1.0"}


async def test_a_lock_is_held_against_bounds_and_itself(team: Team) -> None:
    exact = await team.solve("python", "alpha=1.0", "packaging", pip=("piper==1.0",))
    await team.sync("one", exact)
    before = picture(team.prefix("one"))
    refused: list[tuple[EnvironmentSettings, type[LccError]]] = [
        (EnvironmentSettings(denied_packages=("beta",)), OutOfBounds),
        (EnvironmentSettings(denied_packages=("pip*",)), OutOfBounds),
        (EnvironmentSettings(allowed_channels=("https://example.org/other",)), OutOfBounds),
        (EnvironmentSettings(allowed_indexes=("https://example.org/simple",)), OutOfBounds),
    ]
    for settings, kind in refused:
        with pytest.raises(kind):
            check_exact(exact, SUBDIR, settings)
    own = EnvironmentSettings(allowed_indexes=(team.index,), allowed_channels=(team.url,))
    check_exact(exact, SUBDIR, own)
    piper = exact.pip[0]

    def other(**values: Any) -> Exact:
        return msgspec.structs.replace(exact, pip=(msgspec.structs.replace(piper, **values),))

    spoilt = [
        msgspec.structs.replace(exact, platform=OTHER),
        msgspec.structs.replace(exact, indexes=("-r /etc/passwd",)),
        msgspec.structs.replace(exact, channels=("https://ann:secret@e/c",)),
        msgspec.structs.replace(exact, conda=(*exact.conda, exact.conda[0])),
        msgspec.structs.replace(exact, pip=(piper, msgspec.structs.replace(piper, name="Piper"))),
        other(editable="/home/me/piper"),
        other(name="packaging"),
        other(name="-r"),
        other(version="1.0 --pre", url=None),
        other(sha256="abc"),
        *(other(url=url) for url in (f"{piper.url}\n--index-url https://evil", "https://evil/${HOME}-1.0.whl")),
        *(other(url=url) for url in ("https://e/a b.whl", "https://e/..", "https://e/x.exe", "https://e/a.whl#b")),
        _with(exact, "alpha", url="https://e/noarch/beta-1.0-0.conda"),
        _with(exact, "alpha", name="../../../alpha"),
        _with(exact, "alpha", version="9.9"),
        _with(exact, "alpha", subdir=OTHER, url=f"https://e/{OTHER}/alpha-1.0-0.conda"),
        _with(exact, "alpha", md5="abc"),
    ]
    for lock in spoilt:
        with pytest.raises(Invalid):
            check_exact(lock, SUBDIR, EnvironmentSettings())
    for settings, lock in ((refused[0][0], exact), (EnvironmentSettings(), spoilt[-1])):
        team.change_around(settings=settings)
        with pytest.raises(Invalid):
            await team.sync("one", lock)
    team.change_around(settings=EnvironmentSettings())
    assert picture(team.prefix("one")) == before
    tight = msgspec.structs.replace(team.around, room_bytes=1000)
    request = SyncExact(surroundings=tight, prefix=str(team.prefix("three")), exact=exact)
    with pytest.raises(OutOfBounds, match="left"):
        await team.engine.sync_exact(request, team.context())
    (team.prefix("one") / "conda-meta/frozen").write_text("{}")
    with pytest.raises(Conflict, match="frozen"):
        await team.sync("one", msgspec.structs.replace(exact, pip=()))
    assert not team.prefix("three").exists()
    assert team.left() == []


# -- deaths ------------------------------------------------------------------------------------------------------


async def test_a_sync_killed_at_any_moment_is_whole_or_not_at_all(
    tmp_path: Path, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> None:
    wide = Channel(tmp_path / "wide")
    for version in ("1.0", "2.0"):
        for number in range(30):
            files: dict[str, bytes | Path | Link] = {
                f"share/part{number}/{n}": f"{version} {n}".encode() for n in range(30)
            }
            wide.add(Package(f"part{number}", version, files=files))
    wide.index()
    team = Team(tmp_path / "home", wide, tmp_path / "cache")
    one, two = [await team.solve(*(f"part{number}={version}" for number in range(30))) for version in ("1.0", "2.0")]
    await team.sync("one", one)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await team.sync("one", two, job=True)
    usual = loop.time() - began
    chance = random.Random(20261121)
    now, other = two, one
    for _ in range(5):
        before = picture(team.prefix("one"))
        team.children.clear()
        syncing = asyncio.create_task(team.sync("one", other, job=True))
        await until(lambda: team.children)
        await asyncio.sleep(chance.uniform(0.2, 1.0) * usual)
        with contextlib.suppress(ProcessLookupError):
            os.kill(team.children[0].pid, signal.SIGKILL)
        with contextlib.suppress(OutsideFailure):
            await syncing
        if team.step("one", other).nothing:
            now, other = other, now
        else:
            assert picture(team.prefix("one")) == before
        texts = {path.read_text().split()[0] for path in team.prefix("one").glob("share/part*/*")}
        assert texts == {now.conda[0].version}
        assert len(team.records("one")) == 30
    for name in team.left():
        os.utime(team.around.places.ours / name, (0, 0))
    await team.sync("one", other)
    assert team.step("one", other).nothing
    assert team.left() == []
    await team.stop()


async def test_a_full_disk_leaves_everything_as_it_was(own: tuple[Team, Channel], small_disk: Path) -> None:
    team, made = own
    made.add(Package("big", "1.0", files={"share/big": random.Random(1).randbytes(6_000_000)}))
    made.index()
    full = Team(small_disk / "home", made, small_disk / "cache")
    await full.sync("one", await team.solve("alpha", "lonely"))
    before = picture(full.prefix("one"))
    big = await team.solve("alpha", "big")
    for name in ("one", "two"):
        with pytest.raises(DiskFull):
            await full.sync(name, big)
    with pytest.raises(DiskFull):
        await full.fetch(big, small_disk / "bundle")
    assert picture(full.prefix("one")) == before
    assert not full.prefix("two").exists()
    assert full.left() == []
    await full.sync("one", await team.solve("alpha"))
    assert "lonely" not in full.versions_of("one")
    await full.stop()


# -- without internet --------------------------------------------------------------------------------------------


async def test_a_bundle_is_enough(team: Team, channel: Channel, index: Path, tmp_path: Path) -> None:
    exact = await team.solve("python", "alpha=1.0", pip=("plain",))
    bundle = tmp_path / "a bundle"
    request = FetchExact(surroundings=team.around, exact=exact, folder=str(bundle))
    told = await team.engine.fetch_exact(request, team.context())
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.suffix in (".conda", ".whl"))
    assert (told["fetched"], told["present"], told["bytes"]) == (len(exact.conda) + 2, 0, size)
    spoilt = next(bundle.glob("conda/noarch/alpha-*"))
    spoilt.write_bytes(b"half of it")
    again = await team.fetch(exact, bundle)
    assert (again["fetched"], again["present"]) == (1, len(exact.conda) + 1)
    # A machine that reaches nothing else: the addresses of the lock lead nowhere.
    away = Team(
        tmp_path / "away", "https://channel.invalid", tmp_path / "away-cache", {"HTTPS_PROXY": "http://127.0.0.1:9"}
    )
    elsewhere = msgspec.structs.replace(
        exact,
        channels=("https://channel.invalid",),
        conda=tuple(
            msgspec.structs.replace(p, url=f"https://channel.invalid/{p.subdir}/{p.file_name}") for p in exact.conda
        ),
        pip=tuple(msgspec.structs.replace(p, url=f"https://index.invalid/{p.file_name}") for p in exact.pip),
    )
    with pytest.raises(NotReachable):
        await away.sync("one", elsewhere)
    await away.sync("one", elsewhere, bundle=bundle.as_uri(), bundle_only=True)
    assert away.step("one", elsewhere).nothing
    assert away.python("one", "import plain, piper; print(piper.VERSION)") == "2.0"
    addresses = {record["url"] for record in away.records("one").values()}
    assert addresses == {package.url for package in elsewhere.conda}
    assert {record["channel"] for record in away.records("one").values()} == {"https://channel.invalid"}
    assert {p.url for p in away.installed("one").exact.pip} == {p.url for p in elsewhere.pip}
    history = (away.prefix("one") / "conda-meta/history").read_text()
    assert "+https://channel.invalid/noarch::alpha-1.0-0\n" in history
    away.index = "https://index.invalid/simple"
    solved = await away.solve("python", "alpha", pip=("plain",), bundle=bundle.as_uri(), bundle_only=True)
    assert {(p.name, p.sha256) for p in solved.conda} == {(p.name, p.sha256) for p in exact.conda}
    assert solved.channels == ("https://channel.invalid",)
    assert {p.url for p in solved.conda} == {p.url for p in exact.conda}  # and not those of the bundle
    assert solved.pip == exact.pip
    next(bundle.glob("wheels/plain-*")).unlink()
    with pytest.raises(NotReachable, match=r"plain 1\.0 is not in the bundle"):
        await away.sync("two", elsewhere, bundle=bundle.as_uri(), bundle_only=True)
    assert not away.prefix("two").exists()
    await away.stop()


async def test_two_fill_one_cache_at_once(own: tuple[Team, Channel], tmp_path: Path) -> None:
    team, made = own
    names = [f"part{number}" for number in range(10)]
    for name in names:
        files: dict[str, bytes | Path | Link] = {f"share/{name}/{n}": b"x" * n for n in range(10)}
        made.add(Package(name, "1.0", files=files))
    made.index()
    exact = await team.solve(*names)
    wanted = [f"env{number}" for number in range(3)]
    for _ in range(2):
        await asyncio.gather(*(team.sync(name, exact, job=True) for name in wanted))
        for name in wanted:
            assert team.step(name, exact).nothing
            assert len(list(team.prefix(name).glob("share/*/*"))) == 100
            shutil.rmtree(team.prefix(name))
        for note in (tmp_path / "own-cache/pkgs").glob("*.verified"):
            note.unlink()  # as a cache of before has none: all is fetched anew, under each other's hands


async def test_credentials_are_taken_from_the_users_own_settings(
    own: tuple[Team, Channel], team: Team, index: Path, tmp_path: Path
) -> None:
    maker, made = own
    basic = "Basic " + base64.b64encode(b"ann:secret").decode()
    exact = await team.solve("python", pip=("piper==1.0",))
    alpha = next(p for p in (await maker.solve("beta=1.0")).conda if p.name == "beta")
    with Server(made.folder, authorization=basic) as channels, Server(index, authorization=basic) as wheels:
        url, simple = f"http://127.0.0.1:{channels.port}", f"http://127.0.0.1:{wheels.port}"
        conda = (*exact.conda, msgspec.structs.replace(alpha, url=f"{url}/noarch/{alpha.file_name}"))
        pip = (msgspec.structs.replace(exact.pip[0], url=f"{simple}/piper/{exact.pip[0].file_name}"),)
        locked = msgspec.structs.replace(exact, conda=conda, pip=pip, indexes=(f"{simple}/",))
        settings = CondaSettings(channels=(f"http://ann:secret@127.0.0.1:{channels.port}",))
        environ = {"PIP_INDEX_URL": f"http://ann:secret@127.0.0.1:{wheels.port}/"}
        ann = Team(tmp_path / "ann", made, tmp_path / "ann-cache", environ)
        with pytest.raises(LccError):
            await ann.sync("one", locked)
        ann.change_around(conda=settings)
        await ann.sync("one", locked, job=True)
        assert ann.step("one", locked).nothing
        for root in (ann.prefix("one"), Path(ann.around.places.state)):
            for path in root.rglob("*"):
                if path.is_file() and not path.is_symlink() and path.suffix in (".json", "", ".txt"):
                    assert b"secret@" not in path.read_bytes(), path
        assert "secret" not in ann.heard.log
        await ann.stop()


async def test_a_bundle_may_lie_in_s3(own: tuple[Team, Channel], index: Path, tmp_path: Path) -> None:
    team, _ = own
    exact = await team.solve("alpha", "beta=1.0")
    bundle = tmp_path / "bundle"
    await team.fetch(exact, bundle)
    with bucket() as (client, environ):
        for path in bundle.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), "house", f"team/bundle/{path.relative_to(bundle)}")
        away = Team(tmp_path / "away", "https://channel.invalid", tmp_path / "away-cache", environ)
        await away.sync("one", exact, bundle="s3://house/team/bundle", bundle_only=True)
        assert away.step("one", exact).nothing
        solved = await away.solve("alpha", bundle="s3://house/team/bundle", bundle_only=True)
        assert {p.url for p in solved.conda} == {p.url for p in exact.conda}
        client.delete_object(Bucket="house", Key="team/bundle/conda/noarch/beta-1.0-0.conda")
        fresh = Team(tmp_path / "fresh", "https://channel.invalid", tmp_path / "fresh-cache", environ)
        with pytest.raises(NotReachable, match=r"beta 1\.0 is not in the bundle"):
            await fresh.sync("one", exact, bundle="s3://house/team/bundle", bundle_only=True)
        moved = _with(exact, "beta", url="s3://house/gone/noarch/beta-1.0-0.conda")
        for job in (True, False):
            with pytest.raises(NotReachable) as gone:
                await fresh.sync("one", moved, job=job)
            assert "ignature" not in str(gone.value)  # a signed address is as good as a password
        await fresh.sync("one", exact, bundle="s3://house/team/bundle")  # its own address helps
        await away.stop()
        await fresh.stop()


# -- solving -----------------------------------------------------------------------------------------------------


async def test_a_list_is_solved_for_machines_one_does_not_have(team: Team, index: Path) -> None:
    exact = await team.solve("alpha", platforms=(OTHER,))
    assert (exact.platform, [p.name for p in exact.conda]) == (OTHER, ["alpha", "beta"])
    with pytest.raises(Unsatisfiable, match=f"For {OTHER}"):
        await team.solve("python", platforms=(SUBDIR, OTHER))  # the channel has none for it
    with pytest.raises(Unsatisfiable):
        await team.solve("python", pip=("nonesuch",))
    with pytest.raises(Unsatisfiable):
        await team.solve("python", "packaging", pip=("packaging==1.0",))
    team.change_around(settings=EnvironmentSettings(denied_packages=("piper",)))
    with pytest.raises(OutOfBounds):
        await team.solve("python", pip=("plain",))


def test_the_archive_that_fits_best_is_chosen() -> None:
    from jupyter_lcc.environments.engine.pip import read_pylock

    def wheel(name: str) -> str:
        return f'{{ url = "https://e/{name}.whl", hashes = {{ sha256 = "{name}" }} }}'

    names = [
        "one-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "one-1.0-cp311-cp311-manylinux_2_34_x86_64",
        "one-1.0-cp311-cp311-musllinux_1_2_x86_64",
        "one-1.0-cp311-cp311-macosx_11_0_arm64",
        "one-1.0-cp311-cp311-win_amd64",
        "one-1.0-cp312-cp312-manylinux_2_17_x86_64",
        "one-1.0-cp39-abi3-manylinux_2_17_aarch64",
        "one-1.0-py3-none-any",
        "no wheel at all",
    ]
    text = f'[[packages]]\nname = "One"\nversion = "1.0"\nwheels = [{", ".join(map(wheel, names))}]\n'
    chosen = {
        p: read_pylock(text, "3.11", p)[0] for p in ("linux-64", "linux-aarch64", "osx-arm64", "osx-64", "win-64")
    }
    assert {platform: names.index(str(package.sha256)) for platform, package in chosen.items()} == {
        "linux-64": 0,
        "linux-aarch64": 6,
        "osx-arm64": 3,
        "osx-64": 7,
        "win-64": 4,
    }
    assert chosen["linux-64"].url == f"https://e/{names[0]}.whl"
    only = '[[packages]]\nname = "one"\nversion = "1.0"\nsdist = { url = "https://e/one-1.0.tar.gz" }\n'
    assert read_pylock(only, "3.11", "win-64")[0].url == "https://e/one-1.0.tar.gz"
    with pytest.raises(Unsatisfiable, match="win-64"):
        read_pylock(f'[[packages]]\nname = "one"\nversion = "1.0"\nwheels = [{wheel(names[0])}]\n', "3.11", "win-64")


# -- what lies between -------------------------------------------------------------------------------------------


def _conda(name: str, version: str = "1.0", **more: Any) -> ExactConda:
    url = f"https://c/noarch/{name}-{version}-0.conda"
    return ExactConda(**{"name": name, "version": version, "build": "0", "subdir": "noarch", "url": url, **more})


def _exact(*conda: ExactConda, pip: Sequence[ExactPip] = ()) -> Exact:
    return Exact(platform=SUBDIR, conda=conda, pip=tuple(pip))


def test_hashes_tell_archives_apart_as_far_as_they_are_known() -> None:
    def same(now: ExactConda, wanted: ExactConda) -> bool:
        return step_of(Installed(_exact(now)), _exact(wanted)).nothing

    assert same(_conda("a"), _conda("a", sha256="1"))
    assert same(_conda("a", sha256="AB"), _conda("a", sha256="ab", md5="2"))
    assert not same(_conda("a", sha256="1"), _conda("a", sha256="2"))
    assert not same(_conda("a", md5="1"), _conda("a", md5="2", sha256="1"))
    assert not same(_conda("a"), _conda("a", build="1"))
    one, two = ExactPip(name="Big.Name", version="1", sha256="1"), ExactPip(name="big-name", version="1", sha256="2")
    assert step_of(Installed(_exact(pip=[ExactPip(name="big-name", version="1")])), _exact(pip=[one])).nothing
    assert not step_of(Installed(_exact(pip=[two])), _exact(pip=[one])).nothing
    written = msgspec.structs.replace(one, version="1.0")  # as a package itself may say it
    assert step_of(Installed(_exact(pip=[written])), _exact(pip=[one])).nothing
    mine = msgspec.structs.replace(one, editable="/home/me")
    assert step_of(Installed(_exact(pip=[mine])), _exact(pip=[one])).pip_change == ((mine, one),)
    damaged = Installed(_exact(_conda("a")), frozenset({"a"}))
    assert step_of(damaged, _exact(_conda("a"))).conda_change


def test_what_is_kept_is_kept_with_what_it_needs_and_never_against_the_list() -> None:
    there = Installed(
        _exact(
            _conda("tool", depends=("lib >=1", "channel::base[version='>=1']")),
            _conda("lib", depends=("deep",)),
            _conda("deep"),
            _conda("base"),
            _conda("other"),
            pip=[
                ExactPip(name="wheel-tool", version="1", requires_dist=("Under_Lib>=1 ; extra == 'x'", "other (>1)")),
                ExactPip(name="under-lib", version="1"),
                ExactPip(name="numpy", version="1"),
            ],
        )
    )
    step = step_of(there, _exact(_conda("numpy")), ("tool", "wheel*", "numpy"))
    assert {p.name for p in step.conda_kept} == {"tool", "lib", "deep", "base", "other"}
    assert {p.name for p in step.pip_kept} == {"wheel-tool", "under-lib"}
    assert [p.name for p in step.pip_remove] == ["numpy"]
    assert step_of(there, _exact(), ("t",)).conda_kept == ()
    assert len(step_of(there, _exact(), ("*",)).conda_kept) == 5


def test_a_plan_is_named_by_what_it_would_do() -> None:
    wanted = _exact(_conda("a", sha256="1"), _conda("b"), pip=[ExactPip(name="p", version="1", sha256="1")])
    plan = plan_of(step_of(None, wanted))
    assert plan.download_bytes is None
    name = plan_digest(plan, wanted)
    assert name == plan_digest(plan_of(step_of(None, _exact(*reversed(wanted.conda), pip=wanted.pip))), wanted)
    others = [
        _exact(_conda("a", sha256="2"), _conda("b"), pip=wanted.pip),
        _exact(_conda("a", "1.1"), _conda("b"), pip=wanted.pip),
        _exact(_conda("a", sha256="1"), pip=wanted.pip),
        _exact(*wanted.conda, pip=[ExactPip(name="p", version="1", sha256="2")]),
        _exact(*wanted.conda, pip=[ExactPip(name="p", version="2", sha256="1")]),
    ]
    names = {plan_digest(plan_of(step_of(None, other)), other) for other in others}
    there = Installed(_exact(_conda("a", "0.9"), _conda("c")))
    names |= {plan_digest(plan_of(step_of(there, wanted, keep)), wanted) for keep in ((), ("c",))}
    assert len(names | {name}) == len(others) + 3
    sized = _exact(_conda("a", size=5), _conda("b", size=7))
    assert plan_of(step_of(None, sized)).download_bytes == 12


# -- as a person asks for it -------------------------------------------------------------------------------------


@pytest.fixture
def house(
    tmp_path: Path, channel: Channel, cache: Path, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> Iterator[tuple[House, EngineWorker]]:
    """The service with the real engine."""
    home = tmp_path / "home"
    home.mkdir()
    made = House(home)
    environ = {**os.environ, "HOME": str(home), "UV_CACHE_DIR": str(cache / "uv")}
    engine = EngineWorker(environ)
    made.engine = engine  # type: ignore[assignment]
    made.settings = EnvironmentSettings(channels=(channel.url,), cache_dir=str(cache))
    jp_asyncio_loop.run_until_complete(made.begin())
    yield made, engine
    jp_asyncio_loop.run_until_complete(made.end())
    jp_asyncio_loop.run_until_complete(engine.stop())


async def test_the_plan_that_was_shown_is_the_one_that_is_done(house: tuple[House, EngineWorker], index: Path) -> None:
    ask, service = house[0], house[0].service
    indexes = (index.as_uri(),)
    exact = (await service.solve_exact(("python", "ipykernel", "alpha=1.0"), ("piper<2",), indexes=indexes))[0]
    plan = await service.plan_exact("team", exact)
    assert len(plan.add) == len(exact.conda) + 1
    job = await service.sync_exact("team", exact, expected=plan_digest(plan, exact), display_name="The team")
    told = await ask.done(job)
    assert (job.kind, job.key) == ("environment.sync", "env:team")
    assert (told["changed"], told["version"], told["kernel"]["display_name"]) == (True, 1, "The team")
    assert await service.plan_exact("team", exact) == Plan(download_bytes=0)
    first = await service.exact_of("team")
    assert (first.conda, [p.url for p in first.pip]) == (exact.conda, [p.url for p in exact.pip])
    second = (await service.solve_exact(("python", "ipykernel", "alpha=2.0"), ("piper",), indexes=indexes))[0]
    shown = await service.plan_exact("team", second)
    assert {c.name: (c.from_version, c.to_version) for c in shown.change} == {
        "alpha": ("1.0", "2.0"),
        "piper": ("1.0", "2.0"),
    }
    seen = plan_digest(shown, second)
    with pytest.raises(Conflict) as refused:  # the list is another one
        await service.sync_exact("team", exact, expected=seen)
    assert not refused.value.detail["plan"]["change"]
    assert refused.value.detail["digest"] == plan_digest(Plan(), exact)
    # The environment becomes another while the job waits for its turn.
    from jupyter_lcc.environments.model import ChangeEnvironment

    changing = await service.change("team", ChangeEnvironment(install=("lonely",)))
    job = await service.sync_exact("team", second, expected=seen)
    await ask.done(changing)
    assert await ask.failed(job) == "conflict"
    failed = await ask.jobs.wait(job.id)
    assert failed.error is not None
    assert [item["name"] for item in failed.error.detail["plan"]["remove"]] == ["lonely"]
    assert (await service.get("team")).package_count == len(exact.conda) + 1
    await ask.done(await service.sync_exact("team", second, expected=str(failed.error.detail["digest"])))
    assert await service.plan_exact("team", second) == Plan(download_bytes=0)
    await ask.done(await service.roll_back("team", RollBack(version=1)))
    assert await service.plan_exact("team", exact) == Plan(download_bytes=0)
    assert (await service.get("team")).kernel is not None


async def test_nothing_to_do_starts_nothing(house: tuple[House, EngineWorker], monkeypatch: pytest.MonkeyPatch) -> None:
    ask, service = house[0], house[0].service
    exact = (await service.solve_exact(("alpha",)))[0]
    await ask.done(await service.sync_exact("team", exact, kernel=False, variables={"A": "b"}))
    await house[1].stop()

    async def no_process(*arguments: Any, **options: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(EngineWorker, "run", no_process)
    for variables in (None, {"A": "b"}):
        told = await ask.done(await service.sync_exact("team", exact, variables=variables))
        assert told["changed"] is False
    other = await service.sync_exact("team", exact, variables={"A": "c"})
    assert (await ask.jobs.wait(other.id)).state == "failed"  # this one would have


async def test_who_may_not_be_made_equal(house: tuple[House, EngineWorker]) -> None:
    ask, service = house[0], house[0].service
    exact = (await service.solve_exact(("alpha",)))[0]
    with pytest.raises(NotFound):
        await service.exact_of("nobody")
    with pytest.raises(Invalid):
        await service.sync_exact("../evil", exact)
    for specs, kind in ((("-c evil",), Invalid), (("https://evil/x.conda",), Invalid)):
        with pytest.raises(kind):
            await service.solve_exact(specs)
    with pytest.raises(Invalid):
        await service.solve_exact((), ("--index-url https://evil",))
    await ask.done(await service.sync_exact("team", exact))
    (ask.home / ".conda/envs/team/conda-meta/frozen").write_text("{}")
    with pytest.raises(Forbidden):
        await service.sync_exact("team", exact)


async def test_the_archives_of_what_pip_installed_are_found(house: tuple[House, EngineWorker], index: Path) -> None:
    ask, service = house[0], house[0].service
    job = await service.create(_creation("mine", ("python",), f"--index-url {index.as_uri()}\nplain\npiper==1.0\n"))
    await ask.done(job)
    bare = await service.exact_of("mine")
    assert [(p.name, p.version, p.url) for p in bare.pip] == [("piper", "1.0", None), ("plain", "1.0", None)]
    found = await service.locate(msgspec.structs.replace(bare, indexes=(index.as_uri(),)))
    assert [p.url for p in found.pip] == [f"{index.as_uri()}/{n}/{n}-1.0-py3-none-any.whl" for n in ("piper", "plain")]
    assert all(p.sha256 for p in found.pip)
    await ask.done(await service.sync_exact("team", found))
    assert (await service.exact_of("team")).conda == bare.conda
    assert await service.plan_exact("mine", found) == Plan(download_bytes=0)


async def test_a_lock_file_has_what_pip_installed(house: tuple[House, EngineWorker], index: Path) -> None:
    ask, service = house[0], house[0].service
    lines = f"--index-url {index.as_uri()}\nplain\npiper==1.0\n"
    await ask.done(await service.create(_creation("mine", ("python", "alpha"), lines)))
    query = ExportQuery(format="lock")

    without = await service.export("mine", query)  # the user's indexes don't have them
    assert "alpha-" in without.text
    assert "pypi" not in without.text
    assert without.notes[0].startswith("pip's packages whose archives aren't known are left out: piper, plain. ")

    pip = ask.home / ".config/pip/pip.conf"
    pip.parent.mkdir(parents=True, exist_ok=True)
    pip.write_text(f"[global]\nindex-url = {index.as_uri()}\n")
    whole = await service.export("mine", query)
    assert whole.notes == ()
    for name in ("piper", "plain"):
        assert f"- pypi: {index.as_uri()}/{name}/{name}-1.0-py3-none-any.whl" in whole.text
    file = EnvironmentFile(name=whole.file_name, text=whole.text)
    body = CreateEnvironment(name="again", file=file, register_kernel=False)
    await ask.done(await service.create(body))
    there, again = await service.exact_of("mine"), await service.exact_of("again")
    assert [(p.name, p.sha256) for p in again.conda] == [(p.name, p.sha256) for p in there.conda]
    assert [(p.name, p.version) for p in again.pip] == [("piper", "1.0"), ("plain", "1.0")]


def test_what_a_lock_file_leaves_out_is_named() -> None:
    exact = Exact(
        platform="linux-64",
        conda=(ExactConda(name="own", version="1", build="0", subdir="noarch", url=""),),
        pip=(
            ExactPip(name="mine", version="1", editable="/home/me/mine"),
            ExactPip(name="source", version="1", url="https://git.acme.org/source.git"),
            ExactPip(name="kept", version="1", url="https://acme.org/kept-1-py3-none-any.whl"),
        ),
    )
    told = as_lock(exact, "Nobody answers.")
    assert told.notes == (
        "Not installed from an address, and left out: own.",
        "Packages installed from a folder are left out: mine.",
        "pip's packages whose archives aren't known are left out: source. Nobody answers.",
    )
    assert [line for line in told.text.splitlines() if line.startswith("- ")] == [
        "- pypi: https://acme.org/kept-1-py3-none-any.whl"
    ]


# -- odds --------------------------------------------------------------------------------------------------------


def _creation(name: str, packages: tuple[str, ...], requirements: str) -> Any:
    file = EnvironmentFile(name="requirements.txt", text=requirements)
    return CreateEnvironment(name=name, packages=packages, file=file, register_kernel=False)


async def _create_from(team: Team, name: str, text: str) -> None:
    from jupyter_lcc.environments.files import parse_file
    from jupyter_lcc.environments.model import CreateEnvironment, EnvironmentFile
    from jupyter_lcc.environments.wishes import wish_to_create

    body = CreateEnvironment(file=EnvironmentFile(name="x", text=text), register_kernel=False)
    wish = wish_to_create(body, name, parse_file("x", text, SUBDIR), CondaSettings(), EnvironmentSettings())
    await team.engine.create(team.around, str(team.prefix(name)), wish, team.context())


def _with(exact: Exact, which: str, **values: Any) -> Exact:
    """Give a lock that says something else of one package."""
    conda = tuple(msgspec.structs.replace(p, **values) if p.name == which else p for p in exact.conda)
    return msgspec.structs.replace(exact, conda=conda)


def _says(script: Path) -> str:
    return subprocess.check_output([script], text=True)


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check_record(prefix: Path) -> None:
    """pip's own list has the files of its packages, and their hashes."""
    import csv

    site = prefix / f"lib/python{SHORT}/site-packages"
    for record in site.glob("p*-1.0.dist-info/RECORD"):
        for name, digest, size in csv.reader(record.read_text().splitlines()):
            raw = (site / name).read_bytes()
            if digest:
                told = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
                assert (digest, size) == (f"sha256={told}", str(len(raw))), name


@contextlib.contextmanager
def bucket() -> Iterator[tuple[Any, dict[str, str]]]:
    """A bucket called house on a real S3 protocol server, and what a machine's environment says of it."""
    import boto3  # type: ignore[import-untyped]
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environ = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    client = boto3.client(
        "s3",
        endpoint_url=environ["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    try:
        client.create_bucket(Bucket="house")
        yield client, environ
    finally:
        client.close()
        server.stop()
