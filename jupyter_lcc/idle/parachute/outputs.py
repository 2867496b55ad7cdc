"""Output of kernels of this machine that arrives while nobody sees it: heard, kept, written down.

Who sees it: the page whose session asked for the run, as long as its websocket is open. A page of another session
(the same notebook, loaded anew) is not shown the output of a run it didn't ask for. If the same page comes back,
Jupyter's own buffer gives it what it missed; that buffer is lost with the kernel, and with a page that is loaded anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import nbformat
from jupyter_core.utils import ensure_async

from ..kernel_messages import OWN_NAME
from ..model import Session, Sighting
from .placing import aside, lost, place
from .port import KeptOutput
from .runs import OUTPUTS, Run, Runs

__all__ = ["KernelOutputs"]

_DELIMITER = b"<IDS|MSG>"


class _Header(msgspec.Struct):
    msg_id: str = ""
    msg_type: str = ""
    session: str = ""
    username: str = ""


class _Metadata(msgspec.Struct):
    cell_id: str | None = msgspec.field(default=None, name="cellId")


class _Code(msgspec.Struct):
    code: str = ""
    execution_count: int | None = None


class _Status(msgspec.Struct):
    execution_state: str = ""


class KernelOutputs:
    """Owns the runs of every kernel. `is_shared(path)` tells whether a notebook is open in real-time collaboration, or
    may be; `spare` is a folder for output that can't be written where it belongs."""

    def __init__(
        self,
        contents_manager: Any,
        session_manager: Any,
        *,
        is_shared: Callable[[str], bool],
        spare: Path,
        buffers: bool,
        log: Any,
    ) -> None:
        self._contents = contents_manager
        self._sessions = session_manager
        self._is_shared = is_shared
        self._spare = spare
        self._buffers = buffers
        self._log = log
        self._runs: dict[str, Runs] = {}
        self._open: dict[str, dict[int, str]] = {}
        self._left: dict[str, str | None] = {}
        self._known: set[str] = set()
        self._writing = asyncio.Lock()

    # -- what happens on the websocket ---------------------------------------------------------------------

    def page_came(self, kernel_id: str, connection: object, session: str) -> None:
        """A page opened its websocket."""
        self._open.setdefault(kernel_id, {})[id(connection)] = session
        self._known.add(session)
        runs = self._runs.get(kernel_id)
        if runs is not None:
            # Jupyter keeps the buffer of the page that left last, and throws it away when another one comes.
            if self._buffers and self._left.get(kernel_id) == session:
                runs.replayed(session)
            runs.visited(session)
        self._left[kernel_id] = None

    def page_left(self, kernel_id: str, connection: object) -> None:
        """Its websocket is closed; may be said more than once."""
        there = self._open.get(kernel_id, {})
        session = there.pop(id(connection), None)
        if session is not None and not there:
            self._left[kernel_id] = session

    def page_asked(self, kernel_id: str, message: Sequence[bytes]) -> None:
        """A page sent something on the shell channel: header, parent header, metadata, content."""
        try:
            header = msgspec.json.decode(message[0], type=_Header)
            if header.msg_type != "execute_request":
                return
            metadata = msgspec.json.decode(message[2], type=_Metadata)
            code = msgspec.json.decode(message[3], type=_Code)
        except (msgspec.DecodeError, ValueError, IndexError):
            return
        self._of(kernel_id).asked(header.msg_id, code.code, metadata.cell_id, header.session)

    # -- what the kernel says ------------------------------------------------------------------------------

    def hear(self, kernel_id: str, parts: Sequence[bytes]) -> None:
        """Take one IOPub message as it came."""
        try:
            at = list(parts).index(_DELIMITER)
            kind = msgspec.json.decode(parts[at + 2], type=_Header).msg_type
            if kind not in OUTPUTS and kind not in ("execute_input", "status"):
                return
            parent = msgspec.json.decode(parts[at + 3], type=_Header)
            if not parent.msg_id or parent.username == OWN_NAME:
                return
            if kind == "execute_input":
                shown = msgspec.json.decode(parts[at + 5], type=_Code)
                self._of(kernel_id).begin(parent.msg_id, shown.code, shown.execution_count, parent.session)
            elif kind != "status":
                content = msgspec.json.decode(parts[at + 5], type=dict)
                seen = self._is_seen(kernel_id, parent.session)
                self._of(kernel_id).output(parent.msg_id, kind, content, len(parts[at + 5]), seen=seen)
            elif parent.msg_type == "execute_request" and _is_idle(parts[at + 5]):
                self._of(kernel_id).end(parent.msg_id, seen=self._is_seen(kernel_id, parent.session))
        except (msgspec.DecodeError, ValueError, IndexError, KeyError, TypeError):
            return  # not a Jupyter message, or not one that a notebook could hold

    # -- writing it down -----------------------------------------------------------------------------------

    async def write(self, sighting: Sighting) -> dict[str, KeptOutput]:
        """Write what nobody saw of a kernel into its notebooks or beside them. Raises OSError if nothing takes it."""
        kernel_id = sighting.id.removeprefix("kernel:")
        runs = self._runs.get(kernel_id)
        if runs is None or not (unseen := runs.unseen()):
            return {}
        kept: dict[str, KeptOutput] = {}
        async with self._writing:
            for session in sighting.sessions:
                if session.type != "notebook" or session.path in kept:
                    continue
                written = await self._write(session.path, unseen, is_open=bool(self._open.get(kernel_id)))
                if written is not None:
                    kept[session.path] = written
        runs.drop(unseen)
        return kept

    async def write_all(self) -> None:
        """Write what nobody saw of any kernel, because the server ends. Never raises."""
        if not any(runs.unseen() for runs in self._runs.values()):
            return
        for model in await ensure_async(self._sessions.list_sessions()):
            session = Session(path=model["path"] or "", name=model["name"] or "", type=model["type"])
            kernel_id = model["kernel"]["id"]
            sighting = Sighting(
                id=f"kernel:{kernel_id}", kind="kernel", name="", state="idle", active_at=None, sessions=(session,)
            )
            try:
                kept = await self.write(sighting)
            except Exception:
                self._log.exception("jupyter_lcc: output of %s could not be written down", session.path)
            else:
                for path, output in kept.items():
                    self._log.info("jupyter_lcc: output that no page saw of %s is in %s", path, output.path)

    def forget(self, target_id: str) -> None:
        """The kernel is gone."""
        kernel_id = target_id.removeprefix("kernel:")
        self._runs.pop(kernel_id, None)
        self._open.pop(kernel_id, None)
        self._left.pop(kernel_id, None)

    async def _write(self, path: str, runs: list[Run], *, is_open: bool) -> KeptOutput | None:
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

    def _of(self, kernel_id: str) -> Runs:
        return self._runs.setdefault(kernel_id, Runs())

    def _is_seen(self, kernel_id: str, session: str) -> bool:
        there = self._open.get(kernel_id, {})
        # Who never opened a websocket under that name is a client of another kind: then any open one will do.
        return session in there.values() if session in self._known else bool(there)


def _is_idle(content: bytes) -> bool:
    return msgspec.json.decode(content, type=_Status).execution_state == "idle"


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
