"""A policy document in S3 or in an SSM parameter. boto3 is imported with the first reading, in a thread."""

from __future__ import annotations

from typing import Any

from .model import Unavailable

__all__ = ["ParameterReader", "S3Reader"]

CONNECT_SECONDS, READ_SECONDS = 5, 10
MAX_READ = 1024 * 1024

_DENIED = frozenset(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"))
_ABSENT = {
    "NoSuchKey": "There is no such object.",
    "NoSuchBucket": "There is no such bucket.",
    "ParameterNotFound": "There is no such parameter.",
}


class S3Reader:
    """Reads an object: `s3:GetObject`."""

    cheap = False

    def __init__(self, bucket: str, key: str, region: str | None) -> None:
        self._bucket, self._key, self._region = bucket, key, region

    def read(self) -> bytes | None:
        def ask(client: Any) -> bytes:
            body = client.get_object(Bucket=self._bucket, Key=self._key)["Body"]
            with body:
                raw: bytes = body.read(MAX_READ)
            return raw

        return _ask("s3", "s3:GetObject", f"arn:aws:s3:::{self._bucket}/{self._key}", self._region, ask)


class ParameterReader:
    """Reads a parameter: `ssm:GetParameter`, and `kms:Decrypt` where it is a SecureString."""

    cheap = False

    def __init__(self, name: str, region: str | None) -> None:
        self._name, self._region = name, region

    def read(self) -> bytes | None:
        def ask(client: Any) -> bytes:
            text: str = client.get_parameter(Name=self._name, WithDecryption=True)["Parameter"]["Value"]
            return text.encode()

        return _ask("ssm", "ssm:GetParameter", f"the parameter {self._name}", self._region, ask)


def _ask(service: str, action: str, resource: str, region: str | None, question: Any) -> bytes:
    try:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
    except ImportError as error:
        raise Unavailable(f"AWS's library can't be loaded: {error}.") from error
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 1},
        user_agent_extra="jupyter_lcc",
    )
    try:
        # A session of its own: the default one is shared by the whole process, and not made for threads.
        client = boto3.session.Session(region_name=region).client(service, config=config)
        raw: bytes = question(client)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _DENIED:
            # S3 also says so of what isn't there, to those who may not list the bucket.
            raise Unavailable(
                f"Permission missing: the role of this machine needs {action} on {resource}.", missing=action
            ) from error
        told = _ABSENT.get(code) or f"{action} failed: {error.response.get('Error', {}).get('Message') or code}"
        raise Unavailable(told) from error
    except (BotoCoreError, OSError, KeyError) as error:
        raise Unavailable(f"{action} failed: {error}") from error
    return raw
