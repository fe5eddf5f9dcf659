"""A scheduled event: when it is, since when that is known, and the window around it.

In:  figures of one event. [UTC ms]   Out: `ScheduledEvent`, and rows of ``calendar_events``.
Pure: values in, frames out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from forcedflow.tables import TIME, check
from forcedflow.units import HOUR_MS, MINUTE_MS

VENUE = "macro"
"""``venue`` of every row of the calendar."""

Status: TypeAlias = Literal["held", "scheduled", "tentative"]
Trust: TypeAlias = Literal["A", "B", "feed", "computed", "user"]
"""A the official text was read; B a transcription of it; feed the publisher's own or FRED's."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How much an event moves the market, and around it for how long.

    Parameters
    ----------
    weight : float
        Above 0 and at most 1. [1]
    before_ms, after_ms : int
        The window opens so long before the event and closes so long after it. [ms]
    """

    weight: float
    before_ms: int = 30 * MINUTE_MS
    after_ms: int = 2 * HOUR_MS


FOMC = "FOMC decision"
CPI = "US CPI"
PAYROLLS = "US employment situation (NFP)"
PCE = "US PCE (Personal Income and Outlays)"
ECB = "ECB monetary policy decision"
BOE = "Bank of England MPC decision"
BOJ = "Bank of Japan MPM decision"

KINDS = {
    FOMC: Kind(1.0),
    CPI: Kind(1.0),
    PAYROLLS: Kind(1.0),
    PCE: Kind(0.5),
    ECB: Kind(0.5),
    BOE: Kind(0.25),
    BOJ: Kind(0.5),
    # The price that options settle at is averaged over the half hour before.
    "quarterly expiry": Kind(0.1, after_ms=HOUR_MS),
    "monthly expiry": Kind(0.1, after_ms=HOUR_MS),
    "weekly expiry": Kind(0.1, after_ms=HOUR_MS),
}
"""Weight and window by the name of the event.

Full weight has what widened its hour on recorded prices of 2024-01 to 2026-03, over the median of
the same hour of the eight weeks around: FOMC 2.4 to 2.6 times, CPI 1.9 to 2.4, payrolls 1.6 to 1.9
(BTC, ETH, SOL; 17, 25 and 25 events). Expiries did nothing, 0.8 to 1.1 times. The rest is
judgement: one event or none of each had recorded prices.
"""

UNNAMED = Kind(0.5)
"""What an event of any other name gets unless whoever adds it says otherwise."""


@dataclass(frozen=True, slots=True)
class ScheduledEvent:
    """One event, as one source has it.

    Parameters
    ----------
    name : str
    country : str
        ISO code, EA for the euro area, ``crypto``, or ``user`` for what a user declared.
    event_ms : int
        Its time; noon at the publisher where only the day is known. [UTC ms]
    known_ms : int
        Since when somebody could know that it is then. [UTC ms]
    before_ms, after_ms : int
        The window around it. [ms]
    weight : float
        Above 0 and at most 1.
    status : {"held", "scheduled", "tentative"}
    trust : {"A", "B", "feed", "computed", "user"}
    local_time : str or None
        Wall time at the publisher, HH:MM; None where only the day is known.
    timezone : str
        The publisher's zone.
    source, source_url, read_on : str
        Where it was read, and on which day.
    precedence : int
        Higher replaces lower for the same event and time.
    """

    name: str
    country: str
    event_ms: int
    known_ms: int
    before_ms: int
    after_ms: int
    weight: float
    status: Status
    trust: Trust
    local_time: str | None
    timezone: str
    source: str
    source_url: str
    read_on: str
    precedence: int


def to_rows(events: Iterable[ScheduledEvent]) -> pl.DataFrame:
    """Return events as rows of ``calendar_events``, in their order.

    Raises
    ------
    SchemaError
        If a value is none that the table can hold.
    """
    rows = [
        {
            "venue": VENUE,
            "symbol": event.country,
            "event_time": event.event_ms,
            "available_time": event.known_ms,
            "event": event.name,
            "status": event.status,
            "local_time": event.local_time,
            "timezone": event.timezone,
            "source_url": event.source_url,
            "read_on": event.read_on,
            "trust": event.trust,
            "weight": event.weight,
            "before_ms": event.before_ms,
            "after_ms": event.after_ms,
            "source": event.source,
            "precedence": event.precedence,
        }
        for event in events
    ]
    schema = {
        "venue": pl.String,
        "symbol": pl.String,
        "event_time": pl.Int64,
        "available_time": pl.Int64,
        "event": pl.String,
        "status": pl.String,
        "local_time": pl.String,
        "timezone": pl.String,
        "source_url": pl.String,
        "read_on": pl.String,
        "trust": pl.String,
        "weight": pl.Float64,
        "before_ms": pl.Int64,
        "after_ms": pl.Int64,
        "source": pl.String,
        "precedence": pl.Int8,
    }
    frame = pl.DataFrame(rows, schema=schema)
    times = pl.col("event_time", "available_time").cast(TIME)
    return check("calendar_events", frame.with_columns(times))
