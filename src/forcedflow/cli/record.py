"""``forcedflow record``: what venues say from now on into the lake, raw messages kept.

In:  venues, symbols, a lake; or raw messages recorded before.   Out: rows, and how it went.
Ctrl-C or a termination ends it in order: what was received is in the lake by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from forcedflow.cli.changes import changes_to_json, table_of_changes
from forcedflow.cli.options import (
    console,
    only_writer,
    open_lake,
    parse_duration,
    print_json,
    warn,
)
from forcedflow.errors import (
    DamagedFileError,
    FrameError,
    NoDataError,
    SchemaError,
    UsageError,
    VenueError,
)

if TYPE_CHECKING:
    from forcedflow.live.health import RecordHealth
    from forcedflow.store import Lake, TableChange
    from forcedflow.store.raw_block import TornTail
    from forcedflow.store.raw_log import RawRun
    from forcedflow.venues.connector import Connector
    from forcedflow.venues.network import NetworkVenue

# A recording that nobody watches says how it goes this often.
_SAID_EVERY_MS = 60_000


def run(
    *venues_and_symbols: str,
    tables: Annotated[
        str | None, Parameter(help="Tables, joined by commas; all by default.")
    ] = None,
    for_: Annotated[str | None, Parameter(name="--for")] = None,
    interval: str = "1m",
    from_raw: Path | None = None,
    lake: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Follow venues live into the lake, and keep their raw messages, until Ctrl-C.

    Parameters
    ----------
    venues_and_symbols
        Venues and contracts, such as: binance bybit BTC ETH.
    for_
        How long, such as 10m or 8h; until Ctrl-C by default.
    interval
        Length of price bars.
    from_raw
        Folder of raw messages recorded before, such as a lake: read them again into the lake with
        today's parsers, without asking any venue.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print the summary as JSON; on the way a line of it per minute goes to standard error.
    """
    from forcedflow.venues.network import CONNECTORS, is_connected

    venues, symbols = _parted(venues_and_symbols, is_connected)
    if from_raw is not None:
        if symbols or tables or for_:
            raise UsageError("--from-raw reads what was recorded: name venues alone, or nothing")
        return _read_again(from_raw, venues, open_lake(lake, create=True), json=json)
    known = ", ".join(sorted(CONNECTORS))
    if not venues:
        given = f" among {', '.join(symbols)}" if symbols else " given"
        raise UsageError(f"no venue{given}\nhint: one or more of {known}, or ccxt:NAME")
    if not symbols:
        raise UsageError(f"no symbol given\nhint: forcedflow record {' '.join(venues)} BTC")
    return _record(
        venues,
        symbols,
        open_lake(lake, create=True),
        tables=None if tables is None else _tables(tables),
        for_s=None if for_ is None else parse_duration(for_) / 1000,
        interval=interval,
        json=json,
    )


def _parted(words: Sequence[str], is_venue: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """Return which words are venues and which are symbols, each once."""
    venues = [word.strip().lower() for word in words if is_venue(word.strip().lower())]
    symbols = [word for word in words if not is_venue(word.strip().lower())]
    return list(dict.fromkeys(venues)), list(dict.fromkeys(symbols))


def _tables(stated: str) -> list[str]:
    from forcedflow.tables import TABLES

    wanted = [name.strip() for name in stated.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in TABLES]:
        raise UsageError(f"no such table: {', '.join(unknown)}\nhint: {', '.join(TABLES)}")
    if not wanted:
        raise UsageError("no table named\nhint: --tables trades,liquidations")
    return wanted


def _record(
    names: Sequence[str],
    symbols: Sequence[str],
    lake: Lake,
    *,
    tables: Sequence[str] | None,
    for_s: float | None,
    interval: str,
    json: bool,
) -> int:
    from forcedflow.cli.record_screen import minute_line, summary, to_json
    from forcedflow.settings import read_settings
    from forcedflow.venues.importers.options import parse_interval
    from forcedflow.venues.network import connect_venue

    if lake.in_bucket:
        sys.stderr.write(f"raw messages stay on this machine, in {lake.root}/raw\n")
    settings, interval_ms = read_settings(), parse_interval(interval)
    venues = [connect_venue(name, settings) for name in names]
    line = to_json if json else minute_line
    with (
        only_writer(lake, "record", [venue.name for venue in venues], symbols),
        _shown(line, watched=not json) as on_health,
        _closing(venues),
    ):
        try:
            health = asyncio.run(
                _until_told(venues, symbols, lake, tables, interval_ms, for_s, on_health)
            )
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    if json:
        print_json(to_json(health))
    else:
        console().print(summary(health, lake.root))
    return VenueError.exit_code if health.all_failed else 0


async def _until_told(
    venues: Sequence[NetworkVenue],
    symbols: Sequence[str],
    lake: Lake,
    tables: Sequence[str] | None,
    interval_ms: int,
    for_s: float | None,
    on_health: Callable[[RecordHealth], None],
) -> RecordHealth:
    """Record until the time is up or a signal comes; a second one does not wait."""
    from forcedflow.live.recorder import record

    loop, stop, task = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()

    def end() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, end)
    if for_s is not None:
        loop.call_later(for_s, stop.set)
    return await record(
        venues,
        symbols,
        lake,
        tables=tables,
        interval_ms=interval_ms,
        stop=stop,
        on_health=on_health,
    )


@contextlib.contextmanager
def _closing(venues: Sequence[NetworkVenue]) -> Iterator[None]:
    from forcedflow.venues.http import HttpClient

    try:
        yield
    finally:
        # Threads that wait for a limit give up, so that an interruption ends soon.
        for venue in venues:
            if isinstance(venue.http, HttpClient):
                venue.http.close()


@contextlib.contextmanager
def _shown(
    line: Callable[[RecordHealth], object], *, watched: bool
) -> Iterator[Callable[[RecordHealth], None]]:
    """Show how it goes: on a terminal each second, elsewhere as a line a minute."""
    from forcedflow import log

    if watched and sys.stdout.isatty():
        from rich.live import Live

        from forcedflow.cli.record_screen import health_table

        screen = console()
        with Live(console=screen, auto_refresh=False, transient=True) as live:
            log.configure()  # within, so that events stand above the table
            yield lambda health: live.update(health_table(health, screen.height), refresh=True)
        log.configure()
        return
    log.configure(as_json=not watched)
    said_ms: list[int] = []

    def say(health: RecordHealth) -> None:
        due_ms = (said_ms[-1] if said_ms else health.started_ms) + _SAID_EVERY_MS
        if health.now_ms >= due_ms:
            said_ms[:] = [health.now_ms]
            sys.stderr.write(_one_line(line(health)) + "\n")
            sys.stderr.flush()

    yield say


def _one_line(value: object) -> str:
    import msgspec

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class _Remarks:
    """What a replay met on its way."""

    def __init__(self) -> None:
        self.tails: dict[Path, TornTail] = {}
        self.refused: Counter[str] = Counter()
        self.damaged: list[DamagedFileError] = []

    def torn(self, tail: TornTail) -> None:
        """Take note of a file that ends within a block, once."""
        self.tails[tail.path] = tail

    def refuse(self, error: FrameError | SchemaError) -> None:
        """Take note of a message or a row that cannot be taken."""
        self.refused[error.what if isinstance(error, FrameError) else f"row of {error.table}"] += 1


def _read_again(folder: Path, venues: Sequence[str], lake: Lake, *, json: bool) -> int:
    """Read raw messages into the lake; a damaged file ends its run, and the others go in."""
    from forcedflow.settings import read_settings
    from forcedflow.store.raw_log import list_runs
    from forcedflow.venues.network import connect_venue

    remarks = _Remarks()
    if not folder.is_dir():
        raise NoDataError(f"{folder} is no folder\nhint: the lake that was recorded into")
    runs = [
        run for run in list_runs(folder, remarks.torn) if not venues or run.header.venue in venues
    ]
    if not runs:
        raise NoDataError(
            f"{folder} holds no raw messages{' of ' + ', '.join(venues) if venues else ''}\n"
            "hint: forcedflow record VENUE SYMBOL"
        )
    settings = read_settings()
    changes: dict[str, TableChange] = {}
    for found in runs:
        connector = connect_venue(found.header.venue, settings).connector
        _read_run(connector, found, lake, changes, remarks)
    lake.compact()
    _print_again(runs, changes, remarks, json=json)
    return DamagedFileError.exit_code if remarks.damaged else 0


def _read_run(
    connector: Connector,
    found: RawRun,
    lake: Lake,
    changes: dict[str, TableChange],
    remarks: _Remarks,
) -> None:
    from forcedflow.store import TableChange
    from forcedflow.venues.replay import replay_run

    try:
        for rows in replay_run(connector, found, remarks.torn, remarks.refuse):
            for table, change in lake.write(rows).tables.items():
                changes[table] = changes.get(table, TableChange()) + change
    except DamagedFileError as error:
        remarks.damaged.append(error)


def _print_again(
    runs: Sequence[RawRun], changes: dict[str, TableChange], remarks: _Remarks, *, json: bool
) -> None:
    if json:
        print_json(
            {
                "runs": len(runs),
                "tables": changes_to_json(changes),
                "refused": dict(sorted(remarks.refused.items())),
                "torn": [str(tail.path) for tail in remarks.tails.values()],
                "damaged": [str(error) for error in remarks.damaged],
            }
        )
        return
    for tail in remarks.tails.values():
        warn(str(tail))
    for what, count in sorted(remarks.refused.items()):
        warn(f"{count:,} of {what} cannot be read")
    for error in remarks.damaged:
        sys.stderr.write(f"refused: {error}\n")
    out = console()
    out.print(f"{len(runs)} recordings read again")
    if changes:
        out.print(table_of_changes(changes))
