"""What must hold of liquidation prices whatever the position."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.reference import margin as reference

from forcedflow.margin import (
    bankruptcy_price,
    cross_margin,
    fresh_isolated_offset,
    funding_shift,
    liquidation_price,
    liquidation_price_by_brackets,
    rule_for,
    schedule_from_rows,
)

sides = st.sampled_from(["long", "short"])
kinds = st.sampled_from(["linear", "inverse"])
entries = st.floats(1e-3, 1e5)
leverages = st.floats(1.05, 150)
fees = st.sampled_from([0.0, 0.0005, 0.00075])


@st.composite
def schedules(draw, kind="linear"):
    """Draw two to six brackets whose borders lie around a value of one."""
    n = draw(st.integers(2, 6))
    steps = draw(st.lists(st.floats(1.05, 4.0), min_size=n, max_size=n))
    caps = 0.2 * np.cumprod(steps)
    rises = draw(st.lists(st.floats(0.0005, 0.05), min_size=n, max_size=n))
    rates = np.cumsum(rises)
    rows = [(cap, rate, 100.0) for cap, rate in zip(caps.tolist(), rates.tolist(), strict=True)]
    unit = "quote" if kind == "linear" else "base"
    return schedule_from_rows("binance", "*", 0, rows, source="drawn", unit=unit)


def value_at(price, size, kind):
    return size * price if kind == "linear" else size / price


def size_worth(value, entry, kind):
    return value / entry if kind == "linear" else value * entry


def rule_of(kind, tiering="gradient"):
    return replace(rule_for("binance", kind, 0), tiering=tiering)


@given(st.data(), kinds, sides, entries, st.floats(0.05, 20), st.floats(1.01, 100), fees)
@settings(deadline=None, max_examples=300)
@pytest.mark.parametrize("tiering", ["gradient", "flat"])
def test_the_bracket_search_equals_bisection_on_the_mark_price(
    tiering, data, kind, side, entry, value, leverage, fee
):
    schedule = data.draw(schedules(kind))
    size, margin = size_worth(value, entry, kind), value / leverage
    used = schedule.flat() if tiering == "flat" else schedule
    tiers = tuple(
        reference.Tier(b.notional_cap, b.maintenance_margin_rate, b.maintenance_amount)
        for b in used.brackets
    )
    account = reference.Account(entry, size, margin, side, kind, tiers, fee)
    assume(account.is_covered(entry))
    # Beside a border or at the very edge of cover the answer hangs on the last bit.
    assume(not any(math.isclose(value, tier.cap, rel_tol=1e-9) for tier in tiers))
    assume(account.equity(entry) - account.maintenance(value) - fee * value > 1e-9 * value)

    found = float(
        liquidation_price_by_brackets(
            entry, size, margin, side, schedule, rule_of(kind, tiering), fee=fee
        )
    )
    expected = reference.liquidation_price(account)
    if expected is None:
        assert math.isnan(found) or not 1e-11 < found / entry < 1e11
    else:
        assert found == pytest.approx(expected, rel=1e-7)


@given(st.data(), kinds, sides, entries, st.floats(0.05, 20), st.floats(-0.5, 2), fees)
@settings(deadline=None)
def test_equity_equals_maintenance_at_the_price_found_whatever_the_margin(
    data, kind, side, entry, value, margin, fee
):
    schedule = data.draw(schedules(kind))
    size = size_worth(value, entry, kind)
    price = float(
        liquidation_price_by_brackets(entry, size, margin, side, schedule, rule_of(kind), fee=fee)
    )
    assume(not math.isnan(price))
    tiers = tuple(
        reference.Tier(b.notional_cap, b.maintenance_margin_rate, b.maintenance_amount)
        for b in schedule.brackets
    )
    account = reference.Account(entry, size, margin, side, kind, tiers, fee)
    there = account.value(price)
    needed = account.maintenance(there) + fee * there
    assert account.equity(price) == pytest.approx(needed, abs=1e-9 * (1 + value + there))


@given(st.data(), kinds, st.floats(1.01, 5), leverages)
@settings(deadline=None)
def test_many_positions_at_once_equal_one_at_a_time(data, kind, value, leverage):
    schedule = data.draw(schedules(kind))
    values = value * np.array([[0.1, 0.5, 1.0], [2.0, 5.0, 9.0]])
    size = size_worth(values, 100.0, kind)
    side = np.array(["long", "short", "long"])
    args = (schedule, rule_of(kind))
    together = liquidation_price_by_brackets(100.0, size, values / leverage, side, *args)
    for row, column in np.ndindex(values.shape):
        margin = values[row, column] / leverage
        alone = liquidation_price_by_brackets(
            100.0, size[row, column], margin, str(side[column]), *args
        )
        np.testing.assert_array_equal(together[row, column], alone)


@given(kinds, sides, entries, st.floats(1e-3, 1e3), leverages, st.floats(0, 0.9), fees)
@settings(deadline=None)
@example("linear", "long", 100.0, 1.0, 10.0, 0.5, 0.0)
def test_liquidation_lies_between_bankruptcy_and_entry(
    kind, side, entry, value, leverage, part, fee
):
    assume(1 / leverage > 1.1 * fee)
    mmr = part * (1 / leverage - fee)
    size, margin = size_worth(value, entry, kind), value / leverage
    liquidation = float(liquidation_price(entry, size, margin, side, mmr=mmr, fee=fee, kind=kind))
    bankruptcy = float(bankruptcy_price(entry, size, margin, side, kind=kind))
    bound = 1e-12 * entry
    if side == "long":
        assert bankruptcy - bound <= liquidation < entry
    else:
        assert entry < liquidation <= bankruptcy + bound


@given(st.data(), kinds, sides, entries, st.floats(1.1, 100))
@settings(deadline=None)
def test_liquidation_prices_do_not_jump_where_brackets_meet(data, kind, side, entry, leverage):
    schedule = data.draw(schedules(kind))
    border = data.draw(st.sampled_from(schedule.brackets[:-1]))
    # The value at entry for which liquidation falls exactly on the border.
    loses_falling = (side == "long") == (kind == "linear")
    direction = 1 if loses_falling else -1
    needed = border.maintenance_margin(border.notional_cap)
    value = (needed - direction * border.notional_cap) / (1 / leverage - direction)
    around = value * np.array([1 - 1e-9, 1.0, 1 + 1e-9])
    size = size_worth(around, entry, kind)
    prices = liquidation_price_by_brackets(
        entry, size, around / leverage, side, schedule, rule_of(kind)
    )
    at_border = value_at(prices, size, kind)
    np.testing.assert_allclose(at_border, border.notional_cap, rtol=1e-6)


@given(kinds, sides, entries, st.floats(1.5, 100), st.floats(0, 0.2))
@settings(deadline=None)
def test_more_margin_moves_liquidation_away_from_the_entry(kind, side, entry, leverage, mmr):
    size = size_worth(1.0, entry, kind)
    margins = np.array([1.0, 1.1]) / leverage
    near, far = liquidation_price(entry, size, margins, side, mmr=mmr, kind=kind)
    assert far < near if side == "long" else far > near


@given(sides, leverages, st.floats(0, 0.9), entries)
@settings(deadline=None)
def test_small_moves_are_the_same_for_linear_and_inverse(side, leverage, part, entry):
    mmr = part / leverage
    linear = liquidation_price(entry, 1 / entry, 1 / leverage, side, mmr=mmr)
    inverse = liquidation_price(entry, entry, 1 / leverage, side, mmr=mmr, kind="inverse")
    ratio = (float(inverse) - entry) / (float(linear) - entry)
    if math.isnan(ratio):
        assert leverage < 2
    else:
        # To first order in 1/L the distances agree, so their ratio differs from 1 by about 2/L.
        assert abs(ratio - 1) <= 2 / (leverage - 1) + 1e-6 * leverage


@given(sides, entries, st.floats(0.01, 10), leverages, st.floats(-0.5, 0.5), st.floats(0.2, 3))
@settings(deadline=None)
def test_at_a_cross_liquidation_price_the_whole_account_just_covers_its_maintenance(
    side, entry, value, leverage, other_profit, other_value
):
    rate, other_rate = 0.005, 0.01
    wallet = value / leverage + abs(other_profit) + other_rate * other_value
    margin = cross_margin(wallet, other_rate * other_value, other_profit)
    size = value / entry
    price = float(liquidation_price(entry, size, margin, side, mmr=rate))
    assume(not math.isnan(price))
    sign = 1 if side == "long" else -1
    account_equity = wallet + other_profit + sign * size * (price - entry)
    account_maintenance = other_rate * other_value + rate * size * price
    assert account_equity == pytest.approx(account_maintenance, abs=1e-9 * (1 + value + wallet))


@given(kinds, sides, entries, leverages, st.floats(0, 0.5))
@settings(deadline=None)
def test_a_cross_account_with_one_position_is_isolated_with_the_whole_wallet(
    kind, side, entry, wallet_leverage, mmr
):
    size, wallet = size_worth(1.0, entry, kind), 1 / wallet_leverage
    crossed = liquidation_price(entry, size, cross_margin(wallet), side, mmr=mmr, kind=kind)
    isolated = liquidation_price(entry, size, wallet, side, mmr=mmr, kind=kind)
    np.testing.assert_array_equal(crossed, isolated)


@given(kinds, sides, entries, leverages, st.floats(1e-6, 1e6), st.sampled_from(["mark", "entry"]))
@settings(deadline=None)
def test_without_a_maintenance_amount_size_does_not_matter(
    kind, side, entry, leverage, factor, variant
):
    size = size_worth(1.0, entry, kind)
    terms = {"mmr": 0.005, "fee": 0.0005, "kind": kind, "maintenance_value": variant}
    one = liquidation_price(entry, size, 1 / leverage, side, **terms)
    many = liquidation_price(entry, size * factor, factor / leverage, side, **terms)
    np.testing.assert_allclose(many, one, rtol=1e-9, atol=1e-9 * entry)


@given(sides, entries, st.floats(1.5, 100), st.floats(0, 0.9), fees)
@settings(deadline=None)
def test_the_fresh_offset_is_the_liquidation_price_over_the_entry(side, entry, leverage, part, fee):
    assume(1 / leverage > 1.1 * fee)
    mmr = part * (1 / leverage - fee)
    ratio = float(fresh_isolated_offset(leverage, mmr, fee, side))
    price = float(liquidation_price(entry, 1.0, entry / leverage, side, mmr=mmr, fee=fee))
    assert ratio == pytest.approx(price / entry, rel=1e-12)


@given(sides, st.floats(0.1, 10), st.floats(0, 0.2), fees, st.floats(-0.01, 0.01))
@settings(deadline=None)
def test_funding_paid_moves_the_price_by_the_stated_shift(side, size, mmr, fee, paid):
    terms = {"entry": 100.0, "size": size, "margin": 30.0 * size, "side": side}
    before = float(liquidation_price(**terms, mmr=mmr, fee=fee))
    after = float(liquidation_price(**terms, mmr=mmr, fee=fee, funding_paid=paid))
    shift = float(funding_shift(size, side, mmr=mmr, fee=fee))
    assert after - before == pytest.approx(shift * paid, abs=1e-10)
