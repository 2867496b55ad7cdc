"""What an hour of a machine costs: a table that ships and says its date, or what the administrator says."""

from __future__ import annotations

from importlib import resources
from typing import Literal

import msgspec

from ..model import Model

__all__ = ["Price", "find_price"]


class Price(Model, frozen=True, kw_only=True):
    """US dollars an hour. `priced_on` is the date of the table, YYYY-MM-DD; None for the administrator's own price."""

    usd_per_hour: float
    instance_type: str
    source: Literal["table", "config"]
    priced_on: str | None = None


class _Table(Model, frozen=True, kw_only=True):
    note: str
    priced_on: str
    usd_per_hour: dict[str, float]


def find_price(instance_type: str | None, usd_per_hour: float | None) -> Price | None:
    """Give the price of this machine: the administrator's, else the table's; None where neither knows it.

    The table holds on-demand list prices of one region (us-east-1). Reads a file of the package.
    """
    if usd_per_hour is not None:
        return Price(usd_per_hour=usd_per_hour, instance_type=instance_type or "this machine", source="config")
    if instance_type is None:
        return None
    table = msgspec.json.decode(resources.files(__package__).joinpath("prices.json").read_bytes(), type=_Table)
    listed = table.usd_per_hour.get(instance_type)
    if listed is None:
        return None
    return Price(usd_per_hour=listed, instance_type=instance_type, source="table", priced_on=table.priced_on)
