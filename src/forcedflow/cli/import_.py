"""``forcedflow import``: vendor files into the lake.

In:  a kind, files and folders.   Out: rows in the lake, and a summary of what became of each file.
A damaged file is refused whole; the others go in, and the exit status says so.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from forcedflow.cli.changes import changes_to_json, table_of_changes
from forcedflow.cli.options import console, open_lake, print_json, warn
from forcedflow.errors import DamagedFileError, DataError, NoDataError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from forcedflow.store import Lake, Receipt, TableChange
    from forcedflow.venues.importers.options import ImportOptions
    from forcedflow.venues.importers.registry import ImportKind

# Rows held before they are written: few writes are fast, and this much fits in little memory.
_BATCH_ROWS = 2_000_000


@dataclass(slots=True)
class _Outcome:
    """What became of the files so far."""

    read: int = 0
    skipped: int = 0
    refused: list[DamagedFileError] = field(default_factory=list)
    tables: dict[str, TableChange] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    """Rows and receipts on their way into the lake."""

    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    row_count: int = 0


def run(
    kind: str,
    /,
    *paths: Path,
    lake: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    venue: str | None = None,
    coin: str | None = None,
    market: Annotated[str | None, Parameter(help="perp, spot, um (USD-M) or cm (COIN-M).")] = None,
    dataset: str | None = None,
    interval: str | None = None,
    table: str | None = None,
    volume_unit: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    contract_size: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    rate_unit: Annotated[str | None, Parameter(help="percent or fraction.")] = None,
) -> int:
    """Read vendor files into the lake; importing a file again adds nothing.

    Parameters
    ----------
    kind
        binance-vision, candles, coinglass, coinalyze, hyblock, hyperliquid-fills,
        hyperliquid-positions, hyperliquid-tape, tardis or table.
    paths
        Files and folders; folders are walked.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print the summary as JSON.
    venue
        Venue of rows that name none; several joined by +.
    coin
        Coin or symbol of rows that name none.
    market
        Market of prices where the file does not say.
    dataset
        What a file holds where it does not say: klines, open_interest, funding, ...
    interval
        Length of a bar where the file does not say, such as 1h.
    table
        Table of a file in this package's own schema; its name by default.
    volume_unit
        Unit of a venue's sizes, such as kraken=coins (or contracts, or quote); may be repeated.
    contract_size
        Coins per contract, such as okx:BTC=0.01; may be repeated.
    rate_unit
        Unit of funding rates where the vendor does not document it.
    """
    from forcedflow.venues.importers.options import parse_contract_size, parse_volume_unit
    from forcedflow.venues.importers.registry import discover, find_kind

    wanted = find_kind(kind)
    if not paths:
        raise UsageError(f"no path given\nhint: forcedflow import {kind} PATH")
    options = _options(
        venue=venue.lower() if venue else None,
        coin=coin,
        market=market,
        dataset=dataset,
        interval=interval,
        table=table,
        volume_units=[parse_volume_unit(text) for text in volume_unit],
        contract_sizes=[parse_contract_size(text) for text in contract_size],
        rate_unit=rate_unit,
    )
    found = discover(kind, paths)
    if not found.files:
        named = ", ".join(str(path) for path in paths)
        raise NoDataError(f"no file of {kind} in {named}\nhint: forcedflow import {kind} PATH")
    outcome = _Outcome(warnings=list(found.warnings))
    _import_files(open_lake(lake, create=True), wanted, found.files, options, outcome, quiet=json)
    if json:
        print_json(_summary(kind, outcome))
    else:
        _print(kind, outcome)
    return DataError.exit_code if outcome.refused else 0


def _options(**stated: Any) -> ImportOptions:
    import msgspec

    from forcedflow.venues.importers.options import ImportOptions, parse_interval

    try:
        options = msgspec.convert(stated, ImportOptions)
    except msgspec.ValidationError as error:
        raise UsageError(f"{error}\nhint: forcedflow import --help") from error
    if options.interval is not None:
        parse_interval(options.interval)
    return options


def _import_files(
    lake: Lake,
    kind: ImportKind,
    files: Sequence[Path],
    options: ImportOptions,
    outcome: _Outcome,
    *,
    quiet: bool,
) -> None:
    batch = _Batch()
    try:
        for path in _with_progress(files, quiet=quiet):
            _read_file(lake, kind, path, options, outcome, batch)
            if batch.row_count >= _BATCH_ROWS:
                _flush(lake, batch, outcome)
    finally:
        # An interruption or a question about one file does not lose the files before it.
        _flush(lake, batch, outcome)


def _read_file(
    lake: Lake,
    kind: ImportKind,
    path: Path,
    options: ImportOptions,
    outcome: _Outcome,
    batch: _Batch,
) -> None:
    from forcedflow.store import Receipt
    from forcedflow.venues.importers.registry import identity

    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        outcome.refused.append(DamagedFileError(str(path), f"cannot be read: {reason}"))
        return
    sha256, fingerprint = hashlib.sha256(data).hexdigest(), identity(kind.name, path, options)
    if lake.receipt(sha256, kind.name, fingerprint) is not None:
        outcome.skipped += 1
        return
    try:
        parsed = kind.reader(path, data, options)
    except DamagedFileError as error:
        outcome.refused.append(error)
        return
    outcome.read += 1
    outcome.warnings += parsed.warnings
    for table, frame in parsed.frames.items():
        batch.frames.setdefault(table, []).append(frame)
        batch.row_count += frame.height
    now_ms = time.time_ns() // 1_000_000
    batch.receipts.append(Receipt(sha256, kind.name, fingerprint, path.name, now_ms))


def _flush(lake: Lake, batch: _Batch, outcome: _Outcome) -> None:
    import polars as pl

    if not batch.receipts:
        return
    frames = {table: pl.concat(parts) for table, parts in batch.frames.items()}
    written = lake.write(frames, batch.receipts)
    for table, change in written.tables.items():
        before = outcome.tables.get(table)
        outcome.tables[table] = change if before is None else before + change
    batch.frames, batch.receipts, batch.row_count = {}, [], 0


def _with_progress(files: Sequence[Path], *, quiet: bool) -> Iterable[Path]:
    if quiet or not sys.stderr.isatty():
        return files
    from rich.console import Console
    from rich.progress import track

    return track(files, description="reading", console=Console(stderr=True), transient=True)


def _summary(kind: str, outcome: _Outcome) -> dict[str, Any]:
    return {
        "kind": kind,
        "files": {
            "read": outcome.read,
            "skipped": outcome.skipped,
            "refused": [
                {
                    "file": error.file,
                    "row": error.row,
                    "field": error.field,
                    "problem": error.problem,
                }
                for error in outcome.refused
            ],
        },
        "tables": changes_to_json(outcome.tables),
        "warnings": outcome.warnings,
    }


def _print(kind: str, outcome: _Outcome) -> None:
    for text in outcome.warnings:
        warn(text)
    for error in outcome.refused:
        sys.stderr.write(f"refused: {error}\n")
    out = console()
    out.print(
        f"{kind}: {outcome.read} files read, {outcome.skipped} skipped (imported before), "
        f"{len(outcome.refused)} refused"
    )
    if outcome.tables:
        out.print(table_of_changes(outcome.tables))
