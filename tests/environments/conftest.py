"""One channel for all tests of environments, made of what the tests run with."""

from __future__ import annotations

import pytest

from .channel import Channel, make_channel


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Channel:
    """The channel, as `channel.make_channel` describes it; nobody changes it."""
    return make_channel(tmp_path_factory.mktemp("channel"))
