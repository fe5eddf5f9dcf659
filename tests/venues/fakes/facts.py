"""What happened on a market, told once and in no venue's words.

In:  a seed and a time. [UTC ms]   Out: facts, in order of time.
Free of every venue's wire format and of the connectors: rows are expected from these facts alone.

Sizes are base coins on a linear market and whole contracts on an inverse one. The side of a
liquidation is the side of the position.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["linear", "inverse"]
Level: TypeAlias = tuple[float, float]

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Trade:
    time_ms: int
    number: int
    price: float
    size: float
    taker_side: Literal["buy", "sell"]
    buyer: str
    seller: str
    kind: Kind = "linear"


@dataclass(frozen=True, slots=True)
class Liquidation:
    time_ms: int
    side: Literal["long", "short"]
    price: float
    size: float
    kind: Kind = "linear"


@dataclass(frozen=True, slots=True)
class Bar:
    """A closed bar. ``turnover`` is in quote on a linear market and in coins on an inverse one."""

    end_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float
    taker_buy_volume: float
    taker_buy_turnover: float
    trade_count: int
    price_type: Literal["last", "mark", "index"] = "last"
    interval_ms: int = MINUTE_MS
    kind: Kind = "linear"

    @property
    def time_ms(self) -> int:
        return self.end_ms

    @property
    def start_ms(self) -> int:
        return self.end_ms - self.interval_ms

    def following(self) -> Bar:
        """Return the bar after this one as it begins: venues show it before it is closed."""
        price = self.close
        return replace(
            self,
            end_ms=self.end_ms + self.interval_ms,
            open=price,
            high=price,
            low=price,
            volume=0.0,
            turnover=0.0,
            taker_buy_volume=0.0,
            taker_buy_turnover=0.0,
            trade_count=0,
        )


@dataclass(frozen=True, slots=True)
class OpenInterest:
    time_ms: int
    size: float
    kind: Kind = "linear"


@dataclass(frozen=True, slots=True)
class Mark:
    """Mark and index price, and the estimate of the next funding."""

    time_ms: int
    mark_price: float
    index_price: float
    funding_rate: float
    next_funding_ms: int
    kind: Kind = "linear"


@dataclass(frozen=True, slots=True)
class Settlement:
    time_ms: int
    funding_rate: float
    kind: Kind = "linear"


@dataclass(frozen=True, slots=True)
class BookChange:
    """New sizes at some prices; zero removes the level."""

    time_ms: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    kind: Kind = "linear"


@dataclass(frozen=True, slots=True)
class Position:
    """What an account holds; ``liquidation_price`` is None where it cannot be liquidated."""

    time_ms: int
    account: str
    side: Literal["long", "short"]
    size: float
    entry_price: float
    mark_price: float
    leverage: int
    margin_mode: Literal["cross", "isolated"]
    liquidation_price: float | None
    unrealized_pnl_usd: float
    account_value_usd: float


Fact: TypeAlias = (
    Trade | Liquidation | Bar | OpenInterest | Mark | Settlement | BookChange | Position
)


def with_forming(bars: list[Bar]) -> list[Bar]:
    """Return closed bars, oldest first, and the one that is under way."""
    ordered = sorted(bars, key=lambda bar: bar.end_ms)
    return [*ordered, *(bar.following() for bar in ordered[-1:])]


def text(number: float) -> str:
    """Return a number as venues print it: all its digits, no exponent."""
    return format(Decimal(repr(number)), "f")


@dataclass
class TrueBook:
    """The book as it is, whatever of it was told."""

    bids: dict[float, float] = field(default_factory=dict)
    asks: dict[float, float] = field(default_factory=dict)
    past: dict[int, tuple[tuple[Level, ...], tuple[Level, ...]]] = field(default_factory=dict)

    def apply(self, change: BookChange) -> None:
        for side, levels in ((self.bids, change.bids), (self.asks, change.asks)):
            for price, size in levels:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        self.past[change.time_ms] = self.levels()

    def levels(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return bids from the highest, asks from the lowest."""
        return tuple(sorted(self.bids.items(), reverse=True)), tuple(sorted(self.asks.items()))


class Tape:
    """Draws facts of one market. The same seed and times draw the same facts.

    Parameters
    ----------
    seed : int
    kind : {"linear", "inverse"}
    """

    def __init__(self, seed: int, kind: Kind = "linear") -> None:
        self._random = random.Random(seed)  # noqa: S311 - a market, not a secret
        self._kind: Kind = kind
        self._number = 1_000_000 + seed * 1_000_000
        self._price = 50_000.0
        self._told: set[tuple[object, ...]] = set()
        self.accounts = [f"0x{self._random.getrandbits(160):040x}" for _ in range(6)]

    def _step(self) -> float:
        self._price = round(self._price + self._random.choice((-0.5, 0.0, 0.5)), 1)
        return self._price

    def _size(self) -> float:
        if self._kind == "inverse":
            return float(self._random.randint(1, 900))
        return self._random.randint(1, 5_000) / 1_000

    def trades(self, times_ms: Sequence[int]) -> list[Trade]:
        """Return trades in which the accounts take turns, each with the next."""
        found = []
        for time_ms in times_ms:
            self._number += 1
            turn = self._number % len(self.accounts)
            buyer, seller = self.accounts[turn], self.accounts[turn - 1]
            side = self._random.choice(("buy", "sell"))
            price, size = self._step(), self._size()
            found.append(Trade(time_ms, self._number, price, size, side, buyer, seller, self._kind))
        return found

    def liquidations(self, times_ms: Sequence[int]) -> list[Liquidation]:
        """Return liquidations of which no two are alike, nor like any before."""
        found: list[Liquidation] = []
        for time_ms in times_ms:
            while True:
                side = self._random.choice(("long", "short"))
                print_ = Liquidation(time_ms, side, self._step(), self._size(), self._kind)
                key = (time_ms, side, print_.price, print_.size)
                if key not in self._told:
                    self._told.add(key)
                    found.append(print_)
                    break
        return found

    def bar(self, end_ms: int, price_type: Literal["last", "mark", "index"] = "last") -> Bar:
        opened, closed = self._step(), self._step()
        volume = self._size() * 10 if self._kind == "linear" else self._size() * 10.0
        taken = volume / 4
        per = opened if self._kind == "linear" else 1 / opened
        return Bar(
            end_ms,
            opened,
            max(opened, closed) + 1.5,
            min(opened, closed) - 1.5,
            closed,
            round(volume, 3),
            round(volume * per, 6),
            round(taken, 3),
            round(taken * per, 6),
            self._random.randint(1, 99),
            price_type,
            kind=self._kind,
        )

    def open_interest(self, time_ms: int) -> OpenInterest:
        size = 80_000 + self._random.randint(0, 9_999)
        return OpenInterest(time_ms, float(size), self._kind)

    def mark(self, time_ms: int) -> Mark:
        rate = self._random.randint(-30, 30) / 100_000
        eight_hours = 8 * 3_600_000
        following = (time_ms // eight_hours + 1) * eight_hours
        price = self._step()
        return Mark(time_ms, price, round(price - 3.5, 1), rate, following, self._kind)

    def settlement(self, time_ms: int) -> Settlement:
        return Settlement(time_ms, self._random.randint(-30, 30) / 100_000, self._kind)

    def opening_book(self, time_ms: int, levels: int = 30) -> BookChange:
        mid = self._price
        bids = tuple((round(mid - 0.5 - i, 1), self._size()) for i in range(levels))
        asks = tuple((round(mid + 0.5 + i, 1), self._size()) for i in range(levels))
        return BookChange(time_ms, bids, asks, self._kind)

    def book_changes(self, times_ms: Sequence[int], mid: float) -> Iterator[BookChange]:
        """Return changes that move sizes, take levels away and put them back; never cross."""
        for time_ms in times_ms:
            offsets = self._random.sample(range(30), 3)
            sizes = [0.0 if self._random.random() < 0.2 else self._size() for _ in offsets]
            bid, ask = -0.5, 0.5
            bids = [(round(mid + bid - i, 1), s) for i, s in zip(offsets, sizes, strict=True)]
            asks = [(round(mid + ask + i, 1), s) for i, s in zip(offsets, sizes[::-1], strict=True)]
            yield BookChange(time_ms, tuple(bids), tuple(asks), self._kind)

    def positions(self, time_ms: int) -> list[Position]:
        """Return one position for each account; the last cannot be liquidated."""
        found = []
        for account in self.accounts:
            side = self._random.choice(("long", "short"))
            leverage = self._random.choice((3, 10, 25))
            entry, mark, size = 50_000.0, 50_100.0, self._size()
            sign = 1 if side == "long" else -1
            found.append(
                Position(
                    time_ms,
                    account,
                    side,
                    size,
                    entry,
                    mark,
                    leverage,
                    self._random.choice(("cross", "isolated")),
                    round(entry * (1 - sign / leverage), 1),
                    round(sign * size * (mark - entry), 2),
                    round(size * entry / leverage, 2),
                )
            )
        return [*found[:-1], replace(found[-1], liquidation_price=None)]
