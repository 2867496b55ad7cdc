"""Files that say what to install, told apart by what is in them. Pure.

environment.yml, requirements.txt, an explicit list (`@EXPLICIT`), conda-lock.yml and pixi.lock become one `Wanted`,
whose every part was checked as if somebody had typed it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

import msgspec

from ..errors import Invalid
from ..model import Model
from .names import say_it
from .specs import check_channels, parse_conda, parse_index, parse_name, parse_pip

__all__ = ["Archive", "FileKind", "Wanted", "parse_archive", "parse_file"]

FileKind = Literal["environment", "requirements", "explicit", "conda_lock", "pixi_lock"]

_SUBDIR = re.compile(r"noarch|(?:linux|osx|win|emscripten|wasi|zos)-[a-z0-9_]+")
_ARCHIVE = re.compile(
    r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)-(?P<version>[^-/]+)-(?P<build>[^-/]+)\.(?:conda|tar\.bz2)"
)
_MOST = 5000
"""The most packages one file may name."""


class Archive(Model, frozen=True, kw_only=True):
    """One archive of an explicit list. `channel` is the channel's address, `subdir` its platform."""

    url: str
    channel: str
    subdir: str
    name: str
    version: str
    build: str
    md5: str | None = None
    sha256: str | None = None


class Wanted(Model, frozen=True, kw_only=True):
    """What a file asks for: conda's specs or exact archives, and pip's requirements."""

    kind: FileKind
    name: str | None = None
    channels: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    archives: tuple[Archive, ...] = ()
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()


def parse_file(file_name: str, text: str, subdir: str) -> Wanted:
    """Understand a file for the platform `subdir` (`linux-64`), or raise Invalid with what is wrong in it."""
    if "\x00" in text:
        raise _refuse("This is not a text file.")
    if re.search(r"^@EXPLICIT\s*$", text, re.MULTILINE):
        return _explicit(text, subdir)
    is_map = text.lstrip().startswith("{") or re.search(r"^(?:\w+|\"\w+\"|'\w+'):", text, re.MULTILINE)
    if file_name.lower().endswith((".txt", ".in")) or not is_map:
        return _requirements(text)
    document = _yaml(text)
    if "package" in document and "metadata" in document:
        return _conda_lock(document, subdir)
    if "environments" in document and "packages" in document:
        return _pixi_lock(document, subdir)
    if "dependencies" in document or "channels" in document or "name" in document:
        return _environment(document)
    raise _refuse(
        "This is none of environment.yml, requirements.txt, an explicit list, conda-lock.yml and pixi.lock.",
    )


def parse_archive(line: str, field: str = "file") -> Archive:
    """Understand the address of a package's archive, with its hash after `#`."""
    url, _, digest = line.strip().partition("#")
    parts = urlsplit(url)
    pieces = parts.path.split("/")
    found = _ARCHIVE.fullmatch(unquote(pieces[-1]))
    if found is None or len(pieces) < 3 or not _SUBDIR.fullmatch(pieces[-2]):
        raise _refuse(f"{say_it(line)} is not the address of a conda package.", field)
    channel = url.rsplit("/", 2)[0]
    parse_index(channel, field)
    digest = digest.removeprefix("sha256:").removeprefix("md5:").lower()
    if digest and not re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{64}", digest):
        raise _refuse(f"{say_it(line)} has a hash that is neither md5 nor sha256.", field)
    return Archive(
        url=url,
        channel=channel,
        subdir=pieces[-2],
        name=found["name"],
        version=found["version"],
        build=found["build"],
        md5=digest if len(digest) == 32 else None,
        sha256=digest if len(digest) == 64 else None,
    )


def _explicit(text: str, subdir: str) -> Wanted:
    archives = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#") and line != "@EXPLICIT":
            archives.append(parse_archive(line, f"file, line {number}"))
    return Wanted(kind="explicit", archives=_for_platform(archives, subdir))


def _requirements(text: str) -> Wanted:
    return Wanted(kind="requirements", **_pip_lines(re.sub(r"\\\r?\n", " ", text).splitlines(), "file, line"))


def _pip_lines(lines: Iterable[str], where: str) -> dict[str, Any]:
    pip: list[str] = []
    indexes: list[str] = []
    hashes = False
    for number, line in enumerate(lines, 1):
        field = f"{where} {number}"
        words = _without_comment(line).split()
        wanted = [word for word in words if not word.startswith("--hash=")]
        hashes = hashes or len(wanted) < len(words)
        line = " ".join(wanted)
        if not line:
            continue
        option = re.fullmatch(r"(?:--index-url|--extra-index-url|-i)(?:\s+|=)(\S+)", line)
        if option is not None:
            indexes.append(parse_index(option[1], field))
        elif line.startswith("-"):
            raise _refuse(f"{say_it(line)}: of a requirements file's options only the indexes are taken.", field)
        else:
            pip.append(parse_pip(line, field).text)
    _bound(pip)
    notes = ("The file's hashes of Python packages are not checked.",) if hashes else ()
    return {"pip": tuple(pip), "indexes": tuple(indexes), "notes": notes}


def _without_comment(line: str) -> str:
    """Cut what follows a `#` at the beginning or after a space; elsewhere it belongs to what is said."""
    at = line.find("#")
    while at > 0 and not line[at - 1].isspace():
        at = line.find("#", at + 1)
    return line if at < 0 else line[:at]


def _environment(document: Mapping[str, Any]) -> Wanted:
    packages: list[str] = []
    pip: dict[str, Any] = {}
    for number, entry in enumerate(_list(document, "dependencies"), 1):
        field = f"file, dependency {number}"
        if isinstance(entry, str):
            packages.append(parse_conda(entry, field).text)
        elif isinstance(entry, dict) and list(entry) == ["pip"]:
            lines = entry["pip"] or []
            if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
                raise _refuse("What stands below `pip:` is a list of requirements.", field)
            if any("\n" in line for line in lines):
                raise _refuse("A requirement below `pip:` has one line.", field)
            pip = _pip_lines(lines, "file, pip")
        else:
            raise _refuse("A dependency is a package's spec, or `pip:` with a list.", field)
    _bound(packages)
    channels = [channel for channel in _texts(document, "channels") if channel != "nodefaults"]
    variables = document.get("variables") or {}
    if not isinstance(variables, dict):
        raise _refuse("`variables` is a map of names and values.")
    name = document.get("name")
    return Wanted(
        kind="environment",
        name=name if isinstance(name, str) else None,
        channels=check_channels(channels, "file, channels"),
        packages=tuple(packages),
        variables={_variable(key): _value(value) for key, value in variables.items()},
        **pip,
    )


def _conda_lock(document: Mapping[str, Any], subdir: str) -> Wanted:
    archives: list[Archive] = []
    pip: list[str] = []
    entries = _list(document, "package")
    platforms = {entry.get("platform") for entry in entries if isinstance(entry, dict)}
    if entries and subdir not in platforms:
        raise _other_platform(subdir, platforms)
    for number, entry in enumerate(entries, 1):
        field = f"file, package {number}"
        if not isinstance(entry, dict):
            raise _refuse("Each package of a lock file is a map.", field)
        if entry.get("platform") != subdir or _unwanted(entry):
            continue
        if entry.get("manager") == "pip":
            pip.append(_exact_pip(entry, field))
        else:
            archives.append(_hashed(str(entry.get("url")), entry.get("hash"), field))
    _bound([*archives, *pip])
    return Wanted(kind="conda_lock", archives=_for_platform(archives, subdir), pip=tuple(pip))


def _unwanted(entry: Mapping[str, Any]) -> bool:
    return entry.get("category", "main") != "main" or bool(entry.get("optional"))


def _pixi_lock(document: Mapping[str, Any], subdir: str) -> Wanted:
    environments = document["environments"]
    if not isinstance(environments, dict) or not environments:
        raise _refuse("This pixi.lock has no environments.")
    environment = environments.get("default") or next(iter(environments.values()))
    by_platform = environment.get("packages") if isinstance(environment, dict) else None
    if not isinstance(by_platform, dict):
        raise _refuse("This pixi.lock names no packages.")
    if by_platform and subdir not in by_platform:
        raise _other_platform(subdir, by_platform)
    known: dict[str, Mapping[str, Any]] = {}
    for entry in _list(document, "packages"):
        if isinstance(entry, dict):
            known.update(
                {str(entry[key]): entry for key in ("conda", "pypi", "url") if isinstance(entry.get(key), str)}
            )
    archives: list[Archive] = []
    pip: list[str] = []
    for number, entry in enumerate(by_platform.get(subdir) or (), 1):
        field = f"file, package {number}"
        if not isinstance(entry, dict):
            raise _refuse("Each package of a lock file is a map.", field)
        if isinstance(entry.get("conda"), str):
            archives.append(_hashed(entry["conda"], known.get(entry["conda"]), field))
        elif isinstance(entry.get("pypi"), str):
            pip.append(_exact_pip(known.get(entry["pypi"], {}), field))
    _bound([*archives, *pip])
    return Wanted(kind="pixi_lock", archives=_for_platform(archives, subdir), pip=tuple(pip))


def _hashed(url: str, hashes: Any, field: str) -> Archive:
    if url.startswith("/"):
        url = "file://" + quote(url)  # how pixi.lock writes what lies in a folder
    digest = (hashes.get("sha256") or hashes.get("md5") or "") if isinstance(hashes, dict) else ""
    return parse_archive(f"{url.partition('#')[0]}#{digest}" if digest else url, field)


def _exact_pip(entry: Mapping[str, Any], field: str) -> str:
    name, version = entry.get("name"), entry.get("version")
    if not isinstance(name, str) or not isinstance(version, str):
        raise _refuse("A Python package of a lock file needs its name and version.", field)
    return parse_pip(f"{parse_name(name, field)}=={version}", field).text


def _for_platform(archives: Iterable[Archive], subdir: str) -> tuple[Archive, ...]:
    found = tuple(archives)
    _bound(found)
    for archive in found:
        if archive.subdir not in (subdir, "noarch"):
            raise _other_platform(subdir, {archive.subdir})
    names: set[str] = set()
    for archive in found:
        if archive.name in names:
            raise _refuse(f"{archive.name} is named more than once.")
        names.add(archive.name)
    return found


def _other_platform(subdir: str, platforms: Iterable[Any]) -> Invalid:
    known = ", ".join(sorted(str(platform) for platform in platforms)[:10])
    return _refuse(f"The file is for {known}, not for this machine's {subdir}.")


def _yaml(text: str) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _refuse(f"The file is not YAML: {str(error).splitlines()[0]}.") from None
    if not isinstance(document, dict):
        raise _refuse("The file is not a map of settings.")
    return {str(key): value for key, value in document.items()}


def _list(document: Mapping[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _refuse(f"`{key}` is a list.")
    _bound(value)
    return value


def _texts(document: Mapping[str, Any], key: str) -> list[str]:
    values = _list(document, key)
    if not all(isinstance(value, str) for value in values):
        raise _refuse(f"`{key}` is a list of texts.")
    return values


def _variable(key: Any) -> str:
    if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", key):
        raise _refuse(f"{say_it(str(key))} is not the name of a variable.")
    return key


def _value(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _refuse("A variable's value is a text or a number.")
    text = str(value)
    if "\x00" in text or len(text) > 10_000:
        raise _refuse("A variable's value is too long, or has characters it can't have.")
    return text


def _bound(values: Iterable[Any]) -> None:
    count = len(list(values))
    if count > _MOST:
        raise _refuse(f"A file names {_MOST} packages at most, this one {count}.")


def _refuse(message: str, field: str = "file") -> Invalid:
    return Invalid(message, field=field)
