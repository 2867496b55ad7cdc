"""Jobs on disk: one record and one log each, and whose they are.

Everything here blocks; call it from a thread. A server holds a lock for as long as it lives, and names it in its
records: a record whose lock can be taken belongs to a server that is gone, on whichever machine it ran.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..model import Model
from ..store import CorruptFile, read_json, set_aside, write_json
from .model import Job

__all__ = ["JobFiles", "Record"]

MAX_LOG_BYTES = 4_000_000
"""What one job may say; the rest is dropped, and it is said that it was."""

_CUT = "\n… the log ends here: it is too long.\n"


class Record(Model, frozen=True, kw_only=True):
    """A job and the lock of the server that runs it, or ran it last."""

    job: Job
    owner: str = ""


class JobFiles:
    """The folder of all jobs of a user; several servers may use it at the same time."""

    def __init__(self, folder: Callable[[], Path], log: Any) -> None:
        self._folder_of = folder
        self._log = log
        self._lock: FileLock | None = None
        self.owner = secrets.token_hex(8)

    def claim(self) -> None:
        """Take this server's lock, so that others leave its jobs alone."""
        path = self._lock_of(self.owner)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(path)
        lock.acquire(timeout=0)
        self._lock = lock

    def release(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            self._lock.release()
            self._lock_of(self.owner).unlink(missing_ok=True)
            self._lock = None

    def load(self) -> list[Record]:
        """Read every record that isn't another living server's, the oldest first; what can't be read is set aside."""
        records: list[Record] = []
        lives: dict[str, bool] = {self.owner: False}
        for path in sorted(self._folder.glob("*.json")):
            try:
                record = read_json(path, Record)
            except CorruptFile as error:
                self._log.warning("jupyter_lcc: a job's record can't be read and is set aside: %s", error)
                set_aside(path)
                continue
            if record is None or record.job.id != path.stem:
                continue
            if record.owner not in lives:
                lives[record.owner] = self._lives(record.owner)
            if not lives[record.owner]:
                records.append(record)
        return sorted(records, key=lambda record: record.job.created_at)

    def save(self, job: Job) -> None:
        """Write a job's record as a whole."""
        write_json(self._folder / f"{job.id}.json", Record(job=job, owner=self.owner))

    def remove(self, job_id: str) -> None:
        """Forget a job and what it said."""
        for suffix in (".log", ".json"):
            (self._folder / f"{job_id}{suffix}").unlink(missing_ok=True)

    def append(self, job_id: str, text: str) -> None:
        """Add to what a job said."""
        path = self._folder / f"{job_id}.log"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(path, "ab") as file:
            room = MAX_LOG_BYTES - file.tell()
            raw = text.encode("utf-8", "backslashreplace")
            if room > 0:
                file.write(raw if len(raw) <= room else raw[:room].decode("utf-8", "ignore").encode() + _CUT.encode())
                if len(raw) == room:
                    file.write(_CUT.encode())

    def read(self, job_id: str, offset: int, most: int) -> tuple[bytes, bool]:
        """Give what a job said from a byte on, and whether that reaches the end."""
        try:
            with open(self._folder / f"{job_id}.log", "rb") as file:
                file.seek(offset)
                raw = file.read(most + 1)
        except FileNotFoundError:
            return b"", True
        return raw[:most], len(raw) <= most

    @property
    def _folder(self) -> Path:
        return self._folder_of() / "jobs"

    def _lock_of(self, owner: str) -> Path:
        return self._folder / "owners" / f"{owner}.lock"

    def _lives(self, owner: str) -> bool:
        path = self._lock_of(owner)
        if not owner.isalnum() or not path.exists():
            return False
        try:
            FileLock(path).acquire(timeout=0).lock.release()
        except Timeout:
            return True
        path.unlink(missing_ok=True)
        return False
