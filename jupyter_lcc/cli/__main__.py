"""`python -m jupyter_lcc.cli`, for where the script isn't on the path."""

from __future__ import annotations

from . import main

main()
