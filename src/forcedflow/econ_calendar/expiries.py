"""Expiries of options and dated futures: Fridays at 08:00 UTC.

In:  a span of time. [UTC ms]   Out: `ScheduledEvent`s, one per Friday, of its largest kind.
Pure: values in, values out; no I/O, no clock, no global state.

References
----------
.. [1] Deribit, Contract Introduction Policy (support.deribit.com, article 25944688876957), read
   2026-11-23: weeklies expire every Friday at 08:00 UTC, monthlies on the last Friday of the month,
   quarterlies on the last Friday of March, June, September and December.
.. [2] Deribit, Expiration Price (deribit.com/docs/expiration-price), read 2026-11-23: the price is
   the average of the index over the last half hour before, which is why the window opens then.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from forcedflow.econ_calendar.event import KINDS, ScheduledEvent
from forcedflow.units import DAY_MS, HOUR_MS, SECOND_MS

SOURCE = "calendar:computed"
SOURCE_URL = (
    "https://support.deribit.com/hc/en-us/articles/25944688876957-Contract-Introduction-Policy"
)

_FRIDAY = 4
_EXPIRY_MS = 8 * HOUR_MS
_KNOWN_AHEAD_MS = 365 * DAY_MS
"""A rule is known as long as it stands; a year is longer than any window looks ahead. [ms]"""


def expiries(start_ms: int, end_ms: int) -> tuple[ScheduledEvent, ...]:
    """Return the expiries of a span in order.

    Parameters
    ----------
    start_ms, end_ms : int
        The span, half open. [UTC ms]

    Examples
    --------
    >>> [event.name for event in expiries(1_798_000_000_000, 1_799_900_000_000)]
    ['quarterly expiry', 'weekly expiry', 'weekly expiry']
    """
    first = datetime.fromtimestamp(start_ms / SECOND_MS, UTC).date()
    friday = first + timedelta(days=(_FRIDAY - first.weekday()) % 7)
    found = []
    while (midnight_ms := _midnight_ms(friday)) < end_ms:
        event_ms = midnight_ms + _EXPIRY_MS
        if start_ms <= event_ms < end_ms:
            found.append(_expiry(friday, event_ms))
        friday += timedelta(days=7)
    return tuple(found)


def expiry_kind(friday: date) -> str:
    """Return the largest kind of expiry on a Friday.

    Examples
    --------
    >>> expiry_kind(date(2026, 12, 25)), expiry_kind(date(2026, 11, 27))
    ('quarterly expiry', 'monthly expiry')
    >>> expiry_kind(date(2026, 11, 20))
    'weekly expiry'
    """
    if (friday + timedelta(days=7)).month == friday.month:
        return "weekly expiry"
    return "quarterly expiry" if friday.month % 3 == 0 else "monthly expiry"


def _expiry(friday: date, event_ms: int) -> ScheduledEvent:
    name = expiry_kind(friday)
    kind = KINDS[name]
    return ScheduledEvent(
        name=name,
        country="crypto",
        event_ms=event_ms,
        known_ms=event_ms - _KNOWN_AHEAD_MS,
        before_ms=kind.before_ms,
        after_ms=kind.after_ms,
        weight=kind.weight,
        status="scheduled",
        trust="computed",
        local_time="08:00",
        timezone="UTC",
        source=SOURCE,
        source_url=SOURCE_URL,
        read_on="2026-11-23",
        precedence=0,
    )


def _midnight_ms(day: date) -> int:
    return round(datetime.combine(day, time(), UTC).timestamp() * SECOND_MS)
