"""`jupyter lcc replay` and `jupyter lcc policy check`: no server is asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_lcc.cli.exits import Exit
from jupyter_lcc.cli.policy_check import PolicyCheck
from jupyter_lcc.cli.replay import Report

from ..idle.test_replay import Step, observed
from .servers import Home

STEPS = (Step(600, "work", "kernel:a"), Step(1200, "rest", "kernel:a"), Step(2800, "use", "kernel:a"))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six hours of a fake machine's log."""
    folder = tmp_path_factory.mktemp("state")

    async def play() -> None:
        done, _lines = await observed(folder, *STEPS, hours=6)
        await done.close()

    asyncio.run(play())
    return folder / "port-8888" / "decisions.jsonl"


def test_replay_says_what_would_have_been_stopped(home: Home, log: Path) -> None:
    words = ("--kernel-timeout", "45m", "--max-busy=10m", "--usd-per-hour", "1.41", "--log", str(log))
    ran = home.lcc("replay", *words)
    assert ran.status == Exit.OK, ran.err
    assert "with kernel_timeout 45 min, max_busy 10 min:" in " ".join(ran.out.split())
    rows = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert any(row.startswith("kernel:a") and "worked for 10 min its work is lost" in row for row in rows)
    assert any(row.startswith("kernel:a") and row.endswith("idle for 45 min used 1 min 40 s later") for row in rows)
    assert any(row.startswith("this machine") for row in rows)
    report = msgspec.json.decode(home.lcc("replay", *words, "--json").out, type=Report)
    assert (report.interrupted, report.missed, report.decided_differently) == (1, 1, 0)
    assert report.usd_saved == round(report.prediction.machine_hours_saved * 1.41, 2)
    assert report.prediction.machine_hours == 6
    assert f"would have been off for {report.prediction.machine_hours_saved:.1f} h" in " ".join(ran.out.split())


def test_replay_finds_the_log_itself_and_counts_from_since(home: Home, log: Path) -> None:
    home.write("data/lcc/port-9/decisions.jsonl", log.read_text())
    everything = msgspec.json.decode(home.lcc("replay", "--json").out, type=Report)
    assert everything.log.endswith("port-9/decisions.jsonl")
    assert everything.prediction.stops
    last_day = msgspec.json.decode(home.lcc("replay", "--json", "--since", "1d").out, type=Report)
    assert (last_day.prediction.stops, last_day.prediction.machine_hours) == ((), 0)


def test_replay_of_a_log_without_grounds_says_that_it_is_too_old(home: Home, log: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    old.write_text("".join(json.dumps({**line, "grounds": None}) + "\n" for line in lines))
    ran = home.lcc("replay", "--log", str(old))
    assert ran.status == Exit.PROBLEM
    assert "is too old" in ran.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--kernel-timeout", "45x"], "kernel-timeout: '45x' is not a duration"),
        (["--warn", "never"], "'never' is not a duration"),
        (["--since", "yesterday"], "since: 'yesterday' is not a duration"),
        (["--log", "nowhere.jsonl"], "There is no log nowhere.jsonl."),
        ([], "There is no decision log below"),
        (["--kernel-timeouts", "1h"], "There is no option --kernel-timeouts"),
    ],
)
def test_what_replay_does_not_understand(home: Home, words: list[str], told: str) -> None:
    ran = home.lcc("replay", *words)
    assert ran.status == Exit.USAGE
    assert told in ran.err


def rules(**rule: Any) -> str:
    every = {"name": "everybody", "values": {"kernel_timeout_seconds": "1h"}}
    gpu = {
        "name": "gpu machines",
        "when": {"gpu": True, "users": ["team-*"]},
        "values": {"kernel_timeout_seconds": "20m"},
    }
    late = {"name": "nights", "when": {"hours": {"from": "22:00", "to": "06:00"}}, "mode": "observe"}
    return json.dumps({"version": 1, "rules": [every, gpu, {**late, **rule}]})


def test_policy_check_says_which_rules_hold_and_what_they_give(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(rules())
    words = ("policy", "check", str(path), "--user", "team-1", "--gpu", "--at", "2030-01-01T23:00Z")
    ran = home.lcc(*words)
    assert ran.status == Exit.OK, ran.err
    rows = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert {"everybody holds", "gpu machines holds", "nights holds"} <= set(rows)
    assert any(row.startswith("kernel_timeout 20 min rule: gpu machines") for row in rows)
    assert any(row.startswith("mode observe rule: nights") for row in rows)
    day = home.lcc("policy", "check", str(path), "--json", "--user", "ann", "--at", "2030-01-01T12:00Z")
    check = msgspec.json.decode(day.out, type=PolicyCheck)
    assert (check.valid, check.holding) == (True, ("everybody",))
    assert check.policy is not None
    assert (check.policy.kernel_timeout_seconds.value, check.policy.mode.value) == (3600, "enforce")


def test_policy_check_refuses_with_everything_that_is_wrong(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(rules(name="everybody", values={"warn_seconds": "never"}))
    ran = home.lcc("policy", "check", str(path))
    assert ran.status == Exit.PROBLEM
    assert "these 2 things are wrong" in ran.out
    assert "rules[2].values.warn_seconds" in ran.out
    assert msgspec.json.decode(home.lcc("policy", "check", str(path), "--json").out, type=PolicyCheck).valid is False


@pytest.mark.parametrize("words", [[], ["nowhere.json"], ["a", "b"]])
def test_policy_check_wants_one_file_that_is_there(home: Home, words: list[str]) -> None:
    assert home.lcc("policy", "check", *words).status == Exit.USAGE
