"""What conda's own configuration says: `.condarc` files and `CONDA_*` variables, by conda's rules.

The rules (conda's documentation, "Using the .condarc conda configuration file"): files are read from the system's to
the user's to the one of the active environment and `$CONDARC`, then the environment's variables; a later place wins,
lists and maps are joined with the winner's entries first, and a key marked `#!final` is not changed by later places.
Everything here blocks; call it from a thread.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from ..errors import Invalid
from ..model import Model

__all__ = ["CondaSettings", "Reader", "condarc_files", "merge", "read_condarc", "root_prefixes"]

_DEFAULT_CHANNELS = ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")
_CUSTOM_CHANNELS = dict.fromkeys(
    ("pkgs/main", "pkgs/r", "pkgs/msys2", "pkgs/pro", "pkgs/free"), "https://repo.anaconda.com"
)
_ALIAS = "https://conda.anaconda.org"
_ALIASES = {
    "channel": "channels",
    "envs_path": "envs_dirs",
    "whitelist_channels": "allowlist_channels",
    "verify_ssl": "ssl_verify",
    "client_cert": "client_ssl_cert",
    "client_cert_key": "client_ssl_cert_key",
}
_LISTS = frozenset(
    (
        "channels",
        "default_channels",
        "envs_dirs",
        "pkgs_dirs",
        "allowlist_channels",
        "denylist_channels",
        "create_default_packages",
        "pinned_packages",
        "migrated_channel_aliases",
    )
)
_MAPS = frozenset(("custom_channels", "custom_multichannels", "proxy_servers"))
_ONES = frozenset(
    (
        "channel_alias",
        "ssl_verify",
        "offline",
        "channel_priority",
        "client_ssl_cert",
        "client_ssl_cert_key",
        "subdir",
        "always_copy",
        "remote_read_timeout_secs",
    )
)
_TRUE = frozenset(("true", "yes", "on", "1", "y"))
_FALSE = frozenset(("false", "no", "off", "0", "n", "none", ""))


class CondaSettings(Model, frozen=True, kw_only=True):
    """conda's configuration, as far as it matters here.

    `channels` are names or addresses as they were written, `pkgs_dirs` and `envs_dirs` absolute paths. `ssl_verify` is
    `true`, `false`, `truststore`, or the path of a file of certificates. `problems` are files that can't be read.
    """

    channels: tuple[str, ...] = ()
    default_channels: tuple[str, ...] = _DEFAULT_CHANNELS
    channel_alias: str = _ALIAS
    custom_channels: dict[str, str] = msgspec.field(default_factory=dict)
    custom_multichannels: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    allowlist_channels: tuple[str, ...] = ()
    denylist_channels: tuple[str, ...] = ()
    channel_priority: str = "flexible"
    ssl_verify: str = "true"
    client_ssl_cert: str | None = None
    client_ssl_cert_key: str | None = None
    proxy_servers: dict[str, str] = msgspec.field(default_factory=dict)
    envs_dirs: tuple[str, ...] = ()
    pkgs_dirs: tuple[str, ...] = ()
    pinned_packages: tuple[str, ...] = ()
    create_default_packages: tuple[str, ...] = ()
    offline: bool = False
    always_copy: bool = False
    subdir: str | None = None
    problems: tuple[str, ...] = ()

    def not_followed(self) -> tuple[str, ...]:
        """Say what of this is not followed."""
        if not self.client_ssl_cert:
            return self.problems
        return (*self.problems, "client_ssl_cert: certificates of clients are not sent to channels")

    def refuse_unread(self) -> None:
        """Raise Invalid where a file can't be read: packages could come from places that it rules out."""
        if self.problems:
            raise Invalid(
                f"conda's configuration can't be read, so it is not known where packages may come from. Correct it: "
                f"{self.problems[0]}",
                field="channels",
            )

    def default_names(self) -> tuple[str, ...]:
        """Give the channels that are used where nobody names one."""
        return self.channels or ("defaults",)

    def addresses(self, channel: str) -> tuple[str, ...]:
        """Give the full addresses a channel's name stands for; a multichannel stands for several."""
        name = channel.strip().rstrip("/")
        if "://" in name:
            return (name,)
        if name.startswith(("/", "~")):
            return ("file://" + quote(os.path.expanduser(name)),)
        if name in self.custom_multichannels:
            return tuple(a for one in self.custom_multichannels[name] if one != name for a in self.addresses(one))
        if name == "defaults":
            return tuple(address for one in self.default_channels if one != name for address in self.addresses(one))
        custom = {**_CUSTOM_CHANNELS, **self.custom_channels}
        parts = name.split("/")
        for length in range(len(parts), 0, -1):
            base = custom.get("/".join(parts[:length]))
            if base is not None:
                return (f"{base.rstrip('/')}/{name}",)
        return (f"{self.channel_alias.rstrip('/')}/{name}",)

    def short(self, address: str) -> str:
        """Give the name of a channel's address as people know it, without a platform at its end and without secrets."""
        address = re.sub(r"/(?:noarch|(?:linux|osx|win|emscripten|wasi|zos)-[a-z0-9_]+)/?$", "", address)
        address = re.sub(r"/t/[^/]+(?=/)", "", re.sub(r"^([a-z0-9+.-]+://)[^/@]*@", r"\1", address)).rstrip("/")
        for base in (self.channel_alias, _ALIAS):
            if address.startswith(base.rstrip("/") + "/"):
                return address[len(base.rstrip("/")) + 1 :]
        for name, base in {**_CUSTOM_CHANNELS, **self.custom_channels}.items():
            if address == f"{base.rstrip('/')}/{name}":
                return name
        return address


class Reader:
    """Reads the files again only when one of them has changed."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self._home = home
        self._environ = environ
        self._stamp: object = None
        self._settings = CondaSettings()

    def read(self) -> CondaSettings:
        """Give what holds now."""
        files = condarc_files(self._home, self._environ)
        variables = {k: v for k, v in self._environ.items() if k.startswith("CONDA_")}
        stamp = (tuple((str(path), _stamp(path)) for path in files), tuple(sorted(variables.items())))
        if stamp != self._stamp:
            self._settings = read_condarc(self._home, self._environ)
            self._stamp = stamp
        return self._settings


def root_prefixes(home: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Give the places where conda, mamba or micromamba themselves may be installed, the likeliest first."""
    named = [environ.get(name) for name in ("CONDA_ROOT", "MAMBA_ROOT_PREFIX")]
    if environ.get("CONDA_EXE"):
        named.append(str(Path(environ["CONDA_EXE"]).parent.parent))
    found = [Path(path) for path in named if path and os.path.isabs(path)]
    usual = ("miniconda3", "miniforge3", "mambaforge", "anaconda3", "micromamba", ".local/share/mamba")
    found += [home / name for name in usual]
    found += [Path("/opt/conda"), Path("/opt/micromamba"), Path("/opt/miniconda3"), Path("/opt/miniforge3")]
    return tuple(dict.fromkeys(found))


def condarc_files(home: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Give the files that are there, those that win last."""
    folders: list[Path] = [Path("/etc/conda"), Path("/var/lib/conda")]
    folders += [root for root in root_prefixes(home, environ)[:3] if (root / "conda-meta").is_dir()][:1]
    config = environ.get("XDG_CONFIG_HOME")
    folders += [Path(config) / "conda"] if config else []
    folders += [home / ".config" / "conda", home / ".conda"]
    found: list[Path] = []
    for folder in folders:
        found += [folder / "condarc", folder / ".condarc", *_drop_ins(folder / "condarc.d")]
    found.append(home / ".condarc")
    prefix = environ.get("CONDA_PREFIX")
    if prefix:
        found += [Path(prefix) / "condarc", Path(prefix) / ".condarc", *_drop_ins(Path(prefix) / "condarc.d")]
    if environ.get("CONDARC"):
        found.append(Path(environ["CONDARC"]).expanduser())
    return tuple(path for path in dict.fromkeys(found) if path.is_file())


def read_condarc(home: Path, environ: Mapping[str, str]) -> CondaSettings:
    """Read everything. A file that can't be read is told and left out."""
    places: list[tuple[dict[str, Any], frozenset[str]]] = []
    problems: list[str] = []
    for path in condarc_files(home, environ):
        try:
            text = path.read_text("utf-8")
            places.append((_load(text), _final_keys(text)))
        except (OSError, ValueError) as error:
            problems.append(f"{path}: {error}".splitlines()[0])
    places.append((_from_variables(environ), frozenset()))
    return merge(places, home, environ, tuple(problems))


def merge(
    places: Iterable[tuple[Mapping[str, Any], frozenset[str]]],
    home: Path,
    environ: Mapping[str, str],
    problems: tuple[str, ...] = (),
) -> CondaSettings:
    """Join what the places say, those that win last, each with the keys it has marked as final."""
    values: dict[str, Any] = {}
    final: set[str] = set()
    for place, marked in places:
        for given, value in place.items():
            key = _ALIASES.get(given, given)
            if key in final or value is None:
                continue
            if key in _LISTS:
                before = values.get(key, ())
                values[key] = tuple(dict.fromkeys((*_texts(value, environ), *before)))
            elif key in _MAPS and isinstance(value, Mapping):
                values[key] = {**values.get(key, {}), **{str(k): v for k, v in value.items()}}
            elif key in _ONES and isinstance(value, str | bool | int | float):
                values[key] = value
        final.update(_ALIASES.get(key, key) for key in marked)
    maps = {
        key: {k: _expand(str(v), environ) for k, v in values.get(key, {}).items() if isinstance(v, str)}
        for key in ("custom_channels", "proxy_servers")
    }
    many = {k: _texts(v, environ) for k, v in values.get("custom_multichannels", {}).items()}
    alias = _expand(str(values.get("channel_alias", _ALIAS)), environ)
    return CondaSettings(
        channels=tuple(values.get("channels", ())),
        default_channels=tuple(values.get("default_channels", _DEFAULT_CHANNELS)),
        channel_alias=alias if "://" in alias else "https://" + alias,
        custom_channels=maps["custom_channels"],
        custom_multichannels=many,
        allowlist_channels=tuple(values.get("allowlist_channels", ())),
        denylist_channels=tuple(values.get("denylist_channels", ())),
        channel_priority=_priority(values.get("channel_priority")),
        ssl_verify=_verify(values.get("ssl_verify"), environ),
        client_ssl_cert=_path_or_none(values.get("client_ssl_cert"), environ),
        client_ssl_cert_key=_path_or_none(values.get("client_ssl_cert_key"), environ),
        proxy_servers=maps["proxy_servers"],
        envs_dirs=_paths(values.get("envs_dirs", ()), home),
        pkgs_dirs=_paths(values.get("pkgs_dirs", ()), home),
        pinned_packages=tuple(values.get("pinned_packages", ())),
        create_default_packages=tuple(values.get("create_default_packages", ())),
        offline=_truth(values.get("offline", False)),
        always_copy=_truth(values.get("always_copy", False)),
        subdir=str(values["subdir"]) if values.get("subdir") else None,
        problems=problems,
    )


def _load(text: str) -> dict[str, Any]:
    import yaml

    try:
        value = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"not YAML: {error}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("not a map of settings")
    return {str(key): value for key, value in value.items()}


def _final_keys(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"^([A-Za-z_]+)\s*:[^#\n]*#!final", text, re.MULTILINE))


def _from_variables(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in (*_LISTS, *_ONES, "envs_path", "verify_ssl"):
        text = environ.get(f"CONDA_{key.upper()}")
        if text is None or not text.strip():
            continue
        if _ALIASES.get(key, key) not in _LISTS:
            found[key] = text
        elif _ALIASES.get(key, key) == "envs_dirs":
            found["envs_dirs"] = [part for part in text.split(os.pathsep) if part]
        else:
            found[key] = [part.strip() for part in text.split(",") if part.strip()]
    return found


def _drop_ins(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in (".yml", ".yaml"))
    except OSError:
        return []


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _texts(value: Any, environ: Mapping[str, str]) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        return ()
    return tuple(_expand(str(one), environ) for one in value if isinstance(one, str | int | float))


def _expand(text: str, environ: Mapping[str, str]) -> str:
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: environ.get(found[1] or found[2], found[0]), text)


def _paths(texts: Iterable[str], home: Path) -> tuple[str, ...]:
    found = []
    for text in texts:
        path = str(home) + text[1:] if text == "~" or text.startswith("~/") else text
        if os.path.isabs(path) and "\x00" not in path:
            found.append(os.path.normpath(path))
    return tuple(dict.fromkeys(found))


def _path_or_none(value: Any, environ: Mapping[str, str]) -> str | None:
    return os.path.expanduser(_expand(value, environ)) if isinstance(value, str) and value else None


def _priority(value: Any) -> str:
    text = str(value).lower() if value is not None else "flexible"
    return {"true": "flexible", "false": "disabled"}.get(
        text, text if text in ("strict", "flexible", "disabled") else "flexible"
    )


def _verify(value: Any, environ: Mapping[str, str]) -> str:
    if value is None:
        return "true"
    text = _expand(str(value), environ)
    if text.lower() in _TRUE:
        return "true"
    if text.lower() in _FALSE:
        return "false"
    return text if text == "truststore" else os.path.expanduser(text)


def _truth(value: Any) -> bool:
    return value is True or str(value).lower() in _TRUE
