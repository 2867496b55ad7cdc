"""The panel: how much JavaScript is shipped, and how soon it shows something after the click."""

from __future__ import annotations

import asyncio
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from .chromium import Page, browser
from .figures import Figure
from .server import CHECKOUT, TOKEN, Server

__all__ = ["measure"]

BUILT = CHECKOUT / "jupyter_lcc/labextension"
LOADS = 5
MOST_KILOBYTES = 150.0
MOST_MS = 300.0
LATER = ("panel.", "environments.", "korean.")
"""How the files begin that are loaded when somebody asks for what is in them (`scripts/bundle_size.mjs`)."""
OURS, RUNNING = "jupyter-lcc-panel", "jp-running-sessions"
TERMINAL = "benchterm"
SETTLE_SECONDS = 1.5
HOW_TO_BUILD = "jlpm install && jlpm build:prod"

_TAB = """(() => {
    const tab = document.querySelector('.jp-SideBar li[data-id="%s"]');
    if (!tab || document.querySelector('#jupyterlab-splash')) return null;
    const box = tab.getBoundingClientRect();
    return box.width ? [box.x + box.width / 2, box.y + box.height / 2] : null;
})()"""

# From the press of the mouse until the frame after the one in which the panel is seen with the terminal's name.
_WATCH = """(() => {
    let pressed = 0;
    addEventListener('pointerdown', event => { pressed = event.timeStamp; }, {capture: true, once: true});
    window.firstContent = new Promise(resolve => {
        const look = () => {
            const panel = document.getElementById('%s');
            if (pressed && panel && panel.offsetHeight && panel.innerText.includes('%s'))
                requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - pressed)));
            else
                requestAnimationFrame(look);
        };
        look();
        setTimeout(() => resolve(-1), 20000);
    });
    return true;
})()"""


def measure() -> Iterator[Figure]:
    """Open it in a browser, then weigh what is built."""
    scripts = sorted((BUILT / "static").glob("**/*.js"))
    if not scripts:
        raise RuntimeError(f"there is no front end in {BUILT}. Build it with `{HOW_TO_BUILD}`.")
    times = asyncio.run(_open_both())
    ours, running = times[OURS], times[RUNNING]
    yield Figure(
        "panel: first content",
        median(ours),
        "ms",
        peer=median(running),
        peer_name="JupyterLab's own Running panel",
        limit=MOST_MS,
        how=f"headless Chromium, {LOADS} fresh page loads each, in turns, cache off; from the press on the icon to the "
        f"frame after the one that shows the panel with the name of a running terminal; median of {_all(ours)}; the "
        f"peer's {_all(running)}",
    )
    if any(b"__webpack_require__" in script.read_bytes() for script in scripts):
        raise RuntimeError(f"{BUILT} is a development build, not what is shipped. Build that with `{HOW_TO_BUILD}`.")
    neighbour = _scripts_of_notebook()
    first = [script for script in scripts if not script.name.startswith(LATER)]
    for name, counted, limit in (("at start", first, MOST_KILOBYTES), ("in all", scripts, None)):
        packed = sum(len(gzip.compress(script.read_bytes())) for script in counted)
        yield Figure(
            f"panel: JavaScript {name}",
            _kilobytes(counted),
            "kB",
            peer=_kilobytes(neighbour) if neighbour else None,
            peer_name="the lab extension Notebook 7 ships" if neighbour else "",
            limit=limit,
            how=f"{len(counted)} of the {len(scripts)} .js files of jupyter_lcc/labextension, no maps; "
            f"{packed / 1e3:.0f} kB with gzip; the rest is loaded when the panel is opened, or for Korean",
        )


async def _open_both() -> dict[str, list[float]]:
    times: dict[str, list[float]] = {OURS: [], RUNNING: []}
    with TemporaryDirectory(prefix="lcc-bench-lab-") as extensions:
        (Path(extensions) / "jupyter-lcc").symlink_to(BUILT)
        config = {
            "LabApp": {
                "extra_labextensions_path": [extensions],
                "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
                "news_url": None,
            }
        }
        with Server(extension=True, command=("-m", "jupyterlab"), config=config) as server:
            server.expect("POST", "api/terminals", {"name": TERMINAL})
            async with browser() as chromium:
                for load in range(-1, LOADS):  # the first one warms the server and the system
                    for panel in times:
                        async with chromium.page() as page:
                            took = await _open(page, f"{server.url}lab/workspaces/bench-{load + 1}-{panel}", panel)
                        if load >= 0:
                            times[panel].append(took)
    return times


async def _open(page: Page, address: str, panel: str) -> float:
    """Load the page, let it come to rest, click on the panel's icon; give the milliseconds to its first content."""
    await page.send("Page.navigate", url=f"{address}?token={TOKEN}")
    await page.wait_for(_TAB % panel)
    await asyncio.sleep(SETTLE_SECONDS)
    x, y = await page.wait_for(_TAB % panel)
    await page.run(_WATCH % (panel, TERMINAL))
    await page.click(x, y)
    took = float(await page.run("window.firstContent"))
    if took < 0:
        seen = await page.run(f"document.getElementById('{panel}')?.innerText")
        raise RuntimeError(f"{panel} does not show {TERMINAL} within 20 s. It shows: {seen!r}")
    return took


def _scripts_of_notebook() -> list[Path]:
    folder = Path(sys.prefix) / "share/jupyter/labextensions/@jupyter-notebook"
    return sorted(folder.glob("**/*.js"))


def _kilobytes(files: list[Path]) -> float:
    return sum(file.stat().st_size for file in files) / 1e3


def _all(times: list[float]) -> str:
    return ", ".join(f"{time:.0f}" for time in sorted(times))
