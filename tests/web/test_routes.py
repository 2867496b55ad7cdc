"""Every route on a real server: answers are what the table declares, mistakes are problems."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tornado.httpclient import HTTPClientError

from jupyter_lcc.extension import ROUTES
from jupyter_lcc.idle.model import IdleView, Lease, Policy
from jupyter_lcc.web.handler import AUTH_RESOURCE, handlers_for
from jupyter_lcc.web.model import About, ProblemBody
from jupyter_lcc.web.openapi import describe

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_lcc": True, "jupyter_server_terminals": True},
        },
        "LccIdle": {"bounds": {"kernel_timeout_seconds": [600, 7200]}, "locked": ["warn_seconds"]},
    }


async def refused(call: Any) -> tuple[int, ProblemBody]:
    with pytest.raises(HTTPClientError) as error:
        await call
    assert error.value.response is not None
    assert error.value.response.headers["Content-Type"] == "application/json"
    return error.value.code, msgspec.json.decode(error.value.response.body, type=ProblemBody)


async def test_every_read_answers_what_the_table_declares(jp_fetch: Any) -> None:
    for route in ROUTES:
        if route.method == "GET" and not route.params:
            response = await jp_fetch("lcc", *route.path.split("/"))
            assert response.code == route.status
            assert route.answer is not None
            decoded = msgspec.json.decode(response.body, type=route.answer)
            assert isinstance(decoded, route.answer)


async def test_about_tells_version_platform_and_features(jp_fetch: Any) -> None:
    from jupyter_lcc import __version__

    told = msgspec.json.decode((await jp_fetch("lcc", "about")).body, type=About)
    assert told.version == __version__
    assert told.platform.kind == "plain"
    assert told.features["idle"].available


async def test_a_terminal_is_seen_kept_and_shut_down(jp_fetch: Any) -> None:
    name = json.loads((await jp_fetch("api", "terminals", method="POST", body="{}")).body)["name"]
    target_id = f"terminal:{name}"
    view = msgspec.json.decode((await jp_fetch("lcc", "idle")).body, type=IdleView)
    assert [target.id for target in view.targets if target.kind != "process"] == [target_id]
    body = json.dumps({"target_id": target_id, "seconds": 1e6, "note": "배치 작업"})  # 1000000.0 is an integer
    response = await jp_fetch("lcc", "idle", "leases", method="POST", body=body)
    lease = msgspec.json.decode(response.body, type=Lease)
    assert (response.code, lease.clipped_by, lease.note) == (201, "max_lease_seconds", "배치 작업")
    gone = await jp_fetch("lcc", "idle", "leases", lease.id, method="DELETE")
    assert (gone.code, gone.body) == (204, b"")
    assert (await refused(jp_fetch("lcc", "idle", "leases", lease.id, method="DELETE")))[0] == 404
    begun = await jp_fetch("lcc", "idle", "targets", target_id, "shutdown", method="POST", body="")
    assert begun.code == 202
    code, problem = await refused(jp_fetch("lcc", "idle", "leases", method="POST", body=body))
    assert (code, problem.code) == (409, "too_late")


async def test_a_choice_is_taken_within_the_bounds_and_refused_outside_of_them(jp_fetch: Any) -> None:
    async def put(**wish: Any) -> Any:
        return await jp_fetch("lcc", "idle", "policy", method="PUT", body=json.dumps(wish))

    policy = msgspec.json.decode((await put(kernel_timeout_seconds=600)).body, type=Policy)
    assert (policy.kernel_timeout_seconds.value, policy.kernel_timeout_seconds.source) == (600, "user")
    code, problem = await refused(put(kernel_timeout_seconds=599))
    assert (code, problem.code) == (422, "out_of_bounds")
    assert (problem.detail["min"], problem.detail["max"]) == (600, 7200)
    code, problem = await refused(put(warn_seconds=100))
    assert (code, problem.code) == (403, "locked")


async def test_reads_are_no_activity(jp_fetch: Any, jp_serverapp: Any) -> None:
    settings = jp_serverapp.web_app.settings
    for route in ROUTES:
        if route.method == "GET" and not route.params:
            settings["api_last_activity"] = "untouched"
            await jp_fetch("lcc", *route.path.split("/"))
            assert settings["api_last_activity"] == "untouched", route.path


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "malformed"),
        ("{", 400, "malformed"),
        ("[]", 422, "invalid"),
        ('{"target_id": "instance"}', 422, "invalid"),
        ('{"target_id": "instance", "seconds": "60"}', 422, "invalid"),
        ('{"target_id": "instance", "seconds": 0}', 422, "invalid"),
        ('{"target_id": "instance", "seconds": 0.0}', 422, "invalid"),
        ('{"target_id": "instance", "seconds": 60.5}', 422, "invalid"),
        ('{"target_id": "instance", "seconds": 1e400}', 422, "invalid"),
        ('{"seconds": 60.5, "note": ' + "[" * 4000 + "]" * 4000 + "}", 422, "invalid"),
        ('{"target_id": "instance", "seconds": 60, "colour": "red"}', 422, "invalid"),
        ('{"target_id": "kernel:../../etc/passwd", "seconds": 60}', 404, "not_found"),
        ('{"target_id": "instance", "seconds": 60, "note": "' + "x" * 70_000 + '"}', 413, "too_large"),
    ],
)
async def test_a_bad_body_is_told(jp_fetch: Any, body: str, status: int, code: str) -> None:
    got = await refused(jp_fetch("lcc", "idle", "leases", method="POST", body=body, allow_nonstandard_methods=True))
    assert (got[0], got[1].code) == (status, code)
    assert got[1].message


async def test_unknown_addresses_and_methods_are_problems(jp_fetch: Any) -> None:
    assert (await refused(jp_fetch("lcc", "nothing", "here")))[1].code == "not_found"
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("lcc", "idle", method="DELETE")
    assert error.value.code == 405
    assert error.value.response is not None
    assert error.value.response.headers["Allow"] == "GET"


async def test_without_a_token_nothing_is_told(jp_fetch: Any) -> None:
    for route in ROUTES:
        path = route.path.format(**dict.fromkeys(route.params, "x")).split("/")
        code, problem = await refused(
            jp_fetch(
                "lcc",
                *path,
                method=route.method,
                headers={"Authorization": "token wrong"},
                body="{}" if route.method in ("POST", "PUT") else None,
            )
        )
        assert (code, problem.code) == (403, "forbidden"), route


async def test_the_unforeseen_is_told_without_its_insides(
    jp_fetch: Any, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_lcc.idle.service import IdleService

    async def fail(_self: Any) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(IdleService, "view", fail)
    code, problem = await refused(jp_fetch("lcc", "idle"))
    assert (code, problem.code) == (500, "internal")
    assert "secret" not in problem.message


def test_every_verb_is_authorised_by_its_own_words() -> None:
    """Jupyter's `authorized` keeps the first action it saw when none is spelled out, so each verb is its own."""
    changes = {"write", "execute"}
    expected = {"GET": {"read"}, "POST": changes, "PUT": changes, "DELETE": changes}
    verbs: set[int] = set()
    for _pattern, handler, _kwargs in handlers_for(ROUTES, {}):
        for method, route in handler.routes.items():
            assert route.action in expected[method]
            verb = vars(handler)[method.lower()]
            assert id(verb) not in verbs
            verbs.add(id(verb))
    assert len(verbs) == len(ROUTES)
    assert AUTH_RESOURCE == "lcc"


@pytest.mark.parametrize(
    "jp_server_config",
    [{"ServerApp": {"jpserver_extensions": {"jupyter_lcc": True}, "allow_unauthenticated_access": False}}],
)
async def test_jupyters_own_check_of_authentication_passes(jp_fetch: Any) -> None:
    """With this setting Jupyter warns of every handler that forgot it, and warnings are errors here."""
    assert (await jp_fetch("lcc", "about")).code == 200


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2026-03-01T12:00:00Z", 404),
        ("2026-03-01T21:00:00+09:00", 404),
        ("0", 422),
        ("-5", 422),
        ("yesterday", 422),
        ("null", 422),
        ("9999-12-31T23:59:59-23:59", 422),
        ("0001-01-01T00:00:00+23:59", 422),
    ],
)
async def test_times_are_rfc_3339(jp_fetch: Any, at: str, status: int) -> None:
    assert (await refused(jp_fetch("lcc", "idle", "why", params={"target_id": "kernel:none", "at": at})))[0] == status


@pytest.mark.parametrize(
    "jp_server_config",
    [{"ServerApp": {"jpserver_extensions": {"jupyter_lcc": True}}, "LccIdle": {"mode": "obsrve", "warn_seconds": 5}}],
)
async def test_a_configuration_that_cannot_be_read_switches_off_and_is_told(jp_fetch: Any) -> None:
    view = msgspec.json.decode((await jp_fetch("lcc", "idle")).body, type=IdleView)
    assert view.mode == "off"
    (problem,) = view.monitor.problems
    assert problem.code == "config_invalid"
    assert "mode" in problem.message


async def test_the_number_jupyterlab_adds_against_caches_is_no_argument(jp_fetch: Any) -> None:
    assert (await jp_fetch("lcc", "idle", "decisions", params={"limit": "1", "1700000000000": ""})).code == 200
    assert (await refused(jp_fetch("lcc", "idle", "decisions", params={"17": "x"})))[0] == 422


def test_every_shape_has_a_name_of_its_own() -> None:
    """Two of one name would stand under their modules' names, which clients would have to know."""
    assert [name for name in describe(ROUTES, "0")["components"]["schemas"] if "." in name] == []
