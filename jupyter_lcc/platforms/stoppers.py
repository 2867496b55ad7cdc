"""Choose how this machine is stopped: what the administrator configured, else what the platform offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from .detect import Machine, is_hub, is_notebook_instance, is_studio_app, region_of
from .hub import HubServer
from .life import machine_life
from .model import Stopper
from .notebook_instance import NotebookInstance
from .plain import Command, NoWay, OwnServer
from .studio import StudioApp

__all__ = ["StopMachine", "stopper_for"]

StopMachine = Literal["platform", "server", "none"]


def stopper_for(
    machine: Machine,
    *,
    stop_machine: StopMachine,
    stop_command: Sequence[str],
    end_server: Callable[[], None],
    log: Any,
) -> Stopper:
    """Give the one way this machine is stopped. `end_server` ends this Jupyter server cleanly."""
    if stop_machine == "none":
        return NoWay(
            "configured_off", "The administrator configured that the machine is not stopped (LccIdle.stop_machine)."
        )
    if stop_command:
        return Command(stop_command, log, life=machine_life())
    if stop_machine == "server":
        return OwnServer(end_server)
    metadata = machine.metadata
    if metadata is not None and is_studio_app(machine):
        return StudioApp(
            domain=metadata.DomainId,
            app_type=metadata.AppType,
            app=metadata.ResourceName,
            space=metadata.SpaceName,
            user_profile=metadata.UserProfileName,
            arn=metadata.ResourceArn,
            region=region_of(machine),
            life=machine_life(),
        )
    if metadata is not None and is_notebook_instance(machine):
        return NotebookInstance(
            name=metadata.ResourceName, arn=metadata.ResourceArn, region=region_of(machine), life=machine_life()
        )
    if is_hub(machine):
        return HubServer(machine.environment)
    return NoWay(
        "way_unknown",
        "Nothing says how this machine is stopped; an administrator can configure it"
        " (LccIdle.stop_machine or LccIdle.stop_command).",
    )
