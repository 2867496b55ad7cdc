"""How the engine reaches channels: conda's settings about certificates, proxies, credentials and being offline.

rattler reads none of conda's configuration, so it is told here. Credentials in a channel's address stay out of
everything that is written: packages have the address without them, and the client knows them by the host's name.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote, urlsplit

import msgspec
from rattler import Client, Config, Gateway, SourceConfig
from rattler.platform import Subdir
from rattler.platform.subdir import SubdirLiteral

from ..bounds import without_secrets
from ..condarc import CondaSettings
from ..engine_model import Surroundings

__all__ = ["Network", "set_variables"]

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Network:
    """One client and one gateway for a request. `channels` are full addresses, maybe with credentials."""

    def __init__(self, around: Surroundings, channels: Iterable[str]) -> None:
        self.packages = Path(around.places.cache) / "pkgs"
        self.offline = around.conda.offline
        self.room_bytes = around.room_bytes
        self.packages.mkdir(parents=True, exist_ok=True)
        self.platforms = [Subdir(cast(SubdirLiteral, around.subdir)), Subdir("noarch")]
        addresses = [_normal(channel) for channel in channels]
        self.channels = [without_secrets(address) for address in addresses]
        self._credentials = _credentials_file(addresses)
        self.config = Config.from_toml(_as_toml(around.conda, self._credentials.name if self._credentials else None))
        self.client = Client.from_config(self.config)
        usual = SourceConfig(cache_action="force-cache-only" if self.offline else "cache-or-fetch")
        local = SourceConfig(cache_action="cache-or-fetch")
        self.gateway = Gateway(
            cache_dir=Path(around.places.cache) / "repodata",
            default_config=usual,
            per_channel_config={channel: local for channel in self.channels if channel.startswith("file:")},
            client=self.client,
            show_progress=False,
        )


_BEGAN_WITH = dict(os.environ)


def set_variables(conda: CondaSettings) -> None:
    """Set the environment variables that rattler and uv read, before either is asked anything.

    What an earlier request has set is forgotten: settings may have changed since.
    """
    for variable in (*_PROXIES, *map(str.upper, _PROXIES), *_BUNDLES):
        os.environ.pop(variable, None)
        if variable in _BEGAN_WITH:
            os.environ[variable] = _BEGAN_WITH[variable]
    for scheme, proxy in conda.proxy_servers.items():
        name = {"http": "http_proxy", "https": "https_proxy", "all": "all_proxy"}.get(scheme)
        if name is not None and proxy:
            os.environ[name] = os.environ[name.upper()] = proxy
    bundle = conda.ssl_verify if conda.ssl_verify.startswith("/") else ""
    if not bundle and conda.ssl_verify == "true":
        bundle = next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), "")
    if bundle:
        os.environ["SSL_CERT_FILE"] = bundle


def _credentials_file(addresses: Iterable[str]) -> IO[bytes] | None:
    """Write what the addresses hold, and what the user keeps for rattler himself, into a file nobody else reads."""
    found: dict[str, object] = {}
    for address in addresses:
        parts = urlsplit(address)
        token = re.search(r"/t/([^/]+)(?:/|$)", parts.path)
        host = parts.hostname or ""
        if token is not None:
            found[host] = {"CondaToken": unquote(token[1])}
        elif parts.username is not None:
            basic = {"username": unquote(parts.username), "password": unquote(parts.password or "")}
            found[host] = {"BasicHTTP": basic}
    if not found:
        return None
    own = os.environ.get("RATTLER_AUTH_FILE") or os.path.expanduser("~/.rattler/credentials.json")
    try:
        kept = msgspec.json.decode(Path(own).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        kept = {}
    file = tempfile.NamedTemporaryFile(prefix="jupyter_lcc-")  # noqa: SIM115 -- it lives as long as the client does
    file.write(msgspec.json.encode({**kept, **found}))
    file.flush()
    return file


def _as_toml(conda: CondaSettings, credentials: str | None) -> str:
    lines = []
    if credentials is not None:
        lines.append(f"authentication-override-file = {_text(credentials)}")
    if conda.always_copy:
        lines += ["allow-hard-links = false", "allow-ref-links = false"]
    if conda.ssl_verify == "false":
        lines.append("tls-no-verify = true")
    elif os.environ.get("SSL_CERT_FILE") or conda.ssl_verify == "truststore":
        lines.append('tls-root-certs = "native"')
    proxies = {name: os.environ.get(name) or os.environ.get(name.upper()) for name in ("http_proxy", "https_proxy")}
    if any(proxies.values()):
        lines.append("[proxy-config]")
        lines += [f"{name.split('_')[0]} = {_text(proxy)}" for name, proxy in proxies.items() if proxy]
        hosts = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        if hosts:
            listed = ", ".join(_text(host.strip()) for host in hosts.split(",") if host.strip())
            lines.append(f"non-proxy-hosts = [{listed}]")
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """Write a TOML string; JSON's are such."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _normal(channel: str) -> str:
    return channel.rstrip("/")
