"""What the administrator allows: channels, indexes, packages, room. Pure.

Checked before anything is solved and, on what was solved, again before anything is written; the panel, REST and
the command line all come this way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import OutOfBounds
from ..model import Model
from .names import say_it

__all__ = [
    "NOTHING_ALLOWED",
    "EnvironmentSettings",
    "canonical",
    "channel_allowed",
    "check_channel",
    "check_index",
    "check_index_file",
    "check_package",
    "check_room",
    "without_secrets",
]


class EnvironmentSettings(Model, frozen=True, kw_only=True):
    """What `LccEnvironments` says. Null or empty: no bound.

    `channels` are used instead of the user's own; `folder` and `cache_dir` are paths, `trash_days` 0 keeps deleted
    environments until somebody purges them.
    """

    allowed_channels: tuple[str, ...] | None = None
    allowed_indexes: tuple[str, ...] | None = None
    denied_packages: tuple[str, ...] = ()
    quota_bytes: int = 0
    trash_days: int = 7
    channels: tuple[str, ...] = ()
    folder: str = ""
    cache_dir: str = ""


_FILES_OF = {"pypi.org": ("https://files.pythonhosted.org/*",)}
"""Where an index keeps its files, if not beside itself."""

NOTHING_ALLOWED = EnvironmentSettings(allowed_channels=(), allowed_indexes=(), denied_packages=("*",))
"""What holds where the administrator's bounds can't be read."""


def canonical(name: str) -> str:
    """Give a package's name as conda and pip compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def without_secrets(url: str) -> str:
    """Take a password or a token out of a channel's address, for showing and comparing."""
    url = re.sub(r"^([a-z0-9+.-]+://)[^/@]*@", r"\1", url, flags=re.IGNORECASE)
    return re.sub(r"/t/[^/]+(?=/|$)", "", url)


def channel_allowed(url: str, allowed: Iterable[str]) -> bool:
    """Tell whether a channel's full address is one of the allowed ones, or lies below one that ends with `/*`."""
    wanted = _plain(url)
    for entry in allowed:
        if entry.endswith("/*"):
            if wanted.startswith(_plain(entry[:-2]) + "/"):
                return True
        elif wanted == _plain(entry):
            return True
    return False


def check_channel(shown: str, url: str, allowed: Iterable[str] | None, *, field: str = "channels") -> None:
    """Raise OutOfBounds for a channel that isn't allowed. `allowed` are full addresses."""
    if allowed is None:
        return
    entries = tuple(allowed)
    if not channel_allowed(url, entries):
        shown = without_secrets(shown)
        raise OutOfBounds(
            f"The channel {say_it(shown)} is not allowed here.",
            field=field,
            value=shown[:200],
            allowed=[without_secrets(entry) for entry in entries],
        )


def check_index(url: str, allowed: Iterable[str] | None) -> None:
    """Raise OutOfBounds for an index of Python packages that isn't allowed."""
    if allowed is None:
        return
    entries = tuple(allowed)
    if not channel_allowed(url, entries):
        shown = without_secrets(url)
        raise OutOfBounds(
            f"The package index {say_it(shown)} is not allowed here.",
            field="pip",
            value=shown[:200],
            allowed=[without_secrets(entry) for entry in entries],
        )


def check_index_file(url: str, allowed: Iterable[str] | None) -> None:
    """Raise OutOfBounds for a Python package's archive that lies in none of the allowed indexes.

    An index `…/simple` keeps files beside itself, so everything below its parent is its own.
    """
    if allowed is None:
        return
    entries = tuple(allowed)
    for entry in entries:
        root = re.sub(r"/\+?simple/?$", "", entry.removesuffix("/*").rstrip("/"))
        found = re.match(r"[a-zA-Z0-9+.-]+://([^/]+)", root)
        more = _FILES_OF.get(found[1].lower(), ()) if found is not None else ()
        if channel_allowed(url, (f"{root}/*", *more)):
            return
    shown = without_secrets(url)
    raise OutOfBounds(
        f"The place {say_it(shown)} of a Python package is not allowed here.",
        field="pip",
        value=shown[:200],
        allowed=[without_secrets(entry) for entry in entries],
    )


def check_package(name: str, denied: Iterable[str], *, field: str = "packages") -> None:
    """Raise OutOfBounds for a package the administrator denies; an entry may end with `*`."""
    wanted = canonical(name)
    for entry in denied:
        pattern = entry.removesuffix("*")
        if wanted == canonical(entry) if pattern == entry else wanted.startswith(canonical(pattern)):
            raise OutOfBounds(f"The package {say_it(name)} is not allowed here.", field=field, value=name[:200])


def check_room(used: int | None, more: int | None, quota: int) -> None:
    """Raise OutOfBounds where environments take all the room they may, or would with what is added."""
    if not quota or used is None:
        return
    if used >= quota or used + (more or 0) > quota:
        raise OutOfBounds(
            f"Environments may take {_size(quota)} in all; {_size(used)} are used"
            + (f" and {_size(more)} would be added." if more else "."),
            field="quota_bytes",
            value=used + (more or 0),
            max=quota,
        )


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def _plain(url: str) -> str:
    url = without_secrets(url).rstrip("/")
    scheme, sign, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{sign}{host.lower()}{slash}{path}" if sign else url
