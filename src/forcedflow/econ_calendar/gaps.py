"""What the shipped table does not hold, so that silence is not read as "nothing happens".

In:  a span of time. [UTC ms]   Out: the `Gap`s that touch it.
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from forcedflow.econ_calendar.event import BOE, BOJ, CPI, ECB, FOMC, PAYROLLS, PCE
from forcedflow.units import SECOND_MS


@dataclass(frozen=True, slots=True)
class Gap:
    """A span for which no date of an event is in the shipped table.

    Parameters
    ----------
    event : str
    start, end : str or None
        First day, and the day after the last; None where it has no end.
    why : str
        What was looked for, and what to do.
    """

    event: str
    start: str | None
    end: str | None
    why: str

    @property
    def start_ms(self) -> int:
        """Return its beginning. [UTC ms]"""
        return _ms(self.start) if self.start else 0

    @property
    def end_ms(self) -> int | None:
        """Return its end; None where it has none. [UTC ms]"""
        return _ms(self.end) if self.end else None


_NOT_PUBLISHED = "no schedule for it had been found by 2026-11-23"
_NOT_LOOKED_FOR = "its dates were not read"

GAPS = (
    Gap(CPI, None, "2024-01-01", _NOT_LOOKED_FOR),
    Gap(CPI, "2025-10-25", "2025-12-18", "none was published: October's was cancelled"),
    Gap(CPI, "2027-01-01", None, f"{_NOT_PUBLISHED}; try --fetch bls"),
    Gap(PAYROLLS, None, "2024-01-01", _NOT_LOOKED_FOR),
    Gap(PAYROLLS, "2027-01-01", None, f"{_NOT_PUBLISHED}; try --fetch bls"),
    Gap(PCE, None, "2025-01-01", _NOT_LOOKED_FOR),
    Gap(PCE, "2025-01-01", "2025-12-05", "days were read for part of it, times of day were not"),
    Gap(PCE, "2026-01-22", "2026-01-23", "the day is agreed, two sources differ on the time"),
    Gap(PCE, "2027-01-01", None, f"{_NOT_PUBLISHED}; try --fetch bea"),
    Gap(FOMC, None, "2024-01-01", _NOT_LOOKED_FOR),
    Gap(FOMC, "2028-01-01", None, _NOT_LOOKED_FOR),
    Gap(ECB, None, "2026-01-01", _NOT_LOOKED_FOR),
    Gap(ECB, "2028-01-01", None, _NOT_LOOKED_FOR),
    Gap(BOE, None, "2026-01-01", _NOT_LOOKED_FOR),
    Gap(BOE, "2028-01-01", None, _NOT_LOOKED_FOR),
    Gap(BOJ, None, "2026-01-01", _NOT_LOOKED_FOR),
    Gap(BOJ, "2028-01-01", None, _NOT_LOOKED_FOR),
)
"""Every gap of the table that is known of."""


def gaps_within(
    start_ms: int, end_ms: int, held: Iterable[tuple[str, int]] = ()
) -> tuple[Gap, ...]:
    """Return the gaps that touch a span and that nothing held fills.

    Parameters
    ----------
    start_ms, end_ms : int
        The span, half open. [UTC ms]
    held : iterable of (str, int)
        Name and time of events that are known from elsewhere; one within the span and within a gap
        closes it.
    """
    known = [(name, ms) for name, ms in held if start_ms <= ms < end_ms]

    def within(gap: Gap, ms: int) -> bool:
        return ms >= gap.start_ms and (gap.end_ms is None or ms < gap.end_ms)

    return tuple(
        gap
        for gap in GAPS
        if gap.start_ms < end_ms
        and (gap.end_ms is None or gap.end_ms > start_ms)
        and not any(name == gap.event and within(gap, ms) for name, ms in known)
    )


def _ms(day: str) -> int:
    return round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * SECOND_MS)
