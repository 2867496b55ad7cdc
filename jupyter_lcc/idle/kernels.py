"""Kernels, seen through Jupyter's public models and their own messages, and shut down the ordinary way.

A kernel of this machine is listened to on its IOPub channel, and what its processes use is measured: one that runs
no cell works all the same if they do. A remote one (a gateway's) is known by its model's state and activity alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_core.utils import ensure_async

from ..clock import Clock, StampReader, parse_utc, to_wall
from ..model import sendable
from .kernel_ear import KernelEar
from .kernel_messages import KernelTalk
from .lineage import Root
from .model import Evidence, Kind, Meaning, Session, Sighting, State
from .process_table import ProcessTable
from .proof import Proof, Use

__all__ = ["Kernels"]

_PREFIX = "kernel:"
_SETTLED: Mapping[str, State] = {"busy": "working", "idle": "idle", "dead": "dead"}
_MEANS: Mapping[State, Meaning] = {"working": "work", "waiting": "waiting", "unknown": "unknown"}
_QUIET = frozenset(("idle", "waiting"))
"""States in which the kernel itself does nothing, and what its processes use is somebody's work."""

_STARTING = frozenset(("starting", "restarting", "autorestarting"))


class Kernels:
    """Every kernel of the server, with or without a session. A change is told when one begins or ends work."""

    kind: Kind = "kernel"

    def __init__(
        self,
        kernel_manager: Any,
        session_manager: Any,
        kernel_spec_manager: Any,
        clock: Clock,
        *,
        remote: bool,
        log: Any,
        hear: Callable[[str, Sequence[bytes]], None] | None = None,
        proof: Proof | None = None,
    ) -> None:
        self._manager = kernel_manager
        self._sessions_of = session_manager
        self._specs = kernel_spec_manager
        self._clock = clock
        self._remote = remote
        self._on_change: Callable[[str], None] = _ignore
        self._log = log
        self._hear = hear
        self._stamps = StampReader(clock)
        self._proof = proof or Proof(clock)
        self._proof.family.add(self.roots)
        self._blind = False
        self._heard: dict[str, KernelEar] = {}
        self._own_limits: dict[str, int | None] = {}
        self._waiting: dict[str, datetime] = {}
        self._last: dict[str, Sighting] = {}

    def listen(self, on_change: Callable[[str], None]) -> None:
        """Tell when a kernel begins or ends work, or asks a person."""
        self._on_change = on_change

    def roster(self) -> frozenset[str]:
        """Name the kernels there are now, at the cost of a dictionary look-up."""
        return frozenset(_PREFIX + kernel_id for kernel_id in self._manager.list_kernel_ids())

    def roots(self) -> list[Root]:
        """Name the processes of the kernels of this machine."""
        found: list[Root] = []
        now = self._clock.now()
        for kernel_id in () if self._remote else self._manager.list_kernel_ids():
            kernel = self._manager.get_kernel(kernel_id)
            pid, ear = _pid_of(kernel), self._heard.get(kernel_id)
            if pid is None:
                continue
            talk, asked_at = ear.talk if ear else None, self._waiting.get(kernel_id)
            found.append(
                Root(
                    target_id=_PREFIX + kernel_id,
                    pid=pid,
                    collects=True,
                    # What it uses while it starts or runs a cell is that; afterwards it is somebody else's.
                    counts=talk is not None and talk.heard and (asked_at is not None or talk.work(now) is None),
                    quiet_since=asked_at or (talk.ran_at or talk.restarted_at if talk else None),
                    chatter=talk.chatter_seconds(now) if talk else 0.0,
                    ports=frozenset(ear.ports if ear else ()),
                )
            )
        return found

    async def observe(self, table: ProcessTable | None) -> Sequence[Sighting]:
        """See every kernel."""
        self._blind = table is None
        if table is not None and not self._remote:
            await self._proof.measure(table)
        models = await ensure_async(self._manager.list_kernels()) if self._remote else self._models()
        sessions = await self._sessions_by_kernel()
        seen: dict[str, Sighting] = {}
        for model in models:
            await self._learn_own_limit(model["id"], model["name"])
            if model["id"] in self._manager:  # it may have gone while we waited
                use = self._proof.use_of(_PREFIX + model["id"])
                seen[model["id"]] = self._see(model, sessions.get(model["id"], ()), use)
        self._forget_all_but(seen.keys())
        self._last = seen
        return list(seen.values())

    def look_again(self, target_id: str) -> Sighting | None:
        """See one kernel again, at once; None if it is gone. A remote one is as it was at the last check."""
        kernel_id = target_id.removeprefix(_PREFIX)
        last = self._last.get(kernel_id)
        if last is None or kernel_id not in self._manager:
            return None
        if self._remote:
            return last
        use = Use() if self._blind else self._proof.see_last(target_id)
        again = use is None
        seen = self._see(
            self._manager.kernel_model(kernel_id), last.sessions, self._proof.use_of(target_id) if use is None else use
        )
        return msgspec.structs.replace(seen, pending=True) if again and seen.state in _QUIET else seen

    async def shut_down(self, target_id: str) -> None:
        """Do what Jupyter does for DELETE /api/kernels/<id>; its sessions end with it."""
        kernel_id = target_id.removeprefix(_PREFIX)
        # jupyter_client can't shut down a kernel whose restart is under way: it asks a future that isn't done.
        for _ in range(300):
            ready = getattr(self._manager.get_kernel(kernel_id), "ready", None)
            if self._remote or ready is None or ready.done():
                break
            await asyncio.sleep(0.1)
        await ensure_async(self._manager.shutdown_kernel(kernel_id))

    async def on_kernel_action(self, data: dict[str, Any]) -> None:
        """Listen to a kernel from its very start, before anybody can run a cell in it.

        Called for Jupyter's `kernel_actions` events. A kernel that is joined later may already be busy with
        a cell whose begin was missed.
        """
        kernel_id = data.get("kernel_id")
        if self._remote or data.get("action") not in ("start", "restart") or kernel_id is None:
            return
        for _ in range(100):  # the event comes a moment before the kernel is in the manager's list
            if kernel_id in self._manager:
                break
            await asyncio.sleep(0.01)
        else:
            return
        kernel = self._manager.get_kernel(kernel_id)
        said = getattr(kernel, "execution_state", None) or "starting"
        self._listen(kernel_id, kernel, said, _pid_of(kernel), self._clock.now())
        self._on_change(_PREFIX + kernel_id)

    def input_asked(self, kernel_id: str) -> None:
        """The kernel asks a person for a line (`input()`)."""
        self._waiting[kernel_id] = self._clock.now()
        self._on_change(_PREFIX + kernel_id)

    def input_given(self, kernel_id: str) -> None:
        """A person answered."""
        if self._waiting.pop(kernel_id, None) is not None:
            self._on_change(_PREFIX + kernel_id)

    def is_waiting(self, kernel_id: str) -> bool:
        """Tell whether a question is open."""
        return kernel_id in self._waiting

    def talk_of(self, kernel_id: str) -> KernelTalk | None:
        """Give what was heard of a kernel of this machine."""
        ear = self._heard.get(kernel_id)
        return None if ear is None else ear.talk

    async def close(self) -> None:
        """Stop listening."""
        self._forget_all_but(())

    def _models(self) -> list[Mapping[str, Any]]:
        """Give the models of all kernels but those that are just being made.

        For a moment a new kernel is in the manager's list and has no model yet, and `list_kernels` fails for all.
        """
        models: list[Mapping[str, Any]] = []
        for kernel_id in self._manager.list_kernel_ids():
            try:
                models.append(self._manager.kernel_model(kernel_id))
            except Exception as error:
                self._log.debug("jupyter_lcc: kernel %s can't be looked at now: %r", kernel_id, error)
        return models

    def _see(
        self,
        model: Mapping[str, Any],
        sessions: Sequence[Session],
        use: Use,
    ) -> Sighting:
        kernel_id, now = model["id"], self._clock.now()
        stamp = self._stamps.read(kernel_id, parse_utc(model["last_activity"])) if model.get("last_activity") else None
        kernel = self._manager.get_kernel(kernel_id)
        pid = None if self._remote else _pid_of(kernel)
        ear = None if self._remote else self._listen(kernel_id, kernel, model["execution_state"], pid, now)
        state, active_at, since = self._judge(kernel_id, model["execution_state"], ear, stamp, now)
        blind = self._blind and pid is not None
        proven: Evidence | None = None
        if state in _QUIET and use.works:
            state, active_at, since = "working", now, use.since
        elif state in _QUIET and blind:
            state = "unknown"
            proven = Evidence(signal="processes_unknown", value=None, means="unknown")
        if use.ended_at is not None and state in _QUIET:
            active_at = max(use.ended_at, active_at) if active_at else use.ended_at
        return Sighting(
            id=_PREFIX + kernel_id,
            kind="kernel",
            name=sessions[0].name or sessions[0].path if sessions else model["name"],
            state=state,
            active_at=active_at,
            since=since,
            pending=ear is not None and ear.talk.is_pending(now),
            own_limit_seconds=self._own_limits.get(kernel_id),
            evidence=(*self._evidence(model, state, ear, now), *use.evidence(), *((proven,) if proven else ())),
            pid=pid,
            cpu_percent=use.cpu.percent,
            memory_bytes=use.memory_bytes,
            processes=len(use.rows) or None,
            io_bytes_per_second=use.io_bytes_per_second,
            gpu=use.gpu,
            kernel_name=model["name"],
            sessions=tuple(sessions),
            connections=model.get("connections"),
        )

    def _judge(
        self, kernel_id: str, said: str, ear: KernelEar | None, stamp: datetime | None, now: datetime
    ) -> tuple[State, datetime | None, datetime | None]:
        """Give the state, the last activity and the begin of the state."""
        if ear is None:
            state: State = "starting" if said in _STARTING else _SETTLED.get(said, "unknown")
            asked_at = self._waiting.get(kernel_id)
            if state == "working" and asked_at:
                return "waiting", asked_at, asked_at
            return state, stamp, None
        talk = ear.talk
        active_at = max(filter(None, (talk.ran_at, talk.restarted_at)))
        if said == "dead":
            return "dead", active_at, None
        work, asked_at = talk.work(now), self._waiting.get(kernel_id)
        if work is None and not (said == "busy" and talk.is_silent()):
            self._waiting.pop(kernel_id, None)  # what asked has ended
            asked_at = None
        if asked_at is not None:
            return "waiting", max(asked_at, active_at), asked_at
        if work is None:
            if talk.heard or said == "idle":
                return "idle", active_at, None
            return ("starting" if said in _STARTING or said == "busy" else "unknown"), active_at, None
        return "working", now, work.since

    def _listen(self, kernel_id: str, kernel: Any, said: str, pid: int | None, now: datetime) -> KernelEar | None:
        ear = self._heard.get(kernel_id)
        ports = list(kernel.ports)
        if ear is None:
            if not any(ports):
                return None  # still being launched, or not a kernel with sockets
            ear = KernelEar(
                kernel,
                ports,
                pid,
                KernelTalk(now),
                self._clock,
                lambda: self._on_change(_PREFIX + kernel_id),
                None if self._hear is None else partial(self._hear, kernel_id),
            )
            self._heard[kernel_id] = ear
            if said == "busy":
                ear.talk.assume_running(now)
        if pid != ear.pid:
            ear.restart(pid, now)
            self._waiting.pop(kernel_id, None)
        if ports != ear.ports:
            ear.close()
            ear.connect(kernel, ports)
        ear.compare(said, now)
        return ear

    def _evidence(
        self, model: Mapping[str, Any], state: State, ear: KernelEar | None, now: datetime
    ) -> tuple[Evidence, ...]:
        said = model["execution_state"]
        means = _MEANS.get(state, "idle")
        if (said == "busy") != (state in ("working", "waiting")):
            means = "context"  # Jupyter's state follows machine talk too, so it may contradict what was heard
        found = [Evidence(signal="execution_state", value=said, means=means)]
        if ear is None:
            found.append(Evidence(signal="jupyter_last_activity", value=model.get("last_activity"), means="activity"))
        else:
            work, talk = ear.talk.work(now), ear.talk
            if work is not None:
                found.append(Evidence(signal="running_since", value=self._text(work.since), means="work"))
            if talk.ran_at is not None:
                found.append(Evidence(signal="last_run_ended_at", value=self._text(talk.ran_at), means="activity"))
            if talk.chatter is not None:
                found.append(Evidence(signal="machine_message", value=talk.chatter[0], means="chatter"))
        if (asked_at := self._waiting.get(model["id"])) is not None:
            found.append(Evidence(signal="input_asked_at", value=self._text(asked_at), means="waiting"))
        if model.get("connections") is not None:
            found.append(Evidence(signal="connections", value=model["connections"], means="context"))
        return tuple(found)

    def _text(self, steady: datetime) -> str:
        return to_wall(self._clock, steady).isoformat(timespec="seconds").replace("+00:00", "Z")

    async def _sessions_by_kernel(self) -> dict[str, tuple[Session, ...]]:
        grouped: dict[str, tuple[Session, ...]] = {}
        for model in await ensure_async(self._sessions_of.list_sessions()):
            session = Session(**{key: sendable(model[key] or "") for key in ("path", "name", "type")})
            kernel_id = model["kernel"]["id"]
            grouped[kernel_id] = (*grouped.get(kernel_id, ()), session)
        return grouped

    async def _learn_own_limit(self, kernel_id: str, spec_name: str) -> None:
        if kernel_id in self._own_limits:
            return
        seconds: object = None
        try:
            spec = await ensure_async(self._specs.get_kernel_spec(spec_name))
            seconds = spec.metadata.get("cull_idle_timeout")
        except Exception as error:  # a kernel may outlive its spec; then it has no limit of its own
            self._log.debug("jupyter_lcc: no kernelspec %r: %s", spec_name, error)
        whole = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and abs(seconds) < 1e9
        self._own_limits[kernel_id] = int(seconds) if whole else None  # type: ignore[call-overload]

    def _forget_all_but(self, kernel_ids: Any) -> None:
        kept = set(kernel_ids)
        for kernel_id in self._heard.keys() - kept:
            self._heard.pop(kernel_id).close()
        for book in (self._own_limits, self._waiting, self._last):
            for kernel_id in book.keys() - kept:
                del book[kernel_id]
        self._stamps.keep_only(kept)


def _ignore(_target_id: str) -> None:
    """Nobody listens yet."""


def _pid_of(kernel: Any) -> int | None:
    """Give the pid of a kernel whose process is on this machine."""
    provisioner = getattr(kernel, "provisioner", None)
    if not isinstance(provisioner, LocalProvisioner):
        return None
    pid: int | None = provisioner.pid
    return pid
