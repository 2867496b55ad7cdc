from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import jupyter_lcc.idle
from jupyter_lcc.cli.keepers import keeper_line, keepers_section
from jupyter_lcc.cli.status import describe, headline
from jupyter_lcc.cli.table import width_of
from jupyter_lcc.cli.verdicts import cell, history_line, verdict_of_decision, verdict_of_target
from jupyter_lcc.cli.why import describe as explain
from jupyter_lcc.cli.words import lease_words, limit_words, refusal, signal_words
from jupyter_lcc.idle.model import (
    Because,
    Change,
    Cost,
    Decision,
    Evidence,
    Explanation,
    Holder,
    IdleView,
    Lease,
    Machine,
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
from jupyter_lcc.platforms.model import StopWay
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


def of_machine(**more: Any) -> Target:
    return target("instance", id="instance", kind="instance", **more)


def decision(**more: Any) -> Decision:
    told: dict[str, Any] = {
        "at": NOW, "change": "verdict", "target_id": "kernel:1", "kind": "kernel", "name": "train.ipynb",
        "state": "idle",
        "verdict": "keep", "reason": "recently_active", "mode": "enforce", "actor": "monitor", "last_activity_at": NOW,
        "stops_at": None, "warned_at": None, "limit_seconds": 3600, "limit_source": "default", "evidence": (), **more,
    }  # fmt: skip
    return Decision(**told)


NOT_HERE = StopWay(means="none", available=False, why_not="Nothing says how this machine is stopped.")
HERE = StopWay(means="delete_app", available=True)


def view(
    *targets: Target,
    mode: Mode = "enforce",
    problems: tuple[Problem, ...] = (),
    healthy: bool = True,
    machine: Target | None = None,
    told: Machine | None = None,
    **more: Any,
) -> IdleView:
    limits = PolicyInput(mode=mode, mode_source="config", values={"instance_timeout_seconds": 7200})
    return IdleView(
        taken_at=NOW,
        mode=mode,
        instance=machine
        or target("instance", id="instance", kind="instance", reason="not_stopped_here", stops_at=None),
        targets=targets,
        policy=resolve(limits, Choices()),
        monitor=Monitor(last_check_at=NOW, next_check_at=NOW, healthy=healthy, problems=problems),
        machine=told or Machine(stop=NOT_HERE),
        **more,
    )


TO_KEEP = {
    "targets_first",
    "working",
    "recently_active",
    "leased",
    "no_limit",
    "unknown_state",
    "off",
    "not_stopped_here",
}


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
    assert line.endswith("" if mode == "off" else "The machine itself can't be stopped from here.")


@pytest.mark.parametrize(
    ("machine", "mode", "said"),
    [
        (of_machine(), "enforce", "The machine stops at 18:58 if nothing else happens."),
        (of_machine(), "observe", "The machine would stop at 18:58 if nothing else happens."),
        (of_machine(stops_at=None, reason="working"), "enforce", "The machine stays on."),
        (of_machine(verdict="warn", reason="idle"), "enforce", "The machine is stopped in 18 min, at 18:58."),
        (of_machine(verdict="shut_down", reason="idle"), "enforce", "The machine is due to be stopped."),
        (of_machine(verdict="shut_down", reason="idle"), "observe", "The machine would be stopped now."),
        (of_machine(shutting_down=True), "enforce", "The machine is being stopped."),
    ],
)
def test_the_first_sentence_tells_of_the_machine(machine: Target, mode: Mode, said: str) -> None:
    line = headline(view(target(), mode=mode, machine=machine, told=Machine(stop=HERE)), NOW)
    assert line.endswith(said)


GPU = Evidence(signal="gpu_percent", value=93, means="work")
POLLER = Evidence(signal="poller", value="spy: GET /spy every 5 s", means="chatter")


def test_who_keeps_it_on_is_said_in_a_line_and_in_full() -> None:
    def holder(because: Because, target_id: str | None, name: str = "", **more: Any) -> Holder:
        return Holder(because=because, holds=because != "chatter", target_id=target_id, name=name, **more)

    until = NOW + timedelta(hours=1)
    note = Evidence(signal="lease_note", value="tea", means="context")
    told = view(
        target(),
        keeps_on=(
            holder("lease", "instance", until=until, evidence=note),
            holder("work", "kernel:1", evidence=GPU),
            holder("unknown", "terminal:7", "7"),
            holder("activity", "kernel:2", "b.ipynb"),
            holder("not_stopped_here", "instance"),
            holder("chatter", None, "spy", evidence=POLLER),
            holder("chatter", None, "spy", evidence=POLLER),
        ),
    )
    assert keeper_line(told, NOW) == (
        "Kept on by: a keep of everything until 19:40 (tea); train.ipynb (works); 7 (unclear); and 1 more, see "
        "`jupyter lcc why`."
    )
    lines = "\n".join(keepers_section(told, NOW, 100))
    assert "everything" in lines
    assert "somebody keeps it: tea" in lines
    assert "until 19:40" in lines
    assert "93 %" in lines
    assert lines.count("spy: GET /spy every 5 s") == 1
    assert lines.index("doesn't count") < lines.index("spy:")
    assert keeper_line(view(target()), NOW) == ""
    assert "nobody" in "\n".join(keepers_section(view(target()), NOW, 80))


@pytest.mark.parametrize("because", get_args(Because))
@pytest.mark.parametrize("evidence", [None, GPU, POLLER])
def test_every_ground_has_words(because: Because, evidence: Evidence | None) -> None:
    holder = Holder(because=because, holds=True, target_id="kernel:1", name="train.ipynb", evidence=evidence)
    told = view(target(), keeps_on=(holder,))
    section = "\n".join(keepers_section(told, NOW, 100))
    assert len(section.splitlines()) > 1
    for said in (keeper_line(told, NOW), section):
        assert not CODE.search(said.replace("jupyter_lcc", "")), said


def test_the_machine_s_cost_and_its_failed_stop_are_shown() -> None:
    cost = Cost(
        usd_per_hour=1.408, instance_type="ml.g5.xlarge", price_source="table", priced_on="2026-01-02",
        hours_today=3.2, usd_today=4.51, saved_hours=10, saved_usd=14.08,
    )  # fmt: skip
    told = Machine(stop=HERE, stop_error="sagemaker:DeleteApp is not allowed.", cost=cost)
    lines = describe(view(target(), told=told, stopped_unseen=2), NOW, 200)
    assert any(
        line.startswith("ml.g5.xlarge: $1.41 an hour (list price of 2026-01-02), $4.51 for 3.2 h") for line in lines
    )
    assert any("saved $14.08 in 30 days" in line for line in lines)
    assert "! The machine was not stopped: sagemaker:DeleteApp is not allowed." in lines
    assert any(line.startswith("2 shutdowns nobody was told of yet") for line in lines)


def test_the_machine_s_stop_is_told_on_one_screen() -> None:
    asked = decision(
        change="stop_requested", target_id="instance", kind="instance", name="instance", verdict="shut_down",
        reason="idle", limit_source="admin", limit_rule="interns", warned_at=NOW - timedelta(minutes=5),
        evidence=(Evidence(signal="working_targets", value=0, means="idle"),),
        policy={"instance_timeout_seconds": "3600 (admin: interns)", "warn_seconds": "300 (default)"},
    )  # fmt: skip
    explanation = Explanation(
        target_id="instance", at=NOW, target=None, decision=asked, history=(asked,), policy=view().policy,
        next_change_at=None,
    )  # fmt: skip
    lines = explain(explanation, NOW, NOW, 80, reply="refused: sagemaker:DeleteApp is not allowed")
    assert len(lines) <= 24
    text = " ".join(" ".join(lines).split())
    for said in (
        "The stop of this machine was asked for at 18:40:00, because nobody used it and it did no work for 1 h.",
        "at work: 0",
        'Limit 1 h (set by the administrator, rule "interns")',
        "By jupyter_lcc, by the policy",
        "Policy instance_timeout 1 h (admin: interns); warn 5 min (default)",
        "Reply refused: sagemaker:DeleteApp is not allowed",
    ):
        assert said in text, (said, text)


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
