"""No repaint: what later data hold changes nothing earlier, not one byte."""

from __future__ import annotations

import math
from dataclasses import fields
from itertools import pairwise

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.reference import markets
from tests.reference.trained import trained_on

from forcedflow.heatmap import build_heatmap, lay_canvas, lay_columns
from forcedflow.heatmap.scale import to_bytes
from forcedflow.instruments import parse_symbol
from forcedflow.liquidation_map import Market
from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.pipeline import build_map
from forcedflow.positions import (
    Canvas,
    LiquidationLadder,
    PriceGrid,
    build_bars,
    infer_flows,
    prior_atoms,
)
from forcedflow.units import HOUR_MS, MINUTE_MS
from forcedflow.volatility import ewma_volatility

FEW = settings(deadline=None, max_examples=60)
WIDTH = 5e-4


def _seeded(atoms, bars):
    ladder = LiquidationLadder(atoms, WIDTH)
    ladder.seed(1000.0, float(bars.close[0]))
    return ladder


def _canvas(n_bars):
    column_of = np.full(n_bars, -1, dtype=np.int64)
    ends = np.arange(1, n_bars, 2)
    column_of[ends] = np.arange(ends.size)
    return Canvas(column_of, ends.size, PriceGrid(WIDTH, 7600, 900, 4))


@FEW
@given(markets.bars(least=2), markets.atoms(), st.data())
def test_later_bars_change_no_byte_of_what_a_replay_saw(bars, atoms, data):
    k = data.draw(st.integers(1, bars.size), label="bars known")
    flows = markets.flows_for(bars, atoms)
    early, late = _seeded(atoms, bars), _seeded(atoms, bars)
    known = early.replay(
        bars.cut(0, k), markets.cut_flows(flows, 0, k), canvas=_canvas(k), with_design=True
    )
    whole = late.replay(bars, flows, canvas=_canvas(bars.size), with_design=True)
    assert markets.same_bytes(known.swept, whole.swept[:k])
    assert markets.same_bytes(known.alive, whole.alive[:k])
    assert markets.same_bytes(known.image, whole.image[: known.image.shape[0]])
    assert markets.same_bytes(known.design, whole.design[:, :, :k])
    # The state at the cut, carried on, is the state of the whole.
    early.replay(bars.cut(k, bars.size), markets.cut_flows(flows, k, bars.size))
    assert early.state_hash() == late.state_hash()


@FEW
@given(markets.bars(), markets.atoms(), st.data())
def test_bars_in_any_batches_give_the_bytes_of_one_replay(bars, atoms, data):
    borders = data.draw(st.sets(st.integers(0, bars.size), max_size=6), label="batches")
    stops = sorted({0, bars.size, *borders})
    flows = markets.flows_for(bars, atoms)
    whole, parts = _seeded(atoms, bars), _seeded(atoms, bars)
    seen = whole.replay(bars, flows)
    batches = [
        parts.replay(bars.cut(a, b), markets.cut_flows(flows, a, b)) for a, b in pairwise(stops)
    ]
    assert whole.state_hash() == parts.state_hash()
    assert markets.same_bytes(seen.swept, np.concatenate([part.swept for part in batches]))
    assert markets.same_bytes(seen.alive, np.concatenate([part.alive for part in batches]))


@FEW
@given(markets.bars(), markets.atoms())
def test_advancing_bar_by_bar_is_the_replay_of_all_bars(bars, atoms):
    flows = markets.flows_for(bars, atoms)
    live, batch = _seeded(atoms, bars), _seeded(atoms, bars)
    seen = batch.replay(bars, flows)
    for t in range(bars.size):
        bar = bars.cut(t, t + 1)
        step = live.advance(bar, markets.flows_for(bar, atoms))
        assert markets.same_bytes(step.swept[0], seen.swept[t])
        assert markets.same_bytes(step.alive[0], seen.alive[t])
    assert live.state_hash() == batch.state_hash()
    grid = batch.extent()
    for side in ("long", "short"):
        assert markets.same_bytes(live.profile(grid, side), batch.profile(grid, side))


def test_a_ladder_that_outgrows_its_window_is_the_same_live_and_in_one_go():
    # A price that halves and then rises sixteenfold leaves every window it began in.
    close = 100.0 * np.exp(np.concatenate([np.linspace(0, -0.7, 20), np.linspace(-0.7, 2.1, 40)]))
    lower = np.minimum(close, np.roll(close, 1)) * 0.999
    upper = np.maximum(close, np.roll(close, 1)) * 1.001
    lower[0], upper[0] = close[0] * 0.999, close[0] * 1.001
    bars = markets.bars_of(close, low=lower, high=upper, change=5.0, volume=50.0, taker=0.6)
    atoms = markets.atoms_of([2.0, 10.0, 50.0], [0.05, 8.0], roles=("taker", "maker"))
    live, batch = _seeded(atoms, bars), _seeded(atoms, bars)
    size_before = batch.extent().size
    batch.replay(bars, infer_flows(bars))
    assert batch.extent().size > size_before
    for t in range(bars.size):
        live.advance(bars.cut(t, t + 1), infer_flows(bars.cut(t, t + 1)))
    assert live.state_hash() == batch.state_hash()
    assert batch.ledger("long").imbalance < 1e-9
    assert batch.ledger("short").imbalance < 1e-9


@FEW
@given(markets.bars(least=2), st.data())
def test_later_bars_change_no_byte_of_flows_volatility_or_columns(bars, data):
    k = data.draw(st.integers(1, bars.size), label="bars known")
    known, whole = infer_flows(bars.cut(0, k)), infer_flows(bars)
    assert known.roles == whole.roles
    for name in ("opens_long", "opens_short", "closes_long", "closes_short"):
        assert markets.same_bytes(getattr(known, name), getattr(whole, name)[:k])
    early = ewma_volatility(bars.close[:k], bars.end_ms[:k])
    assert markets.same_bytes(early, ewma_volatility(bars.close, bars.end_ms)[:k])


@FEW
@given(markets.bars(least=3), markets.atoms(), st.data())
def test_a_finished_column_keeps_its_bars_its_candle_and_its_colours(bars, atoms, data):
    k = data.draw(st.integers(2, bars.size), label="bars known")
    start = int(bars.end_ms[0] - bars.elapsed_ms[0])
    flows = markets.flows_for(bars, atoms)
    grid = PriceGrid(WIDTH, 7600, 900, 4)
    maps = []
    for size in (k, bars.size):
        part = bars.cut(0, size)
        columns = lay_columns(part, start)
        canvas = lay_canvas(part, columns, grid)
        ladder = _seeded(atoms, bars)
        seen = ladder.replay(part, markets.cut_flows(flows, 0, size), canvas=canvas)
        scale = part.open_interest[:, None] / np.maximum(seen.alive, 1e-3)
        maps.append(build_heatmap(seen.image, part, columns, grid, scale))
    known, whole = maps
    if known.columns.step_ms != whole.columns.step_ms:
        return  # another zoom: columns are joined differently, as the header says
    event(f"finished columns: {min(known.columns.size - 1, 5)}")
    _assert_columns_kept(known, whole, known.columns.size - 1)


def _assert_columns_kept(known, whole, finished):
    kept = slice(0, finished)
    for name in ("start_ms", "end_ms", "last_bar"):
        assert markets.same_bytes(
            getattr(known.columns, name)[kept], getattr(whole.columns, name)[kept]
        )
    assert markets.same_bytes(known.usd[kept], whole.usd[kept])
    assert markets.same_bytes(known.candles[kept], whole.candles[kept])
    assert markets.same_bytes(known.even[kept], whole.even[kept])
    colours = to_bytes(known.total, known.even)
    assert markets.same_bytes(colours[kept], to_bytes(whole.total, whole.even)[kept])


# One observation of a venue: five-minute steps, then a cadence of its own. [bins, contracts, …]
_MOMENT = st.tuples(
    st.integers(-40, 40), st.integers(-80, 80), st.integers(0, 900), st.integers(0, 10)
)


def _tables(moments, cadence, start_ms, start_bins, contracts, *, kline_ms, with_taker, marked):
    """Tables as a venue would send them; also where the last observation left off."""
    interest, mark_klines, trade_klines, funding = [], [], [], []
    at, when = start_bins, start_ms
    for bins, change, volume, bought in moments:
        when += cadence
        low, high = min(at, at + bins) - 3.3, max(at, at + bins) + 2.7
        at += bins
        contracts = max(50.0, contracts + change)
        price = math.exp(at * WIDTH)
        interest.append((when, contracts, None if marked else price))
        for end in range(when - cadence + kline_ms, when + 1, kline_ms):
            bar = (end, kline_ms, math.exp(low * WIDTH), math.exp(high * WIDTH), price)
            mark_klines.append((*bar, None, None))
            takers = volume * bought / 10 if with_taker else None
            trade_klines.append((*bar, float(volume), takers))
        if when % (8 * HOUR_MS) == 0 or bought == 7:
            funding.append((when, "settled", (bought - 5) * WIDTH * 0.1731))
    return (
        (interest, mark_klines, trade_klines, funding),
        (when, at, contracts),
    )


def _frames(parts):
    joined = [[row for part in parts for row in part[i]] for i in range(4)]
    return (
        markets.open_interest_rows(joined[0]),
        markets.kline_rows(joined[1], "mark"),
        markets.kline_rows(joined[2], "last"),
        markets.funding_rows(joined[3]),
    )


@st.composite
def _past_and_two_futures(draw):
    """One past and two futures in other cadences, intervals and with other inputs known."""
    five = 5 * MINUTE_MS
    moments = draw(st.lists(_MOMENT, min_size=3, max_size=25))
    past, (when, at, contracts) = _tables(
        moments,
        five,
        markets.START_MS,
        math.log(100.0) / WIDTH + 0.314,
        1000.0,
        kline_ms=five,
        with_taker=draw(st.booleans()),
        marked=draw(st.booleans()),
    )
    futures = []
    for _ in range(2):
        cadence, kline = draw(
            st.sampled_from(
                [(five, five), (five, MINUTE_MS), (MINUTE_MS, MINUTE_MS), (HOUR_MS, HOUR_MS)]
            )
        )
        more, _ = _tables(
            draw(st.lists(_MOMENT, min_size=1, max_size=40)),
            cadence,
            when,
            at,
            contracts,
            kline_ms=kline,
            with_taker=draw(st.booleans()),
            marked=False,
        )
        futures.append(more)
    return past, futures


@FEW
@given(_past_and_two_futures())
def test_later_rows_of_any_cadence_change_no_byte_of_earlier_bars(market):
    past, futures = market
    known = build_bars(*_frames([past]))
    for future in futures:
        whole = build_bars(*_frames([past, future]))
        for field in fields(known):
            early = getattr(known, field.name)
            assert markets.same_bytes(early, getattr(whole, field.name)[: known.size]), field.name


_SCHEDULE = schedule_from_rows(
    "binance",
    "BTC/USDT:USDT",
    0,
    [(50e3, 0.004, 125), (250e3, 0.005, 100), (1e6, 0.01, 50)],
    source="example",
)


def _market(frames):
    at_ms = int(frames[0]["event_time"].dt.epoch("ms").max())
    rule = rule_for("binance", "linear", at_ms)
    return Market(parse_symbol("BTC"), at_ms, *frames, _SCHEDULE, rule)


_TRAINED = trained_on(prior_atoms(_SCHEDULE, rule_for("binance", "linear", markets.START_MS)))


@settings(deadline=None, max_examples=25)
@given(_past_and_two_futures(), st.sampled_from([None, _TRAINED]))
def test_later_rows_change_no_byte_of_the_maps_past(market, trained):
    past, futures = market
    span = 24 * HOUR_MS
    known = build_map(_market(_frames([past])), span, trained)
    for future in futures:
        whole = build_map(_market(_frames([past, future])), span, trained)
        k = known.bars.size
        assert markets.same_bytes(known.replay.swept, whole.replay.swept[:k])
        assert markets.same_bytes(known.replay.alive, whole.replay.alive[:k])
        assert markets.same_bytes(known.scale, whole.scale[:k])
        if (
            known.heatmap.columns.step_ms == whole.heatmap.columns.step_ms
            and known.heatmap.grid.step == whole.heatmap.grid.step
        ):
            _assert_pictures_agree(known.heatmap, whole.heatmap)


def _assert_pictures_agree(known, whole):
    """Same bytes wherever both pictures show the same finished column and the same price."""
    first = max(known.grid.first, whole.grid.first)
    stop = min(known.grid.stop, whole.grid.stop)
    cells = [
        slice((first - grid.first) // grid.step, (stop - grid.first) // grid.step)
        for grid in (known.grid, whole.grid)
    ]
    ends = {int(end): i for i, end in enumerate(whole.columns.end_ms)}
    compared = 0
    for i, end in enumerate(known.columns.end_ms[:-1]):
        if int(end) not in ends:
            continue  # scrolled out of the later picture
        j = ends[int(end)]
        assert markets.same_bytes(known.usd[i][..., cells[0]], whole.usd[j][..., cells[1]])
        colours = [
            to_bytes(picture.total[row][None, cut], picture.even[row][None])
            for picture, row, cut in ((known, i, cells[0]), (whole, j, cells[1]))
        ]
        assert markets.same_bytes(*colours)
        compared += 1
    event(f"columns compared: {min(compared, 5)}")
    assert (
        compared or known.columns.size <= 1 or whole.columns.start_ms[0] > known.columns.end_ms[0]
    )
