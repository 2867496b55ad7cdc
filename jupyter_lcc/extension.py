"""The one place where parts are made and joined, started with the server and stopped with it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast

import msgspec
from jupyter_core.paths import jupyter_data_dir, jupyter_path
from jupyter_server.extension.application import ExtensionApp
from traitlets import TraitError
from traitlets.config import Configurable

from ._version import __version__
from .clock import SystemClock
from .config import LccEnvironments, LccIdle, LccPackageLists
from .environments import handlers as environment_handlers
from .environments.bounds import NOTHING_ALLOWED
from .environments.reading import Reading
from .environments.running import ServerKernels
from .environments.service import Environments
from .environments.sizes import Sizes
from .environments.worker import EngineWorker, why_no_engine
from .idle import handlers as idle_handlers
from .idle.conflicts import conflicts_of
from .idle.cost import CostBook
from .idle.decision_log import DecisionLog
from .idle.detached import Detached
from .idle.document.places import find_source, reader_for
from .idle.document.source import DocumentService
from .idle.document.subject import subject_of
from .idle.elsewhere import Elsewhere
from .idle.kernel_questions import observing_input
from .idle.kernels import Kernels
from .idle.leases import INSTANCE
from .idle.long_work import long_work
from .idle.metrics import Metrics, serve_metrics
from .idle.model import Problem
from .idle.monitor import Monitor
from .idle.native_idle import Address, NativeIdleFile
from .idle.parachute.manifests import KernelManifests
from .idle.parachute.notebooks import Notebooks
from .idle.parachute.outputs import KernelOutputs
from .idle.parachute.pre_stop import PreStopCommand
from .idle.parachute.service import Parachute
from .idle.parachute.shared_documents import SharedDocuments
from .idle.parachute.shelf import Shelf
from .idle.parachute.spool import Spool
from .idle.policy import PolicyInput
from .idle.pollers import Pollers, listening_in
from .idle.prices import find_price
from .idle.processes import TableReader, process_started
from .idle.proof import Proof
from .idle.service import IdleService
from .idle.sources import TargetSource
from .idle.state import StateFiles, state_folder
from .idle.terminals import Terminals
from .idle.traffic import SocketReader
from .idle.work import window_for
from .jobs import handlers as job_handlers
from .jobs.files import JobFiles
from .jobs.processes import Child, end_all
from .jobs.service import Jobs
from .packages import handlers as list_handlers
from .packages.join import NO_LISTS, join_lists, who_publishes
from .packages.service import PackageLists
from .pauses import spare_the_start
from .platforms.detect import Machine, choose, is_studio_app, look
from .platforms.instance_type import wait_for_instance_type
from .platforms.life import machine_life
from .platforms.model import Platform
from .platforms.stoppers import StopMachine, stopper_for
from .web import about
from .web.about import Desk
from .web.events import Events
from .web.handler import handlers_for
from .web.model import API_VERSION, About, Feature

__all__ = ["ROUTES", "LccExtension"]

ROUTES = (
    *about.ROUTES,
    *idle_handlers.ROUTES,
    *environment_handlers.ROUTES,
    *list_handlers.ROUTES,
    *job_handlers.ROUTES,
)
"""The whole table; handlers, openapi.json and the TypeScript types follow from it."""


KERNEL_ACTIONS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"


COLLABORATION = "https://schema.jupyter.org/jupyter_collaboration/session/v1"
"""What jupyter_server_ydoc tells of a document that several people share; it saves what they change."""


class LccExtension(ExtensionApp):
    """jupyter_lcc: look after the life of a notebook machine."""

    name = "jupyter_lcc"
    extension_url = "/lab"
    load_other_extensions = True
    _starting: asyncio.Future[None] | None = None
    classes: list[type[Configurable]] = [LccIdle, LccEnvironments, LccPackageLists]  # noqa: RUF012 -- Jupyter's own way to say it

    def initialize_settings(self) -> None:
        """Make the parts. Nothing here waits, and nothing slow is imported."""
        assert self.serverapp is not None
        server = self.serverapp
        machine = look(Path.home(), os.environ)
        config, given, problems = self._configured()
        stopper = stopper_for(
            machine,
            stop_machine=cast(StopMachine, config.stop_machine),
            stop_command=config.stop_command,
            end_server=server.stop,
            log=self.log,
        )
        platform = msgspec.structs.replace(choose(machine), can_stop_instance=stopper.way.available)
        clock = SystemClock()
        events = Events(server.event_logger, self.log)
        events.register()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="jupyter_lcc")
        folder = state_folder(config.state_dir, Path(jupyter_data_dir()), platform)
        self._files = StateFiles(folder, self.log)
        decisions = DecisionLog(lambda: self._files.decisions, self._executor, self.log)
        document = self._document(machine, platform, config, given, folder, clock)
        sockets = SocketReader()
        sources, parachute = self._sources(clock, events, folder, sockets)
        jobs = self._jobs = self._make_jobs(clock, events, folder)
        environments, feature = self._make_environments(platform, clock, events)
        self._lists, lists_feature = self._make_lists(machine, clock, events, folder)
        elsewhere, pollers, metrics = Elsewhere(clock, sockets=sockets), Pollers(), Metrics()
        native = NativeIdleFile(partial(_own_address, server))
        price = find_price(platform.instance_type, config.usd_per_hour)
        costs = CostBook(lambda: folder / "cost.json", price, machine_life(), clock, self.log)
        self._idle = IdleService(
            clock=clock,
            sources=sources,
            given=given,
            files=self._files,
            decisions=decisions,
            emit=partial(_emit, events, elsewhere),
            read_table=TableReader(),
            process_started=process_started,
            log=self.log,
            stopper=stopper,
            native=native,
            problems=problems if document is None or not document.source.stands_alone else (),
            document=document,
            pre_stop=PreStopCommand(config.pre_stop_command, config.pre_stop_timeout_seconds, self.log),
            parachute=parachute,
            others=elsewhere,
            chatter=pollers.seen,
            metrics=metrics,
            costs=costs,
            long_work=partial(long_work, jobs.live),
        )
        jobs.on_change = partial(self._idle.notice_change, INSTANCE)
        elsewhere.on_activity = partial(self._idle.notice_change, INSTANCE)
        # The copy of the settings that ExtensionApp writes back after this.
        told_of = self.settings.get("log_function")
        self.settings["log_function"] = listening_in(told_of, pollers, server.base_url, elsewhere.note_save)
        self._elsewhere, self._events = elsewhere, events
        serve_metrics(metrics)
        self._monitor = Monitor(self._idle, self.log)
        told = About(
            version=__version__,
            api_version=API_VERSION,
            platform=platform,
            features={
                "idle": Feature(available=True),
                "jobs": Feature(available=True),
                "environments": feature,
                "package_lists": lists_feature if feature.available else feature,
            },
        )
        conflicts = partial(
            conflicts_of, server, partial(server.web_app.settings.get, "terminal_manager"), lambda: native.works
        )
        desk = Desk(told, ROUTES, __version__, conflicts)
        self._parts: dict[type, object] = {
            IdleService: self._idle,
            Jobs: jobs,
            Environments: environments,
            PackageLists: self._lists,
            Desk: desk,
        }
        self._learning: asyncio.Task[None] | None = None
        self._learn: Callable[[], Coroutine[Any, Any, None]] | None = None
        if platform.instance_type is None:
            self._learn = partial(self._learn_instance_type, machine, costs, document, desk)
        server.io_loop.add_callback(self._start)

    def initialize_handlers(self) -> None:
        """Turn the table of routes into handlers."""
        self.handlers.extend(handlers_for(ROUTES, self._parts))

    def _configured(self) -> tuple[LccIdle, PolicyInput, tuple[Problem, ...]]:
        """Read the traits. With a value that can't be, nothing is shut down at all, and everybody is told why."""
        try:
            config = LccIdle(parent=self)
        except (TraitError, ValueError) as error:  # a ValueError where an option is given twice
            self.log.error("jupyter_lcc: idle shutdown is off, its configuration can't be read: %s", error)
            config, told = LccIdle(), Problem(code="config_invalid", message=f"Idle shutdown is off: {error}")
            return config, PolicyInput(mode="off", mode_source="config"), (told,)
        return config, config.policy_input(), ()

    def _document(
        self,
        machine: Machine,
        platform: Platform,
        config: LccIdle,
        given: PolicyInput,
        folder: Path,
        clock: SystemClock,
    ) -> DocumentService | None:
        """Join the policy document, if somebody says where it is."""
        source = find_source(os.environ, config.policy_source)
        if source.found_by == "none":
            return None
        if config.policy_source and source.stands_alone:
            self.log.warning("jupyter_lcc: LccIdle.policy_source is not used; the policy is at %s", source.place)
        names = machine.metadata
        studio = (names.UserProfileName, names.SpaceName) if names and is_studio_app(machine) else ()
        return DocumentService(
            source=source,
            reader=reader_for(source.place, platform.region),
            subject=subject_of(os.environ, studio, platform.instance_type),
            below=PolicyInput(mode="enforce", mode_source="default") if source.stands_alone else given,
            copies=lambda: folder,
            reload_seconds=config.policy_reload_seconds,
            clock=clock,
            log=self.log,
        )

    def _start(self) -> None:
        """Begin, on the running loop: only now the server knows its port."""
        self._files.name_server(_server_key(self.serverapp))
        # Only now every extension has told of its events.
        self._events.listen_if_known(COLLABORATION, self._note_shared_save)
        self._monitor.start()
        if self._learn is not None:
            self._learning = asyncio.get_running_loop().create_task(self._learn())
        spare_the_start()
        self._starting = asyncio.ensure_future(self._start_work())

    async def _learn_instance_type(
        self, machine: Machine, costs: CostBook, document: DocumentService | None, desk: Desk
    ) -> None:
        """Ask which machine this is, and tell who wants to know."""
        instance_type = await wait_for_instance_type(machine, self.log)
        if instance_type is not None:
            desk.know_instance_type(instance_type)
            if document is not None:
                document.know_instance_type(instance_type)
            await costs.know_price(find_price(instance_type, None))

    async def _start_work(self) -> None:
        """Jobs first: they end what an earlier server's left running, before anybody tidies up after it."""
        try:
            await self._jobs.start()
            await self._environments.start()
            await self._lists.start()
        except Exception:
            self.log.exception("jupyter_lcc: long work and environments have not started as they should")

    async def _note_shared_save(self, data: dict[str, Any]) -> None:
        if data.get("action") == "save":
            self._elsewhere.note_save()

    def current_activity(self) -> dict[str, Any] | None:
        """Keep `shutdown_no_activity_timeout` from ending a server that somebody keeps."""
        jobs = [job.id for job in self._jobs.live()]
        if not jobs and not self._idle.is_held():
            return None
        return {"leases": [lease.id for lease in self._idle.leases()], "jobs": jobs}

    async def stop_extension(self) -> None:
        """Save, and let go of kernels, terminals and threads."""
        if self._learning is not None:
            self._learning.cancel()
        if self._starting is not None:
            await self._starting
        for part in (self._lists, self._jobs, self._environments, self._engine):
            try:
                await part.stop()
            except Exception:
                self.log.exception("jupyter_lcc: a part has not ended as it should")
        await self._monitor.stop()
        self._executor.shutdown(wait=False)

    def _make_jobs(self, clock: SystemClock, events: Events, folder: Path) -> Jobs:
        return Jobs(
            files=JobFiles(lambda: folder, self.log),
            clock=clock,
            emit=events.emit_job,
            start_child=Child.start,
            end_all=end_all,
            log=self.log,
        )

    def _make_environments(
        self, platform: Platform, clock: SystemClock, events: Events
    ) -> tuple[Environments, Feature]:
        """Join environments. With a bound that can't be read nothing may be made or changed, and the panel says so."""
        server = self.serverapp
        assert server is not None
        why_not = why_no_engine()
        try:
            settings = LccEnvironments(parent=self).settings()
        except (TraitError, ValueError) as error:
            self.log.error("jupyter_lcc: environments can't be changed, their configuration can't be read: %s", error)
            settings, why_not = NOTHING_ALLOWED, "config_invalid"
        reading = self._reading = Reading(
            home=Path.home(),
            environ=os.environ,
            platform=platform,
            data_dir=Path(jupyter_data_dir()),
            kernel_folders=getattr(server.kernel_spec_manager, "kernel_dirs", None) or jupyter_path("kernels"),
            server_root=Path(server.root_dir),
            settings=settings,
        )
        measured = partial(events.emit_environments, {"kind": "measured"})
        self._engine = EngineWorker(os.environ)
        self._environments = Environments(
            reading=reading,
            sizes=Sizes(Path(reading.places.state) / "sizes.json", clock, self.log, measured),
            settings=settings,
            jobs=self._jobs,
            engine=self._engine,
            kernels=ServerKernels(
                server.kernel_manager, server.session_manager, remote=server.gateway_config.gateway_enabled
            ),
            clock=clock,
            emit=events.emit_environments,
            log=self.log,
        )
        return self._environments, Feature(available=why_not is None, why_not=why_not)

    def _make_lists(
        self, machine: Machine, clock: SystemClock, events: Events, folder: Path
    ) -> tuple[PackageLists, Feature]:
        """Join package lists. With a bound that can't be read there are none, and the panel says so."""
        why_not = None
        try:
            config = LccPackageLists(parent=self)
            settings, bounds = config.settings(), config.list_bounds()
        except (TraitError, ValueError) as error:
            self.log.error("jupyter_lcc: there are no package lists, their configuration can't be read: %s", error)
            (settings, bounds), why_not = NO_LISTS, "config_invalid"
        names = machine.metadata
        lists = join_lists(
            settings=settings,
            bounds=bounds,
            folder=folder,
            platform=self._reading.subdir,
            environments=self._environments,
            jobs=self._jobs,
            author=who_publishes(os.environ, names.UserProfileName if names is not None else None),
            clock=clock,
            emit=events.emit_package_lists,
            log=self.log,
        )
        return lists, Feature(available=why_not is None, why_not=why_not)

    def _sources(
        self, clock: SystemClock, events: Events, folder: Path, sockets: SocketReader
    ) -> tuple[list[TargetSource], Parachute]:
        """Make what sees and ends targets, and what saves before."""
        server = self.serverapp
        assert server is not None
        remote = server.gateway_config.gateway_enabled
        # ExtensionApp holds a copy of the server's settings and writes it back after this, so that is the one.
        settings = server.web_app.settings
        connection = self.settings.get("kernel_websocket_connection_class")
        outputs = None
        if connection is not None and not remote:
            notebooks = Notebooks(
                server.contents_manager, SharedDocuments(server).is_shared, folder / "outputs", self.log
            )
            outputs = KernelOutputs(
                notebooks,
                server.session_manager,
                buffers=getattr(server.kernel_manager, "buffer_offline_messages", True),
                log=self.log,
                spool=Spool(lambda: self._files.decisions.path.parent / "unseen"),
            )
        proof = Proof(clock, window=self._window, sockets=sockets)
        kernels = Kernels(
            server.kernel_manager,
            server.session_manager,
            server.kernel_spec_manager,
            clock,
            remote=remote,
            log=self.log,
            hear=outputs.hear if outputs is not None else None,
            proof=proof,
        )
        events.listen(KERNEL_ACTIONS, kernels.on_kernel_action)
        if connection is not None:
            self.settings["kernel_websocket_connection_class"] = observing_input(connection, kernels, outputs)
        manifests = KernelManifests(
            server.kernel_manager, server.kernel_spec_manager, kernels.talk_of, remote=remote, log=self.log
        )
        shelf = Shelf(lambda: folder / "stopped", server.root_dir)
        parachute = Parachute(shelf, self.log, manifests=manifests, outputs=outputs)
        terminals = Terminals(partial(settings.get, "terminal_manager"), clock, proof)
        return [kernels, terminals, Detached(clock, proof, server_port=lambda: server.port)], parachute

    def _window(self) -> float:
        """Choose over how long work is measured."""
        policy = self._idle.policy()
        limits = (policy.kernel_timeout_seconds.value, policy.terminal_timeout_seconds.value)
        return window_for(min((limit for limit in limits if limit), default=0))


def _emit(events: Events, elsewhere: Elsewhere, data: dict[str, Any]) -> None:
    elsewhere.note_asked(str(data.get("kind")))
    events.emit_idle(data)


def _server_key(server: Any) -> str:
    """Name this server among others of the same user, the same after a restart: by where it listens."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", str(server.sock or f"port-{server.port}"))[-100:]


def _own_address(server: Any) -> Address | None:
    """Give where this server can be asked over loopback, None while it can't."""
    if server.sock or not server.port:
        return None
    ip = server.ip if server.ip not in ("", "*", "0.0.0.0", "::", "localhost") else "127.0.0.1"
    token = getattr(server.identity_provider, "token", "") or ""
    return Address(host=ip, port=server.port, tls=bool(server.certfile), base_url=server.base_url, token=token)
