"""Where lists can be kept, and what reads and writes them there."""

from __future__ import annotations

import re
from pathlib import Path

from ...environments.names import say_it
from ...errors import Invalid
from ..model import SourcePlace
from .model import Source

__all__ = ["open_source"]


def open_source(place: SourcePlace) -> Source:
    """Give the source of a place. Nothing is asked yet. Raises Invalid for a place that can't be one."""
    text = place.place.strip()
    if not text or not text.isprintable():
        raise Invalid("A source is a folder's path, s3://bucket/prefix, or git: and a checkout's path.", field="place")
    if re.search(r"://[^/]*@", text):
        # Said without repeating it: what stands there is a secret.
        raise Invalid("A source is written without a user name and password.", field="place")
    if text.startswith("s3://"):
        return _s3(text, place)
    if text.startswith("git:"):
        from .git import GitSource

        root = _path(text.removeprefix("git:"))
        return GitSource(root, folder=place.folder, branch=place.branch, remote=place.remote)
    from .directory import DirectorySource

    return DirectorySource(_path(text.removeprefix("file://")))


def _s3(text: str, place: SourcePlace) -> Source:
    import msgspec

    from .aws import S3Source, parse_place

    told = {
        name: value
        for name, value in (
            ("region", place.region),
            ("encryption", place.encryption),
            ("kms_key_id", place.kms_key_id),
            ("owner", place.owner),
        )
        if value is not None
    }
    return S3Source(msgspec.structs.replace(parse_place(text), **told))


def _path(text: str) -> Path:
    if "://" in text:
        raise Invalid(
            f"{say_it(text)} can't be a source; write a folder's path, s3://bucket/prefix, or git: and a path.",
            field="place",
        )
    path = Path(text).expanduser()
    if not path.is_absolute() or ".." in path.parts:
        raise Invalid(f"{say_it(text)} is not an absolute path.", field="place")
    return path
