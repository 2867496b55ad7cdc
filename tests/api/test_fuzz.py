"""schemathesis against a real server: its checks, over the document the server gives of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.black_box.server import TOKEN, Server

CONFIG = Path(__file__).with_name("schemathesis.toml")
SEED = "20261121"
EXAMPLES = "500"
"""For each operation; about a minute in all."""


@pytest.mark.timeout(400)
def test_the_server_keeps_to_its_own_document(server: Server, terminal_id: str) -> None:
    """No 500, no undocumented status, type or shape; nothing wrong is taken, nothing right refused."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"),
        f"http://127.0.0.1:{server.port}/lcc/openapi.json",
        *("--header", f"Authorization: token {TOKEN}"),
        *("--checks", "all"),
        *("--phases", "examples,coverage,fuzzing"),
        *("--max-examples", EXAMPLES),
        *("--seed", SEED),
        *("--generation-database", "none"),
        *("--continue-on-failure", "--no-color"),
    ]
    done = subprocess.run(command, cwd=server.home, capture_output=True, text=True, timeout=380, check=False)
    print(done.stdout[-3000:])
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-3000:]
    assert "No issues found" in done.stdout, done.stdout[-3000:]
    assert server.errors() == []
    assert server.ask("GET", "lcc/idle").status == 200
    assert terminal_id
