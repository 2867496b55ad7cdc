"""The words of idle shutdown, as they are decided on, stored and sent.

Times inside the service run on a steady clock (see `jupyter_lcc.clock`); everything in this module that
leaves the service carries UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from ..model import Model, Request, Seconds, Timestamp
from ..platforms.model import StopMeans, StopWay

__all__ = [
    "Because",
    "Change",
    "ChangePolicy",
    "Cost",
    "CreateLease",
    "Decision",
    "DecisionList",
    "DecisionQuery",
    "DismissStopped",
    "DurationField",
    "DurationSetting",
    "Evidence",
    "Explanation",
    "Gpu",
    "Holder",
    "IdleView",
    "Kind",
    "Lease",
    "LeaseList",
    "Machine",
    "Manifest",
    "Meaning",
    "Mode",
    "ModeSetting",
    "Monitor",
    "Policy",
    "Presence",
    "Problem",
    "Reason",
    "SaveReport",
    "Session",
    "Sighting",
    "Source",
    "State",
    "StopMeans",
    "StopWay",
    "Stopped",
    "StoppedDocument",
    "StoppedList",
    "Target",
    "Variable",
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
    "not_stopped_here",  # keep: the machine itself can't be stopped from here, or isn't to be
    "targets_first",  # keep: the machine waits for what still runs on it
    "idle",  # warn or shut_down: nobody used it for the limit
    "waiting_for_input",  # … it waited for a person for the limit
    "never_connected",  # … it started and nobody ever used it
    "dead",  # … its process is gone
    "busy_too_long",  # … it worked longer than max_busy_seconds
    "asked",  # shut_down: a person said so
]

DurationField = Literal[
    "kernel_timeout_seconds",
    "terminal_timeout_seconds",
    "instance_timeout_seconds",
    "waiting_timeout_seconds",
    "warn_seconds",
    "check_interval_seconds",
    "max_lease_seconds",
    "max_busy_seconds",
]
"""A limit that is a duration."""

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
    """One GPU as used by a target's processes: percent of the device's time, memory in bytes.

    Where processes can't be told apart (a container without the host's pids), `whole_device` is true and both
    are the device's.
    """

    index: int
    name: str
    utilisation_percent: float | None
    memory_bytes: int | None
    whole_device: bool = False


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
    tree, `processes` their number, `io_bytes_per_second` what they read and write on disk and network. All are
    null where they can't be read. `state_since_at` is when the present state began.
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
    limit_rule: str | None = None
    pid: int | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    processes: int | None = None
    io_bytes_per_second: float | None = None
    gpu: tuple[Gpu, ...] = ()
    lease: Lease | None = None
    state_since_at: Timestamp | None = None
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
    processes: int | None = None
    io_bytes_per_second: float | None = None
    gpu: tuple[Gpu, ...] = ()
    kernel_name: str | None = None
    sessions: tuple[Session, ...] = ()
    connections: int | None = None


class DurationSetting(Model, frozen=True, kw_only=True):
    """A limit in seconds with where it comes from and what a user may set; `max` null is no upper bound.

    For the timeouts, 0 means never; a user may choose it only where `max` is null. `rule` names the rule of the
    policy document that the value comes from.
    """

    value: int
    source: Source
    min: int
    max: int | None
    locked: bool
    rule: str | None = None


class ModeSetting(Model, frozen=True, kw_only=True):
    """What the monitor does with its verdicts."""

    value: Mode
    source: Source
    locked: bool
    rule: str | None = None


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


class Cost(Model, frozen=True, kw_only=True):
    """What the machine costs, in US dollars, and what was saved. `priced_on` is the date of the price (YYYY-MM-DD).

    `saved_hours` and `saved_usd` count the machine's hours after its own stops in the last 30 days, as far as
    they are known.
    """

    usd_per_hour: float
    instance_type: str
    price_source: Literal["table", "config"]
    priced_on: str | None
    hours_today: float
    usd_today: float
    saved_hours: float
    saved_usd: float


class Machine(Model, frozen=True, kw_only=True):
    """The machine itself: how it is stopped, how far that has got, what it costs.

    `stop_error` says why the last try failed and what is missing; `retry_at` is when it is tried again.
    """

    stop: StopWay
    stop_requested_at: Timestamp | None = None
    stop_error: str | None = None
    retry_at: Timestamp | None = None
    cost: Cost | None = None


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


class Variable(Model, frozen=True, kw_only=True):
    """A variable a kernel held. `size_bytes` null where it can't be told quickly; `summary` e.g. "1000000 x 12"."""

    name: str
    type: str
    size_bytes: int | None = None
    summary: str | None = None


class Manifest(Model, frozen=True, kw_only=True):
    """What was in a kernel's memory, the largest first. Not complete where it took too long; `why_not` says why."""

    variables: tuple[Variable, ...]
    complete: bool
    why_not: str | None = None


class StoppedDocument(Model, frozen=True, kw_only=True):
    """A notebook, console or file whose kernel was shut down, and what became of it.

    `saved`: an open page saved it; `unchanged`: a page had it open and there was nothing to save; `failed`: it
    could not be saved, `message` says why; `no_page`: no page had it open, so there was nothing unsaved.
    `output_path` names where output is that arrived while no page was open.
    """

    path: str
    type: str
    result: Literal["saved", "unchanged", "failed", "no_page"]
    message: str | None = None
    output_path: str | None = None


class Stopped(Model, frozen=True, kw_only=True):
    """One shutdown, for the card that greets a person who comes back."""

    id: str
    target_id: TargetId
    kind: Kind
    name: str
    stopped_at: Timestamp
    reason: Reason
    idle_seconds: int | None
    limit_seconds: int | None
    limit_source: Source | None
    limit_rule: str | None = None
    kernel_name: str | None = None
    documents: tuple[StoppedDocument, ...] = ()
    manifest: Manifest | None = None


class StoppedList(Model, frozen=True, kw_only=True):
    """The shutdowns nobody has been told of yet, the newest first."""

    stopped: tuple[Stopped, ...]


class DismissStopped(Request, frozen=True, kw_only=True):
    """A person has read about these."""

    ids: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=64)], ...], msgspec.Meta(min_length=1, max_length=1000)]


class SaveReport(Request, frozen=True, kw_only=True):
    """A page says what became of an open document of a target that is about to be shut down."""

    target_id: TargetId
    path: Annotated[str, msgspec.Meta(max_length=4096)]
    result: Literal["saved", "unchanged", "failed"]
    message: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


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
