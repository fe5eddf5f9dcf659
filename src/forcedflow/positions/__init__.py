"""Positions: from open interest to the ladder of liquidation prices."""

from forcedflow.positions.atoms import BANDS, Atoms, prior_atoms
from forcedflow.positions.bars import Bars, build_bars
from forcedflow.positions.flows import Flows, infer_flows
from forcedflow.positions.grid import PriceGrid, bin_width, view
from forcedflow.positions.ladder import Canvas, Ledger, LiquidationLadder, Replay
from forcedflow.positions.measured import MeasuredLadder, latest_positions, measured_ladder

__all__ = [
    "BANDS",
    "Atoms",
    "Bars",
    "Canvas",
    "Flows",
    "Ledger",
    "LiquidationLadder",
    "MeasuredLadder",
    "PriceGrid",
    "Replay",
    "bin_width",
    "build_bars",
    "infer_flows",
    "latest_positions",
    "measured_ladder",
    "prior_atoms",
    "view",
]
