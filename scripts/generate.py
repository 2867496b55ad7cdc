"""Write what follows from the sources: openapi.json, the schema of policy documents, the TypeScript types, the Korean
catalogue, tables in the docs.

With `--check` nothing is changed and the exit status tells whether all is up to date.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import msgspec
from house import ROOT, environment
from traitlets.config import Configurable

from jupyter_lcc import config, extension
from jupyter_lcc.idle.document.model import PolicyDocument
from jupyter_lcc.web.openapi import describe

OPENAPI = ROOT / "openapi.json"
TYPES = ROOT / "src" / "api" / "generated.ts"
DOCS = ROOT / "docs"
POLICY_SCHEMA = ROOT / "jupyter_lcc" / "idle" / "document" / "policy.schema.json"


def openapi() -> str:
    """Describe the table of routes."""
    version = json.loads((ROOT / "package.json").read_text())["version"]
    return json.dumps(describe(extension.ROUTES, version), indent=2, ensure_ascii=False) + "\n"


def policy_schema() -> str:
    """Describe policy documents, for editors and for tools that check one."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A policy document of jupyter_lcc",
        **msgspec.json.schema(PolicyDocument),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def configuration(page: str) -> str:
    """Fill each `<!-- traits Class -->` … `<!-- end -->` of the page."""

    def fill(found: re.Match[str]) -> str:
        section: type[Configurable] = getattr(config, found["name"])
        return f"<!-- traits {found['name']} -->\n\n{_table(section)}\n<!-- end -->"

    return re.sub(r"<!-- traits (?P<name>\w+) -->.*?<!-- end -->", fill, page, flags=re.DOTALL)


def _table(section: type[Configurable]) -> str:
    rows = ["| setting | type | default | what it does |", "| --- | --- | --- | --- |"]
    for name, trait in section.class_own_traits(config=True).items():
        default = trait.default_value_repr()
        words = textwrap.dedent(trait.help).strip().replace("\n", " ").replace("|", "\\|")
        rows.append(f"| `{section.__name__}.{name}` | {type(trait).__name__} | `{default}` | {words} |")
    return "\n".join(rows) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _jlpm(script: str) -> bool:
    return subprocess.run(["jlpm", script], cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL).returncode == 0


def _same_json(old: str, new: str) -> bool:
    try:
        return bool(json.loads(old) == json.loads(new))
    except ValueError:
        return False


def _same_text(old: str, new: str) -> bool:
    return old == new


def stale(check: bool) -> list[str]:
    """Bring every file up to date, or with `check` only name those that are not."""
    names: list[str] = []

    def compare(path: Path, new: str, same: Callable[[str, str], bool]) -> None:
        if same(_read(path), new):
            return
        names.append(str(path.relative_to(ROOT)))
        if not check:
            _write(path, new)

    compare(OPENAPI, openapi(), _same_json)
    compare(POLICY_SCHEMA, policy_schema(), _same_json)
    for page in sorted(DOCS.glob("*.md")):
        compare(page, configuration(_read(page)), _same_text)
    before = _read(TYPES)
    if not _jlpm("generate"):
        names.append("jlpm generate failed")
    elif _read(TYPES) != before:
        names.append(str(TYPES.relative_to(ROOT)))
        if check:
            _write(TYPES, before)
    if not _jlpm("messages:check" if check else "messages"):
        names.append("the Korean catalogue (jlpm messages:check)")
    return names


def main() -> None:
    """Write, or with --check compare."""
    check = sys.argv[1:] == ["--check"]
    names = stale(check)
    for name in names:
        print(f"{'not up to date' if check else 'written'}: {name}")
    if check and names:
        sys.exit("Run `make generate` and look at what changed.")


if __name__ == "__main__":
    main()
