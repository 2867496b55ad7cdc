"""Joining package lists: settings, sources, state, environments and jobs become one service."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..clock import Clock
from .bounds import ListBounds
from .library import Library
from .model import ListSettings
from .needs import Environments, Jobs
from .service import PackageLists
from .sources.places import open_source
from .state import ListFiles

__all__ = ["NO_LISTS", "join_lists", "who_publishes"]

NO_LISTS = ListSettings(mode="off", user_sources=False), ListBounds(allowed_packages=())
"""What holds where the administrator's bounds can't be read."""


def join_lists(
    *,
    settings: ListSettings,
    bounds: ListBounds,
    folder: Path,
    platform: str,
    environments: Environments,
    jobs: Jobs,
    author: str,
    clock: Clock,
    emit: Callable[[dict[str, Any]], None],
    log: Any,
) -> PackageLists:
    """Make the service; nothing is read yet. `folder` is where state survives, `platform` conda's name of this one."""
    files = ListFiles(folder / "package-lists", log)
    return PackageLists(
        settings=settings,
        bounds=bounds,
        library=Library(settings=settings, files=files, open_source=open_source, clock=clock, log=log),
        files=files,
        platform=platform,
        environments=environments,
        jobs=jobs,
        author=lambda: author,
        clock=clock,
        emit=emit,
        log=log,
    )


def who_publishes(environ: Mapping[str, str], known: str | None) -> str:
    """Name this user to others: as the hub knows them, as the platform does, else as this machine does."""
    for name in (environ.get("JUPYTERHUB_USER"), known):
        if name:
            return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
