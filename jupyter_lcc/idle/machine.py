"""Stop the machine itself: a last look at everything, one request, and patience.

    due ──> prepare what is left ──> last look ──> written down ──> asked ──> accepted: wait for the end
                                        │                             └──> refused: wait, 1 min to 60 min, and again
                                        └── somebody came: nothing happens

What is left on the machine (idle, and without a limit of its own) is saved before and shut down after the request
was accepted: a request that is refused must not cost anybody a kernel. That a request is going out is written to
the disk before it does, so a server that is killed in between doesn't ask twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ..clock import Clock
from ..model import Sentence
from ..platforms.model import StopFailed, Stopper, StopWay
from .decide import Ruling
from .leases import INSTANCE
from .model import Cost, Machine, Stopped
from .native_guard import NativeGuard
from .parachute.port import PreStop
from .state import SavedStop
from .stop_progress import LONGEST_WAIT, StopProgress
from .teller import Teller
from .views import Actor, Views
from .watch import PENDING, Watch

__all__ = ["MachineStop"]

STILL_THERE_AFTER = timedelta(minutes=15)
"""A machine whose stop was accepted and that is still there after this was not stopped."""

REQUEST_SECONDS = 75.0


class MachineStop:
    """Owns the one stop of the machine."""

    def __init__(
        self,
        *,
        clock: Clock,
        watch: Watch,
        teller: Teller,
        views: Views,
        stopper: Stopper,
        pre_stop: PreStop | None,
        native: NativeGuard,
        save: Callable[[], Awaitable[None]],
        flush: Callable[[], Awaitable[None]],
        wake: Callable[[], None],
        log: Any,
    ) -> None:
        self._clock = clock
        self._watch = watch
        self._judge = watch.judge
        self._teller = teller
        self._views = views
        self._stopper = stopper
        self._pre_stop = pre_stop
        self._hook_ran_for: tuple[datetime | None, bool] | None = None
        self._native = native
        self._save = save
        self._flush = flush
        self._wake = wake
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self._progress = StopProgress(stopper.life)
        self._asked = False
        self._missing: str | None = None
        self._warned_at: datetime | None = None
        watch.judge.machine_stoppable = stopper.way.available
        watch.on_machine_due = self._begin_because_due

    # -- what others see -----------------------------------------------------------------------------------

    @property
    def way(self) -> StopWay:
        """How the machine is stopped now: Studio's own idle shutdown takes over where we may not."""
        if self._is_left_to_native():
            return StopWay(
                means="native_idle",
                available=True,
                why_not=f"{self._missing} is not allowed here, so the machine is left to Studio's own idle shutdown: "
                "it stops the app when its own idle time, counted from the last activity, is over.",
                why_not_sentence=Sentence(code="left_to_native", detail={"missing": str(self._missing)}),
            )
        return self._stopper.way

    def view(self, cost: Cost | None) -> Machine:
        """Give the machine as the panel shows it."""
        due = self._judge.ruling_of(self._judge.instance).verdict == "shut_down"
        return Machine(
            stop=self.way,
            stop_requested_at=self._views.at(self._progress.requested_at if self._judge.machine_stopping else None),
            stop_error=self._progress.error,
            stop_error_sentence=self._progress.sentence,
            retry_at=self._views.at(self._progress.retry_at if due else None),
            cost=cost,
        )

    # -- over a restart of the server ----------------------------------------------------------------------

    def saved(self) -> SavedStop | None:
        """Give what must survive; None if there is nothing to remember."""
        return self._progress.saved(self._views.at)

    def restore(self, saved: SavedStop | None) -> None:
        """Take up what an earlier server left. In a new life of the machine its stop has happened."""
        progress = self._progress
        progress.restore(saved, self._clock.now())
        if progress.retry_at is not None:
            self._watch.put_off(INSTANCE, progress.retry_at)
        if progress.error is not None:
            self._watch.note("machine_stop", progress.error)
        if progress.requested_at is not None:
            # Whether the request was accepted nobody knows any more; asking again could be asking twice.
            self._wait_for_the_end(progress.requested_at)

    # -- the monitor's rounds ------------------------------------------------------------------------------

    def consider(self) -> None:
        """If the machine is still there long after its stop was accepted, say so and begin anew, with a warning."""
        if self._progress.requested_at is None or self._task is not None:
            return
        if self._clock.now() < self._progress.requested_at + STILL_THERE_AFTER:
            return
        at = self._views.wall(self._progress.requested_at).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._fail(
            f"The stop of the machine was asked for at {at}, and it still runs.",
            Sentence(code="still_running", detail={"requested_at": at}),
        )
        self._judge.instance.warned_at = None
        self._progress.retry_at = None
        self._watch.put_off(INSTANCE, None)
        self._watch.unsettled = True

    async def settle(self) -> None:
        """Wait until what has begun is answered."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Let go. A request that is out stays out, and is remembered."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)

    # -- the stop ------------------------------------------------------------------------------------------

    def begin(self, ruling: Ruling, *, actor: Actor) -> None:
        """Begin the stop: at once if a person asked, else only if the last look agrees."""
        if self._task is None and self._judge.machine_stopping:
            return
        self._asked = self._asked or actor == "user"
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(ruling))

    @property
    def _actor(self) -> Actor:
        return "user" if self._asked else "monitor"

    def _begin_because_due(self, ruling: Ruling) -> None:
        self.begin(ruling, actor="monitor")

    async def _run(self, ruling: Ruling) -> None:
        try:
            try:
                await self._stop(ruling)
            except Exception as error:
                self._log.exception("jupyter_lcc: the machine could not be stopped")
                self._fail(f"{type(error).__name__}: {error}")
            self._asked = False
            await self._keep_in_mind()
        finally:
            again, self._task, self._asked = self._asked, None, False
        self._watch.unsettled = True
        self._wake()
        if again:  # a person asked while the outcome was being written down
            self.begin(ruling, actor="user")

    async def _stop(self, ruling: Ruling) -> None:
        if not self._asked:
            if self._warned_at != self._judge.instance.warned_at:
                self._progress.attempts = 0
            await self._watch.check()
            if not self._is_still_due():
                return
        landed = await self._watch.saving.save_what_is_left(ruling, actor=self._actor)
        if not self._asked and self._watch.saving.put_off_machine():
            await self._watch.saving.take_back(landed)
            return
        await self._run_hook(ruling)
        accepted = await self._request(ruling)
        if accepted is None:
            await self._watch.saving.take_back(landed)
        else:
            self._shut_down_what_is_left(accepted, landed)

    async def _run_hook(self, ruling: Ruling) -> None:
        """Run the administrator's command, once for a warning: not again where only the request was refused."""
        instance = self._judge.instance
        key = (instance.warned_at, self._asked)
        if self._pre_stop is None or self._hook_ran_for == key:
            return
        self._hook_ran_for = key
        limit = ruling.limit.seconds if ruling.limit else None
        facts = {
            "LCC_TARGET_ID": INSTANCE,
            "LCC_REASON": ruling.reason,
            "LCC_ACTOR": self._actor,
            "LCC_LIMIT_SECONDS": "" if limit is None else str(limit),
            "LCC_STOP_MEANS": self._stopper.way.means,
        }
        result = await self._pre_stop.run(facts)
        if result is not None:
            told = f"{result.error or 'done'} ({result.seconds:.1f} s)"
            instance.hook = f"{told}: {result.output}" if result.output else told

    async def _request(self, ruling: Ruling) -> Ruling | None:
        """Ask, if nobody came; give the ruling that was accepted, or None."""
        if not self._is_still_due():
            return None
        self._progress.requested_at = self._clock.now()
        await self._keep_in_mind()
        if not self._is_still_due():
            self._progress.requested_at = None
            return None
        # From here on it is too late to keep anything.
        self._warned_at = self._judge.instance.warned_at
        self._wait_for_the_end(self._progress.requested_at)
        ruling = ruling if self._asked else self._judge.ruling_of(self._judge.instance)
        self._judge.rulings[INSTANCE] = ruling
        self._log.info("jupyter_lcc: stopping the machine (%s): %s", self._stopper.way.means, ruling.reason)
        self._judge.write("stop_requested", self._judge.instance, actor=self._actor)
        await self._flush()
        try:
            await asyncio.wait_for(self._stopper.stop(), REQUEST_SECONDS)
        except StopFailed as error:
            self._missing = error.missing
            self._fail(str(error), error.sentence)
            return None
        except asyncio.TimeoutError:
            seconds = f"{REQUEST_SECONDS:.0f}"
            self._fail(
                f"There was no answer within {seconds} s.", Sentence(code="no_answer", detail={"seconds": seconds})
            )
            return None
        except Exception as error:
            self._log.exception("jupyter_lcc: the machine could not be stopped")
            self._fail(f"{type(error).__name__}: {error}")
            return None
        self._missing = None
        self._progress.accept()
        self._watch.note("machine_stop", None)
        self._teller.emit("shut_down", self._judge.instance, ruling)
        return ruling

    def _is_still_due(self) -> bool:
        """Look for the last time, unless a person asked. Never gives up the event loop."""
        if self._asked:
            return True
        ruling = self._watch.rule_machine()
        if ruling.verdict != "shut_down" or self._judge.policy.mode.value != "enforce":
            return False
        if any(record.sighting.pending for record in self._judge.records.all()):
            self._watch.put_off(INSTANCE, self._clock.now() + PENDING)
            return False
        return True

    def _shut_down_what_is_left(self, ruling: Ruling, landed: Mapping[str, Stopped]) -> None:
        for record in self._judge.records.all():
            target_id = record.sighting.id
            if not self._judge.is_stopping(target_id):
                last = msgspec.structs.replace(ruling, target_id=target_id)
                self._watch.shutdowns.begin(record, last, actor=self._actor, landed=landed.get(target_id))

    def _fail(self, error: str, sentence: Sentence | None = None) -> None:
        """The machine was not stopped; try again later, and tell."""
        self._judge.machine_stopping = False
        wait = LONGEST_WAIT if self._is_left_to_native() else None
        self._watch.put_off(INSTANCE, self._progress.refuse(error, self._clock.now(), wait, sentence=sentence))
        self._watch.note("machine_stop", None if self._is_left_to_native() else error)
        self._log.warning("jupyter_lcc: the machine was not stopped: %s", error)
        self._judge.write("stop_failed", self._judge.instance, error=error)
        self._teller.emit("shutdown_failed", self._judge.instance, self._judge.ruling_of(self._judge.instance))

    def _wait_for_the_end(self, since: datetime) -> None:
        self._progress.requested_at = since
        self._judge.machine_stopping = True
        self._watch.put_off(INSTANCE, since + STILL_THERE_AFTER)

    def _is_left_to_native(self) -> bool:
        return self._native.works and self._missing is not None and self._stopper.way.means == "delete_app"

    async def _keep_in_mind(self) -> None:
        try:
            await self._save()
        except Exception:
            # A full disk must not keep a machine on for ever: at worst a killed server asks twice.
            self._log.exception("jupyter_lcc: the stop of the machine could not be written down")
