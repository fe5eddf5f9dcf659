"""A ladder borrowed from another venue: its size, its price, and that it says whose it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.reference.situations import sandbox_lake

from forcedflow.asof import read_market
from forcedflow.asof.situation import read_situation
from forcedflow.errors import NoDataError
from forcedflow.instruments import parse_symbol
from forcedflow.pipeline import build_map
from forcedflow.playbook.borrowed import history_ms, lend
from forcedflow.playbook.checklist import fill
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

VENUES = ("sandbox", "sandbox-dark")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return sandbox_lake(tmp_path_factory.mktemp("borrowed") / "lake", VENUES)


@pytest.fixture(scope="module")
def markets(both):
    held, end_ms = both
    return [read_market(held, parse_symbol("SIM", venue), end_ms) for venue in VENUES]


def newest_only(market, **columns):
    row = market.open_interest.sort("event_time").tail(1).with_columns(**columns)
    nothing = market.trade_klines.clear()
    return replace(market, open_interest=row, trade_klines=nothing, mark_klines=nothing)


def test_one_row_of_open_interest_is_enough_for_a_ladder_of_that_size_at_that_price(markets):
    lender, borrower = markets
    row = newest_only(
        borrower, open_interest=pl.lit(1234.5), open_interest_usd=pl.lit(1234.5 * 70_000.0)
    )
    mapped = build_map(lend(lender, row))
    assert mapped.bars.open_interest[-1] == pytest.approx(1234.5)
    assert mapped.mark == pytest.approx(70_000.0)
    assert mapped.zones()
    assert mapped.market.instrument == borrower.instrument
    assert mapped.market.rule == borrower.rule
    assert mapped.market.lent_by == "sandbox SIM/USDT:USDT"
    assert "ladder borrowed from sandbox SIM/USDT:USDT, scaled" in mapped.model_words
    assert mapped.assumptions()["ladder_lent_by"] == "sandbox SIM/USDT:USDT"


def test_turnover_stays_the_lenders_so_that_entries_keep_their_shape(markets):
    lender, borrower = markets
    lent = build_map(lend(lender, newest_only(borrower))).bars
    own = build_map(lender).bars
    np.testing.assert_allclose(lent.volume / lent.open_interest, own.volume / own.open_interest)
    np.testing.assert_allclose(np.diff(np.log(lent.close)), np.diff(np.log(own.close)), atol=1e-12)


def test_contracts_follow_from_their_value_where_they_are_not_told(markets):
    lender, borrower = markets
    row = newest_only(
        borrower, open_interest=pl.lit(None, pl.Float64), open_interest_usd=pl.lit(7e6)
    )
    mapped = build_map(lend(lender, row))
    assert mapped.open_interest_usd == pytest.approx(7e6)


def test_nothing_open_is_nothing_to_scale_to(markets):
    lender, borrower = markets
    none = newest_only(borrower, open_interest=pl.lit(0.0), open_interest_usd=pl.lit(0.0))
    with pytest.raises(NoDataError, match="how much is open"):
        lend(lender, none)


def test_one_simulated_row_makes_the_whole_simulated(markets):
    lender, borrower = markets

    def real(frame):
        return frame.with_columns(source=pl.lit("binance-vision:metrics"))

    lender = replace(
        lender,
        schedule=replace(lender.schedule, source="stated"),
        **{
            name: real(getattr(lender, name))
            for name in ("open_interest", "mark_klines", "trade_klines", "funding")
        },
    )
    assert not lender.simulated
    assert lend(lender, newest_only(borrower)).simulated


def only_newest_row_of_dark(both, folder, rows=1):
    held, end_ms = both
    lake = Lake(folder, create=True)
    for table, venue, symbol in sorted(held.series()):
        told = held.read(table, venue=venue, symbol=symbol)
        if venue != "sandbox-dark":
            lake.write({table: told})
        elif table == "open_interest":
            lake.write({table: told.tail(rows)})
    return lake, end_ms


def test_a_venue_with_one_row_has_a_checklist_that_says_what_is_borrowed(both, tmp_path):
    lake, end_ms = only_newest_row_of_dark(both, tmp_path / "lake")
    situation = read_situation(lake, parse_symbol("SIM", "sandbox-dark"), end_ms)
    checks = fill(situation).checks
    assert "ladder borrowed from sandbox SIM/USDT:USDT" in situation.reason("history")
    assert "ladder borrowed from sandbox" in checks["nearest_cluster_up_pct"].evidence
    assert checks["venue_alignment"].verdict == "unknown"
    assert "by construction" in checks["venue_alignment"].evidence
    assert (situation.cascade, situation.depth) == (None, None)
    assert {"history", "depth", "cascade"} <= set(dict(situation.reasons))


def test_a_day_of_own_history_is_not_borrowed(both, tmp_path):
    lake, end_ms = only_newest_row_of_dark(both, tmp_path / "lake", rows=289)
    instrument = parse_symbol("SIM", "sandbox-dark")
    assert history_ms(read_market(lake, instrument, end_ms)) >= DAY_MS
    situation = read_situation(lake, instrument, end_ms, with_cascade=False)
    assert situation.mapped.market.lent_by is None
    assert situation.reason("history") == ""
    assert situation.reason("cascade") == "not asked for"


def test_without_any_lender_one_row_is_too_little_and_the_error_says_so(both, tmp_path):
    held, end_ms = both
    lake = Lake(tmp_path / "lake", create=True)
    rows = held.read("open_interest", venue="sandbox-dark")
    lake.write({"open_interest": rows.tail(1)})
    with pytest.raises(NoDataError, match="at two moments at least"):
        read_situation(lake, parse_symbol("SIM", "sandbox-dark"), end_ms)


@pytest.mark.parametrize("venue", ["mexc", "kucoin", "okx"])
def test_any_venue_that_tells_what_is_open_now_has_a_ladder_under_its_own_rule(
    both, tmp_path, venue
):
    held, end_ms = both
    lake, _ = only_newest_row_of_dark(both, tmp_path / "lake", rows=0)
    row = held.read("open_interest", venue="sandbox-dark").tail(1)
    lake.write({"open_interest": row.with_columns(venue=pl.lit(venue))})
    instrument = parse_symbol("SIM", venue)
    situation = read_situation(lake, instrument, end_ms)
    assert situation.mapped.market.rule.venue == venue
    assert situation.mapped.open_interest_usd == pytest.approx(row["open_interest_usd"].item())
    assert situation.mapped.market.lent_by == "sandbox SIM/USDT:USDT"
    assert fill(situation).row()["nearest_cluster_up_pct"]["verdict"] in {"near", "far", "none"}
