"""In which order a scan shows markets: by hand."""

from __future__ import annotations

import math

import pytest
from tests.reference.feature_tables import lay

from forcedflow.answers.scan import order_of
from forcedflow.report.signals_terminal import MarketSignals
from forcedflow.signals.score import Loading


def _market(name, score, sigma, crowding):
    loading = Loading(score, 0.0, 0.0, 8.0, 8.0, (), (), ())
    table = lay({"cluster_below_sigma": sigma, "cluster_above_sigma": 9.0 + sigma})
    return MarketSignals(name, "binance", table, (), loading, 50.0, crowding, "")


MARKETS = [
    _market("unknown", math.nan, math.nan, math.nan),
    _market("loaded", 60.0, 2.0, 0.1),
    _market("near", 20.0, 0.2, 0.3),
    _market("crowded", 20.0, 1.0, -0.95),
]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("loading", ["loaded", "near", "crowded", "unknown"]),
        ("zone", ["near", "crowded", "loaded", "unknown"]),
        ("crowding", ["crowded", "near", "loaded", "unknown"]),
    ],
)
def test_what_was_asked_for_comes_first_ties_go_to_the_others_and_the_unknown_last(by, names):
    found = sorted(MARKETS, key=lambda market: order_of(market, by))
    assert [market.symbol for market in found] == names
