"""What else stops kernels, terminals, the server or the machine: each found where it is, and absent where it isn't."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_lcc.cli import aws
from jupyter_lcc.cli.conflicts import check_conflicts, check_hub, check_native_idle, configured_conflicts
from jupyter_lcc.cli.findings import Check, Report
from jupyter_lcc.cli.machine_checks import check_machine, check_metadata, check_policy_document
from jupyter_lcc.cli.native_time import check_native_time
from jupyter_lcc.cli.scripts import check_scripts, find_in_crontab, find_in_files, find_running, unreadable_tables
from jupyter_lcc.cli.settings import Settings, read_settings
from jupyter_lcc.idle.conflicts import EXTENSIONS, NATIVE
from jupyter_lcc.idle.model import IdleView, Problem, StopWay
from jupyter_lcc.platforms.detect import look
from jupyter_lcc.platforms.model import Conflict

from ..fake_aws import Accepted, Denied, FakeAws, Hang
from .servers import Home, JupyterServer, wait_for

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
STUDIO = {
    "AppType": "JupyterLab",
    "DomainId": "d-abc",
    "SpaceName": "space",
    "ResourceName": "default",
    "ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:app/d-abc/space/JupyterLab/default",
}
INSTANCE = {
    "ResourceName": "nb",
    "ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:notebook-instance/nb",
}


@pytest.fixture(scope="module")
def view(server: JupyterServer) -> IdleView:
    return msgspec.json.decode(server.home.lcc("status", "--json").out, type=IdleView)


def doctor(home: Home, *words: str, **environment: str) -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for check in msgspec.json.decode(
        home.lcc("doctor", "--json", *words, cwd=None, **environment).out, type=Report
    ).checks:
        found.setdefault(check.name, []).append(check)
    return found


# -- Jupyter's own ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), None),
        (("--MappingKernelManager.cull_idle_timeout=3600",), "after 1 h"),
        (("--MappingKernelManager.cull_idle_timeout", "90"), "after 1 min 30 s"),
        (("--AsyncMappingKernelManager.cull_idle_timeout=90", "--AsyncMappingKernelManager.cull_busy=True"), "work"),
        (("--MappingKernelManager.cull_idle_timeout=90", "--MappingKernelManager.cull_connected=true"), "page open"),
        (("--MappingKernelManager.cull_idle_timeout=0",), None),
        (("--MappingKernelManager.cull_busy=True",), None),
        (("--TerminalManager.cull_inactive_timeout=60",), "also with a silent job"),
        (("--ServerApp.shutdown_no_activity_timeout=600",), "The server ends itself when for 10 min"),
    ],
)
def test_settings_without_a_server(words: tuple[str, ...], told: str | None) -> None:
    settings = read_settings([], words)
    (found,) = check_conflicts(configured_conflicts(settings, {}, lambda _package: None), settings)
    assert found.result == ("ok" if told is None else "warn")
    assert (told or "Nothing else") in found.message
    assert told is None or ("in the server's command line" in found.message and found.advice)


@pytest.mark.parametrize("name", [name for name in EXTENSIONS if name != NATIVE])
def test_another_culler_counts_where_it_is_installed_and_enabled(name: str) -> None:
    def found(listed: Mapping[str, bool], version: str | None) -> Check:
        (check,) = check_conflicts(configured_conflicts(Settings([]), listed, lambda _: version), Settings([]))
        return check

    assert found({name: True}, "1.0").result == "warn"
    assert name in found({name: True}, "1.0").message
    assert "disable" in found({name: True}, "1.0").advice
    assert found({name: False}, "1.0").result == "ok"
    assert found({name: True}, None).result == "ok"


def test_the_running_server_says_what_it_really_has(at_socket: JupyterServer, server: JupyterServer) -> None:
    (found,) = doctor(at_socket.home)["other_cullers"]
    assert (found.result, "after 10 min" in found.message) == ("warn", True)
    # What a config file says now is not what the server runs with.
    file = at_socket.home.write("config/jupyter_server_config.py", "c.TerminalManager.cull_inactive_timeout = 60")
    try:
        still = doctor(at_socket.home)["other_cullers"]
    finally:
        file.unlink()
    assert still == [found]
    assert [check.result for check in doctor(server.home)["other_cullers"]] == ["ok"]
    told = server.ask("GET", "lcc/about")["conflicts"]
    assert {conflict["ends"] for conflict in told} <= {"extension"}


@pytest.fixture(scope="module")
def beset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A real server in what looks like a Studio space, with everything of Jupyter's own switched on."""
    folder = tmp_path_factory.mktemp("beset")
    (folder / "metadata.json").write_text(json.dumps(STUDIO))
    server = JupyterServer(
        Home(folder, {"RESOURCE_METADATA_FILE": str(folder / "metadata.json")}),
        folder / "work",
        options=(
            "--MappingKernelManager.cull_idle_timeout=3600",
            "--MappingKernelManager.cull_busy=True",
            "--TerminalManager.cull_inactive_timeout=1800",
            "--ServerApp.shutdown_no_activity_timeout=7200",
        ),
    )
    server.launch()
    try:
        server.wait()
        yield server
    finally:
        server.end()


def test_all_at_once_on_a_real_server(beset: JupyterServer) -> None:
    found = doctor(beset.home)
    assert [(check.result, check.message.partition(" after ")[0][:30]) for check in found["other_cullers"]] == [
        ("warn", "Jupyter's own culling shuts ke"),
        ("warn", "Jupyter's own culling shuts te"),
        ("warn", "The server ends itself when fo"),
    ]
    assert [
        re.search(r"(?:after|for) \d+ \w+", check.message)[0]  # type: ignore[index]
        for check in found["other_cullers"]
    ] == ["after 1 h", "after 30 min", "for 2 h"]
    assert "even while they work" in found["other_cullers"][0].message
    assert found["metadata"][0].result == "ok"
    assert "with DeleteApp" in found["machine"][0].message
    # jupyter-activity-monitor-extension is installed with the tests, and the server has tried it by itself.
    wait_for(lambda: doctor(beset.home)["native_idle"][0].result == "ok")
    assert "api/idle follows jupyter_lcc" in doctor(beset.home)["native_idle"][0].message


def test_the_whole_doctor_is_quick(beset: JupyterServer) -> None:
    seconds = []
    for _ in range(2):
        began = time.monotonic()
        doctor(beset.home)
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 3


def test_a_value_that_no_file_explains_is_told_as_the_server_s(view: IdleView) -> None:
    conflict = Conflict(ends="kernels", name="MappingKernelManager.cull_idle_timeout", seconds=60)
    (found,) = check_conflicts([conflict], Settings([]))
    assert "as the server runs with it" in found.message


# -- Studio and hubs -------------------------------------------------------------------------------------------


def native(view: IdleView | None, follows: bool | None, kind: Any = "studio_space") -> dict[str, Check]:
    conflicts = [] if follows is None else [Conflict(ends="extension", name=NATIVE, follows_us=follows)]
    return {check.name: check for check in check_native_idle(kind, conflicts, view, asked_aws=False)}


def test_studio_s_own_idle_shutdown(view: IdleView) -> None:
    assert native(view, True, "plain") == {}
    assert native(view, None)["native_idle"].result == "ok"
    assert "native_idle_time" not in native(view, None)
    hears = native(view, True)
    assert hears["native_idle"].result == "ok"
    assert "instance_timeout_seconds (2 h)" in hears["native_idle_time"].advice
    assert native(view, False)["native_idle"].result == "warn"
    observing = native(msgspec.structs.replace(view, mode="observe"), False)["native_idle"]
    assert (observing.result, "observe" in observing.message) == ("warn", True)
    failed = Problem(code="native_idle_failed", message="words")
    monitor = msgspec.structs.replace(view.monitor, healthy=False, problems=(failed,))
    assert "native_idle" not in native(msgspec.structs.replace(view, monitor=monitor), False)


def test_a_hub_is_named_on_a_hub() -> None:
    assert [check.name for check in check_hub("jupyterhub")] == ["hub_culler"]
    assert list(check_hub("plain")) == []


@pytest.fixture
def fake_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    with FakeAws() as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        yield fake


def settings_of(key: str, **idle: Any) -> dict[str, Any]:
    return {key: {"JupyterLabAppSettings": {"AppLifecycleManagement": {"IdleSettings": idle}}}}


def space(sharing: str = "Private", **idle: Any) -> dict[str, Any]:
    more = {"OwnershipSettings": {"OwnerUserProfileName": "ada"}, "SpaceSharingSettings": {"SharingType": sharing}}
    return {**more, **settings_of("SpaceSettings", **idle)}


@pytest.mark.parametrize(
    ("spaces", "profile", "domain", "result", "told"),
    [
        ({}, {}, {}, "ok", "is off"),
        ({"IdleTimeoutInMinutes": 60}, {}, {"LifecycleManagement": "DISABLED"}, "ok", "is off"),
        ({}, {}, {"LifecycleManagement": "ENABLED", "IdleTimeoutInMinutes": 60}, "warn", "1 h, set by the domain"),
        ({}, {}, {"LifecycleManagement": "ENABLED", "IdleTimeoutInMinutes": 120}, "ok", "not earlier"),
        ({"IdleTimeoutInMinutes": 60}, {}, {"LifecycleManagement": "ENABLED"}, "warn", "set by the space"),
        (
            {},
            {"LifecycleManagement": "ENABLED", "IdleTimeoutInMinutes": 90},
            {"LifecycleManagement": "DISABLED"},
            "warn",
            "1 h 30 min, set by the user profile",
        ),
    ],
)
def test_aws_says_how_long_studio_waits(
    view: IdleView,
    fake_aws: FakeAws,
    tmp_path: Path,
    spaces: dict[str, Any],
    profile: dict[str, Any],
    domain: dict[str, Any],
    result: str,
    told: str,
) -> None:
    fake_aws.answer("DescribeSpace", Accepted(**space(**spaces)))
    fake_aws.answer("DescribeUserProfile", Accepted(**settings_of("UserSettings", **profile)))
    fake_aws.answer("DescribeDomain", Accepted(**settings_of("DefaultUserSettings", **domain)))
    (found,) = check_native_time(studio(tmp_path), view, aws.native_time)
    assert (found.result, told in found.message) == (result, True), found
    assert [call.values for call in fake_aws.calls("DescribeSpace")] == [{"DomainId": "d-abc", "SpaceName": "space"}]
    assert {call.region for call in fake_aws.calls()} == {"eu-west-1"}


def test_a_shared_space_goes_by_the_domain_s_defaults_for_spaces(fake_aws: FakeAws, tmp_path: Path) -> None:
    fake_aws.answer("DescribeSpace", Accepted(**space("Shared")))
    on = {"LifecycleManagement": "ENABLED", "IdleTimeoutInMinutes": 75}
    fake_aws.answer("DescribeDomain", Accepted(**settings_of("DefaultSpaceSettings", **on)))
    (found,) = check_native_time(studio(tmp_path), None, aws.native_time)
    assert (found.result, "1 h 15 min" in found.message) == ("ok", True)
    assert fake_aws.calls("DescribeUserProfile") == []


def test_what_aws_does_not_tell_is_no_failure(
    view: IdleView, fake_aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_aws.answer("DescribeSpace", Denied("sagemaker:DescribeSpace"))
    (denied,) = check_native_time(studio(tmp_path), view, aws.native_time)
    assert (denied.result, "could not be checked: DescribeSpace failed" in denied.message) == ("ok", True)
    monkeypatch.setattr(aws, "READ_SECONDS", 0.2)
    fake_aws.answer("DescribeSpace", Hang(30))
    began = time.monotonic()
    (hung,) = check_native_time(studio(tmp_path), view, aws.native_time)
    assert (hung.result, "could not be checked" in hung.message) == ("ok", True)
    assert time.monotonic() - began < 5


def test_the_command_asks_aws_only_if_told_to(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "metadata.json"
    file.write_text(json.dumps(STUDIO))
    with FakeAws() as fake:
        fake.answer("DescribeSpace", Denied("sagemaker:DescribeSpace"))
        environment = {**fake.environment(), "RESOURCE_METADATA_FILE": str(file)}
        without = doctor(home, **environment)
        assert fake.calls() == []
        asked = doctor(home, "--aws", **environment)
        assert len(fake.calls("DescribeSpace")) == 1
    assert without["metadata"][0].result == "ok"
    assert "--aws" in without["native_idle_time"][0].advice
    assert [check.result for check in asked["native_idle_time"]] == ["ok"]
    assert "could not be checked" in asked["native_idle_time"][0].message


# -- scripts ---------------------------------------------------------------------------------------------------

NOTEBOOK_INSTANCE = "*/5 * * * * /usr/bin/python3 /home/ec2-user/autostop.py --time 3600 --ignore-connections"
STUDIO_APP = (
    "*/2 * * * * /bin/bash -ic '/opt/conda/bin/python /var/tmp/auto-stop-idle/auto_stop_idle.py --idle-time 60'"
)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (NOTEBOOK_INSTANCE, True),
        (STUDIO_APP, True),
        ("0 20 * * * root /sbin/shutdown -h now", True),
        ("0 20 * * * root systemctl poweroff", True),
        ("0 20 * * * aws sagemaker stop-notebook-instance --notebook-instance-name nb", True),
        ("# " + NOTEBOOK_INSTANCE, False),
        ("17 * * * * root cd / && run-parts --report /etc/cron.hourly", False),
        ("0 1 * * * jupyter lab --ServerApp.shutdown_no_activity_timeout=3600", False),
        ("0 1 * * * /opt/halting/report", False),
    ],
)
def test_cron_files(tmp_path: Path, line: str, found: bool) -> None:
    for name in ("etc/crontab", "etc/cron.d/acme", "var/spool/cron/ec2-user"):
        root = tmp_path / name.replace("/", "-")
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(f"SHELL=/bin/sh\n\n{line}\n")
        scripts = find_in_files(root)
        assert [script.where for script in scripts] == ([str(root / name)] if found else []), name
        (check,) = check_scripts(scripts, unreadable_tables(root))
        assert check.result == ("warn" if found else "ok")
        assert not found or check.advice


def test_a_script_that_cron_runs_is_known_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "etc/cron.hourly").mkdir(parents=True)
    (tmp_path / "etc/cron.hourly/auto-stop-idle").write_bytes(b"\x7fELF\x00\xff")
    assert [script.line for script in find_in_files(tmp_path)] == ["auto-stop-idle"]


def test_no_cron_at_all(tmp_path: Path) -> None:
    assert find_in_files(tmp_path) == ()
    assert find_in_crontab([str(tmp_path / "no-such-crontab"), "-l"]) == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_tables_that_can_t_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "var/spool/cron").mkdir(parents=True)
    (tmp_path / "var/spool/cron").chmod(0o300)
    (check,) = check_scripts((), unreadable_tables(tmp_path))
    assert "can't be read" in check.message


def fake_crontab(folder: Path, does: str) -> str:
    """A FAKE crontab program; gives the PATH that finds it first."""
    folder.mkdir()
    program = folder / "crontab"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_this_user_s_crontab(home: Home, tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_text(f"MAILTO=''\n{NOTEBOOK_INSTANCE}\n")
    path = fake_crontab(tmp_path / "with", f'[ "$1" = -l ] && cat "{table}"')
    (found,) = doctor(home, PATH=path)["stop_scripts"]
    assert found.result == "warn"
    assert "autostop.py" in found.message
    assert "this user's crontab" in found.message
    path = fake_crontab(tmp_path / "without", 'echo "no crontab for ada" >&2; exit 1')
    assert [check.result for check in doctor(home, PATH=path)["stop_scripts"]] == ["ok"]


def test_a_crontab_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    fake_crontab(tmp_path / "hangs", "exec sleep 30")
    began = time.monotonic()
    assert find_in_crontab([str(tmp_path / "hangs" / "crontab"), "-l"]) == ()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["python3", "/opt/autostop.py", "--time", "3600"], True),
        (["/usr/bin/python3.11", "-B", "-m", "sagemaker_studio_jlab_auto_stop_idle"], True),
        (["/bin/bash", "-ic", "/opt/conda/bin/python /var/tmp/auto_stop_idle.py"], True),
        (["sudo", "-u", "ec2-user", "python3", "autostop.py"], True),
        (["/opt/acme/shutdown-on-idle"], True),
        (["vim", "autostop.py"], False),
        (["grep", "-r", "auto_stop_idle", "."], False),
        (["python3", "train.py", "--callback", "auto_stop"], False),
        (["python3", "-m", "jupyter_lcc.cli", "doctor"], False),
        (["jupyter-lab", "--ServerApp.shutdown_no_activity_timeout=60"], False),
        ([], False),
    ],
)
def test_processes_by_their_arguments(tmp_path: Path, words: list[str], found: bool) -> None:
    (tmp_path / "17").mkdir()
    (tmp_path / "17" / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    (tmp_path / "self").mkdir()
    assert [script.where for script in find_running(tmp_path)] == (["process 17"] if found else [])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no /proc")
def test_a_real_process_is_found_while_it_runs(tmp_path: Path) -> None:
    script = tmp_path / "autostop.py"
    script.write_text("print(flush=True)\ninput()\n")
    with subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert f"process {process.pid}" in {found.where for found in find_running()}
        process.communicate(b"\n", timeout=20)
    assert f"process {process.pid}" not in {found.where for found in find_running()}


def test_what_a_table_says_can_t_write_on_the_screen(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/crontab").write_text("* * * * * autostop.py \x1b[2J" + "x" * 1000)
    (check,) = check_scripts(find_in_files(tmp_path), ())
    assert "\x1b" not in check.message
    assert len(check.message) < 500


# -- the machine's stop ----------------------------------------------------------------------------------------


def stopping(view: IdleView, means: Any, **more: Any) -> Check:
    available = more.pop("available", True)
    way = StopWay(means=means, available=available, why_not=more.pop("why_not", None))
    machine = msgspec.structs.replace(view.machine, stop=way, **more)
    return check_machine(msgspec.structs.replace(view, machine=machine), NOW)


def test_how_the_machine_is_stopped(view: IdleView) -> None:
    assert check_machine(view, NOW).result == "ok", "a plain machine is not stopped, and that is fine"
    fine = stopping(view, "delete_app")
    assert (fine.result, "with DeleteApp when it was idle for 2 h" in fine.message) == ("ok", True)
    lacking = stopping(view, "delete_app", available=False, why_not="SageMaker's metadata file lacks DomainId.")
    assert (lacking.result, "DomainId" in lacking.message) == ("warn", True)
    left = stopping(view, "native_idle", why_not="sagemaker:DeleteApp is not allowed here", stop_error="denied")
    assert (left.result, "sagemaker:DeleteApp" in left.advice) == ("warn", True)


def test_a_refused_stop_names_the_permission_and_the_next_try(view: IdleView) -> None:
    error = "Permission missing: the role of this machine needs sagemaker:StopNotebookInstance on arn:aws:x."
    found = stopping(view, "stop_notebook_instance", stop_error=error, retry_at=NOW + timedelta(minutes=4))
    assert found.result == "fail"
    assert error in found.message
    assert "again at 12:04" in found.message
    assert "Allow sagemaker:StopNotebookInstance" in found.advice
    scope = stopping(view, "hub", stop_error="Permission missing: … needs the scope delete:servers!server")
    assert "delete:servers" in scope.advice
    other = stopping(view, "delete_app", stop_error="sagemaker:DeleteApp failed: ThrottlingException")
    assert (other.result, "Allow" in other.advice) == ("fail", False)


# -- SageMaker's metadata file ---------------------------------------------------------------------------------


def studio(folder: Path) -> Any:
    file = folder / "resource-metadata.json"
    file.write_text(json.dumps(STUDIO))
    return look(folder, {"RESOURCE_METADATA_FILE": str(file)})


@pytest.mark.parametrize(
    ("content", "environment", "result", "told"),
    [
        (STUDIO, {}, "ok", "app default of space in d-abc"),
        (INSTANCE, {}, "ok", "notebook instance nb"),
        (None, {}, None, ""),
        (None, {"SAGEMAKER_APP_TYPE": "JupyterLab"}, "warn", "isn't there"),
        ("{", {}, "fail", "can't be read"),
        ("[]", {}, "fail", "can't be read"),
        ({**STUDIO, "DomainId": "", "ResourceName": ""}, {}, "warn", "lacks ResourceName, DomainId"),
        ({**INSTANCE, "ResourceName": ""}, {}, "warn", "lacks ResourceName"),
        ({**STUDIO, "AppType": "JupyterServer"}, {}, "warn", "AppType 'JupyterServer'"),
        ({**STUDIO, "ResourceArn": "x"}, {}, "warn", "no region"),
        ({**STUDIO, "ResourceArn": "x"}, {"AWS_REGION": "eu-west-1"}, "ok", "app default"),
    ],
)
def test_the_metadata_file(
    tmp_path: Path, content: Any, environment: dict[str, str], result: str | None, told: str
) -> None:
    file = tmp_path / "resource-metadata.json"
    if content is not None:
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    found = list(check_metadata({**environment, "RESOURCE_METADATA_FILE": str(file)}, tmp_path))
    assert [check.result for check in found] == ([] if result is None else [result])
    assert all(told in check.message for check in found), found
    assert all(check.advice for check in found if check.result != "ok")


# -- the policy document ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "result", "told"),
    [
        ('{"version": 1, "rules": []}', "ok", "is valid"),
        ('{"version": 2}', "fail", "is refused"),
        ("{", "fail", "is refused"),
        (None, "fail", "can't be read"),
    ],
)
def test_a_policy_document_in_a_file(tmp_path: Path, content: str | None, result: str, told: str) -> None:
    file = tmp_path / "policy.json"
    if content is not None:
        file.write_text(content)
    (found,) = check_policy_document(Settings([]), {"LCC_POLICY_SOURCE": str(file)}, None, tmp_path / "none")
    assert (found.result, told in found.message) == (result, True)
    assert bool(found.advice) == (result == "fail")


def test_a_policy_document_is_told_once(tmp_path: Path, view: IdleView) -> None:
    assert list(check_policy_document(Settings([]), {}, view, tmp_path / "none")) == []
    far = read_settings([], ["--LccIdle.policy_source=s3://bucket/policy.json"])
    (found,) = check_policy_document(far, {}, view, tmp_path / "none")
    assert (found.result, "s3://bucket/policy.json" in found.message) == ("ok", True)
    refused = Problem(code="policy_document_invalid", message="words")
    monitor = msgspec.structs.replace(view.monitor, problems=(refused,))
    told = msgspec.structs.replace(view, monitor=monitor)
    assert list(check_policy_document(far, {}, told, tmp_path / "none")) == []
