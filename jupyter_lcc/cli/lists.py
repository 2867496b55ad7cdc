"""`jupyter lcc lists`: package lists, and environments that equal them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import msgspec
from traitlets import Bool, Enum, Float, Integer, List, Unicode

from ..jobs.model import Job
from ..model import Request
from ..packages.model import (
    MAX_LIST,
    AddSource,
    BundleList,
    ListDiff,
    ListHistory,
    ListState,
    ListStates,
    ListText,
    PublishList,
    PutList,
    RestoreList,
    SourceList,
    SourceState,
    SyncList,
    SyncMode,
)
from .client import Answer, Client
from .command import LccCommand
from .exits import EXIT_HELP, CliError, Exit
from .following import Following
from .given import number_of, part_of_path, text_of
from .lists_words import say_diff, say_history, say_lists, say_published, say_sources
from .table import clean

__all__ = ["Lists"]

_ALIASES: dict[str, Any] = {
    **LccCommand.aliases,
    "source": "Lists.source",
    "message": "Lists.message",
    "file": "Lists.file",
    "etag": "Lists.etag",
    "keep": "Lists.keep",
    "mode": "Lists.mode",
    "platform": "Lists.platforms",
    "revision": "Lists.revision",
    "revisions": "Lists.revisions",
}
_FLAGS: dict[str, Any] = {
    **LccCommand.flags,
    "dry-run": ({"Lists": {"dry_run": True}}, "sync: show what would be done, and do nothing."),
    "no-wait": ({"Lists": {"no_wait": True}}, "Don't wait for the end; `jupyter lcc jobs` shows how far it is."),
    "exact": ({"Lists": {"exact": True}}, "publish: every package with its version, not only what was asked for."),
    "all": ({"Lists": {"everything": True}}, "sync: every list that is required or was synced here before."),
    "prune": ({"Lists": {"prune": True}}, "bundle: remove what no list needs any more."),
    "check": ({"Lists": {"check": True}}, "list: ask the sources now."),
}


class Lists(Following):
    """Show, publish and sync package lists."""

    name = "jupyter-lcc-lists"
    description = (
        "Package lists are environment.yml files with a lock beside them, kept in a folder, in S3 or in git. "
        "A synced environment has exactly the packages of its list. Without words: all lists, and how environments "
        "stand to them. With --json: the server's answer; for work that takes long, the job as it ended."
    )
    examples = (
        "jupyter lcc lists --check                                  ask the sources now\n"
        "jupyter lcc lists add-source /shared/lists                 or s3://bucket/prefix, git:/path/of/a/checkout\n"
        "jupyter lcc lists publish team my-env --message 'A start'  what the environment my-env holds\n"
        "jupyter lcc lists publish team --file environment.yml\n"
        "jupyter lcc lists show team > team.yml\n"
        "jupyter lcc lists diff team                                what a sync would do; exit status 1 if anything\n"
        "jupyter lcc lists sync team --keep my-tool\n"
        "jupyter lcc lists sync --all                               for scripts that run at start\n"
        "jupyter lcc lists history team\n"
        "jupyter lcc lists restore team 3\n"
        "jupyter lcc lists bundle team                              for machines without internet\n"
        "jupyter lcc lists bundle team --prune --revisions 5        what no list's newest five revisions need goes\n"
        "jupyter lcc lists remove-source /shared/lists\n\n" + EXIT_HELP
    )
    positionals: ClassVar[tuple[int, int]] = (0, 3)

    timeout = Float(600.0, help="Seconds to wait for an answer; to solve a list takes a while.").tag(config=True)
    source = Unicode("", help="publish: the id of the source, of several.").tag(config=True)
    message = Unicode("", help="publish, restore: why, for those who read the history.").tag(config=True)
    file = Unicode("", help="publish: an environment.yml instead of an environment.").tag(config=True)
    etag = Unicode("", help="publish: the state it was made from. Default: what is there now.").tag(config=True)
    keep = List(Unicode(), help="sync: a package that stays though the list has it not.").tag(config=True)
    mode = Enum(
        ("off", "notify", "apply"), "notify", help="add-source: what happens by itself: off, notify or apply."
    ).tag(config=True)
    platforms = List(Unicode(), help="bundle: a platform, e.g. linux-64; may be given several times.").tag(config=True)
    revision = Unicode("", help="show: the number of an old revision.").tag(config=True)
    revisions = Integer(
        0, min=0, max=100_000, help="bundle --prune: so many of each list's newest revisions stay whole; 0: all."
    ).tag(config=True)
    prune = Bool(False, help="bundle: remove what no list of the source needs any more.").tag(config=True)
    dry_run = Bool(False, help="Show what would be done, and do nothing.").tag(config=True)
    no_wait = Bool(False, help="Don't wait for the end.").tag(config=True)
    exact = Bool(False, help="publish: every package with its version.").tag(config=True)
    everything = Bool(False, help="sync: all that are required or were synced before.").tag(config=True)
    check = Bool(False, help="list: ask the sources now.").tag(config=True)

    aliases = _ALIASES
    flags = _FLAGS

    def run(self) -> Exit:
        verb, *words = self.extra_args or ["list"]
        method = _VERBS.get(verb)
        if method is None:
            raise CliError(Exit.USAGE, f"There is no `lists {clean(verb)}`.", f"There are {', '.join(_VERBS)}.")
        fewest, most, usage = _WORDS[verb]
        if not fewest <= len(words) <= most:
            raise CliError(Exit.USAGE, f"Say `jupyter lcc lists {usage}`.")
        result: Exit = getattr(self, method)(words)
        return result

    def say_end(self, job: Job) -> str:
        """Lists' own jobs have their own words."""
        return say_published(job) if job.kind.startswith("lists.") else super().say_end(job)

    # -- looking -------------------------------------------------------------------------------------------------

    def show_all(self, words: Sequence[str]) -> Exit:
        """Every list."""
        client = self.client()
        if self.check:
            answer = client.send("POST", "package-list-checks", ListStates, None)
        else:
            answer = client.get("package-lists", ListStates)
        return self.answer(answer, say_lists(answer.value, self.now(), self.width()))

    def show_one(self, words: Sequence[str]) -> Exit:
        """The list's text, on stdout."""
        rest = f"revisions/{number_of(self.revision, 'revision')}" if self.revision else ""
        answer = self.client().get(_path(words[0], rest), ListText)
        if self.as_json:
            self.print_raw(answer)
        else:
            sys.stdout.write(answer.value.text)
        return Exit.OK

    def show_diff(self, words: Sequence[str]) -> Exit:
        """What a sync would do; exit status 1 where there is something."""
        client, name = self.client(), words[0]
        answer = client.get(_path(name, "diff"), ListDiff)
        if answer.value.to_solve:
            answer = self._planned(client, name)
        diff = answer.value
        self.answer(answer, say_diff(diff, self.width()))
        return Exit.PROBLEM if diff.add or diff.remove or diff.change or diff.refused else Exit.OK

    def show_history(self, words: Sequence[str]) -> Exit:
        """Who published what."""
        answer = self.client().get(_path(words[0], "history"), ListHistory)
        return self.answer(answer, say_history(answer.value, self.now(), self.width()))

    def show_sources(self, words: Sequence[str]) -> Exit:
        """Where lists are kept."""
        answer = self.client().get("package-list-sources", SourceList)
        return self.answer(answer, say_sources(answer.value.sources, self.width()))

    # -- changing ------------------------------------------------------------------------------------------------

    def sync(self, words: Sequence[str]) -> Exit:
        """Make an environment equal to its list, or all of them."""
        if bool(words) == self.everything:
            raise CliError(Exit.USAGE, "Name a list, or say --all.")
        client = self.client()
        if words:
            return self._sync(client, words[0])
        told = client.send("POST", "package-list-checks", ListStates, None).value
        failed = 0
        for one in told.lists:
            if not (one.required or one.synced_revision):
                continue
            try:
                self._sync(client, one.name)
            except CliError as error:
                failed += 1
                print(f"{clean(one.name)}: {error.message}", file=sys.stderr)
        return Exit.PROBLEM if failed else Exit.OK

    def _sync(self, client: Client, name: str) -> Exit:
        if self.dry_run:
            answer = self._planned(client, name)
            return self.answer(answer, say_diff(answer.value, self.width()))
        wish = SyncList(keep=tuple(self.keep) if self.keep else None)
        return self._change(client, "POST", _path(name, "sync"), wish)

    def _planned(self, client: Client, name: str) -> Answer[ListDiff]:
        """Ask what a sync would do. Where it has to be solved first, that is a job, and it is asked again after it."""
        wish = SyncList(keep=tuple(self.keep) if self.keep else None, dry_run=True)
        answer = client.send("POST", _path(name, "sync"), dict[str, Any], wish)
        if "plan_hash" not in answer.value:
            job = self.ended(client, msgspec.convert(answer.value, Job)).value
            if job.state != "succeeded":
                raise self.failed(client, job)
            answer = client.send("POST", _path(name, "sync"), dict[str, Any], wish)
        return Answer(msgspec.convert(answer.value, ListDiff), answer.raw)

    def publish(self, words: Sequence[str]) -> Exit:
        """Publish a file, or what an environment holds."""
        if (len(words) == 2) == bool(self.file):
            raise CliError(Exit.USAGE, "Name the environment to publish, or a file with --file.")
        client, name = self.client(), words[0]
        source, message = self.source or None, self.message
        if self.file:
            wish: Request = PutList(text=text_of(self.file, MAX_LIST), message=message, source=source)
            return self._change(client, "PUT", _path(name), wish, self._etag(client, name))
        wish = PublishList(environment=words[1], source=source, message=message, exact=self.exact)
        return self._change(client, "POST", _path(name, "publish"), wish, self._etag(client, name))

    def _etag(self, client: Client, name: str) -> str | None:
        """Give what is replaced: what somebody says, else what is there now; None for a new list."""
        if self.etag:
            return self.etag
        try:
            return client.get(_path(name), ListText).value.etag
        except CliError as error:
            if error.exit_status != Exit.NOT_FOUND:
                raise
            return None

    def pull(self, words: Sequence[str]) -> Exit:
        """Read a list from its source now."""
        answer = self.client().send("POST", _path(words[0], "pull"), ListState, None)
        state = answer.value
        number = state.revision.number if state.revision is not None else "?"
        return self.answer(answer, [f"{clean(state.name)} is at revision {number}: {state.status.replace('_', ' ')}."])

    def restore(self, words: Sequence[str]) -> Exit:
        """Bring an old revision back."""
        wish = RestoreList(revision=number_of(words[1], "revision"), message=self.message)
        return self._change(self.client(), "POST", _path(words[0], "restore"), wish, self.etag or None)

    def remove(self, words: Sequence[str]) -> Exit:
        """Remove a list from its source."""
        self.client().delete(_path(words[0]), {"message": self.message} if self.message else None)
        if not self.as_json:
            self.say(f"{clean(words[0])} is removed. `jupyter lcc lists restore` brings an old revision back.")
        return Exit.OK

    def bundle(self, words: Sequence[str]) -> Exit:
        """Put a lock's files into the source."""
        if self.revisions and not self.prune:
            raise CliError(Exit.USAGE, "--revisions says what --prune leaves.")
        wish = BundleList(platforms=tuple(self.platforms) or None, prune=self.prune, revisions=self.revisions or None)
        return self._change(self.client(), "POST", _path(words[0], "bundle"), wish)

    def add_source(self, words: Sequence[str]) -> Exit:
        """Add a place that holds lists."""
        wish = AddSource(place=words[0], mode=cast(SyncMode, self.mode))
        answer = self.client().send("POST", "package-list-sources", SourceState, wish)
        return self.answer(answer, say_sources((answer.value,), self.width()))

    def remove_source(self, words: Sequence[str]) -> Exit:
        """Remove a place of your own."""
        client, wanted = self.client(), words[0].rstrip("/")
        told = client.get("package-list-sources", SourceList).value.sources
        found = next((one for one in told if wanted in (one.id, one.place)), None)
        if found is None:
            raise CliError(Exit.NOT_FOUND, f"There is no source {clean(wanted)!r}.", "`lists sources` shows them.")
        client.delete(f"package-list-sources/{found.id}")
        if not self.as_json:
            self.say(f"{clean(words[0])} is removed; its lists and your environments stay as they are.")
        return Exit.OK

    def _change(
        self, client: Client, method: str, path: str, body: Request | None, if_match: str | None = None
    ) -> Exit:
        answer = client.send(method, path, Job, body, if_match=if_match)
        if self.no_wait:
            return self.answer(answer, [answer.value.id])
        return self.follow(client, answer.value)


_VERBS = {
    "list": "show_all",
    "show": "show_one",
    "diff": "show_diff",
    "sync": "sync",
    "publish": "publish",
    "pull": "pull",
    "history": "show_history",
    "restore": "restore",
    "remove": "remove",
    "bundle": "bundle",
    "sources": "show_sources",
    "add-source": "add_source",
    "remove-source": "remove_source",
}
_WORDS: dict[str, tuple[int, int, str]] = {
    "list": (0, 0, "list"),
    "show": (1, 1, "show NAME"),
    "diff": (1, 1, "diff NAME"),
    "sync": (0, 1, "sync NAME"),
    "publish": (1, 2, "publish NAME ENVIRONMENT"),
    "pull": (1, 1, "pull NAME"),
    "history": (1, 1, "history NAME"),
    "restore": (2, 2, "restore NAME REVISION"),
    "remove": (1, 1, "remove NAME"),
    "bundle": (1, 1, "bundle NAME"),
    "sources": (0, 0, "sources"),
    "add-source": (1, 1, "add-source PLACE"),
    "remove-source": (1, 1, "remove-source PLACE"),
}


def _path(name: str, rest: str = "") -> str:
    return f"package-lists/{part_of_path(name, 'package list')}" + (f"/{rest}" if rest else "")
