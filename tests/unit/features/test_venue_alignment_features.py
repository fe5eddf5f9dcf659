"""Alignment's columns: who moves first, and what two venues' maps say together."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from forcedflow import Lake
from forcedflow.asof import read_feature_inputs
from forcedflow.asof.map_features import alignment_family, depth_of, map_family, other_venues
from forcedflow.features.grid import lay_times
from forcedflow.features.registry import build_features
from forcedflow.features.table import STEP_MS
from forcedflow.features.venue_alignment import FEATURES, Marks, trailing_lead, venue_lead
from forcedflow.instruments import parse_symbol
from forcedflow.sandbox.market import SandboxMarket
from forcedflow.units import DAY_MS, HOUR_MS

T0 = 1_760_000_400_000 // DAY_MS * DAY_MS
N = 900


def _marks(returns, *, late_ms=0, keep=slice(None)):
    end = T0 + STEP_MS * np.arange(1, returns.size + 1)
    price = 100 * np.exp(np.cumsum(returns))
    return Marks(end[keep], price[keep], (end + late_ms)[keep])


@pytest.fixture(scope="module")
def leader():
    return np.random.default_rng(1).normal(0, 0.001, N)


def test_a_venue_whose_returns_come_a_step_early_leads(leader):
    follower = np.concatenate([[0.0], leader[:-1]])
    times = lay_times(T0, T0 + N * STEP_MS)
    lead = venue_lead([_marks(leader), _marks(follower)], times)
    known = lead[~np.isnan(lead)]
    # A day of returns, the first of which has none before it.
    assert 0.89 * 288 < np.isnan(lead).sum() < 288
    assert known.min() > 0.7
    np.testing.assert_allclose(
        venue_lead([_marks(follower), _marks(leader)], times), -lead, equal_nan=True
    )
    # Against one that follows and one that is ahead just as much, nothing is left.
    between = venue_lead([_marks(follower), _marks(leader), _marks(follower)], times)
    assert np.abs(between[~np.isnan(between)] + known / 2).max() < 0.2


def test_a_lead_counts_from_when_both_prices_were_known(leader):
    follower = np.concatenate([[0.0], leader[:-1]])
    times = lay_times(T0, T0 + N * STEP_MS)
    early = venue_lead([_marks(leader), _marks(follower)], times)
    late = venue_lead([_marks(leader), _marks(follower, late_ms=2 * STEP_MS)], times)
    assert late[2:].tolist()[300:] == early[:-2].tolist()[300:]


def test_hourly_marks_and_lone_venues_have_no_lead(leader):
    times = lay_times(T0, T0 + N * STEP_MS)
    hourly = _marks(leader, keep=slice(11, None, 12))
    assert np.isnan(venue_lead([_marks(leader), hourly], times)).all()
    assert np.isnan(venue_lead([_marks(leader)], times)).all()
    none = np.zeros(0, dtype=np.int64)
    assert np.isnan(venue_lead([_marks(leader), Marks(none, np.zeros(0), none)], times)).all()


def test_a_price_that_does_not_move_leads_nobody():
    assert np.isnan(trailing_lead(np.zeros(50), np.ones(50), 10)).all()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    market = SandboxMarket("calm", 2_000, 4)
    lake = Lake(tmp_path_factory.mktemp("venues") / "lake", create=True)
    end = market.opened_ms + 2 * DAY_MS
    for batch in market.history(0, end):
        lake.write(batch)
    return lake, end


def test_other_venues_are_those_with_open_interest_of_the_coin(sandbox):
    lake, _ = sandbox
    found = other_venues(lake, parse_symbol("SIM", "sandbox"))
    assert [other.venue for other in found] == ["sandbox-dark", "sandbox-sampled"]
    assert {other.symbol for other in found} == {"SIM/USDT:USDT"}
    assert other_venues(lake, parse_symbol("BTC", "sandbox")) == []


def test_both_families_stand_in_the_feature_table_beside_the_others(sandbox):
    lake, end = sandbox
    instrument = parse_symbol("SIM", "sandbox")
    inputs = read_feature_inputs(lake, instrument, end - DAY_MS, end)
    families = [map_family(lake, instrument, end), alignment_family(lake, instrument, end)]
    table = build_features(inputs, families, end - 6 * HOUR_MS)
    assert table.simulated
    assert {feature.name for feature in FEATURES} < set(table.columns)
    # Three venues, one model, one price: alike by construction.
    assert table.last("alignment_below") > 0.95
    assert 0 < table.last("venue_share_of_oi") < 1
    assert abs(table.last("venue_lead")) < 0.5
    assert 0 < table.last("mass_below_3pct") < 1
    assert 0 < table.last("critical_shock_down") <= 0.2
    alone = alignment_family(lake, parse_symbol("SIM", "sandbox-dark"), end)
    assert alone(inputs, table.times_ms)["venue_share_of_oi"][-1] != table.last("venue_share_of_oi")


def test_depth_is_known_at_a_moment_from_bands_known_then(sandbox):
    lake, end = sandbox
    inputs = read_feature_inputs(lake, parse_symbol("SIM", "sandbox"), end - DAY_MS, end)
    depth_at = depth_of(inputs.depth_bands)
    moment = end - 6 * HOUR_MS
    down, up = depth_at(moment)
    assert (down.direction, up.direction) == ("down", "up")
    assert max(down.at_ms, up.at_ms) <= moment
    first = int(inputs.depth_bands.select(pl.col("available_time").dt.epoch("ms").min()).item())
    assert depth_at(first - STEP_MS) is None
    assert depth_at(end + DAY_MS) is None
