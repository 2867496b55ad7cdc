"""conda itself works on with what is made here, and the other way round. Where no `conda` is on the PATH there is
nothing to ask: this is then skipped, and says so.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .channel import Channel
from .desk import Desk

CONDA = shutil.which("conda")
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(CONDA is None, reason="no conda on the PATH"),
]


class Conda:
    """The command, in the desk's home and with its channel alone."""

    def __init__(self, desk: Desk) -> None:
        (desk.home / ".condarc").write_text(f"channels: ['{desk.url}']\nadd_pip_as_python_dependency: false\n")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CONDA_", "_CE_", "_CONDA"))}
        kept |= {"CONDA_SOLVER": os.environ["CONDA_SOLVER"]} if "CONDA_SOLVER" in os.environ else {}
        self._environ = {**kept, "HOME": str(desk.home), "CONDA_PKGS_DIRS": str(desk.home / "pkgs")}
        self._desk = desk

    def __call__(self, command: str, name: str, *words: str) -> str:
        assert CONDA is not None
        prefix = str(self._desk.prefix(name))
        done = subprocess.run(
            [CONDA, *command.split(), "--prefix", prefix, *words],
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def change(self, command: str, name: str, *words: str) -> None:
        self(command, name, "--yes", "--offline", "--quiet", *words)


@pytest.fixture
def desk(tmp_path: Path, channel: Channel, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Desk]:
    home = tmp_path / "home"
    home.mkdir()
    desk = Desk(home, channel, tmp_path / "cache")
    yield desk
    jp_asyncio_loop.run_until_complete(desk.stop())


async def test_conda_works_on_with_what_is_made_here(desk: Desk) -> None:
    conda = Conda(desk)
    await desk.create("one", "python", "alpha=1.0")
    listed = conda("list", "one", "--json")
    assert all(f'"name": "{name}"' in listed for name in desk.records("one"))
    asked = conda("env export", "one", "--from-history")
    assert [line.strip() for line in asked.splitlines() if line.startswith("  - ")] == [
        f"- {desk.url}",
        "- python",
        "- alpha=1.0",
    ]
    assert "+alpha-1.0" in conda("list", "one", "--revisions")
    conda.change("install", "one", "lonely=1.0")
    assert desk.versions_of("one")["lonely"] == "1.0"
    assert desk.python("one", "print(1)") == "1"
    told = await desk.change("one", "lonely=1.5")
    assert (told["changed"], desk.versions_of("one")["lonely"]) == (True, "1.5")
    conda.change("remove", "one", "lonely")
    assert "lonely" not in desk.versions_of("one")
    assert await desk.roll_back("one", 1)
    assert desk.versions_of("one")["alpha"] == "1.0"


async def test_what_conda_made_is_changed_here_and_by_conda_again(desk: Desk) -> None:
    conda = Conda(desk)
    conda.change("create", "theirs", "python", "alpha=1.0")
    await desk.change("theirs", "lonely=1.0")
    assert {"alpha": "1.0", "lonely": "1.0"}.items() <= desk.versions_of("theirs").items()
    assert "+lonely-1.0" in conda("list", "theirs", "--revisions")
    conda.change("install", "theirs", "lonely=1.5")
    assert desk.versions_of("theirs")["lonely"] == "1.5"
    assert set(desk.asked("theirs")) == {"python", "alpha", "lonely"}
    conda.change("create", "copy", "--clone", str(desk.prefix("theirs")))
    assert desk.versions_of("copy") == desk.versions_of("theirs")
    assert desk.python("copy", "print(1)") == "1"
