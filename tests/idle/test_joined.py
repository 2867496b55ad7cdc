"""On a real server with the extension: what is heard reaches the view and the metrics."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from jupyter_lcc.extension import COLLABORATION
from jupyter_lcc.idle.model import IdleView

SCHEMA = """
"$id": https://schema.jupyter.org/jupyter_collaboration/session/v1
version: "1"
title: As jupyter_server_ydoc tells it
type: object
properties:
  action: {type: string}
"""


@pytest.fixture
def jp_server_config(tmp_path: Any) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_lcc": True}},
        "LccIdle": {"state_dir": str(tmp_path / "state")},
    }


async def view(jp_fetch: Any) -> IdleView:
    return msgspec.json.decode((await jp_fetch("lcc", "idle")).body, type=IdleView)


def saved(told: IdleView) -> bool:
    return any(evidence.signal == "document_saved_at" for evidence in told.instance.evidence)


async def test_a_saved_document_is_activity_and_all_is_at_metrics(jp_fetch: Any) -> None:
    assert not saved(await view(jp_fetch))
    body = json.dumps({"type": "file", "format": "text", "content": "x"})
    await jp_fetch("api", "contents", "quiet.txt", method="PUT", body=body, params={"no_track_activity": "1"})
    assert not saved(await view(jp_fetch))
    await jp_fetch("api", "contents", "notes.txt", method="PUT", body=body)
    assert saved(await view(jp_fetch))
    text = (await jp_fetch("metrics")).body.decode()
    assert "jupyter_lcc_leases 0.0" in text
    assert text.count("# TYPE jupyter_lcc_targets gauge") == 1


async def test_a_shared_document_that_is_saved_is_activity(jp_serverapp: Any, jp_fetch: Any) -> None:
    logger = jp_serverapp.event_logger
    logger.register_event_schema(SCHEMA)
    (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_lcc"]
    app._events.listen_if_known(COLLABORATION, app._note_shared_save)
    logger.emit(schema_id=COLLABORATION, data={"action": "load"})
    await asyncio.sleep(0.05)
    assert not saved(await view(jp_fetch))
    logger.emit(schema_id=COLLABORATION, data={"action": "save"})
    await asyncio.sleep(0.05)
    assert saved(await view(jp_fetch))
