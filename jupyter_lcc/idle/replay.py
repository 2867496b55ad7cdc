"""What another policy would have decided on a logged trace: pure."""

from __future__ import annotations
