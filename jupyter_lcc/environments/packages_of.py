"""What is installed in an environment: conda's records and pip's `*.dist-info`, read straight from the files.

Nothing is started. A record is read once; as long as a file keeps its time and size it is taken from memory.
Everything here blocks; call it from a thread.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Mapping
from email.parser import HeaderParser
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from ..model import sendable
from .bounds import canonical
from .condarc import CondaSettings
from .find import Stamp, stamp_of
from .model import Package

__all__ = ["PackageReader", "Record", "asked_for", "read_records"]


class _Path(msgspec.Struct, gc=False):
    size_in_bytes: int | None = None


class _Paths(msgspec.Struct):
    paths: tuple[_Path, ...] = ()


class _Raw(msgspec.Struct):
    name: str
    version: str
    build: str = ""
    build_number: int = 0
    channel: str | None = None
    subdir: str | None = None
    url: str | None = None
    fn: str | None = None
    md5: str | None = None
    sha256: str | None = None
    size: int | None = None
    depends: tuple[str, ...] = ()
    requested_spec: str | None = None
    requested_specs: tuple[str, ...] | None = None
    paths_data: _Paths | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One conda package of a prefix. `dists` are its Python metadata's folders, `installed_bytes` what it holds."""

    name: str
    version: str
    build: str
    build_number: int
    channel: str | None
    subdir: str | None
    url: str | None
    md5: str | None
    sha256: str | None
    installed_bytes: int | None
    requested: tuple[str, ...]
    depends: tuple[str, ...]
    dists: tuple[str, ...]


_DECODER = msgspec.json.Decoder(_Raw)


class PackageReader:
    """Remembers what it read of the environments somebody looked at last; for one thread at a time."""

    def __init__(self, most: int = 20) -> None:
        self._most = most
        self._records: OrderedDict[str, dict[str, tuple[int, int, Record]]] = OrderedDict()
        self._lists: OrderedDict[str, tuple[Stamp, tuple[Package, ...]]] = OrderedDict()

    def packages(self, prefix: str, python: str | None, conda: CondaSettings) -> tuple[Package, ...]:
        """List what is installed, by name."""
        stamp = stamp_of(prefix, python)
        known = self._lists.get(prefix)
        if stamp is not None and known is not None and known[0] == stamp:
            return known[1]
        records = self.records(prefix)
        asked = asked_for(prefix, records)
        found = [_conda_package(record, record.name in asked, conda) for record in records]
        owned = {dist for record in records for dist in record.dists}
        found += pip_packages(prefix, python, owned)
        listed = tuple(sorted(found, key=lambda package: (package.name.lower(), package.manager)))
        if stamp is not None:
            _keep(self._lists, prefix, (stamp, listed), self._most)
        return listed

    def records(self, prefix: str) -> list[Record]:
        """Read conda's records, each only where its file has changed."""
        known = self._records.get(prefix, {})
        read: dict[str, tuple[int, int, Record]] = {}
        folder = f"{prefix}/conda-meta"
        try:
            with os.scandir(folder) as entries:
                names = [e.name for e in entries if e.name.endswith(".json") and not e.name.startswith(".")]
        except OSError:
            names = []
        for name in names:
            try:
                before = known.get(name)
                with open(f"{folder}/{name}", "rb", buffering=0) as file:
                    status = os.fstat(file.fileno())
                    if before is not None and before[:2] == (status.st_mtime_ns, status.st_size):
                        read[name] = before
                        continue
                    raw = file.read()
                read[name] = (status.st_mtime_ns, status.st_size, _record(raw))
            except (OSError, msgspec.DecodeError, UnicodeDecodeError):
                continue  # gone meanwhile, or broken: the doctor tells of it
        _keep(self._records, prefix, read, self._most)
        return [entry[2] for entry in read.values()]


def read_records(prefix: str) -> list[Record]:
    """Read conda's records once."""
    return PackageReader(1).records(prefix)


def asked_for(prefix: str, records: list[Record]) -> dict[str, str]:
    """Give the packages somebody asked for by name, each with its spec.

    What the records say counts; conda itself writes it there since 4.x, others only into the history.
    """
    asked = {record.name: record.requested[0] for record in records if record.requested}
    if asked:
        return asked
    installed = {record.name for record in records}
    return {name: spec for name, spec in _from_history(prefix).items() if name in installed}


def pip_packages(prefix: str, python: str | None, owned: set[str]) -> list[Package]:
    """List the distributions that belong to no conda package."""
    if python is None:
        return []
    folder = f"{prefix}/lib/python{'.'.join(python.split('.')[:2])}/site-packages"
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".dist-info")]
    except OSError:
        return []
    return [
        _pip_package(f"{folder}/{name}") for name in names if name not in owned and not _conda_says_so(folder, name)
    ]


def _record(raw: bytes) -> Record:
    value = _DECODER.decode(raw)
    paths = value.paths_data.paths if value.paths_data is not None else ()
    sizes = [path.size_in_bytes for path in paths if path.size_in_bytes is not None]
    requested = value.requested_specs or ((value.requested_spec,) if value.requested_spec else ())
    return Record(
        name=value.name,
        version=value.version,
        build=value.build,
        build_number=value.build_number,
        channel=value.channel or (value.url.rsplit("/", 1)[0] if value.url else None),
        subdir=value.subdir,
        url=value.url,
        md5=value.md5,
        sha256=value.sha256,
        installed_bytes=sum(sizes) if sizes else value.size,
        requested=tuple(spec for spec in requested if spec and spec != "None"),
        depends=value.depends,
        dists=_dists(raw),
    )


def _dists(raw: bytes) -> tuple[str, ...]:
    # Far faster than decoding the list of files, of which a record may have thousands.
    found: set[bytes] = set()
    at = raw.find(b".dist-info/")
    while at >= 0:
        begin = raw.rfind(b"/", max(at - 300, 0), at) + 1
        found.add(raw[begin : at + 10])
        at = raw.find(b".dist-info/", at + 10)
    return tuple(name.decode("utf-8", "replace") for name in found)


def _conda_package(record: Record, requested: bool, conda: CondaSettings) -> Package:
    return Package(
        name=sendable(record.name),
        version=sendable(record.version),
        build=sendable(record.build),
        channel=sendable(conda.short(record.channel)) if record.channel else None,
        requested=requested,
        size_bytes=record.installed_bytes,
    )


def _conda_says_so(folder: str, name: str) -> bool:
    try:
        with open(f"{folder}/{name}/INSTALLER", "rb") as file:
            return file.read(64).strip() == b"conda"
    except OSError:
        return False


def _pip_package(folder: str) -> Package:
    dist, _, version = os.path.basename(folder).removesuffix(".dist-info").rpartition("-")
    headers: Mapping[str, Any] = {}
    try:
        with open(f"{folder}/METADATA", encoding="utf-8", errors="replace") as file:
            headers = dict(HeaderParser().parsestr(file.read(64 * 1024)))
    except OSError:
        pass
    return Package(
        name=sendable(str(headers.get("Name") or dist or "?")),
        version=sendable(str(headers.get("Version") or version)),
        manager="pip",
        channel="pypi",
        requested=os.path.exists(f"{folder}/REQUESTED"),
        size_bytes=_recorded_size(folder),
        editable=_editable(folder),
    )


def _recorded_size(folder: str) -> int | None:
    total = 0
    try:
        with open(f"{folder}/RECORD", encoding="utf-8", errors="replace") as file:
            for line in file:
                size = line.rstrip("\r\n").rpartition(",")[2]
                total += int(size) if size.isdecimal() else 0
    except OSError:
        return None
    return total


def _editable(folder: str) -> str | None:
    try:
        with open(f"{folder}/direct_url.json", "rb") as file:
            value = msgspec.json.decode(file.read(64 * 1024))
        if isinstance(value, dict) and (value.get("dir_info") or {}).get("editable"):
            return sendable(unquote(urlsplit(str(value.get("url"))).path))
    except (OSError, ValueError, AttributeError):
        pass
    return None


def _from_history(prefix: str) -> dict[str, str]:
    try:
        with open(f"{prefix}/conda-meta/history", encoding="utf-8", errors="replace") as file:
            lines = file.read(4 * 1024 * 1024).splitlines()
    except OSError:
        return {}
    asked: dict[str, str] = {}
    for line in lines:
        found = re.match(r"# (update|install|create|remove|uninstall|neutered) specs: (.*)$", line)
        if found is None:
            continue
        specs = re.findall(r"'([^']*)'|\"([^\"]*)\"", found[2]) or [(word, "") for word in found[2].split(",")]
        for one, two in specs:
            spec = (one or two).strip()
            name = re.match(r"(?:[^:\s]+::)?([A-Za-z0-9_][A-Za-z0-9_.-]*)", spec)
            if name is None:
                continue
            if found[1] in ("remove", "uninstall"):
                asked.pop(canonical(name[1]), None)
                asked.pop(name[1], None)
            else:
                asked[name[1]] = spec
    return asked


def _keep(cache: OrderedDict[str, Any], key: str, value: Any, most: int) -> None:
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > most:
        cache.popitem(last=False)
