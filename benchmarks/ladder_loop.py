"""The ladder as a NumPy loop over bars: what the same rule costs without a compiler.

In:  a `LadderRun`.   Out: the same run, its arrays filled.
Each bar is vectorised over atoms, entries and bins; free of compiled code of our own.
"""

from __future__ import annotations

import numpy as np

from benchmarks.ladder_case import SPREAD, LadderRun

_TINY = 1e-12


def replay(run: LadderRun) -> None:
    """Run the loop; levels outside the window raise."""
    case = run.case
    opens = (case.opens_long, case.opens_short)
    for t in range(case.low.size):
        _close_voluntarily(run, case.decay[t])
        growth = run.growth[case.class_of]
        reach = (int(case.low[t] - case.first), int(case.high[t] - case.first))
        taken = [_sweep(run, side, reach[side], growth) for side in range(2)]
        last = int(case.close[t] - case.first)
        for side in range(2):
            amount = opens[side][t][case.role_of] * case.share
            if not amount.any():
                continue
            _enter(run, side, case.entry[t], amount / growth)
            np.add.at(run.added[side], case.class_of, amount)
            np.add.at(run.alive[side], case.class_of, amount)
            taken[side] += _sweep(run, side, last, growth)
        run.swept[t] = taken
        run.alive_per_bar[t] = run.alive.sum(axis=1)
        if case.column_of[t] >= 0:
            _paint(run, int(case.column_of[t]), growth)


def _close_voluntarily(run: LadderRun, decay: np.ndarray) -> None:
    run.growth *= decay
    run.closed += run.alive * (1 - decay)
    run.alive *= decay
    for k in np.flatnonzero(run.growth < _TINY):
        members = run.case.class_of == k
        run.long_mass[members] *= run.growth[k]
        run.short_mass[members] *= run.growth[k]
        run.growth[k] = 1.0


def _sweep(run: LadderRun, side: int, reach: int, growth: np.ndarray) -> float:
    if side == 0:
        # Bins above the highest one that ever held anything stay empty.
        stop = run.top.max() + 1
        part = run.long_mass[:, reach:stop]
        np.minimum(run.top, reach - 1, out=run.top)
    else:
        start = run.bottom.min()
        part = run.short_mass[:, start : reach + 1]
        np.maximum(run.bottom, reach + 1, out=run.bottom)
    if part.shape[1] == 0:
        return 0.0
    taken = part.sum(axis=1) * growth
    part[:] = 0.0
    np.add.at(run.consumed[side], run.case.class_of, taken)
    np.subtract.at(run.alive[side], run.case.class_of, taken)
    return float(taken.sum())


def _enter(run: LadderRun, side: int, entry: np.ndarray, amount: np.ndarray) -> None:
    case = run.case
    mass, offset = (
        (run.long_mass, case.offset_long) if side == 0 else (run.short_mass, case.offset_short)
    )
    x = entry[None, :] + offset[:, None] - case.first - 0.5
    b = x.astype(np.int64)
    if x.min() < 0 or b.max() + 1 >= case.n_bins:
        raise ValueError("levels fell outside the window")
    value = amount[:, None] * SPREAD[None, :]
    upper = value * (x - b)
    atoms = np.arange(case.share.size)[:, None]
    np.add.at(mass, (atoms, b), value - upper)
    np.add.at(mass, (atoms, b + 1), upper)
    opened = amount > 0
    if side == 0:
        run.top[opened] = np.maximum(run.top, b[:, -1] + 1)[opened]
    else:
        run.bottom[opened] = np.minimum(run.bottom, b[:, 0])[opened]


def _paint(run: LadderRun, column: int, growth: np.ndarray) -> None:
    case = run.case
    if case.window is None:
        return
    bins = np.arange(case.n_bins) + case.first
    target = (bins - case.window.first) // case.window.step
    inside = (target >= 0) & (target < case.window.size)
    for side, mass in enumerate((run.long_mass, run.short_mass)):
        for band in range(case.n_bands):
            members = case.band_of == band
            total = growth[members] @ mass[members]
            run.image[column, side, band] = np.bincount(
                target[inside], total[inside], case.window.size
            )
