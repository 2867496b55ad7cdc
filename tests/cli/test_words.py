from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import jupyter_lcc.idle
from jupyter_lcc.cli.status import describe, headline
from jupyter_lcc.cli.table import width_of
from jupyter_lcc.cli.verdicts import cell, history_line, verdict_of_decision, verdict_of_target
from jupyter_lcc.cli.words import lease_words, limit_words, refusal, signal_words
from jupyter_lcc.idle.model import (
    Change,
    Decision,
    Evidence,
    IdleView,
    Lease,
    Mode,
    Monitor,
    Problem,
    Reason,
    Source,
    State,
    Target,
    Verdict,
)
from jupyter_lcc.idle.policy import Choices, PolicyInput, resolve
from jupyter_lcc.idle.terminal_jobs import Jobs
from jupyter_lcc.web.model import ProblemBody

NOW = datetime.fromisoformat("2026-11-20T18:40:00+00:00")
CODE = re.compile(r"\b[a-z]+_[a-z_]+\b")


def target(name: str = "train.ipynb", **more: Any) -> Target:
    told: dict[str, Any] = {
        "id": "kernel:1", "kind": "kernel", "name": name, "state": "idle", "last_activity_at": NOW,
        "idle_seconds": 2520,
        "verdict": "keep", "reason": "recently_active", "stops_at": NOW + timedelta(minutes=18), "warned_at": None,
        "evidence": (), "limit_seconds": 3600, "limit_source": "default", "shutting_down": False, **more,
    }  # fmt: skip
    return Target(**told)


def decision(**more: Any) -> Decision:
    told: dict[str, Any] = {
        "at": NOW, "change": "verdict", "target_id": "kernel:1", "kind": "kernel", "name": "train.ipynb",
        "state": "idle",
        "verdict": "keep", "reason": "recently_active", "mode": "enforce", "actor": "monitor", "last_activity_at": NOW,
        "stops_at": None, "warned_at": None, "limit_seconds": 3600, "limit_source": "default", "evidence": (), **more,
    }  # fmt: skip
    return Decision(**told)


def view(
    *targets: Target, mode: Mode = "enforce", problems: tuple[Problem, ...] = (), healthy: bool = True
) -> IdleView:
    machine = target("instance", id="instance", kind="instance", reason="not_stopped_here", stops_at=None)
    policy = resolve(PolicyInput(mode=mode, mode_source="config"), Choices())
    monitor = Monitor(last_check_at=NOW, next_check_at=NOW, healthy=healthy, problems=problems)
    return IdleView(taken_at=NOW, mode=mode, instance=machine, targets=targets, policy=policy, monitor=monitor)


TO_KEEP = {"working", "recently_active", "leased", "no_limit", "unknown_state", "off", "not_stopped_here"}


@pytest.mark.parametrize("mode", get_args(Mode))
@pytest.mark.parametrize(
    ("reason", "verdict"),
    [(reason, v) for reason in get_args(Reason) for v in get_args(Verdict) if (reason in TO_KEEP) == (v == "keep")],
)
def test_every_reason_and_verdict_has_words(reason: Reason, verdict: Verdict, mode: Mode) -> None:
    about = target(reason=reason, verdict=verdict)
    then = decision(reason=reason, verdict=verdict, mode=mode)
    for said in (
        verdict_of_target(about, mode, NOW),
        verdict_of_decision(then, NOW),
        history_line(then, NOW),
        cell(about, mode, NOW),
    ):
        assert said
        assert not CODE.search(said.replace("jupyter_lcc", "")), said


@pytest.mark.parametrize("change", get_args(Change))
def test_every_change_has_words(change: Change) -> None:
    said = history_line(decision(change=change, verdict="shut_down", reason="idle"), NOW)
    assert said
    assert not CODE.search(said.replace("jupyter_lcc", "")), said


@pytest.mark.parametrize("source", get_args(Source))
def test_every_source_has_words(source: Source) -> None:
    assert limit_words(3600, source) not in (f"1 h ({source})", "none applies")


def signals() -> set[str]:
    """Every signal an adapter tells, found in the adapters' own text."""
    folder = Path(jupyter_lcc.idle.__file__).parent
    found = {name for path in folder.glob("*.py") for name in re.findall(r'signal="(\w+)"', path.read_text())}
    doings = get_args(get_type_hints(Jobs)["doing"])
    return found | {f"terminal_{doing}" for doing in doings}


def test_every_signal_has_words() -> None:
    assert len(signals()) > 15
    for signal in signals() - {"terminal_"}:
        said = signal_words(Evidence(signal=signal, value="bash", means="context"), NOW)
        assert not said.startswith(f"{signal}: "), signal


def test_times_in_evidence_are_local_and_a_stranger_is_shown_as_it_came() -> None:
    ended = Evidence(signal="last_run_ended_at", value="2026-11-20T18:39:07Z", means="activity")
    assert signal_words(ended, NOW) == "the last run ended at 18:39:07"
    assert signal_words(Evidence(signal="new_thing", value=3, means="context"), NOW) == "new_thing: 3"


def test_a_name_can_t_steer_the_screen() -> None:
    lines = describe(view(target("a\x1b[2J\nb")), NOW, 80)
    assert "\x1b" not in "".join(lines)
    assert any("b" in line and "stops 18:58" in line for line in lines)


def test_a_shutdown_says_why_and_by_whom() -> None:
    by_us = decision(change="shut_down", verdict="shut_down", reason="idle")
    assert verdict_of_decision(by_us, NOW) == (
        "train.ipynb was shut down at 18:40:00, because nobody used it and it did no work for 1 h."
    )
    by_hand = decision(change="shut_down", verdict="shut_down", reason="asked", actor="user")
    assert "because a person asked for it" in verdict_of_decision(by_hand, NOW)
    assert "not by jupyter_lcc" in verdict_of_decision(decision(change="gone", actor="outside"), NOW)


def test_observe_never_says_that_something_stops() -> None:
    for verdict in get_args(Verdict):
        about = target(verdict=verdict, reason="idle" if verdict != "keep" else "recently_active")
        assert "would" in cell(about, "observe", NOW)
        assert "would" in verdict_of_target(about, "observe", NOW)
        assert "is shut down" not in headline(view(about, mode="observe"), NOW).replace("nothing is shut down", "")


@pytest.mark.parametrize(
    ("targets", "mode", "said"),
    [
        ((), "enforce", "No kernel and no terminal is running."),
        ((target(),), "off", "Idle shutdown is off: nothing is shut down."),
        ((target(),), "enforce", "Nothing is at work. Next to stop: train.ipynb, at 18:58."),
        ((target(state="working", reason="working", stops_at=None),), "enforce", "Working: train.ipynb."),
        (
            (target(), target("b.ipynb", state="working", reason="working", stops_at=None)),
            "enforce",
            "Working: b.ipynb. Next to stop: train.ipynb, at 18:58.",
        ),
        ((target(verdict="warn", reason="idle"),), "enforce", "train.ipynb is shut down in 18 min, at 18:58."),
        (
            (target(verdict="warn", reason="idle"),),
            "observe",
            "Observing only, nothing is shut down. train.ipynb would be shut",
        ),
        (
            (target(reason="no_limit", stops_at=None),),
            "enforce",
            "Nothing is at work, and nothing is going to be shut down.",
        ),
    ],
)
def test_the_first_sentence(targets: tuple[Target, ...], mode: Mode, said: str) -> None:
    line = headline(view(*targets, mode=mode), NOW)
    assert line.startswith(said)
    assert line.endswith("The machine itself is not stopped by this version.")


def test_observing_says_what_is_over_its_limit_and_that_nothing_stops() -> None:
    said = headline(view(target(verdict="shut_down", reason="idle"), mode="observe"), NOW)
    assert said.startswith("Observing only, nothing is shut down. Over the limit: train.ipynb.")


def test_a_shutdown_under_way_is_said_first() -> None:
    stopping = target(verdict="shut_down", reason="idle", shutting_down=True)
    assert headline(view(stopping, target("b.ipynb")), NOW).startswith("Being shut down now: train.ipynb.")


@pytest.mark.parametrize("state", get_args(State))
def test_a_korean_notebook_keeps_the_table_in_line(state: State) -> None:
    lines = describe(view(target("대규모언어모델학습" * 8 + ".ipynb", state=state), target("b.ipynb")), NOW, 80)
    assert all(width_of(line) <= 80 for line in lines)
    rows = [line for line in lines if "stops 18:58" in line]
    assert len({width_of(row[: row.index("stops")]) for row in rows}) == 1


def test_problems_of_the_monitor_are_shown() -> None:
    lines = describe(view(problems=(Problem(code="x", message="the log can't be written"),), healthy=False), NOW, 80)
    assert "! the log can't be written" in lines
    assert any("not healthy" in line for line in lines)


def test_a_lease_in_words() -> None:
    lease = Lease(
        id="1", target_id="instance", granted_seconds=60, granted_at=NOW, expires_at=NOW + timedelta(hours=1),
        note="epoch\n4", pid=7, clipped_by=None,
    )  # fmt: skip
    assert (
        lease_words(lease, NOW)
        == "until 19:40 (the whole machine is kept; note: epoch\ufffd4; or until process 7 ends)"
    )


def test_a_refusal_speaks_of_durations() -> None:
    detail = {"field": "kernel_timeout_seconds", "min": 600, "max": None, "never_allowed": True}
    problem = ProblemBody(code="out_of_bounds", message="in seconds", detail=detail)
    assert refusal(problem) == "kernel_timeout must be at least 10 min, or never."
    assert refusal(ProblemBody(code="other", message="plain")) == "plain"
