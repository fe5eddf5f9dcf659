"""The trained bitcoin map beside published positions: a tiny biased sample, read as plumbing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.real.measured_ladders import CAVEAT, compare, read_snapshots, table
from tests.real.test_measured_and_modelled_ladders import DAYS_MS

from forcedflow.asof import newest_trained
from forcedflow.cli.app import run
from forcedflow.instruments import parse_symbol
from forcedflow.store import Lake

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

FIT_TO = "2026-01-26"
FILES = {
    "binance-vision": [
        "binance-vision/data/futures/um/daily/metrics/BTCUSDT",
        "binance-vision/data/futures/um/monthly/fundingRate/BTCUSDT",
    ],
    "candles": ["candles/perp_ohlcv_1h.parquet", "candles/BTCUSDT_spot_1h.csv"],
    "coinglass": ["coinglass/coinglass_BTC_1h.csv", "coinglass/coinglass_BTC_liquidation_1h.csv"],
    "hyperliquid-positions": ["hyperliquid/hyperliquid_positions.parquet"],
}


@pytest.fixture(scope="module")
def lake(real_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bitcoin")
    for kind, paths in FILES.items():
        files = [str(real_data / path) for path in paths]
        assert run(["import", kind, *files, "--lake", str(folder), "--json"]) == 0
    trained = ["train", "map", "--symbol", "BTC", "--fit-to", FIT_TO, "--lake", str(folder)]
    assert run(trained) == 0
    return Lake(folder)


def test_the_trained_map_stands_beside_the_prior_and_both_nulls(lake, capsys):
    trained = newest_trained(lake, parse_symbol("BTC", "binance"), DAYS_MS[0])
    assert trained is not None
    assert trained.fit_to_ms <= int(datetime(2026, 1, 26, tzinfo=UTC).timestamp() * 1000)
    prior = read_snapshots(lake, "BTC", DAYS_MS)
    learned = read_snapshots(lake, "BTC", DAYS_MS, trained)
    for name, snapshots in (("stated prior", prior), (f"trained to {FIT_TO}", learned)):
        rows = [compare("BTC", snapshots, side) for side in range(2)]
        with capsys.disabled():
            print(f"\n\n{name}\n{table(rows)}")
        assert [row.n_snapshots >= 7 for row in rows] == [True, True]
        assert all(-1 <= row.r_model <= 1 and row.w1_model > 0 for row in rows)
    # What was measured is the same; only the model differs.
    for before, after in zip(prior, learned, strict=True):
        assert (before.measured == after.measured).all()
        assert not (before.modelled == after.modelled).all()
    assert "claims nothing" in CAVEAT
