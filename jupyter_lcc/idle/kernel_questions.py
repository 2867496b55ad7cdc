"""Questions of a kernel to a person, noticed where the server passes them on."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Waiting", "observing_input"]


class Waiting(Protocol):
    """Who wants to know."""

    def input_asked(self, kernel_id: str) -> None:
        """The kernel asks a person for a line."""

    def input_given(self, kernel_id: str) -> None:
        """A person answered."""

    def is_waiting(self, kernel_id: str) -> bool:
        """Tell whether a question is open."""


def observing_input(base: Any, kernels: Waiting) -> Any:
    """Make a kernel websocket connection class that also tells `kernels` of questions to a person.

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

        def handle_incoming_message(self, incoming_msg: Any) -> Any:
            if kernels.is_waiting(self.kernel_id):
                raw = incoming_msg.encode() if isinstance(incoming_msg, str) else bytes(incoming_msg)
                if b'"input_reply"' in raw:
                    kernels.input_given(self.kernel_id)
            return super().handle_incoming_message(incoming_msg)

    ObservedConnection.__name__ = base.__name__
    ObservedConnection.__qualname__ = base.__qualname__
    return ObservedConnection
