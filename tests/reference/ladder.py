"""The ladder as a dictionary of levels: no compiled code, no lazy decay, no pointers.

Every level is ``bin -> contracts`` of one atom on one side. A bar is applied in the stated order:
voluntary closes, the mark's sweep, the bar's own opens, and the sweep of what its close has passed.
Funding moves every level, so levels are kept where they would be had no funding been paid and every
price is looked up at its place minus the funding so far.
"""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

SIDES = ("long", "short")
ENTRY_STENCIL = (("low", 0.25), ("middle", 0.5), ("high", 0.25))
DAY_MS = 86_400_000


class ReadableLadder:
    def __init__(self, atoms, width, share=None):
        self.atoms, self.width, self.funding = atoms, width, 0.0
        self.share = [atoms.share, atoms.share] if share is None else share
        self.levels = {side: [defaultdict(float) for _ in range(atoms.size)] for side in SIDES}
        self.added = dict.fromkeys(SIDES, 0.0)
        self.consumed = dict.fromkeys(SIDES, 0.0)
        self.closed = dict.fromkeys(SIDES, 0.0)

    def place(self, price):
        """Where a price lies among the levels as they are kept, in bins."""
        return (math.log(price) - self.funding) / self.width

    def seed(self, contracts, mark, spread=0.05):
        here, life = self.place(mark), self.atoms.half_lives_days[self.atoms.class_of]
        for s, side in enumerate(SIDES):
            standing = self.share[s] * life / sum(self.share[s] * life)
            for a, share in enumerate(standing):
                weights = {}
                for entry in np.linspace(-2.5 * spread, 2.5 * spread, 201):
                    bin_ = math.floor(here + (entry + self.offset(side, a)) / self.width)
                    if self.is_open(side, bin_, math.floor(here)):
                        weight = math.exp(-0.5 * (entry / spread) ** 2)
                        weights[bin_] = weights.get(bin_, 0.0) + weight
                for bin_, weight in weights.items():
                    part = contracts * share * weight / sum(weights.values())
                    self.levels[side][a][bin_] += part
                    self.added[side] += part

    def apply(self, bar, opens_long, opens_short):
        """Apply one bar; return contracts swept per side and atom."""
        self.funding += bar["funding_rate"]
        self.close_voluntarily(bar["elapsed_ms"])
        swept = self.sweep(bar["low"], bar["high"])
        for s, (side, opens) in enumerate((("long", opens_long), ("short", opens_short))):
            for a in range(self.atoms.size):
                contracts = opens[self.atoms.role_of[a]] * self.share[s][a]
                self.enter(side, a, contracts, bar)
        return swept + self.sweep(bar["close"], bar["close"])

    def close_voluntarily(self, elapsed_ms):
        for side in SIDES:
            for a, levels in enumerate(self.levels[side]):
                half_life_ms = self.atoms.half_lives_days[self.atoms.class_of[a]] * DAY_MS
                kept = 0.5 ** (elapsed_ms / half_life_ms)
                for bin_ in levels:
                    self.closed[side] += levels[bin_] * (1 - kept)
                    levels[bin_] *= kept

    def sweep(self, low, high):
        """Take longs at or above ``low`` and shorts at or below ``high``."""
        swept = np.zeros((2, self.atoms.size))
        reached = {"long": math.floor(self.place(low)), "short": math.floor(self.place(high))}
        for s, side in enumerate(SIDES):
            for a, levels in enumerate(self.levels[side]):
                for bin_ in list(levels):
                    if not self.is_open(side, bin_, reached[side]):
                        swept[s, a] += levels.pop(bin_)
            self.consumed[side] += swept[s].sum()
        return swept

    def enter(self, side, a, contracts, bar):
        low, high = self.place(bar["low"]), self.place(bar["high"])
        points = {"low": low, "middle": (low + high) / 2, "high": high}
        for name, weight in ENTRY_STENCIL:
            level = points[name] + self.offset(side, a) / self.width
            below = math.floor(level - 0.5)  # the two bins whose centres enclose the level
            upper = level - 0.5 - below
            self.levels[side][a][below] += contracts * weight * (1 - upper)
            self.levels[side][a][below + 1] += contracts * weight * upper
        self.added[side] += contracts

    def offset(self, side, a):
        return (self.atoms.offset_long if side == "long" else self.atoms.offset_short)[a]

    @staticmethod
    def is_open(side, bin_, reached):
        return bin_ < reached if side == "long" else bin_ > reached

    def alive(self, side):
        return sum(sum(levels.values()) for levels in self.levels[side])

    def profile(self, grid, side, n_bands):
        """Contracts by band and price; levels are shown whole bins away from the price."""
        shift = self.funding / self.width
        shown = math.floor(shift) if side == "long" else math.ceil(shift)
        out = np.zeros((n_bands, grid.size))
        for a, levels in enumerate(self.levels[side]):
            for bin_, contracts in levels.items():
                column = (bin_ + shown - grid.first) // grid.step
                if 0 <= column < grid.size:
                    out[self.atoms.band_of[a], column] += contracts
        return out


def replay(ladder, bars, flows):
    """Apply every bar; return swept per bar, side and atom, and alive per bar and side."""
    swept, alive = [], []
    for t in range(bars.size):
        names = ("low", "high", "close", "elapsed_ms", "funding_rate")
        bar = {name: float(getattr(bars, name)[t]) for name in names}
        swept.append(ladder.apply(bar, flows.opens_long[t], flows.opens_short[t]))
        alive.append([ladder.alive(side) for side in SIDES])
    return np.array(swept).reshape(-1, 2, ladder.atoms.size), np.array(alive).reshape(-1, 2)
