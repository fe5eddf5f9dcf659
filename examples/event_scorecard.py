"""An event of your own, and whether a column foretold it: beside its nulls, or not at all.

The event is a fall of one deviation within four hours. The claim is that it is likelier where much
stands below. Both nulls are printed: the base rate, and the same column shifted in time, which
keeps how it clusters and destroys what it knew. Run it: ``python examples/event_scorecard.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
from simulated import simulated_lake

from forcedflow.asof.signals import read_signal_table
from forcedflow.forecast.scores import roc_auc
from forcedflow.integrations.known_columns import known_columns
from forcedflow.units import F8

AHEAD = 48
"""Four hours in moments of five minutes."""

SHIFTS = 200


def fell_within(price: F8, sigma_day: F8, ahead: int) -> F8:
    """Return 1 where the price fell by a deviation of the span within it, 0 where not, NaN untold.

    Parameters
    ----------
    price, sigma_day : ndarray, shape (n,)
        [quote per base, 1]
    ahead : int
        Span in moments.
    """
    happened: F8 = np.full(price.size, np.nan)
    threshold = sigma_day * np.sqrt(ahead / 288)
    for row in range(price.size - ahead):
        fall = np.log(price[row + 1 : row + 1 + ahead] / price[row])
        # What happens later is the target here, and in no column.
        happened[row] = float(np.nanmin(fall) < -threshold[row])
    happened[np.isnan(threshold)] = np.nan
    return happened


def main(folder: Path) -> None:
    """Score one column on one simulated market: a demonstration of the form, not evidence."""
    lake, instrument, end_ms = simulated_lake(folder / "event-lake", days=3)
    table = read_signal_table(lake, instrument, end_ms)
    known = known_columns(table)
    column = known["mass_below_3pct"].to_numpy()
    happened = fell_within(table["price"], table["sigma_day"], AHEAD)
    usable = ~np.isnan(column) & ~np.isnan(happened)
    column, happened = column[usable], happened[usable]
    rng = np.random.default_rng(1)
    shifts = rng.integers(AHEAD, column.size - AHEAD, SHIFTS)
    null = np.array([roc_auc(np.roll(column, int(by)), happened) for by in shifts])
    own = roc_auc(column, happened)
    print(
        f"SIMULATED {instrument.symbol}, {column.size} moments, {column.size // AHEAD} independent"
    )
    print(
        pl.DataFrame(
            {
                "figure": ["base rate", "AUC", "AUC shifted, 5 %", "AUC shifted, 95 %"],
                "value": [happened.mean(), own, *np.quantile(null, [0.05, 0.95])],
            }
        )
    )
    beaten = float((null >= own).mean())
    print(f"shifted columns that do as well: {100 * beaten:.0f} %")


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    place.mkdir(parents=True, exist_ok=True)
    main(place)
