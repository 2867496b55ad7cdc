"""Start JupyterLab with the panel open, on settings, data and notebooks of its own below `.lab/`.

Arguments go to JupyterLab: `make lab ARGS="--LccIdle.kernel_timeout_seconds=120"`. Ctrl-C ends the server with
its kernels and terminals.
"""

from __future__ import annotations

import os
import shutil
import sys

from house import ROOT, VENV, environment, prepare_front_end, prepare_python, run, say

LAB = ROOT / ".lab"
EXAMPLE = ROOT / "examples" / "lab"


def own_environment() -> dict[str, str]:
    """Keep out of the user's own Jupyter settings, and their limits out of this."""
    return {
        **environment(),
        "IPYTHONDIR": str(LAB / "ipython"),
        "JUPYTER_CONFIG_DIR": str(LAB / "config"),
        "JUPYTER_DATA_DIR": str(LAB / "data"),
        "JUPYTER_RUNTIME_DIR": str(LAB / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(LAB / "config" / "lab" / "user-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(LAB / "workspaces"),
    }


def furnish(env: dict[str, str]) -> None:
    """Lay out the example notebook and, the first time, settings without news and a workspace with the panel open."""
    notebooks, workspaces = LAB / "notebooks", LAB / "workspaces"
    notebooks.mkdir(parents=True, exist_ok=True)
    for file in EXAMPLE.glob("*.ipynb"):
        if not (notebooks / file.name).exists():
            shutil.copy(file, notebooks)
    quiet = LAB / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    if not quiet.exists():
        quiet.mkdir(parents=True)
        text = '{"fetchNews": "false", "checkForUpdates": false}\n'
        (quiet / "notification.jupyterlab-settings").write_text(text)
    if not any(workspaces.glob("*")):
        workspaces.mkdir(parents=True, exist_ok=True)
        run(VENV / "bin" / "jupyter", "lab", "workspaces", "import", EXAMPLE / "workspace.json", env=env)


def main() -> None:
    """Prepare, then become JupyterLab: nothing stands between it and Ctrl-C."""
    prepare_python("lab")
    prepare_front_end()
    env = own_environment()
    furnish(env)
    command = [str(VENV / "bin" / "jupyter-lab"), "-y", f"--notebook-dir={LAB / 'notebooks'}"]
    if os.geteuid() == 0:
        command.append("--allow-root")
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        command.append("--no-browser")
        say("no screen here: open the URL below in a browser")
    sys.stdout.flush()
    os.execve(command[0], [*command, *sys.argv[1:]], env)


if __name__ == "__main__":
    main()
