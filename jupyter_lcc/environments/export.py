"""An environment as a file: what was asked for, all of it, or the exact archives. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from .bounds import without_secrets
from .condarc import CondaSettings
from .exact import Exact
from .lock_file import lock_of, write_lock
from .model import Export, Package
from .packages_of import Record

__all__ = ["as_explicit", "as_lock", "as_yaml", "channels_of", "readable"]


def as_yaml(
    name: str,
    channels: Iterable[str],
    records: Iterable[Record],
    pip: Iterable[Package],
    asked: Mapping[str, str],
    *,
    everything: bool,
    variables: Mapping[str, str],
) -> Export:
    """Write environment.yml: with `everything` each package with version and build, else what somebody asked for."""
    import yaml

    installed = sorted(records, key=lambda record: record.name)
    if everything:
        dependencies: list[object] = [f"{r.name}={r.version}={r.build}" for r in installed]
    else:
        dependencies = [readable(asked[r.name]) if r.name in asked else r.name for r in installed if r.name in asked]
    notes = []
    if not everything and not asked and installed:
        dependencies = [f"{r.name}={r.version}" for r in installed]
        notes.append("Nothing tells what was asked for, so every package is listed.")
    packages = list(pip)
    editable = [package.name for package in packages if package.editable]
    wanted = [package for package in packages if not package.editable]
    if not everything and any(package.requested for package in wanted):
        wanted = [package for package in wanted if package.requested]
    if editable:
        notes.append(f"Packages installed from a folder are left out: {', '.join(sorted(editable))}.")
    if wanted:
        if not any(re.match(r"pip(?:$|[^\w-])", str(entry)) for entry in dependencies):
            dependencies.append("pip")
        dependencies.append({"pip": [f"{package.name}=={package.version}" for package in wanted]})
    document: dict[str, object] = {"name": name, "channels": list(channels), "dependencies": dependencies}
    if variables:
        document["variables"] = dict(variables)
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
    return Export(file_name=f"{name}.yml", text=text, notes=tuple(notes))


def as_explicit(name: str, subdir: str, records: Iterable[Record], pip: Iterable[Package]) -> Export:
    """Write the addresses of the very archives, as `conda list --explicit --md5` does."""
    notes = []
    lines = [f"# platform: {subdir}", "@EXPLICIT"]
    for record in sorted(records, key=lambda record: record.name):
        if record.url is None:
            notes.append(f"{record.name} was not installed from an address.")
            continue
        digest = record.md5 or (f"sha256:{record.sha256}" if record.sha256 else "")
        lines.append(without_secrets(record.url) + (f"#{digest}" if digest else ""))
    others = sorted(package.name for package in pip)
    if others:
        notes.append(f"pip's packages are left out, an explicit list can't hold them: {', '.join(others)}.")
    return Export(file_name=f"{name}.txt", text="\n".join(lines) + "\n", notes=tuple(notes))


def as_lock(exact: Exact, why_not_located: str | None = None) -> Export:
    """Write pixi.lock. What has no address is left out and named, with the reason where no index could be asked."""
    notes = []
    nowhere = sorted(package.name for package in exact.conda if not package.url)
    if nowhere:
        notes.append(f"Not installed from an address, and left out: {', '.join(nowhere)}.")
    editable = sorted(package.name for package in exact.pip if package.editable)
    if editable:
        notes.append(f"Packages installed from a folder are left out: {', '.join(editable)}.")
    archives = tuple(package for package in exact.pip if package.file_name.endswith((".whl", ".tar.gz", ".zip")))
    lost = sorted(package.name for package in exact.pip if package not in archives and not package.editable)
    if lost:
        why = f" {why_not_located}" if why_not_located else ""
        notes.append(f"pip's packages whose archives aren't known are left out: {', '.join(lost)}.{why}")
    known = msgspec.structs.replace(
        exact,
        conda=tuple(package for package in exact.conda if package.url),
        pip=archives,
    )
    return Export(file_name="pixi.lock", text=write_lock(lock_of((known,))), notes=tuple(notes))


def readable(spec: str) -> str:
    """Write a spec without what only a solver needs: a channel by its address, brackets around a version."""
    spec = re.sub(r"^[a-z0-9+.-]+://[^\s\[]*::", "", spec)
    found = re.fullmatch(r"([^\s\[=<>!~]+)\[version=[\"']([^\"']+)[\"']\]", spec)
    if found is not None:
        spec = f"{found[1]} {found[2]}"
    return re.sub(r"^(\S+) ([<>=!~])", r"\1\2", spec)


def channels_of(records: Iterable[Record], conda: CondaSettings) -> tuple[str, ...]:
    """Give the channels packages came from, by their names, the one with most of them first."""
    counts: dict[str, int] = {}
    for record in records:
        if record.channel:
            channel = conda.short(record.channel)
            counts[channel] = counts.get(channel, 0) + 1
    return tuple(sorted(counts, key=lambda channel: (-counts[channel], channel)))
