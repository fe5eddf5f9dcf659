"""A real recording of exchanges on loopback, into a lake of its own, while a test does its worst.

In:  fakes, tables, symbols.   Out: the lake's rows, and how well the recording says it went.
Free of shortcuts: the connectors are the product's; only waits are shorter than in earnest.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import polars as pl
from tests.venues.fakes.binance import FakeBinance
from tests.venues.fakes.bitget import FakeBitget
from tests.venues.fakes.bybit import FakeBybit
from tests.venues.fakes.dydx import FakeDydx
from tests.venues.fakes.exchange import PATIENCE_S, FakeExchange
from tests.venues.fakes.gate import FakeGate
from tests.venues.fakes.hyperliquid import FakeHyperliquid
from tests.venues.fakes.kucoin import FakeKucoin
from tests.venues.fakes.mexc import FakeMexc
from tests.venues.fakes.okx import FakeOkx
from tests.venues.fakes.promises import Row

from forcedflow.live.health import RecordHealth, VenueHealth
from forcedflow.live.recorder import Pace, record
from forcedflow.live.venue_recorder import VenueRecorder
from forcedflow.store import Lake
from forcedflow.store.raw_log import Frame, TornTail, list_runs, raw_folder, read_raw_log
from forcedflow.venues.binance import BinanceConnector
from forcedflow.venues.bitget import BitgetConnector
from forcedflow.venues.bybit import BybitConnector
from forcedflow.venues.connector import Connector, Feed, Poll
from forcedflow.venues.dydx import DydxConnector
from forcedflow.venues.follow import Follower
from forcedflow.venues.gate import GateConnector
from forcedflow.venues.http import HttpClient
from forcedflow.venues.hyperliquid import HyperliquidConnector
from forcedflow.venues.kucoin import KucoinConnector
from forcedflow.venues.mexc import MexcConnector
from forcedflow.venues.network import NetworkVenue
from forcedflow.venues.okx import OkxConnector
from forcedflow.venues.websocket import Patience

_CONNECTORS: dict[str, Any] = {
    "binance": BinanceConnector,
    "bitget": BitgetConnector,
    "bybit": BybitConnector,
    "gate": GateConnector,
    "dydx": DydxConnector,
    "hyperliquid": HyperliquidConnector,
    "kucoin": KucoinConnector,
    "mexc": MexcConnector,
    "okx": OkxConnector,
}
_FAKES: dict[str, type[FakeExchange]] = {
    "binance": FakeBinance,
    "bitget": FakeBitget,
    "bybit": FakeBybit,
    "gate": FakeGate,
    "dydx": FakeDydx,
    "hyperliquid": FakeHyperliquid,
    "kucoin": FakeKucoin,
    "mexc": FakeMexc,
    "okx": FakeOkx,
}

CHANNELS: dict[str, dict[str, str]] = {
    "bitget": {
        "trades": "publicTrade BTCUSDT",
        "liquidations": "liquidation",
        "klines": "kline BTCUSDT",
        "open_interest": "ticker BTCUSDT",
        "funding": "ticker BTCUSDT",
        "order_book": "books BTCUSDT",
    },
    "binance": {
        "trades": "btcusdt@aggTrade",
        "liquidations": "btcusdt@forceOrder",
        "klines": "btcusdt@kline_1m",
        "funding": "btcusdt@markPrice",
        "order_book": "btcusdt@depth",
    },
    "bybit": {
        "trades": "publicTrade.BTCUSDT",
        "liquidations": "allLiquidation.BTCUSDT",
        "klines": "kline.1.BTCUSDT",
        "open_interest": "tickers.BTCUSDT",
        "funding": "tickers.BTCUSDT",
        "order_book": "orderbook.",
    },
    "gate": {
        "trades": "futures.trades BTC_USDT",
        "liquidations": "futures.public_liquidates BTC_USDT",
        "klines": "futures.candlesticks 1m BTC_USDT",
        "funding": "futures.tickers BTC_USDT",
        "order_book": "futures.obu ob.BTC_USDT.",
    },
    "dydx": {
        "trades": "v4_trades BTC-USD",
        "liquidations": "v4_trades BTC-USD",
        "klines": "v4_candles BTC-USD/1MIN",
        "open_interest": "v4_markets",
        "funding": "v4_markets",
    },
    "hyperliquid": {
        "trades": "trades",
        "klines": "candle 1m",
        "open_interest": "activeAssetCtx",
        "funding": "activeAssetCtx",
        "order_book": "l2Book",
        "positions": "trades",
    },
    "kucoin": {
        "trades": "/contractMarket/execution:XBTUSDTM",
        "klines": "/contractMarket/limitCandle:XBTUSDTM_1min",
        "funding": "/contract/instrument:XBTUSDTM",
        "order_book": "/contractMarket/level2:XBTUSDTM",
    },
    "mexc": {
        "trades": "deal BTC_USDT",
        "klines": "kline BTC_USDT Min1",
        "open_interest": "ticker BTC_USDT",
        "funding": "ticker BTC_USDT",
        "order_book": "depth BTC_USDT",
    },
    "okx": {
        "trades": "trades-all BTC-USDT-SWAP",
        "liquidations": "liquidation-orders",
        "klines": "candle1m BTC-USDT-SWAP",
        "open_interest": "open-interest BTC-USDT-SWAP",
        "funding": "funding-rate BTC-USDT-SWAP",
        "order_book": "books BTC-USDT-SWAP",
    },
}
"""What carries a table of the linear market, by venue; the beginning of its name will do."""

_PATIENCE = Patience(
    first_s=0.05,
    longest_s=0.2,
    healthy_s=0.1,
    close_s=0.2,
    refused_s=0.2,
    between_messages_s=0.01,
)
_PACE = Pace(raw_s=0.05, rows_s=0.3, skew_s=600.0, repair_after_s=(0.2,))


def fake_exchange(venue: str) -> FakeExchange:
    """Return a venue that has not begun to answer yet."""
    return _FAKES[venue]()


class Recording:
    """A recording under way in a thread of its own, from entering to leaving.

    Parameters
    ----------
    root : Path
        Folder of a lake to make.
    *fakes : FakeExchange
        Venues, answering.
    tables : sequence of str
        What to record.
    symbols : sequence of str
    silence_s, polls_every_s : float, optional
        Instead of what the connectors' feeds and polls say. [s]
    max_pause_s : float
        Longest pause that HTTP waits for. [s]
    """

    def __init__(
        self,
        root: Path,
        *fakes: FakeExchange,
        tables: Sequence[str],
        symbols: Sequence[str] = ("BTC",),
        silence_s: float | None = None,
        polls_every_s: float | None = None,
        max_pause_s: float = 10.0,
    ) -> None:
        self.lake = Lake(root / "lake", create=True)
        self._fakes, self._tables, self._symbols = fakes, tables, symbols
        self._https: list[HttpClient] = []
        self._venues: list[NetworkVenue] = []
        for fake in fakes:
            connector = _hastened(fake, silence_s, polls_every_s)
            http = HttpClient(
                fake.venue, connector.rate_limit, max_pause_s=max_pause_s, backoff_s=0.02
            )
            self._https.append(http)
            self._venues.append(NetworkVenue(connector, http))
        self._health: RecordHealth | None = None
        self._failed: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Stop as an interrupt would, and wait until all that was received is in the lake."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            raise TimeoutError("the recording did not stop")
        for http in self._https:
            http.close()
        if self._failed is not None:
            raise self._failed

    def wait_for(self, fake: FakeExchange, *tables: str) -> None:
        """Return once what carries these tables is subscribed to."""
        self.wait_until(
            lambda: (
                self._health is not None
                and all(fake.listeners(CHANNELS[fake.venue][table]) for table in tables)
            ),
            f"subscription to {tables} at {fake.venue}",
        )

    def settle(self) -> None:
        """Return once every message that was said is read."""
        said = sum(fake.said for fake in self._fakes)
        self.wait_until(lambda: self._heard() >= said, f"reading of {said} messages")

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Return once something holds, or say what did not come about."""
        until = time.monotonic() + PATIENCE_S
        while not condition():
            if not self._thread.is_alive():
                raise self._failed or AssertionError(f"it ended before: {what}; {self._health}")
            if time.monotonic() > until:
                raise TimeoutError(f"no {what}; {self._health}")
            time.sleep(0.01)

    def wait_for_end(self) -> None:
        """Return once no venue is left to record."""
        self._thread.join(PATIENCE_S)
        self.finish()

    @property
    def health(self) -> RecordHealth:
        """Return how it goes."""
        if self._health is None:
            raise AssertionError("it has not said yet how it goes")
        return self._health

    def venue(self, fake: FakeExchange) -> VenueHealth:
        """Return how one venue is heard."""
        return next(venue for venue in self.health.venues if venue.venue == fake.venue)

    def rows(self, table: str, fake: FakeExchange) -> list[Row]:
        """Return the rows of a venue in the lake, times in ms."""
        frame = self.lake.read(table, venue=fake.venue)
        times = pl.selectors.datetime().dt.timestamp("ms")
        return frame.with_columns(times).to_dicts()

    def raw_frames(self) -> list[Frame]:
        """Return every message that was kept as it came."""

        def refuse(torn: TornTail) -> None:
            raise AssertionError(f"a file of raw messages is cut short: {torn}")

        runs = list_runs(raw_folder(self.lake.root), refuse)
        return [frame for run in runs for frame in read_raw_log(run.files, on_torn=refuse)]

    def _heard(self) -> int:
        if self._health is None:
            return 0
        return sum(
            connection.messages
            for venue in self._health.venues
            for connection in venue.connections
            if not connection.connection.startswith("rest:")
        )

    def _run(self) -> None:
        async def go() -> RecordHealth:
            return await record(
                self._venues,
                self._symbols,
                self.lake,
                tables=self._tables,
                stop=self._stop,
                pace=_PACE,
                on_health=self._take_health,
                follow=_follow,
            )

        try:
            self._health = self._loop.run_until_complete(go())
        except BaseException as error:  # noqa: BLE001 - raised again by whoever finishes
            self._failed = error
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def _take_health(self, health: RecordHealth) -> None:
        self._health = health


def assert_rows(actual: Iterable[Row], expected: Iterable[Row], *key: str) -> None:
    """Say which rows are missing, too many or wrong.

    Parameters
    ----------
    actual : iterable of dict
        Rows of the lake.
    expected : iterable of dict
        What their columns must hold; columns that it leaves out may hold anything.
    *key : str
        Columns by which rows are told apart, exactly.
    """
    found = _keyed(actual, key)
    wanted = _keyed(expected, key)
    missing, extra = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    assert not missing, f"{len(missing)} of {len(wanted)} rows are missing, as {min(missing)}"
    assert not extra, f"{len(extra)} rows too many, as {min(extra)}"
    for where, row in wanted.items():
        for column, value in row.items():
            held = found[where][column]
            if isinstance(value, float) and isinstance(held, float):
                same = math.isclose(held, value, rel_tol=1e-9)
            else:
                same = held == value
            assert same, f"{column} is {held!r}, not {value!r}, in {found[where]}"


def _keyed(rows: Iterable[Row], key: Sequence[str]) -> dict[tuple[Any, ...], Row]:
    listed = list(rows)
    # A product of sizes may differ in its last digit.
    keyed = {
        tuple(
            float(f"{value:.9g}") if isinstance(value := row[column], float) else value
            for column in key
        ): row
        for row in listed
    }
    assert len(keyed) == len(listed), f"{len(listed) - len(keyed)} rows are there twice"
    return keyed


def _follow(venue: NetworkVenue, recorder: VenueRecorder) -> Follower:
    return Follower(
        venue.connector,
        recorder.tables,
        recorder.instruments,
        venue.http,
        recorder.interval_ms,
        patience=_PATIENCE,
    )


def _hastened(
    fake: FakeExchange, silence_s: float | None, polls_every_s: float | None
) -> Connector:
    """Return the venue's own connector, with other waits where they are given."""
    own = _CONNECTORS[fake.venue]

    def feeds(self: Any, *args: Any) -> tuple[tuple[Feed, ...], tuple[Poll, ...]]:
        found, polls = own.feeds(self, *args)
        if silence_s is not None:
            found = tuple(replace(feed, silence_s=silence_s) for feed in found)
        if polls_every_s is not None:
            polls = tuple(replace(poll, every_s=polls_every_s) for poll in polls)
        return found, polls

    connector: Connector = type(own.__name__, (own,), {"feeds": feeds})(fake.endpoints)
    return connector
