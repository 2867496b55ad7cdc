"""The words of idle shutdown, as they are decided on, stored and sent.

Times inside the service run on a steady clock (see `jupyter_lcc.clock`); everything in this module that
leaves the service carries UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from ..model import Model, Request, Seconds, Timestamp

__all__ = [
    "Change",
    "ChangePolicy",
    "CreateLease",
    "Decision",
    "DecisionList",
    "DecisionQuery",
    "DurationSetting",
    "Evidence",
    "Explanation",
    "Gpu",
    "IdleView",
    "Kind",
    "Lease",
    "LeaseList",
    "Meaning",
    "Mode",
    "ModeSetting",
    "Monitor",
    "Policy",
    "Presence",
    "Problem",
    "Reason",
    "Session",
    "Sighting",
    "Source",
    "State",
    "Target",
    "Verdict",
    "WhyQuery",
]

Kind = Literal["kernel", "terminal", "process", "instance"]
State = Literal["working", "waiting", "idle", "starting", "dead", "unknown"]
Verdict = Literal["keep", "warn", "shut_down"]
Mode = Literal["enforce", "observe", "off"]
Source = Literal["default", "config", "admin", "user", "kernelspec"]
Meaning = Literal["work", "activity", "waiting", "idle", "chatter", "unknown", "context"]
"""What a signal says: someone or something works; a person was here; it waits for a person; nothing
happens; machine talk that counts for nothing; it can't be read; or it is only told to be complete."""

Reason = Literal[
    "working",  # keep: it does work
    "recently_active",  # keep: its limit isn't reached
    "leased",  # keep: somebody asked to keep it
    "no_limit",  # keep: the policy sets no limit for this state
    "unknown_state",  # keep: what it does can't be told
    "off",  # keep: idle shutdown is off
    "not_stopped_here",  # keep: the machine itself isn't stopped on this platform
    "idle",  # warn or shut_down: nobody used it for the limit
    "waiting_for_input",  # … it waited for a person for the limit
    "never_connected",  # … it started and nobody ever used it
    "dead",  # … its process is gone
    "busy_too_long",  # … it worked longer than max_busy_seconds
    "asked",  # shut_down: a person said so
]

TargetId = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Note = Annotated[str, msgspec.Meta(max_length=200)]
Pid = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
LeaseSeconds = Annotated[int, msgspec.Meta(ge=1, le=366 * 24 * 3600)]


class Evidence(Model, frozen=True, kw_only=True):
    """One signal with its value and what it means."""

    signal: str
    value: str | int | float | bool | None
    means: Meaning


class Gpu(Model, frozen=True, kw_only=True):
    """One GPU as used by a target: `utilisation_percent` of the device, memory in bytes."""

    index: int
    name: str
    utilisation_percent: float | None
    memory_bytes: int | None


class Session(Model, frozen=True, kw_only=True):
    """A notebook, console or file that uses a kernel."""

    path: str
    name: str
    type: str


class Lease(Model, frozen=True, kw_only=True):
    """A bounded promise to keep a target until `expires_at`, or until process `pid` ends."""

    id: str
    target_id: TargetId
    granted_seconds: int
    granted_at: Timestamp
    expires_at: Timestamp
    note: str | None
    pid: int | None
    clipped_by: Literal["max_lease_seconds"] | None


class Target(Model, frozen=True, kw_only=True):
    """What can be kept or shut down, with what is known about it and what is decided on it.

    `cpu_percent` is of one core over the last sample; `memory_bytes` is the resident size of its process
    tree. Both are null where they can't be read.
    """

    id: TargetId
    kind: Kind
    name: str
    state: State
    last_activity_at: Timestamp | None
    idle_seconds: int | None
    verdict: Verdict
    reason: Reason
    stops_at: Timestamp | None
    warned_at: Timestamp | None
    evidence: tuple[Evidence, ...]
    limit_seconds: int | None
    limit_source: Source | None
    shutting_down: bool
    pid: int | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    gpu: tuple[Gpu, ...] = ()
    lease: Lease | None = None
    kernel_name: str | None = None
    sessions: tuple[Session, ...] = ()
    connections: int | None = None


class Sighting(Model, frozen=True, kw_only=True):
    """What an adapter sees of one target at one moment, times on the steady clock.

    `active_at` is the last thing a person or work did as far as this adapter can tell, None if it can't;
    `since` the begin of the present state if it is known; `pending` that something has just begun which may
    turn out to be work, so that a shutdown must wait a moment; `own_limit_seconds` a limit the target brings
    along (a kernelspec's `cull_idle_timeout`).
    """

    id: TargetId
    kind: Kind
    name: str
    state: State
    active_at: datetime | None
    since: datetime | None = None
    pending: bool = False
    own_limit_seconds: int | None = None
    evidence: tuple[Evidence, ...] = ()
    pid: int | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    kernel_name: str | None = None
    sessions: tuple[Session, ...] = ()
    connections: int | None = None


class DurationSetting(Model, frozen=True, kw_only=True):
    """A limit in seconds with where it comes from and what a user may set; `max` null is no upper bound.

    For the timeouts, 0 means never; a user may choose it only where `max` is null.
    """

    value: int
    source: Source
    min: int
    max: int | None
    locked: bool


class ModeSetting(Model, frozen=True, kw_only=True):
    """What the monitor does with its verdicts."""

    value: Mode
    source: Source
    locked: bool


class Policy(Model, frozen=True, kw_only=True):
    """Every value in force, each with its source and bounds."""

    mode: ModeSetting
    kernel_timeout_seconds: DurationSetting
    terminal_timeout_seconds: DurationSetting
    instance_timeout_seconds: DurationSetting
    waiting_timeout_seconds: DurationSetting
    warn_seconds: DurationSetting
    check_interval_seconds: DurationSetting
    max_lease_seconds: DurationSetting
    max_busy_seconds: DurationSetting


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


class IdleView(Model, frozen=True, kw_only=True):
    """Everything the panel shows, in one answer."""

    taken_at: Timestamp
    mode: Mode
    instance: Target
    targets: tuple[Target, ...]
    policy: Policy
    monitor: Monitor


class CreateLease(Request, frozen=True, kw_only=True):
    """Ask to keep a target; longer than `max_lease_seconds` is granted shorter, and says so."""

    target_id: TargetId
    seconds: LeaseSeconds
    note: Note | None = None
    pid: Pid | None = None


class LeaseList(Model, frozen=True, kw_only=True):
    """The leases in force."""

    leases: tuple[Lease, ...]


class Presence(Request, frozen=True, kw_only=True):
    """A person just used these: real key, pointer or wheel events, at most once a minute a target."""

    target_ids: Annotated[tuple[TargetId, ...], msgspec.Meta(min_length=1, max_length=64)]


Wish = Seconds | msgspec.UnsetType | None
"""A new value, null for the administrator's or the default one, or not mentioned."""


class ChangePolicy(Request, frozen=True, kw_only=True):
    """A user's own choice; null gives a field back to the administrator's or the default value."""

    kernel_timeout_seconds: Wish = msgspec.UNSET
    terminal_timeout_seconds: Wish = msgspec.UNSET
    instance_timeout_seconds: Wish = msgspec.UNSET
    waiting_timeout_seconds: Wish = msgspec.UNSET
    warn_seconds: Wish = msgspec.UNSET
    check_interval_seconds: Wish = msgspec.UNSET
    max_lease_seconds: Wish = msgspec.UNSET
    max_busy_seconds: Wish = msgspec.UNSET
    mode: Mode | msgspec.UnsetType | None = msgspec.UNSET


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
]
"""What made the monitor write a line."""


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
