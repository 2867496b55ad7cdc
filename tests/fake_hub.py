"""A FAKE JupyterHub on loopback: only what a server needs to stop itself, DELETE of one's own server.

From the hub's REST API: `DELETE /users/{user}/server`, or `/users/{user}/servers/{name}` for a named one, answers 204
when it is stopped, 202 when it is being stopped, 404 for a server there isn't, and 403 with the names of the scopes
if the token has none of them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["FakeHub"]


@dataclass
class FakeHub:
    """A FAKE: one user, one token, one server. `scopes` are the token's; `on_stop` stops the server for real."""

    user: str = "me"
    server: str = ""
    token: str = "hub-token"
    scopes: frozenset[str] = frozenset(("delete:servers",))
    status: int = 204
    on_stop: Callable[[], None] = lambda: None
    requests: list[tuple[str, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_DELETE(self) -> None:
                status, told = hub._delete(self.path, self.headers.get("Authorization") or "")
                hub.requests.append(("DELETE", self.path, status))
                body = json.dumps({"status": status, "message": told}).encode() if told else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                if status in (202, 204):
                    hub.on_stop()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/hub/api"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> FakeHub:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def environment(self) -> dict[str, str]:
        """Give what a hub starts a server with."""
        return {
            "JUPYTERHUB_API_URL": self.url,
            "JUPYTERHUB_USER": self.user,
            "JUPYTERHUB_SERVER_NAME": self.server,
            "JUPYTERHUB_API_TOKEN": self.token,
        }

    def _delete(self, path: str, authorization: str) -> tuple[int, str]:
        if authorization not in (f"token {self.token}", f"Bearer {self.token}"):
            return 403, "Missing or invalid credentials."
        if "delete:servers" not in self.scopes:
            return 403, "Action is not authorized with current scopes; requires any of [delete:servers]"
        own = f"/hub/api/users/{self.user}/" + (f"servers/{self.server}" if self.server else "server")
        return (self.status, "") if path == own else (404, "No such server")
