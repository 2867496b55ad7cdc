"""What Python compiled of a package that a change has replaced doesn't run any more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_lcc.environments.bytecode import drop_stale
from jupyter_lcc.environments.staging import link_tree

SITE = Path("lib/python3/site-packages")
TIME = 1_580_601_600
"""What many build tools give every file of a wheel."""


def write(folder: Path, name: str, text: str) -> None:
    path = folder / SITE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    os.utime(path, (TIME, TIME))


def said(folder: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(folder / SITE)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def compiled(folder: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in folder.rglob("*.pyc")}


@pytest.mark.parametrize("shared", [True, False], ids=["hard links", "copies"])
def test_a_version_as_long_and_as_old_as_the_last_runs(tmp_path: Path, shared: bool) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for name in ("tool.py", "kept.py", "gone.py", "inner/__init__.py", "inner/part.py"):
        write(before, name, "VERSION = '1.0'")
    assert said(before, "import tool, kept, gone, inner.part; print(tool.VERSION)") == "1.0"
    link_tree(before, after) if shared else shutil.copytree(before, after)
    for name in ("tool.py", "inner/part.py"):
        write(after, name, "VERSION = '2.0'")
    (after / SITE / "gone.py").unlink()
    assert said(after, "import tool; print(tool.VERSION)") == "1.0", "this Python looks closer; nothing is to be done"
    assert drop_stale(before, after) == 3
    assert compiled(after) == {"kept", "__init__"}
    assert said(after, "import tool, inner.part; print(tool.VERSION, inner.part.VERSION)") == "2.0 2.0"
    assert compiled(before) == {"tool", "kept", "gone", "__init__", "part"}
    assert drop_stale(before, after) == 0
