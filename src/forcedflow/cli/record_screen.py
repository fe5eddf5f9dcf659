"""How a recording goes, for people: a live table, a line a minute, a summary; and as JSON.

In:  `RecordHealth`.   Out: renderables, text, values for JSON.
Free of network access and of the clock.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from forcedflow.cli.changes import table_of_changes
from forcedflow.cli.options import iso_time
from forcedflow.live.health import ConnectionHealth, RecordHealth, VenueHealth
from forcedflow.store.feed_gaps import FeedGap

_SHOWN_GAPS = 10
_FIXED_LINES = 6
_LEAST_CONNECTIONS = 3


def health_table(health: RecordHealth, height: int) -> Group:
    """Return what is shown while it runs, cut to so many lines of terminal."""
    table = Table(box=None, padding=(0, 1))
    table.add_column("connection", no_wrap=True)
    for name in ("age", "msg/s", "messages", "lag p50", "p99", "reconnects", "refused", "dropped"):
        table.add_column(name, justify="right", no_wrap=True)
    room = max(_LEAST_CONNECTIONS, (height - _FIXED_LINES) // max(1, len(health.venues)) - 1)
    for venue in health.venues:
        table.add_row(Text(_heading(venue), "bold"))
        busiest = sorted(venue.connections, key=lambda one: -one.messages)
        for connection in busiest[:room]:
            table.add_row(*_cells(connection))
        if len(busiest) > room:
            table.add_row(Text(f"  and {len(busiest) - room} more", "dim"))
    lines: list[Any] = [table, Text(minute_line(health), "dim")]
    if health.problem:
        lines.append(Text(health.problem, "red"))
    lines.append(Text("Ctrl-C ends it; what was received is kept", "dim"))
    return Group(*lines)


def minute_line(health: RecordHealth) -> str:
    """Return one line that says how it goes."""
    rows = sum(table.added for table in health.tables.values())
    venues = "; ".join(_heading(venue) for venue in health.venues)
    problem = f"; {health.problem}" if health.problem else ""
    return (
        f"{iso_time(health.now_ms)} {rows:,} rows added, {health.waiting_rows:,} waiting; "
        f"{venues}{problem}"
    )


def summary(health: RecordHealth, lake: Path) -> Group:
    """Return what became of everything, once it has ended."""
    seconds = (health.now_ms - health.started_ms) / 1000
    lines: list[Any] = [Text(f"recorded {seconds:,.0f} s into {lake}")]
    lines += [Text(_heading(venue)) for venue in health.venues]
    if health.tables:
        lines.append(table_of_changes(health.tables))
    gaps = [gap for venue in health.venues for gap in venue.gaps]
    lines += [Text(_gap(gap)) for gap in gaps[-_SHOWN_GAPS:]]
    if len(gaps) > _SHOWN_GAPS:
        lines.append(Text(f"and {len(gaps) - _SHOWN_GAPS} gaps before: {lake}/raw/*/gaps.jsonl"))
    return Group(*lines)


def to_json(health: RecordHealth) -> dict[str, Any]:
    """Return the health as values for JSON, times in ISO 8601."""
    value: dict[str, Any] = msgspec.to_builtins(health)
    for name in ("started", "now"):
        value[name] = iso_time(value.pop(f"{name}_ms"))
    for venue in value["venues"]:
        if venue["skew"] is not None:
            venue["skew"]["measured"] = iso_time(venue["skew"].pop("measured_ms"))
        for gap in venue["gaps"]:
            gap["start"], gap["end"] = (iso_time(gap.pop(f"{end}_ms")) for end in ("start", "end"))
    return value


def _heading(venue: VenueHealth) -> str:
    if venue.state == "failed":
        return f"{venue.venue} FAILED: {venue.problem.partition(chr(10))[0]}"
    skew = venue.skew
    lost = sum(not gap.repaired for gap in venue.gaps)
    parts = [
        f"{venue.venue} {', '.join(venue.symbols)}",
        f"{sum(venue.rows.values()):,} rows",
        f"{venue.rows.get('liquidations', 0):,} liquidations",
        f"{len(venue.gaps)} gaps, {lost} for good",
    ]
    if skew is not None:
        parts.append(f"clock {skew.offset_ms:+.0f} ±{skew.error_ms:.0f} ms")
    if venue.refused_rows:
        parts.append(f"{venue.refused_rows:,} rows refused")
    return " · ".join(parts)


def _cells(connection: ConnectionHealth) -> tuple[str, ...]:
    age = "–" if connection.age_s is None else f"{connection.age_s:.1f} s"
    lags = (connection.lag_p50_ms, connection.lag_p99_ms)
    return (
        f"  {connection.connection}" if connection.connected else f"  {connection.connection} DOWN",
        age,
        f"{connection.rate_per_s:.1f}",
        f"{connection.messages:,}",
        *("–" if lag is None else f"{lag:,.0f} ms" for lag in lags),
        str(connection.reconnects),
        str(connection.refused),
        str(connection.dropped),
    )


def _gap(gap: FeedGap) -> str:
    what = "repaired" if gap.repaired else f"lost ({gap.problem.partition(chr(10))[0]})"
    return (
        f"gap of {(gap.end_ms - gap.start_ms) / 1000:,.1f} s from {iso_time(gap.start_ms)}, "
        f"{gap.venue} {gap.connection}: {', '.join(gap.tables)} {what}; {gap.reason}"
    )
