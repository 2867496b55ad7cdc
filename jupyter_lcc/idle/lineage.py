"""Which process belongs to which kernel or terminal: pure. Also what left its parent (`setsid`, a double fork).

A process belongs to a target if it descends from it; or it has the session id of the target's first process; or,
for a kernel, if it was seen in its tree at an earlier look, or carries its marks in its environment. What left a
terminal belongs to it no more: it lives on without it, and is a job of its own (`detached.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from .process_table import Origin, ProcessRow, ProcessTable

__all__ = ["Claims", "Family", "Root", "ServerChild", "classify_child", "is_server", "program_of", "script_of"]

ServerChild = Literal["kernel", "language_server", "notebook_run", "other"]
"""What a direct child of a Jupyter server is; `other` are proxied apps and the rest. Terminals are known by pid."""

_RUNS = frozenset(
    ("papermill", "jupyter-nbconvert", "jupyter-execute", "nbconvert", "jupyter_scheduler", "jupyter-run")
)
_SERVERS = frozenset(
    (
        "jupyter-lab",
        "jupyter-labhub",
        "jupyter-notebook",
        "jupyter-server",
        "jupyter-nbclassic",
        "jupyterhub",
        "jupyterhub-singleuser",
    )
)
_SERVER_MODULES = frozenset(("jupyterlab", "jupyter_server", "notebook", "nbclassic", "jupyterhub.singleuser"))
_SERVER_COMMANDS = frozenset(("lab", "labhub", "notebook", "server", "nbclassic"))


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """A target's first process. `collects` what has left its tree: kernels do.

    `counts` is false while something else explains what the processes use (a cell runs, it starts up); what was
    used before `quiet_since` doesn't count either. `chatter` is the seconds it spent on chatter so far, `ports` its
    own channels.
    """

    target_id: str
    pid: int
    collects: bool = False
    counts: bool = True
    quiet_since: datetime | None = None
    chatter: float = 0.0
    ports: frozenset[int] = frozenset()


class Claims(msgspec.Struct, frozen=True):
    """Who belongs to which target at one moment: `members` by target, `owner` by pid."""

    members: dict[str, list[ProcessRow]]
    owner: dict[int, str]


class Family:
    """Remember who was seen where."""

    def __init__(self) -> None:
        self._sources: list[Callable[[], Sequence[Root]]] = []
        self._memory: dict[tuple[int, int], str] = {}
        self._last: tuple[ProcessTable, set[tuple[str, int]], Claims] | None = None

    def add(self, roots: Callable[[], Sequence[Root]]) -> None:
        """Ask this one too which targets there are."""
        self._sources.append(roots)

    def roots(self) -> list[Root]:
        """Name the targets there are now."""
        return [root for source in self._sources for root in source()]

    def claims(self, table: ProcessTable) -> Claims:
        """Share the processes out; each belongs to one target at most. For the same moment it is done once."""
        roots = self.roots()
        there = {(root.target_id, root.pid) for root in roots}
        if self._last is not None and self._last[0] is table and self._last[1] == there:
            return self._last[2]
        claims = _share(table, roots, self._memory)
        for target_id, rows in claims.members.items():
            for row in rows:
                self._memory[row.pid, row.started] = target_id
        for key in [key for key in self._memory if _row_of(table, key) is None]:
            del self._memory[key]
        self._last = (table, there, claims)
        return claims

    def came_from(self, row: ProcessRow) -> str | None:
        """Name the target a process was last seen with."""
        return self._memory.get((row.pid, row.started))


def _row_of(table: ProcessTable, key: tuple[int, int]) -> ProcessRow | None:
    row = table.rows.get(key[0])
    return row if row is not None and row.started == key[1] else None


def _share(table: ProcessTable, roots: Sequence[Root], memory: dict[tuple[int, int], str]) -> Claims:
    members: dict[str, list[ProcessRow]] = {root.target_id: [] for root in roots}
    owner: dict[int, str] = {}
    starts = {root.pid for root in roots}

    def take(pid: int, target_id: str) -> None:
        for row in table.tree(pid, without=starts - {pid}):
            if row.pid not in owner:
                owner[row.pid] = target_id
                members[target_id].append(row)

    for root in roots:
        take(root.pid, root.target_id)
    sessions = {root.pid: root.target_id for root in roots}
    collecting = {root.target_id for root in roots if root.collects}
    marks = _marks_of(table, [root for root in roots if root.collects])
    for row in list(table.rows.values()):
        if row.pid in owner or row.state == "Z":
            continue
        target_id = sessions.get(row.session) if row.session is not None else None
        remembered = memory.get((row.pid, row.started))
        if target_id is None and remembered in collecting:
            target_id = remembered
        if target_id is None and (found := marks.get(_mark(table.origins.get(row.pid)))) is not None:
            target_id = found[0] if row.started >= found[1] else None
        if target_id is not None:
            take(row.pid, target_id)
    return Claims(members, owner)


_Mark = tuple[int, str | None]


def _mark(origin: Origin | None) -> _Mark | None:
    return None if origin is None or origin.server_pid is None else (origin.server_pid, origin.session_name)


def _marks_of(table: ProcessTable, kernels: Sequence[Root]) -> dict[_Mark | None, tuple[str, int]]:
    """Name the kernel for each mark that only one kernel has, with when it started."""
    found = [(_mark(table.origins.get(root.pid)), root) for root in kernels if root.pid in table.rows]
    times = Counter(mark for mark, _root in found)
    return {
        mark: (root.target_id, table.rows[root.pid].started)
        for mark, root in found
        if mark is not None and times[mark] == 1
    }


def classify_child(argv: Sequence[str], below: Iterable[Sequence[str]] = ()) -> ServerChild:
    """Say what a direct child of a Jupyter server is, by its arguments and those of what runs below it.

    jupyter-scheduler executes a notebook in a process that multiprocessing has spawned, whose own arguments say
    nothing; but what has a kernel below it runs notebooks.
    """
    if _is_kernel(argv):
        return "kernel"
    names = {_base(part) for part in argv[:4]}
    if names & _RUNS or _runs_jupyter(argv, frozenset(("nbconvert", "execute", "run"))):
        return "notebook_run"
    if any(_is_kernel(each) for each in below) and not is_server(argv):
        return "notebook_run"
    if any(
        "languageserver" in name or "language-server" in name or "-lsp" in name or "pylsp" in name for name in names
    ):
        return "language_server"
    return "other"


def is_server(argv: Sequence[str]) -> bool:
    """Tell whether these are the arguments of a Jupyter server."""
    head = [_base(part) for part in argv[:3]]
    if any(name in _SERVERS for name in head[:2]):
        return True
    if len(argv) > 2 and argv[1] == "-m" and argv[2].split(".__main__")[0] in _SERVER_MODULES:
        return True
    return _runs_jupyter(argv, _SERVER_COMMANDS)


def program_of(argv: Sequence[str], name: str) -> str:
    """Name a process in a few words that hold no secret: the program and, for an interpreter, its script."""
    if not argv:
        return name
    program = _base(argv[0].split(" ")[0]) or name
    script = script_of(argv)
    return f"{program} {script}" if script else program


def script_of(argv: Sequence[str]) -> str | None:
    """Give the script or module an interpreter was given, None if there is none."""
    program = _base(argv[0].split(" ")[0]).lstrip("-") if argv else ""
    if not program.startswith(("python", "bash", "sh", "dash", "zsh", "node", "Rscript", "perl", "ruby", "julia", "R")):
        return None
    following = iter(argv[1:])
    for part in following:
        if part == "-m":
            return next(following, None)
        if part.startswith("-c") or part in ("-e", "--eval"):
            return None
        if not part.startswith("-"):
            return _base(part)[:60]
        if part in ("-W", "-X"):
            next(following, None)
    return None


def _is_kernel(argv: Sequence[str]) -> bool:
    return any(part.split(".")[0] in ("ipykernel_launcher", "ipykernel") for part in argv[1:4])


def _runs_jupyter(argv: Sequence[str], commands: frozenset[str]) -> bool:
    for at, part in enumerate(argv[:3]):
        if _base(part) == "jupyter" and len(argv) > at + 1:
            return argv[at + 1] in commands
    return False


def _base(path: str) -> str:
    return path.rsplit("/", 1)[-1]
