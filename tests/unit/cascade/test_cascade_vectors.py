"""Independent calculations, reproduced through the package's own code."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import numpy as np
import pytest
from tests.reference.stages import stage_of

from forcedflow.cascade import waves
from forcedflow.cascade.criticality import branching_number
from forcedflow.cascade.fixed_point import solve
from forcedflow.evaluate.thinning import thinning_factor
from forcedflow.margin import schedule_from_rows

pytestmark = pytest.mark.vectors

_NUMBER = r"(-?\d+\.?\d*(?:e[+-]?\d+)?)"


@pytest.fixture(scope="module")
def printed(vectors):
    """Return what the independent calculation prints."""
    done = subprocess.run(
        [sys.executable, vectors / "cascade_vectors.py"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def _stated(printed, pattern):
    found = re.search(pattern.replace("#", _NUMBER), printed)
    assert found, f"the vectors do not print {pattern}"
    return [float(text) for text in found.groups()]


def _at_distance(usd_at, width, bins):
    """Return a row of usd by bin with each amount in the bin that ends at its distance."""
    row = np.zeros(bins)
    for distance, usd in usd_at:
        row[round(distance / width) - 1] += usd
    return row


def test_linear_impact_is_a_geometric_series(printed):
    n, sold, end = _stated(printed, r"V1 n=# Q\*=# dlogp\*=#")
    bins, width = 400, 5e-4
    # A density of depth of 1/κ dollars per unit of log price.
    even = stage_of(np.full(bins, 3e7 * width), np.full(bins, width / 2e-8), width)
    found = solve(even, np.zeros(1), order_usd=1e6)
    assert found.end[0] == pytest.approx(end, rel=1e-9)
    assert found.forced[0] + 1e6 == pytest.approx(sold, rel=1e-9)
    assert branching_number(even)[bins // 2] == pytest.approx(n, rel=1e-9)
    assert found.amplification[0] == pytest.approx(1 / (1 - n), rel=1e-9)


def test_square_root_impact_ends_where_the_quadratic_says(printed):
    end, sold, first, amplification = _stated(
        printed, r"D\*=# Q\*=# first-wave D=# amplification=#"
    )
    local = _stated(printed, r"local branching ratio at fixed point n=c\^2 h/\(2D\)=#")[0]
    # D = c √Q is a book that holds (D/c)² within D.
    c, width, bins = 2.5e-7, 5e-7, 8_000
    edges = np.arange(bins + 1) * width
    stage = stage_of(np.full(bins, 5e9 * width), np.diff((edges / c) ** 2), width)
    found = solve(stage, np.zeros(1), order_usd=5e7)
    assert found.end[0] == pytest.approx(end, abs=1e-8)
    assert found.forced[0] + 5e7 == pytest.approx(sold, rel=1e-6)
    assert found.unforced[0] == pytest.approx(first, abs=1e-8)
    assert found.amplification[0] == pytest.approx(amplification, abs=1e-4)
    number = branching_number(stage, stretch=width)
    assert number[int(found.end[0] / width)] == pytest.approx(local, abs=2e-4)


def test_a_book_and_discrete_clusters_are_walked_in_the_same_waves(printed):
    walked = re.search(r"V3 book-walk cascade: (.*)", printed)
    assert walked
    steps = [
        [float(text) for text in re.findall(_NUMBER, one)]
        for one in re.findall(r"\(([^)]*)\)", walked[1])
    ]
    bids = [(99.9, 10), (99.5, 20), (99.0, 30), (98.0, 50), (97.0, 100), (95.0, 200)]
    clusters = [(99.4, 25), (98.5, 40), (97.5, 30), (96.0, 50)]
    width, bins = 1e-6, 52_000

    def away(price):
        return math.log(100 / price)

    stage = stage_of(
        _at_distance([(away(price), coins) for price, coins in clusters], width, bins),
        _at_distance([(away(price), coins) for price, coins in bids], width, bins),
        width,
    )
    rules = waves.WaveRules(
        (1.0,), (math.inf,), (0.0,), 1.0, 0.0, math.inf, math.inf, source="the vector"
    )
    traced = waves.trace(stage, rules, np.zeros(6), order_usd=40.0)
    for row, (total, price, triggered, unfilled) in enumerate(steps):
        # The vector's q is the order and all that was triggered before the wave.
        assert 40 + traced.sold[row, 0] == pytest.approx(total, abs=1e-9)
        assert stage.price(traced.last[row, 0]) == pytest.approx(price, rel=2e-6)
        reached = np.interp(traced.mark[row, 0], stage.edges, stage.supply)
        assert reached == pytest.approx(triggered, abs=1e-9)
        assert unfilled == 0
    assert not traced.result.exhausted.any()
    assert 40 + traced.result.triggered[0, 0] == 105
    found = solve(stage, np.zeros(1), order_usd=40.0)
    assert stage.price(found.end[0]) == pytest.approx(98.0, rel=2e-6)
    assert found.forced[0] == pytest.approx(65, abs=1e-9)


@pytest.mark.parametrize("n", [0.2, 0.5, 0.8, 0.95])
def test_the_mean_size_of_a_branching_cascade_is_the_amplification_at_its_number(printed, n):
    mean = _stated(printed, rf"V4 n={n:.2f} mean size #")[0]
    even = stage_of(np.full(400, 1e6 * n), np.full(400, 1e6))
    assert branching_number(even)[200] == pytest.approx(n)
    # Each dollar forces n more: the fixed point is the mean of the tree of dollars.
    found = solve(even, np.zeros(1), order_usd=1e6)
    assert (found.forced[0] + 1e6) / 1e6 == pytest.approx(mean, abs=1e-3)
    rules = waves.WaveRules(
        (1.0,), (math.inf,), (1.0,), 1.0, 0.0, math.inf, math.inf, source="the vector"
    )
    traced = waves.trace(even, rules, np.zeros(400), order_usd=1e6)
    wave = np.diff(np.concatenate([[0.0], traced.sold[:, 0]]))[1:]
    generations = wave[:20] / 1e6
    np.testing.assert_allclose(generations, n ** np.arange(1, 21), rtol=1e-6, atol=1e-12)


def test_thinned_prints_are_corrected_to_the_rate_behind_them(printed):
    rate, estimated, raw, factor, theory = _stated(
        printed, r"V6 thinning: true rate #, est -ln\(1-p\)=#, raw #, factor # \(theory #\)"
    )
    seconds = 60 * 20_000
    events = np.random.default_rng(1).poisson(rate, seconds)
    prints = np.flatnonzero(events > 0) * 1_000
    factors = thinning_factor(prints)
    # Minutes in which every second printed say only that there were many; the rest of the bias is
    # that of a logarithm of a mean over sixty seconds.
    assert factors.sum() / seconds == pytest.approx(estimated, rel=0.05)
    assert prints.size / seconds == pytest.approx(raw, abs=2e-3)
    assert factors.mean() == pytest.approx(factor, rel=0.05)
    assert factors.mean() == pytest.approx(theory, rel=0.05)


def test_the_square_root_law_has_the_magnitude_of_the_tenth_of_october(printed):
    (impact,) = _stated(printed, r"V7 I= #")
    c, width, bins = 0.025 / math.sqrt(1.0e11), 1e-6, 10_000
    edges = np.arange(bins + 1) * width
    book = stage_of(np.zeros(bins), np.diff((edges / c) ** 2), width)
    assert solve(book, np.zeros(1), order_usd=5.3e9).end[0] == pytest.approx(impact, abs=5e-5)


def test_an_empty_ladder_leaves_a_fair_walk_to_the_gambler(printed):
    (chance,) = _stated(printed, r"V8 P\(\+2% before -1%\) under martingale = #")
    steps = np.random.default_rng(3).choice([-0.005, 0.005], (20_000, 200))
    walk = steps.cumsum(axis=1)
    # Each walk stands still from its first step at 2 % ahead or 1 % behind.
    over = (walk > 0.0199) | (walk < -0.0099)
    stopped = np.where(over.any(axis=1), over.argmax(axis=1), walk.shape[1] - 1)
    path = np.where(
        np.arange(walk.shape[1]) < stopped[:, None],
        walk,
        np.take_along_axis(walk, stopped[:, None], axis=1),
    )
    stage = stage_of(np.zeros(200), np.full(200, 1e6))
    found = waves.run(stage, waves.assumed_rules(stage), path)
    assert (found.furthest > 0.0199).mean() == pytest.approx(chance, abs=0.012)
    np.testing.assert_allclose(found.last, path[:, -1], atol=1e-12)


def test_maintenance_margin_is_continuous_over_brackets(printed):
    (margin,) = _stated(printed, r"V9 MM #")
    schedule = schedule_from_rows(
        "gate", "BTC/USDT:USDT", 0, [(1.1e6, 0.004, 125.0), (1e12, 0.005, 100.0)], source="notice"
    )
    below, above, at = (
        schedule.at_notional(size).maintenance_margin(size) for size in (1.1e6, 1.1e6 + 1e-3, 1.2e6)
    )
    assert at == pytest.approx(margin)
    assert below == pytest.approx(above, abs=1e-4)
