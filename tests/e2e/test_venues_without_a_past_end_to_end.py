"""Two venues without liquidations and with hardly a past: what is borrowed or unknown says so."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
from tests.venues.fakes.facts import MINUTE_MS, Liquidation, OpenInterest, Tape
from tests.venues.market_day import Day
from tests.venues.recording import Recording, fake_exchange

from forcedflow.settings import Settings, VenueSettings
from forcedflow.store import Lake
from forcedflow.venues.fetch import fetch
from forcedflow.venues.http import HttpClient
from forcedflow.venues.network import connect_venue

FIVE_MS = 5 * MINUTE_MS
DAYS = 3
WITHOUT = ("kucoin", "mexc")
FEW = ("--scenarios", "300")


BORROWED = "ladder borrowed from bybit BTC/USDT:USDT"


def connector_of(fake):
    there = fake.endpoints
    own = VenueSettings(
        rest=there.rest, stream=there.stream, archive=there.archive, others=dict(there.others)
    )
    return connect_venue(fake.venue, Settings(venues={fake.venue: own})).connector


def past(start_ms, end_ms):
    """Return bars of three prices and open interest every five minutes, and settlements."""
    tape, facts = Tape(1), []
    for at_ms in range(start_ms + FIVE_MS, end_ms + 1, FIVE_MS):
        bars = [tape.bar(at_ms, kind) for kind in ("last", "mark", "index")]
        facts += [replace(bar, interval_ms=FIVE_MS) for bar in bars]
        facts.append(tape.open_interest(at_ms))
    every_ms = 8 * 3_600_000
    first_ms = start_ms - start_ms % every_ms + every_ms
    return [*facts, *(tape.settlement(at_ms) for at_ms in range(first_ms, end_ms, every_ms))]


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A lake of one venue with three days of past, and of two that were only recorded now.

    Of the two, bars, funding and brackets could be fetched; what is open was never told before.
    """
    root = tmp_path_factory.mktemp("without-past")
    now_ms = time.time_ns() // 1_000_000
    end_ms = now_ms - now_ms % FIVE_MS
    start_ms = end_ms - DAYS * 86_400_000
    fakes = {name: fake_exchange(name) for name in (*WITHOUT, "bybit")}
    facts = past(start_ms, end_ms)
    tables = ["trades", "open_interest", "order_book", "depth_bands"]
    with ExitStack() as stack:
        for fake in fakes.values():
            stack.enter_context(fake)
        fakes["bybit"].publish(facts, unsaid=True)
        for name in WITHOUT:
            fakes[name].publish([one for one in facts if is_told(one)], unsaid=True)
        with Recording(root, *(fakes[name] for name in WITHOUT), tables=tables) as run:
            for name in WITHOUT:
                day = Day(fakes[name], now_ms)
                day.open()
                run.wait_for(fakes[name], "trades")
                day.start_book(run)
                day.tell([one for one in day.stretch() if not isinstance(one, Liquidation)])
            run.settle()
        for name, fake in fakes.items():
            connector = connector_of(fake)
            wanted = connector.capabilities.backfilled - {"trades", "long_short_ratio"}
            wanted -= {"open_interest"} if name in WITHOUT else set()
            span = (start_ms, now_ms, FIVE_MS)
            with HttpClient(name, connector.rate_limit, backoff_s=0.02) as http:
                report = fetch(run.lake, connector, http, sorted(wanted), ["BTC"], *span)
            assert not report.failures, report.failures
    return run.lake


def is_told(fact):
    return not isinstance(fact, OpenInterest)


@pytest.fixture
def asked(held):
    """The words that ask about a venue's bitcoin now."""
    return lambda venue: ("BTC", "--venue", venue, "--lake", held.root)


@pytest.mark.parametrize("venue", WITHOUT)
def test_a_heatmap_is_drawn_on_borrowed_entries_under_the_venues_own_rules(
    venue, asked, answer, call, tmp_path
):
    found = answer("heatmap", *asked(venue))
    assumptions = found["assumptions"]
    assert found["venue"] == venue
    assert assumptions["ladder_lent_by"] == "bybit BTC/USDT:USDT"
    assert any(note.startswith(BORROWED) for note in assumptions["notes"])
    # Brackets are what the venue itself said today, its open interest what was recorded.
    own = {"kucoin": "kucoin:risk-limit", "mexc": "mexc:detail"}[venue]
    assert assumptions["maintenance_margin"]["brackets"] == own
    assert assumptions["calibrated"] is False
    assert found["zones"]
    status, out, err = call("heatmap", *asked(venue))
    assert status == 0, err
    assert "ladder borrowed from bybit" in " ".join(out.split())
    status, _, err = call("heatmap", *asked(venue), "--out", tmp_path / "map.png")
    assert status == 0, err
    assert (tmp_path / "map.png").stat().st_size > 10_000


@pytest.mark.parametrize("venue", WITHOUT)
def test_clusters_and_moves_are_said_to_rest_on_the_borrowed_ladder(venue, asked, answer):
    for words in (("zones", *asked(venue)), ("whatif", *asked(venue), "--move", "-1%")):
        said = str(answer(*words))
        assert BORROWED in said or "'ladder_lent_by': 'bybit BTC/USDT:USDT'" in said, words[0]


@pytest.mark.parametrize("venue", WITHOUT)
def test_a_playbook_names_what_is_borrowed_and_what_is_unknown(venue, asked, answer, call):
    found = answer("playbook", *asked(venue), *FEW)
    assert BORROWED in found["reasons"]["history"]
    assert {"venue_alignment", "oi_trend_4h"} <= set(found["unknown"])
    assert found["assumptions"]["map"]["ladder_lent_by"] == "bybit BTC/USDT:USDT"
    status, out, err = call("playbook", *asked(venue), *FEW)
    assert status == 0, err
    page = " ".join(out.split())
    assert f"BTC/USDT:USDT · {venue}" in page
    assert "NO TRADE by default" in page
    assert page.count(BORROWED) >= 3
    assert "that traders enter alike on both is assumed" in page
    assert "unknown: a borrowed ladder agrees with its lender by construction" in page
    assert "liquidation totals not held" in page


def test_the_comparison_says_that_neither_prints_liquidations(held, answer):
    found = answer("venues", "BTC", "--lake", held.root)
    worth = {one["venue"]: one["liquidations"] for one in found["venues"]}
    assert [worth[name] for name in WITHOUT] == ["none", "none"]
    assert worth["bybit"] == "complete"
    shares = {one["venue"]: one["share_of_oi"] for one in found["venues"]}
    assert all(0 < shares[name] < 1 for name in (*WITHOUT, "bybit"))


def test_without_a_lender_a_venue_of_one_moment_has_no_map(held, call, tmp_path):
    alone = Lake(tmp_path / "alone", create=True)
    for table, venue, symbol in sorted(held.series()):
        if venue == "kucoin":
            alone.write({table: held.read(table, venue=venue, symbol=symbol)})
    status, out, err = call("heatmap", "BTC", "--venue", "kucoin", "--lake", alone.root)
    assert (status, out) == (3, "")
    assert "hint:" in err
