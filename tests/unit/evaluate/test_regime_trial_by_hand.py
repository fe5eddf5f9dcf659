"""The trial of regimes: outcomes by hand, moments alike, and what a scorecard says of nothing."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference import feature_markets as markets
from tests.reference.feature_tables import AT_MS, lay

from forcedflow.errors import NoDataError
from forcedflow.evaluate import regime_trial
from forcedflow.evaluate.regime_card import LEAST, Scope, regime_rows
from forcedflow.evaluate.regime_trial import (
    CLAIMS,
    Trial,
    beginnings,
    efficiency,
    hold_trials,
    hours_to_extreme,
    laid_apart,
    log_volatility,
    net_move,
    signed_move,
    skew,
    speed,
    spot_alone,
)
from forcedflow.features.table import STEP_MS
from forcedflow.playbook.regime_rules import RuleStates
from forcedflow.signals.signal import DOWN, OFF, ON, UNKNOWN, UP
from forcedflow.units import DAY_MS, HOUR_MS

HOUR = HOUR_MS // STEP_MS
SCOPE = Scope("BTC/USDT:USDT", "binance", ("klines",))


def path(*hourly):
    """Prices at every step, the given returns spread over one hour each."""
    logs = np.concatenate([[0.0], np.cumsum(np.repeat(hourly, HOUR) / HOUR)])
    return 100 * np.exp(logs)


def test_outcomes_of_four_hours_by_hand():
    price = path(0.01, 0.01, -0.03, 0.02)
    day = 0.02 * np.sqrt(6)  # 2 % in four hours
    squares = 1e-4 * (1 + 1 + 9 + 4)
    assert log_volatility(price, day, 1.0) == pytest.approx(np.log(np.sqrt(squares) / 0.02))
    assert net_move(price, day, 1.0) == pytest.approx(0.5)
    assert signed_move(price, day, -1.0) == pytest.approx(-0.5)
    assert efficiency(price, day, 1.0) == pytest.approx(1 / 7)
    assert hours_to_extreme(price, day, 1.0) == pytest.approx(2.0)
    assert hours_to_extreme(price, day, -1.0) == pytest.approx(3.0)
    cubes = (1 + 1 - 27 + 8) / 4
    assert skew(price, day, 1.0) == pytest.approx(cubes / (15 / 4) ** 1.5)
    assert skew(price, day, -1.0) == pytest.approx(-cubes / (15 / 4) ** 1.5)
    assert speed(price, day, -1.0) == pytest.approx(np.log(3 / (4 / 3)))


def test_a_price_that_stands_still_has_no_shape():
    price = path(0.0, 0.0)
    assert all(np.isnan(of(price, 0.02, 1.0)) for of in (log_volatility, efficiency, skew, speed))


def states(verdict, direction=None):
    verdict = np.array(verdict, dtype=np.int8)
    risk = np.where(verdict == ON, UP, 0) if direction is None else np.array(direction)
    return RuleStates(verdict, risk.astype(np.int8), {})


def test_a_beginning_comes_out_of_the_known_and_a_horizon_after_the_last():
    verdict = [UNKNOWN, ON, OFF, ON, OFF, ON, OFF, ON]
    inside = np.ones(8, dtype=bool)
    assert beginnings(states(verdict), inside, None, 1).tolist() == [3, 5, 7]
    assert beginnings(states(verdict), inside, None, 4).tolist() == [3, 7]
    inside[3] = False
    assert beginnings(states(verdict), inside, None, 4).tolist() == [5]


def test_beginnings_of_one_direction_leave_out_the_other():
    state = states([OFF, ON, OFF, ON], [0, DOWN, 0, UP])
    inside = np.ones(4, dtype=bool)
    assert beginnings(state, inside, UP, 1).tolist() == [3]
    assert beginnings(state, inside, DOWN, 1).tolist() == [1]


def wandering(seed, days=300, bounce=0.0):
    """A market of independent hours; after a rare one, the next hours go on by ``bounce``."""
    rng = np.random.default_rng(seed)
    hours = 24 * days
    moves = 0.005 * rng.standard_normal(hours)
    struck = np.flatnonzero(rng.random(hours - 8) < 0.015)
    moves[struck] = 0.03 * np.sign(moves[struck])
    for place in struck.tolist():
        moves[place + 1 : place + 5] += bounce * np.sign(moves[place])
    # All of an hour's way at its end, so that a beginning is known when the way is gone.
    logs = np.repeat(np.cumsum(moves), HOUR)
    back = np.concatenate([np.zeros(HOUR), logs[:-HOUR]])
    contracts = np.zeros(logs.size)
    contracts[np.abs(logs - back) > 0.02] = -0.02
    n = logs.size
    return lay(
        {
            "price": 100 * np.exp(logs),
            "return_1h": logs - back,
            "sigma_day": 0.005 * np.sqrt(24),
            "oi_change_1h": contracts,
        },
        n=n,
    )


def rows_of(table):
    trials = hold_trials(table, int(table.times_ms[0]) + 10 * DAY_MS, AT_MS + 1)
    return regime_rows([trials], SCOPE)


def test_a_market_that_goes_on_after_a_forced_hour_is_found_out():
    rows, _ = rows_of(wandering(3, bounce=0.01))
    moved = next(row for row in rows if row.metric == "signed_move")
    # Four hours of 1 % each in deviations of four hours, 0.5 % an hour: 4 σ, less what overlaps.
    assert moved.gain == pytest.approx(4.0, abs=1.0)
    assert moved.pass_


def test_a_market_that_forgets_passes_nothing():
    passed = []
    for seed in range(4):
        rows, _ = rows_of(wandering(seed))
        assert len(rows) >= 3
        passed += [row.pass_ for row in rows]
    # One in forty by chance.
    assert sum(passed) <= 2


def test_rows_follow_the_contract_and_missing_ones_say_why():
    rows, missing = rows_of(wandering(1))
    for row in rows:
        assert row.product == "regimes"
        assert row.id.endswith(f"-{row.metric}-{row.baseline}:{row.event}")
        assert row.n >= row.n_days > 0
    assert any("crowded_longs, skew, matched: 0 beginnings" in one.why for one in missing)
    faster = [row for row in rows if row.baseline == "down"]
    assert [row.side for row in faster] == ["up"]
    ups = {row.side: row for row in rows if row.metric == "hours_to_extreme"}
    assert set(ups) == {"up", "down"}


def test_what_comes_after_the_span_counts_for_nothing():
    table = wandering(2, days=100)
    middle = int(table.times_ms[table.size // 2])
    first = int(table.times_ms[0])
    whole = hold_trials(table, first, middle)
    price = table["price"].copy()
    price[table.times_ms >= middle] *= 3
    assert_same(whole, hold_trials(table.joined({"price": price}), first, middle))


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.at_ms, b.at_ms)
        np.testing.assert_array_equal(a.ours, b.ours)
        np.testing.assert_array_equal(a.theirs, b.theirs)


def test_moments_alike_are_of_the_same_hour_apart_and_without_the_regime(monkeypatch):
    table = wandering(5, days=100)
    # Prices that differ by a hair name their places.
    table = table.joined({"price": table["price"] * (1 + 1e-9 * np.arange(table.size))})
    laid = []

    def kept(price, sigma_day, sign):
        laid.append(price[0])
        return net_move(price, sigma_day, sign)

    claim = next(c for c in CLAIMS if c.metric == "signed_move")
    monkeypatch.setattr(
        regime_trial, "CLAIMS", (type(claim)("mechanical_move", "x", kept, 4 * HOUR_MS),)
    )
    (trial,) = hold_trials(table, int(table.times_ms[0]), AT_MS + 1)
    place = {float(price): i for i, price in enumerate(table["price"].tolist())}
    begun = {int(np.searchsorted(table.times_ms, at)) for at in trial.at_ms}
    own, compared = None, 0
    for price in laid:
        at = place[float(price)]
        if at in begun:
            own = at
            continue
        compared += 1
        apart = (at - own) // HOUR % 168
        assert (at - own) % HOUR == 0
        assert min(apart, 168 - apart) <= 3
        assert abs(at - own) >= DAY_MS // STEP_MS
        assert abs(table["return_1h"][at]) < 0.015
    assert compared >= 5 * len(begun) > 0


def test_independent_markets_are_laid_into_years_of_their_own():
    trial = Trial(CLAIMS[0], np.array([AT_MS]), np.zeros(1), np.zeros(1))
    first, second = (laid_apart([trial], i)[0].at_ms[0] for i in (0, 1))
    assert first == AT_MS
    assert (second - first) % (6 * DAY_MS) == 0
    assert second - first > 1000 * DAY_MS


def test_too_few_beginnings_bear_no_row():
    claim = CLAIMS[0]
    few = [
        Trial(c, AT_MS + DAY_MS * np.arange(LEAST - 1), np.ones(LEAST - 1), np.zeros(LEAST - 1))
        for c in CLAIMS
    ]
    rows, missing = regime_rows([few], SCOPE)
    assert rows == []
    assert missing[0].why.startswith(f"{claim.regime}, {claim.metric}, matched: {LEAST - 1} ")


def test_spot_alone_needs_bars_of_an_hour(inputs):
    with pytest.raises(NoDataError, match="no spot bars"):
        spot_alone(inputs(spot_interval_ms=DAY_MS))
    alone = spot_alone(inputs(spot_interval_ms=HOUR_MS))
    assert alone.trade_klines.height == 3
    assert not alone.open_interest.height


@pytest.fixture
def inputs():
    def made(spot_interval_ms):
        bars = [
            {"event_time": AT_MS + i * HOUR_MS, "interval_ms": spot_interval_ms}
            | dict.fromkeys(("open", "high", "low", "close"), 1.0)
            for i in range(3)
        ]
        held = [{"event_time": AT_MS, "open_interest": 5.0}]
        return markets.inputs_of(
            AT_MS,
            spot_klines=markets.frame("klines", bars, price_type="spot"),
            open_interest=markets.frame("open_interest", held),
        )

    return made
