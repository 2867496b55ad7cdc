"""What isn't allowed is refused, in the list and in everything that comes with it, with the rule's name."""

from __future__ import annotations

import msgspec
import pytest

from jupyter_lcc.environments.lock_file import Lock, Platform
from jupyter_lcc.errors import OutOfBounds
from jupyter_lcc.packages.bounds import ListBounds, check_list, check_lock, raise_for
from jupyter_lcc.packages.lists import read_list

from .made import LIST, conda, lock_of, pip

LOCK = lock_of(conda("numpy", license="BSD-3-Clause"), conda("evil-dep", license="GPL-3.0-only"), pips=(pip("six"),))


def rules(*found: object) -> list[str]:
    return [refusal.rule for each in found for refusal in each]  # type: ignore[attr-defined]


def test_nothing_is_bound_unless_somebody_binds_it() -> None:
    assert check_list(read_list(LIST), ListBounds()) == ()
    assert check_lock(LOCK, ListBounds()) == ()


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"denied_packages": ("NumPy",)}, ["denied_packages: NumPy"]),
        ({"denied_packages": ("s*",)}, ["denied_packages: s*"]),
        ({"denied_packages": ("six",)}, ["denied_packages: six"]),
        ({"allowed_packages": ("python", "numpy", "pan*", "pip", "requests")}, ["allowed_packages"]),
        ({"allowed_packages": ("*",)}, []),
        ({"allowed_channels": ("bioconda",)}, ["allowed_channels"]),
        ({"allowed_channels": ("https://conda.anaconda.org/*",)}, []),
        ({"denied_channels": ("conda-forge",)}, ["denied_channels: conda-forge"]),
        (
            {"allowed_channels": ("conda-forge",), "denied_channels": ("https://conda.anaconda.org/*",)},
            ["denied_channels: https://conda.anaconda.org/*"],
        ),
    ],
)
def test_a_list_is_bound(bounds: dict[str, object], expected: list[str]) -> None:
    found = check_list(read_list(LIST), msgspec.convert(bounds, ListBounds))
    assert rules(found) == expected
    assert all(refusal.message.isprintable() and refusal.rule in refusal.message for refusal in found)


def test_a_spec_s_own_channel_is_bound_too() -> None:
    wanted = read_list("dependencies: ['evil::numpy']")
    assert rules(check_list(wanted, ListBounds(allowed_channels=("conda-forge",)))) == ["allowed_channels"]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"denied_packages": ("evil*",)}, ["denied_packages: evil*"]),
        ({"allowed_packages": ("numpy", "six")}, ["allowed_packages"]),
        ({"allowed_channels": ()}, ["allowed_channels"] * 3),
        ({"allowed_indexes": ("https://pypi.org/simple",)}, []),
        ({"allowed_indexes": ("https://index.corp/simple",)}, ["allowed_indexes"] * 2),
        ({"allowed_indexes": ()}, ["allowed_indexes"] * 2),
        (
            {"denied_indexes": ("https://files.pythonhosted.org/*",)},
            ["denied_indexes: https://files.pythonhosted.org/*"],
        ),
        ({"denied_licences": ("GPL*",), "unknown_licences": "allow"}, ["denied_licences: GPL*"]),
        ({"denied_licences": ("GPL*",)}, ["denied_licences: GPL*", "unknown_licences"]),
        ({"denied_licences": ("GPL*",), "licence_exceptions": ("evil-dep", "six")}, []),
        ({"allowed_licences": ("BSD-*",), "unknown_licences": "allow"}, ["allowed_licences"]),
    ],
)
def test_a_lock_is_bound_with_all_its_dependencies(bounds: dict[str, object], expected: list[str]) -> None:
    found = check_lock(LOCK, msgspec.convert(bounds, ListBounds))
    assert rules(found) == expected
    assert all(refusal.message.isprintable() for refusal in found)


def test_every_package_needs_its_hash() -> None:
    bare, old = conda("a", sha256=None), conda("b", sha256=None, md5="cd" * 16)
    lock = lock_of(bare, old, conda("c"), pips=(pip("d", sha256=None), pip("e")))
    subjects = {how: [r.subject for r in check_lock(lock, ListBounds(hashes=how))] for how in ("off", "any", "sha256")}
    assert subjects == {"off": [], "any": ["a", "d"], "sha256": ["a", "b", "d"]}


@pytest.mark.parametrize(
    ("licence", "good"),
    [
        ("MIT", True),
        ("mit", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND (GPL-3.0-only OR BSD-3-Clause)", True),
        ("(MIT)", True),
        ("(MIT AND (BSD-3-Clause))", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("GPL-3.0-only", False),
        ("Proprietary", False),
        ("MIT OR", False),
        ("(MIT", True),
        ("MIT/GPL-3.0-only", False),
        ("MIT, BSD-3-Clause", True),
        ("(" * 200 + "MIT", False),
        ("MIT GPL", False),
        ("OR", False),
    ],
)
def test_licences_are_read_as_expressions(licence: str, good: bool) -> None:
    bounds = ListBounds(allowed_licences=("MIT", "BSD-*", "Apache-2.0"), denied_licences=("GPL-*",))
    assert (check_lock(lock_of(conda("a", license=licence)), bounds) == ()) is good


def test_only_some_platforms_are_asked_for_and_each_is_named() -> None:
    lock = Lock(
        platforms={
            "linux-64": Platform(conda=(conda("a"),)),
            "osx-arm64": Platform(conda=(conda("b", subdir="osx-arm64"),)),
        }
    )
    bounds = ListBounds(denied_packages=("*",))
    assert [(r.platform, r.subject) for r in check_lock(lock, bounds)] == [("linux-64", "a"), ("osx-arm64", "b")]
    assert [r.subject for r in check_lock(lock, bounds, ["osx-arm64", "win-64"])] == ["b"]


def test_all_refusals_are_told_at_once_and_no_secret() -> None:
    raise_for(())
    url = "https://ann:secret@evil/t/secret/chan"
    archive = msgspec.structs.replace(conda("a"), url=f"{url}/linux-64/a-1.0-0.conda", sha256=None)
    lock = Lock(channels=(url,), platforms={"linux-64": Platform(conda=(archive,))})
    with pytest.raises(OutOfBounds, match="allowed_channels") as error:
        raise_for(check_lock(lock, ListBounds(allowed_channels=("conda-forge",))))
    assert len(error.value.detail["refusals"]) == 3
    assert "secret" not in f"{error.value.message} {error.value.detail}"
