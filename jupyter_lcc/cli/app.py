"""`jupyter lcc`: the commands by name; each is imported when it is called."""

from __future__ import annotations

import sys
from typing import Any

from .command import LccCommand
from .exits import Exit

__all__ = ["LccApp"]

_HERE = "jupyter_lcc.cli"

_COMMANDS: dict[str, Any] = {
    "status": (f"{_HERE}.status.Status", "What runs, what is idle, and when it stops."),
    "keep": (f"{_HERE}.keep.Keep", "Keep the machine, a kernel or a terminal for a time."),
    "run": (f"{_HERE}.run.Run", "Run a command, and keep what it runs in until it ends."),
    "why": (f"{_HERE}.why.Why", "Why is something kept, or why was it shut down?"),
    "policy": (f"{_HERE}.policy.PolicyCommand", "Show the limits, or change your own."),
    "replay": (f"{_HERE}.replay.Replay", "What would other limits have stopped?"),
    "env": (f"{_HERE}.env.Env", "Conda environments: list, make, change, roll back, delete."),
    "lists": (f"{_HERE}.lists.Lists", "Package lists: publish, show what differs, make environments equal."),
    "jobs": (f"{_HERE}.jobs.JobsCommand", "Long work: how far it is, what it says, cancel it."),
    "doctor": (f"{_HERE}.doctor.Doctor", "Check that everything is as it should be."),
}


class LccApp(LccCommand):
    """Look after idle kernels and terminals from the command line."""

    name = "jupyter-lcc"
    description = "Ask the running Jupyter server what is idle, keep it, and see why it is kept or was shut down."
    subcommands = _COMMANDS
    positionals = (0, 1)

    def start(self) -> None:
        """Run the command that was named; without one, tell which there are."""
        if self.subapp is not None:
            self.subapp.start()
        known = ", ".join(self.subcommands)
        told = f"There is no command {self.extra_args[0]!r}. " if self.extra_args else ""
        print(f"jupyter lcc: {told}Name one of: {known}. `jupyter lcc --help` tells more.", file=sys.stderr)
        self.exit(int(Exit.USAGE))
