"""Who may do what is asked for each verb, by its right name; and looking is never activity."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.black_box.server import Limits, Server

from .routes import fill, operations

AUTHORIZER = '''
"""Writes down what it is asked and allows of ours what stands in the file `allowed`."""
import json
from jupyter_server.auth import Authorizer

class Recorder(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        with open("asked.jsonl", "a") as file:
            file.write(json.dumps([handler.request.method, handler.request.path, action, resource]) + "\\n")
        with open("allowed") as file:
            return resource != "lcc" or action in file.read().split()
'''
EXECUTES = {
    ("POST", "lcc/idle/targets/{target_id}/shutdown"),
    ("POST", "lcc/environments"),
    ("DELETE", "lcc/environments/{name}"),
    ("POST", "lcc/environments/{name}/restore"),
    ("POST", "lcc/environments/{name}/rename"),
    ("DELETE", "lcc/environment-trash/{trash_id}"),
    ("POST", "lcc/environments/{name}/changes"),
    ("PUT", "lcc/environments/{name}/kernel"),
    ("DELETE", "lcc/environments/{name}/kernel"),
    ("POST", "lcc/environments/{name}/rollback"),
    ("POST", "lcc/environments/{name}/doctor"),
    ("DELETE", "lcc/package-cache"),
    ("PUT", "lcc/package-lists/{name}"),
    ("POST", "lcc/package-lists/{name}/sync"),
    ("POST", "lcc/package-lists/{name}/publish"),
    ("POST", "lcc/package-lists/{name}/restore"),
    ("POST", "lcc/package-lists/{name}/bundle"),
}
"""What ends somebody's process, changes what kernels run or begins long work is more than a change of ours."""


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    server = Server(
        name="guarded",
        limits=Limits(kernel=3600, terminal=3600, waiting=3600, warn=60),
        files={"recorder.py": AUTHORIZER, "allowed": "read write execute"},
        options=["--ServerApp.authorizer_class=recorder.Recorder"],
    )
    try:
        server.launch()
        server.wait_ready()
        yield server
    finally:
        server.clean_up()


def _asked(server: Server) -> list[tuple[str, ...]]:
    path = server.home / "asked.jsonl"
    return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def _expected(method: str, path: str) -> str:
    return "execute" if (method, path) in EXECUTES else "read" if method == "GET" else "write"


def test_every_verb_asks_for_its_own_right(guarded: Server) -> None:
    """Denied, it is a 403 before anything else is looked at, and no other right is asked for."""
    every = list(operations(guarded))
    assert len(every) >= 12
    guarded.write("allowed", "")
    # Twice and mixed: Jupyter's decorator may remember the first action it saw for a method.
    for method, path, _ in (*every, *reversed(every)):
        before = len(_asked(guarded))
        answer = guarded.ask(method, fill(path), raw=b"{")
        assert (answer.status, answer.problem()["code"]) == (403, "forbidden"), (method, path, answer)
        asked = _asked(guarded)[before:]
        assert asked == [(method, f"/{fill(path)}", _expected(method, path), "lcc")], (method, path, asked)


@pytest.mark.parametrize("allowed", ["read", "write", "execute", "read write", "read execute"])
def test_one_right_does_not_give_another(guarded: Server, allowed: str) -> None:
    guarded.write("allowed", "read")
    every = list(operations(guarded))
    guarded.write("allowed", allowed)
    for method, path, _ in every:
        status = guarded.ask(method, fill(path), raw=b"{").status
        assert (status == 403) == (_expected(method, path) not in allowed.split()), (method, path, status)


def _last_activity(server: Server) -> str:
    return str(server.ask("GET", "api/status").json()["last_activity"])


def test_looking_is_not_activity(guarded: Server) -> None:
    guarded.write("allowed", "read write execute")
    guarded.ask("POST", "lcc/idle/leases", {"target_id": "instance", "seconds": 1})
    before = _last_activity(guarded)
    time.sleep(1.1)
    for method, path, _ in operations(guarded):
        if method == "GET":
            for query in ("", "?no_track_activity=1", "?nonsense=1", "?no_track_activity=0"):
                guarded.ask(method, fill(path) + query)
            guarded.ask("HEAD", fill(path))
            guarded.ask("OPTIONS", fill(path))
    guarded.ask("GET", "lcc/nothing")
    guarded.ask("GET", "lcc/idle", token="wrong")
    assert _last_activity(guarded) == before


def test_a_change_is_activity_unless_it_says_otherwise(guarded: Server) -> None:
    guarded.write("allowed", "read write execute")
    body = {"target_id": "instance", "seconds": 1}
    guarded.ask("POST", "lcc/idle/leases", body)
    before = _last_activity(guarded)
    time.sleep(0.1)
    assert guarded.ask("POST", "lcc/idle/leases?no_track_activity=1", body).status == 201
    assert _last_activity(guarded) == before
    assert guarded.ask("POST", "lcc/idle/leases", body).status == 201
    assert _last_activity(guarded) > before
