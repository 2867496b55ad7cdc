"""What nobody uses is shut down on time, what works is not: real kernels and terminals, in three time zones.

Each case has a twin that differs in one fact.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from .kernelspecs import spec
from .server import PYTHON, Kernel, Limits, Moment, Server, Terminal, is_running
from .stage import LATEST, PLAYS, SURVIVES, Case, Stage, judge, log_is_clean, monitor_is_healthy, play, random_limits

log = logging.getLogger(__name__)
SHORT_SPEC, LONGER_BY = 7, 8
ZONES = {"utc": "UTC", "seoul": "Asia/Seoul", "los-angeles": "America/Los_Angeles"}


def _zone(name: str) -> Server:
    limits = random_limits(name)
    return Server(
        name=name,
        limits=limits,
        environment={"TZ": ZONES[name], "PS1": "$ "},
        files={
            ".bashrc": "PS1='$ '\n",
            "page.txt": "one line\n" * 5000,
            "ask.py": "print('go on?'); input(); print('went on')\n",
            **spec("short", cull_idle_timeout=SHORT_SPEC),
            **spec("long", cull_idle_timeout=limits.kernel + LONGER_BY),
            **spec("brittle", "brittle"),
            **spec("deaf", "deaf"),
        },
    )


for zone in ZONES:
    play(zone, partial(_zone, zone), wave=1)


def once(case: Case) -> Case:
    """A case that has nothing to do with the time zone."""
    return PLAYS["utc"].case(case)


def everywhere(case: Case) -> Case:
    for name in ZONES:
        PLAYS[name].case(case)
    return case


# -- kernels -----------------------------------------------------------------------------------------------


@everywhere
async def kernel_nobody_ever_connected_to(stage: Stage) -> None:
    kernel = await stage.kernel(connect=False)
    await stage.becomes(kernel, state="starting")
    await stage.stops(kernel, kernel.started, stage.limits.kernel)
    last = (await stage.server.decisions(kernel.id))[-1]
    assert (last["change"], last["reason"], last["actor"]) == ("shut_down", "never_connected", "monitor"), last


@once
async def kernel_connected_to_at_half_time_and_used(stage: Stage) -> None:
    kernel = await stage.kernel(connect=False)
    await asyncio.sleep(stage.limits.kernel / 2)
    await stage.stops(kernel, await kernel.run("1 + 1"), stage.limits.kernel)


@everywhere
async def kernel_with_session(stage: Stage) -> None:
    """The shutdown is Jupyter's ordinary one: this session goes, the others stay."""
    kernel, other, ended = await stage.two_kernels()
    await stage.server.lease(other.id, 600)
    await stage.stops(kernel, ended, stage.limits.kernel)
    sessions = (await stage.server.call("GET", "api/sessions", expect=200)).json()
    ids = [session["id"] for session in sessions]
    assert kernel.session_id not in ids
    assert other.session_id in ids
    await stage.outlives(other, ended, stage.limits.kernel)


@once
async def kernel_without_session_with_closed_tab(stage: Stage) -> None:
    kernel = await stage.kernel()
    ended = await kernel.run("x = 1")
    await kernel.disconnect()
    await stage.stops(kernel, ended, stage.limits.kernel)


async def _chat(stage: Stage, kernel: Kernel, until: float, *talk: tuple[str, str, dict[str, object]]) -> None:
    """Do what an open page does by itself, again and again."""
    while time.monotonic() < until:
        for channel, kind, content in talk:
            await kernel.ask(kind, content, channel=channel)
            await asyncio.sleep(0.3)


async def _end(talking: asyncio.Task[None]) -> None:
    """The kernel is gone; whatever failed before that is a failure, an answer that never came isn't."""
    if talking.done():
        await talking
    talking.cancel()
    await asyncio.wait([talking])


async def _chatter_does_not_postpone(stage: Stage, *talk: tuple[str, str, dict[str, object]], used: bool) -> None:
    kernel = await stage.kernel()
    # The first completion by jedi takes seconds on a busy machine, and then it is no chatter.
    activity = await kernel.run("word = 1\n%config IPCompleter.use_jedi = False")
    half = time.monotonic() + stage.limits.kernel / 2
    await _chat(stage, kernel, half, *talk)
    if used:
        activity = await kernel.run("word = 2")
    chat = asyncio.create_task(_chat(stage, kernel, activity.earliest + stage.limits.kernel - 0.7, *talk))
    await stage.stops(kernel, activity, stage.limits.kernel)
    await _end(chat)


SHELL_TALK: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("shell", "kernel_info_request", {}),
    ("shell", "comm_info_request", {}),
    ("shell", "history_request", {"output": False, "raw": True, "hist_access_type": "tail", "n": 10}),
    ("shell", "complete_request", {"code": "wo", "cursor_pos": 2}),
    ("shell", "inspect_request", {"code": "word", "cursor_pos": 4, "detail_level": 0}),
    ("shell", "is_complete_request", {"code": "word"}),
)


@everywhere
async def kernel_with_chatter_on_shell(stage: Stage) -> None:
    await _chatter_does_not_postpone(stage, *SHELL_TALK, used=False)


@once
async def kernel_with_chatter_on_shell_and_a_cell(stage: Stage) -> None:
    await _chatter_does_not_postpone(stage, *SHELL_TALK, used=True)


@once
async def kernel_with_usage_panel_and_subshells(stage: Stage) -> None:
    await _chatter_does_not_postpone(
        stage,
        ("control", "usage_request", {}),
        ("control", "create_subshell_request", {}),
        ("control", "list_subshell_request", {}),
        used=False,
    )


@once
async def kernel_with_reloading_tab_and_polling(stage: Stage) -> None:
    kernel = await stage.kernel(session="reload.ipynb")
    activity = await kernel.run("x = 1")

    async def reload() -> None:
        while time.monotonic() < activity.earliest + stage.limits.kernel - 0.7:
            await kernel.connect()
            await kernel.ask("kernel_info_request")
            for path in ("api/kernels", "api/sessions", "api/terminals", "lcc/idle", kernel.path, "api/status"):
                await stage.server.call("GET", path)
            await asyncio.sleep(0.8)

    reloading = asyncio.create_task(reload())
    await stage.stops(kernel, activity, stage.limits.kernel)
    await _end(reloading)


COMM = """
import time
def opened(comm, message):
    comm.on_msg(lambda message: time.sleep(message["content"]["data"]["seconds"]))
get_ipython().kernel.comm_manager.register_target("slider", opened)
"""


async def _move(kernel: Kernel, seconds: float) -> str:
    return await kernel.send("comm_msg", {"comm_id": "c1", "data": {"seconds": seconds}})


async def _kernel_with_comm(stage: Stage) -> tuple[Kernel, Moment]:
    kernel = await stage.kernel()
    activity = await kernel.run(COMM)
    await kernel.ask("comm_open", {"comm_id": "c1", "target_name": "slider", "data": {}})
    return kernel, activity


@everywhere
async def kernel_with_a_beating_widget(stage: Stage) -> None:
    kernel, activity = await _kernel_with_comm(stage)

    async def beat() -> None:
        while time.monotonic() < activity.earliest + stage.limits.kernel - 0.7:
            await kernel.end_of(await _move(kernel, 0.1))
            await asyncio.sleep(0.9)

    beating = asyncio.create_task(beat())
    await stage.stops(kernel, activity, stage.limits.kernel)
    await _end(beating)


@once
async def kernel_with_a_slider_that_computes(stage: Stage) -> None:
    kernel, _ = await _kernel_with_comm(stage)
    await asyncio.sleep(stage.limits.kernel / 3)
    await stage.stops(kernel, await kernel.end_of(await _move(kernel, 7), 7), stage.limits.kernel)


@once
async def kernel_with_a_slider_moved_just_before_the_end(stage: Stage) -> None:
    """At its due time it has computed for two seconds: that may be a person's work, so it is let finish."""
    kernel, activity = await _kernel_with_comm(stage)
    await asyncio.sleep(activity.latest + stage.limits.kernel - 2 - time.monotonic())
    await stage.stops(kernel, await kernel.end_of(await _move(kernel, 8), 8), stage.limits.kernel)


@everywhere
async def kernel_with_silent_cell(stage: Stage) -> None:
    kernel = await stage.kernel()
    before = Moment.now()
    cell = await kernel.begin(f"import time; time.sleep({stage.limits.kernel + 8})")
    await kernel.disconnect()
    target = await stage.becomes(kernel, state="working", verdict="keep", reason="working")
    assert target["stops_at"] is None, target
    await stage.outlives(kernel, before, stage.limits.kernel)
    del cell
    ended = before.plus(stage.limits.kernel + 8)
    await stage.stops(kernel, Moment(ended.earliest, ended.latest + 0.5), stage.limits.kernel)


@once
async def kernel_with_a_cell_sent_at_its_birth(stage: Stage) -> None:
    """The first thing it ever hears is a long silent cell, sent before it even listens."""
    async with stage.kernels_starting:
        kernel = await stage.server.start_kernel()
        stage._open.append(kernel)
        before = Moment.now()
        await kernel.begin(f"import time; time.sleep({stage.limits.kernel + LATEST + SURVIVES + 30})")
    await stage.becomes(kernel, state="working")
    await stage.outlives(kernel, before, stage.limits.kernel)
    await kernel.disconnect()
    await stage.server.call("DELETE", kernel.path, expect=204)


@everywhere
async def kernel_that_asks_and_nobody_answers(stage: Stage) -> None:
    kernel = await stage.kernel()
    cell = await kernel.begin("input('name? ')", allow_stdin=True)
    asked = await kernel.question_of(cell)
    await stage.becomes(kernel, state="waiting")
    await stage.stops(kernel, asked, stage.limits.waiting)
    assert (await stage.server.decisions(kernel.id))[-1]["reason"] == "waiting_for_input"


@once
async def kernel_that_asks_and_is_answered(stage: Stage) -> None:
    kernel = await stage.kernel()
    cell = await kernel.begin(f"import time; input('name? '); time.sleep({stage.limits.waiting})", allow_stdin=True)
    await kernel.wait_for(cell, "input_request")
    await stage.becomes(kernel, state="waiting")
    await kernel.send("input_reply", {"value": "Kim", "status": "ok"}, channel="stdin")
    await stage.becomes(kernel, state="working")
    await stage.stops(kernel, await kernel.end_of(cell, stage.limits.waiting), stage.limits.kernel)


@once
async def kernel_killed_while_busy(stage: Stage) -> None:
    """It is restarted by Jupyter, and nobody comes back: the limit runs from the restart."""
    kernel = await stage.kernel()
    await kernel.begin("import time; time.sleep(600)")
    await kernel.disconnect()
    await stage.becomes(kernel, state="working")
    os.kill(kernel.pid, signal.SIGKILL)
    before, end = time.monotonic(), time.monotonic() + 15
    while (pid := kernel.find_process()) in (0, kernel.pid):
        assert time.monotonic() < end, "Jupyter did not restart it"
        await asyncio.sleep(0.1)
    # A restart shows itself at the next look, which is at most a quarter of the limit away.
    seen = Moment(before, time.monotonic() + stage.limits.kernel / 4)
    await stage.stops(kernel, seen, stage.limits.kernel, pid=pid)


@once
async def kernel_that_can_not_be_restarted(stage: Stage) -> None:
    """Jupyter tries five times, gives it up as dead and forgets it; or else the idle limit ends it."""
    kernel = await stage.kernel("brittle")
    await kernel.run("1")
    await kernel.disconnect()
    os.kill(kernel.pid, signal.SIGKILL)
    await stage.is_unlisted(kernel, time.monotonic(), time.monotonic() + 6 * 3 + stage.limits.kernel + 4)
    last = await stage.last_decision(kernel)
    assert (last["change"], last["actor"]) in (("gone", "outside"), ("shut_down", "monitor")), last


@once
async def kernel_restarted_by_a_person(stage: Stage) -> None:
    kernel = await stage.kernel()
    await kernel.disconnect()
    await asyncio.sleep(stage.limits.kernel / 2)
    before = time.monotonic()
    await stage.server.call("POST", f"{kernel.path}/restart", expect=200)
    seen = Moment(before, time.monotonic() + stage.limits.kernel / 4)
    await stage.stops(kernel, seen, stage.limits.kernel, pid=kernel.find_process())


@once
async def kernel_of_a_spec_with_a_shorter_limit(stage: Stage) -> None:
    kernel = await stage.kernel("short")
    ended = await kernel.run("1")
    target = await stage.becomes(kernel, limit_source="kernelspec")
    assert target["limit_seconds"] == SHORT_SPEC
    await stage.stops(kernel, ended, SHORT_SPEC)


@once
async def kernel_of_a_spec_with_a_longer_limit(stage: Stage) -> None:
    kernel = await stage.kernel("long")
    await stage.stops(kernel, await kernel.run("1"), stage.limits.kernel + LONGER_BY)


@everywhere
async def kernel_a_person_is_present_at(stage: Stage) -> None:
    kernel, twin, activity = await stage.two_kernels()
    await asyncio.sleep(stage.limits.kernel / 2)
    before = time.monotonic()
    await stage.server.call("POST", "lcc/idle/presence", {"target_ids": [kernel.id]}, expect=204)
    present = Moment(before, time.monotonic())
    await stage.stops(twin, activity, stage.limits.kernel)
    await stage.stops(kernel, present, stage.limits.kernel)


@once
async def kernel_that_is_frozen(stage: Stage) -> None:
    """SIGSTOP: it can't answer a shutdown, so Jupyter asks, waits and kills it."""
    kernel = await stage.kernel()
    ended = await kernel.run("1")
    os.kill(kernel.pid, signal.SIGSTOP)
    await stage.stops(kernel, ended, stage.limits.kernel, extra=10)


@once
async def kernel_that_takes_no_notice(stage: Stage) -> None:
    kernel = await stage.kernel("deaf")
    await stage.stops(kernel, await kernel.run("1"), stage.limits.kernel, extra=10)


@everywhere
async def kernel_that_is_kept_is_explained(stage: Stage) -> None:
    """Past, present and gone: the log tells it."""
    kernel = await stage.kernel()
    await kernel.begin(f"import time; time.sleep({stage.limits.kernel})")
    now = await stage.becomes(kernel, state="working")
    assert [e["means"] for e in now["evidence"] if e["signal"] == "execution_state"] == ["work"], now
    why = await stage.server.why(kernel.id)
    assert (why["target"]["reason"], why["decision"]["verdict"]) == ("working", "keep"), why
    then = why["at"]
    warned = await stage.becomes(kernel, seconds=60, verdict="warn")
    assert warned["stops_at"] > warned["warned_at"] > then, warned
    while (await stage.server.call("GET", kernel.path)).status == 200:
        await asyncio.sleep(0.2)
    past, gone = await stage.server.why(kernel.id, then), await stage.server.why(kernel.id)
    assert (past["target"], past["decision"]["reason"]) == (None, "working"), past
    assert (gone["target"], gone["decision"]["change"], gone["decision"]["reason"]) == (None, "shut_down", "idle"), gone
    assert gone["decision"]["policy"]["kernel_timeout_seconds"] == f"{stage.limits.kernel} (config)", gone
    assert gone["decision"]["evidence"], gone


@everywhere
async def kernel_whose_page_hears_of_it(stage: Stage) -> None:
    """An open page is told before and after, and the time it is told is kept."""
    kernel = await stage.kernel()
    ended = await kernel.run("1")
    gone = await stage.stops(kernel, ended, stage.limits.kernel)
    await asyncio.sleep(1)
    warnings, ends = stage.events.about(kernel.id, "warning"), stage.events.about(kernel.id, "shut_down")
    assert (len(warnings), len(ends)) == (1, 1), (warnings, ends)
    assert warnings[0][1]["stops_at"], warnings
    assert gone - warnings[0][0] >= stage.limits.warn - 0.2, (gone, warnings)
    assert ends[0][0] >= gone - 0.5, (gone, ends)


# -- terminals ---------------------------------------------------------------------------------------------


@everywhere
async def terminal_at_its_prompt(stage: Stage) -> None:
    terminal = await stage.terminal()
    await stage.stops(terminal, terminal.started, stage.limits.terminal)
    last = (await stage.server.decisions(terminal.id))[-1]
    assert (last["change"], last["reason"]) == ("shut_down", "idle"), last


@once
async def terminal_with_reloading_tab(stage: Stage) -> None:
    terminal = await stage.terminal()
    while time.monotonic() < terminal.started.earliest + stage.limits.terminal - 1.5:
        await terminal.connect()
        await terminal.send("set_size", 24 + int(time.monotonic()) % 9, 80, 600, 800)
        await terminal.send("stdin", "\x1b[?1;2c")  # what an xterm answers by itself when it is asked who it is
        await stage.server.call("GET", terminal.path, expect=200)
        await asyncio.sleep(0.7)
    await stage.stops(terminal, terminal.started, stage.limits.terminal)


@everywhere
async def terminal_somebody_types_in(stage: Stage) -> None:
    terminal = await stage.terminal()
    await asyncio.sleep(stage.limits.terminal * 0.6)
    await stage.stops(terminal, await terminal.type("e"), stage.limits.terminal)


async def _run(stage: Stage, *lines: str, shows: str | None = None) -> tuple[Terminal, Moment]:
    """Type lines into a new terminal; give it and when the last key was hit."""
    terminal = await stage.terminal()
    typed = Moment.now()
    for line in lines:
        typed = await terminal.type(line)
        await asyncio.sleep(0.5)
    if shows is not None:
        await terminal.wait_for(shows)
    return terminal, typed


@everywhere
async def terminal_with_silent_job(stage: Stage) -> None:
    terminal, typed = await _run(stage, "sleep 600\r")
    await terminal.disconnect()
    await stage.becomes(terminal, state="working", reason="working")
    await stage.outlives(terminal, typed, stage.limits.terminal)


@once
async def terminal_with_silent_job_in_the_background(stage: Stage) -> None:
    terminal, typed = await _run(stage, "sleep 600 &\r")
    await stage.becomes(terminal, state="working")
    await stage.outlives(terminal, typed, stage.limits.terminal)


@once
async def terminal_with_stopped_job(stage: Stage) -> None:
    terminal, typed = await _run(stage, "sleep 600\r", "\x1a", shows="Stopped")
    await stage.stops(terminal, typed, stage.limits.terminal)


@once
async def terminal_whose_job_is_over(stage: Stage) -> None:
    lasts = stage.limits.terminal - 2
    terminal, typed = await _run(stage, f"sleep {lasts}; echo d''one\r", shows=None)
    await terminal.wait_for("done", 60)
    await stage.stops(terminal, typed.plus(lasts), stage.limits.terminal)


@once
async def terminal_whose_background_job_is_over(stage: Stage) -> None:
    """Nothing shows when it ended but the next look, which is at most a quarter of the limit later."""
    lasts = stage.limits.terminal - 2
    terminal, typed = await _run(stage, f"sleep {lasts} &\r")
    over = typed.plus(lasts)
    await stage.stops(terminal, Moment(over.earliest, over.latest + stage.limits.terminal / 4), stage.limits.terminal)


@once
async def terminal_with_a_loop_of_short_jobs(stage: Stage) -> None:
    terminal, typed = await _run(stage, "while sleep 0.3; do :; done\r")
    await stage.outlives(terminal, typed, stage.limits.terminal)


@once
async def terminal_whose_shell_computes(stage: Stage) -> None:
    lasts = stage.limits.terminal + LATEST + SURVIVES + 2
    terminal, typed = await _run(stage, f"SECONDS=0; while [ $SECONDS -lt {lasts:.0f} ]; do :; done\r")
    await stage.outlives(terminal, typed, stage.limits.terminal)


@once
async def terminal_with_pager_left_open(stage: Stage) -> None:
    terminal, typed = await _run(stage, "less page.txt\r", shows="one line")
    await stage.stops(terminal, typed, stage.limits.terminal)


@once
async def terminal_with_pager_at_the_end_of_a_pipe(stage: Stage) -> None:
    terminal, typed = await _run(stage, "cat page.txt page.txt page.txt | less\r", shows="one line")
    await stage.stops(terminal, typed, stage.limits.terminal)


@once
async def terminal_with_python_prompt_left_open(stage: Stage) -> None:
    terminal, typed = await _run(stage, f"{PYTHON} -q\r", shows=">>>")
    await stage.stops(terminal, typed, stage.limits.terminal)


@once
async def terminal_with_python_prompt_that_computes(stage: Stage) -> None:
    terminal, _ = await _run(stage, f"{PYTHON} -q\r", shows=">>>")
    lasts = stage.limits.terminal + LATEST + SURVIVES + 3
    typed = await terminal.type(f"import time; time.sleep({lasts:.0f})\r")
    await stage.outlives(terminal, typed, stage.limits.terminal)


@once
async def terminal_with_a_question(stage: Stage) -> None:
    terminal, typed = await _run(stage, f"{PYTHON} ask.py\r", shows="go on?")
    await stage.becomes(terminal, state="waiting")
    await stage.stops(terminal, typed, stage.limits.waiting)


@once
async def terminal_with_nested_shell(stage: Stage) -> None:
    terminal, typed = await _run(stage, "bash\r")
    await stage.stops(terminal, typed, stage.limits.terminal)


@once
async def terminal_with_script_in_nested_shell(stage: Stage) -> None:
    terminal, typed = await _run(stage, "bash\r", "sh -c 'sleep 600; true'\r")
    await stage.outlives(terminal, typed, stage.limits.terminal)


@once
async def terminal_with_job_in_the_background_of_a_pager(stage: Stage) -> None:
    terminal, typed = await _run(stage, "sleep 600 &\r", "less page.txt\r", shows="one line")
    await stage.outlives(terminal, typed, stage.limits.terminal)


@once
async def terminal_with_frozen_shell(stage: Stage) -> None:
    """SIGSTOP: it hears nothing and is ended all the same."""
    terminal, typed = await _run(stage, "true\r")
    os.kill(terminal.pid, signal.SIGSTOP)
    await stage.stops(terminal, typed, stage.limits.terminal, extra=3)


for editor in ("vi", "nano"):
    if shutil.which(editor):

        async def terminal_with_editor_left_open(stage: Stage, editor: str = editor) -> None:
            terminal, typed = await _run(stage, f"{editor} page.txt\r", shows="one line")
            await stage.stops(terminal, typed, stage.limits.terminal)

        terminal_with_editor_left_open.__name__ = f"terminal_with_{editor}_left_open"
        once(terminal_with_editor_left_open)


@once
async def terminal_a_person_is_present_at(stage: Stage) -> None:
    terminal, twin = await stage.terminal(connect=False), await stage.terminal(connect=False)
    await asyncio.sleep(stage.limits.terminal / 2)
    before = time.monotonic()
    await stage.server.call("POST", "lcc/idle/presence", {"target_ids": [terminal.id]}, expect=204)
    present = Moment(before, time.monotonic())
    await stage.stops(twin, twin.started, stage.limits.terminal)
    await stage.stops(terminal, present, stage.limits.terminal)


# -- work after the cell -----------------------------------------------------------------------------------

BUSY = "while {}: sum(range(90000)); time.sleep(0.0005)"  # not the whole core: others have to be on time
SPIN = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); end = time.time() + 120\n" + BUSY.format(
    "time.time() < end"
)
CHILD = f"[{PYTHON!r}, '-c', {SPIN!r}]"
STARVED = 30.0
"""Percent of a core: with less in all there may be too little in each of the short windows that limits of ten seconds
have. An idle machine gives it three quarters of one."""

DOUBLE_FORK = f"""
import os, sys
if not os.fork():
    os.setsid()
    if os.fork(): os._exit(0)
    os.execv({PYTHON!r}, {CHILD})
os.wait();
"""


async def _work_of(stage: Stage, kernel: Kernel) -> dict[str, dict[str, object]]:
    target = await stage.server.target(kernel.id)
    return {e["signal"]: e for e in target["evidence"] if e["means"] == "work"} if target else {}


def _origin_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


async def _is_seen_to_compute(stage: Stage, kernel: Kernel) -> bool:
    """Wait for the evidence. False: a full machine left it so little that with these short limits it is idle."""
    began, spent = time.monotonic(), _spent(kernel.pid)
    used = spent.copy()
    while "cpu_percent" not in (works := await _work_of(stage, kernel)):
        used |= _spent(kernel.pid)
        elapsed = time.monotonic() - began
        if elapsed > 40 or not is_running(kernel.pid):
            percent = 100 * (sum(used.values()) - sum(spent.values())) / elapsed
            assert percent < STARVED, f"{works} with {percent:.0f} % of a core; {await stage.history(kernel)}"
            for pid in used.keys() - spent.keys():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return False
        await asyncio.sleep(0.25)
    return True


def _spent(pid: int) -> dict[int, float]:
    """CPU seconds of a process and what it has started, by pid."""
    spent: dict[int, float] = {}
    with contextlib.suppress(psutil.Error):
        one = psutil.Process(pid)
        for each in (one, *one.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = each.cpu_times()
                spent[each.pid] = times.user + times.system
    return spent


async def _works_after(stage: Stage, code: str, end: str, *, to_the_end: bool = False) -> None:
    """It outlives an idle twin, with evidence; when the work ends it is idle, and stops."""
    async with stage.computing:
        for _attempt in range(4):
            kernel = await stage.kernel()
            ended = await kernel.run(code)
            if await _is_seen_to_compute(stage, kernel):
                break
        else:
            pytest.fail("the machine had no core left for what computes, four times")
        seen = await stage.becomes(kernel, state="working", reason="working")
        assert any(e["signal"] == "busiest_process" for e in seen["evidence"]), seen
        await stage.outlives(kernel, ended, stage.limits.kernel)
        over = await kernel.run(end)
        if to_the_end:
            await stage.stops(kernel, over, stage.limits.kernel, extra=stage.limits.kernel / 4)


@once
async def kernel_with_computing_thread(stage: Stage) -> None:
    loop = f"def f():\n  {BUSY.format('on')}\n"
    code = f"import threading, time; on = [1]\n{loop}threading.Thread(target=f, daemon=True).start()"
    await _works_after(stage, code, "on.clear()")


@once
async def kernel_with_working_child(stage: Stage) -> None:
    await _works_after(
        stage, f"import subprocess; p = subprocess.Popen({CHILD})", "p.kill(); p.wait()", to_the_end=True
    )


@once
async def kernel_whose_child_has_left_the_session(stage: Stage) -> None:
    code = f"import subprocess; p = subprocess.Popen({CHILD}, start_new_session=True)"
    await _works_after(stage, code, "p.kill(); p.wait()")


@once
async def kernel_whose_daemon_has_left_it_between_two_looks(stage: Stage) -> None:
    """It is found by the marks in its environment, with the kernel or, if those are not unique, as a job."""
    async with stage.computing:
        kernel = await stage.kernel(session="daemon.ipynb")
        ended = await kernel.run(DOUBLE_FORK)
        await stage.becomes(kernel, 15, state="working", reason="working")
        await stage.outlives(kernel, ended, stage.limits.kernel)
        mark = f"JPY_SESSION_NAME={stage.server.home}/daemon.ipynb".encode()
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != kernel.pid]
        daemons = [pid for pid in pids if mark in _origin_of(pid).split(b"\0")]
        assert daemons
        for pid in daemons:
            os.kill(pid, signal.SIGKILL)


@once
async def kernel_with_sleeping_child(stage: Stage) -> None:
    kernel = await stage.kernel()
    beat = "def f():\n  while True: time.sleep(0.2)\nthreading.Thread(target=f, daemon=True).start()"
    code = f"import subprocess, threading, time; p = subprocess.Popen(['sleep', '600'])\n{beat}"
    await stage.stops(kernel, await kernel.run(code), stage.limits.kernel)


# -- jobs that have left their terminal --------------------------------------------------------------------


async def _job(stage: Stage, pid: int, seconds: float = 20) -> dict[str, object]:
    """The target of a job, once the server sees it."""
    end = time.monotonic() + seconds
    while (target := await stage.server.target(f"process:{pid}")) is None:
        assert time.monotonic() < end, f"process:{pid} is not seen: {await stage.server.idle()}"
        await asyncio.sleep(0.25)
    return target


@once
async def detached_job_outlives_its_terminal(stage: Stage) -> None:
    """`setsid` leaves a prompt behind: the terminal goes in time, the silent job is a target of its own."""
    terminal = await stage.terminal()
    typed = await terminal.type("setsid sh -c 'echo job''id $$; exec sleep 97 >out 2>&1 <out' &\r")
    await terminal.wait_for("jobid ")
    pid = int(terminal.output.split("jobid ", 1)[1].split()[0])
    try:
        seen = await _job(stage, pid)
        assert (seen["state"], seen["verdict"], seen["kind"]) == ("working", "keep", "process"), seen
        await stage.stops(terminal, typed, stage.limits.terminal)
        await asyncio.sleep(stage.limits.terminal + LATEST)
        after = await stage.server.target(f"process:{pid}")
        assert after is not None
        assert after["state"] == "working", after
        os.kill(pid, 0)
    finally:
        os.kill(pid, signal.SIGKILL)


@once
async def detached_job_that_is_stopped_ends(stage: Stage) -> None:
    """A stopped job does nothing: it is warned and shut down like a terminal, and only it."""
    terminal = await stage.terminal()
    await terminal.type("setsid sh -c 'echo job''id $$; exec sleep 98' &\r")
    await terminal.wait_for("jobid ")
    pid = int(terminal.output.split("jobid ", 1)[1].split()[0])
    await _job(stage, pid)
    os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    while is_running(pid):
        late = time.monotonic() - stopped - stage.limits.terminal * 1.25 - LATEST - 2
        assert late < stage.slowness.within(stopped, time.monotonic()), f"late by {late:.1f} s"
        await asyncio.sleep(0.1)
    assert time.monotonic() - stopped >= stage.limits.terminal - 0.1
    last = (await stage.server.decisions(f"process:{pid}"))[-1]
    assert (last["change"], last["reason"]) == ("shut_down", "idle"), last


# -- a crowd -----------------------------------------------------------------------------------------------

CROWD = 30
crowd = play(
    "crowd", lambda: Server(name="crowd", limits=Limits(terminal=25, warn=4), files={".bashrc": "PS1='$ '\n"}), wave=1
)


@crowd.case
async def thirty_at_once_do_not_hold_up_the_server(stage: Stage) -> None:
    """All are warned and shut down at about the same time, and the server answers meanwhile."""
    terminals = [await stage.server.start_terminal() for _ in range(CROWD)]
    for terminal in terminals:  # they are due together
        typed = await terminal.type(" ")
    took: list[float] = []

    async def hammer() -> None:
        while True:
            before = time.monotonic()
            await stage.server.call("GET", "lcc/about", expect=200)
            took.append(time.monotonic() - before)
            await asyncio.sleep(0.01)

    await asyncio.sleep(typed.latest + stage.limits.terminal - stage.limits.warn - 2 - time.monotonic())
    hammering = asyncio.create_task(hammer())
    first = terminals[0]
    await asyncio.gather(*(stage.stops(t, Moment(first.started.earliest, typed.latest), 25) for t in terminals))
    hammering.cancel()
    await asyncio.gather(*(terminal.disconnect() for terminal in terminals))
    took.sort()
    p50, p99, longest = took[len(took) // 2], took[int(len(took) * 0.99)], took[-1]
    log.info("%d answers: p50 %.4f s, p99 %.4f s, longest %.4f s", len(took), p50, p99, longest)
    # Jupyter itself holds the loop for 0.1 s for each terminal that ends (ptyprocess sleeps in close()).
    assert len(took) > 50
    assert p99 < 2, took[-10:]
    assert longest < 0.1 * CROWD + 2, took[-10:]


# -- afterwards --------------------------------------------------------------------------------------------


for name in (*ZONES, "crowd"):
    PLAYS[name].check(log_is_clean)
    PLAYS[name].check(monitor_is_healthy)

HERE = [(name, case) for name in (*ZONES, "crowd") for case in (*PLAYS[name].cases, *PLAYS[name].checks)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("stage_name", "case_name"), HERE)
def test_shutdown(stage_name: str, case_name: str, outcomes: dict[tuple[str, str], str | None]) -> None:
    judge(outcomes[stage_name, case_name])
