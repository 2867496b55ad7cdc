"""Python's own pauses: a full garbage collection holds everything up, the event loop too.

A Jupyter server has some 200 000 objects when it has started: modules, classes, traits, routes. A full collection
walks over all of them, which takes 100 to 200 ms, and what we look at once a minute is enough to bring one about now
and then, least wanted when hundreds of targets are due at once. What is there at the start stays until the end, so
walking over it is for nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["no_collection", "spare_the_start"]

_spared = False


def spare_the_start() -> None:
    """Let the collector leave alone for good what there is now; it takes no time. Call it when the server has started.

    Only the first call in a process does anything: what is there later may well be garbage one day. What is garbage
    now and not yet collected stays too, of a server that starts about a hundred objects.
    """
    global _spared
    if not _spared and gc.isenabled():
        _spared = True
        gc.freeze()


@contextmanager
def no_collection() -> Iterator[None]:
    """Collect nothing meanwhile: imports make many objects and hardly any garbage, and a collection walks over all."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
