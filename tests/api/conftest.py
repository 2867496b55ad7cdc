"""One quiet real server for all tests of the interface: nothing in it comes due."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.black_box.server import Limits, Server


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    made = Server(
        name="api",
        limits=Limits(kernel=3600, terminal=3600, waiting=3600, warn=60),
        options=("--LccEnvironments.allowed_channels=file:///nowhere",),  # nothing is fetched, whatever is asked
    )
    try:
        made.launch()
        made.wait_ready()
        yield made
    finally:
        made.clean_up()


@pytest.fixture(scope="package")
def terminal_id(server: Server) -> str:
    """Something that is there to be named."""
    name = server.ask("POST", "api/terminals").json()["name"]
    return f"terminal:{name}"
