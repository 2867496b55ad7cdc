"""What is shown holds no passwords."""

from __future__ import annotations

import pytest

from jupyter_lcc.jobs.redact import redact


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("get https://ann:secret@host/x", "get https://***@host/x"),
        ("https://host/t/to-ken/channel", "https://host/t/***/channel"),
        ("password=secret api_token: abc", "password=*** api_token: ***"),
        ("Authorization: Bearer abcdefgh.ij", "Authorization: Bearer ***"),
        (
            "https://b/x?x-id=Get&X-Amz-Credential=AKIA%2F2&X-Amz-Signature=0fb3",
            "https://b/x?x-id=Get&X-Amz-Credential=***&X-Amz-Signature=***",
        ),
        ("https://a/b?c=d of 3 packages", "https://a/b?c=d of 3 packages"),
    ],
)
def test_passwords_tokens_and_signatures_are_hidden(said: str, shown: str) -> None:
    assert redact(said) == shown
