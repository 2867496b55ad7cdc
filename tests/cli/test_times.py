from __future__ import annotations

import contextlib
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.cli.times import parse_duration, parse_moment, say_duration, say_moment, say_roughly
from jupyter_lcc.model import MAX_SECONDS

NOW = datetime(2026, 11, 20, 18, 40, 30, tzinfo=timezone(timedelta(hours=9)))


@given(st.integers(0, MAX_SECONDS))
def test_what_is_said_is_read_back(seconds: int) -> None:
    assert parse_duration(say_duration(seconds)) == seconds


@given(st.integers(0, MAX_SECONDS))
def test_a_rough_duration_is_never_longer_and_never_an_hour_off(seconds: int) -> None:
    assert 0 <= seconds - parse_duration(say_roughly(seconds)) < 3600


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45s", 45),
        ("90m", 5400),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1 H 30 Min", 5400),
        ("1.5h", 5400),
        ("1d", 86400),
        ("0s", 0),
    ],
)
def test_durations_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "  ", "5", "h", "5x", "-5m", "1h30", "367d", "1e3s", "9999999999999s", "m5"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_duration(text)


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= parse_duration(text) <= MAX_SECONDS


def test_a_moment_ago() -> None:
    assert parse_moment("20 min ago", NOW) == NOW - timedelta(minutes=20)


def test_a_clock_time_is_the_last_one() -> None:
    assert parse_moment("18:40", NOW) == NOW.replace(second=0)
    assert parse_moment("18:41", NOW) == NOW.replace(minute=41, second=0) - timedelta(days=1)
    assert parse_moment("0:05:07", NOW) == NOW.replace(hour=0, minute=5, second=7)


def test_a_date_with_an_offset() -> None:
    assert parse_moment("2026-11-20T09:00Z", NOW) == datetime(2026, 11, 20, 9, tzinfo=timezone.utc)


def test_a_date_without_an_offset_is_local() -> None:
    naive = datetime(2026, 11, 19, 9)  # noqa: DTZ001
    assert parse_moment("2026-11-19 09:00", NOW) == naive.astimezone()


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "18:61", "2026-11-20", "2026-11-21T09:00Z", "ago", "5 ago", "2026-13-01T00:00"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_moment(text, NOW)


@given(st.integers(0, 10**9))
def test_a_clock_time_said_is_the_same_minute_read_back(ago: int) -> None:
    moment = NOW - timedelta(seconds=ago % 86000)
    if moment.date() == NOW.date():
        assert parse_moment(say_moment(moment, NOW), NOW) == moment.replace(second=0, microsecond=0)


def test_the_day_is_said_where_it_is_another() -> None:
    assert say_moment(NOW.astimezone(timezone.utc), NOW) == "18:40"
    assert say_moment(NOW + timedelta(days=1), NOW) == "Sat 18:40"
    assert say_moment(NOW - timedelta(days=30), NOW, seconds=True) == "2026-10-21 18:40:30"
