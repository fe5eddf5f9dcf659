"""Features of small markets, against figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.reference import feature_markets as markets

from forcedflow.features import (
    basis,
    depth,
    flow,
    funding,
    liquidations,
    open_interest,
    price,
    ratios,
    sweeps,
    volatility,
)
from forcedflow.features.grid import lay_times
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.volatility import ewma_volatility

T0, FIVE = markets.MONDAY_MS, 5 * MINUTE_MS


def hours(n):
    return T0 + HOUR_MS * np.arange(1, n + 1)


def last(family, inputs, start_ms=T0):
    columns = family.compute(inputs, lay_times(start_ms, inputs.at_ms))
    return {name: float(column[-1]) for name, column in columns.items()}


def at(end_ms, **frames):
    return markets.inputs_of(int(end_ms), **frames)


# price


def test_the_price_is_the_mark_while_it_is_live_and_the_last_trade_when_it_is_not():
    ends = hours(3)
    trades = markets.klines(ends, [100.0, 101.0, 102.0], HOUR_MS)
    marks = markets.interest([T0 + 2 * HOUR_MS], [10.0], [200.0], FIVE)
    columns = price.compute(
        at(ends[-1], trade_klines=trades, open_interest=marks),
        times := lay_times(T0, int(ends[-1])),
    )
    held = dict(zip(((times - T0) // MINUTE_MS).tolist(), columns["price"].tolist(), strict=True))
    assert math.isnan(held[55])
    assert held[60] == held[115] == 100.0
    assert held[120] == 101.0  # the mark of this moment is known five minutes later
    assert held[125] == held[135] == 200.0
    assert held[175] == 200.0  # it brings nothing new, but no trade is newer
    assert held[180] == 102.0


def test_a_price_of_ninety_minutes_ago_is_none():
    trades = markets.klines(hours(1), [100.0], HOUR_MS)
    assert last(price, at(T0 + 150 * MINUTE_MS, trade_klines=trades))["price"] == 100.0
    assert math.isnan(last(price, at(T0 + 155 * MINUTE_MS, trade_klines=trades))["price"])


def test_returns_are_logs_over_their_window():
    trades = markets.klines(hours(30), 100.0 * 1.01 ** np.arange(30), HOUR_MS)
    found = last(price, at(hours(30)[-1], trade_klines=trades))
    for name, n in (("return_1h", 1), ("return_4h", 4), ("return_24h", 24)):
        assert found[name] == pytest.approx(n * math.log(1.01))


def test_the_days_before_and_the_last_day_have_their_extremes():
    closes = [100.0] * 48
    closes[5], closes[20], closes[40] = 90.0, 120.0, 110.0
    trades = markets.klines(hours(48), closes, HOUR_MS, spread=0.01)
    found = last(price, at(T0 + 47 * HOUR_MS, trade_klines=trades))
    assert found["prior_day_high"] == pytest.approx(120.0 * 1.01)
    assert found["prior_day_low"] == pytest.approx(90.0 * 0.99)
    assert found["range_high_24h"] == pytest.approx(110.0 * 1.01)
    assert found["range_low_24h"] == pytest.approx(99.0)


def test_the_volume_weighted_price_begins_anew_at_midnight_and_on_monday():
    closes = [100.0] * 24 + [200.0, 400.0]
    trades = markets.klines(hours(26), closes, HOUR_MS, volume=[1.0] * 24 + [3.0, 1.0])
    found = last(price, at(hours(26)[-1], trade_klines=trades))
    assert found["vwap_day"] == pytest.approx((3 * 200 + 400) / 4)
    assert found["vwap_week"] == pytest.approx((24 * 100 + 3 * 200 + 400) / 28)


def test_bars_without_a_volume_give_no_volume_weighted_price():
    trades = markets.klines(hours(26), [100.0] * 26, HOUR_MS)
    assert math.isnan(last(price, at(hours(26)[-1], trade_klines=trades))["vwap_day"])


@pytest.mark.parametrize(
    ("hour", "session"), [(0, 0), (6, 0), (7, 1), (12, 1), (13, 2), (20, 2), (21, 0), (23, 0)]
)
def test_the_session_follows_the_hour(hour, session):
    found = last(price, at(T0 + DAY_MS + hour * HOUR_MS))
    assert found["session"] == session
    assert found["hour_of_week"] == 24 + hour


# volatility


def test_realised_deviation_of_constant_steps_is_the_step_scaled_to_a_day():
    fives = T0 + FIVE * np.arange(1, 8 * 288 + 1)
    path = 100.0 * np.exp(0.001 * (np.arange(fives.size) % 2))
    found = last(volatility, at(fives[-1], mark_klines=markets.klines(fives, path, FIVE, "mark")))
    for name in ("sigma_1h", "sigma_24h", "sigma_7d", "sigma_day"):
        assert found[name] == pytest.approx(0.001 * math.sqrt(288)), name
    assert found["range_4h"] == found["range_24h"] == pytest.approx(0.001)


def test_one_price_an_hour_says_nothing_about_the_deviation_of_an_hour():
    trades = markets.klines(hours(30), 100.0 * 1.01 ** np.arange(30), HOUR_MS)
    found = last(volatility, at(hours(30)[-1], trade_klines=trades))
    assert math.isnan(found["sigma_1h"])
    assert found["sigma_24h"] == pytest.approx(math.log(1.01) * math.sqrt(24))


def test_the_expected_deviation_is_the_package_s_own():
    rng = np.random.default_rng(1)
    fives = T0 + FIVE * np.arange(1, 3 * 288)
    path = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.001, fives.size)))
    found = last(volatility, at(fives[-1], mark_klines=markets.klines(fives, path, FIVE, "mark")))
    assert found["sigma_day"] == pytest.approx(ewma_volatility(path, fives)[-1], rel=1e-9)


# open interest


def test_changes_are_of_contracts_not_of_their_value():
    ends = hours(25)
    rows = markets.interest(ends, [100.0] * 24 + [110.0], np.linspace(50, 500, 25))
    found = last(open_interest, at(ends[-1], open_interest=rows))
    assert found["open_interest"] == 110.0
    for name in ("oi_change_1h", "oi_change_4h", "oi_change_24h"):
        assert found[name] == pytest.approx(0.1)


# funding


def test_an_hourly_rate_is_scaled_to_eight_hours():
    rows = markets.frame(
        "funding",
        [{"event_time": T0, "funding_rate": 1e-5, "interval_hours": 1.0, "kind": "settled"}],
    )
    assert last(funding, at(T0 + FIVE, funding=rows))["funding_8h"] == pytest.approx(8e-5)


def test_a_settled_rate_goes_before_an_estimate_and_lends_it_its_interval():
    rows = markets.frame(
        "funding",
        [
            {"event_time": T0, "funding_rate": 1e-4, "interval_hours": 4.0, "kind": "settled"},
            *(
                {"event_time": T0 + k * HOUR_MS, "funding_rate": 5e-4, "kind": "predicted"}
                for k in range(12)
            ),
        ],
    )
    assert last(funding, at(T0 + 9 * HOUR_MS, funding=rows))["funding_8h"] == pytest.approx(2e-4)
    assert last(funding, at(T0 + 10 * HOUR_MS, funding=rows))["funding_8h"] == pytest.approx(1e-3)


def test_an_estimate_whose_interval_nobody_stated_is_unknown():
    rows = markets.frame("funding", [{"event_time": T0, "funding_rate": 5e-4, "kind": "predicted"}])
    assert math.isnan(last(funding, at(T0, funding=rows))["funding_8h"])


# basis and flow


def test_the_basis_is_of_two_prices_of_one_moment():
    ends = hours(2)
    found = last(
        basis,
        at(
            ends[-1] + 30 * MINUTE_MS,
            spot_klines=markets.klines(ends, [100.0, 100.0], HOUR_MS, "spot"),
            open_interest=markets.interest(
                [*ends, ends[-1] + 25 * MINUTE_MS], [1.0] * 3, [99.0, 101.0, 150.0], FIVE
            ),
        ),
    )
    assert found["basis"] == pytest.approx(0.01)


def test_taker_flow_is_a_share_of_the_volume_of_four_hours():
    def bars(kind, bought):
        return markets.klines(
            hours(6), [100.0] * 6, HOUR_MS, kind, volume=[10.0] * 6, taker_buy_volume=bought
        )

    found = last(
        flow,
        at(
            hours(6)[-1],
            trade_klines=bars("last", [0.0, 0.0, 9.0, 7.0, 5.0, 5.0]),
            spot_klines=bars("spot", [10.0, 10.0, 4.0, 4.0, 4.0, 4.0]),
        ),
    )
    assert found["perp_cvd_4h"] == pytest.approx((2 * 26 - 40) / 40)
    assert found["spot_cvd_4h"] == pytest.approx((2 * 16 - 40) / 40)
    assert found["cvd_divergence_4h"] == pytest.approx(0.5)
    assert found["perp_volume_share_4h"] == pytest.approx(0.5)


def test_a_perpetual_that_rose_without_spot_leads_by_its_return_in_deviations():
    n = 3 * 24
    perp = 100.0 * 1.01 ** (np.arange(n) % 2)
    perp[-1] = perp[-5] * 1.02
    spot = np.full(n, 100.0)
    frames = {
        "trade_klines": markets.klines(hours(n), perp, HOUR_MS),
        "spot_klines": markets.klines(hours(n), spot, HOUR_MS, "spot"),
    }
    sigma = last(volatility, at(hours(n)[-1], **frames))["sigma_day"]
    found = last(flow, at(hours(n)[-1], **frames))
    assert found["perp_lead_4h"] == pytest.approx(math.log(1.02) / (sigma * math.sqrt(1 / 6)))
    assert math.isnan(found["perp_cvd_4h"])


# liquidations and ratios


def test_liquidations_are_shares_of_open_interest_per_side():
    rows = markets.frame(
        "liquidation_totals",
        [
            {"event_time": int(end), "side": side, "notional_usd": usd}
            for end in hours(5)
            for side, usd in (("long", 30.0), ("short", 10.0))
        ],
        interval_ms=HOUR_MS,
        completeness="complete",
    )
    frames = {
        "liquidation_totals": rows,
        "open_interest": markets.interest(hours(5), [50.0] * 5, [20.0] * 5),
    }
    found = last(liquidations, at(hours(5)[-1], **frames))
    assert (found["liq_long_1h"], found["liq_short_1h"]) == (0.03, 0.01)
    assert found["liq_imbalance_4h"] == 0.5


def test_where_nothing_was_closed_the_imbalance_is_zero_and_where_nothing_is_heard_unknown():
    rows = markets.frame(
        "liquidation_totals",
        [
            {"event_time": int(end), "side": side, "notional_usd": 0.0}
            for end in hours(5)
            for side in ("long", "short")
        ],
        interval_ms=HOUR_MS,
        completeness="complete",
    )
    assert last(liquidations, at(hours(5)[-1], liquidation_totals=rows))["liq_imbalance_4h"] == 0.0
    later = last(liquidations, at(hours(8)[-1], liquidation_totals=rows))
    assert math.isnan(later["liq_imbalance_4h"])


def test_ratios_are_told_apart_by_kind_and_takers_are_averaged():
    rows = markets.frame(
        "long_short_ratio",
        [
            {"event_time": int(end), "kind": kind, "ratio": ratio}
            for i, end in enumerate(hours(6))
            for kind, ratio in (
                ("accounts", 2.0),
                ("top_accounts", 9.0),
                ("top_positions", 3.0),
                ("taker_volume", 4.0 ** (-1) ** i),
            )
        ],
        interval_ms=HOUR_MS,
    )
    found = last(ratios, at(hours(6)[-1] - FIVE, long_short_ratio=rows))
    assert (found["accounts_ratio"], found["top_positions_ratio"]) == (2.0, 3.0)
    assert found["taker_ratio_4h"] == pytest.approx(1.0)


# depth


def books(days, usd, coins, every_ms=FIVE):
    """Bands at one and two percent of both sides; bids and asks from functions of the moment."""
    moments = np.arange(T0, T0 + days * DAY_MS + 1, every_ms)
    return markets.frame(
        "depth_bands",
        [
            {
                "event_time": int(t),
                "distance_pct": float(sign * k),
                "notional_usd": usd(t, sign) * k,
                "amount": coins(t, sign) * k,
            }
            for t in moments
            for sign in (-1, 1)
            for k in (1, 2)
        ],
    )


def steady(_, sign):
    return 1e6 if sign < 0 else 2e6


def test_depth_is_the_thinner_side_and_slippage_the_worse_one():
    rows = books(1, steady, lambda t, s: steady(t, s) / (100 + s / 2))
    found = last(depth, at(T0 + DAY_MS, depth_bands=rows))
    assert (found["depth_1pct_bid_usd"], found["depth_1pct_ask_usd"]) == (1e6, 2e6)
    assert found["depth_1pct_usd"] == 1e6
    # A tenth of one percent is reached; the mean fill is half of that.
    assert found["slippage_100k_bps"] == pytest.approx(5.0)


def test_bids_that_fall_towards_the_asks_are_a_stale_reference_and_unknown():
    fell = T0 + 20 * HOUR_MS

    def usd(t, sign):
        return 1e5 if sign < 0 and t >= fell else 2e6

    def coins(t, sign):
        half = -0.1 if sign < 0 and t >= fell else sign * 0.5
        return usd(t, sign) / (100 + half)

    before = last(depth, at(fell - FIVE, depth_bands=books(1, usd, coins)))
    found = last(depth, at(T0 + DAY_MS, depth_bands=books(1, usd, coins)))
    assert before["depth_1pct_usd"] == 2e6
    assert math.isnan(found["depth_1pct_bid_usd"])
    assert found["depth_1pct_ask_usd"] == 2e6
    assert math.isnan(found["depth_1pct_usd"])
    assert math.isnan(found["slippage_100k_bps"])


def test_bids_that_are_withdrawn_away_from_the_asks_are_thin_and_known():
    fell = T0 + 20 * HOUR_MS

    def usd(t, sign):
        return 1e5 if sign < 0 and t >= fell else 2e6

    def coins(t, sign):
        half = -0.8 if sign < 0 and t >= fell else sign * 0.5
        return usd(t, sign) / (100 + half)

    found = last(depth, at(T0 + DAY_MS, depth_bands=books(1, usd, coins)))
    assert found["depth_1pct_usd"] == 1e5


def test_surprise_compares_with_the_same_hour_of_the_weeks_before():
    def usd(t, _):
        thin_hour = (t // HOUR_MS) % 24 == 3
        return (1e6 if thin_hour else 8e6) / (2.0 if t >= T0 + 14 * DAY_MS else 1.0)

    rows = books(14.5, usd, lambda t, s: usd(t, s) / (100 + s / 2), HOUR_MS // 4)
    times = lay_times(T0, T0 + 14 * DAY_MS + 4 * HOUR_MS)
    found = depth.compute(at(times[-1], depth_bands=rows), times)["depth_surprise"]
    at_three = np.searchsorted(times, T0 + 14 * DAY_MS + 3 * HOUR_MS + FIVE)
    assert found[at_three] == pytest.approx(-math.log(2))
    assert found[-1] == pytest.approx(-math.log(2))
    assert np.isnan(found[: 7 * 288]).all()


def test_the_volume_profile_knows_the_busy_hour_before_it_comes():
    n = 15 * 24
    volume = [24.0 if h % 24 == 9 else 0.0 for h in range(n)]  # the bar that starts at nine
    trades = markets.klines(hours(n), [100.0] * n, HOUR_MS, volume=volume)
    times = lay_times(T0, int(hours(n)[-1]))
    found = depth.compute(at(times[-1], trade_klines=trades), times)["volume_profile"]
    day = times >= T0 + 14 * DAY_MS
    hour = (times // HOUR_MS) % 24
    # Fourteen such bars in the 345 hours that have ended by then.
    np.testing.assert_allclose(found[day & (hour == 9)], 24.0 * 345 / (14 * 24))
    assert (found[day & (hour == 8)] == 0).all()
    assert np.isnan(found[: 7 * 288]).all()


# sweeps


def test_a_low_that_is_poked_and_regained_is_swept_once():
    fives = T0 + FIVE * np.arange(1, 2 * 288)
    path = np.full(fives.size, 100.0)
    path[100], path[300] = 95.0, 94.0
    marks = markets.klines(fives, path, FIVE, "mark")
    before = last(sweeps, at(fives[300], mark_klines=marks), T0 + FIVE)
    assert (before["sweeps_low_24h"], before["sweeps_high_24h"]) == (0.0, 0.0)
    after = last(sweeps, at(fives[301], mark_klines=marks), T0 + FIVE)
    assert (after["sweeps_low_24h"], after["sweeps_high_24h"]) == (1.0, 0.0)
    assert after["hours_since_sweep"] == 0.0


def test_a_low_that_price_stays_below_is_broken_and_not_swept():
    fives = T0 + FIVE * np.arange(1, 2 * 288)
    path = np.full(fives.size, 100.0)
    path[100], path[300:] = 95.0, 94.0
    path[308:] = 100.0  # back, but forty minutes later
    marks = markets.klines(fives, path, FIVE, "mark")
    assert last(sweeps, at(fives[330], mark_klines=marks), T0 + FIVE)["sweeps_low_24h"] == 0.0


def test_where_price_is_told_by_the_hour_the_next_close_has_to_be_inside():
    closes = np.full(60, 100.0)
    closes[10], closes[30] = 95.0, 94.0
    trades = markets.klines(hours(60), closes, HOUR_MS)
    found = last(sweeps, at(hours(32)[-1], trade_klines=trades), T0 + HOUR_MS)
    assert found["sweeps_low_24h"] == 1.0
