"""Fitting a forecast on the lake: every market's past, as it was known, into one artefact.

In:  a lake, instruments, an end of the fit. [UTC ms]   Out: `ForecastArtefact`.
Reads the lake; free of the clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from forcedflow.asof.forecast import DAILY_BASELINE, SIZE_BASELINE
from forcedflow.asof.liquidated import read_liquidated
from forcedflow.asof.signals import read_signal_table
from forcedflow.errors import NoDataError
from forcedflow.features.table import FeatureTable
from forcedflow.forecast.course import lay_sample
from forcedflow.forecast.daily import OURS as OURS_DAILY
from forcedflow.forecast.daily import SETS as SETS_OF_DAYS
from forcedflow.forecast.daily import fit_daily
from forcedflow.forecast.days import DailyCoin, lay_days
from forcedflow.forecast.events import RULES, EventRule
from forcedflow.forecast.kept_timing import KeptTiming, learn_timing, rule_words
from forcedflow.forecast.rows import HORIZONS_H, lay_rows
from forcedflow.forecast.size import OURS, SETS, fit_size, with_past_sizes
from forcedflow.forecast.sizes import Liquidated
from forcedflow.instruments import Instrument
from forcedflow.store import Lake
from forcedflow.store.forecast_artefact import FittedOn, ForecastArtefact
from forcedflow.units import DAY_MS, HOUR_MS

MOST_DAYS = 730
"""Past that is read at most: two years. [d]"""

LEAST_CLAIMED_DAYS = 100
"""Event days below which no gain in timing is claimed, whatever it is."""

Say = Callable[[str], None]

_DAILY = (OURS_DAILY, DAILY_BASELINE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one market tells a fit.

    Parameters
    ----------
    instrument : Instrument
    table : FeatureTable
        Up to the end of the fit, with the map's columns.
    liquidated : Liquidated or None
        None where no hourly liquidations are held.
    liquidations_of : str
        Whose they are.
    """

    instrument: Instrument
    table: FeatureTable
    liquidated: Liquidated | None
    liquidations_of: str

    @property
    def sha256(self) -> str:
        """Return the digest of everything that it holds."""
        digest = hashlib.sha256(self.table.times_ms.tobytes())
        for name in sorted(self.table.columns):
            digest.update(name.encode())
            digest.update(self.table.columns[name].tobytes())
        if self.liquidated is not None:
            digest.update(self.liquidated.end_ms.tobytes())
            digest.update(self.liquidated.usd.tobytes())
        return digest.hexdigest()


def read_evidence(
    lake: Lake, instrument: Instrument, to_ms: int, from_ms: int | None = None
) -> Evidence:
    """Return what a market can tell a fit that ends at a moment.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    to_ms : int
        Rows known by then. [UTC ms]
    from_ms : int, optional
        First moment; by default that of the first open interest held, two years back at most.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    """
    if from_ms is None:
        held = lake.read(
            "open_interest",
            venue=instrument.venue,
            symbol=instrument.symbol,
            start_ms=to_ms - MOST_DAYS * DAY_MS,
            available_by_ms=to_ms,
        ).select(pl.col("event_time").dt.epoch("ms").min())
        first = held.item()
        if first is None:
            raise NoDataError(
                f"no open interest of {instrument.venue} {instrument.symbol} is held before the "
                "end of the fit\nhint: forcedflow fetch VENUE SYMBOL --from DAY"
            )
        from_ms = int(first)
    days = -(-(to_ms - from_ms) // DAY_MS)
    table = read_signal_table(lake, instrument, to_ms, days)
    try:
        liquidated, whose = read_liquidated(lake, instrument, int(table.times_ms[0]), to_ms)
    except NoDataError:
        return Evidence(instrument, table, None, "")
    return Evidence(instrument, table, liquidated, whose)


def fit_forecast(
    evidence: Sequence[Evidence],
    fit_to_ms: int,
    created: str,
    say: Say = lambda _: None,
    coins: Sequence[DailyCoin] = (),
) -> ForecastArtefact:
    """Return the forecast that some markets' past teaches.

    Parameters
    ----------
    evidence : sequence of Evidence
        One per market.
    fit_to_ms : int
        End of the fit; what a label needed later rows for is left out. [UTC ms]
    created : str
        When it is made, UTC, for the card.
    say : callable
        Is told what is being fitted.
    coins : sequence of DailyCoin
        Days of the panel that tomorrow's risk is learned from; none by default.

    Returns
    -------
    ForecastArtefact
        The same but for ``created`` for the same evidence.

    Raises
    ------
    NoDataError
        If no event is known before the end of the fit in any market.
    """
    timing: dict[str, KeptTiming] = {}
    counted: dict[str, dict[str, int]] = {_name(one): {} for one in evidence}
    untold: list[str] = []
    for rule in RULES.values():
        say(f"event {rule.name}")
        try:
            timing[rule.name] = _fit_rule(evidence, rule, fit_to_ms, counted)
        except NoDataError as error:
            untold.append(f"{rule.name} is not told: {str(error).splitlines()[0]}")
    if not timing:
        raise NoDataError(f"{'; '.join(untold)}\nhint: a longer history, or more markets")
    say("sizes")
    size = _fit_sizes(evidence, fit_to_ms, untold)
    daily = _fit_daily(coins, fit_to_ms, untold)
    markets = [_fitted_on(one, counted[_name(one)]) for one in evidence]
    return ForecastArtefact(
        created=created,
        fit_to_ms=fit_to_ms,
        markets=markets,
        simulated=any(one.table.simulated for one in evidence),
        size=size,
        timing={name: kept.to_plain() for name, kept in timing.items()},
        daily=daily,
        scores=_scores(timing),
        card=_card(timing, markets, size, untold),
    )


def _fit_rule(
    evidence: Sequence[Evidence],
    rule: EventRule,
    fit_to_ms: int,
    counted: dict[str, dict[str, int]],
) -> KeptTiming:
    samples = []
    for one in evidence:
        if rule.least_liquidated is not None and one.liquidated is None:
            continue
        rows = lay_rows(one.table, one.instrument.symbol, one.instrument.venue)
        sample = lay_sample(one.table, rows, rule)
        known = sample.labels.events_ms + sample.labels.ahead_ms <= fit_to_ms
        counted[_name(one)][rule.name] = int(known.sum())
        samples.append(sample)
    if not samples:
        raise NoDataError("no market has hourly liquidations")
    return learn_timing(samples, rule, fit_to_ms)


def _fit_sizes(
    evidence: Sequence[Evidence], fit_to_ms: int, untold: list[str]
) -> dict[str, dict[str, Any]]:
    held = [(one, one.liquidated) for one in evidence if one.liquidated is not None]
    if not held:
        untold.append("sizes: no market has hourly liquidations")
        return {}
    liquidated = [told for _, told in held]
    rows = [
        with_past_sizes(lay_rows(one.table, one.instrument.symbol, one.instrument.venue), told)
        for one, told in held
    ]
    found: dict[str, dict[str, Any]] = {}
    for name in (OURS, SIZE_BASELINE):
        for hours in HORIZONS_H:
            try:
                model = fit_size(rows, liquidated, hours, fit_to_ms, SETS[name])
            except NoDataError as error:
                untold.append(f"sizes of {hours} h: {str(error).splitlines()[0]}")
                continue
            found.setdefault(name, {})[str(hours)] = model.to_plain()
    return found


def _fit_daily(
    coins: Sequence[DailyCoin], fit_to_ms: int, untold: list[str]
) -> dict[str, Any] | None:
    if not coins:
        untold.append("tomorrow's risk: no coin's days are held")
        return None
    days = lay_days(coins)
    try:
        return {name: fit_daily(days, fit_to_ms, SETS_OF_DAYS[name]).to_plain() for name in _DAILY}
    except NoDataError as error:
        untold.append(f"tomorrow's risk: {str(error).splitlines()[0]}")
        return None


def _fitted_on(one: Evidence, events: dict[str, int]) -> FittedOn:
    times = one.table.times_ms
    known = (times % HOUR_MS == 0) & ~np.isnan(one.table["open_interest"])
    return FittedOn(
        venue=one.instrument.venue,
        symbol=one.instrument.symbol,
        first_ms=int(times[0]),
        last_ms=int(times[-1]),
        rows=int(known.sum()),
        events=events,
        liquidations=one.liquidated is not None,
        sha256=one.sha256,
    )


def _scores(timing: dict[str, KeptTiming]) -> list[dict[str, Any]]:
    found = []
    for name, kept in timing.items():
        for key, plain in kept.to_plain()["records"].items():
            direction, horizon = key.split(" ")
            found.append({"event": name, "direction": direction, "horizon": horizon, **plain})
    return found


def _card(
    timing: dict[str, KeptTiming],
    markets: Sequence[FittedOn],
    size: dict[str, dict[str, Any]],
    untold: Sequence[str],
) -> list[str]:
    days = sum(one.rows for one in markets) * HOUR_MS / DAY_MS
    lines = [
        f"learned from {len(markets)} markets, {days:.0f} days of known hours together",
        "nothing after the end of the fit was read",
    ]
    for name, kept in timing.items():
        chosen = kept.chosen
        lines.append(
            f"{name}: {rule_words(kept.rule)}; {chosen.events} events on {chosen.days} days; the "
            f"fit chose {chosen.name.replace('_', ' ')}, {chosen.calibration[-1].words}"
        )
        if chosen.days < LEAST_CLAIMED_DAYS:
            lines.append(
                f"{name}: event days: {chosen.days}; too few to tell a gain over climatology "
                f"from chance ({LEAST_CLAIMED_DAYS} are asked for): none is claimed"
            )
    if size:
        lines.append(
            "sizes: quantiles of the next hours' liquidations per side, their level and coverage "
            "followed from hours that were over"
        )
    return [
        *lines,
        *untold,
        "a chance is ours only while it proved reliable lately; else climatology's is shown",
    ]


def _name(one: Evidence) -> str:
    return f"{one.instrument.venue} {one.instrument.symbol}"
