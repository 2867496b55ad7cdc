"""Ask a server: one request, one answer, decoded into its declared shape; whatever fails becomes a CliError."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import ssl
from collections.abc import Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from .._version import __version__
from ..model import Request
from ..web.model import ProblemBody
from .exits import CliError, Exit
from .servers import Server
from .words import refusal

__all__ = ["Answer", "Client"]

T = TypeVar("T")

_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_EXIT_OF = {404: Exit.NOT_FOUND, 409: Exit.TOO_LATE}


class Answer(Generic[T]):
    """What the server said: decoded, and as it came."""

    def __init__(self, value: T, raw: bytes) -> None:
        self.value = value
        self.raw = raw


class Client:
    """Speaks to one server. Reading never counts as activity there."""

    def __init__(self, server: Server, token: str, *, timeout: float, context: ssl.SSLContext | None = None) -> None:
        self.server = server
        self._token = token
        self._timeout = timeout
        self._context = context

    def get(self, path: str, shape: type[T], query: Mapping[str, str] | None = None) -> Answer[T]:
        """Read `path`, which stands below `lcc/`."""
        raw = self._exchange("GET", path, {**(query or {}), "no_track_activity": "1"}, None)
        return Answer(self._decode(raw, shape), raw)

    def send(
        self, method: str, path: str, shape: type[T], body: Request | None, *, if_match: str | None = None
    ) -> Answer[T]:
        """Change something, and get what it became. `if_match` is the ETag of what is to be replaced."""
        raw = self._exchange(method, path, {}, None if body is None else msgspec.json.encode(body), if_match)
        return Answer(self._decode(raw, shape), raw)

    def ask(self, path: str) -> None:
        """Let something be done that has no answer."""
        self._exchange("POST", path, {}, None)

    def delete(self, path: str, query: Mapping[str, str] | None = None) -> None:
        """Take something away."""
        self._exchange("DELETE", path, query or {}, None)

    def _decode(self, raw: bytes, shape: type[T]) -> T:
        try:
            return msgspec.json.decode(raw, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CliError(
                Exit.NO_EXTENSION,
                f"The server's answer is not understood by this version of the command ({__version__}): {error}",
                "The server may run another version of jupyter_lcc; `jupyter lcc doctor` compares them.",
            ) from error

    def _exchange(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | None, if_match: str | None = None
    ) -> bytes:
        where = urlsplit(self.server.url).path + "lcc/" + quote(path)
        headers = {"Accept": "application/json", "User-Agent": f"jupyter-lcc/{__version__}"}
        if self._token:
            headers["Authorization"] = f"token {self._token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        if method != "GET":
            # Only a server without any token looks at it: there Jupyter wants the same secret twice.
            xsrf = secrets.token_hex(16)
            headers |= {"X-XSRFToken": xsrf, "Cookie": f"_xsrf={xsrf}"}
        try:
            connection = self._connect()
            try:
                connection.request(method, where + ("?" + urlencode(query) if query else ""), body, headers)
                response = connection.getresponse()
                status, raw = response.status, response.read(_MAX_ANSWER_BYTES)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._unreachable(error) from error
        if 200 <= status < 300:
            return raw
        raise self._refused(status, raw)

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.server.url)
        sock = self.server.sock
        if sock is not None:
            return _SocketConnection(sock, self._timeout)
        host = parts.hostname or "localhost"
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, parts.port, timeout=self._timeout, context=self._context)
        return http.client.HTTPConnection(host, parts.port, timeout=self._timeout)

    def _unreachable(self, error: Exception) -> CliError:
        url = self.server.url
        if isinstance(error, ssl.SSLCertVerificationError):
            return CliError(
                Exit.NO_SERVER,
                f"The certificate of {url} can't be verified: {error.verify_message}.",
                "If it is self-signed, name it with --cafile FILE, or go without verification with --insecure.",
            )
        if isinstance(error, TimeoutError):
            return CliError(Exit.NO_SERVER, f"{url} did not answer within {self._timeout:g} s.")
        return CliError(Exit.NO_SERVER, f"{url} can't be reached: {error}.", "`jupyter server list` shows what runs.")

    def _refused(self, status: int, raw: bytes) -> CliError:
        try:
            problem = msgspec.json.decode(raw, type=ProblemBody)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._not_ours(status, raw)
        if problem.code == "internal" or status >= 500:
            return CliError(Exit.PROBLEM, problem.message)
        if status == 403 and not problem.detail:
            return self._not_signed_in()
        if status == 404 and not problem.detail:
            return CliError(
                Exit.NO_EXTENSION,
                f"The jupyter_lcc in {self.server.url} doesn't know what this command asks for.",
                "It is of another version; `jupyter lcc doctor` compares them.",
            )
        message = refusal(problem)
        return CliError(_EXIT_OF.get(status, Exit.PROBLEM), message)

    def _not_ours(self, status: int, raw: bytes) -> CliError:
        url = self.server.url
        if status == 404:
            return CliError(
                Exit.NO_EXTENSION,
                f"The server at {url} does not run jupyter_lcc.",
                "Install it in the server's environment (`pip install jupyter_lcc`) and start the server again, or "
                "enable it with `jupyter server extension enable jupyter_lcc`. If it is there, the server's log tells "
                "why it could not be loaded: a wrong setting, for example.",
            )
        if status in (301, 302, 303, 307, 308, 401, 403):
            return self._not_signed_in()
        return CliError(Exit.PROBLEM, f"{url} answered with status {status}: {_first_words(raw)}")

    def _not_signed_in(self) -> CliError:
        if self._token:
            return CliError(
                Exit.PROBLEM,
                f"{self.server.url} does not accept the token, or does not allow you this.",
                "Give the right one with --token, or in the environment as JUPYTER_TOKEN.",
            )
        return CliError(
            Exit.PROBLEM,
            f"{self.server.url} wants a token, and none is known.",
            "Give it with --token, or in the environment as JUPYTER_TOKEN.",
        )


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _first_words(raw: bytes) -> str:
    try:
        told: Any = json.loads(raw)
        words = str(told.get("message", told)) if isinstance(told, dict) else str(told)
    except ValueError:
        words = raw.decode("utf-8", "replace")
    return " ".join(words.split())[:200] or "nothing"
