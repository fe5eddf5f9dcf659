"""Liquidation prices as the exchange itself returned them for isolated positions."""

from __future__ import annotations

import numpy as np

from forcedflow.margin import liquidation_price, rule_for

# Largest leverages at the time; half of the initial margin there is kept as maintenance.
MAX_LEVERAGE = {"ETH": 50, "BTC": 50, "SOL": 20, "DOGE": 20, "AAPL": 10, "GOOGL": 10, "TSLA": 10}

# coin, side, entry, size, margin, liquidation price
RETURNED = [
    ("ETH", "long", 2458.5, 0.015, 36.864593, 0.86915825),
    ("BTC", "long", 63287.0, 0.00039, 24.673292, 22.37166537),
    ("SOL", "long", 146.82, 0.16, 23.482979, 0.05269872),
    ("SOL", "long", 145.83, 0.33, 24.045107, 74.83696193),
    ("ETH", "long", 2459.5, 0.0199, 24.454895, 1243.0411908),
    ("BTC", "long", 62739.0, 0.00077, 24.137992, 31708.03843631),
    ("DOGE", "long", 0.11586, 437.0, 25.29769, 0.05945697),
    ("ETH", "short", 2642.8, 0.019, 25.091876, 3924.18322043),
    ("SOL", "short", 155.89, 0.32, 24.924941, 228.07847866),
    ("DOGE", "short", 0.14333, 351.0, 25.136807, 0.20970228),
    ("BTC", "short", 68595.0, 0.00069, 23.64871, 101849.99354283),
    ("BTC", "short", 65536.0, 0.00099, 21.604172, 86493.46174617),
    ("SOL", "long", 173.06, 0.6, 20.735658, 142.05186667),
    ("ETH", "long", 2545.5, 0.0329, 20.909894, 1929.23322895),
    ("BTC", "short", 67400.0, 0.00031, 20.887308, 133443.97317151),
    ("ETH", "short", 2552.0, 0.0327, 20.833393, 3157.53150453),
    ("BTC", "long", 66930.0, 0.0015, 20.043862, 54108.51043771),
    ("BTC", "long", 67033.0, 0.00121, 20.251817, 50804.00091827),
    ("ETH", "long", 2521.9, 0.0237, 19.902091, 1699.14071943),
    ("BTC", "short", 68139.0, 0.00145, 19.72573, 80933.61590987),
    ("SOL", "short", 178.29, 0.11, 19.605036, 347.82205322),
    ("SOL", "long", 176.23, 0.33, 19.364946, 120.56240404),
    ("SOL", "short", 173.08, 0.33, 19.01881, 225.08561715),
    ("BTC", "short", 68240.0, 0.00105, 17.887922, 84431.79820839),
    ("ETH", "short", 2518.4, 0.007, 17.62263, 4986.05799151),
    ("ETH", "long", 2533.2, 0.0347, 17.555195, 2047.7642302),
    ("DOGE", "long", 0.13284, 360.0, 15.943218, 0.09082388),
    ("SOL", "short", 163.11, 0.48, 15.650731, 190.94213618),
    ("BTC", "long", 67141.0, 0.00067, 14.979079, 45236.52992613),
    ("AAPL", "long", 250.0, 0.5, 25.0, 210.5263157894737),
    ("GOOGL", "short", 190.0, 0.5, 9.5, 199.04761904761904),
    ("TSLA", "long", 350.0, 1.0, 50.0, 315.7894736842105),
]


def test_all_but_one_returned_price_is_met_to_a_millionth_and_the_last_to_35_millionths():
    coin, side, entry, size, margin, expected = zip(*RETURNED, strict=True)
    rule = rule_for("hyperliquid", "linear", 1_790_000_000_000)
    prices = liquidation_price(
        entry,
        size,
        margin,
        list(side),
        mmr=[1 / (2 * MAX_LEVERAGE[name]) for name in coin],
        fee=rule.fee_rate,
    )
    error = np.abs(prices / np.array(expected) - 1)
    assert error.size == 32
    assert np.count_nonzero(error <= 1e-6) == 31
    assert error.max() <= 3.5e-5
