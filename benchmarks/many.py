"""What 200 targets cost: one look at them, asking for them, and how long the event loop stands still."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

from .figures import Figure
from .load import FAKE_KERNELS, TERMINALS, Noted, ask_for, loaded_server, open_targets, percentile, take
from .peers.cron import cost_of_asking
from .server import Server

__all__ = ["measure"]

QUIET_SECONDS = 10
ASKING_SECONDS = 10
WINDOWS = 3
PAUSE_SECONDS = 0.02
RUNS = 5
MOST_MS = 50.0
MOST_MS_WHILE_DUE = 200.0
WARNING_SECONDS = 5.0
CRON_PATHS = ("api/sessions", "api/kernels", "api/terminals")
WHAT = f"{FAKE_KERNELS} FAKE kernels, {TERMINALS} real terminals"


def measure() -> Iterator[Figure]:
    """Ask the plain server as the cron script does, then ours while it looks at everything once a second."""
    with loaded_server(extension=False) as plain:
        open_targets(plain)
        cron_took, cron_stalls, cron_cost = _as_cron_does(plain)
        cron_end = _delete_all(plain)
    with loaded_server(extension=True, check_interval_seconds=1) as ours:
        open_targets(ours)
        take(ours)
        quiet, asked, took = [], [], []
        for _ in range(WINDOWS):
            time.sleep(QUIET_SECONDS)
            quiet.append(take(ours))
            took.append(ask_for(ours, ["lcc/idle"], seconds=ASKING_SECONDS, pause=PAUSE_SECONDS))
            asked.append(take(ours))
        if len(ours.expect("GET", "lcc/idle")["targets"]) != FAKE_KERNELS + TERMINALS:
            raise RuntimeError("Some of the targets are gone: the figures would mean nothing.")
        end, answers = _let_all_come_due(ours)
    looks = [look for noted in quiet for look in noted.looks_cpu]
    yield Figure(
        "many: CPU of one look",
        1000 * median(looks),
        "ms",
        peer=1000 * cron_cost,
        peer_name="cron script (urllib), its CPU and the server's",
        limit=MOST_MS,
        how=f"{WHAT}; process time in the server around each of {len(looks)} looks, threads included, "
        f"median; longest {1000 * max(looks):.1f} ms",
    )
    yield Figure(
        "many: GET lcc/idle p99",
        1000 * median(percentile(times, 0.99) for times in took),
        "ms",
        peer=1000 * median(percentile(times, 0.99) for times in cron_took),
        peer_name="its three GETs together, p99",
        limit=MOST_MS,
        how=f"{sum(map(len, took))} requests one after the other while everything is looked at once a second; the "
        f"median of {WINDOWS} windows' p99; p50 {1000 * median(map(median, took)):.1f} ms, the peer's "
        f"{1000 * median(map(median, cron_took)):.1f} ms",
    )
    yield _stall("many: longest stall, quiet", quiet, cron_stalls, "while its GETs are answered")
    yield _stall("many: longest stall, asked", asked, cron_stalls, "while its GETs are answered")
    yield _stall("many: longest stall, all due at once", [end], [cron_end], "DELETE of each over REST")
    yield Figure(
        "many: api p99, all due at once",
        1000 * percentile(answers, 0.99),
        "ms",
        limit=MOST_MS_WHILE_DUE,
        how=f"{len(answers)} GETs of api/kernels and api/terminals one after the other, in the {WARNING_SECONDS:.0f} s "
        "in which all are warned and from the second before the first shutdown to the last; by the wall; "
        f"p50 {1000 * median(answers):.1f} ms, longest {1000 * max(answers):.0f} ms",
    )


def _as_cron_does(server: Server) -> tuple[list[list[float]], list[Noted], float]:
    rounds: list[list[float]] = []
    noted: list[Noted] = []
    take(server)
    for _ in range(WINDOWS):
        took = ask_for(server, CRON_PATHS, seconds=ASKING_SECONDS, pause=PAUSE_SECONDS)
        rounds.append([sum(took[at : at + len(CRON_PATHS)]) for at in range(0, len(took), len(CRON_PATHS))])
        noted.append(take(server))
    own, servers = cost_of_asking(server, "urllib", runs=RUNS)
    return rounds, noted, own + servers


def _delete_all(server: Server) -> Noted:
    take(server)
    for terminal in server.expect("GET", "api/terminals"):
        server.expect("DELETE", f"api/terminals/{terminal['name']}")
    for session in server.expect("GET", "api/sessions"):
        server.expect("DELETE", f"api/sessions/{session['id']}")
    return take(server)


def _let_all_come_due(server: Server) -> tuple[Noted, list[float]]:
    """Make everything due in a minute and watch until it is all shut down; give how long the answers took while
    something happened."""
    take(server)
    limits = {"warn_seconds": 60, "kernel_timeout_seconds": 60, "terminal_timeout_seconds": 60}
    server.expect("PUT", "lcc/idle/policy", limits)
    began = time.monotonic()
    left = FAKE_KERNELS + TERMINALS
    first: float | None = None
    answers: list[tuple[float, float]] = []
    while left and time.monotonic() < began + 150:
        asked_at, left = time.monotonic(), 0
        for path in ("api/kernels", "api/terminals"):
            asked = time.perf_counter()
            left += len(server.expect("GET", path))
            answers.append((asked_at, time.perf_counter() - asked))
        if first is None and left < FAKE_KERNELS + TERMINALS:
            first = asked_at
        time.sleep(PAUSE_SECONDS)
    if left or first is None:
        raise RuntimeError(f"After 150 s there are still {left} terminals and kernels.")
    told = [took for at, took in answers if at < began + WARNING_SECONDS or at >= first - 1]
    return take(server), told


def _stall(name: str, ours: list[Noted], peer: list[Noted], peer_name: str) -> Figure:
    walls = ", ".join(f"{1000 * max(noted.late):.0f}" for noted in ours)
    return Figure(
        name,
        1000 * median(max(noted.late_cpu) for noted in ours),
        "ms",
        peer=1000 * median(max(noted.late_cpu) for noted in peer),
        peer_name=peer_name,
        limit=MOST_MS,
        how=f"a tick every 5 ms in the server, {sum(len(noted.late) for noted in ours)} ticks; the longest one came "
        f"late, or the CPU time the server used meanwhile if that is less (others use this machine too); the median "
        f"of {len(ours)} windows' longest; by the wall alone {walls} ms",
    )
