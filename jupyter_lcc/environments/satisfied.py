"""Notice that a wish is fulfilled already, from the names of files, without starting or solving anything.

Only what can be told for certain: a name, or a name with plain numbers as versions. Everything else is "no", and the
engine looks closer. Everything here blocks.
"""

from __future__ import annotations

import os
import re

import msgspec

from .bounds import canonical
from .wishes import Wish

__all__ = ["nothing_to_do"]

_SPEC = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*?)(?P<version>(?:[=<>!]=?|=)[0-9<>=!,.*]+)?")
_PIECE = re.compile(r"(==|>=|<=|!=|=|<|>)([0-9]+(?:\.[0-9]+)*)(\.?\*)?")


class _Asked(msgspec.Struct):
    requested_spec: str | None = None
    requested_specs: tuple[str, ...] | None = None


def nothing_to_do(prefix: str, wish: Wish) -> bool:
    """Tell whether an environment surely is as it is wished to be."""
    others = (wish.remove, wish.upgrade, wish.upgrade_all, wish.archives, wish.variables)
    if any(others) or wish.pip_remove or wish.pip_upgrade or not (wish.install or wish.pip_install):
        return False
    try:
        names = os.listdir(f"{prefix}/conda-meta")
    except OSError:
        return False
    if "frozen" in names:
        return False
    files = {name[:-5].rsplit("-", 2)[0]: name for name in names if name.count("-") >= 2 and name.endswith(".json")}
    return all(_conda(prefix, text, files) for text in wish.install) and _pip(prefix, wish.pip_install, files)


def _conda(prefix: str, text: str, files: dict[str, str]) -> bool:
    found = _SPEC.fullmatch(text)
    file = files.get(found["name"].lower()) if found is not None else None
    if found is None or file is None:
        return False
    try:
        with open(f"{prefix}/conda-meta/{file}", "rb") as opened:
            asked = msgspec.json.decode(opened.read(), type=_Asked)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False
    specs = asked.requested_specs or ((asked.requested_spec,) if asked.requested_spec not in (None, "None") else ())
    if not found["version"]:
        return bool(specs)
    version = file[:-5].rsplit("-", 2)[1]
    return text in specs and all(_fits(version, piece) for piece in found["version"].split(","))


def _fits(version: str, piece: str) -> bool:
    found = _PIECE.fullmatch(piece)
    if found is None or not re.fullmatch(r"[0-9]+(?:\.[0-9]+)*", version):
        return False
    mine, theirs = [[int(part) for part in text.split(".")] for text in (version, found[2])]
    begins = mine[: len(theirs)] == theirs
    if found[1] == "=" or (found[1] == "==" and found[3]):
        return begins
    if found[3]:
        return False
    longest = max(len(mine), len(theirs))
    mine, theirs = [numbers + [0] * (longest - len(numbers)) for numbers in (mine, theirs)]
    return {
        "==": mine == theirs,
        "!=": mine != theirs,
        ">=": mine >= theirs,
        "<=": mine <= theirs,
        ">": mine > theirs,
        "<": mine < theirs,
    }[found[1]]


def _pip(prefix: str, texts: tuple[str, ...], files: dict[str, str]) -> bool:
    if not texts:
        return True
    from packaging.requirements import Requirement

    python = files.get("python")
    if python is None:
        return False
    short = ".".join(python[:-5].rsplit("-", 2)[1].split(".")[:2])
    try:
        names = os.listdir(f"{prefix}/lib/python{short}/site-packages")
    except OSError:
        return False
    there = {}
    for name in names:
        if name.endswith(".dist-info"):
            dist, _, version = name.removesuffix(".dist-info").rpartition("-")
            there[canonical(dist)] = version
    for text in texts:
        requirement = Requirement(text)
        have = there.get(canonical(requirement.name))
        if have is None or requirement.extras or requirement.marker:
            return False
        if not requirement.specifier.contains(have, prereleases=True):
            return False
    return True
