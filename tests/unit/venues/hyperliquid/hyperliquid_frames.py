"""Hand-written messages of Hyperliquid in their documented shape, and a reader to read them."""

from __future__ import annotations

import json

from forcedflow.store.raw_log import Frame
from forcedflow.venues.hyperliquid.reader import HyperliquidReader
from forcedflow.venues.hyperliquid.spec import instrument
from forcedflow.venues.hyperliquid.wallets import WalletBook
from forcedflow.venues.row_buffer import RowBuffer

ROOT = "https://venue.test"
T0 = 1_790_000_040_000  # a whole minute
ALICE, BOB, CAROL = ("0x" + letter * 40 for letter in "abc")

COINS = (instrument("BTC", 5), instrument("kPEPE", 0))
SYMBOLS = {coin.venue_symbol: coin.symbol for coin in COINS}


class Asked:
    """Answers POSTs from a list and remembers what it was asked; the venue has nothing to GET."""

    def __init__(self, *answers):
        self.answers = [raw(answer) for answer in answers]
        self.bodies = []
        self.weights = []

    def post(self, url, body, *, weight=1):
        assert url == f"{ROOT}/info"
        self.bodies.append(body)
        self.weights.append(weight)
        return self.answers.pop(0)


def raw(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def reader(wallets=None, coins=COINS):
    return HyperliquidReader(ROOT, coins, wallets or WalletBook())


def message(channel, data, at_ms=T0, connection="market"):
    value = {"channel": channel, "data": data}
    return Frame(at_ms * 1_000_000, connection, "message", raw(value))


def response(name, value, at_ms=T0):
    return Frame(at_ms * 1_000_000, f"rest:{name}", "response", raw(value))


def opened(connection, at_ms=T0):
    return Frame(at_ms * 1_000_000, connection, "opened", b"")


def closed(connection, at_ms=T0):
    return Frame(at_ms * 1_000_000, connection, "closed", b"cut by the venue")


def read(own, *frames):
    """Return the rows of frames by table, and every request they led to."""
    rows, requests = RowBuffer("hyperliquid"), []
    for frame in frames:
        requests += own.read(frame, rows)
    return {table: frame.to_dicts() for table, frame in rows.take().items()}, requests


def trade(side="B", px="64000.0", sz="0.5", time=T0, tid=7, coin="BTC", users=(ALICE, BOB)):
    return {
        "coin": coin,
        "side": side,
        "px": px,
        "sz": sz,
        "hash": "0x00",
        "time": time,
        "tid": tid,
        "users": list(users),
    }


def candle(start_ms=T0, c="64010.0", v="2.5", interval="1m", length_ms=60_000, coin="BTC"):
    return {
        "t": start_ms,
        "T": start_ms + length_ms - 1,
        "s": coin,
        "i": interval,
        "o": "64000.0",
        "c": c,
        "h": "64020.0",
        "l": "63990.0",
        "v": v,
        "n": 12,
    }


def context(open_interest="31000.5", mark="64000.0", funding="0.0000125"):
    return {
        "funding": funding,
        "openInterest": open_interest,
        "prevDayPx": "63000.0",
        "dayNtlVlm": "1.0",
        "premium": None,
        "oraclePx": "64001.0",
        "markPx": mark,
        "midPx": None,
        "impactPxs": None,
    }


def book(time=T0, bid="63999.0", ask="64001.0", coin="BTC"):
    return {
        "coin": coin,
        "time": time,
        "levels": [
            [{"px": bid, "sz": "1.5", "n": 2}, {"px": "63000.0", "sz": "4", "n": 1}],
            [{"px": ask, "sz": "2.5", "n": 3}],
        ],
    }


def position(szi="-2.0", coin="BTC", liquidation_price="80000.0", value="128000.0", mode="cross"):
    return {
        "type": "oneWay",
        "position": {
            "coin": coin,
            "szi": szi,
            "entryPx": "65000.0",
            "positionValue": value,
            "unrealizedPnl": "2000.0",
            "leverage": {"type": mode, "value": 20},
            "liquidationPx": liquidation_price,
            "marginUsed": "6400.0",
        },
    }


def account(*positions, time=T0, equity="10000.5"):
    return {
        "assetPositions": list(positions),
        "marginSummary": {"accountValue": equity, "totalNtlPos": "1.0"},
        "crossMarginSummary": {"accountValue": "1.0"},
        "withdrawable": "0.0",
        "time": time,
    }


def fill(side="A", user=ALICE, tid=99, coin="BTC", time=T0):
    return {
        "coin": coin,
        "px": "60000.0",
        "sz": "0.25",
        "side": side,
        "time": time,
        "dir": "Close Long",
        "tid": tid,
        "liquidation": {"liquidatedUser": user, "markPx": "60010.0", "method": "market"},
    }


META = {
    "universe": [
        {"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56},
        {"name": "kPEPE", "szDecimals": 0, "maxLeverage": 10, "marginTableId": 10},
        {"name": "MATIC", "szDecimals": 1, "maxLeverage": 20, "isDelisted": True},
        {"name": "xyz:TSLA", "szDecimals": 3, "maxLeverage": 10},
    ],
    "marginTables": [
        [
            56,
            {
                "description": "tiered 40x",
                "marginTiers": [
                    {"lowerBound": "0.0", "maxLeverage": 40},
                    {"lowerBound": "150000000.0", "maxLeverage": 20},
                ],
            },
        ]
    ],
}
