"""Revisions of a list: their records, and how two publishers' changes are joined. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from ..model import Model
from .lists import edit_list
from .model import Conflicting, PackageList, Revision, Signature

__all__ = ["Merge", "digest", "fits", "folder_of", "merge", "next_revision", "plain_line"]


def digest(text: str | None) -> str | None:
    """Give the sha256 of a file's bytes."""
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def next_revision(
    previous: Revision | None,
    signed: Signature,
    *,
    text: str | None,
    lock: str | None,
    restored_from: int | None = None,
    outside: bool = False,
) -> Revision:
    """Make the record of what follows `previous`. No text: the list is removed.

    The order is the number's and the parent's; a clock that is wrong is written down as it is, and decides nothing.
    """
    record = Revision(
        number=1 if previous is None else previous.number + 1,
        id="",
        parent=None if previous is None else previous.id,
        at=signed.at,
        author=plain_line(signed.author, 200) or "unknown",
        message=plain_line(signed.message, 500),
        list_sha256=digest(text),
        lock_sha256=digest(lock),
        restored_from=restored_from,
        removed=text is None,
        outside=outside,
    )
    return _sealed(record)


def fits(record: Revision, text: str | None, lock: str | None) -> bool:
    """Tell whether a record is of these very files, and is itself as it was made."""
    whole = digest(text) == record.list_sha256 and digest(lock) == record.lock_sha256
    return whole and _sealed(record).id == record.id


def folder_of(revision: Revision) -> str:
    """Name the folder of a revision's files: in order for people, and never the same for two."""
    return f"{revision.number:06d}-{revision.id}"


def plain_line(text: str, most: int) -> str:
    """Make one line of what somebody typed, without what would move the cursor or turn the writing round."""
    kept = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(kept.split())[:most]


def _sealed(record: Revision) -> Revision:
    bare = msgspec.structs.replace(record, id="")
    return msgspec.structs.replace(record, id=hashlib.sha256(msgspec.json.encode(bare)).hexdigest()[:16])


class Merge(Model, frozen=True, kw_only=True):
    """Two publishers' changes joined. `text` is theirs with my changes, and in a conflict what they wrote.

    Without conflicts it can be published as it is; with them a person chooses, and sees both sides of each.
    """

    wanted: PackageList
    text: str
    conflicts: tuple[Conflicting, ...] = ()


def merge(base: PackageList | None, mine: PackageList, theirs: PackageList, theirs_text: str) -> Merge:
    """Join what was made of `base` (None: both are new) by two people. What only one of them changed is taken over."""
    base = base if base is not None else PackageList()
    found: list[Conflicting] = []
    conda = _maps("conda", base.conda, mine.conda, theirs.conda, found)
    pip = _maps("pip", base.pip, mine.pip, theirs.pip, found)
    variables = _maps("variables", base.variables, mine.variables, theirs.variables, found)
    name = _one("name", base.name, mine.name, theirs.name, found)
    wanted = PackageList(
        name=name,
        channels=_channels(base.channels, mine.channels, theirs.channels, found),
        platforms=_platforms(base.platforms, mine.platforms, theirs.platforms, found),
        conda=conda,
        pip=pip,
        variables=variables,
    )
    return Merge(wanted=wanted, text=edit_list(theirs_text, wanted), conflicts=tuple(found))


Section = Literal["conda", "pip", "variables", "name"]


def _maps(
    section: Section,
    base: Mapping[str, str],
    mine: Mapping[str, str],
    theirs: Mapping[str, str],
    found: list[Conflicting],
) -> dict[str, str]:
    merged: dict[str, str] = {}
    for key in dict.fromkeys((*theirs, *mine, *base)):
        value = _one(section, base.get(key), mine.get(key), theirs.get(key), found, key)
        if value is not None:
            merged[key] = value
    return merged


def _one(
    section: Section,
    base: str | None,
    mine: str | None,
    theirs: str | None,
    found: list[Conflicting],
    name: str = "",
) -> str | None:
    if mine in (theirs, base):
        return theirs
    if theirs == base:
        return mine
    found.append(Conflicting(section=section, name=name, base=base, mine=mine, theirs=theirs))
    return theirs


def _channels(
    base: tuple[str, ...], mine: tuple[str, ...], theirs: tuple[str, ...], found: list[Conflicting]
) -> tuple[str, ...]:
    """Take one side's channels as a whole: which of two counts first decides what is installed."""
    if mine in (theirs, base):
        return theirs
    if theirs == base:
        return mine
    found.append(_whole("channels", base, mine, theirs))
    return theirs


def _platforms(
    base: tuple[str, ...], mine: tuple[str, ...], theirs: tuple[str, ...], found: list[Conflicting]
) -> tuple[str, ...]:
    """Join what was added and taken away. Naming none means all of them, so that is never what a joining leads to."""
    if set(mine) in (set(theirs), set(base)):
        return theirs
    if set(theirs) == set(base):
        return mine
    gone = (set(base) - set(mine)) | (set(base) - set(theirs))
    joined = tuple(each for each in dict.fromkeys((*theirs, *mine)) if each not in gone)
    if not (base and mine and theirs and joined):
        found.append(_whole("platforms", base, mine, theirs))
        return theirs
    return joined


def _whole(
    section: Literal["channels", "platforms"], base: Iterable[str], mine: Iterable[str], theirs: Iterable[str]
) -> Conflicting:
    texts = [", ".join(side) or None for side in (base, mine, theirs)]
    return Conflicting(section=section, base=texts[0], mine=texts[1], theirs=texts[2])
