"""Build the wheel into `dist/` from a clean copy of the sources.

A copy, because a front end built for development (source maps, local paths) would be packed as it lies there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from house import (
    PYTHON,
    ROOT,
    environment,
    fingerprint,
    is_fresh,
    prepare_node_packages,
    prepare_python,
    remember,
    run,
    say,
)

DIST = ROOT / "dist"
_MADE = shutil.ignore_patterns(
    *(".git", ".lab", ".make", ".venv", ".venvs", ".yarn", "node_modules", "lib", "dist", "build", "coverage"),
    *("labextension", "_version.py", "__pycache__", "*.tsbuildinfo", "*.egg-info"),
    *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"),
)
_SOURCES = (
    *("LICENSE", "README.md", "install.json", "jupyter-config", "jupyter_lcc", "package.json", "pyproject.toml"),
    *("schema", "src", "style", "tsconfig.json", "yarn.lock"),
)


def build() -> Path:
    """Give the wheel of these sources, built if it isn't there yet."""
    key = fingerprint(_clean_sources())
    found = sorted(DIST.glob("jupyter_lcc-*.whl"))
    if len(found) == 1 and is_fresh("wheel", key):
        return found[0]
    prepare_python("lab")
    prepare_node_packages()
    say("building the wheel")
    with tempfile.TemporaryDirectory(prefix="jupyter_lcc-wheel-") as folder:
        copy = Path(folder) / "source"
        shutil.copytree(ROOT, copy, symlinks=True, ignore=_MADE)
        (copy / "node_modules").symlink_to(ROOT / "node_modules")
        (copy / ".yarn").mkdir()
        shutil.copy(ROOT / ".yarn" / "install-state.gz", copy / ".yarn")
        run("jlpm", "build:prod", cwd=copy)
        run("jlpm", "bundle:check", cwd=copy)
        env = {**environment(), "SKIP_JUPYTER_BUILDER": "1"}
        run(
            PYTHON,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            Path(folder) / "out",
            ".",
            env=env,
            cwd=copy,
        )
        shutil.rmtree(DIST, ignore_errors=True)
        DIST.mkdir()
        for wheel in (Path(folder) / "out").glob("jupyter_lcc-*.whl"):
            shutil.copy(wheel, DIST)
    remember("wheel", key)
    return next(DIST.glob("jupyter_lcc-*.whl"))


def _clean_sources() -> list[str]:
    """Name every file the wheel is made of, leaving out what was made from them."""
    made = ("labextension", "__pycache__", "_version.py")
    files: list[str] = []
    for name in _SOURCES:
        path = ROOT / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not any(part in made for part in file.parts):
                files.append(str(file.relative_to(ROOT)))
    return files


if __name__ == "__main__":
    print(os.path.relpath(build()))
