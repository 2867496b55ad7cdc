"""What run cells printed, kept while nobody sees it: pure.

A run is one `execute_request` with the outputs that answer to it, put together as a notebook's cell would hold
them. It is recorded from its begin, because a page may leave in the middle; when it ends and a page saw all of it,
it is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

__all__ = ["MOST_BYTES", "OUTPUTS", "Run", "Runs"]

MOST_BYTES = 10_000_000
"""Of output a kernel; what comes after that is cut, and the cut is said."""

MOST_REQUESTS = 200
"""Requests whose code is remembered for output that comes late, as from a thread."""

OUTPUTS = frozenset(("stream", "display_data", "execute_result", "error", "update_display_data", "clear_output"))

GRACE_SECONDS = 120.0
"""A page whose machine was put to sleep seems to be there until its websocket's ping goes unanswered, for up to 90 s:
what was sent to it in that time, it may not have seen."""

CUT = "\n[Output was cut here: no page was open to take it, and more than 10 MB are not kept.]\n"

_OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\r\n])")


class _Request(msgspec.Struct, frozen=True):
    code: str
    cell_id: str | None
    session: str


class Run(msgspec.Struct):
    """One run cell. `partial`: its begin was not heard, so its outputs are only the last ones. `unseen`: some of it
    came while the page that asked for it was away."""

    msg_id: str
    code: str
    cell_id: str | None
    session: str
    execution_count: int | None = None
    outputs: list[dict[str, Any]] = []
    partial: bool = False
    ended: bool = False
    unseen: bool = False
    visited: bool = False
    """Another page came since, which may have changed the notebook."""

    clear_next: bool = False
    size: int = 0
    last_at: float = 0.0
    """When something of it came last, in seconds of any clock that only goes forward."""

    is_cut: bool = False

    def clear(self) -> None:
        """Begin anew, as `clear_output` asks for."""
        self.outputs, self.clear_next, self.size, self.is_cut = [], False, 0, False

    def finished_outputs(self) -> list[dict[str, Any]]:
        """Give the outputs as nbformat has them."""
        bare = [{key: value for key, value in output.items() if key != "transient"} for output in self.outputs]
        return [{**output, "text": "".join(output["text"])} if "text" in output else output for output in bare]


class Runs:
    """The runs of one kernel."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._requests: dict[str, _Request] = {}

    def asked(self, msg_id: str, code: str, cell_id: str | None, session: str) -> None:
        """A page sent a cell. What the same cell printed before is not wanted any more."""
        self._requests[msg_id] = _Request(code, cell_id, session)
        for oldest in list(self._requests)[:-MOST_REQUESTS]:
            if oldest not in self._runs:
                del self._requests[oldest]
        if cell_id is not None:
            for known in [run for run in self._runs.values() if run.cell_id == cell_id]:
                self._forget(known)

    def begin(self, msg_id: str, code: str, count: int | None, session: str) -> None:
        """The kernel began with a cell (`execute_input`)."""
        request = self._requests.setdefault(msg_id, _Request(code, None, session))
        if request.cell_id is None:
            for known in [run for run in self._runs.values() if run.ended and run.code == code]:
                self._forget(known)
        self._runs[msg_id] = Run(msg_id, code, request.cell_id, session, count)

    def output(
        self, msg_id: str, kind: str, content: dict[str, Any], size: int, *, seen: bool, now: float = 0.0
    ) -> None:
        """Take one output. Late output of a run that was forgotten is kept only if nobody sees it."""
        run = self._runs.get(msg_id)
        if run is None:
            request = self._requests.get(msg_id)
            if seen or request is None:
                return
            run = Run(msg_id, request.code, request.cell_id, request.session, partial=True, ended=True)
            self._runs[msg_id] = run
        run.unseen = run.unseen or not seen
        run.last_at = now
        if kind == "clear_output":
            run.clear_next = True
            if not content.get("wait"):
                run.clear()
            return
        if run.clear_next:
            run.clear()
        if run.is_cut and kind != "error":
            return
        if self._is_full(size):
            self._forget_seen(now)
        if kind != "error" and self._is_full(size):
            run.is_cut = True
            _put(run, {"output_type": "stream", "name": "stderr", "text": CUT})
            return
        if kind == "update_display_data":
            _update(self._runs.values(), content)
            run.size += size
        else:
            run.size += _put(run, {"output_type": kind, **content}, size)

    def end(self, msg_id: str, *, seen: bool, now: float = 0.0) -> None:
        """The cell is done."""
        run = self._runs.get(msg_id)
        if run is not None:
            run.ended = True
            run.unseen = run.unseen or not seen
            run.last_at = now
        self._forget_seen(now - GRACE_SECONDS)

    def vanished(self, session: str, now: float) -> None:
        """A page is gone without a word: nobody knows since when."""
        for run in self._runs.values():
            if run.session == session and run.last_at >= now - GRACE_SECONDS:
                run.unseen = True

    def replayed(self, session: str) -> None:
        """The page that asked is back and was given everything it had missed."""
        for run in [run for run in self._runs.values() if run.session == session]:
            run.unseen = False
            if run.ended:
                self._forget(run)

    def visited(self, session: str) -> None:
        """Another page came."""
        for run in self._runs.values():
            if run.session != session:
                run.visited = True

    def restore(self, runs: Iterable[Run]) -> None:
        """Take up what an earlier server had kept."""
        self._runs.update((run.msg_id, run) for run in runs)

    def unseen(self) -> list[Run]:
        """Give what nobody saw, in the order it was asked for."""
        return [run for run in self._runs.values() if run.unseen and run.outputs]

    def drop(self, runs: Iterable[Run]) -> None:
        """These are written down."""
        for run in runs:
            self._forget(run)

    def _is_full(self, size: int) -> bool:
        return sum(each.size for each in self._runs.values()) + size > MOST_BYTES

    def _forget_seen(self, before: float) -> None:
        for run in [run for run in self._runs.values() if run.ended and not run.unseen and run.last_at <= before]:
            self._forget(run)

    def _forget(self, run: Run) -> None:
        self._runs.pop(run.msg_id, None)


def _put(run: Run, output: dict[str, Any], size: int = 0) -> int:
    """Add an output; give by how much the run has grown. Text stays in pieces: joining each time takes for ever."""
    last = run.outputs[-1] if run.outputs else None
    if output["output_type"] != "stream":
        run.outputs.append(output)
        return size
    if last is None or last["output_type"] != "stream" or last["name"] != output["name"]:
        last = {"output_type": "stream", "name": output["name"], "text": []}
        run.outputs.append(last)
    return _write(last["text"], output["text"])


def _write(pieces: list[str], text: str) -> int:
    """Write text as a terminal would show it: a progress bar leaves its last line only."""
    if "\r" not in text and not (pieces and pieces[-1].endswith("\r")):
        pieces.append(text)
        return len(text)
    line: list[str] = []
    while pieces and "\n" not in pieces[-1]:
        line.append(pieces.pop())
    if pieces:
        whole, _, rest = pieces.pop().rpartition("\n")
        pieces.append(whole + "\n")
        line.append(rest)
    before = "".join(reversed(line))
    after = _OVERWRITTEN.sub("", (before + text).replace("\r\n", "\n"))
    pieces.append(after)
    return len(after) - len(before)


def _update(runs: Iterable[Run], content: dict[str, Any]) -> None:
    wanted = (content.get("transient") or {}).get("display_id")
    if wanted is None:
        return
    for run in runs:
        for output in run.outputs:
            if (output.get("transient") or {}).get("display_id") == wanted:
                output["data"], output["metadata"] = content.get("data", {}), content.get("metadata", {})
