"""What is work and what is chatter in a kernel's messages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.idle.kernel_messages import KernelTalk

from ..fakes import START


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def message(msg_type: str, parent: str, parent_id: str = "m1", content: Any = None, **header: Any) -> list[bytes]:
    """Make a multipart message the way a kernel sends it."""
    parts: list[Any] = [
        {"msg_id": "x", "msg_type": msg_type},
        {"msg_id": parent_id, "msg_type": parent, **header} if parent else {},
        {},
        content or {},
    ]
    return [b"kernel.1.status", b"<IDS|MSG>", b"signature", *(msgspec.json.encode(part) for part in parts)]


def status(state: str, parent: str, parent_id: str = "m1", **header: Any) -> list[bytes]:
    return message("status", parent, parent_id, {"execution_state": state}, **header)


def run_cell(talk: KernelTalk, begin: float, end: float | None, msg_id: str = "m1", **header: Any) -> None:
    talk.take(status("busy", "execute_request", msg_id, **header), at(begin))
    talk.take(message("execute_input", "execute_request", msg_id, **header), at(begin))
    if end is not None:
        talk.take(status("idle", "execute_request", msg_id, **header), at(end))


def test_a_run_cell_is_work_until_it_ends() -> None:
    talk = KernelTalk(START)
    run_cell(talk, 1, None)
    work = talk.work(at(3600))
    assert work is not None
    assert work.since == at(1)
    talk.take(status("idle", "execute_request"), at(3601))
    assert talk.work(at(3601)) is None
    assert talk.ran_at == at(3601)


@pytest.mark.parametrize(
    "request_type",
    [
        "kernel_info_request",
        "usage_request",
        "history_request",
        "complete_request",
        "is_complete_request",
        "inspect_request",
        "create_subshell_request",
        "list_subshell_request",
        "comm_msg",
        "comm_info_request",
        "debug_request",
        "execute_request",  # silent: it never shows an execute_input
    ],
)
def test_a_short_request_that_shows_nothing_is_chatter(request_type: str) -> None:
    talk = KernelTalk(START)
    talk.take(status("busy", request_type), at(1))
    assert talk.work(at(2)) is None
    talk.take(status("idle", request_type), at(2))
    assert talk.ran_at is None
    assert talk.chatter == (request_type, at(2))


def test_a_callback_that_computes_is_work() -> None:
    talk = KernelTalk(START)
    talk.take(status("busy", "comm_msg"), at(0))
    assert talk.work(at(4)) is None
    assert talk.work(at(6)) is not None
    talk.take(status("idle", "comm_msg"), at(60))
    assert talk.ran_at == at(60)


def test_chatter_of_a_subshell_does_not_end_a_running_cell() -> None:
    talk = KernelTalk(START)
    run_cell(talk, 0, None)
    talk.take(status("busy", "complete_request", "m2", subshell_id="s"), at(10))
    talk.take(status("idle", "complete_request", "m2", subshell_id="s"), at(10.1))
    assert talk.work(at(11)) is not None


def test_a_lost_end_is_made_good_by_the_next_cell() -> None:
    talk = KernelTalk(START)
    run_cell(talk, 0, None, "m1")
    run_cell(talk, 100, 101, "m2")
    assert talk.work(at(200)) is None
    assert talk.ran_at == at(101)


def test_a_cell_in_a_subshell_runs_beside_one_in_the_main_shell() -> None:
    talk = KernelTalk(START)
    run_cell(talk, 0, None, "m1", subshell_id="s")
    run_cell(talk, 10, 20, "m2")
    assert talk.work(at(30)) is not None


def test_a_restart_ends_what_ran_and_counts_from_then() -> None:
    talk = KernelTalk(START)
    run_cell(talk, 1, None)
    talk.restart(at(50))
    assert talk.work(at(60)) is None
    assert talk.restarted_at == at(50)
    assert not talk.heard


def test_a_cell_that_ran_before_we_listened_ends_with_the_first_end() -> None:
    talk = KernelTalk(START)
    talk.assume_running(at(0))
    assert talk.work(at(10)) is not None
    talk.take(status("idle", "execute_request", "unseen"), at(20))
    assert talk.work(at(20)) is None
    assert talk.ran_at == at(20)


def test_a_kernels_own_starting_status_is_nobodys_request() -> None:
    talk = KernelTalk(START)
    assert talk.take(status("starting", ""), at(0)) is False
    assert not talk.heard


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_anything_else_on_the_wire_is_passed_over(parts: list[bytes]) -> None:
    talk = KernelTalk(START)
    assert talk.take([b"<IDS|MSG>", *parts], at(0)) is False
    assert talk.take(parts, at(0)) is False
    assert talk.work(at(100)) is None


def test_a_request_we_joined_late_is_over_with_its_end_whatever_it_was() -> None:
    talk = KernelTalk(START)
    talk.assume_running(at(0))
    talk.take(status("idle", "usage_request", "c"), at(1))
    talk.take(status("idle", "complete_request", "s", subshell_id="s"), at(1))
    assert talk.work(at(1)) is not None, "asked beside what runs"
    talk.take(status("idle", "complete_request", "unseen"), at(2))
    assert talk.work(at(10)) is None


def test_a_cell_whose_begin_got_lost_shows_itself() -> None:
    talk = KernelTalk(START)
    talk.take(message("execute_input", "execute_request"), at(1))
    assert talk.work(at(2)) is not None
    talk.take(status("idle", "execute_request"), at(9))
    assert talk.ran_at == at(9)


def test_what_has_just_begun_is_pending_until_it_ends_or_is_work() -> None:
    talk = KernelTalk(START)
    talk.take(status("busy", "comm_msg"), at(0))
    assert talk.is_pending(at(1))
    assert not talk.is_pending(at(6)), "it is work now"
    talk.take(status("idle", "comm_msg"), at(7))
    assert not talk.is_pending(at(7))
    talk.take(status("busy", "complete_request", "m2"), at(8))
    assert not talk.is_pending(at(9)), "it never will be"
    assert talk.work(at(99)) is None
    run_cell(talk, 10, None, "m3")
    assert not talk.is_pending(at(10))
