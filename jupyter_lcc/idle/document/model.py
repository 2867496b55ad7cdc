"""The words of a policy document. Its JSON Schema, `policy.schema.json`, follows from here."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ...model import MAX_SECONDS, Model
from ..model import DurationField, Mode

__all__ = [
    "BuiltFrom",
    "Day",
    "Duration",
    "Hours",
    "PolicyDocument",
    "PolicySource",
    "Ranges",
    "Rule",
    "Subject",
    "Unavailable",
    "Values",
    "When",
]

Duration = (
    Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS, description="Seconds.")]
    | Annotated[str, msgspec.Meta(min_length=1, max_length=40, description='Like "45m", "2h", "1h30m" or "never".')]
)
"""Seconds, or a text like `45m`, `2h`, `1h30m`; `never` (the same as 0) where 0 means never."""

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]
Zone = Annotated[str, msgspec.Meta(min_length=1, max_length=64, description='An IANA name, like "Asia/Seoul".')]
RuleName = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class _Strict(Model, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A field that isn't known is a slip of the pen; ignoring it would quietly change the policy."""


class Hours(_Strict, frozen=True, kw_only=True):
    """Times of the week: on these days from one time to another, in a time zone.

    `from` is included, `to` is not. Where `to` is not after `from` the span ends on the next day; the days are
    those on which it begins.
    """

    begins: TimeOfDay = msgspec.field(name="from", default="00:00")
    ends: TimeOfDay = msgspec.field(name="to", default="24:00")
    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    time_zone: Zone | None = None


class When(_Strict, frozen=True, kw_only=True):
    """When a rule matches: if everything that is named here holds. In a list one match is enough.

    `users` and `instance_types` are names or patterns with `*`, `?` and `[…]`. `until` is the last day the rule
    holds (in the document's time zone), or a time with an offset at which it ends.
    """

    users: Annotated[tuple[Pattern, ...], msgspec.Meta(min_length=1)] | None = None
    instance_types: Annotated[tuple[Pattern, ...], msgspec.Meta(min_length=1)] | None = None
    gpu: bool | None = None
    hours: Hours | None = None
    until: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class Values(_Strict, frozen=True, kw_only=True):
    """A value for each field that is named."""

    kernel_timeout_seconds: Duration | msgspec.UnsetType = msgspec.UNSET
    terminal_timeout_seconds: Duration | msgspec.UnsetType = msgspec.UNSET
    instance_timeout_seconds: Duration | msgspec.UnsetType = msgspec.UNSET
    waiting_timeout_seconds: Duration | msgspec.UnsetType = msgspec.UNSET
    warn_seconds: Duration | msgspec.UnsetType = msgspec.UNSET
    check_interval_seconds: Duration | msgspec.UnsetType = msgspec.UNSET
    max_lease_seconds: Duration | msgspec.UnsetType = msgspec.UNSET
    max_busy_seconds: Duration | msgspec.UnsetType = msgspec.UNSET


class Ranges(_Strict, frozen=True, kw_only=True):
    """[least, most] for each field a user may choose; most null is no upper bound."""

    kernel_timeout_seconds: tuple[Duration, Duration | None] | msgspec.UnsetType = msgspec.UNSET
    terminal_timeout_seconds: tuple[Duration, Duration | None] | msgspec.UnsetType = msgspec.UNSET
    instance_timeout_seconds: tuple[Duration, Duration | None] | msgspec.UnsetType = msgspec.UNSET
    waiting_timeout_seconds: tuple[Duration, Duration | None] | msgspec.UnsetType = msgspec.UNSET
    warn_seconds: tuple[Duration, Duration | None] | msgspec.UnsetType = msgspec.UNSET


class Rule(_Strict, frozen=True, kw_only=True):
    """Values, bounds and locks, and when they hold; always where `when` is absent.

    `bounds` say what a user may choose. `locked` fields a user may not change; `unlocked` takes back what an earlier
    rule locked.
    """

    name: RuleName
    when: When | None = None
    mode: Mode | None = None
    values: Values = Values()
    bounds: Ranges = Ranges()
    locked: tuple[DurationField, ...] = ()
    unlocked: tuple[DurationField, ...] = ()


class PolicyDocument(_Strict, frozen=True, kw_only=True):
    """The whole document. All rules that match count; field by field the later one wins.

    `time_zone` is that of `hours` and `until` where they name none.
    """

    version: Literal[1]
    rules: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=1000)]
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    time_zone: Zone = "UTC"


class Subject(Model, frozen=True, kw_only=True):
    """Whom and what a document is applied to. `users` are all the names this user has here; `gpu` None is unknown."""

    users: tuple[str, ...]
    instance_type: str | None = None
    gpu: bool | None = None


BuiltFrom = Literal["system_file", "environment", "config", "none"]
"""Who says where the document is: the machine's own file, the server's environment, or Jupyter's configuration."""


class PolicySource(Model, frozen=True, kw_only=True):
    """Where the document is. `stands_alone`: limits in Jupyter's configuration don't count beside it."""

    place: str
    found_by: BuiltFrom

    @property
    def stands_alone(self) -> bool:
        """A user writes their own configuration files, so next to a document from elsewhere these don't count."""
        return self.found_by in ("system_file", "environment")


class Unavailable(Exception):
    """The document can't be read now. `missing` is the permission that is lacking, where that is why."""

    def __init__(self, message: str, *, missing: str | None = None) -> None:
        super().__init__(message)
        self.missing = missing
