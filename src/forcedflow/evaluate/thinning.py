"""Thinned feeds: how much happened where at most one print a second gets through.

In:  times of prints of one symbol. [UTC ms]   Out: how many events stand behind each print. [1]
Pure: NumPy in, NumPy out; no I/O, no clock.

Some venues print only the latest liquidation of each second. If events come at rate ``r`` a second,
a share ``p = 1 - exp(-r)`` of seconds carries a print, so ``r = -ln(1 - p)`` and each print stands
for ``r / p`` events of the size that got through.
"""

from __future__ import annotations

import numpy as np

from forcedflow.units import F8, I8, MINUTE_MS, SECOND_MS

_SECONDS = MINUTE_MS // SECOND_MS


def thinning_factor(print_ms: I8) -> F8:
    """Return how many events each print stands for, from how full its minute is.

    Parameters
    ----------
    print_ms : ndarray of int, shape (n,)
        Times of the prints of one symbol, both sides together. [UTC ms]

    Returns
    -------
    ndarray, shape (n,)
        At least 1. [1]

    Notes
    -----
    Both sides share the second's one place, so the share of seconds is counted over both. Events
    are taken to come evenly within a minute and to be of like size; a burst inside one is
    understated. A minute with a print in every second says only that there were many: its share is
    taken as half a second short of all, a factor of 4.8, and what is beyond stays unseen.

    Examples
    --------
    >>> one_in_ten = np.arange(6) * 10_000
    >>> thinning_factor(one_in_ten).round(3)
    array([1.054, 1.054, 1.054, 1.054, 1.054, 1.054])
    """
    if not print_ms.size:
        return np.zeros(0)
    seconds = np.unique(print_ms // SECOND_MS)
    minute, which = np.unique(seconds // _SECONDS, return_counts=True)
    share = np.minimum(which, _SECONDS - 0.5) / _SECONDS
    factor = -np.log1p(-share) / share
    own: F8 = factor[np.searchsorted(minute, print_ms // MINUTE_MS)]
    return own
