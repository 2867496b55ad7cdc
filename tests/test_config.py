"""Traits as an administrator sets them."""

from __future__ import annotations

from typing import Any

import pytest
from traitlets import TraitError
from traitlets.config import Config

from jupyter_lcc.config import LccIdle
from jupyter_lcc.idle.policy import Bounds


def configured(**values: Any) -> LccIdle:
    return LccIdle(config=Config({"LccIdle": values}))


def test_only_what_was_set_is_config_also_when_it_is_the_default() -> None:
    assert configured().policy_input().values == {}
    given = configured(kernel_timeout_seconds=3600, mode="observe").policy_input()
    assert given.values == {"kernel_timeout_seconds": 3600}
    assert (given.mode, given.mode_source) == ("observe", "config")


def test_bounds_and_locks() -> None:
    given = configured(
        bounds={"kernel_timeout_seconds": [600, 7200], "warn_seconds": [30, None]}, locked=["warn_seconds"]
    ).policy_input()
    assert given.bounds == {
        "kernel_timeout_seconds": Bounds(min=600, max=7200),
        "warn_seconds": Bounds(min=30, max=None),
    }
    assert given.locked == {"warn_seconds"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kernel_timeout_seconds": -1},
        {"kernel_timeout_seconds": 10**10},
        {"kernel_timeout_seconds": "soon"},
        {"warn_seconds": 0},
        {"mode": "maybe"},
        {"bounds": {"colour": [1, 2]}},
        {"bounds": {"warn_seconds": [1]}},
        {"bounds": {"warn_seconds": 60}},
        {"bounds": {"warn_seconds": [60, 30]}},
        {"bounds": {"warn_seconds": [-1, 30]}},
        {"bounds": {"warn_seconds": [True, 30]}},
        {"locked": ["colour"]},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TraitError):
        configured(**wrong)


def test_every_trait_says_what_it_does() -> None:
    for name, trait in LccIdle.class_own_traits(config=True).items():
        assert len(trait.help) > 20, name
