"""What ``coverage`` answers: what the lake holds, its gaps and what each feed is worth.

In:  a lake, symbols, venues.   Out: rows of coverage; plain values for JSON.
Free of any clock: it is of what is held now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forcedflow.answers.times import iso_time
from forcedflow.errors import NoDataError, UsageError
from forcedflow.instruments import parse_symbol
from forcedflow.store import Lake
from forcedflow.store.coverage import CoverageRow, Gap, coverage

_FILL = "hint: forcedflow fetch VENUE SYMBOL --from DAY, or forcedflow import KIND PATH"


def ask(lake: Lake, symbols: Sequence[str] = (), venue: str | None = None) -> dict[str, Any]:
    """Return the coverage of what is held; parameters as in `read`."""
    return answer(read(lake, symbols, venue))


def read(lake: Lake, symbols: Sequence[str] = (), venue: str | None = None) -> list[CoverageRow]:
    """Return the coverage of symbols and venues.

    Parameters
    ----------
    lake : Lake
    symbols : sequence of str
        As people write them; a bare coin means all of its contracts. All by default.
    venue : str, optional
        Venues, separated by commas; all by default.

    Raises
    ------
    NoDataError
        If nothing of them is held; says what is.
    """
    series = lake.series()
    venues = None if venue is None else [name.strip().lower() for name in venue.split(",")]
    chosen = {
        (name, symbol)
        for _, name, symbol in series
        if (venues is None or name in venues)
        and (not symbols or any(_means(text, name, symbol) for text in symbols))
    }
    if not chosen:
        raise NoDataError(_nothing(symbols, venue, series))
    found = coverage(
        lake,
        venue=sorted({name for name, _ in chosen}),
        symbol=sorted({symbol for _, symbol in chosen}),
    )
    return [row for row in found if (row.venue, row.symbol) in chosen]


def answer(rows: Sequence[CoverageRow]) -> dict[str, Any]:
    """Return the rows with everything needed to judge them."""
    return {
        "simulated": any(row.simulated for row in rows),
        "tables": [_row(row) for row in rows],
        "assumptions": {
            "gaps": "longer than the step that a series keeps; null where it keeps none",
            "unheard": "spans in which a recording was not connected and that nothing filled since",
            "completeness": "as the venue states it or was found to be; null where rows state none",
        },
        "freshness": {"newest_event_time": iso_time(max(row.last_ms for row in rows))},
    }


def _row(row: CoverageRow) -> dict[str, Any]:
    longest = row.longest_gap
    return {
        "table": row.table,
        "venue": row.venue,
        "symbol": row.symbol,
        "price_type": row.price_type,
        "interval_ms": row.interval_ms,
        "kind": row.kind,
        "rows": row.rows,
        "first_event_time": iso_time(row.first_ms),
        "last_event_time": iso_time(row.last_ms),
        "step_ms": row.step_ms,
        "gap_count": None if row.gaps is None else len(row.gaps),
        "longest_gap": None if longest is None else _gap(longest),
        "gaps": None if row.gaps is None else [_gap(gap) for gap in row.gaps],
        "unheard": None if row.unheard is None else [_gap(gap) for gap in row.unheard],
        "completeness": row.completeness,
        "sources": row.sources,
        "simulated": row.simulated,
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "start": iso_time(gap.start_ms),
        "end": iso_time(gap.end_ms),
        "length_ms": gap.length_ms,
    }


def _means(text: str, venue: str, symbol: str) -> bool:
    """Return whether a person who types ``text`` means the symbol held for the venue."""
    if text == symbol or text.upper() == symbol.partition("/")[0].upper():
        return True
    try:
        return parse_symbol(text, venue).symbol == symbol
    except UsageError:
        return False  # another venue's own name for a contract


def _nothing(
    symbols: Sequence[str], venue: str | None, series: Sequence[tuple[str, str, str]]
) -> str:
    if not series:
        return f"the lake is empty\n{_FILL}"
    wanted = f"{', '.join(symbols) or 'any symbol'} of {venue or 'any venue'}"
    pairs = sorted({f"{symbol} of {name}" for _, name, symbol in series})
    rest = f" and {len(pairs) - 8} more" if len(pairs) > 8 else ""
    return f"the lake holds nothing for {wanted}; it holds {', '.join(pairs[:8])}{rest}\n{_FILL}"
