"""What somebody asks to be installed: data until it is checked. Pure.

Nothing here reaches an argument vector: conda's specs go to a solver as values, pip's after `--`. Still everything
that could be taken for an option, a path or an address is refused with the reason, so that a mistake (or an attack)
is told where it was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from ..errors import Invalid
from ..model import Model
from .names import say_it

__all__ = [
    "CondaSpec",
    "PipSpec",
    "check_channels",
    "check_conda_specs",
    "check_names",
    "check_pip_specs",
    "parse_channel",
    "parse_conda",
    "parse_index",
    "parse_name",
    "parse_pip",
]

_MAX_SPEC = 500
_PACKAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_CHANNEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*", re.ASCII)
_CONDA = re.compile(
    r"(?:(?P<channel>[^:\[\]\s]+)::)?"
    r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*?)"
    r"(?P<rest>(?:\s*[=<>!~ ].*|\s*)?)"
    r"(?P<brackets>\[[^\[\]]*\])?",
    re.ASCII,
)
_VERSION = re.compile(r"[A-Za-z0-9_.*+!<>=,|~()-]+", re.ASCII)
_ONE_VERSION = re.compile(r"(?:===?|>=|<=|!=|~=|=|<|>)?[A-Za-z0-9_.+!-]*\*?(?:\.\*)?", re.ASCII)
_BUILD = re.compile(r"[A-Za-z0-9_.*+-]+", re.ASCII)
_BRACKET = re.compile(r"\s*(?P<key>\w+)\s*=\s*(?:'(?P<one>[^'\"]*)'|\"(?P<two>[^'\"]*)\"|(?P<bare>[^'\",\s]+))\s*")
_BRACKET_KEYS = frozenset(("version", "build", "build_number", "channel", "subdir", "md5", "sha256"))
_SUBDIR = re.compile(r"noarch|[a-z]+-[a-z0-9_]+", re.ASCII)
_SCHEMES = ("http", "https", "file", "s3")
_ARCHIVE = re.compile(r"\.(?:conda|tar\.bz2|whl|tar\.gz|zip)(?:[#?].*)?$", re.IGNORECASE)


class CondaSpec(Model, frozen=True, kw_only=True):
    """A spec that was understood. `text` is how the engine is told, `channel` a channel's name or null."""

    text: str
    name: str
    channel: str | None = None
    pinned: bool = False


class PipSpec(Model, frozen=True, kw_only=True):
    """A requirement that was understood."""

    text: str
    name: str


def check_conda_specs(texts: Iterable[str], field: str = "packages") -> tuple[CondaSpec, ...]:
    """Understand conda's specs, or raise Invalid for the first that can't be."""
    return tuple(parse_conda(text, f"{field}[{n}]") for n, text in enumerate(texts))


def check_pip_specs(texts: Iterable[str], field: str = "pip") -> tuple[PipSpec, ...]:
    """Understand pip's requirements, or raise Invalid for the first that can't be."""
    return tuple(parse_pip(text, f"{field}[{n}]") for n, text in enumerate(texts))


def check_names(texts: Iterable[str], field: str) -> tuple[str, ...]:
    """Take names of packages, without versions."""
    return tuple(parse_name(text, f"{field}[{n}]") for n, text in enumerate(texts))


def check_channels(texts: Iterable[str], field: str = "channels") -> tuple[str, ...]:
    """Take channels: names, addresses, absolute folders."""
    return tuple(parse_channel(text, f"{field}[{n}]") for n, text in enumerate(texts))


def parse_name(text: str, field: str = "remove") -> str:
    """Take the name of a package, or raise Invalid."""
    name = _plain(text, field)
    if not _PACKAGE.fullmatch(name):
        raise _refuse(f"{say_it(text)} is not the name of a package.", text, field)
    return name


def parse_conda(text: str, field: str = "packages") -> CondaSpec:
    """Understand one of conda's specs: `numpy`, `numpy=1.26`, `numpy>=1.2,<2`, `conda-forge::numpy`, `python 3.11`."""
    spec = _plain(text, field)
    if "://" in spec:
        if "::" in spec:
            raise _refuse(
                f"{say_it(text)} names a channel by its address; put the address into `channels`.", text, field
            )
        raise _refuse(f"{say_it(text)} is an address; packages are installed by name from a channel.", text, field)
    if spec.startswith(("/", "./", "../", "~")) or "/.." in spec or "\\" in spec:
        raise _refuse(f"{say_it(text)} is a path; packages are installed by name from a channel.", text, field)
    if spec.startswith("@") or " @ " in spec:
        raise _refuse(f"{say_it(text)} refers to a file or an address; packages are installed by name.", text, field)
    if _ARCHIVE.search(spec):
        raise _refuse(f"{say_it(text)} is a file; packages are installed by name from a channel.", text, field)
    found = _CONDA.fullmatch(spec)
    if found is None or not _PACKAGE.fullmatch(found["name"]):
        raise _refuse(
            f"{say_it(text)} is not a package spec; write for example numpy, numpy=1.26 or numpy>=1.2,<2.", text, field
        )
    channel = parse_channel(found["channel"], field) if found["channel"] else None
    values = _brackets(found["brackets"] or "", text, field)
    version, build = _version(found["rest"], text, field)
    version, build = values.pop("version", version), values.pop("build", build)
    channel = values.pop("channel", channel)
    if channel is not None and "://" in channel:
        raise _refuse(f"{say_it(text)} names a channel by its address; put the address into `channels`.", text, field)
    return CondaSpec(
        text=_write(found["name"].lower(), channel, version, build, values),
        name=found["name"].lower(),
        channel=channel,
        pinned=bool(version or build),
    )


def parse_pip(text: str, field: str = "pip") -> PipSpec:
    """Understand a requirement of pip: a name with extras, versions and markers; no option, path or address."""
    from packaging.requirements import InvalidRequirement, Requirement

    spec = _plain(text, field)
    if "://" in spec or re.match(r"(?:git|hg|svn|bzr)\+", spec):
        raise _refuse(f"{say_it(text)} is an address; packages are installed by name from an index.", text, field)
    if spec.startswith(("/", ".", "~")) or "\\" in spec:
        raise _refuse(f"{say_it(text)} is a path; packages are installed by name from an index.", text, field)
    try:
        requirement = Requirement(spec)
    except (InvalidRequirement, RecursionError) as error:
        why = str(error).splitlines()[0].rstrip(".") if str(error) else "it can't be read"
        raise _refuse(f"{say_it(text)} is not a requirement: {why}.", text, field) from None
    if requirement.url:
        raise _refuse(f"{say_it(text)} refers to an address; packages are installed by name.", text, field)
    if not _PACKAGE.fullmatch(requirement.name):
        raise _refuse(f"{say_it(text)} is not the name of a package.", text, field)
    return PipSpec(text=str(requirement), name=requirement.name)


def parse_channel(text: str, field: str = "channels") -> str:
    """Take a channel: a name, an address or an absolute folder. Raise Invalid for anything else."""
    channel = _plain(text, field)
    if "://" not in channel:
        if channel.startswith("/"):
            return _channel_path(channel, text, field)
        if not _CHANNEL.fullmatch(channel) or ".." in channel.split("/"):
            raise _refuse(f"{say_it(text)} is neither a channel's name nor its address.", text, field)
        return channel
    if _ARCHIVE.search(channel) or "::" in channel:
        raise _refuse(f"{say_it(text)} names a package, not a channel.", text, field)
    return _address(channel, text, field, what="channel")


def parse_index(text: str, field: str = "pip") -> str:
    """Take the address of an index of Python packages."""
    return _address(_plain(text, field), text, field, what="package index")


def _address(address: str, text: str, field: str, *, what: str) -> str:
    try:
        parts = urlsplit(address)
        valid = parts.scheme.lower() in _SCHEMES and (bool(parts.hostname) or parts.scheme == "file")
        secret = parts.username is not None
        _ = parts.port
    except ValueError:
        valid = secret = False
    if not valid:
        known = ", ".join(_SCHEMES)
        raise _refuse(f"{say_it(text)} is not the address of a {what}; it begins with one of {known}.", text, field)
    if secret:
        raise _refuse(f"A {what}'s address must not hold a password; credentials are configured apart.", "", field)
    if parts.query or parts.fragment:
        raise _refuse(f"{say_it(text)}: the address of a {what} has no `?` and no `#`.", text, field)
    _channel_path(parts.path, text, field)
    return address


def _channel_path(path: str, text: str, field: str) -> str:
    # A server may take these for a step up; then an address below an allowed one would lie outside it.
    if any(part in (".", "..") for part in re.split(r"/|%2f", path, flags=re.IGNORECASE)) or re.search(
        r"%(?:2e|5c|00)|\\|[\s<>\"|*`^{}]", path, re.IGNORECASE
    ):
        raise _refuse(f"{say_it(text)} has steps or characters an address can't have.", text, field)
    return path


def _plain(text: str, field: str) -> str:
    if len(text) > _MAX_SPEC:
        raise _refuse(f"This has {len(text)} characters; {_MAX_SPEC} are allowed.", text, field)
    if not text.isprintable() or not text.isascii():
        raise _refuse(f"{say_it(text)} has characters that names and versions can't have.", text, field)
    spec = text.strip()
    if not spec:
        raise _refuse("An empty text names nothing.", text, field)
    if spec.startswith("-"):
        raise _refuse(f"{say_it(text)} looks like an option; only names and versions are taken.", text, field)
    return spec


def _version(rest: str, text: str, field: str) -> tuple[str | None, str | None]:
    """Take what follows the name: `=1.2`, `=1.2=py_0`, ` >=1,<2`, ` 1.2`, ` 1.2 py_0`."""
    joined = re.sub(r"\s*([,|])\s*", r"\1", rest.strip())
    words = re.sub(r"([<>=!~])\s+", r"\1", joined).split()
    if not words:
        return None, None
    if len(words) > 2:
        raise _refuse(f"{say_it(text)} has more words than a name, a version and a build.", text, field)
    version, build = words[0], words[1] if len(words) == 2 else None
    if len(words) == 1:
        found = re.fullmatch(r"(={1,2}[^=<>!~,|]+)=([^=]+)", version)
        if found is not None:
            version, build = found[1].lstrip("="), found[2]
        elif re.fullmatch(r"[A-Za-z0-9_.!+]+", version):
            # conda takes `python 3.11` as exactly 3.11, which no channel has; what is meant is any 3.11.
            version = f"={version}"
    if build is not None and not _BUILD.fullmatch(build):
        raise _refuse(f"{say_it(text)}: {say_it(build)} is not a build.", text, field)
    return _check_version(version, text, field), build


def _check_version(version: str, text: str, field: str) -> str:
    """Refuse what is no version, and write it as a strict solver reads it: `1.2` is `==1.2`, `=1.2.*` is `1.2.*`."""
    pieces = re.split(r"[,|]", version.replace("(", "").replace(")", ""))
    if (
        not _VERSION.fullmatch(version)
        or not _is_grouped(version)
        or not all(_ONE_VERSION.fullmatch(piece) and re.search(r"[A-Za-z0-9*]", piece) for piece in pieces)
    ):
        raise _refuse(f"{say_it(text)}: {say_it(version)} is not a version.", text, field)
    version = re.sub(r"(?<![=<>!~])=(?=[^=,|()]*\*)", "", version)
    return re.sub(r"(?<![^,|(])(?=[A-Za-z0-9])([^,|()*]+)(?![^,|)])", r"==\1", version)


def _is_grouped(version: str) -> bool:
    """Tell whether parentheses stand around whole versions: `(>=1,<2)|3`."""
    depth = 0
    for at, sign in enumerate(version):
        depth += (sign == "(") - (sign == ")")
        begins = sign != "(" or at == 0 or version[at - 1] in ",|("
        ends = sign != ")" or at == len(version) - 1 or version[at + 1] in ",|)"
        if depth < 0 or not begins or not ends:
            return False
    return depth == 0


def _brackets(brackets: str, text: str, field: str) -> dict[str, str]:
    values: dict[str, str] = {}
    rest = brackets[1:-1]
    while rest.strip():
        found = _BRACKET.match(rest)
        if found is None or found["key"] not in _BRACKET_KEYS or found["key"] in values:
            known = ", ".join(sorted(_BRACKET_KEYS))
            raise _refuse(f"{say_it(text)}: between brackets stand {known}, each with its value.", text, field)
        value = next(value for value in (found["one"], found["two"], found["bare"]) if value is not None)
        values[found["key"]] = _check_bracket(found["key"], value, text, field)
        rest = rest[found.end() :]
        if rest and not rest.startswith(","):
            raise _refuse(f"{say_it(text)}: what stands between brackets is separated by commas.", text, field)
        rest = rest[1:]
    return values


def _check_bracket(key: str, value: str, text: str, field: str) -> str:
    if key == "version":
        return _check_version(value.replace(" ", ""), text, field)
    if key == "channel":
        return parse_channel(value, field)
    if not {
        "build": _BUILD,
        "build_number": re.compile(r"(?:[<>=!]=?)?\d+"),
        "subdir": _SUBDIR,
        "md5": re.compile(r"[0-9a-fA-F]{32}"),
        "sha256": re.compile(r"[0-9a-fA-F]{64}"),
    }[key].fullmatch(value):
        raise _refuse(f"{say_it(text)}: {say_it(value)} can't be a {key}.", text, field)
    return value


def _write(name: str, channel: str | None, version: str | None, build: str | None, values: dict[str, str]) -> str:
    # `name=1.2` and `name>=1` as they are; whatever else has its value goes into brackets, which are never mistaken.
    lead = f"{channel}::{name}" if channel else name
    rest = dict(values)
    if version is not None and build is None and not rest and version[0] in "=<>!~":
        return lead + version
    if build is not None:
        rest = {"build": build, **rest}
    if version is not None:
        rest = {"version": version, **rest}
    return lead + ("[" + ", ".join(f'{key}="{value}"' for key, value in rest.items()) + "]" if rest else "")


def _refuse(message: str, text: str, field: str) -> Invalid:
    return Invalid(message, field=field, value=text[:200])
