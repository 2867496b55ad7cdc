"""Lists, locks and signatures as tests need them, and hypothesis strategies for them."""

from __future__ import annotations

import string
from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from jupyter_lcc.environments.exact import ExactConda
from jupyter_lcc.environments.lock_file import Lock, LockedPip, Platform
from jupyter_lcc.packages.model import PackageList, Signature

START = datetime(2026, 11, 21, 9, 0, tzinfo=timezone.utc)
FORGE = "https://conda.anaconda.org/conda-forge"

LIST = """\
# The team's environment. Ask Ann before you change Python.
name: team
channels:
  - conda-forge

dependencies:
  - python=3.11  # as in production
  - numpy>=1.26,<2
  # for the reports
  - pandas
  - pip
  - pip:
      - six==1.16.0  # old, but needed
      - requests>=2 ; python_version < "3.14"
"""


def signed(author: str = "ann", message: str = "", days: float = 0) -> Signature:
    return Signature(author=author, at=START + timedelta(days=days), message=message)


def conda(name: str, version: str = "1.0", build: str = "0", subdir: str = "linux-64", **more: object) -> ExactConda:
    told: dict[str, object] = {
        "sha256": (name + version + build).encode().hex().ljust(64, "0")[:64],
        "size": 10,
        **more,
    }
    url = f"{FORGE}/{subdir}/{name}-{version}-{build}.conda"
    return ExactConda(name=name, version=version, build=build, subdir=subdir, url=url, **told)  # type: ignore[arg-type]


def pip(name: str, version: str = "1.0", sha256: str | None = "ab" * 32) -> LockedPip:
    url = f"https://files.pythonhosted.org/packages/aa/{name}-{version}-py3-none-any.whl"
    return LockedPip(name=name, version=version, url=url, sha256=sha256)


def lock_of(*conda_packages: ExactConda, pips: tuple[LockedPip, ...] = (), subdir: str = "linux-64") -> Lock:
    return Lock(
        channels=(FORGE,),
        indexes=("https://pypi.org/simple",),
        platforms={subdir: Platform(conda=conda_packages, pip=pips)},
    )


# -- strategies -----------------------------------------------------------------------------------------------

names = st.sampled_from(("a", "b", "c", "abc", "x-1", "x_1", "y9", "zz-top", "lib_z", "r2", "cab", "bac"))
_versions = st.lists(st.integers(0, 99), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
_conda_specs = st.tuples(names, st.sampled_from(("", ">=", "=", "<")), _versions).map(
    lambda parts: parts[0] + (parts[1] + parts[2] if parts[1] else "")
)
_pip_specs = st.tuples(
    names.map(lambda name: name.replace("_", "-")), st.sampled_from(("", "==", ">=")), _versions
).map(lambda parts: parts[0] + (parts[1] + parts[2] if parts[1] else ""))


@st.composite
def lists(draw: st.DrawFn) -> PackageList:
    from jupyter_lcc.environments.specs import parse_conda, parse_pip
    from jupyter_lcc.packages.lists import pip_key

    specs = [parse_conda(spec) for spec in draw(st.lists(_conda_specs, max_size=8))]
    pips = [parse_pip(spec).text for spec in draw(st.lists(_pip_specs, max_size=5))]
    return PackageList(
        name=draw(st.one_of(st.none(), names)),
        channels=tuple(dict.fromkeys(draw(st.lists(st.sampled_from(("conda-forge", "bioconda", FORGE)), max_size=2)))),
        platforms=tuple(
            dict.fromkeys(draw(st.lists(st.sampled_from(("linux-64", "osx-arm64", "win-64")), max_size=2)))
        ),
        conda={spec.name: spec.text for spec in specs},
        pip={pip_key(text): text for text in pips},
        variables=draw(
            st.dictionaries(
                st.sampled_from(("A", "B_1")),
                st.text(st.characters(categories=("L", "N", "P", "S"), include_characters=" "), max_size=10),
            )
        ).copy(),
    )


_texts = st.text(string.ascii_letters + string.digits + " .,<>=!:#'\"[]{}&*|-_+@", min_size=1, max_size=20)
_hashes = st.one_of(st.none(), st.binary(min_size=32, max_size=32).map(bytes.hex))
_words = st.text(string.ascii_lowercase + string.digits + "_.", min_size=1, max_size=6).filter(
    lambda w: w[0] not in "_."
)


@st.composite
def platforms(draw: st.DrawFn, subdir: str = "linux-64") -> Platform:
    found = {}
    for name in draw(st.lists(names, max_size=6, unique=True)):
        where = draw(st.sampled_from((subdir, "noarch")))
        version, build = draw(_words), draw(_words)
        found[name] = ExactConda(
            name=name,
            version=version,
            build=build,
            build_number=draw(st.integers(0, 5)),
            subdir=where,
            url=f"{FORGE}/{where}/{name}-{version}-{build}.{draw(st.sampled_from(('conda', 'tar.bz2')))}",
            sha256=draw(_hashes),
            md5=draw(st.one_of(st.none(), st.binary(min_size=16, max_size=16).map(bytes.hex))),
            size=draw(st.one_of(st.none(), st.integers(0, 10**9))),
            license=draw(st.one_of(st.none(), _texts)),
            depends=tuple(draw(st.lists(_texts, max_size=3))),
            constrains=tuple(draw(st.lists(_texts, max_size=2))),
        )
    pips = {
        name: pip(name, draw(_versions), draw(_hashes))
        for name in draw(st.lists(st.sampled_from(("p", "q", "abc", "a")), unique=True, max_size=3))
    }
    return Platform(conda=tuple(found[name] for name in sorted(found)), pip=tuple(pips[name] for name in sorted(pips)))


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    """What a solver gives: an address has the same file behind it for every platform."""
    subdirs = draw(st.lists(st.sampled_from(("linux-64", "osx-arm64")), unique=True, max_size=2))
    behind: dict[str, ExactConda | LockedPip] = {}
    found = {}
    for subdir in sorted(subdirs):
        drawn = draw(platforms(subdir))
        found[subdir] = Platform(
            conda=tuple(behind.setdefault(p.url, p) for p in drawn.conda),  # type: ignore[misc]
            pip=tuple(behind.setdefault(p.url, p) for p in drawn.pip),  # type: ignore[misc]
        )
    return Lock(
        channels=(FORGE,),
        indexes=tuple(draw(st.lists(st.sampled_from(("https://pypi.org/simple",)), max_size=1))),
        platforms=found,
    )
