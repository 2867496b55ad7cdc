"""Whatever a user forges, nothing lives longer than the policy allows."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.errors import Forbidden, Locked, OutOfBounds
from jupyter_lcc.idle.document.file import FileReader
from jupyter_lcc.idle.document.model import PolicySource, Subject
from jupyter_lcc.idle.document.source import COPY, DocumentService
from jupyter_lcc.idle.leases import INSTANCE
from jupyter_lcc.idle.model import ChangePolicy, CreateLease
from jupyter_lcc.idle.policy import PolicyInput

from ..fakes import START, sighting
from .conftest import House

K = "kernel:1"
LIMIT, MOST, LEASE = 600, 1200, 1800
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "rules": [
        {
            "name": "all",
            "values": {
                "kernel_timeout_seconds": LIMIT,
                "terminal_timeout_seconds": LIMIT,
                "waiting_timeout_seconds": LIMIT,
                "warn_seconds": 60,
                "max_lease_seconds": LEASE,
                "check_interval_seconds": 30,
            },
            "bounds": {"kernel_timeout_seconds": [60, MOST]},
            "locked": ["terminal_timeout_seconds", "waiting_timeout_seconds"],
        }
    ],
}
FAR = "2036-01-01T00:00:00Z"


class Governed:
    """A house under a policy document, with the files a user can write."""

    def __init__(self, house: House, policy: Path) -> None:
        self.house = house
        self.policy = policy
        self.write_policy(DOCUMENT)

    def write_policy(self, document: Any) -> None:
        self.policy.write_text(document if isinstance(document, str) else json.dumps(document))

    def edit_policy(self, **values: Any) -> None:
        rule = DOCUMENT["rules"][0]
        self.write_policy({"version": 1, "rules": [{**rule, "values": {**rule["values"], **values}}]})

    def remove_policy(self) -> None:
        self.policy.unlink()

    async def start(self) -> None:
        """Start as a server does that a user's own configuration would let run for ever."""
        house = self.house
        document = DocumentService(
            source=PolicySource(place=str(self.policy), found_by="system_file"),
            reader=FileReader(self.policy),
            subject=Subject(users=("ann",)),
            below=PolicyInput(mode="enforce", mode_source="default"),
            copies=lambda: house.folder,
            reload_seconds=300,
            clock=house.clock,
            log=logging.getLogger("jupyter_lcc.tests"),
        )
        house.given = PolicyInput(mode="off", mode_source="config", values={"kernel_timeout_seconds": 0})
        house.document = document
        house.build()
        if K not in house.kernels.there:
            house.kernels.put(sighting(K, house.clock.now()))
        await house.service.start()
        await house.service.step()

    async def restart(self) -> None:
        await self.house.service.stop()
        await self.start()

    async def pass_(self, seconds: float) -> None:
        """Let time pass, and let what reads the document keep up with it."""
        for _ in range(int(seconds // 10)):
            await self.house.pass_(10, step=10)
            if isinstance(self.house.document, DocumentService):
                await self.house.document.settle()

    def write(self, name: str, content: Any) -> None:
        path = self.house.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def delete(self, name: str) -> None:
        (self.house.folder / name).unlink(missing_ok=True)

    async def seconds_alive(self, longest: float = 7200) -> float:
        """Let time pass until the kernel is shut down; give how long it lived."""
        begin = self.house.clock.now()
        while K in self.house.kernels.there:
            assert (self.house.clock.now() - begin).total_seconds() < longest, "it outlives its policy"
            await self.pass_(10)
        return (self.house.clock.now() - begin).total_seconds()


@pytest.fixture
def governed(house: House, tmp_path: Path) -> Governed:
    house.folder = tmp_path / "state"
    return Governed(house, tmp_path / "policy.json")


async def test_a_users_own_configuration_does_not_count_beside_the_document(governed: Governed) -> None:
    await governed.start()
    policy = governed.house.service.policy()
    assert (policy.mode.value, policy.kernel_timeout_seconds.rule) == ("enforce", "all")
    assert await governed.seconds_alive() == LIMIT
    (line,) = [line for line in await governed.house.log(K) if line.change == "shut_down"]
    assert (line.limit_source, line.limit_rule) == ("admin", "all")


@pytest.mark.parametrize(
    "wish",
    [
        {"kernel_timeout_seconds": MOST + 1},
        {"kernel_timeout_seconds": 0},
        {"terminal_timeout_seconds": 7200},
        {"warn_seconds": MOST + 1},
        {"max_lease_seconds": 86400},
        {"max_busy_seconds": 0},
        {"check_interval_seconds": 86400},
        {"mode": "off"},
        {"kernel_timeout_seconds": 900, "waiting_timeout_seconds": 0},
    ],
)
async def test_a_request_for_more_is_refused_whole(governed: Governed, wish: dict[str, Any]) -> None:
    await governed.start()
    with pytest.raises((Locked, OutOfBounds)):
        await governed.house.service.change_policy(ChangePolicy(**wish))
    assert await governed.seconds_alive() == LIMIT


async def test_the_longest_a_user_may_choose_is_what_they_get(governed: Governed) -> None:
    await governed.start()
    await governed.house.service.change_policy(ChangePolicy(kernel_timeout_seconds=MOST, warn_seconds=LIMIT))
    assert await governed.seconds_alive() == MOST


@pytest.mark.parametrize(
    "values",
    [
        {"kernel_timeout_seconds": 10**6},
        {"kernel_timeout_seconds": 0},
        {"kernel_timeout_seconds": -5},
        {"warn_seconds": 10**6},
        {"max_lease_seconds": 10**6, "check_interval_seconds": 10**6},
        {"kernel_timeout_seconds": MOST, "warn_seconds": 10**6, "mode": 1},
    ],
)
async def test_an_edited_choice_gives_no_more(governed: Governed, values: dict[str, int]) -> None:
    governed.write("choices.json", {"values": values})
    await governed.start()
    assert await governed.seconds_alive() <= MOST
    await governed.restart()  # with another kernel
    governed.write("choices.json", {"values": values})
    assert await governed.seconds_alive() <= MOST


@pytest.mark.parametrize("text", ["", "{", "[]", '{"values": {"kernel_timeout_seconds": "never"}}', '{"values": null}'])
async def test_a_broken_or_deleted_choice_gives_no_more(governed: Governed, text: str) -> None:
    governed.write("choices.json", text)
    await governed.start()
    governed.delete("choices.json")
    assert await governed.seconds_alive() == LIMIT


FUTURE = {"active_at": FAR, "state": "idle", "state_since": FAR}
LEASE_OF_YEARS = {
    "lease": {
        "id": "forged",
        "target_id": INSTANCE,
        "granted_seconds": 10**9,
        "granted_at": "2026-03-01T12:00:00Z",
        "expires_at": FAR,
        "note": None,
        "pid": None,
        "clipped_by": None,
    }
}


@pytest.mark.parametrize(
    ("state", "longest"),
    [
        ({"saved_at": FAR, "targets": {K: FUTURE, INSTANCE: FUTURE}}, LIMIT),
        ({"saved_at": FAR, "leases": [LEASE_OF_YEARS]}, LEASE + 60),
        ({"saved_at": FAR, "leases": [LEASE_OF_YEARS] * 3, "targets": {K: FUTURE}}, LEASE + 60),
        ({"saved_at": FAR, "targets": {K: {**FUTURE, "state": "working"}}}, LIMIT),
        ("not json", LIMIT),
        ({}, LIMIT),
    ],
)
async def test_an_edited_or_deleted_state_gives_no_more(governed: Governed, state: Any, longest: int) -> None:
    governed.write("port-8888/state.json", state)
    await governed.start()
    assert await governed.seconds_alive() <= longest
    governed.delete("port-8888/state.json")
    await governed.restart()
    assert await governed.seconds_alive() <= LIMIT


async def test_a_keep_is_cut_and_a_new_document_cuts_it_again(governed: Governed) -> None:
    await governed.start()
    lease = await governed.house.service.grant(CreateLease(target_id=K, seconds=10**7))
    assert (lease.granted_seconds, lease.clipped_by) == (LEASE, "max_lease_seconds")
    governed.edit_policy(max_lease_seconds=700)
    await governed.pass_(60)
    (cut,) = governed.house.service.leases()
    assert cut.clipped_by == "max_lease_seconds"
    assert cut.expires_at <= START + timedelta(seconds=60 + 700)
    assert await governed.seconds_alive() <= 700
    governed.edit_policy(max_lease_seconds=0)
    await governed.pass_(60)
    with pytest.raises(Forbidden):
        await governed.house.service.grant(CreateLease(target_id=INSTANCE, seconds=60))


@pytest.mark.parametrize("own", [10**8, 0, -1])
async def test_a_kernelspecs_limit_stays_inside_the_bounds(governed: Governed, own: int) -> None:
    governed.house.kernels.put(sighting(K, START, own_limit_seconds=own))
    await governed.start()
    assert await governed.seconds_alive() <= MOST


async def test_a_forged_log_decides_nothing(governed: Governed) -> None:
    await governed.start()
    line = {"at": FAR, "change": "lease_granted", "target_id": K, "verdict": "keep", "reason": "leased"}
    governed.write("port-8888/decisions.jsonl", (json.dumps(line) + "\n") * 100)
    assert await governed.seconds_alive() == LIMIT


async def test_narrower_bounds_void_a_choice_made_before(governed: Governed) -> None:
    await governed.start()
    await governed.house.service.change_policy(ChangePolicy(kernel_timeout_seconds=MOST))
    rule = DOCUMENT["rules"][0]
    governed.write_policy({"version": 1, "rules": [{**rule, "bounds": {"kernel_timeout_seconds": [60, 700]}}]})
    assert await governed.seconds_alive() == LIMIT
    assert governed.house.service.policy().kernel_timeout_seconds.source == "admin"


@pytest.mark.parametrize("wrong", ["", "{", '{"version": 1, "rules": [{"name": "a", "mode": "of"}]}'])
async def test_a_broken_document_leaves_the_last_good_one(governed: Governed, wrong: str) -> None:
    await governed.start()
    governed.write_policy(wrong)
    await governed.pass_(60)
    view = await governed.house.service.view()
    assert [problem.code for problem in view.monitor.problems] == ["policy_document_invalid"]
    assert await governed.seconds_alive() == LIMIT - 60


async def test_neither_a_removed_document_nor_a_forged_copy_gives_more(governed: Governed) -> None:
    await governed.start()
    governed.remove_policy()
    forged = {"version": 1, "rules": [{"name": "mine", "mode": "off", "values": {"kernel_timeout_seconds": "never"}}]}
    governed.write(COPY, {"place": str(governed.policy), "text": json.dumps(forged)})
    await governed.restart()
    view = await governed.house.service.view()
    assert view.mode == "enforce"
    assert "policy_document_unavailable" in [problem.code for problem in view.monitor.problems]
    assert await governed.seconds_alive() <= 3600 + 10  # the default


async def test_working_hours_change_the_limit_while_the_server_runs(governed: Governed) -> None:
    hours = {"hours": {"from": "12:05", "to": "13:00"}}
    night = {"name": "at work", "when": hours, "values": {"kernel_timeout_seconds": 1500}}
    governed.write_policy({"version": 1, "rules": [DOCUMENT["rules"][0], night]})
    await governed.start()
    assert (await governed.house.target(K)).limit_rule == "all"
    assert await governed.seconds_alive() == 1500
    changes = [line.change for line in await governed.house.log(K)]
    assert "policy" in changes
