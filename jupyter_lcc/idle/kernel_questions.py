"""What goes over the kernels' websockets, noticed where the server passes it on: questions to a person, and pages
that come, ask and leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

__all__ = ["Pages", "Waiting", "observing_input"]

_REQUEST = b'"execute_request"'


class Pages(Protocol):
    """Who wants to know of pages."""

    def page_came(self, kernel_id: str, connection: object, session: str) -> None:
        """A page opened its websocket."""

    def page_left(self, kernel_id: str, connection: object, *, said_so: bool = True) -> None:
        """Its websocket is closed, by the page or because it did not answer; may be said more than once."""

    def page_asked(self, kernel_id: str, message: Sequence[bytes]) -> None:
        """A page sent a cell: header, parent header, metadata, content."""


class Waiting(Protocol):
    """Who wants to know."""

    def input_asked(self, kernel_id: str) -> None:
        """The kernel asks a person for a line."""

    def input_given(self, kernel_id: str) -> None:
        """A person answered."""

    def is_waiting(self, kernel_id: str) -> bool:
        """Tell whether a question is open."""


def observing_input(base: Any, kernels: Waiting, pages: Pages | None = None) -> Any:
    """Make a kernel websocket connection class that also tells `kernels` of questions to a person, `pages` of pages.

    Input requests go over a channel of their own, straight to the client that ran the cell, so this is the
    one place where the server sees them. Works for the ZMQ and for the gateway connection, whose outgoing
    messages are text.
    """

    class ObservedConnection(base):  # type: ignore[misc]
        def handle_outgoing_message(self, stream: Any, *rest: Any) -> Any:
            channel = getattr(stream, "channel", None)
            if channel == "stdin" or (isinstance(stream, str) and '"input_request"' in stream[:4096]):
                kernels.input_asked(self.kernel_id)
            return super().handle_outgoing_message(stream, *rest)

        def connect(self) -> Any:
            if pages is not None:
                pages.page_came(self.kernel_id, self, str(getattr(self.session, "session", "")))
            return super().connect()

        def disconnect(self) -> Any:
            if pages is not None:
                # Without a closing frame the page did not close it: its machine sleeps, or the network is gone.
                code = getattr(getattr(self, "websocket_handler", None), "close_code", None)
                pages.page_left(self.kernel_id, self, said_so=code is not None)
            return super().disconnect()

        def handle_incoming_message(self, incoming_msg: Any) -> Any:
            if kernels.is_waiting(self.kernel_id):
                raw = incoming_msg.encode() if isinstance(incoming_msg, str) else bytes(incoming_msg)
                if b'"input_reply"' in raw:
                    kernels.input_given(self.kernel_id)
            if pages is not None and (message := _execute_request(incoming_msg)) is not None:
                pages.page_asked(self.kernel_id, message)
            return super().handle_incoming_message(incoming_msg)

    ObservedConnection.__name__ = base.__name__
    ObservedConnection.__qualname__ = base.__qualname__
    return ObservedConnection


def _execute_request(raw: Any) -> list[bytes] | None:
    """Give the parts of a cell that a page sends, in either of Jupyter's websocket protocols; None for all else."""
    try:
        if isinstance(raw, bytes):
            if _REQUEST not in raw[:4096]:
                return None
            count = int.from_bytes(raw[:8], "little")
            at = [int.from_bytes(raw[8 * (i + 1) : 8 * (i + 2)], "little") for i in range(count)]
            return [raw[at[i] : at[i + 1]] for i in range(1, 5)]
        if isinstance(raw, str) and '"execute_request"' in raw:
            message = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
            return [bytes(message[part]) for part in ("header", "parent_header", "metadata", "content")]
    except (msgspec.DecodeError, IndexError, KeyError, ValueError):
        pass
    return None
