"""Where the server runs and how that machine is stopped, in the words of the wire."""

from __future__ import annotations

from typing import Literal, Protocol

from ..model import Model, Sentence

__all__ = ["Conflict", "Platform", "PlatformKind", "StopFailed", "StopMeans", "StopWay", "Stopper"]

PlatformKind = Literal["studio_space", "notebook_instance", "jupyterhub", "plain"]


class Platform(Model, frozen=True, kw_only=True):
    """One place a server can run in.

    `persistent_root` is the folder whose files are still there after a restart of the machine, null where
    that can't be told. `can_stop_instance` says whether the machine itself can be stopped from here.
    """

    kind: PlatformKind
    persistent_root: str | None
    can_stop_instance: bool
    instance_type: str | None = None
    region: str | None = None


class Conflict(Model, frozen=True, kw_only=True):
    """What else in a Jupyter server ends kernels, terminals or the server by rules of its own, or seems to keep them.

    `name` is the setting (`MappingKernelManager.cull_idle_timeout`) or the extension (`jupyter_keepalive`). `seconds`
    after which it acts, null where it names none; `also` are settings that make it sharper (`cull_busy`); `follows_us`
    whether it was seen to hear of work and keeps.
    """

    ends: Literal["kernels", "terminals", "server", "extension"]
    name: str
    seconds: int | None = None
    also: tuple[str, ...] = ()
    follows_us: bool | None = None


StopMeans = Literal["delete_app", "native_idle", "stop_notebook_instance", "hub", "stop_server", "command", "none"]
"""How the machine is stopped: SageMaker's DeleteApp; Studio's own idle shutdown, told the truth; SageMaker's
StopNotebookInstance; the hub's API; the Jupyter server ends itself; the administrator's command; not at all."""


class StopWay(Model, frozen=True, kw_only=True):
    """How this machine is stopped, found by what is there. `why_not` says in words why it can't be, and
    `why_not_sentence` says the same by a code."""

    means: StopMeans
    available: bool
    why_not: str | None = None
    why_not_sentence: Sentence | None = None


class StopFailed(Exception):
    """The machine was not stopped; says why, in words for a person.

    `missing` names the permission whose lack is the reason, e.g. `sagemaker:DeleteApp`; None if it is something
    else (no network, too many requests, a fault over there). `sentence` says what the message says by a code.
    """

    def __init__(self, message: str, *, missing: str | None = None, sentence: Sentence | None = None) -> None:
        super().__init__(message)
        self.missing = missing
        self.sentence = sentence


class Stopper(Protocol):
    """Stops the machine, one way.

    `life` is the same as long as the machine was not stopped and started again, over restarts of this server
    too; so a new server can tell whether what was asked for has happened.
    """

    way: StopWay
    life: str

    async def stop(self) -> None:
        """Ask once. When this returns, the request was accepted. Raises StopFailed; may be tried again later."""
