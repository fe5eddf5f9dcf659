"""dYdX's past over HTTP as pieces: whole days of matches and bars, whole months of funding.

In:  tables, an instrument, a span of time. [UTC ms]   Out: `Piece` values; nothing is asked yet.
Free of parsing and of the clock: what counts as past is an argument.

Pieces lie on a grid that starts at 1970, so that two plans meet. The one under way ends now and
may still change; it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS, MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_REST, Rows
from forcedflow.venues.connector import Http, Piece
from forcedflow.venues.day_pieces import DayPieces
from forcedflow.venues.dydx import parse, rest
from forcedflow.venues.dydx.parse import Asked
from forcedflow.venues.dydx.spec import VENUE, bar_name
from forcedflow.venues.row_buffer import RowBuffer

_FUNDING_DAYS: Final = 30
# Open interest stands in bars; these are as fine as anywhere else.
_INTEREST_MS: Final = 5 * MINUTE_MS

# Asks for a span, and adds the rows that are wanted of it.
_Read: TypeAlias = Callable[[Asked, RowBuffer], None]


@dataclass(frozen=True, slots=True)
class History:
    """The past of one instrument.

    Parameters
    ----------
    http : Http
    root : str
        Where the venue answers.
    instrument : Instrument
    now_ms : int
        Local clock. [UTC ms]
    """

    http: Http
    root: str
    instrument: Instrument
    now_ms: int

    def pieces(
        self, tables: Sequence[str], start_ms: int, end_ms: int, interval_ms: int
    ) -> tuple[Piece, ...]:
        """Return what to ask for to hold the event times ``[start_ms, end_ms)``.

        Matches and liquidations come from the same answers, so one piece holds both.

        Parameters
        ----------
        tables : sequence of str
            Those that the venue does not have give no pieces.
        start_ms, end_ms : int
            [UTC ms]
        interval_ms : int
            Length of price bars. [ms]

        Raises
        ------
        UsageError
            If the venue has no bars of that length.
        """
        span = (start_ms, min(end_ms, self.now_ms))
        if span[0] >= span[1]:
            return ()
        wanted = frozenset(tables)
        found: list[Piece] = []
        if prints := wanted & {"trades", "liquidations"}:
            found += self._grid(prints, "-".join(sorted(prints)), 1, span, self.read_trades)
        if "klines" in wanted:
            read = partial(self._read_bars, interval_ms)
            days = max(1, rest.PAGE * interval_ms // DAY_MS)
            name = f"candles-{bar_name(interval_ms)}"
            found += self._grid(frozenset({"klines"}), name, days, span, read)
        if "open_interest" in wanted:
            read = partial(self._read_bars, _INTEREST_MS)
            days = rest.PAGE * _INTEREST_MS // DAY_MS
            found += self._grid(frozenset({"open_interest"}), "open-interest", days, span, read)
        if "funding" in wanted:
            tables_of = frozenset({"funding"})
            found += self._grid(tables_of, "funding", _FUNDING_DAYS, span, self._read_funding)
        if "leverage_brackets" in wanted:
            read_rows = partial(self._rows, self._read_bracket, frozenset({"leverage_brackets"}))
            found += self._cut.today("leverage_brackets", "brackets", span, read_rows)
        return tuple(found)

    def read_trades(self, asked: Asked, rows: RowBuffer) -> None:
        """Ask for the matches of a span, and add those and the liquidations among them.

        Raises
        ------
        VenueError
            If the venue refuses.
        FrameError
            If its reply is not what it should be.
        """
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_trades(
            self.http, self.root, self.instrument, *span, parse.oldest_trade
        ):
            parse.parse_trades(page, asked, "trades", rows)

    def _grid(
        self, tables: frozenset[str], name: str, days: int, span: tuple[int, int], read: _Read
    ) -> Iterator[Piece]:
        return self._cut.grid(tables, name, days, span, partial(self._rows, read, tables))

    @property
    def _cut(self) -> DayPieces:
        return DayPieces(f"rest/{self.instrument.venue_symbol}", self.now_ms)

    def _rows(self, read: _Read, tables: frozenset[str], start_ms: int, end_ms: int) -> Rows:
        rows = RowBuffer(VENUE)
        span = (start_ms, end_ms, self.now_ms)
        read(Asked(self.instrument, PRECEDENCE_REST, *span, tables), rows)
        return rows.take()

    def _read_bars(self, interval_ms: int, asked: Asked, rows: RowBuffer) -> None:
        # A bar that ends in the span began before it; open interest is that of a bar's start.
        first_ms = asked.start_ms - (interval_ms if "klines" in asked.tables else 0)
        span = (first_ms, asked.end_ms)
        for page in rest.get_klines(self.http, self.root, self.instrument, interval_ms, *span):
            parse.parse_candles(page, asked, rows)

    def _read_funding(self, asked: Asked, rows: RowBuffer) -> None:
        span = (asked.start_ms, asked.end_ms)
        for page in rest.get_funding(self.http, self.root, self.instrument, *span):
            parse.parse_funding(page, asked, rows)

    def _read_bracket(self, asked: Asked, rows: RowBuffer) -> None:
        raw = rest.get_markets(self.http, self.root)
        market = parse.parse_markets(raw).get(self.instrument.venue_symbol)
        if market is not None:
            parse.add_bracket(market, asked, self.now_ms, raw, rows)
