"""The words of environments, also on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ..model import Model, Request, Timestamp

__all__ = [
    "ChangeEnvironment",
    "Channels",
    "CreateEnvironment",
    "Diagnosis",
    "Environment",
    "EnvironmentFile",
    "EnvironmentList",
    "EnvironmentStatus",
    "Export",
    "ExportQuery",
    "Finding",
    "Fix",
    "FixCode",
    "InstalledPackages",
    "KernelOf",
    "Maker",
    "Manager",
    "NameQuery",
    "Names",
    "Package",
    "PackageCache",
    "Plan",
    "PlanChange",
    "PlanItem",
    "Quota",
    "RegisterKernel",
    "Rename",
    "RollBack",
    "RunningKernel",
    "Trashed",
    "Version",
    "VersionDiff",
    "VersionDiffQuery",
    "VersionList",
]

Text = Annotated[str, msgspec.Meta(max_length=1000)]
"""One spec, channel or name as a person wrote it; what it may say is checked by `specs` and `names`."""

Texts = Annotated[tuple[Text, ...], msgspec.Meta(max_length=1000)]
Manager = Literal["conda", "pip"]
EnvironmentStatus = Literal["ready", "incomplete", "broken", "frozen"]
"""`incomplete`: something began to make it and did not end; `broken`: it can't run; `frozen`: others forbid changes."""

Maker = Literal["jupyter_lcc", "conda", "mamba", "micromamba", "pixi", "unknown"]


class KernelOf(Model, frozen=True, kw_only=True):
    """The kernel an environment is registered as. `ours`: we wrote the kernelspec; others' are never touched."""

    spec_name: str
    display_name: str
    ours: bool = True


class RunningKernel(Model, frozen=True, kw_only=True):
    """A kernel that runs in an environment now. `path` is its notebook, null where it has none."""

    kernel_id: str
    spec_name: str
    path: str | None = None
    state: str = "unknown"


class Environment(Model, frozen=True, kw_only=True):
    """One conda environment of this user.

    `name` is unique in a list and stands in the paths of the wire. `persistent` is null where it can't be told whether
    it survives a restart of this machine; `advice` is then, or where it does not survive, a code of what to do.
    `managed`: it lies where we make environments, and may be changed by us. `size_bytes` counts every file once,
    `own_bytes` what deleting it would free (shared bytes are not freed); both null until measured.
    """

    name: str
    prefix: str
    persistent: bool | None
    advice: str | None = None
    managed: bool
    made_by: Maker
    status: EnvironmentStatus
    python: str | None
    package_count: int
    pip_count: int = 0
    size_bytes: int | None = None
    own_bytes: int | None = None
    kernel: KernelOf | None = None
    running_kernels: tuple[RunningKernel, ...] = ()
    channels: tuple[str, ...] = ()
    changed_at: Timestamp | None = None
    job_id: str | None = None


class Trashed(Model, frozen=True, kw_only=True):
    """A deleted environment that can be restored by its `id` until `purged_at` (null: until somebody purges it)."""

    id: str
    name: str
    deleted_at: Timestamp
    purged_at: Timestamp | None = None
    size_bytes: int | None = None


class Quota(Model, frozen=True, kw_only=True):
    """How much room environments take (shared bytes once), how much the administrator allows, what the disk has."""

    used_bytes: int | None
    limit_bytes: int | None
    free_bytes: int | None


class Channels(Model, frozen=True, kw_only=True):
    """Where packages come from unless somebody says otherwise, and which places the administrator allows.

    `problems` is what of conda's configuration can't be followed; with a file that can't be read nothing is installed.
    """

    defaults: tuple[str, ...]
    allowed: tuple[str, ...] | None = None
    offline: bool = False
    problems: tuple[str, ...] = ()


class EnvironmentList(Model, frozen=True, kw_only=True):
    """Everything the section shows. `folder` is where new environments go."""

    environments: tuple[Environment, ...]
    trash: tuple[Trashed, ...] = ()
    folder: str
    channels: Channels
    quota: Quota
    taken_at: Timestamp


class Package(Model, frozen=True, kw_only=True):
    """One installed package. `requested`: somebody asked for it by name. `editable` a folder, for pip's `-e`."""

    name: str
    version: str
    build: str | None = None
    channel: str | None = None
    manager: Manager = "conda"
    requested: bool = False
    size_bytes: int | None = None
    editable: str | None = None


class InstalledPackages(Model, frozen=True, kw_only=True):
    """What is installed, by name."""

    packages: tuple[Package, ...]


class PlanItem(Model, frozen=True, kw_only=True):
    """A package that would come or go. `download_bytes` is 0 where it is in the cache, null where unknown."""

    name: str
    version: str
    build: str | None = None
    channel: str | None = None
    manager: Manager = "conda"
    size_bytes: int | None = None
    download_bytes: int | None = None


class PlanChange(Model, frozen=True, kw_only=True, rename={"from_version": "from", "to_version": "to"}):
    """A package that would change its version or build."""

    name: str
    from_version: str
    to_version: str
    from_build: str | None = None
    to_build: str | None = None
    channel: str | None = None
    manager: Manager = "conda"
    size_bytes: int | None = None
    download_bytes: int | None = None


class Plan(Model, frozen=True, kw_only=True):
    """What a change would do, before anything happens.

    `running_kernels` run in the environment: they go on with what they have loaded, and need a restart to see the
    change. `post_link` names packages whose scripts are not run. `notes` are sentences for a person.
    """

    add: tuple[PlanItem, ...] = ()
    remove: tuple[PlanItem, ...] = ()
    change: tuple[PlanChange, ...] = ()
    download_bytes: int | None = None
    running_kernels: tuple[RunningKernel, ...] = ()
    post_link: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class EnvironmentFile(Request, frozen=True, kw_only=True):
    """A file that says what to install: environment.yml, requirements.txt, an explicit list, conda-lock.yml, pixi.lock.

    Which of them it is, is read from its contents; `name` only helps where they leave a doubt.
    """

    name: Annotated[str, msgspec.Meta(max_length=255)]
    text: Annotated[str, msgspec.Meta(max_length=10_000_000)]


class CreateEnvironment(Request, frozen=True, kw_only=True):
    """What to make: from packages, from a file, or as a clone of another. `pip` are pip's specs.

    `channels` null: the user's own. `dry_run` gives the plan and makes nothing. `name` may be left out where the file
    names one.
    """

    name: Annotated[str, msgspec.Meta(max_length=20_000)] | None = None
    packages: Texts = ()
    pip: Texts = ()
    channels: Texts | None = None
    clone_of: Text | None = None
    file: EnvironmentFile | None = None
    register_kernel: bool = True
    display_name: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    dry_run: bool = False


class ChangeEnvironment(Request, frozen=True, kw_only=True):
    """What to install, upgrade and remove. `upgrade` names packages; `upgrade_all` is everything."""

    install: Texts = ()
    remove: Texts = ()
    upgrade: Texts = ()
    upgrade_all: bool = False
    pip_install: Texts = ()
    pip_remove: Texts = ()
    channels: Texts | None = None
    dry_run: bool = False


class RegisterKernel(Request, frozen=True, kw_only=True):
    """How the kernel is called; null: after the environment."""

    display_name: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class Rename(Request, frozen=True, kw_only=True):
    """The new name."""

    name: Annotated[str, msgspec.Meta(max_length=20_000)]


class Version(Model, frozen=True, kw_only=True):
    """A state an environment was in. `number` counts up from 1; `command` is what led to it."""

    number: int
    at: Timestamp
    command: str
    package_count: int
    added: int = 0
    removed: int = 0
    changed: int = 0
    current: bool = False
    restorable: bool = True


class VersionList(Model, frozen=True, kw_only=True):
    """The versions that are kept, the newest first."""

    versions: tuple[Version, ...]


class VersionDiffQuery(Request, frozen=True, kw_only=True, rename={"from_number": "from", "to_number": "to"}):
    """Between which two versions; without `to`, the present one."""

    from_number: Annotated[int, msgspec.Meta(ge=1)]
    to_number: Annotated[int, msgspec.Meta(ge=1)] | None = None


class VersionDiff(Model, frozen=True, kw_only=True):
    """What lies between two versions."""

    add: tuple[PlanItem, ...] = ()
    remove: tuple[PlanItem, ...] = ()
    change: tuple[PlanChange, ...] = ()


class RollBack(Request, frozen=True, kw_only=True):
    """To which version."""

    version: Annotated[int, msgspec.Meta(ge=1)]
    dry_run: bool = False


class ExportQuery(Request, frozen=True, kw_only=True):
    """In which form. `all` is for yaml: everything that is installed, not only what was asked for."""

    format: Literal["yaml", "explicit", "lock"] = "yaml"
    all: bool = False


class Export(Model, frozen=True, kw_only=True):
    """A file's name and text. `notes` say what it does not hold."""

    file_name: str
    text: str
    notes: tuple[str, ...] = ()


FixCode = Literal[
    "reinstall", "install_ipykernel", "register_kernel", "unregister_kernel", "clean_package_cache", "delete"
]
"""What we can do: install the same packages anew, install ipykernel, write the kernelspec, take it away, empty the
package cache, move the environment to the trash."""


class Finding(Model, frozen=True, kw_only=True):
    """Something the doctor found. `fix` is the code of what can be done by us, null where only a person can.

    `message` says what is wrong and `advice` what to do.
    """

    code: str
    level: Literal["error", "warning", "info"]
    message: str
    advice: str = ""
    fix: FixCode | None = None


class Diagnosis(Model, frozen=True, kw_only=True):
    """What the doctor found; nothing: it is whole."""

    findings: tuple[Finding, ...]


class Fix(Request, frozen=True, kw_only=True):
    """The code of the fix a finding named."""

    fix: FixCode


class NameQuery(Request, frozen=True, kw_only=True):
    """The beginning or a part of a package's name, for completion; `channels` separated by commas."""

    query: Annotated[str, msgspec.Meta(max_length=100)] = ""
    channels: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20


class Names(Model, frozen=True, kw_only=True):
    """Names that fit, the best first. `complete` false: the channel's names could not be read, and `why` says so."""

    names: tuple[str, ...]
    complete: bool = True
    why: str | None = None


class PackageCache(Model, frozen=True, kw_only=True):
    """The packages that were downloaded. `reclaimable_bytes`: what cleaning would free."""

    path: str
    size_bytes: int | None
    reclaimable_bytes: int | None
