"""Each platform is told by what is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_lcc.idle.state import state_folder
from jupyter_lcc.platforms.detect import choose, look
from jupyter_lcc.platforms.model import Platform

SPACE = {
    "AppType": "JupyterLab",
    "DomainId": "d-abc",
    "SpaceName": "my-space",
    "ResourceArn": "arn:aws:sagemaker:ap-northeast-2:123456789012:app/d-abc/my-space/JupyterLab/default",
    "ResourceName": "default",
}
NOTEBOOK = {
    "ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:notebook-instance/nb",
    "ResourceName": "nb",
}


def found(tmp_path: Path, metadata: object = None, **environment: str) -> Platform:
    file = tmp_path / "resource-metadata.json"
    if metadata is not None:
        file.write_text(metadata if isinstance(metadata, str) else json.dumps(metadata))
    return choose(look(Path("/home/me"), {"RESOURCE_METADATA_FILE": str(file), **environment}))


def test_a_studio_space(tmp_path: Path) -> None:
    platform = found(tmp_path, SPACE, AWS_REGION="elsewhere")
    assert (platform.kind, platform.persistent_root, platform.region) == (
        "studio_space",
        "/home/me",
        "ap-northeast-2",
    )


def test_a_notebook_instance_keeps_only_its_sagemaker_folder(tmp_path: Path) -> None:
    platform = found(tmp_path, NOTEBOOK)
    assert (platform.kind, platform.persistent_root) == ("notebook_instance", "/home/me/SageMaker")


def test_a_hub(tmp_path: Path) -> None:
    assert found(tmp_path, JUPYTERHUB_API_URL="http://hub/api", JUPYTERHUB_USER="me").kind == "jupyterhub"
    assert found(tmp_path, JUPYTERHUB_API_URL="http://hub/api").kind == "plain"


@pytest.mark.parametrize("metadata", [None, "", "{", "[]", {"AppType": 3}, {}, {"AppType": "KernelGateway"}])
def test_anything_else_is_a_plain_machine(tmp_path: Path, metadata: object) -> None:
    assert found(tmp_path, metadata).kind == "plain"


@pytest.mark.parametrize(
    ("kind", "root", "folder"),
    [
        ("plain", "/home/me", "/home/me/.local/share/jupyter/lcc"),
        ("plain", "/elsewhere", "/home/me/.local/share/jupyter/lcc"),
        ("studio_space", "/home/me", "/home/me/.local/share/jupyter/lcc"),
        ("notebook_instance", "/home/me/SageMaker", "/home/me/SageMaker/.jupyter_lcc"),
        ("jupyterhub", None, "/home/me/.local/share/jupyter/lcc"),
    ],
)
def test_state_lies_where_it_survives(kind: str, root: str | None, folder: str) -> None:
    platform = Platform(kind=kind, persistent_root=root, can_stop_instance=False)  # type: ignore[arg-type]
    assert state_folder("", Path("/home/me/.local/share/jupyter"), platform) == Path(folder)
    assert state_folder("/set/by/admin", Path("/home/me"), platform) == Path("/set/by/admin")
