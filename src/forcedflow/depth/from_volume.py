r"""Depth from volume: what a market of that turnover and volatility tends to hold.

In:  traded value and volatility of a day. [USD, 1]   Out: `DepthCurve`. [USD, 1]
Pure: numbers in, values out; no I/O, no clock, no global state.

.. math:: D(1\,\%) = c \, V^{2/3} \, \sigma^{-4/3}

The exponents are not fitted; they follow from market microstructure invariance, by which the
impact of a share of a day's volume, in units of a day's volatility, grows with
:math:`(V\sigma)^{1/3}` [1]_. Only ``c`` is fitted, on four books; that is what so little
data can bear.

.. [1] Kyle and Obizhaeva, Market Microstructure Invariance: Empirical Hypotheses, Econometrica 84
   (2016) 1345–1404.
"""

from __future__ import annotations

import numpy as np

from forcedflow.depth.beyond import FLAT_TO, SHOWN, tail
from forcedflow.depth.curve import DepthCurve, Direction
from forcedflow.units import DAY_MS, format_age, format_usd

LEVEL = 0.57
"""``c``, with depth and volume in USD, volume and volatility of one day."""

LEVEL_LOG_SD = 1.07
"""Log error of a new market's depth under the relation: residuals of four books, Student's t with
three degrees of freedom. Three of the four show a few basis points and are extended evenly. [1]"""

AGED_LOG_SD = 0.40
"""Log error after a day of what the relation says: its standard deviation from one day to the next,
five of Binance's perpetuals over a year. [1]"""

AGED_LOG_SD_MONTH = 0.52
"""The same after thirty days. [1]"""


def from_volume(
    volume_usd: float,
    sigma_day: float,
    direction: Direction,
    at_ms: int,
    age_ms: int = 0,
    simulated: bool = False,
) -> DepthCurve:
    """Return the depth that goes with a day's volume and volatility.

    Parameters
    ----------
    volume_usd : float
        Value traded in a day on this venue. [USD]
    sigma_day : float
        Standard deviation of that day's log return, from bars of an hour or less. [1]
    direction : {"down", "up"}
        Both ways the same; the relation knows no side.
    at_ms : int
        End of that day. [UTC ms]
    age_ms : int
        How long ago that was. [ms]
    simulated : bool
        Whether the day is of the simulated exchange.

    Returns
    -------
    DepthCurve
        Measured to 0: nothing of it was seen.

    Raises
    ------
    ValueError
        If volume or volatility is not positive and finite, or the age is negative.

    Examples
    --------
    >>> curve = from_volume(1.5e10, 0.02, "down", at_ms=0)
    >>> round(float(curve.cumulative(np.array([0.01]))[0]) / 1e6)
    639
    """
    for name, value in (("volume", volume_usd), ("volatility", sigma_day)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} is positive and finite, was {value}")
    if age_ms < 0:
        raise ValueError(f"an age is not negative, was {age_ms} ms")
    within = depth_within_one_percent(volume_usd, sigma_day)
    beyond, beyond_usd = tail(FLAT_TO, within / FLAT_TO)
    words = (
        f"{'simulated ' if simulated else ''}no book known: from a day's volume of "
        f"{format_usd(volume_usd)} and volatility of {100 * sigma_day:.2g} %, a relation fitted "
        "on four books"
    )
    if age_ms > DAY_MS:
        words += f", of a day that ended {format_age(age_ms)} ago"
    return DepthCurve(
        direction=direction,
        edges=np.concatenate([[0.0, FLAT_TO], beyond]),
        usd=np.concatenate([[within], beyond_usd]),
        measured_to=0.0,
        log_sd=float(np.sqrt(LEVEL_LOG_SD**2 + SHOWN**2 + aged_log_sd(age_ms) ** 2)),
        source=words,
        at_ms=at_ms,
    )


def depth_within_one_percent(volume_usd: float, sigma_day: float) -> float:
    """Return the relation's depth within one percent, one side. [USD]"""
    return float(LEVEL * volume_usd ** (2 / 3) * sigma_day ** (-4 / 3))


def aged_log_sd(age_ms: int) -> float:
    """Return how far a day's answer has drifted by an age: none, 0.40 at a day, 0.52 at thirty.

    Between them by the logarithm of age, and on beyond thirty days.
    """
    days = age_ms / DAY_MS
    if days <= 1:
        return AGED_LOG_SD * days
    slope = (AGED_LOG_SD_MONTH - AGED_LOG_SD) / np.log(30.0)
    return float(AGED_LOG_SD + slope * np.log(days))
