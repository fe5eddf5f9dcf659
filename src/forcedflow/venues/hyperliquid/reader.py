"""The reader of Hyperliquid's frames: books, bars and rounds of accounts under way.

In:  frames in the order in which they came.   Out: rows, and requests that they make necessary.
Free of sockets and of the clock: time is the venue's, or the frame's where a message has none.

Books come whole, so a gap in them mends itself with the next one. Bars that ended while a
connection was down are asked for when it is back, and so are the last trades.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.units import DAY_MS, MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_REST, PRECEDENCE_STREAM
from forcedflow.venues.connector import Request
from forcedflow.venues.hyperliquid import messages, parse, parse_accounts, rest
from forcedflow.venues.hyperliquid.coarse_book import CoarseBooks
from forcedflow.venues.hyperliquid.spec import VENUE
from forcedflow.venues.hyperliquid.stream import (
    BOOKS,
    COARSE,
    CONTEXTS,
    FEEDS,
    MARKET,
    TRADES,
    TRADES_FOR_POSITIONS,
)
from forcedflow.venues.hyperliquid.wallets import WalletBook
from forcedflow.venues.order_book import OrderBook
from forcedflow.venues.row_buffer import RowBuffer

_STATE: Final = "rest:clearinghouseState:"
_CANDLES: Final = "rest:candleSnapshot:"
_RECENT: Final = "rest:recentTrades:"


class _MarkBar(msgspec.Struct, gc=False):
    """One minute of mark prices under way."""

    minute_ms: int
    open: float
    high: float
    low: float
    close: float
    # Begun with the minute, not in its midst.
    is_whole: bool


class HyperliquidReader:
    """Turns frames of this venue into rows, in the order in which they came.

    Parameters
    ----------
    root : str
        Root of the venue's HTTP interface, for what it asks for itself.
    instruments : sequence of Instrument
        What is followed; other coins give no rows.
    wallets : WalletBook
        Accounts to ask about.
    """

    def __init__(self, root: str, instruments: Sequence[Instrument], wallets: WalletBook) -> None:
        self._root: Final = root
        self._symbols: Final = {one.venue_symbol: one.symbol for one in instruments}
        self.wallets: Final = wallets
        self._books: Final = {
            coin: OrderBook(symbol, f"{VENUE}:l2Book") for coin, symbol in self._symbols.items()
        }
        self._coarse: Final = {coin: CoarseBooks(book) for coin, book in self._books.items()}
        self._book_ms: dict[str, int] = {}
        self._bars: dict[str, messages.Candle] = {}
        self._broken_bars: dict[str, messages.Candle] = {}
        self._marks: dict[str, _MarkBar] = {}
        self._state_minute_ms: dict[str, int] = {}
        self._brackets_day_ms = -1
        self._was_cut: set[str] = set()

    def read(self, frame: Frame, rows: RowBuffer) -> Sequence[Request]:
        """Add a frame's rows, and return what must be asked for because of it.

        Raises
        ------
        FrameError
            If it cannot be read; ``rows`` has nothing of the frame.
        """
        match frame.kind:
            case "message":
                return self._read_message(frame, rows)
            case "response":
                return self._read_response(frame, rows)
            case "opened":
                return self._opened(frame)
            case "closed":
                self._closed(frame.connection)
                return ()

    def _read_message(self, frame: Frame, rows: RowBuffer) -> Sequence[Request]:
        match messages.decode_stream(frame.raw):
            case messages.TradesMessage(data=trades):
                follows = frame.connection == TRADES_FOR_POSITIONS
                self._add_trades(trades, rows, "trades", PRECEDENCE_STREAM, follows=follows)
                return self._ask_accounts(frame, rows) if follows else ()
            case messages.BookMessage(data=book):
                self._hear_book(book, COARSE.get(frame.connection), rows)
            case messages.ContextMessage(data=state):
                self._add_state(state, frame.received_ms, rows)
            case messages.CandleMessage(data=data):
                candles = data if isinstance(data, list) else [data]
                for candle in candles:
                    parse.check_candle(candle, frame.raw)
                for candle in candles:
                    self._hold_bar(candle, rows)
            case messages.FillsMessage(data=own):
                parse_accounts.add_fills(
                    own.fills, own.user, self._symbols, rows, "userFills", PRECEDENCE_STREAM
                )
            case messages.ErrorMessage(data=problem):
                raise FrameError(VENUE, "subscription", f"refused: {problem}", frame.raw)
            case None:
                pass
        return ()

    def _read_response(self, frame: Frame, rows: RowBuffer) -> Sequence[Request]:
        name = frame.connection
        if name.startswith(_STATE):
            state = parse_accounts.parse_account(frame.raw, self._symbols)
            self.wallets.answered(name.removeprefix(_STATE), state, frame.received_ms)
            return self._ask_accounts(frame, rows)
        if name.startswith(_CANDLES):
            parse.parse_candles(frame.raw, self._symbols, frame.received_ms, rows)
        elif name.startswith(_RECENT):
            recent = parse.parse_trades(frame.raw)
            self._add_trades(recent, rows, "recentTrades", PRECEDENCE_REST, follows=False)
        elif name == CONTEXTS:
            day_ms = frame.received_ms - frame.received_ms % DAY_MS
            parse.parse_contexts(
                frame.raw,
                self._symbols,
                frame.received_ms,
                rows,
                brackets=day_ms != self._brackets_day_ms,
            )
            self._brackets_day_ms = day_ms
        return ()

    def _opened(self, frame: Frame) -> Sequence[Request]:
        name = frame.connection
        if name == TRADES_FOR_POSITIONS:
            # Named accounts are asked for before the first trade comes.
            first = self._requests(self.wallets.due(frame.received_ms))
        else:
            first = []
        if name not in self._was_cut:
            return first
        self._was_cut.discard(name)
        if name in {TRADES, TRADES_FOR_POSITIONS}:
            return [
                *first,
                *(
                    Request(
                        f"{_RECENT}{coin}",
                        partial(rest.get_recent_trades, root=self._root, coin=coin),
                    )
                    for coin in self._symbols
                ),
            ]
        if name == MARKET:
            broken, self._broken_bars = self._broken_bars, {}
            return [
                Request(
                    f"{_CANDLES}{coin}",
                    partial(
                        rest.get_candles,
                        root=self._root,
                        coin=coin,
                        interval_ms=bar.end_ms - bar.t,
                        start_ms=bar.t,
                        end_ms=max(frame.received_ms, bar.end_ms) + 1,
                    ),
                )
                for coin, bar in broken.items()
            ]
        return first

    def _closed(self, name: str) -> None:
        if name not in FEEDS:
            return  # a question of our own that failed, and that is asked again
        self._was_cut.add(name)
        if name == BOOKS:
            self._book_ms.clear()
            for book in self._books.values():
                book.clear()
        elif name in COARSE:
            for coarse in self._coarse.values():
                coarse.forget(COARSE[name])
        elif name == MARKET:
            # A bar under way may have moved on unseen: whether what is held is all of it is not
            # known. Where the connection is cut twice, the older bar is where the hole begins.
            self._broken_bars = {**self._bars, **self._broken_bars}
            self._bars.clear()
            self._marks.clear()

    def _ask_accounts(self, frame: Frame, rows: RowBuffer) -> list[Request]:
        snapshot = self.wallets.snapshot(frame.received_ms)
        if snapshot is not None:
            for account, held in snapshot.positions:
                rows.add(
                    "positions",
                    held.symbol,
                    snapshot.time_ms,
                    snapshot.available_ms,
                    account,
                    held.side,
                    held.amount,
                    held.entry_price,
                    held.notional_usd,
                    held.leverage,
                    held.margin_mode,
                    held.unrealized_pnl_usd,
                    held.account_value_usd,
                    held.liquidation_price,
                    source=f"{VENUE}:clearinghouseState",
                    precedence=PRECEDENCE_REST,
                )
        return self._requests(self.wallets.due(frame.received_ms))

    def _requests(self, accounts: Iterable[str]) -> list[Request]:
        return [
            Request(
                f"{_STATE}{account}",
                partial(rest.get_clearinghouse_state, root=self._root, account=account),
            )
            for account in accounts
        ]

    def _add_trades(
        self,
        trades: list[messages.Trade],
        rows: RowBuffer,
        name: str,
        precedence: int,
        *,
        follows: bool,
    ) -> None:
        for trade in trades:
            symbol = self._symbols.get(trade.coin)
            if symbol is None:
                continue
            parse.add_trade(symbol, trade, rows, name, precedence)
            if follows and trade.users is not None:
                for account in trade.users:
                    self.wallets.saw_trade(account, trade.px * trade.sz, trade.time)

    def _hear_book(self, book: messages.Book, digits: int | None, rows: RowBuffer) -> None:
        kept = self._books.get(book.coin)
        if kept is not None and digits is not None:
            self._coarse[book.coin].keep(digits, book, self._book_ms.get(book.coin, 0), rows)
            return
        # An older snapshot than the last one tells nothing any more.
        if kept is None or book.time < self._book_ms.get(book.coin, 0):
            return
        self._book_ms[book.coin] = book.time
        bids, asks = book.levels
        kept.replace(((one.px, one.sz) for one in bids), ((one.px, one.sz) for one in asks))
        kept.keep(book.time, rows)

    def _hold_bar(self, candle: messages.Candle, rows: RowBuffer) -> None:
        # A bar is not said to be closed: it is once a later one has begun.
        symbol, held = self._symbols.get(candle.s), self._bars.get(candle.s)
        if symbol is None or (held is not None and candle.t < held.t):
            return
        if held is not None and candle.t > held.t:
            parse.add_candle(symbol, held, rows, "candle", PRECEDENCE_STREAM)
        self._bars[candle.s] = candle

    def _add_state(self, state: messages.CoinContext, received_ms: int, rows: RowBuffer) -> None:
        coin = state.coin
        symbol = self._symbols.get(coin)
        if symbol is None:
            return
        minute_ms = received_ms - received_ms % MINUTE_MS
        if self._state_minute_ms.get(coin) != minute_ms:
            self._state_minute_ms[coin] = minute_ms
            parse.add_context(
                symbol, state.ctx, received_ms, rows, "activeAssetCtx", PRECEDENCE_STREAM
            )
        self._add_mark(coin, symbol, state.ctx.markPx, minute_ms, rows)

    def _add_mark(
        self, coin: str, symbol: str, mark: float, minute_ms: int, rows: RowBuffer
    ) -> None:
        # The venue has no bars of the mark price. It sends the mark about every third second, with
        # no time on it, so that our clock decides which minute it belongs to.
        bar = self._marks.get(coin)
        if bar is not None and bar.minute_ms == minute_ms:
            bar.high, bar.low, bar.close = max(bar.high, mark), min(bar.low, mark), mark
            return
        if bar is not None and bar.is_whole and bar.minute_ms < minute_ms:
            end_ms = bar.minute_ms + MINUTE_MS
            prices = (bar.open, bar.high, bar.low, bar.close)
            rows.add(
                "klines",
                symbol,
                end_ms,
                end_ms,
                "mark",
                MINUTE_MS,
                *prices,
                None,
                None,
                None,
                None,
                source=f"{VENUE}:activeAssetCtx",
                precedence=PRECEDENCE_STREAM,
            )
        # Where our clock was set back, the minute is neither the first nor whole.
        is_whole = bar is not None and bar.minute_ms < minute_ms
        self._marks[coin] = _MarkBar(minute_ms, mark, mark, mark, mark, is_whole)
