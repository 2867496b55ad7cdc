"""Look after the life of a notebook machine: idle shutdown, environments, package lists, administration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .keeping import keep_alive

__all__ = ["__version__", "keep_alive"]


def __getattr__(name: str) -> Any:
    """Import what code uses when it is used, so that `import jupyter_lcc` stays cheap."""
    if name == "keep_alive":
        from .keeping import keep_alive

        return keep_alive
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab where the prebuilt front end lies."""
    return [{"src": "labextension", "dest": "jupyter-lcc"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server which application to load; imported late so that `import jupyter_lcc` stays cheap."""
    from .pauses import no_collection

    with no_collection():
        from .extension import LccExtension

    return [{"module": "jupyter_lcc.extension", "app": LccExtension}]
