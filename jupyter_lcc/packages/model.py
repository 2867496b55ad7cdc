"""The words of package lists, also on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ..environments.model import Manager, Plan, RunningKernel
from ..model import Model, Request, Timestamp

__all__ = [
    "AddSource",
    "BundleList",
    "ChangedBy",
    "CheckedText",
    "Conflicting",
    "Drift",
    "DriftItem",
    "HistoryQuery",
    "ListDiff",
    "ListHistory",
    "ListSettings",
    "ListState",
    "ListStates",
    "ListStatus",
    "ListText",
    "MergeList",
    "MergedList",
    "PackageList",
    "PublishList",
    "PutList",
    "Refusal",
    "RemoveList",
    "RestoreList",
    "Revision",
    "Signature",
    "SourceKind",
    "SourceList",
    "SourcePlace",
    "SourceState",
    "Stored",
    "SyncList",
    "SyncMode",
    "TextProblem",
    "ValidateList",
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
this platform and none was chosen here yet, so syncing solves first; `refused`: the administrator's bounds forbid it;
`invalid`: the list can't be read; `unreachable`: its source did not answer and it was never synced here."""

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


class Refusal(Model, frozen=True, kw_only=True):
    """What is refused and by which rule: `denied_packages: evil*`. `platform` is the lock's, null for the list."""

    rule: str
    subject: str
    message: str
    platform: str | None = None


class SourcePlace(Model, frozen=True, kw_only=True):
    """Where lists are kept: a folder's path, `s3://bucket/prefix`, or `git:` and the path of a checkout.

    The rest says how: of S3 `region`, `encryption` (AES256, aws:kms), `kms_key_id`, `owner` (an account's number); of
    git `branch`, `remote` and the `folder` in it. `configured`: the administrator's. `mode` null: as for all.
    `bundle_only`: packages of its lists come from its bundle and from nowhere else; no channel or index is asked.
    """

    place: str
    id: str
    configured: bool = False
    mode: SyncMode | None = None
    region: str | None = None
    encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    kms_key_id: str | None = None
    owner: str | None = None
    branch: str | None = None
    remote: str | None = None
    folder: str = ""
    bundle_only: bool = False


class ListSettings(Model, frozen=True, kw_only=True):
    """What `LccPackageLists` says, but for the bounds.

    `required` names lists every machine has, a `*` at the end for any rest; only those of the administrator's sources
    count. `keep` names packages that stay in every environment. `user_sources`: users may add their own. `indexes` are
    where pip's packages of a list come from, the first first; empty: where each machine takes them from.
    """

    sources: tuple[SourcePlace, ...] = ()
    required: tuple[str, ...] = ()
    mode: SyncMode = "notify"
    poll_seconds: int = 300
    keep: tuple[str, ...] = ()
    user_sources: bool = True
    indexes: tuple[str, ...] = ()


class SourceState(Model, frozen=True, kw_only=True):
    """A source of lists. `place` is shown, and holds no secrets.

    `configured`: the administrator's; it can't be removed here. `safe`: no update can be lost there; where not,
    `why_not_safe` says why; null where nobody has written there yet. `hidden` names lists that another source, asked
    before this one, has too. `problem` is what keeps it from answering now.
    """

    id: str
    kind: SourceKind
    place: str
    configured: bool = False
    mode: SyncMode = "notify"
    writable: bool = True
    safe: bool | None = None
    why_not_safe: str | None = None
    hidden: tuple[str, ...] = ()
    problem: str | None = None


class SourceList(Model, frozen=True, kw_only=True):
    """The sources, in the order they are asked. `may_add`: the administrator lets users add their own."""

    sources: tuple[SourceState, ...]
    may_add: bool = True


class ListState(Model, frozen=True, kw_only=True):
    """A list and the environment that is to equal it. `drift` is what a sync would do.

    `revision` is the newest that is known, `synced_revision` the one the environment was last made equal to.
    `from_copy`: the source did not answer, and what was read last holds. `set_hash` names the set of packages that is
    installed, `wanted_hash` the one of the lock: equal, and the same on every machine that is in sync. `refused` is
    what the administrator's bounds forbid of it. `keep` are the packages that stay though the list has them not.
    `locked`: it has a lock for this platform; without one, what was chosen here counts until the list changes.
    `message` is a sentence for a person, "" where there is nothing to say.
    """

    name: str
    source: str
    environment: str
    status: ListStatus
    required: bool = False
    mode: SyncMode = "off"
    revision: Revision | None = None
    synced_revision: int | None = None
    synced_at: Timestamp | None = None
    etag: str | None = None
    package_count: int = 0
    set_hash: str | None = None
    wanted_hash: str | None = None
    locked: bool = True
    platforms: tuple[str, ...] = ()
    drift: Plan = Plan()
    changed: Drift = Drift()
    refused: tuple[Refusal, ...] = ()
    keep: tuple[str, ...] = ()
    running_kernels: tuple[RunningKernel, ...] = ()
    job_id: str | None = None
    from_copy: bool = False
    checked_at: Timestamp | None = None
    message: str = ""


class ListStates(Model, frozen=True, kw_only=True):
    """Everything the section shows. `platform` is this machine's."""

    lists: tuple[ListState, ...]
    sources: tuple[SourceState, ...] = ()
    may_add_sources: bool = True
    platform: str = ""
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

    def entity_tag(self) -> str:
        """What names exactly this state."""
        return self.etag


class ListDiff(Plan, frozen=True, kw_only=True):
    """What a sync would do, before anything happens. `plan_hash` and `etag` say to `sync` what was shown.

    `changed` tells who changed what since the last sync. `to_solve`: the list has no lock for this `platform`, and
    nobody has solved it here yet; `add`, `remove` and `change` are empty then and `plan_hash` is "", which no sync
    takes for a plan that was seen. `solved_here`: it was solved here, and another machine may get other packages.
    """

    name: str
    environment: str
    status: ListStatus
    plan_hash: str
    etag: str
    revision: Revision | None = None
    platform: str = ""
    changed: Drift = Drift()
    refused: tuple[Refusal, ...] = ()
    keep: tuple[str, ...] = ()
    to_solve: bool = False
    solved_here: bool = False
    from_copy: bool = False
    message: str = ""


class ListHistory(Model, frozen=True, kw_only=True):
    """The revisions, the newest first."""

    revisions: tuple[Revision, ...]


class TextProblem(Model, frozen=True, kw_only=True):
    """Something wrong with a text. `line` and `column` count from 1; null where it is about the whole.

    `level` warning: it can be published, and has no effect. `rule` names the administrator's, where it is refused.
    """

    message: str
    line: int | None = None
    column: int | None = None
    level: Literal["error", "warning"] = "error"
    rule: str | None = None


class CheckedText(Model, frozen=True, kw_only=True):
    """What a text was understood as (null: it can't be), and all that is wrong with it."""

    understood: PackageList | None = None
    problems: tuple[TextProblem, ...] = ()


class MergedList(Model, frozen=True, kw_only=True):
    """Two people's changes joined. `text` is what could be published over `etag` next: theirs with mine added.

    `base` is what both began with, "" where that was nothing. Of each of `conflicts` a person chooses a side; `text`
    has theirs.
    """

    base: str = ""
    mine: str
    theirs: str
    text: str
    conflicts: tuple[Conflicting, ...] = ()
    etag: str
    revision: Revision


class PutList(Request, frozen=True, kw_only=True):
    """A new text of a list. The ETag it was made from comes in If-Match; none: the list must not be there yet."""

    text: Text
    message: Message = ""
    source: Name | None = None


class PublishList(Request, frozen=True, kw_only=True):
    """Publish what an environment holds. `exact`: every package with its version, not only what was asked for.

    Over a list that is there: the ETag it was shown with comes in If-Match.
    """

    environment: Name
    source: Name | None = None
    message: Message = ""
    exact: bool = False


class SyncList(Request, frozen=True, kw_only=True):
    """Make the environment equal to its list. `etag` and `plan_hash` are of what was shown: if it is another by now, it
    isn't done but asked again. `keep` null: the packages that were kept last time."""

    etag: Name | None = None
    plan_hash: Name | None = None
    keep: Annotated[tuple[Name, ...], msgspec.Meta(max_length=1000)] | None = None
    dry_run: bool = False


class RestoreList(Request, frozen=True, kw_only=True):
    """Bring an old revision's text and lock back, as a new revision."""

    revision: Annotated[int, msgspec.Meta(ge=1)]
    message: Message = ""


class RemoveList(Request, frozen=True, kw_only=True):
    """Why it is removed. Its history stays."""

    message: Message = ""


class MergeList(Request, frozen=True, kw_only=True):
    """My text, and the ETag it was made from (null: from nothing)."""

    text: Text
    etag: Name | None = None


class ValidateList(Request, frozen=True, kw_only=True):
    """A text as it is typed."""

    text: Text


class BundleList(Request, frozen=True, kw_only=True):
    """For which platforms (`linux-64`) the files are put into the source; null: for all of the lock.

    `prune`: afterwards the bundle's files go that no lock of the newest `revisions` (null: all there are) of any list
    of the source names.
    """

    platforms: Annotated[tuple[Name, ...], msgspec.Meta(max_length=20)] | None = None
    prune: bool = False
    revisions: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None


class HistoryQuery(Request, frozen=True, kw_only=True):
    """How many, at most."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class AddSource(Request, frozen=True, kw_only=True):
    """A place lists are kept in: a folder's path, `s3://bucket/prefix`, or `git:` and the path of a checkout."""

    place: Annotated[str, msgspec.Meta(max_length=2000)]
    mode: SyncMode = "notify"
