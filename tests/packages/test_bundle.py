"""Bundles in a folder and in S3: only what is missing, nothing that isn't what the lock names, whole whoever dies."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_lcc.environments.exact import Exact, ExactConda, ExactPip
from jupyter_lcc.environments.lock_file import lock_of, write_lock
from jupyter_lcc.errors import Conflict, DiskFull, Invalid, NotFound, NotPermitted, NotReachable
from jupyter_lcc.packages.bundle import Archive, Shelf, archives_of, check_path, fill, is_archive, lacking, take
from jupyter_lcc.packages.pruning import Pruned, prune
from jupyter_lcc.packages.sources.aws import Bucket, S3Source
from jupyter_lcc.packages.sources.directory import DirectorySource
from jupyter_lcc.packages.sources.git import GitSource
from jupyter_lcc.packages.sources.model import Source
from jupyter_lcc.platforms.aws import AwsClient

from .contract import draft
from .fake_s3 import FakeS3, broken_off, busy, denied
from .made import signed

FORGE = "https://conda.anaconda.org/conda-forge"


class Fetched:
    """A folder as fetching makes it, of made-up archives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._conda: dict[str, ExactConda] = {}
        self._pip: dict[str, ExactPip] = {}

    def conda(self, name: str, subdir: str = "linux-64", raw: bytes | None = None) -> None:
        content = raw if raw is not None else name.encode() * 100
        file = f"{name}-1.0-0.conda"
        path = self.folder / "conda" / subdir / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        self._conda[name] = ExactConda(
            name=name,
            version="1.0",
            build="0",
            subdir=subdir,
            url=f"{FORGE}/{subdir}/{file}",
            sha256=digest,
            size=len(content),
        )
        repodata = path.with_name("repodata.json")
        told = json.loads(repodata.read_text()) if repodata.exists() else {"packages.conda": {}}
        told["packages.conda"][file] = {"name": name, "sha256": digest, "depends": []}
        repodata.write_text(json.dumps(told))

    def pip(self, name: str) -> None:
        content = name.encode() * 50
        path = self.folder / "wheels" / f"{name}-1.0-py3-none-any.whl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        url = f"https://files.pythonhosted.org/packages/aa/{path.name}"
        self._pip[name] = ExactPip(name=name, version="1.0", url=url, sha256=hashlib.sha256(content).hexdigest())

    @property
    def exact(self) -> Exact:
        return Exact(platform="linux-64", conda=tuple(self._conda.values()), pip=tuple(self._pip.values()))

    @property
    def wanted(self) -> tuple[Archive, ...]:
        return archives_of([self.exact])


@pytest.fixture
def fetched(tmp_path: Path) -> Fetched:
    made = Fetched(tmp_path / "fetched")
    made.conda("numpy")
    made.conda("tzdata", "noarch")
    made.pip("six")
    return made


@pytest.fixture(params=["directory", "s3"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    if request.param == "directory":
        (tmp_path / "share").mkdir()
        return DirectorySource(tmp_path / "share")
    bucket: str = request.getfixturevalue("bucket")
    shared: AwsClient = request.getfixturevalue("shared")
    return S3Source(Bucket(bucket=bucket, prefix="team"), shared)


@pytest.fixture
def shelf(source: Source) -> Shelf:
    assert source.shelf is not None
    return source.shelf


def names_in(shelf: Shelf, subdir: str, tmp_path: Path) -> set[str]:
    copy = tmp_path / "repodata"
    assert shelf.load(f"conda/{subdir}/repodata.json", copy)
    return set(json.loads(copy.read_text())["packages.conda"])


def test_only_what_is_missing_is_put_there(shelf: Shelf, fetched: Fetched, tmp_path: Path) -> None:
    assert shelf.sizes() == {}
    assert lacking(shelf, fetched.wanted) == fetched.wanted
    told: list[tuple[int, int, str]] = []
    first = fill(shelf, fetched.folder, fetched.wanted, lambda *each: told.append(each))
    assert (first.url, first.stored, first.present, first.bytes_stored) == (shelf.url, 3, 0, 500 + 600 + 150)
    assert sorted(done for done, _, _ in told) == [1, 2, 3]
    assert {name for _, _, name in told} == {"numpy 1.0", "tzdata 1.0", "six 1.0"}
    assert lacking(shelf, fetched.wanted) == ()
    fetched.conda("scipy")
    assert [archive.name for archive in lacking(shelf, fetched.wanted)] == ["scipy 1.0"]
    second = fill(shelf, fetched.folder, fetched.wanted)
    assert (second.stored, second.present, second.bytes_stored) == (1, 3, 500)
    assert sorted(path for path in shelf.sizes() if not path.endswith("json")) == [a.path for a in fetched.wanted]
    assert names_in(shelf, "linux-64", tmp_path) == {"numpy-1.0-0.conda", "scipy-1.0-0.conda"}
    assert names_in(shelf, "noarch", tmp_path) == {"tzdata-1.0-0.conda"}


def locked(*exacts: Exact) -> str:
    return write_lock(lock_of(exacts))


def archives_in(shelf: Shelf) -> set[str]:
    return {path for path in shelf.sizes() if is_archive(path)}


def test_what_no_kept_revision_needs_is_pruned(source: Source, shelf: Shelf, tmp_path: Path) -> None:
    old, new, other = Fetched(tmp_path / "old"), Fetched(tmp_path / "new"), Fetched(tmp_path / "other")
    for made in (old, new):
        made.conda("python")
        made.pip("six")
    old.conda("numpy")
    old.pip("gone")
    new.conda("scipy")
    other.conda("numpy-of-others", "noarch")
    for made in (old, new, other):
        fill(shelf, made.folder, made.wanted)
    first = source.write("team", draft(lock=locked(old.exact)), None)
    second = source.write("team", draft(lock=locked(new.exact)), first)
    source.write("other", draft(lock=locked(other.exact)), None)
    everything = archives_in(shelf)
    # All revisions count unless somebody says how many.
    assert prune(source, shelf) == Pruned(kept=6)
    assert archives_in(shelf) == everything
    done = prune(source, shelf, 1)
    assert done == Pruned(removed=2, bytes_removed=500 + 200, kept=4)
    assert archives_in(shelf) == {archive.path for archive in (*new.wanted, *other.wanted)}
    assert names_in(shelf, "linux-64", tmp_path) == {"python-1.0-0.conda", "scipy-1.0-0.conda"}
    assert names_in(shelf, "noarch", tmp_path) == {"numpy-of-others-1.0-0.conda"}
    assert lacking(shelf, new.wanted) == ()
    take(shelf, tmp_path / "machine", new.wanted)
    # What comes back with an old revision is bundled again; what a removed list had goes.
    fill(shelf, old.folder, old.wanted)
    assert archives_in(shelf) == everything
    source.remove("other", signed(), source.read("other"))
    assert prune(source, shelf, 2).removed == 1
    assert source.read("team") == second


def test_what_tells_of_archives_is_left(source: Source, shelf: Shelf, fetched: Fetched, tmp_path: Path) -> None:
    fill(shelf, fetched.folder, fetched.wanted)
    source.write("team", draft(lock=locked(Exact(platform="linux-64"))), None)
    assert prune(source, shelf).removed == 3
    assert names_in(shelf, "linux-64", tmp_path) == set()
    assert set(shelf.sizes()) == {"conda/linux-64/repodata.json", "conda/noarch/repodata.json"}


@pytest.mark.parametrize("at", [1, 2])
def test_who_publishes_while_it_is_pruned_is_heard(source: Source, shelf: Shelf, fetched: Fetched, at: int) -> None:
    fill(shelf, fetched.folder, fetched.wanted)
    stored = source.write("team", draft(lock=locked(Exact(platform="linux-64"))), None)
    reads = iter(range(10))

    class Meanwhile:
        """The source, to which somebody publishes after it was read once, or when all is removed."""

        def __getattr__(self, name: str) -> Any:
            if name == "names" and next(reads) == at:
                source.write("team", draft(lock=locked(fetched.exact)), stored)
            return getattr(source, name)

    meanwhile: Any = Meanwhile()
    with pytest.raises(Conflict, match="needed again") as error:
        prune(meanwhile, shelf)
    assert error.value.detail["paths"] == [archive.path for archive in fetched.wanted]
    assert lacking(shelf, fetched.wanted) == (() if at == 1 else fetched.wanted)
    fill(shelf, fetched.folder, fetched.wanted)
    assert lacking(shelf, fetched.wanted) == ()


def test_nothing_is_pruned_where_a_lock_can_not_be_read(source: Source, shelf: Shelf, fetched: Fetched) -> None:
    fill(shelf, fetched.folder, fetched.wanted)
    source.write("team", draft(lock="version: 99\n"), None)
    before = shelf.sizes()
    with pytest.raises(Invalid):
        prune(source, shelf)
    assert shelf.sizes() == before


def test_who_may_not_delete_is_told_the_permission(
    bucket: str, shared: AwsClient, server: FakeS3, fetched: Fetched
) -> None:
    source = S3Source(Bucket(bucket=bucket), shared)
    fill(source.shelf, fetched.folder, fetched.wanted)
    source.write("team", draft(lock=locked(Exact(platform="linux-64"))), None)
    server.fault("DELETE", "bundle", denied(), times=20)
    with pytest.raises(NotPermitted, match="s3:DeleteObject"):
        prune(source, source.shelf)


def test_a_machine_that_reaches_only_the_bundle_gets_all_of_it(shelf: Shelf, fetched: Fetched, tmp_path: Path) -> None:
    fetched.conda("not-needed")
    fill(shelf, fetched.folder, fetched.wanted)
    wanted = tuple(archive for archive in fetched.wanted if archive.name != "not-needed 1.0")
    target = tmp_path / "machine"
    assert take(shelf, target, wanted) == 3
    for archive in wanted:
        assert (target / archive.path).read_bytes() == (fetched.folder / archive.path).read_bytes()
    told = json.loads((target / "conda/linux-64/repodata.json").read_text())
    assert set(told["packages.conda"]) == {"numpy-1.0-0.conda"}
    assert take(shelf, target, wanted) == 0
    (target / wanted[0].path).write_bytes(b"spoilt")
    assert take(shelf, target, wanted) == 1
    assert not list(target.rglob(".*"))


def test_lists_and_bundle_lie_side_by_side(source: Source, shelf: Shelf, fetched: Fetched) -> None:
    fill(shelf, fetched.folder, fetched.wanted)
    assert source.names() == ()
    source.write("team", draft(), None)
    assert source.names() == ("team",)
    assert shelf.url == f"{source.place if source.kind == 's3' else Path(source.place).as_uri()}/bundle"
    with pytest.raises(Invalid, match="archives"):
        source.write("bundle", draft(), None)
    assert len(shelf.sizes()) == 5


def test_what_is_not_what_the_lock_names_is_not_put_there(shelf: Shelf, fetched: Fetched) -> None:
    numpy = fetched.folder / "conda/linux-64/numpy-1.0-0.conda"
    good = numpy.read_bytes()
    for bad in (b"evil" * 125, b"", good[:-1]):
        numpy.write_bytes(bad)
        with pytest.raises(Invalid, match="numpy"):
            fill(shelf, fetched.folder, fetched.wanted)
    numpy.unlink()
    with pytest.raises(Invalid, match="not fetched"):
        fill(shelf, fetched.folder, fetched.wanted)
    assert "conda/linux-64/numpy-1.0-0.conda" not in shelf.sizes()
    numpy.write_bytes(good)
    fill(shelf, fetched.folder, fetched.wanted)
    assert lacking(shelf, fetched.wanted) == ()


def test_what_is_not_what_the_lock_names_is_not_taken(shelf: Shelf, fetched: Fetched, tmp_path: Path) -> None:
    fill(shelf, fetched.folder, fetched.wanted)
    other = tuple(msgspec.structs.replace(archive, sha256="ab" * 32) for archive in fetched.wanted)
    with pytest.raises(Invalid, match="not the file the lock names"):
        take(shelf, tmp_path / "machine", other)
    gone = Archive(path="wheels/gone-1.0-py3-none-any.whl", name="gone 1.0", sha256="ab" * 32)
    with pytest.raises(NotFound, match="gone"):
        take(shelf, tmp_path / "machine", [gone])
    assert not [path for path in (tmp_path / "machine").rglob("*") if path.is_file()]


@pytest.mark.parametrize("raw", [b"longer than it was" * 100, b"numpx" * 100])
def test_another_file_of_the_same_name_is_never_overwritten(
    shelf: Shelf, fetched: Fetched, tmp_path: Path, raw: bytes
) -> None:
    fill(shelf, fetched.folder, fetched.wanted)
    other = Fetched(tmp_path / "other")
    other.conda("numpy", raw=raw)
    with pytest.raises(Conflict, match="numpy"):
        fill(shelf, other.folder, other.wanted)
    assert take(shelf, tmp_path / "machine", fetched.wanted) == 3


def test_a_lock_that_knows_only_md5_will_do(shelf: Shelf, fetched: Fetched, tmp_path: Path) -> None:
    def old(archive: Archive) -> Archive:
        md5 = hashlib.md5((fetched.folder / archive.path).read_bytes()).hexdigest()
        return msgspec.structs.replace(archive, sha256=None, md5=md5)

    wanted = tuple(map(old, fetched.wanted))
    assert fill(shelf, fetched.folder, wanted).stored == 3
    assert take(shelf, tmp_path / "machine", wanted) == 3
    wrong = tuple(msgspec.structs.replace(archive, md5="ab" * 16) for archive in wanted)
    with pytest.raises(Invalid):
        take(shelf, tmp_path / "machine", wrong)


def test_two_who_fill_it_at_once_lose_nothing(source: Source, tmp_path: Path) -> None:
    sides = []
    for who in "ab":
        side = Fetched(tmp_path / who)
        side.conda("shared")
        for number in range(5):
            side.conda(f"{who}{number}")
        sides.append(side)
    gate, failures = threading.Barrier(2), []

    def bundle(side: Fetched) -> None:
        try:
            assert source.shelf is not None
            gate.wait(30)
            fill(source.shelf, side.folder, side.wanted)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=bundle, args=(side,)) for side in sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert source.shelf is not None
    assert len(names_in(source.shelf, "linux-64", tmp_path)) == 11
    assert all(lacking(source.shelf, side.wanted) == () for side in sides)


def test_an_edit_in_the_middle_of_another_is_not_lost(shelf: Shelf, tmp_path: Path) -> None:
    path, over = "conda/linux-64/repodata.json", threading.Event()

    def edit_too() -> None:
        shelf.edit(path, lambda before: (before or b"") + b"two ", 100)
        over.set()

    other = threading.Thread(target=edit_too)

    def change(before: bytes | None) -> bytes:
        if other.ident is None:
            other.start()
        over.wait(0.2)  # it may have to wait for us
        return (before or b"") + b"one "

    shelf.edit(path, change, 100)
    other.join()
    assert shelf.load(path, tmp_path / "copy")
    assert sorted((tmp_path / "copy").read_text().split()) == ["one", "two"]


def test_what_is_too_large_to_be_edited_is_left_as_it_is(shelf: Shelf, tmp_path: Path) -> None:
    path = "conda/linux-64/repodata.json"
    shelf.edit(path, lambda _: b"x" * 50, 100)
    with pytest.raises(Invalid, match="bytes"):
        shelf.edit(path, lambda _: b"y", 10)
    assert shelf.load(path, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"x" * 50


def test_who_is_cancelled_leaves_what_can_be_filled_further(shelf: Shelf, fetched: Fetched) -> None:
    calls = iter(range(100))
    fill(shelf, fetched.folder, fetched.wanted, goes_on=lambda: next(calls) < 1)
    assert len(lacking(shelf, fetched.wanted)) == 2
    assert fill(shelf, fetched.folder, fetched.wanted).stored == 2


@pytest.mark.parametrize(
    "path",
    [
        "",
        "../x",
        "/etc/passwd",
        "conda/../x",
        "conda/linux-64/../x",
        "conda/linux-64/..",
        "conda/linux-64/.x",
        "conda/linux-64/a/b",
        "conda/LINUX/x",
        "wheels/-x",
        "wheels/a\nb",
        "wheels/a\\b",
        "wheels/" + "x" * 300,
        "heads/team.json",
        "conda/x..y/z",
    ],
)
def test_paths_stay_in_the_bundle(shelf: Shelf, tmp_path: Path, path: str) -> None:
    for call in (
        lambda: check_path(path),
        lambda: shelf.load(path, tmp_path / "x"),
        lambda: shelf.digest(path),
        lambda: shelf.store(path, tmp_path / "x", "ab" * 32),
        lambda: shelf.edit(path, lambda _: b"", 10),
    ):
        with pytest.raises(Invalid) as error:
            call()
        assert error.value.message.isprintable()
    assert shelf.sizes() == {}


def test_a_lock_cannot_name_what_lies_elsewhere() -> None:
    evil = ExactConda(name="x", version="1", build="0", subdir="../..", url="https://h/c/linux-64/x-1-0.conda")
    for conda in (evil, msgspec.structs.replace(evil, subdir="linux-64", url="https://h/c/..")):
        with pytest.raises(Invalid):
            archives_of([Exact(platform="linux-64", conda=(conda,))])
    with pytest.raises(Invalid, match="Nobody knows"):
        archives_of([Exact(platform="linux-64", pip=(ExactPip(name="mine", version="1"),))])


def test_two_files_with_one_name_do_not_fit_into_a_bundle(fetched: Fetched) -> None:
    other = msgspec.structs.replace(
        fetched.exact.conda[0], sha256="ab" * 32, url="https://h/other/linux-64/numpy-1.0-0.conda"
    )
    with pytest.raises(Invalid, match="Two different"):
        archives_of([fetched.exact, Exact(platform="linux-64", conda=(other,))])
    assert archives_of([fetched.exact, fetched.exact]) == fetched.wanted


def test_git_has_none(tmp_path: Path) -> None:
    assert GitSource(tmp_path).shelf is None


# -- a folder's faults ----------------------------------------------------------------------------------------


def test_a_share_that_is_not_mounted_has_no_empty_bundle(tmp_path: Path, fetched: Fetched) -> None:
    shelf = DirectorySource(tmp_path / "away").shelf
    for call in (
        shelf.sizes,
        lambda: fill(shelf, fetched.folder, fetched.wanted),
        lambda: take(shelf, tmp_path / "machine", fetched.wanted),
    ):
        with pytest.raises(NotReachable):
            call()
    assert not (tmp_path / "away").exists()


def test_no_link_is_followed(tmp_path: Path, fetched: Fetched) -> None:
    shelf = DirectorySource(tmp_path).shelf
    fill(shelf, fetched.folder, fetched.wanted)
    (tmp_path / "secret").write_text("secret")
    wheel = tmp_path / "bundle/wheels/six-1.0-py3-none-any.whl"
    wheel.unlink()
    wheel.symlink_to(tmp_path / "secret")
    assert "wheels/six-1.0-py3-none-any.whl" not in shelf.sizes()
    with pytest.raises(Exception, match="can't be read"):
        take(shelf, tmp_path / "machine", fetched.wanted)


def test_a_full_disk_leaves_nothing_half(tmp_path: Path, fetched: Fetched, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = DirectorySource(tmp_path).shelf

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        fill(shelf, fetched.folder, fetched.wanted)
    monkeypatch.undo()
    assert not [path for path in (tmp_path / "bundle").rglob("*") if path.is_file()]


def test_a_file_system_without_links_will_do(tmp_path: Path, fetched: Fetched, monkeypatch: pytest.MonkeyPatch) -> None:
    def linkless(*_: Any) -> None:
        raise OSError(1, os.strerror(1))

    monkeypatch.setattr(os, "link", linkless)
    shelf = DirectorySource(tmp_path).shelf
    assert fill(shelf, fetched.folder, fetched.wanted).stored == 3
    assert fill(shelf, fetched.folder, fetched.wanted).present == 3


# -- S3's faults ----------------------------------------------------------------------------------------------


@pytest.fixture
def s3(bucket: str, shared: AwsClient) -> S3Source:
    return S3Source(Bucket(bucket=bucket, prefix="team", encryption="aws:kms", kms_key_id="alias/lists"), shared)


def test_uploads_carry_hash_condition_and_key(s3: S3Source, fetched: Fetched, server: FakeS3) -> None:
    fill(s3.shelf, fetched.folder, fetched.wanted)
    puts = {path: told for method, path, told in server.requests if method == "PUT"}
    told = next(told for path, told in puts.items() if path.endswith("numpy-1.0-0.conda"))
    assert told["IF_NONE_MATCH"] == "*"
    assert told["X_AMZ_META_SHA256"] == fetched.exact.conda[0].sha256
    assert told["X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID"] == "alias/lists"
    assert "X_AMZ_CHECKSUM_SHA256" in told
    assert len(puts) == 5


def test_filling_again_costs_one_listing_and_no_upload(s3: S3Source, fetched: Fetched, server: FakeS3) -> None:
    fill(s3.shelf, fetched.folder, fetched.wanted)
    server.requests.clear()
    fill(s3.shelf, fetched.folder, fetched.wanted)
    assert sorted({method for method, _, _ in server.requests}) == ["GET", "HEAD"]


def test_an_upload_that_broke_off_is_nothing(s3: S3Source, fetched: Fetched, server: FakeS3) -> None:
    server.fault("PUT", "numpy", broken_off(), times=20)
    with pytest.raises(NotReachable):
        fill(s3.shelf, fetched.folder, fetched.wanted)
    assert "conda/linux-64/numpy-1.0-0.conda" not in s3.shelf.sizes()
    server.forget()
    server.fault("PUT", "numpy", broken_off())  # once: it is sent again
    server.fault("PUT", "repodata", busy(), times=2)
    fill(s3.shelf, fetched.folder, fetched.wanted)
    assert lacking(s3.shelf, fetched.wanted) == ()


def test_a_download_that_broke_off_is_nothing(s3: S3Source, fetched: Fetched, server: FakeS3, tmp_path: Path) -> None:
    fill(s3.shelf, fetched.folder, fetched.wanted)
    server.fault("GET", "numpy", broken_off(), times=20)
    with pytest.raises(NotReachable):
        take(s3.shelf, tmp_path / "machine", fetched.wanted)
    assert not (tmp_path / "machine/conda/linux-64/numpy-1.0-0.conda").exists()
    server.forget()
    take(s3.shelf, tmp_path / "machine", fetched.wanted)


@pytest.mark.parametrize(
    ("method", "path", "missing"), [("PUT", "numpy", "s3:PutObject"), ("GET", "repodata", "s3:GetObject")]
)
def test_a_missing_permission_is_named(
    s3: S3Source, fetched: Fetched, server: FakeS3, method: str, path: str, missing: str
) -> None:
    server.fault(method, path, denied(), times=20)
    with pytest.raises(NotPermitted) as error:
        fill(s3.shelf, fetched.folder, fetched.wanted)
    assert error.value.detail["missing"] == missing


def test_a_listing_of_more_than_a_page(
    s3: S3Source, fetched: Fetched, bucket: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(s3.shelf, fetched.folder, fetched.wanted)
    real: Callable[..., Any] = AwsClient.ask

    def two_a_page(self: AwsClient, question: Callable[[Any], Any]) -> Any:
        def ask(client: Any) -> Any:
            def add(params: dict[str, Any], **_: Any) -> None:
                params["query_string"]["max-keys"] = "2"

            client.meta.events.register("before-call.s3.ListObjectsV2", add, unique_id="two")
            try:
                return question(client)
            finally:
                client.meta.events.unregister("before-call.s3.ListObjectsV2", unique_id="two")

        return real(self, ask)

    monkeypatch.setattr(AwsClient, "ask", two_a_page)
    assert len(s3.shelf.sizes()) == 5
