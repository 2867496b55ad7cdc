"""`why --at` of the machine's stop: one screen with signals, threshold, who decided, and the platform's answer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.cli.exits import Exit

from .servers import Home, JupyterServer, wait_for

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def refused() -> Iterator[JupyterServer]:
    """A server whose machine is due at once, and whose stop command fails."""
    with tempfile.TemporaryDirectory(prefix="lcc-why-") as folder:
        top = Path(folder)
        command = top / "stop"
        command.write_text("#!/bin/sh\necho 'the office says no' >&2\nexit 7\n")
        command.chmod(0o755)
        server = JupyterServer(
            Home(top),
            top / "work",
            options=(
                "--LccIdle.instance_timeout_seconds=2",
                "--LccIdle.warn_seconds=1",
                f"--LccIdle.stop_command={command}",
            ),
        )
        server.launch()
        try:
            server.wait()
            yield server
        finally:
            server.end()


def lines(server: JupyterServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.ask("GET", "lcc/idle/decisions?target_id=instance&no_track_activity=1")[
        "decisions"
    ]
    return found


def test_a_refused_stop_on_one_screen(refused: JupyterServer) -> None:
    wait_for(lambda: any(line["change"] == "stop_failed" for line in lines(refused)))
    asked = next(line for line in reversed(lines(refused)) if line["change"] == "stop_requested")
    ran = refused.home.lcc("why", "--at", asked["at"])
    assert ran.status == Exit.OK, ran.err
    text = " ".join(ran.out.split())
    assert "The stop of this machine was asked for at" in text
    assert "because nobody used it and it did no work for 2 s" in text
    assert "at work: 0" in text
    assert "Limit 2 s (set by the administrator)" in text
    assert "By jupyter_lcc, by the policy" in text
    assert "Reply refused:" in text
    assert "the office says no" in text
    assert len(ran.out.splitlines()) <= 24


def test_the_failure_is_told_now(refused: JupyterServer) -> None:
    wait_for(lambda: any(line["change"] == "stop_failed" for line in lines(refused)))
    said = " ".join(refused.home.lcc("status").out.split())
    assert "! The machine was not stopped:" in said
    assert "It is tried again at" in said
    assert "Kept on by" not in said
    why = refused.home.lcc("why").out
    assert "nobody" in why.splitlines()[why.splitlines().index("Who keeps this machine on") + 1]
