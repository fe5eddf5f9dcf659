"""A market on loopback that never waits: so many messages a second, each with its time of sending.

In:  ``rate seconds`` as arguments; a recorder that connects.
Out: its port, and at the end what it sent, as two lines of JSON.
Free of the package: what it says is what Binance's documentation says, in bytes.

Of twenty messages sixteen are trades, three are book deltas and one is a liquidation or, once a
second for each contract, a mark price. It sends on time whoever reads: what the reader does not
take waits in our own memory, and the most that waited is reported.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

SYMBOLS: Final = tuple(f"A{number:02d}USDT" for number in range(40))
LEVELS: Final = 500
"""Levels of each side of a snapshot, a basis point apart."""

_MID: Final = 100_000
_EVERY_S: Final = 0.005
_MIX: Final = "ttttdttttttdttttttdl"
# Deltas are drawn from so many ready ones.
_DELTAS: Final = 64


class Market:
    """What is said, in order, and how much of it was."""

    def __init__(self, seed: int = 1) -> None:
        rng = random.Random(seed)  # noqa: S311 - a market, no secret
        self.trades: Counter[str] = Counter()
        self.liquidations: Counter[str] = Counter()
        self.marks: set[tuple[str, int]] = set()
        self.books: set[tuple[str, int]] = set()
        self.update = dict.fromkeys(SYMBOLS, 1_000)
        self.market = self.public = 0
        self._deltas = [_delta(rng) for _ in range(_DELTAS)]
        self._prices = [b"%d.%d" % (9_950 + rng.randrange(100), i % 10) for i in range(1_000)]
        self._marked: dict[str, int] = {}
        self._mark_due: list[str] = []
        self._number = 0

    def say(self, count: int, sent_ns: int) -> tuple[bytes, bytes]:
        """Return so many messages for the market and the public connection, as websocket frames."""
        ms = sent_ns // 1_000_000
        second = ms // 1_000
        if self._marked.get("") != second:
            self._marked[""] = second
            self._mark_due = list(SYMBOLS)
        market, public = [], []
        for number in range(self._number, self._number + count):
            what = _MIX[number % len(_MIX)]
            name = SYMBOLS[number // 7 % len(SYMBOLS)]
            if what == "t":
                market.append(_framed(self._trade(name, number, ms, sent_ns)))
            elif what == "d":
                public.append(_framed(self.delta(name, ms, sent_ns)))
            elif self._mark_due:
                market.append(_framed(self._mark(self._mark_due.pop(), ms, sent_ns)))
            else:
                market.append(_framed(self._liquidation(name, number, ms, sent_ns)))
        self._number += count
        self.market += len(market)
        self.public += len(public)
        return b"".join(market), b"".join(public)

    def delta(self, name: str, ms: int, sent_ns: int) -> bytes:
        """Return the next change of a book."""
        before = self.update[name]
        self.update[name] = before + 3
        self.books.add((name, ms // 1_000))
        return (
            b'{"stream":"%b@depth@100ms","data":{"e":"depthUpdate","E":%d,"T":%d,"s":"%b","U":%d,'
            b'"u":%d,"pu":%d,%b,"st":1,"sent":%d}}'
        ) % (
            name.lower().encode(),
            ms,
            ms,
            name.encode(),
            before + 1,
            before + 3,
            before,
            self._deltas[before % _DELTAS],
            sent_ns,
        )

    def _trade(self, name: str, number: int, ms: int, sent_ns: int) -> bytes:
        self.trades[name] += 1
        price, count = self._prices[number % 1_000], self.trades[name]
        return (
            b'{"stream":"%b@aggTrade","data":{"e":"aggTrade","E":%d,"a":%d,"s":"%b","p":"%b",'
            b'"q":"0.%03d","nq":"0.014","f":%d,"l":%d,"T":%d,"m":%b,"st":1,"sent":%d}}'
        ) % (
            name.lower().encode(),
            ms,
            count,
            name.encode(),
            price,
            1 + number % 997,
            number * 3,
            number * 3 + 2,
            ms,
            b"true" if number & 1 else b"false",
            sent_ns,
        )

    def _liquidation(self, name: str, number: int, ms: int, sent_ns: int) -> bytes:
        self.liquidations[name] += 1
        return (
            b'{"stream":"%b@forceOrder","data":{"e":"forceOrder","E":%d,"o":{"s":"%b","S":"%b",'
            b'"o":"LIMIT","f":"IOC","q":"0.014","p":"9900.0","ap":"%b","X":"FILLED","l":"0.002",'
            b'"z":"%d.014","T":%d,"ps":"%b","st":1},"sent":%d}}'
        ) % (
            name.lower().encode(),
            ms,
            name.encode(),
            b"SELL" if number & 32 else b"BUY",
            self._prices[number % 1_000],
            1 + number % 9_973,  # no two of one millisecond are alike
            ms,
            name.encode(),
            sent_ns,
        )

    def _mark(self, name: str, ms: int, sent_ns: int) -> bytes:
        self.marks.add((name, ms // 60_000))
        return (
            b'{"stream":"%b@markPrice@1s","data":{"e":"markPriceUpdate","E":%d,"s":"%b",'
            b'"p":"10000.1","i":"10000.2","P":"10000.3","r":"0.00010000","T":%d,"st":1,"sent":%d}}'
        ) % (
            name.lower().encode(),
            ms,
            name.encode(),
            (ms // 28_800_000 + 1) * 28_800_000,
            sent_ns,
        )


class Sender:
    """The server: one connection of market streams, one of books, and the few pages they need."""

    def __init__(self) -> None:
        self.market = Market()
        self.open: dict[str, ServerConnection] = {}
        self.snapshots: set[str] = set()
        self.handshakes = 0

    async def listen(self, connection: ServerConnection) -> None:
        """Keep a connection until its other side leaves."""
        request = connection.request
        kind = "public" if request is not None and "/public/" in request.path else "market"
        self.handshakes += 1
        self.open[kind] = connection
        await connection.wait_closed()

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a page; None lets a websocket through."""
        url = urlsplit(request.path)
        page = url.path.rpartition("/")[2]
        if page == "stream":
            return None
        if page == "exchangeInfo":
            symbols = [_contract(name) for name in SYMBOLS] if "/fapi/" in url.path else []
            return connection.respond(HTTPStatus.OK, json.dumps({"symbols": symbols}))
        if page == "time":
            body = json.dumps({"serverTime": time.time_ns() // 1_000_000})
            return connection.respond(HTTPStatus.OK, body)
        if page == "fundingInfo":
            return connection.respond(HTTPStatus.OK, "[]")
        if page == "depth":
            name = parse_qs(url.query)["symbol"][0]
            self.snapshots.add(name)
            return connection.respond(HTTPStatus.OK, json.dumps(self._snapshot(name)))
        return connection.respond(HTTPStatus.NOT_FOUND, "no such page")

    async def run(self, rate: int, seconds: float) -> dict[str, Any]:
        """Wait for a reader, warm its books up, send, and return what was sent."""
        await _until(lambda: len(self.open) == 2)
        warm_up = 0
        while len(self.snapshots) < len(SYMBOLS):
            # A reader asks for a book once it hears of it.
            warm_up += self._warm_up()
            await asyncio.sleep(0.2)
        await asyncio.sleep(1.0)
        warm_up += self._warm_up()
        # On a whole second, from which every contract's book is kept each second.
        start_s = float(int(time.time()) + 2)
        await asyncio.sleep(start_s - time.time())
        waited = await self._send(rate, seconds)
        market = self.market
        return {
            "start_ms": int(start_s * 1_000),
            "sent": market.market + market.public,
            "warm_up": warm_up,
            "trades": dict(market.trades),
            "liquidations": sum(market.liquidations.values()),
            "marks": len(market.marks),
            "books": sum(second >= int(start_s) for _, second in market.books),
            "handshakes": self.handshakes,
            "most_waiting_bytes": waited[0],
            "late_s": waited[1],
            "seconds": waited[2],
        }

    async def _send(self, rate: int, seconds: float) -> tuple[int, float, float]:
        total, sent, most, late_s = int(rate * seconds), 0, 0, 0.0
        start_s = time.monotonic()
        while sent < total:
            await asyncio.sleep(_EVERY_S)
            elapsed_s = time.monotonic() - start_s
            due = min(total, int(elapsed_s * rate)) - sent
            # What we are behind after a pause of our own is sent at once, as a burst.
            late_s = max(late_s, due / rate)
            waiting = 0
            for kind, block in zip(
                ("market", "public"), self.market.say(due, time.time_ns()), strict=True
            ):
                output = self.open[kind].transport
                # Whoever has left hears nothing: that is lost, and found to be.
                if not output.is_closing():
                    output.write(block)
                    waiting += output.get_write_buffer_size()
            sent += due
            most = max(most, waiting)
        return most, late_s, time.monotonic() - start_s

    def _warm_up(self) -> int:
        now_ns = time.time_ns()
        for name in SYMBOLS:
            delta = self.market.delta(name, now_ns // 1_000_000, now_ns)
            self.open["public"].transport.write(_framed(delta))
        return len(SYMBOLS)

    def _snapshot(self, name: str) -> dict[str, Any]:
        now_ms = time.time_ns() // 1_000_000
        steps = range(1, LEVELS + 1)
        return {
            "lastUpdateId": self.market.update[name],
            "E": now_ms,
            "T": now_ms,
            "bids": [[_price(-step).decode(), "1.000"] for step in steps],
            "asks": [[_price(+step).decode(), "1.000"] for step in steps],
        }


def _price(step: int) -> bytes:
    tenths = _MID + step * 10
    return b"%d.%d" % (tenths // 10, tenths % 10)


def _delta(rng: random.Random) -> bytes:
    """Return ten changes on each side, most of them near the best price; some levels go."""
    sides = []
    for key, sign in ((b"b", -1), (b"a", +1)):
        steps = sorted({min(LEVELS, 1 + int(rng.expovariate(0.05))) for _ in range(10)})
        levels = [
            b'["%b","%b"]'
            % (_price(sign * step), b"0" if rng.random() < 0.1 else b"%d.125" % rng.randrange(99))
            for step in steps
        ]
        sides.append(b'"%b":[%b]' % (key, b",".join(levels)))
    return b",".join(sides)


def _framed(message: bytes) -> bytes:
    """Return a message as a whole, unmasked text frame (RFC 6455, section 5.2)."""
    size = len(message)
    if size < 126:
        return b"\x81" + bytes((size,)) + message
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + message
    return b"\x81\x7f" + size.to_bytes(8, "big") + message


def _contract(name: str) -> dict[str, Any]:
    return {
        "symbol": name,
        "pair": name,
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "deliveryDate": 4_133_404_800_000,
        "onboardDate": 1_569_398_400_000,
        "baseAsset": name.removesuffix("USDT"),
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "liquidationFee": "0.012500",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001"},
        ],
    }


async def _until(condition: Callable[[], bool], patience_s: float = 60.0) -> None:
    async with asyncio.timeout(patience_s):
        while not condition():  # noqa: ASYNC110 - a handshake away
            await asyncio.sleep(0.02)


async def _main(rate: int, seconds: float) -> None:
    loop, sender = asyncio.get_running_loop(), Sender()
    async with serve(
        sender.listen, "127.0.0.1", 0, process_request=sender.answer, compression=None
    ) as server:
        sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
        sys.stdout.flush()
        sys.stdout.write(json.dumps(await sender.run(rate, seconds)) + "\n")
        sys.stdout.flush()
        # Until nobody reads any more.
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2])))
