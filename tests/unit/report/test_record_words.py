"""Records in words: the figures, the markets, the days, and that chance is not ruled out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forcedflow.playbook.past_legs import PastLegs
from forcedflow.playbook.record import LegRecord, RegimeRate, RegimeRecord, Scored
from forcedflow.report.record_words import leg_record_words, regime_record_words
from forcedflow.units import DAY_MS

FIRST_MS = 1_767_225_600_000  # 2026-01-01
SCORED = Scored(
    "binance",
    ("BTC/USDT:USDT", "ETH/USDT:USDT"),
    FIRST_MS,
    FIRST_MS + 59 * DAY_MS,
    simulated=False,
)
RATE = RegimeRate(
    "crowded_longs", "down", "72h", "skew", "matched", "", 25, 24, 0.1, 0.2, -0.1, -0.4, 0.2, 0.9
)


def legs(net_bps):
    net = np.array(net_bps, dtype=np.float64)
    at_ms = FIRST_MS + DAY_MS * np.arange(net.size)
    return LegRecord(SCORED, PastLegs(at_ms + 1, at_ms, np.zeros(net.size, np.int64), net, 1e4))


@pytest.mark.parametrize(
    ("net_bps", "told"),
    [
        ([20.0, -20.0] * 20, "cannot be told from zero"),
        ([-5.0, -3.0] * 20, "a loss"),
        ([5.0, 3.0] * 20, "above zero"),
    ],
)
def test_plans_are_told_with_interval_number_days_and_end(net_bps, told):
    words = leg_record_words(legs(net_bps))
    assert words.endswith(f"], 40 plans on 40 days (BTC, ETH, 2026-01-01 to 2026-03-01): {told}")
    assert words.startswith("plans like this came to ")
    assert "bps after costs at $10.0K [" in words


def test_too_few_plans_are_no_base_rate_and_plans_without_costs_do_not_count():
    words = leg_record_words(legs([1.0] * 12 + [float("nan")] * 40))
    assert words.startswith("no base rate: 12 plans on 12 days")


def test_a_regime_is_told_with_what_moments_alike_came_to():
    words = regime_record_words(RegimeRecord(SCORED, (RATE,)), "crowded_longs")
    assert words == (
        "skew, 72h, down: +0.10 beside +0.20 at moments alike, gain [−0.40, +0.20], 25 on 24 days: "
        "cannot be told from chance; (BTC, ETH, 2026-01-01 to 2026-03-01)"
    )


def test_only_an_interval_on_one_side_that_survives_adjusting_is_shown():
    shown = replace(RATE, low=0.1, high=0.4, p_adj=0.01)
    assert shown.shown
    assert not replace(shown, p_adj=0.2).shown
    assert not replace(shown, p_adj=None).shown
    against = replace(RATE, low=-0.4, high=-0.1, p_adj=0.01)
    assert against.refuted
    assert not against.shown
    assert "the opposite" in regime_record_words(RegimeRecord(SCORED, (against,)), "crowded_longs")


def test_without_a_named_regime_the_record_counts_what_was_shown():
    record = RegimeRecord(SCORED, (RATE, replace(RATE, low=0.1, high=0.4, p_adj=0.01)))
    words = regime_record_words(record, "unclassified")
    assert words.startswith("none is named now; of 2 claims 1 were shown")
    assert "too rarely" in regime_record_words(record, "crowded_shorts")


def test_a_record_of_a_simulated_market_says_so():
    words = leg_record_words(
        replace(legs([1.0, -1.0] * 20), scored=replace(SCORED, simulated=True))
    )
    assert "SIMULATED" in words
