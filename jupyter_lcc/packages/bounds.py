"""What the administrator allows a list and its lock to hold: packages, channels, indexes, licences, hashes. Pure.

Asked at publish, at diff and at sync alike. What is refused is told all at once, each with its rule. The list is
checked for what it asks for, the lock for everything that comes with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from ..environments.bounds import canonical, channel_allowed, without_secrets
from ..environments.condarc import CondaSettings
from ..environments.exact import ExactConda
from ..environments.lock_file import Lock, LockedPip
from ..environments.names import say_it
from ..errors import OutOfBounds
from ..model import Model
from .model import PackageList, Refusal, SourcePlace

__all__ = ["ListBounds", "Refusal", "check_list", "check_lock", "raise_for", "refuse_to_ask"]

Hashes = Literal["off", "any", "sha256"]
_PRISTINE = CondaSettings()
_FILES_OF = {"pypi.org": ("files.pythonhosted.org",)}
"""Where an index keeps its files, if not beside itself."""


class ListBounds(Model, frozen=True, kw_only=True):
    """What is allowed; null: all. Entries may end with `*`, addresses with `/*`. What is denied is never allowed.

    Channels and indexes are names or addresses; names mean what conda itself means by them. Licences are SPDX
    expressions' parts, compared without case. `unknown_licences` says what becomes of packages that tell none, where
    licences are bound at all; `licence_exceptions` names packages that somebody has looked at. `hashes`: every package
    of a lock must have one.
    """

    allowed_packages: tuple[str, ...] | None = None
    denied_packages: tuple[str, ...] = ()
    allowed_channels: tuple[str, ...] | None = None
    denied_channels: tuple[str, ...] = ()
    allowed_indexes: tuple[str, ...] | None = None
    denied_indexes: tuple[str, ...] = ()
    allowed_licences: tuple[str, ...] | None = None
    denied_licences: tuple[str, ...] = ()
    unknown_licences: Literal["allow", "refuse"] = "refuse"
    licence_exceptions: tuple[str, ...] = ()
    hashes: Hashes = "sha256"


def check_list(wanted: PackageList, bounds: ListBounds) -> tuple[Refusal, ...]:
    """Say what a list asks for that isn't allowed. Which versions and dependencies follow, only its lock tells."""
    from ..environments.specs import parse_conda, parse_pip

    found: list[Refusal] = []
    channels = list(wanted.channels)
    for text in wanted.conda.values():
        spec = parse_conda(text)
        found += _packages(spec.name, bounds)
        channels += [spec.channel] if spec.channel else []
    for text in wanted.pip.values():
        found += _packages(parse_pip(text).name, bounds)
    for channel in dict.fromkeys(channels):
        found += _channel(channel, bounds)
    return tuple(dict.fromkeys(found))


def check_lock(lock: Lock, bounds: ListBounds, platforms: Iterable[str] | None = None) -> tuple[Refusal, ...]:
    """Say what a lock would install that isn't allowed, on all its platforms or some."""
    found: list[Refusal] = []
    for channel in lock.channels:
        found += _channel(channel, bounds)
    for index in lock.indexes:
        found += _index(index, bounds, say_it(without_secrets(index)))
    chosen = lock.platforms if platforms is None else [each for each in platforms if each in lock.platforms]
    for subdir in chosen:
        packages = lock.platforms[subdir]
        here: list[Refusal] = []
        for archive in packages.conda:
            here += _packages(archive.name, bounds) + _channel(archive.channel, bounds, archive.name)
            here += _licence(archive.name, archive.license, bounds) + _hashes(archive, bounds)
        for file in packages.pip:
            here += _packages(file.name, bounds) + _file(file, bounds)
            here += _licence(file.name, None, bounds) + _hashes(file, bounds)
        found += [msgspec.structs.replace(refusal, platform=subdir) for refusal in here]
    return tuple(dict.fromkeys(found))


def raise_for(refusals: Sequence[Refusal], what: str = "list") -> None:
    """Raise OutOfBounds with all of them, if there are any."""
    if not refusals:
        return
    more = f" And {len(refusals) - 1} more." if len(refusals) > 1 else ""
    raise OutOfBounds(
        f"{refusals[0].message}{more}",
        field=what,
        rule=refusals[0].rule,
        refusals=[msgspec.to_builtins(refusal) for refusal in refusals[:100]],
    )


def refuse_to_ask(name: str, place: SourcePlace) -> tuple[Refusal, ...]:
    """Say that no channel or index is asked for a list whose packages come from its source's bundle alone."""
    if not place.bundle_only:
        return ()
    return (
        Refusal(
            rule="bundle_only",
            subject=name[:200],
            message=f"For {name} channels would have to be asked, and on this machine packages come from the bundle of "
            "its source alone (bundle_only). Publish it and fill the bundle, also for this platform, where channels "
            "can be reached.",
        ),
    )


def _packages(name: str, bounds: ListBounds) -> list[Refusal]:
    rule = _matching(canonical(name), bounds.denied_packages)
    if rule is not None:
        return [_refuse("denied_packages", rule, name, f"The package {say_it(name)} is not allowed here")]
    if bounds.allowed_packages is not None and _matching(canonical(name), bounds.allowed_packages) is None:
        return [_refuse("allowed_packages", None, name, f"The package {say_it(name)} is none of those allowed here")]
    return []


def _matching(name: str, entries: Iterable[str]) -> str | None:
    for entry in entries:
        if entry.endswith("*") and name.startswith(canonical(entry[:-1])):
            return entry
        if name == canonical(entry):
            return entry
    return None


def _channel(channel: str, bounds: ListBounds, package: str | None = None) -> list[Refusal]:
    shown = say_it(without_secrets(channel))
    of = f", from which {say_it(package)} comes," if package else ""
    for address in _PRISTINE.addresses(channel):
        for entry in bounds.denied_channels:
            if channel_allowed(address, _addresses(entry)):
                message = f"The channel {shown}{of} is not allowed here"
                return [_refuse("denied_channels", entry, without_secrets(channel), message)]
        if bounds.allowed_channels is not None and not any(
            channel_allowed(address, _addresses(entry)) for entry in bounds.allowed_channels
        ):
            message = f"The channel {shown}{of} is none of those allowed here"
            return [_refuse("allowed_channels", None, without_secrets(channel), message)]
    return []


def _addresses(entry: str) -> list[str]:
    if entry.endswith("/*"):
        return [f"{address}/*" for address in _PRISTINE.addresses(entry[:-2])]
    return list(_PRISTINE.addresses(entry))


def _file(file: LockedPip, bounds: ListBounds) -> list[Refusal]:
    return _index(file.url, bounds, f"The place {say_it(file.name)} comes from", file=True)


def _index(url: str, bounds: ListBounds, shown: str, *, file: bool = False) -> list[Refusal]:
    what = shown if file else f"The package index {shown}"
    subject = without_secrets(url)
    for entry in bounds.denied_indexes:
        if _lies_in(url, entry, file=file):
            return [_refuse("denied_indexes", entry, subject, f"{what} is not allowed here")]
    if bounds.allowed_indexes is not None and not any(
        _lies_in(url, entry, file=file) for entry in bounds.allowed_indexes
    ):
        return [_refuse("allowed_indexes", None, subject, f"{what} is none of those allowed here")]
    return []


def _lies_in(url: str, entry: str, *, file: bool) -> bool:
    """Tell whether an index is the entry's, or a file is one of its files: below it, or where it is known to keep them.

    An index `…/simple` keeps files beside itself, so everything below its parent is its own.
    """
    if channel_allowed(url, (entry,)):
        return True
    if not file:
        return False
    root = re.sub(r"/\+?simple/?$", "", entry.removesuffix("/*").rstrip("/"))
    found = re.match(r"([a-zA-Z0-9+.-]+)://([^/]+)", root)
    if channel_allowed(url, (f"{root}/*",)):
        return True
    hosts = _FILES_OF.get(found[2].lower(), ()) if found is not None else ()
    return any(channel_allowed(url, (f"https://{host}/*",)) for host in hosts)


def _licence(name: str, licence: str | None, bounds: ListBounds) -> list[Refusal]:
    if bounds.allowed_licences is None and not bounds.denied_licences:
        return []
    if _matching(canonical(name), bounds.licence_exceptions) is not None:
        return []
    if licence is None or not licence.strip() or licence.strip().lower() in ("none", "unknown", "noassertion"):
        if bounds.unknown_licences == "allow":
            return []
        return [_refuse("unknown_licences", None, name, f"The package {say_it(name)} tells no licence")]
    if _permits(licence, bounds):
        return []
    denied = next((e for e in bounds.denied_licences if any(_is(part, e) for part in _parts(licence))), None)
    rule = "denied_licences" if denied is not None else "allowed_licences"
    return [_refuse(rule, denied, name, f"The licence of {say_it(name)}, {say_it(licence)}, is not allowed here")]


_LICENCE = re.compile(r"\(|\)|[^\s()]+")


def _parts(licence: str) -> list[str]:
    return [part for part in re.split(r"\s+(?:AND|OR|WITH)\s+|[()/,;|]", licence, flags=re.IGNORECASE) if part.strip()]


def _is(part: str, entry: str) -> bool:
    part, entry = part.strip().lower(), entry.strip().lower()
    return part.startswith(entry[:-1]) if entry.endswith("*") else part == entry


def _permits(licence: str, bounds: ListBounds) -> bool:
    """Tell whether an SPDX expression can be fulfilled within the bounds: one side of each OR, both of each AND."""
    words = _LICENCE.findall(licence)

    def allowed(part: str) -> bool:
        if any(_is(part, entry) for entry in bounds.denied_licences):
            return False
        return bounds.allowed_licences is None or any(_is(part, entry) for entry in bounds.allowed_licences)

    def alternatives(at: int) -> tuple[bool, int]:
        good, at = together(at)
        while at < len(words) and words[at].upper() == "OR":
            other, at = together(at + 1)
            good = good or other
        return good, at

    def together(at: int) -> tuple[bool, int]:
        good, at = one(at)
        while at < len(words) and words[at].upper() == "AND":
            other, at = one(at + 1)
            good = good and other
        return good, at

    def one(at: int) -> tuple[bool, int]:
        if at < len(words) and words[at] == "(":
            good, at = alternatives(at + 1)
            if at >= len(words) or words[at] != ")":
                raise ValueError("not closed")
            return good, at + 1
        taken = []
        while at < len(words) and words[at] not in "()" and words[at].upper() not in ("AND", "OR", "WITH"):
            taken.append(words[at])
            at += 1
        if not taken:
            raise ValueError("nothing there")
        plain = " ".join(taken)
        if at + 1 < len(words) and words[at].upper() == "WITH":
            # An exception only adds permissions, so allowing the licence allows both.
            return allowed(f"{plain} WITH {words[at + 1]}") or allowed(plain), at + 2
        return allowed(plain), at

    if licence.count("(") > 50:
        return False
    if re.search(r"[,/;|]", licence):
        # Older than SPDX: what the comma between two licences means nobody knows, so both have to be fine.
        return all(allowed(part) for part in _parts(licence))
    try:
        good, end = alternatives(0)
    except ValueError:
        good, end = False, 0
    if end == len(words):
        return good
    return all(allowed(part) for part in _parts(licence))


def _hashes(package: ExactConda | LockedPip, bounds: ListBounds) -> list[Refusal]:
    md5 = package.md5 if isinstance(package, ExactConda) else None
    if bounds.hashes == "off" or package.sha256 or (bounds.hashes == "any" and md5):
        return []
    wanted = "sha256" if bounds.hashes == "sha256" else "hash"
    return [_refuse("hashes", bounds.hashes, package.name, f"The package {say_it(package.name)} has no {wanted}")]


def _refuse(rule: str, entry: str | None, subject: str, message: str) -> Refusal:
    named = f"{rule}: {without_secrets(entry)}" if entry is not None else rule
    return Refusal(rule=named, subject=subject[:200], message=f"{message} ({named}).")
