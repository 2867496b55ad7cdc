"""Each platform is stopped its own way: real boto3 against a fake AWS, real requests to a fake hub, real commands."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest

from jupyter_lcc.model import Sentence
from jupyter_lcc.platforms import aws as aws_room
from jupyter_lcc.platforms.detect import look
from jupyter_lcc.platforms.life import machine_life
from jupyter_lcc.platforms.model import StopFailed, Stopper
from jupyter_lcc.platforms.plain import Command
from jupyter_lcc.platforms.stoppers import StopMachine, stopper_for

from ..fake_aws import Accepted, Answer, Denied, Drop, Failed, FakeAws, Hang, Throttled
from ..fake_hub import FakeHub
from .test_detect import NOTEBOOK, SPACE

LOG = logging.getLogger("jupyter_lcc.tests")
APP = {"DomainId": "d-abc", "AppType": "JupyterLab", "AppName": "default", "SpaceName": "my-space"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    with FakeAws() as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        yield fake


def stopper(
    tmp_path: Path,
    metadata: dict[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    machine: StopMachine = "platform",
    command: list[str] | None = None,
) -> Stopper:
    file = tmp_path / "resource-metadata.json"
    if metadata is not None:
        file.write_text(json.dumps(metadata))
    found = look(Path("/home/me"), {"RESOURCE_METADATA_FILE": str(file), **(environment or {})})
    return stopper_for(found, stop_machine=machine, stop_command=command or [], end_server=lambda: None, log=LOG)


async def test_a_studio_space_is_stopped_by_deleting_its_app(tmp_path: Path, aws: FakeAws) -> None:
    space = stopper(tmp_path, SPACE, {"AWS_REGION": "elsewhere-1"})
    assert (space.way.means, space.way.available, space.way.why_not) == ("delete_app", True, None)
    await space.stop()
    (call,) = aws.calls()
    assert (call.operation, call.values, call.region) == ("DeleteApp", APP, "ap-northeast-2")


async def test_an_app_of_a_user_profile_is_named_by_it(tmp_path: Path, aws: FakeAws) -> None:
    profile = {**SPACE, "UserProfileName": "jane", "SpaceName": ""}
    await stopper(tmp_path, profile).stop()
    (call,) = aws.calls("DeleteApp")
    assert call.values == {
        "DomainId": "d-abc",
        "AppType": "JupyterLab",
        "AppName": "default",
        "UserProfileName": "jane",
    }


async def test_a_notebook_instance_is_stopped_by_its_name(tmp_path: Path, aws: FakeAws) -> None:
    instance = stopper(tmp_path, NOTEBOOK)
    assert instance.way.means == "stop_notebook_instance"
    await instance.stop()
    (call,) = aws.calls()
    assert (call.operation, call.values, call.region) == (
        "StopNotebookInstance",
        {"NotebookInstanceName": "nb"},
        "eu-west-1",
    )


@pytest.mark.parametrize(("lacks", "asked_for"), [("DomainId",) * 2, ("ResourceName", "AppName"), ("ResourceArn",) * 2])
async def test_half_a_metadata_file_is_no_ground_to_guess(
    tmp_path: Path, aws: FakeAws, lacks: str, asked_for: str
) -> None:
    half = {name: value for name, value in SPACE.items() if name != lacks}
    space = stopper(tmp_path, half, {"AWS_REGION": "eu-west-1"})
    assert not space.way.available
    assert "lacks" in (space.way.why_not or "")
    assert space.way.why_not_sentence == Sentence(code="metadata_incomplete", detail={"missing": asked_for})
    with pytest.raises(StopFailed):
        await space.stop()
    assert aws.calls() == []


@pytest.mark.parametrize(
    ("metadata", "operation", "action"),
    [(SPACE, "DeleteApp", "sagemaker:DeleteApp"), (NOTEBOOK, "StopNotebookInstance", "sagemaker:StopNotebookInstance")],
)
async def test_a_missing_permission_is_named_with_its_resource(
    tmp_path: Path, aws: FakeAws, metadata: dict[str, Any], operation: str, action: str
) -> None:
    aws.answer(operation, Denied(action))
    with pytest.raises(StopFailed, match=f"{action} on {metadata['ResourceArn']}") as caught:
        await stopper(tmp_path, metadata).stop()
    assert caught.value.missing == action
    detail = {"action": action, "resource": metadata["ResourceArn"]}
    assert caught.value.sentence == Sentence(code="permission_missing", detail=detail)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Throttled(), "ThrottlingException: Rate exceeded"),
        (Failed(), "InternalFailure"),
        (Answer(503, b"<html>busy</html>"), "503"),
        (Drop(), "onnection"),
        (Hang(60), "timed out|timeout"),
    ],
)
async def test_whatever_fails_is_told_and_asked_only_once(
    tmp_path: Path, aws: FakeAws, monkeypatch: pytest.MonkeyPatch, answer: Answer | Hang | Drop, says: str
) -> None:
    monkeypatch.setattr(aws_room, "READ_SECONDS", 0.5)
    aws.answer("DeleteApp", answer)
    before = time.monotonic()
    with pytest.raises(StopFailed, match=says) as caught:
        await stopper(tmp_path, SPACE).stop()
    assert caught.value.missing is None
    assert time.monotonic() - before < 15
    assert len(aws.calls()) == 1


async def test_without_credentials_it_says_so(tmp_path: Path, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    with pytest.raises(StopFailed, match="credentials"):
        await stopper(tmp_path, SPACE).stop()


async def test_without_a_network_it_says_so(tmp_path: Path, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:9")
    with pytest.raises(StopFailed, match="Could not connect"):
        await stopper(tmp_path, SPACE).stop()


def test_boto3_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, jupyter_lcc.extension; print([m for m in sys.modules if m.startswith('boto')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"[]"


# -- a hub ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "gpu box"])
@pytest.mark.parametrize("status", [202, 204])
async def test_a_hub_is_asked_for_this_very_server(tmp_path: Path, name: str, status: int) -> None:
    with FakeHub(user="jane.doe", server=name.replace(" ", "%20"), status=status) as hub:
        environment = {**hub.environment(), "JUPYTERHUB_SERVER_NAME": name}
        server = stopper(tmp_path, None, environment)
        assert (server.way.means, server.way.available) == ("hub", True)
        await server.stop()
        path = "/hub/api/users/jane.doe/" + ("servers/gpu%20box" if name else "server")
        assert hub.requests == [("DELETE", path, status)]


async def test_a_token_without_the_scope_is_told_which(tmp_path: Path) -> None:
    with FakeHub(scopes=frozenset()) as hub:
        with pytest.raises(StopFailed, match="delete:servers!server") as caught:
            await stopper(tmp_path, None, hub.environment()).stop()
        assert caught.value.missing == "delete:servers"
        assert len(hub.requests) == 1


async def test_a_hub_that_does_not_answer_or_know_us(tmp_path: Path) -> None:
    with FakeHub() as hub:
        environment = hub.environment()
        with pytest.raises(StopFailed, match="404: No such server"):
            await stopper(tmp_path, None, {**environment, "JUPYTERHUB_USER": "other"}).stop()
    with pytest.raises(StopFailed, match="can't be reached"):
        await stopper(tmp_path, None, environment).stop()
    without = {k: v for k, v in environment.items() if k != "JUPYTERHUB_API_TOKEN"}
    assert stopper(tmp_path, None, without).way.available is False


def test_each_start_by_a_hub_is_a_life_of_its_own(tmp_path: Path) -> None:
    with FakeHub() as hub:
        one = stopper(tmp_path, None, hub.environment())
        same = stopper(tmp_path, None, hub.environment())
        next_one = stopper(tmp_path, None, {**hub.environment(), "JUPYTERHUB_API_TOKEN": "another"})
    assert one.life == same.life != next_one.life
    assert "hub-token" not in one.life


# -- a plain machine -------------------------------------------------------------------------------------------


def test_a_plain_machine_is_not_stopped_unless_configured(tmp_path: Path) -> None:
    plain = stopper(tmp_path)
    assert (plain.way.means, plain.way.available) == ("none", False)
    assert "LccIdle.stop_command" in (plain.way.why_not or "")
    assert stopper(tmp_path, machine="server").way.means == "stop_server"
    assert stopper(tmp_path, command=["true"]).way.means == "command"


def test_what_is_configured_wins_over_the_platform(tmp_path: Path) -> None:
    assert stopper(tmp_path, SPACE, machine="none").way.available is False
    assert stopper(tmp_path, SPACE, machine="none", command=["true"]).way.available is False
    assert stopper(tmp_path, SPACE, command=["true"]).way.means == "command"


async def test_the_command_runs_without_a_shell_and_its_output_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    program = "import sys; print('bye', sys.argv[1:])"
    await stopper(tmp_path, command=[sys.executable, "-c", program, "$HOME; ls"]).stop()
    assert "bye ['$HOME; ls']" in caplog.text


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["/no/such/program"], "can't be run"),
        ([sys.executable, "-c", "import sys; sys.exit('a password is required')"], "ended with 1: a password is req"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "did not end within"),
    ],
)
async def test_a_command_that_fails_says_why(command: list[str], says: str) -> None:
    with pytest.raises(StopFailed, match=says):
        await Command(command, LOG, life="", timeout_seconds=1.0).stop()


def test_a_life_of_the_machine_is_told_by_boot_and_first_process(tmp_path: Path) -> None:
    assert machine_life() == machine_life() != ""
    assert machine_life(tmp_path) == ""
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "1").mkdir()
    lives = set()
    for boot, begun in [("b1", 7), ("b1", 8), ("b2", 7)]:
        (tmp_path / "sys/kernel/random/boot_id").write_text(f"{boot}\n")
        (tmp_path / "1/stat").write_text("1 (a) b) S " + " ".join(["0"] * 18) + f" {begun} 0\n")
        lives.add(machine_life(tmp_path))
    assert lives == {"b1/7", "b1/8", "b2/7"}


def test_the_fake_aws_takes_only_what_the_service_model_allows(aws: FakeAws) -> None:
    client = boto3.client("sagemaker", region_name="eu-west-1")
    aws.answer("DeleteApp", Accepted())
    with pytest.raises(client.exceptions.ClientError, match="ValidationException"):
        client.delete_app(DomainId="no", AppType="Notepad", AppName="x" * 64)
    with pytest.raises(AssertionError, match="Notepad"):
        aws.calls()
