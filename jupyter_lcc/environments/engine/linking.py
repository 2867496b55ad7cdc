"""Puts packages into a folder, and tells how far it is. Scripts of packages are never run."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rattler import MatchSpec, PackageCache, PrefixRecord, RepoDataRecord, install

from ...errors import NotReachable
from .network import Network
from .prefix import records_of
from .solving import check_more, name_of
from .talk import Talk
from .verified import check_file, installing, is_verified, local_path, note_verified

__all__ = ["cached", "link"]


class _Reporter:
    """Hears of the work from threads of rattler's own."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._lock = threading.Lock()
        self._total = 0
        self._done = 0
        self._next = 0
        self._names: dict[int, str] = {}
        self._bytes: dict[int, tuple[int, int]] = {}

    def on_transaction_start(self, total_operations: int) -> None:
        """Begin."""
        self._total = total_operations
        self._talk.progress(0, total_operations, "packages", "download", now=True)

    def on_transaction_operation_start(self, operation: int) -> None:
        """Begin one package."""

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        """Look for it in the cache."""
        return self._token(package_name)

    def on_validate_start(self, cache_entry: int) -> int:
        """Check what is in the cache."""
        return 0

    def on_validate_complete(self, validate_idx: int) -> None:
        """It was checked."""

    def on_download_start(self, cache_entry: int) -> int:
        """Download one."""
        return self._token(self._names.get(cache_entry, ""))

    def on_download_progress(self, download_idx: int, progress: int, total: int | None) -> None:
        """Count bytes of all that come at once."""
        with self._lock:
            self._bytes[download_idx] = (progress, max(total or 0, progress))
            done = sum(one for one, _ in self._bytes.values())
            whole = sum(all_ for _, all_ in self._bytes.values())
        if self._done == 0:
            self._talk.progress(done, whole, "bytes", "download")

    def on_download_completed(self, download_idx: int) -> None:
        """One came."""

    def on_populate_cache_complete(self, cache_entry: int) -> None:
        """It is in the cache."""

    def on_unlink_start(self, operation: int, package_name: str) -> int:
        """Take one out."""
        return self._token(package_name)

    def on_unlink_complete(self, index: int) -> None:
        """It is out."""

    def on_link_start(self, operation: int, package_name: str) -> int:
        """Put one in."""
        return self._token(package_name)

    def on_link_complete(self, index: int) -> None:
        """It is in."""
        with self._lock:
            self._done += 1
        self._talk.progress(min(self._done, self._total), self._total, "packages", self._names.get(index, "link"))

    def on_transaction_operation_complete(self, operation: int) -> None:
        """One package is through."""

    def on_transaction_complete(self) -> None:
        """All are."""
        self._talk.progress(self._total, self._total, "packages", "link", now=True)

    def on_post_link_start(self, package_name: str, script_path: str) -> int:
        """Never."""
        return 0

    def on_post_link_complete(self, index: int, success: bool) -> None:
        """Never."""

    def on_pre_unlink_start(self, package_name: str, script_path: str) -> int:
        """Never."""
        return 0

    def on_pre_unlink_complete(self, index: int, success: bool) -> None:
        """Never."""

    def _token(self, name: str) -> int:
        with self._lock:
            self._next += 1
            self._names[self._next] = name
            return self._next


async def cached(network: Network, records: Sequence[RepoDataRecord]) -> set[str]:
    """Give the addresses of those that needn't be downloaded: they are in the cache, or lie on this machine."""
    index = await PackageCache(network.packages).index()
    return {record.url for record in records if record.url.startswith("file:") or index.contains_record(record)}


async def link(
    network: Network,
    records: Sequence[RepoDataRecord],
    folder: Path,
    final: Path,
    asked: dict[str, str],
    installed: Sequence[PrefixRecord],
    talk: Talk,
    *,
    reinstall: bool | Collection[str] = False,
    strict: bool = False,
) -> None:
    """Make `folder` hold exactly these packages, as if it lay at `final`.

    `reinstall` names those that are put in anew though they are there, or says that all are. With `strict` nothing is
    taken from the cache that wasn't compared with its hash. Raises OutsideFailure for an archive with another hash.
    """
    again = {name_of(record) for record in records} if reinstall is True else set(reinstall or ())
    there = {record.url for record in installed if name_of(record) not in again}
    coming = [record for record in records if record.url not in there]
    doubtful = await asyncio.to_thread(_doubtful, network, coming) if strict else []
    if network.offline:
        here = await cached(network, records)
        here -= {record.url for record in doubtful if not record.url.startswith("file:")}
        missing = [name_of(record) for record in records if record.url not in here | there]
        if missing:
            raise NotReachable(
                f"conda is set to be offline, and these are not in the cache: {', '.join(sorted(missing))}.",
                missing=sorted(missing)[:100],
            )
    specs: list[Any] = []
    for spec in asked.values():
        with contextlib.suppress(Exception):  # what somebody else wrote there needn't be one; it is kept all the same
            # install() takes only the inner object, in spite of what its signature says.
            specs.append(MatchSpec(spec)._match_spec)  # noqa: SLF001
    async with installing(network.packages, doubtful):
        index = await PackageCache(network.packages).index()
        fetched = [record for record in coming if not index.contains_record(record)]
        compared = await asyncio.to_thread(_compared, fetched)
        await install(
            list(records),
            folder,
            installed_packages=list(installed),
            reinstall_packages=again or None,
            execute_link_scripts=False,
            show_progress=False,
            client=network.client,
            config=network.config,
            requested_specs=specs,
            reporter=_Reporter(talk),
            alternative_target_prefix=final,
            package_cache=PackageCache(network.packages),
        )
        for record in compared:
            note_verified(network.packages, record)
    (folder / "CACHEDIR.TAG").unlink(missing_ok=True)  # backups would leave the environment out
    _complete(network, folder, records)
    if network.room_bytes is not None:
        fresh = {name_of(record) for record in fetched}
        taken = sum(record.installed_bytes or 0 for record in records_of(folder) if record.name in fresh)
        check_more(taken, network.room_bytes)


def _doubtful(network: Network, records: Sequence[RepoDataRecord]) -> list[RepoDataRecord]:
    return [record for record in records if not is_verified(network.packages, record)]


def _compared(records: Sequence[RepoDataRecord]) -> list[RepoDataRecord]:
    """Compare the archives of this machine with their hashes, and give the records whose packages are sure to be right.

    What is downloaded rattler compares itself, by sha256.
    """
    found = []
    for record in records:
        path = local_path(record.url)
        if path is not None:
            sha256, md5 = (digest.hex() if digest else None for digest in (record.sha256, record.md5))
            check_file(path, sha256, md5, name_of(record), record.url)
        if path is not None or record.sha256 is not None:
            found.append(record)
    return found


def _complete(network: Network, folder: Path, records: Sequence[RepoDataRecord]) -> None:
    """Where no channel told what a package needs, take it from the package itself."""
    for record in records:
        if record.depends or record.timestamp is not None or record.license:
            continue
        stem = f"{name_of(record)}-{record.version}-{record.build}"
        path = folder / "conda-meta" / f"{stem}.json"
        try:
            written = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
            source = Path(written.get("extracted_package_dir") or "") / "info" / "index.json"
            told = msgspec.json.decode(source.read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            continue
        for key in ("depends", "constrains", "license", "timestamp", "noarch", "build_number", "track_features"):
            if told.get(key) and not written.get(key):
                written[key] = told[key]
        path.write_bytes(msgspec.json.format(msgspec.json.encode(written), indent=2))
