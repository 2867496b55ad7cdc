"""Locks: a list is solved to one, an environment is made equal to one, its archives are brought into a folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rattler import MatchSpec
from rattler.package_streaming import download_to_path

from ...errors import Conflict, Invalid, LccError, NotReachable, OutsideFailure, Unsatisfiable
from ...store import CorruptFile, read_json, write_json
from ..bounds import canonical, check_package, without_secrets
from ..bytecode import drop_stale
from ..engine_model import FetchExact, LocateExact, SolveExact, Surroundings, SyncExact
from ..exact import Exact, ExactConda, ExactPip, Installed, Step, check_exact, plan_of, refuse_other, step_of
from ..exact_reader import conda_of, read_installed
from ..find import IdFile
from ..kept import KeptRecord
from ..staging import link_tree
from .errors import ours
from .linking import link
from .network import Network
from .pip import Uv, relocate
from .prefix import as_record, check_changeable, conda_dists, pip_of, python_of, read_prefix, records_of
from .solving import check, name_of, solve_wish
from .talk import Talk
from .verified import check_file, is_verified, local_path
from .work import (
    State,
    check_still,
    drop_site,
    finish,
    keep_before,
    new_id,
    next_identity,
    read_state,
    refuse_there,
    short_version,
    spec_name,
    staged_here,
    unchanged,
    write_variables,
)

__all__ = ["fetch", "locate", "solve", "sync"]

_AT_ONCE = 8
_ADDRESSES = "addresses.json"


# -- solving -----------------------------------------------------------------------------------------------------


async def solve(request: SolveExact, talk: Talk) -> dict[str, Any]:
    """Solve a list, for one platform after the other."""
    wish = request.wish
    own = () if request.bundle_only else wish.channels
    channels = (*((f"{request.bundle}/conda",) if request.bundle else ()), *own)
    found: list[Exact] = []
    known = await _addresses_of(request)
    for platform in request.platforms:
        talk.step("solve")
        around = msgspec.structs.replace(request.surroundings, subdir=platform)
        network = Network(around, channels)
        solved = await _readable(solve_wish(network, around, wish), platform, request.platforms)
        bundled = (f"{request.bundle}/conda",) if request.bundle else ()
        free = msgspec.structs.replace(around, settings=_also(around, bundled), room_bytes=None)
        check(free, network, solved.records)
        conda = [conda_of(record.to_json(), known.get(record.url, record.url)) for record in solved.records]
        python = python_of(solved.records)
        pip: tuple[ExactPip, ...] = ()
        if wish.pip_install:
            if python is None:
                raise Invalid("pip's packages need a Python in the list.", field="pip")
            owned = {canonical(package.name): package.version for package in conda}
            folder = local_path(f"{request.bundle}/wheels") if request.bundle else None
            pip = await Uv(around, wish.indexes, talk).lock(
                python,
                platform,
                wish.pip_install,
                owned,
                folder=str(folder) if folder is not None else None,
                folder_only=request.bundle_only,
            )
            pip = tuple(msgspec.structs.replace(p, url=known.get(p.url or "", p.url)) for p in pip)
            for package in pip:
                check_package(package.name, around.settings.denied_packages, field="pip")
        found.append(
            Exact(
                platform=platform,
                channels=tuple(dict.fromkeys(map(without_secrets, wish.channels))),
                indexes=tuple(dict.fromkeys(map(without_secrets, wish.indexes))),
                conda=tuple(sorted(conda, key=lambda package: package.name)),
                pip=tuple(sorted(pip, key=lambda package: package.name)),
                notes=(*wish.notes, *solved.notes),
            )
        )
    return {"exact": msgspec.to_builtins(found)}


async def locate(request: LocateExact, talk: Talk) -> dict[str, Any]:
    """Find the archives of those packages of pip that an environment has and doesn't remember the archives of."""
    around, exact = request.surroundings, request.exact
    lost = [package for package in exact.pip if package.editable is None and not (package.url and package.sha256)]
    if lost:
        python = python_of(exact.conda)
        if python is None:
            raise Invalid("pip's packages need a Python.", field="pip")
        specs = [f"{package.name}=={package.version}" for package in lost]
        found = await Uv(around, exact.indexes, talk).lock(python, exact.platform, specs, {}, alone=True)
        known = {package.name: package for package in found}
        exact = msgspec.structs.replace(
            exact,
            pip=tuple(
                msgspec.structs.replace(package, url=known[key].url, sha256=known[key].sha256)
                if package in lost and (key := canonical(package.name)) in known
                else package
                for package in exact.pip
            ),
        )
    return {"exact": msgspec.to_builtins(exact)}


async def _readable(work: Any, platform: str, platforms: Sequence[str]) -> Any:
    """Say for which platform there is no solution, where there are several."""
    try:
        return await work
    except Exception as error:
        told = ours(error)
        if isinstance(told, Unsatisfiable) and len(platforms) > 1:
            raise Unsatisfiable(f"For {platform}: {told.message}", platform=platform) from error
        raise


async def _addresses_of(request: SolveExact) -> dict[str, str]:
    """Give of what lies in the bundle the addresses it came from: those are what a lock says."""
    if request.bundle is None:
        return {}
    bundle = request.bundle.rstrip("/")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, _ADDRESSES)
        try:
            network = Network(request.surroundings, ())
            await bring(network, f"{bundle}/{_ADDRESSES}", place, None, None, _ADDRESSES)
            known = await asyncio.to_thread(read_json, place, dict[str, str])
        except (NotReachable, CorruptFile) as error:
            if request.bundle_only:
                raise NotReachable(f"There is no bundle at {without_secrets(bundle)}.", bundle=bundle) from error
            return {}
    return {f"{bundle}/{name}": url for name, url in (known or {}).items()}


def _also(around: Surroundings, channels: tuple[str, ...]) -> Any:
    """Give the settings that let a bundle stand in for the channels it was made of."""
    allowed = around.settings.allowed_channels
    if allowed is None or not channels:
        return around.settings
    return msgspec.structs.replace(around.settings, allowed_channels=(*allowed, *channels))


# -- making equal ------------------------------------------------------------------------------------------------


async def sync(request: SyncExact, talk: Talk) -> dict[str, Any]:
    """Make an environment equal to what it is to be, in one step, or leave it as it is."""
    around, wanted, prefix = request.surroundings, request.exact, Path(request.prefix)
    check_exact(wanted, around.subdir, around.settings)
    state = _state_of(prefix)
    now = _installed(prefix, around.subdir) if state is not None else None
    step = step_of(now, wanted, request.keep)
    refuse_other(step, wanted, request.expected)
    if state is not None and step.nothing and not _other_variables(prefix, request.variables):
        return unchanged(prefix, state)
    network = Network(around, _with_credentials(around, (*(p.channel for p in wanted.conda), *wanted.channels)))
    overwriting = now.overwriting if now is not None else frozenset()
    told = await _Sync(request, network, state, step, overwriting, talk).run(prefix)
    return {**told, "prefix": str(prefix), "changed": True}


@dataclass
class _Sync:
    """One change of one environment."""

    request: SyncExact
    network: Network
    state: State | None
    step: Step
    overwriting: frozenset[str]
    talk: Talk

    async def run(self, prefix: Path) -> dict[str, Any]:
        """Make its successor beside it, look whether it equals, and let it take its place."""
        request, step, state, talk = self.request, self.step, self.state, self.talk
        around, wanted = request.surroundings, request.exact
        records = self._records()
        check(around, self.network, records, state.urls if state is not None else ())
        python = python_of(wanted.conda) or python_of(step.conda_kept)
        before = state.python if state is not None else None
        moved = before is not None and short_version(python) != short_version(before)
        identity = self._identity()
        with staged_here(around, talk) as staging:
            env: Path = staging.env
            if state is not None:
                talk.step("copy")
                link_tree(prefix, env, lambda count: talk.progress(count, None, "steps", "copy"))
            else:
                (env / "conda-meta").mkdir(parents=True)
            stock = _Stock(self.network, staging.folder / "stock", request.bundle, request.bundle_only, talk)
            uv = Uv(around, wanted.indexes, talk, staging.lock)
            going = [package.name for package in (*step.pip_remove, *(old for old, _ in step.pip_change))]
            if moved and state is not None:
                going = [package.name for package in state.pip]
            await uv.remove(env, [*going, *sorted(self.overwriting)])
            if moved and state is not None:
                drop_site(env, state)
            places = await stock.conda(self._coming())
            coming = [_at(record, places.get(name_of(record))) for record in records]
            again = {new.name for old, new in step.conda_change if (old.version, old.build) == (new.version, new.build)}
            asked = self._asked(records)
            self._tell_of_unfit(records)
            await link(self.network, coming, env, prefix, asked, read_prefix(env), talk, reinstall=again, strict=True)
            _restore_addresses(env, {p.name: p for p in self._coming() if p.name in places})
            await self._pip(env, prefix, python, stock, uv, moved=moved)
            if request.variables is not None:
                _set_variables(env, request.variables)
            if state is not None:
                drop_stale(prefix, env)
                keep_before(around, state, identity)
            kept = state.kept if state is not None else ()
            told = finish(
                around, staging, identity, request.command, kept, asked, tuple(asked.values()), self._removed(), talk
            )
            self._check_equal(env)
            talk.step("publish")
            if state is not None:
                check_still(state)
                staging.replace(prefix)
            else:
                staging.publish(prefix)
        return told

    def _coming(self) -> list[ExactConda]:
        return [*self.step.conda_add, *(new for _, new in self.step.conda_change)]

    def _removed(self) -> list[str]:
        return [package.name for package in self.step.conda_remove]

    def _records(self) -> list[Any]:
        """Give the records of what conda is to hold: of what stays those that are there."""
        coming = {package.name: package for package in self._coming()}
        there = {name_of(record): record for record in (self.state.records if self.state is not None else ())}
        stay = [package.name for package in (*self.request.exact.conda, *self.step.conda_kept)]
        return [as_record(_kept(coming[name])) if name in coming else there[name] for name in stay]

    def _asked(self, records: Iterable[Any]) -> dict[str, str]:
        """Give who was asked for: what the list says, and of what is kept what was asked for before."""
        before = self.state.asked if self.state is not None else {}
        names = {name_of(record) for record in records}
        if self.request.asked is None:
            return {name: spec for name, spec in before.items() if name in names}
        kept = {package.name for package in self.step.conda_kept}
        asked = {name: spec for name, spec in before.items() if name in kept}
        for spec in self.request.asked:
            name = spec_name(spec)
            with contextlib.suppress(Exception):  # what was asked of pip isn't conda's to understand
                MatchSpec(spec, strict=True)
                asked |= {name: spec} if name in names else {}
        return asked

    def _tell_of_unfit(self, records: Iterable[Any]) -> None:
        """Say which packages are kept though what they need is there in another version."""
        there = {name_of(record): record for record in records}
        for package in self.step.conda_kept:
            for text in package.depends:
                with contextlib.suppress(Exception):  # what others wrote there needn't be a spec
                    spec = MatchSpec(text)
                    name = spec.name.as_package_name()
                    needed = there.get(str(name.normalized)) if name is not None else None
                    if needed is not None and not spec.matches(needed):
                        self.talk.log(f"{package.name} is kept and needs {text}; the list has {needed.version}.")

    def _identity(self) -> IdFile:
        channels = tuple(dict.fromkeys(map(without_secrets, self.request.exact.channels)))
        if self.state is None:
            return IdFile(id=new_id(), channels=channels, version=1)
        return next_identity(self.request.surroundings, self.state, channels)

    async def _pip(self, env: Path, final: Path, python: str | None, stock: _Stock, uv: Uv, *, moved: bool) -> None:
        step, wanted = self.step, self.request.exact
        coming = wanted.pip if moved else (*step.pip_add, *(new for _, new in step.pip_change))
        again = step.pip_kept if moved else ()
        if not (coming or again):
            return
        if python is None:
            raise Conflict("pip's packages need a Python in the environment.")
        self.talk.step("pip")
        owned = conda_dists(env, python, self.request.surroundings.conda)
        taken = sorted(package.name for package in coming if canonical(package.name) in owned)
        if taken:
            raise Unsatisfiable(
                f"{', '.join(taken)} would be installed by conda and by pip over it; take it from one of them.",
                owned_by_conda=taken,
            )
        places = await stock.wheels(coming)
        await uv.archives(env, {package: places[package.name] for package in coming})
        remembered = {p: p.url for p in again if p.url and p.sha256 and p.editable is None}
        await uv.archives(env, remembered)
        rest = [f"{p.name}=={p.version}" for p in again if p not in remembered and p.editable is None]
        await uv.install(env, rest, owned)
        for package in pip_of(env, python):
            check_package(package.name, self.request.surroundings.settings.denied_packages, field="pip")
        relocate(env, final, python)

    def _check_equal(self, env: Path) -> None:
        """Look before it takes its place whether it has become what it was to be."""
        found = Installed(_installed(env, self.request.surroundings.subdir).exact)
        left = step_of(found, self.request.exact, self.request.keep)
        if not left.nothing:
            plan = plan_of(left)
            names = sorted({item.name for item in (*plan.add, *plan.remove)} | {item.name for item in plan.change})
            raise OutsideFailure(
                f"It would not have become equal, because of {', '.join(names[:20])}; nothing was changed.",
                names=names[:100],
            )


def _with_credentials(around: Surroundings, channels: Iterable[str]) -> list[str]:
    """Give channels as the user has configured them: a lock says their addresses without passwords and tokens."""
    conda = around.conda
    mine = {without_secrets(address): address for name in conda.default_names() for address in conda.addresses(name)}
    return [mine.get(channel, channel) for channel in dict.fromkeys(channel.rstrip("/") for channel in channels)]


def _state_of(prefix: Path) -> State | None:
    """Read what is there, None where nothing is. Raises Conflict for what can't be changed."""
    if not Path(prefix, "conda-meta").is_dir():
        refuse_there(prefix)
        return None
    check_changeable(str(prefix))
    return read_state(str(prefix))


def _installed(prefix: Path, subdir: str) -> Installed:
    records = records_of(prefix)
    return read_installed(str(prefix), python_of(records), subdir, records)


def _kept(package: ExactConda) -> KeptRecord:
    """Make a record of what a lock says. Where it says nothing of what a package needs, the package itself tells."""
    values = {
        key: value for key, value in msgspec.structs.asdict(package).items() if key in KeptRecord.__struct_fields__
    }
    values["track_features"] = package.track_features or None
    return KeptRecord(**values, channel=package.channel, fn=package.file_name)


def _at(record: Any, place: str | None) -> Any:
    if place is not None:
        record.url = place
    return record


def _restore_addresses(env: Path, packages: Mapping[str, ExactConda]) -> None:
    """Let the records name the archives' own addresses, wherever they lay this time."""
    for package in packages.values():
        path = env / "conda-meta" / f"{package.stem}.json"
        written = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        written |= {"url": package.url, "channel": package.channel, "fn": package.file_name, "subdir": package.subdir}
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(written), indent=2))
        os.replace(temporary, path)


def _other_variables(prefix: Path, variables: Mapping[str, str] | None) -> bool:
    return variables is not None and dict(variables) != _variables(prefix)


def _variables(prefix: Path) -> dict[str, str]:
    try:
        value = msgspec.json.decode((prefix / "conda-meta" / "state").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return dict(value.get("env_vars") or {})


def _set_variables(env: Path, variables: Mapping[str, str]) -> None:
    if dict(variables) != _variables(env):
        (env / "conda-meta" / "state").unlink(missing_ok=True)
        write_variables(env, variables)


# -- archives ----------------------------------------------------------------------------------------------------


class _Stock:
    """Where archives come from: a bundle, else their own addresses. What it gives was compared with its hash, or is
    going to be by whoever installs it."""

    def __init__(self, network: Network, folder: Path, bundle: str | None, only: bool, talk: Talk) -> None:
        self._network = network
        self._folder = folder
        self._bundle = bundle.rstrip("/") if bundle is not None else None
        self._only = only
        self._talk = talk
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def conda(self, packages: Sequence[ExactConda]) -> dict[str, str]:
        """Give by name the addresses of those archives that aren't taken from their own."""
        found = await self._all([self._conda(package) for package in packages])
        return {package.name: url for package, url in zip(packages, found, strict=True) if url is not None}

    async def wheels(self, packages: Sequence[ExactPip]) -> dict[str, str | None]:
        """Give by name the addresses to install from, null for an index."""
        found = await self._all([self._wheel(package) for package in packages])
        return {package.name: url for package, url in zip(packages, found, strict=True)}

    async def _all(self, works: Sequence[Any]) -> list[str | None]:
        tasks = [asyncio.ensure_future(self._one(work)) for work in works]
        try:
            return list(await asyncio.gather(*tasks))
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _one(self, work: Any) -> str | None:
        async with self._turn:
            found: str | None = await work
            return found

    async def _conda(self, package: ExactConda) -> str | None:
        name = f"{package.name} {package.version}"
        if await asyncio.to_thread(is_verified, self._network.packages, as_record(_kept(package))):
            return None
        place = f"conda/{package.subdir}/{package.file_name}"
        found = await self._from_bundle(place, package.sha256, package.md5, name)
        if found is not None or package.sha256 is not None or package.md5 is None or _is_local(package.url):
            return found
        # What is downloaded is compared by sha256 alone; here is only md5.
        return await self._download(package.url, place, None, package.md5, name)

    async def _wheel(self, package: ExactPip) -> str | None:
        if package.url is None:
            if self._only:
                raise NotReachable(f"{package.name} has no address, so it isn't in the bundle.", name=package.name)
            return None
        name = f"{package.name} {package.version}"
        place = f"wheels/{package.file_name}"
        found = await self._from_bundle(place, package.sha256, None, name)
        if found is not None:
            return found
        if package.url.startswith("s3:"):
            return await self._download(package.url, place, package.sha256, None, name)
        path = local_path(package.url)
        if path is not None:
            await asyncio.to_thread(check_file, path, package.sha256, None, name, package.url)
        return package.url

    async def _from_bundle(self, place: str, sha256: str | None, md5: str | None, name: str) -> str | None:
        if self._bundle is None:
            return None
        url = f"{self._bundle}/{place}"
        path = local_path(url)
        try:
            if path is None:
                return await self._download(url, place, sha256, md5, name)
            await asyncio.to_thread(check_file, path, sha256, md5, name, url)
        except NotReachable as error:
            if self._only:
                raise NotReachable(
                    f"{name} is not in the bundle {without_secrets(self._bundle)}; nothing was changed.", name=name
                ) from error
            return None
        return url

    async def _download(self, url: str, place: str, sha256: str | None, md5: str | None, name: str) -> str:
        target = self._folder / place
        await bring(self._network, url, target, sha256, md5, name)
        return target.as_uri()


async def bring(network: Network, url: str, target: Path, sha256: str | None, md5: str | None, name: str) -> None:
    """Bring an archive to a place on this machine, compared with its hash. Raises NotReachable, OutsideFailure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        path = local_path(url)
        if path is not None:
            try:
                await asyncio.to_thread(shutil.copyfile, path, temporary)
            except FileNotFoundError as error:
                raise NotReachable(
                    f"{name} is not at its address any more: {without_secrets(url)}.", name=name
                ) from error
        elif network.offline:
            raise NotReachable(f"conda is set to be offline, and {name} is not here.", name=name)
        else:
            try:
                await download_to_path(network.client, url, temporary)
            except Exception as error:
                told = ours(error)
                if type(told) is OutsideFailure:
                    told = NotReachable(f"{name} could not be downloaded. {told.message}", name=name)
                raise told from error
        await asyncio.to_thread(check_file, temporary, sha256, md5, name, url)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _is_local(url: str) -> bool:
    return local_path(url) is not None


async def fetch(request: FetchExact, talk: Talk) -> dict[str, Any]:
    """Bring every archive of a lock into a folder, and say there what a channel says of them."""
    around, exact, folder = request.surroundings, request.exact, Path(request.folder)
    check_exact(exact, exact.platform, around.settings)
    network = Network(around, _with_credentials(around, (package.channel for package in exact.conda)))
    turn = asyncio.Semaphore(_AT_ONCE)
    wanted = [(f"conda/{p.subdir}/{p.file_name}", p.url, p.sha256, p.md5, f"{p.name} {p.version}") for p in exact.conda]
    lost = [package.name for package in exact.pip if package.url is None]
    if lost:
        raise Invalid(f"Nobody knows the archives of {', '.join(sorted(lost))}.", field="pip", names=lost)
    wanted += [(f"wheels/{p.file_name}", p.url or "", p.sha256, None, f"{p.name} {p.version}") for p in exact.pip]
    done = 0

    async def one(place: str, url: str, sha256: str | None, md5: str | None, name: str) -> bool:
        nonlocal done
        async with turn:
            target = folder / place
            there = await asyncio.to_thread(_is_right, target, sha256, md5, name)
            if not there:
                source = f"{request.bundle.rstrip('/')}/{place}" if request.bundle else url
                try:
                    await bring(network, source, target, sha256, md5, name)
                except NotReachable:
                    if source == url:
                        raise
                    await bring(network, url, target, sha256, md5, name)
            done += 1
            talk.progress(done, len(wanted), "packages", name)
            return not there

    fetched = await asyncio.gather(*(one(*each) for each in wanted))
    _write_channel(folder / "conda", exact)
    _write_addresses(folder / _ADDRESSES, {place: url for place, url, *_ in wanted})
    size = sum((folder / each[0]).stat().st_size for each in wanted)
    return {"fetched": sum(fetched), "present": len(wanted) - sum(fetched), "bytes": size}


def _is_right(path: Path, sha256: str | None, md5: str | None, name: str) -> bool:
    if not path.is_file() or not (sha256 or md5):
        return False
    try:
        check_file(path, sha256, md5, name, path.as_uri())
    except LccError:
        return False
    return True


def _write_channel(folder: Path, exact: Exact) -> None:
    """Write repodata.json with what was there before and what came, so that conda and we can solve from the folder."""
    for subdir in dict.fromkeys((exact.platform, "noarch")):
        path = folder / subdir / "repodata.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            before = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            before = {}
        told: dict[str, Any] = {"info": {"subdir": subdir}, "repodata_version": 1}
        for key, suffix in (("packages", ".tar.bz2"), ("packages.conda", ".conda")):
            known = {name: value for name, value in (before.get(key) or {}).items() if (path.parent / name).is_file()}
            mine = [p for p in exact.conda if p.subdir == subdir and p.file_name.endswith(suffix)]
            told[key] = dict(sorted((known | {p.file_name: _entry(p) for p in mine}).items()))
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(msgspec.json.format(msgspec.json.encode(told), indent=1))
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)


def _write_addresses(path: Path, more: Mapping[str, str]) -> None:
    """Write where everything came from, for who solves from the bundle."""
    try:
        before = read_json(path, dict[str, str]) or {}
    except CorruptFile:
        before = {}
    known = {place: url for place, url in before.items() if (path.parent / place).is_file()}
    write_json(path, dict(sorted((known | {place: without_secrets(url) for place, url in more.items()}).items())))


def _entry(package: ExactConda) -> dict[str, Any]:
    values = msgspec.structs.asdict(package)
    values.pop("url")
    values["depends"] = list(package.depends)
    return {key: value for key, value in values.items() if key == "depends" or value not in (None, (), "")}
