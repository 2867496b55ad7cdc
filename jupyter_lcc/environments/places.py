"""Where things lie: the folder new environments go to, what we keep beside them, our own state, the cache.

Everything below the environments' folder that begins with a dot is ours and no environment: staging and trash lie
there because a rename is only one step within one file system.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ..model import Model
from ..platforms.model import Platform
from .condarc import CondaSettings

__all__ = ["ID_FILE", "OURS", "Places", "choose_places", "current_subdir", "is_below", "survives"]

OURS = ".lcc"
"""The folder beside the environments with staging-*, trash-* and garbage-*."""

ID_FILE = "conda-meta/jupyter_lcc"
"""What we know of an environment, in it. Not `*.json`: mamba and rattler take each such file for a package's record."""


class Places(Model, frozen=True, kw_only=True):
    """Absolute paths. `persistent_root` is null where nothing on this machine is known to be lost."""

    home: str
    folder: str
    state: str
    cache: str
    persistent_root: str | None
    platform: str

    @property
    def ours(self) -> Path:
        """The folder with staging and trash."""
        return Path(self.folder) / OURS

    def prefix(self, name: str) -> Path:
        """Where the environment of a checked name lies."""
        return Path(self.folder) / name

    def lock(self, prefix: str | Path) -> Path:
        """The file that is locked while a prefix is changed; named after its path, whoever asks."""
        digest = hashlib.sha256(os.fsencode(os.path.realpath(prefix))).hexdigest()[:24]
        return Path(self.state) / "locks" / f"{digest}.lock"


def choose_places(
    home: Path,
    data_dir: Path,
    platform: Platform,
    conda: CondaSettings,
    *,
    folder: str = "",
    cache_dir: str = "",
) -> Places:
    """Choose where environments go.

    The folder is what is configured; else the first of the user's `envs_dirs` that survives a restart and can be
    written; else `.conda/envs` in the home, or below the persistent root where the home itself is lost. The package
    cache lies beside it, on the same file system, so that environments share its files.
    """
    root = platform.persistent_root if platform.kind != "plain" else None
    base = Path(root) if root and not is_below(home, root) else home
    chosen = Path(folder).expanduser() if folder else None
    if chosen is None:
        for candidate in conda.envs_dirs:
            if (root is None or is_below(candidate, root)) and is_below(candidate, base) and _writable(candidate):
                chosen = Path(candidate)
                break
    if chosen is None:
        chosen = base / ".conda" / "envs"
    data_dir = data_dir.absolute()
    state = data_dir if root is None or is_below(data_dir, root) else Path(root) / ".jupyter_lcc"
    cache = Path(cache_dir).expanduser() if cache_dir else chosen.parent / "lcc-pkgs"
    return Places(
        home=str(home),
        folder=str(chosen.absolute()),
        state=str(state / "jupyter_lcc" / "environments"),
        cache=str(cache.absolute()),
        persistent_root=root,
        platform=platform.kind,
    )


def survives(prefix: str, places: Places) -> tuple[bool | None, str | None]:
    """Tell whether a folder survives a restart of this machine, and the code of what to do where it doesn't.

    On a plain machine everything does but what lies in memory or in a folder for temporary files.
    """
    kept = [root for root in (places.home, places.persistent_root) if root is not None]
    if _is_temporary(prefix) and not any(is_below(prefix, root) for root in kept):
        return False, "clone_to_keep"
    if places.persistent_root is not None:
        if is_below(prefix, places.persistent_root):
            return (
                (None, "ask_administrator")
                if places.platform == "jupyterhub" and _is_root_disk(prefix)
                else (True, None)
            )
        return False, "clone_to_keep"
    if places.platform == "plain":
        return True, None
    return None, "ask_administrator"


def current_subdir(environ: Mapping[str, str], conda: CondaSettings) -> str:
    """Give conda's name of this platform."""
    if conda.subdir:
        return conda.subdir
    import platform

    machine = platform.machine().lower()
    arm = machine in ("arm64", "aarch64")
    if sys.platform == "darwin":
        return "osx-arm64" if arm else "osx-64"
    if sys.platform == "win32":
        return "win-arm64" if arm else "win-64"
    return {"x86_64": "linux-64", "amd64": "linux-64", "aarch64": "linux-aarch64", "arm64": "linux-aarch64"}.get(
        machine, f"linux-{machine}"
    )


def is_below(path: str | Path, root: str | Path) -> bool:
    """Tell whether a path is a folder or lies below it, whatever links lead there."""
    inner, outer = os.path.realpath(path), os.path.realpath(root)
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)


def _is_temporary(prefix: str) -> bool:
    return any(is_below(prefix, folder) for folder in ("/dev/shm", "/run")) or prefix.startswith(("/tmp/", "/var/tmp/"))


def _is_root_disk(prefix: str) -> bool:
    """A home that lies on the container's own disk is not what a hub keeps."""
    try:
        return os.stat(prefix).st_dev == os.stat("/").st_dev
    except OSError:
        return False


def _writable(folder: str) -> bool:
    path = Path(folder)
    while not path.exists() and path != path.parent:
        path = path.parent
    return os.access(path, os.W_OK | os.X_OK)
