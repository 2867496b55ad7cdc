"""The meter: what is work and what is not, over windows between looks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.idle.process_table import MachineCpu, ProcessRow
from jupyter_lcc.idle.work import LAST_WORK, CpuUse, Meter, cpu_between, window_for

from ..fakes import START


def row(pid: int, cpu: float, *, children: float = 0.0, parent: int = 1, started: int = 0) -> ProcessRow:
    """`cpu` is the process's own, `children` that of those it has waited for."""
    return ProcessRow(
        pid=pid,
        parent=parent,
        name=f"p{pid}",
        state="S",
        started=started,
        cpu_seconds=cpu + children,
        memory_bytes=0,
        children_cpu_seconds=children,
    )


def at(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def looks(meter: Meter, *each: tuple[float, float]) -> CpuUse:
    """Look at one process at (second, CPU seconds so far)."""
    for second, cpu in each:
        use = meter.measure("k", [row(5, cpu)], START + at(second))
    return use


@pytest.mark.parametrize(
    ("window", "share", "works"),
    [
        (3.0, 1.0, True),  # a loop
        (3.0, 0.3, True),  # a data loader
        (30.0, 0.3, True),
        (3.0, 0.019, False),  # open panels that ask for everything twice a second
        (3.0, 0.002, False),  # a heartbeat
        (30.0, 0.0, False),  # a sleeping child
    ],
)
def test_what_reaches_the_threshold(window: float, share: float, works: bool) -> None:
    meter = Meter(lambda: window)
    use = looks(meter, *((t, t * share) for t in (0.0, window / 2, window, window * 1.5, window * 2)))
    assert use.works is works
    assert use.percent == pytest.approx(share * 100, abs=0.1)


@pytest.mark.parametrize(
    ("idle", "throttled", "share", "works"),
    [
        (0.0, 0.0, 0.05, True),  # forty loops on two cores
        (0.02, 0.0, 0.05, True),
        (0.5, 0.0, 0.05, False),  # there was room, and it didn't take it
        (0.9, 0.5, 0.05, True),  # a container at its limit, on a host with room
        (0.0, 0.0, 0.019, False),  # open panels
        (0.0, 0.0, 0.0, False),
    ],
)
def test_on_a_full_machine_little_is_work(idle: float, throttled: float, share: float, works: bool) -> None:
    meter = Meter(lambda: 30.0)
    for t in (0.0, 30.0, 60.0):
        cpu = MachineCpu(cores=2, idle_seconds=900 + 2 * t * idle, throttled_seconds=t * throttled)
        use = meter.measure("k", [row(5, t * share)], START + at(t), cpu=cpu)
    assert use.works is works


def test_a_moment_without_a_free_core_proves_nothing() -> None:
    meter = Meter(lambda: 3.0)
    for t in (0.0, 3.0, 6.0):
        use = meter.measure("k", [row(5, t * 0.05)], START + at(t), cpu=MachineCpu(cores=2, idle_seconds=900))
    assert not use.works


def test_one_burst_of_completions_is_no_work_at_default_looks() -> None:
    assert not looks(Meter(lambda: 30.0), (0, 1.0), (60, 6.9), (120, 6.9)).works


def test_nor_in_a_short_window_if_the_kernel_says_what_it_was() -> None:
    meter = Meter(lambda: 3.0)
    meter.measure("k", [row(5, 1.0)], START)
    use = meter.measure("k", [row(5, 6.0)], START + at(5), chatter=5.0)
    assert not use.works
    assert use.percent == 0.0


def test_what_a_cell_used_is_not_taken_for_work_after_it() -> None:
    meter = Meter(lambda: 3.0)
    meter.measure("k", [row(5, 0.0)], START, counts=False)
    use = meter.measure("k", [row(5, 60.0)], START + at(60), quiet_since=START + at(59))
    assert not use.works
    use = meter.measure("k", [row(5, 60.1)], START + at(120), quiet_since=START + at(59))
    assert not use.works
    # A cell that began and ended between two looks, too.
    use = meter.measure("k", [row(5, 100.0)], START + at(180), quiet_since=START + at(170))
    assert not use.works


def test_its_begin_and_its_end_are_known() -> None:
    meter = Meter(lambda: 3.0)
    use = looks(meter, (0, 0.0), (3, 3.0), (6, 6.0))
    assert (use.works, use.since) == (True, START)
    use = looks(meter, (9, 7.5))
    assert use.works, "half a window is still more than the threshold"
    use = looks(meter, (12, 7.5))
    assert not use.works
    assert use.ended_at is not None
    assert START + at(7.5) <= use.ended_at <= START + at(9)


def test_long_windows_see_enough_work_early() -> None:
    use = looks(Meter(lambda: 30.0), (0, 0.0), (7, 7.0))
    assert use.works


def test_a_child_that_ended_counts_once() -> None:
    """Its whole life is in its parent's count at once, of which only the rest is new."""
    before = {(5, 0): row(5, 1.0), (6, 0): row(6, 3600.0, parent=5)}
    after = {(5, 0): row(5, 1.0, children=3601.0)}
    used, busiest = cpu_between(before, after)
    assert used == pytest.approx(1.0)
    assert busiest is not None
    assert busiest.pid == 5


def test_children_that_began_and_ended_between_two_looks_count() -> None:
    assert cpu_between({(5, 0): row(5, 0.0)}, {(5, 0): row(5, 0.0, children=7.0)})[0] == pytest.approx(7.0)


def test_a_pid_that_was_given_to_another_process_is_another_process() -> None:
    used, _ = cpu_between({(5, 1): row(5, 50.0, started=1)}, {(5, 2): row(5, 0.5, started=2)})
    assert used == pytest.approx(0.5)


spans = st.lists(st.floats(0, 50, allow_nan=False), min_size=1, max_size=6)


@given(own=spans, dead=spans)
def test_nothing_is_lost_and_nothing_counted_twice(own: list[float], dead: list[float]) -> None:
    """Children end and are waited for: what is used is what all of them used since the last look."""
    before = {(100 + n, 0): row(100 + n, cpu, parent=5) for n, cpu in enumerate(dead)} | {(5, 0): row(5, 2.0)}
    later = sum(cpu + 0.25 for cpu in dead)
    after = {(5, 0): row(5, 2.0, children=later)}
    after |= {(200 + n, 0): row(200 + n, cpu, parent=5) for n, cpu in enumerate(own)}
    used, _ = cpu_between(before, after)
    assert used == pytest.approx(0.25 * len(dead) + sum(own), abs=1e-6)


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 0.19)), min_size=1, max_size=30))
def test_below_the_threshold_is_never_work_however_often_one_looks(steps: list[tuple[float, float]]) -> None:
    meter, now, cpu = Meter(lambda: 3.0), 0.0, 0.0
    looks(meter, (now, cpu))
    for seconds, share in steps:
        now, cpu = now + seconds, cpu + seconds * share
        assert not looks(meter, (now, cpu)).works


def see(meter: Meter, second: float, cpu: float) -> CpuUse | None:
    return meter.see_last("k", [row(5, cpu)], START + at(second))


def test_the_last_look_finds_what_has_just_begun() -> None:
    meter = Meter(lambda: 30.0)
    looks(meter, (0, 1.0), (40, 1.0))
    assert see(meter, 70, 1.5) is None, "one look tells nothing"
    assert see(meter, 70.2, 1.7) is None
    assert see(meter, 70.5, 2.0) is None, "it is busy: look on"
    use = see(meter, 70 + LAST_WORK, 2.5)
    assert use is not None
    assert use.works
    assert use.since == START + at(70)


def test_the_last_look_lets_go_of_what_is_quiet() -> None:
    meter = Meter(lambda: 30.0)
    looks(meter, (0, 1.0))
    assert see(meter, 70, 9.0) is None
    use = see(meter, 70.4, 9.01)
    assert use is not None
    assert not use.works
    assert see(meter, 200, 9.5) is None, "another deadline is another look"


def test_a_look_not_long_ago_spares_the_wait_if_nothing_at_all_was_used_since() -> None:
    meter = Meter(lambda: 30.0)
    looks(meter, (0, 1.0), (68, 1.0))
    quiet = see(meter, 70, 1.05)
    assert quiet is not None
    assert not quiet.works
    looks(meter, (100, 2.0))
    assert see(meter, 104, 2.1) is None, "0.1 s of CPU in 4 s may have been the last 0.1 s"


def test_windows_fit_the_limit() -> None:
    assert [window_for(s) for s in (0, 5, 12, 60, 3600)] == [30.0, 3.0, 3.0, 15.0, 30.0]
