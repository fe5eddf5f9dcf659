"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forcedflow.units import format_age, format_pct, format_price, format_usd


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0.00"),
        (999.4, "$999"),
        (999.6, "$1.00K"),
        (12_430, "$12.4K"),
        (999_400, "$999K"),
        (999_600, "$1.00M"),
        (-1.1e9, "-$1.10B"),
        (2.5e12, "$2.50T"),
        (1e16, "$10000T"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_dollars_have_three_significant_digits(value, text):
    assert format_usd(value) == text


@given(st.floats(1e-2, 9e14))
def test_dollars_are_right_to_half_a_percent(value):
    text = format_usd(value)
    scale = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1.0)
    read = float(text[1:].rstrip("KMBT")) * scale
    assert read == pytest.approx(value, rel=5.1e-3, abs=5.1e-3)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "+0.00 %"), (-0.01234, "-1.23 %"), (0.5, "+50.0 %"), (math.nan, "–")],
)
def test_fractions_are_written_as_signed_percent(value, text):
    assert format_pct(value) == text


@pytest.mark.parametrize(
    ("price", "tick", "text"),
    [
        (73012.37, 0.1, "73,012.4"),
        (73012.37, 1.0, "73,012"),
        (0.109712, 0.00001, "0.10971"),
        (0.109712, None, "0.10971"),
        (95.4, None, "95.400"),
        (123456.7, None, "123,457"),
        (math.inf, None, "–"),
    ],
)
def test_prices_have_the_decimals_of_their_tick(price, tick, text):
    assert format_price(price, tick) == text


@pytest.mark.parametrize(
    ("age_ms", "text"),
    [
        (0, "0 s"),
        (119_000, "119 s"),
        (120_000, "2 min"),
        (7_199_999, "120 min"),
        (7_200_000, "2 h"),
        (172_800_000, "2.0 d"),
    ],
)
def test_ages_change_unit_at_two_of_the_next(age_ms, text):
    assert format_age(age_ms) == text
