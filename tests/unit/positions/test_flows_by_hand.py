"""Flows of single bars, and how they name what they rest on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.reference import markets

from forcedflow.positions import infer_flows


def test_fresh_money_opens_both_sides_alike():
    # 100 traded, open interest up by 40: 70 opened and 30 closed on each side.
    flows = infer_flows(markets.bars_of([100.0], volume=100.0, change=40.0))
    assert flows.opens_long.sum() == pytest.approx(70.0)
    assert flows.opens_short.sum() == pytest.approx(70.0)
    assert (flows.closes_long[0], flows.closes_short[0]) == pytest.approx((30.0, 30.0))


def test_takers_who_bought_three_quarters_open_more_longs_within_the_bound():
    flows = infer_flows(markets.bars_of([100.0], volume=100.0, change=40.0, taker=0.75))
    # z = 70 · 0.5 = 35, but at most (100 − 40)/2 = 30: no long is closed below zero.
    assert flows.opens_long.sum() == pytest.approx(100.0)
    assert flows.opens_short.sum() == pytest.approx(40.0)
    assert (flows.closes_long[0], flows.closes_short[0]) == pytest.approx((60.0, 0.0))
    assert flows.opens_long[0] == pytest.approx([75.0, 25.0])
    assert flows.opens_short[0] == pytest.approx([10.0, 30.0])


def test_unknown_volume_leaves_only_the_net_change():
    flows = infer_flows(markets.bars_of([100.0, 100.0], change=[40.0, -40.0]))
    assert flows.opens_long.sum(axis=1) == pytest.approx([40.0, 0.0])
    assert flows.closes_short == pytest.approx([0.0, 40.0])
    assert "no volume: net change of open interest only (all of bars)" in flows.inputs


def test_volume_below_the_change_of_open_interest_is_raised_to_it():
    flows = infer_flows(markets.bars_of([100.0], volume=10.0, change=-25.0))
    assert flows.opens_long.sum() == 0.0
    assert flows.closes_long[0] == pytest.approx(25.0)


def test_unknown_taker_flow_splits_every_open_evenly_between_the_roles():
    flows = infer_flows(markets.bars_of([100.0], volume=100.0))
    assert flows.opens_long[0] == pytest.approx([25.0, 25.0])
    assert "no taker flow: both sides open alike" in flows.inputs


def test_inputs_are_named_with_their_share_of_bars():
    bars = markets.bars_of(
        np.full(4, 100.0), volume=[10.0, 10.0, 10.0, math.nan], taker=[0.5, math.nan, math.nan, 0.5]
    )
    assert infer_flows(bars).inputs == (
        "open interest",
        "volume of the bar itself (75.0 % of bars)",
        "no volume: net change of open interest only (25.0 % of bars)",
        "taker flow (50.0 % of bars)",
        "mark price at the ends of bars only",
    )


def test_no_bars_have_no_flows():
    flows = infer_flows(markets.bars_of([]))
    assert flows.opens_long.shape == (0, 2)
