"""A FAKE AWS on loopback: takes real requests of real boto3, checks each against botocore's own service model.

What it knows of AWS is only the shape of requests: required and unknown members, lengths, patterns, enums
(botocore itself checks no pattern, enum or upper length). What it answers is what a test says. Speaks the JSON
protocol (SageMaker, SSM) and S3's `GET /bucket/key`.

    with FakeAws() as aws:
        server.environment |= aws.environment()
        aws.answer("DeleteApp", Denied("sagemaker:DeleteApp"), Accepted())
        ...
        assert [call.values for call in aws.calls("DeleteApp")] == [{...}]
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session  # type: ignore[import-untyped]

__all__ = ["Accepted", "Answer", "Call", "Denied", "Drop", "Failed", "FakeAws", "Hang", "Throttled", "faults"]

SERVICES = {"SageMaker": "sagemaker", "AmazonSSM": "ssm"}


@dataclass(frozen=True)
class Call:
    """One request as it came. `faults` is what the service model says against it."""

    operation: str
    values: dict[str, Any]
    region: str
    at: float
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """A status with a JSON or raw body."""

    status: int = 200
    body: Mapping[str, Any] | bytes = field(default_factory=dict)


def Accepted(**body: Any) -> Answer:  # noqa: N802 -- reads as one of the answers
    return Answer(200, body)


def Denied(action: str = "sagemaker:DeleteApp") -> Answer:  # noqa: N802
    told = f"User: arn:aws:sts::123456789012:assumed-role/r/s is not authorized to perform: {action} on resource: x"
    return Answer(400, {"__type": "AccessDeniedException", "Message": told})


def Throttled() -> Answer:  # noqa: N802
    return Answer(400, {"__type": "ThrottlingException", "message": "Rate exceeded"})


def Failed(code: str = "InternalFailure", status: int = 500, message: str = "We made a mistake") -> Answer:  # noqa: N802
    return Answer(status, {"__type": code, "message": message})


@dataclass(frozen=True)
class Hang:
    """Say nothing for so long, then answer."""

    seconds: float = 30.0


@dataclass(frozen=True)
class Drop:
    """Close the connection in the middle of nowhere."""


class FakeAws:
    """A FAKE: an HTTP server on 127.0.0.1 that answers what it was told, the last answer again and again."""

    def __init__(self) -> None:
        self._answers: dict[str, list[Answer | Hang | Drop]] = defaultdict(lambda: [Accepted()])
        self._calls: list[Call] = []
        self.objects: dict[str, bytes] = {}
        """What S3 holds: "bucket/key" -> bytes."""
        self._lock = threading.Lock()
        self._over = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                fake.take(self)

            def do_GET(self) -> None:
                fake.take(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> FakeAws:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._over.set()
        self._http.shutdown()
        self._http.server_close()

    def environment(self) -> dict[str, str]:
        """Give what leads boto3 here, and nowhere else."""
        return {
            "AWS_ENDPOINT_URL_SAGEMAKER": self.url,
            "AWS_ENDPOINT_URL_SSM": self.url,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": "FAKE",
            "AWS_SECRET_ACCESS_KEY": "FAKE",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def answer(self, operation: str, *answers: Answer | Hang | Drop) -> None:
        """Answer the next requests so; the last answer stays."""
        with self._lock:
            self._answers[operation] = list(answers)

    def calls(self, operation: str | None = None) -> list[Call]:
        """Give the requests so far. One that the service model does not allow is an error of the test."""
        with self._lock:
            calls = [call for call in self._calls if operation in (None, call.operation)]
        assert not [call for call in calls if call.faults], calls
        return calls

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Write a request down and answer it."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        service, _, operation = (request.headers.get("X-Amz-Target") or "").rpartition(".")
        if operation:
            values = json.loads(body or b"{}")
            found = tuple(faults(SERVICES[service.split("_")[0]], operation, values))
        else:
            operation, values, found = "GetObject", {"path": request.path}, ()
        scope = re.search(r"Credential=[^/]+/[^/]+/([^/]+)/", request.headers.get("Authorization") or "")
        with self._lock:
            region = scope[1] if scope else ""
            self._calls.append(Call(operation, values, region, time.monotonic(), found))
            waiting = self._answers[operation]
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Hang):
            self._over.wait(answer.seconds)
            answer = Accepted()
        if isinstance(answer, Drop):
            linger = struct.pack("ii", 1, 0)
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.close_connection = True
            request.connection.close()
            return
        if found:
            answer = Failed("ValidationException", 400, "; ".join(found))
        elif operation == "GetObject" and answer.status == 200:
            held = self.objects.get(request.path.partition("?")[0].lstrip("/"))
            answer = Answer(200, held) if held is not None else Answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        _send(request, answer)


def _send(request: BaseHTTPRequestHandler, answer: Answer) -> None:
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    try:
        request.send_response(answer.status)
        request.send_header("Content-Type", "application/x-amz-json-1.1")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
    except OSError:
        return  # it hung up


# -- the service model ---------------------------------------------------------------------------------------


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def faults(service: str, operation: str, values: Any) -> list[str]:
    """Say what the service's own model has against a request."""
    model = _model(service)
    if operation not in model.operation_names:
        return [f"{service} has no operation {operation}"]
    return _faults(model.operation_model(operation).input_shape, values, operation)


def _faults(shape: Any, value: Any, where: str) -> list[str]:
    kinds: dict[str, type | tuple[type, ...]] = {
        "structure": dict,
        "map": dict,
        "list": list,
        "string": str,
        "integer": int,
        "long": int,
        "boolean": bool,
        "float": (int, float),
        "double": (int, float),
        "timestamp": (int, float),
    }
    kind = kinds.get(shape.type_name)
    fits = kind is None or isinstance(value, kind)
    if not fits or (isinstance(value, bool) and kind is int):
        return [f"{where}: {value!r} is no {shape.type_name}"]
    found: list[str] = []
    size: Any = value if isinstance(value, int | float) else len(value)
    if "min" in shape.metadata and size < shape.metadata["min"]:
        found.append(f"{where}: below {shape.metadata['min']}")
    if "max" in shape.metadata and size > shape.metadata["max"]:
        found.append(f"{where}: above {shape.metadata['max']}")
    if shape.type_name == "structure":
        found += [f"{where}.{name} is missing" for name in shape.required_members if name not in value]
        found += [f"{where}.{name} is not known" for name in value if name not in shape.members]
        for name in value.keys() & shape.members.keys():
            found += _faults(shape.members[name], value[name], f"{where}.{name}")
    elif shape.type_name == "list":
        for number, item in enumerate(value):
            found += _faults(shape.member, item, f"{where}[{number}]")
    elif shape.type_name == "map":
        for name, item in value.items():
            found += _faults(shape.key, name, f"{where} key") + _faults(shape.value, item, f"{where}[{name!r}]")
    elif shape.type_name == "string":
        # Java's classes for letters, separators and digits have no name in Python.
        pattern = (shape.metadata.get("pattern") or ".*").replace(r"\p{L}\p{Z}\p{N}", r"\w\s")
        if re.fullmatch(pattern, value, re.DOTALL) is None:
            found.append(f"{where}: {value!r} is not of the form {pattern}")
        if "enum" in shape.metadata and value not in shape.metadata["enum"]:
            found.append(f"{where}: {value!r} is none of {shape.metadata['enum']}")
    return found
