"""A conda channel made on the spot from what the tests run with: a real Python and the packages of a real kernel.

`.conda` archives are written by hand (a stored zip with zstd frames of raw blocks), because that needs no library and
takes a second for all of it. `python -m tests.environments.channel FOLDER` makes one to play with.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import io
import json
import os
import re
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement

SUBDIR = "linux-64" if sys.platform.startswith("linux") else "osx-64"
SHORT = ".".join(map(str, sys.version_info[:2]))
VERSION = ".".join(map(str, sys.version_info[:3]))
PLACEHOLDER = "/opt/" + "placehold_" * 20


@dataclass(frozen=True)
class Link:
    """A symbolic link in a package."""

    target: str


@dataclass
class Package:
    """One archive to be. Files are bytes, a path to copy from, or a link; `prefixed` hold PLACEHOLDER."""

    name: str
    version: str
    depends: list[str] = field(default_factory=list)
    files: dict[str, bytes | Path | Link] = field(default_factory=dict)
    noarch: str | None = "generic"
    constrains: list[str] = field(default_factory=list)
    prefixed: tuple[str, ...] = ()
    executable: tuple[str, ...] = ()
    entry_points: tuple[str, ...] = ()
    build: str = "0"

    @property
    def subdir(self) -> str:
        return "noarch" if self.noarch else SUBDIR

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"


class Channel:
    """A folder that is a channel; `url` is its address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = folder.as_uri()
        self._records: dict[str, dict[str, dict[str, object]]] = {"noarch": {}, SUBDIR: {}}

    def add(self, *packages: Package) -> None:
        """Write archives; `index` makes them known."""
        for package in packages:
            path = self.folder / package.subdir / f"{package.stem}.conda"
            path.parent.mkdir(parents=True, exist_ok=True)
            index = write_archive(path, package)
            raw = path.read_bytes()
            index |= {"sha256": hashlib.sha256(raw).hexdigest(), "md5": hashlib.md5(raw).hexdigest(), "size": len(raw)}
            self._records[package.subdir][path.name] = index

    def drop(self, file_name: str) -> None:
        """Take an archive out of the channel."""
        for subdir, records in self._records.items():
            if records.pop(file_name, None) is not None:
                (self.folder / subdir / file_name).unlink()

    def index(self) -> None:
        """Write repodata.json."""
        for subdir, records in self._records.items():
            value = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": records, "repodata_version": 1}
            path = self.folder / subdir / "repodata.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))


def make_channel(folder: Path) -> Channel:
    """Make the channel of the tests: Python, the packages of ipykernel, and small ones that depend on each other."""
    channel = Channel(folder)
    channel.add(python_package(), *installed_packages("ipykernel"))
    channel.add(
        small("alpha", "1.0", ["beta"]),
        small("alpha", "2.0", ["beta >=2"]),
        small("beta", "1.0"),
        small("beta", "2.0"),
        small("gamma", "1.0", ["beta <2"]),
        small("lonely", "1.0"),
        small("lonely", "1.5"),
        small("hater", "1.0", constrains=["lonely <1"]),
        Package("scripted", "1.0", files={"bin/.scripted-post-link.sh": b"touch $PREFIX/ran\n"}),
        Package(
            "placed",
            "1.0",
            files={"etc/placed.conf": f"at {PLACEHOLDER}/etc\n".encode()},
            prefixed=("etc/placed.conf",),
        ),
        Package("virtual", "1.0", depends=["__cuda >=12"], files={"share/virtual": b"x"}),
    )
    channel.index()
    return channel


def small(name: str, version: str, depends: Iterable[str] = (), constrains: Iterable[str] = ()) -> Package:
    """Make a package of one file."""
    files: dict[str, bytes | Path | Link] = {f"share/{name}.txt": f"{name} {version}\n".encode()}
    return Package(name, version, list(depends), files, constrains=list(constrains))


def python_package() -> Package:
    """Make a package of the interpreter that runs this: its binary, and links to its standard library."""
    real = Path(os.path.realpath(sys.executable))
    library = Path(sysconfig.get_path("stdlib"))
    files: dict[str, bytes | Path | Link] = {
        f"bin/python{SHORT}": real,
        "bin/python": Link(f"python{SHORT}"),
        "bin/python3": Link(f"python{SHORT}"),
    }
    for root, folders, names in os.walk(library):
        folders[:] = [f for f in folders if f not in ("__pycache__", "site-packages", "test", "idlelib", "ensurepip")]
        for name in names:
            path = Path(root, name)
            files[f"lib/python{SHORT}/{path.relative_to(library)}"] = _not_debians(path) or Link(str(path))
    # An interpreter of a shared library finds it beside itself, as conda's does.
    for path in [*real.parent.parent.glob("lib/libpython*"), *real.parent.glob("../lib/lib*.so*")]:
        files[f"lib/{path.name}"] = Link(os.path.realpath(path))
    return Package("python", VERSION, files=files, noarch=None, build="0_cpython", executable=(f"bin/python{SHORT}",))


def _not_debians(path: Path) -> bytes | None:
    """Where the system's Python is Debian's: its files by which packages lie in `dist-packages`, as they are elsewhere.

    Debian leaves `site-packages` to virtual environments alone; conda's Python knows nothing else.
    """
    if path.name not in ("site.py", "sysconfig.py") and path.parent.name != "sysconfig":
        return None
    text = path.read_bytes()
    if b"dist-packages" not in text:
        return None
    return text.replace(b'sys.base_prefix != sys.prefix or hasattr(sys, "real_prefix")', b"True")


def installed_packages(*names: str) -> list[Package]:
    """Make packages of what is installed here and all that it needs."""
    done: dict[str, Package] = {}
    todo = list(names)
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in done:
            continue
        dist = importlib.metadata.distribution(name)
        needs = []
        for text in dist.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needs.append(requirement)
        done[name] = _repacked(name, dist, needs)
        todo += [requirement.name for requirement in needs]
    return list(done.values())


def _repacked(name: str, dist: importlib.metadata.Distribution, needs: list[Requirement]) -> Package:
    files: dict[str, bytes | Path | Link] = {}
    compiled = False
    for listed in dist.files or ():
        path = Path(str(dist.locate_file(listed)))
        if listed.parts[0] == ".." or "__pycache__" in listed.parts or not path.is_file():
            continue
        if listed.name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
            continue
        compiled |= path.suffix == ".so"
        files[str(listed)] = path
    info = f"{dist.metadata['Name'].replace('-', '_')}-{dist.version}.dist-info"
    info = next((str(Path(key).parent) for key in files if key.endswith(".dist-info/METADATA")), info)
    files[f"{info}/INSTALLER"] = b"conda\n"
    record = io.StringIO()
    csv.writer(record, lineterminator="\n").writerows([[key, "", ""] for key in (*files, f"{info}/RECORD")])
    files[f"{info}/RECORD"] = record.getvalue().encode()
    scripts = tuple(f"{entry.name} = {entry.value}" for entry in dist.entry_points if entry.group == "console_scripts")
    where = f"lib/python{SHORT}/site-packages/" if compiled else "site-packages/"
    depends = [f"python {SHORT}.*" if compiled else "python"]
    depends += [f"{re.sub(r'[-_.]+', '-', need.name).lower()} {need.specifier}".strip() for need in needs]
    return Package(
        name,
        dist.version,
        depends,
        {where + key: value for key, value in files.items()},
        noarch=None if compiled else "python",
        entry_points=() if compiled else scripts,
        build="py_0",
    )


def write_archive(path: Path, package: Package) -> dict[str, object]:
    """Write one `.conda` file and give its entry for repodata.json."""
    content, paths = io.BytesIO(), []
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, value in package.files.items():
            entry: dict[str, object] = {"_path": name}
            member = tarfile.TarInfo(name)
            if isinstance(value, Link):
                member.type, member.linkname = tarfile.SYMTYPE, value.target
                tar.addfile(member)
                entry |= {"path_type": "softlink", "sha256": hashlib.sha256(b"").hexdigest(), "size_in_bytes": 0}
            else:
                raw = value.read_bytes() if isinstance(value, Path) else value
                member.size = len(raw)
                member.mode = 0o755 if name in package.executable else 0o644
                tar.addfile(member, io.BytesIO(raw))
                entry |= {"path_type": "hardlink", "sha256": hashlib.sha256(raw).hexdigest(), "size_in_bytes": len(raw)}
                if name in package.prefixed:
                    entry |= {"prefix_placeholder": PLACEHOLDER, "file_mode": "text"}
            paths.append(entry)
    index: dict[str, object] = {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "build_number": 0,
        "depends": package.depends,
        "subdir": package.subdir,
        "timestamp": 1700000000000,
        "license": "none",
    }
    if package.constrains:
        index["constrains"] = package.constrains
    if package.noarch:
        index["noarch"] = package.noarch
    info = {
        "index.json": index,
        "paths.json": {"paths": paths, "paths_version": 1},
        "about.json": {"summary": package.name},
    }
    if package.noarch == "python":
        info["link.json"] = {
            "noarch": {"type": "python", "entry_points": list(package.entry_points)},
            "package_metadata_version": 1,
        }
    about = io.BytesIO()
    with tarfile.open(fileobj=about, mode="w") as tar:
        texts = {f"info/{key}": json.dumps(value).encode() for key, value in info.items()}
        texts["info/files"] = ("\n".join(package.files) + "\n").encode()
        for key, raw in texts.items():
            member = tarfile.TarInfo(key)
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        archive.writestr(f"pkg-{package.stem}.tar.zst", stored(content.getvalue()))
        archive.writestr(f"info-{package.stem}.tar.zst", stored(about.getvalue()))
    return index


def stored(raw: bytes) -> bytes:
    """Write a zstd frame of raw blocks (RFC 8878): every reader takes it, and no library is needed."""
    size = 1 << 17
    chunks = [raw[at : at + size] for at in range(0, len(raw), size)] or [b""]
    frame = bytearray(b"\x28\xb5\x2f\xfd\x00\x40")
    for number, chunk in enumerate(chunks):
        head = len(chunk) << 3 | (number == len(chunks) - 1)
        frame += head.to_bytes(3, "little") + chunk
    return bytes(frame)


def make_index(folder: Path, wheels: Mapping[str, tuple[str, list[str], str]]) -> str:
    """Make an index of Python packages: of each name its version, what it needs and the name of a script."""
    for name, (version, needs, script) in wheels.items():
        add_wheel(folder, name, version, needs, script)
    return folder.as_uri()


def add_wheel(folder: Path, name: str, version: str, needs: Iterable[str] = (), script: str = "") -> None:
    """Add a wheel to an index."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    file_name = f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": f"VERSION = {version!r}\n\ndef main():\n    print(VERSION)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        members[f"{info}/entry_points.txt"] = f"[console_scripts]\n{script} = {name}:main\n"
    record = "".join(f"{key},,\n" for key in (*members, f"{info}/RECORD"))
    with zipfile.ZipFile(place / file_name, "w") as archive:
        for key, text in members.items():
            archive.writestr(key, text)
        archive.writestr(f"{info}/RECORD", record)
    files = sorted(path.name for path in place.glob("*.whl"))
    page = "".join(f'<a href="{file}">{file}</a>\n' for file in files)
    (place / "index.html").write_text(f"<!DOCTYPE html><html><body>\n{page}</body></html>\n")


if __name__ == "__main__":
    sys.stdout.write(make_channel(Path(sys.argv[1]).absolute()).url + "\n")
