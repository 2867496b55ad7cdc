from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.cli.exits import CliError, Exit
from jupyter_lcc.cli.targets import INSTANCE, choose_target, match, match_gone
from jupyter_lcc.idle.model import Decision, Kind, Session, Target

from ..fakes import START

ROOT = Path("/home/ada")


def target(target_id: str, name: str, *paths: str) -> Target:
    kind: Kind = "terminal" if target_id.startswith("terminal") else "kernel"
    sessions = tuple(Session(path=path, name=Path(path).name, type="notebook") for path in paths)
    return Target(
        id=target_id, kind=kind, name=name, state="idle", last_activity_at=START, idle_seconds=0, verdict="keep",
        reason="recently_active", stops_at=None, warned_at=None, evidence=(), limit_seconds=60, limit_source="default",
        shutting_down=False, sessions=sessions,
    )  # fmt: skip


def decided(target_id: str, name: str) -> Decision:
    return Decision(
        at=START, change="gone", target_id=target_id, kind="terminal" if "terminal" in target_id else "kernel",
        name=name,
        state="idle", verdict="keep", reason="recently_active", mode="enforce", actor="outside", last_activity_at=None,
        stops_at=None, warned_at=None, limit_seconds=None, limit_source=None, evidence=(),
    )  # fmt: skip


TRAIN = target("kernel:aaaa1111-0000", "train.ipynb", "work/train.ipynb")
OTHER = target("kernel:aaaa2222-0000", "train.ipynb", "old/train.ipynb")
LOOSE = target("kernel:1bbb3333-0000", "python3")
SHELL = target("terminal:1", "1")
ALL = (TRAIN, OTHER, LOOSE, SHELL)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kernel:aaaa1111-0000", [TRAIN]),
        ("aaaa1", [TRAIN]),
        ("kernel:aaaa2", [OTHER]),
        ("AAAA2222", [OTHER]),
        ("aaaa", [TRAIN, OTHER]),
        ("aaa", []),  # too short to be told from a name
        ("1", [SHELL]),  # a terminal's name comes before a kernel's id that begins so
        ("terminal 1", [SHELL]),
        ("terminals/1", [SHELL]),
        ("work/train.ipynb", [TRAIN]),
        ("train.ipynb", [TRAIN, OTHER]),
        ("train", [TRAIN, OTHER]),
        ("/home/ada/old/train.ipynb", [OTHER]),
        ("python3", [LOOSE]),
        ("nothing", []),
        ("", []),
    ],
)
def test_readings(text: str, found: list[Target]) -> None:
    assert match(text, ALL, str(ROOT), Path("/tmp")) == found


def test_a_path_is_understood_from_where_the_person_stands() -> None:
    assert match("train.ipynb", ALL, str(ROOT), ROOT / "old") == [OTHER]


def test_without_a_known_root_a_path_is_the_server_s() -> None:
    assert match("old/train.ipynb", ALL, None, ROOT) == [OTHER]


def test_the_machine_is_the_default() -> None:
    assert choose_target("", ALL, None, ROOT) == INSTANCE
    assert choose_target("machine", ALL, None, ROOT) == INSTANCE


def test_several_are_asked_back() -> None:
    with pytest.raises(CliError) as caught:
        choose_target("train.ipynb", ALL, None, ROOT)
    assert caught.value.exit_status is Exit.USAGE
    assert TRAIN.id in caught.value.advice
    assert OTHER.id in caught.value.advice


@pytest.mark.parametrize(
    ("text", "target_id"),
    [
        ("train.ipynb", "kernel:new"),
        ("train", "kernel:new"),
        ("kernel:old", "kernel:old"),
        ("2", "terminal:2"),
        ("x", None),
    ],
)
def test_of_what_is_gone_the_last_one_counts(text: str, target_id: str | None) -> None:
    log: list[Any] = [
        decided("kernel:new", "train.ipynb"),
        decided("terminal:2", "2"),
        decided("kernel:old", "train.ipynb"),
    ]
    assert match_gone(text, log) == target_id
