"""The policy document in force: read in the background, read again, and the last good one kept.

What holds when it can't be read, or is wrong:

    the last good one of this server > a copy from before the restart, as far as it is stricter > what is configured

The copy lies in the user's folder and may have been edited, so it can take away and never give.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ...clock import Clock
from ...model import Model
from ...store import CorruptFile, read_json, write_json
from ..model import Problem
from ..policy import PolicyInput
from .model import PolicyDocument, PolicySource, Subject, Unavailable
from .rules import InvalidDocument, apply, parse, stricter

__all__ = ["DocumentService", "Reader", "StoredCopy"]

START_SECONDS = 5.0
"""A server that starts waits for its policy this long; what is in force until then stops nothing so early."""

READ_SECONDS = 30.0

RETRY = timedelta(seconds=30)
"""After a failure it is tried again so soon, whatever the time between two readings is."""

COPY = "policy-document.json"


class Reader(Protocol):
    """Reads the document from one kind of place; blocks, so it is called from a thread."""

    cheap: bool
    """Whether looking costs so little that each check of the monitor may do it."""

    def read(self) -> bytes | None:
        """Give the document, None if it is the one that was read last. Raises Unavailable."""


class StoredCopy(Model, frozen=True, kw_only=True):
    """The last good document, for a start at which the place can't be reached."""

    place: str
    text: str


class DocumentService:
    """One document's lifetime. `below` is what holds without it; `copies` gives the folder of the copy."""

    def __init__(
        self,
        *,
        source: PolicySource,
        reader: Reader,
        subject: Subject,
        below: PolicyInput,
        copies: Callable[[], Path],
        reload_seconds: int,
        clock: Clock,
        log: Any,
    ) -> None:
        self.source = source
        self.on_news: Callable[[], None] = lambda: None
        """Called when another document is in force."""
        self._reader = reader
        self._subject = subject
        self._below = below
        self._copies = copies
        self._reload = timedelta(seconds=reload_seconds)
        self._clock = clock
        self._log = log
        self._document: PolicyDocument | None = None
        self._is_copy = False
        self._problem: Problem | None = None
        self._due: datetime | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: asyncio.Future[bytes | None] | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the document, for people."""
        return () if self._problem is None else (self._problem,)

    def given(self) -> PolicyInput:
        """What holds now, by the wall clock; cheap."""
        if self._document is None:
            return self._below
        laid = apply(self._document, self._subject, self._clock.wall(), self._below)
        return stricter(self._below, laid) if self._is_copy else laid

    def know_instance_type(self, instance_type: str) -> None:
        """The machine's type, which only now is known; the rules for it hold from here on."""
        self._subject = msgspec.structs.replace(self._subject, instance_type=instance_type)

    async def start(self) -> None:
        """Read it for the first time, but don't hold up the server."""
        self.poke()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=START_SECONDS)
        if self._document is None and self._problem is None:
            await self._fall_back("policy_document_unavailable", "It has not answered yet.")

    def poke(self) -> None:
        """Read again if it is time to; in the background, one reading at a time."""
        if self._task is not None and not self._task.done():
            return
        now = self._clock.now()
        if self._due is None or now >= self._due or self._reader.cheap:
            self._due = now + self._reload
            self._task = asyncio.get_running_loop().create_task(self._read(), name="jupyter_lcc policy document")

    async def settle(self) -> None:
        """Wait for the reading under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Let go; a thread that hangs is left behind."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)

    async def _read(self) -> None:
        # A reading that hangs is waited for again, not repeated: each would hold a thread.
        if self._thread is None or self._thread.done():
            self._thread = asyncio.ensure_future(asyncio.to_thread(self._reader.read))
        try:
            raw = await asyncio.wait_for(asyncio.shield(self._thread), READ_SECONDS)
            if raw is None:
                return
            document = parse(raw)
        except InvalidDocument as error:
            await self._fall_back("policy_document_invalid", str(error))
        except Unavailable as error:
            await self._fall_back("policy_document_unavailable", str(error))
        except asyncio.TimeoutError:
            await self._fall_back("policy_document_unavailable", f"It did not answer in {READ_SECONDS:.0f} s.")
        except Exception as error:  # a library's own way to fail must not end the reloading
            await self._fall_back("policy_document_unavailable", f"{type(error).__name__}: {error}")
        else:
            await self._take(document, raw)

    async def _take(self, document: PolicyDocument, raw: bytes) -> None:
        news = self._is_copy or document != self._document
        self._document, self._is_copy, self._problem = document, False, None
        if not news:
            return
        self._log.info("jupyter_lcc: the policy document at %s is in force", self.source.place)
        self.on_news()
        copy = StoredCopy(place=self.source.place, text=raw.decode("utf-8-sig"))
        try:
            await asyncio.to_thread(write_json, self._copies() / COPY, copy)
        except OSError as error:
            self._log.warning("jupyter_lcc: the policy document can't be copied to the state folder: %s", error)

    async def _fall_back(self, code: str, why: str) -> None:
        """Say what is wrong, and what holds instead."""
        self._due = self._clock.now() + min(RETRY, self._reload)
        if self._document is None:
            self._document = await asyncio.to_thread(self._copy)
            self._is_copy = self._document is not None
            if self._is_copy:
                self.on_news()
        if self._document is None:
            holds = "None could ever be read, so the limits below it hold"
        elif self._is_copy:
            holds = "The copy from before the restart holds where it is stricter than the limits below it"
        else:
            holds = "The last good one stays in force"
        is_wrong = "is refused" if code == "policy_document_invalid" else "can't be read"
        problem = Problem(code=code, message=f"The policy document at {self.source.place} {is_wrong}: {why} {holds}.")
        if problem != self._problem:
            self._log.error("jupyter_lcc: %s", problem.message)
            self._problem = problem

    def _copy(self) -> PolicyDocument | None:
        try:
            copy = read_json(self._copies() / COPY, StoredCopy)
            if copy is None or copy.place != self.source.place:
                return None
            return parse(copy.text.encode())
        except (CorruptFile, OSError, InvalidDocument):
            return None
