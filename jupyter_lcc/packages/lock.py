"""The lock of a list, as its source holds it: a pixi.lock of format 6 or 7. Pure.

It comes from where strangers write, so it is read as text and every name, address and hash in it is looked at. How
one is written: `environments/lock_file.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ..environments.bounds import canonical
from ..environments.exact import ExactConda
from ..environments.files import parse_archive
from ..environments.lock_file import MADE_FROM, Lock, LockedPip, Platform
from ..environments.names import say_it
from ..environments.specs import parse_index
from ..errors import Invalid
from .lists import check_platform
from .model import MAX_LOCK
from .yamls import read_text, read_yaml

__all__ = ["fits_list", "read_lock", "set_hash"]

_MOST = 20_000
_TEXT = re.compile(r"[\x20-\x7e]{1,1000}")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.!+~*-]{0,199}", re.ASCII)
_WHEEL = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[A-Za-z0-9_.!+]+)(?:-\d[A-Za-z0-9_.]*)?"
    r"-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+\.whl",
    re.ASCII,
)
_SDIST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._!+-]*\.(?:tar\.gz|zip)", re.ASCII)


def set_hash(packages: Platform) -> str:
    """Name a set of packages: the same on every machine that has it, whatever mirror it came from.

    Of conda's packages the bytes count (by sha256, else md5); of pip's name and version, because an environment does
    not remember from which file they were installed.
    """
    lines = [f"conda {p.name} {p.version} {p.build} {p.sha256 or p.md5 or '-'}" for p in packages.conda]
    lines += [f"pip {canonical(p.name)} {p.version}" for p in packages.pip]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def fits_list(lock: str | None, text: str) -> bool:
    """Tell whether a lock was made from a list, as far as it says from which; none fits nothing."""
    if lock is None:
        return False
    first = lock[: len(MADE_FROM) + 64]
    return not first.startswith(MADE_FROM) or first.endswith(hashlib.sha256(text.encode()).hexdigest())


# -- reading --------------------------------------------------------------------------------------------------


def read_lock(raw: bytes | str, field: str = "lock") -> Lock:
    """Read it, or raise Invalid with the package and what is wrong with it."""
    document = read_yaml(read_text(raw, MAX_LOCK, field), field)
    if not isinstance(document, dict) or document.get("version") not in ("6", "7"):
        raise Invalid("This is not a pixi.lock of format 6 or 7.", field=field)
    environment = _map(_map(document.get("environments"), "environments", field).get("default"), "default", field)
    channels = [_channel(entry, field) for entry in _several_of(environment.get("channels"), "channels", field)]
    indexes = [
        parse_index(_text(entry, "indexes", field), field)
        for entry in _several_of(environment.get("indexes"), "indexes", field)
    ]
    conda: dict[str, ExactConda] = {}
    pip: dict[str, LockedPip] = {}
    for entry in _several_of(document.get("packages"), "packages", field):
        described = _map(entry, "packages", field)
        if "conda" in described:
            archive = _conda(described, field)
            if conda.setdefault(str(described["conda"]), archive) != archive:
                raise Invalid(f"{say_it(str(described['conda']))} is described twice, differently.", field=field)
        elif "pypi" in described:
            file = _pip(described, field)
            if pip.setdefault(str(described["pypi"]), file) != file:
                raise Invalid(f"{say_it(str(described['pypi']))} is described twice, differently.", field=field)
        else:
            raise Invalid("A package of a lock is `conda:` or `pypi:` with its address.", field=field)
    found: dict[str, Platform] = {}
    for subdir, entries in _map(environment.get("packages"), "packages", field).items():
        check_platform(subdir, field)
        found[subdir] = _platform(subdir, _several_of(entries, subdir, field), conda, pip, field)
    return Lock(channels=tuple(channels), indexes=tuple(indexes), platforms=found)


def _platform(
    subdir: str,
    entries: Iterable[Any],
    conda: Mapping[str, ExactConda],
    pip: Mapping[str, LockedPip],
    field: str,
) -> Platform:
    archives: dict[str, ExactConda] = {}
    files: dict[str, LockedPip] = {}
    for entry in entries:
        named = _map(entry, subdir, field)
        if isinstance(named.get("conda"), str) and named["conda"] in conda:
            archive = conda[named["conda"]]
            if archive.subdir not in (subdir, "noarch"):
                raise Invalid(f"{archive.name} is for {archive.subdir}, and stands below {subdir}.", field=field)
            if archives.setdefault(archive.name, archive) is not archive:
                raise Invalid(f"{archive.name} stands twice for {subdir}.", field=field)
        elif isinstance(named.get("pypi"), str) and named["pypi"] in pip:
            file = pip[named["pypi"]]
            if files.setdefault(file.name, file) is not file:
                raise Invalid(f"{file.name} of pip stands twice for {subdir}.", field=field)
        else:
            raise Invalid(f"A package of {subdir} is not described.", field=field)
    return Platform(
        conda=tuple(archives[name] for name in sorted(archives)), pip=tuple(files[name] for name in sorted(files))
    )


def _channel(entry: Any, field: str) -> str:
    url = entry.get("url") if isinstance(entry, dict) else entry
    return parse_index(_text(url, "channels", field).rstrip("/"), field)


def _conda(entry: Mapping[str, Any], field: str) -> ExactConda:
    url = _text(entry["conda"], "conda", field)
    if url.startswith("/"):
        url = "file://" + quote(url)  # how pixi writes what lies in a folder
    archive = parse_archive(url, field)
    where = f"{field}: {archive.name}"
    if "#" in url or "?" in url:
        raise Invalid(f"{say_it(url)} has more than an address.", field=where)
    told = {"name": archive.name, "version": archive.version, "build": archive.build, "subdir": archive.subdir}
    for key, value in told.items():
        # Who reads the lock sees these, who installs takes the address: they must say the same.
        if key in entry and _text(entry[key], key, where) != value:
            raise Invalid(f"{say_it(url)} is not what its {key} {say_it(str(entry[key]))} says.", field=where)
    if not _WORD.fullmatch(archive.version) or not _WORD.fullmatch(archive.build):
        raise Invalid(f"{say_it(url)} is not the address of a conda package.", field=where)
    number = entry.get("build_number")
    tail = re.search(r"(?:^|_)(\d{1,9})$", archive.build)
    return ExactConda(
        name=archive.name.lower(),
        version=archive.version,
        build=archive.build,
        build_number=_number(number, "build_number", where) or 0 if number is not None else int(tail[1]) if tail else 0,
        subdir=archive.subdir,
        url=url,
        sha256=_digest(entry, "sha256", 64, where),
        md5=_digest(entry, "md5", 32, where),
        size=_number(entry.get("size"), "size", where),
        license=_optional(entry, "license", where),
        license_family=_optional(entry, "license_family", where),
        noarch=_optional(entry, "noarch", where),
        timestamp=_number(entry.get("timestamp"), "timestamp", where),
        python_site_packages_path=_inside(entry, where),
        depends=_texts(entry, "depends", where),
        constrains=_texts(entry, "constrains", where),
        features=_optional(entry, "features", where),
        track_features=_texts(entry, "track_features", where),
        purls=_texts(entry, "purls", where),
    )


def _pip(entry: Mapping[str, Any], field: str) -> LockedPip:
    url = _text(entry["pypi"], "pypi", field)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "file", "s3"):
        raise Invalid(f"{say_it(url)} is not the address of a Python package.", field=field)
    if parts.fragment or parts.query:
        raise Invalid(f"{say_it(url)} has more than an address.", field=field)
    parse_index(url, field)
    file = unquote(parts.path.rsplit("/", 1)[-1])
    wheel = _WHEEL.fullmatch(file)
    if wheel is None and not _SDIST.fullmatch(file):
        raise Invalid(f"{say_it(url)} is neither a wheel nor a source archive.", field=field)
    name = canonical(_optional(entry, "name", field) or (wheel["name"] if wheel is not None else ""))
    version = _optional(entry, "version", field) or (wheel["version"] if wheel is not None else "")
    where = f"{field}: {name}"
    if not _WORD.fullmatch(name) or not _WORD.fullmatch(version):
        raise Invalid("A Python package of a lock needs its name and version.", field=field)
    if wheel is not None and (canonical(wheel["name"]) != name or not _same_version(wheel["version"], version)):
        raise Invalid(f"{say_it(url)} is not {say_it(f'{name} {version}')}.", field=where)
    return LockedPip(
        name=name,
        version=version,
        url=url,
        sha256=_digest(entry, "sha256", 64, where),
        requires_dist=_texts(entry, "requires_dist", where),
        requires_python=_optional(entry, "requires_python", where),
    )


def _same_version(one: str, other: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(one.replace("_", "-")) == Version(other)
    except InvalidVersion:
        return one == other


def _inside(entry: Mapping[str, Any], field: str) -> str | None:
    path = _optional(entry, "python_site_packages_path", field)
    if path is not None and (path.startswith("/") or "\\" in path or ".." in path.split("/")):
        raise Invalid(f"{say_it(path)} lies outside of the environment.", field=field)
    return path


def _digest(entry: Mapping[str, Any], key: str, length: int, field: str) -> str | None:
    value = _optional(entry, key, field)
    if value is not None and not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", value):
        raise Invalid(f"{say_it(value)} is not a {key}.", field=field)
    return value.lower() if value is not None else None


def _number(value: Any, key: str, field: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,15}", value):
        raise Invalid(f"`{key}` is a number.", field=field)
    return int(value)


def _optional(entry: Mapping[str, Any], key: str, field: str) -> str | None:
    return None if entry.get(key) is None else _text(entry[key], key, field)


def _texts(entry: Mapping[str, Any], key: str, field: str) -> tuple[str, ...]:
    value = entry.get(key)
    values = value.split() if key == "track_features" and isinstance(value, str) else value
    return tuple(_text(each, key, field) for each in _several_of(values, key, field))


def _text(value: Any, key: str, field: str) -> str:
    if not isinstance(value, str) or not _TEXT.fullmatch(value):
        raise Invalid(f"`{key}` is a text of at most 1000 plain characters.", field=field)
    return value


def _map(value: Any, key: str, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"`{key}` is a map.", field=field)
    return value


def _several_of(value: Any, key: str, field: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > _MOST:
        raise Invalid(f"`{key}` is a list of at most {_MOST}.", field=field)
    return value
