"""Which server is meant, and what happens where there is none or it refuses."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_lcc.cli.exits import Exit
from jupyter_lcc.idle.model import IdleView

from .servers import FakeServer, Home, JupyterServer, free_port


def runtime_file(home: Home, name: str, **info: Any) -> Path:
    url = f"http://localhost:{info.get('port', 1)}/"
    return home.write(
        f"runtime/jpserver-{name}.json", json.dumps({"url": url, "token": "", "pid": os.getpid(), **info})
    )


def test_no_server(home: Home) -> None:
    for command in ("status", "keep", "why", "policy"):
        ran = home.lcc(command)
        assert (ran.status, ran.out) == (Exit.NO_SERVER, "")
        assert "No running Jupyter server was found" in ran.err


def test_a_server_that_is_not_there(home: Home) -> None:
    ran = home.lcc("status", "--url", f"http://localhost:{free_port()}/")
    assert ran.status == Exit.NO_SERVER
    assert "can't be reached" in ran.err


def test_a_stale_runtime_file_is_passed_over(server: JupyterServer) -> None:
    """After a restart of a container its pid may be somebody else's."""
    stale = runtime_file(server.home, "7", port=free_port(), root_dir=str(server.root), token="old")
    broken = server.home.write("runtime/jpserver-8.json", "{")
    try:
        assert server.home.lcc("status", cwd=server.root).status == Exit.OK
        assert stale.exists()
    finally:
        stale.unlink()
        broken.unlink()


def test_of_two_files_for_one_address_the_newer_counts(server: JupyterServer) -> None:
    stale = runtime_file(server.home, "9", port=server.port, url=server.url, token="old")
    try:
        os.utime(stale, (time.time() - 9999,) * 2)
        assert server.home.lcc("status").status == Exit.OK
    finally:
        stale.unlink()


def test_two_servers(server: JupyterServer, bare: JupyterServer) -> None:
    other = runtime_file(server.home, "bare", port=bare.port, token=bare.token, root_dir=str(bare.root))
    try:
        unclear = server.home.lcc("status")
        assert (unclear.status, unclear.out) == (Exit.USAGE, "")
        assert server.url in unclear.err
        assert bare.url in unclear.err
        inside = server.root / "deep"
        inside.mkdir(exist_ok=True)
        assert server.home.lcc("status", cwd=inside).status == Exit.OK
        assert server.home.lcc("status", cwd=bare.root).status == Exit.NO_EXTENSION
        assert server.home.lcc("status", "--port", str(server.port)).status == Exit.OK
        assert server.home.lcc("status", "--port", str(free_port())).status == Exit.NO_SERVER
        assert server.home.lcc("status", "--url", server.url).status == Exit.OK
        assert server.home.lcc("status", JUPYTER_SERVER_URL=server.url).status == Exit.OK
    finally:
        other.unlink()


def test_the_terminal_s_own_server_is_meant(server: JupyterServer, bare: JupyterServer) -> None:
    """Even where the other one's root folder is nearer."""
    other = runtime_file(server.home, "bare", port=bare.port, token=bare.token, root_dir=str(bare.root))
    try:
        assert server.home.lcc("status", cwd=bare.root, JUPYTER_SERVER_URL=server.url).status == Exit.OK
    finally:
        other.unlink()


def test_without_the_extension(bare: JupyterServer) -> None:
    ran = bare.home.lcc("status")
    assert (ran.status, ran.out) == (Exit.NO_EXTENSION, "")
    assert "does not run jupyter_lcc" in ran.err
    assert "jupyter server extension enable jupyter_lcc" in ran.err


def test_a_wrong_token(server: JupyterServer) -> None:
    ran = server.home.lcc("status", "--token", "wrong")
    assert (ran.status, ran.out) == (Exit.PROBLEM, "")
    assert "does not accept the token" in ran.err


def test_no_token(server: JupyterServer, home: Home) -> None:
    url = f"http://localhost:{server.port}{server.base_url}"
    assert "wants a token" in home.lcc("status", "--url", url).err
    assert home.lcc("status", "--url", url, JUPYTER_TOKEN=server.token).status == Exit.OK
    assert home.lcc("status", "--url", url, JUPYTERHUB_API_TOKEN=server.token).status == Exit.OK
    assert home.lcc("status", "--url", f"{url}lab?token={server.token}").status == Exit.OK


def test_a_unix_socket_and_no_token_at_all(at_socket: JupyterServer) -> None:
    assert at_socket.home.lcc("status").status == Exit.OK
    assert at_socket.home.lcc("keep", "--for", "1m").status == Exit.OK
    assert at_socket.home.lcc("keep", "--end").status == Exit.OK
    assert at_socket.home.lcc("status", "--url", at_socket.url).status == Exit.OK


@pytest.fixture
def fake() -> Iterator[type[FakeServer]]:
    made: list[FakeServer] = []

    class Kept(FakeServer):
        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__(*words, **more)
            made.append(self)

    yield Kept
    for server in made:
        server.close()


def test_the_hub_s_secret_goes_to_no_stranger(fake: type[FakeServer], home: Home) -> None:
    other = fake({})
    home.lcc("status", "--url", f"http://localhost.localdomain:{other.port}/", JUPYTERHUB_API_TOKEN="secret")
    home.lcc("status", "--url", f"http://127.0.0.1:{other.port}/", JUPYTERHUB_API_TOKEN="secret")
    sent = [headers.get("Authorization") for _path, headers in other.seen]
    assert sent[-1] == "token secret"
    assert all(token is None for token in sent[:-1])


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b"not json", Exit.NO_EXTENSION),
        (200, b'{"taken_at": 5}', Exit.NO_EXTENSION),
        (
            404,
            b'{"code": "not_found", "message": "There is no such address below lcc/.", "detail": {}}',
            Exit.NO_EXTENSION,
        ),
        (500, b'{"code": "internal", "message": "Something went wrong", "detail": {}}', Exit.PROBLEM),
        (502, b"<html>bad gateway", Exit.PROBLEM),
        (302, b"", Exit.PROBLEM),
    ],
)
def test_what_is_no_answer(fake: type[FakeServer], home: Home, status: int, body: bytes, code: Exit) -> None:
    server = fake({"/lcc/idle": (status, body)})
    ran = home.lcc("status", "--url", f"http://localhost:{server.port}/")
    assert (ran.status, ran.out) == (code, "")
    assert ran.err
    assert "no_track_activity=1" in server.seen[0][0]


def test_a_server_of_another_version(fake: type[FakeServer], home: Home) -> None:
    about = {"version": "9.9.9", "api_version": 9, "platform": {"kind": "moon"}, "features": {}}
    server = fake({"/lcc/about": (200, json.dumps(about).encode()), "/lcc/idle": (200, b"{}")})
    ran = home.lcc("doctor", "--url", f"http://localhost:{server.port}/", "--json")
    checks = {check["name"]: check for check in ran.json()["checks"]}
    assert ran.status == Exit.PROBLEM
    assert checks["version"]["result"] == "fail"
    assert "9.9.9" in checks["version"]["message"]


def test_a_self_signed_certificate(fake: type[FakeServer], server: JupyterServer, home: Home) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = home.path / "key.pem", home.path / "cert.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    view = server.home.lcc("status", "--json").out.encode()
    secure = fake({"/lcc/idle": (200, view)}, wrap=lambda plain: context.wrap_socket(plain, server_side=True))
    url = f"https://localhost:{secure.port}/"
    refused = home.lcc("status", "--url", url)
    assert refused.status == Exit.NO_SERVER
    assert "--cafile" in refused.err
    assert home.lcc("status", "--url", url, "--insecure").status == Exit.OK
    assert home.lcc("status", "--url", url, "--cafile", str(certificate)).status == Exit.OK
    assert home.lcc("status", "--url", url, "--cafile", str(home.path / "none.pem")).status == Exit.USAGE


def test_the_script_is_found_by_jupyter(server: JupyterServer) -> None:
    jupyter = Path(sys.executable).parent / "jupyter"
    if not (jupyter.parent / "jupyter-lcc").exists():
        pytest.skip("the package isn't installed, so there is no jupyter-lcc")
    done = subprocess.run(
        [jupyter, "lcc", "status", "--json"], env=server.home.environment(), capture_output=True, check=True, timeout=60
    )
    assert json.loads(done.stdout)["instance"]["id"] == "instance"
    assert IdleView.__struct_fields__[0] in json.loads(done.stdout)
