"""A move that spot does not confirm: by takers, by returns, by volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.feature_tables import assert_no_repaint, changed, lay, rising, without

from forcedflow.signals.spot_confirmation import SIGNAL

FLOW = ["perp_cvd_4h", "spot_cvd_4h", "cvd_divergence_4h"]
NAMES = [*FLOW, "return_4h", "sideways_4h", "perp_lead_4h", "perp_volume_share_4h"]


def _table(**last):
    """A rise of two deviations, bought in the perpetual and sold in spot."""
    table = lay(
        {
            "return_4h": 0.02,
            "sideways_4h": 2.0,
            "perp_cvd_4h": 0.06,
            "spot_cvd_4h": -0.035,
            "cvd_divergence_4h": rising(0.095, -0.1, 0.1),
            "perp_lead_4h": rising(0.0, -0.1, 0.1),
            "perp_volume_share_4h": rising(0.8, 0.7, 0.9),
        }
    )
    return changed(table, **last)


def _fall(**last):
    return _table(
        return_4h=-0.02,
        perp_cvd_4h=-0.06,
        spot_cvd_4h=0.035,
        cvd_divergence_4h=-0.095,
        **last,
    )


def test_a_rise_that_only_the_perpetuals_takers_bought_puts_the_risk_down():
    reading = SIGNAL.read(_table())
    assert (reading.verdict, reading.direction) == ("on", "down")
    assert reading.value == 0.095
    assert reading.threshold == pytest.approx(0.08, abs=0.001)
    assert "takers' net share +6.00 % in the perpetual, -3.50 % in spot" in reading.why


def test_a_fall_that_only_the_perpetuals_takers_sold_puts_the_risk_up():
    reading = SIGNAL.read(_fall())
    assert (reading.verdict, reading.direction) == ("on", "up")
    assert reading.value == 0.095


@pytest.mark.parametrize(
    "last",
    [
        {"sideways_4h": 0.99},
        {"cvd_divergence_4h": 0.07},
        {"spot_cvd_4h": 0.01},
        {"perp_cvd_4h": -0.01},
        {"return_4h": -0.02},
    ],
    ids=[
        "no move",
        "a usual divergence",
        "spot bought too",
        "the perpetual sold",
        "the move went the other way",
    ],
)
def test_anything_less_is_off(last):
    reading = SIGNAL.read(_table(**last))
    assert (reading.verdict, reading.direction) == ("off", "none")


def test_without_taker_flow_returns_decide_and_say_so():
    table = without(_table(perp_lead_4h=0.095), *FLOW)
    reading = SIGNAL.read(table)
    assert (reading.verdict, reading.direction) == ("on", "down")
    assert "by returns the perpetual went +0.095 σ further" in reading.why
    assert SIGNAL.read(changed(table, perp_lead_4h=-0.095)).verdict == "off"
    fell = changed(table, perp_lead_4h=-0.095, return_4h=-0.02)
    assert SIGNAL.read(fell).direction == "up"


def test_without_flow_and_returns_volume_decides_and_says_so():
    table = without(_table(perp_volume_share_4h=0.89), *FLOW, "perp_lead_4h")
    reading = SIGNAL.read(table)
    assert (reading.verdict, reading.direction) == ("on", "down")
    assert "the perpetual had 89 % of the volume" in reading.why
    assert SIGNAL.read(changed(table, perp_volume_share_4h=0.8)).verdict == "off"


def test_without_spot_it_is_unknown_and_names_the_table():
    table = lay({"return_4h": 0.02, "sideways_4h": 2.0}, absent=["spot klines"])
    reading = SIGNAL.read(table)
    assert (reading.verdict, reading.direction) == ("unknown", "none")
    assert "no rows of spot klines" in reading.why


def test_without_a_known_move_it_is_unknown():
    assert SIGNAL.read(_table(sideways_4h=np.nan)).verdict == "unknown"


@given(seed=st.integers(0, 2**32), cut=st.floats(0.01, 0.999))
@settings(deadline=None, max_examples=20)
def test_rows_that_come_later_change_nothing(seed, cut):
    assert_no_repaint(SIGNAL, NAMES, seed, cut)
