"""What ``ladder`` answers: how much stands at every price, by side and leverage tier.

In:  a lake, an instrument, a moment, a window of price.   Out: plain values for JSON. [USD]
Free of any clock.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from forcedflow.answers.figures import known
from forcedflow.answers.model import read_map
from forcedflow.answers.times import iso_time
from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.positions import BANDS, PriceGrid, view
from forcedflow.positions.bands import SideMass
from forcedflow.store import Lake
from forcedflow.units import F8, SIDES, F8x2

LEAST_REACH, MOST_REACH = 0.005, 0.5
LEAST_BINS, MOST_BINS = 10, 600


def ask(
    lake: Lake,
    instrument: Instrument,
    at_ms: int,
    *,
    reach: float = 0.10,
    bins: int = 120,
    model: str | None = None,
) -> dict[str, Any]:
    """Return the profile of an instrument at a moment; parameters as of `answer`.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    UsageError
        If the window is out of its range.
    """
    check(reach, bins)
    return answer(read_map(lake, instrument, at_ms, model), reach=reach, bins=bins)


def check(reach: float, bins: int) -> None:
    """Refuse a window that is out of its range.

    Raises
    ------
    UsageError
        If it is.
    """
    if not LEAST_REACH <= reach <= MOST_REACH:
        raise UsageError(f"reach is from {LEAST_REACH} to {MOST_REACH}, was {reach:g}")
    if not LEAST_BINS <= bins <= MOST_BINS:
        raise UsageError(f"bins are from {LEAST_BINS} to {MOST_BINS}, was {bins}")


def answer(mapped: LiquidationMap, *, reach: float = 0.10, bins: int = 120) -> dict[str, Any]:
    """Return how much stands at every price around the mark, with everything to judge it.

    Parameters
    ----------
    mapped : LiquidationMap
    reach : float
        Window on either side of the mark, as a fraction of it. [1]
    bins : int
        At most so many bins; they are whole bins of the ladder's lattice joined.
    """
    mark, instrument = mapped.mark, mapped.market.instrument
    grid = view(mark * (1 - reach), mark * (1 + reach), mapped.ladder.width, bins)
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "simulated": mapped.simulated,
        "model": mapped.model,
        "model_words": mapped.model_words,
        "at": iso_time(mapped.market.at_ms),
        "known_to": iso_time(mapped.known_ms),
        "mark_price": mark,
        "open_interest_usd": round(mapped.open_interest_usd),
        "sigma_24h": round(mapped.sigma_day, 5),
        "reach": reach,
        "edges": [float(f"{edge:.8g}") for edge in grid.edges],
        "prices": [float(f"{price:.8g}") for price in grid.prices],
        "tiers": list(BANDS),
        "sides": {
            side: _side(mapped.mass(grid, side), mapped.profile_usd(grid, side), grid, mark)
            for side in SIDES
        },
        "range_words": mapped.range_words,
        "assumptions": mapped.assumptions(),
        "freshness": mapped.freshness(),
    }


def _side(mass: SideMass, by_tier: F8x2, grid: PriceGrid, mark: float) -> dict[str, Any]:
    bands = mass.bands(np.eye(grid.size))
    low = np.array([band.low for band in bands])
    high = np.array([band.high for band in bands])
    prior_share = [band.prior_share for band in bands]
    return side_answer(by_tier, low, high, prior_share, grid.prices, mark)


def side_answer(
    by_tier: F8x2, low: F8, high: F8, prior_share: list[float], prices: F8, mark: float
) -> dict[str, Any]:
    """Return one side of a profile.

    Parameters
    ----------
    by_tier : ndarray, shape (bands, p)
        By leverage band and price bin. [USD]
    low, high : ndarray, shape (p,)
        Range of each bin. [USD]
    prior_share : list of float
        Of each bin, the share that rests on the stated prior alone. [1]
    prices : ndarray, shape (p,)
        [quote per base]
    mark : float
        [quote per base]
    """
    usd: F8 = by_tier.sum(axis=0)
    return {
        "usd": _whole(usd),
        "low": _whole(low),
        "high": _whole(high),
        "prior_share": [known(share) for share in prior_share],
        "cumulative_usd": _whole(_outwards(usd, prices, mark)),
        "by_tier_usd": [_whole(tier) for tier in by_tier],
    }


def _outwards(usd: F8, prices: F8, mark: float) -> F8:
    """Sum from the mark outwards on either side of it. [USD]"""
    below = prices < mark
    total: F8 = np.empty_like(usd)
    total[below] = np.cumsum(usd[below][::-1])[::-1]
    total[~below] = np.cumsum(usd[~below])
    return total


def _whole(usd: F8) -> list[int]:
    return [round(value) for value in usd.tolist()]
