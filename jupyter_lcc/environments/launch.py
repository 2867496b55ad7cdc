"""Start a kernel as in its activated environment. A copy of this file lies beside each kernelspec we write.

It runs in the environment's own Python (3.7 or newer, isolated, without site-packages), finds out where the environment
lies now, whatever the home is called, sets what `conda activate` would set, and becomes the kernel: the process stays
the same, so interrupts and shutdowns reach it. Only the standard library; what fails is said on stderr, and the kernel
starts all the same.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time

ACTIVATE_SECONDS = 30
UNSET = "***unset***"
"""What conda writes for a variable that is to be taken away."""

SOURCE = 'lcc_python=$1; shift; for lcc_script; do . "$lcc_script"; done 1>&2; exec "$lcc_python" -I -S -c "$LCC_TELL"'
TELL = "import os, sys\nos.write(%d, b'\\0'.join(k + b'=' + v for k, v in os.environb.items()) + b'\\0')"


def main() -> None:
    """Become `python -m ipykernel_launcher` with our arguments."""
    # Only the folder's links are followed: bin/python itself may lead somewhere else.
    prefix = os.path.dirname(os.path.realpath(os.path.dirname(sys.executable)))
    python = os.path.join(prefix, "bin", os.path.basename(sys.executable))
    environment = activated(prefix, dict(os.environ))
    words = [python, "-m", "ipykernel_launcher", *sys.argv[1:]]
    sys.stderr.flush()
    try:
        os.execve(python, words, environment)
    except OSError as error:
        say(f"{python} can't be started: {error}")
        sys.exit(126)


def activated(prefix: str, environment: dict[str, str]) -> dict[str, str]:
    """Give the environment variables of an activated environment."""
    # What an activated environment or a virtual environment around the server set is not this environment's.
    for name in list(environment):
        if name in ("PYTHONHOME", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT") or name.startswith("CONDA_PREFIX_"):
            del environment[name]
    folders = [os.path.join(prefix, "bin")]
    old = environment.get("PATH", os.defpath).split(os.pathsep)
    environment["PATH"] = os.pathsep.join(folders + [folder for folder in old if folder not in folders])
    environment["CONDA_PREFIX"] = prefix
    environment["CONDA_DEFAULT_ENV"] = os.path.basename(prefix)
    environment["CONDA_PROMPT_MODIFIER"] = f"({os.path.basename(prefix)}) "
    environment["CONDA_SHLVL"] = "1"
    for name, value in variables(prefix):
        if value == UNSET:
            environment.pop(name, None)
        else:
            environment[name] = value
    scripts = activation_scripts(prefix)
    return sourced(scripts, environment) if scripts else environment


def variables(prefix: str) -> list[tuple[str, str]]:
    """Give what packages and `conda env config vars` set, the latter last."""
    found: list[tuple[str, str]] = []
    folder = os.path.join(prefix, "etc", "conda", "env_vars.d")
    for name in sorted(listed(folder)):
        if name.endswith(".json"):
            found += read_variables(os.path.join(folder, name), None)
    return found + read_variables(os.path.join(prefix, "conda-meta", "state"), "env_vars")


def read_variables(path: str, key: str | None) -> list[tuple[str, str]]:
    """Read a JSON map of names and texts."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
        value = value.get(key, {}) if key else value
        return [(str(name), str(text)) for name, text in value.items() if "\0" not in str(name) + str(text) and name]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, AttributeError) as error:
        say(f"{path} is left out: {error}")
        return []


def activation_scripts(prefix: str) -> list[str]:
    """Give the scripts packages want to be sourced."""
    folder = os.path.join(prefix, "etc", "conda", "activate.d")
    return [os.path.join(folder, name) for name in sorted(listed(folder)) if name.endswith(".sh")]


def sourced(scripts: list[str], environment: dict[str, str]) -> dict[str, str]:
    """Source scripts with bash and give the variables as they are then; without bash, or if it fails, as they were."""
    # The scripts are arguments, so no name of theirs is taken for a command; what they print goes to stderr, and the
    # variables come over a pipe of their own.
    reader, writer = os.pipe()
    try:
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-c", SOURCE, "bash", sys.executable, *scripts],
            env=dict(environment, LCC_TELL=TELL % writer),
            stdin=subprocess.DEVNULL,
            stdout=2,
            pass_fds=(writer,),
            start_new_session=True,
        )
    except OSError as error:
        say(f"the scripts in activate.d are left out, bash can't be started: {error}")
        os.close(reader)
        return environment
    finally:
        os.close(writer)
    told = read_all(reader, process)
    pairs = [piece.split(b"=", 1) for piece in told.split(b"\0") if b"=" in piece]
    if not pairs:
        say("the scripts in activate.d are left out, they did not come to their end")
        return environment
    skip = ("_", "SHLVL", "PWD", "OLDPWD", "LCC_TELL")
    found = {os.fsdecode(name): os.fsdecode(value) for name, value in pairs}
    kept = {name: environment[name] for name in skip if name in environment}
    found = {name: value for name, value in found.items() if name not in skip}
    found.update(kept)
    return found


def read_all(reader: int, process: subprocess.Popen[bytes]) -> bytes:
    """Read what bash tells until it ends, and end it where it takes too long."""
    until = time.monotonic() + ACTIVATE_SECONDS
    told = b""
    while True:
        left = until - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            say(f"the scripts in activate.d took longer than {ACTIVATE_SECONDS} s")
            os.killpg(process.pid, 9)
            told = b""
            break
        piece = os.read(reader, 65536)
        if not piece:
            break
        told += piece
    os.close(reader)
    process.wait()
    return told


def listed(folder: str) -> list[str]:
    """Give the names in a folder, none where there is none."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def say(text: str) -> None:
    """Tell on stderr, which is the server's log."""
    sys.stderr.write(f"jupyter_lcc: {text}\n")


if __name__ == "__main__":
    main()
