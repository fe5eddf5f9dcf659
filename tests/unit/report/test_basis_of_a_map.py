"""What stands under a map: how far it was scaled, and what its inputs are worth where shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from forcedflow.asof import read_market
from forcedflow.pipeline import build_map
from forcedflow.report.basis import basis_lines, scale_words
from forcedflow.report.heatmap_png import draw_heatmap
from forcedflow.report.terminal import basis
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    simulated = SandboxMarket("calm", 1_000, 1)
    venue = SandboxVenue(simulated)
    instrument = venue.instruments()[0]
    end_ms = simulated.opened_ms + DAY_MS
    wanted = sorted(venue.capabilities.backfilled)
    lake = Lake(tmp_path_factory.mktemp("basis") / "lake", create=True)
    lake.write(join(list(venue.backfill(wanted, instrument.symbol, START_MS, end_ms))))
    return build_map(read_market(lake, instrument, end_ms - 1), picture_span_ms=DAY_MS // 4)


def scaled(mapped, long, short):
    scale = mapped.scale.copy()
    scale[-1] = long, short
    return replace(mapped, scale=scale)


@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.5, 2.0), (2.0, 0.51)])
def test_a_ladder_near_the_open_interest_says_nothing_of_it(mapped, factors):
    near = scaled(mapped, *factors)
    assert scale_words(near) is None
    assert "before scaling" not in basis(near).plain


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ((1 / 2.3, 1 / 4.7), "2.3× (long) and 4.7× (short)"),
        ((1.0, 2.5), "1× (long) and 0.4× (short)"),
        ((0.0, 1.0), "0× (long) and 1× (short)"),
    ],
)
def test_a_ladder_far_from_the_open_interest_says_so_in_text_and_picture(
    mapped, factors, words, tmp_path, monkeypatch
):
    far = scaled(mapped, *factors)
    sentence = f"ladder stood at {words} the open interest before scaling: shape worth less"
    assert sentence in basis(far).plain
    drawn = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *a, **k: (drawn.append(figure), save(figure, *a, **k))
    )
    draw_heatmap(far, far.zones(), tmp_path / "map.png")
    assert sentence in " ".join(text.get_text() for text in drawn[0].texts)


def test_shares_of_bars_are_also_those_of_the_span_that_is_shown(mapped):
    # Klines of the mark for all bars but those of the last six hours, which are shown.
    start_ms = int(mapped.heatmap.columns.start_ms[0])
    held = mapped.bars.end_ms <= start_ms
    assert 0 < held.mean() < 1
    broken = replace(mapped, bars=replace(mapped.bars, mark_from_klines=held))
    share = f"{100 * held.mean():.1f} %"
    lines = basis_lines(broken)
    assert f"mark highs and lows from klines ({share} of bars, none of those shown)" in lines
    # Without a picture it is the last week, here all that there is: nothing is repeated.
    lines = basis_lines(replace(broken, heatmap=None))
    assert f"mark highs and lows from klines ({share} of bars)" in lines


def test_volume_of_the_last_seven_days_is_told_from_that_of_all_history(mapped):
    bars = mapped.bars
    early = bars.end_ms - np.where(np.arange(bars.size) < bars.size // 2, 30 * DAY_MS, 0)
    source = np.where(np.arange(bars.size) < bars.size // 2, 0, 2)
    far = replace(mapped, heatmap=None, bars=replace(bars, end_ms=early, volume_source=source))
    lines = basis_lines(far)
    (own,) = (line for line in lines if line.startswith("volume of the bar itself"))
    assert own.endswith("of bars, none of the last 7 days)")
    (turnover,) = (line for line in lines if "turnover" in line)
    assert turnover.endswith("of bars, all of the last 7 days)")
