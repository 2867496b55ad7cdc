"""`jupyter lcc env` against a real server with the real engine and a channel in a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jupyter_lcc.cli.exits import Exit
from jupyter_lcc.environments.model import EnvironmentList, Plan
from jupyter_lcc.jobs.model import Job

from ..environments.channel import make_channel
from .servers import Home, JupyterServer, said


@pytest.fixture(scope="module")
def conda(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with a channel, and a server that denies one package."""
    top = tmp_path_factory.mktemp("env")
    channel = make_channel(top / "channel")
    home = Home(top / "home")
    home.write(".condarc", f"channels: ['{channel.url}']\n")
    server = JupyterServer(home, top / "home/work", options=("--LccEnvironments.denied_packages=lonely",))
    server.launch()
    try:
        server.wait()
        yield home
    finally:
        server.end()


def test_the_life_of_an_environment(conda: Home) -> None:
    plan = msgspec.json.decode(said(conda.lcc("env", "create", "x", "alpha", "--dry-run", "--json")), type=Plan)
    assert "ipykernel" in [item.name for item in plan.add]
    assert said(conda.lcc("env", "create", "x", "alpha=1.0")) == "x is ready; its kernel is lcc-x.\n"
    line = next(line for line in said(conda.lcc("env")).splitlines() if line.startswith("x "))
    assert "lcc-x" in line
    assert "jupyter_lcc" in line
    assert said(conda.lcc("env", "install", "x", "gamma")) == "x is ready.\n"
    assert "nothing to do" in said(conda.lcc("env", "install", "x", "gamma"))
    assert "gamma" in said(conda.lcc("env", "packages", "x"))
    assert len(said(conda.lcc("env", "versions", "x")).splitlines()) == 3
    assert "gamma" in said(conda.lcc("env", "diff", "x", "1", "2"))
    said(conda.lcc("env", "rollback", "x", "1"))
    assert said(conda.lcc("env", "doctor", "x")) == "x is whole.\n"
    said(conda.lcc("env", "export", "x", "--file", "x.yml"))
    assert "- alpha=1.0" in (conda.path / "x.yml").read_text()
    said(conda.lcc("env", "create", "y", "--file", "x.yml", "--no-kernel"))
    said(conda.lcc("env", "clone", "y", "z", "--no-kernel"))
    said(conda.lcc("env", "kernel", "x", "--off"))
    assert "Mine" in said(conda.lcc("env", "kernel", "x", "--display-name", "Mine", "--json"))
    job = msgspec.json.decode(said(conda.lcc("env", "delete", "y", "--json")), type=Job)
    assert job.result is not None
    assert job.result["trash_id"] in said(conda.lcc("env", "trash"))
    said(conda.lcc("env", "restore", "y"))
    said(conda.lcc("env", "delete", "y"))
    assert said(conda.lcc("env", "purge", "--all")) == "Removed for good: y.\n"
    listed = msgspec.json.decode(said(conda.lcc("env", "--json")), type=EnvironmentList)
    assert sorted(one.name for one in listed.environments if one.managed) == ["x", "z"]


def test_what_goes_wrong_is_said_in_a_sentence(conda: Home, tmp_path: Path) -> None:
    for words, status, told in (
        (("create", "../x"), Exit.PROBLEM, "path"),
        (("create", "n", "--pip=-r /etc/passwd"), Exit.PROBLEM, "option"),
        (("create", "n", "https://evil/chan::pkg"), Exit.PROBLEM, "address"),
        (("create", "n", "lonely", "--dry-run"), Exit.PROBLEM, "not allowed"),
        (("create", "n", "alpha=2", "gamma", "--dry-run"), Exit.PROBLEM, "beta"),
        (("create", "n", "--file", "nothere.yml"), Exit.USAGE, "can't be read"),
        (("packages", "nobody"), Exit.NOT_FOUND, "no environment"),
        (("rollback", "x", "one"), Exit.USAGE, "number"),
        (("install", "x"), Exit.USAGE, "install NAME"),
        (("dance",), Exit.USAGE, "no `env dance`"),
    ):
        ran = conda.lcc("env", *words)
        assert (ran.status, ran.out) == (status, ""), (words, ran.err)
        assert told in ran.err, ran.err
        assert "Traceback" not in ran.err
    assert json.loads(conda.lcc("env", "--json").out)["folder"].endswith(".conda/envs")
