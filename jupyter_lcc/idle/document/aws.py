"""A policy document in S3 or in an SSM parameter. boto3 is imported with the first reading, in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...platforms.aws import AwsError, ask_aws
from .model import Unavailable

__all__ = ["ParameterReader", "S3Reader"]

MAX_READ = 1024 * 1024

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


def _ask(service: str, action: str, resource: str, region: str | None, question: Callable[[Any], bytes]) -> bytes:
    try:
        return ask_aws(service, region, question)
    except AwsError as error:
        if error.is_denied:
            # S3 also says so of what isn't there, to those who may not list the bucket.
            raise Unavailable(
                f"Permission missing: the role of this machine needs {action} on {resource}.", missing=action
            ) from error
        raise Unavailable(_ABSENT.get(error.code) or f"{action} failed: {error}") from error
    except KeyError as error:
        raise Unavailable(f"{action} failed: {error}") from error
