"""Look after the life of a notebook machine: idle shutdown, environments, package lists, administration."""

from __future__ import annotations

from typing import Any

from ._version import __version__

__all__ = ["__version__"]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab where the prebuilt front end lies."""
    return [{"src": "labextension", "dest": "jupyter-lcc"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server which application to load; imported late so that `import jupyter_lcc` stays cheap."""
    from .extension import LccExtension

    return [{"module": "jupyter_lcc.extension", "app": LccExtension}]
