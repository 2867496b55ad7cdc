"""What nobody was told of yet, on a real disk."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

from jupyter_lcc.idle.model import Stopped, StoppedDocument
from jupyter_lcc.idle.parachute.service import Parachute
from jupyter_lcc.idle.parachute.shelf import MOST, Shelf

from ...fakes import START, sighting


def shut(number: int, path: str = "a.ipynb", output: str | None = None) -> Stopped:
    document = StoppedDocument(path=path, type="notebook", result="saved", output_path=output)
    return Stopped(
        id=f"id{number}",
        target_id=f"kernel:{number}",
        kind="kernel",
        name="a",
        stopped_at=START + timedelta(seconds=number),
        reason="idle",
        idle_seconds=1,
        limit_seconds=1,
        limit_source="default",
        documents=(document,),
    )


def shelf(folder: Path, root: str = "/home/ann") -> Shelf:
    return Shelf(lambda: folder, root)


def test_the_newest_come_first_and_the_oldest_go(tmp_path: Path) -> None:
    one = shelf(tmp_path)
    for number in range(MOST + 5):
        one.put(shut(number))
    read = one.read()
    assert [stopped.id for stopped in read] == [f"id{number}" for number in range(MOST + 4, 4, -1)]
    assert one.count() == MOST


def test_two_servers_of_a_user_share_it(tmp_path: Path) -> None:
    first, second = shelf(tmp_path), shelf(tmp_path)
    first.put(shut(1))
    second.put(shut(2))
    assert [stopped.id for stopped in first.read()] == ["id2", "id1"]
    second.remove(["id1", "nobody"])
    assert [stopped.id for stopped in first.read()] == ["id2"]


def test_a_server_with_another_root_names_the_documents_its_own_way(tmp_path: Path) -> None:
    shelf(tmp_path, "/home/ann/work").put(shut(1, "deep/a.ipynb", "deep/a.outputs.ipynb"))
    (seen,) = shelf(tmp_path, "/home/ann").read()
    assert (seen.documents[0].path, seen.documents[0].output_path) == ("work/deep/a.ipynb", "work/deep/a.outputs.ipynb")
    (outside,) = shelf(tmp_path, "/srv").read()
    assert outside.documents[0].path == "/home/ann/work/deep/a.ipynb"


def test_what_can_t_be_read_hides_nothing_else(tmp_path: Path) -> None:
    one = shelf(tmp_path)
    one.put(shut(1))
    (tmp_path / "20300101T000000.000000_broken.json").write_text("{")
    assert one.count() == 2
    assert [stopped.id for stopped in one.read()] == ["id1"]
    assert one.count() == 1
    (tmp_path / "20300101T000000.000000_folder.json").mkdir()
    assert [stopped.id for stopped in one.read()] == ["id1"]
    assert shelf(tmp_path / "nowhere").read() == ()


async def test_many_shutdowns_at_once_are_all_put_there(tmp_path: Path) -> None:
    chute = Parachute(shelf(tmp_path), logging.getLogger("jupyter_lcc.tests"))
    drafts = [(shut(number), sighting(f"kernel:{number}")) for number in range(50)]
    await asyncio.gather(*(chute.land(draft, seen, wait=False, greet=True) for draft, seen in drafts))
    assert chute.problems() == ()
    assert chute.unseen == 50
    assert shelf(tmp_path).count() == 50
