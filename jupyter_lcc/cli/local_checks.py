"""What can be checked on this machine without a server's answer: configuration, state folder, others that shut down."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path

from ..idle.state import state_folder
from ..platforms.model import Platform
from .findings import Check
from .settings import Settings
from .times import say_duration

__all__ = [
    "check_enabled",
    "check_platform",
    "check_rivals",
    "check_state_folder",
    "installed_version",
    "state_folder_of",
]

_KERNEL_MANAGERS = (
    "GatewayMappingKernelManager",
    "AsyncMappingKernelManager",
    "MappingKernelManager",
)
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


def check_platform(platform: Platform, environment: Mapping[str, str]) -> Check:
    """Where are we, and who may stop the machine?"""
    kept = f" Files below {platform.persistent_root} survive a restart." if platform.kind == "notebook_instance" else ""
    hub = ""
    if "JUPYTERHUB_API_URL" in environment:
        hub = " The hub may stop this server by its own rules; they can't be read from here."
    return Check(
        name="platform",
        result="ok",
        message=f"This is {_PLATFORMS.get(platform.kind, platform.kind)}.{kept} This version stops kernels and "
        f"terminals, not the machine.{hub}",
    )


def check_rivals(settings: Settings, version_of: Callable[[str], str | None]) -> Iterable[Check]:
    """Who else shuts kernels, terminals or the server down, and so ends what we keep?"""
    quiet = True
    kernels = settings.seconds(_KERNEL_MANAGERS, "cull_idle_timeout")
    if kernels is not None:
        quiet = False
        busy = settings.find(_KERNEL_MANAGERS, "cull_busy")
        even = ", even while they work" if busy is not None and str(busy.value).lower() == "true" else ""
        yield Check(
            name="other_cullers",
            result="warn",
            message=f"Jupyter's own culling shuts kernels down after {say_duration(kernels[0])}{even}, without a "
            f"warning and whoever keeps them (cull_idle_timeout in {kernels[1]}).",
            advice="Take cull_idle_timeout out, and set LccIdle.kernel_timeout_seconds instead.",
        )
    terminals = settings.seconds(("TerminalManager",), "cull_inactive_timeout")
    if terminals is not None:
        quiet = False
        yield Check(
            name="other_cullers",
            result="warn",
            message=f"Jupyter's own culling shuts terminals down after {say_duration(terminals[0])} without output, "
            f"also with a silent job in them (TerminalManager.cull_inactive_timeout in {terminals[1]}).",
            advice="Take cull_inactive_timeout out, and set LccIdle.terminal_timeout_seconds instead.",
        )
    for package, does in _PACKAGES.items():
        version = version_of(package)
        if version is not None:
            quiet = False
            yield Check(
                name="other_cullers",
                result="warn",
                message=f"{package} {version} is installed: {does[0]}",
                advice=does[1],
            )
    server = settings.seconds(("ServerApp",), "shutdown_no_activity_timeout")
    if server is not None:
        quiet = False
        yield Check(
            name="other_cullers",
            result="ok",
            message=f"The server ends itself when for {say_duration(server[0])} no kernel or terminal ran and nobody "
            "asked it anything, unless the machine is kept. That goes well with jupyter_lcc "
            f"(ServerApp.shutdown_no_activity_timeout in {server[1]}).",
        )
    for problem in settings.unreadable:
        yield Check(
            name="config_files",
            result="warn",
            message=f"A config file can't be read: {problem}",
            advice="Whether it sets up another culler can't be told.",
        )
    if quiet:
        yield Check(
            name="other_cullers", result="ok", message="Nothing else that shuts kernels or terminals down was found."
        )


_PACKAGES = {
    "jupyter-activity-monitor-extension": (
        (
            "on SageMaker it lets the platform stop the whole app when Jupyter's timestamps are old, which they also "
            "are during silent work, and it knows nothing of a keep."
        ),
        "If idle shutdown is on in the domain, give it a longer time than the limits here.",
    ),
    "jupyterlab-kernel-terminal-workspace-culler-extension": (
        "it shuts kernels and terminals down by rules of its own.",
        "Use one of the two.",
    ),
}


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
