"""The accounting identity holds exactly, and volatility is the stated weighted mean."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import flows as readable
from tests.reference import markets
from tests.reference import volatility as readable_volatility

from forcedflow.positions import infer_flows
from forcedflow.units import DAY_MS, HOUR_MS
from forcedflow.volatility import ewma_volatility

FEW = settings(deadline=None, max_examples=60)


@FEW
@given(markets.bars())
def test_opens_and_closes_satisfy_the_accounting_identity(bars):
    flows = infer_flows(bars)
    volume = np.fmax(bars.volume, np.abs(bars.change))
    opens_long, opens_short = flows.opens_long.sum(axis=1), flows.opens_short.sum(axis=1)
    tolerance = {"rtol": 1e-12, "atol": 1e-9}
    np.testing.assert_allclose(opens_long + opens_short, volume + bars.change, **tolerance)
    np.testing.assert_allclose(
        flows.closes_long + flows.closes_short, volume - bars.change, **tolerance
    )
    np.testing.assert_allclose(opens_long - flows.closes_long, bars.change, **tolerance)
    np.testing.assert_allclose(opens_short - flows.closes_short, bars.change, **tolerance)
    for part in (flows.opens_long, flows.opens_short, flows.closes_long, flows.closes_short):
        assert (part >= 0).all()


@FEW
@given(markets.bars())
def test_flows_equal_their_readable_twin(bars):
    flows = infer_flows(bars)
    for t in range(bars.size):
        expected = readable.flows_of_bar(
            float(bars.volume[t]), float(bars.change[t]), float(bars.taker_buy_share[t])
        )
        found = (
            flows.opens_long[t].sum(),
            flows.opens_short[t].sum(),
            flows.closes_long[t],
            flows.closes_short[t],
        )
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-9)


@FEW
@given(markets.bars())
def test_the_aggressor_of_each_side_gets_the_takers_share_of_its_opens(bars):
    flows = infer_flows(bars)
    bought = np.where(np.isnan(bars.taker_buy_share), 0.5, bars.taker_buy_share)
    taker, maker = 0, 1
    assert flows.roles == ("taker", "maker")
    np.testing.assert_allclose(
        flows.opens_long[:, taker], flows.opens_long.sum(axis=1) * bought, rtol=1e-12
    )
    np.testing.assert_allclose(
        flows.opens_short[:, maker], flows.opens_short.sum(axis=1) * bought, rtol=1e-12
    )


@FEW
@given(
    markets.bars(most=40), st.sampled_from([HOUR_MS, DAY_MS]), st.sampled_from([HOUR_MS, DAY_MS])
)
def test_volatility_equals_the_sum_over_all_returns(bars, horizon, half_life):
    found = ewma_volatility(bars.close, bars.end_ms, horizon, half_life)
    expected = readable_volatility.ewma_volatility(
        bars.close.tolist(), bars.end_ms.tolist(), horizon, half_life
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert math.isnan(found[0])


@FEW
@given(markets.bars(least=2), st.floats(1e-6, 1e6))
def test_volatility_does_not_depend_on_the_price_level(bars, factor):
    np.testing.assert_allclose(
        ewma_volatility(bars.close * factor, bars.end_ms),
        ewma_volatility(bars.close, bars.end_ms),
        rtol=1e-6,
        atol=1e-9,
    )
