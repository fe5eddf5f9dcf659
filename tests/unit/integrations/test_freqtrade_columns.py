"""Columns for strategies: a candle sees what was known at its close, and nothing from later."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.asof.signals import read_signal_table
from forcedflow.errors import UsageError
from forcedflow.integrations.freqtrade import COLUMNS, add_columns, length_ms, merge_known
from forcedflow.integrations.known_columns import known_columns
from forcedflow.playbook.regime import read_regime
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.signals.registry import read_signals
from forcedflow.signals.score import load
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

OPEN_MS = 1_770_000_000_000 // DAY_MS * DAY_MS


def _candles(opens_ms):
    dates = pd.to_datetime(np.asarray(opens_ms, dtype=np.int64), unit="ms", utc=True)
    return pd.DataFrame({"date": dates, "close": np.arange(len(opens_ms), dtype=float)})


def _known(rows_ms, values):
    return pl.DataFrame({"known_ms": rows_ms, "figure": values, "word": [f"w{v}" for v in values]})


def test_a_candle_sees_what_was_known_at_its_close_to_the_millisecond():
    close = OPEN_MS + HOUR_MS
    known = _known([close - 1, close, close + 1], [1.0, 2.0, 3.0])
    merged = merge_known(_candles([OPEN_MS]), known, "1h")
    assert merged["ff_figure"].tolist() == [2.0]
    assert merged["ff_word"].tolist() == ["w2.0"]
    assert merged["ff_known"].tolist() == [pd.Timestamp(close, unit="ms", tz="UTC")]


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_the_merge_equals_its_readable_twin_and_the_future_changes_nothing(data):
    minutes = data.draw(st.lists(st.integers(0, 600), unique=True, max_size=30).map(sorted))
    opened = data.draw(st.lists(st.integers(0, 120), unique=True, min_size=1, max_size=20))
    opens = [OPEN_MS + 5 * MINUTE_MS * n for n in sorted(opened)]
    rows = [OPEN_MS + MINUTE_MS * n for n in minutes]
    values = [float(n) for n in range(len(rows))]
    known = pl.DataFrame(
        {"known_ms": rows, "figure": values}, schema={"known_ms": pl.Int64, "figure": pl.Float64}
    )
    candles = _candles(opens)
    merged = merge_known(candles, known, "5m", oldest_ms=HOUR_MS)
    for row, start in enumerate(opens):
        close = start + 5 * MINUTE_MS
        seen = [v for t, v in zip(rows, values, strict=True) if close - HOUR_MS <= t <= close]
        found = merged["ff_figure"][row]
        assert found == seen[-1] if seen else math.isnan(found)
    cut = data.draw(st.sampled_from(opens)) + 5 * MINUTE_MS
    scrambled = known.with_columns(
        figure=pl.when(pl.col("known_ms") > cut).then(-99.0).otherwise(pl.col("figure"))
    )
    past = [row for row, start in enumerate(opens) if start + 5 * MINUTE_MS <= cut]
    again = merge_known(candles, scrambled, "5m", oldest_ms=HOUR_MS)
    pd.testing.assert_frame_equal(again.iloc[past], merged.iloc[past])
    without = merge_known(candles, known.filter(pl.col("known_ms") <= cut), "5m", oldest_ms=HOUR_MS)
    pd.testing.assert_frame_equal(without.iloc[past], merged.iloc[past])


def test_the_candles_themselves_stay_as_they_are():
    candles = _candles([OPEN_MS, OPEN_MS + HOUR_MS])
    before = candles.copy(deep=True)
    merged = merge_known(candles, _known([OPEN_MS], [1.0]), "1h")
    pd.testing.assert_frame_equal(candles, before)
    pd.testing.assert_frame_equal(merged[before.columns.to_list()], before)


@pytest.mark.parametrize(
    ("candles", "known", "timeframe", "words"),
    [
        (_candles([OPEN_MS, OPEN_MS + 5 * MINUTE_MS]), [1], "1h", "shorter than 1h"),
        (_candles([OPEN_MS + HOUR_MS, OPEN_MS]), [1], "1h", "candles are not in order"),
        (_candles([OPEN_MS, OPEN_MS]), [1], "1h", "candles are not in order"),
        (_candles([OPEN_MS]), [2, 1], "1h", "known_ms is not increasing"),
        (_candles([OPEN_MS]), [1, 1], "1h", "known_ms is not increasing"),
        (_candles([OPEN_MS]).assign(ff_figure=1), [1], "1h", "merge once"),
        (_candles([OPEN_MS]).drop(columns="date"), [1], "1h", "need a column date"),
        (_candles([OPEN_MS]), [1], "1 fortnight", "is no timeframe"),
        (_candles([OPEN_MS]), [1], "0h", "is no timeframe"),
    ],
)
def test_a_merge_that_could_leak_is_refused(candles, known, timeframe, words):
    with pytest.raises(UsageError, match=words):
        merge_known(candles, _known(known, [0.0] * len(known)), timeframe)


def test_times_without_a_zone_are_refused():
    candles = _candles([OPEN_MS])
    candles["date"] = candles["date"].dt.tz_localize(None)
    with pytest.raises(UsageError, match="no time zone"):
        merge_known(candles, _known([1], [0.0]), "1h")


def test_every_timeframe_of_fixed_length_is_known():
    assert [length_ms(text) for text in ("1m", "15m", "4h", "1d", "1w")] == [
        MINUTE_MS,
        15 * MINUTE_MS,
        4 * HOUR_MS,
        DAY_MS,
        7 * DAY_MS,
    ]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Return frames of some simulated days, their instrument and their end."""
    market = SandboxMarket("news-shock", 2_000, 3)
    venue = SandboxVenue(market)
    instrument = venue.instruments()[0]
    end_ms = market.opened_ms + 3 * DAY_MS
    wanted = sorted(venue.capabilities.backfilled)
    frames = join(list(venue.backfill(wanted, instrument.symbol, START_MS, end_ms)))
    lake = Lake(tmp_path_factory.mktemp("freqtrade") / "lake", create=True)
    lake.write(frames)
    return frames, lake, instrument, end_ms


def test_every_column_is_there_and_at_the_last_moment_says_what_the_commands_say(simulated):
    _, lake, instrument, end_ms = simulated
    table = read_signal_table(lake, instrument, end_ms)
    known = known_columns(table)
    assert known.columns == ["known_ms", *COLUMNS]
    assert known["known_ms"].to_list() == table.times_ms.tolist()
    loading = load(read_signals(table))
    last = known.row(-1, named=True)
    for name, score in (
        ("loading", loading.score),
        ("loading_down", loading.down),
        ("loading_up", loading.up),
    ):
        assert last[name] == pytest.approx(score, nan_ok=True)
    assert last["regime"] == read_regime(table).regime
    assert np.isfinite(known["cluster_below_usd"].to_numpy()).any()


def test_scrambling_the_future_of_a_lake_changes_no_earlier_candle(simulated, tmp_path):
    frames, lake, instrument, end_ms = simulated
    opens = np.arange(end_ms - 20 * HOUR_MS, end_ms, HOUR_MS)
    cut_ms = end_ms - 8 * HOUR_MS
    other = Lake(tmp_path / "lake", create=True)
    other.write({table: _scrambled(rows, cut_ms) for table, rows in frames.items()})
    # The venue halves its leverage after the moment: no map before it may know.
    brackets = frames["leverage_brackets"].sort("event_time")
    moved = pl.lit(cut_ms + HOUR_MS).cast(pl.Datetime("ms", "UTC"))
    later = brackets.filter(pl.col("event_time") == pl.col("event_time").max()).with_columns(
        pl.col("max_leverage") / 2,
        pl.col("maintenance_margin_rate") * 2,
        event_time=moved,
        available_time=moved,
    )
    other.write({"leverage_brackets": later})
    asked = (instrument.symbol, "1h")
    right = add_columns(_candles(opens), lake, *asked, venue=instrument.venue)
    wrong = add_columns(_candles(opens), other, *asked, venue=instrument.venue)
    past = np.flatnonzero(opens + HOUR_MS <= cut_ms)
    assert 0 < past.size < opens.size
    pd.testing.assert_frame_equal(right.iloc[past], wrong.iloc[past], check_exact=True)
    # The scramble did reach what comes after.
    assert not right.iloc[past.size :].equals(wrong.iloc[past.size :])
    assert (right["ff_known"] <= right["date"] + pd.Timedelta("1h")).all()


def _scrambled(rows, cut_ms):
    """Return rows whose figures, where they became known after a moment, are not what they were."""
    later = pl.col("available_time").dt.epoch("ms") > cut_ms
    figures = [
        name
        for name in ("open", "high", "low", "close", "open_interest", "funding_rate", "amount")
        if name in rows.columns
    ]
    return rows.with_columns(
        pl.when(later).then(pl.col(name) * 1.37).otherwise(pl.col(name)) for name in figures
    )
