"""A SageMaker notebook instance: stopped with StopNotebookInstance; its volume stays."""

from __future__ import annotations

import asyncio

from ..model import Sentence
from .aws import ask_sagemaker
from .model import StopFailed, StopWay

__all__ = ["NotebookInstance"]


class NotebookInstance:
    """Stops the instance this server runs on, by the name the metadata file gives it."""

    def __init__(self, *, name: str, arn: str, region: str | None, life: str) -> None:
        self._name = name
        self._arn = arn
        self._region = region
        self.way = StopWay(
            means="stop_notebook_instance",
            available=bool(name),
            why_not=None if name else "SageMaker's metadata file lacks ResourceName.",
            why_not_sentence=None if name else Sentence(code="metadata_incomplete", detail={"missing": "ResourceName"}),
        )
        self.life = life

    async def stop(self) -> None:
        if not self.way.available:
            raise StopFailed(self.way.why_not or "", sentence=self.way.why_not_sentence)
        await asyncio.to_thread(
            ask_sagemaker, "stop_notebook_instance", self._region, self._arn, NotebookInstanceName=self._name
        )
