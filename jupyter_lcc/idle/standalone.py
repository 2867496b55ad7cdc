"""Which processes are jobs that live without a terminal or kernel: pure reading of the process table."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Literal

import msgspec

from .lineage import Claims, classify_child, is_server
from .process_table import ProcessRow, ProcessTable
from .terminal_jobs import PROMPT_HELPERS, SHELLS

__all__ = ["Job", "find_jobs"]

_MULTIPLEXERS = ("tmux: server", "screen", "tmux", "SCREEN")
_NEVER = PROMPT_HELPERS | {
    "dbus-broker",
    "gvfsd",
    "keychain",
    "sshd",
    "systemd",
    "(sd-pam)",
    "cron",
    "crond",
    "atd",
    "scdaemon",
    "dirmngr",
    "gnome-keyring-d",
    "gnome-keyring-daemon",
}
"""Daemons that come with a login or a first use, live on for ever, and do nobody's work."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job: its first process and all that belong to it. `came_from` is the target it was last seen with.

    `how`: on its own; the shell of a pane in tmux or screen; or a notebook run that the server started.
    """

    root: ProcessRow
    rows: tuple[ProcessRow, ...]
    how: Literal["alone", "pane", "notebook_run"]
    came_from: str | None = None


def find_jobs(
    table: ProcessTable,
    claims: Claims,
    server_pid: int,
    came_from: Callable[[ProcessRow], str | None],
    others: Set[int] = frozenset(),
) -> list[Job]:
    """Find the jobs among what belongs to no kernel and no terminal (`claims`).

    `others` are the ports of other servers that run: what comes from their terminals is theirs to look after.

    `came_from` names the target a process was last seen with. Never found: this server and what it runs for itself,
    other Jupyter servers and what is below them, and the daemons of a login.
    """
    ancestors = table.ancestors(server_pid)
    barred = {server_pid} | ancestors
    jobs = _notebook_runs(table, claims, server_pid)
    taken = {row.pid for job in jobs for row in job.rows} | claims.owner.keys()
    servers = {
        pid
        for pid, origin in table.origins.items()
        if is_server(origin.argv) and pid != server_pid and pid not in ancestors and pid in table.rows
    }
    for pid in servers:
        barred |= {each.pid for each in table.tree(pid)}
    for row in table.children(server_pid):
        if not _left_jupyter(table, row, came_from):
            barred |= {each.pid for each in table.tree(row.pid)}

    panes: list[Job] = []
    for row in table.rows.values():
        if row.name in _MULTIPLEXERS and row.pid in table.origins and row.tty == 0 and row.pid not in taken:
            if table.origins[row.pid].server_port in others:
                barred |= {each.pid for each in table.tree(row.pid)}
                continue
            barred.add(row.pid)
            for child in table.children(row.pid):
                tree = table.tree(child.pid)
                barred |= {each.pid for each in tree}
                if not any(each.pid == server_pid or each.pid in servers for each in tree):
                    panes.append(Job(root=child, rows=tuple(_alive(tree)), how="pane"))

    candidates = {
        row.pid: row
        for row in table.rows.values()
        if row.pid not in barred
        and row.pid not in taken
        and row.state not in ("Z", "X")
        and row.pid in table.origins
        and row.name not in _NEVER
        and (came_from(row) is not None or table.origins[row.pid].from_jupyter)
        and table.origins[row.pid].server_pid not in servers
        and (came_from(row) is not None or table.origins[row.pid].server_port not in others)
    }
    return [*jobs, *(pane for pane in panes if pane.rows), *_grouped(table, candidates, came_from)]


def _grouped(
    table: ProcessTable, candidates: dict[int, ProcessRow], came_from: Callable[[ProcessRow], str | None]
) -> list[Job]:
    """Make one job of what has one session; its root is the session's leader or, without one, the oldest."""
    tops: dict[int, int] = {}
    for pid in candidates:
        top = pid
        while (parent := candidates[top].parent) in candidates:
            top = parent
        tops[pid] = top
    groups: dict[int, list[ProcessRow]] = {}
    for pid, top in tops.items():
        session = candidates[top].session
        groups.setdefault(session if session is not None else top, []).append(candidates[pid])
    jobs: list[Job] = []
    for session, rows in groups.items():
        root = next((row for row in rows if row.pid == session), None) or min(rows, key=lambda r: (r.started, r.pid))
        if root.name in SHELLS and len(rows) == 1 and root.tty not in (None, 0) and root.foreground_group == root.group:
            continue  # a shell at its prompt, in a terminal that isn't Jupyter's
        jobs.append(Job(root=root, rows=tuple(rows), how="alone", came_from=came_from(root)))
    return jobs


def _notebook_runs(table: ProcessTable, claims: Claims, server_pid: int) -> list[Job]:
    jobs: list[Job] = []
    for row in table.children(server_pid):
        origin = table.origins.get(row.pid)
        if origin is None or row.pid in claims.owner or row.state == "Z":
            continue
        tree = table.tree(row.pid)
        below = [table.origins[each.pid].argv for each in tree[1:] if each.pid in table.origins]
        if classify_child(origin.argv, below) == "notebook_run":
            jobs.append(Job(root=row, rows=tuple(_alive(tree)), how="notebook_run"))
    return jobs


def _left_jupyter(table: ProcessTable, row: ProcessRow, came_from: Callable[[ProcessRow], str | None]) -> bool:
    """Tell whether a child of the server is an orphan of a terminal or kernel.

    A server that is the container's first process, or a subreaper, inherits them. Its other children are kernels and
    terminals that come or go just now, language servers and proxied apps.
    """
    origin = table.origins.get(row.pid)
    if origin is None or classify_child(origin.argv) == "kernel":
        return False
    if row.name in SHELLS and row.tty not in (None, 0):
        return False
    return came_from(row) is not None or (origin.from_jupyter and origin.server_pid is None)


def _alive(rows: list[ProcessRow]) -> list[ProcessRow]:
    return [row for row in rows if row.state not in ("Z", "X")]
