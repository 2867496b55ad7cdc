"""How channels are reached: with credentials, over a proxy, with own certificates, without a network, in S3."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

from jupyter_lcc.environments.condarc import CondaSettings
from jupyter_lcc.errors import NotReachable

from .channel import Channel, small
from .desk import Desk


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Channel:
    channel = Channel(tmp_path_factory.mktemp("tiny"))
    channel.add(small("alpha", "1.0", ["beta"]), small("beta", "1.0"))
    channel.index()
    return channel


class Server:
    """Serves a folder; `asked` holds what was asked for, with what authorization. It may want one, or a token."""

    def __init__(self, folder: Path, *, authorization: str = "", token: str = "", tls: Path | None = None) -> None:
        self.asked: list[tuple[str, str | None]] = []
        asked = self.asked

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=str(folder))

            def do_GET(self) -> None:
                given = self.headers.get("Authorization")
                asked.append((self.path, given))
                if "://" in self.path:  # asked as a proxy
                    self.path = urlsplit(self.path).path
                if authorization and given != authorization:
                    return self.send_error(401)
                if token:
                    lead = f"/t/{token}"
                    if not self.path.startswith(lead):
                        return self.send_error(403)
                    self.path = self.path.removeprefix(lead)
                super().do_GET()
                return None

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def desk(tmp_path: Path, tiny: Channel, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Desk]:
    desk = Desk(tmp_path / "home", tiny, tmp_path / "cache")
    yield desk
    jp_asyncio_loop.run_until_complete(desk.stop())


async def test_credentials_of_an_address_are_sent_and_never_written(desk: Desk, tiny: Channel) -> None:
    basic = "Basic " + base64.b64encode(b"ann:se cret").decode()
    with Server(tiny.folder, authorization=basic) as server:
        desk.url = f"http://ann:se%20cret@127.0.0.1:{server.port}"
        await desk.create("one", "alpha")
        assert any(path.endswith("alpha-1.0-0.conda") for path, _ in server.asked)
    with Server(tiny.folder, token="to-ken") as server:
        desk.url = f"http://127.0.0.1:{server.port}/t/to-ken"
        await desk.create("two", "alpha")
    assert desk.records("two")["alpha"]["url"] == f"http://127.0.0.1:{server.port}/noarch/alpha-1.0-0.conda"
    for root in (desk.prefix("one"), desk.prefix("two"), Path(desk.around.places.state)):
        for path in root.rglob("*"):
            if path.is_file():
                text = path.read_bytes()
                assert b"to-ken" not in text
                assert b"cret" not in text
    with Server(tiny.folder, authorization="Basic other") as server:
        desk.url = f"http://ann:se%20cret@127.0.0.1:{server.port}"
        with pytest.raises(NotReachable) as refused:
            await desk.plan("three", "alpha")
    assert "cret" not in refused.value.message


async def test_the_cache_serves_who_is_offline(desk: Desk, tiny: Channel) -> None:
    with Server(tiny.folder) as server:
        desk.url = f"http://127.0.0.1:{server.port}"
        await desk.create("one", "beta")
    desk.change_around(conda=CondaSettings(offline=True))
    await desk.create("two", "beta")
    assert desk.versions_of("two") == {"beta": "1.0"}
    with pytest.raises(NotReachable, match="alpha"):
        await desk.create("three", "alpha")
    desk.url = tiny.url
    await desk.create("four", "alpha")  # what lies on this machine needs no network


async def test_a_proxy_is_asked(desk: Desk, tiny: Channel) -> None:
    with Server(tiny.folder) as proxy:
        desk.url = "http://channel.invalid/tiny"
        (tiny.folder / "tiny").symlink_to(tiny.folder)
        desk.change_around(conda=CondaSettings(proxy_servers={"http": f"http://127.0.0.1:{proxy.port}"}))
        await desk.create("one", "alpha")
        assert "http://channel.invalid/tiny/noarch/alpha-1.0-0.conda" in [path for path, _ in proxy.asked]
        (tiny.folder / "tiny").unlink()


async def test_certificates_are_checked_as_conda_is_told(desk: Desk, tiny: Channel, tmp_path: Path) -> None:
    authority, shown = _certificates(tmp_path)
    with Server(tiny.folder, tls=shown) as server:
        desk.url = f"https://127.0.0.1:{server.port}"
        with pytest.raises(NotReachable):
            await desk.create("none", "alpha")
        desk.change_around(conda=CondaSettings(ssl_verify=str(authority)))
        await desk.create("one", "alpha")
        desk.change_around(conda=CondaSettings(ssl_verify="false"))
        await desk.create("two", "beta")
    assert not desk.prefix("none").exists()


async def test_a_channel_may_lie_in_s3(tmp_path: Path, tiny: Channel) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environ = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    client = boto3.client(
        "s3",
        endpoint_url=environ["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    try:
        client.create_bucket(Bucket="house")
        for path in tiny.folder.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), "house", f"channel/{path.relative_to(tiny.folder)}")
        desk = Desk(tmp_path / "home", "s3://house/channel", tmp_path / "cache", environ)
        await desk.create("one", "alpha")
        assert desk.versions_of("one") == {"alpha": "1.0", "beta": "1.0"}
        assert desk.records("one")["alpha"]["url"] == "s3://house/channel/noarch/alpha-1.0-0.conda"
        await desk.stop()
    finally:
        client.close()
        server.stop()


async def test_a_later_channel_helps_where_the_order_alone_does_not(desk: Desk, tmp_path: Path, tiny: Channel) -> None:
    other = Channel(tmp_path / "other")
    other.add(small("beta", "2.0"), small("newer", "1.0", ["beta >=2"]))
    other.index()
    channels = (tiny.url, other.url)
    desk.change_around(conda=CondaSettings(channel_priority="strict"))
    with pytest.raises(Exception, match="beta"):
        await desk.plan("one", "newer", channels=channels)
    desk.change_around(conda=CondaSettings(channel_priority="flexible"))
    plan = await desk.plan("one", "newer", channels=channels)
    assert {item.name: item.version for item in plan.add} == {"newer": "1.0", "beta": "2.0"}
    assert plan.notes
    assert {i.name: i.version for i in (await desk.plan("one", "beta", channels=channels)).add} == {"beta": "1.0"}


def _certificates(folder: Path) -> tuple[Path, Path]:
    """Make an authority of the house and, signed by it, what a server of the loopback address shows."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.timezone.utc)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)]) for name in ("house", "server")]
    paths = folder / "authority.pem", folder / "server.pem"
    for at in range(2):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[at])
            .issuer_name(names[0])
            .public_key(keys[at].public_key())
            .serial_number(at + 1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=at == 0, path_length=None), critical=True)
        )
        if at:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        text = builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        if at:
            text += keys[at].private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        paths[at].write_bytes(text)
    return paths
