from __future__ import annotations

import numpy as np
import pytest

from forcedflow import Lake, build_map, read_market
from forcedflow.instruments import parse_symbol
from forcedflow.positions.grid import PriceGrid
from forcedflow.sandbox.feeds import FeedState, tables_of
from forcedflow.sandbox.parameters import parameters
from forcedflow.sandbox.simulate import START_MS, burn_in, simulate
from forcedflow.sandbox.state import open_market
from forcedflow.sandbox.truth import true_ladder
from forcedflow.units import MINUTE_MS, SIDES

DAYS = 20
VENUES = ("sandbox", "sandbox-sampled", "sandbox-dark")


@pytest.mark.slow
def test_the_straight_line_runs_on_the_sandbox_and_finds_what_is_there(tmp_path, capsys):
    state = open_market(parameters("calm"), 30_000, 1)
    burn_in(state)
    lake, feed = Lake(tmp_path / "lake", create=True), FeedState(state.parameters, state.seed)
    for block in simulate(state, DAYS * 1_440):
        lake.write(tables_of(block, feed))
    # The archive is five minutes late; the other venues know the last minute itself.
    now_ms = START_MS + MINUTE_MS * int(state.world.minute[0])
    for venue in VENUES:
        instrument = parse_symbol("SIM", venue)
        market = read_market(lake, instrument, now_ms)
        assert market.notes == ()
        assert market.rule.venue == market.schedule.venue == venue
        estimated = build_map(market)
        assert estimated.simulated
        assert estimated.known_ms == now_ms - (5 * MINUTE_MS if venue == "sandbox-sampled" else 0)
        width = estimated.ladder.width
        # Five lattice bins of five basis points: 0.25 %.
        around = np.log(estimated.mark * np.array([0.88, 1.12])) / width
        low, high = (int(edge) // 5 * 5 for edge in around)
        grid = PriceGrid(width, low, (high - low) // 5, 5)
        modelled = np.array([estimated.profile_usd(grid, side).sum(axis=0) for side in SIDES])
        true = true_ladder(state, venue, grid)
        near = np.abs(np.log(grid.prices / estimated.mark)) <= 0.10
        ratio = modelled[:, near].sum() / true[:, near].sum()
        by_side = [np.corrcoef(modelled[s], true[s])[0, 1] for s in range(2)]
        pooled = np.corrcoef(modelled.ravel(), true.ravel())[0, 1]
        with capsys.disabled():
            print(
                f"\n{venue}: modelled / true notional within 10 % {ratio:.2f}; Pearson over "
                f"0.25 % bins within 12 %: longs {by_side[0]:.2f}, shorts {by_side[1]:.2f}, "
                f"pooled {pooled:.2f}"
            )
        assert ratio > 0
        assert pooled > 0
