"""What an answer over HTTP is read for: whose, which span, and when its values became known.

In:  an instrument, a span, a time. [UTC ms]   Out: `Asked`, which parsers of history take.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from forcedflow.instruments import Instrument
from forcedflow.venues.base import PRECEDENCE_REST, PRECEDENCE_STREAM

_ALWAYS_MS: Final = 1 << 42


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reply is read for.

    Parameters
    ----------
    instrument : Instrument
    start_ms, end_ms : int
        Event times wanted, half-open. [UTC ms]
    now_ms : int
        When the reply came, or will come at the latest: what ends later has not ended. [UTC ms]
    precedence : int
        Precedence of its rows.
    is_current : bool
        Whether its values became known when the reply came: of a poll. History was known before.
    """

    instrument: Instrument
    start_ms: int
    end_ms: int
    now_ms: int
    precedence: int
    is_current: bool = False

    def covers(self, event_ms: int) -> bool:
        """Return whether an event time is wanted, and over."""
        return self.start_ms <= event_ms < self.end_ms and event_ms <= self.now_ms

    def known_ms(self, event_ms: int, lag_ms: int = 0) -> int:
        """Return when a value became known.

        Parameters
        ----------
        event_ms : int
            What it is of. [UTC ms]
        lag_ms : int
            How long after that we count on it where nobody watched it appear. [ms]
        """
        return max(event_ms, self.now_ms) if self.is_current else event_ms + lag_ms


def asked_before(instrument: Instrument, start_ms: int, end_ms: int, now_ms: int) -> Asked:
    """Return what a page of history is read for."""
    return Asked(instrument, start_ms, end_ms, now_ms, PRECEDENCE_REST)


def asked_now(instrument: Instrument, received_ms: int) -> Asked:
    """Return what the answer to a poll is read for: all that is in it.

    Examples
    --------
    >>> from forcedflow.instruments import parse_symbol
    >>> asked = asked_now(parse_symbol("BTC"), 1_000)
    >>> asked.covers(900), asked.covers(1_001), asked.known_ms(900)
    (True, False, 1000)
    """
    return Asked(instrument, 0, _ALWAYS_MS, received_ms, PRECEDENCE_STREAM, is_current=True)
