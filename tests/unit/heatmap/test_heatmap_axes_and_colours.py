"""The picture's axes, its colours and its bytes, on pictures of a few cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import markets

from forcedflow.heatmap import (
    Heatmap,
    build_heatmap,
    decode,
    encode,
    lay_canvas,
    lay_columns,
    lay_prices,
)
from forcedflow.heatmap.scale import BRIGHTEST, DARKEST, even_spread, to_bytes, to_usd
from forcedflow.positions import BANDS, PriceGrid
from forcedflow.units import HOUR_MS, MINUTE_MS

WIDTH = 5e-4
START = markets.START_MS // (24 * HOUR_MS) * 24 * HOUR_MS


def _bars(n=24, **more):
    close = 100.0 + np.arange(n)
    return markets.bars_of(close, low=close - 2, high=close + 3, **more)


def test_columns_lie_on_multiples_of_their_step():
    bars = _bars(24 * 12)
    start = int(bars.end_ms[0]) - 1
    columns = lay_columns(bars, start, most=30)
    assert columns.step_ms == HOUR_MS
    assert (columns.start_ms[1:] % HOUR_MS == 0).all()
    assert columns.start_ms[0] == start  # the first begins where it was asked to
    assert columns.end_ms[-1] == bars.end_ms[-1]
    assert columns.size <= 31


def test_a_bar_that_ends_on_a_border_belongs_to_the_column_before_it():
    bars = _bars(24)
    columns = lay_columns(bars, int(bars.end_ms[0]) - 1, most=3)
    for c in range(columns.size):
        inside = bars.end_ms[columns.of_bar == c]
        assert (inside > columns.start_ms[c]).all()
        assert (inside <= columns.end_ms[c]).all()
        assert bars.end_ms[columns.last_bar[c]] == inside[-1]


def test_bars_before_the_start_belong_to_no_column():
    bars = _bars(24)
    columns = lay_columns(bars, int(bars.end_ms[9]))
    assert (columns.of_bar[:10] == -1).all()
    assert columns.of_bar[10] == 0
    canvas = lay_canvas(bars, columns, PriceGrid(WIDTH, 0, 10))
    assert np.flatnonzero(canvas.column_of >= 0).tolist() == columns.last_bar.tolist()


def test_a_start_after_the_last_bar_is_refused():
    bars = _bars(3)
    with pytest.raises(ValueError, match="no bar ends"):
        lay_columns(bars, int(bars.end_ms[-1]))


def test_the_price_window_holds_the_range_and_a_tenth_on_either_side():
    bars = _bars(24)
    columns = lay_columns(bars, int(bars.end_ms[9]))
    grid = lay_prices(bars, columns, WIDTH)
    low, high = bars.low[10:].min() * 0.9, bars.high[10:].max() * 1.1
    assert grid.edges[0] <= low < grid.edges[1]
    assert grid.edges[-2] <= high <= grid.edges[-1]


def test_contracts_become_dollars_at_their_liquidation_price_and_the_scale():
    bars = _bars(2, open_interest=500.0)
    columns = lay_columns(bars, int(bars.end_ms[0]) - 1)
    grid = PriceGrid(WIDTH, math.floor(math.log(90.0) / WIDTH), 4)
    image = np.zeros((2, 2, len(BANDS), 4), dtype=np.float32)
    image[0, 0, 1, 2] = 3.0
    image[1, 1, 0, 1] = 5.0
    scale = np.array([[2.0, 7.0], [11.0, 0.5]])
    heatmap = build_heatmap(image, bars, columns, grid, scale)
    assert heatmap.usd[0, 0, 1, 2] == pytest.approx(3 * 2 * grid.prices[2], rel=1e-6)
    assert heatmap.usd[1, 1, 0, 1] == pytest.approx(5 * 0.5 * grid.prices[1], rel=1e-6)
    assert heatmap.total.sum() == pytest.approx(heatmap.side(0).sum() + heatmap.side(1).sum())
    assert heatmap.even == pytest.approx(500.0 * bars.close * WIDTH / 0.10)


def test_a_picture_that_is_not_of_these_axes_is_refused():
    bars = _bars(2)
    columns = lay_columns(bars, int(bars.end_ms[0]) - 1)
    image = np.zeros((3, 2, len(BANDS), 4), dtype=np.float32)
    with pytest.raises(ValueError, match="axes"):
        build_heatmap(image, bars, columns, PriceGrid(WIDTH, 0, 4), np.ones((2, 2)))


def test_candles_open_at_the_last_close_and_span_their_bars():
    bars = _bars(6)
    start = int(bars.end_ms[0]) - 1
    columns = lay_columns(bars, start, most=2)
    grid = lay_prices(bars, columns, WIDTH)
    image = np.zeros((columns.size, 2, len(BANDS), grid.size), dtype=np.float32)
    candles = build_heatmap(image, bars, columns, grid, np.ones((6, 2))).candles
    for c in range(columns.size):
        members = np.flatnonzero(columns.of_bar == c)
        before = max(members[0] - 1, 0)
        expected = (
            bars.close[before],
            bars.high[members].max(),
            bars.low[members].min(),
            bars.close[members[-1]],
        )
        assert tuple(candles[c]) == expected


def test_colour_begins_at_the_darkest_multiple_of_an_even_spread_and_ends_at_the_brightest():
    even = np.array([1000.0])
    cells = np.array([[0.0, DARKEST * 999, DARKEST * 1001, BRIGHTEST * 1000, 1e12]])
    assert to_bytes(cells, even).tolist() == [[0, 0, 1, 255, 255]]


def test_the_even_spread_is_open_interest_over_the_bins_of_ten_percent():
    assert even_spread(np.array([2e9]), 5e-4)[0] == pytest.approx(2e9 / 200)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0, 1e12), min_size=2, max_size=40), st.floats(1.0, 1e9), st.floats(0.1, 10)
)
def test_more_dollars_are_never_darker_and_units_do_not_matter(cells, even, factor):
    ordered = np.sort(np.asarray(cells))[None, :]
    colours = to_bytes(ordered, np.array([even])).astype(int)
    assert (np.diff(colours[0]) >= 0).all()
    other = to_bytes(ordered * factor, np.array([even * factor])).astype(int)
    assert (np.abs(other - colours) <= 1).all()


@settings(deadline=None, max_examples=60)
@given(st.floats(DARKEST * 1.001, BRIGHTEST * 0.999), st.floats(1.0, 1e9))
def test_a_colour_stands_for_at_most_what_the_header_says(multiple, even):
    usd = multiple * even
    level = int(to_bytes(np.array([[usd]]), np.array([even]))[0, 0])
    assert level > 0
    assert usd <= to_usd(level, even) * (1 + 1e-9)
    assert usd >= to_usd(level - 1, even) * (1 - 1e-9)


def _heatmap(usd) -> Heatmap:
    bars = _bars(usd.shape[0], open_interest=1000.0)
    columns = lay_columns(bars, int(bars.end_ms[0]) - 1)
    grid = PriceGrid(WIDTH, math.floor(math.log(90.0) / WIDTH), usd.shape[1], 3)
    image = np.zeros((usd.shape[0], 2, len(BANDS), usd.shape[1]), dtype=np.float32)
    image[:, 0, 0] = usd / grid.prices
    return build_heatmap(image, bars, columns, grid, np.ones((usd.shape[0], 2)))


def test_a_picture_survives_the_wire_and_its_header_places_every_cell():
    usd = np.array([[0.0, 400.0, 4000.0], [4e5, 0.0, 1e9]])
    heatmap = _heatmap(usd)
    header, data = encode(heatmap)
    cells = decode(header, data)
    assert cells.shape == (header.columns, header.bins) == (2, 3)
    assert np.array_equal(cells, to_bytes(heatmap.total, heatmap.even))
    assert header.step_ms == 5 * MINUTE_MS
    assert header.start_ms == heatmap.columns.start_ms.tolist()
    edges = header.lowest_price * np.exp(header.bin_log_width * np.arange(header.bins + 1))
    assert edges == pytest.approx(heatmap.grid.edges)
    for c, even in enumerate(header.even_usd):
        for b in range(header.bins):
            v = int(cells[c, b])
            most = even * header.darkest * (header.brightest / header.darkest) ** (v / 255)
            if v < 255:
                assert heatmap.total[c, b] <= most * (1 + 1e-6)


def test_bytes_of_another_size_than_the_header_says_are_refused():
    header, data = encode(_heatmap(np.ones((2, 3))))
    with pytest.raises(ValueError, match="5 bytes for 2 × 3 cells"):
        decode(header, data[:-1])
