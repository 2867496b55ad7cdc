"""All that is wrong with a text as it is typed, each with its line. Pure.

`lists.read_list` says the first thing that is wrong; an editor wants all of them, each where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..environments.bounds import canonical
from ..environments.names import say_it
from ..errors import Invalid
from .bounds import ListBounds, check_list
from .lists import read_list
from .model import CheckedText, PackageList, TextProblem
from .yamls import read_yaml

__all__ = ["check_text"]

_MOST = 100
_PLACE = re.compile(r"text: (?P<section>[a-z]+)(?:, (?P<number>\d+))?")


def check_text(text: str, bounds: ListBounds) -> CheckedText:
    """Understand a text, or say what is wrong with it: all entries that can't be, else all that isn't allowed."""
    try:
        understood = read_list(text)
    except Invalid as first:
        return CheckedText(problems=_wrong(text, first))
    places = dict(_places(text))
    problems = [TextProblem(message=note, level="warning", line=_line_of_key(text, note)) for note in understood.notes]
    for refusal in check_list(understood, bounds):
        line, column = _where(refusal.subject, understood, places)
        problems.append(TextProblem(message=refusal.message, line=line, column=column, rule=refusal.rule))
    return CheckedText(understood=understood, problems=tuple(problems[:_MOST]))


def _wrong(text: str, first: Invalid) -> tuple[TextProblem, ...]:
    """Take out what is wrong, entry by entry, and look at the rest: each is told, none hides another."""
    found: list[TextProblem] = []
    lines = text.splitlines()
    told: Invalid | None = first
    while told is not None and len(found) < _MOST:
        line, column = _line_of(told, "\n".join(lines))
        found.append(TextProblem(message=told.message, line=line, column=column))
        if line is None or not re.match(r"\s*-\s", lines[line - 1]):
            break
        # An empty line instead of the entry: the lines below keep their numbers.
        lines[line - 1] = ""
        try:
            read_list("\n".join(lines) + "\n")
        except Invalid as error:
            told = error
        else:
            told = None
    return tuple(sorted(found, key=lambda problem: problem.line or 0))


def _line_of(error: Invalid, text: str) -> tuple[int | None, int | None]:
    line = error.detail.get("line")
    if isinstance(line, int):
        return line, None
    at = _PLACE.fullmatch(str(error.detail.get("field", "")))
    if at is None:
        return None, None
    return dict(_places(text)).get((at["section"], int(at["number"] or 0)), (None, None))


def _where(
    subject: str, understood: PackageList, places: dict[tuple[str, int], tuple[int, int]]
) -> tuple[int | None, int | None]:
    """Find the entry a refusal is about: a package by its name, a channel by its text."""
    for section, entries in (("dependencies", understood.conda), ("pip", understood.pip)):
        for number, name in enumerate(entries, 1):
            if canonical(name.split(";")[0].strip()) == canonical(subject):
                # `pip:` is an entry among those of conda; what stands below it counts for itself.
                return places.get((section, number), (None, None))
    return places.get(("channels", 0), (None, None))


def _line_of_key(text: str, note: str) -> int | None:
    for number, line in enumerate(text.splitlines(), 1):
        key = re.match(r"([^\s#:][^:]*):", line)
        if key is not None and note.startswith(say_it(key[1])):
            return number
    return None


def _places(text: str) -> Iterator[tuple[tuple[str, int], tuple[int, int]]]:
    """Give line and column of each section (number 0) and its entries, counted from 1 as messages count them."""
    import yaml

    try:
        read_yaml(text)  # refuses what would unfold or never end
        root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (Invalid, yaml.YAMLError, ValueError, RecursionError):
        return
    if not isinstance(root, yaml.MappingNode):
        return
    for key, value in root.value:
        section = str(getattr(key, "value", ""))
        yield (section, 0), _at(key)
        if isinstance(value, yaml.SequenceNode):
            yield from _entries(section, value)


def _entries(section: str, node: Any) -> Iterator[tuple[tuple[str, int], tuple[int, int]]]:
    import yaml

    for number, entry in enumerate(node.value, 1):
        yield (section, number), _at(entry)
        if isinstance(entry, yaml.MappingNode):
            for key, value in entry.value:
                yield (str(getattr(key, "value", "")), 0), _at(key)
                if isinstance(value, yaml.SequenceNode):
                    yield from _entries(str(getattr(key, "value", "")), value)


def _at(node: Any) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
