"""Lists in S3, by real boto3 over HTTP: whole whatever breaks off, and of two publishers nobody loses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jupyter_lcc.errors import Invalid, LostRace, NotFound, NotPermitted, NotReachable, Unsafe
from jupyter_lcc.packages.sources.aws import Bucket, S3Source, parse_place
from jupyter_lcc.packages.sources.model import Source, Unchanged
from jupyter_lcc.platforms.aws import AwsClient

from .conftest import environment_of
from .contract import NEWER, Contract, draft
from .fake_s3 import FakeS3, broken_off, busy, denied, lost_answer, slow
from .made import signed
from .racing import race


@pytest.fixture
def make(bucket: str, shared: AwsClient) -> Callable[..., S3Source]:
    def make(**more: Any) -> S3Source:
        return S3Source(Bucket(bucket=bucket, prefix="team/lists", **more), shared)

    return make


@pytest.fixture
def source(make: Callable[..., S3Source], server: FakeS3) -> S3Source:
    source = make()
    assert source.why_unsafe() is None
    server.requests.clear()
    return source


@pytest.fixture
def keys(bucket: str, client: Any) -> Callable[[], list[str]]:
    return lambda: [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


class TestS3(Contract):
    @pytest.fixture
    def make(self, bucket: str, shared: AwsClient) -> Callable[[], Source]:
        return lambda: S3Source(Bucket(bucket=bucket, prefix="lists"), shared)

    def test_four_at_once(self, make: Callable[[], Source]) -> None:
        self.race(make, 3, publishers=4)

    def test_a_hundred_races_of_two_machines(self, make: Callable[[], Source], bucket: str, server: FakeS3) -> None:
        race(make(), f"s3://{bucket}/lists", 100, environment_of(server))


@pytest.fixture
def versioned(bucket: str, shared: AwsClient, client: Any) -> Callable[[], Source]:
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return lambda: S3Source(Bucket(bucket=bucket), shared)


def test_a_bucket_with_versions_is_used_like_any_other(versioned: Callable[[], Source]) -> None:
    """What else a source keeps to doesn't touch what versions change: reading, exchanging and deleting objects."""
    Contract().test_what_is_removed_can_be_brought_back(versioned)


def test_of_two_publishers_to_a_bucket_with_versions_nobody_loses(versioned: Callable[[], Source]) -> None:
    Contract().test_the_second_of_two_publishers_loses_nothing(versioned)


def test_knowing_it_costs_one_conditional_request(source: S3Source, server: FakeS3) -> None:
    stored = source.write("team", draft(), None)
    server.requests.clear()
    with pytest.raises(Unchanged):
        source.read("team", stored.etag)
    ((method, path, told),) = server.requests
    assert (method, path.endswith("/heads/team.json"), told["IF_NONE_MATCH"]) == ("GET", True, stored.etag)
    server.requests.clear()
    assert source.names() == ("team",)
    assert source.names() == ("team",)
    assert [method for method, _, _ in server.requests] == ["GET", "GET", "GET"]  # list, head, list


def test_what_is_written_carries_its_conditions_and_its_key(make: Callable[..., S3Source], server: FakeS3) -> None:
    source = make(encryption="aws:kms", kms_key_id="alias/lists", bucket_key=True, owner="123456789012")
    first = source.write("team", draft(), None)
    source.write("team", draft(NEWER), first)
    puts = [(path, told) for method, path, told in server.requests if method == "PUT" and "trial" not in path]
    assert len(puts) == 8
    for _, told in puts:
        assert told["X_AMZ_SERVER_SIDE_ENCRYPTION"] == "aws:kms"
        assert told["X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID"] == "alias/lists"
        assert told["X_AMZ_SERVER_SIDE_ENCRYPTION_BUCKET_KEY_ENABLED"] == "true"
    for _, _, told in server.requests:
        assert told["X_AMZ_EXPECTED_BUCKET_OWNER"] == "123456789012"
    heads = [told for path, told in puts if "/heads/" in path]
    assert (heads[0]["IF_NONE_MATCH"], heads[1]["IF_MATCH"]) == ("*", first.etag)


def test_an_older_boto3_sends_the_conditions_too(
    make: Callable[..., S3Source], server: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = AwsClient.ask

    def older(self: Any, question: Callable[[Any], Any]) -> Any:
        def ask(client: Any) -> Any:
            client.meta.service_model.operation_model("PutObject").input_shape.members.pop("IfMatch", None)
            client.meta.service_model.operation_model("PutObject").input_shape.members.pop("IfNoneMatch", None)
            return question(client)

        return real(self, ask)

    monkeypatch.setattr(AwsClient, "ask", older)
    ann, bob = make(), make()
    base = ann.write("team", draft(), None)
    bob.write("team", draft(NEWER), base)
    with pytest.raises(LostRace):
        ann.write("team", draft(), base)
    with pytest.raises(LostRace):
        make().write("team", draft(), None)


def test_a_store_that_ignores_conditions_says_so_and_takes_nothing(
    make: Callable[..., S3Source], server: FakeS3, keys: Callable[[], list[str]]
) -> None:
    server.knows_conditions = False
    source = make()
    with pytest.raises(Unsafe, match="If-None-Match"):
        source.write("team", draft(), None)
    assert source.why_unsafe() is not None
    assert keys() == ["team/lists/heads/.trial"]
    assert source.names() == ()


@pytest.mark.parametrize("condition", ["HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"])
def test_a_store_that_ignores_one_condition_says_which(
    make: Callable[..., S3Source], server: FakeS3, condition: str
) -> None:
    def ignore(environ: dict[str, Any], *_: Any) -> None:
        environ.pop(condition, None)

    server.fault("PUT", "trial", ignore, times=10)
    assert condition[5:].replace("_", "-").lower() in str(make().why_unsafe()).lower()


def test_a_store_that_refuses_conditions_says_so(make: Callable[..., S3Source], server: FakeS3) -> None:
    server.fault("PUT", "trial", busy("NotImplemented", "501 Not Implemented"), times=10)
    with pytest.raises(Unsafe, match="no conditions"):
        make().write("team", draft(), None)


@pytest.mark.parametrize(
    ("method", "path", "missing"),
    [("GET", "heads", "s3:GetObject"), ("PUT", "lists/team", "s3:PutObject"), ("PUT", "heads/team", "s3:PutObject")],
)
def test_a_missing_permission_is_named(
    source: S3Source, server: FakeS3, bucket: str, method: str, path: str, missing: str
) -> None:
    server.fault(method, path, denied(), times=20)
    with pytest.raises(NotPermitted, match=missing) as error:
        source.write("team", draft(), None)
    assert error.value.detail["missing"] == missing
    assert bucket in error.value.message
    server.forget()
    with pytest.raises(NotFound):
        source.read("team")
    server.fault("GET", f"/{bucket}", denied(), times=20)
    with pytest.raises(NotPermitted, match="s3:ListBucket"):
        source.names()


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"])
def test_a_store_that_is_busy_is_asked_again(source: S3Source, server: FakeS3, code: str) -> None:
    for method, path in (("GET", "heads"), ("PUT", "environment.yml"), ("PUT", "heads/team")):
        server.fault(method, path, busy(code), times=3)
    stored = source.write("team", draft(), None)
    server.fault("GET", "pixi.lock", busy(code), times=3)
    assert source.read("team") == stored
    server.fault("GET", "heads", busy(code), times=100)
    with pytest.raises(NotReachable, match=code):
        source.read("team")


def test_a_conflict_of_conditions_is_looked_into(source: S3Source, server: FakeS3) -> None:
    server.fault("PUT", "heads/team", busy("ConditionalRequestConflict", "409 Conflict"), times=2)
    stored = source.write("team", draft(), None)
    assert source.read("team") == stored


def test_half_an_upload_is_nothing(source: S3Source, server: FakeS3, bucket: str) -> None:
    stored = source.write("team", draft(), None)
    for path in ("environment.yml", "pixi.lock", "revision.json", "heads/team"):
        server.fault("PUT", path, broken_off(), times=20)
        with pytest.raises(NotReachable):
            source.write("team", draft(NEWER), stored)
        server.forget()
        assert source.read("team") == stored
        assert len(source.history("team")) == 1
    server.fault("PUT", "environment.yml", broken_off())  # once: it is sent again
    assert source.write("team", draft(NEWER), stored).revision.number == 2


def test_an_answer_that_got_lost_is_looked_for(source: S3Source, server: FakeS3) -> None:
    server.fault("PUT", "heads/team", lost_answer())
    first = source.write("team", draft(), None)
    server.fault("PUT", "heads/team", lost_answer())
    second = source.write("team", draft(NEWER), first)
    assert source.read("team") == second
    assert [r.number for r in source.history("team")] == [2, 1]


def test_somebody_else_s_write_between_a_lost_answer_and_the_look_is_a_lost_race_or_a_success_never_both(
    source: S3Source, make: Callable[..., S3Source], server: FakeS3
) -> None:
    first = source.write("team", draft(), None)
    bob = make()
    assert bob.why_unsafe() is None

    def other_first(*_: Any) -> None:
        bob.write("team", draft(NEWER, author="bob"), first)

    server.fault("PUT", "heads/team", other_first)
    with pytest.raises(LostRace, match="bob"):
        source.write("team", draft(), first)
    assert [r.author for r in source.history("team")] == ["bob", "ann"]


REFUSALS = {
    "AccessDenied": (NotPermitted, "s3:GetObject", "AccessDenied"),
    "KMS.DisabledException": (NotPermitted, "kms:Decrypt", "KMS.DisabledException"),
    "NoSuchBucket": (NotReachable, "NoSuchBucket", "NoSuchBucket"),
    "InvalidAccessKeyId": (NotReachable, "InvalidAccessKeyId", "InvalidAccessKeyId"),
    "RequestTimeTooSkewed": (NotReachable, "clock", "RequestTimeTooSkewed"),
    "kms:Decrypt": (NotPermitted, "kms:Decrypt", "AccessDenied"),
}


@pytest.mark.parametrize("told", REFUSALS)
def test_what_s3_refuses_is_told_without_secrets(source: S3Source, server: FakeS3, told: str) -> None:
    """Whoever may read the log isn't given what the store repeats of the request."""
    error, why, code = REFUSALS[told]
    secret = f"not authorized for {told}, https://ann:FAKE-SECRET@host/ x-amz-security-token: FAKE-TOKEN secret=FAKE-ID"
    server.fault("GET", "heads", busy(code, "403 Forbidden", secret), times=20)
    with pytest.raises(error, match=why) as caught:
        source.read("team")
    assert "FAKE" not in caught.value.message + str(caught.value.detail)


def test_a_key_that_may_not_be_used_to_write_is_named(source: S3Source, server: FakeS3) -> None:
    server.fault("PUT", "environment.yml", busy("AccessDenied", "403 Forbidden", "no kms:GenerateDataKey"), times=20)
    with pytest.raises(NotPermitted, match="key") as error:
        source.write("team", draft(), None)
    assert error.value.detail["missing"] == "kms:GenerateDataKey"


def test_credentials_that_ran_out_are_asked_for_anew(source: S3Source, server: FakeS3) -> None:
    stored = source.write("team", draft(), None)
    for method, path in (("GET", "heads"), ("PUT", "environment.yml"), ("PUT", "heads/team")):
        server.fault(method, path, busy("ExpiredToken", "400 Bad Request"))
    second = source.write("team", draft(NEWER), stored)
    assert source.read("team") == second
    server.fault("GET", "heads", busy("ExpiredToken", "400 Bad Request"), times=20)
    with pytest.raises(NotReachable, match="ExpiredToken"):
        source.read("team")


@pytest.mark.parametrize("operation", ["environment.yml", "pixi.lock", "revision.json", "heads/team"])
@pytest.mark.parametrize("done", [False, True])
def test_killed_at_any_request_it_is_the_old_or_the_new(
    victims: Victims, make: Callable[..., S3Source], server: FakeS3, bucket: str, operation: str, done: bool
) -> None:
    stored = make().write("team", draft(), None)
    pid = victims.begin(bucket)

    def kill(_: Any, __: Any, moto: Any) -> Any:
        if not done:
            os.kill(pid, signal.SIGKILL)
        answer = moto() if done else []
        if done:
            os.kill(pid, signal.SIGKILL)
        return answer

    server.fault("PUT", f"{operation}", kill)
    assert victims.go() == -signal.SIGKILL
    found = make().read("team")
    if done and operation == "heads/team":
        assert (found.text, found.revision.author, found.revision.number) == (NEWER, "victim", 2)
    else:
        assert found == stored
    after = make().write("team", draft(NEWER + "# alive\n"), found)
    assert make().read("team") == after
    assert [r.number for r in make().history("team")] == list(range(after.revision.number, 0, -1))


VICTIM = """
import os, sys
import boto3
from jupyter_lcc.packages.sources import objects
from jupyter_lcc.packages.sources.aws import Bucket, S3Source
from jupyter_lcc.packages.sources.model import Draft
from tests.packages.contract import NEWER, draft
boto3.session.Session().client("s3")
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        source = S3Source(Bucket(bucket=line.strip(), prefix="team/lists"))
        base = source.read("team")
        assert source.why_unsafe() is None
        print(os.getpid(), flush=True)
        os.read(0, 3)
        source.write("team", draft(NEWER, author="victim"), base)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Victims:
    """Processes that publish when they are told to. Forked from one that has loaded everything already."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", VICTIM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, **environment},
        )

    def begin(self, bucket: str) -> int:
        """Let one read the list in a bucket; give its pid."""
        self._say(f"{bucket}\n")
        return int(self._line())

    def go(self) -> int:
        """Let it publish; give its exit status."""
        self._say("go\n")
        return int(self._line())

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def victims(server: FakeS3) -> Iterator[Victims]:
    victims = Victims(environment_of(server))
    yield victims
    victims.close()


def test_a_slow_store_is_waited_for_only_so_long(make: Callable[..., S3Source], server: FakeS3, bucket: str) -> None:
    stored = make().write("team", draft(), None)
    hasty = S3Source(Bucket(bucket=bucket, prefix="team/lists"), connect_seconds=0.2, read_seconds=0.2)
    server.fault("GET", "heads", slow(0.6), times=4)
    with pytest.raises(NotReachable):
        hasty.read("team")
    server.forget()
    assert hasty.read("team") == stored


def test_a_write_that_comes_late_never_points_at_files_that_are_gone(
    make: Callable[..., S3Source], server: FakeS3, bucket: str
) -> None:
    stored = make().write("team", draft(), None)
    hasty = S3Source(Bucket(bucket=bucket, prefix="team/lists"), connect_seconds=0.2, read_seconds=0.2)
    assert hasty.why_unsafe() is None
    done = threading.Event()

    def late(environ: dict[str, Any], start: Any, moto: Any) -> Any:
        done.wait(10)
        return moto()

    server.fault("PUT", "heads/team", late, times=20)
    with pytest.raises(NotReachable):
        hasty.write("team", draft(NEWER), stored)
    done.set()
    for _ in range(200):
        if make().read("team").text == NEWER:
            break
        threading.Event().wait(0.02)
    found = make().read("team")
    assert (found.text, found.revision.number) == (NEWER, 2)


def test_nobody_answers(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    source = S3Source(Bucket(bucket=bucket), connect_seconds=0.2)
    with pytest.raises(NotReachable):
        source.read("team")


def test_what_lost_a_race_is_taken_away(source: S3Source, keys: Callable[[], list[str]], server: FakeS3) -> None:
    first = source.write("team", draft(), None)
    source.write("team", draft(NEWER), first)
    before = sorted(keys())
    with pytest.raises(LostRace):
        source.write("team", draft(NEWER + "# mine\n"), first)
    assert sorted(keys()) == before
    server.fault("DELETE", "", denied(), times=20)  # a publisher may not be allowed to
    with pytest.raises(LostRace):
        source.write("team", draft(NEWER + "# mine\n"), first)
    assert [r.number for r in source.history("team")] == [2, 1]


def test_what_others_spoilt_is_refused(
    source: S3Source, bucket: str, client: Any, keys: Callable[[], list[str]]
) -> None:
    source.write("team", draft(), None)
    s3 = client
    text = next(key for key in keys() if key.endswith("environment.yml"))
    for raw in (b"dependencies: [evil]\n", b"\xff", b"#" * 2_000_000):
        s3.put_object(Bucket=bucket, Key=text, Body=raw)
        with pytest.raises(Invalid):
            source.read("team")
    s3.delete_object(Bucket=bucket, Key=text)
    with pytest.raises(Invalid, match="gone"):
        source.read("team")
    s3.put_object(Bucket=bucket, Key="team/lists/heads/team.json", Body=b"{")
    s3.put_object(Bucket=bucket, Key="team/lists/heads/../../x.json", Body=b"{")
    s3.put_object(Bucket=bucket, Key="team/lists/heads/a b.json", Body=b"{")
    with pytest.raises(Invalid, match="record"):
        source.read("team")
    assert source.names() == ("team",)


def test_removing_loses_a_race_like_any_other_write(source: S3Source) -> None:
    first = source.write("team", draft(), None)
    source.write("team", draft(NEWER), first)
    with pytest.raises(LostRace):
        source.remove("team", signed(), first)
    assert source.read("team").text == NEWER


@pytest.mark.parametrize(
    "place",
    [
        "s3://",
        "s3:///x",
        "s3://B/x",
        "s3://b..c/x",
        "s3://bucket/../x",
        "s3://bucket/a//b",
        "s3://bucket/./x",
        "s3://bucket/a\nb",
        "s3://user:pw@bucket/x",
        "https://bucket/x",
        "s3://bucket/" + "x" * 1000,
        "s3://bucket/a?b",
        "s3://bucket/환경",
    ],
)
def test_what_is_no_place_is_refused(place: str) -> None:
    with pytest.raises(Invalid) as error:
        parse_place(place)
    assert error.value.message.isprintable()


def test_a_place_is_understood() -> None:
    assert parse_place("s3://my-bucket") == Bucket(bucket="my-bucket")
    assert parse_place("s3://my.bucket/a/b c/") == Bucket(bucket="my.bucket", prefix="a/b c")
    assert S3Source(parse_place("s3://my.bucket/a")).place == "s3://my.bucket/a"
