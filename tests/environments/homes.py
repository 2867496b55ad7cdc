"""A home with an environment in it, cheap: a real Python, whose packages are those of the tests."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from pathlib import Path

from jupyter_lcc.environments.places import Places

VERSION = ".".join(map(str, sys.version_info[:3]))
SHORT = ".".join(map(str, sys.version_info[:2]))


def places_in(home: Path, **more: str | None) -> Places:
    """Give the places of a plain machine's home."""
    values: dict[str, str | None] = {
        "home": str(home),
        "folder": str(home / ".conda/envs"),
        "state": str(home / ".local/share/jupyter/jupyter_lcc/environments"),
        "cache": str(home / ".conda/lcc-pkgs"),
        "persistent_root": None,
        "platform": "plain",
    }
    return Places(**{**values, **more})  # type: ignore[arg-type]


def make_prefix(prefix: Path, *, python: str | None = VERSION) -> Path:
    """Make an environment's folder: a Python that runs (a stub: it finds its library by pyvenv.cfg) and its record."""
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta/history").write_text("==> 2026-11-20 10:00:00 <==\n# cmd: /opt/conda/bin/conda create -n x\n")
    if python is None:
        return prefix
    add_record(prefix, "python", python, files=["bin/python"])
    (prefix / "bin").mkdir()
    (prefix / "bin/python").symlink_to(os.path.realpath(sys.executable))
    (prefix / "pyvenv.cfg").write_text(
        f"home = {os.path.dirname(os.path.realpath(sys.executable))}\nversion = {VERSION}\n"
    )
    site = prefix / f"lib/python{'.'.join(python.split('.')[:2])}/site-packages"
    site.mkdir(parents=True)
    (site / "host.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return prefix


def add_record(prefix: Path, name: str, version: str, build: str = "0", **more: object) -> Path:
    """Write a conda record."""
    channel = "https://conda.anaconda.org/conda-forge/noarch"
    record = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "channel": channel,
        "subdir": "noarch",
        "url": f"{channel}/{name}-{version}-{build}.conda",
        "fn": f"{name}-{version}-{build}.conda",
        "md5": "0" * 32,
        "sha256": "0" * 64,
        "size": 10,
        "depends": [],
        "files": [],
        **more,
    }
    path = prefix / f"conda-meta/{name}-{version}-{build}.json"
    path.write_text(json.dumps(record))
    return path


def add_dist(prefix: Path, name: str, version: str, installer: str = "uv", **files: str) -> Path:
    """Write a Python distribution's metadata, as pip or uv leaves it."""
    folder = prefix / f"lib/python{SHORT}/site-packages/{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\ntext\n")
    (folder / "INSTALLER").write_text(installer)
    for file_name, text in files.items():
        (folder / file_name.replace("__", ".")).write_text(text)
    return folder
