"""The benchmarks compare like with like. No time is asserted here."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from benchmarks import cascade, cascade_loop, ladder_loop, sandbox
from benchmarks.__main__ import _GROUPS
from benchmarks.ladder import CASES, assert_same, replay
from benchmarks.ladder_case import LadderRun, Window, months_of_five_minutes, year_of_minutes
from benchmarks.ladder_peer import LadderPeer, find_compiler
from benchmarks.measure import Budget, Result, Timing, read_budgets, table

from forcedflow.cascade.fixed_point import solve
from forcedflow.cascade.waves import run as run_waves

needs_compiler = pytest.mark.skipif(
    find_compiler() is None, reason="no C compiler called cc on this machine"
)

SHORT = {
    "minutes without a picture": lambda: year_of_minutes(3_000, seed=1),
    "minutes with five bands": lambda: year_of_minutes(3_000, seed=2, columns=7, bands=5),
    "five minutes with joined bins": lambda: months_of_five_minutes(2_000, seed=3, columns=9),
}


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    return LadderPeer(tmp_path_factory.mktemp("peer"))


@needs_compiler
@pytest.mark.parametrize("name", SHORT)
def test_the_c_peer_agrees_with_the_ladder(peer, name):
    assert_same(SHORT[name](), replay, peer)


@pytest.mark.parametrize("name", SHORT)
def test_the_numpy_loop_agrees_with_the_ladder(name):
    assert_same(SHORT[name]().cut(500), replay, ladder_loop.replay)


@pytest.mark.parametrize(
    ("below", "step", "size"), [(-700, 3, 400), (0, 1, 90), (1500, 7, 80), (2200, 5, 500)]
)
def test_a_picture_cut_by_its_window_is_the_same_picture(below, step, size):
    whole = months_of_five_minutes(300, seed=7, columns=3)
    window = Window(whole.first + below, step, size)
    assert_same(dataclasses.replace(whole, window=window), replay, ladder_loop.replay)


@pytest.mark.parametrize("below", [-5_000, 50_000])
def test_a_window_that_holds_no_level_stays_empty(below):
    whole = months_of_five_minutes(300, seed=7, columns=3)
    window = Window(whole.first + below, 2, 100)
    run = LadderRun.of(dataclasses.replace(whole, window=window))
    assert replay(run) == 0
    assert run.alive_per_bar[-1].min() > 0
    assert not run.image.any()


def test_a_peer_that_is_off_by_a_millionth_is_refused():
    def wrong(run):
        ladder_loop.replay(run)
        run.swept[-1] += 1e-6 * run.swept.max()

    with pytest.raises(AssertionError, match="swept"):
        assert_same(SHORT["minutes without a picture"]().cut(300), replay, wrong)


@needs_compiler
def test_a_level_outside_the_window_is_counted_by_both_and_written_by_neither(peer):
    case = year_of_minutes(50, seed=4)
    # Opens so far above the close that no bin of the window holds their liquidation price.
    case.entry[:] += case.n_bins
    ours, theirs = LadderRun.of(case), LadderRun.of(case)
    assert replay(ours) == peer(theirs) > 0
    for run in (ours, theirs):
        assert not run.short_mass.any()
        assert run.top.max() < case.n_bins


def test_equal_seeds_give_equal_cases_and_other_seeds_do_not():
    a, b, c = (year_of_minutes(500, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(a.low, b.low)
    assert np.array_equal(a.opens_long, b.opens_long)
    assert not np.array_equal(a.low, c.low)


def test_every_case_of_the_ladder_has_a_goal_and_every_goal_a_case():
    assert set(read_budgets()["ladder"]) == set(CASES)


def test_every_measurement_of_the_cascade_has_a_goal_and_every_goal_a_measurement():
    assert set(read_budgets()["cascade"]) == {cascade.FIXED, cascade.USUAL, cascade.WAVES}


@pytest.mark.parametrize("absorbs", [True, False])
def test_the_numpy_form_agrees_with_the_fixed_points(absorbs):
    stage = cascade.even_stage(bins=300, absorbs=absorbs)
    shock, forced, depth = cascade.shocks(200, 0.05)
    ours = solve(stage, shock, 0.0, forced, depth).end
    cascade.assert_same_ends(
        ours, cascade_loop.fixed_points(stage, shock, forced, depth, 64), shock
    )
    with pytest.raises(AssertionError, match="ends"):
        cascade.assert_same_ends(ours, ours + 1e-6, shock)


def test_the_numpy_form_agrees_with_the_waves():
    stage, rules, paths = cascade.even_stage(), cascade.rules(), cascade.paths(40, 30)
    ours = run_waves(stage, rules, paths)
    cascade.assert_same_waves(ours, cascade_loop.waves(stage, rules, paths))
    with pytest.raises(AssertionError, match="furthest"):
        cascade.assert_same_waves(ours, dataclasses.replace(ours, furthest=ours.furthest + 1e-6))


def test_every_measurement_of_the_sandbox_has_a_goal_and_every_goal_a_measurement():
    assert set(read_budgets()["sandbox"]) == {sandbox.WHOLE, sandbox.STRETCH}


def test_a_sandbox_in_plain_python_is_the_same_market(tmp_path):
    state = tmp_path / "state"
    sandbox._measured("prepare", "300", str(state))
    ours = sandbox._measured("stretch", str(state))
    plain = sandbox._measured("stretch", str(state), compiled=False)
    np.testing.assert_allclose(ours["mark"], plain["mark"], rtol=1e-9)
    assert len(ours["mark"]) == sandbox.STRETCH_MINUTES


def test_a_whole_sandbox_says_its_time_its_events_and_its_memory():
    # The first process may have to compile, which takes more memory than the market does.
    sandbox._measured("whole", "300", "1")
    found = sandbox._measured("whole", "300", "1")
    assert found["seconds"] > 0
    assert found["events"] >= 0
    assert 10 < found["peak_mib"] < 2_048


def test_a_result_over_its_memory_is_over_budget_however_quick():
    timing = Timing(best_s=1.0, worst_s=1.0, runs=3)
    budget = Budget(seconds=2.0, mib=100.0)
    within, over = (
        Result("sandbox", "whole", "a day", timing, budget=budget, peak_mib=peak)
        for peak in (90.0, 110.0)
    )
    assert within.within_budget is True
    assert over.within_budget is False
    assert "peak 110 MiB" in table([over])
    assert "≤ 2 s, ≤ 100 MiB" in table([over])


def test_the_table_says_what_is_over_budget_and_what_was_skipped():
    timing = Timing(best_s=2.0, worst_s=3.0, runs=3)
    over = Result("ladder", "slow", "1 bar", timing, 1, "C", 1.0, Budget(ratio=1.5))
    within = Result("import", "quick", "1 file", timing, budget=Budget(seconds=2.5))
    skipped = Result("startup", "absent", "-", skipped="FORCEDFLOW_REAL_DATA is not set")
    lines = table([over, within, skipped]).splitlines()
    assert over.ratio == 2.0
    assert "2.00×" in lines[2]
    assert "NO" in lines[2]
    assert "yes" in lines[3]
    assert "skipped: FORCEDFLOW_REAL_DATA is not set" in lines[4]


def test_an_unknown_benchmark_is_named_with_those_that_exist():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nonsense"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    assert ", ".join(_GROUPS) in done.stderr
    assert {"ladder", "events", "against_ccxt"} <= set(_GROUPS)
