"""What somebody asks for, checked and bound: from a request to what the engine is told. Pure.

Every way (panel, REST, command line, file) comes through here, so what is refused is refused alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ..errors import Invalid, OutOfBounds
from ..model import Model
from .bounds import EnvironmentSettings, canonical, channel_allowed, check_channel, check_index, check_package
from .condarc import CondaSettings
from .files import Archive, Wanted
from .model import ChangeEnvironment, CreateEnvironment, Package
from .names import say_it
from .specs import CondaSpec, check_channels, check_conda_specs, check_names, check_pip_specs

__all__ = ["Wish", "allowed_addresses", "channels_for", "default_channels", "wish_to_change", "wish_to_create"]

KERNEL_PACKAGE = "ipykernel"


class Wish(Model, frozen=True, kw_only=True):
    """What the engine is to do. `channels` and `indexes` are full addresses, specs are written as a strict solver reads
    them; no `indexes`: those the user configured. `command` is what a person would have typed."""

    channels: tuple[str, ...] = ()
    install: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    upgrade: tuple[str, ...] = ()
    upgrade_all: bool = False
    pip_install: tuple[str, ...] = ()
    pip_remove: tuple[str, ...] = ()
    pip_upgrade: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    archives: tuple[Archive, ...] = ()
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    command: str = ""
    notes: tuple[str, ...] = ()


def wish_to_create(
    body: CreateEnvironment, name: str, file: Wanted | None, conda: CondaSettings, settings: EnvironmentSettings
) -> Wish:
    """Check what a new environment is to hold. Raises Invalid and OutOfBounds."""
    packages = check_conda_specs(body.packages)
    pip = check_pip_specs(body.pip)
    notes: list[str] = []
    indexes: tuple[str, ...] = ()
    archives: tuple[Archive, ...] = ()
    if file is not None:
        packages += tuple(check_conda_specs(file.packages, "file"))
        pip += check_pip_specs(file.pip, "file")
        indexes, archives = file.indexes, file.archives
        notes += file.notes
    named = {spec.name for spec in packages} | {archive.name for archive in archives}
    extra: list[str] = []
    if not archives:
        needed = ["python"] if pip or body.register_kernel or not packages else []
        needed += [KERNEL_PACKAGE] if body.register_kernel else []
        extra = [package for package in needed if package not in named]
    packages += check_conda_specs(extra)
    chosen = body.channels if body.channels is not None else (file.channels or None) if file is not None else None
    channels, install = _join_channels(chosen, packages, conda, settings)
    _check_packages([*packages], settings, "packages")
    for requirement in pip:
        check_package(requirement.name, settings.denied_packages, field="pip")
    _check_archives(archives, conda, settings)
    words = ["create", "-n", name, *(spec.text for spec in packages)]
    return Wish(
        channels=channels,
        install=install,
        pip_install=tuple(requirement.text for requirement in pip),
        indexes=_indexes(indexes, bool(pip), settings),
        archives=archives,
        variables=file.variables if file is not None else {},
        command=" ".join(words),
        notes=tuple(notes),
    )


def wish_to_change(
    body: ChangeEnvironment,
    name: str,
    installed: Sequence[Package],
    own_channels: Sequence[str],
    conda: CondaSettings,
    settings: EnvironmentSettings,
) -> Wish:
    """Check a change. Names to remove and upgrade are conda's or pip's as they are installed; what isn't is refused."""
    install = check_conda_specs(body.install, "install")
    pip = check_pip_specs(body.pip_install, "pip_install")
    remove, pip_remove = _owners(check_names(body.remove, "remove"), installed, "remove")
    more = _owners(check_names(body.pip_remove, "pip_remove"), installed, "pip_remove")
    upgrade, pip_upgrade = _owners(check_names(body.upgrade, "upgrade"), installed, "upgrade")
    if more[0]:
        raise Invalid(f"{more[0][0]} is conda's package, not pip's.", field="pip_remove", value=more[0][0])
    pip_remove += more[1]
    if not (install or pip or remove or pip_remove or upgrade or pip_upgrade or body.upgrade_all):
        raise Invalid("Nothing is to be changed.", field="install", known_fields=list(body.__struct_fields__))
    both = {spec.name for spec in install} & set(remove)
    if both:
        raise Invalid(f"{sorted(both)[0]} can't be installed and removed at once.", field="remove")
    conda_owned = {canonical(package.name) for package in installed if package.manager == "conda"}
    for requirement in pip:
        if canonical(requirement.name) in conda_owned:
            raise Invalid(
                f"{requirement.name} is installed by conda, and pip would overwrite it; install it with conda.",
                field="pip_install",
                value=requirement.text,
            )
    chosen = body.channels if body.channels is not None else tuple(own_channels) or None
    channels, specs = _join_channels(chosen, install, conda, settings, named=body.channels is not None)
    _check_packages(install, settings, "install")
    for requirement in pip:
        check_package(requirement.name, settings.denied_packages, field="pip_install")
    if body.upgrade_all:
        pip_upgrade = tuple(p.name for p in installed if p.manager == "pip" and p.editable is None)
    words = ["update" if upgrade or body.upgrade_all else "remove" if remove and not install else "install", "-n", name]
    words += [spec.text for spec in install] + list(upgrade) + list(remove) + (["--all"] if body.upgrade_all else [])
    words += ["pip:", *(r.text for r in pip), *pip_remove, *pip_upgrade] if pip or pip_remove or pip_upgrade else []
    return Wish(
        channels=channels,
        install=specs,
        remove=remove,
        upgrade=upgrade,
        upgrade_all=body.upgrade_all,
        pip_install=tuple(requirement.text for requirement in pip),
        pip_remove=pip_remove,
        pip_upgrade=pip_upgrade,
        indexes=_indexes((), bool(pip or pip_upgrade), settings),
        command=" ".join(words),
    )


def allowed_addresses(settings: EnvironmentSettings) -> tuple[str, ...] | None:
    """Give the full addresses of the allowed channels.

    An administrator's names mean what conda itself means by them, never what a user's `.condarc` makes of them.
    """
    if settings.allowed_channels is None:
        return None
    pristine = CondaSettings()
    found: list[str] = []
    for entry in settings.allowed_channels:
        if entry.endswith("/*"):
            found += [f"{address}/*" for address in pristine.addresses(entry[:-2])]
        else:
            found += pristine.addresses(entry)
    return tuple(dict.fromkeys(found))


def default_channels(conda: CondaSettings, settings: EnvironmentSettings) -> tuple[str, ...]:
    """Give the channels that are used where nobody names one: the administrator's, else the user's that are allowed,
    else all that are allowed."""
    if settings.channels:
        return settings.channels
    allowed = allowed_addresses(settings)
    names = conda.default_names()
    if allowed is None:
        return names
    fitting = tuple(name for name in names if all(channel_allowed(a, allowed) for a in conda.addresses(name)))
    return fitting or tuple(address for address in allowed if not address.endswith("/*"))


def channels_for(
    channels: Sequence[str] | None, conda: CondaSettings, settings: EnvironmentSettings
) -> tuple[str, ...]:
    """Give the addresses of channels somebody named, or of those that are used otherwise; refuse what isn't allowed."""
    names = check_channels(channels) if channels is not None else default_channels(conda, settings)
    allowed = allowed_addresses(settings)
    found: list[str] = []
    for name in names:
        for address in conda.addresses(name):
            check_channel(name, address, allowed)
            _check_condas_own(name, address, conda)
            found.append(address)
    if not found:
        raise Invalid("No channel is left to install from.", field="channels")
    return tuple(dict.fromkeys(found))


def _join_channels(
    channels: Sequence[str] | None,
    specs: Sequence[CondaSpec],
    conda: CondaSettings,
    settings: EnvironmentSettings,
    *,
    named: bool = True,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the channels' addresses, with those a spec names at the end, and the specs with addresses for names."""
    if not named and channels is not None:
        # The environment's own channels; where those aren't allowed any more, the ones that are.
        try:
            found = list(channels_for(channels, conda, settings))
        except Invalid:
            found = list(channels_for(None, conda, settings))
    else:
        found = list(channels_for(channels, conda, settings))
    texts = []
    for spec in specs:
        text = spec.text
        if spec.channel is not None:
            addresses = channels_for((spec.channel,), conda, settings)
            found += addresses
            rest = text.split("::", 1)[1]
            text = f"{addresses[0]}::{rest}" if len(addresses) == 1 else rest
        texts.append(text)
    return tuple(dict.fromkeys(found)), tuple(texts)


def _check_condas_own(name: str, address: str, conda: CondaSettings) -> None:
    """Keep to `allowlist_channels` and `denylist_channels` of conda's own configuration."""
    if conda.allowlist_channels:
        allowed = [a for entry in conda.allowlist_channels for a in conda.addresses(entry)]
        check_channel(name, address, allowed)
    denied = [a for entry in conda.denylist_channels for a in conda.addresses(entry)]
    if channel_allowed(address, denied):
        raise OutOfBounds(f"conda's configuration denies the channel {say_it(name)}.", field="channels", value=name)


def _check_packages(specs: Iterable[CondaSpec], settings: EnvironmentSettings, field: str) -> None:
    for spec in specs:
        check_package(spec.name, settings.denied_packages, field=field)


def _check_archives(archives: Iterable[Archive], conda: CondaSettings, settings: EnvironmentSettings) -> None:
    allowed = allowed_addresses(settings)
    for archive in archives:
        check_channel(archive.channel, archive.channel, allowed, field="file")
        _check_condas_own(archive.channel, archive.channel, conda)
        check_package(archive.name, settings.denied_packages, field="file")


def _indexes(wanted: Sequence[str], needed: bool, settings: EnvironmentSettings) -> tuple[str, ...]:
    for index in wanted:
        check_index(index, settings.allowed_indexes)
    if wanted or settings.allowed_indexes is None or not needed:
        return tuple(wanted)
    usable = tuple(index for index in settings.allowed_indexes if not index.endswith("/*"))
    if not usable:
        raise OutOfBounds("No package index is allowed here; packages of pip can't be installed.", field="pip")
    return usable


def _owners(names: Iterable[str], installed: Iterable[Package], field: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    conda = {package.name.lower(): package.name for package in installed if package.manager == "conda"}
    pip = {canonical(package.name): package.name for package in installed if package.manager == "pip"}
    mine: list[str] = []
    others: list[str] = []
    for name in names:
        if name.lower() in conda:
            mine.append(conda[name.lower()])
        elif canonical(name) in pip:
            others.append(pip[canonical(name)])
        else:
            raise Invalid(f"{say_it(name)} is not installed.", field=field, value=name)
    return tuple(mine), tuple(others)
