"""What pages said of the documents of targets that are about to be shut down: pure.

A page may say so at any time of a warning; what it says after it was asked (`save` event) replaces what was said
before. Among the answers to one question a failure stands: with two pages on one document, the one that saved
doesn't speak for the one that could not.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ...model import Sentence, sendable
from ..model import SaveReport, Sighting, StoppedDocument

__all__ = ["Saves"]

MOST_DOCUMENTS = 100
"""Of one target; what is said of more is not kept."""


class _Said(msgspec.Struct):
    report: SaveReport
    fresh: bool = True


class Saves:
    """Reports by target and path."""

    def __init__(self) -> None:
        self._said: dict[str, dict[str, _Said]] = {}

    def ask(self, target_id: str) -> None:
        """Pages are asked (again): what was said so far is replaced by what is said from now on."""
        for said in self._said.get(target_id, {}).values():
            said.fresh = False

    def take(self, report: SaveReport) -> None:
        """A page answers, or tells unasked."""
        said = self._said.setdefault(report.target_id, {})
        before = said.get(report.path)
        if before is None and len(said) >= MOST_DOCUMENTS:
            return
        if before is not None and before.fresh and before.report.result == "failed" and report.result != "failed":
            return
        said[report.path] = _Said(report)

    def forget(self, target_id: str) -> None:
        """It is kept, or gone."""
        self._said.pop(target_id, None)

    def have_answered(self, sighting: Sighting) -> bool:
        """Tell whether a fresh report is there for each document that can be saved."""
        said = self._said.get(sighting.id, {})
        return all(path in said and said[path].fresh for path in _savable(sighting))

    def unsaved(self, target_id: str) -> str | None:
        """Name what could not be saved, and why; None if there is nothing."""
        failed = [said.report for said in self._said.get(target_id, {}).values() if said.report.result == "failed"]
        return "; ".join(f"{r.path}: {r.message or 'it could not be saved'}" for r in failed) or None

    def documents(
        self, sighting: Sighting, kept: Mapping[str, str | None], notes: Mapping[str, str]
    ) -> list[StoppedDocument]:
        """Say what became of each document: `kept` is path -> where its late output is, `notes` path -> a remark."""
        said = self._said.get(sighting.id, {})
        types = {session.path: session.type for session in sighting.sessions}
        for path in said:
            types.setdefault(path, "notebook" if path.endswith(".ipynb") else "file")
        found = []
        for path, kind in types.items():
            report = said[path].report if path in said else None
            document = StoppedDocument(path=path, type=kind or "file", result="no_page", output_path=kept.get(path))
            if report is not None:
                document = msgspec.structs.replace(document, result=report.result, message=report.message)
            elif sighting.connections and kind == "console":
                document = msgspec.structs.replace(document, result="unchanged")
            elif sighting.connections:
                message = "A page is connected to its kernel and did not say whether it is saved."
                silent = Sentence(code="page_silent")
                document = msgspec.structs.replace(document, result="failed", message=message, message_sentence=silent)
            if path in notes:
                told = f"{document.message} {notes[path]}" if document.message else notes[path]
                # Two sentences have no code in common; where both are there, English says both.
                document = msgspec.structs.replace(document, message=told, message_sentence=None)
            found.append(document)
        return [msgspec.structs.replace(document, path=sendable(document.path)) for document in found]


def _savable(sighting: Sighting) -> set[str]:
    return {session.path for session in sighting.sessions if session.type != "console"}
