"""pip's packages, by uv: it is fast, leaves alone what conda owns when it is told, and says before what it would do."""

from __future__ import annotations

import asyncio
import base64
import configparser
import csv
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from ...errors import DiskFull, Invalid, NotReachable, OutOfBounds, OutsideFailure, Unsatisfiable
from ..bounds import canonical, check_index_file, without_secrets
from ..engine_model import Surroundings
from ..exact import ExactPip
from ..kept import KeptPip
from ..trash import remove_tree
from .errors import told_plainly
from .talk import Talk

__all__ = ["Uv", "copy_pip", "read_pylock", "relocate", "remember"]

_OWN_INDEXES = ("UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_FIND_LINKS")
_CHANGE = re.compile(r"^ ([+~-]) ([A-Za-z0-9_.-]+)==([^\s(]+)")


class Uv:
    """Runs uv for the Python of one environment. `lock` is inherited, so that nobody tidies up under its hands."""

    def __init__(self, around: Surroundings, indexes: Sequence[str], talk: Talk, lock: int = -1) -> None:
        self._around = around
        allowed = around.settings.allowed_indexes
        usable = tuple(index for index in allowed or () if not index.endswith("/*"))
        self._indexes = tuple(indexes) or usable
        self._refused = allowed is not None and not self._indexes
        self._talk = talk
        self._lock = lock

    async def install(
        self, prefix: Path, specs: Sequence[str], owned: Mapping[str, str], *, upgrade: Iterable[str] = ()
    ) -> None:
        """Install; conda's distributions keep their versions, or it is refused."""
        if not specs:
            return
        with _constraints(owned) as file:
            words = ["pip", "install", *self._common(prefix), "--constraints", file]
            words += [word for name in upgrade for word in ("--upgrade-package", name)]
            await self._run([*words, *self._index_words(), "--", *specs], owned)

    async def exactly(self, prefix: Path, packages: Sequence[KeptPip]) -> None:
        """Install these versions and nothing they need, from the archives they came from where that is known."""
        known = [p for p in packages if p.url and p.sha256 and not p.url.startswith("s3:")]
        specs = [f"{package.name}=={package.version}" for package in packages if package not in known]
        if specs:
            words = ["pip", "install", "--no-deps", *self._common(prefix), *self._index_words(), "--", *specs]
            await self._run(words, {})
        for package in known:
            check_index_file(package.url or "", self._around.settings.allowed_indexes)
        exact = [ExactPip(name=p.name, version=p.version, url=p.url, sha256=p.sha256) for p in known]
        await self.archives(prefix, {package: package.url for package in exact})

    async def archives(self, prefix: Path, packages: Mapping[ExactPip, str | None]) -> None:
        """Install just these archives, compared with their hashes, each from the address it is mapped to.

        Null: from an index. Where a package is remembered to come from is its own address, wherever it lay this time.
        Raises OutsideFailure for an archive with another hash.
        """
        for hashed in (True, False):
            chosen = {package: url for package, url in packages.items() if bool(package.sha256) == hashed}
            if not chosen:
                continue
            words = ["pip", "install", "--no-deps", *(["--require-hashes"] if hashed else []), *self._common(prefix)]
            builds = any(url is None or not url.endswith(".whl") for url in chosen.values())
            # No index is asked for what has an address; but its credentials hold for that, too.
            words += ["--no-index"] if self._refused and not builds else self._index_words()
            with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
                file.writelines(f"{_requirement(package, url)}\n" for package, url in chosen.items())
                file.flush()
                await self._run([*words, "--requirements", file.name], {})
        remember(prefix, packages)

    async def lock(
        self,
        python: str,
        platform: str,
        specs: Sequence[str],
        owned: Mapping[str, str],
        *,
        folder: str | None = None,
        folder_only: bool = False,
        alone: bool = False,
    ) -> tuple[ExactPip, ...]:
        """Solve for the archives of a platform, with addresses and hashes; what conda owns keeps its version.

        `folder` holds wheels that are looked at before the index, or, with `folder_only`, instead of it. `alone`:
        without what they need.
        """
        if not specs:
            return ()
        if platform not in _PLATFORMS:
            known = ", ".join(_PLATFORMS)
            raise Invalid(f"pip's packages can't be solved for {platform}, only for {known}.", field="platforms")
        with _constraints(owned) as file, tempfile.NamedTemporaryFile("w", suffix=".in") as wanted:
            wanted.write("\n".join(specs) + "\n")
            wanted.flush()
            words = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--format", "pylock.toml"]
            words += ["--python-version", short_of(python), "--python-platform", _PLATFORMS[platform]]
            words += ["--python", sys.executable, "--constraints", file, *self._offline()]
            words += ["--no-deps"] if alone else []
            words += ["--find-links", folder] if folder is not None else []
            words += ["--no-index"] if folder_only else self._index_words()
            said = await self._run([*words, "--", wanted.name], owned, quiet=True, want_output=True)
        return tuple(p for p in read_pylock(said, short_of(python), platform) if p.name not in owned)

    async def remove(self, prefix: Path, names: Sequence[str]) -> None:
        """Take packages out. Of one that does not say which files are its own, only its metadata can go."""
        for folder in await asyncio.to_thread(_without_list, prefix, names):
            self._talk.log(f"{folder.name} has no list of its files; they stay.")
            await asyncio.to_thread(remove_tree, folder)
        if names:
            await self._run(["pip", "uninstall", *self._common(prefix), "--", *names], {})

    async def preview(
        self, prefix: Path, specs: Sequence[str], owned: Mapping[str, str], *, upgrade: Iterable[str] = ()
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Say what would come and what would go, by name."""
        if not specs:
            return {}, {}
        with _constraints(owned) as file:
            words = ["pip", "install", "--dry-run", *self._common(prefix), "--constraints", file]
            words += [word for name in upgrade for word in ("--upgrade-package", name)]
            said = await self._run([*words, *self._index_words(), "--", *specs], owned, quiet=True)
        come: dict[str, str] = {}
        go: dict[str, str] = {}
        for line in said.splitlines():
            found = _CHANGE.match(line)
            if found is not None:
                (go if found[1] == "-" else come)[found[2]] = found[3]
        return come, go

    async def resolve(self, python: str, specs: Sequence[str], owned: Mapping[str, str]) -> dict[str, str]:
        """Say what would come into an environment that isn't there yet."""
        if not specs:
            return {}
        short = ".".join(python.split(".")[:2])
        with _constraints(owned) as file, tempfile.NamedTemporaryFile("w", suffix=".in") as wanted:
            wanted.write("\n".join(specs) + "\n")
            wanted.flush()
            words = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python-version", short]
            words += ["--python", sys.executable]
            words += ["--constraints", file, *self._offline(), *self._index_words(), "--", wanted.name]
            said = await self._run(words, owned, quiet=True, want_output=True)
        found = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", said, re.MULTILINE)
        return {name: version for name, version in found if canonical(name) not in owned}

    # -- how it is run -------------------------------------------------------------------------------------------

    def _common(self, prefix: Path) -> list[str]:
        return ["--python", str(prefix / "bin" / "python"), "--break-system-packages", *self._offline()]

    def _offline(self) -> list[str]:
        return ["--offline"] if self._around.conda.offline else []

    def _index_words(self) -> list[str]:
        if self._refused:
            raise OutOfBounds("No package index is allowed here; packages of pip can't be installed.", field="pip")
        words: list[str] = []
        if self._indexes:
            indexes = [_with_credentials(index, os.environ) for index in self._indexes]
            words += ["--no-config", "--default-index", indexes[0]]
            for index in indexes[1:]:
                words += ["--index", index]
        elif not any(os.environ.get(name) for name in ("UV_INDEX_URL", "UV_DEFAULT_INDEX")):
            first, others, trusted = _of_pip(os.environ)
            words += ["--default-index", first] if first else []
            for index in others:
                words += ["--index", index]
            for host in trusted:
                words += ["--allow-insecure-host", host]
        if self._around.conda.ssl_verify == "false":
            addresses = self._indexes or ("https://pypi.org", "https://files.pythonhosted.org")
            hosts = (urlsplit(address).hostname for address in addresses)
            words += [word for host in hosts if host for word in ("--allow-insecure-host", host)]
        return words

    async def _run(
        self, words: Sequence[str], owned: Mapping[str, str], *, quiet: bool = False, want_output: bool = False
    ) -> str:
        from uv import find_uv_bin

        environ = dict(os.environ)
        for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH"):
            environ.pop(name, None)
        if self._indexes:
            for name in _OWN_INDEXES:
                environ.pop(name, None)
        environ.setdefault("UV_CACHE_DIR", str(Path(self._around.places.cache) / "uv"))
        environ |= {"UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
        environ.setdefault("UV_LINK_MODE", "hardlink")
        process = await asyncio.create_subprocess_exec(
            find_uv_bin(),
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environ,
            cwd="/",
            pass_fds=(self._lock,) if self._lock >= 0 else (),
        )
        assert process.stdout is not None
        assert process.stderr is not None
        out, said = await asyncio.gather(process.stdout.read(), self._listen(process.stderr, quiet))
        status = await process.wait()
        if status != 0:
            raise _failed(said, owned)
        return out.decode("utf-8", "replace") if want_output else said

    async def _listen(self, stream: asyncio.StreamReader, quiet: bool) -> str:
        lines = []
        async for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            lines.append(line)
            if not quiet:
                self._talk.log(line)
        return "\n".join(lines)


def short_of(python: str) -> str:
    """Give `3.11` of `3.11.7`."""
    return ".".join(python.split(".")[:2])


def read_pylock(text: str, python: str, platform: str) -> list[ExactPip]:
    """Choose of each package of a pylock.toml (PEP 751) the archive that is best for a platform.

    Raises Unsatisfiable where one has none.
    """
    tags = {tag: number for number, tag in enumerate(_tags(python, platform))}
    found = []
    for entry in msgspec.toml.decode(text).get("packages") or ():
        name, version = canonical(str(entry["name"])), str(entry.get("version") or "")
        fitting = []
        for wheel in entry.get("wheels") or ():
            file_name = unquote(urlsplit(str(wheel.get("url"))).path.rsplit("/", 1)[-1])
            try:
                theirs = parse_wheel_filename(file_name)[3]
            except InvalidWheelFilename:
                continue
            numbers = [tags[tag] for tag in theirs if tag in tags]
            if numbers and wheel.get("url"):
                fitting.append((min(numbers), str(wheel["url"]), dict(wheel.get("hashes") or {})))
        sdist = entry.get("sdist") or {}
        if fitting:
            _, url, hashes = min(fitting, key=lambda each: each[:2])
        elif sdist.get("url"):
            url, hashes = str(sdist["url"]), dict(sdist.get("hashes") or {})
        else:
            raise Unsatisfiable(f"{name} {version} has no archive for {platform} and Python {python}.", name=name)
        found.append(ExactPip(name=name, version=version, url=without_secrets(url), sha256=hashes.get("sha256")))
    return found


def remember(prefix: Path, packages: Iterable[ExactPip]) -> None:
    """Write into each distribution from which archive it came (direct_url.json, PEP 610)."""
    wanted = {canonical(package.name): package for package in packages}
    for site in sorted(prefix.glob("lib/python3*/site-packages")):
        for name in _listed(site):
            package = wanted.get(_dist_name(name)) if name.endswith(".dist-info") else None
            if package is None or not (site / name / "RECORD").is_file():
                continue
            place = site / name / "direct_url.json"
            place.unlink(missing_ok=True)
            if package.url is not None:
                told: dict[str, Any] = {"url": without_secrets(package.url), "archive_info": {}}
                if package.sha256:
                    hashes = {"hash": f"sha256={package.sha256}", "hashes": {"sha256": package.sha256}}
                    told["archive_info"] = hashes
                place.write_bytes(msgspec.json.encode(told))
            _rewrite_record(site / name / "RECORD", listing=f"{name}/direct_url.json")


def _requirement(package: ExactPip, url: str | None) -> str:
    """Write a line of a requirements file, of what `exact.check_exact` has looked at."""
    if url is not None and re.search(r"[\s\\${};#]", url):
        raise Invalid(f"{package.name} lies at a place whose address can't be written: {url!r}.", field="pip")
    text = f"{package.name} @ {url}" if url is not None else f"{package.name}=={package.version}"
    return f"{text} --hash=sha256:{package.sha256}" if package.sha256 else text


_PLATFORMS = {
    "linux-64": "x86_64-manylinux_2_28",
    "linux-aarch64": "aarch64-manylinux_2_28",
    "osx-64": "x86_64-apple-darwin",
    "osx-arm64": "aarch64-apple-darwin",
    "win-64": "x86_64-pc-windows-msvc",
}
"""How uv calls a platform: of Linux the oldest that is still in use, so that every machine of a team can run it."""

_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def _tags(python: str, platform: str) -> Iterator[Tag]:
    major, _, minor = python.partition(".")
    version = (int(major), int(minor or 0))
    if platform.startswith("linux"):
        processor = "x86_64" if platform == "linux-64" else "aarch64"
        names = []
        for number in range(28, 4, -1):
            names.append(f"manylinux_2_{number}_{processor}")
            names += [f"{_OLD_NAMES[number]}_{processor}"] if number in _OLD_NAMES else []
        names.append(f"linux_{processor}")
    elif platform.startswith("osx"):
        names = list(mac_platforms((13, 0), "arm64" if platform == "osx-arm64" else "x86_64"))
    else:
        names = ["win_amd64"]
    yield from cpython_tags(version, platforms=names)
    yield from compatible_tags(version, f"cp{major}{minor}", names)


def copy_pip(source: Path, target: Path, final: Path, python: str, packages: Sequence[KeptPip]) -> list[str]:
    """Bring pip's packages from one environment into another of the same Python, file by file; name those left out.

    No index is asked: a clone is what its model is, also where a version is not to be had any more.
    """
    short = ".".join(python.split(".")[:2])
    here, there = source / f"lib/python{short}/site-packages", target / f"lib/python{short}/site-packages"
    dists = {_dist_name(name): name for name in _listed(here) if name.endswith(".dist-info")}
    left = []
    for package in packages:
        folder = dists.get(canonical(package.name))
        if folder is None or not (here / folder / "RECORD").is_file():
            left.append(package.name)
            continue
        changed = False
        with open(here / folder / "RECORD", encoding="utf-8", newline="") as file:
            names = [row[0] for row in csv.reader(file) if row]
        for listed in names:
            origin, place = Path(os.path.normpath(here / listed)), Path(os.path.normpath(there / listed))
            if not (origin.is_relative_to(source) and origin.is_file()):
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.exists():
                continue
            shutil.copy2(origin, place, follow_symlinks=False)
            changed |= place.parent == target / "bin" and _replace_in(place, source, final)
        if changed:
            _rewrite_record(there / folder / "RECORD")
    return left


def relocate(prefix: Path, final: Path, python: str | None) -> None:
    """Let the scripts that uv made name the place where the environment is going to lie."""
    if python is None:
        return
    changed = {path.name for path in sorted((prefix / "bin").iterdir()) if _replace_in(path, prefix, final)}
    if not changed:
        return
    site = prefix / f"lib/python{'.'.join(python.split('.')[:2])}/site-packages"
    for name in _listed(site):
        record = site / name / "RECORD"
        if name.endswith(".dist-info") and record.is_file():
            text = record.read_text("utf-8")
            if any(f"/bin/{script}," in text for script in changed):
                _rewrite_record(record)


def _replace_in(path: Path, old: Path, new: Path) -> bool:
    """Replace a path in a script by a new file; others may share the old one."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > 1_000_000:
        return False
    raw = path.read_bytes()
    needle = os.fsencode(old)
    if not raw.startswith(b"#!") or needle not in raw:
        return False
    temporary = path.with_name(f".{path.name}.lcc")
    temporary.write_bytes(raw.replace(needle, os.fsencode(new)))
    shutil.copymode(path, temporary)
    os.replace(temporary, path)
    return True


def _rewrite_record(path: Path, listing: str = "") -> None:
    """Write a distribution's RECORD with the hashes and sizes its scripts have now, and one file more or less."""
    site = path.parent.parent
    with open(path, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row and row[0] != listing]
    if listing and (site / listing).is_file():
        raw = (site / listing).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
        rows.append([listing, f"sha256={digest}", str(len(raw))])
    for row in rows:
        script = Path(os.path.normpath(site / row[0]))
        if script.parent.name == "bin" and script.is_file() and len(row) >= 3 and row[1]:
            raw = script.read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
            row[1:3] = [f"sha256={digest}", str(len(raw))]
    temporary = path.with_name(".RECORD.lcc")
    with open(temporary, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    os.replace(temporary, path)


@contextmanager
def _constraints(owned: Mapping[str, str]) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{name}=={version}\n" for name, version in owned.items())
        file.flush()
        yield file.name


def _failed(said: str, owned: Mapping[str, str]) -> OutsideFailure | Invalid:
    text = told_plainly(said).strip()[-10_000:]
    if re.search(r"No space left|Disk quota|os error (?:28|122|27)\b|File too large", text):
        return DiskFull("There is no room left on the disk; nothing was changed.", said=text)
    if "Hash mismatch" in text or "hash mismatch" in text:
        return OutsideFailure(
            f"A Python package has another hash than it should have; nothing was changed. {text}", wrong_hash=True
        )
    if re.search(r"Distribution not found at|HTTP status|Failed to download", text):
        return NotReachable(f"A Python package is not at its address any more; nothing was changed. {text}")
    if re.search(r"error sending request|Failed to fetch|dns error|timed out|[Nn]etwork (?:was|connectivity)", text):
        return NotReachable(f"The index of Python packages could not be read; nothing was changed. {text}")
    if re.search(r"unsatisfiable|No solution found|not found in the package registry|no version of", text):
        mine = sorted(name for name in owned if re.search(rf"\b{re.escape(name)}\b", text))
        more = f" conda owns {', '.join(mine)}; change them with conda." if mine else ""
        return Unsatisfiable(text + more, owned_by_conda=mine)
    return OutsideFailure(f"uv failed; nothing was changed. {text}")


def _of_pip(environ: Mapping[str, str]) -> tuple[str | None, list[str], list[str]]:
    """Read what pip is told about indexes: uv doesn't, and a house's index is usually written there."""
    values: dict[str, str] = {}
    files = ["/etc/pip.conf", os.path.expanduser("~/.pip/pip.conf"), os.path.expanduser("~/.config/pip/pip.conf")]
    files += [environ["PIP_CONFIG_FILE"]] if environ.get("PIP_CONFIG_FILE") else []
    for name in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                values |= dict(parser.items(section))
    for key in ("index-url", "extra-index-url", "trusted-host"):
        variable = environ.get(f"PIP_{key.upper().replace('-', '_')}")
        if variable:
            values[key] = variable
    first = values.get("index-url", "").strip() or None
    return first, values.get("extra-index-url", "").split(), values.get("trusted-host", "").split()


def _with_credentials(index: str, environ: Mapping[str, str]) -> str:
    """Give an index as the user has configured it: lists and locks say addresses without passwords."""
    first, others, _ = _of_pip(environ)
    names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")
    named = [word.rpartition("=")[2] for name in names for word in environ.get(name, "").split()]
    mine = [address for address in (first, *others, *named) if address]
    wanted = index.rstrip("/")
    return next((address for address in mine if without_secrets(address).rstrip("/") == wanted), index)


def _without_list(prefix: Path, names: Iterable[str]) -> list[Path]:
    """Give the metadata of those distributions that don't say which files are theirs: a killed pip leaves such."""
    wanted = {canonical(name) for name in names}
    found = [site / name for site in prefix.glob("lib/python3*/site-packages") for name in _listed(site)]
    dists = [path for path in found if path.name.endswith(".dist-info") and _dist_name(path.name) in wanted]
    return [path for path in dists if not (path / "RECORD").is_file()]


def _dist_name(folder: str) -> str:
    return canonical(folder.removesuffix(".dist-info").rpartition("-")[0])


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
