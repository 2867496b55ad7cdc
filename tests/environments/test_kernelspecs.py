"""Kernelspecs: written relative to themselves, found by everyone, taken away whole; others' are left alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from jupyter_lcc.environments.kernelspecs import KernelSpecs
from jupyter_lcc.errors import Conflict

from .homes import make_prefix, places_in

TELL = "import json, os, sys; print(json.dumps([sys.prefix, dict(os.environ)]))"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def specs_in(home: Path) -> KernelSpecs:
    return KernelSpecs([home / ".local/share/jupyter/kernels", home / "shared/kernels"], places_in(home))


def run(home: Path, name: str, code: str) -> tuple[str, dict[str, str]]:
    """Start the kernel as any client does, run code that prints JSON of the prefix and the environment."""
    kernels = KernelSpecManager(kernel_dirs=[str(home / ".local/share/jupyter/kernels")])
    manager = KernelManager(kernel_name=name, kernel_spec_manager=kernels)
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    texts: list[str] = []

    def take(message: dict[str, Any]) -> None:
        if message["msg_type"] in ("stream", "error"):
            texts.append(str(message["content"].get("text") or message["content"].get("evalue")))

    try:
        client.wait_for_ready(timeout=60)
        client.execute_interactive(code, output_hook=take, timeout=60)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
    prefix, environment = json.loads("".join(texts))
    return prefix, environment


def start_words(home: Path, name: str) -> list[str]:
    folder = home / ".local/share/jupyter/kernels" / name
    argv = json.loads((folder / "kernel.json").read_text())["argv"]
    return [word.replace("{resource_dir}", str(folder)) for word in argv]


def test_it_starts_after_the_home_was_renamed(home: Path) -> None:
    prefix = make_prefix(home / ".conda/envs/vision")
    spec = specs_in(home).register("vision", str(prefix), "Python (vision)")
    assert spec.name == "lcc-vision"
    assert str(home) not in (Path(spec.folder) / "kernel.json").read_text()
    moved = home.parent / "moved"
    home.rename(moved)
    told, environment = run(moved, spec.name, TELL)
    assert told == str(moved / ".conda/envs/vision")
    assert environment["CONDA_PREFIX"] == told
    assert environment["CONDA_DEFAULT_ENV"] == "vision"
    assert environment["PATH"].split(os.pathsep)[0] == f"{told}/bin"


def test_nbconvert_and_papermill_find_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both run notebooks with nbclient, which looks where Jupyter's own environment variables say."""
    from nbclient import NotebookClient

    make_prefix(home / ".conda/envs/vision")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(home / ".local/share/jupyter"))
    spec = specs_in(home).register("vision", str(home / ".conda/envs/vision"), "Python (vision)")
    cell = {"cell_type": "code", "source": "import sys; print(sys.prefix)", "metadata": {}, "outputs": []}
    written = {"cells": [{**cell, "execution_count": None}], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    notebook: Any = nbformat.from_dict(written)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, kernel_name=spec.name, timeout=60, startup_timeout=90).execute()
    assert notebook.cells[0].outputs[0]["text"].strip() == str(home / ".conda/envs/vision")


@pytest.fixture
def bound(home: Path, tmp_path: Path) -> Iterator[Path]:
    """The home a second time, under another mount, as two apps of one volume see it."""
    other = tmp_path / "mount"
    home.mkdir()
    other.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or os.geteuid() != 0
        or subprocess.run([mount, "--bind", home, other], capture_output=True).returncode
    ):
        pytest.skip("binding a mount is not allowed here")
    yield other
    subprocess.run(["umount", str(other)], check=True)


def test_it_starts_under_two_mounts(home: Path, bound: Path) -> None:
    make_prefix(home / ".conda/envs/vision")
    spec = specs_in(home).register("vision", str(home / ".conda/envs/vision"), "Python (vision)")
    for here in (home, bound):
        ran = subprocess.run(
            [*start_words(here, spec.name)[:3], "-c", "import sys; print(sys.executable)"],
            capture_output=True,
            text=True,
        )
        assert os.path.realpath(os.path.dirname(ran.stdout.strip())) == str(here / ".conda/envs/vision/bin"), ran.stderr
        assert run(here, spec.name, TELL)[0] == str(here / ".conda/envs/vision")


def test_it_is_found_through_a_home_that_is_a_link(home: Path) -> None:
    make_prefix(home / ".conda/envs/vision")
    link = home.parent / "link"
    link.symlink_to(home)
    spec = specs_in(link).register("vision", str(link / ".conda/envs/vision"), "x")
    words = start_words(link, spec.name)
    assert os.path.samefile(words[0], home / ".conda/envs/vision/bin/python")
    assert [found.name for found in specs_in(home).of(str(home / ".conda/envs/vision"))] == [spec.name]


LAUNCH = Path(__file__).parents[2] / "jupyter_lcc/environments/launch.py"


def launched(prefix: Path, **environment: str) -> tuple[dict[str, str], str]:
    """Run launch.py with a stand-in for the kernel that tells its environment."""
    site = next((prefix / "lib").glob("python*/site-packages"))
    (site / "ipykernel_launcher.py").write_text("import json, os; print(json.dumps(dict(os.environ)))\n")
    (site / "host.pth").unlink()
    base = {"PATH": os.environ["PATH"], "HOME": str(prefix)}
    ran = subprocess.run(
        [str(prefix / "bin/python"), "-I", "-S", str(LAUNCH), "-f", "x.json"],
        env={**base, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, str] = json.loads(ran.stdout)
    return told, ran.stderr


def scripts(prefix: Path, **texts: str) -> None:
    folder = prefix / "etc/conda/activate.d"
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / f"{name}.sh").write_text(text)


def test_activation_scripts_and_variables_count(home: Path) -> None:
    prefix = make_prefix(home / "envs/a b")
    scripts(
        prefix,
        a='export LD_LIBRARY_PATH="$CONDA_PREFIX/lib:$LD_LIBRARY_PATH"\necho chatter\nexport MORE="1\n2"',
        b='export SEEN="$FROM_STATE"; unset GONE',
    )
    (prefix / "conda-meta/state").write_text(json.dumps({"env_vars": {"FROM_STATE": "yes", "LEFT": "***unset***"}}))
    (prefix / "etc/conda/env_vars.d").mkdir()
    (prefix / "etc/conda/env_vars.d/p.json").write_text(json.dumps({"FROM_PACKAGE": "p"}))
    told, err = launched(prefix, GONE="1", LEFT="1", LD_LIBRARY_PATH="/x", VIRTUAL_ENV="/v", CONDA_PREFIX="/opt/conda")
    assert told["LD_LIBRARY_PATH"] == f"{prefix}/lib:/x"
    assert (told["MORE"], told["SEEN"], told["FROM_PACKAGE"]) == ("1\n2", "yes", "p")
    assert not {"GONE", "LEFT", "VIRTUAL_ENV", "LCC_TELL"} & told.keys()
    assert told["CONDA_PREFIX"] == str(prefix)
    assert "chatter" in err


@pytest.mark.parametrize("script", ["exit 3", "kill -9 $$", "set -e; false"])
def test_a_script_that_fails_does_not_keep_the_kernel_from_starting(home: Path, script: str) -> None:
    prefix = make_prefix(home / "envs/x")
    scripts(prefix, broken=script)
    told, err = launched(prefix)
    assert told["CONDA_PREFIX"] == str(prefix)
    assert "left out" in err


def test_without_bash_it_starts(home: Path) -> None:
    prefix = make_prefix(home / "envs/x")
    scripts(prefix, a="export X=1")
    told, err = launched(prefix, PATH="/nowhere")
    assert told["CONDA_PREFIX"] == str(prefix)
    assert "bash" in err


def test_unregistering_takes_only_what_was_made(home: Path) -> None:
    prefix = make_prefix(home / ".conda/envs/vision")
    specs = specs_in(home)
    others = {"theirs": {"argv": [str(prefix / "bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]}}
    for name, value in others.items():
        (specs.own / name).mkdir(parents=True)
        (specs.own / name / "kernel.json").write_text(json.dumps({"display_name": "T", "language": "python", **value}))
    logos = prefix / "share/jupyter/kernels/python3"
    logos.mkdir(parents=True)
    (logos / "logo-32x32.png").write_bytes(b"python's")
    (logos / "logo-64x64.png").write_bytes(b"python's")
    spec = specs.register("vision", str(prefix), "Python (vision)")
    assert (Path(spec.folder) / "logo-32x32.png").read_bytes() == b"python's"
    (Path(spec.folder) / "logo-64x64.png").write_bytes(b"mine")
    specs.register("vision", str(prefix), "Python (vision)")
    assert [found.name for found in specs.of(str(prefix))] == ["lcc-vision", "theirs"]
    assert specs.unregister(str(prefix)) == ["lcc-vision"]
    assert [found.name for found in specs.of(str(prefix))] == ["theirs"]
    assert os.listdir(spec.folder) == ["logo-64x64.png"]
    assert (specs.own / "theirs/kernel.json").is_file()
    with pytest.raises(Conflict):
        specs.remove("theirs")


def test_registering_again_keeps_the_name_and_a_taken_name_is_left(home: Path) -> None:
    one, two = make_prefix(home / ".conda/envs/Vision"), make_prefix(home / "other/vision")
    specs = specs_in(home)
    first = specs.register("Vision", str(one), "One")
    again = specs.register("Vision", str(one), "Renamed")
    assert (first.name, again.name, again.display_name) == ("lcc-vision", "lcc-vision", "Renamed")
    assert specs.register("vision", str(two), "Two").name == "lcc-vision-2"
    assert sorted(KernelSpecManager(kernel_dirs=[str(specs.own)]).find_kernel_specs())[:2] == [
        "lcc-vision",
        "lcc-vision-2",
    ]


def test_a_disk_that_fails_leaves_no_half_kernelspec(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = make_prefix(home / ".conda/envs/vision")
    specs = specs_in(home)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space"):
        specs.register("vision", str(prefix), "x")
    assert os.listdir(specs.own) == []


def test_kernelspecs_that_can_not_be_read_are_no_ones(home: Path) -> None:
    specs = specs_in(home)
    for name, text in {"a": "{", "b": "[]", "c": '{"argv": 5}', "d": '{"argv": [], "metadata": []}'}.items():
        (specs.own / name).mkdir(parents=True)
        (specs.own / name / "kernel.json").write_text(text if name != "c" else '{"argv": ["x"], "display_name": 5}')
    assert [spec.ours for spec in specs.all()] == [False, False]
    assert sys.executable
