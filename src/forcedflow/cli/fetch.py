"""``forcedflow fetch``: the past from a venue into the lake.

In:  a venue, symbols, a span.   Out: rows in the lake; what was read, what is missing and why.
Whatever ends it, running it again goes on where the lake stands.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from forcedflow.cli.changes import changes_to_json, table_of_changes
from forcedflow.cli.options import (
    console,
    format_time,
    iso_time,
    only_writer,
    open_lake,
    parse_moment,
    parse_time,
    print_json,
    warn,
)
from forcedflow.errors import NoDataError, UsageError, VenueError

if TYPE_CHECKING:
    from forcedflow.venues.fetch_report import FetchReport, Gap, Progress
    from forcedflow.venues.network import NetworkVenue

_SHOWN_GAPS = 20
_SHOWN_FAILURES = 10


def run(
    venue: str,
    /,
    *symbols: str,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    tables: Annotated[str | None, Parameter(help="Tables, joined by commas.")] = None,
    interval: str = "5m",
    lake: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Bring a venue's past into the lake: its public archive first, HTTP for the rest.

    Parameters
    ----------
    venue
        Any venue that has a connector, such as binance, bybit or gate.
    symbols
        Contracts, such as BTCUSDT, BTC/USDT:USDT, or BTC/USDT for the spot pair.
    from_
        First day, UTC, such as 2026-01-01.
    to
        Where the span ends, itself excluded; now by default.
    interval
        Length of price bars.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print the summary as JSON.
    """
    from forcedflow.settings import read_settings
    from forcedflow.venues.fetch import fetch
    from forcedflow.venues.http import HttpClient
    from forcedflow.venues.importers.options import parse_interval
    from forcedflow.venues.network import connect_venue

    if not symbols:
        raise UsageError(f"no symbol given\nhint: forcedflow fetch {venue} BTCUSDT --from DAY")
    if from_ is None:
        raise UsageError("no --from given\nhint: --from 2026-01-01")
    start_ms, end_ms, interval_ms = parse_time(from_), parse_moment(to), parse_interval(interval)
    source = connect_venue(venue.strip().lower(), read_settings())
    wanted, left_out = _tables(source, tables)
    try:
        held = open_lake(lake, create=True)
        with (
            _termination_as_interrupt(),
            only_writer(held, "fetch", [source.name], symbols),
            _progress(quiet=json) as on_progress,
        ):
            report = fetch(
                held,
                source.connector,
                source.http,
                wanted,
                symbols,
                start_ms,
                end_ms,
                interval_ms,
                on_progress=on_progress,
            )
    finally:
        # Threads that wait for a limit give up, so that an interruption ends soon.
        if isinstance(source.http, HttpClient):
            source.http.close()
    if json:
        print_json(_summary(source.name, report, left_out))
    else:
        _print(source.name, report, left_out)
    return _status(source.name, symbols, report)


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Let a terminated process keep what it has read, as an interrupted one does."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tables(source: NetworkVenue, stated: str | None) -> tuple[list[str], list[str]]:
    """Return the tables wanted and those that are left out unless they are asked for."""
    from forcedflow.venues.fetch_plan import LARGE_TABLES

    offered = source.capabilities.backfilled
    if stated is None:
        return sorted(offered - LARGE_TABLES), sorted(offered & LARGE_TABLES)
    wanted = sorted({name.strip() for name in stated.split(",") if name.strip()})
    if not wanted:
        raise UsageError(f"no table named\nhint: --tables {','.join(sorted(offered))}")
    return wanted, []


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    from forcedflow import log

    log.configure(as_json=quiet)
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("fetching"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[received]}"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        log.configure()  # within, so that events stand above the bar
        task = shown.add_task("fetching", total=None, received="")

        def show(state: Progress) -> None:
            elapsed_s = max(shown.tasks[0].elapsed or 0.0, 1.0)
            rate = f"{_bytes(state.received_bytes)}, {_bytes(state.received_bytes / elapsed_s)}/s"
            shown.update(task, completed=state.done, total=state.total, received=rate)

        yield show
    log.configure()


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _status(venue: str, symbols: Sequence[str], report: FetchReport) -> int:
    if report.failures:
        errors = [failure.error for failure in report.failures]
        return max(error.exit_code for error in errors)
    if report.found:
        return 0
    sys.stderr.write(f"error: nothing of {', '.join(symbols)} was found on {venue}\n")
    return VenueError.exit_code if report.refusals else NoDataError.exit_code


def _summary(venue: str, report: FetchReport, left_out: Sequence[str]) -> dict[str, Any]:
    return {
        "venue": venue,
        "pieces": {
            "read": report.read,
            "held": report.held,
            "failed": [
                {"piece": failure.name, "problem": str(failure.error)}
                for failure in report.failures
            ],
        },
        "received_bytes": report.received_bytes,
        "tables": changes_to_json(report.tables),
        "gaps": [
            {
                "tables": list(gap.tables),
                "start": iso_time(gap.start_ms),
                "end": iso_time(gap.end_ms),
                "name": gap.name,
                "reason": gap.reason,
            }
            for gap in report.gaps
        ],
        "refusals": list(report.refusals),
        "warnings": list(report.warnings),
        "left_out": list(left_out),
    }


def _print(venue: str, report: FetchReport, left_out: Sequence[str]) -> None:
    for text in (*report.refusals, *report.warnings):
        warn(text)
    for failure in report.failures[:_SHOWN_FAILURES]:
        sys.stderr.write(f"failed: {failure.name}: {failure.error}\n")
    if (more := len(report.failures) - _SHOWN_FAILURES) > 0:
        sys.stderr.write(f"failed: {more} more; --json lists them\n")
    out = console()
    out.print(
        f"{venue}: {report.read} pieces read, {report.held} held before, "
        f"{len(report.failures)} failed; {_bytes(report.received_bytes)} received"
    )
    if report.tables:
        out.print(table_of_changes(report.tables))
    for line in _gap_lines(report.gaps[:_SHOWN_GAPS]):
        out.print(line, soft_wrap=True)
    if (more := len(report.gaps) - _SHOWN_GAPS) > 0:
        out.print(f"{more} more gaps; --json lists them")
    if left_out:
        out.print(f"left out, being large: {', '.join(left_out)}; --tables asks for them")


def _gap_lines(gaps: Sequence[Gap]) -> Iterator[str]:
    """Yield one line per gap. No table: names of files are long, and narrow columns hide them."""
    if gaps:
        yield "gaps (UTC)"
    width = max((len(", ".join(gap.tables)) for gap in gaps), default=0)
    for gap in gaps:
        span = f"{_day_or_time(gap.start_ms)} – {_day_or_time(gap.end_ms)}"
        yield f" {', '.join(gap.tables):{width}}  {span}  {gap.reason}: {gap.name}"


def _day_or_time(ms: int) -> str:
    return format_time(ms).removesuffix(" 00:00Z")
