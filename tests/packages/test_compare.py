"""What lies between an environment and its list, and who made it so."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.environments.lock_file import Platform
from jupyter_lcc.environments.model import Package
from jupyter_lcc.packages.compare import Installed, drift, installed_of, missing, plan, status_of, synced_of
from jupyter_lcc.packages.lists import read_list
from jupyter_lcc.packages.model import Drift

from .made import LIST, conda, pip, platforms

WANTED = Platform(conda=(conda("numpy", "1.26"), conda("python", "3.11", "h1")), pip=(pip("six", "1.16.0"),))


def test_what_a_sync_would_do() -> None:
    there = (
        Installed(name="numpy", version="1.25", build="0"),
        Installed(name="python", version="3.11", build="h1"),
        Installed(name="old", version="1"),
        Installed(name="Mine_x", version="2", manager="pip"),
    )
    found = plan(there, WANTED, keep=("mine*",))
    assert [(i.manager, i.name, i.version) for i in found.add] == [("pip", "six", "1.16.0")]
    assert [(c.name, c.from_version, c.to_version) for c in found.change] == [("numpy", "1.25", "1.26")]
    assert [i.name for i in found.remove] == ["old"]
    assert found.notes == ("Kept though the list doesn't have them: Mine_x.",)
    assert found.download_bytes is None  # pip tells no sizes


def test_the_same_version_of_other_bytes_is_a_change() -> None:
    python = WANTED.conda[1]
    for digest, is_change in ((python.sha256, False), (None, False), ("00" * 32, True), ("00" * 16, False)):
        there = (Installed(name="python", version="3.11", build="h1", digest=digest),)
        assert bool(plan(there, Platform(conda=(python,))).change) is is_change
    md5 = msgspec.structs.replace(python, md5="cd" * 16)
    there = (Installed(name="python", version="3.11", build="h1", digest="00" * 16),)
    assert plan(there, Platform(conda=(md5,))).change


def test_a_folder_somebody_works_in_is_never_the_list_s_version() -> None:
    there = (Installed(name="six", version="1.16.0", manager="pip", editable="/home/ann/six"),)
    assert [c.name for c in plan(there, Platform(pip=(pip("six", "1.16.0"),))).change] == ["six"]


def test_what_moves_from_conda_to_pip_goes_and_comes() -> None:
    found = plan((Installed(name="six", version="1.16.0", build="0"),), Platform(pip=(pip("six", "1.16.0"),)))
    assert [(i.manager, i.name) for i in (*found.add, *found.remove)] == [("pip", "six"), ("conda", "six")]


@given(platforms(), platforms())
def test_done_is_in_sync(before: Platform, wanted: Platform) -> None:
    assert plan(synced_of(wanted), wanted) == plan((), Platform())
    found = plan(synced_of(before), wanted)
    # Carrying the plan out leads to the list and to nothing else.
    there = {package.key: (package.version, package.build) for package in synced_of(before)}
    for item in found.remove:
        del there[item.manager, item.name]
    for item in found.add:
        there[item.manager, item.name] = (item.version, item.build)
    for change in found.change:
        assert there[change.manager, change.name] == (change.from_version, change.from_build)
        there[change.manager, change.name] = (change.to_version, change.to_build)
    assert there == {package.key: (package.version, package.build) for package in synced_of(wanted)}


@given(platforms(), platforms(), st.sampled_from(("*", "a*", "x")))
def test_what_is_kept_is_not_removed(before: Platform, wanted: Platform, keep: str) -> None:
    found = plan(synced_of(before), wanted, keep=(keep,))
    assert all(not item.name.startswith(keep.rstrip("*")) or keep == "x" != item.name for item in found.remove)
    assert found.add == plan(synced_of(before), wanted).add


def test_who_changed_what() -> None:
    was = synced_of(WANTED)
    here = (*(p for p in was if p.name != "six"), Installed(name="mine", version="1"))
    wanted = Platform(conda=(conda("numpy", "2.0"), WANTED.conda[1]), pip=(pip("six", "1.17.0"),))
    found = drift(was, here, wanted)
    assert {(i.name, i.by) for i in found.items} == {("six", "both"), ("mine", "here"), ("numpy", "list")}
    six = next(i for i in found.items if i.name == "six")
    assert (six.synced, six.installed, six.wanted) == ("1.16.0", None, "1.17.0")
    assert drift(was, was, WANTED).items == ()
    assert drift(None, was, WANTED) == Drift(known=False)
    # Both did the same: nothing is left to do.
    assert drift(was, synced_of(wanted), wanted).items == ()


@given(platforms(), platforms(), platforms())
def test_drift_and_plan_tell_of_the_same_packages(was: Platform, now: Platform, wanted: Platform) -> None:
    found, items = plan(synced_of(now), wanted), drift(synced_of(was), synced_of(now), wanted).items
    planned = {(i.manager, i.name) for i in (*found.add, *found.remove)} | {(c.manager, c.name) for c in found.change}
    assert {(i.manager, i.name) for i in items} == planned


def test_a_word_for_it() -> None:
    nothing, change = plan((), Platform()), plan((), WANTED)
    here = drift(synced_of(WANTED), (), WANTED)
    assert status_of(nothing, Drift(), synced_revision=1, newest=2) == "in_sync"
    assert status_of(change, here, synced_revision=2, newest=2) == "drifted"
    assert status_of(change, Drift(), synced_revision=1, newest=2) == "behind"
    assert status_of(change, here, synced_revision=1, newest=2) == "drifted_and_behind"
    assert status_of(change, Drift(known=False), synced_revision=None, newest=1) == "behind"


def test_what_environments_know_is_taken() -> None:
    packages = (
        Package(name="numpy", version="1.26", build="0"),
        Package(name="six", version="1", manager="pip", editable="/x"),
    )
    there = installed_of(packages, {"numpy": "ab" * 32, "six": "cd" * 32})
    assert [(p.key, p.digest, p.editable) for p in there] == [
        (("conda", "numpy"), "ab" * 32, None),
        (("pip", "six"), None, "/x"),
    ]
    assert missing(read_list(LIST), there) == ("python", "pandas", "pip")
