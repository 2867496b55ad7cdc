"""S3 on loopback, and a bucket of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3  # type: ignore[import-untyped]
import pytest

from jupyter_lcc.packages.sources import objects
from jupyter_lcc.platforms.aws import AwsClient

from .fake_s3 import FakeS3


def environment_of(server: FakeS3) -> dict[str, str]:
    """What leads boto3 there, and nowhere else."""
    return {
        "AWS_ENDPOINT_URL_S3": server.url,
        "AWS_ACCESS_KEY_ID": "FAKE-ID-OF-A-KEY",
        "AWS_SECRET_ACCESS_KEY": "FAKE-SECRET",
        "AWS_SESSION_TOKEN": "FAKE-TOKEN",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="module")
def server() -> Iterator[FakeS3]:
    server = FakeS3()
    yield server
    server.close()


@pytest.fixture(scope="module")
def _clients(server: FakeS3) -> Iterator[tuple[Any, AwsClient]]:
    """Made once: it takes boto3 as long as thirty requests."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment_of(server).items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        shared = AwsClient("s3", None, connect_seconds=1, read_seconds=1)
        shared.ask(lambda client: client.meta.endpoint_url)
        yield boto3.session.Session().client("s3"), shared


@pytest.fixture
def client(_clients: tuple[Any, AwsClient]) -> Any:
    """The tests' own."""
    return _clients[0]


@pytest.fixture
def shared(_clients: tuple[Any, AwsClient]) -> AwsClient:
    """What sources ask with."""
    return _clients[1]


@pytest.fixture
def bucket(server: FakeS3, client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A new bucket. Whatever S3's own model has against a request of the test fails it."""
    server.forget()
    monkeypatch.setattr(objects, "_WAIT_SECONDS", 0.005)
    name = f"lists-{uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    server.requests.clear()
    server.faults.clear()
    yield name
    assert server.faults == []
