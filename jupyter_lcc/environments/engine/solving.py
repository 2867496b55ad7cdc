"""From a wish to the exact packages, and whether those are allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rattler import (
    ChannelPriority,
    GenericVirtualPackage,
    MatchSpec,
    PackageName,
    RepoDataRecord,
    Version,
    VirtualPackage,
    VirtualPackageOverrides,
    solve,
)
from rattler.exceptions import SolverError
from rattler.package import BuildString

from ...errors import Invalid, NotReachable, OutOfBounds, Unsatisfiable
from ..bounds import channel_allowed, check_channel, check_package, without_secrets
from ..engine_model import Surroundings
from ..files import Archive
from ..kept import KeptRecord
from ..places import current_subdir
from ..wishes import Wish
from .network import Network
from .prefix import as_record

__all__ = ["Solved", "check", "check_more", "name_of", "satisfied", "solve_archives", "solve_wish"]


@dataclass
class Solved:
    """The packages an environment is to hold, and what somebody asked for in it."""

    records: list[RepoDataRecord]
    asked: dict[str, str]
    notes: list[str] = field(default_factory=list)


def name_of(record: RepoDataRecord) -> str:
    """Give a record's name as it is compared."""
    return str(record.name.normalized)


def satisfied(wish: Wish, installed: Sequence[RepoDataRecord], asked: Mapping[str, str]) -> bool:
    """Tell whether the conda part of a wish is so already, without any solve."""
    if wish.remove or wish.upgrade or wish.upgrade_all or wish.archives:
        return False
    by_name = {name_of(record): record for record in installed}
    for text in wish.install:
        spec = _spec(text)
        name = _name(spec)
        if name not in asked or name not in by_name or not spec.matches(by_name[name]):
            return False
        if _says_more(text) and asked[name] != text:
            return False
    return True


async def solve_wish(
    network: Network,
    around: Surroundings,
    wish: Wish,
    installed: Sequence[RepoDataRecord] = (),
    asked: Mapping[str, str] | None = None,
    prefix: Path | None = None,
) -> Solved:
    """Solve for what an environment is to hold after a wish. Raises Unsatisfiable with the solver's explanation."""
    wanted = {_name(_spec(text)): text for text in wish.install}
    asked_before = dict(asked or {})
    gone = {name.lower() for name in wish.remove}
    asked_after = {name: spec for name, spec in asked_before.items() if name not in gone} | wanted
    roots = _roots(installed) - set(asked_after) - gone
    upgrade = {name.lower() for name in wish.upgrade}
    specs = [_spec(text) for text in asked_after.values()] + [MatchSpec(name) for name in sorted(roots)]
    specs += [MatchSpec(name) for name in sorted(upgrade - roots - set(asked_after))]
    locked = [
        record
        for record in installed
        if not wish.upgrade_all and name_of(record) not in upgrade and name_of(record) not in gone
    ]
    constraints = _constraints(around, wish, installed, wanted, upgrade, prefix)
    notes: list[str] = []
    records = await _solve(network, around, specs, locked, constraints, notes)
    left = gone & {name_of(record) for record in records}
    if left:
        needing = _needed_by(sorted(left)[0], records)
        raise Unsatisfiable(
            f"{sorted(left)[0]} can't be removed: {', '.join(needing) or 'something that was asked for'} needs it.",
            needed=sorted(left),
            needed_by=needing,
        )
    return Solved(records, asked_after, notes)


async def solve_archives(network: Network, around: Surroundings, archives: Sequence[Archive]) -> Solved:
    """Take exact archives: the records the channels have of them, or, where a channel has none, what the list says."""
    by_channel: dict[str, list[Archive]] = {}
    for archive in archives:
        by_channel.setdefault(without_secrets(archive.channel), []).append(archive)
    known: dict[str, RepoDataRecord] = {}
    for channel, members in by_channel.items():
        names = sorted({archive.name for archive in members})
        try:
            found = await network.gateway.query([channel], network.platforms, names, recursive=False)
        except Exception as error:  # a folder of archives needn't be a channel
            if network.offline and not channel.startswith("file:"):
                raise
            del error
            continue
        known |= {without_secrets(record.url): record for records in found for record in records}
    return Solved([_archive(archive, known) for archive in archives], {})


def check(
    around: Surroundings, network: Network, records: Iterable[RepoDataRecord], before: Iterable[str] = ()
) -> None:
    """Hold what was solved against the bounds. What is installed already, `before` by address, was taken then."""
    there = set(before)
    more = 0
    for record in records:
        if record.url in there:
            continue
        channel = record.url.rsplit("/", 2)[0]
        check_channel(channel, channel, around.settings.allowed_channels)
        if not channel_allowed(channel, network.channels):
            raise OutOfBounds(
                f"{name_of(record)} would come from {without_secrets(channel)}, which nobody named.",
                field="channels",
                value=without_secrets(channel),
            )
        check_package(name_of(record), around.settings.denied_packages)
        more += record.size or 0
    if around.room_bytes is not None:
        check_more(more, around.room_bytes)


def check_more(count: int, room: int) -> None:
    """Raise OutOfBounds where so many bytes more are more than there is room for."""
    if count > room:
        raise OutOfBounds(
            f"It takes {count / 1e6:.1f} MB, and of what environments may take {max(room, 0) / 1e6:.1f} MB are left.",
            field="quota_bytes",
            value=count,
            max=room,
        )


async def _solve(
    network: Network,
    around: Surroundings,
    specs: list[MatchSpec],
    locked: Sequence[RepoDataRecord],
    constraints: list[MatchSpec],
    notes: list[str],
) -> list[RepoDataRecord]:
    priority = around.conda.channel_priority
    attempts = {"strict": [True], "disabled": [False]}.get(priority, [True, False])
    virtual = _virtual(around)
    first: SolverError | None = None
    for strict in attempts:
        try:
            found = await solve(
                network.channels,
                specs,
                gateway=network.gateway,
                platforms=network.platforms,
                locked_packages=locked,
                virtual_packages=virtual,
                constraints=constraints,
                channel_priority=ChannelPriority.Strict if strict else ChannelPriority.Disabled,
                channel_relations="disabled",
            )
        except SolverError as error:
            first = first or error
            if len(network.channels) < 2:
                break
            continue
        if not strict and first is not None:
            notes.append("The channels' order alone gave no solution; packages of later channels are taken as well.")
        return found
    assert first is not None
    raise first


def _virtual(around: Surroundings) -> list[VirtualPackage] | list[GenericVirtualPackage]:
    """Give what this machine is, or, for another platform, the least that its machines are."""
    if around.subdir == current_subdir(os.environ, around.conda):
        return VirtualPackage.detect(VirtualPackageOverrides.from_env())
    system, _, processor = around.subdir.partition("-")
    told = {
        "linux": (("__unix", "0"), ("__linux", "5.10"), ("__glibc", "2.28")),
        "osx": (("__unix", "0"), ("__osx", "13.0")),
        "win": (("__win", "0"),),
    }.get(system, ())
    archspec = {"64": "x86_64", "arm64": "m1" if system == "osx" else "aarch64"}.get(processor, processor)
    parts = [(name, version, "0") for name, version in told] + [("__archspec", "1", archspec)]
    return [
        GenericVirtualPackage(PackageName(name), Version(version), BuildString(build)) for name, version, build in parts
    ]


def _constraints(
    around: Surroundings,
    wish: Wish,
    installed: Sequence[RepoDataRecord],
    wanted: Mapping[str, str],
    upgrade: set[str],
    prefix: Path | None,
) -> list[MatchSpec]:
    """Give what limits versions without asking for anything: pins, and that Python stays what it is."""
    texts = list(around.conda.pinned_packages)
    if prefix is not None:
        try:
            lines = (prefix / "conda-meta" / "pinned").read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            lines = []
        texts += [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]
    found = []
    for text in texts:
        try:
            found.append(MatchSpec(text))
        except Exception as error:
            raise Invalid(f"The pin {text!r} can't be understood: {error}", field="pinned_packages") from error
    for record in installed:
        if name_of(record) == "python" and "python" not in wanted and "python" not in upgrade:
            short = ".".join(str(record.version).split(".")[:2])
            found.append(MatchSpec(f"python {short}.*"))
    return found


def _spec(text: str) -> MatchSpec:
    try:
        spec = MatchSpec(text, strict=True)
    except Exception as error:
        raise Invalid(f"{text!r} is not a package spec: {error}", field="packages", value=text[:200]) from error
    if re.search(r"\.(?:conda|tar\.bz2)$", text) or ("://" in text and "::" not in text):
        raise Invalid(f"{text!r} is an address; packages are installed by name from a channel.", field="packages")
    return spec


def _name(spec: MatchSpec) -> str:
    name = spec.name.as_package_name()
    if name is None:
        raise Invalid(f"{spec} names no package.", field="packages")
    return str(name.normalized)


def _says_more(text: str) -> bool:
    return re.fullmatch(r"(?:.*::)?[A-Za-z0-9_.-]+", text) is None


def _roots(installed: Sequence[RepoDataRecord]) -> set[str]:
    """Name the packages no other needs: they stay, though nothing tells that somebody asked for them."""
    needed = {depend.split()[0].lower() for record in installed for depend in record.depends if depend.split()}
    return {name_of(record) for record in installed} - needed


def _needed_by(name: str, records: Iterable[RepoDataRecord]) -> list[str]:
    return sorted(
        name_of(record)
        for record in records
        if any(depend.split() and depend.split()[0].lower() == name for depend in record.depends)
    )


def _archive(archive: Archive, known: Mapping[str, RepoDataRecord]) -> RepoDataRecord:
    record = known.get(without_secrets(archive.url))
    if record is None:
        return as_record(
            KeptRecord(
                name=archive.name,
                version=archive.version,
                build=archive.build,
                channel=without_secrets(archive.channel),
                subdir=archive.subdir,
                url=without_secrets(archive.url),
                md5=archive.md5,
                sha256=archive.sha256,
            )
        )
    for wanted, found in ((archive.md5, record.md5), (archive.sha256, record.sha256)):
        if wanted and found and wanted != found.hex():
            raise NotReachable(f"{archive.name}: the channel has another archive at this address than the file says.")
    return record
