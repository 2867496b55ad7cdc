"""`jupyter lcc why`: one screen that says why something is kept, or why it was shut down."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, ClassVar

from traitlets import Unicode

from ..idle.model import Decision, DecisionList, Evidence, Explanation, IdleView, Target
from .client import Client
from .command import LccCommand
from .exits import EXIT_HELP, CliError, Exit
from .keep import find_target
from .keepers import keepers_section
from .table import clean, fill, lay_out
from .targets import INSTANCE
from .times import parse_moment, say_duration, say_moment, say_roughly
from .verdicts import history_line, verdict_of_decision, verdict_of_target
from .words import MEANINGS, lease_words, limit_words, signal_words

__all__ = ["Why", "describe"]

_LINES_OF_HISTORY = 10
_ALIASES: dict[str, Any] = {**LccCommand.aliases, "at": "Why.at"}


class Why(LccCommand):
    """Explain one target, now or at an earlier time."""

    name = "jupyter-lcc-why"
    description = (
        "Why is the machine or a TARGET kept, warned or gone, and who keeps the machine on? A TARGET is a notebook's "
        "name or path, the begin of a kernel's id, a terminal's name, or an id; it may be gone. With --json: the "
        "answer of GET lcc/idle/why."
    )
    examples = (
        "jupyter lcc why                                who keeps this machine on\n"
        "jupyter lcc why train.ipynb\n"
        "jupyter lcc why 1 --at 18:40                   terminal 1, the last time it was 18:40\n"
        "jupyter lcc why train.ipynb --at '20 min ago'\n"
        "jupyter lcc why --at 2026-11-20T18:40\n\n" + EXIT_HELP
    )
    positionals: ClassVar[tuple[int, int]] = (0, 1)

    at = Unicode("", help="When: 18:40, 2026-11-20T18:40, or '20 min ago'. Local time. Default: now.").tag(config=True)

    aliases = _ALIASES

    def run(self) -> Exit:
        now = self.now()
        at = self._moment(now)
        client = self.client()
        view = client.get("idle", IdleView).value
        query = {"target_id": find_target(client, view, self.extra_args[0] if self.extra_args else "", before=at)}
        if at is not None:
            query["at"] = at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
        answer = client.get("idle/why", Explanation, query)
        if self.as_json:
            self.print_raw(answer)
            return Exit.OK
        width = shutil.get_terminal_size((80, 24)).columns
        told = answer.value
        asks_now = at is None and told.target_id == INSTANCE
        keepers = keepers_section(view, now, width) if asks_now else []
        reply = _reply(client, told.decision) if told.decision is not None and at is not None else None
        self.say(*describe(told, now, at, width, keepers=keepers, reply=reply))
        return Exit.OK

    def _moment(self, now: datetime) -> datetime | None:
        if not self.at:
            return None
        try:
            return parse_moment(self.at, now)
        except ValueError as error:
            raise CliError(Exit.USAGE, str(error)) from None


def _reply(client: Client, asked: Decision) -> str | None:
    """Give what became of a request to stop the machine, from the lines that follow it."""
    if asked.change != "stop_requested":
        return None
    since = asked.at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    lines = client.get("idle/decisions", DecisionList, {"target_id": asked.target_id, "since": since, "limit": "1000"})
    later = [line for line in reversed(lines.value.decisions) if line.at > asked.at]
    if not later:
        return "accepted, or not answered yet"
    for line in later:
        if line.change == "stop_failed":
            return f"refused: {clean(line.error or 'no reason given')}"
        if line.change in ("server_ended", "appeared", "stop_requested"):
            break
    return "accepted"


def describe(
    told: Explanation,
    now: datetime,
    at: datetime | None,
    width: int,
    *,
    keepers: Sequence[str] = (),
    reply: str | None = None,
) -> list[str]:
    """Write an explanation for a screen of `width` columns; `keepers` is a section of its own, `reply` what the
    platform said to a stop.
    """
    target, decision = told.target, told.decision
    lines = [] if at is None else [f"At {say_moment(at, now, seconds=True)}:"]
    if target is not None:
        lines += fill(verdict_of_target(target, told.policy.mode.value, now), width)
    elif decision is not None:
        lines += fill(verdict_of_decision(decision, now), width)
    if keepers:
        lines += ["", *keepers]
    about = target or decision
    if about is not None:
        lines += ["", *_evidence(about.evidence, now, width), ""]
        lines += [line for pair in _particulars(about, told, now, at) for line in _particular(*pair, width)]
        lines += [] if reply is None else _particular("Reply", reply, width)
    history = told.history[:_LINES_OF_HISTORY]
    if history:
        left_out = len(told.history) - len(history)
        more = f" (newest first, {left_out} more with --json)" if left_out else " (newest first)"
        lines += ["", f"History{more}"]
        for line in history:
            at_that_time = say_moment(line.at, now, seconds=True)
            lines += fill(f"  {at_that_time}  {history_line(line, now)}", width, " " * (len(at_that_time) + 4))
    return lines


def _evidence(evidence: tuple[Evidence, ...], now: datetime, width: int) -> list[str]:
    if not evidence:
        return ["Evidence: none can be read."]
    rows = [(f"  {signal_words(e, now)}", MEANINGS.get(e.means, e.means)) for e in evidence]
    return ["Evidence", *lay_out([*rows], width)]


def _particulars(
    about: Target | Decision, told: Explanation, now: datetime, at: datetime | None
) -> Iterator[tuple[str, str]]:
    yield "State", about.state
    yield "Limit", limit_words(about.limit_seconds, about.limit_source, about.limit_rule)
    if about.last_activity_at is not None:
        ago = max(0, int((told.at - about.last_activity_at).total_seconds()))
        past = f"{say_roughly(ago)} {'ago' if at is None else 'before'}"
        yield "Active", f"last at {say_moment(about.last_activity_at, now, seconds=True)}, {past}"
    if about.lease is not None:
        yield "Kept", lease_words(about.lease, now)
    if isinstance(about, Decision):
        yield "Mode", about.mode
        yield "By", _ACTORS.get(about.actor, about.actor)
        if about.policy:
            yield "Policy", "; ".join(_policy_words(about))
        return
    yield "Mode", told.policy.mode.value
    if about.shutting_down:
        return
    if told.next_change_at is not None:
        yield "Next", f"by time alone nothing changes before {say_moment(told.next_change_at, now, seconds=True)}"
    else:
        yield "Next", "by time alone nothing changes"


_ACTORS = {"monitor": "jupyter_lcc, by the policy", "user": "a person", "outside": "something else than jupyter_lcc"}
_BEARS_ON = {
    "kernel": ("kernel_timeout_seconds", "waiting_timeout_seconds", "max_busy_seconds"),
    "terminal": ("terminal_timeout_seconds", "waiting_timeout_seconds", "max_busy_seconds"),
    "process": ("terminal_timeout_seconds", "waiting_timeout_seconds", "max_busy_seconds"),
    "instance": ("instance_timeout_seconds",),
}


def _policy_words(decision: Decision) -> Iterator[str]:
    """Say which values were in force then, of those that bear on this kind of target."""
    for field in (*_BEARS_ON.get(decision.kind, ()), "warn_seconds"):
        said = decision.policy.get(field)
        if said is not None:
            number, _space, source = said.partition(" ")
            value = say_duration(int(number)) if number.isdigit() else number
            yield f"{field.removesuffix('_seconds')} {'none' if value == '0 s' else value} {source}".rstrip()


def _particular(title: str, words: str, width: int) -> list[str]:
    return fill(f"{title:<8}{words}", width, " " * 8)
