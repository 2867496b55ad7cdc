"""What a terminal's processes do: pure reading of the process table.

A shell at its prompt, a pager and an editor wait for a person. Everything else that runs in a terminal is
a job, silent or not. A program that sits in the foreground waits for a person when it sleeps in a read of
its terminal, or when it has switched the terminal to take single keys (termios without ICANON, as
readline, less, vim and every full-screen program do) and does no work meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ..model import Model
from .process_table import Blocking, ProcessRow, ProcessTable

__all__ = ["BUSY_PERCENT", "Jobs", "read_jobs"]

BUSY_PERCENT = 10.0
"""Use of one core from which a program that seems to wait is at work all the same."""

SHELLS = frozenset(("bash", "sh", "dash", "zsh", "fish", "ksh", "mksh", "ash", "tcsh", "csh", "xonsh", "nu", "pwsh"))
REMOTE_SESSIONS = frozenset(("ssh", "mosh-client", "telnet", "docker", "podman", "kubectl", "et"))
"""Windows to another machine: what runs there can't be seen from here, so it is unknown."""

WINDOWS = frozenset(("tmux", "tmux: client", "screen"))
"""Windows to a session that lives on without the terminal. What runs there is a target of its own."""

PROMPT_HELPERS = frozenset(
    ("gitstatusd", "ssh-agent", "gpg-agent", "dbus-daemon", "dbus-launch", "direnv", "starship", "zoxide")
)
"""Started by shells to draw prompts and hold keys; they live as long as the shell and do nobody's work."""

Blocked = Callable[[ProcessRow], "Blocking | None"]


class Jobs(Model, frozen=True, kw_only=True):
    """What runs in a terminal. `name` is the program that says so, None at a bare prompt."""

    doing: Literal["prompt", "interactive", "window", "question", "remote", "job", "background", "unknown"]
    name: str | None = None
    count: int = 0


def read_jobs(shell_pid: int, table: ProcessTable, *, single_keys: bool | None, busy: bool, blocked: Blocked) -> Jobs:
    """Tell what runs in the terminal whose shell is `shell_pid`.

    `single_keys` is whether the terminal takes single keys now, None if that can't be told; `busy` whether
    the tree uses a good part of a core; `blocked` names the system call a process sleeps in.
    """
    tree = [row for row in table.tree(shell_pid) if row.state != "Z"]
    if not tree:
        return Jobs(doing="unknown")
    shell = tree[0]
    if shell.foreground_group is None:
        others = [row for row in tree[1:] if row.name not in PROMPT_HELPERS]
        return Jobs(doing="unknown", name=others[0].name, count=len(others)) if others or busy else Jobs(doing="prompt")

    front = [row for row in tree if row.group == shell.foreground_group and row.tty == shell.tty]
    behind = _background(shell, tree, front, table)
    if front and not all(row.name in SHELLS for row in front):
        found = _foreground(front, single_keys=single_keys, busy=busy, blocked=blocked)
        if found.doing in ("job", "remote") or not behind:
            return found
    elif busy and not behind:
        return Jobs(doing="job", name=(front or tree)[0].name, count=1)  # the shell itself computes
    if behind:
        return Jobs(doing="background", name=behind[0].name, count=len(behind))
    return Jobs(doing="prompt")


def _background(
    shell: ProcessRow, tree: list[ProcessRow], front: list[ProcessRow], table: ProcessTable
) -> list[ProcessRow]:
    """Give what runs behind the prompt: neither stopped, nor a parent of the foreground, nor a nested prompt."""
    parents = set[int]().union(*(table.ancestors(row.pid) for row in front), {shell.pid})
    front_pids = {row.pid for row in front}
    # An editor's helpers are part of the editor, unless it opened another terminal for them, as sudo does.
    children_of_front = {
        row.pid
        for member in front
        if member.pid != shell.pid and member.name not in SHELLS
        for row in table.tree(member.pid)
        if row.tty in (shell.tty, 0)
    }
    return [
        row
        for row in tree
        if row.pid not in parents | front_pids | children_of_front
        and row.state not in ("T", "t", "X")
        and row.name not in PROMPT_HELPERS
        and not _is_nested_prompt(row)
    ]


def _is_nested_prompt(row: ProcessRow) -> bool:
    """A shell in a terminal of its own (below sudo or script) that waits at its prompt."""
    return (
        row.name in SHELLS and row.tty not in (None, 0) and row.foreground_group == row.group and row.session == row.pid
    )


def _foreground(front: list[ProcessRow], *, single_keys: bool | None, busy: bool, blocked: Blocked) -> Jobs:
    # In a pipeline the last program is the one a person looks at; those before it wait for it, or work.
    looked_at = max(front, key=lambda row: (row.started, row.pid))
    first = min(front, key=lambda row: (row.started, row.pid))
    job = Jobs(doing="job", name=first.name, count=len(front))
    for row in front:
        if row.name in REMOTE_SESSIONS:
            return Jobs(doing="remote", name=row.name, count=len(front))
    if all(row.name in WINDOWS for row in front):
        return Jobs(doing="window", name=looked_at.name, count=len(front))
    if busy or any(row.state in ("R", "D") for row in front):
        return job
    if blocked(looked_at) == "terminal_read":
        doing: Literal["interactive", "question"] = "interactive" if single_keys else "question"
    elif single_keys:
        doing = "interactive"
    else:
        return job
    waiting_for_it = all(
        row.pid == looked_at.pid
        or row.parent == looked_at.pid
        or looked_at.parent == row.pid
        or blocked(row) == "write"
        for row in front
    )
    return Jobs(doing=doing, name=looked_at.name, count=len(front)) if waiting_for_it else job
