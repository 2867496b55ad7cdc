"""The lock of environments: every package with its version, build, hash and address, for each platform. Pure.

It is a pixi.lock (format 6): pixi, rattler and our own engine install from it, and a person can read and compare it,
because everything stands in a fixed order, one thing a line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from ..errors import Invalid
from ..model import Model
from .bounds import canonical, without_secrets
from .exact import Exact, ExactConda, ExactPip
from .names import say_it

__all__ = ["MADE_FROM", "Lock", "LockedPip", "Platform", "lock_of", "platform_of", "write_lock"]

MADE_FROM = "# made from environment.yml, sha256 "
"""How the first line of a lock begins that says from which file it was made."""

_BYTES = ("sha256", "md5", "size")


class LockedPip(Model, frozen=True, kw_only=True):
    """One file of an index of Python packages. `name` is written as pip compares names."""

    name: str
    version: str
    url: str
    sha256: str | None = None
    requires_dist: tuple[str, ...] = ()
    requires_python: str | None = None


class Platform(Model, frozen=True, kw_only=True):
    """What is installed on one platform."""

    conda: tuple[ExactConda, ...] = ()
    pip: tuple[LockedPip, ...] = ()


class Lock(Model, frozen=True, kw_only=True):
    """Everything, for each platform it was solved for. Channels and indexes are addresses, the first counts first."""

    channels: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    platforms: dict[str, Platform] = msgspec.field(default_factory=dict)


def platform_of(exact: Exact) -> Platform:
    """Give a platform's part of a lock. What somebody works on in a folder is left out."""
    conda = [msgspec.structs.replace(package, name=package.name.lower()) for package in exact.conda]
    pip = [_locked(package) for package in exact.pip if package.editable is None]
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


def _locked(package: ExactPip) -> LockedPip:
    return LockedPip(
        name=canonical(package.name),
        version=package.version,
        url=package.url or "",
        sha256=package.sha256,
        requires_dist=package.requires_dist,
        requires_python=package.requires_python,
    )


def write_lock(lock: Lock, text: str | None = None) -> str:
    """Write it, always the same for the same packages. Passwords and tokens of addresses are left out.

    `text` is the list it was made from: the lock then says so in a comment, and whoever changes the list by hand is
    noticed. An address stands once for all platforms; raises Invalid where two of them expect other bytes there.
    """
    out = [] if text is None else [f"{MADE_FROM}{hashlib.sha256(text.encode()).hexdigest()}"]
    out += ["version: 6", "environments:", "  default:", "    channels:"]
    out += [f"    - url: {_plain(_address(url.rstrip('/')) + '/')}" for url in lock.channels]
    if not lock.channels:
        out[-1] += " []"
    if lock.indexes:
        out += ["    indexes:", *(f"    - {_plain(_address(url))}" for url in lock.indexes)]
    out.append("    packages:" if lock.platforms else "    packages: {}")
    conda: dict[str, ExactConda] = {}
    pip: dict[str, LockedPip] = {}
    for subdir in sorted(lock.platforms):
        platform = lock.platforms[subdir]
        archives = {_address(p.url): p for p in sorted(platform.conda, key=_order)}
        files = {_address(p.url): p for p in sorted(platform.pip, key=lambda p: (p.name, p.version, p.url))}
        for url, archive in archives.items():
            conda[url] = _joined(conda.get(url, archive), archive, url)
        for url, file in files.items():
            pip[url] = _joined(pip.get(url, file), file, url)
        out.append(f"      {subdir}:" if archives or files else f"      {subdir}: []")
        out += [f"      - conda: {_plain(url)}" for url in archives]
        out += [f"      - pypi: {_plain(url)}" for url in files]
    out.append("packages:" if conda or pip else "packages: []")
    for url, archive in sorted(conda.items(), key=lambda item: _order(item[1])):
        out += [f"- conda: {_plain(url)}", *_conda_lines(archive)]
    for url, file in sorted(pip.items(), key=lambda item: (item[1].name, item[1].version, item[0])):
        out += [f"- pypi: {_plain(url)}", *_pip_lines(file)]
    return "\n".join(out) + "\n"


def _order(package: ExactConda) -> tuple[str, str, str]:
    return package.name, package.subdir, package.url


def _address(url: str) -> str:
    return without_secrets(url)


P = TypeVar("P", ExactConda, LockedPip)


def _joined(one: P, other: P, url: str) -> P:
    """Join what two platforms know of one file: what one of them lacks, the other may tell."""
    if one == other:
        return one
    for key in _BYTES:
        sides = getattr(one, key, None), getattr(other, key, None)
        if None not in sides and sides[0] != sides[1]:
            raise Invalid(f"{say_it(url)} has one {key} for one platform and another for the next.", field=one.name)
    lacking = {key: getattr(other, key) for key in one.__struct_fields__ if getattr(one, key) in (None, ())}
    return msgspec.structs.replace(one, **lacking)


def _conda_lines(package: ExactConda) -> list[str]:
    lines = [
        f"  name: {_quoted(package.name)}",
        f"  version: {_quoted(package.version)}",
        f"  build: {_quoted(package.build)}",
        f"  build_number: {package.build_number}",
        f"  subdir: {package.subdir}",
    ]
    lines += _line("noarch", package.noarch)
    lines += _line("sha256", package.sha256) + _line("md5", package.md5)
    lines += _several("depends", package.depends) + _several("constrains", package.constrains)
    lines += _line("features", package.features) + _several("track_features", package.track_features)
    lines += _line("license", package.license) + _line("license_family", package.license_family)
    lines += _several("purls", package.purls)
    lines += [f"  size: {package.size}"] if package.size is not None else []
    lines += [f"  timestamp: {package.timestamp}"] if package.timestamp is not None else []
    return lines + _line("python_site_packages_path", package.python_site_packages_path)


def _pip_lines(package: LockedPip) -> list[str]:
    lines = [f"  name: {_quoted(package.name)}", f"  version: {_quoted(package.version)}"]
    lines += _line("sha256", package.sha256) + _several("requires_dist", package.requires_dist)
    return lines + _line("requires_python", package.requires_python)


def _line(key: str, value: str | None) -> list[str]:
    return [] if value is None else [f"  {key}: {_quoted(value)}"]


def _several(key: str, values: Iterable[str]) -> list[str]:
    lines = [f"  - {_quoted(value)}" for value in values]
    return [f"  {key}:", *lines] if lines else []


_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+=<>!~,|*-]+)*", re.ASCII)
_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "y", "n", "null"))


def _quoted(text: str) -> str:
    return text if _BARE.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)


def _plain(url: str) -> str:
    return url if re.fullmatch(r"[A-Za-z0-9]+://[A-Za-z0-9_./%+=~!@$&()-]+", url, re.ASCII) else json.dumps(url)
