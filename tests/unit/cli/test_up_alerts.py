"""Rules beside ``up``: what waits is kept, what fails is said, and nothing is told twice."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest
from tests.reference.situations import sandbox_lake
from tests.unit.alerts.receiver import Receiver

from forcedflow.alerts import Outbox, read_rules
from forcedflow.cli import up_alerts
from forcedflow.cli.alert_observations import MODEL, PRICES, Observer, prices_stage, telling
from forcedflow.cli.app import run
from forcedflow.cli.up_alerts import as_shown, watched, with_rules
from forcedflow.errors import UsageError
from forcedflow.instruments import parse_symbol
from forcedflow.live.loop import LiveLoop
from forcedflow.live.market_update import StageOutcome
from forcedflow.live.timed_stage import TimedStage, forecast_stage
from forcedflow.units import HOUR_MS, MINUTE_MS

SIM = parse_symbol("SIM", "sandbox")
BAR_MS = 5 * MINUTE_MS
RULES = """
[delivery]
follow_up = false
[targets.desk]
kind = "webhook"
url_env = "MADE_URL"
secret_env = "MADE_KEY"
allow_private = ["127.0.0.1/32"]
[[rules]]
name = "near"
kind = "cluster_near"
least_usd = 1.0
within_pct = 30.0
targets = ["desk"]
[[rules]]
name = "ahead"
kind = "forecast_over"
direction = "down"
horizon = "4h"
symbols = ["BTC"]
targets = ["desk"]
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return sandbox_lake(tmp_path_factory.mktemp("watched") / "lake")


@pytest.fixture
def book(tmp_path, monkeypatch):
    monkeypatch.setenv("MADE_KEY", "made")
    monkeypatch.setattr(up_alerts, "_TICK_S", 0.05)
    path = tmp_path / "alerts.toml"
    path.write_text(RULES)
    return read_rules(path)


def loop_of(market, book):
    return LiveLoop(market[0], [SIM], stages=with_rules([], book, market[0]))


def test_what_a_receiver_did_not_take_is_kept_said_and_sent_once_by_the_next_start(
    market, book, tmp_path, monkeypatch, capsys
):
    held, end_ms = market
    place = tmp_path / "outbox.sqlite"
    told = []
    with Receiver(lambda _: 503) as receiver:
        monkeypatch.setenv("MADE_URL", receiver.url)
        loop = loop_of(market, book)
        now = end_ms
        with watched(loop, held, [SIM], book, place, lambda: now, is_replay=False) as watch:
            watch.listeners.append(told.append)
            loop.close_bar(end_ms)
            assert receiver.arrived.wait(10)
    ids = [alert.id for alert in told]
    assert len(ids) == len(set(ids)) > 0
    assert f"{len(ids)} deliveries wait in {place}" in capsys.readouterr().err
    with Receiver() as receiver:
        monkeypatch.setenv("MADE_URL", receiver.url)
        loop = loop_of(market, book)
        later = end_ms + HOUR_MS
        with watched(loop, held, [SIM], book, place, lambda: later, is_replay=False):
            assert receiver.arrived.wait(10)
    assert sorted(json.loads(request.body)["id"] for request in receiver.requests) == sorted(ids)
    assert "wait in" not in capsys.readouterr().err


def test_over_the_past_nobody_is_called_silent_before_the_bar_was_told(
    market, tmp_path, monkeypatch
):
    held, end_ms = market
    path = tmp_path / "stale.toml"
    head = RULES.partition("[[rules]]")[0]
    path.write_text(
        f"{head}[[rules]]\nname='blind'\nkind='data_stale'\ntables=['market']\n"
        "older_than='4m'\ntargets=['desk']\n"
    )
    monkeypatch.setenv("MADE_KEY", "made")
    monkeypatch.setenv("MADE_URL", "http://127.0.0.1:9")
    stale = read_rules(path)
    loop = LiveLoop(held, [SIM], stages=with_rules([], stale, held), is_replay=True)
    told, bars = [], []
    with watched(loop, held, [SIM], stale, None, lambda: loop.at_ms, is_replay=True) as watch:
        watch.listeners.append(told.append)
        loop.bar_subscribers.append(bars.append)
        for back in (2, 1, 0):
            loop.close_bar(end_ms - back * BAR_MS)
    assert bars == [end_ms - 2 * BAR_MS, end_ms - BAR_MS, end_ms]
    assert told == []


def test_a_rule_about_no_followed_market_is_said(market, book, monkeypatch, capsys):
    monkeypatch.setenv("MADE_URL", "http://127.0.0.1:9")
    loop = loop_of(market, book)
    with watched(loop, market[0], [SIM], book, None, lambda: market[1], is_replay=False):
        pass
    assert "the rule 'ahead' is about no market that is followed" in capsys.readouterr().err


def test_two_cannot_send_from_one_outbox(market, book, tmp_path, monkeypatch):
    monkeypatch.setenv("MADE_URL", "http://127.0.0.1:9")
    place = tmp_path / "outbox.sqlite"
    asked = (market[0], [SIM], book, place, lambda: market[1])
    with (
        watched(loop_of(market, book), *asked, is_replay=False),
        pytest.raises(UsageError, match="another process sends"),
        watched(loop_of(market, book), *asked, is_replay=False),
    ):
        pytest.fail("a second one was let in")


def test_an_outbox_that_cannot_be_written_is_said_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot hold an outbox"):
        Outbox(tmp_path / "file" / "outbox.sqlite")
    (tmp_path / "outbox.sqlite.sender").mkdir()
    with pytest.raises(UsageError, match=r"unable to open[^\n]*\nhint: .*--outbox PATH"):
        Outbox(tmp_path / "outbox.sqlite")
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(UsageError, match="unable to open"):
        Outbox(tmp_path / "folder.sqlite")
    # Whoever comes after is let in: no lock was left behind.
    (tmp_path / "folder.sqlite").rmdir()
    Outbox(tmp_path / "folder.sqlite").close()


def test_what_cannot_be_sent_for_a_while_is_logged_once_and_sent_when_it_can(monkeypatch):
    failures = [sqlite3.OperationalError("database or disk is full")] * 3
    said = []

    class Desk:
        def tick(self):
            if failures:
                raise failures.pop()

    class Log:
        def error(self, event, **stated):
            said.append((event, stated["problem"]))

    monkeypatch.setattr("forcedflow.log.get_logger", lambda _: Log())
    problem = ""
    for _ in range(5):
        problem = up_alerts._send(Desk(), problem)
    assert said == [("alerts not sent", "OperationalError: database or disk is full")]
    assert problem == ""


def test_what_rules_need_is_run_beside_what_is_asked_for_each_name_once(market, book):
    asked = forecast_stage(market[0], 12 * HOUR_MS)
    stages = with_rules([asked], book, market[0])
    assert [stage.name for stage in stages] == ["forecast", PRICES, MODEL]
    assert stages[0] is asked
    assert [stage.name for stage in with_rules([], book, market[0])] == [PRICES, MODEL, "forecast"]
    assert with_rules([asked], None, market[0]) == [asked]


def test_people_are_told_a_bar_once_and_again_only_where_a_stage_they_asked_for_ran(market, book):
    held, end_ms = market

    def count(_, at_ms):
        return at_ms

    stages = with_rules([TimedStage("cascade", 2 * BAR_MS, count)], book, held)
    loop = LiveLoop(held, [SIM], stages=[one for one in stages if one.name != "forecast"])
    seen = []
    loop.subscribers.append(as_shown(seen.append))
    first_ms = end_ms // (2 * BAR_MS) * 2 * BAR_MS - 2 * BAR_MS
    loop.close_bar(first_ms)
    loop.close_bar(first_ms + BAR_MS)
    assert [update.at_ms - first_ms for update in seen] == [0, 0, BAR_MS]
    assert [set(update.stages) for update in seen] == [set(), {"cascade"}, {"cascade"}]


def test_a_bar_whose_prices_could_not_be_read_is_reached_back_over(market):
    held, end_ms = market
    loop = LiveLoop(held, [SIM], stages=[prices_stage()])
    updates = [loop.close_bar(end_ms - back * BAR_MS)[0] for back in (6, 1, 0)]
    failed = replace(
        updates[1], stages={PRICES: StageOutcome(updates[1].at_ms, None, "ValueError: made")}
    )
    whole, broken = Observer(), Observer()
    for update in updates[:1]:
        whole.observe(update)
        broken.observe(update)
    blind = broken.observe(failed)
    assert (blind.low, blind.high) == (blind.mark, blind.mark)
    with_all, after = whole.observe(updates[2]), broken.observe(updates[2])
    assert (after.low, after.high) == (with_all.low, with_all.high)
    assert after.low < after.high


def test_what_could_not_be_written_down_is_judged_with_the_next_bar(market):
    held, end_ms = market
    loop = LiveLoop(held, [SIM], stages=[prices_stage()])
    observed = []

    class Desk:
        def observe(self, seen):
            observed.append(seen)
            if len(observed) == 2:
                raise sqlite3.OperationalError("database or disk is full")

    loop.subscribers.append(telling(Desk()))
    for back in (12, 6, 0):
        loop.close_bar(end_ms - back * BAR_MS)
    whole = Observer()
    again = LiveLoop(held, [SIM], stages=[prices_stage()])
    for back in (12, 0):
        expected = whole.observe(again.close_bar(end_ms - back * BAR_MS)[0])
    assert len(observed) == 3
    assert (observed[2].low, observed[2].high) == (expected.low, expected.high)
    assert not any(seen.replayed for seen in observed)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--outbox", "some.sqlite"), "--outbox is of rules"),
        (("--rules", "none.toml"), "no such file of rules"),
    ],
)
def test_rules_that_cannot_be_watched_are_refused_before_anything_is_asked(words, hint, capsys):
    assert run(["up", "BTC", *words]) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.usefixtures("book")
def test_a_past_that_is_shown_once_more_keeps_no_outbox(tmp_path, capsys):
    span = ("--replay", "2026-02-04", "2026-02-05", "--outbox", str(tmp_path / "o.sqlite"))
    assert run(["up", "BTC", "--rules", str(tmp_path / "alerts.toml"), *span]) == 2
    assert "keeps no outbox" in capsys.readouterr().err
