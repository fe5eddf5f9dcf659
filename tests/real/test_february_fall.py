"""Bitcoin's fall of 5 February 2026 on recorded data: import, hard edges, no repaint, zones."""

from __future__ import annotations

from contextlib import redirect_stdout
from datetime import datetime
from functools import partial
from io import StringIO

import msgspec
import numpy as np
import pytest

from forcedflow.asof import read_market
from forcedflow.cli.app import run
from forcedflow.heatmap.scale import to_bytes
from forcedflow.instruments import parse_symbol
from forcedflow.pipeline import build_map
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

pytestmark = pytest.mark.real_data

COINS = ("BTC", "ETH", "SOL", "DOGE")
LONG, SHORT = 0, 1


def moment(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)


AFTER_MS = moment("2026-02-06T00:00:00Z")
BEFORE_MS = moment("2026-02-05T12:00:00Z")


@pytest.fixture(scope="module")
def mapped(imported_lake):
    """Build a coin's map with its picture once per moment and range."""
    built = {}

    def build(coin, at_ms, days):
        key = (coin, at_ms, days)
        if key not in built:
            market = read_market(imported_lake.lake, parse_symbol(coin), at_ms)
            built[key] = build_map(market, picture_span_ms=round(days * DAY_MS))
        return built[key]

    return build


def test_the_import_reads_every_row_of_the_archive(imported_lake):
    summary = imported_lake.summaries["binance-vision"]
    assert summary["files"]["skipped"] == 0
    assert summary["files"]["refused"] == []
    assert summary["warnings"] == []
    added = {table: change["added"] for table, change in summary["tables"].items()}
    assert added == {
        "open_interest": 119_804,
        "funding": 1_248,
        "klines": 25_920,
        "depth_bands": 28_790,
    }
    interest = imported_lake.lake.read("open_interest", columns=["symbol"])
    assert set(interest["symbol"]) == {f"{coin}/USDT:USDT" for coin in COINS}
    for kind in ("candles", "hyperliquid-positions"):
        assert imported_lake.summaries[kind]["files"]["refused"] == []


def test_a_second_import_adds_nothing(imported_lake, real_data):
    out = StringIO()
    folder, lake = str(real_data / "binance-vision"), str(imported_lake.lake.root)
    with redirect_stdout(out):
        assert run(["import", "binance-vision", folder, "--lake", lake, "--json"]) == 0
    summary = msgspec.json.decode(out.getvalue())
    first = imported_lake.summaries["binance-vision"]["files"]["read"]
    assert summary["files"] == {"read": 0, "skipped": first, "refused": []}
    assert summary["tables"] == {}


@pytest.mark.parametrize("coin", COINS)
def test_no_column_shows_a_level_that_its_close_has_passed(mapped, coin):
    heatmap = mapped(coin, AFTER_MS, 7).heatmap
    edges, close = heatmap.grid.edges, heatmap.candles[:, 3]
    assert heatmap.columns.size == 7 * 24 * 4 + 1  # the range ends within a quarter of an hour
    longs, shorts = heatmap.side(LONG), heatmap.side(SHORT)
    assert (longs.sum(axis=1) > 0).all()
    assert (shorts.sum(axis=1) > 0).all()
    assert longs[edges[None, :-1] >= close[:, None]].sum() == 0
    assert shorts[edges[None, 1:] <= close[:, None]].sum() == 0


@pytest.mark.parametrize("coin", COINS)
def test_the_fall_ends_every_level_it_touched(mapped, coin):
    """A hard edge: what stood between the price before the fall and its low is gone at the low."""
    heatmap = mapped(coin, AFTER_MS, 7).heatmap
    edges, close = heatmap.grid.edges, heatmap.candles[:, 3]
    before = int(np.searchsorted(heatmap.columns.end_ms, BEFORE_MS))
    lowest = before + int(np.argmin(close[before:]))
    assert close[lowest] < 0.93 * close[before]
    touched = (edges[:-1] >= close[lowest]) & (edges[1:] <= close[before])
    assert touched.sum() > 20
    longs = heatmap.side(LONG)
    share = longs[before, touched].sum() / (even_side(heatmap, before))
    assert share > 0.05
    assert longs[lowest, touched].sum() == 0


def even_side(heatmap, column):
    """One side's open interest in USD, from the unit of colour."""
    return heatmap.even[column] * 0.10 / (heatmap.grid.width * heatmap.grid.step)


@pytest.mark.parametrize("coin", COINS)
def test_beyond_a_bars_extremes_stands_only_what_the_bar_itself_opened(mapped, coin):
    """Each five-minute column is one bar, so whatever is older must have been consumed."""
    found = mapped(coin, AFTER_MS, 1)
    heatmap, bars, flows = found.heatmap, found.bars, found.flows
    edges = heatmap.grid.edges
    assert heatmap.columns.step_ms == 5 * MINUTE_MS
    passed_any = 0
    for column, bar in enumerate(heatmap.columns.last_bar):
        for side, passed, opens in (
            (LONG, edges[:-1] >= bars.low[bar], flows.opens_long),
            (SHORT, edges[1:] <= bars.high[bar], flows.opens_short),
        ):
            usd = heatmap.side(side)[column, passed].sum()
            own = opens[bar].sum() * found.scale[bar, side] * bars.high[bar] * 1.01
            assert usd <= own
            passed_any += int(usd > 0)
    assert passed_any > 0


@pytest.mark.parametrize("coin", COINS)
def test_the_fall_consumes_longs_and_the_balance_of_mass_holds(mapped, coin):
    found = mapped(coin, AFTER_MS, 7)
    during = found.bars.end_ms > BEFORE_MS
    swept = found.replay.swept[during]
    assert swept[:, LONG].sum() > 2 * swept[:, SHORT].sum() > 0
    for side in ("long", "short"):
        assert found.ladder.ledger(side).imbalance < 1e-9


@pytest.mark.parametrize("coin", COINS)
@pytest.mark.parametrize("days", [7, 30, 67])
def test_every_range_gives_a_full_picture(mapped, coin, days):
    found = mapped(coin, AFTER_MS, days)
    heatmap = found.heatmap
    assert heatmap.columns.size <= 1000
    assert heatmap.grid.size <= 600
    # Nothing is missing in the recorded months: columns follow each other to the last bar.
    assert (np.diff(heatmap.columns.end_ms[:-1]) == heatmap.columns.step_ms).all()
    assert heatmap.columns.end_ms[-1] == found.known_ms == AFTER_MS - 5 * MINUTE_MS
    shown = found.known_ms - heatmap.columns.start_ms[0]
    assert days * DAY_MS - HOUR_MS <= shown <= days * DAY_MS
    assert np.isfinite(heatmap.usd).all()
    assert (heatmap.usd >= 0).all()
    cells = to_bytes(heatmap.total, heatmap.even)
    assert np.unique(cells).size > 100
    assert (cells.max(axis=1) > 0).all()


@pytest.mark.parametrize("coin", COINS)
def test_what_was_drawn_before_the_fall_is_drawn_the_same_after_it(mapped, coin):
    early, late = mapped(coin, BEFORE_MS, 7).heatmap, mapped(coin, AFTER_MS, 7).heatmap
    assert early.columns.step_ms == late.columns.step_ms
    shared, at, other_at = np.intersect1d(
        whole_columns(early), whole_columns(late), return_indices=True
    )
    assert shared.size > 6 * 96
    assert shared[-1] >= BEFORE_MS - 30 * MINUTE_MS
    if early.grid.step == late.grid.step:
        (bins, first), (other_bins, second) = bytes_by_bin(early), bytes_by_bin(late)
        equal = np.testing.assert_array_equal
    else:
        # The fall widened the window of prices and with it the bins. Bytes of unequal bins cannot
        # be equal, but joined to common ones they must hold the same contracts.
        step = int(np.lcm(early.grid.step, late.grid.step))
        (bins, first), (other_bins, second) = (coins_by_bin(h, step) for h in (early, late))
        equal = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
    _, b, other_b = np.intersect1d(bins, other_bins, return_indices=True)
    assert b.size > 120
    first, second = first[whole_rows(early)], second[whole_rows(late)]
    assert first[np.ix_(at, b)].any(axis=1).all()
    equal(first[np.ix_(at, b)], second[np.ix_(other_at, other_b)])


@pytest.mark.parametrize("coin", ["BTC", "DOGE"])
def test_the_fall_left_the_bins_of_these_coins_as_they_were(mapped, coin):
    """So that the test above compares bytes at all."""
    steps = {mapped(coin, at_ms, 7).heatmap.grid.step for at_ms in (BEFORE_MS, AFTER_MS)}
    assert len(steps) == 1


def whole_rows(heatmap):
    """Columns that the range does not cut short."""
    return (heatmap.columns.end_ms - heatmap.columns.start_ms) == heatmap.columns.step_ms


def whole_columns(heatmap):
    return heatmap.columns.end_ms[whole_rows(heatmap)]


def bytes_by_bin(heatmap):
    grid = heatmap.grid
    return grid.first // grid.step + np.arange(grid.size), to_bytes(heatmap.total, heatmap.even)


def coins_by_bin(heatmap, step):
    """Contracts in bins of ``step`` lattice bins that lie wholly inside the window."""
    grid = heatmap.grid
    join = step // grid.step
    skip = -(grid.first // grid.step) % join
    count = (grid.size - skip) // join
    coins = (heatmap.total / grid.prices)[:, skip : skip + count * join]
    joined = coins.reshape(heatmap.columns.size, count, join).sum(axis=2)
    return (grid.first // grid.step + skip) // join + np.arange(count), joined


@pytest.mark.parametrize("coin", COINS)
def test_zones_before_the_fall_are_on_their_sides_and_rank_by_size(imported_lake, capsys, coin):
    lake = str(imported_lake.lake.root)
    status = run(["zones", coin, "--lake", lake, "--at", "2026-02-05T12:00Z", "--json"])
    assert status == 0
    found = msgspec.json.decode(capsys.readouterr().out)
    assert list(found) == [
        "symbol",
        "venue",
        "simulated",
        "at",
        "known_to",
        "mark_price",
        "open_interest_usd",
        "sigma_24h",
        "zones",
        "assumptions",
        "freshness",
    ]
    assert found["symbol"] == f"{coin}/USDT:USDT"
    assert found["known_to"] == "2026-02-05T11:55:00Z"
    assert {zone["side"] for zone in found["zones"]} == {"long", "short"}
    for zone in found["zones"]:
        below = zone["high"] <= found["mark_price"]
        assert below == (zone["side"] == "long")
        assert below or zone["low"] >= found["mark_price"]
        assert zone["major"] == (zone["share_of_oi"] >= 0.02)
    for side in ("long", "short"):
        of_side = [z for z in found["zones"] if z["side"] == side]
        by_rank = sorted(of_side, key=lambda zone: zone["rank"])
        assert [z["rank"] for z in by_rank] == list(range(1, len(of_side) + 1))
        sizes = [z["notional_usd"] for z in by_rank]
        assert sizes == sorted(sizes, reverse=True)
        assert 0 < sum(sizes) <= found["open_interest_usd"]
