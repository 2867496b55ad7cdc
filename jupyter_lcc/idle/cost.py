"""What the machine costs and what its stops saved: the hours it was on, kept over its lives.

    on ─────────── our stop ┄┄┄┄┄ off: saved ┄┄┄┄┄ on again ───────

A *spell* is one life of the machine, as far as this server saw it. The time between a stop of ours and the begin
of the next spell is what was saved: nobody needed the machine then, and it would have cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from ..clock import Clock
from ..model import Model, Timestamp
from ..store import CorruptFile, read_json, write_json
from .model import Cost
from .prices import Price
from .state import SavedStop

__all__ = ["CostBook", "Ledger", "Spell", "hours_on", "hours_saved", "note_stop", "take_note"]

WINDOW = timedelta(days=30)
SAVE_EVERY = timedelta(minutes=5)
"""How much of a day's hours may be lost with a killed machine."""

STILL_THE_SAME = timedelta(minutes=10)
"""Where lives can't be told apart, a gap shorter than this is a restart of the server, not of the machine."""

MOST_SPELLS = 1000


class Spell(Model, frozen=True, kw_only=True):
    """One life of the machine. `stopped_at` is when its stop was asked for by us and accepted, None if it wasn't."""

    life: str
    began_at: Timestamp
    seen_at: Timestamp
    stopped_at: Timestamp | None = None


class Ledger(Model, frozen=True, kw_only=True):
    """The spells of the last weeks, the oldest first."""

    spells: tuple[Spell, ...] = ()


def take_note(ledger: Ledger, life: str, now: datetime, stopped_at: datetime | None) -> Ledger:
    """The machine is on in this life; `stopped_at` says that its stop has been asked for. Forgets what is long ago."""
    spells = [spell for spell in ledger.spells if spell.seen_at >= now - WINDOW - timedelta(days=1)][-MOST_SPELLS:]
    last = spells[-1] if spells else None
    if last is not None and last.life == life and (life or now - last.seen_at < STILL_THE_SAME):
        seen = max(now, last.began_at)  # a wall clock that was set back
        spells[-1] = msgspec.structs.replace(last, seen_at=seen, stopped_at=stopped_at)
    else:
        spells.append(Spell(life=life, began_at=now, seen_at=now, stopped_at=stopped_at))
    return Ledger(spells=tuple(spells))


def note_stop(ledger: Ledger, stopped_at: datetime) -> Ledger:
    """An earlier server asked for the stop of the last life that is known, and had no time to note it here."""
    if not ledger.spells or ledger.spells[-1].stopped_at is not None or ledger.spells[-1].began_at > stopped_at:
        return ledger
    last = msgspec.structs.replace(ledger.spells[-1], seen_at=stopped_at, stopped_at=stopped_at)
    return Ledger(spells=(*ledger.spells[:-1], last))


def hours_on(ledger: Ledger, since: datetime, until: datetime) -> float:
    """Count the hours the machine was on between two times."""
    return _hours([(spell.began_at, spell.seen_at) for spell in ledger.spells], since, until)


def hours_saved(ledger: Ledger, since: datetime, until: datetime) -> float:
    """Count the hours between our stops and the next begin, between two times."""
    pairs = zip(ledger.spells, ledger.spells[1:], strict=False)
    return _hours([(a.stopped_at, b.began_at) for a, b in pairs if a.stopped_at is not None], since, until)


def _hours(spans: list[tuple[datetime, datetime]], since: datetime, until: datetime) -> float:
    total = sum((max(timedelta(0), min(end, until) - max(begin, since)) for begin, end in spans), timedelta(0))
    return total / timedelta(hours=1)


class CostBook:
    """Keeps the ledger in a file. What can't be read begins anew; what can't be written is kept in memory."""

    def __init__(self, find_path: Callable[[], Path], price: Price | None, life: str, clock: Clock, log: Any) -> None:
        self._find_path = find_path
        self._price = price
        self._life = life
        self._clock = clock
        self._log = log
        self._ledger = Ledger()
        self._saved_at: datetime | None = None
        self._stop: SavedStop | None = None

    async def start(self, stop: SavedStop | None) -> None:
        """Take up the ledger. `stop` is what an earlier server, perhaps of an earlier life, wrote of its stop."""
        self._stop = stop
        if self._price is not None:
            await self._begin()

    async def know_price(self, price: Price | None) -> None:
        """What an hour costs, which only now is known; the administrator's own price stands."""
        if self._price is None and price is not None:
            self._price = price
            await self._begin()

    async def _begin(self) -> None:
        stop = self._stop
        self._ledger = await asyncio.to_thread(self._load)
        if stop is not None and stop.requested_at is not None and stop.life != self._life:
            self._ledger = note_stop(self._ledger, stop.requested_at)
        await self.note(None)

    async def note(self, stopped_at: datetime | None) -> None:
        """The machine is still on; `stopped_at`, in the wall's UTC, says that its stop has been asked for."""
        if self._price is None:
            return
        now = self._clock.wall()
        news = not self._ledger.spells or self._ledger.spells[-1].stopped_at != stopped_at
        self._ledger = take_note(self._ledger, self._life, now, stopped_at)
        if news or self._saved_at is None or abs(now - self._saved_at) >= SAVE_EVERY:
            self._saved_at = now
            await asyncio.to_thread(self._save, self._ledger)

    def cost(self) -> Cost | None:
        """Give what it costs, today by the machine's own time zone; None where the price isn't known."""
        if self._price is None:
            return None
        now = self._clock.wall()
        midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        ledger = take_note(self._ledger, self._life, now, None)
        today, saved = hours_on(ledger, midnight, now), hours_saved(ledger, now - WINDOW, now)
        rate = self._price.usd_per_hour
        return Cost(
            usd_per_hour=rate,
            instance_type=self._price.instance_type,
            price_source=self._price.source,
            priced_on=self._price.priced_on,
            hours_today=round(today, 2),
            usd_today=round(today * rate, 2),
            saved_hours=round(saved, 2),
            saved_usd=round(saved * rate, 2),
        )

    def _load(self) -> Ledger:
        try:
            return read_json(self._find_path(), Ledger) or Ledger()
        except (CorruptFile, OSError) as error:
            self._log.warning("jupyter_lcc: the machine's hours so far can't be read: %s", error)
            return Ledger()

    def _save(self, ledger: Ledger) -> None:
        try:
            write_json(self._find_path(), ledger)
        except OSError as error:
            self._log.debug("jupyter_lcc: the machine's hours can't be written: %s", error)
