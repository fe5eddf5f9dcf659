"""``forcedflow sql``: one read-only query over the lake's tables.

In:  a query, a moment.   Out: rows as a table, JSON, CSV, or a Parquet file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from forcedflow.cli.options import console, open_lake, parse_moment, print_json, warn
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from forcedflow.store.sql import QueryResult

_SCREEN_ROWS = 40


def run(
    query: str,
    *,
    at: str | None = None,
    rows: int = 100_000,
    memory_mb: int = 1024,
    lake: Path | None = None,
    out: Path | None = None,
    csv: bool = False,
    json: bool = False,
) -> int:
    """Run one read-only query over the lake's tables, in DuckDB's dialect.

    Parameters
    ----------
    query
        Such as "SELECT venue, count(*) FROM klines GROUP BY venue"; DESCRIBE klines names columns.
    at
        Tables hold only rows that were available then, such as 2026-02-05T12:00Z; all by default.
    rows
        At most so many rows.
    memory_mb
        Memory that the query may use. [MiB]
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    out
        File to write; its ending decides the format (.parquet .csv .json).
    csv
        Print as CSV.
    json
        Print as JSON.
    """
    from forcedflow.store.sql import LakeSql

    if csv and json:
        raise UsageError("state either --csv or --json")
    _check_out(out)
    at_ms = None if at is None else parse_moment(at)
    found = LakeSql(open_lake(lake), at_ms, memory_mb).query(query, rows)
    if found.cut:
        warn(f"there are more rows than {rows}; the rest is left out\nhint: --rows {rows * 10}")
    if found.simulated:
        warn("SIMULATED: a table of this query holds rows of a simulated exchange, no real market")
    if out is not None:
        try:
            _write(found, out)
        except OSError as error:
            raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
        sys.stderr.write(f"wrote {out}\n")
    elif json:
        print_json(_answer(found))
    elif csv:
        sys.stdout.write(_flat(found.rows).write_csv())
    else:
        _print(found)
    return 0


def _check_out(out: Path | None) -> None:
    """Refuse a file that cannot be written before anything is read."""
    if out is None:
        return
    if out.suffix.lower() not in {".parquet", ".csv", ".json"}:
        raise UsageError(f"{out}: unknown ending {out.suffix!r}\nhint: one of .parquet .csv .json")
    if not out.parent.is_dir():
        raise UsageError(f"{out}: the folder {out.parent} does not exist")


def _write(found: QueryResult, out: Path) -> None:
    import msgspec

    match out.suffix.lower():
        case ".parquet":
            found.rows.write_parquet(out)
        case ".csv":
            _flat(found.rows).write_csv(out)
        case _:
            out.write_bytes(msgspec.json.encode(_answer(found)) + b"\n")


def _answer(found: QueryResult) -> dict[str, object]:
    rows = _flat(found.rows)
    return {
        "simulated": found.simulated,
        "cut": found.cut,
        "columns": rows.columns,
        "rows": [list(row) for row in rows.iter_rows()],
    }


def _flat(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows as text formats hold them: times in ISO 8601, no NaN, nothing nested."""
    import polars as pl
    import polars.selectors as cs

    nested = cs.by_dtype(pl.List, pl.Array, pl.Struct, pl.Binary, pl.Object)
    return rows.with_columns(
        cs.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
        cs.float().replace([float("nan"), float("inf"), float("-inf")], None),
        (cs.date() | cs.time() | cs.duration() | cs.decimal()).cast(pl.String),
    ).with_columns(
        pl.Series(name, [None if value is None else str(value) for value in rows[name]])
        for name in rows.select(nested).columns
    )


def _print(found: QueryResult) -> None:
    from rich.measure import Measurement
    from rich.table import Table

    rows = _flat(found.rows.head(_SCREEN_ROWS))
    shown = Table(box=None, pad_edge=False)
    for name, dtype in found.rows.schema.items():
        shown.add_column(name, justify="right" if dtype.is_numeric() else "left", no_wrap=True)
    for row in rows.iter_rows():
        shown.add_row(*("" if value is None else str(value) for value in row))
    screen = console()
    # Wider than the terminal, a row goes on in the next line: no figure is cut off.
    wide = Measurement.get(screen, screen.options.update(width=100_000), shown).maximum
    screen.width = max(screen.width, wide)
    screen.print(shown)
    rest = found.rows.height - rows.height
    if rest > 0:
        screen.print(f"… {rest:,} more rows; --csv, --json or --out FILE has them", style="dim")
