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
from .model import Platform

__all__ = ["METADATA_FILE", "Machine", "choose", "look"]

METADATA_FILE = Path("/opt/ml/metadata/resource-metadata.json")


class _Metadata(msgspec.Struct):
    """The fields of SageMaker's resource-metadata.json that are read; others are ignored."""

    ResourceArn: str = ""
    ResourceName: str = ""
    AppType: str = ""
    DomainId: str = ""
    SpaceName: str = ""


class Machine(Model, frozen=True, kw_only=True):
    """What was found on the machine."""

    home: str
    environment: Mapping[str, str]
    metadata: _Metadata | None


def look(home: Path, environment: Mapping[str, str]) -> Machine:
    """Read what tells platforms apart. A metadata file that can't be read is as good as none."""
    path = Path(environment.get("RESOURCE_METADATA_FILE") or METADATA_FILE)
    try:
        metadata = msgspec.json.decode(path.read_bytes(), type=_Metadata)
    except (OSError, msgspec.DecodeError):
        metadata = None
    wanted = ("JUPYTERHUB_API_URL", "JUPYTERHUB_USER", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_INSTANCE_TYPE")
    return Machine(
        home=str(home), environment={k: environment[k] for k in wanted if k in environment}, metadata=metadata
    )


def choose(machine: Machine) -> Platform:
    """Name the platform; a plain machine where nothing says otherwise."""
    metadata, environment = machine.metadata, machine.environment
    arn = metadata.ResourceArn.split(":") if metadata else []
    region = (arn[3] if len(arn) > 3 else "") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if metadata is not None and metadata.AppType in ("JupyterLab", "CodeEditor") and metadata.SpaceName:
        return Platform(
            kind="studio_space", persistent_root=machine.home, can_stop_instance=False, region=region or None
        )
    if metadata is not None and ":notebook-instance/" in metadata.ResourceArn:
        root = os.path.join(machine.home, "SageMaker")
        return Platform(kind="notebook_instance", persistent_root=root, can_stop_instance=False, region=region or None)
    if "JUPYTERHUB_API_URL" in environment and "JUPYTERHUB_USER" in environment:
        # A hub may mount the home anew for each server; most keep it, and nothing on the machine tells.
        return Platform(kind="jupyterhub", persistent_root=machine.home, can_stop_instance=False)
    return Platform(kind="plain", persistent_root=machine.home, can_stop_instance=False)
