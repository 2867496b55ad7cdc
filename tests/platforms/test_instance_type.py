"""Which instance type this is: real boto3 asks a fake AWS, whose requests are checked against the service model."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.platforms import instance_type as room
from jupyter_lcc.platforms.detect import Machine, choose, look
from jupyter_lcc.platforms.instance_type import question_of, wait_for_instance_type

from ..fake_aws import Accepted, Answer, Denied, FakeAws, Throttled
from .test_detect import NOTEBOOK, SPACE

LOG = logging.getLogger("jupyter_lcc.tests")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    with FakeAws() as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        yield fake


def machine(tmp_path: Path, metadata: dict[str, Any], **environment: str) -> Machine:
    file = tmp_path / "resource-metadata.json"
    file.write_text(json.dumps(metadata))
    return look(Path("/home/me"), {"RESOURCE_METADATA_FILE": str(file), **environment})


async def test_a_studio_space_asks_for_its_app(tmp_path: Path, aws: FakeAws) -> None:
    aws.answer("DescribeApp", Accepted(ResourceSpec={"InstanceType": "ml.g5.xlarge"}))
    assert await wait_for_instance_type(machine(tmp_path, SPACE), LOG) == "ml.g5.xlarge"
    (call,) = aws.calls()
    assert (call.operation, call.faults, call.region) == ("DescribeApp", (), "ap-northeast-2")
    assert call.values == {
        "DomainId": "d-abc", "AppType": "JupyterLab", "AppName": "default", "SpaceName": "my-space"
    }  # fmt: skip


async def test_a_notebook_instance_asks_for_itself(tmp_path: Path, aws: FakeAws) -> None:
    aws.answer("DescribeNotebookInstance", Accepted(InstanceType="ml.t3.medium"))
    assert await wait_for_instance_type(machine(tmp_path, NOTEBOOK), LOG) == "ml.t3.medium"
    (call,) = aws.calls()
    assert (call.values, call.faults) == ({"NotebookInstanceName": "nb"}, ())


@pytest.mark.parametrize("answer", [Denied("sagemaker:DescribeApp"), Accepted(), Accepted(ResourceSpec={})])
async def test_without_the_permission_or_the_answer_it_stays_unknown(
    tmp_path: Path, aws: FakeAws, answer: Answer
) -> None:
    aws.answer("DescribeApp", answer)
    assert await asyncio.wait_for(wait_for_instance_type(machine(tmp_path, SPACE), LOG), 30) is None
    assert len(aws.calls()) == 1


async def test_who_does_not_answer_is_asked_again(
    tmp_path: Path, aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "FIRST_WAIT_SECONDS", 0.01)
    aws.answer("DescribeApp", Throttled(), Throttled(), Accepted(ResourceSpec={"InstanceType": "ml.t3.large"}))
    assert await asyncio.wait_for(wait_for_instance_type(machine(tmp_path, SPACE), LOG), 30) == "ml.t3.large"
    assert len(aws.calls()) == 3


async def test_a_plain_machine_has_nobody_to_ask(tmp_path: Path) -> None:
    assert question_of(machine(tmp_path, {})) is None
    assert await wait_for_instance_type(machine(tmp_path, {}), LOG) is None


@pytest.mark.parametrize("metadata", [SPACE, NOTEBOOK, {}])
def test_what_the_environment_says_is_taken(tmp_path: Path, metadata: dict[str, Any]) -> None:
    assert choose(machine(tmp_path, metadata, AWS_INSTANCE_TYPE="ml.c5.large")).instance_type == "ml.c5.large"
    assert choose(machine(tmp_path, metadata)).instance_type is None
