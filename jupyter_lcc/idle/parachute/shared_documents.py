"""Notebooks that are open in real-time collaboration: the server holds them in memory and writes them itself."""

from __future__ import annotations

from typing import Any

__all__ = ["SharedDocuments"]

_EXTENSIONS = ("jupyter_server_ydoc", "jupyter_collaboration", "jupyter_server_documents")


class SharedDocuments:
    """Looks into the server's extensions, which may be there or not. What can't be told counts as shared."""

    def __init__(self, serverapp: Any) -> None:
        self._serverapp = serverapp

    def is_shared(self, path: str) -> bool:
        """Tell whether a notebook is open in a room, or may be."""
        apps = self._serverapp.extension_manager.extension_apps
        found = [app for name in _EXTENSIONS for app in apps.get(name, ())]
        return any(self._may_hold(app, path) for app in found)

    def _may_hold(self, app: Any, path: str) -> bool:
        try:
            rooms = [str(room) for room in app.ywebsocket_server.rooms]
            if not rooms:
                return False
            file_id = self._serverapp.web_app.settings["file_id_manager"].get_id(path)
        except Exception:
            return True
        return file_id is not None and any(room.endswith(f":{file_id}") for room in rooms)
