"""The ladder's one loop, compiled.

In:  bars in lattice coordinates (log price ÷ bin width, funding already subtracted), opens in
     contracts, and the ladder's state, which is changed in place.
Out: swept and alive contracts per bar and side; optionally the picture and the design matrix.
Free of everything but arrays. Its readable twin is ``tests/reference/ladder.py``.

Numba's cache does not see changes in other files and freezes globals, so the whole loop stands
here and constants are arguments.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from forcedflow.units import F8, I8, F8x2


@njit(cache=True, nogil=True)
def _sweep_down(mass: F8x2, top: I8, a: int, reach: int) -> float:
    # Live longs of an atom are a prefix of the bins, so this is a walk down from the highest.
    b = top[a]
    taken = 0.0
    while b >= reach:
        taken += mass[a, b]
        mass[a, b] = 0.0
        b -= 1
    top[a] = b
    return taken


@njit(cache=True, nogil=True)
def _sweep_up(mass: F8x2, bottom: I8, a: int, reach: int) -> float:
    b = bottom[a]
    taken = 0.0
    while b <= reach:
        taken += mass[a, b]
        mass[a, b] = 0.0
        b += 1
    bottom[a] = b
    return taken


@njit(cache=True, nogil=True)
def _enter(bins: F8, amount: float, entry: F8, entry_weight: F8, offset: float) -> None:
    # The caller has seen that the lowest and the highest entry fit; no test per bin.
    for p in range(entry_weight.size):
        x = entry[p] + offset
        whole = int(x)
        # Unsigned, or each index is first asked whether it counts from the end.
        b = np.uint64(whole)
        value = amount * entry_weight[p]
        upper = value * (x - whole)
        bins[b] += value - upper
        bins[b + np.uint64(1)] += upper


@njit(cache=True, nogil=True)
def _add_scaled(total: F8, part: F8, factor: float) -> None:
    # On slices from zero, so that the compiler sees plain vectors.
    for i in range(total.size):
        total[i] += part[i] * factor


@njit(cache=True, nogil=True)
def _join(
    profile: F8,
    begin: int,
    end: int,
    shift: int,
    step: int,
    row: np.ndarray[tuple[int], np.dtype[np.float32]],
) -> None:
    # One division per bin of the picture instead of one per bin of the lattice.
    if step == 1:
        for i in range(end - begin):
            row[begin + shift + i] = np.float32(profile[begin + i])
        return
    b = begin
    while b < end:
        p = (b + shift) // step
        stop = min(end, (p + 1) * step - shift)
        joined = 0.0
        while b < stop:
            joined += profile[b]
            b += 1
        row[p] = np.float32(joined)


@njit(cache=True, nogil=True)
def replay(
    low: F8,
    high: F8,
    close: F8,
    entry: F8x2,
    entry_weight: F8,
    opens_long: F8x2,
    opens_short: F8x2,
    decay: F8x2,
    first: int,
    long_mass: F8x2,
    short_mass: F8x2,
    top: I8,
    bottom: I8,
    growth: F8,
    added: F8x2,
    consumed: F8x2,
    closed: F8x2,
    alive: F8x2,
    offset_long: F8,
    offset_short: F8,
    share: F8x2,
    class_of: I8,
    role_of: I8,
    band_of: I8,
    swept: F8x2,
    alive_per_bar: F8x2,
    design: np.ndarray[tuple[int, int, int], np.dtype[np.float64]],
    column_of: I8,
    shift_floor: I8,
    shift_ceil: I8,
    view_first: int,
    view_step: int,
    image: np.ndarray[tuple[int, int, int, int], np.dtype[np.float32]],
) -> int:
    n_bars, n_atoms, n_bins = low.size, share.shape[1], long_mass.shape[1]
    n_classes, n_points = growth.size, entry_weight.size
    n_view = image.shape[3]
    profile = np.zeros(n_bins if image.size else 0)
    outside = 0
    for t in range(n_bars):
        # 1. Voluntary closes: one multiply per half-life class; mass is stored divided by growth.
        for k in range(n_classes):
            d = decay[t, k]
            growth[k] *= d
            for side in range(2):
                closed[side, k] += alive[side, k] * (1.0 - d)
                alive[side, k] *= d
            if growth[k] < 1e-12:
                for a in range(n_atoms):
                    if class_of[a] == k:
                        for b in range(n_bins):
                            long_mass[a, b] *= growth[k]
                            short_mass[a, b] *= growth[k]
                growth[k] = 1.0
        # 2. The mark's range takes what was there before this bar: longs at or above the low,
        #    shorts at or below the high.
        reach_long = int(low[t] - first)
        reach_short = int(high[t] - first)
        swept_long = 0.0
        swept_short = 0.0
        for a in range(n_atoms):
            k = class_of[a]
            if top[a] >= reach_long:
                taken = growth[k] * _sweep_down(long_mass, top, a, reach_long)
                swept_long += taken
                consumed[0, k] += taken
                alive[0, k] -= taken
                if design.size:
                    design[0, a, t] += taken
            if bottom[a] <= reach_short:
                taken = growth[k] * _sweep_up(short_mass, bottom, a, reach_short)
                swept_short += taken
                consumed[1, k] += taken
                alive[1, k] -= taken
                if design.size:
                    design[1, a, t] += taken
        # 3. This bar's opens, spread over its range and split between the two nearest bins.
        #    What the close has already passed is gone at once: the close comes last.
        #    Entries ascend, so the first and the last say whether all of them fit.
        last = int(close[t] - first)
        for a in range(n_atoms):
            k = class_of[a]
            amount = opens_long[t, role_of[a]]
            if amount > 0.0:
                offset = offset_long[a] - first - 0.5
                highest = int(entry[t, n_points - 1] + offset) + 1
                if entry[t, 0] + offset < 0.0 or highest >= n_bins:
                    outside += 1
                    continue
                _enter(
                    long_mass[a], amount * (share[0, a] / growth[k]), entry[t], entry_weight, offset
                )
                top[a] = max(top[a], highest)
                entered = amount * share[0, a]
                added[0, k] += entered
                alive[0, k] += entered
                if top[a] >= last:
                    taken = growth[k] * _sweep_down(long_mass, top, a, last)
                    swept_long += taken
                    consumed[0, k] += taken
                    alive[0, k] -= taken
                    if design.size:
                        design[0, a, t] += taken
            amount = opens_short[t, role_of[a]]
            if amount > 0.0:
                offset = offset_short[a] - first - 0.5
                lowest = int(entry[t, 0] + offset)
                highest = int(entry[t, n_points - 1] + offset) + 1
                if entry[t, 0] + offset < 0.0 or highest >= n_bins:
                    outside += 1
                    continue
                _enter(
                    short_mass[a],
                    amount * (share[1, a] / growth[k]),
                    entry[t],
                    entry_weight,
                    offset,
                )
                bottom[a] = min(bottom[a], lowest)
                entered = amount * share[1, a]
                added[1, k] += entered
                alive[1, k] += entered
                if bottom[a] <= last:
                    taken = growth[k] * _sweep_up(short_mass, bottom, a, last)
                    swept_short += taken
                    consumed[1, k] += taken
                    alive[1, k] -= taken
                    if design.size:
                        design[1, a, t] += taken
        swept[t, 0] = swept_long
        swept[t, 1] = swept_short
        total_long = 0.0
        total_short = 0.0
        for k in range(n_classes):
            total_long += alive[0, k]
            total_short += alive[1, k]
        alive_per_bar[t, 0] = total_long
        alive_per_bar[t, 1] = total_short
        # 4. At a column's last bar, the picture: the atoms of a band are summed on the lattice,
        #    then lattice bins are joined into the picture's.
        column = column_of[t]
        if column >= 0:
            for side in range(2):
                shift = first - view_first + (shift_floor[t] if side == 0 else shift_ceil[t])
                begin = max(0, -shift)
                end = max(begin, min(n_bins, n_view * view_step - shift))
                for band in range(image.shape[2]):
                    profile[begin:end] = 0.0
                    lowest = end
                    highest = begin
                    for a in range(n_atoms):
                        if band_of[a] != band:
                            continue
                        if side == 0:
                            b0, b1 = begin, min(end, top[a] + 1)
                            _add_scaled(profile[b0:b1], long_mass[a, b0:b1], growth[class_of[a]])
                        else:
                            b0, b1 = max(begin, bottom[a]), end
                            _add_scaled(profile[b0:b1], short_mass[a, b0:b1], growth[class_of[a]])
                        lowest = min(lowest, b0)
                        highest = max(highest, b1)
                    _join(profile, lowest, highest, shift, view_step, image[column, side, band])
    return outside
