"""The verbs of package lists."""

from __future__ import annotations

from ..errors import Conflict, Forbidden, Invalid, LostRace, Malformed, NotFound, NotReachable, OutsideFailure
from ..jobs.model import Job
from ..web.routes import Param, Route
from .model import (
    AddSource,
    BundleList,
    CheckedText,
    HistoryQuery,
    ListDiff,
    ListHistory,
    ListState,
    ListStates,
    ListText,
    MergedList,
    MergeList,
    PublishList,
    PutList,
    RemoveList,
    RestoreList,
    SourceList,
    SourceState,
    SyncList,
    ValidateList,
)
from .service import PackageLists

__all__ = ["ROUTES"]


async def list_package_lists(lists: PackageLists) -> ListStates:
    return await lists.all()


async def check_package_lists(lists: PackageLists) -> ListStates:
    return await lists.check()


async def get_package_list(lists: PackageLists, name: str) -> ListText:
    return await lists.text(name)


async def put_package_list(lists: PackageLists, name: str, body: PutList, if_match: str | None) -> Job:
    return await lists.put(name, body, if_match)


async def delete_package_list(lists: PackageLists, name: str, query: RemoveList, if_match: str | None) -> None:
    await lists.remove(name, query, if_match)


async def diff_package_list(lists: PackageLists, name: str) -> ListDiff:
    return await lists.diff(name)


async def sync_package_list(lists: PackageLists, name: str, body: SyncList) -> ListDiff | Job:
    return await lists.sync(name, body)


async def publish_package_list(lists: PackageLists, name: str, body: PublishList, if_match: str | None) -> Job:
    return await lists.publish(name, body, if_match)


async def pull_package_list(lists: PackageLists, name: str) -> ListState:
    return await lists.pull(name)


async def merge_package_list(lists: PackageLists, name: str, body: MergeList) -> MergedList:
    return await lists.merge(name, body)


async def list_revisions(lists: PackageLists, name: str, query: HistoryQuery) -> ListHistory:
    return await lists.history(name, query)


async def get_revision(lists: PackageLists, name: str, number: str) -> ListText:
    return await lists.revision(name, number)


async def restore_package_list(lists: PackageLists, name: str, body: RestoreList, if_match: str | None) -> Job:
    return await lists.restore(name, body, if_match)


async def bundle_package_list(lists: PackageLists, name: str, body: BundleList) -> Job:
    return await lists.bundle(name, body)


async def validate_package_list(lists: PackageLists, body: ValidateList) -> CheckedText:
    return await lists.validate(body)


async def list_sources(lists: PackageLists) -> SourceList:
    return await lists.sources()


async def add_source(lists: PackageLists, body: AddSource) -> SourceState:
    return await lists.add_source(body)


async def remove_source(lists: PackageLists, source_id: str) -> None:
    await lists.remove_source(source_id)


_NAME = {"name": Param("The list's name.")}
_SOURCE = {"source_id": Param("The source's id.")}
_REVISION = {**_NAME, "number": Param("The revision's number.", max_length=9)}
_LONG = "The answer is 202, the job, and its place in `Location`."
_RACE = (
    " Without `If-Match` the list must not be there yet. Where somebody else was first, the answer is 412 and nothing "
    "was written; `detail` has both sides and what joining them gives, as a MergedList. If that happens while the "
    "job runs, the job fails with `lost_race` and the same detail."
)
_LARGE_BODY = 4 * 1024 * 1024
"""A list may have a million bytes, and is quoted once more in JSON; beyond that the service says what is allowed."""

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "package-lists",
        "list_package_lists",
        "The package lists of all sources, and how their environments stand to them.",
        "read",
        PackageLists,
        list_package_lists,
        ListStates,
        says="Told from what was read last; the sources themselves are asked every so often, and by `check`.",
    ),
    Route(
        "POST",
        "package-list-checks",
        "check_package_lists",
        "Ask all sources now; what is due by policy begins.",
        "write",
        PackageLists,
        check_package_lists,
        ListStates,
    ),
    Route(
        "GET",
        "package-lists/{name}",
        "get_package_list",
        "A list as its source holds it now.",
        "read",
        PackageLists,
        get_package_list,
        ListText,
        params=_NAME,
        raises=(NotFound, OutsideFailure, NotReachable),
        says="The `ETag` of the answer is what a change is made from.",
    ),
    Route(
        "PUT",
        "package-lists/{name}",
        "put_package_list",
        "Publish a text: it is checked, locked for its platforms, and written.",
        "execute",
        PackageLists,
        put_package_list,
        Job,
        status=202,
        body=PutList,
        conditional=True,
        max_body_bytes=_LARGE_BODY,
        params=_NAME,
        raises=(NotFound, LostRace, Forbidden, OutsideFailure, NotReachable),
        says=_LONG + _RACE,
    ),
    Route(
        "DELETE",
        "package-lists/{name}",
        "delete_package_list",
        "Remove a list from its source. Its history and the environments made from it stay.",
        "write",
        PackageLists,
        delete_package_list,
        None,
        status=204,
        query=RemoveList,
        conditional=True,
        params=_NAME,
        raises=(NotFound, LostRace, Forbidden, OutsideFailure, NotReachable),
        says="Without `If-Match` it is removed as it is.",
    ),
    Route(
        "GET",
        "package-lists/{name}/diff",
        "diff_package_list",
        "What a sync would add, remove and change.",
        "read",
        PackageLists,
        diff_package_list,
        ListDiff,
        params=_NAME,
        raises=(NotFound, Invalid, OutsideFailure, NotReachable),
        says="At once. With `to_solve` the list has no lock for this platform: a sync with `dry_run` solves it, as a "
        "job, after which this tells what would be done; a sync without `plan_hash` solves and syncs in its own job.",
    ),
    Route(
        "POST",
        "package-lists/{name}/sync",
        "sync_package_list",
        "Make the environment equal to the list.",
        "execute",
        PackageLists,
        sync_package_list,
        Job,
        status=202,
        dry_run=ListDiff,
        body=SyncList,
        params=_NAME,
        raises=(NotFound, Conflict, Forbidden, OutsideFailure, NotReachable),
        says="With `dry_run` the answer is 200 and what would be done; where that has to be solved first, 202 and a "
        "job `lists.solve`: ask again once it has succeeded. Otherwise 202, the job and its place. Where "
        "`plan_hash` or `etag` is not what it would be by now, the answer is 409 and the new ListDiff in `detail.diff`;"
        " if that shows only in the job, it fails with `conflict` and the new plan in its detail.",
    ),
    Route(
        "POST",
        "package-lists/{name}/publish",
        "publish_package_list",
        "Publish what an environment holds as a list.",
        "execute",
        PackageLists,
        publish_package_list,
        Job,
        status=202,
        body=PublishList,
        conditional=True,
        params=_NAME,
        raises=(NotFound, LostRace, Forbidden, OutsideFailure, NotReachable),
        says=_LONG + _RACE,
    ),
    Route(
        "POST",
        "package-lists/{name}/pull",
        "pull_package_list",
        "Read a list from its source now.",
        "write",
        PackageLists,
        pull_package_list,
        ListState,
        params=_NAME,
        raises=(NotFound, OutsideFailure, NotReachable),
    ),
    Route(
        "POST",
        "package-lists/{name}/merge",
        "merge_package_list",
        "Join a text with what somebody else published in the meantime. Nothing is written.",
        "write",
        PackageLists,
        merge_package_list,
        MergedList,
        body=MergeList,
        max_body_bytes=_LARGE_BODY,
        params=_NAME,
        raises=(NotFound, OutsideFailure, NotReachable),
    ),
    Route(
        "GET",
        "package-lists/{name}/history",
        "list_list_revisions",
        "Who published what, and why.",
        "read",
        PackageLists,
        list_revisions,
        ListHistory,
        query=HistoryQuery,
        params=_NAME,
        raises=(NotFound, OutsideFailure, NotReachable),
    ),
    Route(
        "GET",
        "package-lists/{name}/revisions/{number}",
        "get_list_revision",
        "An old revision of a list.",
        "read",
        PackageLists,
        get_revision,
        ListText,
        params=_REVISION,
        raises=(NotFound, OutsideFailure, NotReachable),
    ),
    Route(
        "POST",
        "package-lists/{name}/restore",
        "restore_package_list",
        "Bring an old revision back, as a new one.",
        "execute",
        PackageLists,
        restore_package_list,
        Job,
        status=202,
        body=RestoreList,
        conditional=True,
        params=_NAME,
        raises=(NotFound, LostRace, Forbidden, OutsideFailure, NotReachable),
        says=_LONG + " A removed list comes back this way too. Without `If-Match` it follows whatever is there.",
    ),
    Route(
        "POST",
        "package-lists/{name}/bundle",
        "bundle_package_list",
        "Put the files of a list's lock into its source, for machines that reach nothing else.",
        "execute",
        PackageLists,
        bundle_package_list,
        Job,
        status=202,
        body=BundleList,
        params=_NAME,
        raises=(NotFound, Conflict, Forbidden, OutsideFailure, NotReachable),
        says=_LONG + " With `prune` files go that no lock of the newest `revisions` of any list of the source names.",
    ),
    Route(
        "POST",
        "package-list-validations",
        "validate_package_list",
        "Say all that is wrong with a text, as it is typed. Nothing is solved or written.",
        "write",
        PackageLists,
        validate_package_list,
        CheckedText,
        body=ValidateList,
        max_body_bytes=_LARGE_BODY,
    ),
    Route(
        "GET",
        "package-list-sources",
        "list_list_sources",
        "Where lists are kept.",
        "read",
        PackageLists,
        list_sources,
        SourceList,
    ),
    Route(
        "POST",
        "package-list-sources",
        "add_list_source",
        "Add a source of your own.",
        "write",
        PackageLists,
        add_source,
        SourceState,
        status=201,
        body=AddSource,
        raises=(Conflict, Forbidden, OutsideFailure, NotReachable),
    ),
    Route(
        "DELETE",
        "package-list-sources/{source_id}",
        "remove_list_source",
        "Remove a source of your own. Its lists and your environments stay as they are.",
        "write",
        PackageLists,
        remove_source,
        None,
        status=204,
        params=_SOURCE,
        raises=(NotFound, Forbidden, Malformed),
    ),
)
