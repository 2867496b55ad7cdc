"""`python -m jupyter_lcc.environments.engine`: one request a line in, what it has to say out, until the input ends;
with `--once` until the first is answered.

The end of the input means that the server is gone: the process ends at once, whatever it does. What it leaves is
swept before the next change, since nothing it made is in its place before it is whole.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
import traceback
from typing import Any

from ...errors import OutsideFailure
from ..engine_model import (
    Change,
    CleanCache,
    Clone,
    Create,
    EngineRequest,
    FetchExact,
    LocateExact,
    Names,
    Reinstall,
    RollBack,
    Solve,
    SolveExact,
    SyncExact,
    decode,
)
from .talk import Talk


def main() -> None:
    """Work until nobody asks any more. Never returns: native threads may crash an interpreter that ends by itself."""
    talk = Talk()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    while True:
        line = requests.get()
        try:
            _serve(decode(line), talk)
        except Exception:  # not a request: the server and we are of different versions
            traceback.print_exc()
            talk.say({"error": {"code": "internal", "message": "The engine did not understand.", "detail": {}}})
        if "--once" in sys.argv:
            os._exit(0)


def _serve(request: EngineRequest, talk: Talk) -> None:
    from .errors import ours
    from .network import set_variables

    try:
        set_variables(request.surroundings.conda)
        done = asyncio.run(_do(request, talk))
    except Exception as error:
        told = ours(error)
        if type(told) is OutsideFailure:  # nothing we know: whoever helps needs to see where
            traceback.print_exc()
        talk.say({"error": {"code": told.code, "message": told.message, "detail": told.detail}})
    else:
        talk.say({"done": done})


async def _do(request: EngineRequest, talk: Talk) -> dict[str, Any]:
    from . import exactly, rest, work

    match request:
        case Solve():
            return await work.plan(request, talk)
        case Create():
            return await work.create(request, talk)
        case Clone():
            return await (work.plan_clone if request.dry_run else work.clone)(request, talk)
        case Change():
            return await work.change(request, talk)
        case RollBack():
            return await (work.plan_roll_back if request.dry_run else work.roll_back)(request, talk)
        case Reinstall():
            return await work.reinstall(request, talk)
        case CleanCache():
            return rest.clean_cache(request, talk)
        case Names():
            return await rest.names(request, talk)
        case SolveExact():
            return await exactly.solve(request, talk)
        case LocateExact():
            return await exactly.locate(request, talk)
        case SyncExact():
            return await exactly.sync(request, talk)
        case FetchExact():
            return await exactly.fetch(request, talk)


def _read(requests: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        if line.strip():
            requests.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
