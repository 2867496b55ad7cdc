"""`jupyter lcc policy check`: is a policy document right, and what does it give to whom and when? Without a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from pathlib import Path

from ..idle.document.file import MAX_READ
from ..idle.document.model import PolicyDocument, Subject
from ..idle.document.rules import InvalidDocument, apply, holding, parse
from ..idle.model import Policy
from ..idle.policy import Choices, PolicyInput, resolve
from ..model import Model
from .exits import CliError, Exit
from .table import clean, lay_out
from .times import say_moment

__all__ = ["PolicyCheck", "check_document", "describe_check", "moment_to_check"]


class PolicyCheck(Model, frozen=True, kw_only=True):
    """What is wrong with a document; or which of its rules hold, and the limits that follow from them."""

    valid: bool
    errors: tuple[str, ...] = ()
    at: datetime | None = None
    rules: tuple[str, ...] = ()
    holding: tuple[str, ...] = ()
    policy: Policy | None = None


def check_document(path: Path, subject: Subject, at: datetime) -> PolicyCheck:
    """Read a document and apply it. Raises CliError where the file can't be read."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_READ)
    except OSError as error:
        raise CliError(Exit.USAGE, f"{path} can't be read: {error.strerror or error}.") from error
    try:
        document: PolicyDocument = parse(raw)
    except InvalidDocument as error:
        return PolicyCheck(valid=False, errors=error.errors)
    given = apply(document, subject, at, PolicyInput(mode="enforce", mode_source="default"))
    return PolicyCheck(
        valid=True,
        at=at,
        rules=tuple(rule.name for rule in document.rules),
        holding=holding(document, subject, at),
        policy=resolve(given, Choices()),
    )


def describe_check(path: str, check: PolicyCheck, table: Sequence[str], now: datetime, width: int) -> Iterator[str]:
    """Write it for people; `table` is the policy as `jupyter lcc policy` writes it."""
    if not check.valid:
        count = len(check.errors)
        yield f"{path} is refused; {'this is' if count == 1 else f'these {count} things are'} wrong:"
        yield from (f"  {clean(error)}" for error in check.errors)
        return
    yield f"{path} is a valid policy document."
    if check.at is not None:
        yield f"At {say_moment(check.at, now)}:"
    rows = [(f"  {clean(name)}", "holds" if name in check.holding else "doesn't hold") for name in check.rules]
    yield from lay_out(rows, width)
    yield ""
    yield from table


def moment_to_check(text: str, now: datetime) -> datetime:
    """Read `19:30` (today) or `2026-12-31T19:30`, also of the future; local without an offset."""
    words = text.strip()
    if not words:
        return now
    try:
        if len(words) <= 5:
            return now.replace(hour=(at := time.fromisoformat(words)).hour, minute=at.minute, second=0, microsecond=0)
        moment = datetime.fromisoformat(words.replace("Z", "+00:00"))
    except ValueError:
        raise CliError(
            Exit.USAGE, f"{text!r} is not a time; write for example 19:30 or 2026-12-31T19:30+09:00."
        ) from None
    return moment if moment.tzinfo is not None else moment.astimezone()
