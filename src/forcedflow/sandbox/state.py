"""State of the simulated market: every account and every queue, in arrays.

In:  parameters, a number of traders, a seed.   Out: `State`, changed in place by the kernel.
Pure: NumPy; randomness comes from the state's own generator.

Integers throughout: contracts, ticks, money in contract-ticks. That is why the books balance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forcedflow.sandbox.parameters import CONTRACT_COINS, TICK_USD, SandboxParameters
from forcedflow.units import F8, I8, F8x2

I8x2 = np.ndarray[tuple[int, int], np.dtype[np.int64]]
I8x3 = np.ndarray[tuple[int, int, int], np.dtype[np.int64]]

REFERENCE_TRADERS = 200_000
"""Number of traders that depth and the largest position are stated for; both scale with it."""

DUE_MINUTES = 1 << 16
"""Length of the ring of planned closes: forty-five days."""

LEVEL_BINS = 8192
"""Bins of the indices of liquidation prices and stops."""

BIN_SHARE = 5e-4
"""Width of such a bin as a share of the starting price."""

KINDS = ("trend", "contrarian", "carry", "hedger")
_KIND_SHARE = (0.55, 0.25, 0.10, 0.10)


class Venues(NamedTuple):
    """One entry per venue: rules (fixed) and books (changing)."""

    fee_rate: F8
    depth: F8
    latency_s: I8
    bracket_cap: F8x2
    bracket_rate: F8x2
    bracket_amount: F8x2
    bracket_leverage: F8x2
    price: F8
    mark: F8
    impact: F8
    forced_impact: F8
    withdrawal: F8
    premium_sum: F8
    funding_paid: I8
    maker_position: I8
    maker_cash: I8
    insurance: I8
    fees: I8
    deposits: I8
    withdrawals: I8
    long_open: I8
    short_open: I8
    long_accounts: I8
    short_accounts: I8


class Traders(NamedTuple):
    """One entry per trader: who they are (fixed) and what they hold (changing)."""

    venue: I8
    kind: I8
    size_usd: F8
    leverage: F8
    cross: np.ndarray[tuple[int], np.dtype[np.bool_]]
    position: I8
    entry: I8
    margin: I8
    funding_at: I8
    stop: I8
    opened: I8
    topped_up: np.ndarray[tuple[int], np.dtype[np.bool_]]


class Queues(NamedTuple):
    """Doubly linked lists of traders by planned close, liquidation bin and stop bin; idle pools."""

    due_head: I8
    due_next: I8
    due_prev: I8
    due_at: I8
    level_head: I8x3
    level_next: I8
    level_prev: I8
    level_bin: I8
    stop_head: I8x3
    stop_next: I8
    stop_prev: I8
    stop_bin: I8
    top: I8
    bottom: I8
    stop_top: I8
    stop_bottom: I8
    idle: I8x2
    idle_count: I8
    idle_place: I8


class World(NamedTuple):
    """What all venues share. Single numbers are arrays of one, so that they can change."""

    minute: I8
    log_value: F8
    slow_vol: F8
    fast_vol: F8
    appetite: F8
    fervour: F8
    recent_variance: F8
    slow_trend: F8
    fast_trend: F8
    event_left: F8
    spot: F8
    day_high: F8
    day_low: F8


@dataclass(slots=True)
class State:
    """The whole market at the end of a minute."""

    parameters: SandboxParameters
    seed: int
    rng: np.random.Generator
    venues: Venues
    traders: Traders
    queues: Queues
    world: World

    @property
    def n_traders(self) -> int:
        """Return the number of traders, idle ones included."""
        return int(self.traders.venue.size)


def open_market(parameters: SandboxParameters, n_traders: int, seed: int) -> State:
    """Return a market before its first minute: prices set, nobody in a position.

    Parameters
    ----------
    parameters : SandboxParameters
    n_traders : int
        Traders over all venues, idle ones included.
    seed : int
        The same seed gives the same bytes.

    Returns
    -------
    State

    Raises
    ------
    ValueError
        If there are fewer than a hundred traders.
    """
    if n_traders < 100:
        raise ValueError(f"a market needs at least 100 traders, was given {n_traders}")
    rng = np.random.default_rng(seed)
    traders = _people(parameters, n_traders, rng)
    return State(
        parameters,
        seed,
        rng,
        _venues(parameters),
        traders,
        _queues(traders, len(parameters.venues)),
        _world(parameters),
    )


def _people(parameters: SandboxParameters, n: int, rng: np.random.Generator) -> Traders:
    habits = parameters.habits
    share = np.array([venue.share for venue in parameters.venues])
    kind = rng.choice(len(KINDS), size=n, p=_KIND_SHARE)
    size = habits.size_median_usd * np.exp(habits.size_sigma * rng.standard_normal(n))
    # A small crowd has no whale that would own its market.
    largest = habits.largest_usd * min(1.0, n / REFERENCE_TRADERS)
    # The rich borrow less: leverage falls with size; carry and hedgers hardly borrow at all.
    rank = np.log(size / habits.size_median_usd) / habits.size_sigma
    log_leverage = np.log(16.0) - 0.45 * rank + 0.75 * rng.standard_normal(n)
    calm = kind >= 2
    log_leverage[calm] = np.log(2.2) + 0.35 * rng.standard_normal(int(calm.sum()))
    size[calm] *= 3.0
    zeros = np.zeros(n, dtype=np.int64)
    return Traders(
        venue=rng.choice(share.size, size=n, p=share / share.sum()),
        kind=kind,
        size_usd=np.minimum(size, largest),
        leverage=np.clip(np.exp(log_leverage), 1.2, 150.0),
        cross=rng.random(n) < habits.cross_share,
        position=zeros.copy(),
        entry=zeros.copy(),
        margin=zeros.copy(),
        funding_at=zeros.copy(),
        stop=zeros.copy(),
        opened=zeros.copy(),
        topped_up=np.zeros(n, dtype=np.bool_),
    )


def _venues(parameters: SandboxParameters) -> Venues:
    rules = parameters.venues
    n = len(rules)
    most = max(len(rule.brackets) for rule in rules)
    cap, rate, amount, leverage = (np.zeros((n, most)) for _ in range(4))
    for v, rule in enumerate(rules):
        deducted = 0.0
        for b in range(most):
            # A venue with fewer brackets repeats its last, which then never applies.
            source = min(b, len(rule.brackets) - 1)
            cap[v, b], rate[v, b], leverage[v, b] = rule.brackets[source]
            if 0 < b < len(rule.brackets):
                deducted += cap[v, b - 1] * (rate[v, b] - rate[v, b - 1])
            amount[v, b] = deducted
        cap[v, len(rule.brackets) - 1 :] = np.inf
    money = CONTRACT_COINS * TICK_USD
    start = parameters.habits.start_price / TICK_USD
    return Venues(
        fee_rate=np.array([rule.fee_rate for rule in rules]),
        depth=np.array([rule.depth_coins / CONTRACT_COINS for rule in rules]) * 100.0,
        latency_s=np.array([rule.latency_s for rule in rules], dtype=np.int64),
        bracket_cap=cap / money,
        bracket_rate=rate,
        bracket_amount=amount / money,
        bracket_leverage=leverage,
        price=np.full(n, start),
        mark=np.full(n, start),
        impact=np.zeros(n),
        forced_impact=np.zeros(n),
        withdrawal=np.ones(n),
        premium_sum=np.zeros(n),
        funding_paid=_zeros(n),
        maker_position=_zeros(n),
        maker_cash=_zeros(n),
        insurance=_zeros(n),
        fees=_zeros(n),
        deposits=_zeros(n),
        withdrawals=_zeros(n),
        long_open=_zeros(n),
        short_open=_zeros(n),
        long_accounts=_zeros(n),
        short_accounts=_zeros(n),
    )


def _queues(traders: Traders, n_venues: int) -> Queues:
    n = traders.venue.size
    idle = np.full((n_venues, n), -1, dtype=np.int64)
    place = np.zeros(n, dtype=np.int64)
    count = np.zeros(n_venues, dtype=np.int64)
    for v in range(n_venues):
        members = np.flatnonzero(traders.venue == v)
        idle[v, : members.size] = members
        place[members] = np.arange(members.size)
        count[v] = members.size
    heads = (n_venues, 2, LEVEL_BINS)
    return Queues(
        due_head=np.full(DUE_MINUTES, -1, dtype=np.int64),
        due_next=_nobody(n),
        due_prev=_nobody(n),
        due_at=_nobody(n),
        level_head=np.full(heads, -1, dtype=np.int64),
        level_next=_nobody(n),
        level_prev=_nobody(n),
        level_bin=_nobody(n),
        stop_head=np.full(heads, -1, dtype=np.int64),
        stop_next=_nobody(n),
        stop_prev=_nobody(n),
        stop_bin=_nobody(n),
        top=np.full(n_venues, -1, dtype=np.int64),
        bottom=np.full(n_venues, LEVEL_BINS, dtype=np.int64),
        stop_top=np.full(n_venues, -1, dtype=np.int64),
        stop_bottom=np.full(n_venues, LEVEL_BINS, dtype=np.int64),
        idle=idle,
        idle_count=count,
        idle_place=place,
    )


def _zeros(n: int) -> I8:
    return np.zeros(n, dtype=np.int64)


def _nobody(n: int) -> I8:
    return np.full(n, -1, dtype=np.int64)


def _world(parameters: SandboxParameters) -> World:
    start = parameters.habits.start_price / TICK_USD
    variance = (parameters.habits.sigma_day**2) / 1440
    return World(
        minute=np.zeros(1, dtype=np.int64),
        log_value=np.array([np.log(start)]),
        slow_vol=np.zeros(1),
        fast_vol=np.zeros(1),
        appetite=np.zeros(1),
        fervour=np.zeros(1),
        recent_variance=np.array([variance]),
        slow_trend=np.zeros(1),
        fast_trend=np.zeros(1),
        event_left=np.zeros(1),
        spot=np.array([start]),
        day_high=np.full(2, start),
        day_low=np.full(2, start),
    )
