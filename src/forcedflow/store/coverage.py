"""Coverage: what the lake holds, where it has gaps, and what each feed says it is worth.

In:  the lake, and what recordings into it did not hear.
Out: one row per series: counts, times in UTC ms, gaps, completeness classes.
Free of the clock: a series that merely ends is not called late here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from forcedflow.store.feed_gaps import held_gaps
from forcedflow.store.lake import Lake
from forcedflow.tables import TABLES, is_simulated

GAP_STEPS = 1.5
"""A spacing of more steps than this is a gap."""

_SERIES_COLUMNS = ("price_type", "interval_ms", "kind")
"""Key columns that tell one series from another; the rest tell rows of one moment apart."""

_IRREGULAR = frozenset({"trades", "liquidations", "leverage_brackets", "calendar_events"})
"""Tables whose rows come when something happens: silence there is no gap. What a recording did not
hear is known all the same, because it was written down."""

_REGULAR_SHARE = 0.5
"""Below this share the most common spacing is an accident of jitter; the median is used."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A span ``[start_ms, end_ms)`` in which rows were due and are not held, in UTC ms."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        """Return how long it lasts, in milliseconds."""
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One series of the lake.

    Parameters
    ----------
    table, venue, symbol : str
        As in the rows.
    price_type, kind : str, optional
        Where the table has the column.
    interval_ms : int, optional
        Length of the bars, where the table has the column. [ms]
    rows : int
        Number of rows.
    first_ms, last_ms : int
        First and last event time, both inclusive. [UTC ms]
    step_ms : int, optional
        Native step; None where rows come when something happens, or where there is one time only.
        [ms]
    gaps : tuple of Gap, optional
        In the order of time; None where there is no step to measure by.
    unheard : tuple of Gap, optional
        Spans that recordings did not hear and could not ask for afterwards, where there is no step
        to find them by; None where there is one. An archive fetched since may hold them.
    completeness : tuple of str, optional
        Classes that the rows state, in the order in which they first occur; None where the table
        has no such column.
    sources : tuple of str
        Where the rows came from, sorted.
    """

    table: str
    venue: str
    symbol: str
    price_type: str | None
    interval_ms: int | None
    kind: str | None
    rows: int
    first_ms: int
    last_ms: int
    step_ms: int | None
    gaps: tuple[Gap, ...] | None
    unheard: tuple[Gap, ...] | None
    completeness: tuple[str, ...] | None
    sources: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        """Return whether any of the rows is of the simulated exchange."""
        return any(is_simulated(source) for source in self.sources)

    @property
    def longest_gap(self) -> Gap | None:
        """Return the longest gap, the earliest of several; None where there is none."""
        return max(self.gaps, key=lambda gap: gap.length_ms) if self.gaps else None


def coverage(
    lake: Lake,
    *,
    table: str | None = None,
    venue: str | Sequence[str] | None = None,
    symbol: str | Sequence[str] | None = None,
) -> list[CoverageRow]:
    """Return what the lake holds, one row per series, sorted by table, venue and symbol.

    The native step is the most common spacing between neighbouring event times; where none makes
    up half of all, as in jittered snapshots, it is their median. A spacing above 1.5 steps is a
    gap, from the first moment at which a row was due to the next row held.

    Parameters
    ----------
    lake : Lake
        The lake.
    table : str, optional
        This table alone.
    venue, symbol : str or sequence of str, optional
        Series of these alone.

    Returns
    -------
    list of CoverageRow

    Raises
    ------
    SchemaError
        If the table is not declared.
    DamagedFileError
        If a file is missing or is not what was written.
    """
    held = sorted({name for name, _, _ in lake.series()}) if table is None else [table]
    return [row for name in held for row in _table_coverage(lake, name, venue, symbol)]


def _table_coverage(
    lake: Lake, table: str, venue: str | Sequence[str] | None, symbol: str | Sequence[str] | None
) -> list[CoverageRow]:
    declared = TABLES[table].schema if table in TABLES else {}
    own = [name for name in _SERIES_COLUMNS if name in declared]
    stated = [name for name in ("completeness",) if name in declared]
    series = ["venue", "symbol", *own]
    columns = [*series, "event_time", "source", *stated]
    frame = lake.read(table, venue=venue, symbol=symbol, columns=columns)
    if frame.is_empty():
        return []
    frame = frame.with_columns(pl.col("event_time").dt.epoch("ms").alias("event_ms"))
    found = (
        frame.lazy()
        .group_by(series)
        .agg(
            pl.len().alias("rows"),
            pl.col("event_ms").min().alias("first_ms"),
            pl.col("event_ms").max().alias("last_ms"),
            pl.col("source").unique().sort().alias("sources"),
            # Rows are in the order of time, so the classes come in the order of their beginning.
            *(pl.col(name).unique(maintain_order=True) for name in stated),
        )
        .sort(series)
        .collect()
    )
    if table not in _IRREGULAR:
        found = found.join(
            _gaps(frame.lazy(), series), on=series, how="left", maintain_order="left"
        )
    venues = found.get_column("venue").unique()
    unheard = {name: _unheard(lake, table, name) for name in venues if table in _IRREGULAR}
    return [_to_row(table, row, unheard) for row in found.iter_rows(named=True)]


def _unheard(lake: Lake, table: str, venue: str) -> dict[str, tuple[Gap, ...]]:
    """Return the spans that recordings of a venue missed for good, by symbol, joined."""
    spans: dict[str, list[Gap]] = {}
    for missed in held_gaps(lake, venue):
        if table in missed.tables and not missed.repaired and missed.start_ms < missed.end_ms:
            for symbol in missed.symbols:
                spans.setdefault(symbol, []).append(Gap(missed.start_ms, missed.end_ms))
    return {symbol: _joined(gaps) for symbol, gaps in spans.items()}


def _joined(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    joined: list[Gap] = []
    for gap in sorted(gaps, key=lambda gap: gap.start_ms):
        if joined and gap.start_ms <= joined[-1].end_ms:
            joined[-1] = Gap(joined[-1].start_ms, max(joined[-1].end_ms, gap.end_ms))
        else:
            joined.append(gap)
    return tuple(joined)


def _gaps(frame: pl.LazyFrame, series: list[str]) -> pl.DataFrame:
    """Return step, gap starts and gap ends per series of at least two event times."""
    spaced = (
        frame.select(*series, "event_ms")
        .unique()
        .sort(*series, "event_ms")
        .with_columns(pl.col("event_ms").diff().over(series).alias("spacing"))
        .drop_nulls("spacing")
    )
    common = (
        spaced.group_by(*series, "spacing")
        .len()
        .sort("len", "spacing", descending=[True, False])
        .group_by(series)
        .agg(
            pl.col("spacing").first(), (pl.col("len").first() / pl.col("len").sum()).alias("share")
        )
    )
    median = spaced.group_by(series).agg(pl.col("spacing").median().alias("median"))
    regular = pl.col("share") >= _REGULAR_SHARE
    step = pl.when(regular).then("spacing").otherwise(pl.col("median").round().cast(pl.Int64))
    steps = common.join(median, on=series).select(*series, step.alias("step_ms"))
    wide = pl.col("spacing") > GAP_STEPS * pl.col("step_ms")
    due = pl.col("event_ms") - pl.col("spacing") + pl.col("step_ms")
    return (
        spaced.join(steps, on=series)
        .sort(*series, "event_ms")
        .group_by(series)
        .agg(
            pl.col("step_ms").first(),
            due.filter(wide).alias("gap_starts"),
            pl.col("event_ms").filter(wide).alias("gap_ends"),
        )
        .collect()
    )


def _to_row(
    table: str, row: dict[str, Any], unheard: Mapping[str, Mapping[str, tuple[Gap, ...]]]
) -> CoverageRow:
    missed = unheard.get(row["venue"])
    starts, stated = row.get("gap_starts"), row.get("completeness")
    return CoverageRow(
        table=table,
        venue=row["venue"],
        symbol=row["symbol"],
        price_type=row.get("price_type"),
        interval_ms=row.get("interval_ms"),
        kind=row.get("kind"),
        rows=row["rows"],
        first_ms=row["first_ms"],
        last_ms=row["last_ms"],
        step_ms=row.get("step_ms"),
        gaps=None if starts is None else tuple(map(Gap, starts, row["gap_ends"])),
        unheard=None if missed is None else missed.get(row["symbol"], ()),
        completeness=None if stated is None else tuple(stated),
        sources=tuple(row["sources"]),
    )
