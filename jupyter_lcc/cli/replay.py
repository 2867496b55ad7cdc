"""`jupyter lcc replay`: what would other limits have stopped, on what really happened here?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from jupyter_core.paths import jupyter_config_path, jupyter_data_dir, jupyter_runtime_dir
from traitlets import Float, Unicode

from ..durations import parse_duration
from ..idle.decision_log import read_trace
from ..idle.prices import find_price
from ..idle.replay import Overrides, Prediction, Stop, redecided, replay
from ..idle.trace import Line
from ..model import Model
from ..platforms.detect import choose, look
from ..store import JsonLines
from .command import LccCommand
from .exits import EXIT_HELP, CliError, Exit
from .local_checks import state_folder_of
from .servers import running
from .settings import read_settings
from .table import clean, fill, lay_out
from .times import say_duration, say_moment

__all__ = ["Replay", "Report", "describe"]

_SOON = 1800
_BECAUSE = {
    "idle": "idle for {limit}",
    "waiting_for_input": "waited for {limit}",
    "never_connected": "unused for {limit}",
    "dead": "dead",
    "busy_too_long": "worked for {limit}",
}
_OPTIONS = ("kernel_timeout", "terminal_timeout", "instance_timeout", "waiting_timeout", "max_busy", "warn")
_ALIASES: dict[str, Any] = {
    **LccCommand.aliases,
    **{name.replace("_", "-"): f"Replay.{name}" for name in _OPTIONS},
    "since": "Replay.since",
    "log": "Replay.log_file",
    "usd-per-hour": "Replay.usd_per_hour",
}


class Report(Model, frozen=True, kw_only=True):
    """The prediction, and what it rests on. `decided_differently` counts lines that this version decides otherwise."""

    log: str
    overrides: Overrides
    prediction: Prediction
    lines_unreadable: int
    decided_differently: int
    interrupted: int
    missed: int
    usd_per_hour: float | None = None
    usd_saved: float | None = None


class Replay(LccCommand):
    """Try limits on the past."""

    name = "jupyter-lcc-replay"
    description = (
        "Follow the decision log of this user's servers under other limits, by the very rules that decide, and say "
        "what would have been stopped when, what would have been missed, and what the machine would have cost less. "
        "Limits that aren't named stay as they were. Nothing is changed, and no server is asked."
    )
    examples = (
        "jupyter lcc replay --kernel-timeout 45m\n"
        "jupyter lcc replay --kernel-timeout 45m --instance-timeout 1h --since 7d --usd-per-hour 1.41\n"
        "jupyter lcc replay --max-busy never --log decisions.jsonl --json\n\n" + EXIT_HELP
    )

    kernel_timeout = Unicode("", help="Try this limit for kernels, like 45m, 2h or never.").tag(config=True)
    terminal_timeout = Unicode("", help="Try this limit for terminals.").tag(config=True)
    instance_timeout = Unicode("", help="Try this limit for the machine.").tag(config=True)
    waiting_timeout = Unicode("", help="Try this limit for what waits for a person.").tag(config=True)
    max_busy = Unicode("", help="Try this limit for what works.").tag(config=True)
    warn = Unicode("", help="Try this warning.").tag(config=True)
    since = Unicode("", help="Count only the last so long, like 7d. Default: the whole log.").tag(config=True)
    log_file = Unicode("", help="The log. Default: the one of this user's server that was written last.").tag(
        config=True
    )
    usd_per_hour = Float(0.0, help="What the machine costs in an hour. Default: by its instance type.").tag(config=True)

    aliases = _ALIASES

    def run(self) -> Exit:
        now = self.now()
        wanted = Overrides(**{f"{name}_seconds": _limit(name, getattr(self, name)) for name in _OPTIONS})
        since = None if not self.since else now - timedelta(seconds=_duration("since", self.since))
        path = Path(self.log_file) if self.log_file else self._newest_log()
        if not path.is_file():
            raise CliError(Exit.USAGE, f"There is no log {path}.", "Name one with --log FILE.")
        try:
            lines, unreadable = read_trace(JsonLines(path))
        except OSError as error:
            raise CliError(Exit.USAGE, f"{path} can't be read: {error.strerror or error}.") from error
        if lines and all(line.grounds is None for line in lines):
            raise CliError(
                Exit.PROBLEM,
                f"{path} is too old: it was written by a version that didn't note what its decisions rest on.",
                "Let the server run for some days with this version, with LccIdle.mode observe or enforce.",
            )
        report = self._report(path, lines, unreadable, wanted, since)
        if self.as_json:
            self.say(msgspec.json.encode(report).decode())
        else:
            self.say(*describe(report, now, shutil.get_terminal_size((80, 24)).columns))
        return Exit.OK

    def _report(
        self, path: Path, lines: Sequence[Line], unreadable: int, wanted: Overrides, since: datetime | None
    ) -> Report:
        since = None if since is None else since.astimezone(timezone.utc)
        until = datetime.now(timezone.utc) if _still_runs(path) else None
        prediction = replay(lines, wanted, since=since, until=until)
        hourly = self.usd_per_hour or _usd_per_hour()
        return Report(
            log=str(path),
            overrides=wanted,
            prediction=msgspec.structs.replace(prediction, changes=()),
            lines_unreadable=unreadable,
            decided_differently=sum(
                line.grounds is not None and redecided(line) != line.grounds.ruling for line in lines
            ),
            interrupted=sum(stop.worked for stop in prediction.stops),
            missed=sum(_was_missed(stop) for stop in prediction.stops),
            usd_per_hour=hourly,
            usd_saved=None if hourly is None else round(prediction.machine_hours_saved * hourly, 2),
        )

    def _newest_log(self) -> Path:
        platform = choose(look(Path.home(), os.environ))
        folder = state_folder_of(read_settings(jupyter_config_path(), ()), platform, Path(jupyter_data_dir()))
        found = sorted(folder.glob("*/decisions.jsonl"), key=lambda path: path.stat().st_mtime)
        if not found:
            raise CliError(Exit.USAGE, f"There is no decision log below {folder}.", "Name one with --log FILE.")
        return found[-1]


def describe(report: Report, now: datetime, width: int) -> Iterator[str]:
    """Write the report for a screen."""
    told = report.prediction
    if told.begins_at is None or told.ends_at is None:
        yield f"{report.log} is empty: nothing was decided yet."
        return
    tried = [
        f"{name} {'never' if value == 0 else say_duration(value)}"
        for name in _OPTIONS
        if (value := getattr(report.overrides, f"{name}_seconds")) is not None
    ]
    span = f"{say_moment(told.begins_at, now)} to {say_moment(told.ends_at, now)}"
    yield from fill(f"{span}, {'with ' + ', '.join(tried) if tried else 'with the limits of that time'}:", width)
    yield ""
    rows = [("WOULD HAVE STOPPED", "WHEN", "BECAUSE", "AND THEN")]
    rows += [_row(stop, now) for stop in told.stops]
    yield from lay_out(rows, width) if told.stops else ["Nothing would have been stopped."]
    yield ""
    kinds = {
        kind: sum(stop.kind == kind for stop in told.stops) for kind in ("kernel", "terminal", "process", "instance")
    }
    yield from fill(
        f"Stopped: {kinds['kernel']} times a kernel, {kinds['terminal']} a terminal, {kinds['process']} another "
        f"program, {kinds['instance']} the machine.",
        width,
    )
    yield from fill(
        f"Interrupted at work: {report.interrupted}. Used again within {say_duration(_SOON)}, so missed: "
        f"{report.missed}.",
        width,
    )
    saved = (
        f"The machine ran {told.machine_hours:.1f} h and would have been off for {told.machine_hours_saved:.1f} h of it"
    )
    cost = (
        ""
        if report.usd_saved is None
        else f", which is {report.usd_saved:.2f} USD less at {report.usd_per_hour} an hour"
    )
    yield from fill(f"{saved}{cost}.", width)
    if told.lines_too_old or report.lines_unreadable:
        yield from fill(
            f"Left out: {told.lines_too_old} lines of an earlier version, {report.lines_unreadable} that are cut.",
            width,
        )
    if report.decided_differently:
        yield from fill(
            f"{report.decided_differently} lines of the log are decided otherwise by this version of jupyter_lcc.",
            width,
        )


def _row(stop: Stop, now: datetime) -> tuple[str, str, str, str]:
    limit = "its limit" if stop.limit_seconds is None else say_duration(stop.limit_seconds)
    name = "this machine" if stop.kind == "instance" else clean(stop.name)
    why = _BECAUSE.get(stop.reason, stop.reason).format(limit=limit)
    after = stop.used_again_after_seconds
    then = (
        "its work is lost"
        if stop.worked
        else "nobody came back"
        if after is None
        else f"used {say_duration(after)} later"
    )
    return name, say_moment(stop.at, now), why, then


def _was_missed(stop: Stop) -> bool:
    return not stop.worked and stop.used_again_after_seconds is not None and stop.used_again_after_seconds <= _SOON


def _limit(name: str, text: str) -> int | None:
    words = text.strip().lower()
    if not words:
        return None
    if words == "never" and name != "warn":
        return 0
    seconds = _duration(name, words)
    if seconds == 0 and name == "warn":
        raise CliError(Exit.USAGE, "warn: at least a second.")
    return seconds


def _duration(name: str, text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise CliError(Exit.USAGE, f"{name.replace('_', '-')}: {error}") from None


def _still_runs(path: Path) -> bool:
    """Tell whether the server that writes this log is there: then what wasn't written didn't happen."""
    ports = {urlsplit(server.url).port for server in running(Path(jupyter_runtime_dir()))}
    return path.parent.name in {f"port-{port}" for port in ports}


def _usd_per_hour() -> float | None:
    """Price the machine by its instance type, where that is known."""
    price = find_price(choose(look(Path.home(), os.environ)).instance_type, None)
    return None if price is None else price.usd_per_hour
