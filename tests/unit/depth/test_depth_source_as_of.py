"""Which source depth is taken from as of a moment, and that the future is not seen."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference.depth import band_rows, book_rows, even_bands, hourly_klines

from forcedflow.asof import read_depth
from forcedflow.depth.from_volume import depth_within_one_percent
from forcedflow.depth.source import BANDS_FRESH_MS, BOOK_FRESH_MS, MIRRORED_LOG_SD, joined, mirrored
from forcedflow.errors import NoDataError
from forcedflow.instruments import parse_symbol
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

BTC = parse_symbol("BTC")
AT = 1_790_000_000_000 // DAY_MS * DAY_MS + 12 * HOUR_MS
BIDS = [(100 * np.exp(-0.0001 * (k + 0.5)), 10.0) for k in range(20)]
ASKS = [(100 * np.exp(0.0001 * (k + 0.5)), 20.0) for k in range(20)]
ONE = np.array([0.01])


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    lake.write({"klines": hourly_klines(AT - HOUR_MS, 60)})
    return lake


def with_bands(lake, until=AT - MINUTE_MS, n=400):
    start = until - (n - 1) * 30_000
    snapshots = [even_bands(start + i * 30_000, 100.0, 1e6) for i in range(n)]
    lake.write({"depth_bands": band_rows(snapshots)})


def test_a_fresh_book_comes_first_and_bands_follow_past_its_reach(lake):
    with_bands(lake)
    lake.write({"order_book": book_rows([(AT - 30_000, BIDS, ASKS)])})
    down, up = read_depth(lake, BTC, AT)
    assert (down.direction, up.direction) == ("down", "up")
    assert down.source.startswith("order book of 20 levels")
    assert "30 s old; past that depth bands" in down.source
    reach = BIDS[-1][0] / 100
    assert down.cumulative(np.array([-np.log(reach)]))[0] == pytest.approx(
        sum(price * amount for price, amount in BIDS)
    )
    assert down.measured_to == pytest.approx(-np.log(0.95))
    assert up.cumulative(np.array([0.0195]))[0] > 2 * down.cumulative(np.array([0.0019]))[0]


def test_without_bands_a_book_goes_on_alone_and_says_how_unsure_that_is(lake):
    lake.write({"order_book": book_rows([(AT - 30_000, BIDS, ASKS)])})
    down, _ = read_depth(lake, BTC, AT)
    assert down.measured_to < 0.003
    assert down.log_sd > 1


def test_a_book_of_some_minutes_ago_gives_way_to_bands(lake):
    with_bands(lake)
    lake.write({"order_book": book_rows([(AT - BOOK_FRESH_MS - 1, BIDS, ASKS)])})
    down, _ = read_depth(lake, BTC, AT)
    assert down.source.startswith("depth bands")
    assert down.source.endswith("60 s old")


def test_bands_of_half_an_hour_ago_give_way_to_the_days_volume(lake):
    with_bands(lake, until=AT - BANDS_FRESH_MS - 1)
    down, up = read_depth(lake, BTC, AT)
    assert down.source.startswith("no book known: from a day's volume")
    sigma = 0.01 * np.sqrt(24)
    volume = 100.0 * 12 * (100 + 100 * np.exp(0.01))
    expected = depth_within_one_percent(volume, sigma)
    assert down.cumulative(ONE)[0] == pytest.approx(expected)
    assert up.cumulative(ONE)[0] == pytest.approx(expected)


def test_faulty_bids_are_replaced_by_the_asks_in_words_and_with_a_wider_error(lake):
    snapshots = [even_bands(AT - (400 - i) * 30_000, 100.0, 1e6) for i in range(380)]
    for i in range(380, 400):
        time, bands = even_bands(AT - (400 - i) * 30_000, 100.0, 1e6, {"bid": 0.01})
        bands[-1.0] = (bands[-1.0][0], 102.0)
        snapshots.append((time, bands))
    lake.write({"depth_bands": band_rows(snapshots)})
    down, up = read_depth(lake, BTC, AT)
    assert down.usd[0] == pytest.approx(1e6)
    assert "the other side's" in down.source
    assert "stale reference" in down.source
    assert down.log_sd == pytest.approx(np.hypot(up.log_sd, MIRRORED_LOG_SD))
    assert "refused" not in up.source


def test_a_book_beside_faulty_bands_stands_and_says_so(lake):
    crossed = []
    for i in range(20):
        time, bands = even_bands(AT - (20 - i) * 30_000, 100.0, 1e6, {"bid": 0.0, "ask": 1.0})
        crossed.append((time, {k: (usd, price) for k, (usd, price) in bands.items()}))
    lake.write(
        {
            "depth_bands": band_rows(crossed),
            "order_book": book_rows([(AT - 1000, BIDS, ASKS)]),
        }
    )
    down, _ = read_depth(lake, BTC, AT)
    assert "order book" in down.source
    assert "no bids within 1 %" in down.source


def test_rows_that_became_known_later_are_not_seen(lake):
    lake.write({"order_book": book_rows([(AT - 1000, BIDS, ASKS)], delay_ms=1001)})
    assert "no book known" in read_depth(lake, BTC, AT)[0].source
    assert "order book" in read_depth(lake, BTC, AT + 1)[0].source


def test_changing_the_future_changes_nothing(lake):
    with_bands(lake)
    lake.write({"order_book": book_rows([(AT - 1000, BIDS, ASKS)])})
    before = read_depth(lake, BTC, AT)
    lake.write(
        {
            "order_book": book_rows([(AT + 1000, BIDS[:2], ASKS[:2])]),
            "depth_bands": band_rows([even_bands(AT + 1000, 90.0, 7e9)]),
            "klines": hourly_klines(AT + 10 * HOUR_MS, 9, volume=1e9),
        }
    )
    for was, now in zip(before, read_depth(lake, BTC, AT), strict=True):
        np.testing.assert_array_equal(was.usd, now.usd)
        assert was.source == now.source


def test_a_day_with_most_bars_missing_is_no_day(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    lake.write({"klines": hourly_klines(AT, 20)})
    with pytest.raises(NoDataError, match=r"binance BTC/USDT:USDT: no depth is known"):
        read_depth(lake, BTC, AT)


def test_a_day_of_last_week_serves_with_its_age_and_one_of_last_season_does_not(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    lake.write({"klines": hourly_klines(AT, 48)})
    week = read_depth(lake, BTC, AT + 7 * DAY_MS)[0]
    assert "ended 7.0 d ago" in week.source
    assert week.log_sd > read_depth(lake, BTC, AT)[0].log_sd
    with pytest.raises(NoDataError, match="hint: forcedflow"):
        read_depth(lake, BTC, AT + 90 * DAY_MS)


def test_an_empty_lake_says_what_to_fetch(tmp_path):
    with pytest.raises(NoDataError, match="hint: forcedflow"):
        read_depth(Lake(tmp_path / "lake", create=True), BTC, AT)


def test_joining_two_directions_is_refused(lake):
    down, up = read_depth(lake, BTC, AT)
    with pytest.raises(ValueError, match="one direction"):
        joined(down, up)
    assert mirrored(down, "a test").direction == "up"
