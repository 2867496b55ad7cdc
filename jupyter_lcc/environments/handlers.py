"""The verbs of environments."""

from __future__ import annotations

from ..errors import Conflict, Forbidden, Invalid, NotFound, OutsideFailure
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
    NameQuery,
    Names,
    PackageCache,
    PackageList,
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


async def list_packages(environments: Environments, name: str) -> PackageList:
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
_PLAN = (
    "With `dry_run` the answer is 200 and the plan; nothing happens. Otherwise 202, the job, and its place in `Location`."
)

ROUTES: tuple[Route, ...] = ()
