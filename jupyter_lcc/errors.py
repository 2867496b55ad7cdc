"""Everything this package raises on purpose.

LccError                        something a person should be told, with a stable code
├── Malformed                   the request can't be read at all
├── TooLarge                    the request's body is over the limit
├── Invalid                     it can be read, but says something that can't be
│   ├── OutOfBounds             a value outside what the administrator allows
│   └── Unsatisfiable           no set of packages fits all that is asked for
├── Forbidden                   understood, and not allowed
│   └── Locked                  a setting only an administrator may change
├── NotFound                    no such thing
├── Conflict                    it contradicts what is going on
│   ├── LostRace                somebody else wrote first; nothing was written
│   └── TooLate                 the target's shutdown has begun or is done
└── OutsideFailure              a part outside of this package did not do its work
    ├── NotReachable            … because it did not answer
    ├── NotPermitted            … because we are not allowed to ask it for that
    ├── Unsafe                  … because it can't keep two writers apart
    └── DiskFull                … because there is no room left
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "Conflict",
    "DiskFull",
    "Forbidden",
    "Invalid",
    "LccError",
    "Locked",
    "LostRace",
    "Malformed",
    "NotFound",
    "NotPermitted",
    "NotReachable",
    "OutOfBounds",
    "OutsideFailure",
    "TooLarge",
    "TooLate",
    "Unsafe",
    "Unsatisfiable",
]


class LccError(Exception):
    """Carry a stable `code`, one English sentence and JSON-able details."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class Malformed(LccError):
    """The request is not JSON, not UTF-8, or has no body where one is needed."""

    code = "malformed"


class TooLarge(LccError):
    """The body is larger than any request of ours needs to be."""

    code = "too_large"


class Invalid(LccError):
    """A field is missing, unknown, of the wrong type or of an impossible value."""

    code = "invalid"


class OutOfBounds(Invalid):
    """The value is outside the bounds; `detail` has the field, the value and the bounds."""

    code = "out_of_bounds"


class Unsatisfiable(Invalid):
    """What is asked for contradicts itself or isn't there; the message is the solver's own explanation."""

    code = "unsatisfiable"


class Forbidden(LccError):
    """Understood and refused."""

    code = "forbidden"


class Locked(Forbidden):
    """Only an administrator may change this setting."""

    code = "locked"


class NotFound(LccError):
    """There is no such thing (any more)."""

    code = "not_found"


class Conflict(LccError):
    """The request contradicts the present state."""

    code = "conflict"


class LostRace(Conflict):
    """What was to be replaced isn't there any more: somebody else wrote first. `detail` has the etag that is there."""

    code = "lost_race"


class TooLate(Conflict):
    """The shutdown of the target has begun already, or is done."""

    code = "too_late"


class OutsideFailure(LccError):
    """Jupyter, the operating system or a cloud service failed."""

    code = "outside_failure"


class NotReachable(OutsideFailure):
    """The outside part did not answer."""

    code = "not_reachable"


class NotPermitted(OutsideFailure):
    """The outside part refused; `detail` has the permission that is missing, where that is known."""

    code = "not_permitted"


class Unsafe(OutsideFailure):
    """The outside part takes no conditions with a write, so one of two writers could lose what they wrote."""

    code = "unsafe"


class DiskFull(OutsideFailure):
    """There is no room left on the disk, or a quota is reached."""

    code = "disk_full"
