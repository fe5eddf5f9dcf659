"""A made-up market to time the ladder's loop on: the same arrays for every contestant.

In:  a size and a seed.   Out: the arguments of the compiled loop, with fresh state.
Free of wall time; equal seeds give equal arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from forcedflow.margin import default_schedules, fresh_isolated_offset, rule_for
from forcedflow.positions import BANDS, Atoms, prior_atoms
from forcedflow.positions.grid import FIVE_BPS
from forcedflow.units import DAY_MS, MINUTE_MS

# Entries lie at a bar's low, middle and high; the ladder's own weights.
SPREAD = np.array([0.25, 0.5, 0.25])
_NO_DESIGN = np.zeros((0, 0, 0))
_NO_IMAGE = np.zeros((0, 2, 0, 0), dtype=np.float32)
_MARGIN_BINS = 8


@dataclass(frozen=True, slots=True)
class Window:
    """Bins of the picture: where it begins, how many lattice bins one of it joins, how many."""

    first: int
    step: int
    size: int


@dataclass(frozen=True, slots=True)
class LadderCase:
    """A path, its opens, its atoms and its picture, in lattice coordinates.

    ``low``, ``high``, ``close`` and ``entry`` are log price ÷ bin width; opens are base coins.
    """

    low: np.ndarray
    high: np.ndarray
    close: np.ndarray
    entry: np.ndarray
    opens_long: np.ndarray
    opens_short: np.ndarray
    decay: np.ndarray
    offset_long: np.ndarray
    offset_short: np.ndarray
    share: np.ndarray
    class_of: np.ndarray
    role_of: np.ndarray
    band_of: np.ndarray
    n_bands: int
    first: int
    n_bins: int
    column_of: np.ndarray
    window: Window | None

    @property
    def n_columns(self) -> int:
        return int(self.column_of.max()) + 1 if self.window is not None else 0

    @property
    def image_bytes(self) -> int:
        if self.window is None:
            return 0
        return 4 * self.n_columns * 2 * self.n_bands * self.window.size

    def cut(self, n_bars: int) -> LadderCase:
        """Return the first ``n_bars`` bars."""
        cut = {"low", "high", "close", "entry", "opens_long", "opens_short", "decay", "column_of"}
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return LadderCase(**{n: v[:n_bars] if n in cut else v for n, v in values.items()})


@dataclass(slots=True)
class LadderRun:
    """State and outputs of one run, allocated before the clock starts."""

    case: LadderCase
    long_mass: np.ndarray
    short_mass: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    growth: np.ndarray
    added: np.ndarray
    consumed: np.ndarray
    closed: np.ndarray
    alive: np.ndarray
    swept: np.ndarray
    alive_per_bar: np.ndarray
    image: np.ndarray

    @staticmethod
    def of(case: LadderCase) -> LadderRun:
        n_atoms, n_classes = case.share.size, case.decay.shape[1]
        image = _NO_IMAGE
        if case.window is not None:
            image = np.empty((case.n_columns, 2, case.n_bands, case.window.size), dtype=np.float32)
            # Written, not merely reserved: the first touch of a page is the system's time.
            image.fill(0.0)
        return LadderRun(
            case=case,
            long_mass=np.zeros((n_atoms, case.n_bins)),
            short_mass=np.zeros((n_atoms, case.n_bins)),
            top=np.full(n_atoms, -1, dtype=np.int64),
            bottom=np.full(n_atoms, case.n_bins, dtype=np.int64),
            growth=np.ones(n_classes),
            added=np.zeros((2, n_classes)),
            consumed=np.zeros((2, n_classes)),
            closed=np.zeros((2, n_classes)),
            alive=np.zeros((2, n_classes)),
            swept=np.zeros((case.low.size, 2)),
            alive_per_bar=np.zeros((case.low.size, 2)),
            image=image,
        )

    def arguments(self) -> Iterator[np.ndarray | int]:
        """Yield what the compiled loop takes, in its order."""
        case = self.case
        window = case.window or Window(0, 1, 0)
        none = np.zeros(case.low.size, dtype=np.int64)
        yield from (case.low, case.high, case.close, case.entry, SPREAD)
        yield from (case.opens_long, case.opens_short, case.decay, case.first)
        yield from (self.long_mass, self.short_mass, self.top, self.bottom, self.growth)
        yield from (self.added, self.consumed, self.closed, self.alive)
        yield from (case.offset_long, case.offset_short, np.tile(case.share, (2, 1)))
        yield from (case.class_of, case.role_of, case.band_of)
        yield from (self.swept, self.alive_per_bar, _NO_DESIGN)
        yield from (case.column_of, none, none, window.first, window.step, self.image)


def year_of_minutes(n_bars: int, *, seed: int, columns: int = 0, bands: int = 1) -> LadderCase:
    """Return one-minute bars, 26 tiers, one half-life, one role, a window of 2,000 bins.

    The bin width is what makes the window 2,000 bins; the picture, where one is asked for, is all
    of it.
    """
    path = _path(n_bars, seed, sigma=8e-4)
    atoms = _even_atoms(26)
    span = path.max() - path.min() + atoms.offset_short.max() - atoms.offset_long.min()
    width = span / (2000 - 2 * _MARGIN_BINS - 2)
    return _case(path, atoms, width, 1.0, n_bins=2000, columns=columns, bands=bands, seed=seed)


def months_of_five_minutes(n_bars: int, *, seed: int, columns: int) -> LadderCase:
    """Return what the command line runs: its tiers, half-lives and bin width, 600 bins in view.

    19,000 such bars are 66 days of five-minute open interest.
    """
    path = _path(n_bars, seed, sigma=1.5e-3)
    atoms = _prior_atoms()
    return _case(path, atoms, FIVE_BPS, 5.0, n_bins=None, columns=columns, bands=5, seed=seed)


def _path(n_bars: int, seed: int, sigma: float) -> np.ndarray:
    """Log closes: a random walk with rare large steps, pulled back so that a year stays in view."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal(n_bars) * sigma * (1 + 2 * (rng.random(n_bars) < 0.02))
    path = np.empty(n_bars)
    x = 0.0
    for t in range(n_bars):
        x += steps[t] - 1e-5 * x
        path[t] = x
    return path + np.log(60_000.0)


def _even_atoms(n_tiers: int) -> Atoms:
    """Return tiers evenly spaced in log leverage and of equal share, with one half-life.

    The year's case must not change when the package chooses other tiers.
    """
    tiers, rates = np.geomspace(1.8, 150.0, n_tiers), np.full(n_tiers, 0.004)
    none = np.zeros(n_tiers, dtype=np.int64)
    return Atoms(
        leverage=tiers,
        offset_long=np.log(fresh_isolated_offset(tiers, rates, 0.0, "long")),
        offset_short=np.log(fresh_isolated_offset(tiers, rates, 0.0, "short")),
        share=np.full(n_tiers, 1 / n_tiers),
        class_of=none,
        role_of=none,
        band_of=np.arange(n_tiers) * len(BANDS) // n_tiers,
        half_lives_days=np.array([2.5]),
        roles=("all",),
        maintenance_margin_rate=rates,
    )


def _prior_atoms() -> Atoms:
    schedule = next(s for s in default_schedules("binance") if s.symbol.startswith("BTC/"))
    return prior_atoms(schedule, rule_for("binance", "linear", schedule.effective_ms))


def _case(
    path: np.ndarray,
    atoms: Atoms,
    width: float,
    bar_minutes: float,
    *,
    n_bins: int | None,
    columns: int,
    bands: int,
    seed: int,
) -> LadderCase:
    rng = np.random.default_rng([seed, 1])
    n_bars = path.size
    before = np.concatenate([path[:1], path[:-1]])
    wick = np.abs(np.diff(path, prepend=path[0])).mean() * 0.3
    low = (np.minimum(path, before) - wick * rng.random(n_bars)) / width
    high = (np.maximum(path, before) + wick * rng.random(n_bars)) / width
    offset_long, offset_short = atoms.offset_long / width, atoms.offset_short / width
    first = int(np.floor(low.min() + offset_long.min())) - _MARGIN_BINS
    if n_bins is None:
        n_bins = int(np.ceil(high.max() + offset_short.max())) + _MARGIN_BINS - first
    bought = rng.random(n_bars)
    step = 1 if bands == 1 or n_bins == 2000 else -(-n_bins // 4 // 600)
    size = n_bins if step == 1 else 600
    # A quarter of a fine window around the last price, as the command line shows it.
    view_first = first if step == 1 else int(path[-1] / width) - step * size // 2
    return LadderCase(
        low=low,
        high=high,
        close=path / width,
        entry=np.stack([low, (low + high) / 2, high], axis=1),
        opens_long=np.ascontiguousarray(bought[:, None] * 1e3),
        opens_short=np.ascontiguousarray((1 - bought)[:, None] * 1e3),
        decay=np.exp2(
            -np.full((n_bars, 1), bar_minutes * MINUTE_MS / DAY_MS) / atoms.half_lives_days[None, :]
        ),
        offset_long=offset_long,
        offset_short=offset_short,
        share=atoms.share,
        class_of=atoms.class_of,
        role_of=atoms.role_of,
        band_of=atoms.band_of if bands == len(BANDS) else np.zeros_like(atoms.band_of),
        n_bands=bands,
        first=first,
        n_bins=n_bins,
        column_of=_columns(n_bars, columns),
        window=Window(view_first, step, size) if columns else None,
    )


def _columns(n_bars: int, columns: int) -> np.ndarray:
    """Column that each bar ends, -1 for most."""
    column_of = np.full(n_bars, -1, dtype=np.int64)
    if columns:
        last = np.linspace(0, n_bars, columns + 1)[1:].astype(np.int64) - 1
        column_of[last] = np.arange(columns)
    return column_of
