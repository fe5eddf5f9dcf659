"""Hyperliquid's messages, read: what it answers and what it streams, as rows.

In:  bytes as the venue sent them.   Out: rows in a `RowBuffer`, instruments, account states.
Free of sockets, of the clock and of state: the same bytes give the same rows.

The venue's conventions, and ours
---------------------------------
- Numbers are strings. A trade's ``side`` is the taker's: ``B`` bought, ``A`` sold (hit the bid).
- ``users`` of a trade are the buyer and the seller.
- ``openInterest`` counts both sides, in coins; ours counts one (`spec.OPEN_INTEREST_SIDES`).
- ``funding`` is the running estimate of this hour's rate.
- A candle runs from ``t`` to ``T``, its last millisecond, and is sent again with every trade.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS, MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_REST
from forcedflow.venues.hyperliquid.messages import (
    Book,
    Candle,
    Context,
    FundingSettlement,
    Meta,
    Tier,
    Timed,
    Trade,
    decode,
)
from forcedflow.venues.hyperliquid.spec import (
    HOURLY_FUNDING_SINCE_MS,
    INTERVAL_MS,
    OPEN_INTEREST_SIDES,
    VENUE,
    instrument,
    is_own,
)
from forcedflow.venues.row_buffer import RowBuffer

Symbols: TypeAlias = Mapping[str, str]
"""Unified symbol by the venue's name of the coin; coins not among them give no rows."""

NO_CAP_USD: Final = 1e12
"""Cap of the last bracket, which the venue leaves open: beyond any position there is. [USD]"""


CLOCK_SLACK_MS: Final = 2_000
"""How far our clock may be ahead of the venue's before a running bar is taken for closed. [ms]"""

_META = msgspec.json.Decoder(Meta, strict=False)
_CONTEXTS = msgspec.json.Decoder(tuple[Meta, list[Context]], strict=False)
_BOOK = msgspec.json.Decoder(Book, strict=False)
_CANDLES = msgspec.json.Decoder(list[Candle], strict=False)
_FUNDING = msgspec.json.Decoder(list[FundingSettlement], strict=False)
_TIMED = msgspec.json.Decoder(list[Timed], strict=False)
_TRADES = msgspec.json.Decoder(list[Trade], strict=False)


def parse_instruments(raw: bytes) -> tuple[Instrument, ...]:
    """Return the perpetuals listed, by an answer to ``meta``; delisted ones are left out.

    Raises
    ------
    FrameError
        If it is no such answer.
    """
    return tuple(
        instrument(asset.name, asset.szDecimals)
        for asset in decode(_META, raw, "meta").universe
        if is_own(asset.name) and not asset.isDelisted
    )


def parse_brackets(raw: bytes, symbols: Symbols, read_ms: int, rows: RowBuffer) -> None:
    """Add ``leverage_brackets`` rows of an answer to ``meta``, dated the day it was read.

    Half of the initial margin at a tier's largest leverage must be kept: a rate of
    ``1 / (2 · max leverage)``. What is deducted makes margin continuous where tiers meet.

    Raises
    ------
    FrameError
        If it is no such answer, or tiers do not ascend from zero.
    """
    _add_brackets(decode(_META, raw, "meta"), symbols, read_ms, rows, raw)


def parse_contexts(
    raw: bytes, symbols: Symbols, received_ms: int, rows: RowBuffer, *, brackets: bool
) -> None:
    """Add ``open_interest`` and predicted ``funding`` of an answer to ``metaAndAssetCtxs``.

    Parameters
    ----------
    raw : bytes
        The answer.
    symbols : mapping
        Coins to keep.
    received_ms : int
        When it came. Rows belong to the whole minute that began last. [UTC ms]
    rows : RowBuffer
        Where rows go.
    brackets : bool
        Whether to add ``leverage_brackets`` as well.

    Raises
    ------
    FrameError
        If it is no such answer.
    """
    meta, contexts = decode(_CONTEXTS, raw, "metaAndAssetCtxs")
    if len(meta.universe) != len(contexts):
        problem = f"{len(meta.universe)} coins are listed and {len(contexts)} described"
        raise FrameError(VENUE, "metaAndAssetCtxs", problem, raw)
    if brackets:
        _add_brackets(meta, symbols, received_ms, rows, raw)
    for asset, context in zip(meta.universe, contexts, strict=True):
        if symbol := symbols.get(asset.name):
            add_context(symbol, context, received_ms, rows, "metaAndAssetCtxs", PRECEDENCE_REST)


def add_context(
    symbol: str, context: Context, received_ms: int, rows: RowBuffer, name: str, precedence: int
) -> None:
    """Add one coin's open interest and predicted funding at the whole minute that began last."""
    minute_ms = received_ms - received_ms % MINUTE_MS
    amount = context.openInterest / OPEN_INTEREST_SIDES
    source = f"{VENUE}:{name}"
    rows.add(
        "open_interest",
        symbol,
        minute_ms,
        received_ms,
        amount,
        amount * context.markPx,
        source=source,
        precedence=precedence,
    )
    rows.add(
        "funding",
        symbol,
        minute_ms,
        received_ms,
        "predicted",
        context.funding,
        1.0,
        source=source,
        precedence=precedence,
    )


def parse_candles(raw: bytes, symbols: Symbols, now_ms: int, rows: RowBuffer) -> int:
    """Add ``klines`` of an answer to ``candleSnapshot``: those that had ended by ``now_ms``.

    Returns
    -------
    int
        Bars added.

    Raises
    ------
    FrameError
        If it is no such answer.
    """
    candles = decode(_CANDLES, raw, "candleSnapshot")
    for candle in candles:
        check_candle(candle, raw)
    # A bar with another after it is closed; the last one only once its time is surely up.
    last_ms = max((candle.t for candle in candles), default=0)
    closed = [c for c in candles if c.end_ms + CLOCK_SLACK_MS <= now_ms or c.t < last_ms]
    for candle in closed:
        if symbol := symbols.get(candle.s):
            add_candle(symbol, candle, rows, "candleSnapshot", PRECEDENCE_REST)
    return len(closed)


def check_candle(candle: Candle, raw: bytes) -> None:
    """Refuse a bar whose length or prices contradict themselves.

    Raises
    ------
    FrameError
        If they do.
    """
    if INTERVAL_MS.get(candle.i) != candle.end_ms - candle.t:
        problem = f"a bar of {candle.i!r} runs from {candle.t} to {candle.T}"
        raise FrameError(VENUE, "candle", problem, raw)
    if not candle.l <= min(candle.o, candle.c) <= max(candle.o, candle.c) <= candle.h:
        raise FrameError(VENUE, "candle", "open or close lies outside low and high", raw)


def add_candle(symbol: str, candle: Candle, rows: RowBuffer, name: str, precedence: int) -> None:
    """Add one closed bar of last prices."""
    rows.add(
        "klines",
        symbol,
        candle.end_ms,
        candle.end_ms,
        "last",
        candle.end_ms - candle.t,
        candle.o,
        candle.h,
        candle.l,
        candle.c,
        candle.v,
        None,
        None,
        candle.n,
        source=f"{VENUE}:{name}",
        precedence=precedence,
    )


def parse_funding(raw: bytes, symbols: Symbols, rows: RowBuffer) -> None:
    """Add settled ``funding`` of an answer to ``fundingHistory``.

    Raises
    ------
    FrameError
        If it is no such answer.
    """
    for settled in decode(_FUNDING, raw, "fundingHistory"):
        if symbol := symbols.get(settled.coin):
            rows.add(
                "funding",
                symbol,
                settled.time,
                settled.time,
                "settled",
                settled.fundingRate,
                1.0 if settled.time >= HOURLY_FUNDING_SINCE_MS else 8.0,
                source=f"{VENUE}:fundingHistory",
                precedence=PRECEDENCE_REST,
            )


def times_of(raw: bytes, what: str) -> list[int]:
    """Return the times of a page's rows, so that the next page can be asked for. [UTC ms]

    Raises
    ------
    FrameError
        If it is no list of rows with times.
    """
    return [row.time for row in decode(_TIMED, raw, what)]


def parse_book(raw: bytes) -> Book:
    """Return an answer to ``l2Book``.

    Raises
    ------
    FrameError
        If it is no such answer.
    """
    return decode(_BOOK, raw, "l2Book")


def parse_trades(raw: bytes) -> list[Trade]:
    """Return an answer to ``recentTrades``.

    Raises
    ------
    FrameError
        If it is no such answer.
    """
    return decode(_TRADES, raw, "recentTrades")


def add_trade(symbol: str, trade: Trade, rows: RowBuffer, name: str, precedence: int) -> None:
    """Add one public trade."""
    rows.add(
        "trades",
        symbol,
        trade.time,
        trade.time,
        str(trade.tid),
        trade.px,
        trade.sz,
        "buy" if trade.side == "B" else "sell",
        source=f"{VENUE}:{name}",
        precedence=precedence,
    )


def _add_brackets(meta: Meta, symbols: Symbols, read_ms: int, rows: RowBuffer, raw: bytes) -> None:
    tables = dict(meta.marginTables)
    found: list[tuple[str, list[tuple[Any, ...]]]] = []
    for asset in meta.universe:
        if symbol := symbols.get(asset.name):
            # Tables below 50 are not sent: they are one tier of the coin's largest leverage.
            table = tables.get(asset.marginTableId) if asset.marginTableId is not None else None
            tiers = table.marginTiers if table else [Tier(0.0, asset.maxLeverage)]
            found.append((symbol, _brackets(tiers, raw)))
    day_ms = read_ms - read_ms % DAY_MS
    for symbol, brackets in found:
        for bracket in brackets:
            rows.add(
                "leverage_brackets",
                symbol,
                day_ms,
                day_ms,
                *bracket,
                source=f"{VENUE}:meta",
                precedence=PRECEDENCE_REST,
            )


def _brackets(tiers: list[Tier], raw: bytes) -> list[tuple[Any, ...]]:
    floors = [tier.lowerBound for tier in tiers]
    if floors[0] != 0 or any(
        a >= b for a, b in zip(floors, [*floors[1:], NO_CAP_USD], strict=True)
    ):
        raise FrameError(VENUE, "marginTables", "tiers do not ascend from zero", raw)
    brackets: list[tuple[Any, ...]] = []
    amount = rate_below = 0.0
    for number, tier in enumerate(tiers, start=1):
        rate = 1 / (2 * tier.maxLeverage)
        amount += tier.lowerBound * (rate - rate_below)
        cap = floors[number] if number < len(floors) else NO_CAP_USD
        brackets.append((number, tier.lowerBound, cap, tier.maxLeverage, rate, amount))
        rate_below = rate
    return brackets
