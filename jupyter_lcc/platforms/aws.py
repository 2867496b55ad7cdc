"""AWS, asked once and with little patience. boto3 is imported with the first question; call all of it in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..model import Sentence
from .model import StopFailed

__all__ = ["AwsClient", "AwsError", "ask_aws", "ask_sagemaker"]

T = TypeVar("T")

CONNECT_SECONDS, READ_SECONDS = 5, 10

_DENIED = frozenset(
    ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "AuthorizationError", "403")
)

_EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId"))


class AwsError(Exception):
    """AWS refused, or did not answer. `code` is its error code, "" where there was no answer."""

    def __init__(self, message: str, code: str = "", operation: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.operation = operation

    @property
    def is_denied(self) -> bool:
        """Tell whether a permission is missing."""
        return self.code in _DENIED


class AwsClient:
    """A client of one service, made with the first question and kept: making one takes longer than most questions.

    For any number of threads. botocore's own retries are off: whoever calls backs off and says so, and an answer that
    got lost on its way must not become a second request.
    """

    def __init__(
        self,
        service: str,
        region: str | None,
        *,
        connect_seconds: float | None = None,
        read_seconds: float | None = None,
    ) -> None:
        self._service = service
        self._region = region
        self._connect_seconds = connect_seconds or CONNECT_SECONDS
        self._read_seconds = read_seconds or READ_SECONDS
        self._lock = threading.Lock()
        self._client: Any = None

    def ask(self, question: Callable[[Any], T]) -> T:
        """Put a question; blocks for up to the sum of the times. Raises AwsError."""
        try:
            import boto3  # type: ignore[import-untyped]  # noqa: F401
            from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
        except ImportError as error:
            raise AwsError(f"AWS's library can't be loaded: {error}.") from error
        try:
            return question(self._made())
        except ClientError as error:
            told = error.response.get("Error", {})
            code = str(told.get("Code", ""))
            if code in _EXPIRED:
                self._client = None
            raise AwsError(str(told.get("Message") or error), code, error.operation_name) from error
        except (BotoCoreError, OSError) as error:
            raise AwsError(str(error)) from error

    def _made(self) -> Any:
        with self._lock:
            if self._client is None:
                import boto3
                from botocore.config import Config  # type: ignore[import-untyped]

                config = Config(
                    connect_timeout=self._connect_seconds,
                    read_timeout=self._read_seconds,
                    retries={"mode": "standard", "total_max_attempts": 1},
                    user_agent_extra="jupyter_lcc",
                )
                # A session of its own: the default one is shared by the whole process, and not made for threads.
                session = boto3.session.Session(region_name=self._region)
                self._client = session.client(self._service, config=config)
            return self._client


def ask_aws(
    service: str,
    region: str | None,
    question: Callable[[Any], T],
    *,
    connect_seconds: float | None = None,
    read_seconds: float | None = None,
) -> T:
    """Put one question to a client of one service. Raises AwsError."""
    return AwsClient(service, region, connect_seconds=connect_seconds, read_seconds=read_seconds).ask(question)


def ask_sagemaker(operation: str, region: str | None, resource: str, **values: str) -> None:
    """Call one operation (`delete_app`, `stop_notebook_instance`) once. Raises StopFailed."""
    action = "sagemaker:" + "".join(word.title() for word in operation.split("_"))
    try:
        ask_aws("sagemaker", region, lambda client: getattr(client, operation)(**values))
    except AwsError as error:
        if error.is_denied:
            raise StopFailed(
                f"Permission missing: the role of this machine needs {action} on {resource}.",
                missing=action,
                sentence=Sentence(code="permission_missing", detail={"action": action, "resource": resource}),
            ) from error
        told = f"{error.code}: {error}" if error.code else str(error)
        failed = Sentence(code="request_failed", detail={"action": action, "error": told})
        raise StopFailed(f"{action} failed: {told}", sentence=failed) from error
