"""Clock skew: how far a venue's clock is from ours, and how well we know it.

In:  when we asked, what the venue's clock said, when we heard.   Out: an offset with its bound.
Free of any clock but those given; the skew is reported and never applied to a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from forcedflow.venues.connector import Connector, Http

SAMPLES = 5
"""Questions per measurement: the fastest answer was delayed least on its way."""

_NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question about the time.

    Parameters
    ----------
    sent_ns, heard_ns : int
        Our clock when we asked and when the answer was there. [UTC ns]
    server_ms : int
        The venue's clock in its answer, cut to the millisecond. [UTC ms]
    """

    sent_ns: int
    server_ms: int
    heard_ns: int

    @property
    def round_trip_ms(self) -> float:
        """Return how long the answer took. [ms]"""
        return (self.heard_ns - self.sent_ns) / _NS_PER_MS


class ClockSkew(msgspec.Struct, frozen=True):
    """How far a venue's clock was from ours.

    Parameters
    ----------
    offset_ms : float
        The venue's clock minus ours. [ms]
    error_ms : float
        The offset lies within this on either side, whatever the way there and back took. [ms]
    measured_ms : int
        When. [UTC ms, our clock]
    """

    offset_ms: float
    error_ms: float
    measured_ms: int


def estimate_skew(exchanges: Sequence[Exchange]) -> ClockSkew:
    """Return the offset by the exchange with the shortest round trip.

    The venue read its clock somewhere between our question and its answer; the middle is the best
    guess and half the round trip bounds its error, as in the network time protocol (RFC 5905 §8).
    A clock cut to the millisecond is half a millisecond behind on average.

    Parameters
    ----------
    exchanges : sequence of Exchange
        At least one.

    Returns
    -------
    ClockSkew

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> estimate_skew([Exchange(1_000_000_000, 1_007, 1_004_000_000)])
    ClockSkew(offset_ms=5.5, error_ms=2.5, measured_ms=1004)
    """
    if not exchanges:
        raise ValueError("a skew needs at least one exchange")
    best = min(exchanges, key=lambda exchange: exchange.round_trip_ms)
    # Differences before divisions: nanoseconds since 1970 have more digits than a float.
    ahead_ns = 2 * best.server_ms * 1_000_000 - best.sent_ns - best.heard_ns
    return ClockSkew(
        offset_ms=ahead_ns / 2 / _NS_PER_MS + 0.5,
        error_ms=best.round_trip_ms / 2 + 0.5,
        measured_ms=best.heard_ns // 1_000_000,
    )


def measure_skew(
    connector: Connector, http: Http, now_ns: Callable[[], int], samples: int = SAMPLES
) -> ClockSkew:
    """Ask a venue for its time and return the skew.

    Parameters
    ----------
    connector : Connector
    http : Http
        Blocks; a pause that it makes for a rate limit only lengthens a round trip.
    now_ns : callable
        Our clock. [UTC ns]
    samples : int
        How often to ask.

    Raises
    ------
    VenueError
        If the venue does not answer.
    """
    exchanges = []
    for _ in range(samples):
        sent_ns = now_ns()
        server_ms = connector.server_time_ms(http)
        exchanges.append(Exchange(sent_ns, server_ms, now_ns()))
    return estimate_skew(exchanges)
