"""The ladder's loop against a C peer and a NumPy loop, on the same made-up bars.

In:  cases of `ladder_case`.   Out: `Result` rows.
Before any time is compared the results are: a fast wrong answer is no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks import ladder_loop
from benchmarks.ladder_case import LadderCase, LadderRun, months_of_five_minutes, year_of_minutes
from benchmarks.ladder_peer import LadderPeer, find_compiler
from benchmarks.measure import Budget, Result, Timing, measure, measure_both
from forcedflow.positions import _kernels

SEED = 20261123
YEAR_MINUTES = 525_600
YEAR_COLUMNS = 2_190
MONTHS_BARS = 19_000
MONTHS_COLUMNS = 670
LOOP_BARS = 5_000

CASES: dict[str, Callable[[], LadderCase]] = {
    "year, no picture": lambda: year_of_minutes(YEAR_MINUTES, seed=SEED),
    "year, picture, one band": lambda: year_of_minutes(
        YEAR_MINUTES, seed=SEED, columns=YEAR_COLUMNS
    ),
    "year, picture, five bands": lambda: year_of_minutes(
        YEAR_MINUTES, seed=SEED, columns=YEAR_COLUMNS, bands=5
    ),
    "months, five-minute bars, picture": lambda: months_of_five_minutes(
        MONTHS_BARS, seed=SEED, columns=MONTHS_COLUMNS
    ),
}
"""Measured cases by the names that ``budgets.toml`` uses."""

# The picture is float32: sums that agree to 1e-9 may still round to neighbouring floats.
_ROUNDING = 2.0**-23
_AGREE = 1e-9


def replay(run: LadderRun) -> int:
    """Run the package's compiled loop."""
    return int(_kernels.replay(*run.arguments()))


def assert_same(
    case: LadderCase,
    ours: Callable[[LadderRun], int | None],
    peer: Callable[[LadderRun], int | None],
) -> None:
    """Raise if two loops disagree on swept, alive, ledger or picture."""
    a, b = LadderRun.of(case), LadderRun.of(case)
    for outside in (ours(a), peer(b)):
        if outside:
            raise AssertionError(f"{outside} levels fell outside the window")
    for name in ("swept", "alive_per_bar", "added", "consumed", "closed", "alive"):
        x, y = getattr(a, name), getattr(b, name)
        if not x.any():
            raise AssertionError(f"{name} is all zeros: the case measures nothing")
        np.testing.assert_allclose(
            x, y, rtol=_AGREE, atol=_AGREE * float(np.abs(x).max()), err_msg=name
        )
    if case.window is not None:
        largest = float(a.image.max())
        if largest == 0:
            raise AssertionError("the picture is empty: the case measures nothing")
        np.testing.assert_allclose(
            a.image, b.image, rtol=2 * _ROUNDING, atol=_AGREE * largest, err_msg="image"
        )


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield one row per case, and the NumPy loop on the start of the first."""
    peer = LadderPeer() if find_compiler() is not None else None
    for name, build in CASES.items():
        case = build()
        if peer is None:
            replay(LadderRun.of(case))
            timing, reference = _alone(case, runs), None
        else:
            assert_same(case, replay, peer)
            timing, reference = measure_both(lambda c=case: LadderRun.of(c), replay, peer, runs)
        yield Result(
            group="ladder",
            what=name,
            size=_size(case),
            timing=timing,
            n_items=case.low.size,
            peer="C" if reference is not None else None,
            peer_s=reference.best_s if reference is not None else None,
            budget=budgets[name],
        )
    yield _numpy_loop(runs)


def _numpy_loop(runs: int) -> Result:
    short = year_of_minutes(LOOP_BARS, seed=SEED)
    assert_same(short, replay, ladder_loop.replay)
    loop = measure(lambda: LadderRun.of(short), ladder_loop.replay, min(runs, 3))
    ours = _alone(short, runs)
    return Result(
        group="ladder",
        what=f"NumPy loop over {LOOP_BARS:,} bars",
        size=_size(short),
        timing=loop,
        n_items=LOOP_BARS,
        peer="ours",
        peer_s=ours.best_s,
    )


def _alone(case: LadderCase, runs: int) -> Timing:
    return measure(lambda: LadderRun.of(case), replay, runs)


def _size(case: LadderCase) -> str:
    size = f"{case.low.size:,} bars × {case.share.size} atoms × 2 × {case.n_bins:,} bins"
    if case.window is None:
        return size
    picture = f"{case.n_columns:,} × 2 × {case.n_bands} × {case.window.size:,}"
    return f"{size}; picture {picture}, {case.image_bytes / 2**20:,.0f} MiB"
