"""The checklist of recorded moments: a quiet day, a rise, and the fall of February."""

from __future__ import annotations

from datetime import datetime

import pytest

from forcedflow.asof.situation import read_situation
from forcedflow.instruments import parse_symbol
from forcedflow.playbook.checklist import RULES, fill

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def checklist(imported_lake):
    def filled(coin, text):
        at_ms = int(datetime.fromisoformat(text).timestamp() * 1000)
        situation = read_situation(imported_lake.lake, parse_symbol(coin), at_ms, scenarios=400)
        return fill(situation, equity_usd=10_000, risk_pct=1)

    return filled


@pytest.mark.parametrize("coin", ["BTC", "DOGE"])
@pytest.mark.parametrize("text", ["2025-12-25T00:00Z", "2026-02-05T12:00Z"])
def test_every_line_is_answered_or_says_why_not(checklist, coin, text):
    found = checklist(coin, text)
    assert list(found.checks) == list(RULES)
    assert not found.situation.simulated
    for key, check in found.checks.items():
        assert check.verdict in RULES[key]
        assert (check.verdict == "unknown") == ("unknown" in check.evidence)
    # The lake holds the open interest of one venue alone.
    assert found.checks["venue_alignment"].verdict == "unknown"
    assert found.checks["oi_trend_4h"].verdict != "unknown"
    assert found.checks["max_loss"].value == 100


def test_in_the_fall_longs_stood_right_below_the_price_and_no_book_was_seen(checklist):
    lines = checklist("BTC", "2026-02-05T18:00Z").checks
    below, above = lines["nearest_cluster_down_pct"], lines["nearest_cluster_up_pct"]
    assert below.verdict == "near"
    assert abs(below.value) < 1 < abs(above.value)
    assert "not measured, by no book known" in lines["liquidity"].evidence
    assert below.age_s == 300


def test_in_the_rise_of_january_shorts_stood_near_and_contracts_rose(checklist):
    lines = checklist("BTC", "2026-01-13T22:00Z").checks
    assert lines["nearest_cluster_up_pct"].verdict == "near"
    assert lines["oi_trend_4h"].verdict == "rising"
