"""The machine itself: how it is stopped and what it costs."""

from __future__ import annotations

from typing import Literal

from ...model import Model, Sentence, Timestamp
from ...platforms.model import StopWay

__all__ = ["Cost", "Machine"]


class Cost(Model, frozen=True, kw_only=True):
    """What the machine costs, in US dollars, and what was saved. `priced_on` is the date of the price (YYYY-MM-DD).

    `saved_hours` and `saved_usd` count the machine's hours after its own stops in the last 30 days, as far as
    they are known.
    """

    usd_per_hour: float
    instance_type: str
    price_source: Literal["table", "config"]
    priced_on: str | None
    hours_today: float
    usd_today: float
    saved_hours: float
    saved_usd: float


class Machine(Model, frozen=True, kw_only=True):
    """The machine itself: how it is stopped, how far that has got, what it costs.

    `stop_error` says why the last try failed and what is missing, `stop_error_sentence` the same by a code; `retry_at`
    is when it is tried again.
    """

    stop: StopWay
    stop_requested_at: Timestamp | None = None
    stop_error: str | None = None
    stop_error_sentence: Sentence | None = None
    retry_at: Timestamp | None = None
    cost: Cost | None = None
