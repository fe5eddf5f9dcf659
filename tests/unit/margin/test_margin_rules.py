from __future__ import annotations

import pytest

from forcedflow.instruments import VENUES
from forcedflow.margin import rule_for
from forcedflow.margin.rules import RULES

NOW = 1_795_392_000_000


def test_every_known_venue_has_a_rule_for_linear_contracts():
    assert all(rule_for(venue, "linear", NOW).venue == venue for venue in VENUES)


@pytest.mark.parametrize(
    ("venue", "kind", "at_ms", "value", "fee"),
    [
        ("binance", "linear", NOW, "mark", 0.0),
        ("bybit", "linear", 1_767_225_599_999, "entry", 0.0),
        ("bybit", "linear", 1_767_225_600_000, "mark", 0.0),
        ("bybit", "inverse", 1_600_000_000_000, "entry", 0.00075),
        ("bybit", "inverse", 1_704_067_200_000, "entry", 0.0),
        ("bybit", "inverse", NOW, "mark", 0.0),
        ("kucoin", "linear", 1_747_871_999_999, "entry", 0.0),
        ("kucoin", "linear", 1_747_872_000_000, "mark", 0.0006),
        ("mexc", "linear", NOW, "entry", 0.0),
        ("okx", "linear", NOW, "mark", 0.0005),
        ("bitget", "linear", NOW, "mark", 0.0006),
        ("hyperliquid", "linear", NOW, "mark", 0.0),
        ("sandbox", "linear", 0, "mark", 0.0),
        ("sandbox-sampled", "linear", 0, "mark", 0.0),
        ("sandbox-dark", "linear", 0, "mark", 0.0),
    ],
)
def test_the_rule_is_the_venues_own_on_the_day(venue, kind, at_ms, value, fee):
    rule = rule_for(venue, kind, at_ms)
    assert (rule.maintenance_value, rule.fee_rate) == (value, fee)


@pytest.mark.parametrize(
    ("venue", "kind"), [("nowhere", "linear"), ("okx", "inverse"), ("binance", "spot")]
)
def test_an_unknown_rule_is_refused_by_naming_the_known_ones(venue, kind):
    with pytest.raises(ValueError, match=r"no margin rule for .*binance inverse, binance linear"):
        rule_for(venue, kind, NOW)


def test_rules_of_a_venue_start_on_different_days_and_name_their_page():
    starts = [(rule.venue, rule.kind, rule.effective_ms) for rule in RULES]
    assert len(set(starts)) == len(starts)
    assert all(rule.source for rule in RULES)
