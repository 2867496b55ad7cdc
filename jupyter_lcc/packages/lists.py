"""A package list as a file: an ordinary environment.yml, read as what strangers wrote, changed as a person would. Pure.

The text is kept as it was written; whatever is changed by us is changed line by line, so comments and order stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..environments.bounds import canonical
from ..environments.names import say_it
from ..environments.specs import parse_channel, parse_conda, parse_pip
from ..errors import Invalid
from .model import MAX_LIST, PackageList
from .yamls import read_text, read_yaml

__all__ = ["check_platform", "edit_list", "pip_key", "read_list", "same", "write_list"]

_MOST = 5000
"""The most packages one list may name."""

_PLATFORM = re.compile(r"(?:linux|osx|win|emscripten|wasi|zos|freebsd)-[a-z0-9_]{1,20}", re.ASCII)
_KNOWN = ("name", "channels", "dependencies", "platforms", "variables")
_IGNORED = ("prefix",)
_OPTIONS = {
    "-r": "another file",
    "--requirement": "another file",
    "-c": "another file",
    "--constraint": "another file",
    "-e": "a folder",
    "--editable": "a folder",
    "-i": "a package index",
    "--index-url": "a package index",
    "--extra-index-url": "a package index",
    "--find-links": "a place of packages",
    "-f": "a place of packages",
    "--trusted-host": "a host to trust",
}


def read_list(raw: bytes | str, field: str = "text") -> PackageList:
    """Understand a list, or raise Invalid with what is wrong and the place it is at. Nothing else happens."""
    document = read_yaml(read_text(raw, MAX_LIST, field), field)
    if document is None:
        raise Invalid("This list is empty; it needs `dependencies`.", field=field)
    if not isinstance(document, dict):
        raise Invalid("A list is a map with `channels` and `dependencies`.", field=field)
    notes = []
    for key in document:
        if key not in _KNOWN:
            effect = "has no effect here" if key in _IGNORED else "is not known and has no effect"
            notes.append(f"{say_it(key)} {effect}.")
    name = document.get("name")
    if name is not None and not isinstance(name, str):
        raise Invalid("`name` is a text.", field=f"{field}: name")
    channels = [
        parse_channel(text, f"{field}: channels, {number}")
        for number, text in _numbered(document, "channels", field)
        if text != "nodefaults"
    ]
    platforms = [
        check_platform(text, f"{field}: platforms, {number}")
        for number, text in _numbered(document, "platforms", field)
    ]
    conda, pip = _dependencies(document, field)
    return PackageList(
        name=name,
        channels=tuple(dict.fromkeys(channels)),
        platforms=tuple(dict.fromkeys(platforms)),
        conda=conda,
        pip=pip,
        variables=_variables(document.get("variables"), field),
        notes=tuple(notes),
    )


def check_platform(text: str, field: str = "platforms") -> str:
    """Take a platform as conda names it (`linux-64`), or raise Invalid."""
    if not _PLATFORM.fullmatch(text):
        raise Invalid(f"{say_it(text)} is not a platform; write for example linux-64.", field=field, value=text[:100])
    return text


def pip_key(requirement: str) -> str:
    """Give what a requirement is found by: its name as pip compares it, with its marker where it has one."""
    spec, _, marker = requirement.partition(";")
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", spec)
    name = canonical(found[1].rstrip("._-")) if found is not None else spec.strip()
    return f"{name}; {marker.strip()}" if marker.strip() else name


def same(one: PackageList, other: PackageList) -> bool:
    """Tell whether two lists ask for the same; order counts only among channels."""
    return (
        one.name == other.name
        and one.channels == other.channels
        and set(one.platforms) == set(other.platforms)
        and one.conda == other.conda
        and one.pip == other.pip
        and one.variables == other.variables
    )


def write_list(wanted: PackageList) -> str:
    """Write a list from nothing; for a text that is there already, see `edit_list`."""
    lines = [f"name: {_scalar(wanted.name)}"] if wanted.name is not None else []
    lines += _block("channels", wanted.channels) + _block("platforms", wanted.platforms)
    lines.append("dependencies:" if wanted.conda or wanted.pip else "dependencies: []")
    lines += [f"  - {_scalar(spec)}" for spec in wanted.conda.values()]
    if wanted.pip:
        lines.append("  - pip:")
        lines += [f"      - {_scalar(spec)}" for spec in wanted.pip.values()]
    if wanted.variables:
        lines.append("variables:")
        lines += [f"  {_scalar(key)}: {_quoted(value)}" for key, value in wanted.variables.items()]
    return "\n".join(lines) + "\n"


def edit_list(text: str, wanted: PackageList) -> str:
    """Change a text so that it asks for what is wanted, touching no line that needn't change.

    A text whose form is too unusual for that (written in one line, say) is written anew.
    """
    before = read_list(text)
    if same(before, wanted):
        return text
    edited = _edit(text, before, wanted)
    try:
        if edited is not None and same(read_list(edited), wanted):
            return edited
    except Invalid:
        pass
    return write_list(wanted)


# -- reading --------------------------------------------------------------------------------------------------


def _numbered(document: Mapping[str, Any], key: str, field: str) -> list[tuple[int, str]]:
    values = document.get(key)
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Invalid(f"`{key}` is a list of texts.", field=f"{field}: {key}")
    if len(values) > _MOST:
        raise Invalid(f"`{key}` names {len(values)}; {_MOST} are allowed.", field=f"{field}: {key}")
    return list(enumerate(values, 1))


def _dependencies(document: Mapping[str, Any], field: str) -> tuple[dict[str, str], dict[str, str]]:
    entries = document.get("dependencies")
    if entries is None and "dependencies" not in document:
        raise Invalid("This list has no `dependencies`.", field=field)
    entries = [] if entries is None else entries
    if not isinstance(entries, list):
        raise Invalid("`dependencies` is a list of specs.", field=f"{field}: dependencies")
    if len(entries) > _MOST:
        raise Invalid(f"A list names {_MOST} packages at most, this one {len(entries)}.", field=field)
    conda: dict[str, str] = {}
    pip: dict[str, str] = {}
    pips = 0
    for number, entry in enumerate(entries, 1):
        where = f"{field}: dependencies, {number}"
        if isinstance(entry, str):
            spec = parse_conda(entry, where)
            _once(conda, spec.name, spec.text, where)
        elif isinstance(entry, dict) and list(entry) == ["pip"]:
            pips += 1
            if pips > 1:
                raise Invalid("`pip:` stands twice.", field=where)
            _pip(entry["pip"], pip, f"{field}: pip")
        else:
            raise Invalid("A dependency is a package's spec, or `pip:` with a list.", field=where)
    return conda, pip


def _pip(lines: Any, into: dict[str, str], field: str) -> None:
    lines = [] if lines is None else lines
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise Invalid("What stands below `pip:` is a list of requirements.", field=field)
    if len(lines) > _MOST:
        raise Invalid(f"A list names {_MOST} packages at most, this one {len(lines)}.", field=field)
    for number, line in enumerate(lines, 1):
        where = f"{field}, {number}"
        line = re.sub(r"(?:^|\s)#.*", "", line).strip() if line.isprintable() else line
        if line.startswith("-"):
            raise _option(line, where)
        if re.match(r"file:", line, re.IGNORECASE):
            raise Invalid(f"{say_it(line)} is a file; packages are installed by name from an index.", field=where)
        text = parse_pip(line, where).text
        _once(into, pip_key(text), text, where)


def _option(line: str, field: str) -> Invalid:
    word = re.split(r"[\s=]", line, maxsplit=1)[0]
    meant = _OPTIONS.get(word) or (_OPTIONS.get(word[:2]) if not word.startswith("--") else None)
    what = f"{say_it(line)} names {meant}" if meant else f"{say_it(line)} is an option"
    advice = (
        " Indexes are configured on each machine, within what its administrator allows."
        if meant and ("index" in meant or "packages" in meant or "host" in meant)
        else ""
    )
    return Invalid(f"{what}; a list takes packages by name only.{advice}", field=field, value=line[:200])


def _once(into: dict[str, str], key: str, text: str, field: str) -> None:
    if into.setdefault(key, text) != text:
        raise Invalid(
            f"{say_it(key)} stands twice: {say_it(into[key])} and {say_it(text)}; write one of them, or both "
            "conditions with a comma.",
            field=field,
        )


def _variables(values: Any, field: str) -> dict[str, str]:
    if values is None:
        return {}
    where = f"{field}: variables"
    if not isinstance(values, dict) or len(values) > 200:
        raise Invalid("`variables` is a map of at most 200 names and values.", field=where)
    for key, value in values.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", key, re.ASCII):
            raise Invalid(f"{say_it(key)} is not the name of a variable.", field=where)
        if not isinstance(value, str) or len(value) > 10_000 or not _printable(value):
            raise Invalid(f"The value of {key} is not a text of one line.", field=where)
        if key in _LOADING or key.startswith(("LD_", "DYLD_")):
            raise Invalid(f"{key} changes what programs load and can't be set by a list.", field=where)
    return dict(values)


_LOADING = frozenset(
    ("PATH", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "BASH_ENV", "ENV", "SHELL", "IFS", "PROMPT_COMMAND")
)


def _printable(text: str) -> bool:
    return text.isprintable() or text == ""


# -- writing --------------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+=<>!~,|*-]*(?: [A-Za-z0-9_./+=<>!~,|*-]+)*", re.ASCII)
_OTHER = re.compile(r"(?i)(?:true|false|yes|no|on|off|y|n|null|[-+.0-9_:e]+|=|<<)", re.ASCII)


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and not _OTHER.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    import json

    # A JSON text is a YAML text in double quotes; beyond the basic plane YAML has its own way to write it.
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else json.dumps(text)


def _block(key: str, values: Iterable[str]) -> list[str]:
    lines = [f"  - {_scalar(value)}" for value in values]
    return [f"{key}:", *lines] if lines else []


_ITEM = re.compile(
    r"(?P<lead>\s*-\s+)(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|[^\s#](?:[^#]|(?<!\s)#)*?)(?P<rest>\s*(?:\s#.*)?)"
)
_PIP_HEAD = re.compile(r"\s*-\s+pip:\s*(?:#.*)?")


def _edit(text: str, before: PackageList, wanted: PackageList) -> str | None:
    """Change line by line. None where the form is not the usual one."""
    if before.name != wanted.name or before.variables != wanted.variables or before.channels != wanted.channels:
        return None
    if set(before.platforms) != set(wanted.platforms):
        return None
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if re.match(r"dependencies:\s*(?:#.*)?$", line)), None)
    if start is None:
        return None
    end = next((n for n in range(start + 1, len(lines)) if re.match(r"[^\s#-]", lines[n])), len(lines))
    head = next((n for n in range(start + 1, end) if _PIP_HEAD.fullmatch(lines[n])), None)
    indent = len(lines[head]) - len(lines[head].lstrip()) if head is not None else 0
    stop = end
    if head is not None:
        stop = next((n for n in range(head + 1, end) if _item_indent(lines[n]) in range(indent + 1)), end)
    inside = range(head + 1, stop) if head is not None else range(0)
    out: list[str] = []
    left = {"conda": dict(wanted.conda), "pip": dict(wanted.pip)}
    last = {"conda": (-1, "  - "), "pip": (-1, " " * (indent + 4) + "- ")}
    for number, line in enumerate(lines):
        if number <= start or number >= end or number == head or _item_indent(line) is None:
            if number == head:
                at_head = len(out)
            out.append(line)
            continue
        section = "pip" if number in inside else "conda"
        found = _ITEM.fullmatch(line)
        if found is None:
            return None
        told = read_yaml(found["value"])
        key = _key_of(section, told)
        if key is None:
            return None
        spec = left[section].pop(key, None)
        if spec is None:
            continue  # it is not wanted any more
        old = (before.conda if section == "conda" else before.pip)[key]
        out.append(line if spec == old else found["lead"] + _scalar(spec) + found["rest"])
        last[section] = (len(out) - 1, found["lead"])
    if head is None and left["pip"]:
        at = _insert(out, last["conda"], [_scalar(spec) for spec in left["conda"].values()], start + 1)
        lead = last["conda"][1]
        pad = " " * (len(lead) + 2)
        out[at:at] = [f"{lead}pip:", *(f"{pad}- {_scalar(spec)}" for spec in left["pip"].values())]
    else:
        if head is not None:
            pip_at = last["pip"][0] if last["pip"][0] >= 0 else at_head
            new = [last["pip"][1] + _scalar(spec) for spec in left["pip"].values()]
            out[pip_at + 1 : pip_at + 1] = new
            if not wanted.pip:
                del out[at_head]
            if last["conda"][0] > pip_at:
                last["conda"] = (last["conda"][0] + len(new), last["conda"][1])
        place = last["conda"] if last["conda"][0] >= 0 else (-1, last["conda"][1])
        _insert(out, place, [_scalar(spec) for spec in left["conda"].values()], start + 1)
    return newline.join(out) + (newline if text.endswith(("\n", "\r")) else "")


def _insert(out: list[str], after: tuple[int, str], specs: list[str], start: int) -> int:
    at = after[0] + 1 if after[0] >= 0 else start
    out[at:at] = [after[1] + spec for spec in specs]
    return at + len(specs)


def _item_indent(line: str) -> int | None:
    found = re.match(r"(\s*)-\s", line)
    return len(found[1]) if found is not None else None


def _key_of(section: str, told: Any) -> str | None:
    if not isinstance(told, str):
        return None
    try:
        return parse_conda(told).name if section == "conda" else pip_key(parse_pip(told).text)
    except Invalid:
        return None
