"""What else ends kernels, terminals, the server or the machine, in words: what it means and what to do about it.

Pure: the running server tells what it has (`GET lcc/about`); without one, Jupyter's config files say what it would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..idle.conflicts import EXTENSIONS, NATIVE
from ..idle.model import IdleView
from ..platforms.model import Conflict, PlatformKind
from .findings import Check
from .settings import Settings
from .times import say_duration

__all__ = ["check_conflicts", "check_hub", "check_native_idle", "configured_conflicts"]

_KERNEL_MANAGERS = ("GatewayMappingKernelManager", "AsyncMappingKernelManager", "MappingKernelManager")
_TERMINAL_MANAGERS = ("TerminalManager",)
_SERVERS = ("ServerApp", "LabApp", "NotebookApp")

_MEANS = {
    "kernels": (
        (
            "Jupyter's own culling shuts kernels down after {time}{also}. It warns nobody, knows no keep, and doesn't "
            "see child processes that work silently"
        ),
        "Take cull_idle_timeout out, and set LccIdle.kernel_timeout_seconds instead.",
    ),
    "terminals": (
        "Jupyter's own culling shuts terminals down after {time} without output, also with a silent job in them",
        "Take cull_inactive_timeout out, and set LccIdle.terminal_timeout_seconds instead.",
    ),
    "server": (
        (
            "The server ends itself when for {time} no kernel ran and nobody asked it anything. A keep on the machine "
            "holds it; a silent job in a terminal doesn't. Once it has ended, nobody stops the machine"
        ),
        (
            "Take shutdown_no_activity_timeout out, and set LccIdle.instance_timeout_seconds instead. Where only the "
            'server shall end, set LccIdle.stop_machine = "server".'
        ),
    ),
}
_ALSO = {"cull_busy": "even while they work", "cull_connected": "even with a page open"}
_EXTENSIONS = {
    "jupyter_keepalive": (
        (
            "jupyter_keepalive is enabled: its *Keep server alive* refreshes Jupyter's own activity. jupyter_lcc "
            "doesn't count that, so what people think they keep is shut down all the same."
        ),
        (
            "Use *Keep* in the panel or `jupyter lcc keep`, and disable it: "
            "`jupyter server extension disable jupyter_keepalive`."
        ),
    ),
    "jupyterlab_kernel_terminal_workspace_culler_extension": (
        (
            "jupyterlab_kernel_terminal_workspace_culler_extension is enabled: it shuts kernels and terminals down by "
            "rules of its own, also what is kept here."
        ),
        (
            "Use one of the two; this disables the other: "
            "`jupyter server extension disable jupyterlab_kernel_terminal_workspace_culler_extension`."
        ),
    ),
    "sagemaker_studio_autoshutdown": (
        (
            "sagemaker_studio_autoshutdown is enabled: it ends kernels, terminals and apps by rules of its own, also "
            "what is kept here."
        ),
        (
            "Use one of the two; this disables the other: "
            "`jupyter server extension disable sagemaker_studio_autoshutdown`, and take it out of the lifecycle "
            "configuration that installs it."
        ),
    ),
}


def configured_conflicts(
    settings: Settings, listed: Mapping[str, bool], version_of: Callable[[str], str | None]
) -> tuple[Conflict, ...]:
    """Say what a server with these settings would have. `listed` are the extensions that are enabled."""
    found = []
    if kernels := settings.seconds(_KERNEL_MANAGERS, "cull_idle_timeout"):
        also = tuple(name for name in _ALSO if settings.is_on(_KERNEL_MANAGERS, name))
        found.append(
            Conflict(ends="kernels", name="MappingKernelManager.cull_idle_timeout", seconds=kernels[0], also=also)
        )
    if terminals := settings.seconds(_TERMINAL_MANAGERS, "cull_inactive_timeout"):
        found.append(Conflict(ends="terminals", name="TerminalManager.cull_inactive_timeout", seconds=terminals[0]))
    if server := settings.seconds(_SERVERS, "shutdown_no_activity_timeout"):
        found.append(Conflict(ends="server", name="ServerApp.shutdown_no_activity_timeout", seconds=server[0]))
    for name in EXTENSIONS:
        if listed.get(name) and version_of(name.replace("_", "-")) is not None:
            found.append(Conflict(ends="extension", name=name))
    return tuple(found)


def check_conflicts(conflicts: Sequence[Conflict], settings: Settings) -> Iterable[Check]:
    """Put conflicts in words; `settings` tell where a value was set, as far as that can be found."""
    found = False
    for conflict in conflicts:
        if conflict.name == NATIVE:
            continue
        found = True
        if conflict.ends == "extension":
            means, advice = _EXTENSIONS.get(conflict.name, (f"{conflict.name} is enabled.", "Use one of the two."))
        else:
            words, advice = _MEANS[conflict.ends]
            also = "".join(f", {_ALSO.get(name, name)}" for name in conflict.also)
            means = (
                f"{words.format(time=say_duration(conflict.seconds or 0), also=also)} ({_set_in(conflict, settings)})."
            )
        yield Check(name="other_cullers", result="warn", message=means, advice=advice)
    for problem in settings.unreadable:
        yield Check(
            name="config_files",
            result="warn",
            message=f"A config file can't be read: {problem}",
            advice="A server that starts with it may fail, or run without what it sets.",
        )
    if not found:
        yield Check(
            name="other_cullers",
            result="ok",
            message="Nothing else in Jupyter shuts kernels, terminals or the server down.",
        )


def check_native_idle(
    kind: PlatformKind, conflicts: Sequence[Conflict], view: IdleView | None, *, asked_aws: bool
) -> Iterable[Check]:
    """On Studio: does its own idle shutdown hear of work, and does it come earlier than ours?"""
    if kind != "studio_space":
        return
    monitor = next((conflict for conflict in conflicts if conflict.name == NATIVE), None)
    if monitor is None:
        yield Check(
            name="native_idle",
            result="ok",
            message="jupyter-activity-monitor-extension is not enabled here, so Studio's own idle shutdown can't ask "
            "this server what is idle.",
        )
    elif monitor.follows_us:
        yield Check(
            name="native_idle",
            result="ok",
            message="Studio's own idle shutdown hears of silent work and keeps: api/idle follows jupyter_lcc.",
        )
    elif view is not None and any(problem.code == "native_idle_failed" for problem in view.monitor.problems):
        pass  # told with the monitor's problems, and what is wrong
    elif view is not None and view.mode != "enforce":
        yield Check(
            name="native_idle",
            result="warn",
            message=f"In mode {view.mode} nothing tells Studio's own idle shutdown of silent work or keeps; it may "
            "stop the app meanwhile.",
            advice="Switch it off in the domain while you observe, or give it a long time.",
        )
    else:
        yield Check(
            name="native_idle",
            result="warn",
            message="Studio's own idle shutdown doesn't hear of silent work and keeps (yet): api/idle was not seen to "
            "follow jupyter_lcc.",
            advice="If the server has just started, run doctor again in a minute.",
        )
    if monitor is not None and not asked_aws:
        limit = _limit_words(view)
        yield Check(
            name="native_idle_time",
            result="ok",
            message="How long Studio's own idle shutdown waits can't be read on this machine.",
            advice=f"Check that IdleTimeoutInMinutes of the domain, the user profile and the space is not shorter than "
            f"instance_timeout_seconds{limit}. `jupyter lcc doctor --aws` asks AWS, if the role may.",
        )


def check_hub(kind: PlatformKind) -> Iterable[Check]:
    """On a hub: what has to be looked at over there."""
    if kind == "jupyterhub":
        yield Check(
            name="hub_culler",
            result="ok",
            message="The hub may stop this server by rules of its own, which can't be read from here. It goes by "
            "Jupyter's activity, so it knows neither silent work nor a keep.",
            advice="Ask the hub's administrator whether jupyterhub-idle-culler runs (jupyterhub_config.py, "
            "c.JupyterHub.services), and that its --timeout is longer than every limit here and --max-age is not set.",
        )


def _set_in(conflict: Conflict, settings: Settings) -> str:
    sections = {"kernels": _KERNEL_MANAGERS, "terminals": _TERMINAL_MANAGERS}.get(conflict.ends, _SERVERS)
    setting = settings.seconds(sections, conflict.name.partition(".")[2])
    if setting is not None and setting[0] == conflict.seconds:
        return f"{conflict.name} in {setting[1]}"
    return f"{conflict.name}, as the server runs with it"


def _limit_words(view: IdleView | None) -> str:
    if view is None:
        return ""
    seconds = view.policy.instance_timeout_seconds.value
    return f" ({say_duration(seconds) if seconds else 'never'})"
