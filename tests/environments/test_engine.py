"""The engine on real packages: a real Python from a channel made here, in environments that really run."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jupyter_lcc.environments.bounds import EnvironmentSettings
from jupyter_lcc.environments.condarc import CondaSettings
from jupyter_lcc.environments.exact_reader import read_exact
from jupyter_lcc.environments.export import as_lock
from jupyter_lcc.environments.files import parse_file
from jupyter_lcc.environments.kept import Versions
from jupyter_lcc.environments.model import CreateEnvironment, EnvironmentFile
from jupyter_lcc.environments.satisfied import nothing_to_do
from jupyter_lcc.environments.wishes import Wish, wish_to_create
from jupyter_lcc.errors import Conflict, Invalid, NotFound, OutOfBounds, Unsatisfiable

from .channel import SHORT, SUBDIR, VERSION, Channel, add_wheel
from .desk import Desk, picture


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One package cache for all, as a user has."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def desk(tmp_path: Path, channel: Channel, cache: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Desk]:
    desk = Desk(tmp_path / "home", channel, cache)
    yield desk
    jp_asyncio_loop.run_until_complete(desk.stop())


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An index of Python packages; `grabby` wants a version of what conda owns."""
    folder = tmp_path_factory.mktemp("simple")
    add_wheel(folder, "piper", "1.0", script="piper")
    add_wheel(folder, "piper", "2.0", script="piper")
    add_wheel(folder, "grabby", "1.0", ["packaging ==1.0"])
    add_wheel(folder, "packaging", "1.0")
    add_wheel(folder, "plain", "1.0", ["piper"])
    add_wheel(folder, "six", "1.0")
    return folder.as_uri()


async def test_an_environment_is_planned_and_made_as_planned(desk: Desk) -> None:
    specs = ("python", "ipykernel", "alpha=1.0", "placed", "scripted")
    plan = await desk.plan("one", *specs)
    assert not desk.prefix("one").exists()
    told = await desk.create("one", *specs)
    planned = {item.name: item.version for item in plan.add}
    assert (plan.change, plan.remove, plan.download_bytes) == ((), (), 0)
    assert desk.versions_of("one") == planned
    assert (told["packages"], told["version"], told["post_link"]) == (len(planned), 1, ["scripted"])
    prefix = desk.prefix("one")
    assert desk.python("one", "import sys, ipykernel; print(sys.prefix == sys.base_prefix, sys.prefix)") == (
        f"True {prefix}"
    )
    assert (prefix / "etc/placed.conf").read_text() == f"at {prefix}/etc\n"
    assert not (prefix / "ran").exists()  # no package's script has run
    assert "scripted" in desk.heard.log
    assert not (prefix / "CACHEDIR.TAG").exists()
    assert desk.asked("one") == {spec.partition("=")[0]: spec for spec in specs}
    history = (prefix / "conda-meta/history").read_text()
    assert "# update specs: ['python', 'ipykernel', 'alpha=1.0', 'placed', 'scripted']" in history
    assert f"+{desk.url}/noarch::alpha-1.0-0\n" in history
    assert "conda version" not in history
    assert desk.left() == []
    assert {progress.unit for progress in desk.heard.progress} >= {"packages", "steps"}
    with pytest.raises(Conflict):
        await desk.create("one", "lonely")
    assert [item.name for item in (await desk.plan("two", "scripted")).add] == ["scripted"]
    assert (await desk.plan("two", "scripted")).post_link == ("scripted",)  # it lies in the cache now


async def test_a_change_does_what_was_planned_and_can_be_taken_back(desk: Desk) -> None:
    await desk.create("one", "alpha", "lonely=1.0")
    before = picture(desk.prefix("one"))
    plan = await desk.plan("one", "gamma")
    changes = {change.name: (change.from_version, change.to_version) for change in plan.change}
    assert changes == {"alpha": ("2.0", "1.0"), "beta": ("2.0", "1.0")}
    assert (await desk.change("one", "gamma"))["version"] == 2
    assert desk.versions_of("one") == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0", "lonely": "1.0"}
    assert desk.asked("one") == {"alpha": "alpha", "lonely": "lonely=1.0", "gamma": "gamma"}
    await desk.change("one", remove=("gamma",), upgrade=("lonely",))
    assert desk.versions_of("one")["lonely"] == "1.0"  # it was asked for in this version
    assert "gamma" not in desk.versions_of("one")
    upgraded = await desk.change("one", upgrade_all=True)
    assert desk.versions_of("one")["alpha"] == "2.0"
    assert upgraded["version"] == 4
    history = (desk.prefix("one") / "conda-meta/history").read_text()
    assert "# remove specs: ['gamma']" in history
    listed = (await desk.engine.versions(desk.around, str(desk.prefix("one")))).versions
    assert [(v.number, v.added, v.removed, v.changed, v.current) for v in listed] == [
        (4, 0, 0, 2, True),
        (3, 0, 1, 0, False),
        (2, 1, 0, 2, False),
        (1, 3, 0, 0, False),
    ]
    planned = await desk.engine.plan_roll_back(desk.around, str(desk.prefix("one")), 2)
    assert [item.name for item in planned.add] == ["gamma"]
    await desk.roll_back("one", 2)
    assert desk.versions_of("one") == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0", "lonely": "1.0"}
    await desk.roll_back("one", 1)
    after = picture(desk.prefix("one"))
    ours = {"conda-meta/history", "conda-meta/jupyter_lcc"}
    assert {k: v for k, v in after.items() if k not in ours} == {k: v for k, v in before.items() if k not in ours}
    difference = await desk.engine.diff(desk.around, str(desk.prefix("one")), 2, None)
    assert [item.name for item in difference.remove] == ["gamma"]
    with pytest.raises(NotFound):
        await desk.roll_back("one", 99)
    assert desk.left() == []


async def test_what_cannot_be_is_explained_and_changes_nothing(desk: Desk) -> None:
    await desk.create("one", "alpha=1.0", "lonely")
    before = picture(desk.prefix("one"))
    with pytest.raises(Unsatisfiable, match="lonely"):
        await desk.change("one", "hater")
    with pytest.raises(Unsatisfiable, match="needs it"):
        await desk.change("one", remove=("beta",))
    with pytest.raises(Unsatisfiable, match="nonesuch"):
        await desk.plan("one", "nonesuch")
    for spec in ("../x", "-c evil", f"{desk.url}/noarch/alpha-1.0-0.conda", "a b c d"):
        with pytest.raises(Invalid):
            await desk.plan("one", spec)
    (desk.prefix("one") / "conda-meta/frozen").write_text("{}")
    with pytest.raises(Conflict, match="frozen"):
        await desk.change("one", "gamma")
    (desk.prefix("one") / "conda-meta/frozen").unlink()
    assert picture(desk.prefix("one")) == before
    with pytest.raises(Conflict):
        await desk.change("none", "alpha")


async def test_nothing_to_do_is_noticed_before_anything_is_started(desk: Desk) -> None:
    await desk.create("one", "alpha=1.0", "lonely>=1,<2")
    desk.children.clear()
    for specs in (("alpha",), ("alpha=1.0",), ("lonely>=1,<2", "alpha")):
        assert (await desk.change("one", *specs))["changed"] is False
        assert await desk.plan("one", *specs) == await desk.plan("one", *specs)
    assert desk.children == []
    assert (await desk.change("one", 'alpha[version="1.0.*"]', "lonely"))["changed"] is True  # another wish
    assert (await desk.change("one", 'alpha[version="1.0.*"]'))["changed"] is False  # the engine looks closer
    prefix = str(desk.prefix("one"))
    for wish in (Wish(install=("beta",)), Wish(install=("alpha>1",)), Wish(), Wish(install=("alpha",), remove=("x",))):
        assert not nothing_to_do(prefix, wish)


async def test_pins_and_what_nobody_asked_for_stay(desk: Desk) -> None:
    await desk.create("one", "alpha=1.0", "lonely=1.0")
    prefix = desk.prefix("one")
    for path in prefix.glob("conda-meta/*.json"):  # as others leave it, who don't write down what was asked for
        record = json.loads(path.read_text()) | {"requested_spec": None, "requested_specs": []}
        path.write_text(json.dumps(record))
    (prefix / "conda-meta/history").write_text("")
    (prefix / "conda-meta/pinned").write_text("alpha 1.0 # not newer\n")
    await desk.change("one", upgrade_all=True)
    assert desk.versions_of("one") == {"alpha": "1.0", "beta": "2.0", "lonely": "1.5"}
    desk.change_around(conda=CondaSettings(pinned_packages=("lonely <1.5",)))
    await desk.create("two", "lonely")
    assert desk.versions_of("two") == {"lonely": "1.0"}


async def test_a_change_from_outside_becomes_a_version_and_is_not_overwritten(desk: Desk) -> None:
    await desk.create("one", "alpha=1.0", "lonely=1.0")
    prefix = desk.prefix("one")
    other = Desk(desk.home, desk.url, Path(desk.around.places.cache))
    # What a terminal does: a package comes and goes without our knowing.
    await other.create("model", "alpha=1.0", "lonely=1.5")
    (prefix / "conda-meta/lonely-1.0-0.json").unlink()
    shutil.copy(desk.prefix("model") / "conda-meta/lonely-1.5-0.json", prefix / "conda-meta")
    await desk.change("one", "scripted")
    listed = (await desk.engine.versions(desk.around, str(prefix))).versions
    assert [(v.number, v.command) for v in listed] == [(3, "a command"), (2, ""), (1, "a command")]
    await other.stop()


async def test_an_environment_of_somebody_else_is_taken_over_with_its_state_kept(desk: Desk) -> None:
    await desk.create("one", "alpha=1.0")
    (desk.prefix("one") / "conda-meta/jupyter_lcc").unlink()
    await desk.change("one", "gamma")
    listed = (await desk.engine.versions(desk.around, str(desk.prefix("one")))).versions
    assert [version.number for version in listed] == [2, 1]
    await desk.roll_back("one", 1)
    assert desk.versions_of("one") == {"alpha": "1.0", "beta": "2.0"}


async def test_pip_packages_come_and_go_and_conda_keeps_what_it_owns(desk: Desk, index: str) -> None:
    indexes = (index,)
    plan = await desk.plan("one", "python", "packaging", pip_install=("plain",), indexes=indexes)
    assert {item.name for item in plan.add if item.manager == "pip"} == {"plain", "piper"}
    await desk.create("one", "python", "packaging", pip_install=("piper==1.0",), indexes=indexes)
    prefix = desk.prefix("one")
    assert _says(prefix / "bin/piper") == "1.0\n"
    assert ".lcc" not in (prefix / "bin/piper").read_text()
    _check_record(prefix, "piper-1.0")
    before = picture(prefix)
    with pytest.raises(Unsatisfiable) as refused:
        await desk.change("one", pip_install=("grabby",), indexes=indexes)
    assert refused.value.detail["owned_by_conda"] == ["packaging"]
    assert picture(prefix) == before
    plan = await desk.plan("one", pip_upgrade=("piper",), indexes=indexes)
    assert [(c.name, c.from_version, c.to_version) for c in plan.change] == [("piper", "1.0", "2.0")]
    await desk.change("one", pip_upgrade=("piper",), pip_install=("plain",), indexes=indexes)
    assert desk.python("one", "import piper, plain; print(piper.VERSION)") == "2.0"
    desk.children.clear()
    assert (await desk.change("one", pip_install=("piper>1",), indexes=indexes))["changed"] is False
    assert desk.children == []
    await desk.clone("one", "two")
    script = desk.prefix("two") / "bin/piper"
    assert script.read_text().startswith(f"#!{desk.prefix('two')}/bin/python")
    assert _says(script) == "2.0\n"
    _check_record(desk.prefix("two"), "piper-2.0")
    await desk.change("one", pip_remove=("plain", "piper"))
    assert not (prefix / "bin/piper").exists()
    desk.change_around(settings=EnvironmentSettings(allowed_indexes=()))
    with pytest.raises(OutOfBounds, match="index"):
        await desk.roll_back("one", 1)
    desk.change_around(settings=EnvironmentSettings(allowed_indexes=indexes))
    await desk.roll_back("one", 1)
    assert desk.python("one", "import piper; print(piper.VERSION)") == "1.0"
    desk.change_around(settings=EnvironmentSettings(denied_packages=("piper",)))
    with pytest.raises(OutOfBounds):
        await desk.change("one", pip_install=("plain",), indexes=indexes)


async def test_conda_takes_over_what_pip_had(desk: Desk, index: str) -> None:
    await desk.create("one", "python", pip_install=("six==1.0",), indexes=(index,))
    await desk.change("one", "six")
    site = desk.prefix("one") / f"lib/python{SHORT}/site-packages"
    assert [path.name for path in site.glob("six-*.dist-info")] == [f"six-{desk.versions_of('one')['six']}.dist-info"]


async def test_a_clone_is_what_its_model_is_and_may_take_its_place(desk: Desk) -> None:
    await desk.create("one", "alpha=1.0", "placed", variables={"A": "b"})
    plan = await desk.engine.plan_clone(desk.around, str(desk.prefix("one")))
    assert {item.name: item.version for item in plan.add} == desk.versions_of("one")
    await desk.clone("one", "two")
    assert desk.versions_of("two") == desk.versions_of("one")
    assert desk.asked("two") == desk.asked("one")
    assert (desk.prefix("two") / "etc/placed.conf").read_text() == f"at {desk.prefix('two')}/etc\n"
    assert json.loads((desk.prefix("two") / "conda-meta/state").read_text()) == {"env_vars": {"A": "b"}}
    await desk.clone("one", "three", keep_id=True)
    ids = [json.loads((desk.prefix(n) / "conda-meta/jupyter_lcc").read_text()) for n in ("one", "two", "three")]
    assert ids[0]["id"] == ids[2]["id"] != ids[1]["id"]
    assert [value["version"] for value in ids] == [1, 1, 2]
    assert Versions(desk.around.places, ids[0]["id"]).numbers() == [2, 1]


async def test_a_damaged_environment_is_made_anew(desk: Desk) -> None:
    await desk.create("one", "python", "placed")
    before = picture(desk.prefix("one"))
    (desk.prefix("one") / "bin" / f"python{SHORT}").unlink()
    (desk.prefix("one") / "etc/placed.conf").write_text("at another home\n")
    await desk.engine.reinstall(desk.around, str(desk.prefix("one")), desk.context())
    after = picture(desk.prefix("one"))
    ours = {"conda-meta/history", "conda-meta/jupyter_lcc"}
    assert {k: v for k, v in after.items() if k not in ours} == {k: v for k, v in before.items() if k not in ours}


async def test_files_of_every_kind_make_the_same_environment(desk: Desk, index: str) -> None:
    settings = EnvironmentSettings(allowed_indexes=(index,))
    await desk.create("model", "alpha=1.0", "lonely=1.0", "python")
    wanted = desk.versions_of("model")
    records = desk.records("model").values()
    urls = sorted(record["url"] for record in records)
    files = {
        "environment.yml": f"channels: [{desk.url}]\ndependencies: [python, alpha=1.0, lonely=1.0]\n",
        "explicit.txt": "@EXPLICIT\n" + "".join(f"{r['url']}#{r['md5']}\n" for r in records),
        "conda-lock.yml": json.dumps(
            {
                "metadata": {"platforms": [SUBDIR]},
                "package": [
                    {
                        "name": r["name"],
                        "manager": "conda",
                        "platform": SUBDIR,
                        "url": r["url"],
                        "hash": {"md5": r["md5"]},
                    }
                    for r in records
                ],
            }
        ),
        "pixi.lock": as_lock(read_exact(str(desk.prefix("model")), None, SUBDIR, [])).text,
    }
    for number, (name, text) in enumerate(files.items()):
        file = parse_file(name, text, SUBDIR)
        body = CreateEnvironment(file=EnvironmentFile(name=name, text=text), register_kernel=False)
        wish = wish_to_create(body, f"e{number}", file, CondaSettings(), settings)
        await desk.engine.create(desk.around, str(desk.prefix(f"e{number}")), wish, desk.context())
        assert desk.versions_of(f"e{number}") == wanted, name
        assert sorted(r["url"] for r in desk.records(f"e{number}").values()) == urls
        assert {n: r["depends"] for n, r in desk.records(f"e{number}").items()} == {
            record["name"]: record["depends"] for record in records
        }
    text = f"--index-url {index}\npiper==1.0\n"
    file = parse_file("requirements.txt", text, SUBDIR)
    body = CreateEnvironment(channels=(desk.url,), file=EnvironmentFile(name="requirements.txt", text=text))
    wish = wish_to_create(body, "pipped", file, CondaSettings(), settings)
    await desk.engine.create(desk.around, str(desk.prefix("pipped")), wish, desk.context())
    assert desk.python("pipped", "import piper, ipykernel; print(piper.VERSION)") == "1.0"


async def test_archives_of_a_folder_that_is_no_channel_are_complete_all_the_same(
    desk: Desk, channel: Channel, tmp_path: Path
) -> None:
    folder = tmp_path / "heap" / "noarch"
    folder.mkdir(parents=True)
    for name in ("alpha-1.0-0.conda", "beta-1.0-0.conda"):
        shutil.copy(channel.folder / "noarch" / name, folder)
    text = "@EXPLICIT\n" + "".join(f"{path.as_uri()}\n" for path in folder.iterdir())
    body = CreateEnvironment(file=EnvironmentFile(name="x", text=text), register_kernel=False)
    wish = wish_to_create(body, "one", parse_file("x", text, SUBDIR), CondaSettings(), EnvironmentSettings())
    await desk.engine.create(desk.around, str(desk.prefix("one")), wish, desk.context())
    assert desk.records("one")["alpha"]["depends"] == ["beta"]


async def test_what_was_solved_is_held_against_the_bounds(desk: Desk, tmp_path: Path) -> None:
    desk.change_around(settings=EnvironmentSettings(denied_packages=("beta",)))
    with pytest.raises(OutOfBounds, match="beta"):
        await desk.create("one", "alpha")
    desk.change_around(settings=EnvironmentSettings(allowed_channels=("https://example.org/other",)))
    for ask in (desk.plan, desk.create):
        with pytest.raises(OutOfBounds, match="not allowed"):
            await ask("one", "alpha")
    desk.change_around(settings=EnvironmentSettings(allowed_channels=(desk.url,)))
    with pytest.raises((OutOfBounds, Unsatisfiable)):
        await desk.create("one", f"{(tmp_path / 'evil').as_uri()}::alpha")
    await desk.create("one", "alpha")
    tight = msgspec.structs.replace(desk.around, room_bytes=1000)
    with pytest.raises(OutOfBounds, match="left"):
        await desk.engine.change(tight, str(desk.prefix("one")), desk.wish("lonely"), desk.context())
    desk.change_around(settings=EnvironmentSettings(denied_packages=("alpha",)))
    with pytest.raises(OutOfBounds):
        await desk.clone("one", "two")
    assert (await desk.change("one", "lonely"))["changed"]  # what is there already stays
    assert not desk.prefix("two").exists()
    assert desk.left() == []


async def test_overrides_of_virtual_packages_count(desk: Desk, channel: Channel, cache: Path) -> None:
    with pytest.raises(Unsatisfiable, match="__cuda"):
        await desk.plan("one", "virtual")
    other = Desk(desk.home, channel, cache, {"CONDA_OVERRIDE_CUDA": "12.4"})
    assert [item.name for item in (await other.plan("one", "virtual")).add] == ["virtual"]
    await other.stop()


async def test_names_are_completed(desk: Desk) -> None:
    found = await desk.engine.names(desk.around, (desk.url,), "py", 3)
    assert found.names[0] == "pyzmq"
    assert len(found.names) == 3
    missing = await desk.engine.names(desk.around, ("file:///nowhere",), "py", 3)
    assert (missing.names, missing.complete) == ((), False)


async def test_the_cache_is_cleaned_of_what_nobody_uses(desk: Desk, tmp_path: Path, channel: Channel) -> None:
    own = Desk(tmp_path / "home", channel, tmp_path / "own-cache")
    await own.create("one", "alpha=1.0")
    await own.create("two", "lonely")
    shutil.rmtree(own.prefix("two"))
    told = await own.engine.clean_cache(own.around, own.context())
    assert told["removed"] == 1
    assert sorted(p.name for p in (tmp_path / "own-cache/pkgs").iterdir() if p.is_dir()) == [
        "alpha-1.0-0",
        "beta-2.0-0",
    ]
    await own.stop()


async def test_the_process_for_questions_is_replaced_when_it_dies(desk: Desk) -> None:
    from jupyter_lcc.environments.worker import _Warm

    plan = await desk.plan("one", "alpha")
    warm: _Warm = desk.engine._warm
    assert warm._child is not None
    first = warm._child.pid
    await desk.plan("one", "alpha")
    assert warm._child.pid == first
    await warm._child.end()
    assert await desk.plan("one", "alpha") == plan
    assert warm._child.pid != first


def _says(script: Path) -> str:
    return subprocess.run([script], capture_output=True, text=True, check=True).stdout


def _check_record(prefix: Path, dist: str) -> None:
    """A distribution's own list has the sizes its scripts have."""
    site = prefix / f"lib/python{SHORT}/site-packages"
    for line in (site / f"{dist}.dist-info/RECORD").read_text().splitlines():
        name, _, size = line.split(",")
        if name.startswith("../../../bin/"):
            assert (site / name).stat().st_size == int(size)
            return
    raise AssertionError(f"{dist} lists no script, Python {VERSION}")
