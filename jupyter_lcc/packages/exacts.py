"""Locks and what environments know of packages, turned into one another. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..environments.bounds import canonical
from ..environments.exact import Exact, ExactConda, ExactPip
from .compare import Installed
from .lock import Lock, LockedConda, LockedPip, Platform

__all__ = ["exact_of_lock", "installed_in", "lock_of", "platform_of"]


def exact_of_lock(lock: Lock, platform: str) -> Exact | None:
    """Give what a lock holds for a platform, None where it has nothing for it."""
    packages = lock.platforms.get(platform)
    if packages is None:
        return None
    return Exact(
        platform=platform,
        channels=lock.channels,
        indexes=lock.indexes,
        conda=tuple(msgspec.convert(msgspec.structs.asdict(package), ExactConda) for package in packages.conda),
        pip=tuple(msgspec.convert(msgspec.structs.asdict(package), ExactPip) for package in packages.pip),
    )


def platform_of(exact: Exact) -> Platform:
    """Give a platform's part of a lock. What somebody works on in a folder is left out."""
    conda = [_conda(package) for package in exact.conda]
    pip = [_pip(package) for package in exact.pip if package.editable is None]
    return Platform(
        conda=tuple(sorted(conda, key=lambda package: package.name)),
        pip=tuple(sorted(pip, key=lambda package: package.name)),
    )


def lock_of(exacts: Iterable[Exact]) -> Lock:
    """Join what was solved for several platforms."""
    found = list(exacts)
    return Lock(
        channels=tuple(dict.fromkeys(channel for exact in found for channel in exact.channels)),
        indexes=tuple(dict.fromkeys(index for exact in found for index in exact.indexes)),
        platforms={exact.platform: platform_of(exact) for exact in found},
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


def _conda(package: ExactConda) -> LockedConda:
    return LockedConda(**{**_shared(package, LockedConda), "name": package.name.lower()})


def _pip(package: ExactPip) -> LockedPip:
    return LockedPip(**{**_shared(package, LockedPip), "name": canonical(package.name), "url": package.url or ""})


def _shared(package: ExactConda | ExactPip, shape: type[LockedConda] | type[LockedPip]) -> dict[str, Any]:
    return {field: getattr(package, field) for field in shape.__struct_fields__}
