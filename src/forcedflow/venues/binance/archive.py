"""Binance's public archive: which files hold a span of time, and their rows.

In:  an instrument and a span. [UTC ms]   Out: pieces that download, verify and parse when read.
Free of sockets and of the clock: `Http` and the moment are given.

The archive writes ``data/{spot|futures/um|futures/cm}/{daily|monthly}/{type}/{SYMBOL}[/{interval}]/
{SYMBOL}-{type|interval}-{date}.zip`` with a ``.CHECKSUM`` beside it. A file is named after the day
on which its bars open and its snapshots are taken, so the bar that ends at midnight is in the file
of the day before, and that day is asked for too where a span begins at midnight.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from forcedflow.errors import VenueError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS, MINUTE_MS
from forcedflow.venues.base import Rows
from forcedflow.venues.binance.bars import PriceType
from forcedflow.venues.binance.spec import interval_name
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.importers.binance_vision import read_binance_vision
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.registry import identity


class RestTail(Protocol):
    """What to ask for over HTTP where the archive holds nothing."""

    def __call__(
        self, table: str, start_ms: int, end_ms: int, price_type: PriceType | None
    ) -> tuple[Piece, ...]:
        """Return the pieces of a table and whole days, the last of them cut at the present.

        Of bars only those of one price, where one is named.
        """


ROOT = "https://data.binance.vision"
"""Where the archive answers; it refuses no country."""

_KIND = "binance-vision"


@dataclass(frozen=True, slots=True)
class _Dataset:
    """One folder of the archive. Bars have a folder per interval, and are of one price."""

    name: str
    tables: tuple[str, ...]
    daily: bool = True
    monthly: bool = False
    bars_of: PriceType | None = None


_SPOT = _Dataset("klines", ("klines",), monthly=True, bars_of="spot")
_LAST = _Dataset("klines", ("klines",), monthly=True, bars_of="last")
_MARK = _Dataset("markPriceKlines", ("klines",), monthly=True, bars_of="mark")
_INDEX = _Dataset("indexPriceKlines", ("klines",), monthly=True, bars_of="index")
_METRICS = _Dataset("metrics", ("open_interest", "long_short_ratio"))
_FUNDING = _Dataset("fundingRate", ("funding",), daily=False, monthly=True)
_DEPTH = _Dataset("bookDepth", ("depth_bands",))
# Months of trades exist too, but one of them does not fit the memory of a small machine.
_TRADES = _Dataset("aggTrades", ("trades",))

_DATASETS = {
    "spot": (_SPOT, _TRADES),
    "linear": (_LAST, _MARK, _INDEX, _METRICS, _FUNDING, _DEPTH, _TRADES),
    # The units of COIN-M depth are not documented.
    "inverse": (_LAST, _MARK, _INDEX, _METRICS, _FUNDING, _TRADES),
}
_FOLDERS = {"spot": "spot", "linear": "futures/um", "inverse": "futures/cm"}


def archive_pieces(
    http: Http,
    tables: Sequence[str],
    instrument: Instrument,
    start_ms: int,
    end_ms: int,
    now_ms: int,
    interval_ms: int,
    rest_tail: RestTail,
    *,
    root: str | None = ROOT,
) -> tuple[Piece, ...]:
    """Return the archive's files of a span, and what to ask for where it does not hold one.

    Whole past months come as one file where there are monthly ones, else day by day. Days that have
    not ended are asked for over HTTP at once.

    Parameters
    ----------
    http : Http
        Who asks, once a piece is read.
    tables : sequence of str
        Tables wanted; those that the archive does not have give no piece.
    instrument : Instrument
        Contract. Its contract size counts for COIN-M, where it was fetched. [USD per contract]
    start_ms, end_ms : int
        Span of event times; the days that hold them are asked for whole. [UTC ms]
    now_ms : int
        The present. [UTC ms]
    interval_ms : int
        Length of bars. [ms]
    rest_tail : callable
        Pieces over HTTP of a table and days.
    root : str, optional
        Where the archive answers, the venue's own address by default.

    Returns
    -------
    tuple of Piece
        Their names are paths below ``data/``.

    Raises
    ------
    UsageError
        If bars are wanted whose length the archive does not have by the day.
    """
    plan = _Plan(
        http,
        frozenset(tables),
        instrument,
        start_ms,
        min(end_ms, now_ms),
        now_ms,
        interval_ms,
        rest_tail,
        root or ROOT,
    )
    found: dict[str, Piece] = {}
    for dataset in _DATASETS[instrument.kind]:
        if plan.tables & set(dataset.tables):
            for piece in _pieces(plan, dataset):
                found.setdefault(piece.name, piece)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Plan:
    """What was asked for."""

    http: Http
    tables: frozenset[str]
    instrument: Instrument
    start_ms: int
    end_ms: int
    now_ms: int
    interval_ms: int
    rest_tail: RestTail
    root: str


@dataclass(slots=True)
class _File:
    """One file of the archive, from its address to its rows."""

    http: Http
    url: str
    options: ImportOptions
    checksum: str | None = None
    warnings: tuple[str, ...] = field(default=())

    def fingerprint(self) -> str:
        stated = self.http.get(f"{self.url}.CHECKSUM", weight=0).split()
        checksum = stated[0].decode("ascii", "replace").lower() if stated else ""
        if len(checksum) != hashlib.sha256().digest_size * 2:
            raise VenueError("binance", f"{self.url}.CHECKSUM holds no SHA-256")
        self.checksum = checksum
        return checksum

    def read(self) -> Rows:
        checksum = self.checksum or self.fingerprint()
        data = self.http.get(self.url, weight=0)
        found = hashlib.sha256(data).hexdigest()
        if found != checksum:
            raise VenueError(
                "binance",
                f"{self.url}: SHA-256 is {found[:16]}…, its .CHECKSUM says {checksum[:16]}…; "
                "nothing of it was taken, ask again",
            )
        # The address as path: its folders say what the file is, and no local file is beside it.
        parsed = read_binance_vision(Path(self.url), data, self.options)
        self.warnings = parsed.warnings
        return parsed.frames

    def remarks(self) -> tuple[str, ...]:
        return self.warnings


def _pieces(plan: _Plan, dataset: _Dataset) -> Iterator[Piece]:
    start_ms = _day(plan.start_ms - _lag_ms(plan, dataset))
    for month_ms, month_end_ms in _months(start_ms, plan.end_ms):
        first_ms = max(month_ms, start_ms)
        last_ms = min(month_end_ms, plan.end_ms)
        whole = first_ms == month_ms and plan.end_ms >= month_end_ms
        past = month_end_ms <= plan.now_ms
        if dataset.monthly and past and (whole or not dataset.daily):
            days = (
                tuple(_days(plan, dataset, month_ms, month_end_ms))
                if dataset.daily
                else _tail(plan, dataset, month_ms, month_end_ms)
            )
            yield _piece(plan, dataset, month_ms, month_end_ms, "monthly", days)
        elif dataset.daily:
            yield from _days(plan, dataset, first_ms, last_ms)
        else:
            yield from _tail(plan, dataset, first_ms, last_ms)


def _lag_ms(plan: _Plan, dataset: _Dataset) -> int:
    """Return how long after the time by which it is filed the latest row of a dataset happens."""
    if dataset.bars_of:
        return plan.interval_ms
    # The taker ratio is filed under the start of its five minutes.
    return 5 * MINUTE_MS if dataset is _METRICS and "long_short_ratio" in plan.tables else 0


def _days(plan: _Plan, dataset: _Dataset, start_ms: int, end_ms: int) -> Iterator[Piece]:
    for day_ms in range(start_ms, end_ms, DAY_MS):
        next_ms = day_ms + DAY_MS
        if next_ms > plan.now_ms:
            yield from _tail(plan, dataset, day_ms, min(next_ms, plan.now_ms))
        else:
            tail = _tail(plan, dataset, day_ms, next_ms)
            yield _piece(plan, dataset, day_ms, next_ms, "daily", tail)


def _tail(plan: _Plan, dataset: _Dataset, start_ms: int, end_ms: int) -> tuple[Piece, ...]:
    wanted = [table for table in dataset.tables if table in plan.tables]
    return tuple(
        piece
        for table in wanted
        for piece in plan.rest_tail(table, start_ms, end_ms, dataset.bars_of)
    )


def _piece(
    plan: _Plan,
    dataset: _Dataset,
    start_ms: int,
    end_ms: int,
    period: str,
    instead: tuple[Piece, ...],
) -> Piece:
    name = _name(plan, dataset, start_ms, period)
    options = _options(plan.instrument)
    file = _File(plan.http, f"{plan.root.rstrip('/')}/data/{name}", options)
    return Piece(
        name=name,
        tables=frozenset(dataset.tables),
        start_ms=start_ms,
        end_ms=end_ms,
        read=file.read,
        fingerprint=file.fingerprint,
        instead=instead,
        host="archive",
        remembered_as=(_KIND, identity(_KIND, Path(name), options)),
        remarks=file.remarks,
    )


def _name(plan: _Plan, dataset: _Dataset, start_ms: int, period: str) -> str:
    instrument = plan.instrument
    symbol = instrument.venue_symbol
    if dataset is _INDEX and instrument.kind == "inverse":
        symbol = f"{instrument.base}{instrument.quote}"  # an index is of the pair, not the contract
    date = datetime.fromtimestamp(start_ms / 1000, UTC).strftime(
        "%Y-%m" if period == "monthly" else "%Y-%m-%d"
    )
    folder = f"{_FOLDERS[instrument.kind]}/{period}/{dataset.name}/{symbol}"
    if not dataset.bars_of:
        return f"{folder}/{symbol}-{dataset.name}-{date}.zip"
    interval = interval_name(plan.interval_ms)
    return f"{folder}/{interval}/{symbol}-{interval}-{date}.zip"


def _options(instrument: Instrument) -> ImportOptions:
    # A tick size says that the venue was asked; a default contract size would be a guess.
    if instrument.kind != "inverse" or instrument.tick_size is None:
        return ImportOptions()
    return ImportOptions(contract_sizes=(("binance", instrument.base, instrument.contract_size),))


def _day(ms: int) -> int:
    return ms - ms % DAY_MS


def _months(start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    """Yield first and last moment (exclusive) of every month that a span touches."""
    moment = datetime.fromtimestamp(start_ms / 1000, UTC)
    year, month = moment.year, moment.month
    while (first_ms := _first_of_month(year, month)) < end_ms:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        yield first_ms, _first_of_month(year, month)


def _first_of_month(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000
