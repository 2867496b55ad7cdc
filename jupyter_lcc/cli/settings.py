"""Jupyter's configuration as far as it can be read from here: its files, and the command line of a running server.

A server may have been started with another JUPYTER_CONFIG_DIR than ours, so what isn't found may still be set.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from traitlets.config import Config
from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader

from ..model import Model

__all__ = ["Setting", "Settings", "command_line_of", "read_settings"]

_FILES = (
    "jupyter_config",
    "jupyter_server_config",
    "jupyter_lab_config",
    "jupyter_notebook_config",
    "jupyter_jupyter_lcc_config",
)
_TRAIT = re.compile(r"--(\w+)\.(\w+)(?:=(.*))?", re.DOTALL)


class Setting(Model, frozen=True, kw_only=True):
    """One value with where it was found."""

    section: str
    trait: str
    value: Any
    origin: str


class Settings:
    """Every value that was found, the one that wins last."""

    def __init__(self, found: Iterable[Setting], unreadable: Sequence[str] = ()) -> None:
        self._found = {(setting.section, setting.trait): setting for setting in found}
        self.unreadable = tuple(unreadable)

    def find(self, sections: Sequence[str], trait: str) -> Setting | None:
        """Give a trait's value under the first of these names of its class that has one."""
        return next((self._found[s, trait] for s in sections if (s, trait) in self._found), None)

    def is_on(self, sections: Sequence[str], trait: str) -> bool:
        """Tell whether a trait is set to true."""
        setting = self.find(sections, trait)
        return setting is not None and str(setting.value).lower() == "true"

    def seconds(self, sections: Sequence[str], trait: str) -> tuple[int, str] | None:
        """Give a duration above zero with its origin; None where it is off, or no number."""
        setting = self.find(sections, trait)
        try:
            seconds = int(float(setting.value)) if setting is not None else 0
        except (TypeError, ValueError):
            return None
        return (seconds, setting.origin) if setting is not None and seconds > 0 else None


def read_settings(folders: Sequence[str], command_line: Sequence[str]) -> Settings:
    """Read Jupyter's config files in `folders`, the most important folder first, then a command line."""
    found: list[Setting] = []
    unreadable: list[str] = []
    for name in _FILES:
        for folder in reversed(folders):
            for path in (Path(folder, f"{name}.py"), Path(folder, f"{name}.json")):
                try:
                    config = _load(path)
                except Exception as error:  # a config file is a program, it can fail in any way
                    unreadable.append(f"{path}: {error}")
                else:
                    found += _flatten(config, str(path))
    return Settings([*found, *_from_command_line(command_line)], unreadable)


def command_line_of(pid: int | None) -> list[str]:
    """Give the words a process of this machine was started with; nothing where they can't be read."""
    if pid is None:
        return []
    try:
        import psutil

        return list(psutil.Process(pid).cmdline())
    except Exception:  # psutil isn't there, or the process isn't, or is somebody else's
        return []


def _load(path: Path) -> Config:
    if not path.is_file():
        return Config()
    loader = PyFileConfigLoader if path.suffix == ".py" else JSONFileConfigLoader
    config: Config = loader(path.name, path=str(path.parent), log=logging.getLogger(__name__)).load_config()
    return config


def _flatten(config: Config, origin: str) -> Iterable[Setting]:
    for section, values in config.items():
        if isinstance(values, dict):
            for trait, value in values.items():
                yield Setting(section=section, trait=trait, value=value, origin=origin)


def _from_command_line(words: Sequence[str]) -> Iterable[Setting]:
    for position, word in enumerate(words):
        trait = _TRAIT.fullmatch(word)
        if trait is not None:
            following = words[position + 1] if position + 1 < len(words) else ""
            value = trait[3] if trait[3] is not None else following
            yield Setting(section=trait[1], trait=trait[2], value=value, origin="the server's command line")
