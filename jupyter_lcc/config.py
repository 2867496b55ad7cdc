"""What an administrator configures, the Jupyter way; each section hands out one frozen value."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from traitlets import Bool, Dict, Enum, Float, Integer, List, TraitError, Unicode, Union, validate
from traitlets.config import LoggingConfigurable

from .environments.bounds import EnvironmentSettings
from .idle.model import Mode
from .idle.policy import DURATIONS, Bounds, PolicyInput
from .model import MAX_SECONDS
from .packages.bounds import ListBounds
from .packages.model import ListSettings, SourcePlace, SyncMode

__all__ = ["LccEnvironments", "LccIdle", "LccPackageLists"]


def _seconds(name: Any, help: str, *, lowest: int = 0) -> Any:
    return Integer(DURATIONS[name], min=lowest, max=MAX_SECONDS, help=help).tag(config=True)


class LccIdle(LoggingConfigurable):
    """Limits of idle shutdown. All durations are seconds."""

    mode = Enum(
        ("enforce", "observe", "off"),
        "enforce",
        help="`enforce` shuts down what is idle; `observe` decides, logs and shows the same but shuts nothing "
        "down; `off` decides nothing.",
    ).tag(config=True)
    kernel_timeout_seconds = _seconds(
        "kernel_timeout_seconds", "Shut a kernel down when nobody used it and it did no work for this long. 0: never."
    )
    terminal_timeout_seconds = _seconds(
        "terminal_timeout_seconds",
        "The same for a terminal at its prompt, or with a pager or editor left open. 0: never.",
    )
    instance_timeout_seconds = _seconds(
        "instance_timeout_seconds",
        "Stop the machine itself when nobody used anything on it and nothing worked for this long, and nothing on it "
        "is kept. 0: never.",
    )
    waiting_timeout_seconds = _seconds(
        "waiting_timeout_seconds",
        "Shut down what waits for a person (`input()` in a kernel, a question in a terminal) for this long. 0: never.",
    )
    warn_seconds = _seconds(
        "warn_seconds",
        "How long before a shutdown people are warned. Nothing is shut down with a shorter warning.",
        lowest=1,
    )
    check_interval_seconds = _seconds(
        "check_interval_seconds",
        "Look at everything at least this often. Deadlines are met exactly, whatever this says.",
        lowest=1,
    )
    max_lease_seconds = _seconds(
        "max_lease_seconds",
        "The longest time one *Keep* can give; a longer one is granted as this long. 0: no keeping.",
    )
    max_busy_seconds = _seconds(
        "max_busy_seconds", "Shut down even what works, when it has worked for this long without a pause. 0: never."
    )
    bounds = Dict(
        key_trait=Unicode(),
        help="What users may choose in the panel: field -> [min, max], max null for no upper bound, e.g. "
        '`{"kernel_timeout_seconds": [600, 14400]}`. With an upper bound, "never" can\'t be chosen.',
    ).tag(config=True)
    locked = List(Unicode(), help='Fields users may not change at all, e.g. `["warn_seconds"]`.').tag(config=True)
    stop_machine = Enum(
        ("platform", "server", "none"),
        "platform",
        help="How the machine itself is stopped. `platform`: as the platform offers it (Studio, notebook instances and "
        "JupyterHub; a plain machine is not stopped); `server`: this Jupyter server ends; `none`: not at all.",
    ).tag(config=True)
    stop_command = List(
        Unicode(),
        help='Stop the machine with this argument vector instead, e.g. `["sudo", "-n", "systemctl", "poweroff"]`. It '
        "runs without a shell and has 60 seconds.",
    ).tag(config=True)
    pre_stop_command = List(
        Unicode(),
        help='Run this argument vector before the machine is stopped, e.g. `["/opt/acme/sync-home"]`. It runs once, '
        "without a shell, as the server's user, with `LCC_TARGET_ID`, `LCC_REASON`, `LCC_ACTOR`, `LCC_LIMIT_SECONDS` "
        "and `LCC_STOP_MEANS` in its environment. Its failure is logged and doesn't hold the stop.",
    ).tag(config=True)
    pre_stop_timeout_seconds = Integer(
        60, min=1, max=600, help="How long `pre_stop_command` may take before it is ended."
    ).tag(config=True)
    policy_source = Unicode(
        "",
        help="Where the policy document is: an absolute path, `s3://bucket/key` or `ssm:/name`. Not used where "
        "`/etc/jupyter/lcc-policy.json` exists or LCC_POLICY_SOURCE is set in the server's environment; see policy.md.",
    ).tag(config=True)
    policy_reload_seconds = Integer(
        300,
        min=10,
        max=MAX_SECONDS,
        help="Read a policy document in S3 or SSM again after this long. A file is looked at with every check.",
    ).tag(config=True)
    state_dir = Unicode(
        "",
        help="Where leases, countdowns and the decision log are kept. Default: `lcc` in Jupyter's data directory, or "
        "below the folder that survives a restart of this machine, where that one doesn't.",
    ).tag(config=True)

    usd_per_hour = Float(
        None,
        allow_none=True,
        min=0,
        help="What an hour of this machine costs, in US dollars. Default: the list price of its instance type in "
        "us-east-1, where that is known; else no cost is shown.",
    ).tag(config=True)

    @validate("bounds")
    def _check_bounds(self, proposal: Any) -> dict[str, Any]:
        for field, pair in proposal["value"].items():
            _bounds_from(field, pair)
        value: dict[str, Any] = proposal["value"]
        return value

    @validate("locked")
    def _check_locked(self, proposal: Any) -> list[str]:
        for field in proposal["value"]:
            if field not in DURATIONS:
                raise TraitError(f"LccIdle.locked: there is no field `{field}`; there are {', '.join(DURATIONS)}.")
        value: list[str] = proposal["value"]
        return value

    def policy_input(self) -> PolicyInput:
        """Hand out what was configured; a trait that nobody set is not part of it."""
        was_set = self.trait_names_set()
        mode = cast(Mode, self.mode)
        return PolicyInput(
            mode=mode,
            mode_source="config" if "mode" in was_set else "default",
            values={name: getattr(self, name) for name in DURATIONS if name in was_set},
            bounds={field: _bounds_from(field, pair) for field, pair in self.bounds.items()},
            locked=frozenset(self.locked),
        )

    def trait_names_set(self) -> set[str]:
        """Name the traits that a config file or the command line gave a value, be it the default's."""
        names: set[str] = set()
        for section in self.section_names():
            names.update(self.config.get(section, ()))
        return names


def _tuple_or_none(entries: list[str] | None) -> tuple[str, ...] | None:
    return None if entries is None else tuple(entries)


def _bounds_from(field: str, pair: Any) -> Bounds:
    if field not in DURATIONS:
        raise TraitError(f"LccIdle.bounds: there is no field `{field}`; there are {', '.join(DURATIONS)}.")
    try:
        lowest, highest = pair
    except (TypeError, ValueError):
        raise TraitError(f"LccIdle.bounds: `{field}` needs [min, max], not {pair!r}.") from None
    numbers = (lowest, 0 if highest is None else highest)
    if not all(type(number) is int and 0 <= number <= MAX_SECONDS for number in numbers):
        raise TraitError(f"LccIdle.bounds: `{field}` needs whole seconds, not {pair!r}.")
    if highest is not None and highest < lowest:
        raise TraitError(f"LccIdle.bounds: `{field}` has its maximum below its minimum: {pair!r}.")
    return Bounds(min=lowest, max=highest)


class LccEnvironments(LoggingConfigurable):
    """What environments may be made of, where they go, and how much room they may take."""

    channels = List(
        Unicode(),
        help="Channels to use instead of those of the user's `.condarc`, the first first: names or addresses, e.g. "
        '`["conda-forge"]`. Empty: the user\'s own.',
    ).tag(config=True)
    allowed_channels = List(
        Unicode(),
        None,
        allow_none=True,
        help="The only channels packages may come from: names or addresses, or all below one that ends with `/*`, e.g. "
        '`["conda-forge", "s3://acme-conda/*"]`. None: any.',
    ).tag(config=True)
    allowed_indexes = List(
        Unicode(),
        None,
        allow_none=True,
        help="The only indexes pip packages may come from, as addresses. None: any; an empty list: no pip packages.",
    ).tag(config=True)
    denied_packages = List(
        Unicode(),
        help="Packages that may not be installed, also not because another needs them; a name may end with `*`.",
    ).tag(config=True)
    quota_bytes = Integer(
        0,
        min=0,
        help="How much room all environments and the package cache of a user may take together, shared bytes once. "
        "0: no limit.",
    ).tag(config=True)
    trash_days = Integer(
        7,
        min=0,
        max=3650,
        help="Delete what is in the trash for good after this many days. 0: only when the user says so.",
    ).tag(config=True)
    folder = Unicode(
        "",
        help="Where new environments go. Default: the first writable entry of conda's `envs_dirs` that survives a "
        "restart of this machine, else `.conda/envs` in the home directory.",
    ).tag(config=True)
    cache_dir = Unicode(
        "",
        help="Where downloaded packages are kept. On the same file system as the environments they share their files. "
        "Default: beside the environments' folder.",
    ).tag(config=True)

    @validate("channels", "allowed_channels", "allowed_indexes", "denied_packages")
    def _check_texts(self, proposal: Any) -> list[str] | None:
        value: list[str] | None = proposal["value"]
        for text in value or ():
            if not text.strip() or not text.isprintable():
                raise TraitError(f"LccEnvironments.{proposal['trait'].name}: {text!r} can't be an entry.")
        return value

    def settings(self) -> EnvironmentSettings:
        """Hand out what was configured."""
        return EnvironmentSettings(
            allowed_channels=_tuple_or_none(self.allowed_channels),
            allowed_indexes=_tuple_or_none(self.allowed_indexes),
            denied_packages=tuple(self.denied_packages),
            quota_bytes=self.quota_bytes,
            trash_days=self.trash_days,
            channels=tuple(self.channels),
            folder=self.folder,
            cache_dir=self.cache_dir,
        )


class LccPackageLists(LoggingConfigurable):
    """Where package lists are kept, which every machine has, what happens by itself, and what lists may hold."""

    sources = List(
        Union([Unicode(), Dict()]),
        help="Where lists are kept, the first first: a folder's path, `s3://bucket/prefix`, or `git:` and the path of "
        'a checkout. Instead of a text a map may say more: `{"place": "s3://acme-lists/team", "mode": "apply", '
        '"region": "eu-west-1", "encryption": "aws:kms", "kms_key_id": "...", "owner": "123456789012"}`, or of git '
        "`branch`, `remote` and the `folder` in it. With `bundle_only` packages come from the source's bundle alone.",
    ).tag(config=True)
    required = List(
        Unicode(),
        help="The lists of these sources that every machine has; a name may end with `*`. A machine that lacks one "
        "gets it at server start, unless `sync` is off.",
    ).tag(config=True)
    sync = Enum(
        ("off", "notify", "apply"),
        "notify",
        help="What happens at server start and at every poll: nothing, a word that an environment does not equal its "
        "list, or the sync itself.",
    ).tag(config=True)
    poll_seconds = Integer(
        300, min=5, max=86400, help="How often the sources are asked whether anything is new, in seconds."
    ).tag(config=True)
    user_sources = Bool(True, help="Users may add sources of their own.").tag(config=True)
    keep = List(
        Unicode(), help="Packages that a sync leaves though the list has them not; a name may end with `*`."
    ).tag(config=True)
    indexes = List(
        Unicode(),
        help="Where pip's packages of a list come from when it is locked, as addresses, the first first. Empty: where "
        "the user's pip takes them from.",
    ).tag(config=True)
    allowed_packages = List(
        Unicode(), None, allow_none=True, help="The only packages a list and its lock may hold. None: any."
    ).tag(config=True)
    denied_packages = List(
        Unicode(), help="Packages that no list may hold, also not because another needs them; a name may end with `*`."
    ).tag(config=True)
    allowed_channels = List(
        Unicode(),
        None,
        allow_none=True,
        help="The only channels packages may come from: names or addresses, or all below one that ends with `/*`. "
        "None: any.",
    ).tag(config=True)
    denied_channels = List(Unicode(), help="Channels packages may not come from.").tag(config=True)
    allowed_indexes = List(
        Unicode(), None, allow_none=True, help="The only indexes pip's packages may come from, as addresses. None: any."
    ).tag(config=True)
    denied_indexes = List(Unicode(), help="Indexes pip's packages may not come from.").tag(config=True)
    allowed_licences = List(
        Unicode(),
        None,
        allow_none=True,
        help="The only licences a lock's packages may have, as SPDX names; a name may end with `*`. None: any.",
    ).tag(config=True)
    denied_licences = List(Unicode(), help="Licences a lock's packages may not have.").tag(config=True)
    unknown_licences = Enum(
        ("refuse", "allow"), "refuse", help="What becomes of packages that tell no licence, where licences are bound."
    ).tag(config=True)
    licence_exceptions = List(
        Unicode(), help="Packages whose licence somebody has looked at; a name may end with `*`."
    ).tag(config=True)
    hashes = Enum(
        ("off", "any", "sha256"), "sha256", help="Which hash every package of a lock must have to be installed."
    ).tag(config=True)

    @validate(
        "required",
        "keep",
        "indexes",
        "allowed_packages",
        "denied_packages",
        "allowed_channels",
        "denied_channels",
        "allowed_indexes",
        "denied_indexes",
        "allowed_licences",
        "denied_licences",
        "licence_exceptions",
    )
    def _check_texts(self, proposal: Any) -> list[str] | None:
        value: list[str] | None = proposal["value"]
        for text in value or ():
            if not text.strip() or not text.isprintable():
                raise TraitError(f"LccPackageLists.{proposal['trait'].name}: {text!r} can't be an entry.")
        return value

    def settings(self) -> ListSettings:
        """Hand out what was configured. Raises TraitError for a source that can't be."""
        places = tuple(_source_from(number, entry) for number, entry in enumerate(self.sources, 1))
        return ListSettings(
            sources=places,
            required=tuple(self.required),
            mode=cast(SyncMode, self.sync),
            poll_seconds=self.poll_seconds,
            keep=tuple(self.keep),
            user_sources=self.user_sources,
            indexes=tuple(self.indexes),
        )

    def list_bounds(self) -> ListBounds:
        """Hand out what lists may hold."""
        return ListBounds(
            allowed_packages=_tuple_or_none(self.allowed_packages),
            denied_packages=tuple(self.denied_packages),
            allowed_channels=_tuple_or_none(self.allowed_channels),
            denied_channels=tuple(self.denied_channels),
            allowed_indexes=_tuple_or_none(self.allowed_indexes),
            denied_indexes=tuple(self.denied_indexes),
            allowed_licences=_tuple_or_none(self.allowed_licences),
            denied_licences=tuple(self.denied_licences),
            unknown_licences=cast(Any, self.unknown_licences),
            licence_exceptions=tuple(self.licence_exceptions),
            hashes=cast(Any, self.hashes),
        )


def _source_from(number: int, entry: Any) -> SourcePlace:
    told = {"place": entry} if isinstance(entry, str) else dict(entry)
    if not isinstance(told.get("place"), str) or not told["place"].strip():
        raise TraitError(f"LccPackageLists.sources: entry {number} says no `place`.")
    unknown = told.keys() - (set(SourcePlace.__struct_fields__) - {"id", "configured"})
    if unknown:
        raise TraitError(
            f"LccPackageLists.sources: entry {number} has {', '.join(sorted(unknown))}, which is not known."
        )
    if told.get("bundle_only") and told["place"].strip().startswith("git:"):
        raise TraitError(f"LccPackageLists.sources: entry {number}: a checkout has no bundle, so not `bundle_only`.")
    try:
        return msgspec.convert({**told, "id": f"config-{number}", "configured": True}, SourcePlace)
    except msgspec.ValidationError as error:
        raise TraitError(f"LccPackageLists.sources: entry {number}: {error}") from None
