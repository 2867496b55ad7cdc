"""Where kept output belongs in a notebook: pure, on the notebook as JSON.

Output is put into a cell only if that cell is known for sure: by the id the request named, or by its source where
that is there once; and only if the source is still what was run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from .runs import Run

__all__ = ["aside", "lost", "place"]


def lost(notebook: dict[str, Any], runs: Sequence[Run]) -> list[Run]:
    """Leave out what the notebook has already."""
    return [run for run in runs if not _is_there(_cell_of(notebook, run), run)]


def place(notebook: dict[str, Any], runs: Sequence[Run]) -> tuple[dict[str, Any], list[Run]]:
    """Give a notebook with the output of the runs whose cells are known, and the other runs."""
    cells = list(notebook.get("cells", ()))
    left: list[Run] = []
    for run in runs:
        cell = _cell_of(notebook, run)
        if cell is None or run.visited:
            left.append(run)
            continue
        at = next(number for number, each in enumerate(notebook["cells"]) if each is cell)
        # A cell may have been run more than once: the later one counts, and cells[at] may be a new one already.
        before = cells[at].get("outputs", []) if run.partial else []
        count = run.execution_count if run.execution_count is not None else cells[at].get("execution_count")
        outputs = [*before, *run.finished_outputs()]
        cells[at] = {**cells[at], "outputs": outputs, "execution_count": count}
    return {**notebook, "cells": cells}, left


def aside(notebook: dict[str, Any] | None, runs: Sequence[Run], path: str) -> dict[str, Any]:
    """Make a notebook of the runs alone: their code and their output."""
    metadata = {} if notebook is None else notebook.get("metadata", {})
    kept = {key: metadata[key] for key in ("kernelspec", "language_info") if key in metadata}
    told = f"Output that arrived while no page had `{path}` open, kept before its kernel was shut down."
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "id": uuid4().hex[:8], "metadata": {}, "source": told}]
    cells.extend(
        {
            "cell_type": "code",
            "id": uuid4().hex[:8],
            "metadata": {},
            "source": run.code,
            "execution_count": run.execution_count,
            "outputs": run.finished_outputs(),
        }
        for run in runs
    )
    return {"cells": cells, "metadata": kept, "nbformat": 4, "nbformat_minor": 5}


def _cell_of(notebook: dict[str, Any], run: Run) -> dict[str, Any] | None:
    code = [cell for cell in notebook.get("cells", ()) if cell.get("cell_type") == "code"]
    if run.cell_id is not None and (named := [cell for cell in code if cell.get("id") == run.cell_id]):
        return named[0] if len(named) == 1 and _source(named[0]) == run.code else None
    same = [cell for cell in code if _source(cell) == run.code]
    return same[0] if len(same) == 1 else None


def _is_there(cell: dict[str, Any] | None, run: Run) -> bool:
    if cell is None:
        return False
    outputs, wanted = [_bare(output) for output in cell.get("outputs", ())], run.finished_outputs()
    wanted = [_bare(output) for output in wanted]
    return outputs[-len(wanted) :] == wanted if run.partial else outputs == wanted


def _bare(output: dict[str, Any]) -> dict[str, Any]:
    """Make outputs comparable: text may be written in lines."""
    bare = {key: _text(value) if key == "text" else value for key, value in output.items()}
    data = bare.get("data")
    if isinstance(data, dict):
        bare["data"] = {kind: _text(value) if kind.startswith("text/") else value for kind, value in data.items()}
    return bare


def _text(value: Any) -> Any:
    return "".join(value) if isinstance(value, list) else value


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)
