"""Does Studio's own idle shutdown come earlier than ours? Only AWS can tell, and only if the role may ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..idle.model import IdleView
from ..platforms.detect import Machine, is_studio_app, region_of
from .aws import CouldNotAsk, NativeTime
from .findings import Check, Result
from .table import clean
from .times import say_duration

__all__ = ["check_native_time"]


def check_native_time(machine: Machine, view: IdleView | None, ask: Callable[..., NativeTime]) -> Iterable[Check]:
    """Compare its time with instance_timeout_seconds; what can't be asked is no failure."""
    if machine.metadata is None or not is_studio_app(machine):
        yield _found("ok", "There is nothing to ask AWS: this is no Studio space.")
        return
    try:
        native = ask(machine.metadata, region_of(machine))
    except CouldNotAsk as error:
        yield _found(
            "ok",
            f"Studio's own idle time could not be checked: {clean(str(error))}",
            "It takes sagemaker:DescribeSpace, DescribeUserProfile and DescribeDomain; or ask who looks after the "
            "domain.",
        )
        return
    if not native.on:
        yield _found("ok", "Studio's own idle shutdown is off for this app.")
        return
    if native.minutes is None:
        yield _found("ok", f"Studio's own idle shutdown is on, set by {native.set_by}, which names no time.")
        return
    theirs = f"Studio's own idle shutdown stops this app after {say_duration(native.minutes * 60)}, set by "
    theirs += native.set_by
    ours = None if view is None else view.policy.instance_timeout_seconds.value
    if ours is None:
        yield _found("ok", f"{theirs}.")
    elif ours == 0 or native.minutes * 60 < ours:
        limit = say_duration(ours) if ours else "never"
        yield _found(
            "warn",
            f"{theirs}. That is earlier than instance_timeout_seconds ({limit}), and it warns nobody.",
            f"Set IdleTimeoutInMinutes of {native.set_by} longer, or instance_timeout_seconds shorter. 60 minutes is "
            "the least that Studio takes.",
        )
    else:
        yield _found("ok", f"{theirs}, not earlier than instance_timeout_seconds ({say_duration(ours)}).")


def _found(result: Result, message: str, advice: str = "") -> Check:
    return Check(name="native_idle_time", result=result, message=message, advice=advice)
