"""What KuCoin's socket prints: trades, changes of the book, candles, prices and funding.

In:  the ``data`` of a message and the instrument of its topic.
Out: rows of trades; typed candles, changes and prices, whose state the reader keeps.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.units import MINUTE_MS, SECOND_MS
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.kucoin.parse import (
    NANOS_PER_MS,
    Lots,
    Millis,
    Nanos,
    Price,
    Rate,
    Reply,
    Seconds,
    decode,
    decode_reply,
)
from forcedflow.venues.kucoin.spec import VENUE
from forcedflow.venues.row_buffer import RowBuffer
from forcedflow.venues.sequenced_book import BookStep, Levels

_PREDICTED_EVERY_MS: Final = MINUTE_MS


class _Trade(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="tradeId")
    at: Nanos = msgspec.field(name="ts")
    lots: Lots = msgspec.field(name="size")
    price: Price
    # The side of the taker.
    side: Literal["buy", "sell"]


class Candle(msgspec.Struct, array_like=True, gc=False):
    """A bar as far as it has grown; nothing says that it is closed.

    Close comes before high and low, unlike over HTTP. Of the two numbers behind the prices the
    documentation calls the first one wrong; the second is the volume in contracts.
    """

    start_s: Seconds
    open: Price
    close: Price
    high: Price
    low: Price
    turnover: Lots
    lots: Lots


class _Candles(msgspec.Struct, gc=False):
    candle: Candle = msgspec.field(name="candles")


class _Change(msgspec.Struct, gc=False):
    sequence: int
    # Price, side and size: "90631.2,sell,2".
    change: str
    at: Millis = msgspec.field(name="timestamp")


class _Snapshot(msgspec.Struct):
    sequence: int
    symbol: str
    bids: list[tuple[Price, Lots]]
    asks: list[tuple[Price, Lots]]


class Prices(msgspec.Struct, gc=False):
    """Mark and index price of one second."""

    mark: Price = msgspec.field(name="markPrice")
    index: Price = msgspec.field(name="indexPrice")
    at: Millis = msgspec.field(name="timestamp")


class Estimate(msgspec.Struct, gc=False):
    """A funding rate: each minute the running estimate, else the one that is settled next."""

    rate: Rate = msgspec.field(name="fundingRate")
    granularity: int
    at: Millis = msgspec.field(name="timestamp")

    @property
    def is_running(self) -> bool:
        """Whether it is the estimate that is made anew each minute."""
        return self.granularity == _PREDICTED_EVERY_MS


class _Settlement(msgspec.Struct, gc=False):
    symbol: str
    rate: Rate = msgspec.field(name="fundingRate")
    at: Millis = msgspec.field(name="fundingTime")


_TRADE: Final = msgspec.json.Decoder(_Trade, strict=False)
_CANDLES: Final = msgspec.json.Decoder(_Candles, strict=False)
_CHANGE: Final = msgspec.json.Decoder(_Change, strict=False)
_SNAPSHOT: Final = msgspec.json.Decoder(Reply[_Snapshot], strict=False)
_PRICES: Final = msgspec.json.Decoder(Prices, strict=False)
_ESTIMATE: Final = msgspec.json.Decoder(Estimate, strict=False)
_SETTLEMENT: Final = msgspec.json.Decoder(_Settlement, strict=False)

_LARGEST: Final = 1e18


def parse_trade(data: msgspec.Raw, instrument: Instrument, rows: RowBuffer) -> None:
    """Add a public trade, with the side of its taker and its size in coins.

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    trade = decode(_TRADE, "execution", data)
    at_ms = trade.at // NANOS_PER_MS
    rows.add(
        "trades",
        instrument.symbol,
        at_ms,
        at_ms,
        trade.id,
        trade.price,
        trade.lots * instrument.contract_size,
        trade.side,
        source=f"{VENUE}:execution",
        precedence=PRECEDENCE_STREAM,
    )


def parse_candle(data: msgspec.Raw) -> Candle:
    """Return a bar as far as it has grown.

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    return decode(_CANDLES, "limitCandle", data).candle


def add_candle(candle: Candle, instrument: Instrument, interval_ms: int, rows: RowBuffer) -> None:
    """Add a bar that is closed. Its turnover is not told reliably."""
    end = candle.start_s * SECOND_MS + interval_ms
    rows.add(
        "klines",
        instrument.symbol,
        end,
        end,
        "last",
        interval_ms,
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.lots * instrument.contract_size,
        None,
        None,
        None,
        source=f"{VENUE}:limitCandle",
        precedence=PRECEDENCE_STREAM,
    )


def parse_change(data: msgspec.Raw, contract_size: float) -> tuple[BookStep, int]:
    """Return one change of the book in coins, and its time. [UTC ms]

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    change = decode(_CHANGE, "level2", data)
    try:
        price_text, side, lots_text = change.change.split(",")
        price, lots = float(price_text), float(lots_text)
    except ValueError as error:
        raise FrameError(VENUE, "level2", str(error), bytes(data)) from error
    if not (0 < price < _LARGEST and 0 <= lots < _LARGEST and side in {"buy", "sell"}):
        problem = f"{change.change!r} is not price, side and size"
        raise FrameError(VENUE, "level2", problem, bytes(data))
    level: Levels = ((price, lots * contract_size),)
    bids, asks = (level, ()) if side == "buy" else ((), level)
    return BookStep(change.sequence, change.sequence, bids, asks), change.at


def parse_snapshot(raw: bytes, instrument: Instrument) -> BookStep:
    """Return a snapshot of the book over HTTP, in coins.

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If it is not what it should be, or of another contract.
    """
    snapshot = decode_reply(_SNAPSHOT, "level2/snapshot", raw)
    if snapshot.symbol != instrument.venue_symbol:
        problem = f"is of {snapshot.symbol}, not of {instrument.venue_symbol}"
        raise FrameError(VENUE, "level2/snapshot", problem, raw)
    size = instrument.contract_size
    bids = tuple((price, lots * size) for price, lots in snapshot.bids)
    asks = tuple((price, lots * size) for price, lots in snapshot.asks)
    return BookStep(snapshot.sequence, snapshot.sequence, bids, asks)


def parse_prices(data: msgspec.Raw) -> Prices:
    """Return mark and index price of one second.

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    return decode(_PRICES, "mark.index.price", data)


def parse_estimate(data: msgspec.Raw) -> Estimate:
    """Return a funding rate as the venue announces it.

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    return decode(_ESTIMATE, "funding.rate", data)


def add_estimate(estimate: Estimate, instrument: Instrument, rows: RowBuffer) -> None:
    """Add a running estimate of the next settlement. How long its interval is, is not said."""
    rows.add(
        "funding",
        instrument.symbol,
        estimate.at,
        estimate.at,
        "predicted",
        estimate.rate,
        None,
        source=f"{VENUE}:instrument",
        precedence=PRECEDENCE_STREAM,
    )


def parse_settlement(data: msgspec.Raw, listed: Mapping[str, Instrument], rows: RowBuffer) -> None:
    """Add a settlement as it is announced; the announcement of its end says the same again.

    Parameters
    ----------
    data : msgspec.Raw
        Of topic ``/contract/announcement``, which tells of every contract.
    listed : mapping of str to Instrument
        Contracts that are read, by the venue's name.
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    settlement = decode(_SETTLEMENT, "announcement", data)
    if (instrument := listed.get(settlement.symbol)) is not None:
        rows.add(
            "funding",
            instrument.symbol,
            settlement.at,
            settlement.at,
            "settled",
            settlement.rate,
            None,
            source=f"{VENUE}:announcement",
            precedence=PRECEDENCE_STREAM,
        )
