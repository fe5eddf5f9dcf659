"""A venue's past over HTTP, cut into pieces of whole days.

In:  a span of time, how many days a request covers well. [UTC ms, d]   Out: `Piece` values.
Free of I/O and of the clock: what counts as past is an argument.

Pieces lie on a grid that starts at 1970, so that two plans meet. The one under way ends now and may
still change; it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeAlias

from forcedflow.units import DAY_MS, HOUR_MS, SECOND_MS
from forcedflow.venues.base import Rows
from forcedflow.venues.connector import Piece

SETTLED_AFTER_MS: Final = HOUR_MS
"""After so long nothing that happened is missing from an answer any more. [ms]"""

ReadSpan: TypeAlias = Callable[[int, int], Rows]
"""Asks for the events of a span, half-open. [UTC ms]"""


@dataclass(frozen=True, slots=True)
class DayPieces:
    """How pieces of one instrument's past are cut and named.

    Parameters
    ----------
    prefix : str
        What every name begins with, such as ``rest/BTCUSDT``.
    now_ms : int
        Local clock. [UTC ms]
    """

    prefix: str
    now_ms: int

    def name(self, endpoint: str, when: str) -> str:
        """Return the name of a piece, which tells what was asked for and of when."""
        return f"{self.prefix}/{endpoint}/{when}"

    def is_settled(self, end_ms: int) -> bool:
        """Return whether what happened until then changes no more. [UTC ms]"""
        return end_ms + SETTLED_AFTER_MS <= self.now_ms

    def grid(
        self,
        tables: str | frozenset[str],
        endpoint: str,
        days: int,
        span: tuple[int, int],
        read: ReadSpan,
        remarks: Callable[[], tuple[str, ...]] | None = None,
    ) -> Iterator[Piece]:
        """Yield pieces of so many days that hold a span together.

        Parameters
        ----------
        tables : str or frozenset of str
            What an answer holds rows of.
        endpoint : str
            For the name.
        days : int
            At least 1. [d]
        span : tuple of int
            Start and end, half-open. [UTC ms]
        read : callable
            Asks for the events of a piece.
        remarks : callable, optional
            What there is to say once the first piece was read.
        """
        length = days * DAY_MS
        start_ms, end_ms = span
        for first in range(start_ms - start_ms % length, end_ms, length):
            last = min(first + length, self.now_ms)
            yield Piece(
                name=self.name(endpoint, f"{day_of(first)}+{days}d"),
                tables=frozenset({tables}) if isinstance(tables, str) else tables,
                start_ms=first,
                end_ms=last,
                read=partial(read, first, last),
                lasting=self.is_settled(first + length),
                # Said once, not with every piece.
                remarks=remarks if first <= start_ms else None,
            )

    def today(
        self, table: str, endpoint: str, span: tuple[int, int], read: ReadSpan
    ) -> Iterator[Piece]:
        """Yield the piece of what is told of today alone, such as brackets, and dated today."""
        today = self.now_ms - self.now_ms % DAY_MS
        if span[0] <= today < span[1]:
            yield Piece(
                name=self.name(endpoint, day_of(today)),
                tables=frozenset({table}),
                start_ms=today,
                end_ms=self.now_ms,
                read=partial(read, today, self.now_ms),
                lasting=False,
            )


def day_of(moment_ms: int) -> str:
    """Return the UTC date of a moment."""
    return datetime.fromtimestamp(moment_ms / SECOND_MS, UTC).date().isoformat()
