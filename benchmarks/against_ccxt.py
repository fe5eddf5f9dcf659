"""Side by side with ccxt: one burst of liquidations, and what each delivers of it.

In:  nothing; made-up liquidations, told by an exchange on loopback.   Out: one row per contestant.
ccxt is as installed, unmodified; only its addresses are others. Both hear the same messages at the
same time, each in a process of its own.

ccxt is asked in both of the ways that it offers: ``newUpdates`` (its default), where a call gives
what is new, and without, where a call gives all that it remembers. A ccxt liquidation's ``side`` is
read as that of the closing order, which is what its Binance page passes on.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Budget, Result

BURST: Final = 5_000
BURST_S: Final = 1.0

_ROOT: Final = Path(__file__).resolve().parents[1]
_BLOCKS: Final = 100
_QUIET_S: Final = 3.0
_SYMBOL: Final = "BTC/USDT:USDT"
_CONTESTANTS: Final = ("forcedflow", "ccxt", "ccxt, whole memory")
_CHANNELS: Final = {"binance": "btcusdt@forceOrder", "bybit": "allLiquidation.BTCUSDT"}


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a burst at one contestant.

    Parameters
    ----------
    venue, contestant : str
    frames, told : int
        Messages sent, and liquidations in them.
    delivered : int
        Liquidations that came out, each counted once.
    wrong_side, wrong_size : int
        Of those that came out.
    twice : int
        How often one came out again.
    """

    venue: str
    contestant: str
    frames: int
    told: int
    delivered: int
    wrong_side: int
    wrong_size: int
    twice: int


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield one row per venue, with what each contestant delivered as notes."""
    del budgets, runs  # what is counted is no time
    try:
        version = importlib.metadata.version("ccxt")
    except importlib.metadata.PackageNotFoundError:
        missing = "ccxt is not installed: uv sync --group bench"
        yield Result("against_ccxt", "liquidations", "", skipped=missing)
        return
    for venue in _CHANNELS:
        found = compare(venue)
        yield Result(
            group="against_ccxt",
            what=venue,
            size=(
                f"{found[0].told:,} liquidations in {found[0].frames:,} messages in {BURST_S:g} s, "
                f"beside ccxt {version}"
            ),
            notes=tuple(map(_sentence, found)),
        )
    yield Result(
        group="against_ccxt",
        what="hyperliquid",
        size="",
        skipped=f"ccxt {version} has no watchLiquidations for it",
    )


def compare(venue: str, count: int = BURST) -> tuple[Delivered, ...]:
    """Send one burst to every contestant, and return what each made of it."""
    from tests.venues.recording import fake_exchange  # noqa: PLC0415 - children need none of it

    with fake_exchange(venue) as fake, ExitStack() as stack:
        children = [
            stack.enter_context(_child(contestant, venue, str(fake.port)))
            for contestant in _CONTESTANTS
        ]
        channel = _CHANNELS[venue]
        _wait_for(lambda: fake.listeners(channel) == len(children), children)
        time.sleep(0.5)
        told, frames = (_tell_binance if venue == "binance" else _tell_bybit)(fake, count)
        time.sleep(_QUIET_S)
        heard = [json.loads(child.communicate()[0]) for child in children]
    return tuple(
        _judged(venue, contestant, frames, told, rows)
        for contestant, rows in zip(_CONTESTANTS, heard, strict=True)
    )


def _judged(
    venue: str, contestant: str, frames: int, told: Sequence[Any], rows: list[list[Any]]
) -> Delivered:
    truth = {(fact.time_ms, fact.price): fact for fact in told}
    first = {(row[0], row[1]): row for row in rows}
    if invented := first.keys() - truth.keys():
        raise AssertionError(f"{contestant} delivered what nobody told: {min(invented)}")
    pairs = [(truth[key], row) for key, row in first.items()]
    return Delivered(
        venue=venue,
        contestant=contestant,
        frames=frames,
        told=len(truth),
        delivered=len(pairs),
        wrong_side=sum(row[2] != fact.side for fact, row in pairs),
        wrong_size=sum(abs(row[3] - fact.size) > 1e-9 for fact, row in pairs),
        twice=len(rows) - len(first),
    )


def _sentence(found: Delivered) -> str:
    share = found.delivered / found.told
    return (
        f"{found.contestant}: {found.delivered:,} of {found.told:,} delivered ({share:.1%}), "
        f"{found.wrong_side:,} of them with the wrong side, {found.wrong_size:,} with the wrong "
        f"size, {found.twice:,} delivered again"
    )


def _facts(count: int) -> list[Any]:
    """Return liquidations of which no two have one time and price; half filled in one piece."""
    from tests.venues.fakes.facts import Liquidation  # noqa: PLC0415 - as above

    now_ms = time.time_ns() // 1_000_000
    return [
        Liquidation(
            time_ms=now_ms + number // 5,
            side="short" if number % 3 == 0 else "long",
            price=round(60_000 + number / 10, 1),
            # The fake's last fill is 0.001 always.
            size=0.001 if number % 2 else round(0.002 + number / 1000, 3),
        )
        for number in range(count)
    ]


def _tell_binance(fake: Any, count: int) -> tuple[list[Any], int]:
    facts = _facts(count)
    _in_blocks(facts, fake.publish)
    return facts, count


def _tell_bybit(fake: Any, count: int) -> tuple[list[Any], int]:
    """Tell the same in messages of one to five, as half-second batches have."""
    from tests.venues.fakes.bybit import liquidations  # noqa: PLC0415 - as above

    facts = _facts(count)
    wires, first = [], 0
    while first < count:
        part = facts[first : first + 1 + len(wires) % 5]
        wires.append(json.dumps(liquidations(part).body))
        first += len(part)
    _in_blocks(wires, lambda block: fake.say(_CHANNELS["bybit"], block))
    return facts, len(wires)


def _in_blocks(things: Sequence[Any], tell: Callable[[Sequence[Any]], None]) -> None:
    size = -(-len(things) // _BLOCKS)
    start_s = time.monotonic()
    for number, first in enumerate(range(0, len(things), size)):
        time.sleep(max(0.0, start_s + number * BURST_S / _BLOCKS - time.monotonic()))
        tell(things[first : first + size])


def _wait_for(
    condition: Callable[[], bool],
    children: Sequence[subprocess.Popen[str]],
    patience_s: float = 90.0,
) -> None:
    # To import ccxt takes seconds.
    until_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > until_s or any(child.poll() is not None for child in children):
            raise TimeoutError("a contestant did not subscribe")
        time.sleep(0.02)


def _child(contestant: str, venue: str, port: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.against_ccxt", contestant, venue, port],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
    )


async def _ours(venue: str, port: str, heard: list[tuple[Any, ...]]) -> None:
    from forcedflow.settings import Settings, VenueSettings  # noqa: PLC0415 - ccxt's child has none
    from forcedflow.venues.network import connect_venue  # noqa: PLC0415 - as above

    root, streams = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
    others = {"coin_m": root, "spot": root, "spot_stream": f"{streams}/spot"}
    own = VenueSettings(rest=root, stream=streams, others=others)
    network = connect_venue(venue, Settings(venues={venue: own}))
    async for rows in network.stream(["liquidations"], _SYMBOL):
        frame = rows["liquidations"]
        times = frame["event_time"].dt.epoch("ms")
        columns = (times, frame["price"], frame["side"], frame["amount"])
        heard += zip(*(column.to_list() for column in columns), strict=True)


async def _theirs(venue: str, port: str, heard: list[tuple[Any, ...]], *, new: bool) -> None:
    import ccxt.pro  # noqa: PLC0415 - only where it is measured

    kinds = {"fetchMarkets": {"types": ["linear"]}, "defaultType": "swap"}
    exchange = getattr(ccxt.pro, venue)(
        {"options": kinds, "enableRateLimit": False, "newUpdates": new}
    )
    exchange.urls["api"] = _redirected(exchange.urls["api"], port)
    known: set[int] = set()
    try:
        await exchange.load_markets()
        while True:
            for one in await exchange.watch_liquidations(_SYMBOL):
                if id(one) in known:
                    continue  # the same object from its memory, not one delivered again
                known.add(id(one))
                _KEPT.append(one)
                # The order that closes a long is a sale.
                side = "long" if one["side"] == "sell" else "short"
                size = one["contracts"] * (one["contractSize"] or 1.0)
                heard.append((one["timestamp"], one["price"], side, size))
    finally:
        await exchange.close()


_KEPT: Final[list[Any]] = []
"""What ccxt gave, so that no two are of one identity."""


def _redirected(urls: Any, port: str) -> Any:
    if isinstance(urls, dict):
        return {name: _redirected(url, port) for name, url in urls.items()}
    scheme, _, rest = urls.partition("://")
    path = rest.partition("/")[2]
    local = {"https": "http", "wss": "ws"}[scheme]
    return f"{local}://127.0.0.1:{port}/{path}".rstrip("/")


async def _main(contestant: str, venue: str, port: str) -> None:
    heard: list[tuple[Any, ...]] = []
    listening = asyncio.create_task(
        _ours(venue, port, heard)
        if contestant == "forcedflow"
        else _theirs(venue, port, heard, new=contestant == "ccxt")
    )
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait([listening, asyncio.ensure_future(ended)], return_when="FIRST_COMPLETED")
    if listening.done():
        listening.result()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    sys.stdout.write(json.dumps(heard))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
