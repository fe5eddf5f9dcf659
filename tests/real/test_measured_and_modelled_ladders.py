"""The venue's own liquidation prices beside the model's: the plumbing, and a table to read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from tests.real.measured_ladders import (
    CAVEAT,
    LEAST_ACCOUNTS,
    compare,
    read_snapshots,
    table,
)

from forcedflow.evaluate.truth_scores import N_BINS, REACH
from forcedflow.units import DAY_MS, SIDES

pytestmark = pytest.mark.real_data

COINS = ("BTC", "ETH", "SOL")
FIRST_DAY_MS = int(datetime(2026, 2, 3, tzinfo=UTC).timestamp() * 1000)
DAYS_MS = [FIRST_DAY_MS + day * DAY_MS for day in range(10)]


@pytest.fixture(scope="module")
def snapshots(imported_lake):
    return {coin: read_snapshots(imported_lake.lake, coin, DAYS_MS) for coin in COINS}


def test_measured_and_modelled_ladders_can_be_compared(snapshots, capsys):
    rows = [compare(coin, snapshots[coin], side) for coin in COINS for side in range(2)]
    with capsys.disabled():
        print("\n\n" + table(rows))
    for row in rows:
        side = SIDES.index(row.side)
        with_mass = [s for s in snapshots[row.coin] if s.measured[side].sum() > 0]
        assert row.n_snapshots == len(with_mass)
        assert row.n_positions == sum(s.n_positions[side] for s in with_mass)
        assert row.n_accounts <= row.n_positions
        figures = (row.r_model, row.r_other_days, row.w1_model, row.w1_uniform, row.w1_other_days)
        if len(with_mass) < 2:
            assert set(figures) == {None}
            continue
        assert all(-1 <= r <= 1 for r in figures[:2])
        assert all(0 < w1 < REACH * 1e4 for w1 in figures[2:])
    # The bitcoin sample is the one worth printing at all.
    assert [row.n_snapshots >= 7 for row in rows if row.coin == "BTC"] == [True, True]
    assert table(rows).endswith(CAVEAT)
    assert "claims nothing" in CAVEAT


@pytest.mark.parametrize("coin", COINS)
def test_there_is_one_snapshot_a_day_and_both_ladders_are_finite(snapshots, coin):
    assert [s.at_ms // DAY_MS for s in snapshots[coin]] == [day // DAY_MS for day in DAYS_MS]
    for snapshot in snapshots[coin]:
        for ladder in (snapshot.measured, snapshot.modelled):
            assert ladder.shape == (2, N_BINS)
            assert np.isfinite(ladder).all()
            assert (ladder >= 0).all()
        assert (snapshot.modelled.sum(axis=1) > 0).all()
        for side in range(2):
            assert (snapshot.measured[side].sum() > 0) == (snapshot.n_positions[side] > 0)
            assert len(snapshot.accounts[side]) == snapshot.n_positions[side]


@pytest.mark.parametrize("coin", COINS)
def test_the_measured_mass_is_that_of_the_file(snapshots, real_data, coin):
    """Added up from the file itself, by nothing that the ladder uses."""
    raw = pl.read_parquet(real_data / "hyperliquid/hyperliquid_positions.parquet").filter(
        pl.col("coin") == coin
    )
    for snapshot in snapshots[coin]:
        known = raw.filter(pl.col("ts") < datetime.fromtimestamp((snapshot.at_ms + 1) / 1000, UTC))
        assert known["ts"].max() >= datetime.fromtimestamp(snapshot.at_ms / 1000, UTC)
        held = newest_per_account(known)
        assert len({account for account, _ in held}) >= LEAST_ACCOUNTS
        mark = np.median([row["positionValue"] / row["size"] for row in held.values()])
        total, count = [0.0, 0.0], [0, 0]
        for row in held.values():
            price = row["liquidationPx"]
            side = ["Long", "Short"].index(row["direction"])
            away = None if price is None else (1 - price / mark) * (1 - 2 * side)
            if away is not None and 0 < away < REACH:
                total[side] += row["size"] * price
                count[side] += 1
        assert snapshot.n_positions == tuple(count)
        assert snapshot.measured.sum(axis=1) == pytest.approx(total, rel=1e-9)


def newest_per_account(known):
    """Each account's row in its collector's newest snapshot, none older than six hours."""
    last = [rows.filter(pl.col("ts") == rows["ts"].max()) for rows in known.partition_by("source")]
    newest = max(rows["ts"][0] for rows in last)
    held = {}
    for rows in sorted(last, key=lambda rows: rows["ts"][0]):
        if newest - rows["ts"][0] <= timedelta(hours=6):
            held |= {(row["account"], row["direction"]): row for row in rows.to_dicts()}
    return held
