r"""Ignition: an impulse that pauses, gives little back and goes on, as it is seen while it happens.

In:  `PriceSeries`, bars or trades. [quote per base, UTC ms]   Out: `Ignition` values.
Pure: NumPy in, values out; no I/O, no clock, no global state.

The rule, the same way down and up. An *impulse* is a close at least `impulse_sigma` deviations, and
`least`, from the furthest opposite price of the last `window_ms`, by the volatility that was known
before the window began. It *pauses* once it has given back `pause` of the way, *fails* once it has
given back more than `retrace`, and *ignites* once, after a pause, a close lies beyond its furthest
price; for all that it has `life_ms`. Where open interest is known, whether contracts were closed on
the way is said beside it, and where a feed of forced closes is heard, whether they burst.
Thresholds are of the days before.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from forcedflow.depth.curve import Direction
from forcedflow.playbook.price_series import PriceSeries
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, MINUTE_MS

Outcome: TypeAlias = Literal["impulse", "ignited", "failed", "timed_out"]
"""How far it has come: still open, gone on, undone, or neither in time."""

SIGN: dict[Direction, float] = {"down": -1.0, "up": 1.0}
"""Sign of a log return in a direction."""

_SIDE: dict[Direction, int] = {"down": 0, "up": 1}  # longs lose on the way down


@dataclass(frozen=True, slots=True)
class IgnitionRule:
    """What counts as an ignition.

    Parameters
    ----------
    window_ms : int
        Time within which the impulse is made. [ms]
    impulse_sigma : float
        Its least size, in deviations of that time. [σ]
    least : float
        Its least size however calm it was, as a log return: in a calm, deviations pick noise. [1]
    retrace : float
        Share of the way that may be given back. [1]
    pause : float
        Share given back from which it is said to have paused. [1]
    life_ms : int
        Time it has for that. [ms]
    oi_drop : float
        Least fall of open interest that counts as one. [1]
    oi_quantile : float
        Nor less than this quantile of its changes over a window, in the history. [1]
    burst_quantile : float
        Forced closes over a window burst above this quantile of the history. [1]
    history_ms, least_history_ms : int
        History that thresholds are of, whole days before the day; less than the least is none.
        [ms]
    """

    window_ms: int = 15 * MINUTE_MS
    impulse_sigma: float = 4.0
    least: float = 0.003
    retrace: float = 0.5
    pause: float = 0.1
    life_ms: int = HOUR_MS
    oi_drop: float = 0.0025
    oi_quantile: float = 0.05
    burst_quantile: float = 0.99
    history_ms: int = 30 * DAY_MS
    least_history_ms: int = 7 * DAY_MS


BARS = IgnitionRule()
"""The rule for bars of one to five minutes."""

TICKS = IgnitionRule(window_ms=MINUTE_MS, least=0.001, life_ms=10 * MINUTE_MS)
"""The rule for trades: the same shape within a minute."""


@dataclass(frozen=True, slots=True)
class Ignition:
    """One impulse and what became of it; times are of when each was known, None while it is not.

    Parameters
    ----------
    direction : {"down", "up"}
    start : int
        Place in the series of the furthest opposite price that the impulse began from.
    seen : int
        Place at which the impulse was seen.
    start_ms, start_price : int, float
        When and where it began. [UTC ms, quote per base]
    impulse_ms : int
        When it was known. [UTC ms]
    size_sigma : float
        Its size then, in deviations of the window. [σ]
    impulse : float
        The same in log price. [1]
    pause_ms : int, optional
        First time it gave back `pause`. [UTC ms]
    oi_drop_ms : int, optional
        First time open interest had fallen enough. [UTC ms]
    burst_ms : int, optional
        First time forced closes burst. [UTC ms]
    end_ms : int, optional
        When it ignited, failed or ran out of time. [UTC ms]
    outcome : {"impulse", "ignited", "failed", "timed_out"}
    oi_known, burst_known : bool
        Whether open interest and forced closes were known when it was seen.
    """

    direction: Direction
    start: int
    seen: int
    start_ms: int
    start_price: float
    impulse_ms: int
    size_sigma: float
    impulse: float
    pause_ms: int | None
    oi_drop_ms: int | None
    burst_ms: int | None
    end_ms: int | None
    outcome: Outcome
    oi_known: bool
    burst_known: bool

    @property
    def latency_ms(self) -> int:
        """Return how long after its beginning the impulse was known. [ms]"""
        return self.impulse_ms - self.start_ms

    @property
    def forced(self) -> bool | None:
        """Return whether contracts were closed on the way; None where nothing says."""
        if not (self.oi_known or self.burst_known):
            return None
        return self.oi_drop_ms is not None or self.burst_ms is not None


def find_ignitions(series: PriceSeries, rule: IgnitionRule = BARS) -> tuple[Ignition, ...]:
    """Return every impulse both ways and what became of it, in the order they were seen.

    Parameters
    ----------
    series : PriceSeries
    rule : IgnitionRule

    Returns
    -------
    tuple of Ignition
        Of one direction none begins before the one before has ended. What the series does not
        reach yet is None: with more of it the same impulses are found, and more may be said.
    """
    drop = _drops_needed(series, rule)
    burst = _bursts_needed(series, rule)
    found = [
        ignition
        for direction in ("down", "up")
        for ignition in _one_way(series, rule, direction, drop, burst)
    ]
    return tuple(sorted(found, key=lambda ignition: (ignition.seen, ignition.direction)))


def _one_way(
    series: PriceSeries, rule: IgnitionRule, direction: Direction, drop: F8, burst: tuple[F8, F8]
) -> list[Ignition]:
    sign = SIGN[direction]
    # Progress in the direction, so that both ways read alike.
    close = (sign * np.log(series.close)).tolist()
    ahead = (sign * np.log(series.low if direction == "down" else series.high)).tolist()
    turns = _turns(series, direction)
    behind = (sign * np.log(turns)).tolist()
    sigma = _sigma_before(series, rule.window_ms)
    # Unknown stays unknown: the maximum with NaN is NaN.
    needed = np.maximum(rule.impulse_sigma * sigma, rule.least).tolist()
    event = series.event_ms.tolist()
    found: list[Ignition] = []
    lowest: deque[int] = deque()  # places with rising `behind`; the first is the window's extreme
    free = i = 0
    while i < series.size:
        # A bar's own extreme may lie after its close's way; the bar before it cannot.
        if i > free:
            _push(lowest, behind, i - 1)
        while lowest and (event[lowest[0]] < event[i] - rule.window_ms or lowest[0] < free):
            lowest.popleft()
        if not lowest or not close[i] - behind[lowest[0]] >= needed[i]:
            i += 1
            continue
        start = lowest[0]
        ignition, end = _follow(
            series, rule, direction, start, i, (close, ahead, turns), drop, burst, sigma[i]
        )
        found.append(ignition)
        free = i = end + 1
        lowest.clear()
    return found


def _turns(series: PriceSeries, direction: Direction) -> F8:
    """Furthest opposite price of each bar; where only closes are told, the close itself."""
    return np.where(series.ranged, series.high if direction == "down" else series.low, series.close)


def _push(lowest: deque[int], behind: list[float], i: int) -> None:
    while lowest and behind[lowest[-1]] >= behind[i]:
        lowest.pop()
    lowest.append(i)


def _follow(
    series: PriceSeries,
    rule: IgnitionRule,
    direction: Direction,
    start: int,
    seen: int,
    path: tuple[list[float], list[float], F8],
    drop: F8,
    burst: tuple[F8, F8],
    sigma: float,
) -> tuple[Ignition, int]:
    """Follow an impulse from where it was seen; return it and the last place that belongs to it."""
    close, ahead, turns = path
    origin = SIGN[direction] * float(np.log(turns[start]))
    size = close[seen] - origin
    furthest = max(ahead[start + 1 : seen + 1])
    oi_then = float(series.open_interest[start])
    side = _SIDE[direction]
    pause_ms: int | None = None
    oi_drop_ms: int | None = None
    burst_ms: int | None = None
    outcome: Outcome = "impulse"
    end_ms: int | None = None
    last = series.size - 1
    for i in range(seen, series.size):
        known = int(series.known_ms[i])
        before, furthest = furthest, max(furthest, ahead[i])
        given_back = (furthest - close[i]) / (furthest - origin)
        goes_on = pause_ms is not None and close[i] > before
        if pause_ms is None and given_back >= rule.pause:
            pause_ms = known
        if oi_drop_ms is None and series.open_interest[i] <= oi_then * (1 - drop[i]):
            oi_drop_ms = known
        if burst_ms is None and burst[side][i] > 0:
            burst_ms = known
        if i == seen:
            continue
        if given_back > rule.retrace:
            outcome = "failed"
        elif goes_on:
            outcome = "ignited"
        elif series.event_ms[i] - series.event_ms[seen] >= rule.life_ms:
            outcome = "timed_out"
        if outcome != "impulse":
            end_ms, last = known, i
            break
    return (
        Ignition(
            direction=direction,
            start=start,
            seen=seen,
            start_ms=int(series.event_ms[start]),
            start_price=float(turns[start]),
            impulse_ms=int(series.known_ms[seen]),
            size_sigma=float(size / sigma),
            impulse=size,
            pause_ms=pause_ms,
            oi_drop_ms=oi_drop_ms,
            burst_ms=burst_ms,
            end_ms=end_ms,
            outcome=outcome,
            oi_known=bool(np.isfinite(oi_then) and np.isfinite(series.open_interest[seen])),
            burst_known=bool(np.isfinite(burst[side][seen])),
        ),
        last,
    )


def _sigma_before(series: PriceSeries, window_ms: int) -> F8:
    """Deviation of a window by the volatility of its beginning; NaN where unknown."""
    at = np.searchsorted(series.event_ms, series.event_ms - window_ms, side="right") - 1
    sigma = np.where(at >= 0, series.sigma_day[np.maximum(at, 0)], np.nan)
    scaled = sigma * np.sqrt(window_ms / DAY_MS)
    return np.where(scaled > 0, scaled, np.nan)


def _drops_needed(series: PriceSeries, rule: IgnitionRule) -> F8:
    """Fall of open interest that counts at each place, by the changes of the days before."""
    if not series.size:
        return np.zeros(0)
    before = np.searchsorted(series.event_ms, series.event_ms - rule.window_ms, side="right") - 1
    change = np.where(
        before >= 0, series.open_interest / series.open_interest[np.maximum(before, 0)] - 1, np.nan
    )
    usual = _of_days_before(series.event_ms, change, rule.oi_quantile, rule)
    return np.fmax(rule.oi_drop, -usual)


def _bursts_needed(series: PriceSeries, rule: IgnitionRule) -> tuple[F8, F8]:
    """By side, what was closed by force in a window less what it must exceed; NaN if unknown."""
    first = np.searchsorted(series.event_ms, series.event_ms - rule.window_ms, side="right")
    excess = []
    for s in range(2):
        told = series.forced_usd[:, s] if series.size else np.zeros(0)
        running = np.concatenate([[0.0], np.cumsum(np.nan_to_num(told))])
        within = np.where(np.isfinite(told), running[1:] - running[first], np.nan)
        usual = _of_days_before(series.event_ms, within, rule.burst_quantile, rule)
        excess.append(within - usual)
    return excess[0], excess[1]


def _of_days_before(event_ms: I8, values: F8, quantile: float, rule: IgnitionRule) -> F8:
    """Quantile of the whole days before each day; NaN where too little of them is known."""
    day = event_ms // DAY_MS
    usual = np.full(values.size, np.nan)
    for d in np.unique(day).tolist():
        begins = d * DAY_MS
        first, stop = np.searchsorted(event_ms, [begins - rule.history_ms, begins])
        known = np.flatnonzero(np.isfinite(values[first:stop])) + first
        if known.size and begins - int(event_ms[known[0]]) >= rule.least_history_ms:
            usual[day == d] = np.quantile(values[known], quantile)
    return usual
