"""Small simulated markets, recorded once, and blocks written by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from forcedflow.sandbox.feeds import FeedState
from forcedflow.sandbox.parameters import parameters
from forcedflow.sandbox.simulate import Block, _empty, burn_in, simulate
from forcedflow.sandbox.state import State, open_market

EVENT_COLUMNS = (
    "event_ms",
    "event_venue",
    "event_position",
    "event_entry",
    "event_margin",
    "event_amount",
    "event_tick",
    "event_mark",
    "event_bankruptcy",
    "event_caused",
    "event_trader",
)
MINUTE_COLUMNS = (
    *("open", "high", "low", "close", "mark_open", "mark_high", "mark_low", "mark_close"),
    *("volume", "taker_buy", "open_interest", "depth", "funding_rate", "accounts", "forced"),
    *("caused", "deleveraged", "spot", "spot_volume"),
)


@dataclass(frozen=True)
class Recorded:
    """A state after some recorded minutes, and those minutes as one block."""

    state: State
    block: Block

    def feed(self, **rest) -> FeedState:
        return FeedState(self.state.parameters, self.state.seed, **rest)


@cache
def recorded_market(scenario="news-shock", n_traders=6_000, seed=5, minutes=2_880) -> Recorded:
    """Return a market after its burn-in and so many minutes. Shared: change nothing in it."""
    state = open_market(parameters(scenario), n_traders, seed)
    burn_in(state)
    (block,) = simulate(state, minutes, block_minutes=minutes)
    return Recorded(state, block)


def deleveraging_market() -> Recorded:
    """Return a market whose books are so thin that its insurance funds run dry."""
    calm = parameters("news-shock")
    venues = tuple(replace(rules, depth_coins=rules.depth_coins / 12) for rules in calm.venues)
    state = open_market(replace(calm, venues=venues), 4_000, 3)
    (block,) = simulate(state, 4 * 1_440, block_minutes=4 * 1_440)
    return Recorded(state, block)


def cut(block: Block, start: int, stop: int) -> Block:
    """Return rows ``[start, stop)`` of a block with their liquidations, as a run of its own."""
    out, n = block.out, int(block.out.n_events[0])
    row = out.event_ms[:n] // 60_000 - block.first_minute
    own = np.flatnonzero((row >= start) & (row < stop))
    piece = out._replace(
        **{name: getattr(out, name)[start:stop] for name in MINUTE_COLUMNS},
        **{name: getattr(out, name)[own] for name in EVENT_COLUMNS},
        n_events=np.array([own.size]),
    )
    return Block(block.first_minute + start, piece, stop - start)


def block_with(liquidations, minutes=60, first_minute=0) -> Block:
    """Return an otherwise empty block with liquidations as dictionaries of event columns."""
    out = _empty(minutes, 3, 100)
    out.funding_rate[:] = np.nan
    for name in ("open", "high", "low", "close"):
        getattr(out, name)[:] = 600_000.0
        getattr(out, f"mark_{name}")[:] = 600_000.0
    out.spot[:] = 600_000.0
    for i, event in enumerate(liquidations):
        for name, value in event.items():
            getattr(out, f"event_{name}")[i] = value
    out.n_events[0] = len(liquidations)
    return Block(first_minute, out, minutes)
