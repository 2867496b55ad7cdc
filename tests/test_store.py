"""Files that survive."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from jupyter_lcc.store import CorruptFile, JsonLines, read_json, set_aside, write_json


class Shape(msgspec.Struct):
    number: int


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "file.json"
    assert read_json(path, Shape) is None
    write_json(path, Shape(3))
    assert read_json(path, Shape) == Shape(3)
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize("raw", [b"", b"{", b'{"number": "three"}', b"\xff\xfe", b"null", b"[" * 10_000])
def test_a_corrupt_file_is_told_and_can_be_set_aside(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(raw)
    with pytest.raises(CorruptFile):
        read_json(path, Shape)
    kept = set_aside(path)
    assert kept.read_bytes() == raw
    assert read_json(path, Shape) is None


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, Shape(1))
    with pytest.raises(TypeError):
        write_json(path, {"not": object()})
    assert read_json(path, Shape) == Shape(1)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    script = (
        "import sys, itertools; from pathlib import Path; from jupyter_lcc.store import write_json\n"
        "for n in itertools.count(): write_json(Path(sys.argv[1]), {'number': n, 'padding': 'x' * 200_000})"
    )
    for milliseconds in (0, 3, 7, 11, 20):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen([sys.executable, "-c", script, str(path)])
        try:
            deadline = time.monotonic() + 20
            while not path.exists() and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(milliseconds / 1000)
        finally:
            writer.kill()
            writer.wait()
        assert read_json(path, Shape) is not None


def test_lines_come_newest_first_over_rotated_files(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "log.jsonl", max_bytes=50, files=3)
    for number in range(40):
        lines.append([b'{"n": %d}' % number])
    numbers = [msgspec.json.decode(line)["n"] for line in lines.newest_first()]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] == 39
    assert len(list(tmp_path.iterdir())) == 3
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3 * 70


def test_a_line_cut_by_a_kill_costs_only_itself(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "log.jsonl")
    lines.append([b'{"n": 1}', b'{"n": 2}'])
    with open(lines.path, "rb+") as file:
        file.truncate(os.path.getsize(lines.path) - 4)
    lines.append([b'{"n": 3}'])
    assert list(lines.newest_first()) == [b'{"n": 3}', b'{"n":', b'{"n": 1}']
