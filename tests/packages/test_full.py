"""A disk that is really full, while lists are published and while what was read and synced is written down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]


@pytest.mark.parametrize("what", ["publish", "state"])
@pytest.mark.parametrize("how", ["disk", "limit"])
def test_a_full_disk_leaves_what_was_there_and_says_so(tmp_path: Path, how: str, what: str) -> None:
    """`disk`: a file system of a megabyte, where one can be mounted; `limit`: what every machine knows."""
    words = [sys.executable, "-m", "tests.packages.full"]
    if how == "disk":
        words = ["unshare", "--map-root-user", "--mount", "--", *words]
    else:
        words.append("limit")
    done = subprocess.run([*words, what, str(tmp_path)], capture_output=True, timeout=120, check=False, cwd=HERE)
    if how == "disk" and b"ready" not in done.stdout:
        pytest.skip("no file system can be mounted here")
    assert done.returncode == 0, done.stderr.decode()
