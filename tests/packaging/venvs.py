"""Environments of other versions, kept in `.venvs/` from one run to the next, and the wheel to put into them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENVS = ROOT / ".venvs"
NEWEST = ("jupyterlab>=4.6", "notebook>=7.5", "jupyterlab-language-pack-ko-KR")
OLDEST = ("jupyterlab==4.0.13", "jupyter_server==2.8.0", "jupyter_events==0.6.3", "httpx<0.28", "setuptools<81")


def wheel() -> Path:
    """Give the wheel that LCC_WHEEL names, else the one of these sources, built if need be."""
    named = os.environ.get("LCC_WHEEL")
    if named:
        return Path(named)
    done = run([sys.executable, ROOT / "scripts" / "wheel.py"], cwd=ROOT)
    return ROOT / done.stdout.splitlines()[-1]


def venv(name: str, python: str, requirements: tuple[str, ...]) -> Path:
    """Give the Python of an environment with these requirements, made anew when they or the Python change."""
    folder, wanted = VENVS / name, "\n".join([python, *requirements])
    stamp = folder / "made-from"
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        run([python, "-m", "venv", folder])
        run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *requirements])
        stamp.write_text(wanted)
    return folder / "bin" / "python"


def install_wheel(python: Path, built: Path) -> None:
    """Install the wheel and what it needs where neither node nor anything else but Python is on the PATH."""
    env = {**os.environ, "PATH": str(python.parent)}
    run([python, "-m", "pip", "install", "--quiet", built], env=env)
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", built], env=env)


def oldest_python() -> str:
    """Give a Python 3.10 if this machine has one, else the next newer one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in (10, 11, 12):
        for path in [shutil.which(f"python3.{minor}"), *sorted(map(str, pyenv.glob(f"3.{minor}.*/bin/python3")))]:
            if path and _works(path):
                return path
    return sys.executable


def _works(python: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-m", "venv", folder]
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def run(
    command: list[str | Path], *, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command; a failure shows what it said."""
    done = subprocess.run(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done
