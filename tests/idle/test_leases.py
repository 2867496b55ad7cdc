"""Leases: bounded, replaced only by longer ones, ended by time, process or hand."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from jupyter_lcc.errors import Forbidden, NotFound
from jupyter_lcc.idle.leases import INSTANCE, LeaseBook
from jupyter_lcc.idle.model import CreateLease, Lease

from ..fakes import START

LONGEST = 7200


def at(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def keep(book: LeaseBook, target_id: str, seconds: int, *, now: float = 0, pid: int | None = None) -> Lease:
    wish = CreateLease(target_id=target_id, seconds=seconds, pid=pid)
    return book.grant(wish, longest_seconds=LONGEST, now=START + at(now), process_started=pid and 42)


def test_a_lease_is_clipped_and_says_by_what() -> None:
    book = LeaseBook()
    assert keep(book, "kernel:1", LONGEST).clipped_by is None
    clipped = keep(book, "kernel:2", LONGEST + 1)
    assert (clipped.granted_seconds, clipped.clipped_by) == (LONGEST, "max_lease_seconds")
    assert clipped.expires_at == START + at(LONGEST)


def test_nothing_can_be_kept_where_the_administrator_says_so() -> None:
    with pytest.raises(Forbidden):
        LeaseBook().grant(
            CreateLease(target_id="kernel:1", seconds=1), longest_seconds=0, now=START, process_started=None
        )


def test_the_later_end_stays() -> None:
    book = LeaseBook()
    long = keep(book, "kernel:1", 3600)
    assert keep(book, "kernel:1", 60) == long
    longer = keep(book, "kernel:1", 3600, now=10)
    assert book.all() == (longer,)


def test_the_machines_lease_covers_everything() -> None:
    book = LeaseBook()
    own = keep(book, "kernel:1", 60)
    assert book.covering("kernel:2") is None
    machine = keep(book, INSTANCE, 3600)
    assert book.covering("kernel:1") == machine
    assert book.covering("kernel:2") == machine
    assert book.of("kernel:1") == own


def test_a_lease_ends_by_time() -> None:
    book = LeaseBook()
    lease = keep(book, "kernel:1", 60)
    assert book.ended(START + at(59.9), lambda _pid: 42) == []
    assert book.ended(START + at(60), lambda _pid: 42) == [lease]
    assert book.all() == ()


@pytest.mark.parametrize(("started", "over"), [(42, False), (None, True), (43, True)])
def test_a_lease_ends_with_its_process_also_when_the_pid_is_used_again(started: int | None, over: bool) -> None:
    book = LeaseBook()
    lease = keep(book, "kernel:1", 3600, pid=7)
    assert book.ended(START + at(1), lambda _pid: started) == ([lease] if over else [])


def test_giving_back() -> None:
    book = LeaseBook()
    lease = keep(book, "kernel:1", 3600)
    assert book.end(lease.id) == lease
    with pytest.raises(NotFound):
        book.end(lease.id)


def test_saved_leases_come_back_within_the_policy_whatever_the_file_says() -> None:
    book = LeaseBook()
    lease = keep(book, "kernel:1", 3600)
    forged = msgspec.structs.replace(
        book.held()[0],
        lease=msgspec.structs.replace(lease, granted_seconds=10**6, expires_at=START + at(10**6)),
    )
    again = LeaseBook()
    again.restore([forged], longest_seconds=LONGEST, now=START + at(100))
    assert again.all()[0].expires_at == START + at(100 + LONGEST)
    late = LeaseBook()
    late.restore(book.held(), longest_seconds=LONGEST, now=START + at(3600))
    assert late.all() == ()


def test_a_target_that_is_gone_takes_its_lease_along() -> None:
    book = LeaseBook()
    keep(book, "terminal:1", 3600)
    keep(book, INSTANCE, 3600)
    book.drop_target("terminal:1")
    assert [lease.target_id for lease in book.all()] == [INSTANCE]


def test_a_short_keep_stays_when_a_longer_one_ends_with_its_process() -> None:
    book = LeaseBook()
    bound = keep(book, "kernel:1", 600, pid=7)
    short = keep(book, "kernel:1", 60)
    assert short.id != bound.id
    assert book.ended(START + at(5), lambda _pid: None) == [bound]
    assert book.covering("kernel:1") == short
