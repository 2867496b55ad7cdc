"""`jupyter lcc status`: one honest sentence, and a line for each kernel and terminal."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import ClassVar

from ..idle.model import Cost, IdleView, Target
from .command import LccCommand
from .exits import EXIT_HELP, Exit
from .keepers import keeper_line, machine_sentence
from .table import clean, fill, lay_out
from .times import say_moment, say_roughly
from .verdicts import cell
from .words import name_of

__all__ = ["Status", "describe", "headline"]

_HEADINGS = ("NAME", "STATE", "IDLE FOR", "VERDICT", "CPU", "MEMORY", "KEPT UNTIL")
_NUMBERS = frozenset((2, 4, 5))


class Status(LccCommand):
    """Show everything in one look."""

    name = "jupyter-lcc-status"
    description = "What runs, what is idle, and when it stops. With --json: the answer of GET lcc/idle."
    examples = f"jupyter lcc status\njupyter lcc status --json\n\n{EXIT_HELP}"
    positionals: ClassVar[tuple[int, int]] = (0, 0)

    def run(self) -> Exit:
        answer = self.client().get("idle", IdleView)
        if self.as_json:
            self.print_raw(answer)
        else:
            self.say(*describe(answer.value, self.now(), shutil.get_terminal_size((80, 24)).columns))
        return Exit.OK


def describe(view: IdleView, now: datetime, width: int) -> list[str]:
    """Write the whole answer for a screen of `width` columns."""
    lines = fill(headline(view, now), width)
    rows = [_row(target, view, now) for target in view.targets]
    if rows:
        lines += ["", *lay_out([_HEADINGS, *rows], width, right=_NUMBERS)]
    more = [keeper_line(view, now), _cost_line(view.machine.cost), _stopped_line(view.stopped_unseen)]
    if any(more):
        lines.append("")
    for line in filter(None, more):
        lines += fill(line, width)
    if view.machine.stop_error is not None:
        lines += fill(f"! The machine was not stopped: {clean(view.machine.stop_error)}", width, "  ")
    for problem in view.monitor.problems:
        lines += fill(f"! {problem.message}", width, "  ")
    if not view.monitor.healthy:
        lines += fill("! The monitor is not healthy; `jupyter lcc doctor` tells more.", width, "  ")
    return lines


def headline(view: IdleView, now: datetime) -> str:
    """Say how things stand, and what is going to happen next."""
    told = machine_sentence(view, now)
    machine = f" {told}" if told else ""
    if view.mode == "off":
        return f"Idle shutdown is off: nothing is shut down.{machine}"
    if not view.targets:
        return f"No kernel and no terminal is running.{machine}"
    observed = view.mode == "observe"
    lead = "Observing only, nothing is shut down. " if observed else ""
    return f"{lead}{_what_matters(view, now, 'would be' if observed else 'is')}{machine}"


def _what_matters(view: IdleView, now: datetime, is_: str) -> str:
    ending = sorted((t for t in view.targets if t.stops_at), key=lambda t: t.stops_at or now)
    over = [target for target in view.targets if target.verdict == "shut_down"]
    warned = [target for target in ending if target.verdict == "warn"]
    if stopping := [target for target in view.targets if target.shutting_down]:
        return f"Being shut down now: {_names(stopping)}."
    if over:
        return f"Over the limit: {_names(over)}."
    if warned:
        more = f", {len(warned) - 1} more after it" if len(warned) > 1 else ""
        left = max(0, int((_stop(warned[0]) - view.taken_at).total_seconds()))
        return f"{name_of(warned[0])} {is_} shut down in {say_roughly(left)}, at {_at(warned[0], now)}{more}."
    working = [target for target in view.targets if target.state == "working"]
    others = [target for target in ending if target.state != "working"]
    said = f"Working: {_names(working)}." if working else ""
    if others:
        nothing = "" if working else "Nothing is at work. "
        return f"{said}{' ' if said else nothing}Next to stop: {name_of(others[0])}, at {_at(others[0], now)}."
    return said or "Nothing is at work, and nothing is going to be shut down."


def _cost_line(cost: Cost | None) -> str:
    if cost is None:
        return ""
    kind = clean(cost.instance_type)
    source = "the administrator's price" if cost.price_source == "config" else f"list price of {cost.priced_on}"
    saved = f" Its own stops saved {_say_usd(cost.saved_usd)} in 30 days." if cost.saved_hours else ""
    return (
        f"{kind}: {_say_usd(cost.usd_per_hour)} an hour ({source}), {_say_usd(cost.usd_today)} for "
        f"{cost.hours_today:.1f} h today.{saved}"
    )


def _say_usd(amount: float) -> str:
    return f"${amount:.2f}"


def _stopped_line(count: int) -> str:
    if not count:
        return ""
    return (
        f"{count} {'shutdown' if count == 1 else 'shutdowns'} nobody was told of yet; JupyterLab shows what was saved."
    )


def _row(target: Target, view: IdleView, now: datetime) -> tuple[str, ...]:
    idle = "-" if target.idle_seconds is None or target.state == "working" else say_roughly(target.idle_seconds)
    return (
        name_of(target),
        target.state,
        idle,
        cell(target, view.mode, now),
        "" if target.cpu_percent is None else f"{target.cpu_percent:.0f} %",
        "" if target.memory_bytes is None else _say_bytes(target.memory_bytes),
        "" if target.lease is None else say_moment(target.lease.expires_at, now),
    )


def _names(targets: list[Target]) -> str:
    names = [name_of(target) for target in targets]
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _stop(target: Target) -> datetime:
    assert target.stops_at is not None
    return target.stops_at


def _at(target: Target, now: datetime) -> str:
    return say_moment(_stop(target), now)


def _say_bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
