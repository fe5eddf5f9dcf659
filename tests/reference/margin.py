"""Liquidation by bisection on the mark price: slow, scalar, written to be read.

No closed form is used. At a price, an account is covered when its equity is at least the
maintenance margin of the bracket that holds the position's value *at that price*. The walk goes
from the entry towards loss, one stretch between bracket borders at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Tier:
    cap: float
    rate: float
    amount: float


@dataclass(frozen=True)
class Account:
    entry: float
    size: float
    margin: float
    side: str
    kind: str
    tiers: tuple[Tier, ...]
    fee: float = 0.0

    def value(self, price):
        return self.size * price if self.kind == "linear" else self.size / price

    def maintenance(self, value):
        for tier in self.tiers[:-1]:
            if value <= tier.cap:
                return value * tier.rate - tier.amount
        return value * self.tiers[-1].rate - self.tiers[-1].amount

    def equity(self, price):
        sign = 1 if self.side == "long" else -1
        if self.kind == "linear":
            return self.margin + sign * self.size * (price - self.entry)
        return self.margin + sign * self.size * (1 / self.entry - 1 / price)

    def is_covered(self, price):
        value = self.value(price)
        return self.equity(price) >= self.maintenance(value) + self.fee * value


def liquidation_price(account: Account) -> float | None:
    """Return the first price on the losing way at which the account is not covered."""
    if not account.is_covered(account.entry):
        raise ValueError("not covered at entry")
    falls = account.side == "long"
    end = account.entry * (1e-12 if falls else 1e12)
    borders = [
        tier.cap / account.size if account.kind == "linear" else account.size / tier.cap
        for tier in account.tiers[:-1]
    ]
    ahead = [p for p in borders if (end < p < account.entry if falls else account.entry < p < end)]
    stops = [account.entry, *sorted(ahead, reverse=falls), end]
    inside = 1e-13 if falls else -1e-13  # a stretch is looked at just inside its two ends
    for start, stop in pairwise(stops):
        first, last = start * (1 - inside), stop * (1 + inside)
        if not account.is_covered(first):
            return start
        if not account.is_covered(last):
            return bisect(account, first, last)
    return None


def bisect(account: Account, covered: float, uncovered: float) -> float:
    # Halving the ratio, not the distance: the stretch may span many orders of magnitude.
    for _ in range(200):
        middle = (covered * uncovered) ** 0.5
        if account.is_covered(middle):
            covered = middle
        else:
            uncovered = middle
    return uncovered
