"""Whose server this is and on which machine, as a policy document's rules ask for it."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from .model import Subject

__all__ = ["subject_of"]

_GPU_DEVICES = (Path("/dev/nvidia0"), Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))
"""NVIDIA's first device and its control, Windows' GPU in WSL, AMD's compute device."""


def subject_of(environment: Mapping[str, str], studio_names: tuple[str, ...], instance_type: str | None) -> Subject:
    """Name the user: the hub's name, Studio's user profile and space, else the operating system's user.

    `studio_names` are those of SageMaker's metadata file. Every name that is known counts.
    """
    hub = environment.get("JUPYTERHUB_USER", "")
    names = (hub,) if hub else tuple(name for name in studio_names if name)
    names = names or _system_names()
    gpu = any(path.exists() for path in _GPU_DEVICES) if sys.platform == "linux" else None
    return Subject(users=names, instance_type=instance_type, gpu=gpu)


def _system_names() -> tuple[str, ...]:
    # Not by USER or LOGNAME: those are what somebody wrote into the environment.
    if sys.platform == "win32":
        return (getpass.getuser(),)
    import pwd

    uid = os.getuid()
    try:
        return (pwd.getpwuid(uid).pw_name,)
    except KeyError:
        return (str(uid),)
