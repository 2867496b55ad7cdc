"""Which instance type this is: what the environment says, else what SageMaker answers.

The metadata file of a Studio app or notebook instance doesn't name it. DescribeApp has it in
`ResourceSpec.InstanceType`, DescribeNotebookInstance in `InstanceType`; a role may ask without being allowed to, and
then it stays unknown: no price is shown, and no rule for an instance type holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .aws import AwsError, ask_aws
from .detect import Machine, is_notebook_instance, is_studio_app, region_of

__all__ = ["question_of", "wait_for_instance_type"]

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 60.0, 3600.0

Question = Callable[[Any], Any]


def question_of(machine: Machine) -> Question | None:
    """Give what to ask a SageMaker client, None where there is nobody to ask."""
    metadata = machine.metadata
    if metadata is None or not metadata.ResourceName:
        return None
    if is_studio_app(machine):
        owner = (
            {"SpaceName": metadata.SpaceName} if metadata.SpaceName else {"UserProfileName": metadata.UserProfileName}
        )
        names = {"DomainId": metadata.DomainId, "AppType": metadata.AppType, "AppName": metadata.ResourceName, **owner}
        return lambda client: client.describe_app(**names).get("ResourceSpec", {}).get("InstanceType")
    if is_notebook_instance(machine):
        name = metadata.ResourceName
        return lambda client: client.describe_notebook_instance(NotebookInstanceName=name).get("InstanceType")
    return None


async def wait_for_instance_type(machine: Machine, log: Any) -> str | None:
    """Ask, patiently where nobody answers; None where there is nobody to ask, or it may not be known."""
    question = question_of(machine)
    wait = FIRST_WAIT_SECONDS
    while question is not None:
        try:
            told = await asyncio.to_thread(ask_aws, "sagemaker", region_of(machine), question)
            return str(told) if told else None
        except AwsError as error:
            if error.is_denied:
                log.info("jupyter_lcc: the instance type stays unknown: %s", error)
                return None
            log.debug("jupyter_lcc: the instance type is not known yet: %s", error)
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)
    return None
