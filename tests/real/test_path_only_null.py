"""The path-only null on BTC as recorded; prints its record, asserts the plumbing alone.

The spans of its features were chosen on the hours before 26 January 2026; the hours after it are
development data, not a final examination.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from forcedflow.cli.app import run
from forcedflow.evaluate import facts_table, measure_facts, score_path_only
from forcedflow.store import Lake

pytestmark = pytest.mark.real_data

FIT_TO_MS = int(datetime(2026, 1, 26, tzinfo=UTC).timestamp() * 1000)
FILES = {
    "binance-vision": ["binance-vision/data/futures/um/daily/metrics/BTCUSDT"],
    "coinglass": ["coinglass/coinglass_BTC_1h.csv", "coinglass/coinglass_BTC_liquidation_1h.csv"],
}


@pytest.fixture(scope="module")
def market(real_data, tmp_path_factory):
    """Open interest, liquidations of three venues and spot klines, as the command imports them."""
    folder = tmp_path_factory.mktemp("lake")
    for kind, paths in FILES.items():
        files = [str(real_data / path) for path in paths]
        assert run(["import", kind, *files, "--lake", str(folder), "--json"]) == 0
    lake = Lake(folder)
    return (
        lake.read("open_interest", venue="binance", symbol="BTC/USDT:USDT"),
        lake.read("liquidation_totals", symbol="BTC"),
        lake.read("klines", venue="binance", symbol="BTC/USDT"),
    )


def test_the_null_explains_more_than_the_constant_after_its_fit(market):
    record = score_path_only(*market, FIT_TO_MS, seed=7)
    for name, score in (("static", record.static), ("trailing level", record.levelled)):
        first, last = (
            datetime.fromtimestamp(ms / 1000, tz=UTC) for ms in (score.first_ms, score.last_ms)
        )
        for label, e in (("D²", score.d2), ("predicted/actual", score.predicted_over_actual)):
            print(
                f"path-only null, {name}: {label} {e.value:.3f} [{e.low:.3f}, {e.high:.3f}] 90 %, "
                f"{e.n:,} side-hours on {score.n_days} days, {first:%Y-%m-%d} … {last:%Y-%m-%d}"
            )
            assert np.isfinite([e.value, e.low, e.high]).all()
            assert e.low <= e.value <= e.high
        assert score.d2.value > 0
        assert score.first_ms > FIT_TO_MS
    gain, fitted = record.level_gain, record.fitted.d2
    print(f"gained by the level: {gain.value:.3f} [{gain.low:.3f}, {gain.high:.3f}]")
    print(f"on the {record.n_fit_hours:,} hours fitted: D² {fitted.value:.3f}")
    print(f"weights {record.background.weights.tolist()}")
    print(f"dispersion {record.background.dispersion.tolist()} USD")
    assert (record.background.weights >= 0).all()


def test_the_facts_of_bitcoin_stand_in_a_table(market):
    facts = measure_facts("BTC, recorded", *market, FIT_TO_MS, seed=7)
    text = facts_table([facts])
    print(text)
    assert text.count("\n") == len(facts.facts) + 2 + len({f.group for f in facts.facts})
    for fact in facts.facts:
        e = fact.estimate
        assert np.isfinite([e.value, e.low, e.high]).all(), fact.label
        assert e.n > 50
