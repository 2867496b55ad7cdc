"""Names of environments: data until they are checked. Pure.

A name becomes a folder, a part of a kernelspec's name and a piece of an address, so what it may be is said here
and nowhere else.
"""

from __future__ import annotations

import re

from ..errors import Invalid

__all__ = ["MAX_NAME", "check_name", "free_name", "kernel_name", "say_it"]

MAX_NAME = 64
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", re.ASCII)
_RESERVED = frozenset(("base", "root", "all", "con", "prn", "aux", "nul"))
"""conda's own names for its root, the word for everything in the trash, and what Windows keeps for devices."""


def check_name(name: str | None) -> str:
    """Give the name of a new environment, or raise Invalid with the reason."""
    if name is None or name == "":
        raise _refuse("An environment needs a name.", name)
    if len(name) > MAX_NAME:
        raise _refuse(f"A name has {MAX_NAME} characters at most, this one has {len(name)}.", name)
    if "/" in name or "\\" in name:
        raise _refuse(f"{say_it(name)} is a path, not a name; environments are made in one folder.", name)
    if name.startswith("-"):
        raise _refuse(f"{say_it(name)} looks like an option; a name begins with a letter, a digit or `_`.", name)
    if name.startswith("."):
        raise _refuse(f"{say_it(name)} begins with a dot; a name begins with a letter, a digit or `_`.", name)
    if not _NAME.fullmatch(name):
        raise _refuse(
            f"{say_it(name)} has characters a name can't have; letters a-z, digits, `_`, `-`, `+` and `.` are allowed.",
            name,
        )
    if name.lower() in _RESERVED:
        raise _refuse(f"{say_it(name)} is a reserved name.", name)
    return name


def kernel_name(name: str) -> str:
    """Give the kernelspec's name of an environment: what Jupyter takes as one, in lower case as it looks them up."""
    return "lcc-" + re.sub(r"[^a-z0-9._-]", "-", name.lower())


def free_name(wanted: str, taken: frozenset[str] | set[str]) -> str:
    """Give `wanted`, or the first of `wanted-2`, `wanted-3` … that nobody has."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name


def say_it(text: str) -> str:
    """Quote what somebody sent so that a sentence stays one: no line breaks, no escape sequences, not too long."""
    shown = ascii(text) if not text.isprintable() else repr(text)
    return shown if len(shown) <= 80 else shown[:79] + "…"


def _refuse(message: str, name: str | None) -> Invalid:
    return Invalid(message, field="name", value=None if name is None else name[:100])
