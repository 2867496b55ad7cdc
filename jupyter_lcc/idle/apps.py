"""Which processes are other ways to use this machine: proxied apps, remote editors, ssh sessions. Pure.

A proxied app is what the server itself started and what is neither a kernel, a terminal, a language server nor a
notebook run: code-server, RStudio, TensorBoard by jupyter-server-proxy. A remote editor is known by its program's path:
VS Code's and its relatives' servers unpack into folders of their own, JetBrains' calls itself remote-dev-server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Literal

import msgspec

from .lineage import classify_child, is_server, program_of
from .process_table import ProcessRow, ProcessTable

__all__ = ["App", "busiest", "find_apps"]

_EDITOR = re.compile(
    r"(/\.(vscode|vscode-server|vscode-server-insiders|cursor-server|windsurf-server|vscodium-server|positron-server)/)"
    r"|(^|/)(code-server|openvscode-server|remote-dev-server|jetbrains-gateway)"
)
_SSH = ("sshd", "sshd-session")


class App(msgspec.Struct, frozen=True, kw_only=True):
    """One such use: its first process and all below it. `tty` is an ssh session's terminal."""

    kind: Literal["proxied_app", "remote_editor", "ssh_session"]
    name: str
    root: ProcessRow
    rows: tuple[ProcessRow, ...]
    tty: int | None = None

    @property
    def key(self) -> str:
        return f"{self.root.pid}-{self.root.started}"


def find_apps(table: ProcessTable, server_pid: int, taken: Set[int]) -> list[App]:
    """Find them. `taken` are the first processes of kernels, terminals and jobs; other users' are never looked at."""
    return [*_proxied(table, server_pid, taken), *_editors(table, server_pid, taken), *_sessions(table)]


def _proxied(table: ProcessTable, server_pid: int, taken: Set[int]) -> Iterable[App]:
    server = table.rows.get(server_pid)
    for row in table.children(server_pid):
        origin = table.origins.get(row.pid)
        if origin is None or not origin.argv or row.pid in taken or row.state in ("Z", "X"):
            continue
        if server is not None and row.tty not in (None, 0, server.tty):
            continue  # the shell of a terminal
        tree = table.tree(row.pid)
        below = (table.origins[each.pid].argv for each in tree[1:] if each.pid in table.origins)
        if is_server(origin.argv) or _is_of_python(origin.argv) or classify_child(origin.argv, below) != "other":
            continue
        if any(each.pid in taken for each in tree):
            continue
        yield App(kind="proxied_app", name=program_of(origin.argv, row.name)[:100], root=row, rows=tuple(tree))


def _is_of_python(argv: Sequence[str]) -> bool:
    """Tell whether it only serves the server's own multiprocessing: it starts others, or cleans up after them."""
    return any("from multiprocessing." in part for part in argv[1:4]) and not any("spawn_main" in part for part in argv)


def _editors(table: ProcessTable, server_pid: int, taken: Set[int]) -> Iterable[App]:
    own = {each.pid for each in table.tree(server_pid)} | table.ancestors(server_pid)
    found = {pid for pid, origin in table.origins.items() if any(_EDITOR.search(part) for part in origin.argv[:2])}
    for pid in sorted(found - own - set(taken)):
        row = table.rows.get(pid)
        if row is None or table.ancestors(pid) & found:
            continue
        argv = table.origins[pid].argv
        yield App(
            kind="remote_editor",
            name=program_of(argv, row.name)[:100],
            root=row,
            rows=tuple(each for each in table.tree(pid) if each.pid not in own),
        )


def _sessions(table: ProcessTable) -> Iterable[App]:
    for row in table.rows.values():
        if row.pid not in table.origins or row.tty in (None, 0) or row.name in _SSH:
            continue
        parent = table.rows.get(row.parent)
        if parent is not None and parent.name in _SSH:
            yield App(kind="ssh_session", name="ssh", root=row, rows=(row,), tty=row.tty)


def busiest(before: Mapping[int, int], now: Mapping[int, int], seconds: float) -> float:
    """Give the bytes a second that came in over the busiest connection, of counts by inode.

    New ones don't count yet: a page that connects again sends more at once than a person in a minute.
    """
    return max((now[inode] - before[inode] for inode in now.keys() & before.keys()), default=0) / seconds
