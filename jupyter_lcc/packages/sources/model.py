"""What a source of lists is. Every call blocks; whoever is on an event loop calls from a thread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

import msgspec

from ...environments.names import check_name
from ...errors import Invalid, LostRace, NotFound
from ...model import Model
from ..bundle import BUNDLE, Shelf
from ..lock import fits_list
from ..model import MAX_LIST, MAX_LOCK, Revision, Signature, SourceKind, Stored
from ..revisions import fits, next_revision

__all__ = [
    "HEAD",
    "LIST",
    "LOCK",
    "Draft",
    "Source",
    "Unchanged",
    "check_draft",
    "encode_record",
    "is_list_name",
    "lost_race",
    "new_record",
    "read_record",
    "restore",
    "stored_of",
]

LIST, LOCK, HEAD = "environment.yml", "pixi.lock", "revision.json"
"""The three files of a list."""


class Unchanged(Exception):
    """What is there is what the caller knows."""


class Draft(Model, frozen=True, kw_only=True):
    """What is to be written: the text, the lock that was made from it, by whom and why."""

    text: str
    lock: str | None = None
    signed: Signature
    restored_from: int | None = None


class Source(Protocol):
    """A place where lists are kept, whole and with their history.

    Every call raises NotReachable where the place does not answer, NotPermitted where it refuses, DiskFull where it
    has no room. A name that can't be a list's is Invalid; nothing outside of the place is ever touched.
    """

    @property
    def kind(self) -> SourceKind:
        """What it is."""

    @property
    def place(self) -> str:
        """Where it is, without secrets."""

    @property
    def shelf(self) -> Shelf | None:
        """Where archives are kept beside the lists; None where they can't be."""

    def why_unsafe(self) -> str | None:
        """Say why two publishers can't be kept apart here; None where they are. May write a trial and remove it."""

    def names(self) -> tuple[str, ...]:
        """Name the lists that are there."""

    def etags(self) -> Mapping[str, str | None]:
        """Name what may be lists, with their ETags where those are told along (null: reading it tells).

        Costs one question however many there are. A list that was removed may be among them: reading it says so.
        """

    def read(self, name: str, known: str | None = None) -> Stored:
        """Read a list as a whole. Raises Unchanged where its ETag is `known`, NotFound where there is none."""

    def write(self, name: str, draft: Draft, expected: Stored | None) -> Stored:
        """Replace `expected` (None: there must be none). Raises LostRace, with nothing written, if it isn't there."""

    def remove(self, name: str, signed: Signature, expected: Stored) -> Revision:
        """Remove a list; its history stays. Raises LostRace as `write` does."""

    def history(self, name: str, limit: int = 100) -> tuple[Revision, ...]:
        """Give the revisions, the newest first; also of a list that was removed. Raises NotFound where there
        never was one."""

    def revision(self, name: str, number: int) -> Stored:
        """Read an old revision. Raises NotFound."""

    def at(self, name: str, record: Revision) -> Stored:
        """Read the files of a record that `history` gave, which isn't a removed list's. Raises Invalid, NotFound."""


def restore(source: Source, name: str, number: int, signed: Signature, expected: Stored | None) -> Stored:
    """Bring an old revision's files back as a new one. Nothing that came between is lost."""
    old = source.revision(name, number)
    draft = Draft(text=old.text, lock=old.lock, signed=signed, restored_from=number)
    return source.write(name, draft, expected)


def lost_race(name: str, theirs: Stored | None) -> LostRace:
    """Say that somebody else was first, who and when."""
    if theirs is None:
        return LostRace(f"The list {name} is not there any more; somebody removed it.", field=name, etag=None)
    record = theirs.revision
    return LostRace(
        f"{record.author} published revision {record.number} of {name} in the meantime; nothing was overwritten.",
        field=name,
        etag=theirs.etag,
        revision=msgspec.to_builtins(record),
    )


def check_draft(name: str, draft: Draft) -> None:
    """Raise Invalid for what no source takes: a name that can't be a list's, files that are too large."""
    if name == BUNDLE:
        raise Invalid(f"No list can be called {BUNDLE}; archives are kept under this name.", field="name", value=name)
    check_name(name)
    for what, text, most in (("list", draft.text, MAX_LIST), ("lock", draft.lock or "", MAX_LOCK)):
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > most:
            raise Invalid(f"The {what} has {size} bytes; {most} are allowed.", field=what)


def is_list_name(name: str) -> bool:
    """Tell whether what lies in a source can be a list: others may have written there too."""
    try:
        check_name(name)
    except Invalid:
        return False
    return name != BUNDLE


def encode_record(record: Revision) -> bytes:
    """Write a record so that people can read and compare it."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def read_record(raw: bytes) -> Revision | None:
    """Read a record; None where it isn't one. Its id and its parent's become parts of keys and paths."""
    try:
        record = msgspec.json.decode(raw, type=Revision)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None
    named = all(re.fullmatch(r"[0-9a-f]{16}", id) for id in (record.id, record.parent or record.id))
    return record if named and 0 < record.number < 10**9 else None


def stored_of(
    name: str, etag: str, text: str | None, lock: str | None, record: Revision, *, checked: bool = True
) -> Stored:
    """Join what was read. Raises NotFound for a removed list, Invalid where the files aren't those of the record."""
    if record.removed or text is None:
        raise NotFound(f"There is no list {name}; it was removed by {record.author}.", name=name)
    if checked and not fits(record, text, lock):
        raise Invalid(f"The files of {name} are not those of its revision {record.number}.", field=name)
    return Stored(name=name, etag=etag, text=text, lock=lock, revision=record, lock_fits=fits_list(lock, text))


def new_record(expected: Stored | None, removed: Revision | None, draft: Draft) -> Revision:
    """Make the record of a draft: after what was expected, or after the removal of a list."""
    previous = expected.revision if expected is not None else removed
    return next_revision(previous, draft.signed, text=draft.text, lock=draft.lock, restored_from=draft.restored_from)
