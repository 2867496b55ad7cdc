"""Reads files that say what to install: small ones in a thread, large ones in a process of their own.

A lock file of some megabytes takes a second to read and holds the interpreter all the while, so the server's loop would
stand still. `python -m jupyter_lcc.environments.file_reader` reads one from stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

import msgspec

from ..errors import Invalid, OutsideFailure
from ..model import Model
from .files import Wanted, parse_file

__all__ = ["read_file"]

_SMALL = 100_000
"""Characters; read in some ten milliseconds."""

_SECONDS = 60.0


class _Asked(Model, frozen=True, kw_only=True):
    name: str
    text: str
    subdir: str


class _Told(Model, frozen=True, kw_only=True):
    wanted: Wanted | None = None
    message: str = ""
    detail: dict[str, Any] = msgspec.field(default_factory=dict)


async def read_file(name: str, text: str, subdir: str) -> Wanted:
    """Understand a file. Raises Invalid."""
    if len(text) <= _SMALL:
        return await asyncio.to_thread(parse_file, name, text, subdir)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    try:
        asked = msgspec.json.encode(_Asked(name=name, text=text, subdir=subdir))
        raw, _ = await asyncio.wait_for(process.communicate(asked), _SECONDS)
        told = msgspec.json.decode(raw, type=_Told)
    except asyncio.TimeoutError:
        raise Invalid("The file takes too long to read.", field="file") from None
    except msgspec.DecodeError:
        raise OutsideFailure("The file could not be read.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if told.wanted is None:
        raise Invalid(told.message, **told.detail)
    return told.wanted


def main() -> None:
    """Read the file on stdin and say what it asks for, or why it can't be."""
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=_Asked)
    try:
        told = _Told(wanted=parse_file(asked.name, asked.text, asked.subdir))
    except Invalid as error:
        told = _Told(message=error.message, detail=error.detail)
    sys.stdout.buffer.write(msgspec.json.encode(told))


if __name__ == "__main__":
    main()
