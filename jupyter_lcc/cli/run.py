"""`jupyter lcc run -- command`: run a command and keep what it runs in until it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any, ClassVar

import psutil
from traitlets import Unicode

from .command import LccCommand
from .exits import EXIT_HELP, CliError, Exit
from .holding import NOTE_LENGTH, Hold, target_of
from .times import parse_duration, say_duration

__all__ = ["Run"]

_ALIASES: dict[str, Any] = {**LccCommand.aliases, "for": "Run.duration", "note": "Run.note"}
_FORWARDED = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
"""A signal for us is one for the command. Ctrl-C in a terminal reaches it by itself."""

PATIENCE_SECONDS = 5.0
"""How long we wait for the server's answers, should the command have ended meanwhile."""

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""What a shell says of a command it can't run."""


class Run(LccCommand):
    """Run a command, with a lease that ends with it."""

    name = "jupyter-lcc-run"
    description = (
        "Run a command, and keep the kernel, terminal or job it runs in, and the machine with it, until it ends. "
        "Without a Jupyter server the command runs all the same, and a line on stderr says that nothing is kept. "
        "The exit status is the command's."
    )
    examples = (
        "jupyter lcc run -- python train.py\n"
        "jupyter lcc run --for 6h --note 'night run' -- make all\n\n" + EXIT_HELP.replace("Exit status:", "Of its own:")
    )
    duration = Unicode(
        "", help="Keep for no longer than this: 45s, 90m, 2h, 1h30m. Default: as long as is allowed."
    ).tag(config=True)
    note = Unicode("", help="A few words, shown beside the lease and in the log. Default: the command's name.").tag(
        config=True
    )
    positionals: ClassVar[tuple[int, int]] = (1, 10**6)
    aliases = _ALIASES

    def run(self) -> Exit:
        seconds = self._seconds()
        with _Forwarding() as forwarding:
            try:
                child = forwarding.child = subprocess.Popen(self.extra_args)
            except OSError as error:
                print(f"{self.how_to_call()}: {self.extra_args[0]}: {error.strerror}", file=sys.stderr)
                raise SystemExit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE) from None
            hold = self._hold(child, seconds)
            status = child.wait()
        if hold is not None:
            hold.give_back()
        raise SystemExit(status if status >= 0 else 128 - status)

    def _seconds(self) -> int | None:
        if not self.duration:
            return None
        try:
            seconds = parse_duration(self.duration)
        except ValueError as error:
            raise CliError(Exit.USAGE, str(error)) from None
        if seconds < 1:
            raise CliError(Exit.USAGE, "A keep lasts a second at least.")
        return seconds

    def _hold(self, child: subprocess.Popen[bytes], seconds: int | None) -> Hold | None:
        note = self.note or os.path.basename(self.extra_args[0])
        try:
            self.timeout = min(self.timeout, PATIENCE_SECONDS)
            client = self.client()
            mine = [parent.pid for parent in psutil.Process().parents()]
            hold = Hold(client, target_of(client, mine), child.pid, note[:NOTE_LENGTH], seconds)
        except CliError as error:
            if child.poll() is None:  # else there is nothing left to keep
                print(f"{self.how_to_call()}: nothing is kept: {error.message}", file=sys.stderr)
            return None
        if hold.clipped:
            granted = say_duration(hold.lease.granted_seconds)
            print(
                f"{self.how_to_call()}: kept for {granted}: the administrator allows no more at once.", file=sys.stderr
            )
        return hold


class _Forwarding:
    """While it lasts, signals go to the command, and an interrupt does not end us before it has ended."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Forwarding:
        # A function, for the command would inherit a signal that is ignored.
        self._before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda _number, _frame: None)
        for name in _FORWARDED:
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._forward)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _forward(self, number: int, _frame: object) -> None:
        if self.child is None:
            sys.exit(128 + number)
        if self.child.returncode is None:
            self.child.send_signal(number)
