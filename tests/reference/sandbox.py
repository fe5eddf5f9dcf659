"""The simulated market's closed rules, one account at a time: slow, exact, written to be read.

Money is contracts times ticks. What can be counted is counted in integers; what is compared with
the engine to the last bit is written in the order in which the venue's rule states it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from forcedflow.sandbox.parameters import MONEY_USD


@dataclass(frozen=True)
class Tier:
    cap: float
    rate: float
    amount: float


def tiers_of(rule):
    """Return the brackets of a venue with the amounts that make maintenance continuous. [money]"""
    tiers, amount, floor, last = [], 0.0, 0.0, 0.0
    for cap, rate, _ in rule.brackets:
        amount += floor * (rate - last) if tiers else 0.0
        tiers.append(Tier(cap / MONEY_USD, rate, amount / MONEY_USD))
        floor, last = cap, rate
    return tuple(tiers)


def tier_of(tiers, notional):
    """Return the place of the bracket that holds a notional; the last holds all above it."""
    for place, tier in enumerate(tiers[:-1]):
        if notional <= tier.cap:
            return place
    return len(tiers) - 1


def maintenance(tiers, size, mark):
    tier = tiers[tier_of(tiers, size * mark)]
    return size * mark * tier.rate - tier.amount


def equity(position, entry, margin, funding, mark):
    """Margin less funding paid, plus profit; positive funding is paid by longs."""
    return margin - position * funding + position * (mark - entry)


def bankruptcy_tick(position, entry, margin, funding):
    """Return the last whole tick at which nothing is owed beyond the margin."""
    left = margin - position * funding
    price = Fraction(entry) - Fraction(left, position)
    whole = price.numerator // price.denominator
    if position > 0 and whole != price:
        whole += 1
    return max(1, whole)


def funding_rate(premium):
    """Mean premium plus interest of 0.01 %, whose pull is at most 0.05 %; at most 0.3 %."""
    pull = min(max(0.0001 - premium, -0.0005), 0.0005)
    return min(max(premium + pull, -0.003), 0.003)


@dataclass(frozen=True)
class Books:
    """One venue's sums over traders, beside what its running counters say."""

    margins: int
    at_entry: int
    contracts: int
    long_open: int
    short_open: int
    long_accounts: int
    short_accounts: int


def books(state, v):
    long_open = short_open = long_accounts = short_accounts = margins = at_entry = 0
    people = state.traders
    for i in np.flatnonzero((people.venue == v) & ((people.position != 0) | (people.margin != 0))):
        q = int(people.position[i])
        margins += int(people.margin[i])
        at_entry += q * int(people.entry[i])
        long_open, long_accounts = long_open + max(q, 0), long_accounts + (q > 0)
        short_open, short_accounts = short_open + max(-q, 0), short_accounts + (q < 0)
    contracts = long_open - short_open
    return Books(margins, at_entry, contracts, long_open, short_open, long_accounts, short_accounts)


def due(state, v, side, mark, funding=None):
    """Return every trader of a side whom a mark liquidates, by looking at each of them."""
    people = state.traders
    tiers = tiers_of(state.parameters.venues[v])
    paid = int(state.venues.funding_paid[v]) if funding is None else funding
    found = set()
    for i in np.flatnonzero((people.venue == v) & (people.position != 0)):
        q = int(people.position[i])
        if (q > 0) != (side == 0):
            continue
        held = equity(
            q, int(people.entry[i]), int(people.margin[i]), paid - int(people.funding_at[i]), mark
        )
        if held <= maintenance(tiers, abs(q), mark):
            found.add(int(i))
    return found


def crossed_stops(state, v, side, price):
    """Return every trader of a side whose stop the price has crossed."""
    people = state.traders
    open_ = (people.venue == v) & (people.position != 0) & (people.stop > 0)
    longs = people.position > 0
    crossed = price <= people.stop if side == 0 else price >= people.stop
    return set(np.flatnonzero(open_ & crossed & (longs == (side == 0))).tolist())


def members(head, following):
    """Return the traders of a list in its order; a list that comes back to itself is an error."""
    found = []
    i = int(head)
    while i >= 0:
        assert i not in found, "a list that never ends"
        found.append(i)
        i = int(following[i])
    return found
