"""The verbs of environments."""

from __future__ import annotations

from ..errors import Conflict, Forbidden, NotFound, OutsideFailure
from ..jobs.model import Job
from ..web.routes import Param, Route
from .model import (
    ChangeEnvironment,
    CreateEnvironment,
    Diagnosis,
    Environment,
    EnvironmentList,
    Export,
    ExportQuery,
    Fix,
    InstalledPackages,
    NameQuery,
    Names,
    PackageCache,
    Plan,
    RegisterKernel,
    Rename,
    RollBack,
    VersionDiff,
    VersionDiffQuery,
    VersionList,
)
from .service import Environments

__all__ = ["ROUTES"]


async def list_environments(environments: Environments) -> EnvironmentList:
    return await environments.all()


async def create_environment(environments: Environments, body: CreateEnvironment) -> Plan | Job:
    return await environments.create(body)


async def get_environment(environments: Environments, name: str) -> Environment:
    return await environments.get(name)


async def delete_environment(environments: Environments, name: str) -> Job:
    return await environments.delete(name)


async def restore_environment(environments: Environments, name: str) -> Job:
    return await environments.restore(name)


async def rename_environment(environments: Environments, name: str, body: Rename) -> Job:
    return await environments.rename(name, body)


async def purge_environment(environments: Environments, trash_id: str) -> Job:
    return await environments.purge(trash_id)


async def list_packages(environments: Environments, name: str) -> InstalledPackages:
    return await environments.packages(name)


async def change_environment(environments: Environments, name: str, body: ChangeEnvironment) -> Plan | Job:
    return await environments.change(name, body)


async def register_kernel(environments: Environments, name: str, body: RegisterKernel) -> Job:
    return await environments.register_kernel(name, body)


async def unregister_kernel(environments: Environments, name: str) -> Environment:
    return await environments.unregister_kernel(name)


async def list_versions(environments: Environments, name: str) -> VersionList:
    return await environments.versions(name)


async def diff_versions(environments: Environments, name: str, query: VersionDiffQuery) -> VersionDiff:
    return await environments.diff(name, query)


async def roll_back(environments: Environments, name: str, body: RollBack) -> Plan | Job:
    return await environments.roll_back(name, body)


async def export_environment(environments: Environments, name: str, query: ExportQuery) -> Export:
    return await environments.export(name, query)


async def diagnose_environment(environments: Environments, name: str) -> Diagnosis:
    return await environments.diagnose(name)


async def fix_environment(environments: Environments, name: str, body: Fix) -> Job:
    return await environments.fix(name, body)


async def find_names(environments: Environments, query: NameQuery) -> Names:
    return await environments.names(query)


async def get_package_cache(environments: Environments) -> PackageCache:
    return await environments.package_cache()


async def clean_package_cache(environments: Environments) -> Job:
    return await environments.clean_package_cache()


_NAME = {"name": Param("The environment's name, percent-encoded.")}
_TRASH = {"trash_id": Param("The id of a deleted environment.")}
_LONG = "The answer is 202, the job, and its place in `Location`."
_PLAN = "With `dry_run` the answer is 200 and the plan; nothing happens. Otherwise 202, the job and its place."
_LARGE_BODY = 12 * 1024 * 1024
"""A lock file of a large project has some megabytes, and is quoted once more in JSON; so may a thousand specs."""

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "environments",
        "list_environments",
        "The environments of this user, whoever made them, and what was deleted.",
        "read",
        Environments,
        list_environments,
        EnvironmentList,
        raises=(OutsideFailure,),
    ),
    Route(
        "POST",
        "environments",
        "create_environment",
        "Make an environment: from packages, from a file, or as a clone.",
        "execute",
        Environments,
        create_environment,
        Job,
        status=202,
        dry_run=Plan,
        body=CreateEnvironment,
        max_body_bytes=_LARGE_BODY,
        raises=(NotFound, Conflict, Forbidden, OutsideFailure),
        says=_PLAN + " A package or channel that isn't allowed is refused with 422 either way.",
    ),
    Route(
        "GET",
        "environments/{name}",
        "get_environment",
        "One environment.",
        "read",
        Environments,
        get_environment,
        Environment,
        params=_NAME,
        raises=(NotFound,),
    ),
    Route(
        "DELETE",
        "environments/{name}",
        "delete_environment",
        "Delete an environment: it goes to the trash, its kernel is unregistered.",
        "execute",
        Environments,
        delete_environment,
        Job,
        status=202,
        params=_NAME,
        raises=(NotFound, Conflict, Forbidden),
        says=_LONG + " The job's result has the `trash_id` with which it can be restored.",
    ),
    Route(
        "POST",
        "environments/{name}/restore",
        "restore_environment",
        "Take an environment out of the trash.",
        "execute",
        Environments,
        restore_environment,
        Job,
        status=202,
        params=_NAME,
        raises=(NotFound, Conflict),
        says=_LONG + " `name` may also be the id of a deleted one; of several with one name the last deleted is meant.",
    ),
    Route(
        "POST",
        "environments/{name}/rename",
        "rename_environment",
        "Give an environment another name.",
        "execute",
        Environments,
        rename_environment,
        Job,
        status=202,
        body=Rename,
        params=_NAME,
        raises=(NotFound, Conflict, Forbidden),
        says=_LONG,
    ),
    Route(
        "GET",
        "environments/{name}/packages",
        "list_packages",
        "What is installed.",
        "read",
        Environments,
        list_packages,
        InstalledPackages,
        params=_NAME,
        raises=(NotFound,),
    ),
    Route(
        "POST",
        "environments/{name}/changes",
        "change_environment",
        "Install, upgrade and remove packages.",
        "execute",
        Environments,
        change_environment,
        Job,
        status=202,
        dry_run=Plan,
        body=ChangeEnvironment,
        max_body_bytes=_LARGE_BODY,
        params=_NAME,
        raises=(NotFound, Conflict, Forbidden, OutsideFailure),
        says=_PLAN,
    ),
    Route(
        "PUT",
        "environments/{name}/kernel",
        "register_kernel",
        "Register an environment as a kernel, or give its kernel another name.",
        "execute",
        Environments,
        register_kernel,
        Job,
        status=202,
        body=RegisterKernel,
        params=_NAME,
        raises=(NotFound, Conflict, Forbidden),
        says=_LONG + " ipykernel is installed where it is missing.",
    ),
    Route(
        "DELETE",
        "environments/{name}/kernel",
        "unregister_kernel",
        "Take the kernelspec we made away again.",
        "execute",
        Environments,
        unregister_kernel,
        Environment,
        params=_NAME,
        raises=(NotFound, Forbidden),
        says="Kernelspecs of others are never touched.",
    ),
    Route(
        "GET",
        "environments/{name}/versions",
        "list_versions",
        "The states the environment was in.",
        "read",
        Environments,
        list_versions,
        VersionList,
        params=_NAME,
        raises=(NotFound,),
    ),
    Route(
        "GET",
        "environments/{name}/versions/diff",
        "diff_versions",
        "What lies between two versions.",
        "read",
        Environments,
        diff_versions,
        VersionDiff,
        params=_NAME,
        query=VersionDiffQuery,
        raises=(NotFound,),
    ),
    Route(
        "POST",
        "environments/{name}/rollback",
        "roll_back",
        "Bring an environment back to one of its versions.",
        "execute",
        Environments,
        roll_back,
        Job,
        status=202,
        dry_run=Plan,
        body=RollBack,
        params=_NAME,
        raises=(NotFound, Conflict, Forbidden, OutsideFailure),
        says=_PLAN,
    ),
    Route(
        "GET",
        "environments/{name}/export",
        "export_environment",
        "The environment as a file.",
        "read",
        Environments,
        export_environment,
        Export,
        params=_NAME,
        query=ExportQuery,
        raises=(NotFound, OutsideFailure),
    ),
    Route(
        "GET",
        "environments/{name}/doctor",
        "diagnose_environment",
        "What is wrong with an environment, and what can be done.",
        "read",
        Environments,
        diagnose_environment,
        Diagnosis,
        params=_NAME,
        raises=(NotFound,),
    ),
    Route(
        "POST",
        "environments/{name}/doctor",
        "fix_environment",
        "Do what a finding of the doctor named as its fix.",
        "execute",
        Environments,
        fix_environment,
        Job,
        status=202,
        body=Fix,
        params=_NAME,
        raises=(NotFound, Conflict, Forbidden),
        says=_LONG,
    ),
    Route(
        "DELETE",
        "environment-trash/{trash_id}",
        "purge_environment",
        "Delete an environment in the trash for good.",
        "execute",
        Environments,
        purge_environment,
        Job,
        status=202,
        params=_TRASH,
        raises=(NotFound, Conflict),
        says=_LONG + " `all` empties the trash.",
    ),
    Route(
        "GET",
        "package-names",
        "find_package_names",
        "Names of packages in the channels, for completion.",
        "read",
        Environments,
        find_names,
        Names,
        query=NameQuery,
    ),
    Route(
        "GET",
        "package-cache",
        "get_package_cache",
        "The downloaded packages and how much room they take.",
        "read",
        Environments,
        get_package_cache,
        PackageCache,
    ),
    Route(
        "DELETE",
        "package-cache",
        "clean_package_cache",
        "Remove downloaded packages that no environment uses.",
        "execute",
        Environments,
        clean_package_cache,
        Job,
        status=202,
        raises=(Conflict,),
        says=_LONG,
    ),
)
