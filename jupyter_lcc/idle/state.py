"""What survives a restart: countdowns and leases of one server, and the user's own choice of limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from ..model import Model, Sentence, Timestamp
from ..platforms.model import Platform
from ..store import CorruptFile, JsonLines, read_json, set_aside, write_json
from .leases import HeldLease
from .model import Problem
from .policy import Choices
from .records import SavedRecord

__all__ = ["SavedState", "SavedStop", "StateFiles", "state_folder"]

T = TypeVar("T")


def state_folder(configured: str, data_dir: Path, platform: Platform) -> Path:
    """Where state survives: what is configured, else Jupyter's data directory, else below the persistent root."""
    if configured:
        return Path(configured).expanduser()
    data_dir, root = data_dir.absolute(), platform.persistent_root
    if root is None or platform.kind == "plain" or data_dir.is_relative_to(root):
        return data_dir / "lcc"
    return Path(root) / ".jupyter_lcc"


class SavedStop(Model, frozen=True, kw_only=True):
    """How far the machine's own stop has got, written before it is asked for. `life` names the life of the machine
    all of this is about; in another one it has happened."""

    life: str
    requested_at: Timestamp | None = None
    attempts: int = 0
    retry_at: Timestamp | None = None
    error: str | None = None
    sentence: Sentence | None = None


class SavedState(Model, frozen=True, kw_only=True):
    """One server's countdowns and leases, in UTC."""

    saved_at: Timestamp
    targets: dict[str, SavedRecord] = {}
    leases: tuple[HeldLease, ...] = ()
    machine: SavedStop | None = None


class StateFiles:
    """The two files. A corrupt one is set aside, told, and done without. Everything here blocks."""

    def __init__(self, folder: Path, log: Any) -> None:
        self._folder = folder
        self._log = log
        self._choices_read_at: int | None = None
        self.name_server("server")

    def name_server(self, name: str) -> None:
        """Choose the folder of this server among those of the same user; its name is known once it listens."""
        self.decisions = JsonLines(self._folder / name / "decisions.jsonl")
        self._state = self._folder / name / "state.json"
        self._choices = self._folder / "choices.json"

    def load(self) -> tuple[SavedState | None, Choices, tuple[Problem, ...]]:
        """Read what there is."""
        problems: list[Problem] = []
        state = self._read(self._state, SavedState, problems)
        choices = self._read(self._choices, Choices, problems)
        return state, choices or Choices(), tuple(problems)

    def fresh_choices(self) -> Choices | None:
        """Read the choices again if another server of this user changed them; None if they are as before."""
        try:
            changed_at = self._choices.stat().st_mtime_ns
        except OSError:
            return None
        if changed_at == self._choices_read_at:
            return None
        self._choices_read_at = changed_at
        try:
            return read_json(self._choices, Choices)
        except (CorruptFile, OSError):
            return None  # told and set aside with the next start; what is in force stays

    def save(self, state: SavedState) -> None:
        write_json(self._state, state)

    def save_choices(self, choices: Choices) -> None:
        write_json(self._choices, choices)
        self._choices_read_at = self._choices.stat().st_mtime_ns

    def _read(self, path: Path, shape: type[T], problems: list[Problem]) -> T | None:
        try:
            return read_json(path, shape)
        except CorruptFile as error:
            told = f"{path.name} could not be read ({error})"
            try:
                told += f" and was set aside as {set_aside(path).name}."
            except OSError as failure:
                told += f" and could not be set aside ({failure})."
            problems.append(Problem(code="corrupt_state_file", message=told))
        except OSError as error:
            problems.append(Problem(code="state_not_readable", message=f"{path.name} could not be read: {error}."))
        self._log.warning("jupyter_lcc: %s", problems[-1].message)
        return None
