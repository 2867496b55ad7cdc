"""Sort a command line for traitlets, whose parser ignores what it doesn't know and wants options together. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from .exits import CliError, Exit

__all__ = ["sort_options"]

_HELP = ("-h", "--help", "--help-all", "--version", "-V")


def sort_options(argv: Sequence[str], flags: Collection[str], aliases: Collection[str]) -> tuple[list[str], list[str]]:
    """Give the options, each with its value as one word, and the other words; after `--` all are such words.

    `flags` take no value, `aliases` take one. Raises CliError for an option that doesn't exist or lacks its value.
    """
    options: list[str] = []
    words: list[str] = []
    waiting = list(argv)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return options, words + waiting
        option, sign, _value = word.partition("=")
        name = option.removeprefix("--")
        if not word.startswith("-") or word == "-":
            words.append(word)
        elif word in _HELP or re.fullmatch(r"--\w+\.\w+", option):
            options.append(word)
        elif option.startswith("--") and name in flags:
            if sign:
                raise CliError(Exit.USAGE, f"{option} takes no value.")
            options.append(word)
        elif option.startswith("--") and name in aliases:
            if not sign and not waiting:
                raise CliError(Exit.USAGE, f"{option} needs a value.")
            options.append(word if sign else f"{option}={waiting.pop(0)}")
        else:
            known = ", ".join(f"--{option}" for option in [*flags, *aliases])
            raise CliError(Exit.USAGE, f"There is no option {option}.", f"There are {known}.")
    return options, words
