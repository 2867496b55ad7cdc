"""Kernelspecs: the ones we write for environments, and all others, which are only read.

Ours lie in the user's Jupyter data directory, so every server, papermill and nbconvert of this user finds them, and at
once: Jupyter looks into the folder each time it is asked. The path of the environment is written as seen from the
kernelspec (`{resource_dir}/../…`), so both work wherever the home is mounted. Everything here blocks; call it from a
thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from ..errors import Conflict
from ..model import Model, sendable
from .names import free_name, kernel_name
from .places import Places, is_below

__all__ = ["KernelSpecs", "Spec", "python_of"]

_KEY = "jupyter_lcc"
_LOGOS = ("logo-32x32.png", "logo-64x64.png", "logo-svg.svg")
_LAUNCH = Path(__file__).with_name("launch.py")
_VALID = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


class Spec(Model, frozen=True, kw_only=True):
    """A kernelspec as it is on the disk. `prefix` is the environment it starts, where that can be told."""

    name: str
    folder: str
    display_name: str
    ours: bool
    prefix: str | None
    python: str | None
    argv: tuple[str, ...] = ()


class KernelSpecs:
    """Reads every folder of kernelspecs, writes into the user's own alone."""

    def __init__(self, folders: Iterable[str | Path], places: Places) -> None:
        """Take the folders Jupyter looks into, the user's own first."""
        self._folders = [Path(folder) for folder in folders]
        self._places = places
        self._read: dict[str, tuple[tuple[int, int], Spec | None]] = {}

    @property
    def own(self) -> Path:
        """The folder ours are written to."""
        return self._folders[0]

    def all(self) -> list[Spec]:
        """Give every kernelspec; of two with one name, the one Jupyter would start."""
        found: dict[str, Spec] = {}
        read: dict[str, tuple[tuple[int, int], Spec | None]] = {}
        for folder in dict.fromkeys(self._folders):
            try:
                names = sorted(os.listdir(folder))
            except OSError:
                continue
            for name in names:
                if not _VALID.fullmatch(name):
                    continue
                path = f"{folder}/{name}/kernel.json"
                try:
                    status = os.stat(path)
                except OSError:
                    continue
                stamp = (status.st_mtime_ns, status.st_size)
                known = self._read.get(path)
                spec = known[1] if known is not None and known[0] == stamp else _read(Path(folder, name))
                read[path] = (stamp, spec)
                if spec is not None:
                    found.setdefault(spec.name, spec)
        self._read = read
        return list(found.values())

    def of(self, prefix: str) -> list[Spec]:
        """Give the kernelspecs that start an environment, ours first."""
        wanted = os.path.realpath(prefix)
        found = [spec for spec in self.all() if spec.prefix is not None and os.path.realpath(spec.prefix) == wanted]
        return sorted(found, key=lambda spec: (not spec.ours, spec.name))

    def register(self, name: str, prefix: str, display_name: str) -> Spec:
        """Write the kernelspec of an environment, or write it anew.

        Raises OSError where it can't be written; there is then the old one, or none.
        """
        mine = next((spec for spec in self.of(prefix) if self._is_here(spec)), None)
        if mine is not None:
            spec_name = mine.name
        else:
            taken = {spec.name for spec in self.all()} | _lower(self.own)
            spec_name = free_name(kernel_name(name), taken)
        folder = self.own / spec_name
        if mine is None:
            self._write_new(folder, prefix, display_name)
        else:
            logos = _logos(prefix)
            kept = {name: digest for name, digest in _own_logos(folder).items() if name not in logos}
            for name, content in logos.items():
                if not (folder / name).exists() or _own_logos(folder).get(name) == _digest(folder / name):
                    _write(folder / name, content)
                    kept[name] = hashlib.sha256(content).hexdigest()
            _write(folder / "launch.py", _LAUNCH.read_bytes())
            _write(folder / "kernel.json", self._kernel_json(folder, prefix, display_name, kept))
        spec = _read(folder)
        if spec is None:
            raise OSError(f"{folder} can't be read back")
        return spec

    def unregister(self, prefix: str) -> list[str]:
        """Take away what we wrote for an environment, and nothing else; give the names."""
        gone = []
        for spec in self.of(prefix):
            if self._is_here(spec):
                self._remove(Path(spec.folder))
                gone.append(spec.name)
        return gone

    def remove(self, name: str) -> None:
        """Take away one of ours by its name. Raises Conflict for anybody else's."""
        spec = next((spec for spec in self.all() if spec.name == name), None)
        if spec is None:
            return
        if not self._is_here(spec):
            raise Conflict(f"The kernelspec {name} was not made here; it is left as it is.", spec_name=name)
        self._remove(Path(spec.folder))

    def orphans(self) -> list[Spec]:
        """Give ours whose environment is gone, though the folder it lay in is there."""
        mine = (spec for spec in self.all() if self._is_here(spec) and spec.prefix is not None)
        return [
            spec
            for spec in mine
            if not os.path.lexists(str(spec.prefix)) and os.path.isdir(os.path.dirname(str(spec.prefix)))
        ]

    # -- odds ----------------------------------------------------------------------------------------------------

    def _is_here(self, spec: Spec) -> bool:
        return spec.ours and Path(spec.folder).parent == self.own

    def _write_new(self, folder: Path, prefix: str, display_name: str) -> None:
        """Make the folder beside its place and rename it, so that nobody ever sees half of it."""
        self.own.mkdir(parents=True, exist_ok=True)
        # A name Jupyter doesn't take for a kernel's, in the same folder.
        temporary = Path(tempfile.mkdtemp(prefix=".lcc new ", dir=self.own))
        try:
            temporary.chmod(0o755)
            logos = _logos(prefix)
            for name, content in logos.items():
                _write(temporary / name, content)
            digests = {name: hashlib.sha256(content).hexdigest() for name, content in logos.items()}
            _write(temporary / "launch.py", _LAUNCH.read_bytes())
            _write(temporary / "kernel.json", self._kernel_json(folder, prefix, display_name, digests))
            os.rename(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _kernel_json(self, folder: Path, prefix: str, display_name: str, logos: dict[str, str]) -> bytes:
        place = self._from(folder, prefix)
        value = {
            "argv": [
                f"{place}/bin/python",
                "-I",
                "-S",
                "{resource_dir}/launch.py",
                "-f",
                "{connection_file}",
            ],
            "display_name": display_name,
            "language": "python",
            "interrupt_mode": "signal",
            "metadata": {"debugger": True, _KEY: {"environment": os.path.basename(prefix), "logos": logos}},
        }
        return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"

    def _from(self, folder: Path, prefix: str) -> str:
        """Give an environment's place as seen from a kernelspec; absolute where they don't lie in one home."""
        # `..` follows the real folders, so that is how the way is counted.
        start, goal = os.path.realpath(folder), os.path.realpath(prefix)
        root = self._places.home if is_below(prefix, self._places.home) else self._places.persistent_root
        if root is not None and is_below(start, root) and is_below(goal, root):
            return "{resource_dir}/" + os.path.relpath(goal, start)
        return prefix

    @staticmethod
    def _remove(folder: Path) -> None:
        # kernel.json goes first: without it, it is no kernelspec. What somebody else put there stays.
        logos = [name for name, digest in _own_logos(folder).items() if _digest(folder / name) == digest]
        for name in ("kernel.json", "launch.py", *logos):
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()


def python_of(argv: Iterable[str], folder: Path) -> str | None:
    """Give the Python a kernelspec starts, with `{resource_dir}` filled in; None where it is not a path."""
    first = next(iter(argv), "")
    path = first.replace("{resource_dir}", str(folder))
    if not os.path.isabs(path) or not os.path.basename(path).startswith("python"):
        return None
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _read(folder: Path) -> Spec | None:
    try:
        value = msgspec.json.decode((folder / "kernel.json").read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(value, dict):
        return None
    argv = tuple(str(word) for word in value.get("argv") or () if isinstance(word, str))
    metadata = value.get("metadata")
    python = python_of(argv, folder)
    prefix = os.path.dirname(os.path.dirname(python)) if python is not None else _prefix_in(argv, metadata)
    return Spec(
        name=folder.name.lower(),
        folder=str(folder),
        display_name=sendable(str(value.get("display_name") or folder.name)),
        ours=isinstance(metadata, dict) and isinstance(metadata.get(_KEY), dict),
        prefix=prefix,
        python=python,
        argv=tuple(sendable(word) for word in argv),
    )


def _prefix_in(argv: tuple[str, ...], metadata: Any) -> str | None:
    """nb_conda_kernels and others start the kernel through `conda run -p PREFIX`, or name it in the metadata."""
    told: Any = metadata.get("conda_env_path") if isinstance(metadata, dict) else None
    for flag in ("-p", "--prefix"):
        if flag in argv[:-1]:
            told = argv[argv.index(flag) + 1]
    return told if isinstance(told, str) and os.path.isabs(told) else None


def _logos(prefix: str) -> dict[str, bytes]:
    """Give the pictures ipykernel brings, so that the launcher shows Python's and not a letter."""
    places = [Path(prefix, "share", "jupyter", "kernels", "python3")]
    places += sorted(Path(prefix).glob("lib/python3*/site-packages/ipykernel/resources"))
    for place in places:
        found = {name: path.read_bytes() for name in _LOGOS if (path := place / name).is_file()}
        if found:
            return found
    return {}


def _own_logos(folder: Path) -> dict[str, str]:
    """Give the pictures we wrote, each with its hash, as the kernelspec says."""
    try:
        value = msgspec.json.decode((folder / "kernel.json").read_bytes())
        logos = value["metadata"][_KEY]["logos"]
        return {name: str(digest) for name, digest in logos.items() if name in _LOGOS}
    except (OSError, msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return {}


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _lower(folder: Path) -> set[str]:
    try:
        return {name.lower() for name in os.listdir(folder)}
    except OSError:
        return set()


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
