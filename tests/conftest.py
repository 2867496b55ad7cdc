"""Jupyter's own fixtures: real servers, and tests that are coroutines."""

pytest_plugins = ("pytest_jupyter.jupyter_server",)
