"""Package lists, what lies between them and environments, and their history as lines for a terminal. Pure."""

from __future__ import annotations

from datetime import datetime

from ..jobs.model import Job
from ..packages.model import ListDiff, ListHistory, ListStates, SourceState
from .env_words import say_plan
from .table import clean, fill, lay_out
from .times import say_moment

__all__ = ["say_diff", "say_history", "say_lists", "say_published", "say_sources"]

_STATES = {
    "in_sync": "in sync",
    "drifted": "changed here",
    "behind": "the list is newer",
    "drifted_and_behind": "changed here, and the list is newer",
    "not_installed": "not installed",
    "syncing": "is being synced",
    "unlocked": "not locked for this platform",
    "refused": "not allowed here",
    "invalid": "can't be read",
    "unreachable": "its source doesn't answer",
}
_BY = {"here": "changed here", "list": "changed in the list", "both": "changed here and in the list"}


def say_lists(told: ListStates, now: datetime, width: int) -> list[str]:
    """Write every list, how its environment stands to it, and which sources don't answer."""
    if not told.lists and not told.sources:
        return ["There are no package lists yet. `jupyter lcc lists add-source PLACE` adds a place that holds some."]
    rows = [("NAME", "REVISION", "BY", "WHEN", "PACKAGES", "")]
    for one in told.lists:
        record = one.revision
        state = _STATES.get(one.status, one.status)
        rows.append(
            (
                clean(one.name),
                str(record.number) if record is not None else "",
                clean(record.author) if record is not None else "",
                say_moment(record.at, now) if record is not None else "",
                str(one.package_count or ""),
                state + (", required" if one.required else ""),
            )
        )
    lines = lay_out(rows, width, right=frozenset((1, 4))) if told.lists else ["The sources hold no lists yet."]
    for one in told.lists:
        if one.message:
            lines += fill(f"{clean(one.name)}: {clean(one.message)}", width, "  ")
    for source in told.sources:
        if source.problem is not None:
            lines += fill(f"{clean(source.place or source.id)}: {clean(source.problem)}", width, "  ")
    return lines


def say_diff(diff: ListDiff, width: int) -> list[str]:
    """Write what a sync would do, who changed what, and what isn't allowed."""
    lines = say_plan(diff, width)
    if diff.to_solve:
        lines = fill(f"The list has no lock for {clean(diff.platform)}, and has to be solved first.", width, "  ")
    if diff.solved_here:
        told = f"The list has no lock for {clean(diff.platform)}. It was solved here; other machines may get others."
        lines += fill(told, width, "  ")
    if diff.from_copy:
        lines += fill("The source does not answer; this is the list as it was read last.", width, "  ")
    if diff.message and not diff.refused:
        lines += fill(clean(diff.message), width, "  ")
    for item in diff.changed.items:
        versions = " / ".join(clean(version or "none") for version in (item.synced, item.installed, item.wanted))
        lines += fill(f"{clean(item.name)}: {_BY[item.by]} (synced / installed / wanted: {versions})", width, "  ")
    for refusal in diff.refused:
        lines += fill(f"Not allowed: {clean(refusal.message)}", width, "  ")
    return lines


def say_history(told: ListHistory, now: datetime, width: int) -> list[str]:
    """Write who published what, the newest first."""
    rows = [("REVISION", "WHEN", "BY", "MESSAGE")]
    for one in told.revisions:
        what = clean(one.message)
        if one.restored_from is not None:
            what = f"{what} (restored from {one.restored_from})"
        if one.removed:
            what = f"removed {what}".strip()
        rows.append((str(one.number), say_moment(one.at, now), clean(one.author), what))
    return lay_out(rows, width, right=frozenset((0,)))


def say_sources(sources: tuple[SourceState, ...], width: int) -> list[str]:
    """Write where lists are kept."""
    if not sources:
        return ["There are no sources yet. `jupyter lcc lists add-source PLACE` adds one."]
    rows = [("ID", "KIND", "PLACE", "BY ITSELF", "")]
    for one in sources:
        owner = "the administrator's" if one.configured else ""
        rows.append((clean(one.id), one.kind, clean(one.place), one.mode, clean(one.problem or owner)))
    return lay_out(rows, width)


def say_published(job: Job) -> str:
    """Write how a job of lists that succeeded ended."""
    result = job.result or {}
    name = clean(str(result.get("name", job.subject)))
    if job.kind == "lists.bundle":
        added, present, removed = (result.get(key, 0) for key in ("stored", "present", "removed"))
        gone = f" {removed} that no list needs were removed." if "removed" in result else ""
        return f"{name}: {added} files were added to the bundle, {present} were there.{gone}"
    return f"{name} is published as revision {result.get('revision')}, {result.get('package_count')} packages."
