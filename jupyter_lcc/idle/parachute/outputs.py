"""Output of kernels of this machine that arrives while nobody sees it: heard, kept, written down.

Who sees it: the page whose session asked for the run, as long as its websocket is open. A page of another session
(the same notebook, loaded anew) is not shown the output of a run it didn't ask for. If the same page comes back,
Jupyter's own buffer gives it what it missed; that buffer is lost with the kernel, and with a page that is loaded anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from jupyter_core.utils import ensure_async

from ..kernel_messages import OWN_NAME
from ..model import Session, Sighting
from .notebooks import Notebooks
from .port import KeptOutput
from .runs import OUTPUTS, Runs
from .spool import Spool, Spooled

__all__ = ["KernelOutputs"]

_DELIMITER = b"<IDS|MSG>"

SPOOL_SECONDS = 5.0
"""How much of what nobody saw may be lost with a server that is killed."""


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
    """Owns the runs of every kernel. `buffers` says whether Jupyter keeps messages for a page that left."""

    def __init__(
        self,
        notebooks: Notebooks,
        session_manager: Any,
        *,
        buffers: bool,
        log: Any,
        spool: Spool | None = None,
    ) -> None:
        self._notebooks = notebooks
        self._sessions = session_manager
        self._buffers = buffers
        self._log = log
        self._runs: dict[str, Runs] = {}
        self._open: dict[str, dict[int, str]] = {}
        self._left: dict[str, str | None] = {}
        self._known: set[str] = set()
        self._writing = asyncio.Lock()
        self._spool = spool
        self._unspooled: set[str] = set()
        self._spooling: asyncio.Task[None] | None = None

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
                if self._spool is not None and not runs.unseen():
                    self._unspooled.discard(kernel_id)
                    asyncio.get_running_loop().run_in_executor(None, self._spool.remove, kernel_id)
            runs.visited(session)
        self._left[kernel_id] = None

    def page_left(self, kernel_id: str, connection: object, *, said_so: bool = True) -> None:
        """Its websocket is closed, by the page or because it did not answer; may be said more than once."""
        there = self._open.get(kernel_id, {})
        session = there.pop(id(connection), None)
        if session is None:
            return
        if not said_so and kernel_id in self._runs:
            self._runs[kernel_id].vanished(session, time.monotonic())
            self._spool_soon(kernel_id)
        if not there:
            # Jupyter's buffer begins only now, so it gives back all that was missed only to a page that left by itself.
            self._left[kernel_id] = session if said_so else None

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
                self._of(kernel_id).output(
                    parent.msg_id, kind, content, len(parts[at + 5]), seen=seen, now=time.monotonic()
                )
                if not seen:
                    self._spool_soon(kernel_id)
            elif parent.msg_type == "execute_request" and _is_idle(parts[at + 5]):
                seen = self._is_seen(kernel_id, parent.session)
                self._of(kernel_id).end(parent.msg_id, seen=seen, now=time.monotonic())
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
                written = await self._notebooks.write(session.path, unseen, is_open=bool(self._open.get(kernel_id)))
                if written is not None:
                    kept[session.path] = written
        runs.drop(unseen)
        self._unspooled.discard(kernel_id)
        if self._spool is not None:
            await asyncio.to_thread(self._spool.remove, kernel_id)
        return kept

    async def write_all(self) -> list[tuple[Sighting, dict[str, KeptOutput]]]:
        """Write what nobody saw of any kernel, because the server ends. Never raises."""
        if self._spooling is not None:
            self._spooling.cancel()
        found = [kernel_id for kernel_id, runs in self._runs.items() if runs.unseen()]
        if not found:
            return []
        names, sessions = await self._sessions_by_kernel()
        return [
            written
            for kernel_id in found
            if (written := await self._write_safely(kernel_id, names.get(kernel_id), sessions.get(kernel_id, ())))
        ]

    async def recover(self) -> list[tuple[Sighting, dict[str, KeptOutput]]]:
        """Write what an earlier server left because it was killed. Never raises."""
        if self._spool is None:
            return []
        found = []
        for left in await asyncio.to_thread(self._spool.left):
            self._of(left.kernel_id).restore(left.runs)
            written = await self._write_safely(left.kernel_id, left.kernel_name, left.sessions)
            if written is not None:
                found.append(written)
            self.forget(f"kernel:{left.kernel_id}")
        return found

    async def _write_safely(
        self, kernel_id: str, kernel_name: str | None, sessions: tuple[Session, ...]
    ) -> tuple[Sighting, dict[str, KeptOutput]] | None:
        sighting = Sighting(
            id=f"kernel:{kernel_id}",
            kind="kernel",
            name=sessions[0].name or sessions[0].path if sessions else kernel_id,
            state="dead",
            active_at=None,
            sessions=sessions,
            kernel_name=kernel_name,
        )
        try:
            kept = await self.write(sighting)
        except Exception:
            self._log.exception("jupyter_lcc: output of %s could not be written down", sighting.name)
            return None
        for path, output in kept.items():
            self._log.info("jupyter_lcc: output that no page saw of %s is in %s", path, output.path or output.note)
        return (sighting, kept) if kept else None

    def _spool_soon(self, kernel_id: str) -> None:
        if self._spool is None:
            return
        self._unspooled.add(kernel_id)
        if self._spooling is None or self._spooling.done():
            self._spooling = asyncio.get_running_loop().create_task(self._spool_after(self._spool))

    async def _spool_after(self, spool: Spool) -> None:
        while self._unspooled:
            await asyncio.sleep(SPOOL_SECONDS)
            names, sessions = await self._sessions_by_kernel()
            for kernel_id in list(self._unspooled):
                self._unspooled.discard(kernel_id)
                unseen = self._runs[kernel_id].unseen() if kernel_id in self._runs else []
                of_notebooks = [s for s in sessions.get(kernel_id, ()) if s.type == "notebook"]
                if not unseen or not of_notebooks:
                    continue
                spooled = Spooled(
                    kernel_id=kernel_id,
                    kernel_name=names.get(kernel_id),
                    sessions=tuple(of_notebooks),
                    runs=unseen,
                )
                try:
                    await asyncio.to_thread(spool.put, kernel_id, msgspec.json.encode(spooled))
                except OSError as error:
                    self._log.debug("jupyter_lcc: unseen output can't be kept on disk: %s", error)

    async def _sessions_by_kernel(self) -> tuple[dict[str, str], dict[str, tuple[Session, ...]]]:
        names: dict[str, str] = {}
        grouped: dict[str, tuple[Session, ...]] = {}
        for model in await ensure_async(self._sessions.list_sessions()):
            session = Session(path=model["path"] or "", name=model["name"] or "", type=model["type"])
            kernel_id = model["kernel"]["id"]
            names[kernel_id] = model["kernel"].get("name") or ""
            grouped[kernel_id] = (*grouped.get(kernel_id, ()), session)
        return names, grouped

    def forget(self, target_id: str) -> None:
        """The kernel is gone."""
        kernel_id = target_id.removeprefix("kernel:")
        self._unspooled.discard(kernel_id)
        self._runs.pop(kernel_id, None)
        self._open.pop(kernel_id, None)
        self._left.pop(kernel_id, None)

    def _of(self, kernel_id: str) -> Runs:
        return self._runs.setdefault(kernel_id, Runs())

    def _is_seen(self, kernel_id: str, session: str) -> bool:
        there = self._open.get(kernel_id, {})
        # Who never opened a websocket under that name is a client of another kind: then any open one will do.
        return session in there.values() if session in self._known else bool(there)


def _is_idle(content: bytes) -> bool:
    return msgspec.json.decode(content, type=_Status).execution_state == "idle"
