"""`jupyter lcc env`: conda environments, registered as kernels."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, get_args

from traitlets import Bool, Float, List, Unicode

from ..environments.model import (
    ChangeEnvironment,
    CreateEnvironment,
    Diagnosis,
    Environment,
    EnvironmentFile,
    EnvironmentList,
    Export,
    Fix,
    FixCode,
    InstalledPackages,
    PackageCache,
    Plan,
    RegisterKernel,
    Rename,
    RollBack,
    VersionDiff,
    VersionList,
)
from ..jobs.model import Job
from ..model import Request
from .client import Client
from .command import LccCommand
from .env_words import (
    say_cache,
    say_diagnosis,
    say_difference,
    say_list,
    say_packages,
    say_plan,
    say_trash,
    say_versions,
)
from .exits import EXIT_HELP, CliError, Exit
from .following import Following
from .given import number_of, part_of_path, text_of
from .table import clean

__all__ = ["Env"]

_MAX_FILE_BYTES = 10_000_000

_ALIASES: dict[str, Any] = {
    **LccCommand.aliases,
    "channel": "Env.channels",
    "pip": "Env.pip",
    "file": "Env.file",
    "clone": "Env.clone_of",
    "display-name": "Env.display_name",
    "format": "Env.format",
}
_FLAGS: dict[str, Any] = {
    **LccCommand.flags,
    "no-kernel": ({"Env": {"no_kernel": True}}, "create, clone: don't register it as a kernel."),
    "dry-run": ({"Env": {"dry_run": True}}, "Show what would be done, and do nothing."),
    "no-wait": ({"Env": {"no_wait": True}}, "Don't wait for the end; `jupyter lcc jobs` shows how far it is."),
    "all": ({"Env": {"everything": True}}, "update: everything; export: everything; purge: the whole trash."),
    "off": ({"Env": {"off": True}}, "kernel: take it away."),
    "clean": ({"Env": {"clean_cache": True}}, "cache: remove what no environment uses."),
}


class Env(Following):
    """Show, make and change environments."""

    name = "jupyter-lcc-env"
    description = (
        "Conda environments under the home directory. Without words: all of them. A change is there as a whole or not "
        "at all. With --json: the server's answer; for work that takes long, the job as it ended."
    )
    examples = (
        "jupyter lcc env                                            every environment\n"
        "jupyter lcc env create vision python=3.11 pytorch --channel conda-forge\n"
        "jupyter lcc env create vision --file environment.yml       or requirements.txt, a lock, an explicit list\n"
        "jupyter lcc env create vision2 --clone vision\n"
        "jupyter lcc env install vision scikit-image --pip my-package --dry-run\n"
        "jupyter lcc env remove vision scikit-image\n"
        "jupyter lcc env update vision --all\n"
        "jupyter lcc env packages vision\n"
        "jupyter lcc env versions vision\n"
        "jupyter lcc env diff vision 1 2\n"
        "jupyter lcc env rollback vision 1\n"
        "jupyter lcc env export vision --format explicit --file vision.txt\n"
        "jupyter lcc env kernel vision --display-name Vision       register it; --off takes it away\n"
        "jupyter lcc env doctor vision\n"
        "jupyter lcc env fix vision reinstall\n"
        "jupyter lcc env rename vision sight\n"
        "jupyter lcc env delete vision                              to the trash\n"
        "jupyter lcc env trash\n"
        "jupyter lcc env restore vision\n"
        "jupyter lcc env purge --all                                the trash, for good\n"
        "jupyter lcc env cache --clean\n\n" + EXIT_HELP
    )
    positionals: ClassVar[tuple[int, int]] = (0, 1000)

    timeout = Float(600.0, help="Seconds to wait for an answer; a preview of a large channel takes a while.").tag(
        config=True
    )
    channels = List(Unicode(), help="A channel's name or address; may be given several times.").tag(config=True)
    pip = List(Unicode(), help="A package of pip; may be given several times.").tag(config=True)
    file = Unicode("", help="create: a file that says what to install. export: where to write it.").tag(config=True)
    clone_of = Unicode("", help="create: the environment to clone.").tag(config=True)
    display_name = Unicode("", help="create, clone, kernel: how the kernel is called.").tag(config=True)
    format = Unicode("yaml", help="export: yaml, explicit or lock.").tag(config=True)
    no_kernel = Bool(False, help="Don't register it as a kernel.").tag(config=True)
    dry_run = Bool(False, help="Show what would be done, and do nothing.").tag(config=True)
    no_wait = Bool(False, help="Don't wait for the end.").tag(config=True)
    everything = Bool(False, help="update, export, purge: everything.").tag(config=True)
    off = Bool(False, help="kernel: take it away.").tag(config=True)
    clean_cache = Bool(False, help="cache: remove what no environment uses.").tag(config=True)

    aliases = _ALIASES
    flags = _FLAGS

    def run(self) -> Exit:
        verb, *words = self.extra_args or ["list"]
        method = _VERBS.get(verb)
        if method is None:
            raise CliError(Exit.USAGE, f"There is no `env {clean(verb)}`.", f"There are {', '.join(_VERBS)}.")
        fewest, most, usage = _WORDS[verb]
        if not fewest <= len(words) <= most:
            raise CliError(Exit.USAGE, f"Say `jupyter lcc env {usage}`.")
        result: Exit = getattr(self, method)(words)
        return result

    # -- looking -------------------------------------------------------------------------------------------------

    def show_all(self, words: Sequence[str]) -> Exit:
        """Every environment."""
        answer = self.client().get("environments", EnvironmentList)
        return self.answer(answer, say_list(answer.value, self.width()))

    def show_packages(self, words: Sequence[str]) -> Exit:
        """What is installed."""
        answer = self.client().get(_path(words[0], "packages"), InstalledPackages)
        return self.answer(answer, say_packages(answer.value, self.width()))

    def show_versions(self, words: Sequence[str]) -> Exit:
        """The kept versions."""
        answer = self.client().get(_path(words[0], "versions"), VersionList)
        return self.answer(answer, say_versions(answer.value, self.now(), self.width()))

    def show_difference(self, words: Sequence[str]) -> Exit:
        """What lies between two versions."""
        numbers = [str(number_of(word, "version")) for word in words[1:]]
        query = dict(zip(("from", "to"), numbers, strict=False))
        answer = self.client().get(_path(words[0], "versions/diff"), VersionDiff, query)
        return self.answer(answer, say_difference(answer.value, self.width()))

    def show_trash(self, words: Sequence[str]) -> Exit:
        """What was deleted."""
        answer = self.client().get("environments", EnvironmentList)
        return self.answer(answer, say_trash(answer.value, self.now(), self.width()))

    def export(self, words: Sequence[str]) -> Exit:
        """The environment as a file, on stdout."""
        if self.format not in ("yaml", "explicit", "lock"):
            raise CliError(Exit.USAGE, "An export's format is yaml, explicit or lock.")
        query = {"format": self.format} | ({"all": "true"} if self.everything else {})
        answer = self.client().get(_path(words[0], "export"), Export, query)
        if self.as_json:
            self.print_raw(answer)
        else:
            self._write(answer.value.text)
            for note in answer.value.notes:
                print(clean(note), file=sys.stderr)
        return Exit.OK

    def _write(self, text: str) -> None:
        if not self.file:
            sys.stdout.write(text)
            return
        try:
            Path(self.file).write_text(text, "utf-8")
        except OSError as error:
            raise CliError(Exit.PROBLEM, f"{self.file} can't be written: {error.strerror}.") from error

    def diagnose(self, words: Sequence[str]) -> Exit:
        """What is wrong with it; exit status 1 where something is."""
        answer = self.client().get(_path(words[0], "doctor"), Diagnosis)
        self.answer(answer, say_diagnosis(words[0], answer.value, self.width()))
        return Exit.PROBLEM if any(one.level != "info" for one in answer.value.findings) else Exit.OK

    # -- changing ------------------------------------------------------------------------------------------------

    def create(self, words: Sequence[str]) -> Exit:
        """Make one."""
        if not words and not self.file:
            raise CliError(Exit.USAGE, "Say `jupyter lcc env create NAME [SPEC …]`.")
        client = self.client()
        wish = CreateEnvironment(
            name=words[0] if words else None,
            packages=tuple(words[1:]),
            pip=tuple(self.pip),
            channels=tuple(self.channels) or None,
            clone_of=self.clone_of or None,
            file=_file(self.file) if self.file else None,
            register_kernel=not self.no_kernel,
            display_name=self.display_name or None,
            dry_run=self.dry_run,
        )
        return self._change("POST", "environments", wish, client)

    def clone(self, words: Sequence[str]) -> Exit:
        """Make one as a clone."""
        wish = CreateEnvironment(
            name=words[1],
            clone_of=words[0],
            register_kernel=not self.no_kernel,
            display_name=self.display_name or None,
            dry_run=self.dry_run,
        )
        return self._change("POST", "environments", wish)

    def install(self, words: Sequence[str]) -> Exit:
        """Install packages."""
        if len(words) < 2 and not self.pip:
            raise CliError(Exit.USAGE, f"Say `jupyter lcc env {_WORDS['install'][2]}`.")
        return self._packages(words[0], install=tuple(words[1:]), pip_install=tuple(self.pip))

    def remove(self, words: Sequence[str]) -> Exit:
        """Remove packages."""
        return self._packages(words[0], remove=tuple(words[1:]))

    def update(self, words: Sequence[str]) -> Exit:
        """Upgrade packages, or all of them."""
        if len(words) < 2 and not self.everything:
            raise CliError(Exit.USAGE, "Name the packages to update, or say --all.")
        return self._packages(words[0], upgrade=tuple(words[1:]), upgrade_all=self.everything)

    def roll_back(self, words: Sequence[str]) -> Exit:
        """Bring it back to a version."""
        wish = RollBack(version=number_of(words[1], "version"), dry_run=self.dry_run)
        return self._change("POST", _path(words[0], "rollback"), wish)

    def rename(self, words: Sequence[str]) -> Exit:
        """Give it another name."""
        return self._change("POST", _path(words[0], "rename"), Rename(name=words[1]))

    def delete(self, words: Sequence[str]) -> Exit:
        """Move it to the trash."""
        return self._change("DELETE", _path(words[0]), None)

    def restore(self, words: Sequence[str]) -> Exit:
        """Take it out of the trash."""
        return self._change("POST", _path(words[0], "restore"), None)

    def purge(self, words: Sequence[str]) -> Exit:
        """Delete what is in the trash for good."""
        if bool(words) == self.everything:
            raise CliError(Exit.USAGE, "Name what is in the trash, or say --all.")
        which = part_of_path(words[0], "environment") if words else "all"
        return self._change("DELETE", f"environment-trash/{which}", None)

    def kernel(self, words: Sequence[str]) -> Exit:
        """Register it as a kernel, or take the kernel away."""
        path = _path(words[0], "kernel")
        if not self.off:
            return self._change("PUT", path, RegisterKernel(display_name=self.display_name or None))
        answer = self.client().send("DELETE", path, Environment, None)
        return self.answer(answer, [f"{clean(words[0])} is no longer a kernel."])

    def fix(self, words: Sequence[str]) -> Exit:
        """Do what the doctor named."""
        fix = next((known for known in get_args(FixCode) if known == words[1]), None)
        if fix is None:
            known = ", ".join(get_args(FixCode))
            raise CliError(Exit.USAGE, f"There is no fix {clean(words[1])!r}.", f"There are {known}.")
        return self._change("POST", _path(words[0], "doctor"), Fix(fix=fix))

    def cache(self, words: Sequence[str]) -> Exit:
        """The package cache."""
        if self.clean_cache:
            return self._change("DELETE", "package-cache", None)
        answer = self.client().get("package-cache", PackageCache)
        return self.answer(answer, say_cache(answer.value))

    # -- odds ----------------------------------------------------------------------------------------------------

    def _packages(self, name: str, **wishes: Any) -> Exit:
        wish = ChangeEnvironment(channels=tuple(self.channels) or None, dry_run=self.dry_run, **wishes)
        return self._change("POST", _path(name, "changes"), wish)

    def _change(self, method: str, path: str, body: Request | None, client: Client | None = None) -> Exit:
        client = client or self.client()
        if getattr(body, "dry_run", False):
            plan = client.send(method, path, Plan, body)
            return self.answer(plan, say_plan(plan.value, self.width()))
        answer = client.send(method, path, Job, body)
        if self.no_wait:
            return self.answer(answer, [answer.value.id])
        return self.follow(client, answer.value)


_VERBS = {
    "list": "show_all",
    "create": "create",
    "clone": "clone",
    "install": "install",
    "remove": "remove",
    "update": "update",
    "packages": "show_packages",
    "versions": "show_versions",
    "diff": "show_difference",
    "rollback": "roll_back",
    "export": "export",
    "kernel": "kernel",
    "doctor": "diagnose",
    "fix": "fix",
    "rename": "rename",
    "delete": "delete",
    "trash": "show_trash",
    "restore": "restore",
    "purge": "purge",
    "cache": "cache",
}
_MANY = 1000
_WORDS: dict[str, tuple[int, int, str]] = {
    "list": (0, 0, "list"),
    "create": (0, _MANY, "create NAME [SPEC …]"),
    "clone": (2, 2, "clone NAME NEW-NAME"),
    "install": (1, _MANY, "install NAME SPEC …"),
    "remove": (2, _MANY, "remove NAME PACKAGE …"),
    "update": (1, _MANY, "update NAME PACKAGE …"),
    "packages": (1, 1, "packages NAME"),
    "versions": (1, 1, "versions NAME"),
    "diff": (2, 3, "diff NAME FROM [TO]"),
    "rollback": (2, 2, "rollback NAME VERSION"),
    "export": (1, 1, "export NAME"),
    "kernel": (1, 1, "kernel NAME"),
    "doctor": (1, 1, "doctor NAME"),
    "fix": (2, 2, "fix NAME FIX"),
    "rename": (2, 2, "rename NAME NEW-NAME"),
    "delete": (1, 1, "delete NAME"),
    "trash": (0, 0, "trash"),
    "restore": (1, 1, "restore NAME"),
    "purge": (0, 1, "purge NAME"),
    "cache": (0, 0, "cache"),
}


def _path(name: str, rest: str = "") -> str:
    return f"environments/{part_of_path(name, 'environment')}" + (f"/{rest}" if rest else "")


def _file(path: str) -> EnvironmentFile:
    return EnvironmentFile(name=Path(path).name[-255:], text=text_of(path, _MAX_FILE_BYTES))
