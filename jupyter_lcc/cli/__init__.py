"""The command line, `jupyter lcc …`: one file for each command. It asks the running server and decides nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run `jupyter lcc` and leave with the exit status of `jupyter_lcc.cli.exits.Exit`."""
    from .app import LccApp
    from .command import leave_reader

    try:
        LccApp.launch_instance(None if argv is None else list(argv))
    except BrokenPipeError:  # `--help | head`; the commands themselves see to it
        sys.exit(leave_reader())
