"""The decision log, and the question why."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ...model import Model, Request, Timestamp
from .policy import Policy
from .target import Evidence, Kind, Lease, Mode, Reason, Source, State, Target, TargetId, Verdict

__all__ = ["Change", "Decision", "DecisionList", "DecisionQuery", "Explanation", "WhyQuery"]

Change = Literal[
    "appeared",
    "state",
    "verdict",
    "shut_down",
    "shutdown_failed",
    "gone",
    "lease_granted",
    "lease_ended",
    "policy",
    "put_off",
    "unsaved",
    "stop_requested",
    "stop_failed",
    "activity",
    "slept",
    "server_ended",
]
"""What made the monitor write a line. `put_off`: a document could not be saved, so the shutdown waits once; `unsaved`:
one could not, and the shutdown goes on all the same; `stop_requested`, `stop_failed`: the machine's own stop;
`activity`: only the last activity moved on, for `replay`; `slept`: nobody was awake for a while, every warning is given
anew; `server_ended`: in good order."""


class Decision(Model, frozen=True, kw_only=True):
    """One line of the decision log: what was decided on one target, on which grounds."""

    at: Timestamp
    change: Change
    target_id: TargetId
    kind: Kind
    name: str
    state: State
    verdict: Verdict
    reason: Reason
    mode: Mode
    actor: Literal["monitor", "user", "outside"]
    last_activity_at: Timestamp | None
    stops_at: Timestamp | None
    warned_at: Timestamp | None
    limit_seconds: int | None
    limit_source: Source | None
    evidence: tuple[Evidence, ...]
    lease: Lease | None = None
    limit_rule: str | None = None
    error: str | None = None
    policy: dict[str, str] = msgspec.field(default_factory=dict)
    """Field -> "value (source)", the policy in force when the line was written."""


class DecisionQuery(Request, frozen=True, kw_only=True):
    """Which lines of the log are wanted, newest first."""

    target_id: TargetId | None = None
    since: Timestamp | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class DecisionList(Model, frozen=True, kw_only=True):
    """Lines of the decision log, newest first."""

    decisions: tuple[Decision, ...]


class WhyQuery(Request, frozen=True, kw_only=True):
    """About which target, and at which time; without a time, now."""

    target_id: TargetId = "instance"
    at: Timestamp | None = None


class Explanation(Model, frozen=True, kw_only=True):
    """Why a target is kept, warned or was shut down: the decision in force at a time, and what led to it."""

    target_id: TargetId
    at: Timestamp
    target: Target | None
    decision: Decision | None
    history: tuple[Decision, ...]
    policy: Policy
    next_change_at: Timestamp | None
