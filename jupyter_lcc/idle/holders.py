"""Who keeps this machine on? Pure: from the targets as they are told, the leases, and what else was seen.

The order is that of the decision: what a person promised, work, what can't be told, what waits, what was used not long
ago, and last what the policy or the platform says. What only seems to keep it on (`holds` false) stands at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone

from ..platforms.model import StopWay
from .leases import INSTANCE
from .model import Because, Evidence, Holder, Lease, Policy, Target

__all__ = ["ORDER", "holders"]

ORDER: tuple[Because, ...] = (
    "lease",
    "work",
    "unknown",
    "waiting",
    "activity",
    "no_limit",
    "not_stopped_here",
    "off",
    "chatter",
)
NOTHING_BLIND: Mapping[str, str] = {}
_ENDING = Evidence(signal="shutting_down", value=True, means="context")
_FOR_EVER = datetime.max.replace(tzinfo=timezone.utc)


def holders(
    machine: Target,
    targets: Sequence[Target],
    leases: Iterable[Lease],
    policy: Policy,
    stop: StopWay,
    chatter: Iterable[Evidence] = (),
    blind: Mapping[str, str] = NOTHING_BLIND,
    long_work: Iterable[Evidence] = (),
) -> tuple[Holder, ...]:
    """Name everything that keeps the machine on, the strongest first; nothing if it is due, or its stop has begun.

    Among equals the one that holds longest comes first; one whose end can't be told holds longest of all.
    `chatter` is what keeps Jupyter's own activity fresh without being a target; `blind` has the parts that can't look,
    each with its error; `long_work` what runs of our own.
    """
    if machine.shutting_down:
        return ()
    found = [
        *_leased(leases, {target.id: target.name for target in targets}),
        *(holder for target in targets if (holder := _of_target(target)) is not None),
        *(
            Holder(because="work", holds=True, target_id=None, name=str(each.value), evidence=each)
            for each in long_work
        ),
        *(_of_blind(part, error) for part, error in blind.items()),
        *_of_machine(machine),
        *_of_rules(policy, stop),
        *(
            Holder(because="chatter", holds=False, target_id=None, name=str(each.value).split(":")[0], evidence=each)
            for each in chatter
        ),
        *(
            Holder(because="chatter", holds=False, target_id=target.id, name=target.name, evidence=each)
            for target in targets
            for each in target.evidence
            if each.means == "chatter"
        ),
    ]
    return tuple(sorted(found, key=_strength))


def _strength(holder: Holder) -> tuple[int, float, str, str]:
    until = holder.until or _FOR_EVER
    return (ORDER.index(holder.because), -until.timestamp(), holder.name, holder.target_id or "")


def _leased(leases: Iterable[Lease], names: dict[str, str]) -> Iterable[Holder]:
    for lease in leases:
        note = None if lease.note is None else Evidence(signal="lease_note", value=lease.note, means="context")
        yield Holder(
            because="lease",
            holds=True,
            target_id=lease.target_id,
            name=names.get(lease.target_id, lease.target_id),
            evidence=note,
            until=lease.expires_at,
        )


def _of_target(target: Target) -> Holder | None:
    """Say how one target holds the machine, by the rules of `decide.machine_facts`."""
    because: Because
    if target.state == "working":
        because = "work"
    elif target.state == "unknown" or target.last_activity_at is None:
        because = "unknown"
    elif target.limit_seconds is None and not target.shutting_down:
        return None  # kept only because it has no limit; the machine's own limit governs
    elif target.verdict == "shut_down" and not target.shutting_down:
        return None  # over its limit, and only observed
    else:
        because = "waiting" if target.state == "waiting" else "activity"
    return Holder(
        because=because,
        holds=True,
        target_id=target.id,
        name=target.name,
        evidence=_ENDING if target.shutting_down else _telling(target.evidence, because),
        until=None if because == "unknown" or target.shutting_down else target.stops_at,
    )


def _telling(evidence: Sequence[Evidence], because: Because) -> Evidence | None:
    """Choose the signal that says most: one that means just this."""
    return next((each for each in evidence if each.means == because), None)


def _of_blind(part: str, error: str) -> Holder:
    evidence = Evidence(signal="part_failed", value=error, means="unknown")
    return Holder(because="unknown", holds=True, target_id=None, name=part, evidence=evidence)


def _of_machine(machine: Target) -> Iterable[Holder]:
    """Say what holds it beside its targets: its own activity."""
    if machine.reason == "recently_active":
        seen = [each for each in machine.evidence if each.means == "activity"]
        yield Holder(
            because="activity",
            holds=True,
            target_id=INSTANCE,
            name=INSTANCE,
            evidence=seen[-1] if seen else None,
            until=machine.stops_at,
        )


def _of_rules(policy: Policy, stop: StopWay) -> Iterable[Holder]:
    """Say what holds it whatever happens on it."""
    limit = policy.instance_timeout_seconds
    if limit.value == 0:
        rule = limit.rule or limit.source
        evidence = Evidence(signal="instance_timeout_seconds", value=f"0 ({rule})", means="context")
        yield Holder(because="no_limit", holds=True, target_id=INSTANCE, name=INSTANCE, evidence=evidence)
    if not stop.available:
        why = None if stop.why_not is None else Evidence(signal="stop_way", value=stop.why_not, means="context")
        yield Holder(because="not_stopped_here", holds=True, target_id=INSTANCE, name=INSTANCE, evidence=why)
    if policy.mode.value != "enforce":
        mode = Evidence(signal="mode", value=policy.mode.value, means="context")
        yield Holder(because="off", holds=True, target_id=INSTANCE, name=INSTANCE, evidence=mode)
