"""The ``coverage`` command: what the lake holds, its gaps and what each feed is worth.

In:  symbols, venues, a lake.   Out: a table for people or JSON, times in UTC.
Free of network access; reads the lake alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forcedflow.cli import options

if TYPE_CHECKING:
    from rich.console import Console

    from forcedflow.store.coverage import CoverageRow, Gap

# Columns that a narrow terminal goes without, the first first, and how narrow others may be folded.
_GIVE_WAY = ("from", "step", "gaps", "rows")
_FOLDED = {"table": 18, "from": 18}
_UNITS_MS = (
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("s", 1_000),
    ("ms", 1),
)


def run(
    *symbols: str, venue: str | None = None, lake: Path | None = None, json: bool = False
) -> None:
    """Show what the lake holds, its gaps and what each feed is worth.

    Parameters
    ----------
    symbols
        Symbols to show; all of them by default. A bare coin means all of its contracts.
    venue
        Venues to show, separated by commas; all of them by default.
    lake
        Folder of the lake.
    json
        Write JSON instead of a table.
    """
    from forcedflow.answers import coverage

    rows = coverage.read(options.open_lake(lake), symbols, venue)
    if json:
        options.print_json(coverage.answer(rows))
    else:
        _print_tables(options.console(), rows)


def _print_tables(console: Console, rows: Sequence[CoverageRow]) -> None:
    from rich.table import Table

    columns: dict[str, Callable[[CoverageRow], str]] = {
        "table": _describe,
        "rows": lambda row: f"{row.rows:,}",
        "first, last (UTC)": lambda row: (
            f"{options.format_time(row.first_ms)}\n{options.format_time(row.last_ms)}"
        ),
        "step": lambda row: "–" if row.step_ms is None else _span(row.step_ms),
        "gaps": _describe_gaps,
        "from": lambda row: "\n".join(row.sources),
    }
    for name in _GIVE_WAY:
        if sum(_needed(name, describe, rows) for name, describe in columns.items()) > console.width:
            del columns[name]
    for venue, symbol in sorted({(row.venue, row.symbol) for row in rows}):
        shown = [row for row in rows if (row.venue, row.symbol) == (venue, symbol)]
        simulated = " · SIMULATED" if any(row.simulated for row in shown) else ""
        title = f"{symbol} · {venue}{simulated}"
        table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
        for name in columns:
            justify: Literal["left", "right"] = "right" if name in {"rows", "step"} else "left"
            wraps = name in _FOLDED
            table.add_column(name, justify=justify, overflow="fold", no_wrap=not wraps)
        for row in shown:
            table.add_row(*(describe(row) for describe in columns.values()))
        console.print(table)
        console.print()


def _needed(name: str, describe: Callable[[CoverageRow], str], rows: Sequence[CoverageRow]) -> int:
    """Return the least width of a column with its gap: its longest line, or what it folds to."""
    lines = [name, *(line for row in rows for line in describe(row).split("\n"))]
    longest = max(len(line) for line in lines)
    return min(longest, _FOLDED.get(name, longest)) + 2


def _describe(row: CoverageRow) -> str:
    interval = None if row.interval_ms is None else _span(row.interval_ms)
    name = " ".join(part for part in (row.table, row.price_type, row.kind, interval) if part)
    lines = [name]
    if row.completeness is not None:
        lines.append(f"feed: {', then '.join(row.completeness)}")
    if row.simulated:
        lines.append("SIMULATED")
    return "\n".join(lines)


def _describe_gaps(row: CoverageRow) -> str:
    if row.unheard:
        longest = max(row.unheard, key=lambda gap: gap.length_ms)
        return f"unheard: {_longest_of(len(row.unheard), longest)}"
    if row.gaps is None:
        return "–"
    if row.longest_gap is None:
        return "none"
    return _longest_of(len(row.gaps), row.longest_gap)


def _longest_of(count: int, longest: Gap) -> str:
    return (
        f"{count:,}, longest {_span(longest.length_ms)}\n"
        f"from {options.format_time(longest.start_ms)}"
    )


def _span(ms: int) -> str:
    """Return a span in its largest unit, with one decimal where it is not whole.

    Examples
    --------
    >>> _span(300_000), _span(3_600_000), _span(129_600_000), _span(250)
    ('5 min', '1 h', '1.5 d', '250 ms')
    """
    unit, size = next((unit, size) for unit, size in _UNITS_MS if ms >= size)
    return f"{ms // size} {unit}" if ms % size == 0 else f"{ms / size:.1f} {unit}"
