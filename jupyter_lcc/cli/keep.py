"""`jupyter lcc keep`: a bounded promise to keep the machine, a kernel or a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from traitlets import Bool, Integer, Unicode

from ..idle.model import CreateLease, DecisionList, IdleView, Lease, LeaseList
from ..model import MAX_SECONDS
from .client import Answer, Client
from .command import LccCommand
from .exits import EXIT_HELP, CliError, Exit
from .servers import current_folder
from .targets import INSTANCE, choose_target, is_id, match_gone
from .times import parse_duration, say_duration, say_moment
from .words import name_of

__all__ = ["Keep", "find_target"]

_DEFAULT_SECONDS = 3600

_ALIASES: dict[str, Any] = {**LccCommand.aliases, "for": "Keep.duration", "note": "Keep.note", "pid": "Keep.pid"}
_FLAGS: dict[str, Any] = {**LccCommand.flags, "end": ({"Keep": {"end": True}}, "Give the lease back.")}


class Keep(LccCommand):
    """Ask for a lease, or give it back."""

    name = "jupyter-lcc-keep"
    description = (
        "Keep the machine (everything that runs on it), or one TARGET: a notebook's name or path, the begin of a "
        "kernel's id, a terminal's name, or an id as `status --json` shows it. With --json: the lease, or for --end "
        '{"ended": [ids]}.'
    )
    examples = (
        "jupyter lcc keep                               everything, for 1 h\n"
        "jupyter lcc keep train.ipynb --for 3h --note 'epoch 4'\n"
        "jupyter lcc keep --pid $$ --for 8h             until this process ends, 8 h at most\n"
        "jupyter lcc keep train.ipynb --end             give it back\n\n" + EXIT_HELP
    )
    positionals: ClassVar[tuple[int, int]] = (0, 1)

    duration = Unicode(
        "", help="For how long: 45s, 90m, 2h, 1h30m. Default: 1h; with --pid as long as is allowed."
    ).tag(config=True)
    note = Unicode("", help="A few words, shown beside the lease and in the log; 200 characters at most.").tag(
        config=True
    )
    pid = Integer(0, help="Keep no longer than this process of the server's machine runs.").tag(config=True)
    end = Bool(False, help="Give the lease of the target back.").tag(config=True)

    aliases = _ALIASES
    flags = _FLAGS

    def run(self) -> Exit:
        seconds = self._seconds()
        client = self.client()
        view = client.get("idle", IdleView).value
        target_id = find_target(client, view, self.extra_args[0] if self.extra_args else INSTANCE)
        if self.end:
            self._give_back(client, view, target_id)
            return Exit.OK
        if seconds is None:
            seconds = max(1, view.policy.max_lease_seconds.value) if self.pid else _DEFAULT_SECONDS
        wish = CreateLease(target_id=target_id, seconds=seconds, note=self.note or None, pid=self.pid or None)
        before = {lease.id for lease in client.get("idle/leases", LeaseList).value.leases}
        answer = client.send("POST", "idle/leases", Lease, wish)
        if self.as_json:
            self.print_raw(answer)
        else:
            self._tell(answer, view, wish, already=answer.value.id in before)
        return Exit.OK

    def _seconds(self) -> int | None:
        if self.pid < 0 or self.pid > 2**31 - 1:
            raise CliError(Exit.USAGE, f"{self.pid} can't be a process id.")
        if len(self.note) > 200:
            raise CliError(Exit.USAGE, "The note is longer than 200 characters.")
        if not self.duration:
            return None
        try:
            seconds = parse_duration(self.duration)
        except ValueError as error:
            raise CliError(Exit.USAGE, str(error)) from None
        if not 1 <= seconds <= MAX_SECONDS:
            raise CliError(Exit.USAGE, "A keep lasts a second at least.")
        return seconds

    def _tell(self, answer: Answer[Lease], view: IdleView, wish: CreateLease, *, already: bool) -> None:
        lease, now = answer.value, self.now()
        until = say_moment(lease.expires_at, now)
        name = _name_in(view, lease.target_id)
        if already:
            self.say(f"{name} was already kept until {until}, which is longer; that stays.")
            return
        self.say(f"{name} is kept until {until}{_or_sooner(lease)}.")
        if lease.clipped_by:
            asked = say_duration(wish.seconds)
            self.say(
                f"Granted {say_duration(lease.granted_seconds)} of {asked}: the administrator allows no more at once."
            )

    def _give_back(self, client: Client, view: IdleView, target_id: str) -> None:
        leases = client.get("idle/leases", LeaseList).value.leases
        mine = [lease.id for lease in leases if lease.target_id == target_id]
        name = _name_in(view, target_id)
        if not mine:
            machine = any(lease.target_id == INSTANCE for lease in leases)
            raise CliError(
                Exit.NOT_FOUND,
                f"{name} is not kept by a lease of its own.",
                "The whole machine is kept; `jupyter lcc keep --end` ends that." if machine else "",
            )
        for lease_id in mine:
            client.delete(f"idle/leases/{UUID(lease_id)}")
        if self.as_json:
            self.say(msgspec.json.encode({"ended": mine}).decode())
        else:
            self.say(f"{name} is no longer kept.")


def find_target(client: Client, view: IdleView, text: str, *, before: datetime | None = None) -> str:
    """Give the id of what a person named: of what is there or, if nothing fits, of what was there. Raises CliError."""
    found = None if before else choose_target(text, view.targets, client.server.root_dir, current_folder())
    if found is None and text.strip() in ("", INSTANCE, "machine"):
        found = INSTANCE
    if found is None and not is_id(text):
        log = client.get("idle/decisions", DecisionList, {"limit": "1000"}).value.decisions
        found = match_gone(text, log if before is None else [line for line in log if line.at <= before])
        if found is None and before:
            found = choose_target(text, view.targets, client.server.root_dir, current_folder())
    if found is None and not is_id(text):
        raise CliError(
            Exit.NOT_FOUND,
            f"No kernel, terminal or notebook {text!r} is known.",
            "`jupyter lcc status` shows what runs.",
        )
    return found or text


def _name_in(view: IdleView, target_id: str) -> str:
    if target_id == INSTANCE:
        return "Everything on this machine"
    return next((name_of(target) for target in view.targets if target.id == target_id), target_id)


def _or_sooner(lease: Lease) -> str:
    return f", or until process {lease.pid} ends" if lease.pid else ""
