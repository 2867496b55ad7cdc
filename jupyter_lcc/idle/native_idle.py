"""Studio's own idle shutdown, told the truth through jupyter-activity-monitor-extension's file.

That extension serves `GET api/idle`, which Studio asks; it answers with the latest of Jupyter's own `last_activity`
times and the time in a file. It does not know of a cell that runs silently, of a kernel without a notebook, or of a
keep. So while something works or is kept, the file says "now"; as soon as nothing does, it is left alone, and the
answer ages. Facts from its source (0.3.2): the file's form is `%Y-%m-%dT%H:%M:%S.%fZ` with a fraction that is never
left out; what it can't read counts for nothing; the latest time ever seen is kept for as long as the server lives,
so a time in the future would hold Studio off until then, and is never written.

Whether it listens is found out by trying: write, ask, compare.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import NamedTemporaryFile

from ..model import Model

__all__ = ["ACTIVE_FILE", "Address", "NativeIdleFile"]

ACTIVE_FILE = Path("/tmp/.sagemaker-last-active-timestamp")
FORM = "%Y-%m-%dT%H:%M:%S.%fZ"
ASK_SECONDS = 10
TRIES = 5
"""How often a server that doesn't answer is asked whether it has the route at all."""

CHECK_AGAIN = timedelta(seconds=60)
"""What was wrong is looked at again after this."""

SLACK = timedelta(seconds=5)
"""Clocks are read one after the other."""


class Address(Model, frozen=True, kw_only=True):
    """Where this server listens, and its own token."""

    host: str
    port: int
    tls: bool
    base_url: str
    token: str


class NativeIdleFile:
    """Writes the file while something works; knows whether the server's own `api/idle` follows it."""

    def __init__(
        self,
        address: Callable[[], Address | None],
        *,
        file: Path = ACTIVE_FILE,
        wall: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._address = address
        self._file = file
        self._wall = wall
        self._tries_left = TRIES
        self._there: bool | None = None
        self._wrong: str | None = None
        self._checked_at = wall()

    @property
    def works(self) -> bool:
        """Whether `api/idle` is there and was seen to follow the file."""
        return self._there is True and self._wrong is None

    async def tell(self, *, busy: bool) -> str | None:
        """Tell whether something works or is kept now; give what is wrong, in words, or None."""
        if self._there is False:
            return None
        if self._there is None:
            await asyncio.to_thread(self._try)
        else:
            await asyncio.to_thread(self._tell, busy)
        return self._wrong

    def _try(self) -> None:
        """Find out whether the route is there and follows the file."""
        address = self._address()
        if address is None:
            return
        self._tries_left -= 1
        try:
            status, _ = self._ask(address)
        except (OSError, http.client.HTTPException):
            self._there = None if self._tries_left else False
            return
        self._there = status == 200
        if self._there:
            self._check(address)

    def _tell(self, busy: bool) -> None:
        now, written = self._wall(), self._written()
        pinned = written is not None and written > now + SLACK
        again = self._wrong is not None and not timedelta(0) <= now - self._checked_at < CHECK_AGAIN
        address = self._address()
        if (pinned or again) and address is not None:
            self._check(address)
        elif busy:
            self._write()

    def _check(self, address: Address) -> None:
        """Write now, ask, compare."""
        self._checked_at = self._wall()
        now = self._write()
        if now is None:
            return
        try:
            status, told = self._ask(address)
        except (OSError, http.client.HTTPException) as error:
            self._wrong = f"The server's own api/idle does not answer: {str(error) or type(error).__name__}."
            return
        if status != 200 or told is None:
            self._wrong = f"The server's own api/idle answers {status} and names no time, so Studio can't know of work."
        elif told > self._wall() + SLACK:
            at = told.strftime("%Y-%m-%d %H:%M UTC")
            self._wrong = (
                f"Studio's idle shutdown was told of activity in the future, {at}, by another program or before the "
                "clock was set back; until then it stops nothing, unless the Jupyter server is restarted."
            )
        elif told < now - SLACK:
            self._wrong = (
                f"The server's own api/idle does not follow {self._file}, so Studio's idle shutdown may stop the app "
                "while something works silently."
            )
        else:
            self._wrong = None

    def _write(self) -> datetime | None:
        """Put the present moment into the file, None if that can't be done; as a whole, for Studio may be reading."""
        now = self._wall()
        temporary: Path | None = None
        try:
            with NamedTemporaryFile("w", dir=self._file.parent, prefix=self._file.name, delete=False) as file:
                temporary = Path(file.name)
                file.write(now.strftime(FORM))
            temporary.chmod(0o644)
            os.replace(temporary, self._file)
        except OSError as error:
            self._wrong = f"{self._file} can't be written, so Studio's idle shutdown does not know of work: {error}."
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            return None
        return now

    def _written(self) -> datetime | None:
        try:
            return datetime.strptime(self._file.read_text("ascii").strip(), FORM).replace(tzinfo=timezone.utc)
        except (OSError, ValueError):
            return None

    def _ask(self, address: Address) -> tuple[int, datetime | None]:
        """Ask this server's `api/idle`; give the status and the last activity it names."""
        connection: http.client.HTTPConnection
        if address.tls:
            # It is this very process on loopback; its certificate is made out to its public name.
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection(address.host, address.port, timeout=ASK_SECONDS, context=trusting)
        else:
            connection = http.client.HTTPConnection(address.host, address.port, timeout=ASK_SECONDS)
        try:
            headers = {"Authorization": f"token {address.token}"} if address.token else {}
            connection.request("GET", f"{address.base_url}api/idle?no_track_activity=1", headers=headers)
            answer = connection.getresponse()
            body = answer.read(100_000)
        finally:
            connection.close()
        try:
            text = json.loads(body)["lastActiveTimestamp"]
            return answer.status, datetime.strptime(text.upper(), FORM).replace(tzinfo=timezone.utc)
        except (ValueError, KeyError, TypeError, AttributeError):
            return answer.status, None
