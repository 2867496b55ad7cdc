"""What can be checked on this machine without a server's answer: configuration, platform, state folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from ..idle.state import state_folder
from ..platforms.model import Platform
from .findings import Check
from .settings import Settings

__all__ = [
    "check_enabled",
    "check_platform",
    "check_state_folder",
    "installed_version",
    "state_folder_of",
]

_PLATFORMS = {
    "studio_space": "a SageMaker Studio space",
    "notebook_instance": "a SageMaker notebook instance",
    "jupyterhub": "a server of a JupyterHub",
    "plain": "a plain machine",
}


def check_enabled(settings: Settings, listed: Mapping[str, bool]) -> Check:
    """Is the extension enabled in Jupyter's config files? `listed` is what the `.d` folders and JSON files say."""
    setting = settings.find(("ServerApp",), "jpserver_extensions")
    in_files = setting.value if setting is not None and isinstance(setting.value, Mapping) else {}
    if {**in_files, **listed}.get("jupyter_lcc"):
        return Check(name="enabled", result="ok", message="jupyter_lcc is enabled in Jupyter's config files.")
    return Check(
        name="enabled",
        result="fail",
        message="jupyter_lcc is not enabled in Jupyter's config files.",
        advice="Enable it with `jupyter server extension enable jupyter_lcc`, then start the server again.",
    )


def check_platform(platform: Platform) -> Check:
    """Where are we?"""
    kept = f" Files below {platform.persistent_root} survive a restart." if platform.kind == "notebook_instance" else ""
    return Check(name="platform", result="ok", message=f"This is {_PLATFORMS.get(platform.kind, platform.kind)}.{kept}")


def check_state_folder(folder: Path) -> Check:
    """Can leases, countdowns and the decision log be written, and was a broken file set aside?"""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK) or not existing.is_dir():
        return Check(
            name="state_folder",
            result="fail",
            message=f"{folder} can't be written.",
            advice="A restart forgets leases and countdowns. Set the rights, or another folder as LccIdle.state_dir.",
        )
    aside = sorted(folder.rglob("*.corrupt-*"))
    if aside:
        return Check(
            name="state_folder",
            result="warn",
            message=f"A file that could not be read was set aside: {aside[-1]}.",
            advice="Look whether it holds something you miss, then delete it.",
        )
    return Check(name="state_folder", result="ok", message=f"{folder} can be written.")


def state_folder_of(settings: Settings, platform: Platform, data_dir: Path) -> Path:
    """Tell where a server with these settings keeps its state."""
    configured = settings.find(("LccIdle",), "state_dir")
    return state_folder(str(configured.value) if configured is not None else "", data_dir, platform)


def installed_version(package: str) -> str | None:
    """Give the version of a package in this Python, None if it isn't there."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
