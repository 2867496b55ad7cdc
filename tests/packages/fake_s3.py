"""S3 on loopback: moto answers, real boto3 asks over HTTP. A FAKE in what stands before moto:

- requests are answered one after the other, because moto looks at a condition and writes in two steps and S3 in one;
- each can be slowed down, refused, broken off, answered and the answer lost;
- a store that knows no conditions is one that never sees the headers;
- every request is held against botocore's own model of S3: an operation, parameter or value that S3 does not know is
  one of `faults`.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.fake_aws import faults

__all__ = ["FakeS3", "Fault", "broken_off", "busy", "denied", "lost_answer", "slow"]

Start = Callable[..., Any]
Fault = Callable[[dict[str, Any], Start, Callable[[], Iterable[bytes]]], Iterable[bytes] | None]
"""Takes a request, and a way to have it answered; gives the answer, or None to leave it as it is."""


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


class FakeS3:
    """A server on 127.0.0.1. `requests` are the methods and paths so far."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._one = threading.Lock()
        self._faults: list[tuple[str, str, Fault, int]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.faults: list[str] = []
        self.knows_conditions = True
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self, method: str, path: str, fault: Fault, times: int = 1) -> None:
        """Do this to the next requests of a method whose path holds `path` (a pattern)."""
        self._faults.append((method, path, fault, times))

    def forget(self) -> None:
        self.requests.clear()
        self._faults.clear()
        self.knows_conditions = True

    def asked(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.requests]

    def _answer(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        method, path = (
            environ["REQUEST_METHOD"],
            unquote(environ.get("RAW_URI", environ["PATH_INFO"]).partition("?")[0]),
        )
        told = {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")}
        if not path.startswith("/moto-api"):
            self.requests.append((method, path, told))
            self.faults += check_request(method, path, environ.get("QUERY_STRING", ""), told)
        if not self.knows_conditions and method == "PUT":
            for header in ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"):
                environ.pop(header, None)

        def moto() -> Iterable[bytes]:
            with self._one:
                return list(self._moto(environ, start))

        for place, (of, pattern, fault, times) in enumerate(self._faults):
            if of == method and re.search(pattern, path):
                self._faults[place : place + 1] = [(of, pattern, fault, times - 1)] if times > 1 else []
                answer = fault(environ, start, moto)
                if answer is not None:
                    return answer
                break
        return moto()


_OPERATIONS = {
    ("GET", 2): "GetObject",
    ("HEAD", 2): "HeadObject",
    ("PUT", 2): "PutObject",
    ("DELETE", 2): "DeleteObject",
    ("GET", 1): "ListObjectsV2",
    ("PUT", 1): "CreateBucket",
}
"""What we ask, by method and by what the path names: bucket, or bucket and key."""

_SIGNED = frozenset(("authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent"))
_CHECKSUMS = frozenset(("x-amz-sdk-checksum-algorithm", "x-amz-decoded-content-length", "x-amz-trailer"))


@cache
def _members(operation: str) -> dict[tuple[str, str], str]:
    from tests.fake_aws import _model

    shape = _model("s3").operation_model(operation).input_shape
    found = {}
    for name, member in shape.members.items():
        place = member.serialization.get("location", "")
        found[place, member.serialization.get("name", name).lower()] = name
    return found


def check_request(method: str, path: str, query: str, headers: dict[str, str]) -> list[str]:
    """Say what botocore's model of S3 has against a request."""
    bucket, _, key = path.lstrip("/").partition("/")
    operation = _OPERATIONS.get((method, 2 if key else 1))
    if operation is None or (operation == "CreateBucket" and query):
        return [] if query == "versioning" else [f"{method} {path}?{query} is none of the operations that we use"]
    members = _members(operation)
    values: dict[str, Any] = {"Bucket": bucket} | ({"Key": key} if key else {})
    found: list[str] = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if ("querystring", name.lower()) in members:
            values[members["querystring", name.lower()]] = value
        elif name not in ("list-type", "x-id") and not name.startswith("X-Amz-"):  # a signature in the address
            found.append(f"{operation} has no parameter {name}")
    for name, value in headers.items():
        name = name.lower().replace("_", "-")
        if ("header", name) in members:
            values[members["header", name]] = value
        elif name.startswith("x-amz-") and not name.startswith(("x-amz-meta-", "x-amz-checksum-")):
            found += [f"{operation} has no header {name}"] if name not in _SIGNED | _CHECKSUMS else []
    return found + [fault for fault in faults("s3", operation, values) if " is no " not in fault]  # all are texts here


def _refusal(status: str, code: str, message: str = "no") -> Fault:
    def answer(environ: dict[str, Any], start: Start, _: Callable[[], Iterable[bytes]]) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def denied() -> Fault:
    return _refusal("403 Forbidden", "AccessDenied")


def busy(code: str = "SlowDown", status: str = "503 Slow Down", message: str = "no") -> Fault:
    return _refusal(status, code, message)


def slow(seconds: float) -> Fault:
    def answer(_: dict[str, Any], __: Start, ___: Callable[[], Iterable[bytes]]) -> None:
        time.sleep(seconds)

    return answer


def _hang_up(environ: dict[str, Any]) -> Iterable[bytes]:
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError


def broken_off() -> Fault:
    """Take half of what is sent, and hang up: nothing is stored."""

    def answer(environ: dict[str, Any], _: Start, __: Callable[[], Iterable[bytes]]) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0) // 2)
        return _hang_up(environ)

    return answer


def lost_answer() -> Fault:
    """Do what is asked, and hang up before saying so."""

    def answer(environ: dict[str, Any], _: Start, moto: Callable[[], Iterable[bytes]]) -> Iterable[bytes]:
        moto()
        return _hang_up(environ)

    return answer
