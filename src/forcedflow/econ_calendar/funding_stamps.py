"""Funding stamps: the moments at which longs and shorts pay each other.

In:  a span of time [UTC ms] and an interval [h].   Out: moments. [UTC ms]
Pure: values in, values out; no I/O, no clock, no global state.

Stamps are no scheduled event of the calendar table: three a day would leave no hour without one.
"""

from __future__ import annotations

from forcedflow.units import HOUR_MS

USUAL_INTERVAL_HOURS = {
    **dict.fromkeys(("binance", "bybit", "bitget", "gate", "kucoin", "mexc", "okx"), 8),
    **dict.fromkeys(("dydx", "hyperliquid"), 1),
    **dict.fromkeys(("sandbox", "sandbox-dark", "sandbox-sampled"), 8),
}
"""Interval where a venue's listing says nothing else: 00, 08 and 16 UTC, or every hour. [h]"""


def funding_stamps(start_ms: int, end_ms: int, interval_hours: float = 8) -> tuple[int, ...]:
    """Return the stamps of a span in order. [UTC ms]

    Parameters
    ----------
    start_ms, end_ms : int
        The span, half open. [UTC ms]
    interval_hours : float
        Time between stamps, counted from midnight UTC; a whole part of a day. [h]

    Raises
    ------
    ValueError
        If a day is no whole number of intervals.

    Examples
    --------
    >>> [stamp // 3_600_000 for stamp in funding_stamps(1, 86_400_001)]
    [8, 16, 24]
    """
    interval_ms = round(interval_hours * HOUR_MS)
    if interval_ms <= 0 or 24 * HOUR_MS % interval_ms:
        raise ValueError(f"a day is no whole number of intervals of {interval_hours:g} h")
    first = -(-start_ms // interval_ms) * interval_ms
    return tuple(range(first, end_ms, interval_ms))


def next_funding(at_ms: int, interval_hours: float = 8) -> int:
    """Return the first stamp after a moment. [UTC ms]

    Raises
    ------
    ValueError
        If a day is no whole number of intervals.
    """
    (stamp,) = funding_stamps(
        at_ms + 1, at_ms + 1 + round(interval_hours * HOUR_MS), interval_hours
    )
    return stamp
