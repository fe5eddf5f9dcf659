"""The simulated exchange: three months of it, and what the compiler is worth to it.

In:  nothing.   Out: `Result` rows.
Each measurement is a fresh process, so that its peak memory is its own; after one small market that
compiles the loop or fetches it from its cache. Nothing is written but a temporary folder.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Budget, Result, Timing, peak_memory_mib
from forcedflow.sandbox.parameters import VENUES, parameters
from forcedflow.sandbox.simulate import BURN_IN_DAYS, burn_in, simulate
from forcedflow.sandbox.state import REFERENCE_TRADERS, open_market

WHOLE = "90 days after burn-in"
STRETCH = "one minute of the same"
DAYS = 90
# Most of a day after a midnight; at the next, plain Python would bin all levels anew for seconds.
STRETCH_MINUTES = 1_400

_ROOT = Path(__file__).resolve().parents[1]


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield the whole simulation, and a stretch of it beside its plain Python form."""
    size = f"{REFERENCE_TRADERS:,} traders × {len(VENUES)} venues"
    wholes = [_measured("whole", str(REFERENCE_TRADERS), str(DAYS)) for _ in range(min(runs, 3))]
    yield Result(
        group="sandbox",
        what=WHOLE,
        size=f"{size} × {DAYS * 1440:,} minutes, {wholes[0]['events']:,} liquidations",
        timing=_timing([whole["seconds"] for whole in wholes]),
        n_items=DAYS * 1440,
        budget=budgets[WHOLE],
        peak_mib=max(whole["peak_mib"] for whole in wholes),
    )
    with tempfile.TemporaryDirectory(prefix="forcedflow-bench-") as folder:
        state = str(Path(folder) / "state")
        _measured("prepare", str(REFERENCE_TRADERS), state)
        ours = [_measured("stretch", state) for _ in range(min(runs, 3))]
        plain = _measured("stretch", state, compiled=False)
    # The same minutes, or there is nothing to compare.
    np.testing.assert_allclose(ours[0]["mark"], plain["mark"], rtol=1e-9)
    yield Result(
        group="sandbox",
        what=STRETCH,
        size=f"{size}; mean of {STRETCH_MINUTES:,} minutes",
        timing=_timing([part["seconds"] / STRETCH_MINUTES for part in ours]),
        n_items=1,
        peer="plain Python",
        peer_s=plain["seconds"] / STRETCH_MINUTES,
        budget=budgets[STRETCH],
    )


def whole(n_traders: int, days: int) -> dict[str, Any]:
    """Run so many days after the burn-in; both are timed."""
    _warm()
    started = time.perf_counter()
    state = open_market(parameters(), n_traders, 1)
    burn_in(state)
    events = sum(int(block.out.n_events[0]) for block in simulate(state, days * 1440))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "events": events, "peak_mib": peak_memory_mib()}


def prepare(n_traders: int, path: Path) -> dict[str, Any]:
    """Keep a market as its burn-in left it."""
    state = open_market(parameters(), n_traders, 1)
    burn_in(state)
    path.write_bytes(pickle.dumps(state))
    return {"days": BURN_IN_DAYS}


def stretch(path: Path, minutes: int = STRETCH_MINUTES) -> dict[str, Any]:
    """Run on from a kept market."""
    _warm()
    state = pickle.loads(path.read_bytes())  # noqa: S301 - our own process wrote it a moment ago
    started = time.perf_counter()
    (block,) = simulate(state, minutes, block_minutes=minutes)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "mark": block.out.mark_close[:, 0].tolist()}


def _warm() -> None:
    for _ in simulate(open_market(parameters(), 100, 1), 10):
        pass


def _timing(seconds: list[float]) -> Timing:
    return Timing(min(seconds), max(seconds), len(seconds))


def _measured(*words: str, compiled: bool = True) -> dict[str, Any]:
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_DISABLE_JIT"}
    if not compiled:
        environment["NUMBA_DISABLE_JIT"] = "1"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sandbox", *words],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=_ROOT,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _main(words: list[str]) -> None:
    match words:
        case ["whole", n_traders, days]:
            found = whole(int(n_traders), int(days))
        case ["prepare", n_traders, path]:
            found = prepare(int(n_traders), Path(path))
        case ["stretch", path]:
            found = stretch(Path(path))
        case _:
            raise SystemExit(f"not a measurement: {' '.join(words)}")
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1:])
