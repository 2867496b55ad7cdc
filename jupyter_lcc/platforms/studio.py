"""A Studio space: its app is deleted with DeleteApp; the space and its files stay."""

from __future__ import annotations

import asyncio

from ..model import Sentence
from .aws import ask_sagemaker
from .model import StopFailed, StopWay

__all__ = ["StudioApp"]


class StudioApp:
    """Deletes the app this server runs in, by the names the metadata file gives it."""

    def __init__(
        self,
        *,
        domain: str,
        app_type: str,
        app: str,
        space: str,
        user_profile: str,
        arn: str,
        region: str | None,
        life: str,
    ) -> None:
        owner = {"SpaceName": space} if space else {"UserProfileName": user_profile}
        self._values = {"DomainId": domain, "AppType": app_type, "AppName": app, **owner}
        self._arn = arn
        self._region = region
        missing = sorted(name for name, value in {**self._values, "ResourceArn": arn}.items() if not value)
        self.way = StopWay(
            means="delete_app",
            available=not missing,
            why_not=f"SageMaker's metadata file lacks {', '.join(missing)}." if missing else None,
            why_not_sentence=Sentence(code="metadata_incomplete", detail={"missing": ", ".join(missing)})
            if missing
            else None,
        )
        self.life = life

    async def stop(self) -> None:
        if not self.way.available:
            raise StopFailed(self.way.why_not or "", sentence=self.way.why_not_sentence)
        await asyncio.to_thread(ask_sagemaker, "delete_app", self._region, self._arn, **self._values)
