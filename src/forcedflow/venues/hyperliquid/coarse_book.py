"""Depth far from the mid, from books whose levels the venue has merged.

In:  books of one coin at coarser and coarser steps [quote per base; base coins].
Out: rows of ``depth_bands`` beyond the reach of the finer book.
Free of sockets and of the clock.

The venue gives 20 levels a side, which of Bitcoin is a few dollars. Asked for fewer significant
digits it merges what lies between two steps into one level: bids into the lower end, asks into the
upper one, away from the mid. So the sum down to a level is exact *at* its price, and a distance
between two levels lies linearly between their sums, as bands are read anyway.

With four digits a step is 0.01 to 0.1 % of the price and twenty of them reach 0.2 to 2 %; with
three, ten times as much. No message says how many digits it has: each has its own connection.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.hyperliquid.messages import Book, Level
from forcedflow.venues.hyperliquid.spec import VENUE
from forcedflow.venues.order_book import BAND_PCT, BANDS_EVERY_MS, OrderBook, is_due
from forcedflow.venues.row_buffer import RowBuffer

DIGITS: Final = (4, 3)
"""Significant digits of the books asked for, the finest first."""

APART_MS: Final = 5_000
"""A merged book is measured from the mid of the exact one, which may be this much older. [ms]"""

_SIDES: Final = (-1, 1)


class CoarseBooks:
    """What is remembered of one coin's merged books.

    Parameters
    ----------
    exact : OrderBook
        Its book as it is, of which the mid is taken.
    """

    def __init__(self, exact: OrderBook) -> None:
        self._exact: Final = exact
        self._reach_pct: dict[int, tuple[float, float]] = {}
        self._next_ms: dict[int, int] = {}

    def forget(self, digits: int) -> None:
        """Let a coarser book speak for one that is not heard any more."""
        self._reach_pct.pop(digits, None)

    def keep(self, digits: int, book: Book, exact_ms: int, rows: RowBuffer) -> None:
        """Add the bands that a merged book reaches and no finer one does, each half minute.

        Parameters
        ----------
        digits : int
            Its significant digits, among `DIGITS`.
        book : Book
        exact_ms : int
            Time of the exact book. [UTC ms]
        rows : RowBuffer
            Where rows go.
        """
        best = self._exact.best()
        if best is None or abs(book.time - exact_ms) > APART_MS or not all(book.levels):
            return
        mid = sum(best) / 2
        finer_pct = self._exact.reach_pct()
        for number in DIGITS[: DIGITS.index(digits)]:
            known = self._reach_pct.get(number, (0.0, 0.0))
            finer_pct = (max(finer_pct[0], known[0]), max(finer_pct[1], known[1]))
        far = [sign * (levels[-1].px / mid - 1) * 100 for sign, levels in self._sides(book)]
        self._reach_pct[digits] = (far[0], far[1])
        if not is_due(book.time, self._next_ms.get(digits, 0)):
            return
        self._next_ms[digits] = book.time - book.time % BANDS_EVERY_MS + BANDS_EVERY_MS
        for (sign, levels), covered_pct, reach_pct in zip(
            self._sides(book), finer_pct, far, strict=True
        ):
            for distance_pct in BAND_PCT:
                if covered_pct < distance_pct <= reach_pct:
                    rows.add(
                        "depth_bands",
                        self._exact.symbol,
                        book.time,
                        book.time,
                        sign * distance_pct,
                        *_sums_at(distance_pct, mid, sign, levels),
                        source=f"{VENUE}:l2Book:{digits}",
                        precedence=PRECEDENCE_STREAM,
                    )

    @staticmethod
    def _sides(book: Book) -> zip[tuple[int, list[Level]]]:
        return zip(_SIDES, book.levels, strict=True)


def _sums_at(
    distance_pct: float, mid: float, sign: int, levels: Sequence[Level]
) -> tuple[float, float]:
    """Return base coins and their value within a distance that the levels reach."""
    distances, amounts, values = [0.0], [0.0], [0.0]
    for level in levels:
        # A level that the mid has passed since stands at it.
        distances.append(max(sign * (level.px / mid - 1) * 100, 0.0))
        amounts.append(amounts[-1] + level.sz)
        values.append(values[-1] + level.sz * level.px)
    after = bisect_left(distances, distance_pct)
    if distances[after] == distance_pct:
        return amounts[after], values[after]
    width = distances[after] - distances[after - 1]
    share = (distance_pct - distances[after - 1]) / width
    return (
        amounts[after - 1] + share * (amounts[after] - amounts[after - 1]),
        values[after - 1] + share * (values[after] - values[after - 1]),
    )
