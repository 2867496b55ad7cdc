"""The doctor: each check by itself, and the whole against real servers."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_lcc._version import __version__
from jupyter_lcc.cli.doctor import check_clock, check_mode, check_monitor, check_version
from jupyter_lcc.cli.exits import Exit
from jupyter_lcc.cli.findings import Report
from jupyter_lcc.cli.local_checks import check_enabled, check_state_folder, state_folder_of
from jupyter_lcc.cli.settings import read_settings
from jupyter_lcc.idle.model import IdleView, Monitor, Problem
from jupyter_lcc.platforms.model import Platform

from .servers import Home, JupyterServer


def checks(home: Home, *words: str, config_path: str = "") -> tuple[int, dict[str, Any]]:
    more = {"JUPYTER_CONFIG_PATH": config_path} if config_path else {}
    ran = home.lcc("doctor", "--json", *words, cwd=None, **more)
    report = msgspec.json.decode(ran.out.encode(), type=Report)
    assert report.healthy == (ran.status == Exit.OK)
    return ran.status, {check.name: check for check in report.checks}


@pytest.fixture(scope="module")
def view(server: JupyterServer) -> IdleView:
    return msgspec.json.decode(server.home.lcc("status", "--json").out, type=IdleView)


def test_all_is_well(server: JupyterServer) -> None:
    status, found = checks(server.home)
    assert status == Exit.OK
    assert {check.result for check in found.values()} == {"ok"}
    assert server.url in found["server"].message
    assert str(server.home.path / "data" / "lcc") in found["state_folder"].message
    assert (server.home.path / "data" / "lcc").is_dir()


def test_for_people(server: JupyterServer) -> None:
    ran = server.home.lcc("doctor")
    assert ran.status == Exit.OK
    assert "0 failed, 0 to look at" in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_observing_with_jupyter_s_own_culling(at_socket: JupyterServer) -> None:
    status, found = checks(at_socket.home)
    assert status == Exit.OK
    assert found["mode"].result == "warn"
    assert found["other_cullers"].result == "warn"
    assert "after 10 min" in found["other_cullers"].message
    assert "the server's command line" in found["other_cullers"].message


def test_without_the_extension(bare: JupyterServer) -> None:
    status, found = checks(bare.home)
    assert status == Exit.PROBLEM
    assert found["extension"].result == "fail"
    assert "enable" in found["extension"].advice


def test_with_a_wrong_token(server: JupyterServer) -> None:
    status, found = checks(server.home, "--token", "wrong")
    assert status == Exit.PROBLEM
    assert "token" in found["server"].message


@pytest.mark.parametrize(("enabled", "result"), [(True, "ok"), (False, "fail")])
def test_without_a_server(home: Home, enabled: bool, result: str) -> None:
    extensions = {"ServerApp": {"jpserver_extensions": {"jupyter_lcc": enabled}}}
    home.write("first/jupyter_server_config.d/jupyter_lcc.json", json.dumps(extensions))
    home.write("config/jupyter_server_config.py", "c.TerminalManager.cull_inactive_timeout = 2 * 60")
    status, found = checks(home, config_path=str(home.path / "first"))
    assert status == Exit.PROBLEM
    assert found["server"].result == "fail"
    assert found["enabled"].result == result
    assert found["platform"].result == "ok"
    assert "after 2 min" in found["other_cullers"].message


def test_a_broken_config_file_hides_nothing_else(home: Home) -> None:
    home.write("config/jupyter_server_config.py", "this is not Python")
    home.write("config/jupyter_config.json", '{"MappingKernelManager": {"cull_idle_timeout": 60, "cull_busy": true}}')
    _status, found = checks(home)
    assert "jupyter_server_config.py" in found["config_files"].message
    assert "even while they work" in found["other_cullers"].message


def test_versions() -> None:
    assert check_version(__version__, 1).result == "ok"
    assert check_version("0.0.1", 1).result == "warn"
    assert check_version(__version__, 2).result == "fail"


def test_the_clock(view: IdleView) -> None:
    assert check_clock(view, view.taken_at + timedelta(seconds=2)).result == "ok"
    late = check_clock(view, view.taken_at + timedelta(minutes=5))
    assert (late.result, "300 s behind" in late.message) == ("warn", True)


@pytest.mark.parametrize(
    ("healthy", "code", "results"),
    [
        (True, None, ["ok"]),
        (True, "corrupt_state_file", ["warn", "ok"]),
        (False, "kernels_failed", ["fail"]),
        (False, "decision_log_failed", ["fail"]),
        (False, "native_idle_failed", ["fail"]),
        (True, "policy_document_invalid", ["warn", "ok"]),
        (False, "machine_stop_failed", ["ok"]),  # told by check_machine
    ],
)
def test_the_monitor(view: IdleView, healthy: bool, code: str | None, results: list[str]) -> None:
    problems = () if code is None else (Problem(code=code, message="words"),)
    monitor = Monitor(last_check_at=None, next_check_at=None, healthy=healthy, problems=problems)
    found = list(check_monitor(msgspec.structs.replace(view, monitor=monitor)))
    assert [check.result for check in found] == results
    assert all(check.advice for check in found if check.result != "ok")


def test_a_mode_that_stops_nothing_is_told(view: IdleView) -> None:
    assert check_mode(view).result == "ok"
    assert check_mode(msgspec.structs.replace(view, mode="off")).result == "warn"


def test_the_state_folder(tmp_path: Path) -> None:
    assert check_state_folder(tmp_path / "not" / "yet").result == "ok"
    (tmp_path / "file").write_text("")
    assert check_state_folder(tmp_path / "file" / "below").result == "fail"
    (tmp_path / "port-1").mkdir()
    (tmp_path / "port-1" / "state.json.corrupt-1").write_text("{")
    aside = check_state_folder(tmp_path)
    assert (aside.result, "state.json.corrupt-1" in aside.message) == ("warn", True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_can_t_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert check_state_folder(tmp_path / "lcc").result == "fail"


@pytest.mark.parametrize(("configured", "folder"), [("", "/home/ada/data/lcc"), ("/srv/lcc", "/srv/lcc")])
def test_the_state_folder_is_the_one_the_server_uses(configured: str, folder: str) -> None:
    platform = Platform(kind="plain", persistent_root="/home/ada", can_stop_instance=False)
    settings = read_settings([], ["--LccIdle.state_dir", configured])
    assert state_folder_of(settings, platform, Path("/home/ada/data")) == Path(folder)


def test_the_more_important_folder_and_the_command_line_win(tmp_path: Path) -> None:
    for name, seconds in (("important", 10), ("other", 20)):
        (tmp_path / name).mkdir()
        content = {"MappingKernelManager": {"cull_idle_timeout": seconds}}
        (tmp_path / name / "jupyter_server_config.json").write_text(json.dumps(content))
    folders = [str(tmp_path / "important"), str(tmp_path / "other")]
    found = read_settings(folders, []).seconds(("MappingKernelManager",), "cull_idle_timeout")
    assert found == (10, str(tmp_path / "important" / "jupyter_server_config.json"))
    told = read_settings(folders, ["--MappingKernelManager.cull_idle_timeout=30"])
    assert told.seconds(("MappingKernelManager",), "cull_idle_timeout") == (30, "the server's command line")


def test_enabled_in_a_python_file(tmp_path: Path) -> None:
    (tmp_path / "jupyter_server_config.py").write_text("c.ServerApp.jpserver_extensions = {'jupyter_lcc': True}")
    settings = read_settings([str(tmp_path)], [])
    assert check_enabled(settings, {}).result == "ok"
    assert check_enabled(settings, {"jupyter_lcc": False}).result == "fail"
