"""Events to every open page, over Jupyter's own event stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

__all__ = ["ENVIRONMENTS_EVENT", "IDLE_EVENT", "JOB_EVENT", "PACKAGE_LISTS_EVENT", "Events"]

IDLE_EVENT = "https://schema.jupyter.org/jupyter_lcc/idle/v1"
JOB_EVENT = "https://schema.jupyter.org/jupyter_lcc/job/v1"
ENVIRONMENTS_EVENT = "https://schema.jupyter.org/jupyter_lcc/environments/v1"
PACKAGE_LISTS_EVENT = "https://schema.jupyter.org/jupyter_lcc/package-lists/v1"
_SCHEMAS = Path(__file__).parent / "event_schemas"


class Events:
    """Emit on the event loop; a page that missed one asks again, so a lost event costs only time."""

    def __init__(self, event_logger: Any, log: Any) -> None:
        self._logger = event_logger
        self._log = log

    def register(self) -> None:
        """Tell the server of our schemas. Without them there are no live updates, and all else works."""
        import yaml

        for path in sorted(_SCHEMAS.glob("*.yaml")):
            # The one in C, where libyaml is there: a server waits for this when it starts.
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            schema = yaml.load(path.read_text("utf-8"), loader)
            if schema["$id"] in self._logger.schemas:
                continue
            try:
                self._register(schema)
            except Exception:
                self._log.exception("jupyter_lcc: no live updates, %s can't be registered", path.name)

    def emit_idle(self, data: dict[str, Any]) -> None:
        """Send one event on idle shutdown; never raises."""
        self._emit(IDLE_EVENT, data)

    def emit_job(self, data: dict[str, Any]) -> None:
        """Send one event on a job; never raises."""
        self._emit(JOB_EVENT, data)

    def emit_environments(self, data: dict[str, Any]) -> None:
        """Send one event on environments; never raises."""
        self._emit(ENVIRONMENTS_EVENT, data)

    def emit_package_lists(self, data: dict[str, Any]) -> None:
        """Send one event on package lists; never raises."""
        self._emit(PACKAGE_LISTS_EVENT, data)

    def listen(self, schema_id: str, callback: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        """Call back with the data of every event of a kind.

        A listener that can't be called would break whoever emits, so it takes everything and never raises.
        """

        async def listener(logger: Any, schema_id: Any, data: Any) -> None:
            try:
                await callback(data)
            except Exception:
                self._log.exception("jupyter_lcc: an event of %s could not be taken", schema_id)

        # jupyter_events up to 0.10 compares the signature, with annotations that are no texts.
        listener.__annotations__ = {"logger": type(self._logger), "schema_id": str, "data": dict, "return": None}
        try:
            self._logger.add_listener(schema_id=schema_id, listener=listener)
        except Exception:
            self._log.exception("jupyter_lcc: events of %s can't be listened to", schema_id)

    def listen_if_known(self, schema_id: str, callback: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        """The same, of events that another extension tells if it is there."""
        if schema_id in self._logger.schemas:
            self.listen(schema_id, callback)

    def _emit(self, schema_id: str, data: dict[str, Any]) -> None:
        try:
            self._logger.emit(schema_id=schema_id, data={k: v for k, v in data.items() if v is not None})
        except Exception:
            self._log.exception("jupyter_lcc: an event could not be sent")

    def _register(self, schema: dict[str, Any]) -> None:
        # jupyter_events up to 0.10 takes whole numbers only as a schema's version, later ones want text.
        try:
            self._logger.register_event_schema({**schema, "version": str(schema["version"])})
        except Exception:
            self._logger.register_event_schema({**schema, "version": int(schema["version"])})
