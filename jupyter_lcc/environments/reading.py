"""The read side as one: what is on the disk now, read by one thread so that the server's loop never waits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..errors import NotFound
from ..platforms.model import Platform
from ..store import write_json
from . import doctor
from .bounds import EnvironmentSettings
from .condarc import CondaSettings, Reader
from .engine_model import SyncExact
from .exact import Exact, Installed, step_of
from .exact_reader import read_exact, read_installed
from .export import as_explicit, as_yaml, channels_of
from .find import Finder, Found, IdFile, KernelRecord, Stamp, read_id, stamp_of
from .kept import Versions
from .kernelspecs import KernelSpecs, Spec
from .model import Diagnosis, Export, Package
from .packages_of import PackageReader, Record, asked_for
from .places import ID_FILE, Places, choose_places, current_subdir, survives

__all__ = ["Reading", "Snapshot"]

T = TypeVar("T")
_TICK_NS = 20_000_000
_MOST_REMEMBERED = 100
"""So many environments' packages are remembered; every list asks for one's at every look."""

_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Snapshot:
    """What was there at one moment."""

    found: tuple[Found, ...]
    specs: tuple[Spec, ...]
    conda: CondaSettings
    beside: Stamp = ()
    """Changes when something comes to or leaves the trash."""

    def get(self, name: str) -> Found:
        """Give an environment by its name. Raises NotFound."""
        for found in self.found:
            if found.name == name:
                return found
        raise NotFound(f"There is no environment {name!r}.", name=name)

    def specs_of(self, prefix: str) -> tuple[Spec, ...]:
        """Give its kernelspecs, ours first."""
        wanted = os.path.realpath(prefix)
        specs = [spec for spec in self.specs if spec.prefix is not None and os.path.realpath(spec.prefix) == wanted]
        return tuple(sorted(specs, key=lambda spec: (not spec.ours, spec.name)))


class Reading:
    """Everything that only looks. Writing a kernelspec is here too: it is two small files."""

    def __init__(
        self,
        *,
        home: Path,
        environ: Mapping[str, str],
        platform: Platform,
        data_dir: Path,
        kernel_folders: Iterable[str],
        server_root: Path | None,
        settings: EnvironmentSettings,
    ) -> None:
        self._environ = environ
        self._condarc = Reader(home, environ)
        conda = self._condarc.read()
        self.places: Places = choose_places(
            home, data_dir, platform, conda, folder=settings.folder, cache_dir=settings.cache_dir
        )
        self.subdir = current_subdir(environ, conda)
        self._finder = Finder(self.places, environ, (server_root,) if server_root is not None else ())
        self._packages = PackageReader()
        self._installed: dict[str, tuple[Stamp, Installed]] = {}
        self._exacts: dict[str, tuple[Stamp, Exact]] = {}
        own = str(data_dir / "kernels")
        self.kernelspecs = KernelSpecs(dict.fromkeys((own, *kernel_folders)), self.places)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jupyter_lcc-environments")
        self._persistent: dict[str, tuple[bool | None, str | None]] = {}

    def stop(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False)

    async def snapshot(self) -> Snapshot:
        """Look at everything."""
        return await self._in_thread(self._look)

    async def conda(self) -> CondaSettings:
        """Read conda's configuration."""
        return await self._in_thread(self._condarc.read)

    async def packages(self, found: Found, conda: CondaSettings) -> tuple[Package, ...]:
        """List what is installed."""
        return await self._in_thread(partial(self._packages.packages, found.prefix, found.python, conda))

    async def installed(self, found: Found) -> Installed:
        """Give what is there, to compare it with what is to be."""
        return await self._in_thread(partial(self._read_installed, found))

    async def cached(self) -> frozenset[str]:
        """Name the packages that lie unpacked in the cache, `name-version-build`."""
        return await self._in_thread(partial(_names, Path(self.places.cache, "pkgs")))

    async def equals(self, found: Found, request: SyncExact) -> bool:
        """Tell from the files alone whether there is nothing to do."""
        installed = await self.installed(found)
        if not step_of(installed, request.exact, request.keep).nothing:
            return False
        return request.variables is None or request.variables == await self._in_thread(
            partial(_variables, found.prefix)
        )

    async def exact(self, found: Found) -> Exact:
        """Give all that is known of what is there."""
        return await self._in_thread(partial(self._read_exact, found))

    async def export(self, found: Found, conda: CondaSettings, form: str, everything: bool) -> Export:
        """Write it down as environment.yml or as an explicit list."""
        return await self._in_thread(partial(self._export, found, conda, form, everything))

    async def diagnose(
        self, found: Found, specs: tuple[Spec, ...], conda: CondaSettings, *, over_quota: bool
    ) -> Diagnosis:
        """Look what is wrong. It starts Python, so it has a thread of its own."""
        packages = await self.packages(found, conda)
        records = await self._in_thread(partial(self._packages.records, found.prefix))
        return await asyncio.to_thread(partial(self._diagnose, found, specs, packages, records, over_quota=over_quota))

    async def identity(self, prefix: str) -> IdFile | None:
        """Read what we wrote into it."""
        return await self._in_thread(partial(read_id, prefix))

    async def forget_versions(self, prefix: str) -> None:
        """Let go of what was kept of an environment that is removed for good."""
        await self._in_thread(partial(self._forget_versions, prefix))

    async def register(self, found_name: str, prefix: str, display_name: str, *, note: bool) -> Spec:
        """Write its kernelspec and, with `note`, that we did, into the environment."""
        return await self._in_thread(partial(self._register, found_name, prefix, display_name, note))

    async def unregister(self, prefix: str, *, note: bool) -> list[str]:
        """Take our kernelspecs of it away."""
        return await self._in_thread(partial(self._unregister, prefix, note))

    async def call(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run something short that blocks."""
        return await self._in_thread(partial(call, *arguments))

    def persistence(self, prefix: str) -> tuple[bool | None, str | None]:
        """Tell whether it survives a restart of the machine; remembered, for it follows links."""
        known = self._persistent.get(prefix)
        if known is None:
            known = self._persistent[prefix] = survives(prefix, self.places)
        return known

    # -- in the thread -------------------------------------------------------------------------------------------

    def _look(self) -> Snapshot:
        conda = self._condarc.read()
        found = tuple(self._finder.find(conda))
        for one in found:
            self.persistence(one.prefix)
        return Snapshot(found, tuple(self.kernelspecs.all()), conda, _beside(self.places))

    def _read_installed(self, found: Found) -> Installed:
        def read() -> Installed:
            records = self._packages.records(found.prefix)
            return read_installed(found.prefix, found.python, self.subdir, records)

        return self._remembered(self._installed, found, read)

    def _read_exact(self, found: Found) -> Exact:
        def read() -> Exact:
            records = self._packages.records(found.prefix)
            exact = read_exact(found.prefix, found.python, self.subdir, records)
            # Those it was made from first, in their order.
            own = [channel for channel in found.channels if channel in exact.channels]
            return msgspec.structs.replace(exact, channels=tuple(dict.fromkeys((*own, *exact.channels))))

        return self._remembered(self._exacts, found, read)

    def _remembered(self, known: dict[str, tuple[Stamp, T]], found: Found, read: Callable[[], T]) -> T:
        """Read an environment's packages only when they have changed."""
        stamp = stamp_of(found.prefix, found.python)
        before = known.pop(found.prefix, None)
        if before is not None and before[0] == stamp:
            known[found.prefix] = before
            return before[1]
        value = read()
        # What changed this very moment may change again within a tick of its file system's clock.
        if stamp is not None and time.time_ns() - max(stamp) > _TICK_NS:
            known[found.prefix] = (stamp, value)
        while len(known) > _MOST_REMEMBERED:
            known.pop(next(iter(known)))
        return value

    def _export(self, found: Found, conda: CondaSettings, form: str, everything: bool) -> Export:
        records = self._packages.records(found.prefix)
        pip = [p for p in self._packages.packages(found.prefix, found.python, conda) if p.manager == "pip"]
        file_name = found.name if found.name.isprintable() and "/" not in found.name else "environment"
        if form == "explicit":
            return as_explicit(file_name, self.subdir, records, pip)
        asked = asked_for(found.prefix, records)
        channels = channels_of(records, conda)
        return as_yaml(
            file_name, channels, records, pip, asked, everything=everything, variables=_variables(found.prefix)
        )

    def _diagnose(
        self,
        found: Found,
        specs: tuple[Spec, ...],
        packages: tuple[Package, ...],
        records: list[Record],
        *,
        over_quota: bool,
    ) -> Diagnosis:
        case = doctor.Case(
            found=found,
            records=records,
            specs=list(specs),
            identity=read_id(found.prefix),
            launch=_LAUNCH.read_bytes(),
            subdir=self.subdir,
            persistent=self.persistence(found.prefix)[0],
            free_bytes=doctor.free_bytes(found.prefix),
            over_quota=over_quota,
            pip_names=tuple(package.name for package in packages if package.manager == "pip"),
        )
        return Diagnosis(findings=doctor.diagnose(case))

    def _forget_versions(self, prefix: str) -> None:
        identity = read_id(prefix)
        if identity is not None:
            with contextlib.suppress(ValueError):
                Versions(self.places, identity.id).forget()

    def _register(self, name: str, prefix: str, display_name: str, note: bool) -> Spec:
        spec = self.kernelspecs.register(name, prefix, display_name)
        if note:
            _note_kernel(prefix, KernelRecord(spec_name=spec.name, display_name=spec.display_name))
        return spec

    def _unregister(self, prefix: str, note: bool) -> list[str]:
        gone = self.kernelspecs.unregister(prefix)
        if note:
            _note_kernel(prefix, None)
        return gone

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _beside(places: Places) -> Stamp:
    found = []
    for folder in (places.ours, Path(places.cache), Path(places.cache, "pkgs")):
        try:
            found.append(os.stat(folder).st_mtime_ns)
        except OSError:
            found.append(0)
    return tuple(found)


def _names(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()


def _note_kernel(prefix: str, kernel: KernelRecord | None) -> None:
    identity = read_id(prefix)
    if identity is not None and identity.kernel != kernel:
        write_json(Path(prefix, ID_FILE), msgspec.structs.replace(identity, kernel=kernel))


def _variables(prefix: str) -> dict[str, str]:
    try:
        value = msgspec.json.decode(Path(prefix, "conda-meta", "state").read_bytes())
        found = value.get("env_vars", {})
        return {str(name): str(text) for name, text in found.items() if text != "***unset***"}
    except (OSError, msgspec.DecodeError, AttributeError, UnicodeDecodeError):
        return {}
