"""YAML from strangers: plain maps, lists and texts, or refused. Pure.

A list needs nothing of what makes YAML dangerous. So there are no anchors and aliases (a few lines that unfold to
gigabytes), no tags (which name types to make), no second document, no key that stands twice (a reader sees one, a
machine takes the other), no deep nesting; and what looks like a number or a `no` stays the text that was written.
The events are looked at one after the other before anything is built.
"""

from __future__ import annotations

from typing import Any

from ..environments.names import say_it
from ..errors import Invalid

__all__ = ["read_text", "read_yaml"]

_DEEPEST = 8
_MOST_NODES = 1_000_000
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))


def read_text(raw: bytes | str, most: int, field: str = "text") -> str:
    """Take bytes for a text of at most `most` bytes, or raise Invalid."""
    size = len(raw) if isinstance(raw, bytes) or raw.isascii() else len(raw.encode("utf-8", "surrogatepass"))
    if size > most:
        raise Invalid(f"This has {size} bytes; {most} are allowed.", field=field)
    if isinstance(raw, str):
        text = raw
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Invalid("This is not a text in UTF-8.", field=field) from None
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text if character > "\ud7ff"):
        raise Invalid("This is not a text.", field=field)
    return text


def read_yaml(text: str, field: str = "text") -> Any:
    """Build maps, lists, texts and None; raise Invalid, with the line, for anything else."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(field).build(yaml.parse(text, Loader=loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or str(error).splitlines()[0]
        where = f" in line {mark.line + 1}" if mark is not None else ""
        shown = say_it(str(why)).strip("'\"")
        raise Invalid(f"This is not YAML{where}: {shown}.", field=field, line=_line(mark)) from None


class _Builder:
    def __init__(self, field: str) -> None:
        self._field = field
        self._stack: list[tuple[Any, set[str] | None]] = []
        self._key: list[str | None] = []
        self._done: list[Any] = []
        self._nodes = 0

    def build(self, events: Any) -> Any:
        import yaml

        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refuse("A second document is not allowed.", event)
                if event.tags:
                    raise self._refuse("Tags are not allowed.", event)
            elif isinstance(event, yaml.AliasEvent):
                raise self._refuse("Aliases (`*name`) are not allowed; write it out.", event)
            elif isinstance(event, yaml.NodeEvent):
                self._check(event)
                self._take(event, yaml)
            elif isinstance(event, yaml.CollectionEndEvent):
                built, _ = self._stack.pop()
                self._key.pop()
                self._add(built, event)
        return self._done[0] if self._done else None

    def _check(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise self._refuse("It has too many parts.", event)
        if event.anchor is not None:
            raise self._refuse("Anchors (`&name`) are not allowed; write it out.", event)
        if getattr(event, "tag", None) is not None:
            raise self._refuse(f"Tags ({say_it(event.tag)}) are not allowed.", event)

    def _take(self, event: Any, yaml: Any) -> None:
        if isinstance(event, yaml.CollectionStartEvent):
            if len(self._stack) >= _DEEPEST:
                raise self._refuse(f"It is nested more than {_DEEPEST} deep.", event)
            if self._stack and self._stack[-1][1] is not None and self._key[-1] is None:
                raise self._refuse("A key is a text.", event)
            is_map = isinstance(event, yaml.MappingStartEvent)
            self._stack.append(({} if is_map else [], set() if is_map else None))
            self._key.append(None)
        else:
            plain = event.style is None or event.style == ""
            self._add(None if plain and event.value in _NULLS else event.value, event)

    def _add(self, value: Any, event: Any) -> None:
        if not self._stack:
            self._done.append(value)
            return
        built, seen = self._stack[-1]
        if seen is None:
            built.append(value)
        elif self._key[-1] is None:
            key = "" if value is None else value
            if key == "<<":
                raise self._refuse("Merging (`<<`) is not allowed; write it out.", event)
            if key in seen:
                raise self._refuse(f"{say_it(key)} stands twice.", event)
            seen.add(key)
            self._key[-1] = key
        else:
            built[self._key[-1]] = value
            self._key[-1] = None

    def _refuse(self, message: str, event: Any) -> Invalid:
        line = _line(event.start_mark)
        return Invalid(f"Line {line}: {message}" if line else message, field=self._field, line=line)


def _line(mark: Any) -> int | None:
    return None if mark is None else int(mark.line) + 1
