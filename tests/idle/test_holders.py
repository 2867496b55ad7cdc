"""Who keeps the machine on: every ground is named, the strongest first, and nothing that doesn't count holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.idle.holders import ORDER, holders
from jupyter_lcc.idle.model import Because, CreateLease, Evidence, Holder, Lease, Policy, State, Target
from jupyter_lcc.idle.policy import Choices, PolicyInput, resolve
from jupyter_lcc.platforms.model import StopWay

from ..fakes import START, sighting
from .conftest import House

HERE = StopWay(means="delete_app", available=True)
NOT_HERE = StopWay(means="none", available=False, why_not="This is a plain machine.")
POLLER = Evidence(signal="poller", value="spy: GET /spy/metrics every 5 s", means="chatter")


def policy(mode: Any = "enforce", instance: int = 3600) -> Policy:
    return resolve(
        PolicyInput(mode=mode, mode_source="config", values={"instance_timeout_seconds": instance}), Choices()
    )


def target(target_id: str = "kernel:1", **more: Any) -> Target:
    told: dict[str, Any] = {
        "id": target_id, "kind": "kernel", "name": target_id, "state": "idle", "last_activity_at": START,
        "idle_seconds": 60, "verdict": "keep", "reason": "recently_active", "stops_at": START + timedelta(hours=1),
        "warned_at": None, "evidence": (), "limit_seconds": 3600, "limit_source": "default", "shutting_down": False,
        **more,
    }  # fmt: skip
    return Target(**told)


def machine(**more: Any) -> Target:
    return target("instance", **{"kind": "instance", "reason": "targets_first", **more})


def lease(target_id: str, hours: float, note: str | None = None) -> Lease:
    return Lease(
        id=f"{target_id}-{hours}", target_id=target_id, granted_seconds=1, granted_at=START,
        expires_at=START + timedelta(hours=hours), note=note, pid=None, clipped_by=None,
    )  # fmt: skip


def who(found: tuple[Holder, ...]) -> list[tuple[Because, str | None]]:
    return [(holder.because, holder.target_id) for holder in found]


def test_the_strongest_comes_first() -> None:
    work = Evidence(signal="gpu_percent", value=93.0, means="work")
    targets = [
        target("kernel:idle"),
        target("kernel:asks", state="waiting"),
        target("terminal:ssh", state="unknown", stops_at=None),
        target("kernel:train", state="working", evidence=(work,), stops_at=None),
    ]
    found = holders(machine(), targets, [lease("kernel:idle", 1), lease("instance", 2)], policy(), HERE, [POLLER])
    assert who(found) == [
        ("lease", "instance"),
        ("lease", "kernel:idle"),
        ("work", "kernel:train"),
        ("unknown", "terminal:ssh"),
        ("waiting", "kernel:asks"),
        ("activity", "kernel:idle"),
        ("chatter", None),
    ]
    assert found[2].evidence == work
    assert found[-1].name == "spy"
    assert not found[-1].holds


def test_what_has_no_limit_does_not_hold_but_its_work_does() -> None:
    free: dict[str, Any] = {"limit_seconds": None, "reason": "no_limit", "stops_at": None}
    assert holders(machine(), [target(**free)], (), policy(), HERE) == ()
    assert who(holders(machine(), [target(state="working", **free)], (), policy(), HERE)) == [("work", "kernel:1")]


def test_what_is_over_its_limit_and_only_observed_does_not_hold() -> None:
    over = target(verdict="shut_down", reason="idle")
    assert who(holders(machine(), [over], (), policy("observe"), HERE)) == [("off", "instance")]
    going = target(verdict="shut_down", reason="idle", shutting_down=True)
    assert who(holders(machine(), [going], (), policy(), HERE)) == [("activity", "kernel:1")]


def test_rules_that_keep_it_on_are_named() -> None:
    found = holders(machine(), (), (), policy("off", 0), NOT_HERE)
    assert who(found) == [("no_limit", "instance"), ("not_stopped_here", "instance"), ("off", "instance")]
    assert found[1].evidence is not None
    assert found[1].evidence.value == "This is a plain machine."


def test_a_blind_part_holds_by_itself() -> None:
    free = target(limit_seconds=None)
    found = holders(machine(reason="unknown_state"), [free], (), policy(), HERE, (), {"kernels": "gone"})
    assert [(holder.because, holder.target_id, holder.name) for holder in found] == [("unknown", None, "kernels")]
    assert found[0].evidence == Evidence(signal="part_failed", value="gone", means="unknown")


def test_its_own_activity_says_what_was_seen() -> None:
    saved = Evidence(signal="document_saved_at", value="2026-03-01T12:00:00Z", means="activity")
    found = holders(machine(reason="recently_active", evidence=(saved,)), (), (), policy(), HERE)
    assert who(found) == [("activity", "instance")]
    assert found[0].evidence == saved
    assert found[0].until == START + timedelta(hours=1)


TARGETS = st.builds(
    target,
    st.sampled_from(["kernel:1", "kernel:2", "terminal:1"]),
    state=st.sampled_from(get_args(State)),
    verdict=st.sampled_from(["keep", "warn", "shut_down"]),
    limit_seconds=st.sampled_from([None, 60]),
    shutting_down=st.booleans(),
    stops_at=st.none() | st.integers(0, 10**6).map(lambda seconds: START + timedelta(seconds=seconds)),
    last_activity_at=st.none() | st.just(START),
    evidence=st.lists(st.sampled_from([POLLER])).map(tuple),
)
TARGET_LISTS = st.lists(TARGETS, unique_by=lambda target: target.id)


@given(TARGET_LISTS, st.lists(st.builds(lease, st.just("instance"), st.floats(0, 9))), st.booleans())
def test_always_in_order_and_complete(targets: list[Target], leases: list[Lease], stoppable: bool) -> None:
    found = holders(machine(), targets, leases, policy(), HERE if stoppable else NOT_HERE, [POLLER])
    ranks = [ORDER.index(holder.because) for holder in found]
    assert ranks == sorted(ranks)
    assert all(holder.holds == (holder.because != "chatter") for holder in found)
    named = {holder.target_id for holder in found if holder.because in ("work", "unknown")}
    assert {t.id for t in targets if t.state in ("working", "unknown")} <= named
    assert sum(holder.because == "lease" for holder in found) == len(leases)
    assert sum(holder.because == "not_stopped_here" for holder in found) == (not stoppable)
    ends = [holder.until for holder in found if holder.because == "lease" and holder.until]
    assert ends == sorted(ends, reverse=True)


def test_every_ground_has_its_place() -> None:
    assert set(ORDER) == set(get_args(Because))


async def test_the_view_names_them(house: House) -> None:
    house.stopper.way = HERE
    house.service = house.build()
    house.kernels.put(sighting("kernel:1", state="working"))
    await house.service.start()
    await house.service.step()
    await house.service.grant(CreateLease(target_id="instance", seconds=60, note="tea"))
    found = (await house.service.view()).keeps_on
    assert who(found)[:2] == [("lease", "instance"), ("work", "kernel:1")]
    assert found[0].evidence is not None
    assert found[0].evidence.value == "tea"
