from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.cli.table import clean, fill, lay_out, pad, shorten, width_of

names = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), max_size=60)


def test_korean_takes_two_columns_and_accents_none() -> None:
    assert width_of("학습.ipynb") == 10
    assert width_of("e\u0301") == 1


@given(names, st.integers(0, 40))
def test_a_shortened_text_fits_and_says_that_it_was_cut(text: str, width: int) -> None:
    short = shorten(text, width)
    assert width_of(short) <= width
    assert short == text or width == 0 or short.endswith("…")


@given(names, st.integers(1, 40))
def test_padding_reaches_the_width(text: str, width: int) -> None:
    assert width_of(pad(shorten(text, width), width)) == width
    assert width_of(pad(shorten(text, width), width, right=True)) == width


@given(st.lists(names, min_size=1, max_size=5), st.integers(40, 120))
def test_a_table_fits_the_screen(long_names: list[str], width: int) -> None:
    rows = [("NAME", "STATE", "VERDICT"), *((name, "working", "stops Sat 17:40") for name in long_names)]
    assert all(width_of(line) <= width for line in lay_out(rows, width))


def test_a_column_without_values_is_left_out() -> None:
    assert lay_out([("NAME", "CPU", "STATE"), ("a", "", "idle")], 80) == ["NAME  STATE", "a     idle"]


def test_numbers_stand_to_the_right() -> None:
    assert lay_out([("N", "CPU"), ("a", "5 %"), ("b", "100 %")], 80, right=frozenset({1})) == [
        "N    CPU",
        "a    5 %",
        "b  100 %",
    ]


@given(st.text())
def test_nothing_that_moves_the_cursor_is_printed(text: str) -> None:
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in clean(text))


@given(names, st.integers(20, 100))
def test_filling_loses_nothing_but_spaces(text: str, width: int) -> None:
    lines = fill(text, width)
    assert all(width_of(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_filled_lines_are_indented_and_fit() -> None:
    lines = fill("  word" + " word" * 40, 40, "    ")
    assert lines[0].startswith("  word ")
    assert len(lines) > 1
    assert all(len(line) <= 40 for line in lines)
    assert all(line.startswith("    ") for line in lines[1:])
