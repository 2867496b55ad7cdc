"""Run every check, all of them even if one fails, and end with a table and `N passed, N failed`.

`make test STAGES="lint wheel"` runs some; a name is a stage's or a group's. What a stage printed is in
`.make/logs/`. Waves of stages run one after the other; in a wave two or three run at a time, unless they build what
later ones use, or look at time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from house import PYTHON, ROOT, STAMPS, environment, fail, prepare_front_end, prepare_node, prepare_python, say

LOGS = STAMPS / "logs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SCRIPTS = (".ci/run", "examples/lifecycle/jupyterlab-space.sh", "examples/lifecycle/notebook-instance.sh")


@dataclass(frozen=True)
class Stage:
    """One check."""

    name: str
    group: str
    commands: tuple[tuple[str, ...], ...]
    limit_seconds: int = 900
    before: Callable[[dict[str, str]], str | None] | None = None
    """Makes ready what only this stage needs; a text is the reason why it can't run, and a failure."""


@dataclass(frozen=True)
class Wave:
    """Stages of which so many run at the same time."""

    width: int
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Outcome:
    """How a stage ended."""

    stage: Stage
    passed: bool
    seconds: float
    output: str


def find_browser(env: dict[str, str]) -> str | None:
    """Name a Chromium for the browser tests in CHROMIUM, from Debian where there is none and we may install it."""
    named = env.get("LCC_BROWSER")
    if named:
        env["CHROMIUM"] = named
        return None if os.access(named, os.X_OK) else f"LCC_BROWSER names no program: {named}"
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            subprocess.run(
                ["apt-get", *words],
                env={**env, "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        found = shutil.which("chromium")
    if found is None:
        return (
            "There is no Chromium to test the panel with. Install one (Debian, Ubuntu: apt-get install chromium) "
            "or name one: LCC_BROWSER=/path/to/chrome make test"
        )
    env["CHROMIUM"] = found
    return None


_PYTHON = str(PYTHON)
_PYTEST = (_PYTHON, "-m", "pytest", "-q")
_PACKAGING = ("tests/packaging", "tests/examples")
_ENVIRONMENTS = ("tests/environments", "tests/jobs", "tests/api")
_LISTS = ("tests/packages", "tests/cli")
_OF_TIME = ("tests", *(f"--ignore={path}" for path in (*_PACKAGING, *_ENVIRONMENTS, *_LISTS)))
WAVES = (
    Wave(
        2,
        (
            Stage("ruff", "lint", ((_PYTHON, "-m", "ruff", "check", "."),)),
            Stage("format", "lint", ((_PYTHON, "-m", "ruff", "format", "--check", "."),)),
            Stage("mypy", "lint", ((_PYTHON, "-m", "mypy"),)),
            Stage("imports", "lint", (("lint-imports",),)),
            Stage("shell", "lint", (("shellcheck", *_SCRIPTS),)),
            Stage("front-lint", "lint", (("jlpm", "lint:check"),)),
            Stage("types", "lint", (("jlpm", "typecheck"),)),
            Stage("floor", "lint", (("jlpm", "typecheck:floor"),)),
        ),
    ),
    Wave(
        1,
        (
            Stage("generated", "lint", ((_PYTHON, "scripts/generate.py", "--check"),)),
            Stage("wheel", "packaging", ((_PYTHON, "scripts/wheel.py"), (*_PYTEST, "tests/packaging/test_wheel.py"))),
        ),
    ),
    Wave(
        3,  # they wait as much as they compute
        (
            Stage("lifecycle", "examples", ((*_PYTEST, "tests/examples"),)),
            Stage("environments", "python", ((*_PYTEST, *_ENVIRONMENTS),)),
            Stage("lists", "python", ((*_PYTEST, *_LISTS),)),
            Stage("jest", "front", (("jlpm", "test"),)),
            Stage("load", "packaging", ((*_PYTEST, "tests/packaging/test_load.py"),)),
        ),
    ),
    Wave(
        1,
        (
            Stage("pytest", "python", ((*_PYTEST, *_OF_TIME),)),
            Stage("browser", "ui", (("jlpm", "install", "--immutable"), ("jlpm", "test")), before=find_browser),
        ),
    ),
)
_FOLDERS = {"browser": ROOT / "ui-tests"}
RUNNING: set[int] = set()
"""The process groups of the commands that run now."""


def run_stage(stage: Stage) -> Outcome:
    """Run a stage's commands one after the other until one fails."""
    begun = time.monotonic()
    env = environment()
    log = LOGS / f"{stage.name}.log"
    passed = True
    with log.open("w+", encoding="utf-8", errors="replace") as out:
        reason = stage.before(env) if stage.before else None
        if reason:
            print(reason, file=out)
            passed = False
        for command in stage.commands if passed else ():
            print("$", *command, file=out, flush=True)
            passed = _run(command, stage, env, out)
            if not passed:
                break
    outcome = Outcome(stage, passed, time.monotonic() - begun, log.read_text(encoding="utf-8", errors="replace"))
    tell(outcome)
    return outcome


def _run(command: tuple[str, ...], stage: Stage, env: dict[str, str], out: IO[str]) -> bool:
    """Run one command in a process group of its own, so that nothing it started outlives it."""
    try:
        process = subprocess.Popen(
            command,
            cwd=_FOLDERS.get(stage.name, ROOT),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        print(error, file=out)
        return False
    RUNNING.add(process.pid)
    try:
        return process.wait(stage.limit_seconds) == 0
    except subprocess.TimeoutExpired:
        print(f"took longer than {stage.limit_seconds} s", file=out)
        return False
    finally:
        RUNNING.discard(process.pid)
        end(process.pid)
        process.wait()


def end(group: int) -> None:
    """End a process group; there is nothing to do where it has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def leave() -> NoReturn:
    """End at once, with all that runs."""
    for pid in list(RUNNING):
        end(pid)
    os._exit(130)


def tell(outcome: Outcome) -> None:
    """Print a line, and all that a failed stage said."""
    word = "passed" if outcome.passed else "FAILED"
    text = f"{word}  {outcome.stage.name}  {outcome.seconds:.0f} s"
    if not outcome.passed:
        text = f"{text}\n{outcome.output.rstrip()}\n"
    else:
        text += f"  {_last_line(outcome.output)}"
    print(text, flush=True)


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("$")]
    return lines[-1][:100] if lines else ""


def choose(names: Sequence[str]) -> list[Wave]:
    """Give the waves with the stages of these names or groups, all without a name."""
    known = {name for wave in WAVES for stage in wave.stages for name in (stage.name, stage.group)}
    unknown = sorted(set(names) - known)
    if unknown:
        fail(f"There is no stage {', '.join(unknown)}; there are {', '.join(sorted(known))}.")
    return [
        Wave(wave.width, tuple(stage for stage in wave.stages if not names or {stage.name, stage.group} & set(names)))
        for wave in WAVES
    ]


def main() -> None:
    """Prepare, run, and tell."""
    chosen = choose(sys.argv[1:])
    begun = time.monotonic()
    prepare_python("test")
    prepare_node()
    prepare_front_end()
    LOGS.mkdir(parents=True, exist_ok=True)
    prepared = time.monotonic() - begun
    say(f"prepared in {prepared:.0f} s")
    outcomes: list[Outcome] = []
    for wave in chosen:
        with ThreadPoolExecutor(wave.width) as pool:
            try:
                outcomes += pool.map(run_stage, wave.stages)
            except KeyboardInterrupt:
                leave()  # the pool would wait for what still runs
    print(f"\n{'stage':12} {'seconds':>7}")
    print(f"{'prepare':12} {prepared:7.0f}")
    for outcome in outcomes:
        print(f"{outcome.stage.name:12} {outcome.seconds:7.0f}  {'passed' if outcome.passed else 'FAILED'}")
    failed = sum(not outcome.passed for outcome in outcomes)
    print(f"{'all':12} {time.monotonic() - begun:7.0f}  what they said: {Path(os.path.relpath(LOGS))}")
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        leave()
