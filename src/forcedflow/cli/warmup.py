"""``forcedflow warmup``: compile the kernels once, so that no command waits for it.

In:  -.   Out: seconds taken; the compiled code stays in Numba's cache on this machine.
"""

from __future__ import annotations

import importlib.util
import time

from forcedflow.cli.options import console, print_json


def run(*, json: bool = False) -> int:
    """Compile the kernels and build the font cache that pictures need.

    Parameters
    ----------
    json
        Print as JSON.
    """
    started = time.perf_counter()
    _run_ladder()
    kernels_s = time.perf_counter() - started
    started = time.perf_counter()
    has_report = importlib.util.find_spec("matplotlib") is not None
    if has_report:
        importlib.import_module("matplotlib.font_manager")
    fonts_s = time.perf_counter() - started
    if json:
        print_json({"kernels_s": round(kernels_s, 3), "fonts_s": round(fonts_s, 3)})
        return 0
    fonts = f", fonts in {fonts_s:.1f} s" if has_report else "; pictures need the extra [report]"
    console().print(f"kernels ready in {kernels_s:.1f} s{fonts}")
    return 0


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
