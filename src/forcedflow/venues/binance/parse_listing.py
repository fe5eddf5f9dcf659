"""Lists of Binance: which contracts trade, with their tick and contract sizes.

In:  bodies of ``exchangeInfo``.   Out: instruments.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from typing import Final

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.venues.binance.decoding import Price, decode
from forcedflow.venues.binance.spec import NAME, Market


class _Filter(msgspec.Struct):
    kind: str = msgspec.field(name="filterType")
    # Text, because filters of one pair carry zeros where they do not apply.
    tick_size: str | None = msgspec.field(default=None, name="tickSize")


class _Listed(msgspec.Struct):
    symbol: str
    base: str = msgspec.field(name="baseAsset")
    quote: str = msgspec.field(name="quoteAsset")
    filters: list[_Filter] = []
    margin: str | None = msgspec.field(default=None, name="marginAsset")
    status: str | None = None
    # COIN-M says contractStatus where USD-M and spot say status.
    contract_status: str | None = msgspec.field(default=None, name="contractStatus")
    contract_type: str | None = msgspec.field(default=None, name="contractType")
    contract_size: Price | None = msgspec.field(default=None, name="contractSize")


class _Info(msgspec.Struct):
    symbols: list[_Listed]


_INFO: Final = msgspec.json.Decoder(_Info, strict=False)


def parse_instruments(raw: bytes, market: Market) -> tuple[Instrument, ...]:
    """Return the perpetuals or spot pairs that trade now.

    Delivery contracts, contracts on shares (their type is not ``PERPETUAL``) and names that do not
    follow from base and quote are left out.

    Parameters
    ----------
    raw : bytes
        Body of ``exchangeInfo``.
    market : {"um", "cm", "spot"}
        Whose list it is.

    Raises
    ------
    FrameError
        If it cannot be read.
    """
    found = (
        _instrument(listed, market)
        for listed in decode(_INFO, "exchangeInfo", raw).symbols
        if "TRADING" in {listed.status, listed.contract_status}
        and (market == "spot" or listed.contract_type == "PERPETUAL")
    )
    return tuple(each for name, each in found if each.venue_symbol == name)


def _instrument(listed: _Listed, market: Market) -> tuple[str, Instrument]:
    instrument = Instrument(
        NAME,
        listed.base,
        listed.quote,
        None if market == "spot" else listed.margin,
        _tick_size(listed),
        listed.contract_size or 1.0,
    )
    return listed.symbol, instrument


def _tick_size(listed: _Listed) -> float | None:
    for each in listed.filters:
        if each.kind == "PRICE_FILTER" and each.tick_size is not None:
            try:
                tick = float(each.tick_size)
            except ValueError:
                return None
            return tick if 0 < tick < float("inf") else None
    return None
