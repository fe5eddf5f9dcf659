"""Repair: asking over HTTP for what a feed did not tell us while it was down.

In:  a venue, tables, symbols and the span of an outage. [UTC ms]   Out: the rows due in it.
Free of sockets but the venue's own; blocks, so call it from a thread.

What happens once and is not kept, such as a liquidation or a book, cannot be asked for: that is
a gap for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import polars as pl

from forcedflow.errors import ForcedflowError, NotThereError
from forcedflow.venues.base import Rows
from forcedflow.venues.connector import HoldsTrades
from forcedflow.venues.network import NetworkVenue, read_piece

MARGIN_MS: Final = 2_000
"""How far beyond an outage to ask: a subscription takes effect after its connection. [ms]"""

NOT_KEPT: Final = "the venue does not keep these for asking"
"""What is said of tables that there is nothing to ask for."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What asking gave.

    Parameters
    ----------
    batches : tuple of Rows
        Rows that became known in the span.
    tables : frozenset of str
        Tables that the venue answered for, with rows or with none.
    problems : mapping of str to str
        Tables for which asking failed, and how; it may be tried again.
    lost : mapping of str to str
        Tables for which there is nothing to ask, and why.
    """

    batches: tuple[Rows, ...]
    tables: frozenset[str]
    problems: Mapping[str, str]
    lost: Mapping[str, str]


def read_missing(
    venue: NetworkVenue,
    tables: Sequence[str],
    symbols: Sequence[str],
    start_ms: int,
    end_ms: int,
    interval_ms: int,
) -> Repaired:
    """Return the rows that became known in an outage and that the venue still has.

    Parameters
    ----------
    venue : NetworkVenue
    tables, symbols : sequence of str
        What the feed carried.
    start_ms, end_ms : int
        The outage, half-open. [UTC ms]
    interval_ms : int
        Length of price bars. [ms]

    Returns
    -------
    Repaired
        What fails for one table does not cost another.
    """
    start_ms, end_ms = start_ms - MARGIN_MS, end_ms + MARGIN_MS
    known = pl.col("available_time").is_between(_moment(start_ms), _moment(end_ms), closed="left")
    batches: list[Rows] = []
    answered: set[str] = set()
    problems: dict[str, str] = {}
    lost: dict[str, str] = {}
    for table in tables:
        found: list[Rows] = []
        try:
            for symbol in symbols:
                own = known & (pl.col("symbol") == symbol)
                for rows in _read(venue, table, symbol, start_ms, end_ms, interval_ms):
                    answered.add(table)
                    if table in rows:
                        found.append({table: rows[table].filter(own)})
        except NotThereError as error:
            answered.discard(table)
            lost[table] = str(error)
        except ForcedflowError as error:
            answered.discard(table)
            problems[table] = str(error)
        # What came of some symbols is kept though others failed.
        batches += [rows for rows in found if rows[table].height]
    silent = set(tables) - answered - problems.keys() - lost.keys()
    lost |= dict.fromkeys(silent, NOT_KEPT)
    return Repaired(tuple(batches), frozenset(answered), problems, lost)


def _read(
    venue: NetworkVenue, table: str, symbol: str, start_ms: int, end_ms: int, interval_ms: int
) -> Iterator[Rows]:
    connector = venue.connector
    if table not in venue.capabilities.backfilled:
        return
    if table == "trades":
        # A day of them, which is what a piece holds, is a thousand requests for a few seconds.
        if isinstance(connector, HoldsTrades):
            yield connector.trades_between(venue.http, venue.instrument(symbol), start_ms, end_ms)
        return
    for piece in venue.pieces([table], symbol, start_ms, end_ms, interval_ms):
        yield from read_piece(piece)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, tz=UTC)
