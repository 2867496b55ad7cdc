"""What lies between an environment and its list, and who made it so. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..environments.bounds import canonical
from ..environments.exact import ExactConda
from ..environments.lock_file import LockedPip, Platform
from ..environments.model import Manager, Package, Plan, PlanChange, PlanItem
from ..model import Model
from .model import ChangedBy, Drift, DriftItem, ListStatus, PackageList

__all__ = ["Installed", "drift", "installed_of", "is_kept", "missing", "plan", "status_of", "synced_of"]

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


def installed_of(packages: Iterable[Package], digests: Mapping[str, str] | None = None) -> tuple[Installed, ...]:
    """Take what environments know of a prefix; `digests` maps conda's names to hashes."""
    digests = digests or {}
    return tuple(
        Installed(
            name=package.name,
            version=package.version,
            manager=package.manager,
            build=package.build,
            digest=digests.get(package.name) if package.manager == "conda" else None,
            channel=package.channel,
            size=package.size_bytes,
            editable=package.editable,
        )
        for package in packages
    )


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


def plan(installed: Iterable[Installed], wanted: Platform, keep: Sequence[str] = ()) -> Plan:
    """Say what a sync would do: afterwards the environment equals the lock.

    `keep` names packages that stay though no list has them, a `*` at the end for any rest. What somebody works on in a
    folder (pip's `-e`) is removed like any other that isn't kept, because it can't be the same on two machines.
    """
    there = {package.key: package for package in installed}
    add: list[PlanItem] = []
    change: list[PlanChange] = []
    packages: tuple[ExactConda | LockedPip, ...] = (*wanted.conda, *wanted.pip)
    for package in packages:
        manager, name = key = _key(package)
        now = there.pop(key, None)
        build = package.build if isinstance(package, ExactConda) else None
        channel = package.channel if isinstance(package, ExactConda) else None
        size = package.size if isinstance(package, ExactConda) else None
        if now is None:
            add.append(
                PlanItem(
                    name=name,
                    version=package.version,
                    build=build,
                    channel=channel,
                    manager=manager,
                    download_bytes=size,
                )
            )
        elif not equals(now, package):
            change.append(
                PlanChange(
                    name=name,
                    from_version=now.version,
                    to_version=package.version,
                    from_build=now.build,
                    to_build=build,
                    channel=channel,
                    manager=manager,
                    download_bytes=size,
                )
            )
    extra = [package for key, package in sorted(there.items()) if not is_kept(package.name, keep)]
    kept = sorted(package.name for package in there.values() if is_kept(package.name, keep))
    remove = [
        PlanItem(
            name=package.name,
            version=package.version,
            build=package.build,
            channel=package.channel,
            manager=package.manager,
            size_bytes=package.size,
            download_bytes=0,
        )
        for package in extra
    ]
    sizes = [item.download_bytes for item in add] + [item.download_bytes for item in change]
    return Plan(
        add=tuple(add),
        remove=tuple(remove),
        change=tuple(change),
        download_bytes=None if None in sizes else sum(size or 0 for size in sizes),
        notes=(f"Kept though the list doesn't have them: {', '.join(kept)}.",) if kept else (),
    )


def equals(now: Installed, wanted: ExactConda | LockedPip) -> bool:
    """Tell whether what is there is what is wanted: the very bytes where hashes are known, else the same by name."""
    if isinstance(wanted, LockedPip):
        # A folder somebody works in has the version of its last release, and may hold anything.
        return now.version == wanted.version and now.editable is None
    if now.version != wanted.version or now.build != wanted.build:
        return False
    # Of md5 and sha256 an environment may remember the one, a lock the other.
    return now.digest is None or not (digests := _digests(wanted, len(now.digest))) or now.digest.lower() in digests


def is_kept(name: str, keep: Iterable[str]) -> bool:
    """Tell whether a package is one of those that stay."""
    name = canonical(name)
    return any(
        name.startswith(canonical(entry[:-1])) if entry.endswith("*") else name == canonical(entry) for entry in keep
    )


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


def _key(package: ExactConda | LockedPip) -> Key:
    return ("conda", package.name.lower()) if isinstance(package, ExactConda) else ("pip", canonical(package.name))


def _digests(wanted: ExactConda, length: int) -> set[str]:
    return {digest for digest in (wanted.sha256, wanted.md5) if digest is not None and len(digest) == length}


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
