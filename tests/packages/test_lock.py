"""The lock: read by others, by us, and not believed in anything that doesn't hold together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.environments.files import parse_file
from jupyter_lcc.environments.lock_file import Lock, Platform, write_lock
from jupyter_lcc.errors import Invalid
from jupyter_lcc.packages.lock import fits_list, read_lock, set_hash

from .made import FORGE, LIST, conda, lock_of, locks, pip

TWO = lock_of(
    conda("numpy", "1.26.4", "py311_0", depends=("python >=3.11,<3.12.0a0", "libblas"), license="BSD-3-Clause"),
    conda("tzdata", "2024a", "h0_3", subdir="noarch", noarch="generic", build_number=3),
    conda("tool", "1.0", "pyh_0", subdir="noarch", noarch="python", depends=("python",), timestamp=1700000000000),
    pips=(pip("six", "1.16.0"),),
)

RATTLER = """
import json, os, sys
from pathlib import Path
from rattler import LockFile
lock = LockFile.from_path(Path(sys.argv[1]))
found = []
for name, environment in lock.environments():
    for platform in environment.platforms():
        for r in environment.conda_repodata_records_for_platform(platform) or []:
            found.append([str(platform), r.name.normalized, str(r.version), str(r.build), r.build_number, str(r.url),
                          r.subdir, r.sha256.hex() if r.sha256 else None, [str(d) for d in r.depends], r.license,
                          str(r.noarch)])
        for p in environment.pypi_packages_for_platform(platform) or []:
            found.append([str(platform), p.name, p.version, p.location])
lock.to_path(Path(sys.argv[2]))
print(json.dumps(found), flush=True)
os._exit(0)
"""


def test_rattler_reads_what_we_write_and_we_read_what_it_writes(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.lock", tmp_path / "theirs.lock"
    ours.write_text(write_lock(TWO, LIST))
    # Never in this process: it may crash when that ends.
    words = [sys.executable, "-c", RATTLER, str(ours), str(theirs)]
    found = json.loads(subprocess.run(words, check=True, capture_output=True, timeout=60).stdout)
    numpy, six = next(f for f in found if f[1] == "numpy"), next(f for f in found if f[1] == "six")
    archive = TWO.platforms["linux-64"].conda[0]
    assert numpy[:10] == [
        "linux-64",
        "numpy",
        "1.26.4",
        "py311_0",
        0,
        archive.url,
        "linux-64",
        archive.sha256,
        list(archive.depends),
        "BSD-3-Clause",
    ]
    assert six[1:3] == ["six", "1.16.0"]
    assert "python" in next(f for f in found if f[1] == "tool")[10]
    assert next(f for f in found if f[1] == "tzdata")[4] == 3
    again = read_lock(theirs.read_text())
    assert set_hash(again.platforms["linux-64"]) == set_hash(TWO.platforms["linux-64"])
    assert again.channels == (FORGE,)


def test_environments_are_made_from_it() -> None:
    wanted = parse_file("pixi.lock", write_lock(TWO), "linux-64")
    assert {(a.name, a.version, a.build, a.sha256) for a in wanted.archives} == {
        (p.name, p.version, p.build, p.sha256) for p in TWO.platforms["linux-64"].conda
    }
    assert wanted.pip == ("six==1.16.0",)


@given(locks())
def test_what_is_written_is_read_again(lock: Lock) -> None:
    text = write_lock(lock)
    assert write_lock(read_lock(text)) == text
    found = read_lock(text)
    assert {name: set_hash(p) for name, p in found.platforms.items()} == {
        name: set_hash(p) for name, p in lock.platforms.items()
    }
    for subdir, platform in lock.platforms.items():
        assert found.platforms[subdir] == platform
    assert yaml.safe_load(text)["version"] == 6


def test_a_file_for_two_platforms_is_described_once_with_what_either_knows() -> None:
    noarch = conda("tool", subdir="noarch", license="MIT")
    poorer = msgspec.structs.replace(noarch, license=None, sha256=None, md5="ab" * 16)
    both = {"linux-64": Platform(conda=(poorer,)), "osx-arm64": Platform(conda=(noarch,))}
    found = read_lock(write_lock(Lock(channels=(FORGE,), platforms=both)))
    whole = msgspec.structs.replace(noarch, md5="ab" * 16)
    assert [platform.conda for platform in found.platforms.values()] == [(whole,), (whole,)]


@pytest.mark.parametrize("other", [{"sha256": "cd" * 32}, {"size": 11}])
def test_a_file_with_other_bytes_for_another_platform_is_refused(other: dict[str, str]) -> None:
    """Whoever reads such a lock would install one of the two and say it was what the other wanted."""
    noarch = conda("tool", subdir="noarch")
    both = {"a": Platform(conda=(noarch,)), "b": Platform(conda=(msgspec.structs.replace(noarch, **other),))}
    with pytest.raises(Invalid, match=next(iter(other))):
        write_lock(Lock(channels=(FORGE,), platforms=both))
    pips = {"a": Platform(pip=(pip("six"),)), "b": Platform(pip=(pip("six", sha256="cd" * 32),))}
    with pytest.raises(Invalid, match="sha256"):
        write_lock(Lock(platforms=pips))


@given(locks(), st.randoms())
def test_the_hash_is_of_the_set(lock: Lock, chance: object) -> None:
    for platform in lock.platforms.values():
        conda_, pip_ = list(platform.conda), list(platform.pip)
        chance.shuffle(conda_)  # type: ignore[attr-defined]
        mirrored = [msgspec.structs.replace(p, url=p.url.replace(FORGE, "https://mirror/x")) for p in conda_]
        assert set_hash(Platform(conda=tuple(mirrored), pip=tuple(reversed(pip_)))) == set_hash(platform)
        for package in conda_:
            other = [msgspec.structs.replace(p, build="other") if p is package else p for p in conda_]
            assert set_hash(Platform(conda=tuple(other), pip=platform.pip)) != set_hash(platform)
        assert set_hash(Platform(conda=(*conda_, conda("one-more")), pip=platform.pip)) != set_hash(platform)


def test_a_change_of_one_package_is_a_change_of_its_lines() -> None:
    before = write_lock(TWO).splitlines()
    numpy = conda("numpy", "1.26.5", "py311_0", depends=("python >=3.11,<3.12.0a0", "libblas"), license="BSD-3-Clause")
    platform = TWO.platforms["linux-64"]
    after = write_lock(
        msgspec.structs.replace(
            TWO, platforms={"linux-64": msgspec.structs.replace(platform, conda=(numpy, *platform.conda[1:]))}
        )
    ).splitlines()
    assert len(before) == len(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 4


def test_passwords_and_tokens_are_not_written() -> None:
    url = "https://ann:secret@host/t/tk-secret/chan"
    archive = msgspec.structs.replace(conda("a"), url=f"{url}/linux-64/a-1.0-0.conda")
    file = msgspec.structs.replace(pip("b"), url="https://ann:secret@host/b-1.0-py3-none-any.whl")
    lock = Lock(
        channels=(url,),
        indexes=("https://ann:secret@host/simple",),
        platforms={"linux-64": Platform(conda=(archive,), pip=(file,))},
    )
    text = write_lock(lock)
    assert "secret" not in text
    assert read_lock(text).platforms["linux-64"].conda[0].url == "https://host/chan/linux-64/a-1.0-0.conda"


def test_it_says_from_which_list_it_was_made() -> None:
    text = write_lock(TWO, LIST)
    assert fits_list(text, LIST)
    assert not fits_list(text, LIST + "\n")
    assert fits_list(write_lock(TWO), LIST)  # it doesn't say
    assert not fits_list(None, LIST)
    assert read_lock(text) == read_lock(write_lock(TWO))


GOOD = write_lock(TWO)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("version: 6", "version: 5", "format"),
        ("version: 6", "version: &a 6", "Anchors"),
        ('  version: "1.26.4"', '  version: "1.26.5"', "version"),
        ("  name: numpy", "  name: harmless", "name"),
        ("  build: py311_0", "  build: py311_1", "build"),
        ("  subdir: linux-64", "  subdir: noarch", "subdir"),
        ("linux-64:\n", "osx-arm64:\n", "stands below"),
        ("linux-64:\n", "../x:\n", "not a platform"),
        ("/linux-64/numpy-1.26.4-py311_0.conda", "/linux-64/../../x.conda", "address"),
        ("https://conda.anaconda.org/conda-forge/linux-64", "ftp://evil/linux-64", "address"),
        ("https://conda.anaconda.org/conda-forge/linux-64", "https://ann:x@host/c/linux-64", "password"),
        ("https://conda.anaconda.org/conda-forge/linux-64", "https://host/a/../b/linux-64", "steps"),
        ("numpy-1.26.4-py311_0.conda", "numpy-1.26.4-py311_0.conda#x", "hash|address|described"),
        ("sha256: ", "sha256: zz", "sha256"),
        ("  size: 10", "  size: -1", "number"),
        ("  size: 10", "  size: 1e9", "number"),
        ("  license: BSD-3-Clause", "  license: [x]", "text"),
        ("  license: BSD-3-Clause", '  license: "a\\nb"', "text"),
        ("six-1.16.0-py3-none-any.whl", "six-1.16.0.exe", "neither a wheel"),
        ("six-1.16.0-py3-none-any.whl", "seven-1.16.0-py3-none-any.whl", "is not"),
        ("https://files.pythonhosted.org/packages", "git+https://evil/packages", "address"),
        ("https://files.pythonhosted.org/packages", "https://h/../packages", "steps"),
        ("    - url: https", "    - url: gopher", "address"),
        ("    - https://pypi.org/simple", "    - --index-url", "option"),
    ],
)
def test_what_does_not_hold_together_is_refused(old: str, new: str, why: str) -> None:
    assert old in GOOD
    with pytest.raises(Invalid, match=why) as error:
        read_lock(GOOD.replace(old, new))
    assert error.value.message.isprintable()


def test_a_place_outside_of_the_environment_is_refused() -> None:
    text = GOOD.replace("  subdir: linux-64\n", "  subdir: linux-64\n  python_site_packages_path: ../../x\n")
    with pytest.raises(Invalid, match="outside"):
        read_lock(text)


def test_a_package_stands_once() -> None:
    two = lock_of(conda("a"), conda("a", "2.0"))
    with pytest.raises(Invalid, match="twice"):
        read_lock(write_lock(two))


@given(st.data())
def test_nothing_else_than_invalid_is_ever_raised(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD) - 1))
    length = data.draw(st.integers(0, 30))
    text = GOOD[:at] + data.draw(st.text(max_size=10)) + GOOD[at + length :]
    try:
        read_lock(text)
    except Invalid as error:
        refused = error
    else:
        return
    assert refused.message.isprintable()
