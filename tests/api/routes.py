"""Every route as it stands in openapi.json of a running server: the tests go through all there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.black_box.server import Server

__all__ = ["Operation", "fill", "operations"]

Operation = tuple[str, str, dict[str, Any]]
"""Method, path below the base URL with `{…}`, and what the document says of it."""


def operations(server: Server) -> Iterator[Operation]:
    document = server.ask("GET", "lcc/openapi.json").json()
    for path, verbs in document["paths"].items():
        for method, operation in verbs.items():
            yield method.upper(), path.lstrip("/"), operation


def fill(path: str, piece: str = "nobody") -> str:
    """Put something into the holes of a path."""
    return re.sub(r"\{\w+\}", piece, path)
