"""What a terminal does, read from a process table."""

from __future__ import annotations

import pytest

from jupyter_lcc.idle.process_table import Blocking, ProcessRow, ProcessTable
from jupyter_lcc.idle.terminal_jobs import read_jobs

TTY = 34816


def row(pid: int, name: str, parent: int, *, group: int | None = None, front: int = 10, **more: object) -> ProcessRow:
    fields: dict[str, object] = {
        "pid": pid,
        "name": name,
        "parent": parent,
        "state": "S",
        "started": pid,
        "cpu_seconds": 0.0,
        "memory_bytes": 0,
        "group": group if group is not None else pid,
        "session": 10,
        "tty": TTY,
        "foreground_group": front,
    }
    return ProcessRow(**{**fields, **more})  # type: ignore[arg-type]


def doing(
    *rows: ProcessRow, single_keys: bool | None = False, busy: bool = False, **blocked: Blocking
) -> tuple[str, str | None]:
    by_name = {r.name: blocked.get(r.name) for r in rows}
    jobs = read_jobs(10, ProcessTable(rows), single_keys=single_keys, busy=busy, blocked=lambda r: by_name[r.name])
    return jobs.doing, jobs.name


def shell(front: int = 10, name: str = "bash") -> ProcessRow:
    return row(10, name, 1, front=front)


def test_a_bare_prompt() -> None:
    assert doing(shell(), single_keys=True) == ("prompt", None)
    assert doing(shell(name="dash"), dash="terminal_read") == ("prompt", None)


def test_a_shell_that_computes_itself_is_a_job() -> None:
    assert doing(shell(), busy=True) == ("job", "bash")


def test_a_silent_foreground_job() -> None:
    assert doing(shell(20), row(20, "sleep", 10, front=20)) == ("job", "sleep")


@pytest.mark.parametrize("state", ["R", "D"])
def test_a_program_that_runs_or_waits_for_the_disk_works_whatever_the_terminal_says(state: str) -> None:
    assert doing(shell(20), row(20, "vim", 10, front=20, state=state), single_keys=True) == ("job", "vim")


def test_a_silent_background_job() -> None:
    assert doing(shell(), row(20, "sleep", 10), single_keys=True) == ("background", "sleep")


def test_a_stopped_job_and_a_zombie_do_nothing() -> None:
    assert doing(shell(), row(20, "sleep", 10, state="T"), row(21, "sleep", 10, state="Z")) == ("prompt", None)


def test_a_pager_or_editor_waits_for_a_person() -> None:
    assert doing(shell(20), row(20, "less", 10, front=20), single_keys=True) == ("interactive", "less")
    assert doing(shell(20), row(20, "less", 10, front=20), single_keys=True, busy=True) == ("job", "less")


def test_a_program_that_asks_in_a_line_waits_for_an_answer() -> None:
    assert doing(shell(20), row(20, "python", 10, front=20), python="terminal_read") == ("question", "python")
    assert doing(shell(20), row(20, "python", 10, front=20), python="read") == ("job", "python")


def test_a_pager_at_the_end_of_a_pipeline() -> None:
    cat, less = row(20, "cat", 10, group=20, front=20), row(21, "less", 10, group=20, front=20)
    assert doing(shell(20), cat, less, single_keys=True, cat="write") == ("interactive", "less")
    assert doing(shell(20), cat, less, single_keys=True) == ("job", "cat")


def test_a_background_job_is_work_also_behind_a_pager() -> None:
    rows = (shell(20), row(20, "less", 10, front=20), row(30, "train", 10, front=20))
    assert doing(*rows, single_keys=True) == ("background", "train")


def test_an_editors_helper_is_not_a_background_job() -> None:
    rows = (shell(20), row(20, "vim", 10, front=20), row(21, "pyright", 20, group=21, front=20))
    assert doing(*rows, single_keys=True) == ("interactive", "vim")


def test_a_shell_in_a_shell_is_a_prompt_and_its_parents_are_not_jobs() -> None:
    rows = (shell(30), row(20, "sudo", 10, front=30), row(30, "bash", 20, front=30))
    assert doing(*rows, single_keys=True) == ("prompt", None)


def test_sudo_with_a_terminal_of_its_own() -> None:
    sudo = row(20, "sudo", 10, front=20)
    inner_prompt = row(30, "bash", 20, session=30, tty=34817, front=30)
    assert doing(shell(20), sudo, inner_prompt, single_keys=True) == ("interactive", "sudo")
    inner_shell = row(30, "bash", 20, session=30, tty=34817, front=40)
    job = row(40, "train", 30, session=30, tty=34817, front=40)
    assert doing(shell(20), sudo, inner_shell, job, single_keys=True)[0] == "background"


def test_a_window_to_another_machine_is_unknown() -> None:
    assert doing(shell(20), row(20, "ssh", 10, front=20), single_keys=True) == ("remote", "ssh")


def test_what_shells_start_to_draw_their_prompt_is_no_job() -> None:
    assert doing(shell(), row(20, "gitstatusd", 10), single_keys=True) == ("prompt", None)


def test_where_groups_are_not_told_a_lone_shell_is_idle_and_the_rest_unknown() -> None:
    lone = row(10, "bash", 1, foreground_group=None)
    assert doing(lone, single_keys=None) == ("prompt", None)
    assert doing(lone, row(20, "sleep", 10), single_keys=None)[0] == "unknown"


def test_a_shell_that_is_gone_is_unknown() -> None:
    assert read_jobs(10, ProcessTable([]), single_keys=None, busy=False, blocked=lambda _r: None).doing == "unknown"


@pytest.mark.parametrize("name", ["tmux", "tmux: client", "screen"])
def test_tmux_and_screen_are_windows_to_jobs_of_their_own(name: str) -> None:
    assert doing(shell(20), row(20, name, 10, front=20), single_keys=True) == ("window", name)
    behind = (row(20, name, 10, front=20), row(30, "sleep", 10, front=20))
    assert doing(shell(20), *behind, single_keys=True) == ("background", "sleep")
