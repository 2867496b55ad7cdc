"""What lies between an environment and its list, and who made it so. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..environments.bounds import canonical
from ..environments.lock_file import Platform
from ..environments.model import Manager, Plan
from ..model import Model
from .model import ChangedBy, Drift, DriftItem, ListStatus, PackageList

__all__ = ["Installed", "drift", "missing", "status_of", "synced_of"]

Key = tuple[Manager, str]


class Installed(Model, frozen=True, kw_only=True):
    """One package that is there. `digest` is its archive's sha256 or md5, null where nobody remembers."""

    name: str
    version: str
    manager: Manager = "conda"
    build: str | None = None
    digest: str | None = None
    channel: str | None = None
    size: int | None = None
    editable: str | None = None

    @property
    def key(self) -> Key:
        """What it is found by: names are written in many ways, and conda's and pip's are apart."""
        return self.manager, canonical(self.name) if self.manager == "pip" else self.name.lower()


def synced_of(platform: Platform) -> tuple[Installed, ...]:
    """Take a lock for what is there once it was synced."""
    conda = (
        Installed(
            name=p.name, version=p.version, build=p.build, digest=p.sha256 or p.md5, channel=p.channel, size=p.size
        )
        for p in platform.conda
    )
    pip = (Installed(name=p.name, version=p.version, manager="pip", digest=p.sha256) for p in platform.pip)
    return (*conda, *pip)


def drift(synced: Iterable[Installed] | None, installed: Iterable[Installed], wanted: Platform) -> Drift:
    """Say what changed since the last sync, and on which side.

    `synced` is what was there right after it (None: never synced). What both sides changed alike is no drift.
    """
    if synced is None:
        return Drift(known=False)
    was, now = ({package.key: package for package in side} for side in (synced, installed))
    then = {package.key: package for package in synced_of(wanted)}
    items = []
    for key in sorted(was.keys() | now.keys() | then.keys()):
        texts = [_text(side.get(key)) for side in (was, now, then)]
        here, there = _differs(was.get(key), now.get(key)), _differs(was.get(key), then.get(key))
        if not _differs(now.get(key), then.get(key)) or not (here or there):
            continue
        by: ChangedBy = "both" if here and there else "here" if here else "list"
        items.append(
            DriftItem(name=key[1], manager=key[0], synced=texts[0], installed=texts[1], wanted=texts[2], by=by)
        )
    return Drift(items=tuple(items))


def missing(wanted: PackageList, installed: Iterable[Installed]) -> tuple[str, ...]:
    """Name what a list asks for that isn't there at all: the least that can be told without a lock and a solver."""
    there = {package.key for package in installed}
    # What pip was asked for may be there by conda.
    names = {canonical(name) for _, name in there}
    conda = [name for name in wanted.conda if ("conda", name) not in there]
    pip = [key for key in wanted.pip if ";" not in key and key not in names]
    return (*conda, *pip)


def status_of(found: Plan, changed: Drift, *, synced_revision: int | None, newest: int) -> ListStatus:
    """Say in a word how an environment stands to its list."""
    if not (found.add or found.remove or found.change):
        return "in_sync"
    behind = synced_revision is None or synced_revision < newest
    here = any(item.by in ("here", "both") for item in changed.items)
    if not behind:
        return "drifted"
    return "drifted_and_behind" if here else "behind"


def _differs(one: Installed | None, other: Installed | None) -> bool:
    if one is None or other is None:
        return one is not other
    if one.version != other.version or one.editable != other.editable:
        return True
    if one.manager == "pip":
        return False
    known = one.digest is not None and other.digest is not None and len(one.digest) == len(other.digest)
    return one.build != other.build or (known and one.digest != other.digest)


def _text(package: Installed | None) -> str | None:
    if package is None:
        return None
    return f"{package.version} {package.build}" if package.build else package.version
