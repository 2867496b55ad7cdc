"""What the engine is told and what it answers. The server writes these, a process of its own reads them.

Every request is whole in itself: the engine reads no configuration but what is in it and its own environment
variables, and answers with one JSON object. Paths are absolute; `prefix` is always the final one.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from ..jobs.context import JobContext
from ..model import Model
from .bounds import EnvironmentSettings
from .condarc import CondaSettings
from .exact import Exact
from .places import Places
from .wishes import Wish

__all__ = [
    "Change",
    "CleanCache",
    "Clone",
    "Create",
    "Engine",
    "EngineRequest",
    "FetchExact",
    "LocateExact",
    "Names",
    "Reinstall",
    "RollBack",
    "Solve",
    "SolveExact",
    "Surroundings",
    "SyncExact",
]


class Surroundings(Model, frozen=True, kw_only=True):
    """What every request to the engine brings: where things lie, how the network is used, what is allowed.

    `settings.allowed_channels` are full addresses here; `subdir` is the platform packages are for (`linux-64`);
    `room_bytes` is what may still be added, null for no bound. Whoever asks holds the prefix's lock (`Places.lock`).
    """

    places: Places
    conda: CondaSettings = CondaSettings()
    settings: EnvironmentSettings = EnvironmentSettings()
    subdir: str = "linux-64"
    room_bytes: int | None = None


class Solve(Model, frozen=True, kw_only=True, tag="solve"):
    """Say what a wish would do to `prefix`, be it there or not. -> {"plan": Plan}."""

    surroundings: Surroundings
    prefix: str
    wish: Wish


class Create(Model, frozen=True, kw_only=True, tag="create"):
    """Make an environment. -> {"prefix", "packages", "version"}; raises Conflict where the prefix is there."""

    surroundings: Surroundings
    prefix: str
    wish: Wish


class Clone(Model, frozen=True, kw_only=True, tag="clone"):
    """Make an environment with the very packages of another, also pip's. -> as Create; with `dry_run` {"plan": Plan}.

    With `keep_id` it is the same environment at another place, with its id and versions.
    """

    surroundings: Surroundings
    source: str
    prefix: str
    command: str = ""
    keep_id: bool = False
    dry_run: bool = False


class Change(Model, frozen=True, kw_only=True, tag="change"):
    """Install, upgrade, remove. -> as Create, and {"changed": bool}; false: there was nothing to do."""

    surroundings: Surroundings
    prefix: str
    wish: Wish


class RollBack(Model, frozen=True, kw_only=True, tag="roll_back"):
    """Bring it back to a kept version. -> as Change; with `dry_run` {"plan": Plan}."""

    surroundings: Surroundings
    prefix: str
    version: int
    dry_run: bool = False


class Reinstall(Model, frozen=True, kw_only=True, tag="reinstall"):
    """Make the same packages anew, for where the environment lies now. -> as Change."""

    surroundings: Surroundings
    prefix: str


class CleanCache(Model, frozen=True, kw_only=True, tag="clean_cache"):
    """Remove the packages from the cache that none of the prefixes uses. -> {"freed_bytes", "removed"}."""

    surroundings: Surroundings
    prefixes: tuple[str, ...] = ()


class Names(Model, frozen=True, kw_only=True, tag="names"):
    """Complete a package's name. -> {"names", "complete", "why"}."""

    surroundings: Surroundings
    channels: tuple[str, ...]
    query: str
    limit: int = 20


class SolveExact(Model, frozen=True, kw_only=True, tag="solve_exact"):
    """Solve a list for platforms, down to each archive's address and hash. -> {"exact": [Exact]}.

    `bundle` is the address of a folder as `FetchExact` makes it; it is asked before the channels and indexes, with
    `bundle_only` instead of them.
    """

    surroundings: Surroundings
    wish: Wish
    platforms: tuple[str, ...]
    bundle: str | None = None
    bundle_only: bool = False


class LocateExact(Model, frozen=True, kw_only=True, tag="locate_exact"):
    """Find addresses and hashes of those packages of pip that have none. -> {"exact": Exact}."""

    surroundings: Surroundings
    exact: Exact


class SyncExact(Model, frozen=True, kw_only=True, tag="sync_exact"):
    """Make an environment equal, be it there or not. -> as Change.

    `keep` names extras that stay, `expected` the plan a person saw (`exact.plan_digest`): with another by now it raises
    Conflict with {"plan", "digest"} and does nothing. `asked` are the specs somebody asked for, null: not known.
    `variables` null: those that are there stay. `bundle` as in SolveExact.
    """

    surroundings: Surroundings
    prefix: str
    exact: Exact
    keep: tuple[str, ...] = ()
    expected: str | None = None
    command: str = ""
    asked: tuple[str, ...] | None = None
    variables: dict[str, str] | None = None
    bundle: str | None = None
    bundle_only: bool = False


class FetchExact(Model, frozen=True, kw_only=True, tag="fetch_exact"):
    """Bring every archive into a folder: `conda/<subdir>/…`, a channel, and `wheels/…`; what is there isn't fetched.

    -> {"fetched", "present", "bytes"}; bytes are of all of them.
    """

    surroundings: Surroundings
    exact: Exact
    folder: str
    bundle: str | None = None


EngineRequest = (
    Solve
    | Create
    | Clone
    | Change
    | RollBack
    | Reinstall
    | CleanCache
    | Names
    | SolveExact
    | LocateExact
    | SyncExact
    | FetchExact
)


class Engine(Protocol):
    """Does what is asked in a process of its own."""

    async def run(self, request: EngineRequest, *, context: JobContext | None) -> dict[str, Any]:
        """Do it and give the answer. Without a job's `context` only what changes nothing may be asked.

        Raises LccError: Unsatisfiable, OutOfBounds, Invalid, Conflict, NotFound, NotReachable, DiskFull.
        """


def encode(request: EngineRequest) -> bytes:
    """Write a request as one line."""
    return msgspec.json.encode(request) + b"\n"


def decode(line: bytes) -> EngineRequest:
    """Read it again."""
    request: EngineRequest = msgspec.json.decode(line, type=EngineRequest)
    return request
