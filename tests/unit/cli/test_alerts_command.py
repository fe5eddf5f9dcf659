"""The alerts command: the past is tried, what fires now is sent, targets are tested and listed."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.reference.situations import sandbox_lake
from tests.unit.alerts.receiver import Receiver

from forcedflow.alerts.outbox import Outbox
from forcedflow.alerts.rules import KINDS
from forcedflow.alerts.rules_file import parse_rules
from forcedflow.cli import alert_runs
from forcedflow.cli.alert_observations import Observer, cascades_of, prices_stage, telling
from forcedflow.cli.app import run
from forcedflow.cli.options import iso_time, open_lake
from forcedflow.forecast.decision import Standing
from forcedflow.forecast.forecast import Chance, Forecast
from forcedflow.instruments import parse_symbol
from forcedflow.live.loop import LiveLoop
from forcedflow.live.market_update import StageOutcome
from forcedflow.playbook.ignition import BARS, Ignition
from forcedflow.units import HOUR_MS, MINUTE_MS

HOW_TO = Path(__file__).resolve().parents[3] / "docs" / "howto" / "alerts.md"
# Apprise looks for a module that Python is about to drop, and copes without it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

RULES = """
[targets.desk]
kind = "webhook"
url_env = "MADE_URL"
secret_env = "MADE_KEY"
allow_private = ["127.0.0.1/32"]
picture = true
[[rules]]
name = "near"
kind = "cluster_near"
least_usd = 1e5
within_pct = 3.0
targets = ["desk"]
[[rules]]
name = "signals"
kind = "signal_change"
to = ["on", "off"]
cooldown = "1s"
targets = ["desk"]
[[rules]]
name = "stale"
kind = "data_stale"
tables = ["open_interest"]
older_than = "1s"
targets = ["desk"]
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    lake, end_ms = sandbox_lake(tmp_path_factory.mktemp("alerts") / "lake")
    return lake.root, end_ms


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "alerts.toml"
    path.write_text(RULES)
    return path


@pytest.fixture
def call(capsys):
    def called(*arguments, status=0):
        capsys.readouterr()
        found = run(["alerts", *map(str, arguments)])
        captured = capsys.readouterr()
        assert found == status, captured.err
        return captured.out if status == 0 or captured.out else captured.err

    return called


def past(call, market, rules, hours, *more):
    folder, end_ms = market
    begin = iso_time(end_ms - 6 * HOUR_MS)
    end = iso_time(end_ms - 6 * HOUR_MS + hours * HOUR_MS)
    words = ("run", "SIM", "--venue", "sandbox", "--lake", folder, "--rules", rules)
    return call(*words, "--from", begin, "--to", end, "--step", "1h", *more)


def test_the_past_is_tried_and_nothing_is_sent(call, market, rules):
    told = json.loads(past(call, market, rules, 3, "--json"))
    assert told["sent"] is False
    assert told["simulated"] is True
    near = next(row for row in told["alerts"] if row["kind"] == "cluster_near")
    assert near["title"].startswith("SIMULATED: ")
    assert near["level"]["usd_low"] <= near["level"]["usd"] <= near["level"]["usd_high"]
    assert "map: stated prior mixture, not calibrated" in near["assumptions"]
    sent = [row for row in told["alerts"] if row["suppressed"] is None]
    assert all("mark" in row["one_hour_later"][0] for row in sent)
    assert near["ages"]["open_interest"] >= 0
    assert not (market[0] / "alerts").exists()


def test_what_came_later_changes_nothing_that_would_have_fired_before(call, market, rules):
    short = json.loads(past(call, market, rules, 3, "--json"))["alerts"]
    long = json.loads(past(call, market, rules, 5, "--json"))["alerts"]

    def fired(rows):
        return [(row["id"], row["title"], row["suppressed"]) for row in rows]

    assert fired(short) == fired(long)[: len(short)]


def test_people_see_a_table_with_the_hour_after(call, market, rules):
    shown = past(call, market, rules, 3)
    assert "1 h later" in shown
    assert re.search(r"\d+ alerts(, \d+ held back)?: would have fired; nothing was sent", shown)


def test_what_fires_now_is_sent_once_with_its_picture_and_listed(
    call, market, rules, tmp_path, monkeypatch
):
    folder, end_ms = market
    monkeypatch.setattr(alert_runs, "clock_ms", lambda: end_ms + MINUTE_MS)
    outbox = tmp_path / "outbox.sqlite"
    words = ("run", "SIM", "--venue", "sandbox", "--lake", folder, "--rules", rules)
    with Receiver() as receiver:
        monkeypatch.setenv("MADE_URL", receiver.url)
        monkeypatch.setenv("MADE_KEY", "made")
        first = json.loads(call(*words, "--outbox", outbox, "--json"))
        again = json.loads(call(*words, "--outbox", outbox, "--json"))
    assert first["delivered"] == len(first["alerts"]) == len(receiver.requests) > 0
    assert (again["delivered"], again["alerts"]) == (0, [])
    body = json.loads(receiver.requests[0].body)
    assert body["simulated"] is True
    assert body["picture_png_base64"].startswith("iVBORw0KGgo")
    listed = json.loads(call("outbox", "--outbox", outbox, "--json"))
    assert {row["deliveries"]["desk"]["state"] for row in listed["alerts"]} == {"sent"}
    assert "desk sent" in call("outbox", "--outbox", outbox)


def test_a_target_is_tested_and_a_disabled_one_enabled_once_it_is_reached(
    call, rules, tmp_path, monkeypatch
):
    path = tmp_path / "outbox.sqlite"
    outbox = Outbox(path)
    with outbox._transaction() as db:
        db.execute("INSERT INTO targets VALUES ('desk', 8, 1)")
    outbox.close()
    monkeypatch.setenv("MADE_KEY", "made")
    with Receiver(lambda _: 503) as receiver:
        monkeypatch.setenv("MADE_URL", receiver.url)
        told = call("test", "--rules", rules, "--outbox", path, status=4)
    assert told == "desk: the receiver answered 503\n"
    assert "desk is disabled since" in _errors(call, path)
    with Receiver() as receiver:
        monkeypatch.setenv("MADE_URL", receiver.url)
        assert call("test", "desk", "--rules", rules, "--outbox", path) == "desk: delivered\n"
    assert "SIMULATED: test message" in json.loads(receiver.requests[0].body)["title"]
    assert "disabled" not in _errors(call, path)


def _errors(call, path):
    outbox = Outbox(path, exclusive=False)
    names = outbox.disabled()
    outbox.close()
    call("outbox", "--outbox", path)
    return "".join(f"{name} is disabled since" for name in names)


def test_rules_are_listed_with_what_is_missing_and_no_value(call, rules, monkeypatch):
    monkeypatch.setenv("MADE_URL", "http://verysecret")
    monkeypatch.delenv("MADE_KEY", raising=False)
    shown = call("list", "--rules", rules)
    assert "desk: webhook, not set: MADE_KEY" in shown
    told = call("list", "--rules", rules, "--json")
    assert json.loads(told)["targets"]["desk"]["variables"] == {"MADE_URL": True, "MADE_KEY": False}
    assert "verysecret" not in shown + told


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["list", "--rules", "none.toml"], 2, "no such file of rules"),
        (["outbox", "--outbox", "none.sqlite"], 3, "nothing has fired yet"),
        (["test", "nobody", "--rules", "RULES"], 2, "there is no target 'nobody'"),
        (["test", "--rules", "RULES"], 2, "the variable MADE_URL is not set"),
        (["run", "--to", "2026-01-01", "--rules", "RULES", "--lake", "LAKE"], 2, "--to needs"),
        (
            ["run", "--from", "2026-01-01", "--step", "7m", "--rules", "RULES", "--lake", "LAKE"],
            2,
            "whole five minutes",
        ),
        (
            ["run", "--from", "2001-01-01", "--rules", "RULES", "--lake", "LAKE"],
            2,
            "it must hold 1 to 20,000",
        ),
        (
            [
                "run",
                "--from",
                "2019-01-01",
                "--to",
                "2019-01-01T00:10Z",
                "--rules",
                "RULES",
                "--lake",
                "LAKE",
            ],
            3,
            "forcedflow coverage BTC",
        ),
    ],
)
def test_what_cannot_be_done_is_said_with_its_status(
    call, market, rules, monkeypatch, words, status, said
):
    monkeypatch.delenv("MADE_URL", raising=False)
    places = {"RULES": rules, "LAKE": market[0]}
    assert said in call(*(places.get(word, word) for word in words), status=status)


def how_to_rules():
    return re.findall(r"```toml\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_how_tos_rules_are_read_and_run_on_the_past(call, market, tmp_path):
    (text,) = how_to_rules()
    path = tmp_path / "alerts.toml"
    path.write_text(text)
    listed = json.loads(call("list", "--rules", path, "--json"))
    assert listed["rules"][0]["name"] == "a large cluster is near"
    told = json.loads(past(call, market, path, 1, "--json"))
    assert all(row["rule"] in text for row in told["alerts"])


def test_the_how_to_shows_every_kind_and_explains_every_kind():
    (text,) = how_to_rules()
    kinds = {kind.__struct_config__.tag for kind in KINDS}
    assert {rule.kind for rule in parse_rules(text).rules} == kinds
    page = HOW_TO.read_text(encoding="utf-8")
    assert {kind for kind in kinds if f"\n| `{kind}` |" in page} == kinds


def test_an_observation_reaches_back_to_the_one_before(market):
    folder, end_ms = market
    loop = LiveLoop(open_lake(folder), [parse_symbol("SIM", "sandbox")], stages=[prices_stage()])
    observer = Observer()
    (first,) = loop.close_bar(end_ms - HOUR_MS)
    assert observer.observe(replace(first, stages={})) is None
    seen = observer.observe(first)
    assert (seen.low, seen.high) == (seen.mark, seen.mark)
    (second,) = loop.close_bar(end_ms)
    after = observer.observe(second)
    assert after.low < after.high
    assert after.low <= after.mark <= after.high
    assert after.liquidated_usd is None  # its totals are of hours, which no five minutes can tell
    assert after.zones == second.zones
    assert after.simulated


@pytest.mark.parametrize(("is_replay", "observed"), [(False, 2), (True, 0)])
def test_a_desk_is_told_every_bar_close_once_and_nothing_of_a_replay(market, is_replay, observed):
    folder, end_ms = market
    moments = []

    class Desk:
        def observe(self, seen):
            moments.append(seen.at_ms)

    loop = LiveLoop(
        open_lake(folder),
        [parse_symbol("SIM", "sandbox")],
        stages=[prices_stage()],
        is_replay=is_replay,
    )
    loop.subscribers.append(telling(Desk()))
    loop.close_bar(end_ms - 5 * MINUTE_MS)
    loop.close_bar(end_ms)
    assert moments == [end_ms - 5 * MINUTE_MS, end_ms][:observed]


def test_what_feeds_told_since_the_one_before_is_summed_by_side(market):
    folder, end_ms = market
    loop = LiveLoop(open_lake(folder), [parse_symbol("SIM", "sandbox")], stages=[prices_stage()])
    observer = Observer()
    (first,) = loop.close_bar(end_ms - HOUR_MS)
    assert observer.observe(first).liquidated_usd is None
    (second,) = loop.close_bar(end_ms)
    outcome = second.stages["prices"]
    forced = np.full(outcome.value.forced_usd.shape, 7.0)
    forced[-3:] = [[1e6, 0.0], [np.nan, np.nan], [2e6, 5e5]]
    heard = replace(outcome, value=replace(outcome.value, forced_usd=forced))
    seen = observer.observe(replace(second, stages={"prices": heard}))
    bars = int((outcome.value.event_ms > end_ms - HOUR_MS).sum())
    assert seen.liquidated_usd == (3e6 + 7.0 * (bars - 3), 5e5 + 7.0 * (bars - 3))


def chance(holds, probability=0.2):
    return Chance(
        event="C2",
        event_words="a fall of 4 σ within an hour",
        direction="down",
        horizon_h=4,
        probability=probability,
        low=0.1,
        high=0.3,
        climatology=0.01,
        volatility=0.02,
        model="made",
        drivers=(),
        standing=Standing(holds, "made", 28.0, 1, 1.0, 0.1),
        alarm_day=0.05,
        alarm_week=math.inf,
        record=None,
    )


def test_a_forecasts_chances_are_observed_and_one_without_the_right_is_unknown(market):
    folder, end_ms = market
    loop = LiveLoop(open_lake(folder), [parse_symbol("SIM", "sandbox")], stages=[prices_stage()])
    (update,) = loop.close_bar(end_ms)
    forecast = Forecast(
        symbol="SIM/USDT:USDT",
        venue="sandbox",
        at_ms=end_ms,
        known_ms=end_ms,
        simulated=True,
        sizes=(),
        baseline_sizes=(),
        chances=(chance(holds=True), chance(holds=False)),
        tomorrow=None,
        model="made",
        fit_to_ms=0,
        learned_from=(),
        is_new_market=False,
        card=(),
        reasons=(),
        input_age_ms=(),
        liquidations_of="",
    )
    told = {**update.stages, "forecast": StageOutcome(end_ms, forecast, "")}
    held, lost = Observer().observe(replace(update, stages=told)).forecasts
    assert (held.event, held.direction, held.horizon_ms) == ("C2", "down", 4 * HOUR_MS)
    assert (held.probability, held.alarm_day, held.alarm_week) == (0.2, 0.05, None)
    assert "by the hour of the week alone 1.00 %" in held.words
    assert "no record is held" in held.words
    assert math.isnan(lost.probability)


def ignition(outcome, end_minute, drop_minute):
    return Ignition(
        direction="down",
        start=0,
        seen=1,
        start_ms=0,
        start_price=100.0,
        impulse_ms=5 * MINUTE_MS,
        size_sigma=5.0,
        impulse=0.02,
        pause_ms=None,
        oi_drop_ms=None if drop_minute is None else drop_minute * MINUTE_MS,
        burst_ms=None,
        end_ms=None if end_minute is None else end_minute * MINUTE_MS,
        outcome=outcome,
        oi_known=True,
        burst_known=False,
    )


def test_a_cascade_is_an_impulse_on_whose_way_contracts_were_closed():
    at_ms = 60 * MINUTE_MS
    assert cascades_of([ignition("failed", 20, None)], at_ms) == ()
    (failed,) = cascades_of([ignition("failed", 20, 10)], at_ms)
    assert (failed.started_ms, failed.ended_ms) == (10 * MINUTE_MS, 20 * MINUTE_MS)
    (running,) = cascades_of([ignition("impulse", None, 3)], at_ms)
    assert (running.started_ms, running.ended_ms) == (5 * MINUTE_MS, None)
    went_on = ignition("ignited", 20, 10)
    assert cascades_of([went_on], at_ms)[0].ended_ms is None
    later_ms = 20 * MINUTE_MS + BARS.life_ms
    assert cascades_of([went_on], later_ms)[0].ended_ms == later_ms
