"""Find the conda environments of this user, whoever made them, without starting anything.

An environment is a folder with a `conda-meta` in it. They are looked for where conda (`envs_dirs`,
`environments.txt`), mamba, micromamba and pixi keep them. What one is like is read from names of files, so that fifty
are listed in milliseconds; it is read again when its `conda-meta` or its Python packages have changed. Everything here
blocks; call it from a thread.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from ..model import Model, sendable
from .bounds import without_secrets
from .condarc import CondaSettings, root_prefixes
from .model import EnvironmentStatus, Maker
from .places import ID_FILE, OURS, Places

__all__ = ["Finder", "Found", "IdFile", "KernelRecord", "Stamp", "read_id", "stamp_of"]

Stamp = tuple[int, ...]
_RACY_NS = 20_000_000
"""A folder that changed less than this before it was read may change again within one tick of its file system."""

_HISTORY_BYTES = 256 * 1024


class KernelRecord(Model, frozen=True, kw_only=True):
    """The kernel we registered, so that it can be registered anew where its kernelspec was lost."""

    spec_name: str
    display_name: str


class IdFile(Model, frozen=True, kw_only=True):
    """What we write into an environment we made: `id` stays when it is changed, renamed or restored.

    `version` is the number of the kept version it is in, 0 where none was kept yet.
    """

    id: str
    version: int = 0
    channels: tuple[str, ...] = ()
    kernel: KernelRecord | None = None


@dataclass(frozen=True)
class Found:
    """One environment as its files' names tell it. `size` and who runs in it are known elsewhere."""

    name: str
    prefix: str
    managed: bool
    made_by: Maker
    status: EnvironmentStatus
    python: str | None
    package_count: int
    pip_count: int
    channels: tuple[str, ...]
    changed_at: datetime | None
    stamp: Stamp = field(default=(), compare=False)
    id: str | None = None


@dataclass(frozen=True)
class _Look:
    """What is kept of a prefix between two looks."""

    stamp: Stamp
    racy: bool
    made_by: Maker
    status: EnvironmentStatus
    python: str | None
    package_count: int
    pip_count: int
    channels: tuple[str, ...]
    changed_at: datetime | None
    id: str | None


class Finder:
    """Remembers what it saw; not for several threads at once."""

    def __init__(self, places: Places, environ: Mapping[str, str], extra_roots: Iterable[Path] = ()) -> None:
        self._places = places
        self._environ = environ
        self._extra_roots = tuple(extra_roots)
        self._looks: dict[str, _Look] = {}
        self._roots = frozenset(str(root) for root in root_prefixes(Path(places.home), environ))

    def find(self, conda: CondaSettings) -> list[Found]:
        """Give every environment, ours first, each with a name no other has."""
        prefixes = self._prefixes(conda)
        looks: dict[str, _Look] = {}
        for prefix in prefixes:
            look = self._look(prefix)
            if look is not None:
                looks[prefix] = look
        self._looks = looks
        return self._named(looks)

    def forget(self, prefix: str) -> None:
        """Look at a prefix anew, whatever its times say."""
        self._looks.pop(prefix, None)

    # -- where ---------------------------------------------------------------------------------------------------

    def _prefixes(self, conda: CondaSettings) -> list[str]:
        home = Path(self._places.home)
        roots = root_prefixes(home, self._environ)
        folders = [self._places.folder, *conda.envs_dirs, str(home / ".conda" / "envs"), str(home / ".mamba" / "envs")]
        folders += [str(root / "envs") for root in roots]
        seen: dict[str, str] = {}
        for folder in dict.fromkeys(folders):
            _collect(folder, seen)
        singles = [str(root) for root in roots]
        singles += [self._environ.get("CONDA_PREFIX", ""), *_environments_txt(home)]
        for prefix in singles:
            if prefix and os.path.isabs(prefix) and not _is_ours(prefix):
                seen.setdefault(os.path.realpath(prefix), os.path.normpath(prefix))
        for folder in self._pixi(home):
            _collect(folder, seen)
        return list(seen.values())

    def _pixi(self, home: Path) -> list[str]:
        # pixi keeps a project's environments in the project; those lie in the home or where the server's files are.
        projects = [str(home)]
        for root in dict.fromkeys((home, Path(self._places.persistent_root or home), *self._extra_roots)):
            projects.append(str(root))
            projects += _folders(str(root))
        return [f"{project}/.pixi/envs" for project in dict.fromkeys(projects)]

    # -- what ----------------------------------------------------------------------------------------------------

    def _look(self, prefix: str) -> _Look | None:
        known = self._looks.get(prefix)
        stamp = stamp_of(prefix, known.python if known is not None else None)
        if stamp is None:
            return None
        if known is not None and known.stamp == stamp and not known.racy:
            return known
        return _examine(prefix)

    def _named(self, looks: Mapping[str, _Look]) -> list[Found]:
        entries = [(self._short_name(prefix), prefix, look) for prefix, look in looks.items()]
        entries.sort(key=lambda entry: (not self._is_managed(entry[1]), entry[0].lower(), entry[1]))
        taken: set[str] = set()
        found = []
        for short, prefix, look in entries:
            name = short if short not in taken else f"{short} ({_maker_folder(prefix)})"
            while name in taken:
                name += "'"
            taken.add(name)
            found.append(
                Found(
                    name=name,
                    prefix=prefix,
                    managed=self._is_managed(prefix),
                    made_by=look.made_by,
                    status=look.status,
                    python=look.python,
                    package_count=look.package_count,
                    pip_count=look.pip_count,
                    channels=look.channels,
                    changed_at=look.changed_at,
                    stamp=look.stamp,
                    id=look.id,
                )
            )
        return found

    def _is_managed(self, prefix: str) -> bool:
        return os.path.dirname(prefix) == self._places.folder

    def _short_name(self, prefix: str) -> str:
        folder, _, name = prefix.rpartition(os.sep)
        if folder.endswith("/.pixi/envs"):
            project = folder.removesuffix("/.pixi/envs")
            if project == self._places.home:
                return sendable(name)
            project = os.path.basename(project)
            return sendable(project if name == "default" else f"{project}:{name}")
        if prefix in self._roots or (not folder.endswith("envs") and os.path.isdir(f"{prefix}/condabin")):
            return "base"
        return sendable(name)


def stamp_of(prefix: str, python: str | None = None) -> Stamp | None:
    """Give what changes whenever packages of an environment do; None where there is no environment."""
    # What is written into conda-meta under a temporary name and renamed changes the folder's own time; conda appends
    # to its history, which doesn't.
    try:
        meta = os.stat(f"{prefix}/conda-meta").st_mtime_ns
    except OSError:
        return None
    times = [meta]
    try:
        status = os.stat(f"{prefix}/conda-meta/history")
    except OSError:
        times.append(0)
    else:
        times += (status.st_mtime_ns, status.st_size)
    if python is not None:
        for path in (_site_packages(python), "bin/python"):
            try:
                times.append(os.stat(f"{prefix}/{path}").st_mtime_ns)
            except OSError:
                times.append(-1)
    return tuple(times)


def read_id(prefix: str | Path) -> IdFile | None:
    """Read what we wrote into an environment, None where that is nothing, or nothing that can be read."""
    try:
        return msgspec.json.decode(Path(prefix, ID_FILE).read_bytes(), type=IdFile)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _examine(prefix: str) -> _Look | None:
    try:
        names = os.listdir(os.path.join(prefix, "conda-meta"))
    except OSError:
        return None
    python: str | None = None
    packages: set[tuple[str, str]] = set()
    for file_name in names:
        if file_name.endswith(".json") and not file_name.startswith("."):
            pieces = file_name[:-5].rsplit("-", 2)
            if len(pieces) == 3:
                packages.add((pieces[0], pieces[1]))
                if pieces[0] == "python":
                    python = pieces[1]
    stamp = stamp_of(prefix, python)
    if stamp is None:
        return None
    known = set(names)
    identity = read_id(prefix) if "jupyter_lcc" in known else None
    history = _history(prefix) if "history" in known else ""
    changed = max(stamp[0], *(time_ for time_ in stamp if time_ > 10**15))
    return _Look(
        stamp=stamp,
        racy=time.time_ns() - changed < _RACY_NS,
        made_by=_maker(prefix, known, history, identity),
        status=_status(prefix, known, packages, python),
        python=python,
        package_count=len(packages),
        pip_count=_count_pip(prefix, python, packages),
        channels=identity.channels if identity is not None and identity.channels else _channels(history),
        changed_at=datetime.fromtimestamp(changed / 1e9, timezone.utc),
        id=identity.id if identity is not None else None,
    )


def _status(prefix: str, names: set[str], packages: set[tuple[str, str]], python: str | None) -> EnvironmentStatus:
    if python is not None and not os.path.exists(f"{prefix}/bin/python"):
        return "broken"
    if "frozen" in names:
        return "frozen"
    if not packages and "history" not in names:
        return "incomplete"
    return "ready"


def _maker(prefix: str, names: set[str], history: str, identity: IdFile | None) -> Maker:
    if identity is not None:
        return "jupyter_lcc"
    if "pixi" in names or f"{os.sep}.pixi{os.sep}" in prefix:
        return "pixi"
    command = re.search(r"^# cmd: (.*)$", history, re.MULTILINE)
    words = command[1] if command is not None else ""
    makers: tuple[Maker, ...] = ("micromamba", "mamba", "conda")
    for maker in makers:
        if re.search(rf"(?:^|[/\\ ]){maker}(?:\.exe|-script\.py)?(?: |$)", words):
            return maker
    return "conda" if re.search(r"^# conda version:", history, re.MULTILINE) else "unknown"


def _channels(history: str) -> tuple[str, ...]:
    found = re.findall(r"^\+([^:\s]+(?:://\S+?)?)::", history, re.MULTILINE)
    stripped = (re.sub(r"/(?:noarch|(?:linux|osx|win)-[a-z0-9_]+)$", "", channel) for channel in found)
    return tuple(dict.fromkeys(sendable(without_secrets(channel)) for channel in stripped))


def _history(prefix: str) -> str:
    try:
        with open(os.path.join(prefix, "conda-meta", "history"), "rb") as file:
            return file.read(_HISTORY_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _maker_folder(prefix: str) -> str:
    """Name where an environment lies in one word: `miniconda3` for what is in `miniconda3/envs`."""
    folder = os.path.dirname(prefix)
    if os.path.basename(folder) == "envs":
        folder = os.path.dirname(folder)
    return sendable(os.path.basename(folder) or folder)


def _count_pip(prefix: str, python: str | None, packages: set[tuple[str, str]]) -> int:
    """Count what pip installed: distributions that no conda package is called after, and that don't say conda did."""
    if python is None:
        return 0
    folder = os.path.join(prefix, _site_packages(python))
    try:
        names = [name[:-10] for name in os.listdir(folder) if name.endswith(".dist-info")]
    except OSError:
        return 0
    owned = {_alike(f"{name}-{version}") for name, version in packages}
    count = 0
    for name in names:
        if _alike(name) in owned:
            continue
        try:
            with open(f"{folder}/{name}.dist-info/INSTALLER", "rb") as file:
                count += file.read(64).strip() != b"conda"
        except OSError:
            count += 1
    return count


def _alike(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _site_packages(python: str) -> str:
    return f"lib/python{'.'.join(python.split('.')[:2])}/site-packages"


def _collect(folder: str, seen: dict[str, str]) -> None:
    """Add what lies in a folder, by the path without links."""
    try:
        with os.scandir(folder) as entries:
            found = [(e.name, e.path, e.is_symlink()) for e in entries if not e.name.startswith(".")]
    except OSError:
        return
    real = os.path.realpath(folder)
    for name, path, link in found:
        seen.setdefault(os.path.realpath(path) if link else f"{real}/{name}", path)


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [e.path for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)][:500]
    except OSError:
        return []


def _is_ours(prefix: str) -> bool:
    return f"/{OURS}/" in prefix


def _environments_txt(home: Path) -> list[str]:
    try:
        lines = (home / ".conda" / "environments.txt").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line.strip() for line in lines[:2000] if line.strip() and not line.startswith("#")]
