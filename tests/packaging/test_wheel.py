"""What is in the wheel, and that it installs and loads without node."""

from __future__ import annotations

import json
import os
import re
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest

from .venvs import ROOT, run

pytestmark = pytest.mark.timeout(600)
_DATA = r"jupyter_lcc-[^/]+\.data/data/"
_LAB = _DATA + r"share/jupyter/labextensions/jupyter-lcc/"


@pytest.fixture(scope="session")
def names(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


def _text(wheel: Path, pattern: str) -> str:
    with zipfile.ZipFile(wheel) as file:
        (name,) = [name for name in file.namelist() if re.fullmatch(pattern, name)]
        return file.read(name).decode()


def test_everything_has_its_place(names: list[str]) -> None:
    """A file of a kind not named here is a surprise, and surprises don't ship."""
    known = [
        r"jupyter_lcc/(\w+/)*\w+\.py",
        r"jupyter_lcc/py\.typed",
        r"jupyter_lcc/idle/prices\.json",
        r"jupyter_lcc/idle/document/policy\.schema\.json",
        r"jupyter_lcc/web/event_schemas/[\w-]+\.v\d+\.yaml",
        r"jupyter_lcc/locale/\w+/LC_MESSAGES/jupyter_lcc\.json",
        _LAB + r"package\.json",
        _LAB + r"install\.json",
        _LAB + r"schemas/jupyter-lcc/(plugin\.json|package\.json\.orig)",  # JupyterLab reads both
        _LAB + r"static/[\w.-]+\.(js|LICENSE\.txt|json|svg)",
        _DATA + r"etc/jupyter/jupyter_server_config\.d/jupyter_lcc\.json",
        r"jupyter_lcc-[^/]+\.dist-info/(METADATA|WHEEL|RECORD|entry_points\.txt|licenses/LICENSE)",
    ]
    assert [name for name in names if not any(re.fullmatch(pattern, name) for pattern in known)] == []
    for pattern in known:
        assert any(re.fullmatch(pattern, name) for name in names), pattern


@pytest.mark.parametrize("word", [r"\.map$", "build_log", "node_modules", r"(^|/)tests?/", r"\.tsx?$", "fakes"])
def test_what_stays_at_home(names: list[str], word: str) -> None:
    assert [name for name in names if re.search(word, name)] == []


def test_all_of_the_package_is_in_it(names: list[str]) -> None:
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "jupyter_lcc").rglob("*.py")}
    if not os.environ.get("LCC_WHEEL"):
        assert {name for name in names if re.fullmatch(r"jupyter_lcc/.*\.py", name)} == there | {
            "jupyter_lcc/_version.py"
        }


def test_no_path_of_this_machine_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        here = str(ROOT).encode()
        assert [name for name in file.namelist() if here in file.read(name)] == []


def test_metadata(wheel: Path) -> None:
    metadata = Parser().parsestr(_text(wheel, r".*/METADATA"))
    assert metadata["Version"] == json.loads((ROOT / "package.json").read_text())["version"]
    assert metadata["Requires-Python"] == ">=3.10"
    needs = {line for line in metadata.get_all("Requires-Dist") or [] if "extra" not in line}
    server, environments = {"jupyter-server", "msgspec", "psutil", "boto3"}, {"py-rattler", "uv", "pyyaml"}
    small = {"filelock", "packaging"}
    old_python = {line for line in needs if "python_version" in line}
    assert {re.split(r"[<>=]", line)[0].lower() for line in needs - old_python} == server | environments | small
    assert {re.split(r"[<>=]", line)[0] for line in old_python} == {"tomli"}
    assert [line for line in needs - old_python if "<" in line] == ["jupyter-server<3,>=2.8"]


def test_entry_points(wheel: Path) -> None:
    points = ConfigParser()
    points.read_string(_text(wheel, r".*/entry_points\.txt"))
    assert dict(points["console_scripts"]) == {"jupyter-lcc": "jupyter_lcc.cli:main"}
    assert dict(points["jupyterlab.locale"]) == {"jupyter_lcc": "jupyter_lcc"}


def test_host_sees_both_halves(newest: Path) -> None:
    server = run([newest, "-m", "jupyter", "server", "extension", "list"], env=_bare(newest))
    lab = run([newest, "-m", "jupyter", "labextension", "list"], env=_bare(newest))
    assert re.search(r"jupyter_lcc \S+ .*OK", server.stdout + server.stderr)
    assert re.search(r"jupyter-lcc v\S+ .*enabled.* .*OK", lab.stdout + lab.stderr)


def test_command_line_is_installed(newest: Path) -> None:
    told = run([newest.parent / "jupyter", "lcc", "--version"], env=_bare(newest))
    assert told.stdout.split()[-1] == json.loads((ROOT / "package.json").read_text())["version"]


@pytest.mark.parametrize("module", ["boto3", "botocore", "psutil", "rattler"])
def test_start_of_the_server_stays_cheap(newest: Path, module: str) -> None:
    """What only some people need is imported when they need it."""
    code = f"import jupyter_lcc.extension, sys; print({module!r} in sys.modules)"
    assert run([newest, "-c", code]).stdout.strip() == "False"


def _bare(python: Path) -> dict[str, str]:
    """No node, no compiler, no colours."""
    return {**os.environ, "PATH": str(python.parent), "NO_COLOR": "1"}
