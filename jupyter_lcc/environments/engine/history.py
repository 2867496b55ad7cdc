"""conda's own history of an environment, `conda-meta/history`, so that conda goes on where we ended.

From it come `conda list --revisions` and `conda env export --from-history`. No version of conda is named: an older
conda refuses to touch an environment that says a newer one has changed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from ..bounds import without_secrets
from ..kept import KeptRecord

__all__ = ["append", "block"]


def append(prefix: Path, text: str) -> None:
    """Add to the history; the file is one of our own copy, nobody else reads it yet."""
    path = prefix / "conda-meta" / "history"
    before = path.read_bytes() if path.exists() else b""
    if before and not before.endswith(b"\n"):
        before += b"\n"
    path.unlink(missing_ok=True)
    path.write_bytes(before + text.encode())


def block(
    now: datetime,
    command: str,
    before: Iterable[KeptRecord],
    after: Iterable[KeptRecord],
    asked: Mapping[str, str],
    removed: Iterable[str] = (),
) -> str:
    """Write what happened. `asked` are the specs of this change."""
    old, new = {_dist(record) for record in before}, {_dist(record) for record in after}
    lines = [f"==> {now:%Y-%m-%d %H:%M:%S} <==", f"# cmd: jupyter lcc env {_one_line(command)}"]
    lines += [f"-{dist}" for dist in sorted(old - new)]
    lines += [f"+{dist}" for dist in sorted(new - old)]
    if asked:
        lines.append(f"# update specs: {[_one_line(spec) for spec in asked.values()]!r}")
    removed = list(removed)
    if removed:
        lines.append(f"# remove specs: {removed!r}")
    return "\n".join(lines) + "\n"


def _dist(record: KeptRecord) -> str:
    address = record.url or ""
    channel = without_secrets(address.rsplit("/", 2)[0]) if address.count("/") > 2 else (record.channel or "unknown")
    return f"{channel}/{record.subdir or 'noarch'}::{record.name}-{record.version}-{record.build}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
