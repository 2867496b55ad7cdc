"""Who keeps the machine on, in English: a section for `why`, a line for `status`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from ..idle.model import Because, Holder, IdleView, Target
from .table import clean, fill
from .times import say_moment, say_roughly
from .words import job_words, name_of, signal_words

__all__ = ["keeper_line", "keepers_section", "machine_sentence"]

_WHY: dict[Because, str] = {
    "lease": "somebody keeps it",
    "work": "it works",
    "unknown": "what it does can't be told",
    "waiting": "it waits for a person",
    "activity": "it was used not long ago",
    "no_limit": "no limit is set for the machine",
    "not_stopped_here": "it can't be stopped from here",
    "off": "idle shutdown is off",
    "chatter": "it only talks",
}
_RULES = ("no_limit", "not_stopped_here", "off")
_NAMED_IN_A_LINE = 3


def machine_sentence(view: IdleView, now: datetime) -> str:
    """Say what becomes of the machine itself."""
    machine, told = view.instance, view.machine
    if told.stop_requested_at is not None or machine.shutting_down:
        return "The machine is being stopped."
    if view.mode == "off":
        return ""
    if not told.stop.available:
        return "The machine itself can't be stopped from here."
    if view.policy.instance_timeout_seconds.value == 0:
        return "The machine itself has no limit."
    observed = view.mode == "observe"
    is_ = "would be" if observed else "is"
    if machine.verdict == "shut_down":
        retry = f" It is tried again at {say_moment(told.retry_at, now)}." if told.retry_at else ""
        return "The machine would be stopped now." if observed else f"The machine is due to be stopped.{retry}"
    if machine.stops_at is None:
        return "The machine stays on."
    left = max(0, int((machine.stops_at - view.taken_at).total_seconds()))
    if machine.verdict == "warn":
        return f"The machine {is_} stopped in {say_roughly(left)}, at {say_moment(machine.stops_at, now)}."
    stops = "would stop" if observed else "stops"
    return f"The machine {stops} at {say_moment(machine.stops_at, now)} if nothing else happens."


def keeper_line(view: IdleView, now: datetime) -> str:
    """Say in a line who keeps the machine on; nothing if nobody does."""
    # What the machine's own sentence says needs no second one.
    found = [holder for holder in view.keeps_on if holder.holds and holder.because not in _RULES]
    if not found:
        return ""
    said = [_brief(holder, view.targets, now) for holder in found[:_NAMED_IN_A_LINE]]
    more = f"; and {len(found) - len(said)} more, see `jupyter lcc why`" if len(found) > len(said) else ""
    return f"Kept on by: {'; '.join(said)}{more}."


def keepers_section(view: IdleView, now: datetime, width: int) -> list[str]:
    """Write a line for each who keeps it on, and then of those who only seem to."""
    holds = [holder for holder in view.keeps_on if holder.holds]
    seems = [holder for holder in view.keeps_on if not holder.holds]
    lines = ["Who keeps this machine on"]
    for holder in holds:
        until = "" if holder.until is None else f", until {say_moment(holder.until, now)}"
        lines += fill(f"  {_who(holder, view.targets)}: {_why(holder, now)}{until}", width, "    ")
    if not holds:
        lines.append("  nobody")
    if seems:
        lines += ["", *fill("Keeps Jupyter's own clock of activity going, and doesn't count here", width)]
    for holder in _once(seems):
        who = "" if holder.target_id is None else f"{_who(holder, view.targets)}: "
        said = _WHY["chatter"] if holder.evidence is None else signal_words(holder.evidence, now)
        lines += fill(f"  {who}{said}", width, "    ")
    return lines


def _once(holders: Iterable[Holder]) -> list[Holder]:
    return list(dict.fromkeys(holders))


def _brief(holder: Holder, targets: Sequence[Target], now: datetime) -> str:
    until = "" if holder.until is None else f" until {say_moment(holder.until, now)}"
    if holder.because == "lease":
        note = f" ({clean(str(holder.evidence.value))})" if holder.evidence and holder.evidence.value else ""
        return f"a keep of {_who(holder, targets)}{until}{note}"
    brief = {"work": "works", "unknown": "unclear", "waiting": "waits for a person", "activity": "used"}
    return f"{_who(holder, targets)} ({brief.get(holder.because, holder.because)}{until})"


def _who(holder: Holder, targets: Sequence[Target]) -> str:
    if holder.target_id == "instance":
        return "everything" if holder.because == "lease" else "this machine"
    if holder.evidence is not None and holder.evidence.signal == "job_runs":
        return job_words(holder.name)
    if holder.target_id is None:
        return clean(holder.name)
    target = next((target for target in targets if target.id == holder.target_id), None)
    return clean(holder.name) if target is None else name_of(target)


def _why(holder: Holder, now: datetime) -> str:
    evidence, said = holder.evidence, _WHY.get(holder.because, holder.because)
    if holder.because == "off" and evidence is not None and evidence.value == "observe":
        return "mode is observe, nothing is stopped"
    if evidence is None or evidence.signal == "job_runs":
        return said
    value = clean(str(evidence.value))
    if evidence.signal == "part_failed":
        return f"can't be looked at: {value}"
    if evidence.signal == "shutting_down":
        return "is being shut down"
    if holder.because == "lease":
        return f"{said}: {value}"
    if holder.because == "not_stopped_here":
        return value
    if holder.because in ("work", "unknown", "activity", "waiting"):
        return f"{said}: {signal_words(evidence, now)}"
    return said
