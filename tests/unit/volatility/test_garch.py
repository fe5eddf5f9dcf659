"""GARCH beside the `arch` package, and what it may read."""

from __future__ import annotations

import numpy as np
import pytest
from arch import arch_model

from forcedflow.errors import NoDataError
from forcedflow.volatility.garch import Garch, fit_garch, log_likelihood

TRUTH = Garch(alpha=0.1, beta=0.85, tail=5.0, variance=1e-4)


def _returns(n, seed=1):
    return 0.01 * TRUTH.paths(1.0, n, 1, np.random.default_rng(seed))[0]


def test_the_fit_is_as_likely_as_that_of_the_arch_package():
    returns = _returns(4_000)
    ours = fit_garch(returns)
    theirs = arch_model(100 * returns, mean="Zero", vol="GARCH", p=1, q=1, dist="t").fit(disp="off")
    # Variance targeting gives up one parameter; half a nat is what that may cost here.
    best = theirs.loglikelihood + returns.size * np.log(100)
    assert log_likelihood(ours, returns) > best - 0.5
    assert ours.alpha == pytest.approx(theirs.params["alpha[1]"], abs=0.02)
    assert ours.beta == pytest.approx(theirs.params["beta[1]"], abs=0.03)
    assert ours.tail == pytest.approx(theirs.params["nu"], rel=0.1)


def test_variances_follow_the_recursion():
    returns = _returns(50)
    h = [TRUTH.variance]
    for r in returns.tolist():
        left = 1 - TRUTH.alpha - TRUTH.beta
        h.append(left * TRUTH.variance + TRUTH.alpha * r**2 + TRUTH.beta * h[-1])
    np.testing.assert_allclose(TRUTH.variances(returns), h, rtol=1e-12)


def test_what_comes_later_changes_no_variance_before():
    returns = _returns(300)
    whole, part = TRUTH.variances(returns), TRUTH.variances(returns[:200])
    np.testing.assert_array_equal(whole[:201], part)


def test_simulated_paths_have_the_variance_they_are_said_to_have():
    paths = TRUTH.paths(4.0, 24, 200_000, np.random.default_rng(3))
    assert paths[:, 0].var() == pytest.approx(4.0, rel=0.05)
    kept = (TRUTH.alpha + TRUTH.beta) ** 23
    assert paths[:, 23].var() == pytest.approx(1 + 3 * kept, rel=0.1)


@pytest.mark.parametrize("returns", [np.zeros(500), _returns(50)], ids=["still", "short"])
def test_too_few_returns_or_none_that_moved_are_said_to_be_too_few(returns):
    with pytest.raises(NoDataError, match="GARCH"):
        fit_garch(returns)


def test_a_model_survives_being_written_down():
    assert Garch.from_plain(TRUTH.to_plain()) == TRUTH
