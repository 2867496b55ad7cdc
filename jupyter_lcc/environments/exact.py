"""An environment down to the last package, on one platform: what is installed, what is to be, and what lies between.

Pure. A lock says it for every platform; an environment that equals it has these packages and no others, but those
that somebody wants to keep.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from ..errors import Conflict, Invalid, Unsatisfiable
from ..model import Model
from .bounds import (
    EnvironmentSettings,
    canonical,
    check_channel,
    check_index,
    check_index_file,
    check_package,
    without_secrets,
)
from .files import parse_archive
from .model import Plan, PlanChange, PlanItem
from .names import say_it
from .specs import parse_index, parse_name

__all__ = [
    "Exact",
    "ExactConda",
    "ExactPip",
    "Installed",
    "Step",
    "check_exact",
    "is_kept",
    "plan_digest",
    "plan_of",
    "refuse_other",
    "step_of",
]

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.!+~*-]{0,199}", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.!+%-]*\.(?:whl|tar\.gz|zip)", re.ASCII)


class ExactConda(Model, frozen=True, kw_only=True):
    """One archive of a channel. What follows `size` is what channels tell of it, so that no channel need be asked.

    `timestamp` is milliseconds since 1970.
    """

    name: str
    version: str
    build: str
    subdir: str
    url: str
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None
    build_number: int = 0
    license: str | None = None
    license_family: str | None = None
    noarch: str | None = None
    timestamp: int | None = None
    python_site_packages_path: str | None = None
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    features: str | None = None
    track_features: tuple[str, ...] = ()
    purls: tuple[str, ...] = ()

    @property
    def channel(self) -> str:
        """The channel's address, without secrets."""
        return without_secrets(self.url.rsplit("/", 2)[0]) if self.url.count("/") > 2 else "unknown"

    @property
    def file_name(self) -> str:
        """The archive's name."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def stem(self) -> str:
        """What its record and its folder in the cache are called."""
        return f"{self.name}-{self.version}-{self.build}"


class ExactPip(Model, frozen=True, kw_only=True):
    """One package of pip. Address and hash are null where an environment does not remember from what it was installed.

    `editable` is the folder somebody works in (pip's `-e`); no lock has such.
    """

    name: str
    version: str
    url: str | None = None
    sha256: str | None = None
    requires_dist: tuple[str, ...] = ()
    requires_python: str | None = None
    editable: str | None = None

    @property
    def file_name(self) -> str:
        """The wheel's name, "" where it isn't known."""
        return (self.url or "").rsplit("/", 1)[-1]


class Exact(Model, frozen=True, kw_only=True):
    """Every package on one platform (`linux-64`). Channels and indexes are full addresses, the first counts first.

    `notes` are sentences for a person.
    """

    platform: str
    channels: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    conda: tuple[ExactConda, ...] = ()
    pip: tuple[ExactPip, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Installed:
    """What is there.

    `damaged` names conda's packages whose Python metadata somebody else has overwritten, with pip most often;
    `overwriting` the distributions that stand in their place with the same name and version.
    """

    exact: Exact
    damaged: frozenset[str] = frozenset()
    overwriting: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Step:
    """What lies between, in conda's names and pip's names as pip compares them."""

    conda_add: tuple[ExactConda, ...] = ()
    conda_change: tuple[tuple[ExactConda, ExactConda], ...] = ()
    conda_remove: tuple[ExactConda, ...] = ()
    pip_add: tuple[ExactPip, ...] = ()
    pip_change: tuple[tuple[ExactPip, ExactPip], ...] = ()
    pip_remove: tuple[ExactPip, ...] = ()
    conda_kept: tuple[ExactConda, ...] = ()
    pip_kept: tuple[ExactPip, ...] = ()

    @property
    def nothing(self) -> bool:
        """Tell whether it is equal already."""
        conda = self.conda_add or self.conda_change or self.conda_remove
        return not (conda or self.pip_add or self.pip_change or self.pip_remove)


def check_exact(wanted: Exact, subdir: str, settings: EnvironmentSettings) -> None:
    """Hold a lock against what is allowed, and against itself: it comes from where strangers write.

    `settings.allowed_channels` are full addresses. Raises Invalid, OutOfBounds, Unsatisfiable.
    """
    if wanted.platform != subdir:
        raise Invalid(
            f"This is for {say_it(wanted.platform)}, and this machine is {subdir}; it has to be solved for it first.",
            field="platform",
            value=wanted.platform,
        )
    names = [package.name for package in wanted.conda]
    pip_names = [canonical(package.name) for package in wanted.pip]
    for listed in (names, pip_names):
        if len(set(listed)) < len(listed):
            twice = next(name for name in listed if listed.count(name) > 1)
            raise Invalid(f"{say_it(twice)} is named more than once.", field="lock", value=twice)
    for channel in wanted.channels:
        check_channel(channel, parse_index(channel, "channels"), settings.allowed_channels)
    for index in wanted.indexes:
        check_index(parse_index(index, "indexes"), settings.allowed_indexes)
    for archive in wanted.conda:
        _check_conda(archive, subdir, settings)
    conda = {canonical(name) for name in names}
    for file in wanted.pip:
        _check_pip(file, settings)
        if canonical(file.name) in conda:
            raise Unsatisfiable(f"{file.name} is conda's package and pip's; take it from one of them.", field="pip")


def _check_conda(archive: ExactConda, subdir: str, settings: EnvironmentSettings) -> None:
    where = f"lock: {archive.name[:100]}"
    told = parse_archive(archive.url, where)
    theirs = (told.name.lower(), told.version, told.build, told.subdir)
    if theirs != (archive.name, archive.version, archive.build, archive.subdir):
        raise Invalid(f"{say_it(archive.url)} is not {say_it(archive.name)} {say_it(archive.version)}.", field=where)
    if not all(_WORD.fullmatch(part) for part in (archive.version, archive.build)):
        raise Invalid(f"{say_it(archive.url)} is not the address of a conda package.", field=where)
    if archive.subdir not in (subdir, "noarch"):
        raise Invalid(f"{archive.name} is for {archive.subdir}.", field="platform", value=archive.subdir)
    _check_digests(archive.sha256, archive.md5, where)
    check_package(archive.name, settings.denied_packages)
    check_channel(archive.channel, archive.channel, settings.allowed_channels)


def _check_pip(file: ExactPip, settings: EnvironmentSettings) -> None:
    where = f"lock: {file.name[:100]}"
    parse_name(file.name, where)
    if not _WORD.fullmatch(file.version):
        raise Invalid(f"{say_it(file.version)} is not a version.", field=where)
    if file.editable is not None:
        raise Invalid(f"{file.name} is somebody's own folder; it can't be had elsewhere.", field="pip", name=file.name)
    _check_digests(file.sha256, None, where)
    check_package(file.name, settings.denied_packages, field="pip")
    if file.url is not None:
        parse_index(file.url, where)
        if not _FILE.fullmatch(file.file_name) or re.search(r"[$;#]", file.url):
            raise Invalid(f"{say_it(file.url)} is not the address of a Python package.", field=where)
        check_index_file(file.url, settings.allowed_indexes)


def _check_digests(sha256: str | None, md5: str | None, field: str) -> None:
    for value, length in ((sha256, 64), (md5, 32)):
        if value is not None and not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", value):
            raise Invalid(f"{say_it(value)} is not a hash.", field=field)


def step_of(now: Installed | None, wanted: Exact, keep: Sequence[str] = ()) -> Step:
    """Tell what lies between an environment (None: there is none yet) and what it is to equal.

    `keep` names packages that stay though they aren't wanted, a `*` at the end for any rest; what they need stays too.
    What somebody works on in a folder is an extra like any other.
    """
    there = now.exact if now is not None else Exact(platform=wanted.platform)
    damaged = now.damaged if now is not None else frozenset()
    conda_now = {package.name.lower(): package for package in there.conda}
    pip_now = {canonical(package.name): package for package in there.pip}
    conda_then = {package.name.lower(): package for package in wanted.conda}
    pip_then = {canonical(package.name): package for package in wanted.pip}
    conda_extra = {name: package for name, package in conda_now.items() if name not in conda_then}
    pip_extra = {name: package for name, package in pip_now.items() if name not in pip_then}
    conda_kept, pip_kept = _kept(conda_extra, pip_extra, keep)
    # Both managers would write the same files.
    pip_kept -= {canonical(name) for name in conda_then}
    return Step(
        conda_add=tuple(package for name, package in conda_then.items() if name not in conda_now),
        conda_change=tuple(
            (conda_now[name], package)
            for name, package in conda_then.items()
            if name in conda_now and (name in damaged or not _same_conda(conda_now[name], package))
        ),
        conda_remove=tuple(package for name, package in conda_extra.items() if name not in conda_kept),
        pip_add=tuple(package for name, package in pip_then.items() if name not in pip_now),
        pip_change=tuple(
            (pip_now[name], package)
            for name, package in pip_then.items()
            if name in pip_now and not _same_pip(pip_now[name], package)
        ),
        pip_remove=tuple(package for name, package in pip_extra.items() if name not in pip_kept),
        conda_kept=tuple(package for name, package in conda_extra.items() if name in conda_kept),
        pip_kept=tuple(package for name, package in pip_extra.items() if name in pip_kept),
    )


def plan_of(step: Step, here: Container[str] = ()) -> Plan:
    """Write it as a plan. `here` are the archives in the cache, `name-version-build`: they needn't be downloaded."""

    def download(package: ExactConda) -> int | None:
        return 0 if package.stem in here else package.size

    add = [_conda_item(package, download(package)) for package in step.conda_add]
    add += [_pip_item(package) for package in step.pip_add]
    remove = [_conda_item(package, None) for package in step.conda_remove]
    remove += [_pip_item(package) for package in step.pip_remove]
    change = [
        PlanChange(
            name=new.name,
            from_version=old.version,
            to_version=new.version,
            from_build=old.build,
            to_build=new.build,
            channel=new.channel,
            size_bytes=new.size,
            download_bytes=download(new),
        )
        for old, new in step.conda_change
    ]
    change += [
        PlanChange(name=new.name, from_version=old.version, to_version=new.version, channel="pypi", manager="pip")
        for old, new in step.pip_change
    ]
    sizes = [download(package) for package in (*step.conda_add, *(new for _, new in step.conda_change))]
    known = None not in sizes and not (step.pip_add or step.pip_change)
    kept = sorted({package.name for package in step.conda_kept} | {package.name for package in step.pip_kept})
    notes = [f"Kept though the list doesn't have them: {', '.join(kept)}."] if kept else []
    notes += _of_another_python(step)
    return Plan(
        add=tuple(sorted(add, key=_by_name)),
        remove=tuple(sorted(remove, key=_by_name)),
        change=tuple(sorted(change, key=_by_name)),
        download_bytes=sum(size or 0 for size in sizes) if known else None,
        notes=tuple(notes),
    )


def _of_another_python(step: Step) -> list[str]:
    """Say what follows where Python's minor version changes: the plan's lines tell of none of it."""
    moved = next(((old, new) for old, new in step.conda_change if new.name.lower() == "python"), None)
    if moved is None:
        return []
    before, after = (".".join(package.version.split(".")[:2]) for package in moved)
    if before == after:
        return []
    told = [f"Python changes from {before} to {after}, so pip's packages are installed anew."]
    if step.conda_kept or step.pip_kept:
        told.append(f"What is kept was made for Python {before} and may not work with {after}.")
    return told


def plan_digest(plan: Plan, wanted: Exact) -> str:
    """Name a plan: the same as long as the same packages would come from the same archives, go, and change."""
    archives: Mapping[tuple[str, str], str | None] = {
        **{("conda", package.name): package.sha256 or package.md5 or package.url for package in wanted.conda},
        **{("pip", canonical(package.name)): package.sha256 or package.url for package in wanted.pip},
    }

    def archive(item: PlanItem | PlanChange) -> str | None:
        return archives.get((item.manager, canonical(item.name) if item.manager == "pip" else item.name))

    lines: list[tuple[str | None, ...]] = [("platform", wanted.platform)]
    lines += sorted(("add", i.manager, i.name, i.version, i.build or "", archive(i) or "") for i in plan.add)
    lines += sorted(("remove", i.manager, i.name, i.version, i.build or "") for i in plan.remove)
    lines += sorted(
        (
            *("change", c.manager, c.name, c.from_version, c.from_build or ""),
            *(c.to_version, c.to_build or "", archive(c) or ""),
        )
        for c in plan.change
    )
    return hashlib.sha256(msgspec.json.encode(lines)).hexdigest()


def refuse_other(step: Step, wanted: Exact, expected: str | None) -> None:
    """Raise Conflict with the new plan and its digest where it isn't the one somebody saw, `expected`."""
    if expected is None:
        return
    plan = plan_of(step)
    digest = plan_digest(plan, wanted)
    if digest != expected:
        raise Conflict(
            "The environment or the list has changed since this plan was shown; nothing was done. Look at the new one.",
            plan=msgspec.to_builtins(plan),
            digest=digest,
        )


def is_kept(name: str, keep: Iterable[str]) -> bool:
    """Tell whether a package is one of those that stay."""
    name = canonical(name)
    return any(
        name.startswith(canonical(entry[:-1])) if entry.endswith("*") else name == canonical(entry) for entry in keep
    )


def _kept(
    conda: Mapping[str, ExactConda], pip: Mapping[str, ExactPip], keep: Sequence[str]
) -> tuple[set[str], set[str]]:
    """Name the extras that stay: those somebody keeps, and the extras they need."""
    conda_kept = {name for name in conda if is_kept(name, keep)}
    pip_kept = {name for name in pip if is_kept(name, keep)}
    todo = [spec for name in conda_kept for spec in conda[name].depends]
    todo += [spec for name in pip_kept for spec in pip[name].requires_dist]
    by_pip_name = {canonical(name): name for name in conda}
    while todo:
        name = _named_by(todo.pop())
        if name in conda and name not in conda_kept:
            conda_kept.add(name)
            todo += conda[name].depends
        elif canonical(name) in pip and canonical(name) not in pip_kept:
            pip_kept.add(canonical(name))
            todo += pip[canonical(name)].requires_dist
        elif (other := by_pip_name.get(canonical(name))) is not None and other not in conda_kept:
            conda_kept.add(other)
            todo += conda[other].depends
    return conda_kept, pip_kept


def _named_by(spec: str) -> str:
    """Give the name at the head of a dependency of either manager."""
    text = spec.rsplit("::", 1)[-1].strip()
    length = next((at for at, sign in enumerate(text) if not (sign.isalnum() or sign in "._-")), len(text))
    return text[:length].lower()


def _same_conda(now: ExactConda, wanted: ExactConda) -> bool:
    """The very bytes where hashes are known of both, else the same by name."""
    if (now.version, now.build) != (wanted.version, wanted.build):
        return False
    for one, other in ((now.sha256, wanted.sha256), (now.md5, wanted.md5)):
        if one and other:
            return one.lower() == other.lower()
    return True


def _same_pip(now: ExactPip, wanted: ExactPip) -> bool:
    if now.editable is not None or not _same_version(now.version, wanted.version):
        return False
    return not (now.sha256 and wanted.sha256) or now.sha256.lower() == wanted.sha256.lower()


def _same_version(one: str, other: str) -> bool:
    """Tell whether two versions are the same: an index writes 2.1, where a package itself may say 2.01."""
    if one == other:
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def _conda_item(package: ExactConda, download_bytes: int | None) -> PlanItem:
    return PlanItem(
        name=package.name,
        version=package.version,
        build=package.build,
        channel=package.channel,
        size_bytes=package.size,
        download_bytes=download_bytes,
    )


def _pip_item(package: ExactPip) -> PlanItem:
    return PlanItem(name=package.name, version=package.version, channel="pypi", manager="pip")


def _by_name(item: PlanItem | PlanChange) -> tuple[str, str]:
    return item.name.lower(), item.manager
