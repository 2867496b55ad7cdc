"""The document from a file, S3 and SSM, through the real adapters: loaded, reloaded, refused, missed."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

from jupyter_lcc.idle.document import source as source_module
from jupyter_lcc.idle.document.model import PolicySource, Subject, Unavailable
from jupyter_lcc.idle.document.places import find_source, reader_for
from jupyter_lcc.idle.document.source import COPY, DocumentService
from jupyter_lcc.idle.document.subject import subject_of
from jupyter_lcc.idle.policy import Choices, PolicyInput, resolve
from jupyter_lcc.platforms import aws

from ...fake_aws import Denied, FakeAws, Hang
from ...fakes import FakeClock

BELOW = PolicyInput(mode="enforce", mode_source="default", values={"kernel_timeout_seconds": 7200})


def text(seconds: Any = 600, **rule: Any) -> bytes:
    rules = [{"name": "all", "values": {"kernel_timeout_seconds": seconds}, **rule}]
    return json.dumps({"version": 1, "rules": rules}).encode()


class Place:
    """A document's service with its surroundings in a test's hands."""

    def __init__(self, folder: Path, place: str, **more: Any) -> None:
        self.clock = FakeClock()
        self.news = 0
        self.place = place
        self.folder = folder
        self.more = more
        self.service = self.build()

    def build(self) -> DocumentService:
        settings = {"reader": reader_for(self.place, "eu-central-1"), "below": BELOW, **self.more}
        self.service = DocumentService(
            source=PolicySource(place=self.place, found_by="environment"),
            subject=Subject(users=("ann",)),
            copies=lambda: self.folder,
            reload_seconds=300,
            clock=self.clock,
            log=logging.getLogger("jupyter_lcc.tests"),
            **settings,
        )
        self.service.on_news = self.note
        return self.service

    def write_copy(self, raw: bytes) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / COPY).write_bytes(raw)

    def note(self) -> None:
        self.news += 1

    async def later(self, seconds: float) -> None:
        self.clock.pass_(seconds)
        self.service.poke()
        await self.service.settle()

    def holds(self) -> tuple[int, str | None]:
        setting = resolve(self.service.given(), Choices()).kernel_timeout_seconds
        return setting.value, setting.rule

    @property
    def problem(self) -> str:
        return "; ".join(f"{problem.code}: {problem.message}" for problem in self.service.problems)


class Written:
    """A document in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write(text())

    def write(self, raw: bytes) -> None:
        self.path.write_bytes(raw)

    def remove(self) -> None:
        self.path.unlink()


@pytest.fixture
def file(tmp_path: Path) -> Written:
    return Written(tmp_path / "policy.json")


@pytest.fixture
def place(tmp_path: Path, file: Written) -> Place:
    return Place(tmp_path / "state", str(file.path))


async def test_a_file_is_read_at_the_start_and_seen_to_change_at_each_check(place: Place, file: Written) -> None:
    await place.service.start()
    assert place.holds() == (600, "all")
    await place.later(1)
    assert place.news == 1
    file.write(text(1200))
    await place.later(1)
    assert place.holds() == (1200, "all")
    assert place.news == 2
    assert place.service.problems == ()


async def test_a_wrong_document_is_refused_as_a_whole_and_the_last_good_one_stays(place: Place, file: Written) -> None:
    await place.service.start()
    file.write(text(1200, whem={}))
    await place.later(1)
    assert place.holds() == (600, "all")
    assert "policy_document_invalid" in place.problem
    assert "rules[0]: Object contains unknown field `whem`" in place.problem
    assert "The last good one stays in force" in place.problem
    file.write(text(900))
    await place.later(1)
    assert place.holds() == (900, "all")
    assert place.service.problems == ()


async def test_deleting_the_file_gives_nobody_more(place: Place, file: Written) -> None:
    await place.service.start()
    file.remove()
    await place.later(1)
    assert place.holds() == (600, "all")
    assert "policy_document_unavailable" in place.problem
    file.write(text(60))
    await place.later(30)
    assert place.holds() == (60, "all")


async def test_after_a_restart_the_copy_holds_where_it_is_stricter(place: Place, file: Written) -> None:
    await place.service.start()
    file.remove()
    await place.build().start()
    assert place.holds() == (600, "all")
    assert "The copy from before the restart holds where it is stricter" in place.problem
    edited = json.loads((place.folder / COPY).read_text())
    edited["text"] = text("never", mode="off").decode()
    place.write_copy(json.dumps(edited).encode())
    await place.build().start()
    assert place.holds() == (7200, None)
    assert place.service.given().mode == "enforce"
    file.write(text())
    await place.later(30)
    assert place.holds() == (600, "all")
    assert place.service.problems == ()


@pytest.mark.parametrize("copy", [b"", b"{}", b'{"place":"/elsewhere","text":"{}"}', b"\xff"])
async def test_a_broken_or_foreign_copy_is_no_copy(place: Place, file: Written, copy: bytes) -> None:
    file.remove()
    place.write_copy(copy)
    await place.build().start()
    assert place.holds() == (7200, None)
    assert "None could ever be read" in place.problem


async def test_hours_change_what_holds_while_the_server_runs(place: Place, file: Written) -> None:
    file.write(text(600, when={"hours": {"from": "12:00", "to": "13:00"}}))
    await place.service.start()
    assert place.holds() == (600, "all")
    place.clock.pass_(3600)
    assert place.holds() == (7200, None)


async def test_a_reading_that_hangs_is_not_repeated_and_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, calls = threading.Event(), []

    class FakeHang:
        cheap = False

        def read(self) -> bytes | None:
            calls.append(1)
            free.wait(20)
            return text()

    monkeypatch.setattr(source_module, "START_SECONDS", 0.05)
    monkeypatch.setattr(source_module, "READ_SECONDS", 0.1)
    hung = Place(tmp_path, "ssm:/policy", reader=FakeHang())
    await hung.service.start()
    assert "policy_document_unavailable" in hung.problem
    await hung.later(400)
    await hung.later(400)
    assert calls == [1]
    free.set()
    await hung.later(400)
    assert hung.holds() == (600, "all")
    await hung.service.close()


# -- AWS -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """moto's server on loopback: S3's and SSM's protocols, not AWS."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def account(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FAKE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "FAKE")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    session = boto3.session.Session(region_name="eu-central-1")
    s3, ssm = session.client("s3"), session.client("ssm")
    yield s3, ssm
    s3.close()
    ssm.close()


async def test_an_object_in_s3_is_read_and_read_again(account: Any, tmp_path: Path) -> None:
    s3, _ssm = account
    s3.create_bucket(Bucket="policies", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="policies", Key="team/lcc.json", Body=text())
    place = Place(tmp_path, "s3://policies/team/lcc.json")
    await place.service.start()
    assert place.holds() == (600, "all")
    s3.put_object(Bucket="policies", Key="team/lcc.json", Body=text(1200))
    await place.later(299)
    assert place.holds() == (600, "all")
    await place.later(1)
    assert place.holds() == (1200, "all")
    s3.delete_object(Bucket="policies", Key="team/lcc.json")
    await place.later(300)
    assert place.holds() == (1200, "all")
    assert "There is no such object." in place.problem


@pytest.mark.parametrize("kind", ["String", "SecureString"])
async def test_a_parameter_is_read(account: Any, tmp_path: Path, kind: str) -> None:
    _s3, ssm = account
    ssm.put_parameter(Name=f"/lcc/{kind}", Value=text().decode(), Type=kind)
    place = Place(tmp_path, f"ssm:/lcc/{kind}")
    await place.service.start()
    assert place.holds() == (600, "all")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("s3://none-of-these/policy.json", "There is no such bucket."),
        ("ssm:/lcc/none", "There is no such parameter."),
        ("s3://bucket", "write s3://bucket/key"),
        ("ssm:", "write ssm:/name"),
        ("https://example.org/policy.json", "https:// can't be read; write a path, s3://bucket/key or ssm:/name."),
        ("policy.json", "is not an absolute path"),
        ("/nowhere/policy.json", "No such file"),
    ],
)
async def test_what_is_not_there_is_said(account: Any, tmp_path: Path, where: str, told: str) -> None:
    place = Place(tmp_path, where)
    await place.service.start()
    assert told in place.problem
    assert place.holds() == (7200, None)


@pytest.mark.parametrize(
    ("where", "operation", "denied", "missing"),
    [
        ("s3://policies/lcc.json", "GetObject", b"<Error><Code>AccessDenied</Code></Error>", "s3:GetObject"),
        ("ssm:/lcc", "GetParameter", None, "ssm:GetParameter"),
    ],
)
def test_a_missing_permission_is_named(
    monkeypatch: pytest.MonkeyPatch, where: str, operation: str, denied: bytes | None, missing: str
) -> None:
    from ...fake_aws import Answer

    with FakeAws() as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        fake.answer(operation, Denied(missing) if denied is None else Answer(403, denied))
        with pytest.raises(Unavailable, match=f"needs {missing} on") as refused:
            reader_for(where, "eu-central-1").read()
        assert refused.value.missing == missing
        assert len(fake.calls()) == 1


def test_an_aws_that_hangs_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "READ_SECONDS", 0.2)
    with FakeAws() as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        fake.answer("GetParameter", Hang(5))
        with pytest.raises(Unavailable, match="ssm:GetParameter failed: Read timeout"):
            reader_for("ssm:/lcc", "eu-central-1").read()


# -- where, and for whom -------------------------------------------------------------------------------------


def test_the_machines_own_file_wins_over_the_environment_and_that_over_the_configuration(tmp_path: Path) -> None:
    system = tmp_path / "lcc-policy.json"
    environment = {"LCC_POLICY_SOURCE": "ssm:/lcc"}
    assert find_source({}, "", system).found_by == "none"
    assert find_source({}, "/a", system).found_by == "config"
    assert not find_source({}, "/a", system).stands_alone
    named = find_source(environment, "/a", system)
    assert (named.place, named.stands_alone) == ("ssm:/lcc", True)
    system.write_bytes(text())
    assert find_source(environment, "/a", system).place == str(system)


def test_the_user_is_the_hubs_then_studios_then_the_systems() -> None:
    environment = {
        "JUPYTERHUB_USER": "ann",
        "USER": "mallory",
        "LOGNAME": "mallory",
    }
    subject = subject_of(environment, ("bob", "space"), "ml.t3.large")
    assert (subject.users, subject.instance_type) == (("ann",), "ml.t3.large")
    assert subject_of({}, ("bob", ""), "ml.g5.xlarge").users == ("bob",)
    assert subject_of({"USER": "mallory"}, (), None).users != ("mallory",)
