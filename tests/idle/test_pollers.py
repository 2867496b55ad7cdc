"""Requests that only a machine makes so regularly are named; a person's are not."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_lcc.idle.pollers import MOST_KEYS, Pollers, begin_of, listening_in


class Ticking:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ask(pollers: Pollers, clock: Ticking, pauses: list[float], path: str = "/spy/metrics/v1") -> None:
    for pause in pauses:
        clock.now += pause
        pollers.note("spy", path)


def test_a_poller_is_named_with_its_pace() -> None:
    clock = Ticking()
    pollers = Pollers(clock)
    ask(pollers, clock, [5.0] * 9)
    (found,) = pollers.seen()
    assert found.value == "spy: GET /spy/metrics/v1 every 5 s"
    assert found.means == "chatter"
    clock.now += 60
    assert pollers.seen() == ()


def test_a_person_is_not_a_poller() -> None:
    clock, dice = Ticking(), random.Random(7)
    pollers = Pollers(clock)
    ask(pollers, clock, [dice.expovariate(1 / 20) for _ in range(40)], "/api/contents/train.ipynb")
    assert pollers.seen() == ()


def test_a_page_that_opens_is_not_a_poller() -> None:
    clock = Ticking()
    pollers = Pollers(clock)
    ask(pollers, clock, [0.05] * 12)
    assert pollers.seen() == ()


def test_two_tabs_of_one_poller_are_one() -> None:
    clock = Ticking()
    pollers = Pollers(clock)
    ask(pollers, clock, [4.0, 6.0] * 5)
    assert [str(each.value) for each in pollers.seen()] == ["spy: GET /spy/metrics/v1 every 5 s"]


def test_memory_is_bounded() -> None:
    clock = Ticking()
    pollers = Pollers(clock)
    for number in range(5000):
        pollers.note(f"package{number}", f"/{number}")
    assert len(pollers._times) == MOST_KEYS


@pytest.mark.parametrize(
    ("path", "begin"),
    [
        ("/api/kernels", "/api/kernels"),
        ("/api/kernels/2f0e3c1a-0000", "/api/kernels/…"),
        ("/api/contents/secret/plan.ipynb", "/api/contents/…"),
        ("/lsp/status", "/lsp/status"),
        ("/", "/"),
        ("/proxy/8787/events", "/proxy/…"),
    ],
)
def test_a_path_names_what_is_asked(path: str, begin: str) -> None:
    assert begin_of(path) == begin


def test_the_first_log_function_still_hears_and_a_strange_handler_harms_nobody() -> None:
    heard: list[object] = []
    log = listening_in(heard.append, Pollers(), "/", lambda: None)
    log("no handler at all")
    assert heard == ["no handler at all"]


class Spy(APIHandler):
    @web.authenticated
    def get(self) -> None:
        self.finish(json.dumps({}))


class Quiet(Spy):
    _track_activity = False


async def test_what_moves_jupyter_s_activity_is_seen_on_a_real_server(jp_fetch: Any, jp_web_app: Any) -> None:
    clock = Ticking()
    pollers = Pollers(clock)
    base = jp_web_app.settings["base_url"]
    jp_web_app.settings["log_function"] = listening_in(
        jp_web_app.settings.get("log_function"), pollers, base, lambda: None
    )
    jp_web_app.add_handlers(".*$", [(base + "spy/metrics", Spy), (base + "quiet/metrics", Quiet)])
    before = jp_web_app.settings.get("api_last_activity")
    for _ in range(10):
        clock.now += 10
        await jp_fetch("quiet", "metrics")
        await jp_fetch("spy", "metrics", params={"no_track_activity": "1"})
    assert pollers.seen() == ()
    assert jp_web_app.settings.get("api_last_activity") == before
    for _ in range(10):
        clock.now += 10
        await jp_fetch("spy", "metrics")
    assert [str(each.value) for each in pollers.seen()] == ["tests: GET /spy/metrics every 10 s"]
    assert jp_web_app.settings.get("api_last_activity") != before
