"""Following a bridged exchange: trades by ccxt's own websockets, everything else asked at times.

In:  tables, instruments, the length of price bars. [ms]   Out: `Feed` and `Poll` values.
ccxt opens, subscribes and keeps its connections; what it hands over becomes frames like any other.

Frames hold ccxt's trades as JSON, the exchange's own words among them. ccxt hands over all trades
since the last time it was asked; it is asked again at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from forcedflow.errors import BlockedError, FrameError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.units import SECOND_MS
from forcedflow.venues.ccxt_bridge.exchange import CcxtExchange, encode
from forcedflow.venues.ccxt_bridge.spec import PRICE_METHODS, bar_name
from forcedflow.venues.connector import Feed, Http, Poll, Request
from forcedflow.venues.websocket import Patience

TRADES_FEED: Final = "trades"
"""Name of the one feed."""

_INTEREST_EVERY_S: Final = 60.0
_FUNDING_EVERY_S: Final = 60.0
_SETTLEMENTS_EVERY_S: Final = 300.0
_LATEST_BARS: Final = 5
_LATEST_SETTLEMENTS: Final = 10
# How often we look whether ccxt has connected. [s]
_LOOK_EVERY_S: Final = 0.05
_LEFT: Final = "left"
_KEPT: Final = ("symbol", "timestamp", "side", "price", "amount", "id", "info")


def feeds(
    exchange: CcxtExchange, tables: Sequence[str], instruments: Sequence[Instrument]
) -> tuple[Feed, ...]:
    """Return the connection that carries trades, where they are wanted."""
    if "trades" not in tables or not instruments or not exchange.streams.get("watchTrades"):
        return ()
    symbols = tuple(instrument.symbol for instrument in instruments)
    return (
        Feed(
            name=TRADES_FEED,
            url=f"{exchange.venue} by ccxt",
            subscribe=symbols,
            carries=frozenset({"trades"}),
            listen=TradeListener(exchange),
        ),
    )


def polls(
    exchange: CcxtExchange,
    tables: Sequence[str],
    instruments: Sequence[Instrument],
    interval_ms: int,
) -> tuple[Poll, ...]:
    """Return the requests to repeat.

    Raises
    ------
    UsageError
        If bars of a length are wanted that the exchange does not have.
    """
    wanted = frozenset(tables)
    return tuple(poll for one in instruments for poll in _polls(exchange, wanted, one, interval_ms))


def _polls(
    exchange: CcxtExchange, tables: frozenset[str], instrument: Instrument, interval_ms: int
) -> Iterator[Poll]:
    has, symbol = exchange.has, instrument.symbol

    def poll(what: str, every_s: float, table: str, method: str, *more: object) -> Poll:
        def send(http: Http) -> bytes:
            try:
                return exchange.ask(http, method, symbol, *more)
            except FrameError as error:
                # A poll that fails is made again; what it brought was no message of a feed.
                raise VenueError(exchange.venue, f"{error.what}: {error.problem}") from error

        name = f"rest:{what}:{instrument.venue_symbol}"
        return Poll(Request(name, send), every_s, frozenset({table}))

    if "klines" in tables:
        name, every_s = (
            bar_name(exchange.venue, interval_ms, exchange.bars),
            interval_ms / SECOND_MS,
        )
        for price_type, (ability, method) in PRICE_METHODS.items():
            if has.get(ability):
                what = f"ohlcv-{price_type}-{name}"
                yield poll(what, every_s, "klines", method, name, None, _LATEST_BARS)
    if "open_interest" in tables and has.get("fetchOpenInterest"):
        yield poll("open-interest", _INTEREST_EVERY_S, "open_interest", "fetch_open_interest")
    if "funding" in tables and has.get("fetchFundingRate"):
        yield poll("funding", _FUNDING_EVERY_S, "funding", "fetch_funding_rate")
    if "funding" in tables and has.get("fetchFundingRateHistory"):
        # Without a start exchanges tell their latest.
        history, latest = "fetch_funding_rate_history", (None, _LATEST_SETTLEMENTS)
        yield poll("settlements", _SETTLEMENTS_EVERY_S, "funding", history, *latest)


@dataclass(frozen=True, slots=True)
class TradeListener:
    """Listens to an exchange's trades in place of `forcedflow.venues.websocket.listen`.

    Parameters
    ----------
    exchange : CcxtExchange
    """

    exchange: CcxtExchange

    async def __call__(
        self,
        feed: Feed,
        *,
        now_ns: Callable[[], int],
        http: Http | None,
        proxy: str | None,
        rng: random.Random,
        patience: Patience,
        leave: asyncio.Event,
        renew: asyncio.Event,
    ) -> AsyncGenerator[Frame, None]:
        """Yield one frame per message, ``opened`` and ``closed`` around each connection.

        Raises
        ------
        BlockedError
            If the exchange refuses this address.
        """
        failures, loop = 0, asyncio.get_running_loop()
        while not leave.is_set():
            renew.clear()
            began_s = loop.time()
            talk = _Talk(self.exchange, feed, now_ns)
            tasks = [
                asyncio.create_task(work)
                for work in (talk.run(http, proxy), talk.end_on(leave), talk.end_on(renew))
            ]
            try:
                while isinstance(item := await talk.came.get(), Frame):
                    yield item
            finally:
                for task in tasks:
                    task.cancel()
                outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, Exception):
                    raise outcome
            yield Frame(now_ns(), feed.name, "closed", item.problem.encode())
            if isinstance(item, BlockedError):
                raise item
            failures = 0 if loop.time() - began_s >= patience.healthy_s else failures + 1
            with suppress(TimeoutError):
                async with asyncio.timeout(patience.after(max(failures - 1, 0), rng)):
                    await leave.wait()


class _Talk:
    """One of ccxt's clients while it lives: its trades, and at last why there are no more."""

    def __init__(self, exchange: CcxtExchange, feed: Feed, now_ns: Callable[[], int]) -> None:
        self._exchange, self._feed, self._now_ns = exchange, feed, now_ns
        self._is_open = False
        self.came: Final[asyncio.Queue[Frame | VenueError]] = asyncio.Queue(maxsize=1000)

    async def run(self, http: Http | None, proxy: str | None) -> None:
        try:
            if http is not None:
                await asyncio.to_thread(self._exchange.instruments, http)
            await self._follow(self._exchange.follow(proxy))
        except VenueError as error:
            await self.came.put(error)
        except FrameError as error:
            await self.came.put(VenueError(self._exchange.venue, str(error)))

    async def end_on(self, event: asyncio.Event) -> None:
        await event.wait()
        await self.came.put(VenueError(self._exchange.venue, _LEFT))

    async def _follow(self, client: Any) -> None:
        work = [self._watch(client, symbol) for symbol in self._feed.subscribe]
        tasks = [asyncio.create_task(one) for one in (self._await_open(client), *work)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            failed = next(error for task in done if (error := task.exception()) is not None)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await client.close()
        known = self._exchange.error_of(failed) if isinstance(failed, Exception) else None
        raise known or failed

    async def _await_open(self, client: Any) -> None:
        # ccxt connects by itself and tells nobody.
        while not any(map(_is_connected, client.clients.values())):  # noqa: ASYNC110 - no event
            await asyncio.sleep(_LOOK_EVERY_S)
        await self._open()

    async def _open(self) -> None:
        if not self._is_open:
            self._is_open = True
            await self.came.put(Frame(self._now_ns(), self._feed.name, "opened", b""))

    async def _watch(self, client: Any, symbol: str) -> None:
        while True:
            trades = await client.watch_trades(symbol)
            received_ns = self._now_ns()
            await self._open()
            if trades:
                # What ccxt's wrapper adds to every trade is left out; the exchange's words stay.
                told = [{name: trade.get(name) for name in _KEPT} for trade in trades]
                frame = Frame(received_ns, self._feed.name, "message", encode(told))
                await self.came.put(frame)


def _is_connected(client: Any) -> bool:
    connected = client.connected
    return bool(connected.done() and not connected.cancelled() and connected.exception() is None)
