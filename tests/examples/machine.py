"""A stand-in for a SageMaker machine: an image's Python, a home, and fakes of the commands that belong to the platform.

The fakes write down how they were called. Everything else is real: the scripts, pip, the wheel, the Jupyter server.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.packaging.servers import Server, serve
from tests.packaging.venvs import ROOT, run

Platform = Literal["space", "notebook"]
SCRIPTS = {
    name: ROOT / "examples" / "lifecycle" / file
    for name, file in (("space", "jupyterlab-space.sh"), ("notebook", "notebook-instance.sh"))
}
CONFIG = "jupyter_jupyter_lcc_config.json"
NOWHERE = "http://127.0.0.1:9"
NOBODY = 65534
NOT_IN_IMAGES = ("msgspec", "py-rattler")

_FAKES = {
    "supervisorctl": (
        'case "$*" in *status*) cat "$FAKES/server-state" ;; *) echo "supervisorctl $*" >>"$FAKES/calls" ;; esac'
    ),
    "systemctl": 'echo "systemctl $*" >>"$FAKES/calls"',
}
_FAKE_AWS = (
    'echo "aws $*" >>"$FAKES/calls"; [ -d "$FAKES/s3" ] || { echo "fake aws: no such bucket" >&2; exit 1; }; '
    'for to; do :; done; cp "$FAKES"/s3/*.whl "$to"'
)


@dataclass(frozen=True)
class Ran:
    """How the script ended."""

    status: int
    output: str
    seconds: float


def who() -> dict[str, Any]:
    """As whom an image's user acts here: nobody where the tests run as root, else who runs the tests."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def unprivileged_python() -> str:
    """Find a Python that this user can run and that can make environments."""
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3"):
        probe = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))"
        with contextlib.suppress(OSError):
            if subprocess.run([python, "-c", probe], capture_output=True, cwd="/", **who()).returncode == 0:
                return python
    raise AssertionError("No Python 3.10 or newer here can be run by an unprivileged user; install python3-venv.")


@dataclass
class Machine:
    """One machine; `image` is its Python environment, which a restart brings back to what it was."""

    platform: Platform
    image: Path
    folder: Path
    variables: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.folder / "a home of Zoë"
        self.fakes = self.folder / "fakes"
        self.home.mkdir()
        self.fakes.mkdir()
        for name, text in _FAKES.items():
            self.fake(name, text)
        (self.fakes / "server-state").write_text("jupyterlabserver   RUNNING   pid 7, uptime 0:01:00\n")
        if self.platform == "notebook":
            (self.home / "SageMaker").mkdir()
            environments = self.home / "anaconda3" / "envs"
            environments.mkdir(parents=True)
            (environments / "JupyterSystemEnv").symlink_to(self.image)
        self._give_away(self.folder)
        self.restart()

    def fake(self, name: str, text: str) -> None:
        """Put a fake command on the PATH."""
        path = self.fakes / name
        path.write_text(f"#!/bin/bash\n# a fake, for tests\n{text}\n")
        path.chmod(0o755)
        self._give_away(path)

    def fake_aws(self, bucket: Path | None) -> None:
        """Fake the AWS command line with a bucket that is a folder, or that can't be reached."""
        self.fake("aws", _FAKE_AWS)
        if bucket:
            shutil.copytree(bucket, self.fakes / "s3")
            self._give_away(self.fakes / "s3")

    def restart(self) -> None:
        """Begin with the image as it was built, as a space and an instance do; the home stays."""
        packages = self.site_packages()
        modules = [name.removeprefix("py-") for name in ("jupyter_lcc", *NOT_IN_IMAGES)]
        for path in [
            *(path for module in modules for path in packages.glob(f"{module}*")),
            *packages.glob("py_rattler*"),
            self.image / "etc" / "jupyter" / CONFIG,
        ]:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        shutil.rmtree(self.image / "share" / "jupyter" / "labextensions" / "jupyter-lcc", ignore_errors=True)
        (self.image / "etc/jupyter/jupyter_server_config.d/jupyter_lcc.json").unlink(missing_ok=True)

    def site_packages(self) -> Path:
        (packages,) = (self.image / "lib").glob("python3*/site-packages")
        return packages

    def run(self, env: dict[str, str] | None = None, **variables: Any) -> Ran:
        """Run the script, edited as an administrator would, the way the platform runs it."""
        script = self.folder / "script"
        script.write_text(self.edited({**self.variables, **variables}))
        script.chmod(0o755)
        paths = [str(self.fakes), "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        if self.platform == "space":
            paths.insert(1, str(self.image / "bin"))
        settings = {
            "PATH": os.pathsep.join(paths),
            "HOME": str(self.home) if self.platform == "space" else "/",
            "LANG": "C.UTF-8",
            "FAKES": str(self.fakes),
            "PIP_CONFIG_FILE": os.devnull,
            "http_proxy": NOWHERE,
            "https_proxy": NOWHERE,
            "no_proxy": "127.0.0.1",
            **(env or {}),
        }
        acts_as = who() if self.platform == "space" else {}
        begun = time.monotonic()
        done = subprocess.run(
            [str(script)],
            env=settings,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            **acts_as,
        )
        return Ran(done.returncode, done.stdout, time.monotonic() - begun)

    def edited(self, variables: dict[str, Any]) -> str:
        """Give the script with other values in its upper part."""
        text = SCRIPTS[self.platform].read_text()
        if self.platform == "notebook":
            user = "nobody" if os.geteuid() == 0 else "whoever-runs-the-tests"
            variables = {"NOTEBOOK_HOME": self.home, "NOTEBOOK_USER": user, **variables}
        for name, value in variables.items():
            if isinstance(value, dict):
                value = json.dumps(value, indent=2)
            assignment = f"{name}=({value})" if name == "PIP_OPTIONS" else f"{name}='{value}'"
            pattern = rf"^{name}=('[^']*'|\([^)]*\)|\d+)$"
            text, count = re.subn(pattern, assignment.replace("\\", r"\\"), text, flags=re.MULTILINE)
            assert count == 1, f"{name} stands {count} times in the script"
        return text

    def calls(self) -> list[str]:
        """Read how the fakes were called, and forget it."""
        path = self.fakes / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def config(self) -> Any:
        """Read the file with the limits."""
        return json.loads((self.image / "etc" / "jupyter" / CONFIG).read_text())

    def version(self) -> str | None:
        """Tell which version can be imported."""
        code = "import jupyter_lcc.config; from importlib.metadata import version; print(version('jupyter_lcc'))"
        done = subprocess.run(
            [self.image / "bin" / "python", "-c", code], capture_output=True, text=True, cwd="/", **who()
        )
        return done.stdout.strip() or None

    @contextlib.contextmanager
    def server(self) -> Iterator[Server]:
        """Run the image's own Jupyter server as its user."""
        command: list[str | Path] = [self.image / "bin" / "python", "-m", "jupyterlab"]
        with serve(command, self.home, env={"RESOURCE_METADATA_FILE": "/nowhere"}, acts_as=who()) as server:
            yield server

    def _give_away(self, path: Path) -> None:
        if os.geteuid() == 0:
            run(["chown", "-R", f"{NOBODY}:{NOBODY}", path])
