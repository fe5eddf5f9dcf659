"""The liquidation ladder: how many contracts stand to be force-closed at every price.

In:  `Bars` and `Flows`. [quote per base, base coins]   Out: swept and alive contracts per bar,
     pictures, and the ladder's profile. [base coins]
Pure: NumPy in, NumPy out; no I/O, no clock. The ladder itself is state, owned by its caller.

One bar, in this order: voluntary closes (each half-life class decays); the mark's low takes every
long level at or above it, its high every short level at or below it; then the bar's own opens
enter at their liquidation prices. Funding moves all levels together, so it is kept as one shift.
`advance` and `replay` are the same compiled loop and give the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from forcedflow.positions import _kernels
from forcedflow.positions.atoms import BANDS, Atoms
from forcedflow.positions.bars import Bars
from forcedflow.positions.flows import Flows
from forcedflow.positions.grid import PriceGrid
from forcedflow.units import DAY_MS, F8, I8, SIDES, F8x2, Side

Image = np.ndarray[tuple[int, int, int, int], np.dtype[np.float32]]
"""Shape ``(columns, sides, bands, bins)``. [base coins]"""

_SPREAD = (0.25, 0.5, 0.25)
"""Weights of entries at a bar's low, middle and high."""

_CHUNK = 512
_MARGIN = 8


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where every contract that ever entered is now. [base coins]

    ``added = alive + consumed + closed`` holds per side; `alive` is summed over the price bins,
    independently of the running totals behind the other three.
    """

    added: float
    alive: float
    consumed: float
    closed: float

    @property
    def imbalance(self) -> float:
        """Return the relative error of the balance."""
        missing = self.added - self.alive - self.consumed - self.closed
        return abs(missing) / self.added if self.added else abs(missing)


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where a replay paints: which bars end a column, and the window of prices.

    Parameters
    ----------
    column_of : ndarray of int, shape (n_bars,)
        Column painted after each bar, or -1.
    n_columns : int
    grid : PriceGrid
        Window; contracts outside it are not painted.
    """

    column_of: I8
    n_columns: int
    grid: PriceGrid


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay saw.

    Parameters
    ----------
    swept : ndarray, shape (n_bars, 2)
        Contracts taken by the mark's path, longs then shorts. [base coins]
    alive : ndarray, shape (n_bars, 2)
        Contracts standing after each bar. [base coins]
    image : ndarray, shape (columns, 2, bands, bins), or None
        Contracts standing at the end of each column. [base coins]
    design : ndarray, shape (2, atoms, n_bars), or None
        Contracts swept of each atom.
    """

    swept: F8x2
    alive: F8x2
    image: Image | None
    design: np.ndarray[tuple[int, int, int], np.dtype[np.float64]] | None


class LiquidationLadder:
    """Standing positions of one instrument by the price that liquidates them.

    Parameters
    ----------
    atoms : Atoms
        Dictionary of positions.
    width : float
        Lattice bin width in log price. [1]
    share : ndarray, shape (2, atoms), optional
        Share of its role's opens that each atom receives, longs then shorts; the atoms' own on
        both sides by default. [1]

    Raises
    ------
    ValueError
        If ``share`` has another shape, or is negative somewhere.
    """

    def __init__(self, atoms: Atoms, width: float, share: F8x2 | None = None) -> None:
        self.atoms = atoms
        self.width = width
        self.share = np.tile(atoms.share, (2, 1)) if share is None else share
        if self.share.shape != (2, atoms.size) or not (self.share >= 0).all():
            raise ValueError(f"share must not be negative and have shape {(2, atoms.size)}")
        self._offset_long = np.ascontiguousarray(atoms.offset_long / width)
        self._offset_short = np.ascontiguousarray(atoms.offset_short / width)
        n_classes = atoms.half_lives_days.size
        self._first = 0
        self._long = np.zeros((atoms.size, 0))
        self._short = np.zeros((atoms.size, 0))
        self._top = np.full(atoms.size, -1, dtype=np.int64)
        self._bottom = np.zeros(atoms.size, dtype=np.int64)
        self._growth = np.ones(n_classes)
        self._added = np.zeros((2, n_classes))
        self._consumed = np.zeros((2, n_classes))
        self._closed = np.zeros((2, n_classes))
        self._alive = np.zeros((2, n_classes))
        self._funding = 0.0

    @property
    def funding_shift(self) -> float:
        """Return the cumulative funding rate since the start. [1]"""
        return self._funding

    def seed(self, open_interest: float, mark: float, spread: float = 0.05) -> None:
        """Enter the open interest that stands before the first bar, whose entries nobody saw.

        Parameters
        ----------
        open_interest : float
            Contracts standing on each side. [base coins]
        mark : float
            Mark price now. [quote per base]
        spread : float
            Standard deviation of the unknown entries around the mark, in log price. [1]

        Notes
        -----
        Split by standing share. Levels that the mark would have taken already are left out and
        their weight goes to the rest of the same atom.
        """
        if open_interest <= 0 or mark <= 0:
            raise ValueError(
                f"open interest and mark must be positive, were {open_interest}, {mark}"
            )
        here = np.log(mark) / self.width - self._funding / self.width
        self._grow(
            here - 3 * spread / self.width + self._offset_long.min(),
            here + 3 * spread / self.width + self._offset_short.max(),
        )
        reach = 2.5 * spread / self.width
        entries = np.linspace(-reach, reach, 201)
        weight = np.exp(-0.5 * (entries * self.width / spread) ** 2)
        price_bin = int(np.floor(here)) - self._first
        for side, offsets in enumerate((self._offset_long, self._offset_short)):
            mass = (self._long, self._short)[side]
            standing = self.atoms.standing(self.share[side]) * open_interest
            for a in range(self.atoms.size):
                bins = np.floor(here + entries + offsets[a]).astype(np.int64) - self._first
                open_now = bins < price_bin if side == 0 else bins > price_bin
                if not open_now.any():
                    continue
                share = weight * open_now
                k = self.atoms.class_of[a]
                np.add.at(mass[a], bins, standing[a] * share / share.sum() / self._growth[k])
                held = bins[open_now]
                if side == 0:
                    self._top[a] = max(self._top[a], held.max())
                else:
                    self._bottom[a] = min(self._bottom[a], held.min())
                self._added[side, k] += standing[a]
                self._alive[side, k] += standing[a]

    def replay(
        self,
        bars: Bars,
        flows: Flows,
        *,
        canvas: Canvas | None = None,
        with_design: bool = False,
    ) -> Replay:
        """Run the ladder over many bars.

        Parameters
        ----------
        bars : Bars
            ``n`` bars in time order, later than all seen before.
        flows : Flows
            Opens of the same bars.
        canvas : Canvas, optional
            Where to paint.
        with_design : bool
            Also record what each atom lost; ``2 × atoms × n`` numbers.

        Returns
        -------
        Replay

        Raises
        ------
        ValueError
            If the flows' roles are not the atoms' roles.
        """
        if flows.roles != self.atoms.roles:
            raise ValueError(f"flows have roles {flows.roles}, the ladder {self.atoms.roles}")
        path = _Path.of(bars, self.width, self._funding)
        decay = np.exp2(-(bars.elapsed_ms / DAY_MS)[:, None] / self.atoms.half_lives_days[None, :])
        n = bars.size
        swept, alive = np.zeros((n, 2)), np.zeros((n, 2))
        image = None
        if canvas is not None:
            shape = (canvas.n_columns, 2, len(BANDS), canvas.grid.size)
            image = np.zeros(shape, dtype=np.float32)
        design = np.zeros((2, self.atoms.size, n)) if with_design else None
        start = 0
        while start < n:
            stop = self._segment(path, start)
            self._run(path, decay, flows, start, stop, swept, alive, canvas, image, design)
            start = stop
        if n:
            self._funding = float(path.funding[-1])
        return Replay(swept, alive, image, design)

    def advance(self, bar: Bars, flows: Flows) -> Replay:
        """Run the ladder over the next bar as it closes; the same loop as `replay`.

        Raises
        ------
        ValueError
            If ``bar`` holds more or less than one bar.
        """
        if bar.size != 1:
            raise ValueError(f"advance takes one bar, was given {bar.size}")
        return self.replay(bar, flows)

    def profile(self, grid: PriceGrid, side: Side, weight: F8 | None = None) -> F8x2:
        """Return contracts standing on one side by leverage band and price bin.

        Parameters
        ----------
        grid : PriceGrid
            Window to report on; contracts outside it are left out.
        side : {"long", "short"}
        weight : ndarray, shape (atoms,), optional
            Factor on each atom, for another mixture than the one the ladder ran with.

        Returns
        -------
        ndarray, shape (bands, grid.size)
            Contracts. [base coins]
        """
        shown = self._shown(grid, side)
        out = np.zeros((len(BANDS), grid.size))
        if shown.target.size == 0:
            return out
        mass, factor = self._mass(side), self._factor(weight)
        for band in range(len(BANDS)):
            members = np.flatnonzero(self.atoms.band_of == band)
            total = factor[members] @ mass[members, shown.bins]
            out[band] = np.bincount(shown.target, total, grid.size)
        return out

    def by_atom(self, grid: PriceGrid, side: Side) -> F8x2:
        """Return contracts standing on one side by atom and price bin.

        Returns
        -------
        ndarray, shape (atoms, grid.size)
            Contracts; what stands outside the window is left out. [base coins]
        """
        shown = self._shown(grid, side)
        out = np.zeros((self.atoms.size, grid.size))
        if shown.target.size == 0:
            return out
        mass, factor = self._mass(side)[:, shown.bins], self._factor(None)[:, None]
        lit = out[:, int(shown.target[0]) : int(shown.target[-1]) + 1]
        if grid.step == 1:
            np.multiply(mass, factor, out=lit)
        else:
            # Bins of the lattice that one bin of the window joins are neighbours.
            first = np.flatnonzero(np.diff(shown.target, prepend=-1))
            np.multiply(np.add.reduceat(mass, first, axis=1), factor, out=lit)
        return out

    def standing_by_atom(self, side: Side) -> F8:
        """Return the contracts of each atom standing on one side, shape (atoms,). [base coins]"""
        held: F8 = self._factor(None) * self._mass(side).sum(axis=1)
        return held

    def standing(self, side: Side, weight: F8 | None = None) -> float:
        """Return the contracts standing on one side, at ``weight`` per atom. [base coins]"""
        return float(self._factor(weight) @ self._mass(side).sum(axis=1))

    def ledger(self, side: Side) -> Ledger:
        """Return the mass ledger of one side."""
        s = SIDES.index(side)
        return Ledger(
            added=float(self._added[s].sum()),
            alive=self.standing(side),
            consumed=float(self._consumed[s].sum()),
            closed=float(self._closed[s].sum()),
        )

    def extent(self) -> PriceGrid:
        """Return the window that holds every level."""
        down, up = _whole_bins(self._funding / self.width)
        size = self._long.shape[1] + int(up) - int(down)
        return PriceGrid(self.width, self._first + int(down), size)

    def state_hash(self) -> str:
        """Return a digest of the whole state; equal states have equal digests."""
        digest = hashlib.sha256()
        for part in (
            np.array([self._first, self._funding, self.width]),
            self._long,
            self._short,
            self._top,
            self._bottom,
            self._growth,
            self._added,
            self._consumed,
            self._closed,
            self._alive,
        ):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def _mass(self, side: Side) -> F8x2:
        return self._long if side == "long" else self._short

    def _shown(self, grid: PriceGrid, side: Side) -> _Shown:
        """Return which bins of the lattice a window shows; they are neighbours."""
        down, up = _whole_bins(self._funding / self.width)
        shift = self._first + int(down if side == "long" else up)
        first = min(max(grid.first - shift, 0), self._long.shape[1])
        stop = min(max(grid.stop - shift, first), self._long.shape[1])
        target = (np.arange(first, stop) + shift - grid.first) // grid.step
        return _Shown(slice(first, stop), target)

    def _factor(self, weight: F8 | None) -> F8:
        growth: F8 = self._growth[self.atoms.class_of]
        return growth if weight is None else growth * weight

    def _segment(self, path: _Path, start: int) -> int:
        """Return how far bars fit the window, growing it first if bar ``start`` does not.

        What a bar needs depends on that bar alone, so batches of any size grow alike.
        """
        low = path.least[start:] + self._offset_long.min() - _MARGIN
        high = path.most[start:] + self._offset_short.max() + _MARGIN
        if low[0] < self._first or high[0] >= self._first + self._long.shape[1]:
            self._grow(low[0], high[0])
        outside = (low < self._first) | (high >= self._first + self._long.shape[1])
        return start + int(np.argmax(outside)) if outside.any() else start + int(low.size)

    def _grow(self, low: float, high: float) -> None:
        size = self._long.shape[1]
        wanted_first = int(np.floor(low / _CHUNK)) * _CHUNK
        wanted_stop = (int(np.floor(high / _CHUNK)) + 1) * _CHUNK
        first = min(self._first, wanted_first) if size else wanted_first
        stop = max(self._first + size, wanted_stop) if size else wanted_stop
        before, after = (
            (self._first - first, stop - self._first - size) if size else (0, stop - first)
        )
        if before == 0 and after == 0:
            return
        self._long = np.pad(self._long, ((0, 0), (before, after)))
        self._short = np.pad(self._short, ((0, 0), (before, after)))
        empty_before = self._bottom >= size
        self._top[self._top >= 0] += before
        self._bottom += before
        self._bottom[empty_before] = stop - first
        self._first = first

    def _run(
        self,
        path: _Path,
        decay: F8x2,
        flows: Flows,
        start: int,
        stop: int,
        swept: F8x2,
        alive: F8x2,
        canvas: Canvas | None,
        image: Image | None,
        design: np.ndarray[tuple[int, int, int], np.dtype[np.float64]] | None,
    ) -> None:
        cut = slice(start, stop)
        nowhere = np.full(stop - start, -1, dtype=np.int64)
        part = np.zeros((2, self.atoms.size, stop - start)) if design is not None else _NO_DESIGN
        outside = _kernels.replay(
            path.low[cut],
            path.high[cut],
            path.close[cut],
            path.entry[cut],
            np.asarray(_SPREAD),
            np.ascontiguousarray(flows.opens_long[cut]),
            np.ascontiguousarray(flows.opens_short[cut]),
            decay[cut],
            self._first,
            self._long,
            self._short,
            self._top,
            self._bottom,
            self._growth,
            self._added,
            self._consumed,
            self._closed,
            self._alive,
            self._offset_long,
            self._offset_short,
            self.share,
            self.atoms.class_of,
            self.atoms.role_of,
            self.atoms.band_of,
            swept[cut],
            alive[cut],
            part,
            canvas.column_of[cut] if canvas is not None else nowhere,
            path.shift_floor[cut],
            path.shift_ceil[cut],
            canvas.grid.first if canvas is not None else 0,
            canvas.grid.step if canvas is not None else 1,
            image if image is not None else _NO_IMAGE,
        )
        if outside:
            raise AssertionError(f"{outside} levels fell outside the ladder's window")
        if design is not None:
            design[:, :, cut] = part


@dataclass(frozen=True, slots=True)
class _Shown:
    """Bins of the lattice that lie in a window, and the window's bin that shows each."""

    bins: slice
    target: I8


@dataclass(frozen=True, slots=True)
class _Path:
    """Bars in storage coordinates: log price ÷ width, minus the funding shift."""

    low: F8
    high: F8
    close: F8
    entry: F8x2
    least: F8
    most: F8
    funding: F8
    shift_floor: I8
    shift_ceil: I8

    @staticmethod
    def of(bars: Bars, width: float, funding_before: float) -> _Path:
        funding = _accumulate(funding_before, bars.funding_rate)
        shift = funding / width
        low = np.log(bars.low) / width - shift
        high = np.log(bars.high) / width - shift
        close = np.log(bars.close) / width - shift
        down, up = _whole_bins(shift)
        return _Path(
            low=low,
            high=high,
            close=close,
            entry=np.stack([low, (low + high) / 2, high], axis=1),
            least=low,
            most=high,
            funding=funding,
            shift_floor=down,
            shift_ceil=up,
        )


def _accumulate(before: float, rates: F8) -> F8:
    """Sum in time order from ``before``, so that any batching gives the same bytes."""
    return np.cumsum(np.concatenate([[before], rates]))[1:]


def _whole_bins(shift: F8 | float) -> tuple[I8, I8]:
    """Whole bins of a shift: longs are shown rounded down, shorts up, away from the price."""
    return np.floor(shift).astype(np.int64), np.ceil(shift).astype(np.int64)


_NO_IMAGE = np.zeros((0, 2, 0, 0), dtype=np.float32)
_NO_DESIGN = np.zeros((0, 0, 0))
