"""From what the live loop tells to what rules of alerts look at.

In:  `MarketUpdate`s whose prices stage ran at them.   Out: `Observation`s.
Free of the clock; siblings that may not know each other meet here.

A cascade is said to run from when an impulse is known on whose way contracts were closed (open
interest fell, or forced closes burst), until the impulse has failed or run out of time; where it
went on after a pause, until as long again after that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

import numpy as np

from forcedflow.alerts.desk import AlertDesk
from forcedflow.alerts.observation import CascadeSeen, ForecastSeen, Observation
from forcedflow.alerts.rules import ForecastOver, RuleBook
from forcedflow.answers.times import iso_time
from forcedflow.asof import newest_trained, read_market
from forcedflow.asof.features import read_liquidation_totals
from forcedflow.depth.curve import Direction
from forcedflow.errors import NoDataError
from forcedflow.features.table import STEP_MS
from forcedflow.forecast.forecast import Chance, Forecast
from forcedflow.live.loop import Subscriber
from forcedflow.live.market_state import MarketState
from forcedflow.live.market_update import MarketUpdate
from forcedflow.live.timed_stage import TimedStage, forecast_stage
from forcedflow.playbook.ignition import BARS, Ignition, find_ignitions
from forcedflow.playbook.price_series import PriceSeries, series_of_market
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS, SECOND_MS

PRICES: Final = "prices"
"""Name of the stage that observations need."""

MODEL: Final = "model"
"""Name of the stage that says what the map rests on."""

RECENT_MS: Final = 6 * HOUR_MS
"""How far back impulses are told. [ms]"""

# What thresholds of impulses are taken from, and the day that it begins in.
_SERIES_MS: Final = BARS.history_ms + 2 * DAY_MS

# What was not heard for so long is no source of this market any more.
_GIVEN_UP_MS: Final = 30 * DAY_MS

CASCADE_WORDS: Final = (
    "a cascade here is an impulse of at least "
    f"{BARS.impulse_sigma:g} σ in {BARS.window_ms // 60_000} min on whose way contracts were "
    "closed by open interest or by feeds; over once it failed or ran out of time"
)


def prices_stage() -> TimedStage:
    """Return the stage that holds a market's prices beside every bar close."""

    def read(state: MarketState, at_ms: int) -> PriceSeries:
        market = read_market(state.rows, state.instrument, at_ms)
        told = read_liquidation_totals(state.rows, state.instrument, at_ms - _SERIES_MS, at_ms)
        series = series_of_market(market, None if told.is_empty() else told)
        return series.known_by(at_ms).since(at_ms - _SERIES_MS)

    return TimedStage(PRICES, STEP_MS, read)


def model_stage(lake: Lake) -> TimedStage:
    """Return the stage that says which weights the loop's map is made with, in words."""

    def tell(state: MarketState, at_ms: int) -> str:
        trained = newest_trained(lake, state.instrument, at_ms)
        if trained is None:
            return "map: stated prior mixture, not calibrated"
        return f"map: mixture calibrated on realised liquidations ({trained.name})"

    return TimedStage(MODEL, STEP_MS, tell)


def stages_for(book: RuleBook, lake: Lake, forecast_every_ms: int) -> list[TimedStage]:
    """Return the stages that some rules need; forecasts only where a rule is about them.

    Parameters
    ----------
    book : RuleBook
    lake : Lake
    forecast_every_ms : int
        [ms]
    """
    stages = [prices_stage(), model_stage(lake)]
    if any(isinstance(rule, ForecastOver) for rule in book.rules):
        stages.append(forecast_stage(lake, forecast_every_ms))
    return stages


class Observer:
    """Makes observations of updates, each reaching back to the one before of its market."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], int] = {}

    def observe(self, update: MarketUpdate) -> Observation | None:
        """Return the observation of an update.

        Parameters
        ----------
        update : MarketUpdate

        Returns
        -------
        Observation or None
            None where the market failed, its mark is not known, or its prices stage has yet to
            run at this bar close: the update is told again once it has.
        """
        outcome = update.stages.get(PRICES)
        if update.mark is None or outcome is None or outcome.at_ms != update.at_ms:
            return None
        name = (update.instrument.venue, update.instrument.symbol)
        seen = _of_update(update, update.mark)
        series = outcome.value
        if not isinstance(series, PriceSeries):
            return seen  # the next one whose prices can be read reaches back over this one
        before_ms = self._before.get(name, update.at_ms)
        self._before[name] = update.at_ms
        return _with_prices(seen, series, before_ms)

    def take_back(self, seen: Observation, before_ms: int | None) -> None:
        """Forget an observation that nobody could judge, so that the next one reaches back over it.

        Parameters
        ----------
        seen : Observation
        before_ms : int or None
            What `reaches_back_to` said before it. [UTC ms]
        """
        name = (seen.venue, seen.symbol)
        self._before.pop(name, None)
        if before_ms is not None:
            self._before[name] = before_ms

    def reaches_back_to(self, update: MarketUpdate) -> int | None:
        """Return where the next observation of a market begins; None before its first. [UTC ms]"""
        return self._before.get((update.instrument.venue, update.instrument.symbol))


def telling(desk: AlertDesk, *, replayed: bool = False) -> Subscriber:
    """Return a subscriber that lets a desk observe every market at every bar close.

    The loop needs `stages_for` its rules.

    Parameters
    ----------
    desk : AlertDesk
    replayed : bool
        Whether a past that is shown once more is observed too, each observation saying that it is
        one; by default it wakes nobody.
    """
    observer = Observer()

    def tell(update: MarketUpdate) -> None:
        is_past = update.badge == "REPLAY"
        if is_past and not replayed:
            return
        before_ms = observer.reaches_back_to(update)
        seen = observer.observe(update)
        if seen is None:
            return
        try:
            desk.observe(replace(seen, replayed=is_past))
        except BaseException:
            # Nothing was written: what happened meanwhile is judged with the next bar close.
            observer.take_back(seen, before_ms)
            raise

    return tell


def cascades_of(ignitions: Sequence[Ignition], at_ms: int) -> tuple[CascadeSeen, ...]:
    """Return the cascades that impulses amount to, as known at a moment.

    Parameters
    ----------
    ignitions : sequence of Ignition
        As known at the moment.
    at_ms : int
        [UTC ms]
    """
    found = []
    for ignition in ignitions:
        closed = [ms for ms in (ignition.oi_drop_ms, ignition.burst_ms) if ms is not None]
        if not closed:
            continue
        ended_ms = ignition.end_ms
        if ended_ms is not None and ignition.outcome == "ignited":
            ended_ms += BARS.life_ms
        found.append(
            CascadeSeen(
                direction=ignition.direction,
                started_ms=max(ignition.impulse_ms, min(closed)),
                ended_ms=ended_ms if ended_ms is not None and ended_ms <= at_ms else None,
                start_price=ignition.start_price,
                words=CASCADE_WORDS,
            )
        )
    return tuple(found)


def _forecasts(forecast: object) -> tuple[ForecastSeen, ...]:
    """Return the chances that an update carries; one that may not be shown is unknown."""
    if not isinstance(forecast, Forecast):
        return ()
    return tuple(
        ForecastSeen(
            event=chance.event,
            direction=cast("Direction", chance.direction),
            horizon_ms=chance.horizon_h * HOUR_MS,
            probability=chance.probability if chance.standing.holds else math.nan,
            alarm_day=_finite(chance.alarm_day),
            alarm_week=_finite(chance.alarm_week),
            words=_chance_words(chance),
        )
        for chance in forecast.chances
    )


def _chance_words(chance: Chance) -> str:
    told = (
        f"{chance.event_words}; by the hour of the week alone {100 * chance.climatology:.2f} %, "
        f"range over fits {100 * chance.low:.2f}–{100 * chance.high:.2f} %"
    )
    if chance.record is None:
        return f"{told}; no record is held"
    record = chance.record
    return (
        f"{told}; on {record.n:,} hours that no fit had seen, {iso_time(record.from_ms)} to "
        f"{iso_time(record.to_ms)}, {record.events} events, it followed "
        f"{100 * record.base_rate:.2f} % of hours, {record.gain_bits:+.4f} bits over climatology"
    )


def _finite(threshold: float) -> float | None:
    return threshold if math.isfinite(threshold) else None


def _of_update(update: MarketUpdate, mark: float) -> Observation:
    ages = tuple(
        (source.table, None if source.age_ms is None else source.age_ms / SECOND_MS)
        for source in update.sources
        if source.table == "open_interest"
        or (source.age_ms is not None and source.age_ms <= _GIVEN_UP_MS)
    )
    model = update.stages.get(MODEL)
    return Observation(
        venue=update.instrument.venue,
        symbol=update.instrument.symbol,
        at_ms=update.at_ms,
        mark=mark,
        low=mark,
        high=mark,
        zones=update.zones,
        readings=update.readings,
        loading=update.loading,
        forecasts=_forecasts(update.forecast),
        ages=ages,
        assumptions=(
            "notional is estimated from open interest, volume and price, if touched",
            *((model.value,) if model is not None and isinstance(model.value, str) else ()),
            *((f"feed: {update.badge}",) if update.badge != "LIVE" else ()),
            *((update.problem,) if update.problem else ()),
        ),
        simulated=update.simulated,
        tick_size=update.instrument.tick_size,
    )


def _with_prices(seen: Observation, series: PriceSeries, before_ms: int) -> Observation:
    ignitions = tuple(
        ignition
        for ignition in find_ignitions(series)
        if ignition.impulse_ms > seen.at_ms - RECENT_MS
    )
    since = series.since(before_ms + 1)
    low, high = seen.low, seen.high
    liquidated: tuple[float, float] | None = None
    if since.size:
        low, high = min(low, float(since.low.min())), max(high, float(since.high.max()))
        if np.isfinite(since.forced_usd).any():
            longs, shorts = np.nansum(since.forced_usd, axis=0).tolist()
            liquidated = longs, shorts
    return replace(
        seen,
        low=low,
        high=high,
        ignitions=ignitions,
        cascades=cascades_of(ignitions, seen.at_ms),
        liquidated_usd=liquidated,
    )


def check_prices(update: MarketUpdate) -> None:
    """Refuse an update that cannot be observed, with the reason that it gives.

    Raises
    ------
    NoDataError
        If the market failed, or no mark is known.
    """
    if update.mark is None:
        name = f"{update.instrument.venue} {update.instrument.symbol}"
        raise NoDataError(
            f"{name}: {update.problem or 'no open interest was known by then'}\n"
            f"hint: forcedflow coverage {update.instrument.base}"
        )
