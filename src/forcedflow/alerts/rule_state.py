"""What a rule remembers of a market from one observation to the next.

In:  -.   Out: `RuleState`, a value that JSON can hold.
Pure: values only; no I/O, no clock, no global state.

It is kept beside the outbox, in the same transaction as what fired: a process that starts again
goes on where the one before was killed, and tells nothing twice.
"""

from __future__ import annotations

import msgspec


class Watched(msgspec.Struct, frozen=True):
    """A cluster as it stood when it was last seen.

    Parameters
    ----------
    side : str
    price, low, high : float
        Densest price and borders. [quote per base]
    usd, usd_low, usd_high : float
        [USD]
    """

    side: str
    price: float
    low: float
    high: float
    usd: float
    usd_low: float
    usd_high: float


class RuleState(msgspec.Struct, frozen=True):
    """What one rule remembers of one market.

    Parameters
    ----------
    latched : dict of str to float
        What has fired and was not let go since, with the price or figure it fired at.
    verdicts : dict of str to str
        Last known verdict of each signal.
    watched : tuple of Watched
        Clusters that have not been reached.
    last_ms : int, optional
        Moment of the observation before; None before the first. [UTC ms]
    """

    latched: dict[str, float] = {}
    verdicts: dict[str, str] = {}
    watched: tuple[Watched, ...] = ()
    last_ms: int | None = None
