"""A map trained on recorded liquidations, and what it says of a fall that it had not seen.

Prints figures; asserts the plumbing and that the answer is of a possible size.
"""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO

import pytest

from forcedflow.cli.app import run

pytestmark = pytest.mark.real_data

FILES = {
    "binance-vision": ["binance-vision/data/futures/um/daily/metrics/BTCUSDT"],
    "candles": ["candles/perp_ohlcv_1h.parquet"],
    "coinglass": ["coinglass/coinglass_BTC_1h.csv", "coinglass/coinglass_BTC_liquidation_1h.csv"],
}
AT = "2026-02-05T12:00Z"


def _answer(*arguments):
    out = StringIO()
    with redirect_stdout(out):
        assert run([*map(str, arguments), "--json"]) == 0
    return json.loads(out.getvalue())


@pytest.fixture(scope="module")
def trained_lake(real_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    for kind, paths in FILES.items():
        _answer("import", kind, *(real_data / path for path in paths), "--lake", folder)
    said = _answer("train", "map", "--symbol", "BTC", "--fit-to", "2026-01-26", "--lake", folder)
    for line in said["card"]:
        print(line)
    return folder, said


def test_training_reads_nothing_after_the_fit_and_states_its_record(trained_lake):
    _, said = trained_lake
    fit_to_ms = 1_769_385_600_000
    assert said["intervals"] > 1000
    for part in said["data"].values():
        assert part["last_ms"] is None or part["last_ms"] <= fit_to_ms
    assert 0.5 < said["level"] < 2.0
    assert any("D² 0." in line for line in said["card"])


def test_three_percent_down_in_the_february_fall_is_of_a_possible_size(trained_lake):
    folder, _ = trained_lake
    asked = ("whatif", "BTC", "--at", AT, "--lake", folder)
    found = _answer(*asked, "--move", "-3%")
    standing = found["standing_notional_if_touched"]
    feed = found["liquidations_a_feed_would_show"]
    print(f"open interest {found['open_interest_usd']:,}\nstanding {standing}\nfeed {feed}")
    assert found["model"] == "calibrated"
    mixture = found["assumptions"]["mixture"]
    assert mixture["level_of"] == "liquidations up to the moment asked about"
    assert 0.3 < mixture["level"] < 3.0
    # Some percent of one side, and between a quiet hour and the largest day ever recorded.
    assert 0.01 < standing["long"]["usd"] / found["open_interest_usd"] < 0.5
    assert 1e6 < feed["long"]["low"] < feed["long"]["usd"] < feed["long"]["high"] < 1e9
    assert standing["short"]["usd"] == 0
    assert feed["short"]["usd"] < 0.1 * feed["long"]["usd"]
    farther = _answer(*asked, "--move", "-6%")
    for key in ("standing_notional_if_touched", "liquidations_a_feed_would_show"):
        assert farther[key]["long"]["usd"] > found[key]["long"]["usd"]


def test_zones_of_the_fall_carry_bands_of_the_named_map(trained_lake):
    folder, said = trained_lake
    zones = _answer("zones", "BTC", "--at", AT, "--lake", folder, "--model", said["artefact"])
    assert zones["assumptions"]["model"] == "calibrated"
    assert zones["assumptions"]["mixture"]["borrowed_from"] is None
    for zone in zones["zones"]:
        assert zone["notional_usd_low"] <= zone["notional_usd"] <= zone["notional_usd_high"]
