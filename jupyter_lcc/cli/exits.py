"""How a command ends: the exit statuses, and the one error that carries them.

Scripts build on these numbers, so a number keeps its meaning.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["EXIT_HELP", "CliError", "Exit"]


class Exit(IntEnum):
    """The exit status of every command."""

    OK = 0
    PROBLEM = 1
    USAGE = 2
    NO_SERVER = 3
    NOT_FOUND = 4
    TOO_LATE = 5
    NO_EXTENSION = 6


EXIT_HELP = """Exit status:
  0  done
  1  refused by the server, failed there, or `doctor` found a problem
  2  the command line can't be understood, or doesn't say which of several is meant
  3  no server is running, or it does not answer
  4  there is no such kernel, terminal, lease, environment or list
  5  too late, or it contradicts what is going on
  6  the server doesn't run jupyter_lcc, or a version this command doesn't understand
"""


class CliError(Exception):
    """An expected failure: one sentence for stderr, what to do about it, and the exit status."""

    def __init__(self, exit_status: Exit, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.exit_status = exit_status
        self.message = message
        self.advice = advice
