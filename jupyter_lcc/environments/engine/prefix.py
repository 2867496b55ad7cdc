"""What is in an environment, as rattler's records and as what is kept of a version; and what somebody asked for."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from rattler import PrefixRecord

from ...errors import Conflict, OutsideFailure
from ...store import write_json
from ..bounds import canonical
from ..condarc import CondaSettings
from ..exact_reader import origins
from ..find import IdFile, read_id
from ..kept import KeptPip, KeptRecord
from ..packages_of import PackageReader, Record, asked_for, pip_packages
from ..places import ID_FILE

__all__ = [
    "as_record",
    "check_changeable",
    "kept_records",
    "pip_of",
    "post_link",
    "python_of",
    "read_asked",
    "read_prefix",
    "records_of",
    "write_asked",
    "write_id",
]


class _Kept(msgspec.Struct):
    """A record's file, leniently: others wrote it."""

    name: str
    version: str
    build: str = ""
    build_number: int = 0
    channel: Any = None
    subdir: str | None = None
    url: str | None = None
    fn: str | None = None
    md5: str | None = None
    sha256: str | None = None
    size: int | None = None
    timestamp: float | int | None = None
    noarch: str | bool | None = None
    license: str | None = None
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    track_features: Any = None
    python_site_packages_path: str | None = None


_READER = PackageReader(4)
"""A change asks several times for the same records; those of real environments are tens of megabytes."""


def records_of(prefix: str | Path) -> list[Record]:
    """Read conda's records, as far as it is told who owns what; each again only when its file has changed."""
    return _READER.records(str(prefix))


def read_prefix(prefix: str | Path) -> list[PrefixRecord]:
    """Read conda's records. Raises OutsideFailure for one that can't be read: nothing is done on half a knowledge."""
    found = []
    for path in _record_files(prefix):
        try:
            found.append(PrefixRecord.from_path(path))
        except Exception as error:
            raise OutsideFailure(f"{path.name} in conda-meta can't be read: {error}", path=str(path)) from error
    return found


def check_changeable(prefix: str) -> None:
    """Raise Conflict for what isn't an environment, or is one that others froze."""
    folder = Path(prefix, "conda-meta")
    if not folder.is_dir():
        raise Conflict(f"There is no environment at {prefix} any more.", prefix=prefix)
    if (folder / "frozen").exists():
        raise Conflict("This environment is frozen: whoever made it forbids changes.", prefix=prefix)


def kept_records(prefix: str | Path) -> tuple[KeptRecord, ...]:
    """Read what is kept of each record."""
    found = []
    decoder = msgspec.json.Decoder(_Kept)
    for path in _record_files(prefix):
        try:
            raw = decoder.decode(path.read_bytes())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise OutsideFailure(f"{path.name} in conda-meta can't be read: {error}", path=str(path)) from error
        values = msgspec.structs.asdict(raw)
        values["channel"] = raw.channel if isinstance(raw.channel, str) else None
        values["timestamp"] = int(raw.timestamp) if raw.timestamp is not None else None
        values["noarch"] = "generic" if raw.noarch is True else raw.noarch or None
        features = raw.track_features
        values["track_features"] = features if isinstance(features, str) else tuple(features) if features else None
        found.append(KeptRecord(**values))
    return tuple(sorted(found, key=lambda record: record.name))


def as_record(kept: KeptRecord) -> PrefixRecord:
    """Make a record that can be installed of what was kept."""
    values = {key: value for key, value in msgspec.structs.asdict(kept).items() if value not in (None, ())}
    values.setdefault("depends", [])
    values.setdefault("subdir", (kept.url or "").rsplit("/", 2)[-2] if kept.url and "/" in kept.url else "noarch")
    values.setdefault("fn", (kept.url or "").rsplit("/", 1)[-1])
    values |= {"files": [], "paths_data": {"paths_version": 1, "paths": []}, "link": None}
    if kept.timestamp is None:
        values.pop("timestamp", None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{kept.name}-{kept.version}-{kept.build}.json")
        path.write_bytes(msgspec.json.encode(values))
        return PrefixRecord.from_path(path)


def python_of(records: Iterable[Any]) -> str | None:
    """Give the version of Python among records, of rattler's or kept ones."""
    for record in records:
        name = record.name if isinstance(record.name, str) else record.name.normalized
        if name == "python":
            return str(record.version)
    return None


def pip_of(prefix: str | Path, python: str | None) -> tuple[KeptPip, ...]:
    """List pip's packages."""
    owned = {dist for record in records_of(prefix) for dist in record.dists}
    found = pip_packages(str(prefix), python, owned)
    known = origins(str(prefix), python)
    kept = []
    for package in sorted(found, key=lambda package: canonical(package.name)):
        url, sha256 = known.get(canonical(package.name), (None, None))
        kept.append(
            KeptPip(
                name=package.name,
                version=package.version,
                editable=package.editable,
                requested=package.requested,
                url=url,
                sha256=sha256,
            )
        )
    return tuple(kept)


def conda_dists(prefix: str | Path, python: str | None, conda: CondaSettings) -> dict[str, str]:
    """Give the Python distributions that conda owns, with their versions."""
    del conda
    owned = {dist for record in records_of(prefix) for dist in record.dists}
    found: dict[str, str] = {}
    for dist in owned:
        name, _, version = dist.removesuffix(".dist-info").rpartition("-")
        if name and python is not None:
            found[canonical(name)] = version
    return found


def read_asked(prefix: str | Path) -> dict[str, str]:
    """Give what somebody asked for by name, each with its spec."""
    return asked_for(str(prefix), records_of(prefix))


def write_asked(prefix: Path, asked: Mapping[str, str]) -> None:
    """Write into the records which of them somebody asked for, as conda itself does."""
    for path in _record_files(prefix):
        name = path.name[: -len(".json")].rsplit("-", 2)[0]
        spec = asked.get(name)
        raw = path.read_bytes()
        values = msgspec.json.decode(raw)
        wanted = [spec] if spec is not None else []
        if values.get("requested_spec") == spec and (values.get("requested_specs") or []) == wanted:
            continue
        values["requested_specs"] = wanted
        values["requested_spec"] = spec
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(values), indent=2))
        os.replace(temporary, path)


def write_id(prefix: Path, identity: IdFile) -> None:
    """Write who it is."""
    write_json(prefix / ID_FILE, identity)


def identity_of(prefix: str | Path) -> IdFile | None:
    """Read who it is."""
    return read_id(prefix)


def post_link(folder: Path) -> list[str]:
    """Name the packages below an environment, or one package's folder in the cache, that bring a post-link script."""
    try:
        names = os.listdir(folder / "bin")
    except OSError:
        return []
    found = (re.fullmatch(r"\.(.+)-post-link\.sh", name) for name in names)
    return sorted(match[1] for match in found if match is not None)


def _record_files(prefix: str | Path) -> list[Path]:
    folder = Path(prefix, "conda-meta")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [folder / name for name in names if name.endswith(".json") and not name.startswith(".")]
