"""Liquidation frames of two venues: what reading one costs, beside ``json.loads`` of the same.

In:  nothing; frames are made up in the shape that each venue documents.   Out: `Result` rows.
Free of sockets: what carries frames is measured by `benchmarks.recording`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.measure import Budget, Result, measure_both
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.venues.binance import BinanceConnector
from forcedflow.venues.binance.parse_stream import ForceOrder, parse_event
from forcedflow.venues.bybit import BybitConnector
from forcedflow.venues.bybit import parse_stream as bybit_stream
from forcedflow.venues.bybit import reader as bybit_reader
from forcedflow.venues.connector import Connector
from forcedflow.venues.row_buffer import RowBuffer

FRAMES = 100_000
PEER = "json.loads and a dict"

Row: TypeAlias = tuple[str, str, int, float, float]
"""Venue's symbol, side of the position, time [UTC ms], price and size: what both must agree on."""

_START_MS = 1_791_391_081_000


@dataclass(frozen=True, slots=True)
class Case:
    """One venue's liquidations, and every way of reading them.

    Parameters
    ----------
    venue, stream : str
    connector : Connector
    connection : str
        Name of the feed that carries them.
    frames : tuple of bytes
        No two alike.
    decode : callable
        Our typed decoding of one frame.
    typed : callable
        The rows that it holds, from typed values.
    peer : callable
        The same rows as a list of dicts, from ``json.loads``.
    """

    venue: str
    stream: str
    connector: Connector
    connection: str
    frames: tuple[bytes, ...]
    decode: Callable[[bytes], object]
    typed: Callable[[bytes], list[Row]]
    peer: Callable[[bytes], list[dict[str, object]]]

    @property
    def name(self) -> str:
        """Return how it is called in results and budgets."""
        return f"{self.venue} {self.stream}"


def cases(n_frames: int = FRAMES) -> tuple[Case, ...]:
    """Return both venues, each with so many frames."""
    return (
        Case(
            "binance",
            "forceOrder",
            BinanceConnector(),
            "market:0",
            tuple(map(_binance_frame, range(n_frames))),
            parse_event,
            _binance_typed,
            _binance_peer,
        ),
        Case(
            "bybit",
            "allLiquidation",
            BybitConnector(),
            "linear:1",
            tuple(map(_bybit_frame, range(n_frames))),
            _bybit_decode,
            _bybit_typed,
            _bybit_peer,
        ),
    )


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield, per venue, the typed decoding alone and all the way to a row, each beside the peer."""
    for case in cases():
        assert_same(case)
        size = f"{len(case.frames):,} frames of {len(case.frames[0])} bytes"
        contests: tuple[tuple[str, Callable[[Sequence[bytes]], object]], ...] = (
            ("typed decoding", _each(case.decode)),
            ("to rows", lambda frames, case=case: read_rows(case, frames)),
        )
        for what, ours in contests:
            timing, peer = measure_both(lambda case=case: case.frames, ours, _each(case.peer), runs)
            name = f"{case.name}, {what}"
            per_s = len(case.frames) / timing.best_s
            yield Result(
                group="decode",
                what=name,
                size=f"{size}: {per_s / 1e6:.2f} M frames/s",
                timing=timing,
                n_items=len(case.frames),
                peer=PEER,
                peer_s=peer.best_s,
                budget=budgets[name],
            )


def assert_same(case: Case) -> None:
    """Raise if typed decoding, the package's rows and the peer do not say the same."""
    buffer = read_rows(case, case.frames)
    table = buffer.take()["liquidations"]
    amounts = table["amount"].to_list()
    read = zip(table["side"].to_list(), table["price"].to_list(), amounts, strict=True)
    typed = [row for raw in case.frames for row in case.typed(raw)]
    peer = [tuple(row.values()) for raw in case.frames for row in case.peer(raw)]
    if typed != peer:
        raise AssertionError(f"{case.name}: the typed values are not the peer's")
    if list(read) != [(side, price, size) for _, side, _, price, size in typed]:
        raise AssertionError(f"{case.name}: the rows are not the peer's")


def read_rows(case: Case, frames: Sequence[bytes]) -> RowBuffer:
    """Return what the venue's own reader makes of frames."""
    instrument = Instrument(case.venue, "BTC", "USDT", "USDT")
    reader, rows = case.connector.reader((instrument,)), RowBuffer(case.venue)
    read = reader.read
    for raw in frames:
        read(Frame(0, case.connection, "message", raw), rows)
    return rows


def _each(work: Callable[[bytes], object]) -> Callable[[Sequence[bytes]], None]:
    def do(frames: Sequence[bytes]) -> None:
        for raw in frames:
            work(raw)

    return do


def _numbers(number: int) -> tuple[bytes, bytes, int]:
    """Return price, size and time of the n-th liquidation; no two have one price and time."""
    price = b"%d.%d0" % (60_000 + number % 9_973 // 10, number % 10)
    return price, b"%d.014" % (1 + number % 499), _START_MS + number


def _binance_frame(number: int) -> bytes:
    price, size, time_ms = _numbers(number)
    side = b"SELL" if number % 3 else b"BUY"
    return (
        b'{"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":%d,"o":{"s":"BTCUSDT",'
        b'"S":"%b","o":"LIMIT","f":"IOC","q":"%b","p":"59000.10","ap":"%b","X":"FILLED",'
        b'"l":"0.002","z":"%b","T":%d,"ps":"BTCUSDT","st":1}}}'
        % (time_ms + 5, side, size, price, size, time_ms)
    )


def _binance_typed(raw: bytes) -> list[Row]:
    event = parse_event(raw)
    if not isinstance(event, ForceOrder):
        raise TypeError(f"{raw!r} is no liquidation")
    order = event.order
    side = "long" if order.side == "SELL" else "short"
    return [(order.name, side, order.time, order.average_price, order.filled)]


def _binance_peer(raw: bytes) -> list[dict[str, object]]:
    order = json.loads(raw)["data"]["o"]
    return [
        {
            "symbol": order["s"],
            "side": "long" if order["S"] == "SELL" else "short",
            "time": order["T"],
            "price": float(order["ap"]),
            "size": float(order["z"]),
        }
    ]


def _bybit_frame(number: int) -> bytes:
    price, size, time_ms = _numbers(number)
    side = b"Buy" if number % 3 else b"Sell"
    return (
        b'{"topic":"allLiquidation.BTCUSDT","type":"snapshot","ts":%d,"data":[{"T":%d,'
        b'"s":"BTCUSDT","S":"%b","v":"%b","p":"%b"}]}' % (time_ms + 26, time_ms, side, size, price)
    )


def _bybit_decode(raw: bytes) -> object:
    # As the reader does: the envelope, which names the topic, and then what is in it.
    return bybit_stream._LIQUIDATIONS.decode(bybit_reader._MESSAGE.decode(raw).data)


def _bybit_typed(raw: bytes) -> list[Row]:
    message = bybit_reader._MESSAGE.decode(raw)
    symbol = message.topic.rpartition(".")[2]
    return [
        (symbol, "long" if one.side == "Buy" else "short", one.at, one.bankruptcy_price, one.size)
        for one in bybit_stream._LIQUIDATIONS.decode(message.data)
    ]


def _bybit_peer(raw: bytes) -> list[dict[str, object]]:
    return [
        {
            "symbol": one["s"],
            "side": "long" if one["S"] == "Buy" else "short",
            "time": one["T"],
            "price": float(one["p"]),
            "size": float(one["v"]),
        }
        for one in json.loads(raw)["data"]
    ]
