"""Lay text out for a terminal: columns by the width characters really have, nothing wider than the screen."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["clean", "fill", "lay_out", "pad", "shorten", "width_of"]

_GAP = "  "


def clean(text: str) -> str:
    """Make a name from outside fit to print: no line breaks, no escape sequences."""
    return "".join("\ufffd" if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char for char in text)


def width_of(text: str) -> int:
    """Count the columns a text takes: two for Korean or Chinese characters, none for combining marks."""
    return sum(_width_of_char(char) for char in text)


def shorten(text: str, width: int) -> str:
    """Cut a text to a width, with an ellipsis in the place of what is left out."""
    if width_of(text) <= width:
        return text
    kept, used = "", 0
    for char in text:
        used += _width_of_char(char)
        if used > width - 1:
            break
        kept += char
    return kept + "…" if width > 0 else ""


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Fill a text up to a width."""
    space = " " * (width - width_of(text))
    return space + text if right else text + space


def lay_out(rows: Sequence[Sequence[str]], width: int, *, right: frozenset[int] = frozenset()) -> list[str]:
    """Set rows in columns; the first column gives way where they are too wide. Cells of the last stay whole.

    `right` names the columns set to the right. A column that is empty in every row but the first, its heading,
    is left out.
    """
    if not rows:
        return []
    columns = [n for n in range(len(rows[0])) if len(rows) == 1 or any(row[n] for row in rows[1:])]
    if not columns:
        return []
    widths = {n: max(width_of(row[n]) for row in rows) for n in columns}
    first = columns[0]
    others = sum(widths[n] + len(_GAP) for n in columns[1:])
    widths[first] = min(widths[first], max(width - others, 8))
    return [
        _GAP.join(pad(shorten(row[n], widths[n]), widths[n], right=n in right) for n in columns).rstrip()
        for row in rows
    ]


def fill(text: str, width: int, indent: str = "") -> list[str]:
    """Break a sentence into lines; the second and later ones begin with `indent`. A word wider than a line is cut."""
    words = text.lstrip(" ")
    lines, line = [], text[: len(text) - len(words)]
    begun = False
    for word in words.split(" "):
        if line.strip() and width_of(line) + 1 + width_of(word) > width:
            lines.append(line.rstrip())
            line = indent + word
        else:
            line = f"{line} {word}" if begun else line + word
        begun = True
        while width_of(line) > width > len(indent) + 1:
            end = next(n for n in range(len(line), 0, -1) if width_of(line[:n]) <= width)
            lines.append(line[:end])
            line = indent + line[end:]
    return [*lines, line] if line.strip() else lines


def _width_of_char(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
