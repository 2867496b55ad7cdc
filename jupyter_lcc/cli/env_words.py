"""Environments, plans and findings as lines for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..environments.model import (
    Diagnosis,
    Environment,
    EnvironmentList,
    InstalledPackages,
    PackageCache,
    Plan,
    VersionDiff,
    VersionList,
)
from ..jobs.model import Job, Progress
from .table import clean, fill, lay_out
from .times import say_moment

__all__ = [
    "say_cache",
    "say_diagnosis",
    "say_difference",
    "say_list",
    "say_packages",
    "say_plan",
    "say_progress",
    "say_result",
    "say_size",
    "say_trash",
    "say_versions",
]

_ADVICE = {
    "clone_to_keep": "is lost when this machine is restarted; `jupyter lcc env clone` makes one that stays",
    "ask_administrator": "may be lost when this machine is restarted; the administrator knows",
}
_STEPS = {
    "read": "reading channels",
    "solve": "solving",
    "download": "downloading",
    "link": "installing",
    "unlink": "removing",
    "pip": "installing Python packages",
    "copy": "copying",
    "check": "checking",
    "publish": "putting it in place",
    "kernel": "registering the kernel",
    "remove": "removing",
    "wait": "waiting for another change",
}


def say_size(count: int | None) -> str:
    """Write bytes as people read them."""
    if count is None:
        return ""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def say_list(listed: EnvironmentList, width: int) -> list[str]:
    """Write every environment, what is special about it, and the room they take."""
    problems = [f"conda's configuration is not followed: {clean(problem)}" for problem in listed.channels.problems]
    if not listed.environments:
        return ["There are no environments yet. `jupyter lcc env create NAME` makes one.", *problems]
    rows = [("NAME", "PYTHON", "PACKAGES", "SIZE", "KERNEL", "MADE BY", "")]
    for one in listed.environments:
        packages = str(one.package_count + one.pip_count)
        kernel = one.kernel.spec_name if one.kernel is not None else ""
        rows.append(
            (clean(one.name), one.python or "", packages, say_size(one.size_bytes), kernel, one.made_by, _state(one))
        )
    lines = lay_out(rows, width, right=frozenset((2, 3)))
    for one in listed.environments:
        if one.advice is not None:
            lines += fill(f"{clean(one.name)} {_ADVICE.get(one.advice, one.advice)}.", width, "  ")
    if listed.trash:
        lines.append(f"{len(listed.trash)} in the trash; `jupyter lcc env trash` shows them.")
    quota = listed.quota
    if quota.limit_bytes is not None and quota.used_bytes is not None:
        lines.append(f"{say_size(quota.used_bytes)} of {say_size(quota.limit_bytes)} are used.")
    return lines + problems


def say_packages(listed: InstalledPackages, width: int) -> list[str]:
    """Write what is installed; `*` stands before what somebody asked for."""
    rows = [("", "NAME", "VERSION", "BUILD", "FROM", "SIZE")]
    for one in listed.packages:
        source = clean(one.editable) if one.editable else clean(one.channel or one.manager)
        cells = ("*" if one.requested else "", clean(one.name), clean(one.version), clean(one.build or ""), source)
        rows.append((*cells, say_size(one.size_bytes)))
    return lay_out(rows, width, right=frozenset((5,)))


def say_plan(plan: Plan, width: int) -> list[str]:
    """Write what would be done."""
    lines = say_difference(VersionDiff(add=plan.add, remove=plan.remove, change=plan.change), width)
    if plan.download_bytes:
        lines.append(f"{say_size(plan.download_bytes)} would be downloaded.")
    if plan.post_link:
        names = ", ".join(map(clean, plan.post_link))
        lines += fill(f"Scripts of these packages are not run: {names}.", width, "  ")
    for kernel in plan.running_kernels:
        where = clean(kernel.path or kernel.kernel_id)
        lines += fill(f"A kernel runs in it ({where}); restarting it loses what it has in memory.", width, "  ")
    for note in plan.notes:
        lines += fill(clean(note), width, "  ")
    return lines


def say_difference(diff: VersionDiff, width: int) -> list[str]:
    """Write what comes, goes and changes, a line each."""
    rows = []
    for item in diff.add:
        rows.append(("+", clean(item.name), clean(item.version), clean(item.build or ""), clean(item.channel or "")))
    for item in diff.remove:
        rows.append(("-", clean(item.name), clean(item.version), clean(item.build or ""), clean(item.channel or "")))
    for change in diff.change:
        versions = f"{clean(change.from_version)} -> {clean(change.to_version)}"
        rows.append(("~", clean(change.name), versions, clean(change.to_build or ""), clean(change.channel or "")))
    if not rows:
        return ["There is nothing to do."]
    return lay_out([("", "NAME", "VERSION", "BUILD", "FROM"), *rows], width)


def say_versions(listed: VersionList, now: datetime, width: int) -> list[str]:
    """Write the kept versions."""
    if not listed.versions:
        return ["No versions are kept: it was not changed from here yet."]
    rows = [("VERSION", "", "WHEN", "CHANGED", "COMMAND")]
    for one in listed.versions:
        counts = f"+{one.added} -{one.removed} ~{one.changed}"
        mark = "now" if one.current else ("" if one.restorable else "can't be restored")
        rows.append(
            (str(one.number), mark, say_moment(one.at, now), counts, clean(one.command) or "(changed elsewhere)")
        )
    return lay_out(rows, width)


def say_trash(listed: EnvironmentList, now: datetime, width: int) -> list[str]:
    """Write what was deleted."""
    if not listed.trash:
        return ["The trash is empty."]
    rows = [("ID", "NAME", "DELETED", "GONE FOR GOOD", "SIZE")]
    for one in listed.trash:
        until = say_moment(one.purged_at, now) if one.purged_at is not None else "when purged"
        rows.append((one.id, clean(one.name), say_moment(one.deleted_at, now), until, say_size(one.size_bytes)))
    return lay_out(rows, width)


def say_diagnosis(name: str, diagnosis: Diagnosis, width: int) -> list[str]:
    """Write what is wrong and what to do."""
    if not diagnosis.findings:
        return [f"{clean(name)} is whole."]
    lines: list[str] = []
    for one in diagnosis.findings:
        lines += fill(f"{one.level}: {clean(one.message)}", width, "  ")
        fix = f" (`jupyter lcc env fix {clean(name)} {one.fix}`)" if one.fix else ""
        lines += fill(f"  {clean(one.advice)}{fix}", width, "  ")
    return lines


def say_cache(cache: PackageCache) -> list[str]:
    """Write what the package cache takes."""
    if cache.size_bytes is None:
        return [f"{clean(cache.path)} is being measured; ask again in a moment."]
    taken, free = say_size(cache.size_bytes), say_size(cache.reclaimable_bytes)
    return [f"{clean(cache.path)} takes {taken}; cleaning it frees {free}."]


def say_progress(progress: Progress) -> str:
    """Write how far a job is, in a few words."""
    step = _STEPS.get(progress.label, clean(progress.label)) or "working"
    if progress.total is None:
        return step
    if progress.unit == "bytes":
        return f"{step} {say_size(progress.done)} of {say_size(progress.total)}"
    return f"{step} {progress.done} of {progress.total}"


def say_result(job: Job) -> str:
    """Write how a job that succeeded ended."""
    result = job.result or {}
    name = clean(str(result.get("name", job.subject)))
    verb = job.kind.partition(".")[2]
    if result.get("changed") is False:
        return f"{name}: there was nothing to do."
    if verb == "delete":
        return f"{name} is in the trash; `jupyter lcc env restore {result.get('trash_id')}` takes it back."
    if verb == "purge":
        names: Sequence[object] = result.get("purged") or ()
        return f"Removed for good: {', '.join(clean(str(one)) for one in names) or 'nothing'}."
    if verb == "clean":
        return f"{say_size(int(result.get('freed_bytes') or 0))} were freed."
    kernel = result.get("kernel")
    if isinstance(kernel, dict):
        return f"{name} is ready; its kernel is {clean(str(kernel.get('spec_name')))}."
    return f"{name} is ready."


def _state(one: Environment) -> str:
    words: list[str] = [] if one.status == "ready" else [one.status]
    if one.persistent is False:
        words.append("not persistent")
    if one.running_kernels:
        words.append(f"{len(one.running_kernels)} running")
    if one.job_id is not None:
        words.append("being changed")
    return ", ".join(words)
