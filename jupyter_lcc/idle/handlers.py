"""The verbs of idle shutdown: thin calls of the service, and the rows of the table that name them."""

from __future__ import annotations

from ..errors import Forbidden, Locked, NotFound, OutOfBounds, OutsideFailure, TooLate
from ..web.routes import Param, Route
from .model import (
    ChangePolicy,
    CreateLease,
    DecisionList,
    DecisionQuery,
    DismissStopped,
    Explanation,
    IdleView,
    Lease,
    LeaseList,
    Policy,
    Presence,
    SaveReport,
    StoppedList,
    WhyQuery,
)
from .service import IdleService

__all__ = ["ROUTES"]


async def get_idle(idle: IdleService) -> IdleView:
    return await idle.view()


async def list_leases(idle: IdleService) -> LeaseList:
    return LeaseList(leases=idle.leases())


async def create_lease(idle: IdleService, body: CreateLease) -> Lease:
    return await idle.grant(body)


async def end_lease(idle: IdleService, lease_id: str) -> None:
    await idle.end_lease(lease_id)


async def report_presence(idle: IdleService, body: Presence) -> None:
    await idle.notice_presence(body)


async def shut_down_now(idle: IdleService, target_id: str) -> None:
    await idle.shut_down_now(target_id)


async def report_save(idle: IdleService, body: SaveReport) -> None:
    await idle.report_save(body)


async def list_stopped(idle: IdleService) -> StoppedList:
    return StoppedList(stopped=await idle.stopped())


async def dismiss_stopped(idle: IdleService, body: DismissStopped) -> None:
    await idle.dismiss_stopped(body)


async def get_policy(idle: IdleService) -> Policy:
    return idle.policy()


async def change_policy(idle: IdleService, body: ChangePolicy) -> Policy:
    return await idle.change_policy(body)


async def list_decisions(idle: IdleService, query: DecisionQuery) -> DecisionList:
    return DecisionList(decisions=await idle.decisions(query))


async def explain(idle: IdleService, query: WhyQuery) -> Explanation:
    return await idle.explain(query)


_TARGET = Param("`kernel:<uuid>`, `terminal:<name>` or `instance`, percent-encoded.")

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "idle",
        "get_idle",
        "Everything the panel shows.",
        "read",
        IdleService,
        get_idle,
        IdleView,
    ),
    Route(
        "GET",
        "idle/leases",
        "list_leases",
        "The leases in force.",
        "read",
        IdleService,
        list_leases,
        LeaseList,
    ),
    Route(
        "POST",
        "idle/leases",
        "create_lease",
        "Keep a target for a time.",
        "write",
        IdleService,
        create_lease,
        Lease,
        status=201,
        body=CreateLease,
        raises=(NotFound, TooLate),
        says="A time longer than the policy's `max_lease_seconds` is granted shorter, and `clipped_by` says so. "
        "A later lease on the same target replaces an earlier one if it ends later. With `pid`, the lease ends "
        "when that process of this machine ends. A lease on `instance` keeps everything on the machine.",
    ),
    Route(
        "DELETE",
        "idle/leases/{lease_id}",
        "end_lease",
        "Give a lease back.",
        "write",
        IdleService,
        end_lease,
        None,
        status=204,
        params={"lease_id": Param("The lease's id.")},
        raises=(NotFound,),
    ),
    Route(
        "POST",
        "idle/presence",
        "report_presence",
        "A person just used these targets.",
        "write",
        IdleService,
        report_presence,
        None,
        status=204,
        body=Presence,
        raises=(NotFound,),
        says="For real key, pointer and wheel events only, at most once a minute. Targets that are gone are "
        "passed over; 404 if none of them is there.",
    ),
    Route(
        "POST",
        "idle/targets/{target_id}/shutdown",
        "shut_down_now",
        "Shut a kernel or terminal down now, or stop the machine.",
        "execute",
        IdleService,
        shut_down_now,
        None,
        status=202,
        params={"target_id": _TARGET},
        raises=(NotFound, TooLate, Forbidden, OutsideFailure),
        says="The ordinary Jupyter shutdown, begun at once and without a warning, because a person asked. For "
        "`instance` the platform is asked to stop the machine, whatever works on it; 403 with the reason where it "
        "can't be stopped from here. What became of it is in `machine` of GET idle.",
    ),
    Route(
        "POST",
        "idle/saves",
        "report_save",
        "A page says what became of an open document of a target that is about to be shut down.",
        "write",
        IdleService,
        report_save,
        None,
        status=204,
        body=SaveReport,
        raises=(NotFound,),
        says="The answer to a `save` event, one for each open document of its target. A document that could not be "
        "saved puts the shutdown off once, by a whole new warning.",
    ),
    Route(
        "GET",
        "idle/stopped",
        "list_stopped",
        "The shutdowns nobody has been told of yet.",
        "read",
        IdleService,
        list_stopped,
        StoppedList,
        says="The newest first, at most 200, of every server of this user that shares the state folder. They survive "
        "a restart of the server and of the machine.",
    ),
    Route(
        "POST",
        "idle/stopped/dismiss",
        "dismiss_stopped",
        "A person has read about these shutdowns.",
        "write",
        IdleService,
        dismiss_stopped,
        None,
        status=204,
        body=DismissStopped,
        raises=(OutsideFailure,),
        says="Ids that aren't there are passed over.",
    ),
    Route(
        "GET",
        "idle/policy",
        "get_policy",
        "The limits in force, with source and bounds.",
        "read",
        IdleService,
        get_policy,
        Policy,
    ),
    Route(
        "PUT",
        "idle/policy",
        "change_policy",
        "Choose limits within the bounds.",
        "write",
        IdleService,
        change_policy,
        Policy,
        body=ChangePolicy,
        raises=(OutOfBounds, Locked),
        says="All fields or none are taken. Null gives a field back to the administrator's or the default value.",
    ),
    Route(
        "GET",
        "idle/decisions",
        "list_decisions",
        "The decision log, newest first.",
        "read",
        IdleService,
        list_decisions,
        DecisionList,
        query=DecisionQuery,
    ),
    Route(
        "GET",
        "idle/why",
        "explain",
        "Why is a target kept, warned or gone?",
        "read",
        IdleService,
        explain,
        Explanation,
        query=WhyQuery,
        raises=(NotFound,),
        says="From the present state, or, with `at`, from the decision log.",
    ),
)
