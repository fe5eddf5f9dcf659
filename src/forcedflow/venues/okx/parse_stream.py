"""What OKX's channels print: liquidations, trades, closed bars, open interest, funding.

In:  the ``data`` of a message and the instrument of its channel.
Out: rows of liquidations, trades, klines, open_interest and funding; event times are the venue's.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.units import HOUR_MS, MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.okx.parse import (
    Asked,
    Millis,
    Price,
    Rate,
    Size,
    coins_and_usd,
    decode,
)
from forcedflow.venues.okx.parse_history import Bar, add_bar
from forcedflow.venues.row_buffer import RowBuffer

ALWAYS: Final = 1 << 42
"""After every moment that a message may name. [UTC ms]"""


class _Detail(msgspec.Struct, gc=False):
    at: Millis = msgspec.field(name="ts")
    # The side of the order that closes; of the position where positions are not netted.
    side: Literal["buy", "sell"]
    size: Size = msgspec.field(name="sz")
    bankruptcy_price: Price = msgspec.field(name="bkPx")
    position_side: Literal["long", "short", "net", ""] = msgspec.field(name="posSide", default="")


class _Liquidated(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="instId")
    # Left as they are where the contract is none of ours.
    details: msgspec.Raw


class _Trade(msgspec.Struct, gc=False):
    at: Millis = msgspec.field(name="ts")
    # The side of the taker.
    side: Literal["buy", "sell"]
    size: Size = msgspec.field(name="sz")
    price: Price = msgspec.field(name="px")
    id: str = msgspec.field(name="tradeId")


class _Interest(msgspec.Struct, gc=False):
    at: Millis = msgspec.field(name="ts")
    contracts: Size = msgspec.field(name="oi")
    coins: Size = msgspec.field(name="oiCcy")
    usd: Size | Literal[""] = msgspec.field(name="oiUsd", default="")


class _Funding(msgspec.Struct, gc=False):
    at: Millis = msgspec.field(name="ts")
    rate: Rate = msgspec.field(name="fundingRate")
    due: Millis = msgspec.field(name="fundingTime")
    next_due: Millis | Literal[""] = msgspec.field(name="nextFundingTime", default="")
    previous: Millis | Literal[""] = msgspec.field(name="prevFundingTime", default="")


_LIQUIDATED: Final = msgspec.json.Decoder(list[_Liquidated])
_DETAILS: Final = msgspec.json.Decoder(list[_Detail], strict=False)
_TRADES: Final = msgspec.json.Decoder(list[_Trade], strict=False)
_BARS: Final = msgspec.json.Decoder(list[Bar], strict=False)
_INTERESTS: Final = msgspec.json.Decoder(list[_Interest], strict=False)
_FUNDING: Final = msgspec.json.Decoder(list[_Funding], strict=False)


def parse_liquidations(
    data: msgspec.Raw, listed: Mapping[str, Instrument], rows: RowBuffer
) -> None:
    """Add every detail of every contract of ours; the channel carries all swaps.

    Equal liquidations within one message are numbered from the second on, so that a message which
    is delivered twice adds nothing, nor does the snapshot after a subscription of what was printed
    before.

    Parameters
    ----------
    data : msgspec.Raw
        Of channel ``liquidation-orders``.
    listed : mapping of str to Instrument
        Contracts by the venue's name; rows of others are left out.
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.

    References
    ----------
    .. [1] OKX v5, "Liquidation orders channel": ``posSide`` is the position's side, ``side`` the
           order's; ``bkPx`` is the bankruptcy price, ``sz`` contracts; at most one order a second
           and contract, "this data doesn't represent the total number of liquidations on OKX".
    """
    found: list[tuple[Instrument, list[_Detail]]] = []
    for one in decode(_LIQUIDATED, "liquidation-orders", data):
        instrument = listed.get(one.id)
        if instrument is not None:
            found.append((instrument, decode(_DETAILS, "liquidation-orders", one.details)))
    seen: dict[tuple[str, int, str, float, float], int] = {}
    for instrument, details in found:
        for detail in details:
            side = _position_side(detail)
            price = detail.bankruptcy_price
            twin = (instrument.symbol, detail.at, side, price, detail.size)
            seen[twin] = count = seen.get(twin, 0) + 1
            coins, usd = coins_and_usd(instrument, detail.size, price)
            rows.add(
                "liquidations",
                instrument.symbol,
                detail.at,
                detail.at,
                side,
                price,
                "bankruptcy",
                coins,
                usd,
                "" if count == 1 else str(count),
                "sampled lower bound",
                source="okx:liquidation-orders",
                precedence=PRECEDENCE_STREAM,
            )


def parse_trades(data: msgspec.Raw, instrument: Instrument, rows: RowBuffer) -> None:
    """Add public trades, each with the side of its taker.

    Parameters
    ----------
    data : msgspec.Raw
        Of channel ``trades-all``, which prints each trade by itself.
    instrument : Instrument
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    for trade in decode(_TRADES, "trades-all", data):
        rows.add(
            "trades",
            instrument.symbol,
            trade.at,
            trade.at,
            trade.id,
            trade.price,
            coins_and_usd(instrument, trade.size, trade.price)[0],
            trade.side,
            source="okx:trades-all",
            precedence=PRECEDENCE_STREAM,
        )


def parse_bars(
    data: msgspec.Raw, instrument: Instrument, interval_ms: int, rows: RowBuffer
) -> None:
    """Add the bars that are closed; one still open is left for a later message.

    Parameters
    ----------
    data : msgspec.Raw
        Of channel ``candle{bar}``.
    instrument : Instrument
    interval_ms : int
        Length of the bars. [ms]
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    asked = Asked(instrument, 0, ALWAYS, PRECEDENCE_STREAM)
    for bar in decode(_BARS, "candle", data):
        add_bar(bar, asked, interval_ms, rows)


class ByTheMinute:
    """Thins what a channel repeats every few seconds to the first message of each minute.

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

    def read_open_interest(self, data: msgspec.Raw, received_ms: int, rows: RowBuffer) -> None:
        """Add open interest, one-sided, in the coins that the venue states beside contracts.

        Parameters
        ----------
        data : msgspec.Raw
            Of channel ``open-interest``.
        received_ms : int
            When it came: no row is available before. [UTC ms]
        rows : RowBuffer

        Raises
        ------
        FrameError
            If it is not what it should be.
        """
        for one in decode(_INTERESTS, "open-interest", data):
            if not self._begins(one.at):
                continue
            usd: float | None = None if one.usd == "" else one.usd
            if usd is None and self.instrument.kind == "inverse":
                usd = one.contracts * self.instrument.contract_size
            rows.add(
                "open_interest",
                self.instrument.symbol,
                one.at,
                max(one.at, received_ms),
                one.coins,
                usd,
                source="okx:open-interest",
                precedence=PRECEDENCE_STREAM,
            )

    def read_funding(self, data: msgspec.Raw, rows: RowBuffer) -> None:
        """Add the estimate of the funding that is due next.

        Parameters
        ----------
        data : msgspec.Raw
            Of channel ``funding-rate``.
        rows : RowBuffer

        Raises
        ------
        FrameError
            If it is not what it should be.
        """
        for one in decode(_FUNDING, "funding-rate", data):
            if not self._begins(one.at):
                continue
            rows.add(
                "funding",
                self.instrument.symbol,
                one.at,
                one.at,
                "predicted",
                one.rate,
                _hours(one),
                source="okx:funding-rate",
                precedence=PRECEDENCE_STREAM,
            )

    def _begins(self, at_ms: int) -> bool:
        minute = at_ms // MINUTE_MS
        if minute == self._last_minute:
            return False
        self._last_minute = minute
        return True


def _position_side(detail: _Detail) -> Literal["long", "short"]:
    if detail.position_side == "long":
        return "long"
    if detail.position_side == "short":
        return "short"
    return "long" if detail.side == "sell" else "short"


def _hours(funding: _Funding) -> float | None:
    """Return how long the interval is that ends with the funding due, where it is told."""
    if funding.previous != "" and 0 < funding.due - funding.previous <= 24 * HOUR_MS:
        return (funding.due - funding.previous) / HOUR_MS
    if funding.next_due != "" and 0 < funding.next_due - funding.due <= 24 * HOUR_MS:
        return (funding.next_due - funding.due) / HOUR_MS
    return None
