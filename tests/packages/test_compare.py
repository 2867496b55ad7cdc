"""What lies between an environment and its list, and who made it so."""

from __future__ import annotations

from jupyter_lcc.environments.lock_file import Platform
from jupyter_lcc.environments.model import Plan, PlanItem
from jupyter_lcc.packages.compare import Installed, drift, missing, status_of, synced_of
from jupyter_lcc.packages.lists import read_list
from jupyter_lcc.packages.model import Drift

from .made import LIST, conda, pip

WANTED = Platform(conda=(conda("numpy", "1.26"), conda("python", "3.11", "h1")), pip=(pip("six", "1.16.0"),))


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


def test_a_word_for_it() -> None:
    nothing, change = Plan(), Plan(add=(PlanItem(name="numpy", version="1.26"),))
    here = drift(synced_of(WANTED), (), WANTED)
    assert status_of(nothing, Drift(), synced_revision=1, newest=2) == "in_sync"
    assert status_of(change, here, synced_revision=2, newest=2) == "drifted"
    assert status_of(change, Drift(), synced_revision=1, newest=2) == "behind"
    assert status_of(change, here, synced_revision=1, newest=2) == "drifted_and_behind"
    assert status_of(change, Drift(known=False), synced_revision=None, newest=1) == "behind"


def test_what_is_missing_is_told_by_name() -> None:
    there = (Installed(name="numpy", version="1.26"), Installed(name="six", version="1", manager="pip", editable="/x"))
    assert missing(read_list(LIST), there) == ("python", "pandas", "pip")
