"""The policies in the docs are what is needed and nothing else: every request of ours is held against them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.environments.exact import Exact
from jupyter_lcc.environments.lock_file import lock_of, write_lock
from jupyter_lcc.errors import LostRace, NotFound
from jupyter_lcc.packages.bundle import fill, lacking, take
from jupyter_lcc.packages.pruning import prune
from jupyter_lcc.packages.sources.aws import Bucket, S3Source
from jupyter_lcc.packages.sources.model import Unchanged
from jupyter_lcc.platforms.aws import AwsClient

from .contract import NEWER, draft
from .fake_s3 import FakeS3
from .made import signed
from .test_bundle import Fetched

PAGE = Path(__file__).parents[2] / "docs/package-lists-admin.md"
POLICIES: list[dict[str, Any]] = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
]
READER, PUBLISHER, HEADS = (policy["Statement"] for policy in POLICIES)
ACTIONS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}
Asked = set[tuple[str, str]]


def asked(server: FakeS3, bucket: str) -> Asked:
    """The permissions that the requests so far need, as if the bucket were the docs'."""
    found = set()
    for method, path, _ in server.requests:
        _, _, key = path.removeprefix("/").partition("/")
        action = ACTIONS[method] if key else "s3:ListBucket"
        found.add((action, f"arn:aws:s3:::acme-lists/{key}" if key else "arn:aws:s3:::acme-lists"))
        assert path.startswith(f"/{bucket}")
    return found


def allows(statement: dict[str, Any], action: str, resource: str) -> bool:
    entries = statement["Resource"]
    patterns = [entries] if isinstance(entries, str) else entries
    return statement["Action"] == action and any(fnmatchcase(resource, pattern) for pattern in patterns)


def denied(needs: Asked, statements: Iterable[dict[str, Any]]) -> Asked:
    statements = list(statements)
    return {need for need in needs if not any(allows(statement, *need) for statement in statements)}


@pytest.fixture
def source(bucket: str, shared: AwsClient) -> S3Source:
    return S3Source(Bucket(bucket=bucket, prefix="approved"), shared)


def test_they_are_what_is_needed(
    source: S3Source, server: FakeS3, bucket: str, tmp_path: Path, shared: AwsClient
) -> None:
    fetched = Fetched(tmp_path / "fetched")
    fetched.conda("numpy")
    fetched.pip("six")
    first = source.write("team", draft(), None)
    second = source.write("team", draft(NEWER), first)
    assert source.shelf is not None
    fill(source.shelf, fetched.folder, fetched.wanted)
    fill(source.shelf, fetched.folder, fetched.wanted)
    source.remove("team", signed(), second)
    source.write("team", draft(), None)
    publishing = asked(server, bucket)

    server.requests.clear()
    reader = S3Source(Bucket(bucket=bucket, prefix="approved"), shared)
    assert reader.names() == ("team",)
    with pytest.raises(Unchanged):
        reader.read("team", reader.read("team").etag)
    with pytest.raises(NotFound):
        reader.read("nobody")
    assert len(reader.history("team")) == 4
    reader.revision("team", 1)
    assert lacking(reader.shelf, fetched.wanted) == ()
    take(reader.shelf, tmp_path / "machine", fetched.wanted)
    reading = asked(server, bucket)

    assert denied(reading, READER) == set()
    assert denied(publishing, [*READER, *PUBLISHER]) == set()
    for statement in READER:
        assert any(allows(statement, *need) for need in reading), f"{statement['Sid']} is not needed"
    for pattern in PUBLISHER[0]["Resource"]:
        assert denied(publishing, [*READER, {**PUBLISHER[0], "Resource": pattern}]) != denied(publishing, READER)


def test_only_what_lost_a_race_is_ever_deleted(source: S3Source, server: FakeS3, bucket: str) -> None:
    first = source.write("team", draft(), None)
    source.write("team", draft(NEWER), first)
    server.requests.clear()
    with pytest.raises(LostRace):
        source.write("team", draft(), first)
    lacks = denied(asked(server, bucket), [*READER, *PUBLISHER])
    assert {action for action, _ in lacks} == {"s3:DeleteObject"}
    assert all("/lists/team/000002-" in resource for _, resource in lacks)


def test_to_prune_needs_to_delete_from_the_bundle_and_nothing_more(
    source: S3Source, server: FakeS3, bucket: str, tmp_path: Path
) -> None:
    fetched = Fetched(tmp_path / "fetched")
    fetched.conda("numpy")
    fetched.pip("six")
    fill(source.shelf, fetched.folder, fetched.wanted)
    source.write("team", draft(lock=write_lock(lock_of([Exact(platform="linux-64")]))), None)
    server.requests.clear()
    assert prune(source, source.shelf).removed == 2
    lacks = denied(asked(server, bucket), [*READER, *PUBLISHER])
    assert {action for action, _ in lacks} == {"s3:DeleteObject"}
    assert all(fnmatchcase(resource, "arn:aws:s3:::acme-lists/approved/bundle/*") for _, resource in lacks)


def test_heads_are_only_written_under_conditions(source: S3Source, server: FakeS3, bucket: str) -> None:
    source.write("team", draft(NEWER), source.write("team", draft(), None))
    (statement,) = HEADS
    heads = 0
    for method, path, told in server.requests:
        resource = f"arn:aws:s3:::acme-lists/{path.removeprefix(f'/{bucket}/')}"
        if method == "PUT" and allows(statement, "s3:PutObject", resource):
            heads += 1
            assert "IF_MATCH" in told or "IF_NONE_MATCH" in told, path
    assert heads >= 4  # two of the lists, and the trial
    assert set(statement["Condition"]["Null"]) == {"s3:if-match", "s3:if-none-match"}
