"""The machine's hours, what they cost, and what its stops saved: as sums, on a frozen clock, and in a file."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta, timezone
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.idle.cost import CostBook, Ledger, hours_on, hours_saved, take_note
from jupyter_lcc.idle.prices import Price, find_price
from jupyter_lcc.idle.state import SavedStop

from ..fakes import FakeClock

START = datetime(2026, 3, 2, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
PRICE = Price(usd_per_hour=2.0, instance_type="ml.x", source="config")
LOG = logging.getLogger("jupyter_lcc.tests")


def play(lives: list[tuple[float, float, bool]]) -> tuple[Ledger, datetime]:
    """Let the machine be on and off for hours; the flag says that we stopped it."""
    ledger, now = Ledger(), START
    for number, (on, off, stopped) in enumerate(lives):
        ledger = take_note(ledger, f"life-{number}", now, None)
        now += on * HOUR
        ledger = take_note(ledger, f"life-{number}", now, now if stopped else None)
        now += off * HOUR
    return take_note(ledger, "last", now, None), now


def test_hours_on_and_saved_are_told_apart() -> None:
    ledger, now = play([(2, 10, True), (3, 5, False), (1, 4, True)])
    assert hours_on(ledger, START, now) == pytest.approx(6)
    assert hours_saved(ledger, START, now) == pytest.approx(14), "an end that isn't ours saves nothing of ours"
    assert hours_saved(ledger, now - 2 * HOUR, now) == pytest.approx(2), "only what lies in the window"


@given(
    st.lists(
        st.tuples(st.floats(0.01, 20), st.floats(0.2, 50), st.booleans()),
        max_size=8,
    ).filter(lambda lives: sum(on + off for on, off, _ in lives) < 24 * 29)
)
def test_on_and_off_never_add_up_to_more_than_the_time(lives: list[tuple[float, float, bool]]) -> None:
    ledger, now = play(lives)
    on, saved = hours_on(ledger, START, now), hours_saved(ledger, START, now)
    assert on == pytest.approx(sum(life[0] for life in lives))
    assert saved == pytest.approx(sum(off for _, off, stopped in lives if stopped))
    assert on + saved <= (now - START) / HOUR + 1e-6


def test_a_stop_that_is_taken_back_saves_nothing() -> None:
    ledger = take_note(Ledger(), "a", START, START)
    ledger = take_note(ledger, "a", START + HOUR, None)
    ledger = take_note(ledger, "b", START + 5 * HOUR, None)
    assert hours_saved(ledger, START, START + 9 * HOUR) == 0


def test_where_lives_can_not_be_told_apart_a_long_gap_is_an_end() -> None:
    ledger = take_note(Ledger(), "", START, None)
    ledger = take_note(ledger, "", START + timedelta(minutes=9), None)
    ledger = take_note(ledger, "", START + 3 * HOUR, None)
    assert [spell.began_at for spell in ledger.spells] == [START, START + 3 * HOUR]


def test_a_clock_that_is_set_back_makes_no_negative_hours() -> None:
    ledger = take_note(take_note(Ledger(), "a", START, None), "a", START - 5 * HOUR, None)
    assert hours_on(ledger, START - 9 * HOUR, START + 9 * HOUR) == 0


async def test_it_is_kept_over_the_lives_of_the_machine(tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "cost.json"
    book = CostBook(lambda: path, PRICE, "life-1", clock, LOG)
    await book.start(None)
    clock.pass_(3600)
    await book.note(None)
    stopped_at = clock.wall()
    clock.pass_(7200)  # killed before it could note the stop; the state file knows of it
    book = CostBook(lambda: path, PRICE, "life-2", clock, LOG)
    await book.start(SavedStop(life="life-1", requested_at=stopped_at))
    clock.pass_(1800)
    cost = book.cost()
    assert cost is not None
    assert (cost.hours_today, cost.usd_today) == (1.5, 3.0)
    assert (cost.saved_hours, cost.saved_usd) == (2.0, 4.0)
    book = CostBook(lambda: path, PRICE, "life-2", clock, LOG)
    await book.start(SavedStop(life="life-1", requested_at=stopped_at))
    again = book.cost()
    assert again == cost, "a restart of the server changes nothing"


async def test_a_broken_or_unwritable_file_costs_only_the_past(tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "cost.json"
    path.write_text("{half")
    book = CostBook(lambda: path, PRICE, "a", clock, LOG)
    await book.start(None)
    assert json.loads(path.read_text())["spells"][0]["life"] == "a"
    blocked = CostBook(lambda: path / "below-a-file.json", PRICE, "a", clock, LOG)
    await blocked.start(None)
    clock.pass_(3600)
    assert (cost := blocked.cost()) is not None
    assert cost.hours_today == 1.0


async def test_without_a_price_nothing_is_told_or_written(tmp_path: Path) -> None:
    book = CostBook(lambda: tmp_path / "cost.json", None, "a", FakeClock(), LOG)
    await book.start(None)
    await book.note(None)
    assert book.cost() is None
    assert not (tmp_path / "cost.json").exists()


def test_the_table_says_its_date_and_an_administrator_is_believed() -> None:
    listed = find_price("ml.g5.xlarge", None)
    assert listed is not None
    assert (listed.usd_per_hour, listed.source) == (1.408, "table")
    assert listed.priced_on is not None
    assert datetime.fromisoformat(listed.priced_on) < datetime(2027, 1, 1)  # noqa: DTZ001 -- a date
    own = find_price("ml.g5.xlarge", 0.9)
    assert own is not None
    assert (own.usd_per_hour, own.source, own.priced_on) == (0.9, "config", None)
    assert find_price("ml.unheard.of", None) is None
    assert find_price(None, None) is None
    assert find_price(None, 1.0) is not None


def test_a_bigger_machine_of_a_family_is_never_cheaper() -> None:
    """A slip of the finger in the table would show here. Not so g5: 16xlarge has one GPU, 12xlarge four."""
    prices = json.loads(resources.files("jupyter_lcc.idle").joinpath("prices.json").read_text())["usd_per_hour"]
    families: dict[str, list[tuple[float, float]]] = {}
    for name, price in prices.items():
        _, family, size = name.split(".")
        weight = {"medium": 0.25, "large": 0.5, "xlarge": 1.0}.get(size) or float(size.removesuffix("xlarge"))
        families.setdefault(family, []).append((weight, price))
    del families["g5"]
    for family, sizes in families.items():
        assert [price for _, price in sorted(sizes)] == sorted(price for _, price in sizes), family


async def test_a_price_that_is_learned_later_counts_from_then_and_the_administrators_stands(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "cost.json"
    book = CostBook(lambda: path, None, "one", clock, LOG)
    await book.start(None)
    await book.note(None)
    assert (book.cost(), path.exists()) == (None, False)
    await book.know_price(find_price("ml.t3.medium", None))
    cost = book.cost()
    assert cost is not None
    assert (cost.instance_type, cost.price_source) == ("ml.t3.medium", "table")
    own = CostBook(lambda: path, PRICE, "one", clock, LOG)
    await own.start(None)
    await own.know_price(find_price("ml.t3.medium", None))
    told = own.cost()
    assert told is not None
    assert told.usd_per_hour == PRICE.usd_per_hour
