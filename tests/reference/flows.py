"""The accounting identity, one bar at a time."""

from __future__ import annotations

import math


def flows_of_bar(volume, change, taker_buy_share):
    """Return (opens_long, opens_short, closes_long, closes_short) of one bar.

    Buys are longs opened plus shorts closed, sells are shorts opened plus longs closed; both are
    the volume, and each side's opens less its closes are the change of open interest.
    """
    least = abs(change)  # open interest cannot change by more than what was traded
    traded = least if math.isnan(volume) else max(volume, least)
    opened = (traded + change) / 2  # per side on average
    room = (traded - least) / 2
    tilt = 0.0 if math.isnan(taker_buy_share) else 2 * taker_buy_share - 1
    free = max(-room, min(room, opened * tilt))
    opens_long, opens_short = opened + free, opened - free
    return opens_long, opens_short, opens_long - change, opens_short - change
