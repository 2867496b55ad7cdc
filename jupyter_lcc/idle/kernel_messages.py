"""What a kernel's own messages say of work and people: no clock of its own, no I/O.

Jupyter's `last_activity` counts messages that no person sent: a reloading tab asks for history and
completions, a usage panel polls, widgets beat. So the IOPub channel is read here, by the request each
message answers to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

__all__ = ["CHATTER", "OWN_NAME", "KernelTalk", "Running"]

OWN_NAME = "jupyter_lcc"
"""The user name in the headers of our own requests, which are nobody's work and nobody's activity."""

CHATTER = timedelta(seconds=5)
"""A request that isn't a run cell counts as work when it keeps the kernel busy for longer than this: a
slider's callback that computes does, a heartbeat doesn't."""

NEVER_WORK = frozenset(
    (
        "complete_request",
        "comm_info_request",
        "connect_request",
        "create_subshell_request",
        "debug_request",
        "delete_subshell_request",
        "history_request",
        "inspect_request",
        "interrupt_request",
        "is_complete_request",
        "kernel_info_request",
        "list_subshell_request",
        "shutdown_request",
        "usage_request",
    )
)
"""What front ends ask by themselves, however long the kernel takes over it."""

_DELIMITER = b"<IDS|MSG>"
_RUN = "execute_request"
_CONTROL = frozenset(("usage_request", "debug_request", "interrupt_request", "shutdown_request", "kernel_info_request"))
"""Requests a kernel answers beside what it runs, so their end says nothing of a run whose begin was missed."""


class _Header(msgspec.Struct):
    msg_id: str = ""
    msg_type: str = ""
    subshell_id: str | None = None
    username: str = ""


class _Status(msgspec.Struct):
    execution_state: str = ""


class Running(msgspec.Struct, frozen=True):
    """A request the kernel is busy with. `visible` once it has shown itself as a run cell (`execute_input`)."""

    msg_type: str
    since: datetime
    subshell: bool = False
    visible: bool = False


class KernelTalk:
    """Follow one kernel's IOPub messages.

    `ran_at` is the end of the last work; `chatter` the last request that counted for nothing, with its time.
    """

    def __init__(self, started_at: datetime) -> None:
        self.ran_at: datetime | None = None
        self.chatter: tuple[str, datetime] | None = None
        self.heard = False
        self.others = self.own_ended = 0
        """How many messages were heard of others' requests, and how many of our own requests have ended."""
        self.restarted_at = started_at
        self._open: dict[str, Running] = {}
        self._own: dict[str, datetime] = {}
        self._chatter_seconds = 0.0

    def take(self, parts: Sequence[bytes], now: datetime) -> bool:
        """Read one multipart message; tell whether what is known of work changed."""
        try:
            at = list(parts).index(_DELIMITER)
            header = msgspec.json.decode(parts[at + 2], type=_Header)
            if header.msg_type not in ("status", "execute_input"):
                return False
            parent = msgspec.json.decode(parts[at + 3], type=_Header)
            if parent.username == OWN_NAME:
                self.own_ended += b'"idle"' in parts[at + 5]
                self._follow_own(parent.msg_id, parts[at + 5], now)
                return False
            self.others += 1
            if header.msg_type == "execute_input":
                return self._show(parent, now)
            state = msgspec.json.decode(parts[at + 5], type=_Status).execution_state
        except (ValueError, IndexError, msgspec.DecodeError):
            return False  # not a Jupyter message: nothing to learn from it
        if not parent.msg_id:
            return False  # a kernel's own "starting"; nobody asked for anything
        if state == "busy":
            return self._begin(parent, now)
        if state == "idle":
            return self._end(parent, now)
        return False

    def assume_running(self, since: datetime) -> None:
        """Something runs whose begin we did not hear."""
        self._open["?"] = Running(_RUN, since, visible=True)

    def restart(self, now: datetime) -> None:
        """The process is another one: whatever ran is gone, and nobody has spoken with it yet."""
        self._open.clear()
        self._own.clear()
        self.heard = False
        self.restarted_at = now

    def work(self, now: datetime) -> Running | None:
        """Give the request that is work now, the oldest; None if it is only chatter or nothing."""
        return next((running for running in self._open.values() if _is_work(running, now)), None)

    def is_pending(self, now: datetime) -> bool:
        """Tell whether a request is open that is no work yet and may turn out to be."""
        open_now = self._open.values()
        return any(running.msg_type not in NEVER_WORK and not _is_work(running, now) for running in open_now)

    def chatter_seconds(self, now: datetime) -> float:
        """For how long the kernel was busy with what is no work, so far."""
        open_now = [running.since for running in self._open.values() if not _is_work(running, now)]
        return self._chatter_seconds + sum((now - since).total_seconds() for since in (*open_now, *self._own.values()))

    def is_silent(self) -> bool:
        """Tell whether nothing is known to run, chatter included."""
        return not self._open

    def _follow_own(self, msg_id: str, content: bytes, now: datetime) -> None:
        if b'"busy"' in content:
            self._own[msg_id] = now
        elif b'"idle"' in content and (since := self._own.pop(msg_id, None)) is not None:
            self._chatter_seconds += (now - since).total_seconds()

    def _begin(self, parent: _Header, now: datetime) -> bool:
        self.heard = True
        subshell = parent.subshell_id is not None
        if parent.msg_type == _RUN and not subshell:
            # The main shell runs one cell at a time: an earlier one has ended, even if its end got lost.
            for msg_id in [i for i, r in self._open.items() if r.msg_type == _RUN and not r.subshell]:
                del self._open[msg_id]
        self._open[parent.msg_id] = Running(parent.msg_type, now, subshell)
        return parent.msg_type == _RUN

    def _show(self, parent: _Header, now: datetime) -> bool:
        running = self._open.get(parent.msg_id) or Running(_RUN, now, parent.subshell_id is not None)
        self._open[parent.msg_id] = msgspec.structs.replace(running, visible=True)
        return True

    def _end(self, parent: _Header, now: datetime) -> bool:
        self.heard = True
        running = self._open.pop(parent.msg_id, None)
        if running is None and parent.msg_type not in _CONTROL and parent.subshell_id is None:
            running = self._open.pop("?", None)
        if running is None:
            return False
        if _is_work(running, now):
            self.ran_at = now
            return True
        self._chatter_seconds += (now - running.since).total_seconds()
        self.chatter = (running.msg_type, now)
        return running.msg_type == _RUN


def _is_work(running: Running, now: datetime) -> bool:
    return running.visible or (running.msg_type not in NEVER_WORK and now - running.since > CHATTER)
