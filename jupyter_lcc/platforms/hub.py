"""JupyterHub: the server asks its hub to stop it, with the token the hub gave it.

The hub's REST API: DELETE /users/{user}/server, or /users/{user}/servers/{name} for a named one; 204 is stopped,
202 is being stopped. A server's own token may only report activity unless the administrator of the hub adds
`delete:servers` to it; the hub answers 403 then.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import ssl
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from ..model import Sentence
from .model import StopFailed, StopWay

__all__ = ["HubServer"]

SCOPE = "delete:servers"
TIMEOUT_SECONDS = 10


class HubServer:
    """Stops this single-user server through its hub; `environment` is what the hub started it with."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        user, name = environment.get("JUPYTERHUB_USER", ""), environment.get("JUPYTERHUB_SERVER_NAME", "")
        self._path = f"/users/{quote(user, safe='')}/" + (f"servers/{quote(name, safe='')}" if name else "server")
        self._token = environment.get("JUPYTERHUB_API_TOKEN", "")
        self.way = StopWay(
            means="hub",
            available=bool(self._token),
            why_not=None if self._token else "The hub gave this server no token (JUPYTERHUB_API_TOKEN).",
            why_not_sentence=None if self._token else Sentence(code="hub_gave_no_token"),
        )
        # The hub gives each start of a server a token of its own.
        self.life = hashlib.sha256(self._token.encode()).hexdigest()[:16]

    async def stop(self) -> None:
        if not self.way.available:
            raise StopFailed(self.way.why_not or "", sentence=self.way.why_not_sentence)
        status, told = await asyncio.to_thread(self._ask)
        if status in (202, 204):
            return
        if status == 403:
            raise StopFailed(
                f"Permission missing: the token the hub gave this server needs the scope {SCOPE}!server"
                f" ({told or 'the hub answered 403'}).",
                missing=SCOPE,
                sentence=Sentence(code="hub_scope_missing", detail={"scope": f"{SCOPE}!server"}),
            )
        answered = f"{status}{': ' + told if told else ''}"
        refused = Sentence(code="hub_refused", detail={"answer": answered})
        raise StopFailed(f"The hub answered {answered}.", sentence=refused)

    def _ask(self) -> tuple[int, str]:
        url = urlsplit(self._environment["JUPYTERHUB_API_URL"])
        host, port = url.hostname or "", url.port
        if url.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=TIMEOUT_SECONDS, context=self._tls()
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        try:
            headers = {"Authorization": f"token {self._token}", "Content-Length": "0"}
            connection.request("DELETE", url.path.rstrip("/") + self._path, headers=headers)
            answer = connection.getresponse()
            return answer.status, _message(answer.read(10_000))
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            silent = Sentence(code="hub_unreachable", detail={"error": reason})
            raise StopFailed(f"The hub can't be reached: {reason}.", sentence=silent) from error
        finally:
            connection.close()

    def _tls(self) -> ssl.SSLContext:
        # With internal TLS the hub names its own authority, and wants a certificate from us.
        context = ssl.create_default_context(cafile=self._environment.get("JUPYTERHUB_SSL_CLIENT_CA"))
        if certificate := self._environment.get("JUPYTERHUB_SSL_CERTFILE"):
            context.load_cert_chain(certificate, self._environment.get("JUPYTERHUB_SSL_KEYFILE"))
        return context


def _message(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    return str(told.get("message", ""))[:300] if isinstance(told, dict) else ""
