"""The decision log as a trace: on each line the grounds given to `decide`, so that it can be decided again."""

from __future__ import annotations
