"""What stops the machine itself: its way, SageMaker's metadata file, the policy document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from ..idle.document.file import FileReader
from ..idle.document.model import Unavailable
from ..idle.document.places import SYSTEM_FILE, find_source
from ..idle.document.rules import InvalidDocument, parse
from ..idle.model import IdleView, StopMeans
from ..platforms.detect import METADATA_FILE, Metadata, choose, is_notebook_instance, is_studio_app, look
from .findings import Check, Result
from .settings import Settings
from .table import clean
from .times import say_duration, say_moment

__all__ = ["check_machine", "check_metadata", "check_policy_document"]

_WAYS: dict[StopMeans, str] = {
    "delete_app": "with DeleteApp",
    "native_idle": "by Studio's own idle shutdown",
    "stop_notebook_instance": "with StopNotebookInstance",
    "hub": "through the hub",
    "stop_server": "by ending this Jupyter server",
    "command": "with the administrator's command",
}
_PERMISSION: dict[StopMeans, str] = {
    "delete_app": "Allow sagemaker:DeleteApp on this app in the execution role",
    "native_idle": "Where the limits here shall hold, allow sagemaker:DeleteApp on this app in the execution role",
    "stop_notebook_instance": "Allow sagemaker:StopNotebookInstance on this instance in its role",
    "hub": "Give this server's token the scope delete:servers!server in jupyterhub_config.py",
}
_ON_SAGEMAKER = ("SAGEMAKER_APP_TYPE", "SAGEMAKER_SPACE_NAME", "AWS_SAGEMAKER_JUPYTERSERVER_IMAGE")
"""Variables that SageMaker's own images set."""


def check_machine(view: IdleView, now: datetime) -> Check:
    """Can the machine be stopped, and what became of the last try?"""
    machine, stop = view.machine, view.machine.stop
    way = _WAYS.get(stop.means, stop.means)
    if machine.stop_requested_at is not None:
        return _found("ok", f"The stop of this machine was asked for at {say_moment(machine.stop_requested_at, now)}.")
    if stop.means == "native_idle":
        return _found("warn", clean(stop.why_not or ""), _permission(stop.means))
    if machine.stop_error is not None:
        again = "" if machine.retry_at is None else f" It is tried again at {say_moment(machine.retry_at, now)}."
        denied = "ermission" in machine.stop_error
        advice = _permission(stop.means) if denied else "The server's log has the details. Nothing was lost by it."
        return _found("fail", f"This machine could not be stopped: {clean(machine.stop_error)}{again}", advice)
    if stop.means == "none":
        return _found("ok", f"This machine itself is not stopped. {clean(stop.why_not or '')}")
    if not stop.available:
        return _found(
            "warn", f"This machine can't be stopped {way}: {clean(stop.why_not or '')}", "See docs/machine.md."
        )
    limit = view.policy.instance_timeout_seconds.value
    if not limit:
        return _found("ok", f"This machine can be stopped {way}, but instance_timeout_seconds is 0: never.")
    if view.mode != "enforce":
        return _found("ok", f"This machine would be stopped {way} when it was idle for {say_duration(limit)}.")
    return _found("ok", f"This machine is stopped {way} when it was idle for {say_duration(limit)}.")


def check_metadata(environment: Mapping[str, str], home: Path) -> Iterable[Check]:
    """On SageMaker: does the metadata file say which app or instance this is?"""
    path = Path(environment.get("RESOURCE_METADATA_FILE") or METADATA_FILE)
    try:
        metadata = msgspec.json.decode(path.read_bytes(), type=Metadata)
    except FileNotFoundError:
        if any(environment.get(name) for name in _ON_SAGEMAKER):
            yield _metadata(
                "warn", f"This looks like SageMaker, but {path} isn't there, so it counts as a plain machine."
            )
        return
    except (OSError, msgspec.DecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        yield _metadata(
            "fail", f"{path} can't be read, so SageMaker isn't recognised and nothing stops the machine: {why}."
        )
        return
    machine = look(home, environment)
    if is_studio_app(machine):
        wanted: tuple[str, ...] = ("ResourceArn", "ResourceName", "DomainId")
        told = f"app {metadata.ResourceName} of {metadata.SpaceName or metadata.UserProfileName} in {metadata.DomainId}"
    elif is_notebook_instance(machine):
        wanted = ("ResourceArn", "ResourceName")
        told = f"notebook instance {metadata.ResourceName}"
    else:
        what = f"AppType {metadata.AppType!r}" if metadata.AppType else "no app and no notebook instance"
        yield _metadata("warn", f"{path} names {clean(what)}, so this counts as a plain machine and isn't stopped.")
        return
    missing = [name for name in wanted if not getattr(metadata, name)]
    if missing:
        yield _metadata("warn", f"{path} lacks {', '.join(missing)}, so the machine can't be stopped.")
    elif choose(machine).region is None:
        yield _metadata("warn", f"{path} names no region, and AWS_REGION isn't set, so AWS can't be asked.")
    else:
        yield Check(name="metadata", result="ok", message=f"SageMaker's metadata file names {clean(told)}.")


def check_policy_document(
    settings: Settings, environment: Mapping[str, str], view: IdleView | None, system_file: Path = SYSTEM_FILE
) -> Iterable[Check]:
    """Is there a policy document, and is it right? The running server's own word on it comes with the monitor."""
    if view is not None and any(problem.code.startswith("policy_document_") for problem in view.monitor.problems):
        return
    configured = settings.find(("LccIdle",), "policy_source")
    source = find_source(environment, str(configured.value) if configured is not None else "", system_file)
    if source.found_by == "none":
        return
    if source.place.partition(":")[0] in ("s3", "ssm"):
        read = "The running server could read it." if view is not None else "The server reads it when it starts."
        yield Check(name="policy_document", result="ok", message=f"The policy document is {source.place}. {read}")
        return
    try:
        parse(FileReader(Path(source.place).expanduser()).read() or b"")
    except Unavailable as error:
        message, advice = f"can't be read: {error}", "Set its rights, or take the place out of the configuration."
    except InvalidDocument as error:
        more = f" (and {len(error.errors) - 1} more)" if len(error.errors) > 1 else ""
        message = f"is refused: {clean(error.errors[0])}{more}"
        advice = f"`jupyter lcc policy check {source.place}` says all that is wrong."
    else:
        yield Check(name="policy_document", result="ok", message=f"The policy document {source.place} is valid.")
        return
    yield Check(
        name="policy_document",
        result="fail",
        message=f"The policy document {source.place} {message}",
        advice=advice,
    )


def _permission(means: StopMeans) -> str:
    return f"{_PERMISSION.get(means, 'Give what it names')}; see docs/machine.md. Nothing is lost meanwhile."


def _found(result: Result, message: str, advice: str = "") -> Check:
    return Check(name="machine", result=result, message=message.strip(), advice=advice)


def _metadata(result: Result, message: str) -> Check:
    advice = "SageMaker writes this file at the start of the machine. Start it again; a copied or edited one won't do."
    return Check(name="metadata", result=result, message=message, advice=advice)
