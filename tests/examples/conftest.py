"""An image with JupyterLab, owned by an unprivileged user, and the wheels an administrator would offer."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.packaging.venvs import run, wheel

from .machine import NOBODY, NOT_IN_IMAGES, Machine, Platform, unprivileged_python

MakeMachine = Callable[[Platform], Machine]


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """A folder that every user can pass through; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="jupyter_lcc-examples-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def image(workshop: Path) -> Path:
    """Stands in for /opt/conda or JupyterSystemEnv: without what SageMaker's images lack of ours."""
    folder = workshop / "image"
    run([unprivileged_python(), "-m", "venv", folder])
    run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--upgrade", "pip"])
    run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "jupyterlab", "boto3", "filelock", "uv"])
    if os.geteuid() == 0:
        run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder])
    return folder


@pytest.fixture(scope="session")
def wheels(workshop: Path, image: Path) -> Path:
    """A folder with the wheel and the packages that images lack."""
    folder = workshop / "wheels for Zoë"
    folder.mkdir()
    shutil.copy(wheel(), folder)
    python = image / "bin" / "python"
    run([python, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, *NOT_IN_IMAGES])
    return folder


@pytest.fixture
def make_machine(image: Path, workshop: Path, wheels: Path) -> Iterator[MakeMachine]:
    """Make a machine that installs from the folder of wheels unless told otherwise."""
    made: list[Path] = []

    def make(platform: Platform) -> Machine:
        folder = Path(tempfile.mkdtemp(dir=workshop))
        folder.chmod(0o755)
        made.append(folder)
        return Machine(platform, image, folder, {"SOURCE": wheels})

    yield make
    for folder in made:
        shutil.rmtree(folder)


@pytest.fixture(params=["space", "notebook"])
def machine(request: pytest.FixtureRequest, make_machine: MakeMachine) -> Machine:
    """Each platform in turn."""
    return make_machine(request.param)


@pytest.fixture
def space(make_machine: MakeMachine) -> Machine:
    """A JupyterLab space."""
    return make_machine("space")
