"""Scripts that stop idle machines: in cron tables, systemd units and among the processes.

The usual ones are AWS's samples: `autostop.py` on notebook instances, `auto_stop_idle.py` in Studio spaces, both
started by cron. A cron line that powers the machine off at its hour counts too. Only what this user may read is seen.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..model import Model
from .findings import Check
from .table import clean, shorten

__all__ = ["Script", "check_scripts", "find_in_crontab", "find_in_files", "find_running", "unreadable_tables"]

_STOPS_IDLE = re.compile(
    r"auto[-_]?(?:stop|shut[-_]?down)(?:[-_]?idle)?|idle[-_]?(?:stop|shut[-_]?down)|(?:stop|shut[-_]?down)[-_](?:on[-_])?"
    r"idle|on[-_]idle",
    re.IGNORECASE,
)
"""The names such scripts have. `shutdown_no_activity_timeout` and our own options have none of them."""

_POWERS_OFF = re.compile(
    r"(?:^|[\s/;&|'\"])(?:shutdown\s+(?:-\S+\s+)*(?:now|\+\d|\d\d:\d\d)|poweroff\b|halt(?=\s|$)|systemctl\s+(?:\S+\s+)*"
    r"(?:poweroff|halt|suspend)\b|stop-notebook-instance\b|sagemaker\s+delete-app\b)"
)
_INTERPRETERS = re.compile(r"(?:python[\d.]*|(?:ba|da|z|k|a)?sh|perl|node|ruby|env|sudo|timeout|flock|nice)")

_TABLES = ("etc/crontab", "etc/anacrontab")
_FOLDERS = (
    "etc/cron.d",
    "etc/cron.hourly",
    "etc/cron.daily",
    "etc/cron.weekly",
    "etc/cron.monthly",
    "var/spool/cron",
    "var/spool/cron/crontabs",
    "etc/systemd/system",
)
_SPOOLS = ("var/spool/cron", "var/spool/cron/crontabs")
_CRONTAB_SECONDS = 1.0
_MOST_FILES, _MOST_BYTES = 300, 64 * 1024
_LONGEST_LINE = 120
_MOST_WORDS = 10


class Script(Model, frozen=True, kw_only=True):
    """A line that stops machines, and where it was found (in words)."""

    where: str
    line: str


def find_in_crontab(command: Sequence[str] = ("crontab", "-l")) -> tuple[Script, ...]:
    """Read this user's own table; nothing where there is no table or no cron."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_CRONTAB_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    if done.returncode != 0:
        return ()
    return tuple(_stopping(done.stdout[:_MOST_BYTES], "this user's crontab"))


def find_in_files(root: Path = Path("/")) -> tuple[Script, ...]:
    """Read the machine's cron tables and systemd units below `root`."""
    found: list[Script] = []
    for path in _files(root):
        try:
            with open(path, "rb") as file:
                text = file.read(_MOST_BYTES)
        except OSError:
            continue
        # A script may say it many times; once is enough.
        found += list(_stopping(text, str(path)))[:1] or list(_named(path))
    return tuple(found)


def unreadable_tables(root: Path = Path("/")) -> tuple[str, ...]:
    """Name the folders with other users' tables that are there and can't be read, like root's own."""
    closed = []
    for name in _SPOOLS:
        try:
            list((root / name).iterdir())
        except PermissionError:
            closed.append(str(root / name))
        except OSError:
            continue
    return tuple(closed)


def find_running(proc: Path = Path("/proc")) -> tuple[Script, ...]:
    """Look through the processes of all users, as far as they show their arguments."""
    found = []
    for folder in _entries(proc):
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes()[:_MOST_BYTES].decode("utf-8", "replace").split("\0")[:-1]
        except OSError:
            continue
        if _runs_stopper(words):
            found.append(Script(where=f"process {folder.name}", line=" ".join(words)))
    return tuple(found)


def check_scripts(scripts: Iterable[Script], unreadable: Sequence[str]) -> Iterable[Check]:
    """Say which scripts stop this machine beside us."""
    found = False
    for script in scripts:
        found = True
        line = shorten(clean(script.line.strip()), _LONGEST_LINE)
        at_its_hour = _STOPS_IDLE.search(script.line) is None
        how = "at its hour, whatever works" if at_its_hour else "by rules of its own"
        yield Check(
            name="stop_scripts",
            result="warn",
            message=f"A script stops this machine {how}: `{line}` ({clean(script.where)}). It warns nobody and "
            "knows no keep" + ("." if at_its_hour else "; such scripts see neither silent work nor terminals."),
            advice="Take it out there, and out of the lifecycle configuration or image that puts it there. "
            "LccIdle.instance_timeout_seconds stops the machine instead.",
        )
    if not found:
        yield Check(
            name="stop_scripts",
            result="ok",
            message="No script that stops the machine was found in cron, in systemd or among the processes."
            + (f" {' and '.join(unreadable)} can't be read." if unreadable else ""),
            advice="`sudo crontab -l` shows root's own table." if unreadable else "",
        )


def _stopping(text: bytes, where: str) -> Iterator[Script]:
    for line in text.decode("utf-8", "replace").splitlines():
        if line.lstrip().startswith(("#", ";")):
            continue
        if _STOPS_IDLE.search(line) or _POWERS_OFF.search(line):
            yield Script(where=where, line=line)


def _named(path: Path) -> Iterator[Script]:
    if _STOPS_IDLE.search(path.name):
        yield Script(where=str(path.parent), line=path.name)


def _runs_stopper(words: Sequence[str]) -> bool:
    """Tell whether a program is such a script, not an editor or a search that only names one."""
    names = [word.rpartition("/")[2] for word in words[:_MOST_WORDS]]
    if not names or _STOPS_IDLE.search(names[0]):
        return bool(names)
    if not _INTERPRETERS.fullmatch(names[0]):
        return False
    for place, name in enumerate(names[1:], 1):
        if _STOPS_IDLE.search(name):
            return True
        if re.fullmatch(r"-[a-zA-Z]*c", words[place]):
            # A shell's or Python's own text; cron starts everything that way.
            return place + 1 < len(words) and _STOPS_IDLE.search(words[place + 1]) is not None
        if not words[place].startswith("-") and not _INTERPRETERS.fullmatch(name) and re.search(r"[/.]", words[place]):
            return False  # this is what runs; the rest is for it
    return False


def _files(root: Path) -> Iterator[Path]:
    paths = [root / name for name in _TABLES]
    for folder in _FOLDERS:
        paths += sorted(_entries(root / folder))
    for path in paths[:_MOST_FILES]:
        if path.is_file():
            yield path


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
