"""One change of an environment at a time, whichever process wants it: a lock per prefix, in our state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import Conflict
from ..jobs.context import JobContext
from ..jobs.model import Progress

__all__ = ["locked", "try_lock"]

_AGAIN_SECONDS = 0.3
_PATIENCE_SECONDS = 900.0


@asynccontextmanager
async def locked(path: Path, context: JobContext) -> AsyncIterator[None]:
    """Hold a lock; wait while somebody else does, saying so. Raises Conflict when that takes too long."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE_SECONDS
    lock = FileLock(path, thread_local=False)
    told = False
    while not await asyncio.to_thread(try_lock, lock):
        if loop.time() > until:
            raise Conflict("Somebody else has been changing it for too long.", lock=str(path))
        if not told:
            context.log("Another server or command is changing it; waiting until that has ended.")
            context.progress(Progress(done=0, label="wait"))
            told = True
        await asyncio.sleep(_AGAIN_SECONDS)
    try:
        yield
    finally:
        lock.release()


def try_lock(lock: FileLock) -> bool:
    """Take a lock if nobody has it. Blocks for a moment."""
    Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True
