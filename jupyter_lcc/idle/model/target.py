"""What can be kept or shut down, what is known of it and what is decided on it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from ...model import Model, Timestamp

__all__ = [
    "Evidence",
    "Gpu",
    "Kind",
    "Lease",
    "Meaning",
    "Mode",
    "Reason",
    "Session",
    "Sighting",
    "Source",
    "State",
    "Target",
    "TargetId",
    "Verdict",
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

TargetId = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


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
