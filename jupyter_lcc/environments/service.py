"""Environments: what there is, and every change of it as a job. Joins the read side, the engine and the jobs."""

from __future__ import annotations

from ..jobs.model import Job
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

__all__ = ["Environments"]


class Environments:
    """All that can be asked of environments."""

    async def all(self) -> EnvironmentList:
        """List the environments of this user, whoever made them."""
        raise NotImplementedError

    async def get(self, name: str) -> Environment:
        """Give one environment. Raises NotFound."""
        raise NotImplementedError

    async def create(self, wish: CreateEnvironment) -> Plan | Job:
        """Make one. Raises Invalid for what can't be or isn't allowed, Conflict where the name is taken."""
        raise NotImplementedError

    async def change(self, name: str, wish: ChangeEnvironment) -> Plan | Job:
        """Install, upgrade, remove."""
        raise NotImplementedError

    async def delete(self, name: str) -> Job:
        """Move it to the trash."""
        raise NotImplementedError

    async def restore(self, name: str) -> Job:
        """Take it out of the trash."""
        raise NotImplementedError

    async def rename(self, name: str, wish: Rename) -> Job:
        """Give it another name."""
        raise NotImplementedError

    async def purge(self, trash_id: str) -> Job:
        """Delete what is in the trash for good."""
        raise NotImplementedError

    async def packages(self, name: str) -> PackageList:
        """List what is installed."""
        raise NotImplementedError

    async def register_kernel(self, name: str, wish: RegisterKernel) -> Job:
        """Register it as a kernel."""
        raise NotImplementedError

    async def unregister_kernel(self, name: str) -> Environment:
        """Take the kernelspec we made away."""
        raise NotImplementedError

    async def versions(self, name: str) -> VersionList:
        """List the states it was in."""
        raise NotImplementedError

    async def diff(self, name: str, query: VersionDiffQuery) -> VersionDiff:
        """Tell two versions apart."""
        raise NotImplementedError

    async def roll_back(self, name: str, wish: RollBack) -> Plan | Job:
        """Bring it back to a version."""
        raise NotImplementedError

    async def export(self, name: str, query: ExportQuery) -> Export:
        """Write it down as a file."""
        raise NotImplementedError

    async def diagnose(self, name: str) -> Diagnosis:
        """Say what is wrong with it."""
        raise NotImplementedError

    async def fix(self, name: str, wish: Fix) -> Job:
        """Do what a finding named."""
        raise NotImplementedError

    async def names(self, query: NameQuery) -> Names:
        """Complete a package's name."""
        raise NotImplementedError

    async def package_cache(self) -> PackageCache:
        """Tell what the package cache takes."""
        raise NotImplementedError

    async def clean_package_cache(self) -> Job:
        """Remove what no environment uses."""
        raise NotImplementedError
