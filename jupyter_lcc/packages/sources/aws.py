"""Lists in S3. boto3 is imported with the first question.

    <prefix>/heads/NAME.json                the record that holds
    <prefix>/lists/NAME/000007-<id>/        environment.yml, pixi.lock, revision.json of each revision, never changed

The files of a revision are written first, where nobody looks for them; then the head is exchanged under the condition
that it is still the one it was made from (`If-Match`, or `If-None-Match: *` for the first). S3 takes that for one of
two writers. So a reader sees a revision as a whole or the one before, whoever dies when, and what a list is costs one
conditional GET. History needs no versioned bucket, and works with one.

Readers need `s3:GetObject` (and `s3:ListBucket` on the prefix to name the lists), publishers `s3:PutObject` besides.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal, TypeVar

from ...environments.names import check_name, say_it
from ...errors import Invalid, LccError, LostRace, NotFound, NotPermitted, NotReachable, Unsafe
from ...model import Model
from ...platforms.aws import AwsClient, AwsError
from ..model import MAX_LIST, MAX_LOCK, Revision, Signature, SourceKind, Stored
from ..revisions import folder_of, next_revision
from ..yamls import read_text
from .model import (
    HEAD,
    LIST,
    LOCK,
    Draft,
    Unchanged,
    check_draft,
    encode_record,
    is_list_name,
    lost_race,
    new_record,
    read_record,
    stored_of,
)

__all__ = ["Bucket", "S3Source", "parse_place"]

T = TypeVar("T")

_TRIES = 5
_WAIT_SECONDS = 0.2
_MAX_HEAD = 100_000
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9!_'()=+@,-][A-Za-z0-9!_.'()=+@, -]*", re.ASCII)
_ABSENT = frozenset(("NoSuchKey", "404", "NotFound"))
_FAILED = frozenset(("PreconditionFailed", "412"))
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


def parse_place(place: str) -> Bucket:
    """Understand `s3://bucket/prefix`, or raise Invalid with what is wrong."""
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    prefix = prefix.rstrip("/")
    if not place.startswith("s3://") or not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise Invalid(f"{say_it(place)} names no bucket; write s3://bucket/prefix.", field="place")
    parts = prefix.split("/") if prefix else []
    if len(prefix) > 500 or not all(_PREFIX.fullmatch(part) for part in parts):
        raise Invalid(f"{say_it(place)}: the prefix has steps or characters it can't have.", field="place")
    return Bucket(bucket=bucket, prefix=prefix)


class S3Source:
    """Lists below a prefix of a bucket. For any number of threads."""

    kind: SourceKind = "s3"

    def __init__(
        self, bucket: Bucket, *, connect_seconds: float | None = None, read_seconds: float | None = None
    ) -> None:
        self._bucket = bucket
        self._client = AwsClient("s3", bucket.region, connect_seconds=connect_seconds, read_seconds=read_seconds)
        self._root = f"{bucket.prefix}/" if bucket.prefix else ""
        self._is_safe = False
        self._why_unsafe: str | None = None
        self._removed: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._extra = {"ExpectedBucketOwner": bucket.owner} if bucket.owner else {}

    @property
    def place(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._bucket.bucket}/{self._bucket.prefix}".rstrip("/")

    def why_unsafe(self) -> str | None:
        """Write a trial object under conditions that can't be met: a store that takes it anyway ignores conditions."""
        if self._is_safe or self._why_unsafe is not None:
            return self._why_unsafe
        key, raw = f"{self._root}heads/.trial", b"jupyter_lcc tries whether conditions are kept here.\n"
        try:
            with contextlib.suppress(_Failed):
                self._put(key, raw, if_none_match=True)
            self._why_unsafe = next(
                (
                    f"The store at {self.place} ignores {condition} with a write, so of two who publish at once one "
                    "could lose."
                    for condition, more in (
                        ("If-None-Match", {"if_none_match": True}),
                        ("If-Match", {"if_match": _NONE}),
                    )
                    if self._takes(key, raw, more)
                ),
                None,
            )
        except AwsError as error:
            if error.code not in _NO_CONDITIONS:
                raise self._failure(error, "s3:PutObject", key) from error
            self._why_unsafe = f"The store at {self.place} takes no conditions with a write ({error.code})."
        self._is_safe = self._why_unsafe is None
        return self._why_unsafe

    def names(self) -> tuple[str, ...]:
        """Name the lists that are there: one request, and one for each head that wasn't seen before."""
        start = f"{self._root}heads/"
        found: dict[str, str] = {}
        for page in self._pages(start):
            for entry in page:
                name = str(entry["Key"])[len(start) :]
                if name.endswith(".json") and is_list_name(name[:-5]):
                    found[name[:-5]] = str(entry["ETag"])
        return tuple(name for name, etag in sorted(found.items()) if not self._is_removed(name, etag))

    def read(self, name: str, known: str | None = None) -> Stored:
        """Read a list: one conditional request where it is `known`, three where not."""
        check_name(name)
        record, etag = self._head(name, known)
        return self._files(name, etag, record)

    def write(self, name: str, draft: Draft, expected: Stored | None) -> Stored:
        """Write the files, then exchange the head."""
        check_draft(name, draft)
        removed = None if expected is not None else self._tombstone(name)
        record = new_record(expected, removed[0] if removed is not None else None, draft)
        etag = expected.etag if expected is not None else removed[1] if removed is not None else None
        etag = self._publish(name, record, {LIST: draft.text, LOCK: draft.lock}, etag)
        return stored_of(name, etag, draft.text, draft.lock, record)

    def remove(self, name: str, signed: Signature, expected: Stored) -> Revision:
        """Exchange the head for one that says the list is removed."""
        check_name(name)
        record = next_revision(expected.revision, signed, text=None, lock=None)
        self._publish(name, record, {}, expected.etag)
        return record

    def history(self, name: str, limit: int = 100) -> tuple[Revision, ...]:
        """Follow the records from the head to the first: what lost a race isn't among them."""
        check_name(name)
        return tuple(itertools.islice(self._chain(name), limit))

    def revision(self, name: str, number: int) -> Stored:
        """Read an old revision."""
        check_name(name)
        for record in self._chain(name):
            if record.number == number:
                return self._files(name, folder_of(record), record)
            if record.number < number:
                break
        raise NotFound(f"The list {name} has no revision {number}.", name=name)

    # -- reading ----------------------------------------------------------------------------------------------

    def _head(self, name: str, known: str | None = None) -> tuple[Revision, str]:
        found = self._get(self._head_key(name), _MAX_HEAD, known)
        if found is None:
            raise NotFound(f"There is no list {name} in {self.place}.", name=name)
        raw, etag = found
        record = read_record(raw)
        if record is None:
            raise Invalid(f"The record of {name} can't be read.", field=name)
        return record, etag

    def _tombstone(self, name: str) -> tuple[Revision, str] | None:
        """Give the head of a list that was removed, None where there never was one. Raises LostRace where it isn't."""
        try:
            record, etag = self._head(name)
        except NotFound:
            return None
        if not record.removed:
            raise lost_race(name, self._files(name, etag, record))
        return record, etag

    def _files(self, name: str, etag: str, record: Revision) -> Stored:
        if record.removed:
            return stored_of(name, etag, None, None, record)
        text = self._text(self._key(name, record, LIST), MAX_LIST)
        lock = None if record.lock_sha256 is None else self._text(self._key(name, record, LOCK), MAX_LOCK)
        if text is None or (lock is None and record.lock_sha256 is not None):
            raise Invalid(f"The files of revision {record.number} of {name} are gone from {self.place}.", field=name)
        return stored_of(name, etag, text, lock, record)

    def _text(self, key: str, most: int) -> str | None:
        found = self._get(key, most)
        return None if found is None else read_text(found[0], most, key.rsplit("/", 1)[-1])

    def _chain(self, name: str) -> Iterator[Revision]:
        record: Revision | None = self._head(name)[0]
        while record is not None:
            yield record
            if record.parent is None or record.number <= 1:
                return
            folder = f"{record.number - 1:06d}-{record.parent}"
            if not re.fullmatch(r"[0-9a-f]{16}", record.parent):
                return
            found = self._get(f"{self._root}lists/{name}/{folder}/{HEAD}", _MAX_HEAD)
            before = None if found is None else read_record(found[0])
            if before is not None and folder_of(before) != folder:
                raise Invalid(f"The record of revision {record.number - 1} of {name} can't be read.", field=name)
            record = before

    def _is_removed(self, name: str, etag: str) -> bool:
        with self._lock:
            known = self._removed.get(etag)
        if known is None:
            try:
                known = self._head(name)[0].removed
            except NotFound:
                return True
            except Invalid:
                known = False  # reading it will tell
            with self._lock:
                self._removed[etag] = known
        return known

    def _head_key(self, name: str) -> str:
        return f"{self._root}heads/{name}.json"

    def _key(self, name: str, record: Revision, file: str) -> str:
        return f"{self._root}lists/{name}/{folder_of(record)}/{file}"

    # -- writing ----------------------------------------------------------------------------------------------

    def _publish(self, name: str, record: Revision, files: dict[str, str | None], etag: str | None) -> str:
        why = self.why_unsafe()
        if why is not None:
            raise Unsafe(why, place=self.place)
        texts = {**files, HEAD: encode_record(record).decode()}
        for file, text in texts.items():
            if text is not None:
                self._put_file(self._key(name, record, file), text.encode())
        try:
            return self._exchange(name, record, etag)
        except LostRace:
            # Only now: after a doubtful answer the head may still come to point at them.
            self._forget(name, record, [file for file, text in texts.items() if text is not None])
            raise

    def _put_file(self, key: str, raw: bytes) -> None:
        def put() -> None:
            self._put(key, raw)

        try:
            self._patiently(put)
        except AwsError as error:
            raise self._failure(error, "s3:PutObject", key) from error

    def _exchange(self, name: str, record: Revision, etag: str | None) -> str:
        """Exchange the head. After every doubtful answer the head itself tells what became of it."""
        key, raw = self._head_key(name), encode_record(record)
        last: AwsError | None = None
        for number in range(_TRIES):
            try:
                return self._put(key, raw, if_match=etag, if_none_match=etag is None)
            except AwsError as error:
                if error.is_denied:
                    raise self._failure(error, "s3:PutObject", key) from error
                last = error
            try:
                there, now = self._head(name)
            except NotFound:
                there, now = None, None
            if there is not None and now is not None and there.id == record.id:
                return now
            if now != etag:
                raise lost_race(name, self._theirs(name, there, now))
            if not self._is_doubtful(last):
                break
            _pause(number)
        assert last is not None
        raise self._failure(last, "s3:PutObject", key) from last

    def _theirs(self, name: str, there: Revision | None, etag: str | None) -> Stored | None:
        if there is None or etag is None or there.removed:
            return None
        return self._files(name, etag, there)

    def _forget(self, name: str, record: Revision, files: list[str]) -> None:
        """Take away what lost, if that is allowed; nobody would see it anyway."""
        with contextlib.suppress(LccError, AwsError):
            if self._head(name)[0].id == record.id:
                return
            for file in files:
                where = {"Bucket": self._bucket.bucket, "Key": self._key(name, record, file), **self._extra}
                self._client.ask(partial(_delete, where))

    # -- S3 ---------------------------------------------------------------------------------------------------

    def _get(self, key: str, most: int, known: str | None = None) -> tuple[bytes, str] | None:
        """Read an object. None where there is none; raises Unchanged where its ETag is `known`."""
        condition = {"IfNoneMatch": known} if known is not None else {}

        def ask(client: Any) -> tuple[bytes, str]:
            answer = client.get_object(Bucket=self._bucket.bucket, Key=key, **condition, **self._extra)
            with answer["Body"] as body:
                return body.read(most + 1), str(answer["ETag"])

        try:
            raw, etag = self._patiently(lambda: self._client.ask(ask))
        except AwsError as error:
            if error.code in ("304", "NotModified"):
                raise Unchanged from None
            if error.code in _ABSENT:
                return None
            raise self._failure(error, "s3:GetObject", key) from error
        if len(raw) > most:
            raise Invalid(f"{key.rsplit('/', 1)[-1]} has more than {most} bytes.", field=key)
        return raw, etag

    def _put(self, key: str, raw: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Write an object. Raises _Failed where the condition isn't met, AwsError otherwise."""
        conditions = {"IfMatch": if_match} if if_match is not None else {"IfNoneMatch": "*"} if if_none_match else {}
        told: dict[str, Any] = {
            "ServerSideEncryption": self._bucket.encryption,
            "SSEKMSKeyId": self._bucket.kms_key_id,
            "BucketKeyEnabled": self._bucket.bucket_key,
        }
        told = {name: value for name, value in told.items() if value is not None}
        kind = "application/json" if key.endswith(".json") else "text/plain; charset=utf-8"

        def ask(client: Any) -> str:
            with _conditions(client, conditions) as known:
                answer = client.put_object(
                    Bucket=self._bucket.bucket, Key=key, Body=raw, ContentType=kind, **known, **told, **self._extra
                )
            return str(answer["ETag"])

        try:
            return self._client.ask(ask)
        except AwsError as error:
            if error.code in _FAILED:
                raise _Failed(str(error), error.code, error.operation) from error
            raise

    def _takes(self, key: str, raw: bytes, condition: dict[str, Any]) -> bool:
        def put() -> bool:
            try:
                self._put(key, raw, **condition)
            except _Failed:
                return False
            return True

        return self._patiently(put)

    def _pages(self, start: str) -> Iterator[list[dict[str, Any]]]:
        token: dict[str, str] = {}
        while True:

            def ask(client: Any, token: dict[str, str] = token) -> dict[str, Any]:
                found: dict[str, Any] = client.list_objects_v2(
                    Bucket=self._bucket.bucket, Prefix=start, **token, **self._extra
                )
                return found

            try:
                page = self._patiently(lambda: self._client.ask(ask))
            except AwsError as error:
                raise self._failure(error, "s3:ListBucket", start) from error
            yield page.get("Contents", [])
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": str(page["NextContinuationToken"])}

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask again where the store is only busy, or the line broke: nothing that is asked this way counts twice."""
        for number in range(_TRIES):
            try:
                return ask()
            except AwsError as error:
                # Without an answer once more, not five times: a store that is away is away.
                if number == _TRIES - 1 or not (error.code in _BUSY or (error.code == "" and number == 0)):
                    raise
            _pause(number)
        raise AssertionError

    def _is_doubtful(self, error: AwsError) -> bool:
        return error.code in _BUSY or error.code in _FAILED or error.code in _ABSENT or error.code == ""

    def _failure(self, error: AwsError, action: str, key: str) -> LccError:
        resource = f"arn:aws:s3:::{self._bucket.bucket}/{key}"
        if action == "s3:ListBucket":
            resource = f"arn:aws:s3:::{self._bucket.bucket}"
        if error.is_denied:
            # S3 also says so of what isn't there, to those who may not list the bucket.
            return NotPermitted(
                f"Permission missing: the role of this machine needs {action} on {resource}.", missing=action
            )
        if error.code.startswith("KMS") or "kms:" in str(error):
            return NotPermitted(
                f"The key of {self.place} can't be used ({error.code}); the role needs kms:Decrypt, and "
                "kms:GenerateDataKey to publish.",
                missing="kms:Decrypt",
            )
        code = f"{error.code}: " if error.code else ""
        return NotReachable(f"{self.place} can't be asked ({action}): {code}{error}", place=self.place)


_NONE = '"00000000000000000000000000000000"'


class _Failed(AwsError):
    """The condition of a write was not met."""


def _delete(where: dict[str, str], client: Any) -> None:
    client.delete_object(**where)


def _pause(number: int) -> None:
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
