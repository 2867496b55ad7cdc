"""`jupyter lcc lists` against a real server with the real engine, a channel and a source in folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jupyter_lcc.cli.exits import Exit
from jupyter_lcc.packages.model import ListDiff, ListStates

from ..environments.channel import make_channel
from .servers import Home, JupyterServer, said


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with a channel, a folder for lists, and a server that knows neither as a source yet."""
    top = tmp_path_factory.mktemp("lists")
    channel = make_channel(top / "channel")
    home = Home(top / "home")
    (top / "home/lists").mkdir(parents=True)
    home.write(".condarc", f"channels: ['{channel.url}']\n")
    home.write("team.yml", f"channels:\n  - {channel.url}\ndependencies:\n  - alpha=1.0  # as agreed\n")
    server = JupyterServer(home, top / "home/work", options=("--LccPackageLists.sync=off",))
    server.launch()
    try:
        server.wait()
        yield home
    finally:
        server.end()


def test_the_life_of_a_list(team: Home) -> None:
    assert "add-source" in said(team.lcc("lists"))
    assert team.lcc("lists", "publish", "team", "--file", "team.yml").status == Exit.PROBLEM
    source = str(team.path / "lists")
    assert "directory" in said(team.lcc("lists", "add-source", source))
    assert "revision 1" in said(team.lcc("lists", "publish", "team", "--file", "team.yml", "--message", "A start"))
    assert said(team.lcc("lists", "show", "team")) == (team.path / "team.yml").read_text()
    ran = team.lcc("lists", "diff", "team", "--json")
    assert ran.status == Exit.PROBLEM
    assert "alpha" in {item.name for item in msgspec.json.decode(ran.out, type=ListDiff).add}
    assert "alpha" in said(team.lcc("lists", "sync", "team", "--dry-run"))
    assert said(team.lcc("lists", "sync", "team")) == "team is ready.\n"
    assert "nothing to do" in said(team.lcc("lists", "diff", "team"))
    assert "nothing to do" in said(team.lcc("lists", "sync", "team"))
    said(team.lcc("env", "install", "team", "lonely"))
    assert "changed here" in said(team.lcc("lists"))
    said(team.lcc("lists", "sync", "--all", "--keep", "lonely"))
    assert "in sync" in said(team.lcc("lists", "--check"))

    # What the environment holds becomes the list, and what people wrote around it stays.
    assert "revision 2" in said(team.lcc("lists", "publish", "team", "team"))
    assert "# as agreed" in said(team.lcc("lists", "show", "team"))
    assert "A start" in said(team.lcc("lists", "history", "team"))
    assert team.lcc("lists", "publish", "team", "--file", "team.yml", "--etag", "000001-x").status != Exit.OK
    assert "revision 3" in said(team.lcc("lists", "restore", "team", "1"))
    assert "revision 3" in said(team.lcc("lists", "pull", "team"))
    assert "were added" in said(team.lcc("lists", "bundle", "team"))
    assert "0 files were added" in said(team.lcc("lists", "bundle", "team"))
    assert team.lcc("lists", "bundle", "team", "--revisions", "2").status == Exit.USAGE
    assert "0 that no list needs were removed" in said(team.lcc("lists", "bundle", "team", "--prune"))

    # Edited by hand its lock doesn't hold any more: it is solved before anything can be told, and that is said.
    (team.path / "lists/team/environment.yml").write_text((team.path / "team.yml").read_text().replace("1.0", "2.0"))
    ran = team.lcc("lists", "diff", "team")
    assert (ran.status, "2.0" in ran.out, "solved here" in ran.out) == (Exit.PROBLEM, True, True)
    assert "changed by hand" in " ".join(ran.out.split())
    assert said(team.lcc("lists", "sync", "team")) == "team is ready.\n"
    assert "nothing to do" in said(team.lcc("lists", "sync", "team", "--dry-run"))
    states = msgspec.json.decode(said(team.lcc("lists", "--json")), type=ListStates)
    assert [one.name for one in states.lists] == ["team"]
    said(team.lcc("lists", "remove", "team"))
    said(team.lcc("lists", "remove-source", source))
    assert "no sources" in said(team.lcc("lists", "sources"))


def test_what_can_not_be(team: Home, tmp_path: Path) -> None:
    assert team.lcc("lists", "fly").status == Exit.USAGE
    assert team.lcc("lists", "sync").status == Exit.USAGE
    assert team.lcc("lists", "show", "nothing").status == Exit.NOT_FOUND
    assert team.lcc("lists", "show", "../x").status == Exit.NOT_FOUND
    assert team.lcc("lists", "publish", "x", "--file", str(tmp_path / "none.yml")).status == Exit.USAGE
    assert team.lcc("lists", "restore", "x", "first").status == Exit.USAGE
    assert team.lcc("lists", "add-source", "relative").status == Exit.PROBLEM
