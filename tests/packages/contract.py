"""What every source keeps to, whatever it is made of. A test class of each source inherits it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest

from jupyter_lcc.environments.lock_file import write_lock
from jupyter_lcc.errors import Invalid, LostRace, NotFound
from jupyter_lcc.packages.lists import read_list
from jupyter_lcc.packages.model import MAX_LIST, MAX_LOCK, Stored
from jupyter_lcc.packages.revisions import merge
from jupyter_lcc.packages.sources.model import Draft, Source, Unchanged, restore

from .made import LIST, conda, lock_of, signed

NEWER = LIST.replace("numpy>=1.26,<2", "numpy>=2")
LOCK = write_lock(lock_of(conda("numpy")), LIST)

HOSTILE_NAMES = [
    "../x",
    "..",
    ".",
    "",
    "a/b",
    "/etc",
    "-x",
    ".hidden",
    "a\\b",
    "a\nb",
    "x" * 300,
    "a\0b",
    "C:x",
    "a%2fb",
    "base",
]


def draft(text: str = LIST, lock: str | None = LOCK, author: str = "ann", message: str = "", days: float = 0) -> Draft:
    return Draft(text=text, lock=lock, signed=signed(author, message, days))


class Contract:
    """Subclasses give `make`: a new client of the same place, as another machine has it."""

    @pytest.fixture
    def make(self) -> Callable[[], Source]:
        raise NotImplementedError

    def test_what_is_written_is_read_as_it_was_written(self, make: Callable[[], Source]) -> None:
        source = make()
        assert source.names() == ()
        with pytest.raises(NotFound):
            source.read("team")
        crlf = LIST.replace("\n", "\r\n") + "# 환경 \U0001f40d"
        written = source.write("team", draft(crlf, LOCK, message="first"), None)
        source.write("other", draft(lock=None), None)
        found = make().read("team")
        assert found == written
        assert (found.text, found.lock) == (crlf, LOCK)
        assert (found.revision.author, found.revision.message, found.revision.number) == ("ann", "first", 1)
        assert make().names() == ("other", "team")
        assert make().read("other").lock is None
        assert not make().read("other").lock_fits

    def test_what_is_there_is_told_with_the_etags_that_reading_gives(self, make: Callable[[], Source]) -> None:
        source = make()
        assert source.etags() == {}
        first = source.write("team", draft(), None)
        second = source.write("other", draft(lock=None), None)
        assert make().etags() == {"other": second.etag, "team": first.etag}
        newer = source.write("team", draft(NEWER), first)
        source.remove("other", signed(), second)
        assert source.etags()["team"] == newer.etag
        assert make().names() == ("team",)
        for name in set(source.etags()) - {"team"}:  # a removed one may be told once, and then isn't there
            with pytest.raises(NotFound):
                source.read(name)
        assert source.etags() == {"team": newer.etag}

    def test_what_is_known_is_not_read_again(self, make: Callable[[], Source]) -> None:
        source = make()
        first = source.write("team", draft(), None)
        with pytest.raises(Unchanged):
            make().read("team", first.etag)
        second = source.write("team", draft(NEWER), first)
        assert second.etag != first.etag
        assert make().read("team", first.etag) == second
        assert first.lock_fits
        assert not second.lock_fits  # it is the older text's

    def test_the_second_of_two_publishers_loses_nothing(self, make: Callable[[], Source]) -> None:
        ann, bob = make(), make()
        base = ann.write("team", draft(), None)
        mine = LIST.replace("python=3.11", "python=3.12")
        theirs = bob.write("team", draft(NEWER, author="bob"), base)
        with pytest.raises(LostRace, match="bob") as error:
            ann.write("team", draft(mine), base)
        assert error.value.detail["etag"] == theirs.etag
        with pytest.raises(LostRace):
            ann.write("team", draft(mine), None)
        assert ann.read("team") == theirs
        joined = merge(read_list(base.text), read_list(mine), read_list(theirs.text), theirs.text)
        assert joined.conflicts == ()
        found = ann.write("team", draft(joined.text, None, message="both"), theirs)
        assert found.text == NEWER.replace("python=3.11", "python=3.12")
        assert [r.author for r in bob.history("team")] == ["ann", "bob", "ann"]

    def test_history_is_kept_and_brought_back(self, make: Callable[[], Source]) -> None:
        source = make()
        first = source.write("team", draft(message="one"), None)
        second = source.write("team", draft(NEWER, None, "bob", "two"), first)
        assert make().revision("team", 1).text == LIST
        assert make().revision("team", 1).lock == LOCK
        third = restore(make(), "team", 1, signed(message="back"), second)
        assert (third.text, third.lock) == (LIST, LOCK)
        records = make().history("team")
        assert [(r.number, r.message) for r in records] == [(3, "back"), (2, "two"), (1, "one")]
        assert [r.parent for r in records] == [records[1].id, records[2].id, None]
        assert [r.number for r in make().history("team", 2)] == [3, 2]
        assert make().revision("team", 2).text == NEWER
        with pytest.raises(NotFound):
            make().revision("team", 9)
        with pytest.raises(NotFound):
            make().history("nobody")

    def test_what_is_removed_can_be_brought_back(self, make: Callable[[], Source]) -> None:
        source = make()
        first = source.write("team", draft(), None)
        source.write("other", draft(), None)
        record = source.remove("team", signed("bob", "not needed"), first)
        assert record.removed
        assert make().names() == ("other",)
        with pytest.raises(NotFound):
            make().read("team")
        with pytest.raises(NotFound):
            make().read("team", first.etag)
        with pytest.raises(LostRace):
            make().write("team", draft(NEWER), first)
        with pytest.raises(LostRace):
            make().remove("team", signed(), first)
        assert [r.removed for r in make().history("team")] == [True, False]
        back = restore(make(), "team", 1, signed(), None)
        assert back.text == LIST
        assert back.revision.number == 3
        assert make().names() == ("other", "team")

    def test_names_are_data(self, make: Callable[[], Source]) -> None:
        source = make()
        stored = source.write("team", draft(), None)
        for name in HOSTILE_NAMES:
            for call in (
                lambda name=name: source.read(name),
                lambda name=name: source.write(name, draft(), None),
                lambda name=name: source.remove(name, signed(), stored),
                lambda name=name: source.history(name),
                lambda name=name: source.revision(name, 1),
            ):
                with pytest.raises(Invalid):
                    call()
        assert source.names() == ("team",)

    def test_what_is_too_large_is_refused_before_anything_is_written(self, make: Callable[[], Source]) -> None:
        source = make()
        for big in (draft("# " + "x" * MAX_LIST), draft(lock="# " + "x" * MAX_LOCK), draft("환" * (MAX_LIST // 2))):
            with pytest.raises(Invalid, match="bytes"):
                source.write("team", big, None)
        assert source.names() == ()

    def test_clocks_decide_nothing(self, make: Callable[[], Source]) -> None:
        source = make()
        stored = source.write("team", draft(days=0), None)
        for number, days in enumerate((-9000, 9000, -1, 0)):
            stored = source.write("team", draft(f"{LIST}# {number}\n", days=days), stored)
            assert make().read("team") == stored
        assert [r.number for r in make().history("team")] == [5, 4, 3, 2, 1]
        assert make().read("team").text.endswith("# 3\n")

    def race(self, make: Callable[[], Source], races: int, publishers: int = 2) -> None:
        """Let two publish at once, again and again: each adds a line of its own to what it read, and tries again."""
        stored = make().write("team", draft("dependencies:\n  - python\n", None), None)
        lost = [0]
        failures: list[BaseException] = []

        def publish(who: int) -> None:
            source = make()
            try:
                for number in range(races):
                    gate.wait(60)
                    base = source.read("team")
                    while True:
                        text = f"{base.text}  - p{who}_{number}\n"
                        try:
                            source.write("team", draft(text, None, f"p{who}", str(number)), base)
                        except LostRace:
                            lost[0] += 1
                            base = source.read("team")
                        else:
                            break
            except BaseException as error:
                failures.append(error)
                gate.abort()
                raise

        gate = threading.Barrier(publishers)
        threads = [threading.Thread(target=publish, args=(who,)) for who in range(publishers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        found = read_list(make().read("team").text)
        assert set(found.conda) == {"python"} | {f"p{who}_{n}" for who in range(publishers) for n in range(races)}
        records = make().history("team", 1000)
        assert len(records) == 1 + publishers * races
        assert [r.number for r in records] == list(range(len(records), 0, -1))
        assert all(one.parent == other.id for one, other in pairwise(records))
        assert lost[0] > 0, "nobody ever met anybody"
        assert isinstance(stored, Stored)
