"""Depth that somebody states: exactly that within one percent, thinner beyond, never measured."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forcedflow.depth.stated import stated_depth


@pytest.mark.parametrize("direction", ["down", "up"])
def test_stated_depth_is_even_within_one_percent_and_thins_out_beyond(direction):
    curve = stated_depth(3e8, direction, at_ms=7)
    assert curve.direction == direction
    assert curve.cumulative(np.array([0.0025, 0.005, 0.01])) == pytest.approx([7.5e7, 1.5e8, 3e8])
    density = curve.usd / np.diff(curve.edges)
    assert (density > 0).all()
    assert (np.diff(density) < 0).all()


def test_stated_depth_is_taken_as_exact_but_never_as_measured():
    curve = stated_depth(3e8, "down", at_ms=7)
    assert (curve.log_sd, curve.measured_to, curve.at_ms) == (0, 0, 7)
    assert "$300M within 1 %, stated" in curve.source


@pytest.mark.parametrize("usd", [0.0, -1.0, math.nan, math.inf])
def test_stated_depth_that_is_none_is_refused(usd):
    with pytest.raises(ValueError, match="positive and finite"):
        stated_depth(usd, "down", at_ms=0)
