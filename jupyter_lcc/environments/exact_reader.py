"""What is installed, down to the last package, read from the files. Nothing is started; everything here blocks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from email.parser import HeaderParser
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from ..model import sendable
from .bounds import canonical, without_secrets
from .exact import Exact, ExactConda, ExactPip, Installed
from .packages_of import Record

__all__ = ["conda_of", "origin_of", "origins", "read_exact", "read_installed"]


class _Raw(msgspec.Struct):
    """A record's file, leniently: others wrote it."""

    name: str
    version: str
    build: str = ""
    build_number: int = 0
    subdir: str | None = None
    url: str | None = None
    md5: str | None = None
    sha256: str | None = None
    size: int | None = None
    license: str | None = None
    license_family: str | None = None
    noarch: str | bool | None = None
    timestamp: float | int | None = None
    python_site_packages_path: str | None = None
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    features: str | None = None
    track_features: Any = None
    purls: tuple[str, ...] | None = None


class _Path(msgspec.Struct, rename={"path": "_path"}):
    path: str = ""
    sha256: str | None = None
    sha256_in_prefix: str | None = None


class _Paths(msgspec.Struct, frozen=True):
    paths: tuple[_Path, ...] = ()


class _Files(msgspec.Struct):
    files: tuple[str, ...] = ()
    paths_data: _Paths = _Paths()


class _Archive(msgspec.Struct):
    hash: str | None = None
    hashes: dict[str, str] | None = None


class _Folder(msgspec.Struct):
    editable: bool = False


class _Origin(msgspec.Struct):
    """A distribution's direct_url.json (PEP 610)."""

    url: str = ""
    archive_info: _Archive | None = None
    dir_info: _Folder | None = None


def read_installed(prefix: str, python: str | None, platform: str, records: Iterable[Record]) -> Installed:
    """Give what is there as far as it is needed to compare: of conda's packages not what channels tell besides."""
    records = list(records)
    conda = tuple(
        ExactConda(
            name=record.name,
            version=record.version,
            build=record.build,
            subdir=record.subdir or "noarch",
            url=record.url or "",
            sha256=record.sha256,
            md5=record.md5,
            build_number=record.build_number,
            depends=record.depends,
        )
        for record in sorted(records, key=lambda record: record.name)
    )
    owned = {dist for record in records for dist in record.dists}
    folder, names = _dists(prefix, python)
    there = set(names)
    overwritten = {name for name in there & owned if not _conda_says_so(f"{folder}/{name}")}
    damaged: set[str] = set()
    theirs: set[str] = set()
    for record in records if python is not None else ():
        mine = overwritten.intersection(record.dists)
        if record.dists and (mine or not there.intersection(record.dists)) and _is_damaged(prefix, record):
            damaged.add(record.name)
            theirs |= {_project(name) for name in mine}
    exact = Exact(platform=platform, conda=conda, pip=_pip(folder, names, owned))
    return Installed(exact, frozenset(damaged), frozenset(theirs))


def read_exact(prefix: str, python: str | None, platform: str, records: Iterable[Record]) -> Exact:
    """Give everything that is known of what is there. Records that can't be read are left out."""
    pip = read_installed(prefix, python, platform, records).exact.pip
    decoder = msgspec.json.Decoder(_Raw)
    conda = []
    try:
        names = sorted(os.listdir(f"{prefix}/conda-meta"))
    except OSError:
        names = []
    for name in names:
        if not name.endswith(".json") or name.startswith("."):
            continue
        try:
            with open(f"{prefix}/conda-meta/{name}", "rb") as file:
                conda.append(_full(decoder.decode(file.read())))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            continue
    return Exact(
        platform=platform,
        channels=tuple(dict.fromkeys(package.channel for package in conda if package.url)),
        conda=tuple(sorted(conda, key=lambda package: package.name)),
        pip=pip,
    )


def conda_of(raw: bytes | str, url: str) -> ExactConda:
    """Take what a channel tells of an archive. Raises msgspec.DecodeError."""
    package = _full(msgspec.json.decode(raw, type=_Raw))
    return msgspec.structs.replace(package, url=without_secrets(url))


def origin_of(folder: str) -> tuple[str | None, str | None, str | None]:
    """Give where a distribution says it came from: the archive's address and its sha256, or the folder of pip's `-e`.

    `folder` is its `*.dist-info`.
    """
    try:
        with open(f"{folder}/direct_url.json", "rb") as file:
            value = msgspec.json.decode(file.read(64 * 1024), type=_Origin)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None, None, None
    if value.dir_info is not None:
        # Not from an archive: it may hold anything, whether it is linked to its folder or was copied from it.
        return None, None, sendable(unquote(urlsplit(value.url).path))
    if value.archive_info is None:
        return None, None, sendable(value.url)
    digest = (value.archive_info.hashes or {}).get("sha256")
    if digest is None and (value.archive_info.hash or "").startswith("sha256="):
        digest = (value.archive_info.hash or "").removeprefix("sha256=")
    return sendable(without_secrets(value.url)), digest, None


def origins(prefix: str, python: str | None) -> dict[str, tuple[str, str | None]]:
    """Give the archives' addresses and hashes of those distributions that remember theirs, by name."""
    folder, names = _dists(prefix, python)
    found = {_project(name): origin_of(f"{folder}/{name}") for name in names}
    return {name: (url, sha256) for name, (url, sha256, _) in found.items() if url is not None}


def _full(raw: _Raw) -> ExactConda:
    values = msgspec.structs.asdict(raw)
    features = raw.track_features
    values |= {
        "name": raw.name.lower(),
        "subdir": raw.subdir or "noarch",
        "url": without_secrets(raw.url or ""),
        "timestamp": int(raw.timestamp) if raw.timestamp is not None else None,
        "noarch": "generic" if raw.noarch is True else raw.noarch or None,
        "track_features": tuple(features.split() if isinstance(features, str) else features or ()),
        "purls": raw.purls or (),
    }
    return ExactConda(**values)


def _dists(prefix: str, python: str | None) -> tuple[str, list[str]]:
    folder = f"{prefix}/lib/python{'.'.join((python or '').split('.')[:2])}/site-packages"
    try:
        return folder, [name for name in os.listdir(folder) if name.endswith(".dist-info")] if python else []
    except OSError:
        return folder, []


def _is_damaged(prefix: str, record: Record) -> bool:
    """Tell whether somebody has put another distribution in the place of a conda package's.

    Then its metadata are gone, or what they say of who installed it is not what came with the package.
    """
    path = f"{prefix}/conda-meta/{record.name}-{record.version}-{record.build}.json"
    try:
        with open(path, "rb") as file:
            written = msgspec.json.decode(file.read(), type=_Files)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False
    told = [name for name in written.files if name.endswith(".dist-info/METADATA")]
    if any(not os.path.lexists(f"{prefix}/{name}") for name in told):
        return True
    installers = {entry.path: entry for entry in written.paths_data.paths if entry.path.endswith("/INSTALLER")}
    return any(_is_another(f"{prefix}/{name}", entry) for name, entry in installers.items())


def _is_another(path: str, entry: _Path) -> bool:
    digest = entry.sha256_in_prefix or entry.sha256
    try:
        with open(path, "rb") as file:
            return digest is not None and hashlib.sha256(file.read(4096)).hexdigest() != digest
    except OSError:
        return False


def _project(folder: str) -> str:
    return canonical(folder.removesuffix(".dist-info").rpartition("-")[0])


def _pip(folder: str, names: Iterable[str], owned: set[str]) -> tuple[ExactPip, ...]:
    found = [_one(f"{folder}/{name}") for name in names if name not in owned and not _conda_says_so(f"{folder}/{name}")]
    return tuple(sorted(found, key=lambda package: canonical(package.name)))


def _conda_says_so(folder: str) -> bool:
    try:
        with open(f"{folder}/INSTALLER", "rb") as file:
            return file.read(64).strip() == b"conda"
    except OSError:
        return False


def _one(folder: str) -> ExactPip:
    dist, _, version = os.path.basename(folder).removesuffix(".dist-info").rpartition("-")
    name, python = dist, None
    needs: list[str] = []
    try:
        with open(f"{folder}/METADATA", encoding="utf-8", errors="replace") as file:
            headers = HeaderParser().parsestr(file.read(256 * 1024).partition("\n\n")[0])
        name, version = str(headers.get("Name") or dist), str(headers.get("Version") or version)
        needs = [str(need) for need in headers.get_all("Requires-Dist") or ()]
        python = headers.get("Requires-Python")
    except OSError:
        pass
    url, sha256, editable = origin_of(folder)
    return ExactPip(
        name=canonical(sendable(name)),
        version=sendable(version),
        url=url,
        sha256=sha256,
        requires_dist=tuple(sendable(need) for need in needs),
        requires_python=sendable(str(python)) if python is not None else None,
        editable=editable,
    )
