"""Objects of a bucket: read, written under conditions, named; patiently, and with failures as people are told them.

boto3 is imported with the first question. For any number of threads.
"""

from __future__ import annotations

import base64
import contextlib
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from ...errors import Invalid, LccError, NotPermitted, NotReachable
from ...jobs.redact import redact
from ...model import Model
from ...platforms.aws import AwsClient, AwsError
from .model import Unchanged

__all__ = ["TRIES", "Bucket", "Failed", "Objects", "is_doubtful", "is_unknowing", "pause"]

T = TypeVar("T")

TRIES = 5
_WAIT_SECONDS = 0.2
_PIECE = 1 << 20
_ABSENT = frozenset(("NoSuchKey", "404", "NotFound"))
_FAILED = frozenset(("PreconditionFailed", "412"))
_STALE = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired"))
_SKEWED = frozenset(("RequestTimeTooSkewed", "RequestInTheFuture"))
_BUSY = frozenset(
    (
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "ServiceUnavailable",
        "InternalError",
        "RequestTimeout",
        "ConditionalRequestConflict",
        "OperationAborted",
        "500",
        "502",
        "503",
        "504",
    )
)
_NO_CONDITIONS = frozenset(("NotImplemented", "501", "MethodNotAllowed", "405"))


class Bucket(Model, frozen=True, kw_only=True):
    """Where in S3, and how it is written.

    `encryption` null: as the bucket does by default. `owner` is the account the bucket must belong to: a name that
    somebody else took after the bucket was deleted is then refused by S3.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    kms_key_id: str | None = None
    bucket_key: bool | None = None
    owner: str | None = None


class Failed(AwsError):
    """The condition of a write was not met."""


class Objects:
    """The objects below a bucket's prefix. Keys are whole: they begin with `root`."""

    def __init__(self, bucket: Bucket, client: AwsClient) -> None:
        self._bucket = bucket
        self._client = client
        self._extra = {"ExpectedBucketOwner": bucket.owner} if bucket.owner else {}
        self.root = f"{bucket.prefix}/" if bucket.prefix else ""

    @property
    def place(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._bucket.bucket}/{self._bucket.prefix}".rstrip("/")

    def get(self, key: str, most: int, known: str | None = None) -> tuple[bytes, str] | None:
        """Read an object and its ETag. None where there is none; raises Unchanged where its ETag is `known`."""
        condition = {"IfNoneMatch": known} if known is not None else {}

        def ask(client: Any) -> tuple[bytes, str]:
            answer = client.get_object(Bucket=self._bucket.bucket, Key=key, **condition, **self._extra)
            with answer["Body"] as body:
                return body.read(most + 1), str(answer["ETag"])

        try:
            raw, etag = self.patiently(lambda: self._client.ask(ask))
        except AwsError as error:
            if error.code in ("304", "NotModified"):
                raise Unchanged from None
            if error.code in _ABSENT:
                return None
            raise self.failure(error, "s3:GetObject", key) from error
        if len(raw) > most:
            raise Invalid(f"{key.rsplit('/', 1)[-1]} has more than {most} bytes.", field=key)
        return raw, etag

    def load(self, key: str, target: Path) -> bool:
        """Write an object to a file, which is the caller's to look at and to remove. False where there is none."""

        def ask(client: Any) -> None:
            answer = client.get_object(Bucket=self._bucket.bucket, Key=key, **self._extra)
            with answer["Body"] as body, open(target, "wb") as file:
                while piece := body.read(_PIECE):
                    file.write(piece)

        try:
            self.patiently(lambda: self._client.ask(ask))
        except AwsError as error:
            if error.code in _ABSENT:
                return False
            raise self.failure(error, "s3:GetObject", key) from error
        return True

    def told_hash(self, key: str) -> str | None:
        """Give the sha256 that was written beside an object; None where there is no object, or no hash."""

        def ask(client: Any) -> dict[str, str]:
            answer = client.head_object(Bucket=self._bucket.bucket, Key=key, **self._extra)
            return dict(answer.get("Metadata", {}))

        try:
            return self.patiently(lambda: self._client.ask(ask)).get("sha256")
        except AwsError as error:
            if error.code in _ABSENT:
                return None
            raise self.failure(error, "s3:GetObject", key) from error

    def put(self, key: str, raw: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Write an object, once, and give its ETag. Raises Failed where the condition isn't met, AwsError otherwise."""
        conditions = {"IfMatch": if_match} if if_match is not None else {"IfNoneMatch": "*"} if if_none_match else {}
        kind = "application/json" if key.endswith(".json") else "text/plain; charset=utf-8"
        return self._put(key, conditions, Body=raw, ContentType=kind)

    def store(self, key: str, file: Path, sha256: str) -> None:
        """Write a file where there is none yet; S3 itself compares the hash. Raises Failed where there is one."""
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()

        def put() -> None:
            with open(file, "rb") as body:
                told = {"ChecksumSHA256": checksum, "Metadata": {"sha256": sha256}}
                self._put(key, {"IfNoneMatch": "*"}, Body=body, ContentType="application/octet-stream", **told)

        try:
            self.patiently(put)
        except Failed:
            raise
        except AwsError as error:
            raise self.failure(error, "s3:PutObject", key) from error

    def _put(self, key: str, conditions: dict[str, str], **told: Any) -> str:
        told |= {
            name: value
            for name, value in (
                ("ServerSideEncryption", self._bucket.encryption),
                ("SSEKMSKeyId", self._bucket.kms_key_id),
                ("BucketKeyEnabled", self._bucket.bucket_key),
            )
            if value is not None
        }

        def ask(client: Any) -> str:
            with _conditions(client, conditions) as known:
                answer = client.put_object(Bucket=self._bucket.bucket, Key=key, **known, **told, **self._extra)
            return str(answer["ETag"])

        try:
            return self._client.ask(ask)
        except AwsError as error:
            if error.code in _FAILED:
                raise Failed(str(error), error.code, error.operation) from error
            raise

    def delete(self, key: str) -> None:
        """Delete an object, or raise AwsError."""
        self._client.ask(lambda client: client.delete_object(Bucket=self._bucket.bucket, Key=key, **self._extra))

    def pages(self, start: str) -> Iterator[list[dict[str, Any]]]:
        """Give what S3 tells of the objects whose keys begin so (`Key`, `ETag`, `Size`), a thousand at a time."""
        token: dict[str, str] = {}
        while True:

            def ask(client: Any, token: dict[str, str] = token) -> dict[str, Any]:
                found: dict[str, Any] = client.list_objects_v2(
                    Bucket=self._bucket.bucket, Prefix=start, **token, **self._extra
                )
                return found

            try:
                page = self.patiently(lambda ask=ask: self._client.ask(ask))  # type: ignore[misc]
            except AwsError as error:
                raise self.failure(error, "s3:ListBucket", start) from error
            yield page.get("Contents", [])
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": str(page["NextContinuationToken"])}

    def patiently(self, ask: Callable[[], T]) -> T:
        """Ask again where the store is only busy, or the line broke: nothing that is asked this way counts twice."""
        for number in range(TRIES):
            try:
                return ask()
            except AwsError as error:
                # Without an answer once more, not five times: a store that is away is away. An expired token is
                # followed by a fresh one, or isn't.
                once = error.code == "" or error.code in _STALE
                if number == TRIES - 1 or not (error.code in _BUSY or (once and number == 0)):
                    raise
            pause(number)
        raise AssertionError

    def failure(self, error: AwsError, action: str, key: str) -> LccError:
        """Say what keeps us from it, without secrets."""
        resource = f"arn:aws:s3:::{self._bucket.bucket}/{key}"
        if action == "s3:ListBucket":
            resource = f"arn:aws:s3:::{self._bucket.bucket}"
        told = redact(str(error))
        if error.code.startswith("KMS") or "kms:" in told:
            missing = "kms:GenerateDataKey" if action == "s3:PutObject" else "kms:Decrypt"
            return NotPermitted(
                f"The key of {self.place} can't be used ({error.code}): the role of this machine needs kms:Decrypt on "
                "it, and kms:GenerateDataKey to publish.",
                missing=missing,
            )
        if error.is_denied:
            # S3 also says so of what isn't there, to those who may not list the bucket.
            return NotPermitted(
                f"Permission missing: the role of this machine needs {action} on {resource}.", missing=action
            )
        if error.code in _SKEWED:
            return NotReachable(
                f"{self.place} refuses requests of this machine because its clock is wrong ({error.code}); set it.",
                place=self.place,
            )
        code = f"{error.code}: " if error.code else ""
        return NotReachable(f"{self.place} can't be asked ({action}): {code}{told}", place=self.place)


def is_doubtful(error: AwsError) -> bool:
    """Tell whether a write may have been done, or may be done later, in spite of this answer."""
    return (
        error.code in _BUSY or error.code in _FAILED or error.code in _ABSENT or error.code in _STALE or not error.code
    )


def is_unknowing(error: AwsError) -> bool:
    """Tell whether a store says that it takes no conditions."""
    return error.code in _NO_CONDITIONS


def pause(number: int) -> None:
    """Wait before the try that follows number `number`."""
    time.sleep(_WAIT_SECONDS * 2**number * random.uniform(0.5, 1.0))


@contextlib.contextmanager
def _conditions(client: Any, conditions: dict[str, str]) -> Iterator[dict[str, str]]:
    """Give the conditions as arguments. A boto3 from before they were known sends them as what they are: headers."""
    known = client.meta.service_model.operation_model("PutObject").input_shape.members
    if all(name in known for name in conditions):
        yield conditions
        return
    headers = {
        {"IfMatch": "If-Match", "IfNoneMatch": "If-None-Match"}[name]: value for name, value in conditions.items()
    }
    thread, mark = threading.get_ident(), f"jupyter_lcc-{uuid.uuid4().hex}"

    def add(params: dict[str, Any], **_: Any) -> None:
        if threading.get_ident() == thread:
            params["headers"].update(headers)

    client.meta.events.register("before-call.s3.PutObject", add, unique_id=mark)
    try:
        yield {}
    finally:
        client.meta.events.unregister("before-call.s3.PutObject", unique_id=mark)
