"""The words of package lists, also on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ..environments.model import Manager, Plan, RunningKernel
from ..model import Model, Request, Timestamp

__all__ = [
    "AddSource",
    "ChangedBy",
    "Conflicting",
    "Drift",
    "DriftItem",
    "HistoryQuery",
    "ListHistory",
    "ListState",
    "ListStates",
    "ListStatus",
    "ListText",
    "PackageList",
    "PublishList",
    "PutList",
    "RemoveList",
    "RestoreList",
    "Revision",
    "Signature",
    "SourceKind",
    "SourceState",
    "Stored",
    "SyncList",
    "SyncMode",
]

MAX_LIST = 1_000_000
"""The longest text of a list, in bytes: a thousand packages with a comment each are a tenth of it."""

MAX_LOCK = 20_000_000
"""The longest lock, in bytes: five platforms of a thousand packages are half of it."""

SourceKind = Literal["directory", "s3", "git"]
SyncMode = Literal["off", "notify", "apply"]
"""What happens at server start and every so often: nothing, a word of drift, or the sync itself."""

ListStatus = Literal[
    "in_sync",
    "drifted",
    "behind",
    "drifted_and_behind",
    "not_installed",
    "syncing",
    "unlocked",
    "refused",
    "invalid",
    "unreachable",
]
"""`drifted`: the environment was changed since the last sync; `behind`: the list was; `unlocked`: there is no lock for
this platform, so syncing solves first; `refused`: the administrator's bounds forbid it; `invalid`: the list can't be
read; `unreachable`: its source did not answer and it was never synced here."""

ChangedBy = Literal["here", "list", "both"]
Name = Annotated[str, msgspec.Meta(max_length=20_000)]
Message = Annotated[str, msgspec.Meta(max_length=2000)]
Text = Annotated[str, msgspec.Meta(max_length=10_000_000)]


class PackageList(Model, frozen=True, kw_only=True):
    """What a list asks for, understood. Specs are written as the solver reads them.

    `conda` maps names to specs; `pip` maps names (with their marker, so that a name may stand once for each) to
    requirements. No `platforms`: any. `notes` say what the text holds that has no effect.
    """

    name: str | None = None
    channels: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    conda: dict[str, str] = msgspec.field(default_factory=dict)
    pip: dict[str, str] = msgspec.field(default_factory=dict)
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Signature(Model, frozen=True, kw_only=True):
    """Who publishes, when by their machine's clock, and why."""

    author: str
    at: Timestamp
    message: str = ""


class Revision(Model, frozen=True, kw_only=True):
    """The record of one publishing. `number` counts up from 1 and orders them; no clock does.

    `id` is made of everything else in it; `parent` is the id it was made from, null for the first. The hashes are
    sha256 of the files' bytes. `restored_from` is the number of the revision whose text this one brings back.
    `removed`: the list was removed here; it can be restored. `outside`: somebody wrote the file without us, so author
    and time are what the file system tells.
    """

    number: int
    id: str
    parent: str | None = None
    at: Timestamp
    author: str
    message: str = ""
    list_sha256: str | None = None
    lock_sha256: str | None = None
    restored_from: int | None = None
    removed: bool = False
    outside: bool = False


class Stored(Model, frozen=True, kw_only=True):
    """A list as its source holds it: text as it was written, the lock beside it, the record.

    `etag` names exactly this state; a condition for the next write. `lock_fits`: there is a lock, and nothing says that
    it was made from another text.
    """

    name: str
    etag: str
    text: str
    lock: str | None = None
    revision: Revision
    lock_fits: bool = True


class DriftItem(Model, frozen=True, kw_only=True):
    """One package that differs. Versions are null where it wasn't there; `synced` is what the last sync left.

    `by` tells who changed it since then: somebody on this machine, the list, or both.
    """

    name: str
    manager: Manager = "conda"
    synced: str | None = None
    installed: str | None = None
    wanted: str | None = None
    by: ChangedBy


class Drift(Model, frozen=True, kw_only=True):
    """What happened since the last sync. `known` false: there was none, so nobody can tell who changed what."""

    items: tuple[DriftItem, ...] = ()
    known: bool = True


class Conflicting(Model, frozen=True, kw_only=True):
    """A part of a list that two people changed differently. Null: not there.

    `section` is conda, pip, channels, platforms, variables or name; `base` is what both began with.
    """

    section: Literal["conda", "pip", "channels", "platforms", "variables", "name"]
    name: str = ""
    base: str | None = None
    mine: str | None = None
    theirs: str | None = None


class SourceState(Model, frozen=True, kw_only=True):
    """A source of lists. `place` is shown, and holds no secrets.

    `required`: an administrator's, every machine has its lists. `safe`: no update can be lost there; where not,
    `why_not_safe` says why. `problem` is what keeps it from answering now.
    """

    id: str
    kind: SourceKind
    place: str
    required: bool = False
    writable: bool = True
    safe: bool = True
    why_not_safe: str | None = None
    problem: str | None = None


class ListState(Model, frozen=True, kw_only=True):
    """A list and the environment that is to equal it. `drift` is what a sync would do.

    `revision` is the newest that is known, `synced_revision` the one the environment was last made equal to.
    `from_copy`: the source did not answer, and what was read last holds. `set_hash` names the installed set of
    packages: the same on every machine that is in sync.
    """

    name: str
    source: str
    environment: str
    status: ListStatus
    required: bool = False
    mode: SyncMode = "off"
    revision: Revision | None = None
    synced_revision: int | None = None
    etag: str | None = None
    package_count: int = 0
    set_hash: str | None = None
    platforms: tuple[str, ...] = ()
    drift: Plan = Plan()
    changed: Drift = Drift()
    running_kernels: tuple[RunningKernel, ...] = ()
    job_id: str | None = None
    from_copy: bool = False
    checked_at: Timestamp | None = None
    message: str = ""


class ListStates(Model, frozen=True, kw_only=True):
    """Everything the section shows."""

    lists: tuple[ListState, ...]
    sources: tuple[SourceState, ...] = ()
    taken_at: Timestamp


class ListText(Model, frozen=True, kw_only=True):
    """A list for editing: the text as it was written, what it was understood as, and the ETag to write it back with."""

    name: str
    source: str
    text: str
    understood: PackageList | None = None
    problem: str | None = None
    revision: Revision
    etag: str
    lock_fits: bool = True


class ListHistory(Model, frozen=True, kw_only=True):
    """The revisions, the newest first."""

    revisions: tuple[Revision, ...]


class PutList(Request, frozen=True, kw_only=True):
    """A new text of a list. The ETag it was made from comes in If-Match; none: the list must not be there yet."""

    text: Text
    message: Message = ""
    source: Name | None = None


class PublishList(Request, frozen=True, kw_only=True):
    """Publish what an environment holds. `exact`: every package with its version, not only what was asked for."""

    environment: Name
    source: Name | None = None
    message: Message = ""
    exact: bool = False


class SyncList(Request, frozen=True, kw_only=True):
    """Make the environment equal to its list. `etag` and `plan_hash` are of what was shown: if it is another by now, it
    isn't done but asked again."""

    etag: Name | None = None
    plan_hash: Name | None = None
    keep: Annotated[tuple[Name, ...], msgspec.Meta(max_length=1000)] = ()
    dry_run: bool = False


class RestoreList(Request, frozen=True, kw_only=True):
    """Bring an old revision's text and lock back, as a new revision."""

    revision: Annotated[int, msgspec.Meta(ge=1)]
    message: Message = ""


class RemoveList(Request, frozen=True, kw_only=True):
    """Remove a list from its source; its history stays."""

    message: Message = ""


class HistoryQuery(Request, frozen=True, kw_only=True):
    """How many, at most."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class AddSource(Request, frozen=True, kw_only=True):
    """A place lists are kept in: a folder's path, `s3://bucket/prefix`, or `git:` and the path of a checkout."""

    place: Annotated[str, msgspec.Meta(max_length=2000)]
    mode: SyncMode = "notify"
