"""Tell which target a person means: by id, kernel id, terminal name, notebook name or path. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from ..idle.model import Decision, Target
from .exits import CliError, Exit
from .words import name_of

__all__ = ["INSTANCE", "choose_target", "match", "match_gone"]

INSTANCE = "instance"
_KINDS = ("kernel:", "terminal:", "process:")
_SHORTEST_ID = 4

T = TypeVar("T")


def match(text: str, targets: Sequence[Target], root_dir: str | None, cwd: Path) -> list[Target]:
    """Give the targets a text can mean; the most exact reading that fits anything is the one that counts.

    `root_dir` is the folder a session's path begins at, None where it isn't known; a path on this machine is
    understood against `cwd`.
    """
    wanted = text.strip()
    path = _below(root_dir, cwd, wanted)
    readings = (
        [t for t in targets if t.id == wanted],
        [t for t in targets if t.kind == "terminal" and wanted in _ways_to_name_a_terminal(t.name)],
        [t for t in targets if any(s.path == path for s in t.sessions)],
        [t for t in targets if wanted == t.name or any(wanted in (s.path, s.name) for s in t.sessions)],
        [t for t in targets if any(s.path.endswith("/" + wanted) for s in t.sessions)],
        [t for t in targets if t.kind == "kernel" and _begins(t.id, wanted)],
        [t for t in targets if _stem(wanted) in {_stem(t.name), *(_stem(s.name) for s in t.sessions)}],
    )
    return next((found for found in readings if found), [])


def match_gone(text: str, decisions: Iterable[Decision]) -> str | None:
    """Give the id of what was there and is gone; of several with one name, the one decided on last.

    `decisions` come newest first, as the log gives them.
    """
    wanted = text.strip()
    for decision in decisions:
        named = wanted in (decision.target_id, decision.name) or _stem(wanted) == _stem(decision.name)
        terminal = decision.kind == "terminal" and wanted in _ways_to_name_a_terminal(decision.name)
        if named or terminal or (decision.kind == "kernel" and _begins(decision.target_id, wanted)):
            return decision.target_id
    return None


def choose_target(text: str, targets: Sequence[Target], root_dir: str | None, cwd: Path) -> str | None:
    """Give the id of the one target a text means, None for none. Raises CliError where it could be several."""
    if text.strip() in ("", INSTANCE, "machine"):
        return INSTANCE
    found = match(text, targets, root_dir, cwd)
    if len(found) > 1:
        choices = "\n".join(f"  {target.id}    {name_of(target)}" for target in found)
        raise CliError(Exit.USAGE, f"{text!r} can be one of these. Say which by its id:", choices)
    return found[0].id if found else None


def is_id(text: str) -> bool:
    """Tell whether a text is a whole target id, known or not."""
    return text.startswith(_KINDS) and len(text) > len("terminal:")


def _ways_to_name_a_terminal(name: str) -> tuple[str, ...]:
    return (name, f"terminal {name}", f"terminals/{name}", f"Terminal {name}")


def _begins(target_id: str, wanted: str) -> bool:
    prefix = wanted.removeprefix("kernel:").lower()
    return len(prefix) >= _SHORTEST_ID and target_id.removeprefix("kernel:").startswith(prefix)


def _stem(name: str) -> str:
    return name.removesuffix(".ipynb")


def _below(root_dir: str | None, cwd: Path, wanted: str) -> str | None:
    if not root_dir:
        return None
    try:
        return (cwd / wanted).resolve().relative_to(Path(root_dir).resolve()).as_posix()
    except (OSError, ValueError):
        return None
