"""Held rows: what a lake holds of some series, kept in memory while markets are followed.

In:  a lake; rows as they are stored in it.   Out: rows as the lake would return them; what changed.
Reads the lake once per series; free of the clock.

Whoever asks gets what the lake would answer, so that everything read as of a moment is the same
whether it was read from files or from here. A series is read from the lake when it is first asked
for; from then on rows are added by whoever stores them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import polars as pl

from forcedflow import tables
from forcedflow.store import Lake
from forcedflow.store.merge import Merge, apply, merge
from forcedflow.store.parts import row_order
from forcedflow.units import I8

WHOLE_TABLES: Final = frozenset({"calendar_events"})
"""Tables that are asked for without a venue, and held as one series."""

# Small frames weigh more than their rows: what came bar by bar is joined now and then.
_MOST_CHUNKS: Final = 64

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
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return rows as `forcedflow.store.Lake.read` does."""
        if table in WHOLE_TABLES and venue is None and symbol is None:
            found = self._get((table, None, None)).read(start_ms, end_ms, available_by_ms)
        elif isinstance(venue, str) and isinstance(symbol, str):
            found = self._get((table, venue, symbol)).read(start_ms, end_ms, available_by_ms)
        elif isinstance(venue, str) and symbol is not None:
            parts = [
                self._get((table, venue, name)).read(start_ms, end_ms, available_by_ms)
                for name in symbol
            ]
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
        for table, frame in rows.items():
            if table in WHOLE_TABLES:
                self._add((table, None, None), frame, changes)
                continue
            for (venue, symbol), part in frame.partition_by(
                "venue", "symbol", as_dict=True
            ).items():
                self._names.add((table, str(venue), str(symbol)))
                self._add((table, str(venue), str(symbol)), part, changes)
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

    def _add(self, key: SeriesKey, rows: pl.DataFrame, changes: list[Change]) -> None:
        held = self._held.get(key)
        if held is None or rows.is_empty():
            return  # nobody asked for it yet; whoever does finds these rows in the lake
        told = held.add(tables.check(key[0], rows))
        if told is not None:
            changes.append(Change(key[0], key[1] or "", key[2] or "", *told))

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
        self._event = _times(rows, "event_time")
        self._known = _times(rows, "available_time")
        # Of rows up to each: when all of them were known.
        self._all_known = np.maximum.accumulate(self._known)
        self._is_early = bool((self._known < self._event).any())
        self.longest_interval_ms = self._longest(rows)

    def read(
        self, start_ms: int | None, end_ms: int | None, available_by_ms: int | None
    ) -> pl.DataFrame:
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
        order = row_order(self._table)
        first_ms = int(_times(rows, "event_time").min())
        first = int(np.searchsorted(self._event[: self._n], first_ms))
        stored = self._rows[first:]
        change = merge(self._table, stored, rows)
        fresh = pl.concat([change.added, change.replacing])
        if fresh.is_empty():
            return None
        told = self._told(stored, change)
        after = (fresh if stored.is_empty() else apply(self._table, stored, change)).sort(order)
        self._rows = self._rows[:first].vstack(after)
        if self._rows.n_chunks() > _MOST_CHUNKS:
            self._rows = self._rows.rechunk()
        self._n = first + after.height
        self._event = _grown(self._event, first, _times(after, "event_time"))
        self._known = _grown(self._known, first, _times(after, "available_time"))
        before = self._all_known[first - 1] if first else np.iinfo(np.int64).min
        all_known = np.maximum(np.maximum.accumulate(self._known[first : self._n]), before)
        self._all_known = _grown(self._all_known, first, all_known)
        self._is_early |= bool((self._known[first : self._n] < self._event[first : self._n]).any())
        self.longest_interval_ms = max(self.longest_interval_ms, self._longest(after))
        return told

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
        return int(_times(fresh, "event_time").min()), int(_times(fresh, "available_time").min())

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


def _times(rows: pl.DataFrame, column: str) -> I8:
    return rows[column].dt.epoch("ms").to_numpy().copy()


def _grown(held: I8, first: int, after: I8) -> I8:
    """Return an array whose rows from the first on are others, with room for more."""
    size = first + after.size
    if size > held.size:
        roomy = np.empty(size + size // 8 + 64, dtype=np.int64)
        roomy[:first] = held[:first]
        held = roomy
    held[first:size] = after
    return held
