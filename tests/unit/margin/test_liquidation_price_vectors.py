"""The venues' own worked examples, each by its number in docs/theory/margin.md."""

from __future__ import annotations

import numpy as np
import pytest

from forcedflow.margin import (
    Bracket,
    bankruptcy_price,
    cross_margin,
    default_schedules,
    liquidation_price,
    liquidation_price_by_brackets,
    rule_for,
    schedule_from_rows,
)

WALLET = 1_535_443.01
ETH = {"entry": 1_456.84, "size": 3_683.979, "mmr": 0.10, "maintenance_amount": 135_365.0}
BTC = {"entry": 32_481.98, "size": 109.488, "mmr": 0.025, "maintenance_amount": 16_300.0}
ETH_MARK, BTC_MARK = 1_335.18, 31_967.27


def other_maintenance(position, mark):
    return position["size"] * mark * position["mmr"] - position["maintenance_amount"]


def other_profit(position, mark):
    return position["size"] * (mark - position["entry"])


def scalar(prices):
    assert prices.shape == ()
    return float(prices)


def test_vector_1_binance_cross_eth_beside_a_btc_long():
    maintenance, profit = other_maintenance(BTC, BTC_MARK), other_profit(BTC, BTC_MARK)
    assert maintenance == pytest.approx(71_200.81, abs=0.005)
    assert profit == pytest.approx(-56_354.57, abs=0.005)
    margin = cross_margin(WALLET, maintenance, profit)
    price = scalar(liquidation_price(margin=margin, side="long", **ETH))
    assert price == pytest.approx(1_153.26, abs=0.005)
    assert price == pytest.approx(1_153.2565, abs=5e-5)


def test_vector_2_binance_cross_btc_beside_an_eth_long():
    maintenance, profit = other_maintenance(ETH, ETH_MARK), other_profit(ETH, ETH_MARK)
    assert maintenance == pytest.approx(356_512.51, abs=0.005)
    assert profit == pytest.approx(-448_192.89, abs=0.005)
    margin = cross_margin(WALLET, maintenance, profit)
    price = scalar(liquidation_price(margin=margin, side="long", **BTC))
    assert price == pytest.approx(26_316.89, abs=0.005)
    assert price == pytest.approx(26_316.8933, abs=5e-5)


def test_vectors_3_and_4_binance_with_no_other_position():
    eth = scalar(liquidation_price(margin=WALLET, side="long", **ETH))
    btc = scalar(liquidation_price(margin=WALLET, side="long", **BTC))
    assert eth == pytest.approx(1_114.78, abs=0.005)
    assert btc == pytest.approx(18_778.73, abs=0.005)


def test_vector_5_binance_btcusdt_maintenance_amounts_of_2021():
    caps = [50e3, 250e3, 1e6, 10e6, 20e6, 50e6, 100e6, 200e6, 300e6, 500e6]
    rates = [0.004, 0.005, 0.01, 0.025, 0.05, 0.10, 0.125, 0.15, 0.25, 0.50]
    leverages = [125, 100, 50, 20, 10, 5, 4, 3, 2, 1]
    rows = zip(caps, rates, leverages, strict=True)
    schedule = schedule_from_rows("binance", "BTC/USDT:USDT", 0, rows, source="FAQ of 2021")
    assert [bracket.maintenance_amount for bracket in schedule.brackets] == pytest.approx(
        [0, 50, 1_300, 16_300, 266_300, 1_266_300, 2_516_300, 5_016_300, 25_016_300, 100_016_300],
        abs=1e-6,
    )


def test_vector_6_binance_coin_margined_maintenance_amount():
    below = Bracket(20.0, 50.0, 20, 0.025, 0.56)
    above = Bracket(50.0, 100.0, 10, 0.05, 1.81)
    assert below.maintenance_margin(50.0) == pytest.approx(above.maintenance_margin(50.0))
    # The recursion itself: floor 50 BTC, a step of 2.5 %, from an amount of 0.56 BTC.
    rows = [(22.4, 0.0, 125), (50.0, 0.025, 20), (100.0, 0.05, 10)]
    schedule = schedule_from_rows("binance", "BTC/USD:BTC", 0, rows, source="FAQ", unit="base")
    amounts = [bracket.maintenance_amount for bracket in schedule.brackets]
    assert amounts == pytest.approx([0.0, 0.56, 1.81])


def test_vector_7_bybit_usdt_long_on_entry_value_and_its_mark_value_form():
    terms = {"entry": 20_000.0, "size": 1.0, "margin": 400.0, "side": "long", "mmr": 0.005}
    on_entry = scalar(liquidation_price(**terms, maintenance_value="entry"))
    on_mark = scalar(liquidation_price(**terms))
    assert on_entry == pytest.approx(19_700.0, abs=1e-9)
    assert on_mark == pytest.approx(19_698.49, abs=0.005)


@pytest.mark.parametrize(("variant", "expected"), [("entry", 55_248.62), ("mark", 55_277.78)])
def test_vectors_8_and_9_bybit_inverse_short_on_the_pages_of_2024_and_2026(variant, expected):
    price = liquidation_price(
        50_000.0,
        60_000.0,
        0.12,
        "short",
        mmr=0.005,
        kind="inverse",
        maintenance_value=variant,
    )
    assert scalar(price) == pytest.approx(expected, abs=0.005)


def test_vector_10_bybit_inverse_cross_of_2020_reserves_the_fee_at_bankruptcy():
    rule = rule_for("bybit", "inverse", 1_600_000_000_000)
    position = {"entry": 8_000.0, "size": 10_000.0, "margin": 0.5, "side": "long"}
    bankruptcy = scalar(bankruptcy_price(**position, fee=rule.fee_rate, kind="inverse"))
    price = scalar(
        liquidation_price(
            **position,
            mmr=0.005,
            fee=rule.fee_rate,
            kind="inverse",
            maintenance_value=rule.maintenance_value,
        )
    )
    assert bankruptcy == pytest.approx(5_718.57, abs=0.005)
    assert price == pytest.approx(5_739.08, abs=0.005)
    assert price == pytest.approx(5_739.50, abs=0.5)


def test_vector_11_bybit_bankruptcy_of_a_50x_long():
    assert scalar(bankruptcy_price(10_000.0, 1.0, 200.0, "long")) == 9_800.0


def test_vectors_12_and_13_kucoin_before_may_2025():
    rule = rule_for("kucoin", "linear", 1_700_000_000_000)
    price = liquidation_price(
        28_000.0,
        5 * 0.001,
        1.4,
        "short",
        mmr=0.004,
        fee=rule.fee_rate,
        maintenance_value=rule.maintenance_value,
    )
    assert scalar(price) == pytest.approx(28_168.0, abs=1e-6)
    (schedule,) = default_schedules("kucoin")
    tier = Bracket(0.0, schedule.last_cap, 125, 0.004, 0.0)
    assert schedule.brackets == (tier,)
    assert tier.maintenance_margin(10_000 * 0.001 * 30_000) == pytest.approx(1_200.0)


def test_vector_14_mexc_long_on_entry_value():
    rule = rule_for("mexc", "linear", 1_790_000_000_000)
    schedule = schedule_from_rows("mexc", "*", 0, [(1e6, 0.004, 125)], source="example")
    price = liquidation_price_by_brackets(50_000.0, 0.1, 200.0, "long", schedule, rule)
    assert scalar(price) == pytest.approx(48_200.0, abs=1e-9)


def test_vector_15_phemex_long_with_fee():
    rule = rule_for("phemex", "linear", 1_790_000_000_000)
    price = liquidation_price(0.4, 500.0, 40.096, "long", mmr=0.01, fee=rule.fee_rate)
    assert scalar(price) == pytest.approx(0.32323, abs=5e-6)


@pytest.mark.parametrize(
    ("kind", "size", "margin", "long", "short"),
    [
        pytest.param("linear", 0.1, 500.0, 45_260.2464, 54_685.5580, id="16"),
        pytest.param("inverse", 60_000.0, 0.12, 45_715.9091, 55_236.1111, id="17"),
    ],
)
def test_vectors_16_and_17_gate_reserves_the_taker_fee(kind, size, margin, long, short):
    fee = rule_for("gate", kind, 1_790_000_000_000).fee_rate
    prices = liquidation_price(
        50_000.0, size, margin, ["long", "short"], mmr=0.005, fee=fee, kind=kind
    )
    np.testing.assert_allclose(prices, [long, short], atol=5e-5, rtol=0)


def test_vector_18_gate_charges_each_slice_its_own_rate_since_july_2025():
    rows = [(1.1e6, 0.004, 125), (2e6, 0.005, 100)]
    schedule = schedule_from_rows("gate", "BTC/USDT:USDT", 0, rows, source="notice")
    bracket = schedule.at_notional(1.2e6)
    assert bracket.maintenance_margin(1.2e6) == pytest.approx(4_900.0)
    (_, flat) = schedule.flat().brackets
    assert flat.maintenance_margin(1.2e6) == pytest.approx(6_000.0)
    assert rule_for("gate", "linear", 1_753_747_199_999).tiering == "flat"
    assert rule_for("gate", "linear", 1_753_747_200_000).tiering == "gradient"


def test_vector_22_hyperliquid_second_tier_deducts_1_875_000():
    (schedule,) = default_schedules("hyperliquid")
    assert schedule.brackets[1].maintenance_amount == pytest.approx(1_875_000.0)
    assert schedule.brackets[1].maintenance_margin(200e6) == pytest.approx(3_125_000.0)
