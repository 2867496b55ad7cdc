"""One wheel loads on the oldest JupyterLab we promise, the newest, and Notebook 7."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .servers import Server, serve
from .venvs import OLDEST, install_wheel, oldest_python, run, venv

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def oldest(wheel: Path) -> Path:
    """The Python of a clean environment like the first SageMaker images with JupyterLab 4, and the wheel."""
    python = venv("oldest", oldest_python(), OLDEST)
    install_wheel(python, wheel)
    return python


@pytest.fixture(scope="module", params=["oldest-lab", "newest-lab", "newest-notebook"])
def hosted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, dict[str, Any]]]:
    """A server on which the wheel is installed, and what its page tells the front end."""
    age, app = request.param.split("-")
    python: Path = request.getfixturevalue(age)
    module, page = ("jupyterlab", "lab") if app == "lab" else ("notebook", "tree")
    with serve([python, "-m", module], tmp_path_factory.mktemp(request.param)) as server:
        yield server, server.page_config(page)


def test_oldest_is_what_the_package_promises(oldest: Path) -> None:
    """The wheel's own requirements upgraded nothing of the host."""
    told = run([oldest, "-m", "pip", "list", "--format=freeze"]).stdout.lower().replace("-", "_")
    assert {"jupyterlab==4.0.13", "jupyter_server==2.8.0", "jupyter_events==0.6.3"} <= set(told.split())


def test_server_answers(hosted: tuple[Server, dict[str, Any]]) -> None:
    server, _ = hosted
    about, idle = server.get("lcc/about"), server.get("lcc/idle")
    assert (about.status, idle.status) == (200, 200)
    assert about.json()["features"]["idle"]["available"] is True
    assert idle.json()["monitor"]["healthy"] is True


def test_nobody_else_is_answered(hosted: tuple[Server, dict[str, Any]]) -> None:
    server, _ = hosted
    assert server.get("lcc/idle", token=None).status == 403


def test_page_loads_the_front_end(hosted: tuple[Server, dict[str, Any]]) -> None:
    server, page = hosted
    ours = [extension for extension in page["federated_extensions"] if extension["name"] == "jupyter-lcc"]
    assert len(ours) == 1
    entry = server.get(f"{page['fullLabextensionsUrl']}/jupyter-lcc/{ours[0]['load']}")
    assert entry.status == 200
    assert b"jupyter-lcc" in entry.body


def test_korean_catalogue_joins_the_language_pack(newest: Path, tmp_path: Path) -> None:
    """JupyterLab serves a package's own catalogue with the pack of that language."""
    with serve([newest, "-m", "jupyterlab"], tmp_path) as server:
        answer = server.get("lab/api/translations/ko_KR")
    assert answer.status == 200
    ours = answer.json()["data"]["jupyter_lcc"]
    assert ours[""]["domain"] == "jupyter_lcc"
    assert len(ours) > 50


def test_log_is_clean(hosted: tuple[Server, dict[str, Any]]) -> None:
    server, _ = hosted
    log = server.log()
    assert "Traceback" not in log, log
    assert [line for line in log.splitlines() if "jupyter_lcc" in line and ("[W" in line or "[E" in line)] == []
