"""Depth feed: the linear book as venues show it, in percentage bands and in levels.

In:  contracts per unit of log price, price in ticks.   Out: rows of depth_bands and order_book.
Pure: arrays in, frames out; no I/O, no clock; noise is keyed by time.

The simulated book is linear: the same number of coins at every distance. What is published carries
a small lognormal error per slice, for no two snapshots of a real book agree.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from forcedflow.sandbox.keyed_chance import Numbers, keyed_normal
from forcedflow.sandbox.published import coins, rows_of, traded_price
from forcedflow.sandbox.state import I8x2
from forcedflow.units import F8, I8, F8x2

BAND_PCT: F8 = np.array([-5.0, -4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0, 5.0])
"""Distances of the bands; bids are negative. [%]"""

LEVELS = 20
LEVEL_SHARE = 5e-4
"""Levels of the book on each side, and the distance between two of them as a share of price."""

NOISE = 0.04
"""Standard deviation of the log of what is shown over what is there, per slice. [1]"""


def depth_bands(
    event_ms: I8, venues: Sequence[str], depth: F8x2, price: F8x2, seed: int
) -> pl.DataFrame:
    """Return cumulative depth to each distance.

    Parameters
    ----------
    event_ms : ndarray, shape (n,)
        Times of the snapshots. [UTC ms]
    venues : sequence of str, length v
    depth : ndarray, shape (n, v)
        Contracts per unit of log price.
    price : ndarray, shape (n, v)
        Last price. [ticks]
    seed : int

    Returns
    -------
    polars.DataFrame
    """
    seen = _noise(event_ms, len(venues), 10, seed, "depth bands")
    # One percent of the book per slice, its value taken at the slice's middle.
    slices = coins(depth[:, :, None]) * 0.01 * seen
    value = slices * traded_price(price)[:, :, None] * (1.0 + np.sign(BAND_PCT) * _middle() / 100.0)
    amount, notional = _outwards(slices), _outwards(value)
    return rows_of(
        event_ms,
        venues,
        {"amount": amount, "notional_usd": notional},
        {"distance_pct": BAND_PCT.tolist()},
    )


def order_book(
    event_ms: I8, venues: Sequence[str], depth: F8x2, price: F8x2, seed: int
) -> pl.DataFrame:
    """Return twenty levels a side, five basis points apart.

    The best level is a tick from the price and holds half a slice; each further one stands in the
    middle of its slice.

    Parameters
    ----------
    event_ms, venues, depth, price, seed
        As in `depth_bands`.

    Returns
    -------
    polars.DataFrame
        Amounts in whole contracts.
    """
    seen = _noise(event_ms, len(venues), 2 * LEVELS, seed, "order book")
    seen = seen.reshape(*seen.shape[:2], 2, LEVELS)
    level = np.arange(LEVELS)
    share = np.where(level == 0, 0.5, 1.0) * LEVEL_SHARE
    amount = coins(np.rint(depth[:, :, None, None] * share * seen).astype(np.int64))
    last = np.rint(price)[:, :, None, None]
    sign = np.array([-1.0, 1.0])[:, None]
    ticks = np.rint(last * (1.0 + sign * level * LEVEL_SHARE)) + sign
    return rows_of(
        event_ms,
        venues,
        {"price": traded_price(ticks), "amount": amount},
        {"side": ("bid", "ask"), "level": level.astype(np.int32).tolist()},
    )


def _noise(event_ms: I8, n_venues: int, n: int, seed: int, purpose: str) -> Numbers:
    time = event_ms[:, None, None]
    venue: I8x2 = np.arange(n_venues, dtype=np.int64)[:, None]
    place = np.arange(n, dtype=np.int64)
    # Divided by its mean, so that depth is right on average.
    drawn = keyed_normal(seed, purpose, time, venue, place)
    return np.asarray(np.exp(NOISE * drawn - 0.5 * NOISE**2))


def _middle() -> F8:
    return np.asarray(np.abs(BAND_PCT) - 0.5)


def _outwards(slices: Numbers) -> Numbers:
    """Sum from the price to either side."""
    bids, asks = slices[..., :5], slices[..., 5:]
    summed = [np.cumsum(bids[..., ::-1], axis=-1)[..., ::-1], np.cumsum(asks, axis=-1)]
    return np.concatenate(summed, axis=-1)
