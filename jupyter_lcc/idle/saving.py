"""What is saved in the last seconds before a shutdown, and the one time a shutdown waits because it can't be.

warned ──> prepare: pages save, memory is listed ──> land: written down ──> shut down
                    (a keep still wins)     └── a document can't be saved: warned anew, once
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ..clock import Clock
from .decide import Ruling
from .judge import Judge
from .leases import INSTANCE
from .model import Stopped
from .parachute.port import Parachute
from .records import Record
from .teller import Teller
from .views import Actor

__all__ = ["Saving"]

PREPARE_BEFORE = timedelta(seconds=10)
"""So long before a shutdown, or half the warning where that is shorter, what would be lost is saved."""

PREPARE_AT_ONCE = 8
"""With how many targets one round begins, so that others get their turn on the event loop."""

LAND_TIMEOUT_SECONDS = 15.0
"""A shutdown that has begun waits no longer than this for what is still to be saved."""


class Saving:
    """Asks the parachute, and tells the pages."""

    def __init__(
        self,
        *,
        clock: Clock,
        judge: Judge,
        parachute: Parachute,
        teller: Teller,
        note: Callable[[str, str | None], None],
        wake: Callable[[], None],
        log: Any,
    ) -> None:
        self._clock = clock
        self._judge = judge
        self._parachute = parachute
        self._teller = teller
        self._note = note
        self._wake = wake
        self._log = log
        self._prepared = 0

    def begin_round(self) -> None:
        """A new round may prepare as many as any."""
        self._prepared = 0

    def prepare_at(self, ruling: Ruling) -> datetime | None:
        """When what would be lost with a warned target is to be saved; None if it isn't, or is being saved."""
        waits = ruling.verdict == "warn" and not ruling.warning_due and ruling.target_id != INSTANCE
        if not waits or ruling.stops_at is None or self._judge.policy.mode.value != "enforce":
            return None
        if self._parachute.is_prepared(ruling.target_id):
            return None
        return ruling.stops_at - min(PREPARE_BEFORE, timedelta(seconds=self._judge.policy.warn_seconds.value) / 2)

    def prepare(self, record: Record, ruling: Ruling, *, asked: bool = False) -> None:
        """Let pages save, and what is in memory be listed. This begins nothing: a keep still wins."""
        if self._prepared >= PREPARE_AT_ONCE and not asked:
            self._wake()  # in the next round, which is due at once
            return
        self._prepared += 1
        self._parachute.prepare(record.sighting, asked=asked)
        if record.sighting.sessions:
            self._teller.emit("save", record, ruling)

    def note_saves(self, target_id: str) -> None:
        """A page has said what became of a document of a target."""
        record = self._judge.records.get(target_id)
        if record is not None and record.unsaved != (unsaved := self._parachute.unsaved(target_id)):
            record.unsaved = unsaved
            self._teller.emit("changed")

    def put_off_unsaved(self, record: Record, now: datetime) -> bool:
        """Warn anew, once, where a document could not be saved: there is time to see to it."""
        target_id = record.sighting.id
        unsaved = self._parachute.unsaved(target_id)
        if unsaved is None or record.put_off_at is not None:
            return False
        record.put_off_at = record.warned_at = now
        record.unsaved = unsaved
        self._parachute.rearm(target_id)
        ruling = self._judge.rule(record, now)
        self._log.warning("jupyter_lcc: the shutdown of %s is put off once: %s", target_id, unsaved)
        self._judge.write("put_off", record, error=unsaved)
        self._teller.emit("warning", record, ruling)
        return True

    async def save_what_is_left(self, ruling: Ruling, *, actor: Actor) -> dict[str, Stopped]:
        """The machine is about to be stopped: save what would go with it, without shutting anything down."""
        left = [record for record in self._judge.records.all() if not self._judge.is_stopping(record.sighting.id)]
        for record in left:
            self._parachute.prepare(record.sighting)
            if record.sighting.sessions:
                self._teller.emit("save", record, ruling)
        # The machine stands before what is on it, for who reads the list from its end.
        left.append(self._judge.instance)
        landed = await asyncio.gather(*(self.land(record, ruling, actor, machine=True) for record in left))
        return {record.sighting.id: stopped for record, stopped in zip(left, landed, strict=True) if stopped}

    def put_off_machine(self) -> bool:
        """Warn of the machine's stop anew, once, where a document on it could not be saved."""
        found = [self._parachute.unsaved(record.sighting.id) for record in self._judge.records.all()]
        unsaved = "; ".join(each for each in found if each)
        if not unsaved or self._judge.instance.put_off_at is not None:
            return False
        now = self._clock.now()
        self._judge.instance.put_off_at = self._judge.instance.warned_at = now
        self._judge.instance.unsaved = unsaved
        ruling = self._judge.rule(self._judge.instance, now)
        self._log.warning("jupyter_lcc: the stop of the machine is put off once: %s", unsaved)
        self._judge.write("put_off", self._judge.instance, error=unsaved)
        self._teller.emit("warning", self._judge.instance, ruling)
        return True

    async def take_back(self, landed: dict[str, Stopped]) -> None:
        """The machine was not stopped after all."""
        for stopped in landed.values():
            await self._parachute.undo(stopped)

    async def land(self, record: Record, ruling: Ruling, actor: Actor, *, machine: bool = False) -> Stopped | None:
        """Remember the shutdown before it happens: a server that is killed now has told of it all the same."""
        draft = self._teller.stopped(record, ruling)
        try:
            landed = await asyncio.wait_for(
                self._parachute.land(
                    draft, record.sighting, wait=machine or actor == "user", greet=machine or actor != "user"
                ),
                LAND_TIMEOUT_SECONDS,
            )
        except Exception as error:
            self._log.exception("jupyter_lcc: what goes with %s could not be saved", record.sighting.id)
            self._note("parachute", f"{type(error).__name__}: {error}")
            return None
        failed = [document for document in landed.documents if document.result == "failed"]
        if failed:
            told = "; ".join(f"{document.path}: {document.message}" for document in failed)
            self._judge.write("unsaved", record, actor=actor, error=told)
        return landed
