"""A market as of a moment: the tables that maps and cascades are built from.

In:  a lake, an instrument, a moment. [UTC ms]   Out: `Market`, with no row that was not yet known.
Reads the lake; nothing else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from forcedflow.depth.curve import DepthCurve
from forcedflow.depth.from_book import WINDOW_MS as BOOK_WINDOW_MS
from forcedflow.depth.source import BOOK_FRESH_MS, VOLUME_FRESH_MS, choose_depth
from forcedflow.errors import NoDataError, UsageError
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import Market
from forcedflow.margin import (
    BracketSchedule,
    MarginRule,
    default_schedules,
    rule_for,
    schedule_as_of,
    schedule_from_rows,
    schedules_from_table,
    size_unit,
)
from forcedflow.positions.mixture import Mixture
from forcedflow.positions.trained import TrainedMixture
from forcedflow.store import Lake, RowSource
from forcedflow.store.artefacts import newest_artefact, read_artefact
from forcedflow.units import DAY_MS

HISTORY_DAYS = 400
"""How far back a ladder starts: fifty times the longest half-life, so nothing older matters."""

ASSUMED = "assumed: 1 % maintenance margin, at most 50×; no brackets known by then"
"""Source of brackets that nobody published."""

# Kinds of files that hold a venue's open interest in coins; of other venues, one's own tables.
_OPEN_INTEREST_FILES = {"binance": "binance-vision", "bybit": "coinalyze", "okx": "coinalyze"}


def read_market(lake: RowSource, instrument: Instrument, at_ms: int) -> Market:
    """Return what could be known of an instrument at a moment.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    at_ms : int
        The moment. [UTC ms]

    Returns
    -------
    Market

    Raises
    ------
    NoDataError
        If no open interest of the instrument was known by then; says what is held instead.
    """
    venue, symbol = instrument.venue, instrument.symbol
    newest = _newest_event(lake, instrument, at_ms)
    # The first day is whole, so that the start of history does not move with every bar.
    start = (newest // DAY_MS - HISTORY_DAYS) * DAY_MS

    def rows(table: str) -> pl.DataFrame:
        return lake.read(table, venue=venue, symbol=symbol, start_ms=start, available_by_ms=at_ms)

    open_interest = rows("open_interest")
    klines = rows("klines")
    schedule, notes = read_schedule(lake, instrument, at_ms)
    return Market(
        instrument=instrument,
        at_ms=at_ms,
        open_interest=open_interest,
        mark_klines=klines.filter(pl.col("price_type") == "mark"),
        trade_klines=klines.filter(pl.col("price_type") == "last"),
        funding=rows("funding"),
        schedule=schedule,
        rule=read_rule(instrument, at_ms),
        notes=notes,
    )


def read_depth(
    lake: RowSource, instrument: Instrument, at_ms: int
) -> tuple[DepthCurve, DepthCurve]:
    """Return what could be executed at a moment, by the best source known then.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    at_ms : int
        Rows known by then. [UTC ms]

    Returns
    -------
    down, up : DepthCurve
        From a fresh order book, else depth bands, else a day's volume; each says which and how old.

    Raises
    ------
    NoDataError
        If not even a day's volume was known.
    """

    def rows(table: str, span_ms: int) -> pl.DataFrame:
        return lake.read(
            table,
            venue=instrument.venue,
            symbol=instrument.symbol,
            start_ms=at_ms - span_ms,
            available_by_ms=at_ms,
        )

    try:
        return choose_depth(
            rows("order_book", BOOK_FRESH_MS + BOOK_WINDOW_MS),
            rows("depth_bands", DAY_MS),
            rows("klines", VOLUME_FRESH_MS + DAY_MS),
            at_ms,
        )
    except NoDataError as error:
        raise NoDataError(f"{instrument.venue} {instrument.symbol}: {error}") from error


def read_path_klines(lake: RowSource, instrument: Instrument, at_ms: int) -> pl.DataFrame:
    """Return every kline that says where an instrument's coin went: its own and the spot pair's.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    at_ms : int
        Rows known by then. [UTC ms]

    Returns
    -------
    polars.DataFrame
        Rows of ``klines``; may be empty.
    """
    spot = f"{instrument.base}/{instrument.quote}"
    return lake.read(
        "klines",
        venue=instrument.venue,
        symbol=[instrument.symbol, spot],
        available_by_ms=at_ms,
    )


def read_liquidations(
    lake: RowSource, instrument: Instrument, start_ms: int, at_ms: int
) -> tuple[pl.DataFrame, str]:
    """Return the longest series of realised liquidations the lake holds for an instrument.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    start_ms : int
        Rows from then on. [UTC ms]
    at_ms : int
        Rows known by then. [UTC ms]

    Returns
    -------
    rows : polars.DataFrame
        Of ``liquidation_totals`` or ``liquidations``, of one series: the one that covers most
        hours; between equals the venue's own before an aggregate over venues.
    name : str
        Whose they are.

    Raises
    ------
    NoDataError
        If there are none.
    """
    own, coin = instrument.symbol, instrument.base
    candidates: list[tuple[pl.DataFrame, str]] = []
    for table, venue, symbol in sorted(lake.series()):
        if table not in {"liquidation_totals", "liquidations"}:
            continue
        is_own = (venue, symbol) == (instrument.venue, own)
        if is_own or (symbol == coin and "+" in venue):
            rows = lake.read(
                table, venue=venue, symbol=symbol, start_ms=start_ms, available_by_ms=at_ms
            )
            place = 0 if is_own else len(candidates)
            candidates.insert(place, (rows, f"{venue} {table}"))
    covered = [
        rows.select(pl.col("event_time").dt.truncate("1h").n_unique()).item()
        for rows, _ in candidates
    ]
    if not any(covered):
        raise NoDataError(
            f"no liquidations of {instrument.venue} {own} are held for that span\n"
            "hint: forcedflow import coinglass PATH"
        )
    return candidates[covered.index(max(covered))]


def read_trained(path: Path, at_ms: int) -> TrainedMixture:
    """Return the trained map in a file, as it may be used at a moment.

    Parameters
    ----------
    path : Path
    at_ms : int
        The moment. [UTC ms]

    Returns
    -------
    TrainedMixture

    Raises
    ------
    NoDataError
        If there is no such file.
    DamagedFileError
        If its content is not what was written.
    DataError
        If its fit ended after the moment; names both times.
    """
    artefact = read_artefact(path)
    trained = TrainedMixture(
        venue=artefact.venue,
        symbol=artefact.symbol,
        name=artefact.name,
        fit_to_ms=artefact.fit_to_ms,
        length_ms=artefact.horizon_ms,
        mixture=Mixture(
            weight=np.asarray(artefact.weight),
            events=np.asarray(artefact.events),
            background=np.asarray(artefact.background),
            dispersion=np.asarray(artefact.dispersion),
            informed=np.asarray(artefact.informed),
            n=artefact.n,
        ),
        role=tuple(artefact.atoms.role),
        leverage=np.asarray(artefact.atoms.leverage),
        half_life_days=np.asarray(artefact.atoms.half_life_days),
        spans_ms=tuple(artefact.spans_ms),
        level=artefact.level,
        level_of="the end of the fit",
        targets=artefact.targets,
        simulated=artefact.simulated,
        card=tuple(artefact.card),
        complete_feed=artefact.complete_feed is True,
    )
    trained.check_known_by(at_ms)
    return trained


def newest_trained(lake: Lake, instrument: Instrument, at_ms: int) -> TrainedMixture | None:
    """Return the newest trained map of an instrument whose fit had ended by a moment, if any."""
    path = newest_artefact(
        lake.refreshed("artefacts"), "map", instrument.venue, instrument.symbol, at_ms
    )
    return None if path is None else read_trained(path, at_ms)


def _newest_event(lake: RowSource, instrument: Instrument, at_ms: int) -> int:
    known = lake.read(
        "open_interest",
        venue=instrument.venue,
        symbol=instrument.symbol,
        available_by_ms=at_ms,
        columns=["event_time"],
    )
    if known.is_empty():
        raise NoDataError(_nothing_held(lake, instrument))
    return int(known.select(pl.col("event_time").dt.epoch("ms").max()).item())


def read_schedule(
    lake: RowSource, instrument: Instrument, at_ms: int
) -> tuple[BracketSchedule, tuple[str, ...]]:
    """Return leverage brackets as of a moment, and in words where they are not those in force.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    at_ms : int
        The moment. [UTC ms]

    Returns
    -------
    schedule : BracketSchedule
        In force; else the earliest known, else a stated assumption. Brackets of the lake that
        became known after the moment are not seen; shipped ones are.
    notes : tuple of str
        Empty where the schedule is the one in force.
    """
    venue, symbol = instrument.venue, instrument.symbol
    stored = lake.read("leverage_brackets", venue=venue, symbol=symbol, available_by_ms=at_ms)
    schedules = (*schedules_from_table(stored), *default_schedules(venue))
    unit = size_unit(symbol)
    held = [s for s in schedules if s.symbol in {symbol, "*"} and s.unit == unit]
    if any(s.effective_ms <= at_ms for s in held):
        return schedule_as_of(held, symbol, at_ms), ()
    if held:
        earliest = min(held, key=lambda s: s.effective_ms)
        return earliest, (
            "leverage brackets are of a later day than the moment asked about: no older ones known",
        )
    assumed = schedule_from_rows(
        venue,
        symbol,
        0,
        [(1e12, 0.01, 50.0)],
        source=ASSUMED,
        unit=unit,
        partial=True,
    )
    return assumed, (
        f"no leverage brackets of {venue} {symbol} were known by then; 1 % and 50× are assumed",
    )


def read_rule(instrument: Instrument, at_ms: int) -> MarginRule:
    """Return the venue's margin rule in force at a moment.

    Raises
    ------
    UsageError
        If no rule of the venue is known.
    """
    try:
        return rule_for(
            instrument.venue, "inverse" if instrument.kind == "inverse" else "linear", at_ms
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _nothing_held(lake: RowSource, instrument: Instrument) -> str:
    held = sorted(
        f"{venue} {symbol}" for table, venue, symbol in lake.series() if table == "open_interest"
    )
    known = f"the lake has it for {', '.join(held)}" if held else "the lake has none at all"
    kind = _OPEN_INTEREST_FILES.get(instrument.venue, "table")
    return (
        f"no open interest of {instrument.venue} {instrument.symbol} known at that time; {known}\n"
        f"hint: forcedflow import {kind} PATH, or choose another --at or --venue"
    )
