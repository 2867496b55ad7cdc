"""Everything at one moment, as the panel shows it."""

from __future__ import annotations

from typing import Literal

from ...model import Model, Timestamp
from .machine import Machine
from .policy import Policy
from .target import Evidence, Mode, Target, TargetId

__all__ = ["Because", "Holder", "IdleView", "Monitor", "Problem"]


class Problem(Model, frozen=True, kw_only=True):
    """A part that does not do its work, in words for a person; `code` is stable."""

    code: str
    message: str


class Monitor(Model, frozen=True, kw_only=True):
    """The health of the thing that decides."""

    last_check_at: Timestamp | None
    next_check_at: Timestamp | None
    healthy: bool
    problems: tuple[Problem, ...] = ()


Because = Literal[
    "lease",  # somebody keeps it
    "work",  # it works
    "unknown",  # what it does can't be told
    "waiting",  # it waits for a person
    "activity",  # a person was here not long ago
    "no_limit",  # the policy sets no limit
    "not_stopped_here",  # the machine isn't stopped from here
    "off",  # idle shutdown is off, or only observes
    "chatter",  # it keeps Jupyter's own activity fresh; it doesn't count for us
]


class Holder(Model, frozen=True, kw_only=True):
    """One thing that keeps the machine on. `holds` is false for what only seems to: chatter, which doesn't count.

    `until` is when it stops to hold if nothing else happens, null if that can't be told.
    """

    because: Because
    holds: bool
    target_id: TargetId | None
    name: str
    evidence: Evidence | None = None
    until: Timestamp | None = None


class IdleView(Model, frozen=True, kw_only=True):
    """Everything the panel shows, in one answer. `keeps_on` says who keeps the machine on, the strongest first;
    `stopped_unseen` how many shutdowns nobody has been told of yet (GET idle/stopped)."""

    taken_at: Timestamp
    mode: Mode
    instance: Target
    targets: tuple[Target, ...]
    policy: Policy
    monitor: Monitor
    machine: Machine
    keeps_on: tuple[Holder, ...] = ()
    stopped_unseen: int = 0
