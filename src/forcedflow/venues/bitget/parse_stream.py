"""What Bitget's topics print: liquidations, trades, bars, open interest, funding.

In:  the ``data`` of a message and the instrument of its topic.
Out: rows of liquidations, trades, klines, open_interest and funding; event times are the venue's.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.units import MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.bitget.parse import Millis, Price, Rate, Size, decode
from forcedflow.venues.open_bar import OpenBar
from forcedflow.venues.row_buffer import RowBuffer


class _Liquidation(msgspec.Struct, gc=False):
    symbol: str
    # The side of the position: "buy" is a long that was liquidated.
    side: Literal["buy", "sell"]
    price: Price
    # Its value in the quote coin.
    value: Size = msgspec.field(name="amount")
    at: Millis = msgspec.field(name="ts")


class _Trade(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="i")
    price: Price = msgspec.field(name="p")
    size: Size = msgspec.field(name="v")
    # The side of the taker.
    side: Literal["buy", "sell"] = msgspec.field(name="S")
    at: Millis = msgspec.field(name="T")


class Bar(msgspec.Struct, gc=False):
    """A bar as it stands."""

    start: Millis
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    turnover: Size


class _Ticker(msgspec.Struct, gc=False):
    mark_price: Price = msgspec.field(name="markPrice")
    open_interest: Size = msgspec.field(name="openInterest")
    funding_rate: Rate = msgspec.field(name="fundingRate")


OpenBars: TypeAlias = OpenBar[Bar]

_LIQUIDATIONS: Final = msgspec.json.Decoder(list[_Liquidation], strict=False)
_TRADES: Final = msgspec.json.Decoder(list[_Trade], strict=False)
_BARS: Final = msgspec.json.Decoder(list[Bar], strict=False)
_TICKERS: Final = msgspec.json.Decoder(list[_Ticker], strict=False)


def parse_liquidations(
    data: msgspec.Raw, listed: Mapping[str, Instrument], pushed_ms: int, rows: RowBuffer
) -> None:
    """Add every liquidation of the contracts of ours; the topic carries all of a product.

    A print may come twenty seconds after it happened, and is available when it was pushed. Equal
    ones within one message are numbered from the second on, so that a message which is delivered
    twice adds nothing.

    Parameters
    ----------
    data : msgspec.Raw
        Of topic ``liquidation``.
    listed : mapping of str to Instrument
        Contracts of the product by the venue's name; rows of others are left out.
    pushed_ms : int
        The venue's time of the message. [UTC ms]
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.

    Notes
    -----
    That ``price`` is the bankruptcy price and ``amount`` a value in quote coins follows from the
    recorded messages: prices have more decimals than the contract's tick, and only the quotient of
    the two is a whole number of its lots.

    References
    ----------
    .. [1] Bitget, "Liquidation Channel" (UTA): pushed once a second, "only the record with the
           highest liquidation quantity for long and short positions respectively per trading pair".
    """
    seen: dict[tuple[str, int, str, float, float], int] = {}
    for one in decode(_LIQUIDATIONS, "liquidation", data):
        instrument = listed.get(one.symbol)
        if instrument is None:
            continue
        twin = (one.symbol, one.at, one.side, one.price, one.value)
        seen[twin] = count = seen.get(twin, 0) + 1
        rows.add(
            "liquidations",
            instrument.symbol,
            one.at,
            max(one.at, pushed_ms),
            "long" if one.side == "buy" else "short",
            one.price,
            "bankruptcy",
            one.value / one.price,
            one.value,
            "" if count == 1 else str(count),
            "sampled lower bound",
            source="bitget:liquidation",
            precedence=PRECEDENCE_STREAM,
        )


def parse_trades(data: msgspec.Raw, instrument: Instrument, rows: RowBuffer) -> None:
    """Add public trades, each with the side of its taker.

    Parameters
    ----------
    data : msgspec.Raw
        Of topic ``publicTrade``; the first message holds the last trades before it.
    instrument : Instrument
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    for trade in decode(_TRADES, "publicTrade", data):
        rows.add(
            "trades",
            instrument.symbol,
            trade.at,
            trade.at,
            trade.id,
            trade.price,
            trade.size,
            trade.side,
            source="bitget:publicTrade",
            precedence=PRECEDENCE_STREAM,
        )


def parse_bars(
    data: msgspec.Raw, instrument: Instrument, interval_ms: int, bars: OpenBars, rows: RowBuffer
) -> None:
    """Add bars once the next one has begun, which is all that says that they are closed.

    What was traded in a bar's last moment may be missing of its last message; the bar over HTTP,
    which is polled, takes the place of this one.

    Parameters
    ----------
    data : msgspec.Raw
        Of topic ``kline``.
    instrument : Instrument
    interval_ms : int
        Length of the bars. [ms]
    bars : OpenBar
        The bar under way.
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    listed = decode(_BARS, "kline", data)
    for told in sorted(listed, key=lambda bar: bar.start):
        for start, bar in bars.see(told.start, told):
            rows.add(
                "klines",
                instrument.symbol,
                start + interval_ms,
                start + interval_ms,
                "spot" if instrument.kind == "spot" else "last",
                interval_ms,
                bar.open,
                bar.high,
                bar.low,
                bar.close,
                bar.volume,
                bar.turnover,
                None,
                None,
                source="bitget:kline",
                precedence=PRECEDENCE_STREAM,
            )


class TickerMinutes:
    """Open interest and the funding estimate of a ticker, at its first message of each minute.

    Parameters
    ----------
    instrument : Instrument
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument: Final = instrument
        self._last_minute = -1

    def clear(self) -> None:
        """Forget which minute was the last."""
        self._last_minute = -1

    def read(self, data: msgspec.Raw, at_ms: int, received_ms: int, rows: RowBuffer) -> None:
        """Add the rows of a minute that begins.

        Parameters
        ----------
        data : msgspec.Raw
            Of topic ``ticker``, which is told whole each time.
        at_ms : int
            The venue's time of the message. [UTC ms]
        received_ms : int
            When it came: no open interest is available before. [UTC ms]
        rows : RowBuffer

        Raises
        ------
        FrameError
            If it is not what it should be.
        """
        tickers = decode(_TICKERS, "ticker", data)
        minute = at_ms // MINUTE_MS
        if not tickers or minute == self._last_minute:
            return
        self._last_minute = minute
        ticker, symbol = tickers[-1], self.instrument.symbol
        coins = ticker.open_interest
        rows.add(
            "open_interest",
            symbol,
            at_ms,
            max(at_ms, received_ms),
            coins,
            coins * ticker.mark_price,
            source="bitget:ticker",
            precedence=PRECEDENCE_STREAM,
        )
        # How long the interval is stands nowhere in it.
        rows.add(
            "funding",
            symbol,
            at_ms,
            at_ms,
            "predicted",
            ticker.funding_rate,
            None,
            source="bitget:ticker",
            precedence=PRECEDENCE_STREAM,
        )
