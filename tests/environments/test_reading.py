"""What is found, read and measured on a real disk."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from jupyter_lcc.environments import condarc, doctor
from jupyter_lcc.environments.condarc import CondaSettings
from jupyter_lcc.environments.export import as_explicit, as_yaml, channels_of
from jupyter_lcc.environments.find import Finder, Found, IdFile, KernelRecord, read_id, stamp_of
from jupyter_lcc.environments.kernelspecs import KernelSpecs
from jupyter_lcc.environments.model import RunningKernel
from jupyter_lcc.environments.packages_of import PackageReader, asked_for, read_records
from jupyter_lcc.environments.places import choose_places, survives
from jupyter_lcc.environments.running import running_in
from jupyter_lcc.environments.sizes import Sizes
from jupyter_lcc.environments.trash import Trash, remove_tree
from jupyter_lcc.errors import Conflict, NotFound
from jupyter_lcc.platforms.model import Platform

from ..fakes import FakeClock
from .homes import SHORT, VERSION, add_dist, add_record, make_prefix, places_in

NOTHING = CondaSettings()
LAUNCH = Path(doctor.__file__).with_name("launch.py").read_bytes()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def find(home: Path, conda: CondaSettings = NOTHING, **environ: str) -> dict[str, Found]:
    return {found.name: found for found in Finder(places_in(home), environ).find(conda) if str(home) in found.prefix}


# -- finding ----------------------------------------------------------------------------------------------------


def test_environments_are_found_whoever_made_them(home: Path) -> None:
    make_prefix(home / ".conda/envs/ours")
    (home / ".conda/envs/ours/conda-meta/jupyter_lcc").write_text('{"id": "i", "channels": ["conda-forge"]}')
    make_prefix(home / ".conda/envs/byconda")
    make_prefix(home / "miniforge3")
    micro = make_prefix(home / "micromamba/envs/micro")
    (micro / "conda-meta/history").write_text("==> x <==\n# cmd: /bin/micromamba create -n micro\n")
    make_prefix(home / "project/.pixi/envs/default")
    make_prefix(home / "project/.pixi/envs/test")
    make_prefix(home / "far/away")
    (home / ".conda/environments.txt").write_text(f"{home}/far/away\n{home}/gone\n\nrelative\n")
    make_prefix(home / "elsewhere/named")
    make_prefix(home / ".conda/envs/.lcc/staging-1")
    (home / ".conda/envs/no-environment").mkdir()
    found = find(home, CondaSettings(envs_dirs=(str(home / "elsewhere"),)))
    makers = {name: one.made_by for name, one in found.items()}
    assert makers == {
        "ours": "jupyter_lcc",
        "byconda": "conda",
        "base": "conda",
        "micro": "micromamba",
        "project": "pixi",
        "project:test": "pixi",
        "away": "conda",
        "named": "conda",
    }
    assert {name for name, one in found.items() if one.managed} == {"ours", "byconda"}
    assert (found["ours"].python, found["ours"].channels, found["ours"].id) == (VERSION, ("conda-forge",), "i")


def test_of_two_with_one_name_each_has_its_own(home: Path) -> None:
    make_prefix(home / ".conda/envs/x")
    make_prefix(home / "miniconda3/envs/x")
    os.symlink(home / ".conda/envs/x", home / "miniconda3/envs/link")
    found = find(home)
    assert sorted(found) == ["x", "x (miniconda3)"]
    assert found["x"].managed


def test_what_is_broken_or_frozen_says_so(home: Path) -> None:
    broken = make_prefix(home / ".conda/envs/broken")
    (broken / "bin/python").unlink()
    frozen = make_prefix(home / ".conda/envs/frozen")
    (frozen / "conda-meta/frozen").write_text("{}")
    (home / ".conda/envs/begun/conda-meta").mkdir(parents=True)
    make_prefix(home / ".conda/envs/empty", python=None)
    status = {name: found.status for name, found in find(home).items()}
    assert status == {"broken": "broken", "frozen": "frozen", "begun": "incomplete", "empty": "ready"}


def test_a_change_from_outside_is_noticed(home: Path) -> None:
    prefix = make_prefix(home / ".conda/envs/x")
    finder, reader = Finder(places_in(home), {}), PackageReader()

    def look() -> tuple[int, int, list[str]]:
        (found,) = (one for one in finder.find(NOTHING) if one.name == "x")
        packages = reader.packages(found.prefix, found.python, NOTHING)
        return found.package_count, found.pip_count, [package.name for package in packages]

    assert look() == (1, 0, ["python"])
    add_record(prefix, "numpy", "1.26.4")
    assert look() == (2, 0, ["numpy", "python"])
    add_dist(prefix, "requests", "2.32.0")
    assert look() == (2, 1, ["numpy", "python", "requests"])
    (prefix / "conda-meta/numpy-1.26.4-0.json").unlink()
    assert look() == (1, 1, ["python", "requests"])
    before = stamp_of(str(prefix), VERSION)
    (prefix / "conda-meta/history").write_text("==> longer\n" * 20)
    assert stamp_of(str(prefix), VERSION) != before


# -- packages ---------------------------------------------------------------------------------------------------


def test_packages_tell_who_owns_them_and_who_asked(home: Path) -> None:
    prefix = make_prefix(home / "x")
    site = f"lib/python{SHORT}/site-packages"
    add_record(
        prefix,
        "numpy-base",
        "1.26.4",
        requested_specs=["numpy-base >=1"],
        files=[f"{site}/numpy-1.26.4.dist-info/METADATA"],
        paths_data={"paths": [{"_path": "a", "size_in_bytes": 70}, {"_path": "b", "size_in_bytes": 30}]},
    )
    add_dist(prefix, "numpy", "1.26.4", installer="pip")  # the record says it is conda's, whatever INSTALLER says
    add_dist(prefix, "six", "1.16", installer="conda")
    add_dist(prefix, "Flask", "3.0", RECORD="a,sha256=x,10\nb,,\nc,sha256=y,5\n", REQUESTED="")
    add_dist(prefix, "mine", "0.1", direct_url__json='{"url": "file:///home/a%20b", "dir_info": {"editable": true}}')
    (prefix / site / "broken-1.dist-info").mkdir()
    found = {package.name: package for package in PackageReader().packages(str(prefix), VERSION, NOTHING)}
    assert set(found) == {"python", "numpy-base", "Flask", "mine", "broken"}
    assert (found["numpy-base"].requested, found["numpy-base"].size_bytes) == (True, 100)
    assert found["numpy-base"].channel == "conda-forge"
    assert (found["Flask"].manager, found["Flask"].requested, found["Flask"].size_bytes) == ("pip", True, 15)
    assert found["mine"].editable == "/home/a b"


def test_without_requests_in_the_records_the_history_counts(home: Path) -> None:
    prefix = make_prefix(home / "x")
    for name in ("numpy", "pandas", "scipy"):
        add_record(prefix, name, "1.0", requested_spec="None")
    (prefix / "conda-meta/history").write_text(
        "==> a <==\n# update specs: ['python=3.11', 'numpy[version=\">=1\"]', 'pandas']\n"
        "==> b <==\n# remove specs: ['pandas']\n# update specs: [\"conda-forge::scipy\"]\n"
    )
    assert sorted(asked_for(str(prefix), read_records(str(prefix)))) == ["numpy", "python", "scipy"]


def test_records_that_can_not_be_read_are_left_out(home: Path) -> None:
    prefix = make_prefix(home / "x")
    (prefix / "conda-meta/bad-1-0.json").write_text("{")
    (prefix / "conda-meta/wrong-1-0.json").write_text('{"name": 5}')
    assert [record.name for record in read_records(str(prefix))] == ["python"]


# -- conda's configuration --------------------------------------------------------------------------------------


def settings(home: Path, **environ: str) -> CondaSettings:
    return condarc.read_condarc(home, environ)


def test_condarc_is_read_by_condas_rules(home: Path) -> None:
    (home / ".conda/condarc.d").mkdir(parents=True)
    (home / ".conda/condarc.d/10.yml").write_text("channels: [low, both]\nssl_verify: /etc/ca.pem #!final\n")
    (home / ".condarc").write_text(
        "channels: [acme, both]\nchannel_alias: https://conda.acme.org\nssl_verify: false\n"
        "custom_channels: {lab: 'https://${LAB_HOST}/x'}\nproxy_servers: {https: 'http://proxy:3128'}\n"
        "envs_dirs: [~/work/envs]\npkgs_dirs: [/scratch/pkgs]\nchannel_priority: strict\n"
    )
    read = settings(home, LAB_HOST="lab.org", CONDA_OFFLINE="yes", CONDA_ENVS_DIRS="/a:/b", CONDA_CHANNELS="first,acme")
    assert read.channels == ("first", "acme", "both", "low")
    assert (read.offline, read.ssl_verify, read.channel_priority) == (True, "/etc/ca.pem", "strict")
    assert read.envs_dirs == ("/a", "/b", f"{home}/work/envs")
    assert read.pkgs_dirs == ("/scratch/pkgs",)
    assert read.proxy_servers == {"https": "http://proxy:3128"}
    assert read.addresses("acme") == ("https://conda.acme.org/acme",)
    assert read.addresses("lab") == ("https://lab.org/x/lab",)
    assert read.addresses("lab/label/dev") == ("https://lab.org/x/lab/label/dev",)
    assert read.addresses("defaults") == ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")
    assert read.addresses("pkgs/main") == ("https://repo.anaconda.com/pkgs/main",)
    assert read.addresses("/srv/my chan") == ("file:///srv/my%20chan",)
    assert read.short("https://u:p@conda.acme.org/t/tok/acme/linux-64") == "acme"
    assert read.short("https://repo.anaconda.com/pkgs/main/noarch") == "pkgs/main"


@pytest.mark.parametrize("text", ["[", "- a", "channels: {a: b}", "channels: 5\nenvs_dirs: 7", "a: &a [*a]", "\x00"])
def test_a_condarc_that_is_wrong_stops_nothing(home: Path, text: str) -> None:
    (home / ".condarc").write_text(text)
    assert settings(home).default_names() in (("defaults",), ("5",))


def test_it_is_read_again_when_it_changed(home: Path) -> None:
    reader = condarc.Reader(home, {})
    assert reader.read().channels == ()
    (home / ".condarc").write_text("channels: [a]")
    assert reader.read().channels == ("a",)
    assert reader.read() is reader.read()


# -- places -----------------------------------------------------------------------------------------------------


def platform(kind: str, root: Path | None) -> Platform:
    return Platform(kind=kind, persistent_root=str(root) if root else None, can_stop_instance=False)  # type: ignore[arg-type]


def test_where_new_environments_go(home: Path) -> None:
    data = home / ".local/share/jupyter"
    plain = choose_places(home, data, platform("plain", None), NOTHING)
    assert plain.folder == str(home / ".conda/envs")
    assert plain.state.startswith(str(data))
    own = CondaSettings(envs_dirs=("/opt/conda/envs", str(home / "work/envs")))
    assert choose_places(home, data, platform("studio_space", home), own).folder == str(home / "work/envs")
    instance = choose_places(home, data, platform("notebook_instance", home / "SageMaker"), own)
    assert instance.folder == str(home / "SageMaker/.conda/envs")
    assert instance.state.startswith(str(home / "SageMaker/.jupyter_lcc"))
    assert choose_places(home, data, platform("plain", None), own, folder="~/e").folder == os.path.expanduser("~/e")


def test_what_survives_a_restart(home: Path) -> None:
    instance = places_in(home, persistent_root=str(home / "SageMaker"), platform="notebook_instance")
    assert survives(str(home / "SageMaker/.conda/envs/x"), instance) == (True, None)
    assert survives(str(home / ".conda/envs/x"), instance) == (False, "clone_to_keep")
    plain = places_in(home)
    assert survives("/srv/envs/x", plain) == (True, None)
    assert survives("/dev/shm/x", plain) == (False, "clone_to_keep")


# -- sizes ------------------------------------------------------------------------------------------------------


async def test_shared_bytes_are_counted_once(home: Path, tmp_path: Path) -> None:
    one, two, cache = home / "one", home / "two", home / "cache"
    for folder in (one, two, cache):
        folder.mkdir()
    (cache / "shared").write_bytes(b"x" * 400_000)
    os.link(cache / "shared", one / "shared")
    os.link(cache / "shared", two / "shared")
    (one / "own").write_bytes(b"x" * 100_000)
    (one / "twice").write_bytes(b"x" * 200_000)
    os.link(one / "twice", one / "again")
    told: list[int] = []
    sizes = Sizes(tmp_path / "sizes.json", FakeClock(), logging.getLogger(), lambda: told.append(1))
    await sizes.load()
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "much").write_bytes(b"x" * 900_000)
    sizes.want({str(one): (1,), str(two): (2,)}, (str(cache),), {str(elsewhere): (3,)})
    await sizes.settle()
    first, second = sizes.of(str(one)), sizes.of(str(two))
    assert first is not None
    assert second is not None
    assert 700_000 <= first.size < 740_000
    assert 300_000 <= first.own < 330_000
    assert second.own < 20_000
    assert sizes.used is not None
    assert 700_000 <= sizes.used < 760_000
    assert told == [1]
    other = sizes.of(str(elsewhere))
    assert other is not None
    assert other.size > 800_000
    sizes.want({str(one): (1,), str(two): (2,)}, (str(cache),), {str(elsewhere): (3,)})
    await asyncio.sleep(0)
    assert told == [1]
    later = Sizes(tmp_path / "sizes.json", FakeClock(), logging.getLogger(), lambda: None)
    await later.load()
    assert later.of(str(one)) == first
    await sizes.stop()


# -- trash ------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


def test_the_trash_gives_back_what_was_put_there(home: Path) -> None:
    prefix = make_prefix(home / ".conda/envs/x")
    kernel = KernelRecord(spec_name="lcc-x", display_name="X")
    trash = Trash(places_in(home), 7)
    entry = trash.put("x", prefix, NOW, kernel, 5)
    assert not prefix.exists()
    assert find(home) == {}
    assert [(one.id, one.name, one.purged_at, one.size_bytes) for one in trash.shown()] == [
        (entry.id, "x", NOW + timedelta(days=7), 5)
    ]
    make_prefix(home / ".conda/envs/x")
    with pytest.raises(Conflict):
        trash.take(trash.find("x"))
    remove_tree(prefix)
    assert trash.take(trash.find(entry.id)) == prefix
    assert find(home)["x"].python == VERSION
    assert trash.all() == []
    with pytest.raises(NotFound):
        trash.find("x")


def test_what_is_due_is_removed_and_what_was_cut_off_is_swept(home: Path) -> None:
    trash = Trash(places_in(home), 7)
    entry = trash.put("x", make_prefix(home / ".conda/envs/x"), NOW, None, None)
    assert trash.due(NOW + timedelta(days=6)) == []
    assert trash.due(NOW + timedelta(days=7)) == [entry]
    assert Trash(places_in(home), 0).due(NOW + timedelta(days=700)) == []
    garbage = trash.discard(entry)
    (garbage / "env/conda-meta").chmod(0o500)
    (home / ".conda/envs/.lcc/trash-begun").mkdir()
    os.utime(home / ".conda/envs/.lcc/trash-begun", (0, 0))
    (home / ".conda/envs/.lcc/trash-beginning").mkdir()
    assert trash.all() == []
    assert sorted(path.name for path in trash.garbage()) == [f"garbage-{entry.id}", "trash-begun"]
    assert not remove_tree(garbage, lambda: False)
    assert all(remove_tree(path) for path in trash.garbage())
    assert os.listdir(home / ".conda/envs/.lcc") == ["trash-beginning"]


def test_an_entry_without_its_note_is_kept(home: Path) -> None:
    trash = Trash(places_in(home), 7)
    entry = trash.put("x", make_prefix(home / ".conda/envs/x"), NOW, None, None)
    (home / f".conda/envs/.lcc/trash-{entry.id}/trash.json").write_text("{")
    assert [one.id for one in trash.all()] == [entry.id]
    assert trash.take(trash.find(entry.id)).name == entry.id


# -- export -----------------------------------------------------------------------------------------------------


def test_exports(home: Path) -> None:
    prefix = make_prefix(home / "x")
    add_record(prefix, "numpy", "1.26.4", requested_specs=['numpy[version=">=1.26"]'])
    add_record(prefix, "blas", "2.0", "h_0")
    add_dist(prefix, "Flask", "3.0", REQUESTED="")
    add_dist(prefix, "click", "8.0")
    add_dist(prefix, "mine", "0.1", direct_url__json='{"url": "file:///m", "dir_info": {"editable": true}}')
    records = read_records(str(prefix))
    pip = [p for p in PackageReader().packages(str(prefix), VERSION, NOTHING) if p.manager == "pip"]
    channels = channels_of(records, NOTHING)
    asked = as_yaml(
        "x", channels, records, pip, asked_for(str(prefix), records), everything=False, variables={"A": "1"}
    )
    assert asked.text == (
        "name: x\nchannels:\n- conda-forge\ndependencies:\n- numpy>=1.26\n- pip\n- pip:\n  - Flask==3.0\n"
        "variables:\n  A: '1'\n"
    )
    assert "mine" in asked.notes[0]
    whole = as_yaml("x", channels, records, pip, {}, everything=True, variables={})
    assert f"- blas=2.0=h_0\n- numpy=1.26.4=0\n- python={VERSION}=0\n" in whole.text
    assert "click==8.0" in whole.text
    explicit = as_explicit("x", "linux-64", records, pip)
    assert "https://conda.anaconda.org/conda-forge/noarch/blas-2.0-h_0.conda#" + "0" * 32 in explicit.text
    assert "Flask" in explicit.notes[0]


# -- doctor -----------------------------------------------------------------------------------------------------


def examine(home: Path, name: str = "x", *, quota: bool = False, free: int | None = None) -> dict[str, str | None]:
    found = find(home)[name]
    specs = KernelSpecs([home / ".local/share/jupyter/kernels"], places_in(home))
    packages = PackageReader().packages(found.prefix, found.python, NOTHING)
    case = doctor.Case(
        found=found,
        records=read_records(found.prefix),
        specs=specs.of(found.prefix),
        identity=read_id(found.prefix),
        launch=LAUNCH,
        subdir="linux-64",
        persistent=True,
        free_bytes=free,
        over_quota=quota,
        pip_names=tuple(package.name for package in packages if package.manager == "pip"),
    )
    return {finding.code: finding.fix for finding in doctor.diagnose(case)}


def kernel_in(home: Path) -> Path:
    prefix = make_prefix(home / ".conda/envs/x")
    add_record(prefix, "ipykernel", "6.29")
    KernelSpecs([home / ".local/share/jupyter/kernels"], places_in(home)).register("x", str(prefix), "X")
    return prefix


def test_a_whole_environment_has_nothing(home: Path) -> None:
    kernel_in(home)
    assert examine(home) == {}


def test_the_doctor_finds_what_is_broken(home: Path) -> None:
    prefix = kernel_in(home)
    add_record(prefix, "numpy", "1.0", files=["lib/gone.so", "lib/x.pyc"])
    assert examine(home) == {"files_missing": "reinstall"}
    (prefix / "conda-meta/numpy-1.0-0.json").unlink()
    (prefix / "bin/python").unlink()
    assert examine(home) == {"python_missing": "reinstall", "files_missing": "reinstall"}
    (prefix / "bin/python").write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x02\x00" + b"\x15\x00" + b"\0" * 44)
    assert examine(home) == {"wrong_architecture": None}
    (prefix / "bin/python").write_text("#!/bin/sh\necho 'no library' >&2; exit 3\n")
    (prefix / "bin/python").chmod(0o755)
    assert examine(home) == {"python_does_not_run": "reinstall"}


def test_the_doctor_finds_why_a_kernel_does_not_start(home: Path) -> None:
    prefix = kernel_in(home)
    (prefix / f"lib/python{SHORT}/site-packages/ipykernel_launcher.py").write_text("import no_such_module")
    assert examine(home) == {"kernel_does_not_start": "reinstall"}
    (prefix / "conda-meta/ipykernel-6.29-0.json").unlink()
    assert examine(home) == {"ipykernel_missing": "install_ipykernel"}
    add_record(prefix, "ipykernel", "6.29")
    (prefix / f"lib/python{SHORT}/site-packages/ipykernel_launcher.py").unlink()
    launch = home / ".local/share/jupyter/kernels/lcc-x/launch.py"
    launch.unlink()
    assert examine(home) == {"kernelspec_stale": "register_kernel"}
    launch.with_name("kernel.json").unlink()
    identity = IdFile(id="i", kernel=KernelRecord(spec_name="lcc-x", display_name="X"))
    (prefix / "conda-meta/jupyter_lcc").write_bytes(json.dumps({"id": "i"}).encode())
    assert examine(home) == {}
    (prefix / "conda-meta/jupyter_lcc").write_text(
        json.dumps({"id": identity.id, "kernel": {"spec_name": "lcc-x", "display_name": "X"}})
    )
    assert examine(home) == {"kernelspec_missing": "register_kernel"}


def test_the_doctor_looks_around(home: Path) -> None:
    prefix = kernel_in(home)
    (prefix / "bin/pip").write_text("#!/home/old/.conda/envs/x/bin/python3.11\n")
    (prefix / "conda-meta/bad-1-0.json").write_text("{")
    add_record(prefix, "six", "1.0")
    add_dist(prefix, "six", "2.0")
    found = examine(home, quota=True, free=1_000_000)
    assert found == {
        "moved": "reinstall",
        "records_unreadable": None,
        "pip_over_conda": "reinstall",
        "disk_full": "clean_package_cache",
        "over_quota": "clean_package_cache",
    }


# -- running kernels --------------------------------------------------------------------------------------------


def test_kernels_are_told_by_their_kernelspec(home: Path) -> None:
    prefix = kernel_in(home)
    specs = KernelSpecs([home / ".local/share/jupyter/kernels"], places_in(home))
    kernels = [RunningKernel(kernel_id=str(n), spec_name=name) for n, name in enumerate(("lcc-x", "python3", "LCC-X"))]
    assert [kernel.kernel_id for kernel in running_in(str(prefix), specs.all(), kernels)] == ["0", "2"]
