"""A figure beside what it is compared with, and the table of all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Figure", "as_data", "as_table"]


@dataclass(frozen=True)
class Figure:
    """One measured number. `limit` is the most it may be; `peer` is what a user would run instead, same run."""

    name: str
    ours: float
    unit: str
    peer: float | None = None
    peer_name: str = ""
    limit: float | None = None
    how: str = ""

    @property
    def kept(self) -> bool:
        """Tell whether the stated limit is kept; a figure without one only informs."""
        return self.limit is None or self.ours <= self.limit

    @property
    def ratio(self) -> float | None:
        """Ours for each one of the peer's; where there is no peer, the part of the limit that is used."""
        beside = self.limit if self.peer is None else self.peer
        return self.ours / beside if beside else None


def as_table(figures: Sequence[Figure]) -> str:
    """Write one line for each figure, and below them how each was measured."""
    head = ("figure", "ours", "peer", "ratio", "limit", "", "the peer")
    rows = [
        (
            figure.name,
            _number(figure.ours, figure.unit),
            "-" if figure.peer is None else _number(figure.peer, figure.unit),
            "-" if figure.ratio is None else f"{figure.ratio:.2f}" + ("" if figure.peer is not None else " of limit"),
            "-" if figure.limit is None else _number(figure.limit, figure.unit),
            "" if figure.limit is None else "ok" if figure.kept else "MISSED",
            figure.peer_name,
        )
        for figure in figures
    ]
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in [head, *rows]]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"{figure.name}: {figure.how}" for figure in figures if figure.how]
    return "\n".join([*lines, "", *notes])


def as_data(figures: Sequence[Figure], machine: dict[str, Any], path: Path) -> None:
    """Keep the figures as JSON."""
    rows = [{**asdict(figure), "ratio": figure.ratio, "kept": figure.kept} for figure in figures]
    path.write_text(json.dumps({"machine": machine, "figures": rows}, indent=2) + "\n")


def _number(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f} {unit}"
