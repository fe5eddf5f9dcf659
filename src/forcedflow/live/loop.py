"""The live loop: many markets brought from bar close to bar close, and told to subscribers.

In:  rows that reached the lake; moments of the feature grid. [UTC ms]   Out: `MarketUpdate`s.
Free of the clock and of sockets: a driver says when a bar closes, live or over the past.

What is told of a bar close is never told otherwise afterwards: rows that come later change later
bar closes alone. A market that fails is told as failed and built anew at the next bar close; the
others go on.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias, TypeVar

import polars as pl

from forcedflow.asof import newest_trained
from forcedflow.errors import ForcedflowError
from forcedflow.features.table import STEP_MS
from forcedflow.instruments import Instrument
from forcedflow.live.held_rows import HeldRows
from forcedflow.live.market_state import BarClose, CoinLadders, MarketState
from forcedflow.live.market_update import MarketUpdate, StageOutcome, ages_of, badge_of
from forcedflow.live.timed_stage import TimedStage
from forcedflow.log import get_logger
from forcedflow.positions.trained import TrainedMixture
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS

Subscriber: TypeAlias = Callable[[MarketUpdate], None]
RowSubscriber: TypeAlias = Callable[[Mapping[str, pl.DataFrame]], None]

_Told = TypeVar("_Told")

# Reads of an hour ago serve markets that are a bar behind; older ones nobody.
_REMEMBERED_MS: Final = 2 * HOUR_MS

_log = get_logger("live")


class LiveLoop:
    """Markets that are followed. `add` may be called from any thread, the rest from one.

    Parameters
    ----------
    lake : Lake
        What was known before is read from it, once.
    instruments : sequence of Instrument
        Markets to follow, each once.
    stages : sequence of TimedStage
        What else is computed, and how often.
    is_replay : bool
        Whether this is the past of a lake, which every update then says.
    trained_of : callable, optional
        From an instrument and a moment to learned weights or None; by default the newest in the
        lake. Asked once a day.

    Attributes
    ----------
    subscribers : list of callable
        Told of every update, in order, as it comes. One that fails is logged and told of the next.
    row_subscribers : list of callable
        Given rows that are handed in, from the thread that does; likewise.
    bar_subscribers : list of callable
        Given a bar close [UTC ms] once all of it was told, stages included; likewise.
    """

    def __init__(
        self,
        lake: Lake,
        instruments: Sequence[Instrument],
        *,
        stages: Sequence[TimedStage] = (),
        is_replay: bool = False,
        trained_of: Callable[[Instrument, int], TrainedMixture | None] | None = None,
    ) -> None:
        self._rows = HeldRows(lake)
        self._instruments = tuple(instruments)
        self._stages = tuple(stages)
        self._is_replay = is_replay
        self._trained_of = trained_of or (lambda one, at_ms: newest_trained(lake, one, at_ms))
        self._ladders = CoinLadders(self._rows, self._instruments)
        self._followed: dict[Instrument, MarketState] = {}
        self._trained: dict[Instrument, tuple[int, TrainedMixture | None]] = {}
        self._outcomes: dict[Instrument, dict[str, StageOutcome]] = {}
        self._waiting: deque[Mapping[str, pl.DataFrame]] = deque()
        self._problems: dict[str, str] = {}
        self.subscribers: Final[list[Subscriber]] = []
        self.row_subscribers: Final[list[RowSubscriber]] = []
        self.bar_subscribers: Final[list[Callable[[int], None]]] = []
        self.at_ms = -1
        self._is_ending = False

    def end(self) -> None:
        """Begin no further stage; from any thread.

        A stage takes longer than a bar close, and whoever asks to end should not wait for those of
        every market.
        """
        self._is_ending = True

    def add(self, rows: Mapping[str, pl.DataFrame]) -> None:
        """Hand in rows that reached the lake; they count from the next bar close on."""
        self._waiting.append(rows)
        _tell(self.row_subscribers, rows)

    def say(self, venue: str, problem: str) -> None:
        """Let updates of a venue's markets say what is wrong with it; nothing once it is mended."""
        self._problems[venue] = problem

    def refresh(self, since_ms: int) -> None:
        """Read from the lake what others wrote into it.

        Parameters
        ----------
        since_ms : int
            Rows of events from then on. [UTC ms]
        """
        # No subscriber is told: most of it was held before.
        self._waiting.append(self._rows.read_again(since_ms))

    def hear(self, at_ms: int) -> None:
        """Bring ladders to a moment between two bar closes, so that the close has less to do.

        Parameters
        ----------
        at_ms : int
            Rows known by then must have been added. [UTC ms]
        """
        self._take()
        for instrument, state in tuple(self._followed.items()):
            try:
                state.hear(at_ms)
            except ForcedflowError as error:
                self._fail(instrument, error)

    def close_bar(self, at_ms: int) -> tuple[MarketUpdate, ...]:
        """Bring every market to a bar close, tell subscribers, then run the stages that are due.

        Parameters
        ----------
        at_ms : int
            On the feature grid, later than the last. [UTC ms]

        Returns
        -------
        tuple of MarketUpdate
            The last told of each market, in their order.

        Raises
        ------
        ValueError
            If the moment is not on the grid, or not later than the last.
        """
        if at_ms % STEP_MS or at_ms <= self.at_ms:
            raise ValueError(f"a bar closes on a multiple of {STEP_MS} ms after {self.at_ms}")
        self._take()
        self.at_ms = at_ms
        updates = []
        for instrument in self._instruments:
            updates.append(self._close(instrument, at_ms))
            _tell(self.subscribers, updates[-1])
        self._ladders.forget(at_ms - _REMEMBERED_MS)
        due = [stage for stage in self._stages if stage.is_due(at_ms)]
        if due:
            updates = [self._run_stages(update, due) for update in updates]
        _tell(self.bar_subscribers, at_ms)
        return tuple(updates)

    def settle(self) -> None:
        """Take in rows that came after the last bar close, and redo it with them; nobody is told.

        What was told stays told. This is for whoever asks what the lake gives to a loop that is
        begun anew at that bar close.
        """
        self._take()
        for instrument, state in tuple(self._followed.items()):
            try:
                state.settle()
            except ForcedflowError as error:
                self._fail(instrument, error)

    def state_hash(self) -> str:
        """Return a digest of every market's state: equal after a restart and without one."""
        digest = hashlib.sha256()
        for instrument in self._instruments:
            state = self._followed.get(instrument)
            told = "" if state is None else state.state_hash()
            digest.update(f"{instrument.venue} {instrument.symbol} {told}\n".encode())
        return digest.hexdigest()

    def _take(self) -> None:
        while self._waiting:
            changes = self._rows.add(self._waiting.popleft())
            self._ladders.heed(changes)
            for state in self._followed.values():
                state.heed(changes)

    def _close(self, instrument: Instrument, at_ms: int) -> MarketUpdate:
        closed: BarClose | None = None
        problem = self._problems.get(instrument.venue, "")
        try:
            closed = self._state(instrument, at_ms).close_bar(at_ms)
        except Exception as error:  # noqa: BLE001 - one market's fault must not end the others
            problem = self._fail(instrument, error)
        sources = ages_of(closed)
        return MarketUpdate(
            instrument=instrument,
            at_ms=at_ms,
            badge=badge_of(sources, is_replay=self._is_replay),
            closed=closed,
            sources=sources,
            stages=dict(self._outcomes.get(instrument, {})),
            problem=problem,
        )

    def _state(self, instrument: Instrument, at_ms: int) -> MarketState:
        day = at_ms // DAY_MS
        known = self._trained.get(instrument)
        if known is None or known[0] != day:
            trained = self._trained_of(instrument, at_ms)
            if known is not None and known[1] != trained:
                self._followed.pop(instrument, None)
            known = self._trained[instrument] = (day, trained)
        if instrument not in self._followed:
            self._followed[instrument] = MarketState(
                self._rows, instrument, self._ladders, known[1]
            )
        return self._followed[instrument]

    def _fail(self, instrument: Instrument, error: Exception) -> str:
        """Give a market's state up, to be built anew, and return what is told."""
        self._followed.pop(instrument, None)
        self._ladders.drop(instrument)
        problem = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
        _log.error(
            "market failed",
            venue=instrument.venue,
            symbol=instrument.symbol,
            problem=problem,
            exc_info=None if isinstance(error, ForcedflowError) else error,
        )
        return problem

    def _run_stages(self, update: MarketUpdate, due: Sequence[TimedStage]) -> MarketUpdate:
        state = self._followed.get(update.instrument)
        if state is None:
            return update
        outcomes = self._outcomes.setdefault(update.instrument, {})
        for stage in due:
            if self._is_ending:
                return update
            try:
                outcome = StageOutcome(update.at_ms, stage.compute(state, update.at_ms), "")
            except ForcedflowError as error:
                outcome = StageOutcome(update.at_ms, None, str(error).split("\n", maxsplit=1)[0])
            except Exception as error:  # noqa: BLE001 - a stage's fault costs that stage alone
                _log.error("stage failed", stage=stage.name, exc_info=error)
                outcome = StageOutcome(update.at_ms, None, f"{type(error).__name__}: {error}")
            outcomes[stage.name] = outcome
        update = replace(update, stages=dict(outcomes))
        _tell(self.subscribers, update)
        return update


def _tell(subscribers: Sequence[Callable[[_Told], None]], told: _Told) -> None:
    for subscriber in tuple(subscribers):
        try:
            subscriber(told)
        except Exception as error:  # noqa: BLE001 - a subscriber's fault is no market's
            _log.error("subscriber failed", exc_info=error)
