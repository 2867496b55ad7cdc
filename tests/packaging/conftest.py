"""The wheel, and it installed into an environment of the newest versions."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .venvs import NEWEST, install_wheel, venv
from .venvs import wheel as the_wheel


@pytest.fixture(scope="session")
def wheel() -> Path:
    return the_wheel()


@pytest.fixture(scope="session")
def newest(wheel: Path) -> Path:
    """The Python of a clean environment with the newest JupyterLab and Notebook, and the wheel."""
    python = venv("newest", sys.executable, NEWEST)
    install_wheel(python, wheel)
    return python
