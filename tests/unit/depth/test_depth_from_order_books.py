"""Depth from order books, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference.depth import book_rows

from forcedflow.depth.beyond import SHOWN, log_error
from forcedflow.depth.from_book import LONE_SPREAD, WINDOW_MS, from_book
from forcedflow.errors import DataError

T0 = 1_790_000_000_000
BIDS = [(99.9, 10.0), (99.5, 20.0), (99.0, 30.0), (98.0, 50.0), (97.0, 100.0), (95.0, 200.0)]
ASKS = [(100.1, 5.0), (101.0, 10.0), (103.0, 20.0)]


def scaled(levels, factor):
    return [(price, amount * factor) for price, amount in levels]


def test_selling_walks_the_bids_and_buying_the_asks_from_the_mid():
    rows = book_rows([(T0, BIDS, ASKS)])
    down, up = from_book(rows, "down"), from_book(rows, "up")
    assert down.measured_to == pytest.approx(-np.log(0.95))
    assert up.measured_to == pytest.approx(np.log(1.03))
    bids = sum(price * amount for price, amount in BIDS)
    assert down.cumulative(np.array([down.measured_to]))[0] == pytest.approx(bids)
    asks = sum(price * amount for price, amount in ASKS)
    assert up.cumulative(np.array([up.measured_to]))[0] == pytest.approx(asks)
    assert down.at_ms == T0


def test_levels_are_kept_where_they_stand_to_within_a_slice():
    curve = from_book(book_rows([(T0, BIDS, ASKS)]), "down")
    for price in (99.2, 98.5, 97.5, 96.0):
        standing = sum(p * a for p, a in BIDS if p >= price)
        distance = -np.log(price / 100)
        assert curve.cumulative(np.array([distance * 0.95]))[0] <= standing * (1 + 1e-9)
        assert curve.cumulative(np.array([distance]))[0] <= standing * (1 + 1e-9)
        next_level = max(p for p, _ in BIDS if p < price)
        to_next = -np.log(next_level / 100)
        more = standing + dict(BIDS)[next_level] * next_level
        assert curve.cumulative(np.array([to_next * 1.13]))[0] >= more * (1 - 1e-9)


def test_the_curve_is_the_median_of_the_snapshots():
    books = [(T0 + i * 1000, scaled(BIDS, f), ASKS) for i, f in enumerate((1.0, 3.0, 50.0))]
    curve = from_book(book_rows(books), "down")
    usual = from_book(book_rows(books[1:2]), "down")
    np.testing.assert_allclose(curve.usd, usual.usd)
    assert "median of 3 snapshots over 2 s" in curve.source


def test_snapshots_older_than_the_window_do_not_count():
    old = (T0 - WINDOW_MS, scaled(BIDS, 1000.0), ASKS)
    now = (T0, BIDS, ASKS)
    np.testing.assert_array_equal(
        from_book(book_rows([old, now]), "down").usd, from_book(book_rows([now]), "down").usd
    )


def test_dispersion_among_snapshots_is_part_of_the_error_and_stated_where_there_are_few():
    few = from_book(book_rows([(T0, BIDS, ASKS)]), "down")
    assert few.log_sd == pytest.approx(np.hypot(LONE_SPREAD, SHOWN))
    factors = np.exp([-0.6, 0.3, 0.0, 0.9, -0.6])
    books = [(T0 + i, scaled(BIDS, f), ASKS) for i, f in enumerate(factors)]
    spread = np.log(factors).std(ddof=1)
    assert from_book(book_rows(books), "down").log_sd == pytest.approx(np.hypot(spread, SHOWN))


def test_a_book_of_a_few_basis_points_is_less_sure_than_one_of_percents():
    near = [(99.99, 10.0), (99.98, 10.0), (99.97, 10.0)]
    curve = from_book(book_rows([(T0, near, [(100.01, 1.0)])]), "down")
    assert curve.measured_to == pytest.approx(-np.log(0.9997))
    assert curve.log_sd == pytest.approx(log_error(LONE_SPREAD, curve.measured_to))
    assert curve.log_sd > 1.5


def test_the_shortest_book_of_the_window_sets_the_reach():
    books = [(T0, BIDS[:4], ASKS), (T0 + 1, BIDS, ASKS)]
    assert from_book(book_rows(books), "down").measured_to == pytest.approx(-np.log(0.98))


def test_density_goes_on_past_the_reach_and_falls_beyond_one_percent():
    levels = [(100 * np.exp(-0.0001 * (k + 0.5)), 1.0) for k in range(20)]
    asks = [(100 * np.exp(0.0001 * (k + 0.5)), 1.0) for k in range(20)]
    curve = from_book(book_rows([(T0, levels, asks)]), "down")
    density = 100 / 0.0001
    at = curve.cumulative(np.array([0.004, 0.008, 0.02, 0.04]))
    assert (at[1] - at[0]) / 0.004 == pytest.approx(density, rel=0.06)
    assert (at[3] - at[2]) / 0.02 == pytest.approx(density * 3**-0.84, rel=0.08)


def test_a_stated_hidden_share_adds_depth_and_is_said():
    rows = book_rows([(T0, BIDS, ASKS)])
    shown, all_of_it = from_book(rows, "down"), from_book(rows, "down", hidden_share=0.2)
    np.testing.assert_allclose(all_of_it.usd * 0.8, shown.usd)
    assert "20 % taken to be hidden" in all_of_it.source
    with pytest.raises(ValueError, match="hidden share"):
        from_book(rows, "down", hidden_share=1.0)


def test_crossed_and_one_sided_books_are_left_out_and_counted():
    crossed = (T0 + 1, [(101.0, 999.0)], [(100.0, 999.0)])
    one_sided = (T0 + 2, BIDS, [])
    curve = from_book(book_rows([(T0, BIDS, ASKS), crossed, one_sided]), "down")
    np.testing.assert_allclose(curve.usd, from_book(book_rows([(T0, BIDS, ASKS)]), "down").usd)
    assert "2 crossed or one-sided ones left out" in curve.source
    with pytest.raises(DataError, match="two sides"):
        from_book(book_rows([crossed, one_sided]), "down")


def test_a_simulated_book_is_called_simulated():
    rows = book_rows([(T0, BIDS, ASKS)], source="sandbox:order_book")
    assert from_book(rows, "up").source.startswith("simulated order book of 3 levels")
