"""Tell which platform this is from what is there: pure predicates over a snapshot of the machine's facts.

Facts from the SageMaker documentation and AWS's own extensions: the metadata file names the app of a Studio
space; on a notebook instance it has no AppType, and only the SageMaker folder survives a restart.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ..model import Model
from .model import Platform, PlatformKind

__all__ = [
    "METADATA_FILE",
    "Machine",
    "Metadata",
    "choose",
    "is_hub",
    "is_notebook_instance",
    "is_studio_app",
    "look",
    "region_of",
]

METADATA_FILE = Path("/opt/ml/metadata/resource-metadata.json")


class Metadata(msgspec.Struct):
    """The fields of SageMaker's resource-metadata.json that are read; others are ignored."""

    ResourceArn: str = ""
    ResourceName: str = ""
    AppType: str = ""
    DomainId: str = ""
    SpaceName: str = ""
    UserProfileName: str = ""


class Machine(Model, frozen=True, kw_only=True):
    """What was found on the machine."""

    home: str
    environment: Mapping[str, str]
    metadata: Metadata | None


def look(home: Path, environment: Mapping[str, str]) -> Machine:
    """Read what tells platforms apart. A metadata file that can't be read is as good as none."""
    path = Path(environment.get("RESOURCE_METADATA_FILE") or METADATA_FILE)
    try:
        metadata = msgspec.json.decode(path.read_bytes(), type=Metadata)
    except (OSError, msgspec.DecodeError):
        metadata = None
    wanted = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_INSTANCE_TYPE")
    found = {k: v for k, v in environment.items() if k in wanted or k.startswith("JUPYTERHUB_")}
    return Machine(home=str(home), environment=found, metadata=metadata)


def is_studio_app(machine: Machine) -> bool:
    """Tell whether this is a JupyterLab or Code Editor app of SageMaker Studio."""
    metadata = machine.metadata
    if metadata is None or metadata.AppType not in ("JupyterLab", "CodeEditor"):
        return False
    return bool(metadata.SpaceName or metadata.UserProfileName)


def is_notebook_instance(machine: Machine) -> bool:
    """Tell whether this is a SageMaker notebook instance."""
    return machine.metadata is not None and ":notebook-instance/" in machine.metadata.ResourceArn


def is_hub(machine: Machine) -> bool:
    """Tell whether a JupyterHub started this server."""
    return {"JUPYTERHUB_API_URL", "JUPYTERHUB_USER"} <= machine.environment.keys()


def region_of(machine: Machine) -> str | None:
    """Give the AWS region: the one in the resource's own name before what the environment says."""
    arn = machine.metadata.ResourceArn.split(":") if machine.metadata else []
    named = arn[3] if len(arn) > 3 else ""
    environment = machine.environment
    return named or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or None


def choose(machine: Machine) -> Platform:
    """Name the platform; a plain machine where nothing says otherwise."""
    region: str | None = region_of(machine)
    kind: PlatformKind = "plain"
    root = machine.home
    if is_studio_app(machine):
        kind = "studio_space"
    elif is_notebook_instance(machine):
        kind, root = "notebook_instance", os.path.join(machine.home, "SageMaker")
    else:
        region = None
        if is_hub(machine):
            # A hub may mount the home anew for each server; most keep it, and nothing on the machine tells.
            kind = "jupyterhub"
    return Platform(
        kind=kind,
        persistent_root=root,
        can_stop_instance=False,
        instance_type=machine.environment.get("AWS_INSTANCE_TYPE") or None,
        region=region,
    )
