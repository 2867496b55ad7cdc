"""Proof of work of every kernel, terminal and job: who belongs to it, and what they use.

Measured once for each process table, for all targets together. Traffic is read only of those whose CPU use proves
nothing. What can't be read is no evidence, and everything else goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from ..clock import Clock
from .gpu import Device, Gpus, devices_open_by, share_of
from .lineage import Claims, Family, Root
from .model import Evidence, Gpu
from .process_table import ProcessRow, ProcessTable
from .processes import read_table
from .traffic import SocketReader, Sockets, Traffic
from .work import LAST_QUIET, SHORTEST_WINDOW, WORK_BYTES, WORK_BYTES_IN_ALL, WORK_GPU_PERCENT, CpuUse, Meter

__all__ = ["Proof", "Use"]

RECENT = timedelta(milliseconds=150)
SLOW_SECONDS = 3.0
"""Traffic and GPU that take longer to read are done without."""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What a target's processes use. `works` from `since` on, or its last work ended at `ended_at`."""

    rows: Sequence[ProcessRow] = ()
    cpu: CpuUse = CpuUse()
    io_bytes_per_second: float | None = None
    gpu: tuple[Gpu, ...] = ()
    works: bool = False
    since: datetime | None = None
    ended_at: datetime | None = None

    @property
    def memory_bytes(self) -> int | None:
        return sum(row.memory_bytes for row in self.rows) or None

    def evidence(self, *, cpu_counts: bool = True) -> tuple[Evidence, ...]:
        """Say what was seen; it means work if it alone is enough and nothing else explains it (`works`)."""
        found: list[Evidence] = []
        if self.cpu.percent is not None:
            means = cpu_counts and self.cpu.works
            found.append(_evidence("cpu_percent", self.cpu.percent, works=means))
            if means and self.cpu.busiest is not None:
                found.append(Evidence(signal="busiest_process", value=_name(self.cpu.busiest), means="context"))
        if self.io_bytes_per_second is not None:
            works = self.works and self.io_bytes_per_second >= WORK_BYTES
            found.append(_evidence("io_bytes_per_second", self.io_bytes_per_second, works=works))
        for gpu in self.gpu:
            if gpu.utilisation_percent is not None:
                works = self.works and gpu.utilisation_percent >= WORK_GPU_PERCENT
                name = "gpu_device_percent" if gpu.whole_device else "gpu_percent"
                found.append(_evidence(name, gpu.utilisation_percent, works=works))
        return tuple(found)


class _Spell(msgspec.Struct):
    """Traffic or GPU use from look to look: whether it is work now, since when, when it last ended."""

    works: bool = False
    since: datetime | None = None
    ended_at: datetime | None = None
    amount: float = 0.0

    def follow(self, amount: float | None, enough: float, began: datetime, now: datetime) -> None:
        works = amount is not None and amount >= enough
        if works:
            self.since = self.since if self.works else began
        elif self.works:
            share = min(1.0, (amount or 0.0) / self.amount) if self.amount else 1.0
            self.ended_at, self.since = began + (now - began) * share, None
        self.works, self.amount = works, amount or 0.0


class Belonging(Protocol):
    """Knows which targets there are and who belongs to them."""

    def roots(self) -> Sequence[Root]:
        """Name the targets there are now."""

    def claims(self, table: ProcessTable) -> Claims:
        """Share the processes out."""


class Proof:
    """One for kernels and terminals, which share the `family`; and one `beside` it for what belongs to neither."""

    def __init__(
        self,
        clock: Clock,
        *,
        window: Callable[[], float] = lambda: SHORTEST_WINDOW,
        gpus: Gpus | None = None,
        sockets: SocketReader | None = None,
        read_table: Callable[[], ProcessTable] = read_table,
        family: Family | None = None,
        who: Belonging | None = None,
    ) -> None:
        self.family = family or Family()
        self._who = who or self.family
        self._clock = clock
        self._window = window
        self._meter = Meter(window)
        self._gpus = gpus or Gpus()
        self.sockets = sockets or SocketReader()
        self._read_table = read_table
        self._traffic, self._last_traffic = Traffic(), Traffic()
        self._spells: dict[tuple[str, str], _Spell] = {}
        self._uses: dict[str, Use] = {}
        self._measured: tuple[ProcessTable, asyncio.Future[None]] | None = None
        self._slow: asyncio.Future[tuple[dict[str, tuple[float, datetime]], tuple[Device, ...] | None]] | None = None
        self._looked_at = clock.now()
        self._recent: tuple[datetime, ProcessTable, Sockets | None] | None = None

    def beside(self, who: Belonging) -> Proof:
        """Make one that measures others by the same rules."""
        return Proof(
            self._clock,
            window=self._window,
            gpus=self._gpus,
            sockets=self.sockets,
            read_table=self._read_table,
            family=self.family,
            who=who,
        )

    async def measure(self, table: ProcessTable) -> None:
        """Measure all targets there are now; asked again for the same table, wait for the same answer."""
        if self._measured is None or self._measured[0] is not table:
            self._measured = (table, asyncio.ensure_future(self._measure(table)))
        await asyncio.shield(self._measured[1])

    def use_of(self, target_id: str) -> Use:
        """Give what was measured last."""
        return self._uses.get(target_id, Use())

    def see_last(self, target_id: str) -> Use | None:
        """Look at one target closely, right before its shutdown, without waiting; None: look again in a moment."""
        root = next((root for root in self._who.roots() if root.target_id == target_id), None)
        before = self.use_of(target_id)
        if root is None or not root.counts:
            return before
        now, table, sockets = self._now()
        if root.pid not in table.rows:
            return before
        rows = self._who.claims(table).members.get(target_id, [])
        cpu = self._meter.see_last(target_id, rows, now, chatter=root.chatter)
        self._gpus.look(timeout=0)
        if cpu is None:
            self._last_traffic.measure(target_id, _keys(rows), root.ports, sockets, now, shortest=LAST_QUIET)
            return None
        if cpu.works or before.works:
            works, since = True, before.since or cpu.since
            use = msgspec.structs.replace(before, rows=rows, cpu=cpu, works=works, since=since)
        else:
            moved = self._last_traffic.measure(target_id, _keys(rows), root.ports, sockets, now, shortest=LAST_QUIET)
            gpu = self._gpu(rows, self._gpus.last, self._who.claims(table))
            busy = [each for each in gpu if (each.utilisation_percent or 0) >= WORK_GPU_PERCENT]
            works = bool(busy) or (moved is not None and moved[0] >= WORK_BYTES)
            use = msgspec.structs.replace(
                before, rows=rows, cpu=cpu, gpu=gpu or before.gpu, works=works, since=now if works else None
            )
            if moved is not None and works:
                use = msgspec.structs.replace(use, io_bytes_per_second=moved[0])
        self._uses[target_id] = use
        return use

    def _now(self) -> tuple[datetime, ProcessTable, Sockets | None]:
        """Read the table and the sockets; for many targets in one go only once."""
        now = self._clock.now()
        if self._recent is None or now - self._recent[0] > RECENT:
            self._recent = (now, self._read_table(), self.sockets.now())
        return now, self._recent[1], self._recent[2]

    async def _measure(self, table: ProcessTable) -> None:
        now, roots, claims = self._clock.now(), self._who.roots(), self._who.claims(table)
        cpu = {
            root.target_id: self._meter.measure(
                root.target_id,
                claims.members[root.target_id],
                now,
                quiet_since=root.quiet_since,
                counts=root.counts,
                chatter=root.chatter,
                cpu=table.cpu,
            )
            for root in roots
            if root.pid in table.rows
        }
        low = [root for root in roots if root.target_id in cpu and root.counts and not cpu[root.target_id].works]
        moved, devices = await self._read_slow(low, claims, table)
        for root in roots:
            if root.target_id in cpu:
                self._uses[root.target_id] = self._sum_up(root, claims, cpu[root.target_id], moved, devices, now)
        there = {root.target_id for root in roots}
        self._meter.keep_only(there)
        self._last_traffic.keep_only(there)
        for target_id in self._uses.keys() - there:
            del self._uses[target_id]
        for key in [key for key in self._spells if key[0] not in there]:
            del self._spells[key]
        self._looked_at = now

    def _sum_up(
        self,
        root: Root,
        claims: Claims,
        cpu: CpuUse,
        moved: dict[str, tuple[float, datetime]],
        devices: tuple[Device, ...] | None,
        now: datetime,
    ) -> Use:
        target_id, rows = root.target_id, claims.members[root.target_id]
        gpu = self._gpu(rows, devices, claims)
        busy = max((each.utilisation_percent or 0.0 for each in gpu), default=None)
        io, gpu_spell = (self._spells.setdefault((target_id, name), _Spell()) for name in ("io", "gpu"))
        told, low = moved.get(target_id), root.counts and not cpu.works
        if told is not None:
            in_all = told[0] * (now - told[1]).total_seconds()
            io.follow(told[0] if in_all >= WORK_BYTES_IN_ALL else 0.0, WORK_BYTES, told[1], now)
        elif not low:
            io.follow(None, WORK_BYTES, now, now)
        gpu_spell.follow(busy if root.counts else None, WORK_GPU_PERCENT, self._looked_at, now)
        works = cpu.works or io.works or gpu_spell.works
        parts = (cpu, io, gpu_spell)
        return Use(
            rows=rows,
            cpu=cpu,
            io_bytes_per_second=told[0] if told else self.use_of(target_id).io_bytes_per_second if low else None,
            gpu=gpu,
            works=works,
            since=min((part.since for part in parts if part.works and part.since), default=now) if works else None,
            ended_at=None if works else max((part.ended_at for part in parts if part.ended_at), default=None),
        )

    @staticmethod
    def _gpu(rows: Sequence[ProcessRow], devices: tuple[Device, ...] | None, claims: Claims) -> tuple[Gpu, ...]:
        if not devices:
            return ()
        return share_of(devices, {row.pid for row in rows}, claims.owner, devices_open_by)

    async def _read_slow(
        self, low: Sequence[Root], claims: Claims, table: ProcessTable
    ) -> tuple[dict[str, tuple[float, datetime]], tuple[Device, ...] | None]:
        if self._slow is None or self._slow.done():  # a read that hangs isn't repeated
            wanted = [(root.target_id, _keys(claims.members[root.target_id]), root.ports) for root in low]
            self._slow = asyncio.ensure_future(asyncio.to_thread(self._read, wanted, table))
        try:
            return await asyncio.wait_for(asyncio.shield(self._slow), SLOW_SECONDS)
        except Exception:  # a part that fails or hangs is no evidence; the rest is
            return {}, None

    def _read(
        self, wanted: Sequence[tuple[str, list[tuple[int, int]], frozenset[int]]], table: ProcessTable
    ) -> tuple[dict[str, tuple[float, datetime]], tuple[Device, ...] | None]:
        sockets = self.sockets.moved_at(table) if wanted else None
        now, told = self._clock.now(), {}
        for target_id, processes, ports in wanted:
            moved = self._traffic.measure(target_id, processes, ports, sockets, now, shortest=self._window())
            if moved is not None:
                told[target_id] = moved
        self._traffic.keep_only([target_id for target_id, _processes, _ports in wanted])
        return told, self._gpus.look()


def _keys(rows: Sequence[ProcessRow]) -> list[tuple[int, int]]:
    return [(row.pid, row.started) for row in rows]


def _name(row: ProcessRow) -> str:
    return f"{row.name} (pid {row.pid})"


def _evidence(signal: str, value: float, *, works: bool) -> Evidence:
    return Evidence(signal=signal, value=value, means="work" if works else "context")
