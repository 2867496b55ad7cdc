"""Shared hypothesis strategies: facts and limits of a decision."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import get_args

from hypothesis import strategies as st

from jupyter_lcc.idle.decide import Facts, Limit, Limits
from jupyter_lcc.idle.model import Mode, State

from .fakes import START

__all__ = ["facts", "limits", "moments"]

moments = st.integers(-100_000, 100_000).map(lambda seconds: START + timedelta(seconds=seconds))
_limit = st.one_of(st.none(), st.integers(1, 20_000)).map(lambda seconds: Limit(seconds=seconds, source="config"))


@st.composite
def facts(draw: st.DrawFn, states: tuple[State, ...] = get_args(State)) -> Facts:
    active_at = draw(st.one_of(st.none(), moments))
    since: datetime = draw(moments)
    return Facts(
        target_id="kernel:1",
        state=draw(st.sampled_from(states)),
        active_at=active_at,
        state_since=since,
        kept_until=draw(st.one_of(st.none(), moments)),
        warned_at=draw(st.one_of(st.none(), moments)),
    )


@st.composite
def limits(draw: st.DrawFn, modes: tuple[Mode, ...] = get_args(Mode)) -> Limits:
    return Limits(
        mode=draw(st.sampled_from(modes)),
        idle=draw(_limit),
        waiting=draw(_limit),
        busy=draw(_limit),
        warn_seconds=draw(st.integers(1, 5000)),
        stoppable=draw(st.booleans()),
    )
