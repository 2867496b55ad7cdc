"""Ask SageMaker how long Studio's own idle shutdown waits (`doctor --aws`). The library is loaded with the question.

The space may set its own time; the owner's user profile stands before the domain, and both say whether it is on. A
shared space has no owner whose profile counts; there the domain's defaults for spaces do. (Service model and
documentation of SageMaker, `IdleSettings`.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import Model
from ..platforms.aws import AwsError, ask_aws
from ..platforms.detect import Metadata

__all__ = ["CouldNotAsk", "NativeTime", "native_time"]

CONNECT_SECONDS, READ_SECONDS = 2, 3


class NativeTime(Model, frozen=True, kw_only=True):
    """Whether Studio's own idle shutdown is on for this app, after how many minutes, and who set that."""

    on: bool
    minutes: int | None = None
    set_by: str = ""


class CouldNotAsk(Exception):
    """It could not be found out; says why, in words for a person."""


def native_time(metadata: Metadata, region: str | None) -> NativeTime:
    """Ask. Blocks for up to about 15 s. Raises CouldNotAsk."""
    try:
        return ask_aws(
            "sagemaker",
            region,
            lambda client: _look_up(client, metadata),
            connect_seconds=CONNECT_SECONDS,
            read_seconds=READ_SECONDS,
        )
    except AwsError as error:
        told = f"{error.operation} failed: {error.code}: {error}" if error.code else f"{error}"
        raise CouldNotAsk(told) from error


def _look_up(client: Any, metadata: Metadata) -> NativeTime:
    app = f"{metadata.AppType}AppSettings"
    domain_id, owner, shared, minutes = metadata.DomainId, metadata.UserProfileName, False, None
    if metadata.SpaceName:
        space = client.describe_space(DomainId=domain_id, SpaceName=metadata.SpaceName)
        minutes = _idle(space.get("SpaceSettings"), app).get("IdleTimeoutInMinutes")
        shared = space.get("SpaceSharingSettings", {}).get("SharingType") == "Shared"
        owner = owner or space.get("OwnershipSettings", {}).get("OwnerUserProfileName", "")
    above: Mapping[str, Any] = {}
    set_by = "the domain"
    if owner and not shared:
        profile = client.describe_user_profile(DomainId=domain_id, UserProfileName=owner)
        above, set_by = _idle(profile.get("UserSettings"), app), "the user profile"
    if "LifecycleManagement" not in above:
        domain = client.describe_domain(DomainId=domain_id)
        above = _idle(domain.get("DefaultSpaceSettings" if shared else "DefaultUserSettings"), app)
        set_by = "the domain"
    if above.get("LifecycleManagement") != "ENABLED":
        return NativeTime(on=False, set_by=set_by)
    if minutes is not None:
        return NativeTime(on=True, minutes=minutes, set_by="the space")
    return NativeTime(on=True, minutes=above.get("IdleTimeoutInMinutes"), set_by=set_by)


def _idle(settings: Mapping[str, Any] | None, app: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (settings or {}).get(app, {}).get("AppLifecycleManagement", {}).get("IdleSettings", {})
    return found
