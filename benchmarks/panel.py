from __future__ import annotations
from collections.abc import Iterator
from .figures import Figure
def measure() -> Iterator[Figure]:
    yield from ()
