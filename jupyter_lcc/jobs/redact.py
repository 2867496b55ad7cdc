"""Take passwords and tokens out of what is shown. Pure."""

from __future__ import annotations

import re
from typing import Any

from ..model import sendable

__all__ = ["plain", "redact"]

_USER = re.compile(r"(?<=://)[^/\s@\"'<>]+@")
_TOKEN = re.compile(r"/t/[^/\s\"'<>]+")
_NAMED = re.compile(r"(?i)\b((?:access|auth|api|secret)?[_-]?(?:token|password|passwd|secret)\s*[=:]\s*)[^\s&\"'<>]+")
_SIGNED = re.compile(r"(?i)([?&](?:x-amz-(?:signature|credential|security-token)|x-goog-signature|sig)=)[^\s&\"'<>]+")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")


def redact(text: str) -> str:
    """Hide users and passwords of addresses, `/t/<token>` of conda channels, tokens named as such, signatures."""
    text = _TOKEN.sub("/t/***", _USER.sub("***@", text))
    return _BEARER.sub(r"\1 ***", _SIGNED.sub(r"\1***", _NAMED.sub(r"\1***", text)))


def plain(value: Any) -> Any:
    """Make what a work gave back sendable, whatever it is."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return sendable(value)
    if isinstance(value, dict):
        return {sendable(str(key)): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return sendable(str(value))
