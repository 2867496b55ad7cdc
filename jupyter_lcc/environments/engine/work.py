"""What the engine does, request by request. What changes an environment is made beside it and put in place whole."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
from rattler import PrefixRecord, RepoDataRecord

from ...errors import Conflict, NotFound
from ..bounds import canonical, check_package
from ..bytecode import drop_stale
from ..engine_model import Change, Clone, Create, Reinstall, RollBack, Solve, Surroundings
from ..find import IdFile
from ..kept import KeptPip, KeptRecord, KeptVersion, Versions
from ..model import Plan, PlanChange, PlanItem
from ..staging import Staging, link_tree, recover, staged
from ..wishes import Wish
from . import history
from .linking import cached, link
from .network import Network
from .pip import Uv, copy_pip, relocate
from .prefix import (
    as_record,
    check_changeable,
    conda_dists,
    identity_of,
    kept_records,
    pip_of,
    post_link,
    python_of,
    read_asked,
    read_prefix,
    write_asked,
    write_id,
)
from .solving import Solved, check, name_of, satisfied, solve_archives, solve_wish
from .talk import Talk

__all__ = [
    "State",
    "change",
    "check_still",
    "clone",
    "create",
    "drop_site",
    "finish",
    "keep_before",
    "new_id",
    "next_identity",
    "plan",
    "plan_clone",
    "plan_roll_back",
    "read_state",
    "refuse_there",
    "reinstall",
    "roll_back",
    "short_version",
    "spec_name",
    "staged_here",
    "unchanged",
    "write_variables",
]


@dataclass
class _Pip:
    """What is to be done with pip's packages. `exact` are to be there in these versions and nothing they need."""

    install: Sequence[str] = ()
    upgrade: Sequence[str] = ()
    remove: Sequence[str] = ()
    exact: Sequence[KeptPip] = ()


@dataclass
class State:
    """What an environment holds now."""

    prefix: Path
    records: list[PrefixRecord]
    asked: dict[str, str]
    python: str | None
    pip: tuple[KeptPip, ...]
    identity: IdFile | None
    kept: tuple[KeptRecord, ...] = field(default=())

    @property
    def urls(self) -> list[str]:
        """The addresses its packages came from."""
        return [record.url for record in self.records]


async def plan(request: Solve, talk: Talk) -> dict[str, Any]:
    """Say what a wish would do."""
    around, wish = request.surroundings, request.wish
    state = _read_if_there(request.prefix)
    network = Network(around, _channels(wish))
    solved = await _solved(network, around, wish, state)
    check(around, network, solved.records, state.urls if state else ())
    come, go = await _pip_plan(around, wish, solved, state, talk)
    return {"plan": await _plan(network, around, state, solved, come, go)}


async def plan_clone(request: Clone, talk: Talk) -> dict[str, Any]:
    """Say what a clone would hold."""
    around = request.surroundings
    state = read_state(request.source)
    network = Network(around, ())
    come = {package.name: package.version for package in state.pip}
    return {"plan": await _plan(network, around, None, Solved(list(state.records), state.asked), come, {})}


async def plan_roll_back(request: RollBack, talk: Talk) -> dict[str, Any]:
    """Say what going back would do."""
    around = request.surroundings
    state, version = read_state(request.prefix), _version(request)
    network = Network(around, version.channels)
    come, go = _pip_between(state.pip, version.pip)
    solved = Solved([as_record(record) for record in version.records], dict(version.requested))
    return {"plan": await _plan(network, around, state, solved, come, go)}


async def create(request: Create, talk: Talk) -> dict[str, Any]:
    """Make an environment."""
    around, wish = request.surroundings, request.wish
    prefix = Path(request.prefix)
    refuse_there(prefix)
    talk.step("solve")
    network = Network(around, _channels(wish))
    solved = await _solved(network, around, wish, None)
    check(around, network, solved.records)
    identity = IdFile(id=new_id(), channels=_own_channels(wish), version=1)
    with staged_here(around, talk) as staging:
        staging.env.mkdir()
        (staging.env / "conda-meta").mkdir()
        await link(network, solved.records, staging.env, prefix, solved.asked, [], talk)
        pip = _Pip(install=wish.pip_install)
        await _do_pip(around, wish.indexes, staging, prefix, python_of(solved.records), pip, talk)
        write_variables(staging.env, wish.variables)
        told = finish(around, staging, identity, wish.command, (), solved.asked, wish.install, (), talk)
        talk.step("publish")
        staging.publish(prefix)
    return {**told, "prefix": str(prefix), "changed": True}


async def clone(request: Clone, talk: Talk) -> dict[str, Any]:
    """Make an environment of the same packages as another."""
    around, prefix, source = request.surroundings, Path(request.prefix), Path(request.source)
    refuse_there(prefix)
    state = read_state(request.source)
    network = Network(around, ())
    _check_denied(around, state.records)
    old = state.identity
    keep = request.keep_id and old is not None
    number = (max([old.version, *Versions(around.places, old.id).numbers()]) + 1) if keep and old else 1
    identity = IdFile(
        id=old.id if keep and old is not None else new_id(),
        channels=old.channels if old is not None else (),
        version=number,
    )
    with staged_here(around, talk) as staging:
        staging.env.mkdir()
        (staging.env / "conda-meta").mkdir()
        await link(network, state.records, staging.env, prefix, state.asked, [], talk)
        talk.step("pip")
        left = copy_pip(source, staging.env, prefix, state.python, state.pip) if state.python and state.pip else []
        if left:
            talk.log(f"Left out, because pip did not write down their files: {', '.join(left)}.")
        _copy_own(source, staging.env)
        told = finish(around, staging, identity, request.command, (), state.asked, (), (), talk)
        talk.step("publish")
        staging.publish(prefix)
    return {**told, "prefix": str(prefix), "changed": True}


async def change(request: Change, talk: Talk) -> dict[str, Any]:
    """Install, upgrade, remove."""
    around, wish, prefix = request.surroundings, request.wish, Path(request.prefix)
    check_changeable(request.prefix)
    state = read_state(request.prefix)
    if _nothing_to_do(wish, state):
        return unchanged(prefix, state)
    talk.step("solve")
    network = Network(around, _channels(wish))
    solved = await _solved(network, around, wish, state)
    check(around, network, solved.records, state.urls)
    pip = _Pip(install=wish.pip_install, upgrade=wish.pip_upgrade, remove=wish.pip_remove)
    channels = tuple(dict.fromkeys((*(state.identity.channels if state.identity else ()), *_own_channels(wish))))
    for note in solved.notes:
        talk.log(note)
    specs = wish.install
    return await _apply(
        around, network, prefix, state, solved, pip, wish.indexes, wish.command, specs, wish.remove, channels, talk
    )


async def roll_back(request: RollBack, talk: Talk) -> dict[str, Any]:
    """Bring an environment back to a version that is kept."""
    around, prefix = request.surroundings, Path(request.prefix)
    check_changeable(request.prefix)
    state, version = read_state(request.prefix), _version(request)
    network = Network(around, version.channels)
    solved = Solved([as_record(record) for record in version.records], dict(version.requested))
    check(around, network, solved.records, [*state.urls, *(record.url for record in solved.records)])
    _check_allowed_again(around, solved.records, state)
    come, go = _pip_between(state.pip, version.pip)
    exact = [package for package in version.pip if package.name in come and not package.editable]
    gone = [name for name in go if canonical(name) not in {canonical(package.name) for package in exact}]
    if not come and not go and {record.url for record in solved.records} == set(state.urls):
        return unchanged(prefix, state)
    pip = _Pip(remove=gone, exact=exact)
    command = f"rollback {prefix.name} {request.version}"
    return await _apply(around, network, prefix, state, solved, pip, (), command, (), (), version.channels, talk)


async def reinstall(request: Reinstall, talk: Talk) -> dict[str, Any]:
    """Make the same packages anew at the place the environment has now: nothing of the old files is used but pip's."""
    around, prefix = request.surroundings, Path(request.prefix)
    check_changeable(request.prefix)
    state = read_state(request.prefix)
    network = Network(around, ())
    _check_denied(around, state.records)
    identity = next_identity(around, state, ())
    with staged_here(around, talk) as staging:
        staging.env.mkdir()
        (staging.env / "conda-meta").mkdir()
        await link(network, state.records, staging.env, prefix, state.asked, [], talk)
        if state.python and state.pip:
            talk.step("pip")
            copy_pip(prefix, staging.env, prefix, state.python, state.pip)
        _copy_own(prefix, staging.env)
        _copy_history(prefix, staging.env)
        keep_before(around, state, identity)
        told = finish(around, staging, identity, f"reinstall {prefix.name}", state.kept, state.asked, (), (), talk)
        talk.step("publish")
        staging.replace(prefix)
    return {**told, "prefix": str(prefix), "changed": True}


async def _apply(
    around: Surroundings,
    network: Network,
    prefix: Path,
    state: State,
    solved: Solved,
    pip: _Pip,
    indexes: Sequence[str],
    command: str,
    specs: Sequence[str],
    removed: Sequence[str],
    channels: tuple[str, ...],
    talk: Talk,
) -> dict[str, Any]:
    """Make the environment's successor beside it, and let them change places."""
    identity = next_identity(around, state, channels)
    python = python_of(solved.records)
    moved = state.python is not None and short_version(python) != short_version(state.python)
    taken = {canonical(name_of(record)) for record in solved.records} - {
        canonical(name_of(record)) for record in state.records
    }
    # What pip had and conda now brings would be written by both; what belongs to another Python can't be used.
    clashing = [package.name for package in state.pip if canonical(package.name) in taken]
    with staged_here(around, talk) as staging:
        talk.step("copy")
        link_tree(prefix, staging.env, lambda count: talk.progress(count, None, "steps", "copy"))
        uv = Uv(around, indexes, talk, staging.lock)
        if clashing and not moved:
            await uv.remove(staging.env, clashing)
        if moved and state.pip:
            drop_site(staging.env, state)
        await link(network, solved.records, staging.env, prefix, solved.asked, read_prefix(staging.env), talk)
        if moved:
            leaving = {canonical(name) for name in (*pip.remove, *clashing)}
            again = [p for p in state.pip if canonical(p.name) not in leaving and not p.editable]
            pip = _Pip(install=[*pip.install, *(f"{p.name}=={p.version}" for p in again)], exact=pip.exact)
        else:
            pip.remove = [name for name in pip.remove if name not in clashing]
        await _do_pip(around, indexes, staging, prefix, python, pip, talk)
        keep_before(around, state, identity)
        drop_stale(prefix, staging.env)
        told = finish(around, staging, identity, command, state.kept, solved.asked, specs, removed, talk)
        talk.step("publish")
        check_still(state)
        staging.replace(prefix)
    return {**told, "prefix": str(prefix), "changed": True}


# -- parts -------------------------------------------------------------------------------------------------------


def staged_here(around: Surroundings, talk: Talk) -> Any:
    """Tidy up after whoever died here, and give a folder to make an environment in."""
    for line in recover(around.places):
        talk.log(f"From an earlier, interrupted change: {line}.")
    return staged(around.places)


async def _solved(network: Network, around: Surroundings, wish: Wish, state: State | None) -> Solved:
    if wish.archives:
        solved = await solve_archives(network, around, wish.archives)
        solved.asked = {spec_name(text): text for text in wish.install}
        return solved
    if state is not None and satisfied(wish, state.records, state.asked):
        return Solved(list(state.records), state.asked)
    return await solve_wish(
        network,
        around,
        wish,
        state.records if state is not None else (),
        state.asked if state is not None else None,
        state.prefix if state is not None else None,
    )


async def _do_pip(
    around: Surroundings,
    indexes: Sequence[str],
    staging: Staging,
    final: Path,
    python: str | None,
    pip: _Pip,
    talk: Talk,
) -> None:
    if not (pip.install or pip.upgrade or pip.remove or pip.exact):
        return
    if python is None:
        raise Conflict("pip's packages need a Python in the environment.")
    talk.step("pip")
    uv = Uv(around, indexes, talk, staging.lock)
    await uv.remove(staging.env, list(pip.remove))
    await uv.exactly(staging.env, pip.exact)
    owned = conda_dists(staging.env, python, around.conda)
    await uv.install(staging.env, [*pip.install, *pip.upgrade], owned, upgrade=pip.upgrade)
    for package in pip_of(staging.env, python):
        check_package(package.name, around.settings.denied_packages, field="pip")
    relocate(staging.env, final, python)


def finish(
    around: Surroundings,
    staging: Staging,
    identity: IdFile,
    command: str,
    before: Sequence[KeptRecord],
    asked: Mapping[str, str],
    specs: Sequence[str],
    removed: Sequence[str],
    talk: Talk,
) -> dict[str, Any]:
    """Write conda's history, who asked for what, who it is, and the version, before the environment gets its place."""
    env = staging.env
    write_asked(env, asked)
    after = kept_records(env)
    now = datetime.now(timezone.utc)
    named = {spec_name(spec): spec for spec in specs} if specs or before else dict(asked)
    history.append(env, history.block(now.astimezone(), command, before, after, named, removed))
    write_id(env, identity)
    pip = pip_of(env, python_of(after))
    version = KeptVersion(
        number=identity.version,
        at=now,
        command=command,
        records=after,
        requested=dict(asked),
        pip=pip,
        channels=identity.channels,
    )
    Versions(around.places, identity.id).write(version)
    scripts = post_link(env)
    if scripts:
        talk.log(f"Not run, as packages' own scripts never are: the post-link scripts of {', '.join(scripts)}.")
    return {"packages": len(after) + len(pip), "version": identity.version, "post_link": scripts}


def next_identity(around: Surroundings, state: State, channels: tuple[str, ...]) -> IdFile:
    """Give the identity it is going to have; where others made it, it gets one, and its state is kept as a version."""
    old = state.identity or IdFile(id=new_id())
    latest = Versions(around.places, old.id).read(old.version) if old.version else None
    known = latest is not None and latest.records == state.kept and latest.pip == state.pip
    return msgspec.structs.replace(old, channels=channels or old.channels, version=old.version + (1 if known else 2))


def keep_before(around: Surroundings, state: State, identity: IdFile) -> None:
    """Keep the state it is in, where somebody else brought it there."""
    versions = Versions(around.places, identity.id)
    old = state.identity.version if state.identity is not None else 0
    if identity.version == old + 2:
        versions.write(
            KeptVersion(
                number=old + 1,
                at=datetime.now(timezone.utc),
                command="",
                records=state.kept,
                requested=state.asked,
                pip=state.pip,
                channels=identity.channels,
                outside=True,
            )
        )


def read_state(prefix: str) -> State:
    """Read what an environment holds. Raises Conflict where there is none."""
    if not Path(prefix, "conda-meta").is_dir():
        raise Conflict(f"There is no environment at {prefix} any more.", prefix=prefix)
    records = read_prefix(prefix)
    python = python_of(records)
    return State(
        prefix=Path(prefix),
        records=records,
        asked=read_asked(prefix),
        python=python,
        pip=pip_of(prefix, python),
        identity=identity_of(prefix),
        kept=kept_records(prefix),
    )


def _read_if_there(prefix: str) -> State | None:
    return read_state(prefix) if Path(prefix, "conda-meta").is_dir() else None


def check_still(state: State) -> None:
    """Refuse to overwrite what somebody else, conda itself say, has changed meanwhile."""
    if kept_records(state.prefix) != state.kept or pip_of(state.prefix, state.python) != state.pip:
        raise Conflict("Somebody else has changed the environment meanwhile; nothing was done.")


def _nothing_to_do(wish: Wish, state: State) -> bool:
    if wish.pip_remove or wish.pip_upgrade or wish.variables or not satisfied(wish, state.records, state.asked):
        return False
    from packaging.requirements import Requirement

    there = {canonical(package.name): package.version for package in state.pip}
    for text in wish.pip_install:
        requirement = Requirement(text)
        version = there.get(canonical(requirement.name))
        if version is None or requirement.extras or requirement.marker:
            return False
        if not requirement.specifier.contains(version, prereleases=True):
            return False
    return True


def unchanged(prefix: Path, state: State) -> dict[str, Any]:
    """Say that there was nothing to do."""
    number = state.identity.version if state.identity is not None else 0
    return {
        "prefix": str(prefix),
        "packages": len(state.records) + len(state.pip),
        "version": number,
        "changed": False,
        "post_link": [],
    }


def _version(request: RollBack) -> KeptVersion:
    identity = identity_of(request.prefix)
    version = None
    if identity is not None and request.version <= identity.version:
        version = Versions(request.surroundings.places, identity.id).read(request.version)
    if version is None:
        raise NotFound(f"Version {request.version} is not kept.", version=request.version)
    if any(not record.url for record in version.records):
        raise Conflict("This version has packages that came from no address, and can't be had again.")
    return version


def _check_denied(around: Surroundings, records: Iterable[RepoDataRecord]) -> None:
    for record in records:
        check_package(name_of(record), around.settings.denied_packages)


def _check_allowed_again(around: Surroundings, records: Iterable[RepoDataRecord], state: State) -> None:
    """A version from before a bound was set is held against it, too."""
    from ..bounds import check_channel

    there = set(state.urls)
    for record in records:
        if record.url not in there:
            check_package(name_of(record), around.settings.denied_packages)
            channel = record.url.rsplit("/", 2)[0]
            check_channel(channel, channel, around.settings.allowed_channels)


def _pip_between(now: Sequence[KeptPip], then: Sequence[KeptPip]) -> tuple[dict[str, str], dict[str, str]]:
    here = {canonical(package.name): package for package in now}
    there = {canonical(package.name): package for package in then}
    come = {p.name: p.version for key, p in there.items() if key not in here or not _same_pip(here[key], p)}
    go = {p.name: p.version for key, p in here.items() if key not in there or not _same_pip(there[key], p)}
    return come, go


def _same_pip(one: KeptPip, other: KeptPip) -> bool:
    known = one.sha256 is not None and other.sha256 is not None
    return one.version == other.version and not (known and one.sha256 != other.sha256)


async def _pip_plan(
    around: Surroundings, wish: Wish, solved: Solved, state: State | None, talk: Talk
) -> tuple[dict[str, str], dict[str, str]]:
    uv = Uv(around, wish.indexes, talk)
    python = python_of(solved.records)
    go: dict[str, str] = {}
    come: dict[str, str] = {}
    if state is None:
        owned = {canonical(name_of(record)): _pip_version(record) for record in solved.records}
        if python is not None:
            come = await uv.resolve(python, wish.pip_install, owned)
    else:
        specs = [*wish.pip_install, *wish.pip_upgrade]
        owned = conda_dists(state.prefix, state.python, around.conda)
        if python is not None and python == state.python:
            come, go = await uv.preview(state.prefix, specs, owned, upgrade=wish.pip_upgrade)
        versions = {canonical(package.name): package for package in state.pip}
        for name in wish.pip_remove:
            if canonical(name) in versions:
                go[name] = versions[canonical(name)].version
    for name in come:
        check_package(name, around.settings.denied_packages, field="pip")
    return come, go


def _pip_version(record: RepoDataRecord) -> str:
    return str(record.version)


async def _plan(
    network: Network,
    around: Surroundings,
    state: State | None,
    solved: Solved,
    come: Mapping[str, str],
    go: Mapping[str, str],
) -> Any:
    before = {name_of(record): record for record in (state.records if state is not None else ())}
    after = {name_of(record): record for record in solved.records}
    new = [record for name, record in after.items() if name not in before or before[name].url != record.url]
    here = await cached(network, new)
    download = {record.url: 0 if record.url in here else record.size for record in new}
    add = [_item(record, around, download[record.url]) for record in new if name_of(record) not in before]
    changes = [
        PlanChange(
            name=name_of(record),
            from_version=str(before[name_of(record)].version),
            to_version=str(record.version),
            from_build=str(before[name_of(record)].build),
            to_build=str(record.build),
            channel=_short_channel(around, record),
            size_bytes=record.size,
            download_bytes=download[record.url],
        )
        for record in new
        if name_of(record) in before
    ]
    remove = [_item(record, around, None) for name, record in before.items() if name not in after]
    both = {canonical(name): version for name, version in go.items()}
    for name, version in come.items():
        old = both.pop(canonical(name), None)
        if old is None:
            add.append(PlanItem(name=name, version=version, manager="pip", channel="pypi"))
        else:
            changes.append(PlanChange(name=name, from_version=old, to_version=version, manager="pip", channel="pypi"))
    remove += [
        PlanItem(name=name, version=version, manager="pip", channel="pypi")
        for name, version in go.items()
        if canonical(name) in both
    ]
    sizes = list(download.values())
    return msgspec.to_builtins(
        Plan(
            add=tuple(sorted(add, key=lambda item: item.name)),
            remove=tuple(sorted(remove, key=lambda item: item.name)),
            change=tuple(sorted(changes, key=lambda item: item.name)),
            download_bytes=sum(size or 0 for size in sizes) if None not in sizes else None,
            post_link=tuple(_scripts(network, new)),
            notes=tuple(solved.notes),
        )
    )


def _scripts(network: Network, records: Sequence[RepoDataRecord]) -> list[str]:
    """Name those with a post-link script, as far as they lie unpacked in the cache."""
    stems = (f"{name_of(record)}-{record.version}-{record.build}" for record in records)
    return sorted({name for stem in stems for name in post_link(network.packages / stem)})


def _item(record: RepoDataRecord, around: Surroundings, download: int | None) -> PlanItem:
    return PlanItem(
        name=name_of(record),
        version=str(record.version),
        build=str(record.build),
        channel=_short_channel(around, record),
        size_bytes=record.size,
        download_bytes=download,
    )


def _short_channel(around: Surroundings, record: RepoDataRecord) -> str:
    return around.conda.short(record.url.rsplit("/", 2)[0])


def _channels(wish: Wish) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*wish.channels, *(archive.channel for archive in wish.archives))))


def _own_channels(wish: Wish) -> tuple[str, ...]:
    from ..bounds import without_secrets

    return tuple(dict.fromkeys(without_secrets(channel) for channel in _channels(wish)))


def refuse_there(prefix: Path) -> None:
    """Raise Conflict where there is something already."""
    if prefix.exists() or prefix.is_symlink():
        raise Conflict(f"There is already something at {prefix}.", prefix=str(prefix))


def new_id() -> str:
    """Give an id for an environment."""
    return str(uuid.uuid4())


def short_version(python: str | None) -> str:
    """Give `3.11` of `3.11.7`."""
    return ".".join((python or "").split(".")[:2])


def spec_name(spec: str) -> str:
    """Give the name a spec begins with."""
    import re

    text = spec.rsplit("::", 1)[-1]
    found = re.match(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", text)
    return (found[0] if found is not None else text).lower()


def drop_site(env: Path, state: State) -> None:
    """Remove what pip left in the site-packages of a Python that goes away; conda takes out its own."""
    import shutil

    owned = {name for record in state.records for name in map(str, record.files)}
    folder = env / f"lib/python{short_version(state.python)}/site-packages"
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                shutil.rmtree(path, ignore_errors=True)
        elif str(path.relative_to(env)) not in owned:
            path.unlink()


def write_variables(env: Path, variables: Mapping[str, str]) -> None:
    """Write the variables of an environment.yml where conda keeps them."""
    if variables:
        path = env / "conda-meta" / "state"
        path.write_bytes(msgspec.json.encode({"env_vars": dict(variables)}))


def _copy_own(source: Path, env: Path) -> None:
    """Take over what people set for an environment: variables and pins."""
    for name in ("state", "pinned"):
        path = source / "conda-meta" / name
        if path.is_file():
            (env / "conda-meta" / name).write_bytes(path.read_bytes())


def _copy_history(source: Path, env: Path) -> None:
    path = source / "conda-meta" / "history"
    if path.is_file():
        (env / "conda-meta" / "history").unlink(missing_ok=True)
        (env / "conda-meta" / "history").write_bytes(path.read_bytes())
