"""Answers of ccxt as rows: bars, trades, open interest and funding, in this package's units.

In:  what ccxt's methods return, as JSON.   Out: rows of klines, trades, open_interest and funding.
Pure: no I/O, no clock, and nothing of ccxt is imported.

ccxt's shapes (``fetchOHLCV``, ``fetchTrades``, ``fetchOpenInterest``, ``fetchFundingRate``):

- a bar is ``[start ms, open, high, low, close, volume]``, the one under way among them;
- a trade's ``amount`` is contracts, its ``side`` the taker's, its ``id`` absent at some exchanges;
- ``openInterestAmount`` is coins or contracts, ``openInterestValue`` is money, either may be null;
- a funding rate is a fraction, its ``interval`` such as ``8h`` where it is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.units import HOUR_MS
from forcedflow.venues.asked import Asked
from forcedflow.venues.base import PRECEDENCE_STREAM, UNDECODABLE
from forcedflow.venues.ccxt_bridge.spec import PriceType, SizeUnit, coins_per_unit, units_of
from forcedflow.venues.row_buffer import RowBuffer

T = TypeVar("T")

_Millis: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 42)]
_Price: TypeAlias = Annotated[float, msgspec.Meta(gt=1e-18, lt=1e18)]
_Size: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e30)]
_Rate: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e6, lt=1e6)]
_Bar: TypeAlias = tuple[
    _Millis, _Price | None, _Price | None, _Price | None, _Price | None, _Size | None
]

# Longer than any exchange's interval: two settlements so far apart have one missing between. [h]
_LONGEST_INTERVAL_H: Final = 24
# Settlements are stamped some seconds late at times. [h]
_CLOSE_TO_WHOLE_H: Final = 0.05
_NAMES_HELD: Final = 50_000


class _Trade(msgspec.Struct):
    timestamp: _Millis
    side: str
    price: _Price
    amount: Annotated[float, msgspec.Meta(gt=0, lt=1e30)]
    symbol: str
    id: str | None = None


class _Interest(msgspec.Struct):
    timestamp: _Millis | None = None
    amount: _Size | None = msgspec.field(default=None, name="openInterestAmount")
    value: _Size | None = msgspec.field(default=None, name="openInterestValue")


class _Funding(msgspec.Struct):
    rate: _Rate | None = msgspec.field(default=None, name="fundingRate")
    timestamp: _Millis | None = None
    interval: str | None = None


# ccxt parses some numbers and passes others on as text.
_BARS: Final = msgspec.json.Decoder(list[_Bar], strict=False)
_TRADES: Final = msgspec.json.Decoder(list[_Trade], strict=False)
_INTEREST: Final = msgspec.json.Decoder(_Interest, strict=False)
_INTERESTS: Final = msgspec.json.Decoder(list[_Interest], strict=False)
_FUNDING: Final = msgspec.json.Decoder(_Funding, strict=False)
_FUNDINGS: Final = msgspec.json.Decoder(list[_Funding], strict=False)


def parse_bars(
    raw: bytes, asked: Asked, price_type: PriceType, interval_ms: int, rows: RowBuffer
) -> int | None:
    """Add the bars that are over, and return the latest start among all. [UTC ms]

    Volume is null where its unit is not known.

    Raises
    ------
    FrameError
        If it is something else, or a bar does not begin where bars of its length do.
    """
    instrument = asked.instrument
    bars = _decode(_BARS, instrument.venue, "bars", raw)
    scale = _coins(instrument, "volume") if price_type == "last" else None
    if off := [bar[0] for bar in bars if bar[0] % interval_ms]:
        problem = f"a bar begins at {off[0]}, not on a multiple of {interval_ms} ms"
        raise FrameError(instrument.venue, "bars", problem, raw)
    for start_ms, opened, high, low, close, volume in bars:
        end_ms = start_ms + interval_ms
        # Some exchanges send empty bars where nobody traded.
        if None in {opened, high, low, close} or not asked.covers(end_ms):
            continue
        rows.add(
            "klines",
            instrument.symbol,
            end_ms,
            asked.known_ms(end_ms),
            price_type,
            interval_ms,
            opened,
            high,
            low,
            close,
            None if volume is None or scale is None else volume * scale,
            None,
            None,
            None,
            source=f"{instrument.venue}:ohlcv-{price_type}",
            precedence=asked.precedence,
        )
    return max((bar[0] for bar in bars), default=None)


class TradeNames:
    """Names for trades that an exchange gives none: time, side, price, size and repetition.

    Fills that are equal in all of these are told apart by their count, across messages too.
    """

    def __init__(self) -> None:
        self._repeated: Counter[tuple[object, ...]] = Counter()

    def clear(self) -> None:
        """Begin counting anew: a fresh connection may repeat what the last one told."""
        self._repeated.clear()

    def name(self, trade: _Trade) -> str:
        """Return the exchange's id, or the name of a trade without one."""
        if trade.id:
            return trade.id
        told = (trade.symbol, trade.timestamp, trade.side, trade.price, trade.amount)
        count = self._repeated[told]
        if len(self._repeated) > _NAMES_HELD:
            self._repeated.clear()  # equal fills come together, not thousands of trades apart
        self._repeated[told] = count + 1
        return ":".join(map(str, (*told[1:], count)))


def parse_trades(
    raw: bytes, instruments: Mapping[str, Instrument], names: TradeNames, rows: RowBuffer
) -> None:
    """Add the trades of a message.

    Raises
    ------
    FrameError
        If it is something else, or of a contract that was not asked for.
    """
    trades = _decode(_TRADES, rows.venue, "trades", raw)
    for trade in trades:
        if trade.symbol not in instruments or trade.side not in {"buy", "sell"}:
            problem = f"{trade.symbol!r}, taker's side {trade.side!r}, was not asked for"
            raise FrameError(rows.venue, "trades", problem, raw)
    for trade in trades:
        instrument = instruments[trade.symbol]
        rows.add(
            "trades",
            instrument.symbol,
            trade.timestamp,
            trade.timestamp,
            names.name(trade),
            trade.price,
            trade.amount * instrument.contract_size,
            trade.side,
            source=f"{rows.venue}:trades",
            precedence=PRECEDENCE_STREAM,
        )


def parse_interest(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add the open interest of the present.

    Raises
    ------
    FrameError
        If it is something else.
    """
    told = _decode(_INTEREST, asked.instrument.venue, "open interest", raw)
    at_ms = asked.now_ms if told.timestamp is None else told.timestamp
    scale = _coins(asked.instrument, "interest")
    _add_interest(told, at_ms, asked.known_ms(at_ms), scale, asked, rows)


def parse_past_interest(raw: bytes, asked: Asked, spacing_ms: int, rows: RowBuffer) -> int | None:
    """Add the open interest of the past, and return the latest time in it. [UTC ms]

    Whether a value is of the beginning of its span or of its end is not told: it counts as known
    once the span is over.

    Raises
    ------
    FrameError
        If it is something else.
    """
    told = _decode(_INTERESTS, asked.instrument.venue, "open interest", raw)
    scale = _coins(asked.instrument, "past_interest")
    for one in told:
        if one.timestamp is not None and asked.covers(one.timestamp):
            known_ms = asked.known_ms(one.timestamp, spacing_ms)
            _add_interest(one, one.timestamp, known_ms, scale, asked, rows)
    return max((one.timestamp for one in told if one.timestamp is not None), default=None)


def parse_settlements(raw: bytes, asked: Asked, rows: RowBuffer) -> int | None:
    """Add the funding that was settled, and return the latest time in it. [UTC ms]

    Raises
    ------
    FrameError
        If it is something else.
    """
    told = _decode(_FUNDINGS, asked.instrument.venue, "funding", raw)
    paid = {one.timestamp: one.rate for one in told if one.timestamp and one.rate is not None}
    times = sorted(paid)
    for before, at_ms in zip([None, *times], times, strict=False):
        if asked.covers(at_ms):
            _add_funding(
                "settled",
                at_ms,
                asked.known_ms(at_ms),
                paid[at_ms],
                _hours(before, at_ms),
                asked,
                rows,
            )
    return times[-1] if times else None


def parse_funding(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add the exchange's running estimate of funding, as of now.

    Raises
    ------
    FrameError
        If it is something else.
    """
    told = _decode(_FUNDING, asked.instrument.venue, "funding", raw)
    if told.rate is not None:
        now_ms = asked.now_ms
        _add_funding("predicted", now_ms, now_ms, told.rate, _stated(told.interval), asked, rows)


def _add_interest(
    told: _Interest, at_ms: int, known_ms: int, scale: float | None, asked: Asked, rows: RowBuffer
) -> None:
    coins = None if told.amount is None or scale is None else told.amount * scale
    if coins is None and told.value is None:
        return  # an amount of nobody knows what
    rows.add(
        "open_interest",
        asked.instrument.symbol,
        at_ms,
        known_ms,
        coins,
        told.value,
        source=f"{asked.instrument.venue}:open-interest",
        precedence=asked.precedence,
    )


def _add_funding(
    kind: str,
    at_ms: int,
    known_ms: int,
    rate: float | None,
    hours: float | None,
    asked: Asked,
    rows: RowBuffer,
) -> None:
    rows.add(
        "funding",
        asked.instrument.symbol,
        at_ms,
        known_ms,
        kind,
        rate,
        hours,
        source=f"{asked.instrument.venue}:funding-{kind}",
        precedence=asked.precedence,
    )


def _coins(instrument: Instrument, what: str) -> float | None:
    exchange = instrument.venue.partition(":")[2]
    unit: SizeUnit | None = getattr(units_of(exchange), what)
    return coins_per_unit(unit, instrument.contract_size)


def _hours(before_ms: int | None, at_ms: int) -> float | None:
    if before_ms is None:
        return None
    hours = (at_ms - before_ms) / HOUR_MS
    is_whole = abs(hours - round(hours)) <= _CLOSE_TO_WHOLE_H
    return float(round(hours)) if is_whole and 1 <= round(hours) <= _LONGEST_INTERVAL_H else None


def _stated(interval: str | None) -> float | None:
    number = (interval or "").removesuffix("h")
    return float(number) if interval and interval.endswith("h") and number.isdigit() else None


def _decode(decoder: msgspec.json.Decoder[T], venue: str, what: str, raw: bytes) -> T:
    try:
        return decoder.decode(raw)
    except UNDECODABLE as error:
        raise FrameError(venue, what, str(error), raw) from error
