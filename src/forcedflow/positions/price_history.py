"""Flows that know the price alone: what a map is worth without any open interest or volume.

In:  bars and their inferred flows.   Out: flows with equal opens in every bar. [base coins]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forcedflow.positions.bars import Bars
from forcedflow.positions.flows import Flows
from forcedflow.units import DAY_MS


def equal_flows(bars: Bars, flows: Flows) -> Flows:
    """Return flows whose opens are the same in every bar, each bar's length apart.

    A day opens as many contracts as stood before the first bar: a fit is blind to the level, so any
    will do, and this one is known from the beginning.
    """
    held = float(bars.open_interest[0] - bars.change[0])
    per_role = held * bars.elapsed_ms / DAY_MS / len(flows.roles)
    equal = np.repeat(per_role[:, None], len(flows.roles), axis=1)
    return replace(flows, opens_long=equal, opens_short=equal.copy())
