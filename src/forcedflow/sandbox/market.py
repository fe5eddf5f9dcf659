"""One simulated market that runs on demand: its history first, then minute by minute on a clock.

In:  scenario, number of traders, seed; a clock that may run faster than time. [s]
Out: published rows by batch, kept as an exchange keeps its history, and handed to subscribers.
Free of files. The clock is used once the market is followed live, never for its history.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import polars as pl

from forcedflow import tables
from forcedflow.sandbox.defects import Defects
from forcedflow.sandbox.feeds import FeedState, tables_of
from forcedflow.sandbox.parameters import Scenario, parameters
from forcedflow.sandbox.simulate import START_MS, Block, burn_in, simulate
from forcedflow.sandbox.state import State, open_market
from forcedflow.units import DAY_MS, MINUTE_MS, SECOND_MS

Batch = dict[str, pl.DataFrame]
"""Rows of every venue, by table, as some minutes brought them."""

_DAY_MINUTES = DAY_MS // MINUTE_MS
_MERGED_BATCHES = 60


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a market that is followed live runs.

    Parameters
    ----------
    speed : float
        Simulated seconds per second of the clock; infinite for as fast as it can be computed.
    clock : callable
        Seconds since any moment; never runs backwards. [s]
    sleep : callable
        Waits for so many seconds of the clock. [s]

    Raises
    ------
    ValueError
        If the speed is not above zero.
    """

    speed: float = 1.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def __post_init__(self) -> None:
        if not self.speed > 0:
            raise ValueError(f"speed must be above zero, found {self.speed}")


class SandboxMarket:
    """A simulated market whose venues publish.

    The same scenario, traders and seed give the same rows, whatever part of them was asked for as
    history and whatever came live. It opens already busy: positions had filled up before.

    Parameters
    ----------
    scenario : str
        One of `forcedflow.sandbox.parameters.SCENARIOS`.
    n_traders : int
        Over all venues, idle ones included.
    seed : int
        Not negative.
    pace : Pace
        Speed and clock of a market followed live.
    defects : Defects
        What goes wrong between the market and whoever records it; nothing by default.

    Raises
    ------
    UsageError
        If there is no such scenario.
    ValueError
        If there are fewer than a hundred traders.
    """

    def __init__(
        self,
        scenario: Scenario = "calm",
        n_traders: int = 20_000,
        seed: int = 0,
        *,
        pace: Pace | None = None,
        defects: Defects | None = None,
    ) -> None:
        self.parameters = parameters(scenario)
        self.n_traders, self.seed = n_traders, seed
        self.pace = pace or Pace()
        self._state: State = open_market(self.parameters, n_traders, seed)
        self._feed = FeedState(self.parameters, seed, defects or Defects())
        burn_in(self._state)
        self.opened_ms = self.now_ms
        self._history: list[Batch] = []
        self._recent: list[Batch] = []
        self._subscribers: list[deque[Batch]] = []
        self._live_since: tuple[int, float] | None = None

    @property
    def now_ms(self) -> int:
        """Return the end of the last simulated minute. [UTC ms]"""
        return START_MS + int(self._state.world.minute[0]) * MINUTE_MS

    def history(self, start_ms: int, end_ms: int) -> Iterator[Batch]:
        """Yield the rows that became known in ``[start_ms, end_ms)``, running as far as needed.

        Parameters
        ----------
        start_ms, end_ms : int
            Available times. What is stated for good, such as brackets, became known when the
            simulation began, before the market opened to the public. [UTC ms]

        Yields
        ------
        dict of str to polars.DataFrame
            Tables without rows are left out.
        """
        known = pl.col("available_time").is_between(moment(start_ms), moment(end_ms), closed="left")
        while self.now_ms < end_ms:
            missing = -(-(end_ms - self.now_ms) // MINUTE_MS)
            rest_of_day = _DAY_MINUTES - (self.now_ms // MINUTE_MS) % _DAY_MINUTES
            self._run(min(missing, rest_of_day))
        for batch in (*self._history, *self._recent):
            if chosen := select(batch, known):
                yield chosen

    def scheduled_events(self) -> pl.DataFrame:
        """Return what everybody knows in advance: the scheduled events, as calendar rows."""
        if not self._history and not self._recent:
            self._run(1)
        first = (self._history or self._recent)[0]
        return first.get("calendar_events", tables.empty("calendar_events"))

    def subscribe(self) -> deque[Batch]:
        """Return a queue that gets every batch published from now on; starts the clock."""
        if self._live_since is None:
            self._live_since = (self.now_ms, self.pace.clock())
        queue: deque[Batch] = deque()
        self._subscribers.append(queue)
        return queue

    def unsubscribe(self, queue: deque[Batch]) -> None:
        """Stop filling a queue."""
        self._subscribers = [other for other in self._subscribers if other is not queue]

    async def next_batch(self, queue: deque[Batch]) -> Batch:
        """Return the next batch of a queue, waiting until the clock says that its minute is over.

        Whoever waits first when a minute is due makes it happen for all.
        """
        while not queue:
            await self.pace.sleep(max(self._seconds_to_wait(), 0.0))
            if not queue and self._seconds_to_wait() <= 0:
                self._run(1)
        return queue.popleft()

    def known_later(self, since_ms: int) -> Batch:
        """Return the rows already published that become known at ``since_ms`` or after. [UTC ms]"""
        later = pl.col("available_time") >= moment(since_ms)
        found = (select(batch, later) for batch in (*self._history, *self._recent))
        return join([batch for batch in found if batch])

    def _seconds_to_wait(self) -> float:
        if self._live_since is None:
            raise RuntimeError("nobody follows the market")
        since_ms, started = self._live_since
        if math.isinf(self.pace.speed):
            return 0.0
        due = (self.now_ms + MINUTE_MS - since_ms) / SECOND_MS / self.pace.speed
        return started + due - self.pace.clock()

    def _run(self, minutes: int) -> None:
        for block in simulate(self._state, minutes, minutes):
            self._publish(block)

    def _publish(self, block: Block) -> None:
        batch = tables_of(block, self._feed)
        for queue in self._subscribers:
            queue.append(batch)
        self._recent.append(batch)
        # Small frames weigh more than their rows: what came minute by minute is joined.
        if len(self._recent) >= _MERGED_BATCHES or block.minutes >= _MERGED_BATCHES:
            self._history.append(join(self._recent))
            self._recent = []


def join(batches: list[Batch]) -> Batch:
    """Return the rows of several batches, in their order, by table."""
    if len(batches) == 1:
        return batches[0]
    names = dict.fromkeys(name for batch in batches for name in batch)
    return {name: pl.concat([batch[name] for batch in batches if name in batch]) for name in names}


def select(batch: Batch, wanted: pl.Expr) -> Batch:
    """Return the wanted rows of every table; tables without any are left out."""
    chosen = {name: frame.filter(wanted) for name, frame in batch.items()}
    return {name: frame for name, frame in chosen.items() if not frame.is_empty()}


def moment(ms: int) -> pl.Expr:
    """Return a time to compare columns with. [UTC ms]"""
    return pl.lit(ms, dtype=tables.TIME)
