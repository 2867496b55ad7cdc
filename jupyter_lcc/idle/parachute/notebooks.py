"""Notebooks that get output nobody saw, read and written through Jupyter's own contents manager."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import nbformat
from jupyter_core.utils import ensure_async

from .placing import aside, lost, place
from .port import KeptOutput
from .runs import Run

__all__ = ["Notebooks"]


class Notebooks:
    """Never writes a notebook that somebody may have open. `is_shared(path)` tells whether it is open in real-time
    collaboration, or may be; `spare` is a folder for output that can't be written where it belongs."""

    def __init__(self, contents_manager: Any, is_shared: Callable[[str], bool], spare: Path, log: Any) -> None:
        self._contents = contents_manager
        self._is_shared = is_shared
        self._spare = spare
        self._log = log

    async def write(self, path: str, runs: list[Run], *, is_open: bool) -> KeptOutput | None:
        """Write runs into a notebook or beside it; None if it has all of it. Raises OSError if nothing takes it."""
        notebook, stamp = await self._read(path)
        if notebook is not None:
            runs = lost(notebook, runs)
        if not runs:
            return None
        left = runs
        inside = False
        if notebook is not None and not is_open and not self._is_shared(path) and not _is_old(notebook):
            changed, left = place(notebook, runs)
            if len(left) < len(runs):
                inside = await self._write_inside(path, changed, stamp)
                left = left if inside else runs
        if not left:
            return KeptOutput(path=path)
        beside = await self._write_beside(path, aside(notebook, left, path))
        return KeptOutput(beside.path, f"Some of it is in {path}." if inside and beside.note is None else beside.note)

    async def _read(self, path: str) -> tuple[dict[str, Any] | None, Any]:
        try:
            model = await ensure_async(self._contents.get(path, content=True, type="notebook"))
        except Exception as error:  # moved, deleted, not readable, not a notebook: the output goes beside it
            self._log.debug("jupyter_lcc: %s can't be read: %r", path, error)
            return None, None
        return model["content"], model.get("last_modified")

    async def _write_inside(self, path: str, notebook: dict[str, Any], stamp: Any) -> bool:
        try:
            content = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
            nbformat.validate(content)
            now = await ensure_async(self._contents.get(path, content=False))
            if now.get("last_modified") != stamp:
                return False  # somebody writes it: that is newer than what we read
            await ensure_async(
                self._contents.save({"type": "notebook", "format": "json", "content": content, "path": path}, path)
            )
        except Exception as error:
            self._log.warning("jupyter_lcc: kept output could not be written into %s: %s", path, error)
            return False
        return True

    async def _write_beside(self, path: str, notebook: dict[str, Any]) -> KeptOutput:
        content = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
        stamp = datetime.now(timezone.utc).astimezone().strftime("%Y%m%d-%H%M%S")
        name = f"{path.removesuffix('.ipynb')}.outputs-{stamp}"
        try:
            target, number = f"{name}.ipynb", 1
            while await ensure_async(self._contents.file_exists(target)):
                number += 1
                target = f"{name}-{number}.ipynb"
            await ensure_async(
                self._contents.save({"type": "notebook", "format": "json", "content": content, "path": target}, target)
            )
        except Exception as error:
            self._log.warning("jupyter_lcc: kept output could not be written beside %s: %s", path, error)
            spared = await asyncio.to_thread(_write_spare, self._spare, Path(name).name, content)
            return KeptOutput(None, f"Its output could not be written beside it ({error}); it is in {spared}.")
        return KeptOutput(target)


def _is_old(notebook: dict[str, Any]) -> bool:
    """Tell whether reading has turned a notebook of another version into one of today's."""
    return notebook.get("nbformat") != 4 or "orig_nbformat" in notebook.get("metadata", {})


def _write_spare(folder: Path, name: str, notebook: Any) -> Path:
    text: str = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / f"{name}.ipynb"
    temporary = target.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target)
    return target
