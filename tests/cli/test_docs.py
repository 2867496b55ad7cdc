"""What the docs say of commands, routes, settings and exit statuses is so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from jupyter_lcc.cli.exits import EXIT_HELP, Exit
from jupyter_lcc.config import LccIdle
from jupyter_lcc.extension import ROUTES

from .servers import CHECKOUT, Home

PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
BLOCKS = re.compile(r"```(?:bash|console)\n(.*?)```", re.DOTALL)


def commands() -> list[str]:
    lines = [line for page in PAGES for block in BLOCKS.findall(page.read_text()) for line in block.splitlines()]
    found = {line.removeprefix("$ ").strip() for line in lines if "jupyter lcc " in line}
    inline = re.findall(r"`jupyter lcc ([^`]*)`", "".join(page.read_text() for page in PAGES))
    named = {"policy set"}  # a command's name, without what it takes
    whole = {words for words in inline if "…" not in words and "[" not in words} - named
    return sorted(found | {f"jupyter lcc {words}" for words in whole})


@pytest.mark.parametrize("command", commands())
def test_every_command_in_the_docs_is_understood(home: Home, command: str) -> None:
    words = shlex.split(command.replace("$$", "42"), comments=True)[2:]
    ran = home.lcc(*words)
    if words[0] == "replay" or words[:2] == ["policy", "check"]:  # these ask no server, and here is nothing to read
        assert ran.status == Exit.USAGE, ran.err
        assert "can't be read" in ran.err or "There is no" in ran.err
        return
    if words[0] == "run":  # what we say of it, if that is here and lasts: there is no server
        ours = [line for line in ran.err.splitlines() if line.startswith("jupyter lcc run:")]
        assert words == ["run"] or all("nothing is kept" in line or "No such file" in line for line in ours), ran.err
        return
    assert ran.status in (Exit.NO_SERVER, Exit.PROBLEM if words[0] == "doctor" else Exit.NO_SERVER), ran.err


def test_there_are_commands_in_the_docs() -> None:
    assert len(commands()) > 10


def test_every_route_is_in_the_docs_and_no_other() -> None:
    said = re.findall(
        r"^\| `(GET|POST|PUT|DELETE) ([\w./{}-]+)[?`]", (CHECKOUT / "docs/api.md").read_text(), re.MULTILINE
    )
    assert sorted(said) == sorted((route.method, route.path) for route in ROUTES)


def test_every_setting_is_in_the_docs_and_no_other() -> None:
    page = (CHECKOUT / "docs/administrators.md").read_text()
    table = page.partition("<!-- traits:begin -->")[2].partition("<!-- traits:end -->")[0]
    assert sorted(re.findall(r"`LccIdle\.(\w+)`", table)) == sorted(LccIdle.class_own_traits(config=True))


def test_every_exit_status_is_in_the_docs() -> None:
    page = (CHECKOUT / "docs/administrators.md").read_text()
    for status in Exit:
        words = re.search(rf"^  {status.value}  (.*)$", EXIT_HELP, re.MULTILINE)
        assert words is not None
        assert f"| {status.value} | {words[1]} |" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link
