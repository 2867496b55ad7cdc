"""Why a kernel doesn't start, and what else is wrong with an environment: looked at, not guessed.

Everything here blocks, some of it for a second (Python is started once to see that it runs); call it from a thread.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..model import sendable
from .find import Found, IdFile
from .kernelspecs import Spec
from .model import Finding, FixCode
from .packages_of import Record

__all__ = ["CHECKS_SECONDS", "Case", "diagnose", "free_bytes"]

CHECKS_SECONDS = 30
_FEW_BYTES = 500_000_000
_MANY = 5
_MACHINES = {0x03: "x86", 0x3E: "x86_64", 0xB7: "aarch64", 0x15: "ppc64le", 0x28: "arm"}
"""e_machine of ELF files, from elf.h."""


@dataclass(frozen=True)
class Case:
    """What is looked at. `specs` are the kernelspecs of this environment, `kernel` the one we once wrote for it."""

    found: Found
    records: list[Record]
    specs: list[Spec]
    identity: IdFile | None
    launch: bytes
    subdir: str
    persistent: bool | None
    free_bytes: int | None
    over_quota: bool
    pip_names: tuple[str, ...] = ()


def diagnose(case: Case) -> tuple[Finding, ...]:
    """Say what is wrong, the worst first."""
    findings: list[Finding] = []
    if case.found.status == "incomplete":
        findings.append(
            _error(
                "incomplete",
                "Something began to make this environment and did not end; there are no packages in it.",
                "Delete it and make it again.",
                "delete" if case.found.managed else None,
            )
        )
    findings += _broken_records(case)
    runs = _python(case, findings)
    findings += _files(case)
    findings += _kernel(case, runs)
    findings += _moved(case)
    findings += _doubles(case)
    findings += _around(case)
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(findings, key=lambda finding: order[finding.level]))


def _python(case: Case, findings: list[Finding]) -> bool:
    """Tell whether Python runs; add why it doesn't."""
    if case.found.python is None:
        return False
    python = Path(case.found.prefix, "bin", "python")
    again: FixCode | None = "reinstall" if _may_change(case) else None
    if not python.exists():
        what = "leads nowhere" if python.is_symlink() else "is missing"
        findings.append(
            _error("python_missing", f"bin/python {what}.", "Install the same packages anew.", again),
        )
        return False
    machine, here = _machine_of(python), _machine_here()
    if machine is not None and here is not None and machine != here:
        findings.append(
            _error(
                "wrong_architecture",
                f"It was made for {machine}, and this machine is {here}.",
                "Export it as environment.yml on a machine of its kind and make it again here.",
            )
        )
        return False
    told = _run([str(python), "-I", "-S", "-c", "import encodings, sys; print(sys.prefix)"])
    if told is not None:
        findings.append(
            _error("python_does_not_run", f"Python doesn't start: {told}", "Install the same packages anew.", again)
        )
        return False
    return True


def _files(case: Case) -> list[Finding]:
    missing: dict[str, int] = {}
    total = 0
    for name, files in _listed_files(case.found.prefix):
        lacking = sum(not os.path.lexists(f"{case.found.prefix}/{file}") for file in files)
        if lacking:
            missing[name] = lacking
            total += lacking
    if not missing:
        return []
    names = sorted(missing)
    shown = ", ".join(names[:_MANY]) + (f" and {len(names) - _MANY} more" if len(names) > _MANY else "")
    return [
        _error(
            "files_missing",
            f"{total} files of {len(names)} packages are missing: {shown}.",
            "Install the same packages anew.",
            "reinstall" if _may_change(case) else None,
        )
    ]


def _kernel(case: Case, runs: bool) -> list[Finding]:
    findings: list[Finding] = []
    ours = [spec for spec in case.specs if spec.ours]
    wanted = bool(case.specs) or (case.identity is not None and case.identity.kernel is not None)
    names = {record.name for record in case.records} | {name.lower() for name in case.pip_names}
    if case.identity is not None and case.identity.kernel is not None and not ours:
        findings.append(
            Finding(
                code="kernelspec_missing",
                level="error",
                message="It was registered as a kernel, and its kernelspec is gone or leads somewhere else.",
                advice="Register it again.",
                fix="register_kernel",
            )
        )
    for spec in ours:
        if _is_stale(spec, case.launch):
            findings.append(
                Finding(
                    code="kernelspec_stale",
                    level="warning",
                    message=f"The kernelspec {spec.name} was written by an older version, or a part of it is missing.",
                    advice="Register it again.",
                    fix="register_kernel",
                )
            )
    if not wanted:
        return findings
    if case.found.python is None:
        return [
            *findings,
            _error(
                "kernel_without_python",
                "It is registered as a kernel and has no Python.",
                "Install python and ipykernel, or take the kernel away.",
                "install_ipykernel" if _may_change(case) else ("unregister_kernel" if ours else None),
            ),
        ]
    if "ipykernel" not in names:
        findings.append(
            _error(
                "ipykernel_missing",
                "It is registered as a kernel and ipykernel is not installed in it.",
                "Install ipykernel.",
                "install_ipykernel" if _may_change(case) else None,
            )
        )
    elif runs:
        python = str(Path(case.found.prefix, "bin", "python"))
        told = _run([python, "-m", "ipykernel_launcher", "--version"])
        if told is not None:
            findings.append(
                _error(
                    "kernel_does_not_start",
                    f"ipykernel doesn't start: {told}",
                    "The last line says what is missing; install it, or install the same packages anew.",
                    "reinstall" if _may_change(case) else None,
                )
            )
    return findings


def _moved(case: Case) -> list[Finding]:
    """Scripts hold the path of their Python; after a move they lead somewhere else, though the kernel starts."""
    told = _foreign_prefix(case.found.prefix)
    if told is None:
        return []
    return [
        Finding(
            code="moved",
            level="warning",
            message=f"It was made at {told} and lies at {case.found.prefix} now; commands like pip start the wrong "
            "Python, or none.",
            advice="Install the same packages anew, or start commands as `python -m pip`.",
            fix="reinstall" if _may_change(case) else None,
        )
    ]


def _doubles(case: Case) -> list[Finding]:
    owned = {record.name for record in case.records}
    twice = sorted({name.lower() for name in case.pip_names} & owned)
    if not twice:
        return []
    return [
        Finding(
            code="pip_over_conda",
            level="warning",
            message=f"pip has installed over packages of conda: {', '.join(twice[:_MANY])}.",
            advice="Remove them with pip, or install the same packages anew.",
            fix="reinstall" if _may_change(case) else None,
        )
    ]


def _around(case: Case) -> list[Finding]:
    findings = []
    if case.found.status == "frozen":
        findings.append(
            Finding(
                code="frozen",
                level="info",
                message="Whoever made it has frozen it; it is not changed.",
                advice="Clone it to change the clone.",
            )
        )
    if case.persistent is False:
        findings.append(
            Finding(
                code="not_persistent",
                level="warning",
                message="It is lost when this machine is restarted.",
                advice="Clone it: the clone is made in the folder that stays.",
            )
        )
    if case.free_bytes is not None and case.free_bytes < _FEW_BYTES:
        findings.append(
            Finding(
                code="disk_full",
                level="error" if case.free_bytes < _FEW_BYTES // 20 else "warning",
                message=f"Only {case.free_bytes // 1_000_000} MB are free on its disk.",
                advice="Empty the trash, clean the package cache, or delete what isn't needed.",
                fix="clean_package_cache",
            )
        )
    if case.over_quota:
        findings.append(
            Finding(
                code="over_quota",
                level="warning",
                message="Environments take all the room the administrator allows.",
                advice="Empty the trash, clean the package cache, or delete what isn't needed.",
                fix="clean_package_cache",
            )
        )
    return findings


def _broken_records(case: Case) -> list[Finding]:
    folder = f"{case.found.prefix}/conda-meta"
    broken = []
    for name in _names(folder):
        if name.endswith(".json") and not name.startswith("."):
            try:
                with open(f"{folder}/{name}", "rb") as file:
                    value = msgspec.json.decode(file.read())
                if not isinstance(value, dict) or not {"name", "version"} <= value.keys():
                    broken.append(name)
            except (OSError, ValueError):
                broken.append(name)
    if not broken:
        return []
    return [
        _error(
            "records_unreadable",
            f"{len(broken)} records of packages can't be read: {sendable(', '.join(sorted(broken)[:_MANY]))}.",
            "Roll back to an earlier version, or make the environment again.",
        )
    ]


class _Files(msgspec.Struct):
    name: str
    files: tuple[str, ...] = ()


def _listed_files(prefix: str) -> Iterable[tuple[str, tuple[str, ...]]]:
    decoder = msgspec.json.Decoder(_Files)
    for name in _names(f"{prefix}/conda-meta"):
        if name.endswith(".json") and not name.startswith("."):
            try:
                with open(f"{prefix}/conda-meta/{name}", "rb") as file:
                    value = decoder.decode(file.read())
            except (OSError, msgspec.DecodeError, UnicodeDecodeError):
                continue
            # Compiled files come and go with whoever may write there.
            yield value.name, tuple(file for file in value.files if not file.endswith((".pyc", ".pyo")))


def _is_stale(spec: Spec, launch: bytes) -> bool:
    try:
        return Path(spec.folder, "launch.py").read_bytes() != launch
    except OSError:
        return True


def _foreign_prefix(prefix: str) -> str | None:
    """Give the prefix the scripts in bin were made for, where it isn't this one."""
    here = os.path.realpath(prefix)
    for name in ("pip", "pip3", "jupyter", "ipython", *_names(f"{prefix}/bin")[:200]):
        try:
            with open(f"{prefix}/bin/{name}", "rb") as file:
                first = file.readline(1024)
        except OSError:
            continue
        found = re.match(rb"#!\s*(/\S+)/bin/python[\d.]*\s*$", first)
        if found is not None:
            told = os.fsdecode(found[1])
            return None if os.path.realpath(told) == here else sendable(told)
    return None


def _machine_of(binary: Path) -> str | None:
    try:
        with open(binary, "rb") as file:
            head = file.read(20)
    except OSError:
        return None
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    (machine,) = struct.unpack_from(">H" if head[5] == 2 else "<H", head, 18)
    return _MACHINES.get(machine, f"machine {machine}")


def _machine_here() -> str | None:
    import platform

    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64", "i686": "x86", "i386": "x86"}.get(name, name) or None


def _run(argv: list[str], environ: Mapping[str, str] | None = None) -> str | None:
    """Start something of the environment; None where it went well, else what it said last."""
    base = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    base["PATH"] = os.path.dirname(argv[0]) + os.pathsep + base.get("PATH", os.defpath)
    try:
        ran = subprocess.run(
            argv,
            env={**base, **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECKS_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not answer within {CHECKS_SECONDS} s."
    except OSError as error:
        return f"{error.strerror or error}."
    if ran.returncode == 0:
        return None
    lines = ran.stderr.decode("utf-8", "replace").strip().splitlines()
    return sendable(lines[-1][:300]) if lines else f"it ended with {ran.returncode}."


def free_bytes(folder: str) -> int | None:
    """Give how much room is free where a folder lies or will lie."""
    path = Path(folder)
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None


def _may_change(case: Case) -> bool:
    return case.found.managed and case.found.status != "frozen"


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _error(code: str, message: str, advice: str, fix: FixCode | None = None) -> Finding:
    return Finding(code=code, level="error", message=message, advice=advice, fix=fix)
