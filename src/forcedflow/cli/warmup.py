"""``forcedflow warmup``: compile the kernels once, so that no command waits for it.

In:  -.   Out: seconds taken; the compiled code stays in Numba's cache on this machine.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable

from forcedflow.cli.options import console, print_json


def run(*, json: bool = False) -> int:
    """Compile the kernels and build the font cache that pictures need.

    Parameters
    ----------
    json
        Print as JSON.
    """
    taken = {f"{name}_s": _seconds(make) for name, make in _PARTS.items()}
    has_report = importlib.util.find_spec("matplotlib") is not None
    if json:
        print_json({name: round(seconds, 3) for name, seconds in taken.items()})
        return 0
    fonts = (
        f"fonts in {taken['fonts_s']:.1f} s" if has_report else "pictures need the extra [report]"
    )
    console().print(
        f"kernels ready: ladder in {taken['ladder_s']:.1f} s, "
        f"cascade in {taken['cascade_s']:.1f} s, sandbox in {taken['sandbox_s']:.1f} s; {fonts}"
    )
    return 0


def _seconds(make: Callable[[], None]) -> float:
    started = time.perf_counter()
    make()
    return time.perf_counter() - started


def _find_fonts() -> None:
    if importlib.util.find_spec("matplotlib") is not None:
        importlib.import_module("matplotlib.font_manager")


def _run_sandbox() -> None:
    """Run a minute of the smallest market: its argument types are those of any."""
    from forcedflow.sandbox.parameters import parameters
    from forcedflow.sandbox.simulate import simulate
    from forcedflow.sandbox.state import open_market

    for _ in simulate(open_market(parameters(), 100, 0), 1):
        pass


def _run_ladder() -> None:
    """Replay two bars, with a picture and a design matrix: every argument type the kernel meets."""
    import numpy as np

    from forcedflow.margin import default_schedules, rule_for
    from forcedflow.positions import (
        Bars,
        Canvas,
        LiquidationLadder,
        PriceGrid,
        infer_flows,
        prior_atoms,
    )

    two = np.array([100.0, 101.0])
    bars = Bars(
        end_ms=np.array([300_000, 600_000]),
        elapsed_ms=np.array([300_000, 300_000]),
        low=two * 0.999,
        high=two * 1.001,
        close=two,
        open_interest=two,
        change=np.array([1.0, 1.0]),
        volume=two,
        taker_buy_share=np.full(2, np.nan),
        funding_rate=np.zeros(2),
        volume_source=np.zeros(2, dtype=np.int64),
        mark_from_klines=np.ones(2, dtype=np.bool_),
    )
    atoms = prior_atoms(default_schedules("binance")[0], rule_for("binance", "linear", 0))
    ladder = LiquidationLadder(atoms, 5e-4)
    ladder.seed(100.0, 100.0)
    canvas = Canvas(np.array([0, 1]), 2, PriceGrid(5e-4, 9000, 400))
    ladder.replay(bars, infer_flows(bars).joined(), canvas=canvas, with_design=True)


def _run_cascade() -> None:
    """Walk a stage of two bins to its fixed point and through two steps of time."""
    import numpy as np

    from forcedflow.cascade.fixed_point import solve
    from forcedflow.cascade.stage import BIN, Stage
    from forcedflow.cascade.waves import assumed_rules
    from forcedflow.cascade.waves import run as run_waves

    even = np.ones((1, 2))
    stage = Stage(
        direction="down",
        mark=100.0,
        width=BIN,
        venues=("sandbox",),
        forced=even,
        depth=even,
        reaching=1.0,
        forced_log_sd=0.0,
        depth_log_sd=0.0,
        open_interest_usd=1.0,
        simulated=True,
    )
    solve(stage, np.array([BIN]), order_usd=1.0)
    run_waves(stage, assumed_rules(stage), np.full((1, 2), BIN))


_PARTS = {
    "ladder": _run_ladder,
    "cascade": _run_cascade,
    "sandbox": _run_sandbox,
    "fonts": _find_fonts,
}
