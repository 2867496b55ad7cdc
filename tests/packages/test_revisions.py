"""Records of what was published, and two publishers' changes joined without losing one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from jupyter_lcc.packages.lists import read_list, same, write_list
from jupyter_lcc.packages.model import PackageList, Revision
from jupyter_lcc.packages.revisions import fits, folder_of, merge, next_revision, plain_line

from .made import LIST, lists, signed


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_records_follow_each_other_whatever_the_clocks_say() -> None:
    first = next_revision(None, signed(days=0), text="a", lock="b")
    second = next_revision(first, signed("bob", days=-3000), text="a2", lock=None)
    third = next_revision(second, signed(days=3000), text=None, lock=None)
    assert [r.number for r in (first, second, third)] == [1, 2, 3]
    assert [r.parent for r in (first, second, third)] == [None, first.id, second.id]
    assert len({r.id for r in (first, second, third)}) == 3
    assert third.removed
    assert sorted(map(folder_of, (third, first, second))) == [folder_of(r) for r in (first, second, third)]


def test_a_record_is_of_its_files_and_of_nothing_else() -> None:
    record = next_revision(None, signed(), text="a", lock="b")
    assert fits(record, "a", "b")
    for text, lock in (("a2", "b"), ("a", "b2"), ("a", None), (None, None)):
        assert not fits(record, text, lock)
    assert not fits(msgspec.structs.replace(record, author="eve"), "a", "b")
    again = msgspec.json.decode(msgspec.json.encode(record), type=Revision)
    assert fits(again, "a", "b")


def test_who_and_why_are_one_line_each() -> None:
    record = next_revision(None, signed("  ann\n\x1b[31m ", "a\r\nb\u202e" + "c" * 900), text="a", lock=None)
    assert record.author == "ann [31m"
    assert record.message.startswith("a b c")
    assert len(record.message) == 500
    assert next_revision(None, signed("\x00"), text="a", lock=None).author == "unknown"
    assert plain_line("환경", 10) == "환경"


def test_two_changes_that_do_not_touch_are_joined() -> None:
    mine = changed(LIST, ("python=3.11", "python=3.12"), ("  - pandas\n", ""))
    theirs = changed(LIST, ("six==1.16.0  # old, but needed", "six==1.17.0  # newer"), ("numpy>=1.26,<2", "numpy>=2"))
    found = merge(read_list(LIST), read_list(mine), read_list(theirs), theirs)
    assert found.conflicts == ()
    assert found.text == changed(theirs, ("python=3.11", "python=3.12"), ("  - pandas\n", ""))


def test_two_changes_of_the_same_are_shown_with_both_sides() -> None:
    mine = changed(LIST, ("numpy>=1.26,<2", "numpy=1.26"), ("pandas", "pandas=2"))
    theirs = changed(LIST, ("  - numpy>=1.26,<2\n", ""), ("conda-forge", "bioconda"))
    found = merge(read_list(LIST), read_list(mine), read_list(theirs), theirs)
    (conflict,) = found.conflicts
    assert (conflict.section, conflict.name) == ("conda", "numpy")
    assert (conflict.base, conflict.mine, conflict.theirs) == ("numpy>=1.26,<2", "numpy=1.26", None)
    assert found.wanted.channels == ("bioconda",)
    assert found.wanted.conda["pandas"] == "pandas=2"


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "joined"),
    [
        ((), ("a",), (), ("a",)),
        (("a", "b"), (), ("a", "b"), ()),
        (("a",), ("a", "b"), ("a", "c"), ("a", "c", "b")),
        (("a", "b"), ("a",), ("b",), None),
        ((), ("a",), ("b",), None),
        (("a",), (), ("a", "b"), None),
    ],
)
def test_no_platform_means_all_and_is_never_what_a_joining_leads_to(
    base: tuple[str, ...], mine: tuple[str, ...], theirs: tuple[str, ...], joined: tuple[str, ...] | None
) -> None:
    sides = [PackageList(platforms=tuple(f"linux-{p}" for p in side)) for side in (base, mine, theirs)]
    found = merge(sides[0], sides[1], sides[2], write_list(sides[2]))
    assert (found.conflicts == ()) == (joined is not None)
    if joined is not None:
        assert found.wanted.platforms == tuple(f"linux-{p}" for p in joined)


@given(lists(), lists())
def test_what_only_one_changed_is_taken_over(base: PackageList, other: PackageList) -> None:
    for mine, theirs in ((other, base), (base, other), (other, other)):
        found = merge(base, mine, theirs, write_list(theirs))
        assert found.conflicts == ()
        assert same(found.wanted, other)
        assert same(read_list(found.text), other)


@given(lists(), lists(), lists())
def test_no_change_is_lost(base: PackageList, mine: PackageList, theirs: PackageList) -> None:
    found = merge(base, mine, theirs, write_list(theirs))
    assert same(read_list(found.text), found.wanted)
    told = {(c.section, c.name) for c in found.conflicts}
    for section in ("conda", "pip", "variables"):
        was, one, other, joined = (getattr(side, section) for side in (base, mine, theirs, found.wanted))
        for key in {*was, *one, *other}:
            changes = {side.get(key) for side in (one, other)} - {was.get(key)}
            if len(changes) == 2:
                assert (section, key) in told
            else:
                assert joined.get(key) == (changes.pop() if changes else was.get(key))
    back = merge(base, theirs, mine, write_list(mine))
    assert {(c.section, c.name, c.mine, c.theirs) for c in found.conflicts} == {
        (c.section, c.name, c.theirs, c.mine) for c in back.conflicts
    }


def test_two_who_begin_the_same_list_are_joined_too() -> None:
    found = merge(None, read_list(LIST), read_list("dependencies: [scipy]"), "dependencies:\n  - scipy\n")
    assert found.conflicts == ()
    assert "scipy" in found.wanted.conda
    assert "numpy" in found.wanted.conda
