"""Wall-clock steps don't move a countdown."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from jupyter_lcc.clock import StampReader, SystemClock, parse_utc, to_wall

from .fakes import START, FakeClock


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_the_real_clock_goes_on_and_agrees_with_the_wall() -> None:
    clock = SystemClock()
    first = clock.now()
    assert clock.now() >= first
    assert abs(clock.wall() - clock.now()) < timedelta(seconds=1)


@pytest.mark.parametrize("step", [-3600, 3600])
def test_a_step_of_the_wall_clock_does_not_age_a_stamp_that_stands_still(step: int) -> None:
    clock = FakeClock()
    stamps = StampReader(clock)
    assert stamps.read("k", at(-10)) == at(-10)
    clock.wall_step = timedelta(seconds=step)
    clock.pass_(5)
    assert stamps.read("k", at(-10)) == at(-10)


@pytest.mark.parametrize("step", [-3600, 0, 3600])
def test_a_new_stamp_lies_between_the_two_looks(step: int) -> None:
    clock = FakeClock()
    stamps = StampReader(clock)
    stamps.read("k", at(-10))
    clock.wall_step = timedelta(seconds=step)
    clock.pass_(30)
    steady = stamps.read("k", clock.wall() - timedelta(seconds=4))
    assert steady == at(26)
    stamps_of_before_the_step = stamps.read("k", at(-5))
    assert at(26) <= stamps_of_before_the_step <= at(30)


def test_a_stamp_from_the_future_is_now() -> None:
    clock = FakeClock()
    assert StampReader(clock).read("k", at(7200)) == START


def test_forgetting() -> None:
    clock = FakeClock()
    stamps = StampReader(clock)
    stamps.read("k", at(-10))
    stamps.keep_only(set())
    clock.wall_step = timedelta(seconds=100)
    assert stamps.read("k", at(-10)) == at(-110)


def test_people_read_the_walls_time() -> None:
    clock = FakeClock()
    clock.wall_step = timedelta(seconds=1)
    assert to_wall(clock, at(60)) == at(60)
    clock.wall_step = timedelta(hours=1)
    assert to_wall(clock, at(60)) == at(3660)


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00", "2026-03-01T21:00:00+09:00"])
def test_times_are_utc_unless_they_say_otherwise(text: str) -> None:
    assert parse_utc(text) == datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
