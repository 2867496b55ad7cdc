"""How much room environments take: measured in the background, remembered, measured again when something changed."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from ..clock import Clock
from ..model import Model
from ..store import CorruptFile, read_json, write_json
from .find import Stamp

__all__ = ["Size", "Sizes"]

_MEASURE = Path(__file__).with_name("measure.py")
_PAUSE_TIMES = 20
"""Between two measurements passes this many times what the last one took, so that a slow disk isn't kept busy."""


class Size(Model, frozen=True, kw_only=True):
    """Bytes of a folder: `size` every file once, `own` what deleting it would free."""

    size: int
    own: int
    stamp: Stamp = ()


class _Saved(Model, frozen=True, kw_only=True):
    sizes: dict[str, Size] = msgspec.field(default_factory=dict)
    used: int | None = None
    caches: dict[str, Size] = msgspec.field(default_factory=dict)


class Sizes:
    """One measurement at a time. Lives on the event loop; the measuring is a process of its own."""

    def __init__(self, file: Path, clock: Clock, log: Any, told: Callable[[], None]) -> None:
        self._file = file
        self._clock = clock
        self._log = log
        self._told = told
        self._known = _Saved()
        self._task: asyncio.Task[None] | None = None
        self._waiting: tuple[dict[str, Stamp], tuple[str, ...], dict[str, Stamp]] | None = None
        self._not_before = 0.0

    @property
    def used(self) -> int | None:
        """What managed environments and the package cache take together, shared bytes once; null until measured."""
        return self._known.used

    def of(self, prefix: str) -> Size | None:
        """Give what was measured last."""
        return self._known.sizes.get(prefix)

    def cache(self, folder: str) -> Size | None:
        """Give what was measured last of a package cache."""
        return self._known.caches.get(folder)

    async def load(self) -> None:
        """Read what an earlier server measured."""
        try:
            saved = await asyncio.to_thread(partial(read_json, self._file, _Saved))
            self._known = saved if saved is not None else _Saved()
        except (CorruptFile, OSError) as error:
            self._log.warning("jupyter_lcc: what environments take is measured anew: %s", error)

    def want(
        self, prefixes: Mapping[str, Stamp], caches: tuple[str, ...], others: Mapping[str, Stamp] | None = None
    ) -> None:
        """Measure in the background if anything is new, gone or has changed. `others` don't count as used."""
        others = dict(others or {})
        known = {prefix: size.stamp for prefix, size in self._known.sizes.items()}
        if known == {**others, **prefixes} and self._known.used is not None:
            return
        self._waiting = (dict(prefixes), caches, others)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="jupyter_lcc sizes")

    async def settle(self) -> None:
        """Wait until nothing is being measured."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """End what is being measured."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting is not None:
            pause = self._not_before - loop.time()
            if pause > 0:
                await asyncio.sleep(pause)
            wanted = self._waiting
            self._waiting = None
            begun = loop.time()
            try:
                self._known = await self._measure(*wanted)
                await asyncio.to_thread(write_json, self._file, self._known)
            except (OSError, ValueError, msgspec.DecodeError) as error:
                self._log.warning("jupyter_lcc: what environments take can't be measured: %s", error)
            self._not_before = loop.time() + _PAUSE_TIMES * (loop.time() - begun)
            self._told()

    async def _measure(
        self, prefixes: Mapping[str, Stamp], caches: tuple[str, ...], others: Mapping[str, Stamp]
    ) -> _Saved:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(_MEASURE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wanted = {"prefixes": list(prefixes), "caches": list(caches), "others": list(others)}
            told, _ = await process.communicate(msgspec.json.encode(wanted))
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        lines = [msgspec.json.decode(line) for line in told.splitlines()]
        if not lines or "used" not in lines[-1]:
            raise ValueError("it ended before it was done")
        stamps = {**others, **prefixes}
        return _Saved(
            sizes={
                line["prefix"]: Size(size=line["size"], own=line["own"], stamp=stamps[line["prefix"]])
                for line in lines[:-1]
            },
            used=lines[-1]["used"],
            caches={folder: Size(**size) for folder, size in lines[-1]["caches"].items()},
        )
