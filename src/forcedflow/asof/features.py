"""Features as of a moment: the rows they are computed from, read and thinned, and their table.

In:  a lake, an instrument, a moment. [UTC ms]   Out: `FeatureInputs`, `FeatureTable`.
Reads the lake; nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from forcedflow import tables
from forcedflow.asof.market import read_liquidations
from forcedflow.econ_calendar import read_events
from forcedflow.errors import NoDataError
from forcedflow.features.grid import known_ms
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.registry import WARM_UP_MS, build_features
from forcedflow.features.rows import picked
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.instruments import Instrument
from forcedflow.store import RowSource
from forcedflow.units import DAY_MS, HOUR_MS, SIDES

FEATURE_DAYS = 100
"""How much of the feature table is read: ranks of thirty days, three times over."""

# For so long a silent liquidation feed means that nothing was closed; then that nothing is heard.
_SILENCE_MS = 6 * HOUR_MS


# There is an expiry every week, so no next event lies further ahead.
_SCHEDULED_MS = 30 * DAY_MS


def read_features(
    lake: RowSource, instrument: Instrument, at_ms: int, days: int = FEATURE_DAYS
) -> FeatureTable:
    """Return every feature of an instrument that needs no map, up to a moment.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    at_ms : int
        Rows known by then. [UTC ms]
    days : int
        Length of the table, from a midnight.

    Returns
    -------
    FeatureTable
        The same row for the same moment, whichever later moment it is asked for at.

    Raises
    ------
    NoDataError
        If neither a price nor open interest was known in that time.
    """
    start = (at_ms // DAY_MS - days) * DAY_MS
    return build_features(read_feature_inputs(lake, instrument, start, at_ms), start_ms=start)


def read_feature_inputs(
    lake: RowSource,
    instrument: Instrument,
    start_ms: int,
    at_ms: int,
    reach_ms: Mapping[str, int] | None = None,
) -> FeatureInputs:
    """Return the rows that features from a moment on are computed from, with their warm-up.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    start_ms : int
        First moment of the table. [UTC ms]
    at_ms : int
        Rows known by then. [UTC ms]
    reach_ms : mapping of str to int, optional
        Tables whose rows of the last so many milliseconds are enough, where there are any. [ms]

    Returns
    -------
    FeatureInputs
        Printed liquidations are summed per side and step; of depth bands the last of each step is
        kept. Where the longest series of liquidations is of several venues together, it is that.
    """
    # A row may be an hour older than the first moment at which it counts.
    first = start_ms - WARM_UP_MS - DAY_MS

    def since(table: str, symbol: str, from_ms: int, price_type: str | None) -> pl.DataFrame:
        return lake.read(
            table,
            venue=instrument.venue,
            symbol=symbol,
            start_ms=from_ms,
            available_by_ms=at_ms,
            price_type=price_type,
        )

    def rows(
        table: str, symbol: str = instrument.symbol, prices: Sequence[str | None] = (None,)
    ) -> list[pl.DataFrame]:
        reach = None if reach_ms is None else reach_ms.get(table)
        if reach is not None:
            near = [since(table, symbol, at_ms - reach, price) for price in prices]
            if any(part.height for part in near):
                return near
        return [since(table, symbol, first, price) for price in prices]

    last, mark = rows("klines", prices=("last", "mark"))
    (spot,) = rows("klines", f"{instrument.base}/{instrument.quote}", ("spot",))
    (open_interest,), (funding,) = rows("open_interest"), rows("funding")
    (ratios,), (bands,) = rows("long_short_ratio"), rows("depth_bands")
    return FeatureInputs(
        instrument=instrument,
        at_ms=at_ms,
        trade_klines=last,
        mark_klines=mark,
        spot_klines=spot,
        open_interest=open_interest,
        funding=funding,
        long_short_ratio=ratios,
        liquidation_totals=read_liquidation_totals(lake, instrument, first, at_ms),
        depth_bands=last_of_steps(bands),
        calendar_events=read_events(lake, at_ms, first, at_ms + _SCHEDULED_MS),
    )


def read_liquidation_totals(
    lake: RowSource, instrument: Instrument, start_ms: int, at_ms: int
) -> pl.DataFrame:
    """Return liquidations as totals, prints summed; empty where none is held.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    start_ms : int
        Rows from then on. [UTC ms]
    at_ms : int
        Rows known by then. [UTC ms]
    """
    try:
        rows, _ = read_liquidations(lake, instrument, start_ms, at_ms)
    except NoDataError:
        return tables.empty("liquidation_totals")
    return totals_of_prints(rows, at_ms) if "price_kind" in rows.columns else rows


def totals_of_prints(prints: pl.DataFrame, at_ms: int) -> pl.DataFrame:
    """Return printed liquidations as totals per side and step of five minutes.

    Parameters
    ----------
    prints : polars.DataFrame
        Rows of ``liquidations`` of one series, at least one.
    at_ms : int
        Steps that end by then. [UTC ms]

    Returns
    -------
    polars.DataFrame
        Of ``liquidation_totals``. A step without a print holds zero for six hours after the last;
        after a longer silence there are no rows, for nobody knows whether the feed was heard.
    """
    by_step = prints.group_by("side", available_time=_end_of_step("available_time")).agg(
        # In one order, so that the sum is the same to the last byte.
        pl.col("notional_usd", "amount").sort_by("event_time", "event_id", "amount").sum()
    )
    heard = by_step["available_time"].dt.epoch("ms").unique().to_numpy()
    steps = np.unique(heard[:, None] + np.arange(0, _SILENCE_MS + 1, STEP_MS))
    moments = pl.DataFrame({"available_time": pl.Series(steps[steps <= at_ms]).cast(tables.TIME)})
    told = prints.row(-1, named=True)
    kept = ("venue", "symbol", "completeness", "source", "precedence")
    totals = (
        moments.join(pl.DataFrame({"side": SIDES}), how="cross")
        .join(by_step, on=["available_time", "side"], how="left")
        .with_columns(
            pl.col("notional_usd", "amount").fill_null(0.0),
            event_time=pl.col("available_time"),
            interval_ms=pl.lit(STEP_MS, pl.Int64),
            **{name: pl.lit(told[name]) for name in kept},
        )
    )
    return tables.check("liquidation_totals", totals.sort("event_time", "side"))


def last_of_steps(bands: pl.DataFrame) -> pl.DataFrame:
    """Return depth bands with the last of each distance in every step of the feature grid."""
    # Half a minute apart, they would be ten times as many as are looked at.
    distances, distance = np.unique(bands["distance_pct"].to_numpy(), return_inverse=True)
    place = -(-known_ms(bands) // STEP_MS) * distances.size + distance
    # They stand nearly in this order; of those of one place the last stays last.
    order = np.argsort(place, kind="stable")
    is_last = np.ones(place.size, dtype=np.bool_)
    is_last[order[:-1]] = np.diff(place[order]) > 0
    return picked(bands, is_last)


def _end_of_step(column: str) -> pl.Expr:
    almost = pl.duration(milliseconds=STEP_MS - 1)
    return (pl.col(column) + almost).dt.truncate(f"{STEP_MS}ms")
