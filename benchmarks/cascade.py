"""The cascade's loops against the same calculations in NumPy, on a made-up stage.

In:  nothing.   Out: `Result` rows.
Before any time is compared the results are. The measuring is done in a process of its own, so that
peak memory is its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import cascade_loop
from benchmarks.measure import (
    Budget,
    Result,
    Timing,
    measure,
    measure_both,
    peak_memory_mib,
)
from forcedflow.cascade.fixed_point import solve
from forcedflow.cascade.stage import Stage
from forcedflow.cascade.waves import WaveResult, WaveRules
from forcedflow.cascade.waves import run as run_waves

SEED = 20261123
SCENARIOS = 10_000
BINS = 2_000
VENUES = 2
STEPS = 120
# So many scenarios at once that NumPy's intermediate arrays stay in tens of megabytes.
CHUNK = 500

FIXED = "fixed point, all bins"
USUAL = "fixed point, usual shocks"
WAVES = "waves"

_ROOT = Path(__file__).resolve().parents[1]


def even_stage(*, bins: int = BINS, absorbs: bool = True) -> Stage:
    """Return a made-up stage; one that does not absorb makes every scenario walk all bins."""
    rng = np.random.default_rng(SEED)
    forced = rng.gamma(0.5, 4e5, (VENUES, bins))
    # Positive everywhere: NumPy's inverse by interpolation is the least one only then.
    depth = rng.gamma(4.0, 1e5, (VENUES, bins)) * (1.0 if absorbs else 1e-3)
    return Stage(
        direction="down",
        mark=60_000.0,
        width=2e-4,
        venues=tuple(f"venue-{v}" for v in range(VENUES)),
        forced=forced,
        depth=depth,
        reaching=0.9,
        forced_log_sd=0.5,
        depth_log_sd=0.5,
        open_interest_usd=1e10,
        simulated=True,
    )


def shocks(scenarios: int, far: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return shocks up to a distance, and factors of forced flow and of depth."""
    rng = np.random.default_rng(SEED + 1)
    return (
        rng.uniform(0, far, scenarios),
        rng.lognormal(0, 0.3, scenarios),
        rng.lognormal(0, 0.3, scenarios),
    )


def rules() -> WaveRules:
    """Return rules under which every part of the loop has work."""
    return WaveRules(
        latency_s=(1.0, 2.0),
        insurance_usd=(1e4, 1e5),
        buffer=(0.001, 0.002),
        mark_half_life_s=1.0,
        arbitrage_half_life_s=2.0,
        refill_half_life_s=600.0,
        source="made up",
    )


def paths(scenarios: int, steps: int) -> np.ndarray:
    """Return driftless paths after a first fall of two percent, shape (scenarios, steps)."""
    walk = np.random.default_rng(SEED + 2).normal(0.0, 5e-4, (scenarios, steps))
    walk[:, 0] += 0.02
    return np.asarray(walk.cumsum(axis=1))


def assert_same_ends(ours: np.ndarray, peer: np.ndarray, shock: np.ndarray) -> None:
    """Raise if two ways to the fixed points disagree, or nothing was forced at all."""
    if not (ours > shock).any():
        raise AssertionError("no scenario moved: the case measures nothing")
    np.testing.assert_allclose(ours, peer, rtol=0, atol=1e-9, err_msg="ends")


def assert_same_waves(ours: WaveResult, peer: WaveResult) -> None:
    """Raise if two ways through time disagree, or a part of the rules had no work."""
    for name in ("last", "furthest", "sold", "deleveraged", "waiting", "lost"):
        x, y = getattr(ours, name), getattr(peer, name)
        if not x.any():
            raise AssertionError(f"{name} is all zeros: the case measures nothing")
        np.testing.assert_allclose(
            x, y, rtol=1e-7, atol=1e-9 * float(np.abs(x).max()), err_msg=name
        )


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield the two fixed points and the waves, each beside its NumPy form."""
    for name, size in (
        (FIXED, f"{SCENARIOS:,} scenarios × {BINS:,} bins, to the edge"),
        (USUAL, f"{SCENARIOS:,} scenarios × {BINS:,} bins, shocks to 10 %"),
        (WAVES, f"{SCENARIOS:,} paths × {VENUES} venues × {STEPS} steps × {BINS:,} bins"),
    ):
        peak = _measured(name, "alone", 3)["peak_mib"]
        found = _measured(name, "both", runs)
        yield Result(
            group="cascade",
            what=name,
            size=size,
            timing=Timing(**found["ours"]),
            peer="NumPy",
            peer_s=found["peer"]["best_s"],
            budget=budgets[name],
            peak_mib=peak,
        )


def _measured(name: str, how: str, runs: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cascade", name, how, str(runs)],
        check=True,
        capture_output=True,
        encoding="utf-8",
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _measure(name: str, how: str, runs: int) -> dict[str, Any]:
    if name == WAVES:
        stage, stated, path = even_stage(), rules(), paths(SCENARIOS, STEPS)

        def ours(_: None) -> object:
            return run_waves(stage, stated, path)

        def peer(_: None) -> object:
            return cascade_loop.waves(stage, stated, path)

        def check() -> None:
            assert_same_waves(run_waves(stage, stated, path), peer(None))

    else:
        stage = even_stage(absorbs=name == USUAL)
        shock, forced, depth = shocks(SCENARIOS, 0.1 if name == USUAL else 1e-3)

        def ours(_: None) -> object:
            return solve(stage, shock, 0.0, forced, depth)

        def peer(_: None) -> object:
            return cascade_loop.fixed_points(stage, shock, forced, depth, CHUNK)

        def check() -> None:
            assert_same_ends(solve(stage, shock, 0.0, forced, depth).end, peer(None), shock)

    if how == "alone":
        timing = measure(lambda: None, ours, runs)
        return {"ours": _json(timing), "peak_mib": peak_memory_mib()}
    check()
    timing, peer_timing = measure_both(lambda: None, ours, peer, runs)
    return {"ours": _json(timing), "peer": _json(peer_timing)}


def _json(timing: Timing) -> dict[str, float]:
    return {"best_s": timing.best_s, "worst_s": timing.worst_s, "runs": timing.runs}


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
