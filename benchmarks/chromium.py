"""A headless Chromium, driven over its DevTools protocol with Tornado's websocket client: no node needed."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

__all__ = ["Page", "browser", "find_chromium"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ANSWER_SECONDS = 40.0


class Page:
    """One tab, fresh: nothing is cached from an earlier one."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket
        self._ids = count(1)

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and wait for its answer. Raises RuntimeError if there is none."""
        try:
            return await asyncio.wait_for(self._exchange(method, parameters), ANSWER_SECONDS)
        except asyncio.TimeoutError:
            raise RuntimeError(f"Chromium does not answer {method} within {ANSWER_SECONDS:g} s.") from None

    async def _exchange(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        wanted = next(self._ids)
        await self._socket.write_message(json.dumps({"id": wanted, "method": method, "params": parameters}))
        while True:
            text = await self._socket.read_message()
            if text is None:
                raise RuntimeError("The browser went away.")
            answer = json.loads(text)
            if answer.get("id") == wanted:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    async def run(self, script: str) -> Any:
        """Evaluate JavaScript, waiting for a promise, and give its value."""
        answer = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer["result"].get("value")

    async def wait_for(self, script: str, seconds: float = 60) -> Any:
        """Evaluate until the value is truthy."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            if value := await self.run(script):
                return value
            await asyncio.sleep(0.1)
        raise RuntimeError(f"In {seconds:g} s the page did not come to: {script}")

    async def click(self, x: float, y: float) -> None:
        """Press and release the mouse as a hand does."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


@asynccontextmanager
async def browser() -> AsyncIterator[_Browser]:
    """Start one with a profile of its own; end it and remove that."""
    profile = Path(tempfile.mkdtemp(prefix="lcc-bench-chromium-"))
    process = subprocess.Popen(  # noqa: ASYNC220 -- nothing else runs on this loop yet
        [
            find_chromium(),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--window-size=1400,900",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(profile)},
    )
    try:
        yield _Browser(await _debugging_port(profile))
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(profile, ignore_errors=True)


def find_chromium() -> str:
    """Give the path of a Chromium on this machine. Raises RuntimeError if there is none."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise RuntimeError(f"None of {', '.join(NAMES)} is installed; the panel's speed needs one.")


class _Browser:
    def __init__(self, port: int) -> None:
        self._port = port

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """Open a tab and close it again."""
        client = AsyncHTTPClient()
        base = f"http://127.0.0.1:{self._port}/json"
        told = json.loads((await client.fetch(f"{base}/new?about:blank", method="PUT", body=b"")).body)
        socket = await websocket_connect(told["webSocketDebuggerUrl"], max_message_size=64 << 20)
        page = Page(socket)
        try:
            await page.send("Page.bringToFront")  # a hidden page draws no frames
            await page.send("Network.enable")
            await page.send("Network.setCacheDisabled", cacheDisabled=True)
            yield page
        finally:
            socket.close()
            await client.fetch(f"{base}/close/{told['id']}")


async def _debugging_port(profile: Path) -> int:
    for _ in range(300):
        try:
            return int((profile / "DevToolsActivePort").read_text().split()[0])
        except (OSError, IndexError):
            await asyncio.sleep(0.1)
    raise RuntimeError("Chromium does not start.")
