"""What SageMaker and good sense ask of a lifecycle configuration's text."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .machine import SCRIPTS

SHARED = "# ---- from here on the same"
scripts = pytest.mark.parametrize("path", SCRIPTS.values(), ids=SCRIPTS.keys())


@scripts
def test_fits(path: Path) -> None:
    """16,384 characters of base64 are 12,288 bytes; the rest is room for the administrator's own values."""
    assert len(path.read_bytes()) <= 12_288 - 1024


@scripts
def test_first_line_names_the_shell(path: Path) -> None:
    text = path.read_bytes()
    assert text.startswith(b"#!/bin/bash\n")
    assert b"\r" not in text


@scripts
def test_shellcheck_is_content(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)
    shellcheck = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run([shellcheck, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@scripts
@pytest.mark.parametrize(
    "word",
    [
        r"crontab",
        r"curl|wget",
        r"\byum\b|\bapt\b",
        r"reboot",
        r"set -e\b",
        r"sudo",
        r"\b1000\b",
        r"whoami",
        r"--trusted-host",
        r"eval",
    ],
)
def test_what_bricks_machines_is_not_in_it(path: Path, word: str) -> None:
    assert re.search(word, path.read_text()) is None


def test_the_shared_part_is_the_same() -> None:
    """Each script must stand alone, so what they share stands twice; never differently."""
    first, second = (path.read_text().partition(SHARED)[2] for path in SCRIPTS.values())
    assert first
    assert first == second
