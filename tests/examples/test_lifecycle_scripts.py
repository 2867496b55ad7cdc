"""The lifecycle configuration scripts, run for real by an unprivileged user in a fresh home (`machine.py`).

What differs between the platforms is tested on both. The rest of the two scripts is one text, which
`test_script_texts.py` sees to; that is tested as a space.
"""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

from .conftest import MakeMachine
from .machine import NOBODY, NOWHERE, Machine

pytestmark = pytest.mark.timeout(600)

LIMITS = {
    "mode": "observe",
    "kernel_timeout_seconds": 1800,
    "terminal_timeout_seconds": 2400,
    "waiting_timeout_seconds": 3000,
    "warn_seconds": 120,
    "max_lease_seconds": 7200,
    "max_busy_seconds": 86400,
    "bounds": {"kernel_timeout_seconds": [600, 5400]},
    "locked": ["warn_seconds"],
}
RESTARTS = {
    "space": ["supervisorctl -c /etc/supervisor/conf.d/supervisord.conf restart jupyterlabserver"],
    "notebook": ["systemctl --no-block try-restart jupyter-server.service"],
}
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


def test_server_obeys_the_limits(machine: Machine) -> None:
    """Installed, restarted once, and the server that starts then has every limit from the configuration."""
    ran = machine.run(LIMITS=LIMITS)
    assert ran.status == 0, ran.output
    assert machine.calls() == RESTARTS[machine.platform], ran.output
    with machine.server() as server:
        assert server.get("lcc/idle").status == 200
        policy = server.get("lcc/idle/policy").json()
    for name, value in LIMITS.items():
        if name not in ("bounds", "locked"):
            assert (policy[name]["value"], policy[name]["source"]) == (value, "config"), name
    assert (policy["kernel_timeout_seconds"]["min"], policy["kernel_timeout_seconds"]["max"]) == (600, 5400)
    assert policy["warn_seconds"]["locked"] is True
    assert policy["instance_timeout_seconds"]["source"] == "default"


def test_second_run_changes_nothing(machine: Machine) -> None:
    """Nothing is written and nothing restarted, in seconds and without any network or source."""
    machine.run()
    machine.calls()
    before = _everything(machine)
    ran = machine.run(SOURCE="/nowhere")
    assert ran.status == 0
    assert machine.calls() == [], ran.output
    assert _everything(machine) == before
    assert ran.seconds < 15, ran.output


def test_next_start_needs_no_network(machine: Machine) -> None:
    """The image is as it was built, the home is still there: what was fetched once is installed again."""
    machine.run()
    machine.calls()
    machine.restart()
    assert machine.version() is None
    ran = machine.run(SOURCE="index", PIP_OPTIONS=f"--index-url {NOWHERE}")
    assert ran.status == 0
    assert machine.version() == "0.1.0", ran.output
    assert machine.calls() == RESTARTS[machine.platform]
    assert machine.config()["LccIdle"]["mode"] == "enforce"


def test_start_after_a_killed_installation(space: Machine) -> None:
    """pip writes its record last; without one it can neither upgrade nor remove what is there."""
    space.run()
    space.calls()
    (record,) = space.site_packages().glob("jupyter_lcc-*.dist-info/RECORD")
    record.unlink()
    (space.site_packages() / "jupyter_lcc" / "config.py").unlink()
    ran = space.run()
    assert space.version() == "0.1.0", ran.output
    assert record.exists()
    assert space.calls() == RESTARTS[space.platform]


def test_changed_limits_replace_the_old(space: Machine) -> None:
    """A limit taken out of the script is no limit any more."""
    space.run(LIMITS=LIMITS)
    space.calls()
    ran = space.run(LIMITS={"kernel_timeout_seconds": 600})
    assert space.config() == {"LccIdle": {"kernel_timeout_seconds": 600}}
    assert space.calls() == RESTARTS[space.platform], ran.output


WRONG_LIMITS: list[tuple[Any, str]] = [
    ('{"mode": ', "Expecting value"),
    ("[]", "not an object"),
    ({"kernel_timeout": 600}, "there is no kernel_timeout"),
    ({"kernel_timeout_seconds": -1}, "kernel_timeout_seconds"),
    ({"kernel_timeout_seconds": "an hour"}, "kernel_timeout_seconds"),
    ({"bounds": {"kernel_timeout_seconds": [600, 60]}}, "maximum below its minimum"),
    ({"locked": ["everything"]}, "there is no field"),
]


def test_wrong_limits_are_refused(space: Machine) -> None:
    space.run(LIMITS=LIMITS)
    space.calls()
    for limits, why in WRONG_LIMITS:
        ran = space.run(LIMITS=limits)
        assert ran.status == 0
        assert "the limits are refused" in ran.output
        assert why in ran.output
        assert space.config() == {"LccIdle": LIMITS}
        assert space.calls() == []


def test_unreachable_index_does_no_harm(space: Machine) -> None:
    ran = space.run(SOURCE="index", PIP_OPTIONS=f"--index-url {NOWHERE}")
    assert ran.status == 0
    assert "version 0.1.0 could not be had" in ran.output
    assert ran.seconds < 60
    assert space.version() is None
    assert space.calls() == []


def test_failed_upgrade_leaves_what_was_there(space: Machine) -> None:
    space.run(LIMITS=LIMITS)
    space.calls()
    ran = space.run(VERSION="9.9.9", LIMITS=LIMITS)
    assert ran.status == 0
    assert "version 9.9.9 could not be had" in ran.output
    assert space.version() == "0.1.0"
    assert space.config() == {"LccIdle": LIMITS}
    assert space.calls() == []


def test_an_older_version_is_better_than_none(space: Machine) -> None:
    """After a restart with a version that can't be fetched, the one of the last start is installed."""
    space.run()
    space.calls()
    space.restart()
    ran = space.run(VERSION="9.9.9")
    assert space.version() == "0.1.0", ran.output
    assert "using 0.1.0 instead" in ran.output
    assert space.calls() == RESTARTS[space.platform]


def test_time_limit_ends_it(machine: Machine) -> None:
    """A source that never answers costs the time limit, not the start."""
    machine.fake("aws", "sleep 600")
    ran = machine.run(SOURCE="s3://bucket/folder", TIME_LIMIT="8")
    assert ran.status == 0
    assert ran.seconds < 20
    assert machine.calls() == []


def test_wheels_from_s3_by_command_line(space: Machine, wheels: Path) -> None:
    space.fake_aws(wheels)
    ran = space.run(SOURCE="s3://bucket/the folder/")
    assert space.version() == "0.1.0", ran.output
    aws, restart = space.calls()
    assert aws.startswith("aws s3 cp --recursive")
    assert " s3://bucket/the folder/ " in aws
    assert [restart] == RESTARTS[space.platform]


def test_unreachable_s3_does_no_harm(space: Machine) -> None:
    space.fake_aws(None)
    ran = space.run(SOURCE="s3://bucket/folder")
    assert ran.status == 0
    assert "could not be had" in ran.output
    assert [call for call in space.calls() if not call.startswith("aws ")] == []


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """S3's protocol on the loopback device."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_wheels_from_s3_without_command_line(space: Machine, wheels: Path, s3: str) -> None:
    client = boto3.client(
        "s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    client.create_bucket(Bucket="bucket")
    for file in wheels.iterdir():
        client.upload_file(str(file), "bucket", f"the folder/{file.name}")
    client.put_object(Bucket="bucket", Key="the folder, another/jupyter_lcc-0.1.0-py3-none-any.whl", Body=b"no")
    ran = space.run({**KEYS, "AWS_ENDPOINT_URL": s3}, SOURCE="s3://bucket/the folder")
    assert space.version() == "0.1.0", ran.output
    assert space.calls() == RESTARTS[space.platform]


@pytest.fixture
def index(wheels: Path, tmp_path: Path) -> Iterator[str]:
    """A package index of the simplest kind."""
    for file in wheels.iterdir():
        folder = tmp_path / "simple" / file.name.split("-")[0].replace("_", "-")
        folder.mkdir(parents=True)
        (folder / file.name).symlink_to(file)
        (folder / "index.html").write_text(f'<!DOCTYPE html><a href="{file.name}">{file.name}</a>')
    handler = partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_request(self, *_: Any) -> None:
        pass


def test_package_from_an_index(space: Machine, index: str) -> None:
    ran = space.run(SOURCE="index", PIP_OPTIONS=f"--index-url '{index}'")
    assert space.version() == "0.1.0", ran.output


def test_rest_comes_from_the_index(space: Machine, index: str, tmp_path: Path, wheels: Path) -> None:
    """A folder with our wheel alone: what else is missing is taken from the index."""
    folder = space.folder / "ours alone"
    folder.mkdir()
    (ours,) = wheels.glob("jupyter_lcc-*.whl")
    (folder / ours.name).write_bytes(ours.read_bytes())
    ran = space.run(SOURCE=folder, PIP_OPTIONS=f"--index-url '{index}'")
    assert space.version() == "0.1.0", ran.output


@pytest.mark.parametrize("right", [True, False])
def test_checksum(space: Machine, wheels: Path, right: bool) -> None:
    (ours,) = wheels.glob("jupyter_lcc-*.whl")
    digest = hashlib.sha256(ours.read_bytes()).hexdigest()
    ran = space.run(SHA256=digest if right else digest[::-1])
    assert ran.status == 0
    assert (space.version() == "0.1.0") is right, ran.output
    assert ("refused" in ran.output) is not right
    assert bool(space.calls()) is right


def test_server_that_does_not_run_is_not_restarted(space: Machine) -> None:
    """On a notebook instance systemd itself decides: try-restart."""
    (space.fakes / "server-state").write_text("jupyterlabserver   STOPPED   Not started\n")
    ran = space.run()
    assert space.version() == "0.1.0"
    assert space.calls() == [], ran.output


def test_failed_restart_does_no_harm(machine: Machine) -> None:
    for name in ("supervisorctl", "systemctl"):
        machine.fake(name, 'case "$*" in *status*) cat "$FAKES/server-state" ;; *) exit 1 ;; esac')
    ran = machine.run()
    assert ran.status == 0
    assert "the restart failed" in ran.output


def test_recovery_mode_is_left_alone(space: Machine) -> None:
    ran = space.run({"SAGEMAKER_RECOVERY_MODE": "1"})
    assert (ran.status, ran.output, space.version()) == (0, "", None)


def test_machine_without_jupyterlab_is_left_alone(make_machine: MakeMachine) -> None:
    machine = make_machine("notebook")
    (machine.home / "anaconda3" / "envs" / "JupyterSystemEnv").unlink()
    ran = machine.run()
    assert ran.status == 0
    assert "no JupyterLab 4" in ran.output
    assert machine.version() is None


def test_everything_belongs_to_the_user(machine: Machine) -> None:
    """Also where the script runs as root."""
    machine.run()
    wanted = NOBODY if os.geteuid() == 0 else os.geteuid()
    files = [path for folder in (machine.home, machine.image) for path in folder.rglob("*")]
    assert [path for path in files if path.lstat().st_uid != wanted] == []


def _everything(machine: Machine) -> dict[str, tuple[int, int]]:
    """Name every file of home and image with what tells that it was written."""
    files = [path for folder in (machine.home, machine.image) for path in folder.rglob("*")]
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in files if "__pycache__" not in path.parts
    }
