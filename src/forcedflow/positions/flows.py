"""Flows: how many contracts each bar opened and closed, from the accounting identity.

In:  `Bars` with open interest and, where known, volume and taker flow. [base coins]
Out: `Flows`: opens per side and role, closes per side. [base coins]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Every trade has one buyer and one seller, so with volume V and change of open interest D

    opens_long + opens_short = V + D        closes_long + closes_short = V - D
    opens_long - closes_long = opens_short - closes_short = D

hold exactly. One number a bar stays free, ``opens_long = (V + D)/2 + z`` with
``|z| <= (V - |D|)/2``. Taker flow suggests it: ``z = (V + D)/2 · (2·taker_buy_share - 1)``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forcedflow.positions.bars import VOLUME_SOURCES, Bars
from forcedflow.units import F8, F8x2

TAKER_ROLES = ("taker", "maker")
ONE_ROLE = ("all",)


@dataclass(frozen=True, slots=True)
class Flows:
    """Contracts opened and closed in each of ``n`` bars.

    Parameters
    ----------
    opens_long, opens_short : ndarray, shape (n, r)
        Opens per side and role. [base coins]
    closes_long, closes_short : ndarray, shape (n,)
        Closes per side, forced ones included. [base coins]
    roles : tuple of str
        Names of the ``r`` roles.
    inputs : tuple of str
        What the flows rest on, in words, with the share of bars.
    """

    opens_long: F8x2
    opens_short: F8x2
    closes_long: F8
    closes_short: F8
    roles: tuple[str, ...]
    inputs: tuple[str, ...]

    def joined(self) -> Flows:
        """Return the same flows with all roles as one, for a mixture that does not tell them."""
        return replace(
            self,
            opens_long=self.opens_long.sum(axis=1, keepdims=True),
            opens_short=self.opens_short.sum(axis=1, keepdims=True),
            roles=ONE_ROLE,
        )

    def cut(self, start: int, stop: int) -> Flows:
        """Return the flows of the bars ``[start, stop)``."""
        part = slice(start, stop)
        return replace(
            self,
            opens_long=self.opens_long[part],
            opens_short=self.opens_short[part],
            closes_long=self.closes_long[part],
            closes_short=self.closes_short[part],
        )


def infer_flows(bars: Bars) -> Flows:
    """Return opens and closes of every bar.

    Parameters
    ----------
    bars : Bars

    Returns
    -------
    Flows
        Where volume is unknown it is taken to be the least possible, ``|D|``: then only net
        changes of open interest open or close positions. Where taker flow is unknown ``z = 0``.

    Notes
    -----
    Volume below ``|D|`` contradicts the identity (different clocks, auto-deleveraging, which
    changes open interest without volume); it is raised to ``|D|``.
    """
    change = bars.change
    volume = np.fmax(bars.volume, np.abs(change))
    bought = bars.taker_buy_share
    known = ~np.isnan(bought)
    half = (volume + change) / 2
    bound = (volume - np.abs(change)) / 2
    tilt = np.where(known, 2 * bought - 1, 0.0)
    free = np.clip(half * tilt, -bound, bound)
    # A difference of near-equal sums may leave -1e-12 where nothing was opened or closed.
    opens_long = np.maximum(half + free, 0.0)
    opens_short = np.maximum(half - free, 0.0)
    # The aggressor's share of each side's opens; an even split where takers are unknown. Both roles
    # always, so that taker flow that arrives later changes nothing earlier.
    aggressor = np.where(known, bought, 0.5)
    long_by_role = np.stack([opens_long * aggressor, opens_long * (1 - aggressor)], axis=1)
    short_by_role = np.stack([opens_short * (1 - aggressor), opens_short * aggressor], axis=1)
    return Flows(
        opens_long=long_by_role,
        opens_short=short_by_role,
        closes_long=np.maximum(opens_long - change, 0.0),
        closes_short=np.maximum(opens_short - change, 0.0),
        roles=TAKER_ROLES,
        inputs=describe_inputs(bars),
    )


def describe_inputs(bars: Bars, since_ms: int | None = None, span: str = "") -> tuple[str, ...]:
    """Return what flows rest on, in words, with the share of bars.

    Parameters
    ----------
    bars : Bars
    since_ms : int, optional
        Also state the share of the bars that end after this moment. [UTC ms]
    span : str
        What that part is called, such as ``the last 7 days``.

    Returns
    -------
    tuple of str
        One line per input.
    """
    recent = np.zeros(bars.size, dtype=np.bool_) if since_ms is None else bars.end_ms > since_ms

    def of_bars(holds: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
        """Share of all bars, and of the recent ones where they are asked for and differ."""
        share = _percent(float(np.mean(holds)))
        if not recent.any():
            return f"({share} of bars)"
        here = _percent(float(np.mean(holds[recent])))
        return f"({share} of bars" + (")" if here == share else f", {here} of {span})")

    words = {
        "bar": "volume of the bar itself",
        "coarser bar": "volume rate of the last finished coarser kline",
        "trailing turnover": "volume from the trailing 30-day turnover of open interest",
        "missing": "no volume: net change of open interest only",
    }
    parts = ["open interest"]
    for index, name in enumerate(VOLUME_SOURCES):
        used = bars.volume_source == index
        if used.any():
            parts.append(f"{words[name]} {of_bars(used)}")
    taker = ~np.isnan(bars.taker_buy_share)
    parts.append(
        f"taker flow {of_bars(taker)}" if taker.any() else "no taker flow: both sides open alike"
    )
    klines = bars.mark_from_klines
    parts.append(
        f"mark highs and lows from klines {of_bars(klines)}"
        if klines.any()
        else "mark price at the ends of bars only"
    )
    return tuple(parts)


def _percent(share: float) -> str:
    if share == 0:
        return "none"
    return "all" if share > 0.9995 else f"{100 * share:.1f} %"
