"""Every sentence the server sends by a code can be said by the panel, and the panel knows no code that nobody sends."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parents[1]
SAID = HERE / "src" / "idle" / "words" / "sentences.ts"
MAKERS = {"NoWay", "_unknown"}
"""Their first argument is a code."""


def codes_sent() -> Iterator[tuple[str, frozenset[str]]]:
    """Give each code in the sources with the names of its details, as far as they are written there."""
    for path in (HERE / "jupyter_lcc").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            named = {word.arg: word.value for word in node.keywords if word.arg}
            if node.func.id == "Sentence" and isinstance(code := named.get("code"), ast.Constant):
                yield str(code.value), _keys(path, named.get("detail"))
            elif node.func.id in MAKERS and node.args and isinstance(code := node.args[0], ast.Constant):
                yield str(code.value), frozenset(named)


def _keys(path: Path, detail: ast.expr | None) -> frozenset[str]:
    if isinstance(detail, ast.Name):  # written a line above
        found = re.search(rf"{detail.id} = (\{{.*?\}})\n", path.read_text("utf-8"))
        assert found is not None
        detail = ast.parse(found[1], mode="eval").body
    return (
        frozenset(str(key.value) for key in detail.keys if isinstance(key, ast.Constant))
        if isinstance(detail, ast.Dict)
        else frozenset()
    )


def test_the_panel_says_every_code_with_all_its_words() -> None:
    sent = dict(codes_sent())
    cases = re.findall(r"case '(\w+)':(.*?)(?=case '|default:)", SAID.read_text("utf-8"), re.DOTALL)
    said = {code: frozenset(re.findall(r"word\(detail, '(\w+)'\)", text)) for code, text in cases}
    assert len(sent) > 15
    assert said == sent
