"""All cases of all stages are played once, together, when the first test asks for its result."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from .server import clean_up_all
from .stage import SEED, perform


def pytest_report_header() -> str:
    return f"black box: LCC_BLACKBOX_SEED={SEED}"


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> Iterator[dict[tuple[str, str], str | None]]:
    """Give for each (stage, case) that was selected None, or what went wrong."""
    wanted: dict[str, list[str]] = {}
    for item in request.session.items:
        callspec = getattr(item, "callspec", None)
        if callspec is not None and {"stage_name", "case_name"} <= callspec.params.keys():
            wanted.setdefault(callspec.params["stage_name"], []).append(callspec.params["case_name"])
    try:
        yield asyncio.run(perform(wanted))
    finally:
        clean_up_all()
