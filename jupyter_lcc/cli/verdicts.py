"""Verdicts in English sentences: what happens to a target and why, now and in the log."""

from __future__ import annotations

from datetime import datetime

from ..idle.model import Decision, Mode, Target
from .table import clean
from .times import say_duration, say_moment, say_roughly
from .words import lease_words, name_of

__all__ = ["cell", "history_line", "verdict_of_decision", "verdict_of_target"]

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
    "not_stopped_here": "it can't be stopped from here",
    "targets_first": "it waits for what still runs on it",
}
_CHANGES = {
    "appeared": "seen for the first time",
    "shut_down": "shutdown begun",
    "shutdown_failed": "shutdown failed",
    "put_off": "shutdown put off once, a document could not be saved",
    "unsaved": "shut down with a document that could not be saved",
    "gone": "closed, not by jupyter_lcc",
    "lease_granted": "keep granted",
    "lease_ended": "keep ended",
    "policy": "limits changed",
    "stop_requested": "stop asked for",
    "stop_failed": "not stopped",
    "activity": "used",
    "slept": "nobody was awake for a while; warnings are given anew",
    "server_ended": "the Jupyter server ended",
}


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
        "working": "kept: works",
        "leased": "kept",
        "no_limit": "kept: no limit",
        "unknown_state": "kept: unclear",
        "off": "kept: switched off",
        "not_stopped_here": "not stopped",
    }.get(target.reason, "kept")


def verdict_of_target(target: Target, mode: Mode, now: datetime) -> str:
    """Say in a sentence or two what is going to happen to a target, and why."""
    name = _capital(name_of(target))
    if target.reason == "not_stopped_here":
        return f"{name} can't be stopped from here. What runs on it is {target.state}."
    done = _done(target)
    if target.shutting_down:
        return f"{name} is being {done} now: {_because(target)}."
    if target.verdict == "shut_down" and mode == "observe":
        return f"{name} would be {done} now, but mode is observe: {_because(target)}."
    if target.verdict == "shut_down":
        return f"{name} is due to be {done} now: {_because(target)}."
    when = say_moment(target.stops_at, now) if target.stops_at else ""
    would = "would be" if mode == "observe" else "is"
    if target.verdict == "warn":
        used = "" if target.idle_seconds is None else f" It was last active {say_roughly(target.idle_seconds)} ago."
        told = " Mode is observe, so it is kept." if mode == "observe" else ""
        return f"{name} {would} {done} at {when} if nothing happens: {_because(target)}.{used}{told}"
    said = f"{name} is kept: {_KEPT.get(target.reason, target.reason)}."
    if when and target.reason == "working":
        return f"{said} If it goes on without a pause it {would} {done} at {when}."
    return f"{said} It {would} {done} at {when} if nothing happens until then." if when else said


def verdict_of_decision(decision: Decision, now: datetime) -> str:
    """Say what was decided then, and on which grounds."""
    name, at = _capital(name_of(decision)), say_moment(decision.at, now, seconds=True)
    if decision.change == "gone":
        return f"{name} was closed at {at}, by a person or a program, not by jupyter_lcc."
    if decision.change in ("shutdown_failed", "stop_failed"):
        error = clean(decision.error or "no reason given").rstrip(".")
        return f"{name} should have been {_done(decision)} at {at}, and it failed: {error}."
    if decision.change == "stop_requested":
        who = "because a person asked for it" if decision.actor == "user" else f"because {_because(decision)}"
        return f"The stop of {name_of(decision)} was asked for at {at}, {who}."
    if decision.change in ("shut_down", "unsaved"):
        who = "because a person asked for it" if decision.actor == "user" else f"because {_because(decision)}"
        lost = f" Not everything could be saved: {clean(decision.error)}" if decision.error else ""
        return f"{name} was shut down at {at}, {who}.{lost}"
    if decision.verdict == "keep":
        if decision.reason == "not_stopped_here":
            return f"{name} can't be stopped from here. What ran on it was {decision.state} since {at}."
        return f"{name} was kept: {_KEPT.get(decision.reason, decision.reason)}. So it was since {at}."
    tail = " Mode was observe, so nothing was done." if decision.mode == "observe" else ""
    due = (
        f", due to be {_done(decision)} at {say_moment(decision.stops_at, now, seconds=True)}"
        if decision.stops_at
        else ""
    )
    word = "was warned" if decision.verdict == "warn" else "was over its limit"
    return f"{name} {word}{due}: {_because(decision)}. So it was since {at}.{tail}"


def history_line(decision: Decision, now: datetime) -> str:
    """Write one line of the log for people."""
    what = _CHANGES.get(decision.change, decision.change) + (" by a person" if decision.actor == "user" else "")
    if decision.error:
        return f"{what}: {clean(decision.error)}"
    if decision.change in ("shut_down", "stop_requested"):
        return f"{what}: {_because(decision)}"
    if decision.change == "gone":
        return what
    if decision.change == "lease_granted" and decision.lease is not None:
        return f"{what}, {lease_words(decision.lease, now)}"
    if decision.change in ("lease_ended", "policy", "slept", "server_ended"):
        return what
    lead = f"{what}: " if decision.change == "appeared" else ""
    if decision.verdict == "keep":
        return f"{lead}{decision.state}, kept: {_KEPT.get(decision.reason, decision.reason)}"
    stops = f", due {say_moment(decision.stops_at, now, seconds=True)}" if decision.stops_at else ""
    word = "warned" if decision.verdict == "warn" else "over its limit"
    if decision.mode == "observe":
        word += " (observe only)"
    return f"{lead}{decision.state}, {word}{stops}: {_because(decision)}"


def _done(about: Target | Decision) -> str:
    return "stopped" if about.kind == "instance" else "shut down"


def _because(about: Target | Decision) -> str:
    limit = "its limit" if about.limit_seconds is None else f"{say_duration(about.limit_seconds)}"
    return _BECAUSE.get(about.reason, about.reason).format(limit=limit)


def _capital(text: str) -> str:
    return text if "." in text else text[:1].upper() + text[1:]
