"""After a touch: which touches count, what they are compared with, and what is planted is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.reference.markets import MINUTE_MS

from forcedflow.errors import NoDataError
from forcedflow.evaluate.magnet import Scope
from forcedflow.evaluate.standing import Standing
from forcedflow.evaluate.touches import CALIPER, Touches, TouchesByKind, find_touches, touch_rows
from forcedflow.units import DAY_MS, HOUR_MS

SCOPE = Scope("BTC/USDT:USDT", "simulated", ("made by hand",))
STEP_MS = 5 * MINUTE_MS


def standing_of(price, zones, n=1, sigma_day=0.05):
    """Snapshots on the hours, each with the same zones (side, low, high, share)."""
    rows = [(i, *zone) for i in range(n) for zone in zones]
    snapshot, side, low, high, share = (np.array(column) for column in zip(*rows, strict=True))
    return Standing(
        taken=12 * np.arange(n),
        bar=12 * np.arange(n),
        end_ms=HOUR_MS * np.arange(n),
        price=np.full(n, price),
        sigma_day=np.full(n, sigma_day),
        level=np.full((n, 2), np.nan),
        mass=np.zeros((n, 2)),
        by_rule=np.zeros((n, 2), dtype=bool),
        snapshot=snapshot,
        side=side,
        low=low.astype(float),
        high=high.astype(float),
        share=share.astype(float),
    )


def followed(standing, closes):
    closes = np.asarray(closes, dtype=float)
    return find_touches(standing, closes, STEP_MS * np.arange(closes.size))


def test_a_zone_is_touched_at_its_nearer_border_and_followed_for_an_hour():
    standing = standing_of(100.0, [(0, 97.0, 98.0, 0.2)])
    closes = [100, 99, 97.9, *np.linspace(97.8, 96.8, 11), 96.0, *[90.0] * 20]
    touches = followed(standing, closes)
    assert touches.any_zone.end_ms.tolist() == [2 * STEP_MS]
    sigma_hour = 0.05 / np.sqrt(24)
    # It goes on downwards, beyond the level: a positive move.
    assert touches.any_zone.move[0] == pytest.approx(np.log(97.9 / 96.0) / sigma_hour)
    assert touches.any_zone.distance[0] == pytest.approx(np.log(100 / 98) / 0.05)


def test_the_mirror_of_a_zone_is_a_touch_of_nothing_only_where_no_zone_stands():
    closes = [100, 101, 102.5, *[103.0] * 30]
    alone = standing_of(100.0, [(0, 97.0, 98.0, 0.2)])
    assert followed(alone, closes).empty.end_ms.tolist() == [2 * STEP_MS]
    assert followed(alone, closes).any_zone.end_ms.size == 0
    beside = standing_of(100.0, [(0, 97.0, 98.0, 0.2), (1, 101.9, 103.0, 0.1)])
    assert followed(beside, closes).empty.end_ms.size == 0


def test_a_zone_met_before_it_could_be_known_is_no_touch_and_has_no_mirror():
    standing = standing_of(100.0, [(0, 97.0, 98.0, 0.2)])
    passed = replace(standing, price=np.array([97.5]))
    closes = [97.5, 97.0, 96.0, *[94.0] * 10, *[99.0] * 20]
    touches = followed(passed, closes)
    assert touches.any_zone.end_ms.size == 0
    assert touches.empty.end_ms.size == 0


def test_an_hour_that_the_data_do_not_cover_is_not_counted():
    standing = standing_of(100.0, [(0, 97.0, 98.0, 0.2)])
    assert followed(standing, [100, 97, *[97.0] * 12]).any_zone.end_ms.size == 1
    assert followed(standing, [100, 97, *[97.0] * 11]).any_zone.end_ms.size == 0


def test_only_the_top_tenth_by_share_is_large():
    zones = [(0, 90.0 - k, 90.5 - k, 0.01 * (k + 1)) for k in range(10)]
    standing = standing_of(100.0, zones)
    closes = np.concatenate([[100.0], np.linspace(99, 81, 19), np.linspace(80, 60, 40)])
    touches = followed(standing, closes)
    assert touches.large.end_ms.size == 1
    assert touches.any_zone.end_ms.size > 1


def test_an_hour_counts_once_for_what_the_latest_snapshot_showed():
    standing = standing_of(100.0, [(0, 97.0, 98.0, 0.2)], n=3)
    standing = replace(standing, high=np.array([98.0, 98.5, 98.2]))
    closes = [*[100.0] * 26, 98.1, *[98.1] * 20]
    touches = followed(standing, closes)
    assert touches.any_zone.distance.tolist() == pytest.approx([np.log(100 / 98.2) / 0.05])


def touches_of(days, move, distance=0.5, cell=0, decile=3):
    n = len(days)
    return Touches(
        end_ms=np.asarray(days) * DAY_MS + HOUR_MS,
        distance=np.broadcast_to(np.asarray(distance, dtype=float), n).copy(),
        cell=np.broadcast_to(cell, n).copy(),
        decile=np.broadcast_to(decile, n).copy(),
        move=np.asarray(move, dtype=float),
    )


def test_a_planted_acceleration_is_found_and_its_direction_is_another_row():
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(40), 3)
    empty = touches_of(days, rng.standard_normal(120))
    large = touches_of(days, 2.0 * rng.standard_normal(120))
    size, direction = touch_rows([TouchesByKind(large, large, empty)], SCOPE, "")
    assert (size.n, size.n_days, size.metric, size.baseline) == (120, 40, "move_sigma", "matched")
    assert size.ci[0] > 0
    assert size.pass_
    assert size.value == pytest.approx(np.abs(large.move).mean())
    assert size.baseline_value == pytest.approx(np.abs(empty.move).mean())
    assert direction.id == size.id + ":direction"
    assert direction.ci[0] < 0 < direction.ci[1]
    assert direction.value == pytest.approx(large.move.mean())


def test_touches_are_compared_only_with_their_like():
    days = np.arange(40)
    zone = touches_of(days, np.full(40, 1.0))
    like = touches_of(days, np.full(40, 0.5), distance=0.5 + 0.9 * CALIPER, decile=4)
    for unlike in (
        {"distance": 0.5 + 1.1 * CALIPER},
        {"cell": 1},
        {"decile": 5},
    ):
        other = touches_of(days, np.full(40, 9.0), **unlike)
        both = Touches(
            *(
                np.concatenate([getattr(like, name), getattr(other, name)])
                for name in Touches.__slots__
            )
        )
        size, _ = touch_rows([TouchesByKind(zone, zone, both)], SCOPE, "any zone")
        assert size.gain == pytest.approx(0.5)
        assert size.id.endswith(":any zone")
        with pytest.raises(NoDataError, match="0 touches of any zones have a match"):
            list(touch_rows([TouchesByKind(zone, zone, other)], SCOPE, "any zone"))


def test_equal_markets_give_an_interval_that_holds_zero():
    rng = np.random.default_rng(11)
    wrong = 0
    for _ in range(20):
        storm = np.repeat(np.exp(0.5 * rng.standard_normal(50)), 2)
        days = np.repeat(np.arange(50), 2)
        zone, empty = (touches_of(days, storm * rng.standard_normal(100)) for _ in range(2))
        size, _ = touch_rows([TouchesByKind(zone, zone, empty)], SCOPE, "")
        wrong += not size.ci[0] <= 0 <= size.ci[1]
    assert wrong <= 3
