"""The desk: cooldown, cap, quiet hours, retries, disabled targets, aftermath, what is taken up."""

from __future__ import annotations

import json
import sqlite3
import threading

import pytest
from tests.reference.observations import START_MS, book, cluster, loading, seen

from forcedflow.alerts.desk import AlertDesk
from forcedflow.alerts.message import REPEATED, DeliveryError
from forcedflow.alerts.outbox import Outbox
from forcedflow.alerts.outbox_rows import Entry
from forcedflow.alerts.policy import quiet_until
from forcedflow.alerts.rules import QuietHours
from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.units import HOUR_MS, MINUTE_MS

NEAR = "kind='cluster_near'\nleast_usd=50e6\nwithin_pct=1.0"
LOADED = "kind='loading_over'\nabove=75\ncooldown='1s'"
NO_FOLLOW_UP = "[delivery]\nfollow_up=false"


class Clock:
    def __init__(self, minute=0.0):
        self.minute = minute

    def __call__(self):
        return START_MS + round(self.minute * MINUTE_MS)


class Target:
    """Takes messages, or fails as it is told to."""

    def __init__(self, *, knows_ids=True, wants_picture=True):
        self.knows_ids = knows_ids
        self.wants_picture = wants_picture
        self.taken = []
        self.failure = None

    def send(self, message):
        if self.failure is not None:
            raise self.failure
        self.taken.append(message)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def target():
    return Target()


def desk_of(target, clock, *rules, delivery=NO_FOLLOW_UP, outbox=None, **stated):
    outbox = Outbox() if outbox is None else outbox
    return AlertDesk(book(*rules, delivery=delivery), outbox, {"desk": target}, clock, **stated)


def show(desk, clock, minute, score):
    clock.minute = minute
    desk.observe(seen(minute, loading=loading(score)))
    desk.tick()


def listed(desk):
    return [row.suppressed for row in reversed(desk._outbox.listed())]


def test_what_fires_is_delivered_with_its_picture(target, clock):
    desk = desk_of(target, clock, NEAR, draw=lambda at: f"PNG at {at.mark}".encode())
    desk.observe(seen(zones=(cluster(away=-0.9),)))
    assert desk.deliver() == 1
    (message,) = target.taken
    assert message.picture == b"PNG at 100.0"
    assert desk.deliver() == 0


def test_nothing_is_drawn_for_a_target_that_takes_no_picture(clock):
    target, drawn = Target(wants_picture=False), []
    desk = desk_of(target, clock, NEAR, draw=drawn.append)
    desk.observe(seen(zones=(cluster(away=-0.9),)))
    assert desk.deliver() == 1
    assert drawn == []


def test_the_same_alert_within_its_cooldown_is_listed_and_not_sent(target, clock):
    rule = "kind='loading_over'\nabove=75\ncooldown='30m'"
    desk = desk_of(target, clock, rule)
    for minute, score in ((0, 80), (5, 10), (10, 80), (15, 10), (40, 80)):
        show(desk, clock, minute, score)
    assert listed(desk) == [None, "cooldown of 30m", None]
    assert len(target.taken) == 2


def test_a_cluster_that_comes_back_at_a_neighbouring_price_is_within_the_cooldown(target, clock):
    desk = desk_of(target, clock, NEAR)
    desk.observe(seen(0, zones=(cluster(peak=99.0, away=-0.9),)))
    desk.observe(seen(5, zones=()))
    desk.observe(seen(10, zones=(cluster(peak=99.2, away=-0.8),)))
    desk.observe(seen(15, zones=()))
    desk.observe(seen(20, zones=(cluster(peak=98.2, away=-0.9),)))
    assert listed(desk) == [None, "cooldown of 30m", None]


def test_beyond_the_days_cap_alerts_are_listed_and_the_last_one_says_so(target, clock):
    desk = desk_of(target, clock, LOADED, delivery=f"{NO_FOLLOW_UP}\ndaily_cap=2")
    for minute, score in ((0, 80), (5, 10), (10, 80), (15, 10), (20, 80), (25, 10)):
        show(desk, clock, minute, score)
    assert listed(desk) == [None, None, "daily cap of 2"]
    assert "the last of 2 alerts for today" in target.taken[1].text
    assert "the last of" not in target.taken[0].text
    show(desk, clock, 24 * 60 + 1, 80)
    assert listed(desk)[-1] is None


def test_quiet_hours_hold_what_is_not_urgent_until_they_end(target, clock):
    quiet = f"{NO_FOLLOW_UP}\nquiet_hours={{from='23:00', to='07:00', zone='Europe/Berlin'}}"
    desk = desk_of(
        target, clock, LOADED, LOADED.replace("75", "60") + "\nurgent=true", delivery=quiet
    )
    show(desk, clock, 0, 80)  # one at night in Berlin
    assert [message.alert.rule for message in target.taken] == ["rule 1"]
    clock.minute = 6 * 60 - 1
    assert desk.tick() == 0
    clock.minute = 6 * 60
    assert desk.tick() == 1


@pytest.mark.parametrize(
    ("hour", "ends"),
    [(21.9, None), (22, 30), (25, 30), (29.99, 30), (30, None), (12, None)],
)
def test_quiet_hours_over_midnight_end_in_the_morning_of_their_zone(hour, ends):
    at_ms = START_MS + round(hour * HOUR_MS)
    until = quiet_until(QuietHours("23:00", "07:00", "Europe/Berlin"), False, at_ms)
    assert until == (at_ms if ends is None else START_MS + ends * HOUR_MS)


def test_quiet_hours_follow_the_wall_when_clocks_change():
    # 2026-03-29 01:30 in Berlin, half an hour before 02:00 becomes 03:00.
    at_ms = 1_774_744_200_000
    quiet = QuietHours("23:00", "07:00", "Europe/Berlin")
    assert quiet_until(quiet, False, at_ms) - at_ms == 4.5 * HOUR_MS


def test_a_failed_delivery_is_tried_again_after_a_pause_with_the_same_id(target, clock):
    desk = desk_of(target, clock, LOADED)
    target.failure = DeliveryError("the receiver answered 503")
    show(desk, clock, 0, 80)
    target.failure = None
    assert desk.tick() == 0
    clock.minute = 0.1
    assert desk.tick() == 1
    assert target.taken[0].alert.id == desk._outbox.listed()[0].alert.id


def test_a_delivery_that_cannot_succeed_is_not_tried_again(target, clock):
    desk = desk_of(target, clock, LOADED)
    target.failure = DeliveryError("the receiver answered 401", is_final=True)
    show(desk, clock, 0, 80)
    assert desk._outbox.listed()[0].deliveries["desk"]["state"] == "failed"


def test_attempts_end_after_the_last_pause(target, clock):
    desk = desk_of(target, clock, LOADED, delivery=f"{NO_FOLLOW_UP}\ndisable_after=100")
    target.failure = DeliveryError("the receiver answered 503")
    show(desk, clock, 0, 80)
    for minute in range(1, 60):
        clock.minute = minute
        desk.tick()
    told = desk._outbox.listed()[0].deliveries["desk"]
    assert (told["state"], told["attempts"]) == ("failed", 6)


def test_a_target_that_keeps_failing_is_disabled_others_are_told_and_nothing_is_lost(clock):
    broken, sound = Target(), Target()
    rules = book(
        LOADED,
        targets="[targets.desk]\nkind='apprise'\nurl_env='A'\n",
        delivery=NO_FOLLOW_UP + "\ndisable_after=3",
    )
    outbox = Outbox()
    desk = AlertDesk(rules, outbox, {"desk": broken, "phone": sound}, clock)
    broken.failure = DeliveryError("the receiver answered 503")
    show(desk, clock, 0, 80)
    for minute in range(1, 8):
        clock.minute = minute
        desk.tick()
    assert list(outbox.disabled()) == ["desk"]
    assert [m.title for m in sound.taken] == ["alerts no longer reach desk"]
    assert "forcedflow alerts test desk" in sound.taken[0].text
    broken.failure = None
    clock.minute = 60
    assert desk.tick() == 0
    outbox.enable("desk")
    assert desk.tick() == 1


def test_a_sender_that_breaks_is_a_failed_attempt_that_may_have_arrived(target, clock):
    desk = desk_of(target, clock, LOADED)
    target.failure = TypeError("quotes an address")
    show(desk, clock, 0, 80)
    told = desk._outbox.listed()[0].deliveries["desk"]
    assert (told["state"], told["problem"]) == ("queued", "failed inside: TypeError")
    target.failure = None
    clock.minute = 1
    assert desk.tick() == 1
    assert REPEATED in target.taken[0].text


def test_a_picture_that_fails_does_not_cost_the_alert(target, clock):
    def broken(_):
        raise ZeroDivisionError

    desk = desk_of(target, clock, LOADED, draw=broken)
    show(desk, clock, 0, 80)
    assert target.taken[0].picture is None


def test_a_retry_that_falls_into_quiet_hours_waits_for_their_end(target, clock):
    quiet = f"{NO_FOLLOW_UP}\nquiet_hours={{from='01:00', to='02:00'}}"
    desk = desk_of(target, clock, LOADED, delivery=quiet)
    target.failure = DeliveryError("the receiver answered 503")
    show(desk, clock, 59.99, 80)
    target.failure = None
    clock.minute = 61
    assert desk.tick() == 0
    clock.minute = 120
    assert desk.tick() == 1


def test_what_is_a_day_old_when_its_turn_comes_is_listed_and_not_sent(target, clock):
    desk = desk_of(target, clock, LOADED)
    target.failure = DeliveryError("the receiver answered 503")
    show(desk, clock, 0, 80)
    target.failure = None
    clock.minute = 24 * 60 + 1
    assert desk.tick() == 0
    told = desk._outbox.listed()[0].deliveries["desk"]
    assert (told["state"], told["problem"]) == ("failed", "too old when its turn came")
    clock.minute = 91 * 24 * 60
    desk.tick()
    assert desk._outbox.listed() == []


def test_observing_and_sending_in_two_threads_lose_and_double_nothing(target, clock, tmp_path):
    outbox = Outbox(tmp_path / "outbox.sqlite")
    desk = desk_of(target, clock, LOADED, delivery=f"{NO_FOLLOW_UP}\ndaily_cap=999", outbox=outbox)
    clock.minute = 200
    is_over = threading.Event()

    def send():
        while not is_over.is_set():
            desk.tick()

    thread = threading.Thread(target=send)
    thread.start()
    for minute in range(100):
        desk.observe(seen(minute, loading=loading(80 if minute % 2 else 10)))
    is_over.set()
    thread.join()
    desk.tick()
    outbox.close()
    ids = [message.alert.id for message in target.taken]
    assert len(ids) == len(set(ids)) == 50


def test_one_broken_target_does_not_hold_up_the_others(clock):
    broken, sound = Target(), Target()
    broken.failure = DeliveryError("no")
    text = "[targets.desk]\nkind='apprise'\nurl_env='A'\n[targets.z]\nkind='apprise'\nurl_env='B'"
    rules = book(LOADED.replace("kind", "urgent=true\nkind"), targets=text, delivery=NO_FOLLOW_UP)
    outbox = Outbox()
    desk = AlertDesk(rules, outbox, {"desk": broken, "z": sound}, clock)
    desk.observe(seen(loading=loading(80)))
    alert = outbox.listed()[0].alert
    copy = type(alert)(**{**{n: getattr(alert, n) for n in alert.__struct_fields__}, "id": "b"})
    outbox.commit([Entry(copy, ("z",), START_MS)], {}, {}, [], START_MS)
    assert desk.deliver() == 1


def test_what_happened_within_the_hour_is_told_afterwards(target, clock):
    desk = desk_of(target, clock, NEAR, delivery="")
    desk.observe(seen(0, zones=(cluster(peak=99.0, away=-0.9),)))
    desk.observe(seen(20, 99.5, low=98.9, high=100.4, zones=(), liquidated_usd=(2e6, 1e5)))
    desk.observe(seen(60, 99.2, low=99.1, high=99.6, zones=(), liquidated_usd=(1e6, 0.0)))
    desk.observe(seen(61, 90.0, zones=(), liquidated_usd=(9e9, 0.0)))
    clock.minute = 61
    desk.deliver()
    first, after = target.taken
    assert after.title == f"1 h later: {first.title} – mark -0.80 %"
    for told in (
        "lowest 98.9 (-1.10 %), highest 100.4 (+0.40 %)",
        "densest price, 99.0, was reached",
        "longs $3.00M, shorts $100K",
        f"the alert was {first.alert.id}",
    ):
        assert told in after.text
    clock.minute = 90
    assert desk.tick() == 0


def test_an_hour_without_observations_is_said_to_be_unknown(target, clock):
    desk = desk_of(target, clock, NEAR, delivery="")
    desk.observe(seen(0, zones=(cluster(peak=99.0, away=-0.9),)))
    desk.deliver()
    clock.minute = 74
    assert desk.tick() == 0
    clock.minute = 75
    assert desk.tick() == 1
    assert "no observation came" in target.taken[1].title


def test_the_aftermath_is_told_by_the_process_that_comes_after(target, clock, tmp_path):
    outbox = Outbox(tmp_path / "outbox.sqlite")
    desk = desk_of(target, clock, NEAR, delivery="", outbox=outbox)
    desk.observe(seen(0, zones=(cluster(peak=99.0, away=-0.9),)))
    outbox.close()
    outbox = Outbox(tmp_path / "outbox.sqlite")
    desk = desk_of(target, clock, NEAR, delivery="", outbox=outbox)
    clock.minute = 61
    desk.observe(seen(61, 99.0, zones=(cluster(peak=99.0, away=-0.1),)))
    desk.deliver()
    outbox.close()
    assert [message.title.partition(":")[0] for message in target.taken] == [
        "BTC/USDT",
        "1 h later",
    ]  # and the cluster itself is not told again


def test_a_market_that_nobody_observes_any_more_is_followed_to_the_end(target, clock, tmp_path):
    outbox = Outbox(tmp_path / "outbox.sqlite")
    desk_of(target, clock, NEAR, delivery="", outbox=outbox).observe(
        seen(0, zones=(cluster(away=-0.9),))
    )
    clock.minute = 80
    assert desk_of(target, clock, NEAR, delivery="", outbox=outbox).tick() == 2
    outbox.close()


def test_a_stale_market_is_told_by_the_clock_alone(target, clock):
    desk = desk_of(target, clock, "kind='data_stale'\nolder_than='10m'")
    desk.observe(seen(0))
    clock.minute = 9
    assert desk.tick() == 0
    clock.minute = 11
    assert desk.tick() == 1
    assert desk.tick() == 0


def test_an_older_observation_is_passed_over(target, clock):
    desk = desk_of(target, clock, LOADED)
    desk.observe(seen(5, loading=loading(10)))
    assert desk.observe(seen(4, loading=loading(90))) == []


def begin(outbox, alert_minute=0):
    (due,) = outbox.due(START_MS + alert_minute * MINUTE_MS)
    assert outbox.begin(due, START_MS)


@pytest.mark.parametrize("knows_ids", [True, False])
def test_what_was_cut_off_is_sent_once_more_under_the_same_id(tmp_path, clock, knows_ids):
    path = tmp_path / "outbox.sqlite"
    outbox = Outbox(path)
    desk_of(Target(), clock, LOADED, outbox=outbox).observe(seen(loading=loading(80)))
    begin(outbox)
    outbox.close()
    target = Target(knows_ids=knows_ids)
    outbox = Outbox(path)
    desk = desk_of(target, clock, LOADED, outbox=outbox)
    assert desk.deliver() == 1
    assert REPEATED in target.taken[0].text
    assert f"id: {target.taken[0].alert.id}" in target.taken[0].text
    outbox.close()


@pytest.mark.parametrize(("knows_ids", "state"), [(True, "queued"), (False, "maybe_sent")])
def test_what_was_cut_off_twice_is_repeated_only_where_the_receiver_can_tell(
    tmp_path, clock, knows_ids, state
):
    path = tmp_path / "outbox.sqlite"
    outbox = Outbox(path)
    desk_of(Target(), clock, LOADED, outbox=outbox).observe(seen(loading=loading(80)))
    for _ in range(2):
        begin(outbox)
        outbox.close()
        outbox = Outbox(path)
        desk_of(Target(knows_ids=knows_ids), clock, LOADED, outbox=outbox)
    assert outbox.listed()[0].deliveries["desk"]["state"] == state
    outbox.close()


def test_a_target_that_did_not_answer_in_time_gets_one_repetition_that_says_so(clock):
    target = Target(knows_ids=False)
    desk = desk_of(target, clock, LOADED)
    target.failure = DeliveryError("no answer within 30 s", may_have_arrived=True)
    show(desk, clock, 0, 80)
    clock.minute = 1
    desk.tick()
    assert desk._outbox.listed()[0].deliveries["desk"]["state"] == "maybe_sent"
    target.failure = None
    clock.minute = 60
    assert desk.tick() == 0


def test_only_one_process_sends_from_an_outbox(tmp_path):
    path = tmp_path / "outbox.sqlite"
    first = Outbox(path)
    with pytest.raises(UsageError, match="another process sends"):
        Outbox(path)
    reader = Outbox(path, exclusive=False)
    reader.close()
    first.close()
    Outbox(path).close()


def test_a_file_that_is_no_outbox_is_refused(tmp_path):
    path = tmp_path / "outbox.sqlite"
    path.write_bytes(b"not a database at all, but long enough to be read as one" * 40)
    with pytest.raises(DamagedFileError, match="is no outbox"):
        Outbox(path)


def test_a_write_that_fails_changes_nothing_and_is_judged_again(target, clock, monkeypatch):
    outbox = Outbox()
    desk = desk_of(target, clock, LOADED, outbox=outbox)
    whole = Outbox._insert

    def full(db, entry, now_ms):
        whole(db, entry, now_ms)
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Outbox, "_insert", staticmethod(full))
    with pytest.raises(sqlite3.OperationalError):
        desk.observe(seen(loading=loading(80)))
    assert (outbox.listed(), outbox.states()) == ([], {})
    monkeypatch.undo()
    assert len(desk.observe(seen(loading=loading(80)))) == 1


def test_an_outbox_holds_no_address_and_no_secret(tmp_path, target, clock):
    outbox = Outbox(tmp_path / "outbox.sqlite")
    desk_of(target, clock, LOADED, outbox=outbox).observe(seen(loading=loading(80)))
    outbox.close()
    rows = sqlite3.connect(tmp_path / "outbox.sqlite")
    told = [json.loads(raw) for (raw,) in rows.execute("SELECT alert FROM alerts")]
    rows.close()
    assert told[0]["rule"] == "rule 0"
    assert b"MADE_URL" not in (tmp_path / "outbox.sqlite").read_bytes()
