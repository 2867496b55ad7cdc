"""What a person names on the command line: things, numbers of them, and files."""

from __future__ import annotations

from pathlib import Path

from .exits import CliError, Exit
from .table import clean

__all__ = ["number_of", "part_of_path", "text_of"]


def part_of_path(name: str, what: str) -> str:
    """Give a name as one part of an address. Raises CliError for what can't be the name of anything."""
    if not name or "/" in name or name in (".", ".."):
        raise CliError(Exit.NOT_FOUND, f"There is no {what} {clean(name)!r}.")
    return name


def number_of(text: str, what: str) -> int:
    """Read the number of a version or revision, from 1. Raises CliError."""
    if not text.isdecimal() or int(text) < 1 or len(text) > 9:
        raise CliError(Exit.USAGE, f"{clean(text)!r} is not the number of a {what}.")
    return int(text)


def text_of(path: str, most: int) -> str:
    """Read a file of at most so many bytes. Raises CliError."""
    try:
        with open(path, "rb") as file:
            raw = file.read(most + 1)
    except OSError as error:
        raise CliError(Exit.USAGE, f"{path} can't be read: {error.strerror}.") from error
    if len(raw) > most:
        raise CliError(Exit.USAGE, f"{Path(path).name} is larger than {most // 1_000_000} MB.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise CliError(Exit.USAGE, f"{path} is not a text file.") from None
