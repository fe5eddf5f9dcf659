"""What walking forward over the recorded market found of sizes and of tomorrow's risk."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest

from forcedflow.asof.days import read_days
from forcedflow.asof.features import read_feature_inputs
from forcedflow.asof.liquidated import read_liquidated
from forcedflow.asof.market import read_market
from forcedflow.cli.app import run
from forcedflow.evaluate.forecast_daily import daily_rows
from forcedflow.evaluate.forecast_size import size_rows
from forcedflow.features.registry import build_features
from forcedflow.forecast.rows import lay_rows
from forcedflow.instruments import parse_symbol
from forcedflow.pipeline import build_map_features, build_placebo_features
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

pytestmark = pytest.mark.real_data
pytest.importorskip("sklearn")


def _ms(text):
    return int(np.datetime64(text, "ms").astype(np.int64))


@pytest.fixture(scope="module")
def lake(real_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forecast") / "lake"
    for kind in ("binance-vision", "candles", "coinglass"):
        with redirect_stdout(StringIO()):
            arguments = ["import", kind, str(real_data / kind), "--lake", str(folder), "--json"]
            assert run(arguments) == 0
    return Lake(folder)


def test_sizes_of_bitcoin_are_foretold_better_than_by_volatility_and_not_by_the_map(lake):
    bitcoin, at_ms = parse_symbol("BTC/USDT:USDT", "binance"), _ms("2026-03-15")
    start, fit_to, to_ms = _ms("2025-12-01"), _ms("2026-01-26"), _ms("2026-03-14")
    table = build_features(read_feature_inputs(lake, bitcoin, start, at_ms), start_ms=start)
    market = read_market(lake, bitcoin, at_ms)
    table = table.joined(
        {
            **build_map_features(market, table.times_ms),
            **build_placebo_features(market, table.times_ms),
        }
    )
    told, name = read_liquidated(lake, bitcoin, start - 30 * DAY_MS, at_ms)
    assert name == "binance+bybit+okx liquidation_totals"
    rows = lay_rows(table, bitcoin.symbol, bitcoin.venue)
    found = size_rows(rows, told, fit_to, fit_to, to_ms, horizons_h=(1,), targets=name)
    pooled = {
        (row.metric, row.baseline): row
        for row in found
        if row.side == "pooled" and not row.id.rpartition("-none")[2]
    }
    gained = {
        row.baseline: row for row in found if row.side == "pooled" and row.metric == "pinball_mean"
    }
    assert 2_200 < gained["volatility"].n < 2_300
    assert gained["volatility"].n_days in {47, 48}
    # Liquidation history and the rest are worth something over volatility and the hour.
    assert 0.02 < gained["volatility"].gain < 0.05
    assert gained["volatility"].ci[0] > 0.01
    assert gained["climatology"].ci[0] > 0.03
    # The map adds nothing that could be told from chance: neither to liquidation history nor to
    # the map that knows the price history alone. It does not pass.
    for rival in ("liquidations", "placebo"):
        assert abs(gained[rival].gain) < 0.02
        assert gained[rival].ci[0] < 0 < gained[rival].ci[1]
        assert gained[rival].pass_ is False
    for percent in (50, 90, 95, 99):
        assert pooled[f"coverage_{percent}", "none"].value == pytest.approx(
            percent / 100, abs=0.015
        )


def test_tomorrows_risk_of_seven_coins_is_better_told_by_liquidations_than_by_volatility(lake):
    coins = read_days(lake, _ms("2024-01-02"))
    assert [coin.symbol for coin in coins] == ["ADA", "BNB", "BTC", "DOGE", "ETH", "SOL", "XRP"]
    start = _ms("2023-01-01")
    found = daily_rows(coins, start, start, _ms("2024-01-01"))
    pooled = {(row.metric, row.baseline): row for row in found if row.symbol == "pooled"}
    bits = pooled["log_loss_bits", "volatility"]
    assert (bits.n, bits.n_days) == (7 * 365, 365)
    assert 0.08 < bits.gain < 0.25
    assert bits.ci[0] > 0
    assert bits.pass_ is True
    assert 0.70 < pooled["auc", "volatility"].value < 0.78
    assert 0.20 < pooled["pr_auc", "volatility"].value < 0.32
    assert 0.06 < pooled["base_rate", "none"].value < 0.10
    # Open interest and funding, even as ranks, do not help.
    assert pooled["log_loss_bits", "with_oi_funding"].gain > -0.02
    said = [row for row in found if row.id.endswith("pooled-both-24h-predicted_actual-none")]
    assert len(said) == 1
    assert 0.8 < said[0].value < 1.25
