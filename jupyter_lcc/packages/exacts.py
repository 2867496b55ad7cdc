"""Locks and what environments know of packages, turned into one another. Pure."""

from __future__ import annotations

import msgspec

from ..environments.exact import Exact, ExactPip
from ..environments.lock_file import Lock
from .compare import Installed

__all__ = ["exact_of_lock", "installed_in"]


def exact_of_lock(lock: Lock, platform: str) -> Exact | None:
    """Give what a lock holds for a platform, None where it has nothing for it."""
    packages = lock.platforms.get(platform)
    if packages is None:
        return None
    return Exact(
        platform=platform,
        channels=lock.channels,
        indexes=lock.indexes,
        conda=packages.conda,
        pip=tuple(msgspec.convert(msgspec.structs.asdict(package), ExactPip) for package in packages.pip),
    )


def installed_in(exact: Exact) -> tuple[Installed, ...]:
    """Take what is there for comparing it."""
    conda = (
        Installed(name=p.name, version=p.version, build=p.build, digest=p.sha256 or p.md5, channel=p.channel)
        for p in exact.conda
    )
    pip = (
        Installed(name=p.name, version=p.version, manager="pip", digest=p.sha256, editable=p.editable)
        for p in exact.pip
    )
    return (*conda, *pip)
