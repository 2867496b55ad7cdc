"""`jupyter lcc policy`: the limits in force with their sources and bounds, and the user's own choice of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from traitlets import Bool, Unicode

from ..idle.document.model import Subject
from ..idle.model import ChangePolicy, DurationSetting, IdleView, ModeSetting, Policy
from .command import LccCommand
from .exits import EXIT_HELP, CliError, Exit
from .policy_check import check_document, describe_check, moment_to_check
from .table import clean, fill, lay_out
from .times import parse_duration, say_duration
from .words import SOURCES

__all__ = ["PolicyCommand", "describe", "parse_settings", "wanted_fields"]

_NAMES = tuple(name for name in ChangePolicy.__struct_fields__ if name != "mode")
_ZERO_IS_NEVER = (*(name for name in _NAMES if "timeout" in name), "max_busy_seconds")


_ALIASES: dict[str, Any] = {
    **LccCommand.aliases,
    "user": "PolicyCommand.user",
    "instance-type": "PolicyCommand.instance_type",
    "at": "PolicyCommand.at",
}
_FLAGS: dict[str, Any] = {
    **LccCommand.flags,
    "gpu": ({"PolicyCommand": {"gpu": True}}, "check: for a machine with a GPU."),
}


class PolicyCommand(LccCommand):
    """Show, choose or check limits."""

    name = "jupyter-lcc-policy"
    description = (
        "Without words: every limit, where it comes from, and what you may choose. `set` chooses, `reset` gives "
        "fields, or all of them, back to the administrator's or the default value. With --json: the answer of "
        "GET or PUT lcc/idle/policy. `check` reads a policy document without any server, says what is wrong with it, "
        "and what it gives to a user on a machine at a time."
    )
    examples = (
        "jupyter lcc policy\n"
        "jupyter lcc policy set kernel_timeout=45m warn=10m\n"
        "jupyter lcc policy set terminal_timeout=never\n"
        "jupyter lcc policy reset kernel_timeout\n"
        "jupyter lcc policy check policy.json --user ann --instance-type ml.g5.xlarge --gpu --at 19:30\n\n" + EXIT_HELP
    )
    positionals: ClassVar[tuple[int, int]] = (0, 64)

    user = Unicode("", help="check: the user's name.").tag(config=True)
    instance_type = Unicode("", help="check: the machine's instance type.").tag(config=True)
    gpu = Bool(False, help="check: the machine has a GPU.").tag(config=True)
    at = Unicode("", help="check: the time, like 19:30 or 2026-12-31T19:30. Default: now.").tag(config=True)

    aliases = _ALIASES
    flags = _FLAGS

    def run(self) -> Exit:
        verb, *words = self.extra_args or ["show"]
        if verb == "check":
            return self._check(words)
        if verb not in ("show", "set", "reset") or (verb == "show" and words) or (verb == "set" and not words):
            raise CliError(
                Exit.USAGE,
                "Say `policy`, `policy set FIELD=DURATION …`, `policy reset [FIELD …]` or `policy check FILE`.",
            )
        changes: dict[str, int | None] | None = None
        if verb == "set":
            changes = dict(parse_settings(words))
        elif words:
            changes = dict.fromkeys(wanted_fields(words))
        client = self.client()
        if verb == "show":
            answer = client.get("idle/policy", Policy)
        else:
            if changes is None:
                current = client.get("idle/policy", Policy).value
                changes = {name: None for name in _NAMES if not _setting(current, name).locked}
            if not changes:
                raise CliError(Exit.PROBLEM, "The administrator has locked every limit; there is nothing to reset.")
            answer = client.send("PUT", "idle/policy", Policy, msgspec.convert(changes, ChangePolicy))
        if self.as_json:
            self.print_raw(answer)
        else:
            width = shutil.get_terminal_size((80, 24)).columns
            self.say(*describe(answer.value, width))
            told = client.get("idle", IdleView).value.monitor.problems
            for problem in told:
                if problem.code.startswith("policy_document"):
                    self.say("", *fill(clean(problem.message), width))
        return Exit.OK

    def _check(self, words: Sequence[str]) -> Exit:
        if len(words) != 1:
            raise CliError(Exit.USAGE, "Name one file: `policy check FILE`.")
        now = self.now()
        subject = Subject(
            users=(self.user,) if self.user else (), instance_type=self.instance_type or None, gpu=self.gpu
        )
        check = check_document(Path(words[0]), subject, moment_to_check(self.at, now))
        width = shutil.get_terminal_size((80, 24)).columns
        if self.as_json:
            self.say(msgspec.json.encode(check).decode())
        else:
            table = describe(check.policy, width) if check.policy is not None else []
            self.say(*describe_check(words[0], check, table, now, width))
        return Exit.OK if check.valid else Exit.PROBLEM


def describe(policy: Policy, width: int) -> list[str]:
    """Write every value with its source and what a user may choose."""
    mode = policy.mode
    rows = [
        ("LIMIT", "VALUE", "SOURCE", "YOU MAY CHOOSE"),
        ("mode", mode.value, _source(mode), "nothing (locked)"),
    ]
    for name in _NAMES:
        setting = _setting(policy, name)
        never = setting.value == 0 and name in _ZERO_IS_NEVER
        value = "never" if never else say_duration(setting.value)
        if name == "max_lease_seconds" and setting.value == 0:
            value = "no keeping"
        rows.append((name.removesuffix("_seconds"), value, _source(setting), _bounds(name, setting)))
    return lay_out(rows, width)


def parse_settings(words: Sequence[str]) -> dict[str, int]:
    """Read `kernel_timeout=45m`. A bare number is taken only where the field's name ends with `_seconds`."""
    changes: dict[str, int] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign:
            raise CliError(Exit.USAGE, f"{word!r} has no value; write for example kernel_timeout=45m.")
        field = _field(name)
        if field in changes:
            raise CliError(Exit.USAGE, f"{name} is given more than once.")
        changes[field] = _seconds(name, text)
    return changes


def wanted_fields(words: Sequence[str]) -> list[str]:
    """Read the names of fields."""
    return [_field(word) for word in words]


def _field(name: str) -> str:
    wanted = name.strip().replace("-", "_").removesuffix("_seconds") + "_seconds"
    if wanted == "mode_seconds":
        raise CliError(Exit.PROBLEM, "The mode is set by the administrator (LccIdle.mode).")
    if wanted not in _NAMES:
        known = ", ".join(field.removesuffix("_seconds") for field in _NAMES)
        raise CliError(Exit.USAGE, f"There is no limit {name!r}.", f"There are {known}.")
    return wanted


def _seconds(name: str, text: str) -> int:
    if text.strip().lower() == "never":
        return 0
    if text.strip().isdecimal() and (name.endswith("_seconds") or int(text) == 0):
        return int(text)
    try:
        return parse_duration(text)
    except ValueError as error:
        raise CliError(Exit.USAGE, f"{name}: {error}") from None


def _setting(policy: Policy, name: str) -> DurationSetting:
    setting: DurationSetting = getattr(policy, name)
    return setting


def _source(setting: DurationSetting | ModeSetting) -> str:
    return SOURCES[setting.source] if setting.rule is None else f"rule: {clean(setting.rule)}"


def _bounds(name: str, setting: DurationSetting) -> str:
    if setting.locked:
        return "nothing (locked)"
    if setting.max is not None:
        return f"{say_duration(setting.min)} to {say_duration(setting.max)}"
    return f"from {say_duration(setting.min)}{', or never' if name in _ZERO_IS_NEVER else ''}"
