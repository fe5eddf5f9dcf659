"""The ``maxpain`` command: its answer, its table, and what it refuses."""

from __future__ import annotations

import pytest

AT = "2026-01-04T12:00Z"
KEYS = {
    "side",
    "price",
    "low",
    "high",
    "notional_usd",
    "on_the_way_usd",
    "distance_pct",
    "distance_sigma",
    "concentration",
    "touched_by_volatility",
}


def test_each_side_has_its_price_within_reach_and_beside_its_null(answer, lake):
    found = answer("maxpain", "BTC", "--lake", lake, "--at", AT, "--reach", "8%")
    mark = found["mark_price"]
    assert [side["side"] for side in found["sides"]] == ["long", "short"]
    for side in found["sides"]:
        assert set(side) == KEYS
        assert side["low"] <= side["price"] <= side["high"]
        below = side["side"] == "long"
        assert mark * 0.92 * (1 - 1e-6) <= side["low"] if below else side["high"] <= mark * 1.08001
        assert (side["price"] < mark) == below
        assert 0 < side["notional_usd"]["usd"] <= side["on_the_way_usd"]["usd"]
        assert side["notional_usd"]["low"] <= side["notional_usd"]["usd"]
        # The densest step holds at least what an even spread would.
        assert side["concentration"] >= 1
        assert 0 <= side["touched_by_volatility"] <= 1
    larger = max(found["sides"], key=lambda side: side["notional_usd"]["usd"])
    assert found["larger_side"] == larger["side"]
    assert "no forecast" in found["assumptions"]["max_pain"]


def test_what_is_on_the_way_is_what_whatif_says(answer, lake):
    asked = ("BTC", "--lake", lake, "--at", AT)
    (long, _) = answer("maxpain", *asked)["sides"]
    swept = answer("whatif", *asked, "--to", long["low"])["standing_notional_if_touched"]["long"]
    assert swept["usd"] == pytest.approx(long["on_the_way_usd"]["usd"], rel=1e-3)


def test_the_table_says_that_it_is_derived_and_shows_the_null(call, lake):
    status, out, _ = call("maxpain", "BTC", "--lake", lake, "--at", AT)
    assert status == 0
    for words in ("longs", "shorts", "no forecast", "σ alone", "driftless walk"):
        assert words in out


@pytest.mark.parametrize("reach", ["0.5%", "90%", "-3%", "far"])
def test_a_reach_that_is_none_is_a_usage_error(call, lake, reach):
    status, out, err = call("maxpain", "BTC", "--lake", lake, f"--reach={reach}")
    assert (status, out) == (2, "")
    assert "reach" in err
