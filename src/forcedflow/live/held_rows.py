"""Held rows: what a lake holds of some series, kept in memory while markets are followed.

In:  a lake; rows as they are stored in it.   Out: rows as the lake would return them; what changed.
Reads the lake once per series; free of the clock.

Whoever asks gets what the lake would answer, so that everything read as of a moment is the same
whether it was read from files or from here. A series is read from the lake when it is first asked
for; from then on rows are added by whoever stores them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np
import polars as pl

from forcedflow import tables
from forcedflow.errors import SchemaError
from forcedflow.features.grid import event_ms, known_ms, where
from forcedflow.store import Lake
from forcedflow.store.merge import Merge, apply, merge
from forcedflow.store.parts import row_order
from forcedflow.units import DAY_MS, I8

WHOLE_TABLES: Final = frozenset({"calendar_events"})
"""Tables that are asked for without a venue, and held as one series."""

# Small frames weigh more than their rows: what came bar by bar is joined now and then.
_MOST_CHUNKS: Final = 64

# Bars of one price are also held apart, of the last days alone: whoever asks at every bar close
# asks for a week of them, and to pick them out costs more than all else that is read.
_NEAR_MS: Final = 14 * DAY_MS

SeriesKey: TypeAlias = tuple[str, str | None, str | None]
"""Table, venue, symbol; the last two None where the whole table is one series."""


@dataclass(frozen=True, slots=True)
class Change:
    """Rows of one series that are new or were replaced.

    Parameters
    ----------
    table, venue, symbol : str
    event_ms, known_ms : int
        Earliest event time and earliest available time among them. [UTC ms]
    """

    table: str
    venue: str
    symbol: str
    event_ms: int
    known_ms: int


class HeldRows:
    """A `forcedflow.store.RowSource` that holds what it was asked for. For one thread.

    Parameters
    ----------
    lake : Lake
        Where series are read from when they are first asked for.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake: Final = lake
        self._names = set(lake.series())
        self._held: dict[SeriesKey, _Series] = {}

    def series(self) -> list[tuple[str, str, str]]:
        """Return every (table, venue, symbol) of the lake, sorted."""
        return sorted(self._names)

    def read(
        self,
        table: str,
        *,
        venue: str | Sequence[str] | None = None,
        symbol: str | Sequence[str] | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        available_by_ms: int | None = None,
        price_type: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return rows as `forcedflow.store.Lake.read` does."""
        wanted = start_ms, end_ms, available_by_ms, price_type
        if table in WHOLE_TABLES and venue is None and symbol is None:
            found = self._get((table, None, None)).read(*wanted)
        elif isinstance(venue, str) and isinstance(symbol, str):
            found = self._get((table, venue, symbol)).read(*wanted)
        elif isinstance(venue, str) and symbol is not None:
            parts = [self._get((table, venue, name)).read(*wanted) for name in symbol]
            found = pl.concat(parts).sort(row_order(table))
        else:
            raise ValueError(f"{table}: rows are held by one venue and its symbols")
        return found if columns is None else found.select(columns)

    def newest_event_ms(self, table: str, venue: str, symbol: str, at_ms: int) -> int | None:
        """Return the newest event time known by a moment; None where there is none. [UTC ms]"""
        return self._get((table, venue, symbol)).newest_event_ms(at_ms)

    def first_event_ms(self, table: str, venue: str, symbol: str, from_ms: int) -> int | None:
        """Return the oldest event time held from a moment on, known yet or not. [UTC ms]"""
        return self._get((table, venue, symbol)).first_event_ms(from_ms)

    def earliest_told(
        self, table: str, venue: str, symbol: str, after_ms: int, by_ms: int
    ) -> int | None:
        """Return the earliest event time among rows that became known in ``(after, by]``.

        Parameters
        ----------
        table, venue, symbol : str
        after_ms, by_ms : int
            Available times. [UTC ms]

        Returns
        -------
        int or None
            None where none did. [UTC ms]
        """
        return self._get((table, venue, symbol)).earliest_told(after_ms, by_ms)

    def longest_interval_ms(self, table: str, venue: str, symbol: str) -> int:
        """Return the length of the longest bar held; 0 where rows are no bars. [ms]"""
        return self._get((table, venue, symbol)).longest_interval_ms

    def add(self, rows: Mapping[str, pl.DataFrame]) -> list[Change]:
        """Take in rows that were stored in the lake.

        Parameters
        ----------
        rows : mapping of str to polars.DataFrame
            As a venue gave them, by table; rows that are held already change nothing.

        Returns
        -------
        list of Change
            One per series that is held and holds something else now.
        """
        changes: list[Change] = []
        asked_for = {table for table, _, _ in self._held}
        for table, frame in rows.items():
            if table not in WHOLE_TABLES:
                names = frame.select("venue", "symbol").unique().iter_rows()
                self._names |= {(table, venue, symbol) for venue, symbol in names}
            if table not in asked_for:
                continue  # whoever asks for it finds these rows in the lake
            for key, part in _by_series(table, frame):
                told = self._held[key].add(part) if key in self._held else None
                if told is not None:
                    changes.append(Change(table, key[1] or "", key[2] or "", *told))
        return changes

    def read_again(self, since_ms: int) -> dict[str, pl.DataFrame]:
        """Return what the lake holds now of every series that is held, and of new ones' names.

        Parameters
        ----------
        since_ms : int
            Rows of events from then on. [UTC ms]

        Returns
        -------
        dict of str to polars.DataFrame
            For `add`, which finds what of it is new.
        """
        self._names |= set(self.lake.series())
        found: dict[str, list[pl.DataFrame]] = {}
        for table, venue, symbol in self._held:
            rows = self.lake.read(table, venue=venue, symbol=symbol, start_ms=since_ms)
            if rows.height:
                found.setdefault(table, []).append(rows)
        return {table: pl.concat(parts) for table, parts in found.items()}

    def _get(self, key: SeriesKey) -> _Series:
        held = self._held.get(key)
        if held is None:
            table, venue, symbol = key
            rows = self.lake.read(table, venue=venue, symbol=symbol)
            held = self._held[key] = _Series(table, rows)
        return held


class _Series:
    """Rows of one series in the lake's order, with their times beside them."""

    def __init__(self, table: str, rows: pl.DataFrame) -> None:
        self._table = table
        self._rows = rows.rechunk()
        self._n = rows.height
        self._event = event_ms(rows).copy()
        self._known = known_ms(rows).copy()
        # Of rows up to each: when all of them were known.
        self._all_known = np.maximum.accumulate(self._known)
        self._is_early = bool((self._known < self._event).any())
        self._of_price: dict[str, tuple[int, _Series]] = {}
        self.longest_interval_ms = self._longest(rows)

    def read(
        self,
        start_ms: int | None,
        end_ms: int | None,
        available_by_ms: int | None,
        price_type: str | None = None,
    ) -> pl.DataFrame:
        if price_type is not None:
            if "price_type" not in self._rows.columns:
                raise SchemaError(self._table, "price_type", "no such column")
            near = self._near(price_type, start_ms)
            if near is not None:
                return near.read(start_ms, end_ms, available_by_ms)
            rows = self.read(start_ms, end_ms, available_by_ms)
            return where(rows, "price_type", price_type)
        event = self._event[: self._n]
        first = 0 if start_ms is None else int(np.searchsorted(event, start_ms))
        stop = self._n if end_ms is None else int(np.searchsorted(event, end_ms))
        if available_by_ms is None or first >= stop:
            return self._rows[first : max(first, stop)]
        sure, until = self._split(available_by_ms)
        sure, until = min(max(sure, first), stop), min(max(until, first), stop)
        if sure >= until:
            return self._rows[first:until]
        known = self._known[sure:until] <= available_by_ms
        if known.all():
            return self._rows[first:until]
        return self._rows[first:sure].vstack(self._rows[sure:until].filter(pl.Series(known)))

    def _near(self, price_type: str, start_ms: int | None) -> _Series | None:
        """Return bars of one price, held apart, None where they do not go back so far."""
        near_ms = int(self._event[self._n - 1]) - _NEAR_MS if self._n else 0
        from_ms, near = self._of_price.get(price_type, (near_ms, None))
        if start_ms is None or start_ms < max(from_ms, near_ms):
            return None
        if near is None or from_ms < near_ms - _NEAR_MS:
            first = int(np.searchsorted(self._event[: self._n], near_ms))
            near = _Series(self._table, where(self._rows[first:], "price_type", price_type))
            self._of_price[price_type] = near_ms, near
        return near

    def newest_event_ms(self, at_ms: int) -> int | None:
        sure, until = self._split(at_ms)
        later = self._event[sure:until][self._known[sure:until] <= at_ms]
        if later.size:
            return int(later[-1])
        return int(self._event[sure - 1]) if sure else None

    def first_event_ms(self, from_ms: int) -> int | None:
        first = int(np.searchsorted(self._event[: self._n], from_ms))
        return int(self._event[first]) if first < self._n else None

    def earliest_told(self, after_ms: int, by_ms: int) -> int | None:
        sure, until = self._split(after_ms)[0], self._split(by_ms)[1]
        known = self._known[sure:until]
        told = self._event[sure:until][(known > after_ms) & (known <= by_ms)]
        return int(told[0]) if told.size else None

    def add(self, rows: pl.DataFrame) -> tuple[int, int] | None:
        """Take in rows in the lake's order, no key twice; return what `_told` does."""
        event = event_ms(rows)
        first = int(np.searchsorted(self._event[: self._n], event[0]))
        if first == self._n:
            # All newer than what is held, as most rows of a feed are.
            self._put(first, rows)
            return int(event[0]), int(known_ms(rows).min())
        stored = self._rows[first:]
        change = merge(self._table, stored, rows)
        if change.added.is_empty() and change.replacing.is_empty():
            return None
        told = self._told(stored, change)
        self._put(first, apply(self._table, stored, change).sort(row_order(self._table)))
        return told

    def _put(self, first: int, after: pl.DataFrame) -> None:
        """Let rows from the first on be others, at least one."""
        event, known = event_ms(after), known_ms(after)
        self._rows = self._rows[:first].vstack(after)
        if self._rows.n_chunks() > _MOST_CHUNKS:
            self._rows = self._rows.rechunk()
        self._n = first + after.height
        before = self._all_known[first - 1] if first else np.iinfo(np.int64).min
        all_known = np.maximum(np.maximum.accumulate(known), before)
        self._event = _grown(self._event, first, event)
        self._known = _grown(self._known, first, known)
        self._all_known = _grown(self._all_known, first, all_known)
        self._is_early |= bool((known < event).any())
        self.longest_interval_ms = max(self.longest_interval_ms, self._longest(after))
        for price_type, (from_ms, near) in tuple(self._of_price.items()):
            if event[0] < from_ms:
                del self._of_price[price_type]  # taken anew when it is next asked for
            else:
                near.put_from(int(event[0]), where(after, "price_type", price_type))

    def put_from(self, start_ms: int, after: pl.DataFrame) -> None:
        """Let rows of events from a moment on be others, or stay as they are where there are none.

        For what is held apart: a merge takes no row away.
        """
        if after.height:
            self._put(int(np.searchsorted(self._event[: self._n], start_ms)), after)

    def _told(self, stored: pl.DataFrame, change: Merge) -> tuple[int, int] | None:
        """Earliest event and available time of rows that say something else than before."""
        parts = [change.added]
        if not change.replacing.is_empty():
            # Where a row came from changes nothing that is computed from it.
            said = [name for name in stored.columns if name not in {"source", "precedence"}]
            other = change.replacing.join(
                stored.select(said), on=said, how="anti", nulls_equal=True
            )
            key = list(tables.TABLES[self._table].key)
            parts += [other, stored.join(other, on=key, how="semi")]
        fresh = pl.concat(parts)
        if fresh.is_empty():
            return None
        return int(event_ms(fresh).min()), int(known_ms(fresh).min())

    def _split(self, at_ms: int) -> tuple[int, int]:
        """Rows before the first were all known by then; from the second on none was."""
        sure = int(np.searchsorted(self._all_known[: self._n], at_ms, side="right"))
        if self._is_early:
            return sure, self._n
        until = int(np.searchsorted(self._event[: self._n], at_ms, side="right"))
        return sure, max(sure, until)

    def _longest(self, rows: pl.DataFrame) -> int:
        if "interval_ms" not in rows.columns or rows.is_empty():
            return 0
        longest = rows["interval_ms"].max()
        return int(longest) if isinstance(longest, int) else 0


def _by_series(table: str, frame: pl.DataFrame) -> Iterator[tuple[SeriesKey, pl.DataFrame]]:
    """Yield rows of each series: no key twice, in the lake's order."""
    checked = tables.check(table, frame)
    # Once for all series together: each step costs as much for three rows as for a thousand.
    rows = merge(table, checked.clear(), checked).added
    if table in WHOLE_TABLES:
        if rows.height:
            yield (table, None, None), rows.sort(row_order(table))
        return
    rows = rows.sort("venue", "symbol", *row_order(table))
    names = list(zip(rows["venue"].to_list(), rows["symbol"].to_list(), strict=True))
    first = 0
    for (venue, symbol), group in groupby(names):
        stop = first + sum(1 for _ in group)
        yield (table, venue, symbol), rows[first:stop]
        first = stop


def _grown(held: I8, first: int, after: I8) -> I8:
    """Return an array whose rows from the first on are others, with room for more."""
    size = first + after.size
    if size > held.size:
        roomy = np.empty(size + size // 8 + 64, dtype=np.int64)
        roomy[:first] = held[:first]
        held = roomy
    held[first:size] = after
    return held
