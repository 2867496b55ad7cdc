"""The engine's smaller works: completing names, cleaning the cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from rattler.exceptions import GatewayError

from ..engine_model import CleanCache, Names
from ..trash import remove_tree
from .network import Network
from .prefix import kept_records
from .talk import Talk
from .verified import note_file

__all__ = ["clean_cache", "names"]

_KNOWN: dict[tuple[str, ...], list[str]] = {}
"""The names of channels, for as long as this process is kept."""


async def names(request: Names, talk: Talk) -> dict[str, Any]:
    """Complete a package's name: what begins with it before what only holds it, the shorter first."""
    key = (request.surroundings.subdir, *request.channels)
    why = None
    if key not in _KNOWN:
        network = Network(request.surroundings, request.channels)
        try:
            found = await network.gateway.names(network.channels, network.platforms)
            _KNOWN[key] = sorted({str(name.normalized) for name in found})
        except GatewayError:
            why = "not_reachable"
    query = request.query.strip().lower()
    fitting = [name for name in _KNOWN.get(key, []) if query in name]
    fitting.sort(key=lambda name: (name != query, not name.startswith(query), len(name), name))
    return {"names": fitting[: request.limit], "complete": why is None, "why": why}


def clean_cache(request: CleanCache, talk: Talk) -> dict[str, Any]:
    """Remove the packages that no environment uses; what is in use shares its bytes with it and would free nothing."""
    folder = Path(request.surroundings.places.cache) / "pkgs"
    used = {f"{r.name}-{r.version}-{r.build}" for prefix in request.prefixes for r in kept_records(prefix)}
    entries = _entries(folder)
    freed = removed = 0
    for number, (path, stem) in enumerate(entries):
        talk.progress(number, len(entries), "packages", "remove")
        if stem in used:
            continue
        size = _bytes(path)
        if remove_tree(path):
            path.with_name(path.name + ".lock").unlink(missing_ok=True)
            note_file(path.parent, path.name).unlink(missing_ok=True)
            freed += size
            removed += 1
    return {"freed_bytes": freed, "removed": removed}


def _entries(folder: Path) -> list[tuple[Path, str]]:
    """Give the unpacked packages with their name, version and build."""
    found = []
    try:
        children = sorted(folder.iterdir())
    except OSError:
        return []
    for child in children:
        if not child.is_dir() or child.is_symlink():
            continue
        try:
            index = msgspec.json.decode((child / "info" / "index.json").read_bytes(), type=dict[str, Any])
            stem = f"{index['name']}-{index['version']}-{index['build']}"
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, KeyError):
            stem = ""  # not whole: a download that was cut off
        found.append((child, stem))
    return found


def _bytes(folder: Path) -> int:
    """Count the bytes that removing it frees: of files nobody else has a link to."""
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            status = os.lstat(os.path.join(root, name))
            if status.st_nlink == 1:
                total += status.st_blocks * 512
    return total
