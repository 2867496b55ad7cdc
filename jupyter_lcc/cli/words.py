"""Codes of the wire in English sentences, for the command line only; the panel has its own, translated ones."""

from __future__ import annotations

from datetime import datetime

from ..clock import parse_utc
from ..idle.model import Decision, Evidence, Lease, Mode, Source, State, Target
from ..web.model import ProblemBody
from .table import clean
from .times import say_duration, say_moment, say_roughly

__all__ = [
    "FIELDS", "MEANINGS", "SOURCES", "STATES", "cell", "history_line", "lease_words", "limit_words", "name_of", "refusal", "signal_words",
    "verdict_of_decision", "verdict_of_target",
]

STATES: dict[State, str] = {
    "working": "working", "waiting": "waiting", "idle": "idle", "starting": "starting", "dead": "dead",
    "unknown": "unknown",
}
SOURCES: dict[Source, str] = {
    "default": "the default", "config": "set by the administrator", "admin": "set by the administrator",
    "user": "your own choice", "kernelspec": "set by the kernel's own specification",
}
MEANINGS = {
    "work": "work", "activity": "somebody or work was here", "waiting": "waits for a person", "idle": "nothing happens",
    "chatter": "machine talk, doesn't count", "unknown": "can't be told", "context": "for your information",
}
FIELDS = {
    "mode": "what is done with idle targets",
    "kernel_timeout_seconds": "an idle kernel is shut down after",
    "terminal_timeout_seconds": "an idle terminal is shut down after",
    "instance_timeout_seconds": "limit of the machine (only shown, not stopped)",
    "waiting_timeout_seconds": "what waits for a person is shut down after",
    "warn_seconds": "people are warned before, by",
    "check_interval_seconds": "everything is looked at every",
    "max_lease_seconds": "longest time one keep can give",
    "max_busy_seconds": "even what works is shut down after",
}
_SIGNALS = {
    "execution_state": "Jupyter says the kernel is {value}",
    "jupyter_last_activity": "last message of the kernel, by Jupyter, at {time}",
    "running_since": "a cell or callback runs since {time}",
    "last_run_ended_at": "the last run ended at {time}",
    "machine_message": "a page or extension sent {value}",
    "input_asked_at": "it asked for input at {time}",
    "connections": "open connections: {value}",
    "person_used_it_at": "a person used it at {time}",
    "terminal_prompt": "the shell is at its prompt",
    "terminal_interactive": "{value} is open and takes keys",
    "terminal_question": "{value} waits for a line of input",
    "terminal_remote": "{value} leads to another machine or container",
    "terminal_job": "{value} runs in the foreground",
    "terminal_background": "{value} runs in the background",
    "terminal_unknown": "what runs in it can't be read",
    "last_activity_at": "a person typed, or work ended, last at {time}",
    "processes": "processes of the job: {value}",
    "cpu_percent": "CPU use: {value} % of one core",
    "working_targets": "kernels and terminals at work: {value}",
    "kernels": "kernels: {value}",
    "terminals": "terminals: {value}",
}
_BECAUSE = {
    "idle": "nobody used it and it did no work for {limit}",
    "waiting_for_input": "it waited for a person for {limit}",
    "never_connected": "it was started and nobody used it for {limit}",
    "dead": "its process is gone",
    "busy_too_long": "it worked without a pause for {limit}, the longest that is allowed",
    "asked": "a person asked for it",
}
_KEPT = {
    "working": "it is at work",
    "recently_active": "its limit isn't reached",
    "leased": "somebody asked to keep it",
    "no_limit": "no limit is set for its state",
    "unknown_state": "what it does can't be told",
    "off": "idle shutdown is off",
    "not_stopped_here": "this version doesn't stop the machine itself",
}
_CHANGES = {
    "appeared": "seen for the first time", "state": "state changed", "verdict": "verdict changed",
    "shut_down": "shutdown begun", "shutdown_failed": "shutdown failed", "gone": "closed, not by jupyter_lcc",
    "lease_granted": "keep granted", "lease_ended": "keep ended", "policy": "limits changed",
}


def name_of(target: Target | Decision) -> str:
    """Name a target the way people do."""
    if target.kind == "instance":
        return "this machine"
    return f"terminal {clean(target.name)}" if target.kind == "terminal" else clean(target.name)


def cell(target: Target, mode: Mode, now: datetime) -> str:
    """Say the verdict in the few words of a table."""
    if target.shutting_down:
        return "stopping now"
    if target.verdict == "shut_down":
        return "would stop now" if mode == "observe" else "stops now"
    if target.stops_at is not None:
        stops = "would stop" if mode == "observe" else "stops"
        return f"{'WARNED, ' if target.verdict == 'warn' else ''}{stops} {say_moment(target.stops_at, now)}"
    return {
        "working": "kept: works", "leased": "kept", "no_limit": "kept: no limit", "unknown_state": "kept: unclear",
        "off": "kept: switched off", "not_stopped_here": "not stopped",
    }.get(target.reason, "kept")


def verdict_of_target(target: Target, mode: Mode, now: datetime) -> str:
    """Say in a sentence or two what is going to happen to a target, and why."""
    name = _capital(name_of(target))
    if target.reason == "not_stopped_here":
        return f"This version doesn't stop the machine itself. What runs on it is {STATES[target.state]}."
    if target.shutting_down:
        return f"{name} is being shut down now."
    if target.verdict == "shut_down" and mode == "observe":
        return f"{name} would be shut down now, but mode is observe: {_because(target)}."
    if target.verdict == "shut_down":
        return f"{name} is due to be shut down now: {_because(target)}."
    when = say_moment(target.stops_at, now) if target.stops_at else ""
    would = "would be" if mode == "observe" else "is"
    if target.verdict == "warn":
        used = "" if target.idle_seconds is None else f" It was last active {say_roughly(target.idle_seconds)} ago."
        told = " Mode is observe, so it is kept." if mode == "observe" else ""
        return f"{name} {would} shut down at {when} if nothing happens: {_because(target)}.{used}{told}"
    said = f"{name} is kept: {_KEPT.get(target.reason, target.reason)}."
    if when and target.reason == "working":
        return f"{said} If it goes on without a pause it {would} shut down at {when}."
    return f"{said} It {would} shut down at {when} if nothing happens until then." if when else said


def verdict_of_decision(decision: Decision, now: datetime) -> str:
    """Say what was decided then, and on which grounds."""
    name, at = _capital(name_of(decision)), say_moment(decision.at, now, seconds=True)
    if decision.change == "gone":
        return f"{name} was closed at {at}, by a person or a program, not by jupyter_lcc."
    if decision.change == "shutdown_failed":
        return f"{name} should have been shut down at {at}, and it failed: {clean(decision.error or 'no reason given')}."
    if decision.change == "shut_down":
        who = "because a person asked for it" if decision.actor == "user" else f"because {_because(decision)}"
        return f"{name} was shut down at {at}, {who}."
    if decision.verdict == "keep":
        if decision.reason == "not_stopped_here":
            return f"This version doesn't stop the machine itself. What ran on it was {STATES[decision.state]} since {at}."
        return f"{name} was kept: {_KEPT.get(decision.reason, decision.reason)}. So it was since {at}."
    tail = " Mode was observe, so nothing was done." if decision.mode == "observe" else ""
    stops = f" for {say_moment(decision.stops_at, now)}" if decision.stops_at else ""
    return f"{name} was due to be shut down{stops}: {_because(decision)}. So it was since {at}.{tail}"


def history_line(decision: Decision, now: datetime) -> str:
    """Write one line of the log for people."""
    who = " by a person" if decision.actor == "user" else ""
    what = _CHANGES.get(decision.change, decision.change) + who
    if decision.error:
        return f"{what}: {clean(decision.error)}"
    if decision.change == "shut_down":
        return f"{what}: {_because(decision)}"
    if decision.change == "gone":
        return what
    if decision.change == "lease_granted" and decision.lease is not None:
        return f"{what}, {lease_words(decision.lease, now)}"
    if decision.change in ("lease_ended", "policy"):
        return what
    if decision.verdict == "keep":
        return f"{what}: {STATES[decision.state]}, kept, {_KEPT.get(decision.reason, decision.reason)}"
    stops = f", due {say_moment(decision.stops_at, now, seconds=True)}" if decision.stops_at else ""
    word = "warned" if decision.verdict == "warn" else "over its limit"
    if decision.mode == "observe":
        word += " (observe only)"
    return f"{what}: {STATES[decision.state]}, {word}{stops}, {_because(decision)}"


def signal_words(evidence: Evidence, now: datetime) -> str:
    """Say what one signal shows; one that this version does not know is shown as it came."""
    template = _SIGNALS.get(evidence.signal)
    if template is None:
        return f"{clean(evidence.signal)}: {clean(str(evidence.value))}"
    value = "something" if evidence.value is None else clean(str(evidence.value))
    time = value
    if "{time}" in template and isinstance(evidence.value, str):
        try:
            time = say_moment(parse_utc(evidence.value), now, seconds=True)
        except ValueError:
            time = value
    return template.format(value=value, time=time)


def limit_words(seconds: int | None, source: Source | None) -> str:
    """Say which limit applies and who set it."""
    if source is None:
        return "none applies"
    return f"{'none' if seconds is None else say_duration(seconds)} ({SOURCES.get(source, source)})"


def lease_words(lease: Lease, now: datetime) -> str:
    """Say until when something is kept, by which lease."""
    more = ["the whole machine is kept"] if lease.target_id == "instance" else []
    more += [f"note: {clean(lease.note)}"] if lease.note else []
    more += [f"or until process {lease.pid} ends"] if lease.pid else []
    return f"until {say_moment(lease.expires_at, now)}{' (' + '; '.join(more) + ')' if more else ''}"


def refusal(problem: ProblemBody) -> str:
    """Put a problem body in words; durations that matter in it are written as people write them."""
    detail = problem.detail
    if problem.code == "out_of_bounds" and isinstance(detail.get("min"), int):
        field, highest = str(detail.get("field")), detail.get("max")
        span = f"from {say_duration(detail['min'])} to {say_duration(highest)}" if isinstance(highest, int) else ""
        never = ", or never" if detail.get("never_allowed") else ""
        return f"{field.removesuffix('_seconds')} must be {span or 'at least ' + say_duration(detail['min']) + never}."
    return clean(problem.message)


def _because(about: Target | Decision) -> str:
    limit = "its limit" if about.limit_seconds is None else f"{say_duration(about.limit_seconds)}"
    return _BECAUSE.get(about.reason, about.reason).format(limit=limit)


def _capital(text: str) -> str:
    return text if "." in text else text[:1].upper() + text[1:]
