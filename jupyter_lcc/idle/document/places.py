"""Where a policy document can be, and who reads it there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .aws import ParameterReader, S3Reader
from .file import FileReader
from .model import PolicySource, Unavailable

__all__ = ["ENVIRONMENT", "SYSTEM_FILE", "find_source", "reader_for"]

SYSTEM_FILE = Path("/etc/jupyter/lcc-policy.json")
"""Always read where it exists, before anything a user could configure."""

ENVIRONMENT = "LCC_POLICY_SOURCE"


def find_source(environment: Mapping[str, str], configured: str, system_file: Path = SYSTEM_FILE) -> PolicySource:
    """Say where the document is: the machine's own file, then the environment, then Jupyter's configuration."""
    if system_file.exists():
        return PolicySource(place=str(system_file), found_by="system_file")
    if named := environment.get(ENVIRONMENT, "").strip():
        return PolicySource(place=named, found_by="environment")
    if configured.strip():
        return PolicySource(place=configured.strip(), found_by="config")
    return PolicySource(place="", found_by="none")


def reader_for(place: str, region: str | None) -> FileReader | S3Reader | ParameterReader | NowhereReader:
    """Give the reader for a path, `s3://bucket/key` or `ssm:/name`."""
    scheme, sign, rest = place.partition(":")
    if sign and scheme == "s3":
        bucket, _, key = rest.removeprefix("//").partition("/")
        if not rest.startswith("//") or not bucket or not key:
            return NowhereReader(f"{place!r} names no object; write s3://bucket/key.")
        return S3Reader(bucket, key, region)
    if sign and scheme == "ssm":
        return ParameterReader(rest, region) if rest else NowhereReader("It names no parameter; write ssm:/name.")
    if "://" in place:
        return NowhereReader(f"{scheme}:// can't be read; write a path, s3://bucket/key or ssm:/name.")
    path = Path(place).expanduser()
    return FileReader(path) if path.is_absolute() else NowhereReader(f"{place!r} is not an absolute path.")


class NowhereReader:
    """Stands for a place that can't be one, so that it is told like any other failure."""

    cheap = False

    def __init__(self, why: str) -> None:
        self._why = why

    def read(self) -> bytes | None:
        raise Unavailable(self._why)
