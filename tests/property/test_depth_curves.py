"""Depth curves hold for any book: they rise, scale, join and never lose what was shown."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.depth import band_rows, book_rows

from forcedflow.depth.beyond import TAIL_TO
from forcedflow.depth.from_bands import from_bands
from forcedflow.depth.from_book import from_book
from forcedflow.depth.from_volume import from_volume
from forcedflow.depth.impact import square_root_curve, square_root_impact
from forcedflow.depth.source import joined

T0 = 1_790_000_000_000
SETTINGS = settings(deadline=None, max_examples=60)

sizes = st.floats(1e-3, 1e4)
levels = st.lists(st.tuples(st.floats(1e-5, 5e-3), sizes), min_size=1, max_size=20)
snapshots = st.lists(st.tuples(levels, levels), min_size=1, max_size=6)
directions = st.sampled_from(["down", "up"])


def book_of(snapshots, factor=1.0, price=100.0):
    rows = []
    for i, sides in enumerate(snapshots):
        bids, asks = (
            list(
                zip(
                    price * np.exp(sign * np.cumsum([step for step, _ in side])),
                    [factor * size for _, size in side],
                    strict=True,
                )
            )
            for sign, side in ((-1, sides[0]), (1, sides[1]))
        )
        rows.append((T0 + i * 1000, bids, asks))
    return book_rows(rows)


@SETTINGS
@given(snapshots, directions)
def test_a_books_curve_rises_and_holds_at_its_reach_the_median_of_what_was_shown(books, direction):
    rows = book_of(books)
    curve = from_book(rows, direction)
    assert (curve.usd >= 0).all()
    assert curve.edges[-1] <= TAIL_TO * (1 + 1e-12)
    side = 0 if direction == "down" else 1
    held = []
    for (time,), book in rows.group_by("event_time", maintain_order=True):
        best = [book.filter(side=s, level=0)["price"][0] for s in ("bid", "ask")]
        own = book.filter(side=("bid", "ask")[side])
        away = np.abs(np.log(own["price"].to_numpy() / np.mean(best)))
        usd = (own["price"] * own["amount"]).to_numpy()
        held.append(usd[away <= curve.measured_to * (1 + 1e-12)].sum())
        assert time is not None
    np.testing.assert_allclose(
        curve.cumulative(np.array([curve.measured_to]))[0], np.median(held), rtol=1e-9
    )


@SETTINGS
@given(snapshots, directions, st.floats(1e-3, 1e3), st.floats(1e-2, 1e5))
def test_twice_the_size_is_twice_the_depth_and_the_price_level_changes_money_alone(
    books, direction, factor, price
):
    usual = from_book(book_of(books), direction)
    larger = from_book(book_of(books, factor), direction)
    dearer = from_book(book_of(books, price=price), direction)
    np.testing.assert_allclose(larger.usd, usual.usd * factor, rtol=1e-6, atol=1e-9 * factor)
    at = np.array([usual.measured_to])
    np.testing.assert_allclose(dearer.measured_to, usual.measured_to, rtol=1e-9)
    # Rounding may move a level across a border, never off the book.
    np.testing.assert_allclose(
        dearer.cumulative(at * (1 + 1e-9))[0], usual.cumulative(at)[0] * price / 100, rtol=1e-5
    )


@SETTINGS
@given(st.lists(st.lists(sizes, min_size=5, max_size=5), min_size=1, max_size=6), directions)
def test_bands_are_met_at_their_distances_whatever_order_they_come_in(held, direction):
    rows = band_rows(
        [
            (
                T0 + i * 1000,
                {
                    float(sign * pct): (usd, 100.0 * (1 + sign * pct / 200))
                    for pct, usd in enumerate(one, start=1)
                    for sign in (-1, 1)
                },
            )
            for i, one in enumerate(held)
        ]
    )
    curve = from_bands(rows.sample(fraction=1, shuffle=True, seed=1), direction)
    sign = -1 if direction == "down" else 1
    at = np.abs(np.log1p(sign * np.arange(1, 6) / 100))
    repaired = np.median([np.maximum.accumulate(one) for one in held], axis=0)
    np.testing.assert_allclose(curve.cumulative(at), repaired, rtol=1e-9)


@SETTINGS
@given(snapshots, st.floats(1e6, 1e11), st.floats(1e-3, 0.3))
def test_a_joined_curve_is_the_near_one_within_its_reach_and_adds_the_far_one_past_it(
    books, volume, sigma
):
    near = from_book(book_of(books), "down")
    far = from_volume(volume, sigma, "down", at_ms=T0)
    both = joined(near, far)
    inside = np.linspace(0, near.measured_to, 7)
    np.testing.assert_allclose(both.cumulative(inside), near.cumulative(inside), rtol=1e-9)
    past = near.measured_to + np.array([0.001, 0.05, 0.2])
    added = both.cumulative(past) - near.cumulative(inside[-1:])
    expected = far.cumulative(past) - far.cumulative(inside[-1:])
    np.testing.assert_allclose(added, expected, rtol=1e-6, atol=1e-6 * near.usd.sum())


@SETTINGS
@given(
    st.floats(1e5, 1e12), st.floats(1e-4, 0.5), st.floats(1, 1e5), st.floats(0.1, 2.0), sizes, sizes
)
def test_impact_rises_with_size_and_never_faster_than_in_proportion(
    volume, sigma, horizon, y, one, other
):
    small, large = sorted((one, other))
    moved = square_root_impact(np.array([small, large]), volume, sigma, horizon, y)
    assert 0 < moved[0] <= moved[1]
    assert moved[1] / moved[0] <= large / small * (1 + 1e-9)
    curve = square_root_curve("up", volume, sigma, horizon, 0, y)
    np.testing.assert_allclose(
        curve.cumulative(curve.edges)[1:],
        [volume * (edge / (y * sigma)) ** 2 for edge in curve.edges[1:]],
        rtol=1e-6,
    )
