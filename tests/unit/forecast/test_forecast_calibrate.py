"""Calibration: mends what is wrong, leaves what is right, and asks for events before it dares."""

import numpy as np
import pytest

from forcedflow.forecast.calibrate import UNCHANGED, Calibration, calibrate
from forcedflow.forecast.log_odds import log_odds
from forcedflow.forecast.scores import log_loss, reliability


def overconfident(seed: int, n: int = 20_000):
    generator = np.random.default_rng(seed)
    true = generator.beta(2, 30, n)
    happened = (generator.random(n) < true).astype(float)
    return 1 / (1 + np.exp(-2 * log_odds(true) - 1)), happened


def test_a_line_mends_an_overconfident_forecast():
    said, happened = overconfident(1)
    found = calibrate(said, happened, 199)
    assert 0.4 < found.stretch < 0.8
    later, truth = overconfident(2)
    assert log_loss(found.apply(later), truth).mean() < log_loss(later, truth).mean()


def test_with_many_events_the_shape_is_learned():
    said, happened = overconfident(3)
    found = calibrate(said, happened, 400)
    assert found.said.size > 2
    assert (np.diff(found.corrected) >= 0).all()
    later, truth = overconfident(4)
    assert 0.85 < reliability(found.apply(later), truth).slope < 1.15


def test_few_events_change_nothing():
    said, happened = overconfident(5, 500)
    found = calibrate(said, happened, 9)
    assert found.apply(said) == pytest.approx(said, abs=1e-3)
    assert "not corrected" in found.words
    assert UNCHANGED.apply(said) == pytest.approx(said, abs=1e-3)


def test_fewer_events_are_trusted_less():
    said, happened = overconfident(6)
    far = calibrate(said, happened, 190).stretch
    near = calibrate(said, happened, 12).stretch
    assert abs(near - 1) < abs(far - 1)


def test_a_forecast_is_never_turned_round():
    said, happened = overconfident(7, 3_000)
    turned = calibrate(1 - said, happened, 190)
    assert turned.stretch >= 0


def test_a_calibration_comes_back_from_plain_numbers():
    said, happened = overconfident(8)
    for events in (150, 300):
        found = calibrate(said, happened, events)
        again = Calibration.from_plain(found.to_plain())
        assert again.apply(said).tolist() == found.apply(said).tolist()
