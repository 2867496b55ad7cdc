"""`jupyter lcc doctor`: look at everything that can be wrong, and say what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
from jupyter_core.paths import jupyter_config_path, jupyter_data_dir
from traitlets import Bool

from .._version import __version__
from ..idle.model import IdleView
from ..model import Model
from ..platforms.detect import choose, look
from ..platforms.model import Conflict
from ..web.model import API_VERSION
from .aws import native_time
from .client import Client
from .command import LccCommand
from .conflicts import check_conflicts, check_hub, check_native_idle, configured_conflicts
from .exits import EXIT_HELP, CliError, Exit
from .findings import Check, Report
from .local_checks import (
    check_enabled,
    check_platform,
    check_state_folder,
    installed_version,
    state_folder_of,
)
from .machine_checks import check_machine, check_metadata, check_policy_document
from .native_time import check_native_time
from .scripts import check_scripts, find_in_crontab, find_in_files, find_running, unreadable_tables
from .settings import Settings, command_line_of, read_settings
from .table import fill

__all__ = ["Doctor", "check_clock", "check_mode", "check_monitor", "check_version"]

_CLOCK_SECONDS = 5.0
_MARKS = {"ok": "ok   ", "warn": "warn ", "fail": "FAIL "}


class _AnyAbout(Model, frozen=True, kw_only=True):
    """`about` of any version."""

    version: str
    api_version: int
    conflicts: tuple[Conflict, ...] | None = None


class _Told(Model, frozen=True, kw_only=True):
    """What the running server says; None of a part it doesn't say."""

    about: _AnyAbout | None = None
    view: IdleView | None = None


_FLAGS: dict[str, Any] = {
    **LccCommand.flags,
    "aws": (
        {"Doctor": {"ask_aws": True}},
        "In a Studio space, also ask AWS how long Studio's own idle shutdown waits; the role needs to be allowed to.",
    ),
}


class Doctor(LccCommand):
    """Check server, extension, monitor, configuration and clock."""

    name = "jupyter-lcc-doctor"
    description = (
        "Check that a server runs and answers, that jupyter_lcc is enabled there in this version, that its monitor is "
        "healthy, whether and how the machine is stopped, where its state lies, and who else stops kernels, "
        "terminals or the machine: Jupyter's own culling, other extensions, cron, Studio, a hub. "
        "Useful without a server too. "
        'With --json: {"healthy": …, "checks": [{"name", "result": "ok|warn|fail", "message", "advice"}]}.'
    )
    examples = f"jupyter lcc doctor\njupyter lcc doctor --json\njupyter lcc doctor --aws\n\n{EXIT_HELP}"

    ask_aws = Bool(False, help="Also ask AWS how long Studio's own idle shutdown waits.").tag(config=True)

    flags = _FLAGS

    def run(self) -> Exit:
        checks = tuple(self._checks())
        report = Report(healthy=all(check.result != "fail" for check in checks), checks=checks)
        if self.as_json:
            self.say(msgspec.json.encode(report).decode())
        else:
            self.say(*_lines(report, shutil.get_terminal_size((80, 24)).columns))
        return Exit.OK if report.healthy else Exit.PROBLEM

    def _checks(self) -> Iterator[Check]:
        client: Client | None = None
        try:
            client = self.client()
        except CliError as error:
            if error.exit_status is Exit.USAGE:
                raise
            yield _failed("server", error)
        pid = client.server.pid if client is not None else None
        settings = read_settings(jupyter_config_path(), command_line_of(pid))
        listed = _listed_extensions()
        told = _Told()
        if client is None:
            yield check_enabled(settings, listed)
        else:
            told = yield from _ask(client, settings, listed)
        view = told.view
        machine = look(Path.home(), os.environ)
        platform = choose(machine)
        yield check_platform(platform)
        yield from check_metadata(os.environ, Path.home())
        yield check_state_folder(state_folder_of(settings, platform, Path(jupyter_data_dir())))
        yield from check_policy_document(settings, os.environ, view)
        conflicts = told.about.conflicts if told.about is not None else None
        if conflicts is None:
            conflicts = configured_conflicts(settings, listed, installed_version)
        yield from check_conflicts(conflicts, settings)
        yield from check_native_idle(platform.kind, conflicts, view, asked_aws=self.ask_aws)
        if self.ask_aws:
            yield from check_native_time(machine, view, native_time)
        yield from check_hub(platform.kind)
        yield from check_scripts((*find_in_crontab(), *find_in_files(), *find_running()), unreadable_tables())


def check_version(version: str, api_version: int) -> Check:
    """Do the server and this command speak of the same things?"""
    if api_version != API_VERSION:
        return Check(
            name="version",
            result="fail",
            message=f"The server runs jupyter_lcc {version} with another interface: {api_version}, not {API_VERSION}.",
            advice=f"Run this command from the server's environment, or install {version} here.",
        )
    if version != __version__:
        return Check(
            name="version",
            result="warn",
            message=f"The server runs jupyter_lcc {version}, this command is {__version__}.",
            advice="After an update, start the server again; or run this command from the server's environment.",
        )
    return Check(name="version", result="ok", message=f"jupyter_lcc {version}, here and in the server.")


def check_monitor(view: IdleView) -> Iterable[Check]:
    """Does the thing that decides do its work? That the machine wasn't stopped is told by check_machine."""
    problems = [problem for problem in view.monitor.problems if problem.code != "machine_stop_failed"]
    for problem in problems:
        told = problem.code == "corrupt_state_file" or view.monitor.healthy
        yield Check(
            name="monitor",
            result="warn" if told else "fail",
            message=f"{problem.code}: {problem.message}",
            advice=_ADVICE.get(problem.code, "The server's log has the details."),
        )
    if view.monitor.healthy or not problems:
        count = len(view.targets)
        seen = "1 kernel or terminal" if count == 1 else f"{count} kernels and terminals"
        yield Check(name="monitor", result="ok", message=f"The monitor is healthy and sees {seen}.")


_ADVICE = {
    "policy_document_invalid": "`jupyter lcc policy check FILE` says the same before a document is put in place.",
    "policy_document_unavailable": "Look at the place, and at the permission it names; it is tried again by itself.",
    "native_idle_failed": "If it is another program's doing, stop it, then start the Jupyter server again. Until then "
    "Studio may stop the app during silent work, or not at all.",
    "corrupt_state_file": "What it held is forgotten. The file is kept beside the new one.",
    "decision_log_failed": "Look for a full disk or missing rights. Lines wait in memory and are written later.",
    "state_file_failed": "Look for a full disk or missing rights. A restart would forget leases and countdowns.",
}


def check_mode(view: IdleView) -> Check:
    """Is anything shut down at all?"""
    if view.mode == "enforce":
        return Check(name="mode", result="ok", message="mode is enforce: what is idle is warned, then shut down.")
    told = "decisions are made and logged, and nothing is shut down" if view.mode == "observe" else "nothing is decided"
    return Check(
        name="mode",
        result="warn",
        message=f"mode is {view.mode}: {told}.",
        advice="If that isn't meant, set LccIdle.mode to enforce.",
    )


def check_clock(view: IdleView, now: datetime) -> Check:
    """Does the server's clock agree with the local one? Decisions don't depend on it; the times shown do."""
    off = (view.taken_at - now).total_seconds()
    zone = now.astimezone().strftime("%Z (UTC%z)")
    if abs(off) > _CLOCK_SECONDS:
        return Check(
            name="clock",
            result="warn",
            message=f"The server's clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}.",
            advice="Countdowns are not affected; times shown are. Set the clocks by NTP.",
        )
    return Check(name="clock", result="ok", message=f"The server's clock agrees. Times are shown in {zone}.")


def _ask(client: Client, settings: Settings, listed: Mapping[str, bool]) -> Generator[Check, None, _Told]:
    server = client.server
    try:
        about = client.get("about", _AnyAbout).value
    except CliError as error:
        missing = error.exit_status is Exit.NO_EXTENSION
        yield _failed("extension" if missing else "server", error)
        if missing:
            yield check_enabled(settings, listed)
        return _Told()
    version = f"Jupyter Server {server.version}, " if server.version else ""
    root = f", root folder {server.root_dir}" if server.root_dir else ""
    yield Check(
        name="server", result="ok", message=f"{server.url} answers ({version}pid {server.pid or 'unknown'}{root})."
    )
    yield check_version(about.version, about.api_version)
    try:
        view = client.get("idle", IdleView).value
    except CliError as error:
        yield _failed("monitor", error)
        return _Told(about=about)
    yield from check_monitor(view)
    yield check_mode(view)
    yield check_clock(view, datetime.now(timezone.utc))
    yield check_machine(view, datetime.now().astimezone())
    return _Told(about=about, view=view)


def _failed(name: str, error: CliError) -> Check:
    return Check(name=name, result="fail", message=error.message, advice=error.advice)


def _listed_extensions() -> dict[str, bool]:
    from jupyter_server.extension.config import ExtensionConfigManager

    manager = ExtensionConfigManager(read_config_path=jupyter_config_path())
    try:
        return dict(manager.get_jpserver_extensions())  # type: ignore[no-untyped-call]
    except Exception:  # a broken JSON file among Jupyter's; read_settings tells which
        return {}


def _lines(report: Report, width: int) -> Iterator[str]:
    for check in report.checks:
        yield from fill(f"{_MARKS[check.result]} {check.message}", width, " " * 6)
        for line in check.advice.splitlines():
            yield from fill(f"      {line.strip()}", width, " " * 6)
    failed = sum(check.result == "fail" for check in report.checks)
    warned = sum(check.result == "warn" for check in report.checks)
    yield ""
    yield f"{failed} failed, {warned} to look at, {len(report.checks) - failed - warned} fine."
