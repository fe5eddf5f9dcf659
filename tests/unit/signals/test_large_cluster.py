"""A large cluster near the price: by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.feature_tables import assert_no_repaint, changed, lay, rising, without

from forcedflow.signals.large_cluster import SIGNAL

NAMES = [
    f"{what}_{side}_{unit}"
    for side in ("below", "above")
    for what, unit in (
        ("mass", "3pct"),
        ("cluster", "pct"),
        ("cluster", "sigma"),
        ("cluster", "share"),
    )
]


def _table():
    """Shares below rise to 10 % and end small; those above are always small."""
    return lay(
        {
            "mass_below_3pct": 0.2,
            "mass_above_3pct": 0.2,
            "cluster_below_pct": 2.0,
            "cluster_above_pct": 2.0,
            "cluster_below_sigma": 0.8,
            "cluster_above_sigma": 0.8,
            "cluster_below_share": rising(0.01, 0.0, 0.10),
            "cluster_above_share": 0.01,
        }
    )


def test_a_large_cluster_below_is_on_and_the_risk_is_down():
    reading = SIGNAL.read(changed(_table(), cluster_below_share=0.095))
    assert (reading.verdict, reading.direction) == ("on", "down")
    assert reading.value == 0.095
    assert reading.threshold == pytest.approx(0.09, abs=0.001)
    assert "below: 9.5 % of open interest, 2.00 % (0.8 σ) away" in reading.why


def test_a_large_cluster_above_puts_the_risk_up_and_one_on_either_side_both():
    above = changed(_table(), cluster_above_share=0.05)
    assert SIGNAL.read(above).direction == "up"
    assert SIGNAL.read(changed(above, cluster_below_share=0.095)).direction == "both"


@pytest.mark.parametrize(
    "last",
    [
        {"cluster_below_share": 0.085},
        {"cluster_below_share": 0.095, "cluster_below_pct": 3.01},
        {"cluster_below_share": 0.095, "cluster_below_sigma": 1.51},
    ],
    ids=["too small for its past", "too far in percent", "too far in deviations"],
)
def test_a_cluster_that_is_small_or_far_is_off(last):
    reading = SIGNAL.read(changed(_table(), **last))
    assert (reading.verdict, reading.direction) == ("off", "none")


def test_what_is_large_for_a_side_without_large_clusters_is_still_at_least_major():
    reading = SIGNAL.read(changed(_table(), cluster_above_share=0.019))
    assert reading.verdict == "off"


def test_a_map_without_any_cluster_is_off_and_a_market_without_a_map_unknown():
    nothing = {f"cluster_{side}_{unit}": np.nan for side in ("below", "above")
               for unit in ("pct", "sigma", "share")}  # fmt: skip
    none = SIGNAL.read(changed(_table(), **nothing))
    assert none.verdict == "off"
    assert "no cluster below; no cluster above" in none.why
    unmapped = without(lay({}, absent=["open_interest"]), *NAMES)
    unknown = SIGNAL.read(unmapped)
    assert (unknown.verdict, unknown.direction) == ("unknown", "none")
    assert "no rows of open_interest" in unknown.why


def test_less_than_a_week_of_maps_is_unknown():
    table = _table().joined({"mass_below_3pct": rising(0.2, 0.2, 0.2)})
    table.columns["mass_below_3pct"][:-2000] = np.nan
    assert SIGNAL.read(table).verdict == "unknown"


@given(seed=st.integers(0, 2**32), cut=st.floats(0.01, 0.999))
@settings(deadline=None, max_examples=20)
def test_rows_that_come_later_change_nothing(seed, cut):
    assert_no_repaint(SIGNAL, NAMES, seed, cut)
