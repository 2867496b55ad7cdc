"""SageMaker's API, the two verbs that stop a machine. boto3 is imported with the first call, in a thread."""

from __future__ import annotations

from typing import Any

from .model import StopFailed

__all__ = ["ask_sagemaker"]

CONNECT_SECONDS, READ_SECONDS = 5, 10

DENIED = frozenset(
    ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "AuthorizationError")
)


def ask_sagemaker(operation: str, region: str | None, resource: str, **values: str) -> None:
    """Call one operation (`delete_app`, `stop_notebook_instance`) once; blocks for up to about 15 s.

    Raises StopFailed. botocore's own retries are off: whoever calls backs off and says so, and an answer that got
    lost on its way must not become a second request.
    """
    try:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
    except ImportError as error:
        raise StopFailed(f"AWS's library can't be loaded: {error}.") from error
    action = "sagemaker:" + "".join(word.title() for word in operation.split("_"))
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 1},
        user_agent_extra="jupyter_lcc",
    )
    try:
        # A session of its own: the default one is shared by the whole process, and not made for threads.
        client: Any = boto3.session.Session(region_name=region).client("sagemaker", config=config)
        getattr(client, operation)(**values)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        told = error.response.get("Error", {}).get("Message", "") or str(error)
        if code in DENIED:
            raise StopFailed(
                f"Permission missing: the role of this machine needs {action} on {resource}.", missing=action
            ) from error
        raise StopFailed(f"{action} failed: {code}: {told}") from error
    except BotoCoreError as error:
        raise StopFailed(f"{action} failed: {error}") from error
