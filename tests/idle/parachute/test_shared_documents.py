"""Which notebooks count as open in real-time collaboration, with fakes of the extensions that bring it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_lcc.idle.parachute.shared_documents import SharedDocuments


def server(apps: dict[str, Any], ids: dict[str, str] | None = None) -> Any:
    settings = {} if ids is None else {"file_id_manager": SimpleNamespace(get_id=ids.get)}
    return SimpleNamespace(
        extension_manager=SimpleNamespace(extension_apps=apps), web_app=SimpleNamespace(settings=settings)
    )


def ydoc(*rooms: str) -> dict[str, Any]:
    app = SimpleNamespace(ywebsocket_server=SimpleNamespace(rooms=dict.fromkeys(rooms)))
    return {"jupyter_server_ydoc": [app]}


@pytest.mark.parametrize(
    ("apps", "ids", "shared"),
    [
        ({}, None, False),
        (ydoc(), None, False),
        (ydoc("json:notebook:7"), {"a.ipynb": "7"}, True),
        (ydoc("json:notebook:8"), {"a.ipynb": "7"}, False),
        (ydoc("json:notebook:8"), {}, False),
        (ydoc("json:notebook:7"), None, True),
        ({"jupyter_server_documents": [object()]}, {"a.ipynb": "7"}, True),
    ],
)
def test_what_can_t_be_told_counts_as_shared(apps: dict[str, Any], ids: dict[str, str] | None, shared: bool) -> None:
    assert SharedDocuments(server(apps, ids)).is_shared("a.ipynb") is shared
