"""Where there is no liquidation price, or none may be computed."""

from __future__ import annotations

import numpy as np
import pytest

from forcedflow.margin import (
    bankruptcy_price,
    default_schedules,
    fresh_isolated_offset,
    liquidation_price,
    liquidation_price_by_brackets,
    rule_for,
    schedule_as_of,
    schedule_from_rows,
)

LINEAR = rule_for("binance", "linear", 0)
ROWS = [(50e3, 0.004, 125), (250e3, 0.005, 100), (1e6, 0.01, 50)]


def schedule(unit="quote"):
    return schedule_from_rows("binance", "BTC/USDT:USDT", 0, ROWS, source="test", unit=unit)


def test_a_long_with_margin_for_the_whole_fall_has_no_liquidation_price():
    prices = liquidation_price(100.0, 1.0, [99.0, 100.0, 150.0], "long", mmr=0.01)
    assert np.isnan(prices).tolist() == [False, True, True]
    assert np.isnan(bankruptcy_price(100.0, 1.0, 100.0, "long"))


def test_an_inverse_short_at_leverage_one_has_no_liquidation_price():
    # One dollar short at 100 with a margin of 0.01 coins is flat in dollars.
    prices = liquidation_price(100.0, 1.0, [0.009, 0.01, 0.02], "short", mmr=0.005, kind="inverse")
    assert np.isnan(prices).tolist() == [False, True, True]


def test_no_price_solves_where_maintenance_and_fee_take_all():
    assert np.isnan(liquidation_price(100.0, 1.0, 10.0, "long", mmr=0.99, fee=0.01))
    assert float(liquidation_price(100.0, 1.0, 10.0, "short", mmr=0.99, fee=0.01)) == 55.0


def test_a_position_without_cover_at_entry_is_liquidated_on_its_winning_side():
    by_brackets = liquidation_price_by_brackets(
        50e3, [1.0, 1.0], 100.0, ["long", "short"], schedule(), LINEAR
    )
    assert by_brackets[0] > 50e3 > by_brackets[1]
    # The long's price lies in the second bracket, above 50,000; the short's in the first.
    plain = liquidation_price(
        50e3, 1.0, 100.0, ["long", "short"], mmr=[0.005, 0.004], maintenance_amount=[50.0, 0.0]
    )
    np.testing.assert_allclose(by_brackets, plain, rtol=1e-12)


def test_under_flat_tiering_a_short_is_liquidated_at_the_border_it_cannot_cross():
    flat = rule_for("gate", "linear", 0)
    assert flat.tiering == "flat"
    # At a value of 50,000 the rate steps from 1 % to 30 %: 500 is covered, 15,000 is not.
    steep = schedule_from_rows("gate", "*", 0, [(50e3, 0.01, 50), (1e6, 0.30, 3)], source="test")
    price = liquidation_price_by_brackets(40e3, 1.0, 13_000.0, "short", steep, flat, fee=0.0)
    assert float(price) == 50e3


def test_a_partial_schedule_answers_up_to_its_last_cap_and_refuses_above():
    partial = schedule_as_of(default_schedules("binance"), "SOL/USDT:USDT", 1_790_726_400_000)
    inside = liquidation_price_by_brackets(100.0, 9_000.0, 45e3, "short", partial, LINEAR)
    assert 100.0 < float(inside) < 1e6 / 9_000.0
    with pytest.raises(ValueError, match="only the brackets up to 1,000,000 quote are known"):
        liquidation_price_by_brackets(100.0, 9_990.0, 49_950.0, "short", partial, LINEAR)
    with pytest.raises(ValueError, match="fetch or import the whole table"):
        liquidation_price_by_brackets(100.0, 10_001.0, 50e3, "long", partial, LINEAR)


def test_brackets_in_the_wrong_coin_are_refused():
    with pytest.raises(ValueError, match="linear contracts need brackets in quote coins"):
        liquidation_price_by_brackets(100.0, 1.0, 10.0, "long", schedule("base"), LINEAR)
    inverse = rule_for("binance", "inverse", 0)
    with pytest.raises(ValueError, match="inverse contracts need brackets in base coins"):
        liquidation_price_by_brackets(100.0, 1.0, 0.001, "long", schedule(), inverse)


def test_rates_that_reach_one_are_refused():
    steep = schedule_from_rows("binance", "*", 0, [(1e6, 0.999, 1)], source="test")
    with pytest.raises(ValueError, match="rates reach 1"):
        liquidation_price_by_brackets(100.0, 1.0, 10.0, "long", steep, LINEAR, fee=0.001)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"entry": 0.0}, "entry must be finite and above 0"),
        ({"entry": np.nan}, "entry must be finite and above 0"),
        ({"size": -1.0}, "size must be finite and above 0"),
        ({"margin": np.inf}, "margin must be finite"),
        ({"mmr": 1.0}, r"mmr must be a fraction in \[0, 1\)"),
        ({"fee": -0.1}, r"fee must be a fraction in \[0, 1\)"),
        ({"side": "buy"}, "side must be 'long' or 'short'"),
        ({"kind": "spot"}, "kind must be 'linear' or 'inverse'"),
        ({"maintenance_value": "last"}, "maintenance_value must be 'mark' or 'entry'"),
    ],
)
def test_what_is_no_position_is_refused(changed, message):
    terms = {"entry": 100.0, "size": 1.0, "margin": 10.0, "side": "long", "mmr": 0.01}
    with pytest.raises(ValueError, match=message):
        liquidation_price(**(terms | changed))


def test_a_fresh_position_that_maintenance_already_exceeds_is_refused():
    with pytest.raises(ValueError, match="would be liquidated at entry"):
        fresh_isolated_offset([10.0, 200.0], 0.005, 0.0, "long")
    with pytest.raises(ValueError, match="leverage must be at least 1"):
        fresh_isolated_offset(0.5, 0.005, 0.0, "long")


def test_a_fresh_long_without_leverage_is_never_liquidated():
    assert np.isnan(fresh_isolated_offset(1.0, 0.005, 0.0, "long"))
    assert float(fresh_isolated_offset(1.0, 0.005, 0.0, "short")) == pytest.approx(2 / 1.005)
