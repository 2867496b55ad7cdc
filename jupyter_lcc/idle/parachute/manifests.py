"""A kernel's variables, asked for through the kernel's own protocol with a client of our own.

A silent `execute_request` without code and without history: only its `user_expressions` are evaluated, so `_`,
`In`, `Out` and the history stay as they are. Our messages carry a user name of their own, by which we don't take
them for somebody's work, and Jupyter's `last_activity` is put back to where it was.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from jupyter_client.session import Session
from jupyter_core.utils import ensure_async

from ...model import Sentence, sendable
from ..kernel_messages import OWN_NAME, KernelTalk
from ..model import Manifest, Sighting, Variable

__all__ = ["KernelManifests"]

MOST_VARIABLES = 1000
LOOK_SECONDS = 1.0
"""How long the kernel may look at its variables."""

ANSWER_SECONDS = 2.0
"""How long its answer is waited for, the way there and back included."""

MOST_TEXT = 2_000_000

_CODE = (Path(__file__).parent / "variables.py").read_text(encoding="utf-8")
# A person may have a variable of any name, so builtins and the namespace are looked up where nobody shadows them.
_SHELL = "mods['IPython'].get_ipython()"
_EXPRESSION = (
    f"(lambda mods: (lambda b, ns: (b.exec({_CODE!r}, ns), b.repr(ns['take']({_SHELL}.user_ns, "
    f"{_SHELL}.user_ns_hidden, {MOST_VARIABLES}, {LOOK_SECONDS})))[1])(mods['builtins'], {{}}))"
    "(__import__('sys').modules)"
)


class KernelManifests:
    """Asks kernels of this machine whose language is Python."""

    def __init__(
        self,
        kernel_manager: Any,
        kernel_spec_manager: Any,
        talk_of: Callable[[str], KernelTalk | None],
        *,
        remote: bool,
        log: Any,
    ) -> None:
        self._manager = kernel_manager
        self._specs = kernel_spec_manager
        self._talk_of = talk_of
        self._remote = remote
        self._log = log

    async def take(self, sighting: Sighting) -> Manifest | None:
        """Give the variables, or why they can't be told; None for a kernel that isn't asked. Never raises."""
        kernel_id = sighting.id.removeprefix("kernel:")
        if self._remote:
            return None
        try:
            if not await self._speaks_python(sighting.kernel_name):
                return None
            return await self._ask(kernel_id)
        except asyncio.TimeoutError:
            return _unknown("kernel_silent", "The kernel did not answer in time.")
        except Exception as error:
            self._log.debug("jupyter_lcc: the variables of %s can't be listed: %r", sighting.id, error)
            return _unknown("not_listed", f"The variables could not be listed: {error}", error=str(error))

    async def _speaks_python(self, name: str | None) -> bool:
        spec = await ensure_async(self._specs.get_kernel_spec(name))
        return str(spec.language).lower() == "python"

    async def _ask(self, kernel_id: str) -> Manifest:
        kernel, talk = self._manager.get_kernel(kernel_id), self._talk_of(kernel_id)
        heard = None if talk is None else (talk.others, talk.own_ended + 1)
        stamps = (getattr(kernel, "last_activity", None), getattr(self._manager, "last_kernel_activity", None))
        session = Session(key=kernel.session.key, signature_scheme=kernel.session.signature_scheme, username=OWN_NAME)
        client = kernel.client(session=session)
        client.start_channels(shell=True, iopub=False, stdin=False, hb=False, control=False)  # noqa: S604 -- the channel's name
        try:
            return await asyncio.wait_for(self._exchange(client), ANSWER_SECONDS)
        finally:
            client.stop_channels()
            if talk is not None and heard is not None:
                await self._put_back(kernel, talk, heard, stamps)

    async def _put_back(
        self, kernel: Any, talk: KernelTalk, heard: tuple[int, int], stamps: tuple[datetime | None, datetime | None]
    ) -> None:
        """Our question was nobody's activity. If anybody else spoke with the kernel meanwhile, nothing is touched."""
        for _ in range(20):
            if talk.own_ended >= heard[1]:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.02)  # Jupyter hears the same message on a socket of its own
        if (talk.others, talk.own_ended) == heard and None not in stamps:
            kernel.last_activity, self._manager.last_kernel_activity = stamps

    async def _exchange(self, client: Any) -> Manifest:
        sent = client.execute(
            "",
            silent=True,
            store_history=False,
            user_expressions={"variables": _EXPRESSION},
            allow_stdin=False,
            stop_on_error=False,
        )
        while True:
            reply = await ensure_async(client.get_shell_msg(timeout=ANSWER_SECONDS))
            if reply["parent_header"].get("msg_id") == sent:
                return _read(reply["content"])


def _read(content: dict[str, Any]) -> Manifest:
    answer = content.get("user_expressions", {}).get("variables", {})
    text = answer.get("data", {}).get("text/plain", "")
    if answer.get("status") != "ok" or not isinstance(text, str) or len(text) > MOST_TEXT:
        said = str(answer.get("ename") or "nothing")
        return _unknown("kernel_answered", f"The kernel answered: {said}.", answer=said)
    # A text within a text: IPython shows our answer, itself shown by `repr`, as it shows any text.
    complete, rows = ast.literal_eval(ast.literal_eval(text))
    variables = tuple(
        Variable(
            name=sendable(str(name)),
            type=sendable(str(called)),
            size_bytes=None if size is None else int(size),
            summary=None if summary is None else str(summary)[:200],
        )
        for name, called, size, summary in rows[:MOST_VARIABLES]
    )
    if complete:
        return Manifest(variables=variables, complete=True)
    return Manifest(
        variables=variables,
        complete=False,
        why_not=f"There are too many; these are the largest {len(variables)} that were seen.",
        why_not_sentence=Sentence(code="too_many", detail={"count": str(len(variables))}),
    )


def _unknown(code: str, why: str, **detail: str) -> Manifest:
    sentence = Sentence(code=code, detail={name: sendable(word[:300]) for name, word in detail.items()})
    return Manifest(variables=(), complete=False, why_not=why[:500], why_not_sentence=sentence)
