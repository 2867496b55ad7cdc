"""Where the server runs, in the words of the wire."""

from __future__ import annotations

from typing import Literal

from ..model import Model

__all__ = ["Platform", "PlatformKind"]

PlatformKind = Literal["studio_space", "notebook_instance", "jupyterhub", "plain"]


class Platform(Model, frozen=True, kw_only=True):
    """One place a server can run in.

    `persistent_root` is the folder whose files are still there after a restart of the machine, null where
    that can't be told. `can_stop_instance` says whether this version stops the machine itself.
    """

    kind: PlatformKind
    persistent_root: str | None
    can_stop_instance: bool
    instance_type: str | None = None
    region: str | None = None
