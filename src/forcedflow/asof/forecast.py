"""A forecast as of a moment: the newest model fitted by then, asked about a market.

In:  a lake, an instrument, a moment. [UTC ms]   Out: `Forecast`.
Reads the lake, and for a simulated market the model that ships with the package; nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from forcedflow.asof.days import read_days
from forcedflow.asof.liquidated import read_liquidated
from forcedflow.asof.signals import SIGNAL_DAYS, read_signal_table
from forcedflow.errors import NoDataError
from forcedflow.features.table import FeatureTable
from forcedflow.forecast.course import lay_samples
from forcedflow.forecast.daily import OURS as OURS_DAILY
from forcedflow.forecast.daily import DailyModel
from forcedflow.forecast.days import lay_days
from forcedflow.forecast.forecast import Chance, Forecast, Tomorrow
from forcedflow.forecast.kept_timing import KeptTiming, tell_chances
from forcedflow.forecast.rows import HORIZONS_H, lay_rows
from forcedflow.forecast.size import OURS, SizeModel, with_past_sizes
from forcedflow.forecast.size_forecast import SizeForecast, forecast_sizes
from forcedflow.forecast.sizes import Liquidated
from forcedflow.instruments import Instrument
from forcedflow.store import Lake
from forcedflow.store.forecast_artefact import (
    ForecastArtefact,
    decode_forecast,
    newest_forecast,
)
from forcedflow.tables import SIMULATED_SOURCE
from forcedflow.units import DAY_MS

FORECAST_DAYS = 62
"""Length of the table that is read: a month for what is rare, and the four weeks that decide."""

SIZE_BASELINE = "liquidations"
"""The opponent that sizes stand beside: volatility and liquidation history."""

DAILY_BASELINE = "volatility"
"""The opponent that tomorrow's risk stands beside: volatility and the day of the week."""

_FRESH_DAYS_MS = 2 * DAY_MS

_SHIPPED = "forecast_simulated.json"


@dataclass(frozen=True, slots=True)
class KeptForecast:
    """A forecast artefact, read into models.

    Parameters
    ----------
    artefact : ForecastArtefact
    timing : dict of str to KeptTiming
        By event.
    sizes, baseline_sizes : dict of int to SizeModel
        By horizon in hours.
    daily : pair of DailyModel or None
        Of tomorrow's risk: ours, and the baseline.
    """

    artefact: ForecastArtefact
    timing: Mapping[str, KeptTiming]
    sizes: Mapping[int, SizeModel]
    baseline_sizes: Mapping[int, SizeModel]
    daily: tuple[DailyModel, DailyModel] | None

    @staticmethod
    def of(artefact: ForecastArtefact) -> KeptForecast:
        """Return the models in an artefact."""

        def sizes(name: str) -> dict[int, SizeModel]:
            held = artefact.size.get(name, {})
            return {int(hours): SizeModel.from_plain(plain) for hours, plain in held.items()}

        return KeptForecast(
            artefact,
            {name: KeptTiming.from_plain(plain) for name, plain in artefact.timing.items()},
            sizes(OURS),
            sizes(SIZE_BASELINE),
            None
            if artefact.daily is None
            else (
                DailyModel.from_plain(artefact.daily[OURS_DAILY]),
                DailyModel.from_plain(artefact.daily[DAILY_BASELINE]),
            ),
        )


def newest_kept(lake: Lake, at_ms: int, *, simulated: bool = False) -> KeptForecast | None:
    """Return the newest forecast fitted by a moment; for simulated markets else the shipped one.

    Parameters
    ----------
    lake : Lake
    at_ms : int
        [UTC ms]
    simulated : bool
        Whether the market asked about is of the simulated exchange: the model that ships was
        learned there and is lent to no other.

    Raises
    ------
    DamagedFileError
        If one that comes into question is damaged.
    """
    found = newest_forecast(lake.refreshed("artefacts"), at_ms)
    if found is None and simulated:
        found = shipped()
    return None if found is None else KeptForecast.of(found)


def shipped() -> ForecastArtefact | None:
    """Return the model that ships, learned on the simulated exchange; None where none does."""
    file = resources.files("forcedflow.sandbox").joinpath(_SHIPPED)
    if not file.is_file():
        return None
    return decode_forecast(file.read_bytes(), _SHIPPED)


def read_forecast(lake: Lake, instrument: Instrument, at_ms: int) -> Forecast:
    """Return what is told ahead of an instrument at a moment.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        Rows known by then; a model fitted by then. [UTC ms]

    Raises
    ------
    NoDataError
        If no model was fitted by then, or no price of the instrument was known.
    """
    table = read_signal_table(lake, instrument, at_ms, FORECAST_DAYS)
    kept = newest_kept(lake, at_ms, simulated=table.simulated)
    if kept is None:
        raise NoDataError(
            "no forecast was fitted by then\n"
            "hint: forcedflow train forecast --symbol BTC,ETH --fit-to TIME"
        )
    return tell(lake, instrument, at_ms, table, kept)


def read_with_forecast(
    lake: Lake, instrument: Instrument, at_ms: int
) -> tuple[FeatureTable, Forecast | None, str]:
    """Return the table that signals are judged by, and the forecast, from one reading.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        Rows known by then. [UTC ms]

    Returns
    -------
    tuple
        The table as `read_signal_table` returns it; the forecast, or None with the reason why.

    Raises
    ------
    NoDataError
        As `read_signal_table`.
    """
    kept = newest_kept(lake, at_ms, simulated=instrument.venue.startswith(SIMULATED_SOURCE))
    if kept is None:
        table = read_signal_table(lake, instrument, at_ms)
        return table, None, "no model was fitted by then; forcedflow train forecast fits one"
    long = read_signal_table(lake, instrument, at_ms, FORECAST_DAYS)
    first = (at_ms // DAY_MS - SIGNAL_DAYS) * DAY_MS
    table = long.tail(max(1, int((long.times_ms >= first).sum())))
    try:
        return table, tell(lake, instrument, at_ms, long, kept), ""
    except NoDataError as error:
        return table, None, str(error).split("\n", maxsplit=1)[0]


def tell(
    lake: Lake, instrument: Instrument, at_ms: int, table: FeatureTable, kept: KeptForecast
) -> Forecast:
    """Return what a kept forecast tells of an instrument, from a table that was read already.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        [UTC ms]
    table : FeatureTable
        As `read_signal_table` returns it, `FORECAST_DAYS` of it.
    kept : KeptForecast

    Raises
    ------
    NoDataError
        If the table holds no whole hour.
    """
    symbol, venue = instrument.symbol, instrument.venue
    rows = lay_rows(table, symbol, venue)
    if not rows.size:
        raise NoDataError(f"nothing is known of {venue} {symbol} at any whole hour by then")
    reasons: dict[str, str] = {}
    liquidated, whose = _liquidated(lake, instrument, table, at_ms, reasons)
    sizes: tuple[SizeForecast, ...] = ()
    baseline: tuple[SizeForecast, ...] = ()
    if liquidated is not None:
        if not kept.sizes:
            reasons["size"] = "the model learned no sizes: no market it read had liquidations"
        else:
            laid = with_past_sizes(rows, liquidated)
            try:
                chosen = [
                    [models[hours] for hours in HORIZONS_H if hours in models]
                    for models in (kept.sizes, kept.baseline_sizes)
                ]
                told = forecast_sizes([*chosen[0], *chosen[1]], laid, liquidated)
                sizes, baseline = told[: len(chosen[0])], told[len(chosen[0]) :]
            except NoDataError as error:
                reasons["size"] = str(error).split("\n", maxsplit=1)[0]
    chances: list[Chance] = []
    timings = []
    for name, timing in kept.timing.items():
        if timing.rule.least_liquidated is not None and liquidated is None:
            reasons[name] = "the event asks for liquidations, and none are held of this market"
        else:
            timings.append(timing)
    samples = lay_samples(table, rows, [timing.rule for timing in timings])
    for timing, sample in zip(timings, samples, strict=True):
        chances += tell_chances(timing, sample, at_ms)
    artefact = kept.artefact
    markets = [f"{one.venue} {one.symbol}" for one in artefact.markets]
    return Forecast(
        symbol=symbol,
        venue=venue,
        at_ms=at_ms,
        known_ms=int(rows.times_ms[-1]),
        simulated=table.simulated or artefact.simulated,
        sizes=sizes,
        baseline_sizes=baseline,
        chances=tuple(chances),
        tomorrow=_tomorrow(lake, instrument, at_ms, kept, reasons),
        model=artefact.name,
        fit_to_ms=artefact.fit_to_ms,
        learned_from=tuple(markets),
        is_new_market=f"{venue} {symbol}" not in markets,
        card=tuple(artefact.card),
        reasons=tuple(reasons.items()),
        input_age_ms=tuple(table.input_age_ms.items()),
        liquidations_of=whose,
    )


def _tomorrow(
    lake: Lake,
    instrument: Instrument,
    at_ms: int,
    kept: KeptForecast,
    reasons: dict[str, str],
) -> Tomorrow | None:
    """Return the risk of the day after the last one known; None where days are not held now."""
    if kept.daily is None:
        reasons["tomorrow"] = "the model learned no days"
        return None
    try:
        coins = read_days(lake, at_ms)
    except NoDataError as error:
        reasons["tomorrow"] = str(error).split("\n", maxsplit=1)[0]
        return None
    found = [rows for rows in lay_days(coins) if rows.symbol == instrument.base and rows.size]
    if not found or at_ms - int(found[0].times_ms[-1]) > _FRESH_DAYS_MS:
        reasons["tomorrow"] = f"no days of {instrument.base} up to yesterday are held"
        return None
    last = found[0].cut(found[0].times_ms == found[0].times_ms[-1])
    ours, baseline = (float(model.probability(last)[0]) for model in kept.daily)
    return Tomorrow(
        probability=ours,
        baseline=baseline,
        threshold=float(last.columns["threshold"][0]),
        day_ms=int(last.times_ms[-1]),
    )


def _liquidated(
    lake: Lake,
    instrument: Instrument,
    table: FeatureTable,
    at_ms: int,
    reasons: dict[str, str],
) -> tuple[Liquidated | None, str]:
    start_ms = int(table.times_ms[0]) - DAY_MS
    try:
        return read_liquidated(lake, instrument, start_ms, at_ms)
    except NoDataError as error:
        reasons["size"] = str(error).split("\n", maxsplit=1)[0]
        return None, ""
