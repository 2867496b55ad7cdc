"""The table of routes. A `Route` is all there is to know of one verb; handlers and `openapi.json` follow from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from ..errors import LccError
from ..model import Model, Request

__all__ = ["Action", "Located", "Method", "Param", "Route", "Tagged"]

Method = Literal["GET", "POST", "PUT", "DELETE"]
Action = Literal["read", "write", "execute"]
"""What an authorizer is asked for; `execute` is what Jupyter itself asks to start or stop kernels."""


@dataclass(frozen=True)
class Param:
    """A piece of the path."""

    description: str
    max_length: int = 256


@runtime_checkable
class Located(Protocol):
    """An answer that says where it can be asked for again; with a 202 that is its `Location`."""

    def location(self) -> str:
        """The path below `<base_url>lcc/`."""


@runtime_checkable
class Tagged(Protocol):
    """An answer that names the very state it tells; that is its `ETag`."""

    def entity_tag(self) -> str:
        """The name, without quotes."""


@dataclass(frozen=True)
class Route:
    """One verb on one path below `<base_url>lcc/`.

    `call` gets the part named by `part` first, then the path's pieces, `body` and `query` by keyword, and
    returns `answer` (`dict` for a free-form object, None for a 204).
    """

    method: Method
    path: str
    operation: str
    summary: str
    action: Action
    part: type
    call: Callable[..., Awaitable[Model | dict[str, Any] | None]]
    answer: type[Model] | type[dict[str, Any]] | None
    status: int = 200
    body: type[Request] | None = None
    query: type[Request] | None = None
    params: Mapping[str, Param] = field(default_factory=dict)
    raises: tuple[type[LccError], ...] = ()
    dry_run: type[Model] | None = None
    """What `call` returns with status 200 instead, where the body asks only what would be done."""
    conditional: bool = False
    """`call` gets `if_match`: the ETag of the request's If-Match without quotes, None where it has none."""
    max_body_bytes: int = 64 * 1024
    says: str = ""
    """What a client should know that the summary does not tell."""
