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
import re
import threading
from collections.abc import Iterator
from typing import Any

from ...environments.names import check_name, say_it
from ...errors import Invalid, LccError, LostRace, NotFound, Unsafe
from ...platforms.aws import AwsClient, AwsError
from ..model import MAX_LIST, MAX_LOCK, Revision, Signature, SourceKind, Stored
from ..revisions import folder_of, next_revision
from ..yamls import read_text
from .model import (
    HEAD,
    LIST,
    LOCK,
    Draft,
    check_draft,
    encode_record,
    is_list_name,
    lost_race,
    new_record,
    read_record,
    stored_of,
)
from .objects import TRIES, Bucket, Failed, Objects, is_doubtful, is_unknowing, pause
from .shelves import S3Shelf

__all__ = ["Bucket", "S3Source", "parse_place"]

_MAX_HEAD = 100_000
_NONE = '"00000000000000000000000000000000"'
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9!_'()=+@,-][A-Za-z0-9!_.'()=+@, -]*", re.ASCII)


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
        self,
        bucket: Bucket,
        client: AwsClient | None = None,
        *,
        connect_seconds: float | None = None,
        read_seconds: float | None = None,
    ) -> None:
        """Several sources may share a client of "s3" of one region; making one takes longer than most questions."""
        if client is None:
            client = AwsClient("s3", bucket.region, connect_seconds=connect_seconds, read_seconds=read_seconds)
        self._objects = Objects(bucket, client)
        self._is_safe = False
        self._why_unsafe: str | None = None
        self._removed: dict[str, bool] = {}
        self._lock = threading.Lock()

    @property
    def place(self) -> str:
        """`s3://bucket/prefix`."""
        return self._objects.place

    @property
    def shelf(self) -> S3Shelf:
        """Its bundle."""
        return S3Shelf(self._objects)

    def why_unsafe(self) -> str | None:
        """Write a trial object under conditions that can't be met: a store that takes it anyway ignores conditions."""
        if self._is_safe or self._why_unsafe is not None:
            return self._why_unsafe
        key, raw = f"{self._objects.root}heads/.trial", b"jupyter_lcc tries whether conditions are kept here.\n"
        try:
            with contextlib.suppress(Failed):
                self._objects.put(key, raw, if_none_match=True)
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
            if not is_unknowing(error):
                raise self._objects.failure(error, "s3:PutObject", key) from error
            self._why_unsafe = f"The store at {self.place} takes no conditions with a write ({error.code})."
        self._is_safe = self._why_unsafe is None
        return self._why_unsafe

    def names(self) -> tuple[str, ...]:
        """Name the lists that are there: one request, and one for each head that wasn't seen before."""
        return tuple(name for name, etag in self.etags().items() if not self._is_removed(name, etag))

    def etags(self) -> dict[str, str]:
        """Name the heads with their ETags: a request for a thousand. Left out are those known to be removed lists'."""
        start = f"{self._objects.root}heads/"
        found: dict[str, str] = {}
        for page in self._objects.pages(start):
            for entry in page:
                name = str(entry["Key"])[len(start) :]
                if name.endswith(".json") and is_list_name(name[:-5]):
                    found[name[:-5]] = str(entry["ETag"])
        with self._lock:
            return {name: etag for name, etag in sorted(found.items()) if not self._removed.get(etag)}

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

    def at(self, name: str, record: Revision) -> Stored:
        """Read the files of a record."""
        check_name(name)
        return self._files(name, folder_of(record), record)

    # -- reading ----------------------------------------------------------------------------------------------

    def _head(self, name: str, known: str | None = None) -> tuple[Revision, str]:
        found = self._objects.get(self._head_key(name), _MAX_HEAD, known)
        if found is None:
            raise NotFound(f"There is no list {name} in {self.place}.", name=name)
        raw, etag = found
        record = read_record(raw)
        if record is None:
            raise Invalid(f"The record of {name} can't be read.", field=name)
        with self._lock:
            self._removed[etag] = record.removed
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
        found = self._objects.get(key, most)
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
            found = self._objects.get(f"{self._objects.root}lists/{name}/{folder}/{HEAD}", _MAX_HEAD)
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
        return f"{self._objects.root}heads/{name}.json"

    def _key(self, name: str, record: Revision, file: str) -> str:
        return f"{self._objects.root}lists/{name}/{folder_of(record)}/{file}"

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
            # Only now: after a doubtful answer the head may still come to point at them. Once it has moved on it can't:
            # no two records have one ETag.
            self._forget(name, record, [file for file, text in texts.items() if text is not None])
            raise

    def _put_file(self, key: str, raw: bytes) -> None:
        def put() -> None:
            self._objects.put(key, raw)

        try:
            self._objects.patiently(put)
        except AwsError as error:
            raise self._objects.failure(error, "s3:PutObject", key) from error

    def _exchange(self, name: str, record: Revision, etag: str | None) -> str:
        """Exchange the head. After every doubtful answer the head itself tells what became of it."""
        key, raw = self._head_key(name), encode_record(record)
        last: AwsError | None = None
        for number in range(TRIES):
            try:
                return self._objects.put(key, raw, if_match=etag, if_none_match=etag is None)
            except AwsError as error:
                if error.is_denied:
                    raise self._objects.failure(error, "s3:PutObject", key) from error
                last = error
            try:
                there, now = self._head(name)
            except NotFound:
                there, now = None, None
            if there is not None and now is not None and there.id == record.id:
                return now
            if now != etag:
                raise lost_race(name, self._theirs(name, there, now))
            if not is_doubtful(last):
                break
            pause(number)
        assert last is not None
        raise self._objects.failure(last, "s3:PutObject", key) from last

    def _theirs(self, name: str, there: Revision | None, etag: str | None) -> Stored | None:
        if there is None or etag is None or there.removed:
            return None
        return self._files(name, etag, there)

    def _forget(self, name: str, record: Revision, files: list[str]) -> None:
        """Take away what lost, if that is allowed; nobody would see it anyway."""
        with contextlib.suppress(LccError, AwsError):
            for file in files:
                self._objects.delete(self._key(name, record, file))

    def _takes(self, key: str, raw: bytes, condition: dict[str, Any]) -> bool:
        def put() -> bool:
            try:
                self._objects.put(key, raw, **condition)
            except Failed:
                return False
            return True

        return self._objects.patiently(put)
