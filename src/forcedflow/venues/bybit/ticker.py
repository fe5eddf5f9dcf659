"""Bybit's ticker, which sends what changed, as values at whole minutes.

In:  snapshots and changes of one contract's ticker.
Out: rows of open_interest and of predicted funding, one per whole minute.
Free of sockets and of the clock: minutes pass by the venue's own time in the messages.

The row of a minute is what held when the minute began: the state before the first message at or
after it. So two listeners of the same stream write the same rows, and one that joins within a
minute does not overwrite it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.units import MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.bybit.parse import coins_and_usd, decode
from forcedflow.venues.bybit.spec import VENUE
from forcedflow.venues.row_buffer import RowBuffer


class _Ticker(msgspec.Struct, gc=False):
    # Text: empty where the contract has no such value.
    mark_price: str | None = msgspec.field(name="markPrice", default=None)
    both_sides: str | None = msgspec.field(name="openInterest", default=None)
    one_side: str | None = msgspec.field(name="singleOpenInterest", default=None)
    funding_rate: str | None = msgspec.field(name="fundingRate", default=None)
    funding_hours: str | None = msgspec.field(name="fundingIntervalHour", default=None)


class _State(msgspec.Struct, frozen=True, gc=False):
    at: int
    mark_price: float | None = None
    one_side: float | None = None
    funding_rate: float | None = None
    funding_hours: float | None = None


_TICKER: Final = msgspec.json.Decoder(_Ticker)

_SMALLEST_PRICE: Final = 1e-18
_LARGEST_RATE: Final = 1e6


class TickerState:
    """The ticker of one contract as far as it has been sent.

    Parameters
    ----------
    instrument : Instrument
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument: Final = instrument
        self._state: _State | None = None

    def clear(self) -> None:
        """Forget it: the connection that would have sent the changes is gone."""
        self._state = None

    def read(
        self, data: msgspec.Raw, *, is_snapshot: bool, at_ms: int, received_ms: int, rows: RowBuffer
    ) -> None:
        """Take a message in, and add the rows of the minute that it shows to have begun.

        A change before the first snapshot is left out: what it does not name is unknown.

        Parameters
        ----------
        data : msgspec.Raw
            Of topic ``tickers.{symbol}``.
        is_snapshot : bool
            Whether it is the whole ticker.
        at_ms : int
            The venue's time of the message. [UTC ms]
        received_ms : int
            When it came: no row is available before. [UTC ms]
        rows : RowBuffer

        Raises
        ------
        FrameError
            If it is not what it should be; the state stays as it was.
        """
        told = decode(_TICKER, "tickers", data)
        before = self._state
        if is_snapshot:
            base = _State(at_ms)
        elif before is not None:
            base = before
        else:
            return
        try:
            self._state = _changed(base, told, at_ms)
        except ValueError as error:
            raise FrameError(VENUE, "tickers", str(error), bytes(data)) from error
        minute = at_ms - at_ms % MINUTE_MS
        if before is not None and before.at < minute:
            _keep(self.instrument, before, minute, max(minute, received_ms), rows)


def _changed(state: _State, told: _Ticker, at_ms: int) -> _State:
    mark, rate, hours = told.mark_price, told.funding_rate, told.funding_hours
    one_side = state.one_side
    if told.one_side:
        one_side = _number(told.one_side, 0.0)
    elif told.both_sides:
        # Before June 2026 only the sum of both sides was sent.
        one_side = _number(told.both_sides, 0.0) / 2
    return _State(
        max(state.at, at_ms),
        _number(mark, _SMALLEST_PRICE) if mark else state.mark_price,
        one_side,
        _number(rate, -_LARGEST_RATE, _LARGEST_RATE) if rate else state.funding_rate,
        _number(hours, 0.0) if hours else state.funding_hours,
    )


def _number(text: str, least: float, most: float = 1e30) -> float:
    # As the bounds of `forcedflow.venues.bybit.parse`, several times as fast on single texts.
    value = float(text)
    if not least <= value <= most:
        raise ValueError(f"{text!r} is not between {least:g} and {most:g}")
    return value


def _keep(
    instrument: Instrument, state: _State, minute: int, available_ms: int, rows: RowBuffer
) -> None:
    if state.one_side is not None and state.mark_price is not None:
        rows.add(
            "open_interest",
            instrument.symbol,
            minute,
            available_ms,
            *coins_and_usd(instrument, state.one_side, state.mark_price),
            source="bybit:tickers",
            precedence=PRECEDENCE_STREAM,
        )
    if state.funding_rate is not None:
        rows.add(
            "funding",
            instrument.symbol,
            minute,
            available_ms,
            "predicted",
            state.funding_rate,
            state.funding_hours,
            source="bybit:tickers",
            precedence=PRECEDENCE_STREAM,
        )
