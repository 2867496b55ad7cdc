"""Whatever is sent, the answer is a 4xx problem that says what is wrong, and nothing has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.black_box.server import Server

from .routes import fill, operations

LEASES, PRESENCE, POLICY = ("POST", "lcc/idle/leases"), ("POST", "lcc/idle/presence"), ("PUT", "lcc/idle/policy")
WITH_BODY = (LEASES, PRESENCE, POLICY)
NOTHING_TO_REFUSE = {("DELETE", "lcc/package-cache"), ("POST", "lcc/package-list-checks")}
"""What is done whenever somebody may ask for it."""


def _state(server: Server) -> dict[str, Any]:
    """Everything a request could have changed."""
    view = server.ask("GET", "lcc/idle").json()
    return {
        "targets": [
            (t["id"], t["lease"], t["verdict"], t["shutting_down"]) for t in [view["instance"], *view["targets"]]
        ],
        "policy": view["policy"],
        "problems": view["monitor"]["problems"],
        "leases": server.ask("GET", "lcc/idle/leases").json(),
        "log": [
            line
            for line in server.ask("GET", "lcc/idle/decisions?limit=1000").json()["decisions"]
            if line["actor"] != "monitor"  # what the monitor finds by itself, it finds whenever it looks
        ],
    }


@pytest.fixture(autouse=True)
def _nothing_changes(server: Server, terminal_id: str) -> Iterator[None]:
    before, errors = _state(server), len(server.errors())
    yield
    assert _state(server) == before
    assert server.errors()[errors:] == []


def _refused(server: Server, method: str, path: str, status: int, **how: Any) -> dict[str, Any]:
    answer = server.ask(method, path, **how)
    assert answer.status == status, (method, path, how, answer.status, answer.body[:300])
    assert answer.headers["Content-Type"].startswith("application/json"), answer.headers
    return answer.problem()


NOT_JSON = [
    b"",
    b"   ",
    b"{",
    b"{'seconds': 1}",
    b"seconds=1",
    b"\xff\xfe\x00",
    b'{"target_id": "\xff"}',
    b'{"seconds": NaN}',
    b'{"seconds": Infinity}',
    b'{"seconds": 0x10}',
    b'{"note": "\\ud800", "target_id": "instance", "seconds": 5}',
    b"{}{}",
    b"[" * 30000,
    b'{"a":' * 10000,
]


@pytest.mark.parametrize("raw", NOT_JSON, ids=[repr(raw[:24]) for raw in NOT_JSON])
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_what_is_not_json(server: Server, method: str, path: str, raw: bytes) -> None:
    answer = server.ask(method, path, raw=raw)
    assert answer.status in (400, 422), (answer.status, answer.body)
    assert answer.problem()["code"] in ("malformed", "invalid")


@pytest.mark.parametrize("raw", [b"null", b"1", b'"text"', b"[]", b"true", b"[{}]"])
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_json_of_another_shape(server: Server, method: str, path: str, raw: bytes) -> None:
    assert _refused(server, method, path, 422, raw=raw)["code"] == "invalid"


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_a_body_that_is_too_large(server: Server, method: str, path: str) -> None:
    problem = _refused(server, method, path, 413, raw=b'{"note": "' + b"x" * 70_000 + b'"}')
    assert (problem["code"], problem["detail"]["max_bytes"]) == ("too_large", 65536)


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_an_unknown_field(server: Server, method: str, path: str) -> None:
    problem = _refused(server, method, path, 422, body={"secnods": 1})
    assert "secnods" in problem["message"], problem
    assert problem["detail"]["known_fields"], problem


WRONG_LEASES: list[dict[str, Any]] = [
    {},
    {"target_id": "instance"},
    {"seconds": 5},
    *(
        {"target_id": "instance", "seconds": wrong}
        for wrong in (0, -1, 1.5, "5", None, True, [5], 10**9, 10**30, -(10**30))
    ),
    *({"target_id": wrong, "seconds": 5} for wrong in ("", "x" * 257, None, 5, ["instance"], {"id": "instance"})),
    *({"target_id": "instance", "seconds": 5, "note": wrong} for wrong in ("x" * 201, 5, ["x"])),
    *({"target_id": "instance", "seconds": 5, "pid": wrong} for wrong in (0, -1, 2**31, "1", 1.5, 2**31 - 1)),
]


@pytest.mark.parametrize("body", WRONG_LEASES, ids=lambda body: json.dumps(body)[:60])
def test_a_lease_that_can_not_be(server: Server, body: dict[str, Any]) -> None:
    assert _refused(server, *LEASES, 422, body=body)["code"] == "invalid"


UNKNOWN_TARGETS = [
    "kernel:nobody",
    "terminal:9999",
    "process:1",
    "machine",
    "INSTANCE",
    "instance ",
    "kernel:00000000-0000-0000-0000-000000000000",
    "kernel:",
    ":",
    "../../etc/passwd",
    "terminal:../../x",
    "a\x00b",
    "a\nb",
    "\u202e커널",
    "%00",
    "x" * 256,
]


@pytest.mark.parametrize("target_id", UNKNOWN_TARGETS, ids=ascii)
def test_a_target_that_is_not_there(server: Server, target_id: str) -> None:
    for method, path, body in (
        (*LEASES, {"target_id": target_id, "seconds": 5}),
        (*PRESENCE, {"target_ids": [target_id]}),
        ("POST", f"lcc/idle/targets/{quote(target_id, safe='')}/shutdown", None),
        ("GET", f"lcc/idle/why?target_id={quote(target_id, safe='')}", None),
    ):
        assert _refused(server, method, path, 404, body=body)["code"] == "not_found"


@pytest.mark.parametrize("wrong", [[], None, "instance", [1], [None], ["instance"] * 65, [""], ["x" * 257], {"a": 1}])
def test_a_presence_that_can_not_be(server: Server, wrong: Any) -> None:
    assert _refused(server, *PRESENCE, 422, body={"target_ids": wrong})["code"] == "invalid"


@pytest.mark.parametrize("wrong", [-1, 1.5, "60", True, [60], 10**30, 366 * 24 * 3600 + 1, 5, 59])
def test_a_limit_that_can_not_be(server: Server, wrong: Any) -> None:
    problem = _refused(server, *POLICY, 422, body={"kernel_timeout_seconds": wrong})
    assert problem["code"] in ("invalid", "out_of_bounds"), problem
    assert "kernel_timeout_seconds" in (problem["detail"]["field"], problem["message"]), problem


def test_a_policy_change_without_a_change(server: Server) -> None:
    assert _refused(server, *POLICY, 422, body={})["code"] == "invalid"


@pytest.mark.parametrize("field", ["max_lease_seconds", "max_busy_seconds", "check_interval_seconds"])
def test_what_only_an_administrator_sets(server: Server, field: str) -> None:
    for value in (60, None):
        assert _refused(server, *POLICY, 403, body={field: value})["code"] == "locked"


WRONG_QUERIES = [
    "decisions?limit=0",
    "decisions?limit=-1",
    "decisions?limit=1001",
    "decisions?limit=ten",
    "decisions?limit=1.5",
    "decisions?limit=" + "9" * 40,
    "decisions?limit=",
    "decisions?limit=1&limit=2",
    "decisions?since=yesterday",
    "decisions?since=2026-13-01T00:00:00Z",
    "decisions?since=2026-02-30T00:00:00Z",
    "decisions?since=2026-01-01T00:00:00",
    "decisions?since=99999-01-01T00:00:00Z",
    "decisions?since=",
    "decisions?target_id=",
    "decisions?target_id=" + "x" * 257,
    "decisions?target_id=a&target_id=b",
    "decisions?target=a",
    "decisions?target_id=%ff",
    "why?at=now",
    "why?at=0",
    "why?at=2026-01-01T00:00:00",
    "why?target_id=instance&at=2026-01-01T00:00:00Z&at=2026-01-02T00:00:00Z",
    "why?target_id=",
    "why?when=now",
    "why?%ff=1",
]


@pytest.mark.parametrize("query", WRONG_QUERIES, ids=lambda query: query[:50])
def test_a_query_that_can_not_be(server: Server, query: str) -> None:
    answer = server.ask("GET", f"lcc/idle/{query}")
    assert answer.status in (400, 422), (answer.status, answer.body)
    answer.problem()


EXTREME_TIMES = [
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
]


@pytest.mark.parametrize("time", EXTREME_TIMES)
def test_times_at_the_ends_of_the_calendar(server: Server, time: str) -> None:
    """Answered, or refused where they leave the calendar when they are turned into UTC; never an overflow."""
    assert server.ask("GET", f"lcc/idle/decisions?since={quote(time)}").status in (200, 422)
    assert server.ask("GET", f"lcc/idle/why?at={quote(time)}").status in (200, 404, 422)


TRICKY_PATHS = [
    "lcc/idle/leases/..%2f..%2fx",
    "lcc/idle/leases/%00",
    "lcc/idle/leases/a%0Ab",
    "lcc/idle/leases/" + "x" * 5000,
    "lcc/idle/leases/%F0%9F%98%80",
    "lcc/idle/leases/instance",
]


@pytest.mark.parametrize("path", TRICKY_PATHS, ids=lambda path: path[:40])
def test_a_lease_id_that_is_a_trick(server: Server, path: str) -> None:
    assert _refused(server, "DELETE", path, 404)["code"] == "not_found"


def test_a_path_that_is_not_utf8(server: Server) -> None:
    assert _refused(server, "DELETE", "lcc/idle/leases/%ff", 400)["code"] == "malformed"


NO_SUCH_PATHS = ["lcc/", "lcc/x", "lcc/idle/", "lcc/idle/x", "lcc/idle/leases/a/b", "lcc//idle", "lcc/idle/../about"]


@pytest.mark.parametrize("path", NO_SUCH_PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_an_address_that_is_not_there(server: Server, method: str, path: str) -> None:
    assert _refused(server, method, path, 404)["code"] == "not_found"


def test_every_method_a_path_does_not_know(server: Server) -> None:
    known: dict[str, set[str]] = {}
    for method, path, _ in operations(server):
        known.setdefault(path, set()).add(method)
    assert len(known) >= 8
    for path, methods in known.items():
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - methods:
            answer = server.ask(method, fill(path), raw=b"{}")
            assert answer.status == 405, (method, path, answer.status)
            assert set(answer.headers["Allow"].split(", ")) >= methods, (method, path, answer.headers["Allow"])
            assert answer.problem()["code"] == "method_not_allowed"
        assert server.ask("HEAD", fill(path)).status == 405


@pytest.mark.parametrize("token", [None, "", "wrong", "x" * 5000])
def test_nobody_gets_in_without_the_token(server: Server, token: str | None) -> None:
    for method, path, _ in operations(server):
        answer = server.ask(method, fill(path), raw=b"{}", token=token)
        assert answer.status == 403, (method, path, answer.status)
        problem = answer.problem()
        assert (problem["code"], problem["detail"]) == ("forbidden", {}), problem
    for path in ("lcc/nothing", "lcc/idle/nothing"):
        assert server.ask("GET", path, token=token).status in (403, 404)


def test_a_browser_needs_the_xsrf_token_too(server: Server) -> None:
    """Signed in by cookie alone, reading is allowed and no change is."""
    page = server.ask("GET", "login", token=None)
    xsrf = _cookies(page.headers.get_all("Set-Cookie"))["_xsrf"]
    form = f"password=black-box&_xsrf={quote(xsrf)}".encode()
    sent = {"Cookie": f"_xsrf={xsrf}", "Content-Type": "application/x-www-form-urlencoded"}
    entered = server.ask("POST", "login", raw=form, headers=sent, token=None)
    assert entered.status == 302, entered
    cookies = {"_xsrf": xsrf, **_cookies(entered.headers.get_all("Set-Cookie"))}
    as_browser = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    assert server.ask("GET", "lcc/idle", headers=as_browser, token=None).status == 200
    for method, path, _ in operations(server):
        if method != "GET":
            answer = server.ask(method, fill(path), raw=b"{}", headers=as_browser, token=None)
            assert (answer.status, answer.problem()["code"]) == (403, "forbidden"), (method, path, answer)
            if (method, path) in NOTHING_TO_REFUSE:
                continue
            with_token = {**as_browser, "X-XSRFToken": xsrf}
            answer = server.ask(method, fill(path), raw=b"{}", headers=with_token, token=None)
            assert answer.status in (404, 422), (method, path, answer)


def _cookies(headers: list[str] | None) -> dict[str, str]:
    return dict(header.split(";")[0].split("=", 1) for header in headers or ())
